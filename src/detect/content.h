/* Bytes against the steps of a buffer test. Exact and without backtracking: the set of places where the steps so far can
 * end is carried along, so the work is linear in the bytes for any rule. */
#ifndef DBHOUND_DETECT_CONTENT_H
#define DBHOUND_DETECT_CONTENT_H

#include "base/view.h"
#include "detect/rule.h"
#include "proto/decoder.h"

/* What is searched. */
struct buffer {
    struct view seen;     /* the bytes that are here, at most MESSAGE_BYTES_MAX */
    const uint8_t *lower; /* the same in lower case, or NULL: nocase cannot match */
    uint64_t size;        /* how long it is on the wire */
};

/* Where the bytes are that made a step match; `whole` when the buffer's length did. */
struct place {
    uint32_t offset, length;
    bool whole;
};

/* Memory of a search. */
struct search {
    uint16_t ends[2][MESSAGE_BYTES_MAX + 1];
};

bool content_match(struct search *search, const struct rule *rule, const struct test *test, const struct buffer *buffer,
                   struct place *where);

#endif
