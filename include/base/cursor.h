/*
 * The bounded forward reader: the only way to touch captured bytes.
 *
 * A read past the end yields zero (or an empty view), leaves the cursor empty and sets `failed`, which stays set:
 * a decoder reads ten fields and checks once. Lengths are compared with what is left, never added to a pointer.
 * The fields ending in _ belong to this header: naming them anywhere else does not compile.
 */
#ifndef DBHOUND_BASE_CURSOR_H
#define DBHOUND_BASE_CURSOR_H

#include <stdbool.h>

#include "base/view.h"

/* 16 bytes, so that it is passed in registers: through memory it would be written in pieces and read as a whole, which stalls. */
struct cursor {
    const uint8_t *start_;
    uint32_t at_;
    uint32_t end_ : 31;
    bool failed : 1;
};

/* Of more than 2 GiB only the first are seen. Of nothing at all there may be no address: nothing is added to NULL. */
static inline struct cursor cursor_over(struct view bytes)
{
    return (struct cursor){bytes.bytes ? bytes.bytes : (const uint8_t *)"", 0, (bytes.length < INT32_MAX ? (uint32_t)bytes.length : INT32_MAX) & INT32_MAX, false};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end_ - c->at_);
}

/* Bytes between the start of the cursor and its position. */
static inline uint32_t cursor_offset(const struct cursor *c)
{
    return c->at_;
}

/* Everything the cursor was made over, read or not. */
static inline struct view cursor_all(const struct cursor *c)
{
    return view_of(c->start_, c->end_);
}

/* What is left, without moving. */
static inline struct view cursor_ahead(const struct cursor *c)
{
    return view_of(c->start_ + c->at_, cursor_left(c));
}

static inline bool cursor_fail(struct cursor *c)
{
    c->at_ = c->end_;
    c->failed = true;
    return false;
}

static inline struct view take_view(struct cursor *c, uint64_t length)
{
    if (length > cursor_left(c)) {
        struct view none = view_of(c->start_ + c->at_, 0);
        cursor_fail(c);
        return none;
    }
    struct view taken = view_of(c->start_ + c->at_, (size_t)length);
    c->at_ += (uint32_t)length;
    return taken;
}

static inline struct view take_rest(struct cursor *c)
{
    return take_view(c, cursor_left(c));
}

static inline void take_skip(struct cursor *c, uint64_t length)
{
    (void)take_view(c, length);
}

/* Bytes before the next `end`, which is consumed too. Fails when there is none. */
static inline struct view take_until(struct cursor *c, uint8_t end)
{
    const uint8_t *here = c->start_ + c->at_;
    const uint8_t *found = cursor_left(c) ? (const uint8_t *)memchr(here, end, cursor_left(c)) : NULL;
    if (!found) {
        struct view none = view_of(here, 0);
        cursor_fail(c);
        return none;
    }
    struct view taken = view_of(here, (size_t)(found - here));
    c->at_ += (uint32_t)(found - here) + 1;
    return taken;
}

static inline uint8_t peek_u8(const struct cursor *c)
{
    return c->at_ < c->end_ ? c->start_[c->at_] : 0;
}

static inline uint8_t take_u8(struct cursor *c)
{
    if (c->at_ == c->end_) {
        cursor_fail(c);
        return 0;
    }
    return c->start_[c->at_++];
}

static inline uint64_t take_le_(struct cursor *c, unsigned width)
{
    if (width > cursor_left(c)) {
        cursor_fail(c);
        return 0;
    }
    uint64_t value = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)c->start_[c->at_ + i] << (8 * i);
    c->at_ += width;
    return value;
}

static inline uint64_t take_be_(struct cursor *c, unsigned width)
{
    if (width > cursor_left(c)) {
        cursor_fail(c);
        return 0;
    }
    uint64_t value = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < width; i++)
        value = value << 8 | c->start_[c->at_ + i];
    c->at_ += width;
    return value;
}

static inline uint16_t take_u16le(struct cursor *c) { return (uint16_t)take_le_(c, 2); }
static inline uint32_t take_u24le(struct cursor *c) { return (uint32_t)take_le_(c, 3); }
static inline uint32_t take_u32le(struct cursor *c) { return (uint32_t)take_le_(c, 4); }
static inline uint64_t take_u64le(struct cursor *c) { return take_le_(c, 8); }
static inline uint16_t take_u16be(struct cursor *c) { return (uint16_t)take_be_(c, 2); }
static inline uint32_t take_u32be(struct cursor *c) { return (uint32_t)take_be_(c, 4); }
static inline uint64_t take_u64be(struct cursor *c) { return take_be_(c, 8); }

#pragma GCC poison start_ at_ end_ take_le_ take_be_

#endif
