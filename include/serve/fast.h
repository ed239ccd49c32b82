/* An alert as one line, the way Suricata's fast.log writes it:
 *   11/24/2026-05:51:59.123456  [**] [gid:sid:rev] MSG [**] [Classification: TEXT] [Priority: N] {TCP} a:b -> c:d */
#ifndef DBHOUND_SERVE_FAST_H
#define DBHOUND_SERVE_FAST_H

#include "base/text.h"
#include "detect/rules.h"
#include "model/alert.h"

/* Without a line end. IPv6 addresses stand in brackets. */
void fast_line(struct text *out, const struct alert *alert, const struct rule_facts *rule);

#endif
