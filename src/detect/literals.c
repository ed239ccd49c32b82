/* Literals in one pass: see literals.h. */
#include "detect/literals.h"

#include <stdlib.h>
#include <string.h>

enum { WIDE = 8, NARROW = 4, BITS_LOG_LEAST = 14, BITS_LOG_MOST = 21, PAIRS = 65536, AHEAD = 4 };

static bool grow(void **memory, uint32_t used, uint32_t more, uint32_t *room, size_t each)
{
    uint32_t wanted = *room ? *room : 64;
    if (used + more <= *room)
        return true;
    while (wanted < used + more)
        wanted *= 2;
    void *grown = realloc(*memory, wanted * each);
    if (!grown)
        return false;
    *memory = grown;
    *room = wanted;
    return true;
}

bool literals_add(struct literals *l, struct view bytes, uint32_t rule)
{
    if (!grow((void **)&l->all, l->used, 1, &l->room, sizeof *l->all) ||
        !grow((void **)&l->bytes, l->bytes_used, (uint32_t)bytes.length, &l->bytes_room, 1))
        return false;
    for (size_t i = 0; i < bytes.length; i++) {
        const uint8_t c = bytes.bytes[i];
        l->bytes[l->bytes_used + i] = (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    l->all[l->used++] = (struct literal){.rule = rule, .at = l->bytes_used, .length = (uint16_t)bytes.length,
                                         .width = (uint8_t)(bytes.length >= WIDE ? WIDE : bytes.length >= NARROW ? NARROW : bytes.length >= 2 ? 2 : 1)};
    l->bytes_used += (uint32_t)bytes.length;
    return true;
}

/* The hash of a window; its upper bits choose the bit and the bucket. */
static inline uint32_t hash_wide(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return (uint32_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static inline uint32_t hash_narrow(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value * UINT32_C(0x9e3779b1);
}

static inline uint16_t load2(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Rare bytes first: letters and spaces are what SQL is made of, and zeroes what headers are made of. */
static unsigned commonness(uint8_t c)
{
    static const char common[] = " etaoinsrlcdum_,";
    if (c == 0)
        return 40;
    for (unsigned i = 0; common[i]; i++)
        if (c == (uint8_t)common[i])
            return 32 - i;
    return c == 0xff || (c >= '0' && c <= '9') ? 14 : c >= 'a' && c <= 'z' ? 12 : c < 8 ? 10 : 4;
}

static struct literal_windows *windows_of(struct literals *l, const struct literal *one)
{
    return one->width == WIDE ? &l->wide : &l->narrow;
}

static uint32_t hash_of(const struct literal *one, const uint8_t *at)
{
    return one->width == WIDE ? hash_wide(at) : hash_narrow(at);
}

static void choose_window(struct literals *l, struct literal *one)
{
    const uint8_t *bytes = l->bytes + one->at;
    const struct literal_windows *w = windows_of(l, one);
    unsigned best = UINT32_MAX;
    for (unsigned i = 0; i + one->width <= one->length; i++) {
        unsigned sum = 0;
        for (unsigned k = 0; k < one->width; k++)
            sum += commonness(bytes[i + k]);
        /* A crowded bucket costs more than a common window. */
        if (one->width >= NARROW)
            for (uint32_t at = w->buckets[hash_of(one, bytes + i) >> (32 - w->buckets_log)]; at && sum < best; at = l->all[at - 1].next)
                sum += 8;
        if (sum < best) {
            best = sum;
            one->window = (uint16_t)i;
        }
    }
}

static void put(struct literals *l, uint32_t i)
{
    struct literal *one = &l->all[i];
    struct literal_windows *w = windows_of(l, one);
    choose_window(l, one);
    const uint8_t *window = l->bytes + one->at + one->window;
    uint32_t *head = &l->singles[window[0]];
    if (one->width >= NARROW) {
        const uint32_t hash = hash_of(one, window), bit = hash >> (32 - w->bits_log);
        head = &w->buckets[hash >> (32 - w->buckets_log)];
        w->bits[bit / 32] |= UINT32_C(1) << bit % 32;
    } else if (one->width == 2) {
        head = &l->pairs[load2(window)];
    } else {
        l->has_singles = true;
    }
    one->next = *head;
    *head = i + 1;
}

static bool windows_ready(struct literal_windows *w, uint32_t count)
{
    if (count == 0)
        return true;
    w->bits_log = BITS_LOG_LEAST;
    w->buckets_log = 10;
    while (w->bits_log < BITS_LOG_MOST && UINT32_C(1) << w->bits_log < count * 64)
        w->bits_log++;
    while (w->buckets_log < 20 && UINT32_C(1) << w->buckets_log < count * 2)
        w->buckets_log++;
    w->bits = calloc((size_t)1 << (w->bits_log - 5), sizeof *w->bits);
    w->buckets = calloc((size_t)1 << w->buckets_log, sizeof *w->buckets);
    return w->bits && w->buckets;
}

bool literals_ready(struct literals *l)
{
    uint32_t by_width[WIDE + 1] = {0};
    for (uint32_t i = 0; i < l->used; i++)
        by_width[l->all[i].width]++;
    if (by_width[2])
        l->pairs = calloc(PAIRS, sizeof *l->pairs);
    if (!windows_ready(&l->wide, by_width[WIDE]) || !windows_ready(&l->narrow, by_width[NARROW]) || (by_width[2] && !l->pairs))
        return false;
    for (uint32_t i = 0; i < l->used; i++)
        put(l, i);
    return true;
}

void literals_free(struct literals *l)
{
    free(l->all);
    free(l->bytes);
    free(l->wide.bits);
    free(l->wide.buckets);
    free(l->narrow.bits);
    free(l->narrow.buckets);
    free(l->pairs);
    *l = (struct literals){0};
}

/* The literals of a bucket whose window is at `at`. Not inline: the loops over the text must stay small. */
__attribute__((noinline)) static void compare(const struct literals *l, struct view text, size_t at, uint32_t first,
                                              void (*found)(void *, uint32_t), void *context)
{
    for (uint32_t i = first; i; i = l->all[i - 1].next) {
        const struct literal *one = &l->all[i - 1];
        if (one->window > at || one->length > text.length - (at - one->window))
            continue;
        if (memcmp(text.bytes + at - one->window, l->bytes + one->at, one->length) == 0)
            found(context, one->rule);
    }
}

static inline uint32_t bit_at(const uint32_t *bits, uint32_t hash, unsigned shift)
{
    const uint32_t bit = hash >> shift;
    return bits[bit / 32] >> bit % 32;
}

/* Several places at once: their loads do not wait for each other, and seldom has one of them its bit. */
#define FIND_WINDOWS(windows, width, hash)                                                                                       \
    const uint8_t *bytes = text.bytes;                                                                                           \
    const uint32_t *bits = (windows)->bits;                                                                                      \
    const unsigned shift = 32 - (windows)->bits_log, bucket_shift = 32 - (windows)->buckets_log;                                 \
    size_t i = 0;                                                                                                                \
    while (i + (width) <= text.length) {                                                                                         \
        if (i + (width) + AHEAD <= text.length) {                                                                                \
            const uint32_t any = bit_at(bits, hash(bytes + i), shift) | bit_at(bits, hash(bytes + i + 1), shift) |               \
                                 bit_at(bits, hash(bytes + i + 2), shift) | bit_at(bits, hash(bytes + i + 3), shift);            \
            if (__builtin_expect(!(any & 1), 1)) {                                                                               \
                i += AHEAD;                                                                                                      \
                continue;                                                                                                        \
            }                                                                                                                    \
        }                                                                                                                        \
        if (bit_at(bits, hash(bytes + i), shift) & 1)                                                                            \
            compare(l, text, i, (windows)->buckets[hash(bytes + i) >> bucket_shift], found, context);                            \
        i++;                                                                                                                     \
    }

static void find_wide(const struct literals *l, struct view text, void (*found)(void *, uint32_t), void *context)
{
    FIND_WINDOWS(&l->wide, WIDE, hash_wide)
}

static void find_narrow(const struct literals *l, struct view text, void (*found)(void *, uint32_t), void *context)
{
    FIND_WINDOWS(&l->narrow, NARROW, hash_narrow)
}

void literals_find(const struct literals *l, struct view text, void (*found)(void *, uint32_t), void *context)
{
    if (l->wide.bits)
        find_wide(l, text, found, context);
    if (l->narrow.bits)
        find_narrow(l, text, found, context);
    for (size_t i = 0; l->pairs && i + 2 <= text.length; i++)
        if (l->pairs[load2(text.bytes + i)])
            compare(l, text, i, l->pairs[load2(text.bytes + i)], found, context);
    for (size_t i = 0; l->has_singles && i < text.length; i++)
        if (l->singles[text.bytes[i]])
            compare(l, text, i, l->singles[text.bytes[i]], found, context);
}
