/*
 * What libndpi says of a connection that no decoder claims. Bounded: so many connections at once, so many packets and bytes of
 * each; a detection module is made when the first of them comes (25 ms, 5.5 MiB). Private; the one file that knows libndpi.
 */
#ifndef DBHOUND_SRC_PROTO_CLASSIFY_H
#define DBHOUND_SRC_PROTO_CLASSIFY_H

#include "base/pool.h"
#include "base/view.h"
#include "net/stream.h"

enum { CLASSIFY_PACKETS_MAX = 6, CLASSIFY_BYTES_MAX = 1460 /* of each packet */, CLASSIFY_FLOWS = 256 };

struct classifier;
struct classified; /* one connection */

struct classifier *classifier_open(struct arena *from) MUST_CHECK;
void classifier_close(struct classifier *c);
/* NULL: as many as there may be are asked about, or libndpi cannot be had. */
struct classified *classified_begin(struct classifier *c);
/* One more segment with bytes. True: nothing more needs to be seen. */
bool classified_bytes(struct classifier *c, struct classified *of, const struct flow *flow, enum side from, struct view bytes,
                      const struct segment *where);
/* Gives it back: what it speaks (names: spoken; 0 nobody knows), and bits 1 << names: ndpi_risk. */
uint16_t classified_end(struct classifier *c, struct classified *of, uint64_t *risks);
/* All of it at once, of one segment. */
uint16_t classify_once(struct classifier *c, const struct flow *flow, enum side from, struct view bytes, const struct segment *where);
/* Whose first message is so distinct that libndpi is believed on a database's port. */
bool classify_is_distinct(uint16_t spoken);

#endif
