/*
 * Which of many literals are in a text, in one pass: the part of each literal that stands out is a window of eight bytes
 * (four, two or one in shorter ones); the windows are a bitmap by hash, and only where it has a bit is a literal compared. The text
 * and the literals are in lower case, so a find says "maybe, in some case".
 */
#ifndef DBHOUND_DETECT_LITERALS_H
#define DBHOUND_DETECT_LITERALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

struct literal {
    uint32_t rule;    /* who asks for it */
    uint32_t next;    /* in the same bucket, as index + 1 */
    uint32_t at;      /* of its bytes */
    uint16_t length;
    uint16_t window;  /* offset of its window */
    uint8_t width;    /* of the window */
};

struct literal_windows {
    uint32_t *buckets; /* index + 1 */
    uint32_t *bits;    /* one for each bucket that is not empty, in a table so large that most are 0; NULL: no windows */
    unsigned bits_log, buckets_log;
};

struct literals {
    struct literal *all;
    uint32_t used, room;
    uint8_t *bytes;
    uint32_t bytes_used, bytes_room;
    struct literal_windows wide, narrow;
    uint32_t *pairs;   /* of windows of two, by value: NULL when there are none */
    uint32_t singles[256];
    bool has_singles;
};

/* Takes a literal of any length above 0 and any case. False: no memory. */
bool literals_add(struct literals *l, struct view bytes, uint32_t rule);
bool literals_ready(struct literals *l);
void literals_free(struct literals *l);
/* Calls `found` for rules whose literal is in the text, which is in lower case; for one rule maybe several times. */
void literals_find(const struct literals *l, struct view text, void (*found)(void *context, uint32_t rule), void *context);

#endif
