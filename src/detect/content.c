/* The search of a buffer: see content.h. */
#include "detect/content.h"

#include <string.h>

/* A place that bounds nothing: past every buffer. */
static const int64_t no_end = INT64_MAX / 4;

/* The one place that looks for bytes in bytes. */
static const uint8_t *find(struct view in, struct view pattern)
{
    return memmem(in.bytes, in.length, pattern.bytes, pattern.length);
}

/* Ascending places where everything matched so far can end. */
struct ends {
    uint16_t *at;
    size_t count;
};

/* The first occurrence of the step's pattern that lies in [from, to); -1 when there is none. */
static int64_t find_between(const struct buffer *b, const struct step *s, struct view pattern, int64_t from, int64_t to)
{
    const uint8_t *bytes = s->nocase ? b->lower : b->seen.bytes;
    const int64_t length = (int64_t)b->seen.length, wanted = (int64_t)pattern.length;
    if (from < 0)
        from = 0;
    /* At the end there is one place only, and it counts only when the end was seen. */
    if (s->ends) {
        if (b->size != b->seen.length || to < length || length - wanted < from)
            return -1;
        from = length - wanted;
    }
    if (to > length)
        to = length;
    if (!bytes || from > to || to - from < wanted)
        return -1;
    const uint8_t *found = find(view_of(bytes + from, (size_t)(to - from)), pattern);
    return found ? found - bytes : -1;
}

/* offset, depth, startswith: the window is the same whatever came before. Every occurrence is kept when
 * a later step may need it. */
static struct ends match_absolute(const struct buffer *b, const struct step *s, struct view pattern, uint16_t *room)
{
    struct ends out = {room, 0};
    int64_t from = s->offset == STEP_UNSET ? 0 : s->offset;
    int64_t to = s->starts ? (int64_t)pattern.length : s->depth == STEP_UNSET ? no_end : from + s->depth;
    int64_t found;
    while ((found = find_between(b, s, pattern, from, to)) >= 0) {
        room[out.count++] = (uint16_t)(found + (int64_t)pattern.length);
        from = found + 1;
        if (!s->chained)
            break;
    }
    return out;
}

/* Where a relative content may begin and must end, after a match that ended at `end`. */
static int64_t window_from(const struct step *s, int64_t end)
{
    int64_t from = end + (s->distance == STEP_UNSET ? 0 : s->distance);
    return from < 0 ? 0 : from;
}

static int64_t window_to(const struct step *s, int64_t end)
{
    return s->within == STEP_UNSET ? no_end : end + (s->distance == STEP_UNSET ? 0 : s->distance) + s->within;
}

/* distance, within: an occurrence counts when it lies in the window of some end before it. Both lists ascend, so each
 * occurrence and each end is looked at once. */
static struct ends match_relative(const struct buffer *b, const struct step *s, struct view pattern, struct ends in,
                                  uint16_t *room)
{
    struct ends out = {room, 0};
    int64_t from = in.count ? window_from(s, in.at[0]) : no_end;
    int64_t found;
    size_t i = 0;
    while (in.count && (found = find_between(b, s, pattern, from, no_end)) >= 0) {
        int64_t end = found + (int64_t)pattern.length;
        while (i < in.count && window_to(s, in.at[i]) < end)
            i++;
        if (i == in.count)
            break;
        if (window_from(s, in.at[i]) <= found) {
            room[out.count++] = (uint16_t)end;
            if (!s->chained)
                break;
        }
        from = found + 1;
    }
    return out;
}

/* Keeps the ends after which the pattern does not come in the window. The next occurrence is remembered from one end to
 * the next. */
static struct ends match_absent(const struct buffer *b, const struct step *s, struct view pattern, struct ends in,
                                uint16_t *room)
{
    struct ends out = {room, 0};
    int64_t found = -1;
    bool none = false;
    for (size_t i = 0; i < in.count; i++) {
        int64_t from = window_from(s, in.at[i]);
        if (!none && found < from) {
            found = find_between(b, s, pattern, from, no_end);
            none = found < 0;
        }
        if (none || found + (int64_t)pattern.length > window_to(s, in.at[i]))
            room[out.count++] = in.at[i];
    }
    return out;
}

static struct ends match_content(const struct rule *rule, const struct buffer *b, const struct step *s, struct ends in,
                                 uint16_t *room)
{
    struct view pattern = view_of(rule->bytes + s->pattern.first, s->pattern.count);
    if (s->relative)
        return s->negated ? match_absent(b, s, pattern, in, room) : match_relative(b, s, pattern, in, room);
    struct ends found = match_absolute(b, s, pattern, room);
    if (!s->negated)
        return found;
    return found.count ? (struct ends){room, 0} : in;
}

/* Relative is one byte more generous than absolute, as in Suricata. */
static struct ends match_data_at(const struct buffer *b, const struct step *s, struct ends in, uint16_t *room)
{
    struct ends out = {room, 0};
    if (!s->relative)
        return (s->at < b->size) != s->negated ? in : out;
    for (size_t i = 0; i < in.count; i++)
        if ((in.at[i] + (uint64_t)s->at <= b->size) != s->negated)
            room[out.count++] = in.at[i];
    return out;
}

bool content_match(struct search *search, const struct rule *rule, const struct test *test, const struct buffer *b,
                   struct place *where)
{
    struct ends ends = {search->ends[0], 1};
    unsigned next = 1;
    ends.at[0] = 0;
    *where = (struct place){0, 0, true};
    for (unsigned i = 0; i < test->parts.count && ends.count; i++) {
        const struct step *s = &rule->steps[test->parts.first + i];
        uint16_t *room = search->ends[next];
        if (s->kind == STEP_SIZE) {
            if (!items_contain(rule->items + s->items.first, s->items.count, b->size, PROTOCOL_NONE))
                ends.count = 0;
            continue;
        }
        ends = s->kind == STEP_CONTENT ? match_content(rule, b, s, ends, room) : match_data_at(b, s, ends, room);
        if (ends.at == room)
            next ^= 1;
        if (ends.count && s->kind == STEP_CONTENT && !s->negated)
            *where = (struct place){ends.at[0] - (uint32_t)s->pattern.count, s->pattern.count, false};
    }
    return ends.count > 0;
}
