/* Why an alert fired, as JSON: the `why` column of v_alerts. Private. */
#ifndef DBHOUND_STORE_WHY_H
#define DBHOUND_STORE_WHY_H

#include "detect/rules.h"
#include "model/alert.h"

/* The name of the alert's message in its protocol, or NULL. */
const char *why_message_name(const struct alert *alert);
/* Memory of the caller (free), NULL when there is none. */
char *why_text(const struct alert *alert, const struct rule_facts *rule);

#endif
