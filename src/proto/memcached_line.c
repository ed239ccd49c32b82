/*
 * Lines of Memcached's text protocol cut into words, and the words read as numbers, exactly as the server does it: see
 * tokenize_command in proto_text.c, util.c and base64.c. What C's strtol takes, the server takes.
 */
#include "proto/memcached.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Where the next byte is that is no letter of a word: a space, a control character. Eight bytes at a time: the lowest bit
 * that is set is of the first of them, what is above it may be wrong. */
static uint32_t next_special(struct view text, uint32_t at)
{
    for (; text.length - at >= 8; at += 8) {
        uint64_t eight;
        memcpy(&eight, text.bytes + at, 8);
        uint64_t deletes = eight ^ EACH(0x7f);
        uint64_t found = (((eight - EACH(0x21)) & ~eight) | ((deletes - EACH(1)) & ~deletes)) & EACH(0x80);
        if (found)
            return at + (uint32_t)__builtin_ctzll(found) / 8;
    }
    while (at < text.length && text.bytes[at] > ' ' && text.bytes[at] != 0x7f)
        at++;
    return at;
}

/* The server works on a C string: a NUL ends it. Words are parted by spaces only. */
void memcached_cut(struct memcached_line *line, struct view text)
{
    uint32_t start = 0, run = 0, at = 0;
    uint32_t length = (uint32_t)text.length;
    line->text = text;
    line->control = false;
    line->used = line->rest = line->spaces = 0;
    for (; (at = next_special(text, at)) < length; at++) {
        uint8_t c = text.bytes[at];
        if (c != ' ') {
            line->control = true;
            if (c)
                continue;
            break;
        }
        if (start == at) {
            run++;
        } else {
            line->words[line->used++] = (struct memcached_word){start, at - start};
            run = 1;
            if (line->used == MEMCACHED_WORDS - 1) {
                line->rest = at + 1 < length && text.bytes[at + 1] ? at + 1 : 0;
                return;
            }
        }
        if (run > line->spaces)
            line->spaces = run;
        start = at + 1;
    }
    if (start != at)
        line->words[line->used++] = (struct memcached_word){start, at - start};
}

struct view memcached_word(const struct memcached_line *line, uint32_t word)
{
    if (word >= line->used)
        return view_of(line->text.bytes, 0);
    return view_head(view_from(line->text, line->words[word].offset), line->words[word].length);
}

bool memcached_is(const struct memcached_line *line, uint32_t word, const char *text)
{
    return word < line->used && view_equal(memcached_word(line, word), view_text(text));
}

bool memcached_begins(struct view text, const char *start)
{
    struct view wanted = view_text(start);
    return text.length >= wanted.length && memcmp(text.bytes, wanted.bytes, wanted.length) == 0;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct digits {
    uint64_t magnitude;
    size_t end;        /* offset behind the digits; 0: there are none */
    bool negative, overflow;
};

static struct digits read_digits(struct view word)
{
    struct digits d = {0, 0, false, false};
    size_t at = 0;
    while (at < word.length && is_space(word.bytes[at]))
        at++;
    if (at < word.length && (word.bytes[at] == '-' || word.bytes[at] == '+'))
        d.negative = word.bytes[at++] == '-';
    for (; at < word.length && word.bytes[at] >= '0' && word.bytes[at] <= '9'; at++) {
        uint64_t digit = word.bytes[at] - (uint64_t)'0';
        d.overflow |= d.magnitude > (UINT64_MAX - digit) / 10;
        d.magnitude = d.magnitude * 10 + digit;
        d.end = at + 1;
    }
    return d;
}

/* Behind the digits: the end of the word, or a control character that C calls a space. */
static bool ends_well(struct view word, const struct digits *d)
{
    return d->end && !d->overflow && (d->end == word.length || is_space(word.bytes[d->end]));
}

struct memcached_number memcached_strtol(struct view word)
{
    struct digits d = read_digits(word);
    struct memcached_number n = {0, ends_well(word, &d), false};
    n.good = n.good && d.magnitude <= (uint64_t)INT64_MAX + d.negative;
    uint64_t whole = d.negative ? 0 - d.magnitude : d.magnitude;
    uint64_t low = whole & UINT32_MAX;
    n.value = low & UINT64_C(0x80000000) ? low | ~(uint64_t)UINT32_MAX : low;
    n.truncated = n.value != whole;
    return n;
}

/* A minus sign is taken when the result looks positive. */
static struct memcached_number unsigned_number(struct view word)
{
    struct digits d = read_digits(word);
    struct memcached_number n = {d.negative ? 0 - d.magnitude : d.magnitude, ends_well(word, &d), false};
    if (n.value > INT64_MAX && word.length && memchr(word.bytes, '-', word.length))
        n.good = false;
    return n;
}

struct memcached_number memcached_strtoul(struct view word)
{
    struct memcached_number n = unsigned_number(word);
    n.truncated = n.value > UINT32_MAX;
    n.value &= UINT32_MAX;
    return n;
}

struct memcached_number memcached_strtoull(struct view word)
{
    return unsigned_number(word);
}

static size_t skip_digits(struct view word, size_t at, size_t *seen)
{
    for (; at < word.length && word.bytes[at] >= '0' && word.bytes[at] <= '9'; at++)
        ++*seen;
    return at;
}

/* Decimal fractions; not the hexadecimal ones, infinity and NaN, which strtod takes too and nobody sends. */
bool memcached_strtod(struct view word)
{
    size_t at = 0, digits = 0, exponent = 0;
    while (at < word.length && is_space(word.bytes[at]))
        at++;
    if (at < word.length && (word.bytes[at] == '-' || word.bytes[at] == '+'))
        at++;
    at = skip_digits(word, at, &digits);
    if (at < word.length && word.bytes[at] == '.')
        at = skip_digits(word, at + 1, &digits);
    if (!digits)
        return false;
    if (at < word.length && (word.bytes[at] | 0x20) == 'e') {
        size_t from = at + 1;
        if (from < word.length && (word.bytes[from] == '-' || word.bytes[from] == '+'))
            from++;
        from = skip_digits(word, from, &exponent);
        if (exponent)
            at = from;
    }
    return at == word.length || is_space(word.bytes[at]);
}

static bool is_base64(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

/* Characters of another alphabet are skipped; padding ends the key with its block. */
size_t memcached_base64(struct view word)
{
    size_t all = 0, seen = 0, padding = 0;
    for (size_t i = 0; i < word.length; i++)
        all += is_base64(word.bytes[i]);
    if (!all || all % 4)
        return 0;
    for (size_t i = 0; i < word.length; i++) {
        if (!is_base64(word.bytes[i]))
            continue;
        padding += word.bytes[i] == '=';
        if (++seen % 4 == 0 && padding)
            return padding > 2 ? 0 : seen / 4 * 3 - padding;
    }
    return seen / 4 * 3;
}
