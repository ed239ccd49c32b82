/*
 * Addresses and ports of a rule's header. Variables are put in as bracketed text, then one loop with a stack of lists
 * computes sorted ranges: a list is the union of its items (any when it has none) without its negated items. Addresses
 * and ports are the same 128-bit numbers here.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "detect/draft.h"

enum { EXPANDED_MAX = 16384, LIST_DEPTH_MAX = 8, VARIABLE_ROUNDS_MAX = 8 };

static const struct wide zero, ports_end = {0, 65535}, addresses_end = {UINT64_MAX, UINT64_MAX};

static int wide_compare(struct wide a, struct wide b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return a.low < b.low ? -1 : a.low > b.low;
}

static struct wide wide_next(struct wide a)
{
    return (struct wide){a.high + (a.low == UINT64_MAX), a.low + 1};
}

static struct wide wide_before(struct wide a)
{
    return (struct wide){a.high - (a.low == 0), a.low - 1};
}

struct wide wide_of_address(const uint8_t address[16])
{
    uint64_t halves[2];
    memcpy(halves, address, sizeof halves);
    return (struct wide){be64toh(halves[0]), be64toh(halves[1])};
}

bool wide_in(const struct wide_range *ranges, size_t count, struct wide value)
{
    size_t from = 0, to = count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (wide_compare(ranges[middle].high, value) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from < count && wide_compare(ranges[from].low, value) <= 0;
}

static int range_order(const void *a, const void *b)
{
    const struct wide_range *left = a, *right = b;
    int by_low = wide_compare(left->low, right->low);
    return by_low ? by_low : wide_compare(left->high, right->high);
}

/* Sorted, without overlap. */
static size_t ranges_join(struct wide_range *ranges, size_t count)
{
    size_t kept = 0;
    qsort(ranges, count, sizeof *ranges, range_order);
    for (size_t i = 0; i < count; i++) {
        struct wide_range *last = kept ? &ranges[kept - 1] : NULL;
        bool touches = last && (wide_compare(ranges[i].low, last->high) <= 0 ||
                                wide_compare(ranges[i].low, wide_next(last->high)) == 0);
        if (!touches)
            ranges[kept++] = ranges[i];
        else if (wide_compare(ranges[i].high, last->high) > 0)
            last->high = ranges[i].high;
    }
    return kept;
}

/* `from` without `holes`, both joined; at most the sum of their counts. */
static size_t ranges_subtract(const struct wide_range *from, size_t froms, const struct wide_range *holes, size_t hole_count,
                              struct wide_range *out)
{
    size_t used = 0, h = 0;
    for (size_t i = 0; i < froms; i++) {
        struct wide low = from[i].low;
        bool left = true;
        while (h < hole_count && wide_compare(holes[h].high, low) < 0)
            h++;
        for (size_t j = h; left && j < hole_count && wide_compare(holes[j].low, from[i].high) <= 0; j++) {
            if (wide_compare(holes[j].low, low) > 0)
                out[used++] = (struct wide_range){low, wide_before(holes[j].low)};
            left = wide_compare(holes[j].high, from[i].high) < 0;
            low = left ? wide_next(holes[j].high) : low;
        }
        if (left)
            out[used++] = (struct wide_range){low, from[i].high};
    }
    return used;
}

/* ---- one item */

static bool parse_ip(struct view text, uint8_t out[16], unsigned *bits)
{
    char written[64];
    if (text.length >= sizeof written)
        return false;
    memcpy(written, text.bytes, text.length);
    written[text.length] = 0;
    memset(out, 0, 16);
    out[10] = out[11] = 0xff;
    *bits = 32;
    if (inet_pton(AF_INET, written, out + 12) == 1)
        return true;
    *bits = 128;
    return inet_pton(AF_INET6, written, out) == 1;
}

/* The length of a netmask like 255.255.0.0, or 33. */
static unsigned mask_bits(const uint8_t mask[4])
{
    uint32_t value = (uint32_t)mask[0] << 24 | (uint32_t)mask[1] << 16 | (uint32_t)mask[2] << 8 | mask[3];
    unsigned bits = 0;
    while (bits < 32 && (value & (UINT32_C(0x80000000) >> bits)))
        bits++;
    return bits < 32 && (value << bits) ? 33 : bits;
}

static bool parse_address(struct view text, struct wide_range *out)
{
    uint8_t low[16], high[16];
    unsigned bits, other;
    uint64_t prefix;
    struct view rest = text, first, second;
    if (view_is(text, "any")) {
        *out = (struct wide_range){zero, addresses_end};
        return true;
    }
    if (memchr(text.bytes, '-', text.length)) {
        if (!view_split(&rest, '-', &first) || !parse_ip(first, low, &bits) || !parse_ip(rest, high, &other) || bits != other)
            return false;
        *out = (struct wide_range){wide_of_address(low), wide_of_address(high)};
        return wide_compare(out->low, out->high) <= 0;
    }
    if (!view_split(&rest, '/', &first) || !parse_ip(first, low, &bits))
        return false;
    prefix = bits;
    if (view_split(&rest, '/', &second) && !view_number(second, &prefix))
        prefix = bits == 32 && parse_ip(second, high, &other) && other == 32 ? mask_bits(high + 12) : 129;
    if (prefix > bits)
        return false;
    memcpy(high, low, sizeof high);
    for (unsigned i = 128 - bits + (unsigned)prefix; i < 128; i++) {
        low[i / 8] &= (uint8_t)~(0x80u >> i % 8);
        high[i / 8] |= (uint8_t)(0x80u >> i % 8);
    }
    *out = (struct wide_range){wide_of_address(low), wide_of_address(high)};
    return true;
}

static bool parse_port(struct view text, struct wide_range *out)
{
    struct view rest = text, first, second;
    uint64_t low = 0, high = 65535;
    if (view_is(text, "any")) {
        *out = (struct wide_range){zero, ports_end};
        return true;
    }
    bool ranged = memchr(text.bytes, ':', text.length) != NULL;
    if (!view_split(&rest, ':', &first) || (!ranged && first.length == 0) || (first.length && !view_number(first, &low)))
        return false;
    if (!ranged)
        high = low;
    else if (!view_split(&rest, ':', &second) || (second.length && !view_number(second, &high)) ||
             (first.length == 0 && second.length == 0))
        return false;
    *out = (struct wide_range){{0, low}, {0, high}};
    return low <= high && high <= 65535;
}

/* ---- lists */

/* What is being computed: `work` holds the items of all open lists, one after the other. */
struct lists {
    struct draft *d;
    const void *at;
    bool ports;
    unsigned depth;
    struct {
        size_t first;
        bool negated;
    } open[LIST_DEPTH_MAX + 1];
    size_t used;
    struct wide_range work[DRAFT_RANGES_MAX];
    bool negative[DRAFT_RANGES_MAX];
    struct wide_range plus[DRAFT_RANGES_MAX + 1], minus[DRAFT_RANGES_MAX], out[2 * DRAFT_RANGES_MAX + 1];
};

static bool lists_add(struct lists *l, struct wide_range range, bool negative)
{
    if (l->used == DRAFT_RANGES_MAX)
        return draft_refuse(l->d, l->at, "more than %d addresses or ports in one list", DRAFT_RANGES_MAX);
    l->work[l->used] = range;
    l->negative[l->used++] = negative;
    return true;
}

/* The ranges of the innermost list go to l->out. */
static size_t lists_compute(struct lists *l)
{
    size_t plus = 0, minus = 0;
    for (size_t i = l->open[l->depth].first; i < l->used; i++) {
        if (l->negative[i])
            l->minus[minus++] = l->work[i];
        else
            l->plus[plus++] = l->work[i];
    }
    if (plus == 0)
        l->plus[plus++] = (struct wide_range){zero, l->ports ? ports_end : addresses_end};
    plus = ranges_join(l->plus, plus);
    minus = ranges_join(l->minus, minus);
    return ranges_subtract(l->plus, plus, l->minus, minus, l->out);
}

static bool lists_close(struct lists *l)
{
    size_t count = lists_compute(l);
    if (count == 0)
        return draft_refuse(l->d, l->at, "nothing is left of a list");
    l->used = l->open[l->depth].first;
    bool negative = l->open[l->depth].negated;
    l->depth--;
    for (size_t i = 0; i < count; i++)
        if (!lists_add(l, l->out[i], negative))
            return false;
    return true;
}

static bool lists_item(struct lists *l, struct view item, bool negative)
{
    struct wide_range range;
    if (!(l->ports ? parse_port(item, &range) : parse_address(item, &range)))
        return draft_refuse(l->d, l->at, "\"%.*s\" is not %s", (int)(item.length > 60 ? 60 : item.length),
                            (const char *)item.bytes,
                            l->ports ? "a port (any, N, A:B, :B, A:)" : "an address (any, a.b.c.d/n, IPv6/n, A-B)");
    return lists_add(l, range, negative);
}

static bool lists_run(struct lists *l, struct view text)
{
    bool negated = false, expect = true;
    for (size_t i = 0; i < text.length;) {
        uint8_t c = text.bytes[i];
        if (is_space(c) || c == '\\') {
            i++;
        } else if (!expect) {
            if (c == ']' && l->depth == 0)
                return draft_refuse(l->d, l->at, "] without [");
            if (c != ']' && (c != ',' || l->depth == 0))
                return draft_refuse(l->d, l->at, "expected , or ] in a list");
            if (c == ']' && !lists_close(l))
                return false;
            expect = c == ',';
            i++;
        } else if (c == '!') {
            negated = !negated;
            i++;
        } else if (c == '[') {
            if (++l->depth > LIST_DEPTH_MAX)
                return draft_refuse(l->d, l->at, "lists are nested deeper than %d", LIST_DEPTH_MAX);
            l->open[l->depth].first = l->used;
            l->open[l->depth].negated = negated;
            negated = false;
            i++;
        } else {
            size_t end = i;
            while (end < text.length && text.bytes[end] != ',' && text.bytes[end] != ']' && text.bytes[end] != '[')
                end++;
            if (!lists_item(l, view_trim(view_of(text.bytes + i, end - i)), negated))
                return false;
            negated = expect = false;
            i = end;
        }
    }
    if (l->depth)
        return draft_refuse(l->d, l->at, "[ is not closed");
    return expect ? draft_refuse(l->d, l->at, "an address or a port is missing") : true;
}

/* ---- variables */

/* One round of putting $NAME in as [value]. A negated variable that is `any` is read as any, and said: nothing would be
 * left of it. */
static bool expand_once(struct draft *d, struct view at, struct text *out, struct view in, bool *more)
{
    *more = false;
    for (size_t i = 0; i < in.length; i++) {
        if (in.bytes[i] != '$') {
            text_add(out, "%c", in.bytes[i] ? in.bytes[i] : '?');
            continue;
        }
        size_t end = i + 1;
        while (end < in.length && (in.bytes[end] == '_' || (in.bytes[end] >= '0' && in.bytes[end] <= '9') ||
                                   (in.bytes[end] >= 'A' && in.bytes[end] <= 'Z') ||
                                   (in.bytes[end] >= 'a' && in.bytes[end] <= 'z')))
            end++;
        const char *name = (const char *)in.bytes + i + 1;
        const int length = (int)(end - i - 1);
        const char *value = rule_variable(d->set, name, (size_t)length);
        if (!value)
            return draft_refuse(d, at.bytes, "unknown variable $%.*s", length > 60 ? 60 : length, name);
        if (strcmp(value, "any") == 0 && out->length && out->chars[out->length - 1] == '!') {
            out->chars[--out->length] = 0;
            draft_warn(d, at.bytes, "$%.*s is any, so !$%.*s is read as any", length, name, length, name);
        }
        text_add(out, "[%s]", value);
        *more = true;
        i = end - 1;
    }
    return out->cut ? draft_refuse(d, at.bytes, "longer than %d bytes when variables are put in", EXPANDED_MAX) : true;
}

static bool draft_list(struct draft *d, struct view text, bool ports, struct lists *l, char *from, char *to)
{
    struct text out = text_in(from, EXPANDED_MAX);
    bool more;
    if (!expand_once(d, text, &out, text, &more))
        return false;
    for (unsigned round = 0; more; round++) {
        if (round == VARIABLE_ROUNDS_MAX)
            return draft_refuse(d, text.bytes, "a variable contains itself");
        struct text next = text_in(to, EXPANDED_MAX);
        if (!expand_once(d, text, &next, view_of(out.chars, out.length), &more))
            return false;
        char *swap = from;
        from = to;
        to = swap;
        out = next;
    }
    l->d = d;
    l->at = text.bytes;
    l->ports = ports;
    l->depth = 0;
    l->used = l->open[0].first = 0;
    l->open[0].negated = false;
    return lists_run(l, view_of(out.chars, out.length));
}

bool draft_range_list(struct draft *d, struct view text, bool ports, struct span *out)
{
    *out = (struct span){(uint16_t)d->ranges_used, 0};
    if (view_is(text, "any"))
        return true;
    struct lists *l = malloc(sizeof *l);
    char *memory = malloc(2 * EXPANDED_MAX);
    bool good = l && memory ? draft_list(d, text, ports, l, memory, memory + EXPANDED_MAX)
                            : draft_refuse(d, text.bytes, "out of memory");
    size_t count = good ? lists_compute(l) : 0;
    if (good && count == 0 && memchr(text.bytes, '$', text.length)) {
        draft_warn(d, text.bytes, "a variable in this is any, so nothing would be left; it is read as any");
        l->out[0] = (struct wide_range){zero, ports ? ports_end : addresses_end};
        count = 1;
    }
    if (good && count == 0)
        good = draft_refuse(d, text.bytes, "nothing is left: this matches no %s", ports ? "port" : "address");
    if (good && d->ranges_used + count > DRAFT_RANGES_MAX)
        good = draft_refuse(d, text.bytes, "more than %d addresses or ports in one rule", DRAFT_RANGES_MAX);
    const bool any = good && count == 1 && wide_compare(l->out[0].low, zero) == 0 &&
                     wide_compare(l->out[0].high, ports ? ports_end : addresses_end) == 0;
    if (good && !any) {
        memcpy(d->ranges + d->ranges_used, l->out, count * sizeof l->out[0]);
        out->count = (uint16_t)count;
        d->ranges_used += count;
    }
    free(memory);
    free(l);
    return good;
}

bool draft_addresses(struct draft *d, struct view text, enum rule_end end)
{
    return draft_range_list(d, text, false, &d->rule.addresses[end]);
}

bool draft_ports(struct draft *d, struct view text, enum rule_end end)
{
    return draft_range_list(d, text, true, &d->rule.ports[end]);
}
