/* A pointer never travels without its length. A view borrows: whoever hands it out says for how long. */
#ifndef DBHOUND_BASE_VIEW_H
#define DBHOUND_BASE_VIEW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
    const uint8_t *bytes;
    size_t length;
};

static inline struct view view_of(const void *bytes, size_t length)
{
    return (struct view){(const uint8_t *)bytes, length};
}

static inline struct view view_text(const char *text)
{
    return view_of(text, strlen(text));
}

static inline _Bool view_equal(struct view a, struct view b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* The first at most `length` bytes of a view. */
static inline struct view view_head(struct view all, size_t length)
{
    return (struct view){all.bytes, length < all.length ? length : all.length};
}

/* What follows the first `offset` bytes; empty when there is less. */
static inline struct view view_from(struct view all, size_t offset)
{
    if (offset >= all.length)
        return (struct view){all.bytes, 0};
    return (struct view){all.bytes + offset, all.length - offset};
}

#endif
