/*
 * pcre at work. Every search is bounded by match, depth and heap limits, and by the machine stack that JIT code uses; one
 * that meets a bound does not match, and is counted. PCRE's memory is taken when the detector is opened.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "detect/content.h"

/*
 * PCRE bounds the steps of one attempt, and an attempt begins at every byte, so its own limit alone leaves a search
 * quadratic. Here attempts run in windows of starts under a limit so small that all of them together are cheap; a window
 * that meets it is cut, down to the one start that is costly, and that start gets larger limits until it ends or the
 * search has used what its length allows. The work is linear in the bytes, and the same on every machine.
 */
enum { WINDOW = 4096, WINDOW_CUT = 8, WINDOW_CHARGE = 8, SMALL_LIMIT = 8, LARGER = 4, BUDGET = 2000, BUDGET_PER_BYTE = 2, MATCH_CHARGED = 4 };
enum { DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 100 };

/* While opening: pieces of an arena. Afterwards two halves, for the interpreter's frames and the larger ones that replace
 * them; JIT code needs neither. */
struct regex_memory {
    struct arena *opening;
    bool taken[2];
    _Alignas(16) uint8_t halves[2][REGEX_MEMORY / 2];
};

static void *memory_take(size_t size, void *context)
{
    struct regex_memory *m = context;
    if (m->opening)
        return arena_take(m->opening, size);
    for (unsigned i = 0; size <= REGEX_MEMORY / 2 && i < 2; i++) {
        if (!m->taken[i]) {
            m->taken[i] = true;
            return m->halves[i];
        }
    }
    return NULL;
}

static void memory_give(void *block, void *context)
{
    struct regex_memory *m = context;
    for (unsigned i = 0; i < 2; i++)
        if (block == m->halves[i])
            m->taken[i] = false;
}

bool search_open(struct search *search, struct arena *from, bool regexes)
{
    if (!regexes)
        return true;
    struct regex_memory *m = search->memory = arena_take(from, sizeof *m);
    if (!m)
        return false;
    m->opening = from;
    pcre2_general_context *general = pcre2_general_context_create(memory_take, memory_give, m);
    search->context = general ? pcre2_match_context_create(general) : NULL;
    search->match = general ? pcre2_match_data_create(1, general) : NULL;
    m->opening = NULL;
    if (!search->context || !search->match)
        return false;
    pcre2_set_depth_limit(search->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(search->context, HEAP_LIMIT_KIB);
    return true;
}

/* Tries the starts from `from` to `to`. */
static int try_starts(struct search *search, const struct step *s, struct view in, size_t from, size_t to, uint64_t limit)
{
    static const uint8_t nothing[1];
    pcre2_set_match_limit(search->context, (uint32_t)limit);
    pcre2_set_offset_limit(search->context, to);
    return pcre2_match(s->regex, in.length ? in.bytes : nothing, in.length, from, 0, search->match, search->context);
}

/* One start, with as much work as is left. */
static int try_one(struct search *search, const struct step *s, struct view in, size_t at)
{
    int got = PCRE2_ERROR_MATCHLIMIT;
    for (uint64_t limit = SMALL_LIMIT * LARGER; got == PCRE2_ERROR_MATCHLIMIT && search->budget > 0; limit *= LARGER) {
        const uint64_t now = limit < search->budget ? limit : search->budget;
        got = try_starts(search, s, in, at, at, now);
        search->budget -= now;
    }
    return got;
}

static int try_window(struct search *search, const struct step *s, struct view in, size_t from, size_t to)
{
    const uint64_t charge = WINDOW_CHARGE + (to - from) / 2;
    if (search->budget < charge)
        return PCRE2_ERROR_HEAPLIMIT; /* nothing is left for it, nor for a part of it */
    search->budget -= charge;
    return try_starts(search, s, in, from, to, SMALL_LIMIT);
}

void search_budget(struct search *search, const struct buffer *b, unsigned expressions)
{
    search->budget = (BUDGET + BUDGET_PER_BYTE * (uint64_t)b->seen.length) * expressions;
}

static int try_all(struct search *search, const struct step *s, struct view in, size_t from)
{
    size_t window = WINDOW;
    if (s->flags & REGEX_AT_START)
        return from ? PCRE2_ERROR_NOMATCH : try_one(search, s, in, 0);
    while (from <= in.length) {
        const size_t last = window <= in.length - from ? from + window - 1 : in.length;
        int got = window > 1 ? try_window(search, s, in, from, last) : try_one(search, s, in, from);
        if (got == PCRE2_ERROR_MATCHLIMIT && window > 1) {
            window /= WINDOW_CUT;
            continue;
        }
        if (got != PCRE2_ERROR_NOMATCH)
            return got;
        from = last + 1;
        window = window < WINDOW ? window * WINDOW_CUT : WINDOW;
    }
    return PCRE2_ERROR_NOMATCH;
}

/* The first match in `in` at or after `from`; false: none, or a bound was met. */
static bool find(struct search *search, const struct step *s, struct view in, size_t from, struct place *out)
{
    const int got = try_all(search, s, in, from);
    if (got < 0) {
        search->limits_met += got != PCRE2_ERROR_NOMATCH;
        return false;
    }
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(search->match);
    /* \K may say that a match begins behind its end. */
    const PCRE2_SIZE first = found[0] < found[1] ? found[0] : found[1];
    *out = (struct place){(uint32_t)first, (uint32_t)(found[1] - first), false};
    return true;
}

/* A match costs what it is long: many long ones, one from each byte, would be quadratic. */
static void charge_match(struct search *search, uint32_t length)
{
    const uint64_t charge = length / MATCH_CHARGED;
    search->budget -= charge < search->budget ? charge : search->budget;
}

/* Marks where the expression can end in the part of the buffer from `begin` on; only the first when nobody asks for more,
 * and none when it must not match. */
static bool mark_matches(struct search *search, const struct buffer *b, const struct step *s, size_t begin, struct place *where)
{
    struct view in = view_from(b->seen, begin);
    struct place found;
    size_t from = 0;
    bool any = false;
    for (unsigned i = 0; i < REGEX_ENDS_MAX && from <= in.length && find(search, s, in, from, &found); i++) {
        if (!any)
            *where = (struct place){(uint32_t)begin + found.offset, found.length, false};
        any = true;
        if (s->negated)
            break;
        mark_end(search, begin + found.offset + found.length);
        if (!s->chained)
            break;
        charge_match(search, found.length);
        from = (found.offset > from ? found.offset : from) + 1;
    }
    return any;
}

/* R: from each place where the steps before can end, as if the buffer began there. */
static struct ends match_after(struct search *search, const struct buffer *b, const struct step *s, struct ends in, uint16_t *room,
                               struct place *where)
{
    struct ends kept = {room, 0};
    struct place place, first = *where;
    bool any = false;
    search->limits_met += in.count > REGEX_ENDS_MAX;
    for (size_t i = 0; i < in.count && i < REGEX_ENDS_MAX && !(any && !s->chained); i++) {
        const bool here = in.at[i] <= b->seen.length && mark_matches(search, b, s, in.at[i], &place);
        if (s->negated) {
            if (!here)
                room[kept.count++] = in.at[i];
            continue;
        }
        if (here && !any)
            first = place;
        any |= here;
    }
    if (s->negated)
        return kept;
    *where = first;
    return ends_of_marks(search, room);
}

struct ends match_regex(struct search *search, const struct buffer *b, const struct step *s, struct ends in, uint16_t *room,
                        struct place *where)
{
    struct ends none = {room, 0};
    struct place place;
    if (!search->context)
        return none;
    if (s->relative)
        return match_after(search, b, s, in, room, where);
    const bool any = mark_matches(search, b, s, 0, &place);
    if (s->negated)
        return any ? none : in;
    if (any)
        *where = place;
    return ends_of_marks(search, room);
}
