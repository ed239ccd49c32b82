/*
 * Bytes against the steps of a buffer test. Exact and without backtracking: the set of places where the steps so far can
 * end is carried along, so the work is linear in the bytes for any rule. Two bounds, counted when they are met: a step
 * behind a relative pcre tries ENDS_MAX places, and values that byte_extract may have (one for each place it can read
 * from) are tried TRIES_MAX times.
 */
#ifndef DBHOUND_DETECT_CONTENT_H
#define DBHOUND_DETECT_CONTENT_H

#include "base/pool.h"
#include "base/view.h"
#include "detect/rule.h"
#include "proto/decoder.h"

enum { REGEX_ENDS_MAX = 64, EXTRACT_TRIES_MAX = 256, REGEX_MEMORY = 256 * 1024 };

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

/* Ascending places where everything matched so far can end. */
struct ends {
    uint16_t *at;
    size_t count;
};

/* A place in a rule to come back to, with the next value that byte_extract can have. */
struct extract_frame {
    unsigned step;
    size_t next;
    struct ends ends;
};

/* Memory of a search. */
struct search {
    uint64_t values[VARIABLES_MAX];    /* of the rule that is asked */
    uint64_t budget;                   /* steps that expressions have left for this test */
    uint64_t limits_met;               /* searches that gave up at a bound */
    struct pcre2_real_match_data_8 *match;
    struct pcre2_real_match_context_8 *context;
    struct regex_memory *memory;
    uint64_t marked[MESSAGE_BYTES_MAX / 64 + 1]; /* scratch: a set of places, empty between uses */
    struct extract_frame frames[VARIABLES_MAX * 2];
    uint16_t ends[2 * (VARIABLES_MAX * 2 + 1)][MESSAGE_BYTES_MAX + 1];
};

/* For a set with expressions: takes what PCRE needs, so that matching allocates nothing. False: the arena is too small. */
bool search_open(struct search *search, struct arena *from, bool regexes);
bool content_match(struct search *search, const struct rule *rule, const struct test *test, const struct buffer *buffer,
                   struct place *where);

/* What the expressions of one test may cost together. */
void search_budget(struct search *search, const struct buffer *b, unsigned expressions);
/* content_regex.c, content_bytes.c: one step each. */
struct ends match_regex(struct search *search, const struct buffer *b, const struct step *s, struct ends in, uint16_t *room,
                        struct place *where);
struct ends match_byte_test(struct search *search, const struct reading *r, const struct buffer *b, const struct step *s,
                            struct ends in, uint16_t *room);
struct ends match_byte_jump(struct search *search, const struct reading *r, const struct buffer *b, const struct step *s,
                            struct ends in, uint16_t *room);
/* Reads at one place; false: nothing can be read there. *end: where it ends. */
bool extract_value(struct search *search, const struct reading *r, const struct buffer *b, const struct step *s, uint16_t from,
                   uint16_t *end);
/* The marked places in order; the marks are cleared. */
struct ends ends_of_marks(struct search *search, uint16_t *room);

static inline void mark_end(struct search *search, size_t end)
{
    search->marked[end / 64] |= UINT64_C(1) << end % 64;
}

#endif
