/* The search of a buffer: see content.h. */
#include "detect/content.h"

#include <string.h>

/* A place that bounds nothing: past every buffer. */
static const int64_t no_end = INT64_MAX / 4;

enum { PLACE_VALUE_MAX = 1 << 20 };

/* The one place that looks for bytes in bytes. */
static const uint8_t *find(struct view in, struct view pattern)
{
    return memmem(in.bytes, in.length, pattern.bytes, pattern.length);
}

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

struct ends ends_of_marks(struct search *search, uint16_t *room)
{
    struct ends out = {room, 0};
    for (size_t i = 0; i < sizeof search->marked / sizeof search->marked[0]; i++) {
        for (uint64_t left = search->marked[i]; left; left &= left - 1)
            room[out.count++] = (uint16_t)(i * 64 + (unsigned)__builtin_ctzll(left));
        search->marked[i] = 0;
    }
    return out;
}

static int32_t named_value(const struct search *search, uint8_t named, int32_t number)
{
    if (!named)
        return number;
    return search->values[named - 1] > PLACE_VALUE_MAX ? PLACE_VALUE_MAX : (int32_t)search->values[named - 1];
}

/* The step with the values of its names put in. */
static const struct step *step_now(const struct search *search, const struct step *s, struct step *memory)
{
    if (!s->has_named)
        return s;
    *memory = *s;
    memory->offset = named_value(search, s->named[PLACE_OFFSET], s->offset);
    memory->depth = named_value(search, s->named[PLACE_DEPTH], s->depth);
    memory->distance = named_value(search, s->named[PLACE_DISTANCE], s->distance);
    memory->within = named_value(search, s->named[PLACE_WITHIN], s->within);
    memory->at = s->named[PLACE_AT] ? (uint32_t)named_value(search, s->named[PLACE_AT], 0) : s->at;
    return memory;
}

/* An expression costs more than all literals, so these are looked for first, wherever they are. */
static bool literals_present(const struct rule *rule, const struct test *test, const struct buffer *b)
{
    for (unsigned i = 0; i < test->parts.count; i++) {
        const struct step *s = &rule->steps[test->parts.first + i];
        const uint8_t *bytes = s->nocase ? b->lower : b->seen.bytes;
        if (s->kind == STEP_CONTENT && !s->negated &&
            (!bytes || !find(view_of(bytes, b->seen.length), view_of(rule->bytes + s->pattern.first, s->pattern.count))))
            return false;
    }
    return true;
}

static struct ends match_step(struct search *search, const struct rule *rule, const struct buffer *b, const struct step *s,
                              struct ends in, uint16_t *room, struct place *where)
{
    struct ends out = {room, 0};
    switch ((enum step_kind)s->kind) {
    case STEP_CONTENT:
        out = match_content(rule, b, s, in, room);
        if (out.count && !s->negated)
            *where = (struct place){out.at[0] - (uint32_t)s->pattern.count, s->pattern.count, false};
        return out;
    case STEP_DATA_AT:
        return match_data_at(b, s, in, room);
    case STEP_SIZE:
        return items_contain(rule->items + s->items.first, s->items.count, b->size, PROTOCOL_NONE) ? in : out;
    case STEP_REGEX:
        return match_regex(search, b, s, in, room, where);
    case STEP_BYTE_TEST:
        return match_byte_test(search, &rule->readings[s->at], b, s, in, room);
    case STEP_BYTE_JUMP:
        return match_byte_jump(search, &rule->readings[s->at], b, s, in, room);
    case STEP_BYTE_EXTRACT:
    case STEP_BYTE_MATH:
        break;
    }
    return out;
}

/* Goes on with the next value that the youngest byte_extract can have; false: none is left. */
static bool next_value(struct search *search, const struct rule *rule, const struct test *test, const struct buffer *b, unsigned *level,
                       unsigned *step, struct ends *ends, unsigned *tries)
{
    while (*level) {
        struct extract_frame *f = &search->frames[*level - 1];
        const struct step *s = &rule->steps[test->parts.first + f->step];
        if (f->next == f->ends.count) {
            --*level;
            continue;
        }
        if (++*tries > EXTRACT_TRIES_MAX) {
            search->limits_met++;
            return false;
        }
        const uint16_t from = f->ends.at[f->next++];
        uint16_t *room = search->ends[2 * *level];
        if (!s->relative)
            f->next = f->ends.count; /* the place is the same whatever came before */
        if (!extract_value(search, &rule->readings[s->at], b, s, from, room))
            continue;
        *ends = (struct ends){room, 1};
        *step = f->step + 1;
        return true;
    }
    return false;
}

bool content_match(struct search *search, const struct rule *rule, const struct test *test, const struct buffer *b,
                   struct place *where)
{
    struct ends ends = {search->ends[0], 1};
    struct step memory;
    unsigned level = 0, step = 0, tries = 0;
    ends.at[0] = 0;
    *where = (struct place){0, 0, true};
    if (test->regexes && !literals_present(rule, test, b))
        return false;
    if (test->regexes)
        search_budget(search, b, test->regexes);
    for (;;) {
        while (step < test->parts.count && ends.count) {
            const struct step *s = step_now(search, &rule->steps[test->parts.first + step], &memory);
            if (s->kind == STEP_BYTE_EXTRACT || s->kind == STEP_BYTE_MATH)
                break;
            /* Each level has two rooms: what goes in is in the one, what comes out goes to the other. */
            uint16_t *room = search->ends[2 * level + (ends.at == search->ends[2 * level])];
            ends = match_step(search, rule, b, s, ends, room, where);
            step++;
        }
        if (ends.count && step == test->parts.count)
            return true;
        if (ends.count && level < sizeof search->frames / sizeof search->frames[0])
            search->frames[level++] = (struct extract_frame){step, 0, ends};
        if (!next_value(search, rule, test, b, &level, &step, &ends, &tries))
            return false;
    }
}
