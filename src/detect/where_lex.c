/* The tokens of a condition: see where_parse.c. */
#include <string.h>

#include "detect/where_parser.h"

bool where_refuse(struct parser *p, size_t at, const char *reason)
{
    return draft_refuse(p->d, p->place[at], "%s", reason);
}

static int shown(struct view text)
{
    return (int)(text.length > 60 ? 60 : text.length);
}

/* ---- tokens */

static bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static bool read_text(struct parser *p)
{
    const uint8_t quote = p->text[p->next++];
    const size_t begin = p->next;
    size_t used = begin;
    /* Unescaped in place: it only gets shorter. */
    while (p->next < p->length && p->text[p->next] != quote) {
        if (p->text[p->next] == '\\' && p->next + 1 < p->length)
            p->next++;
        p->text[used++] = p->text[p->next++];
    }
    if (p->next >= p->length)
        return where_refuse(p, p->at, "this quote is not closed");
    p->next++;
    p->word = view_of(p->text + begin, used - begin);
    p->token = TOKEN_TEXT;
    return true;
}

static bool read_number(struct parser *p)
{
    struct view word = p->word;
    uint64_t scale = 1;
    if (word.length > 2 && memcmp(word.bytes + word.length - 2, "ms", 2) == 0) {
        scale = 1000000;
        word = view_head(word, word.length - 2);
    } else if (word.length > 1 && word.bytes[word.length - 1] == 's' && !(word.bytes[1] == 'x')) {
        scale = 1000000000;
        word = view_head(word, word.length - 1);
    }
    if (!view_size(word, &p->number) || __builtin_mul_overflow(p->number, scale, &p->number))
        return draft_refuse(p->d, p->place[p->at], "\"%.*s\" is not a number below 2^64 (units KiB MiB GiB ms s)", shown(p->word),
                            (const char *)p->word.bytes);
    p->token = TOKEN_NUMBER;
    return true;
}

/* Words, numbers and addresses begin alike: colons, and dots between digits, make an address. */
static bool read_word(struct parser *p)
{
    bool colon = false, digits = p->text[p->next] >= '0' && p->text[p->next] <= '9';
    unsigned dots = 0;
    while (p->next < p->length && (is_word(p->text[p->next]) || p->text[p->next] == ':')) {
        if (p->text[p->next] == '.' && p->next + 1 < p->length && p->text[p->next + 1] == '.')
            break; /* LOW..HIGH */
        colon |= p->text[p->next] == ':';
        dots += p->text[p->next++] == '.';
    }
    const bool address = colon || (digits && dots >= 2);
    while (address && p->next < p->length && (p->text[p->next] == '/' || (p->text[p->next] >= '0' && p->text[p->next] <= '9')))
        p->next++;
    p->word = view_of(p->text + p->at, p->next - p->at);
    p->token = address ? TOKEN_ADDRESS : TOKEN_WORD;
    return digits && !address ? read_number(p) : true;
}

bool where_token(struct parser *p)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "||", "&&", "..", "<", ">", "+", "-", "*", "/", "%", "&", "(", ")", "{", "}", ",", "!"};
    while (p->next < p->length && is_space(p->text[p->next]))
        p->next++;
    p->at = p->next;
    p->token = TOKEN_END;
    p->word = view_of(p->text + p->at, 0);
    if (p->next == p->length)
        return true;
    const uint8_t c = p->text[p->next];
    if (c == '\'' || c == '"')
        return read_text(p);
    if (c == '$') {
        for (p->next++; p->next < p->length && is_word(p->text[p->next]); p->next++) {
        }
        p->word = view_of(p->text + p->at, p->next - p->at);
        p->token = TOKEN_VARIABLE;
        return true;
    }
    if ((is_word(c) && c != '.') || c == ':')
        return read_word(p);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const size_t length = strlen(signs[i]);
        if (p->length - p->at >= length && memcmp(p->text + p->at, signs[i], length) == 0) {
            p->next += length;
            p->word = view_of(p->text + p->at, length);
            p->token = TOKEN_SIGN;
            return true;
        }
    }
    return draft_refuse(p->d, p->place[p->at], "\"%c\" does not stand in a condition", c > ' ' && c < 0x7f ? c : '?');
}

bool where_is_sign(const struct parser *p, const char *sign)
{
    return p->token == TOKEN_SIGN && view_equal(p->word, view_text(sign));
}
