/*
 * pcre:"/.../flags": compiled when the rule is read, with JIT where the system allows it. What a match may cost is bounded
 * where it runs (content_regex.c). Flags that ask for buffers of HTTP refuse the rule.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "detect/draft.h"

enum { REGEX_TEXT_MAX = 4096 };

static const struct {
    char letter;
    uint16_t flag;
    uint32_t option;
} flags[] = {
    {'i', REGEX_CASELESS, PCRE2_CASELESS},     {'s', REGEX_DOTALL, PCRE2_DOTALL},           {'m', REGEX_MULTILINE, PCRE2_MULTILINE},
    {'x', REGEX_EXTENDED, PCRE2_EXTENDED},     {'A', REGEX_ANCHORED, PCRE2_ANCHORED},       {'E', REGEX_DOLLAR_END, PCRE2_DOLLAR_ENDONLY},
    {'G', REGEX_UNGREEDY, PCRE2_UNGREEDY},     {'R', REGEX_RELATIVE, 0},
};

void rule_print_regex_flags(uint16_t written, struct text *out)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (written & flags[i].flag)
            text_add(out, "%c", flags[i].letter);
}

static bool read_flags(struct draft *d, struct view text, struct step *s, uint32_t *options)
{
    for (size_t at = 0; at < text.length; at++) {
        const char c = (char)text.bytes[at];
        size_t i = 0;
        while (i < sizeof flags / sizeof flags[0] && flags[i].letter != c)
            i++;
        if (i < sizeof flags / sizeof flags[0]) {
            s->flags |= flags[i].flag;
            *options |= flags[i].option;
        } else if (c == 'U' || c == 'I' || c == 'P' || c == 'Q' || c == 'H' || c == 'D' || c == 'M' || c == 'C' || c == 'S' ||
                   c == 'K' || c == 'T' || c == 'V' || c == 'W' || c == 'Y') {
            return draft_refuse(d, text.bytes + at, "the flag %c asks for a buffer of HTTP, which is not decoded here", c);
        } else if (c == ',') {
            return draft_refuse(d, text.bytes + at, "what a pcre captured cannot be kept");
        } else if (c != 'B' && c != 'O') { /* raw bytes, which they are; Snort's exemption from its limit */
            return draft_refuse(d, text.bytes + at, "pcre has no flag \"%c\": i s m x A E G R", c > ' ' && c < 0x7f ? c : '?');
        }
    }
    s->relative = s->flags & REGEX_RELATIVE;
    return true;
}

/* The text between the delimiters, as PCRE takes it: \" and \; were for the rule. */
static bool copy_text(struct draft *d, struct view text, struct step *s)
{
    s->pattern.first = (uint16_t)d->bytes_used;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.bytes[i];
        uint8_t next = i + 1 < text.length ? text.bytes[i + 1] : 0;
        if (d->bytes_used + 2 > DRAFT_BYTES_MAX)
            return draft_refuse(d, text.bytes + i, "more than %d bytes of content in one rule", DRAFT_BYTES_MAX);
        if (c == '\\' && next == '\r' && i + 2 < text.length && text.bytes[i + 2] == '\n') {
            i += 2;
            continue;
        }
        if (c == '\\' && i + 1 == text.length)
            return draft_refuse(d, text.bytes + i, "\\ stands at the end");
        if (c == '\\') {
            i++;
            if (next == '\n')
                continue;
            if (next != '"' && next != ';')
                d->bytes[d->bytes_used++] = '\\';
            c = next;
        }
        if (c == 0)
            return draft_refuse(d, text.bytes + i, "a NUL byte is written \\x00");
        d->bytes[d->bytes_used++] = is_space(c) && c != ' ' && c != '\t' ? ' ' : c;
    }
    s->pattern.count = (uint16_t)(d->bytes_used - s->pattern.first);
    if (s->pattern.count > REGEX_TEXT_MAX)
        return draft_refuse(d, text.bytes, "longer than %d bytes", REGEX_TEXT_MAX);
    return s->pattern.count ? true : draft_refuse(d, text.bytes, "the expression is empty");
}

static bool keep(struct draft *d, const void *at, pcre2_code *code)
{
    struct regex_list *list = &d->set->regexes;
    if (list->used == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        struct pcre2_real_code_8 **grown = realloc(list->codes, room * sizeof *grown);
        if (!grown) {
            pcre2_code_free(code);
            d->set->out_of_memory = true;
            return draft_refuse(d, at, "out of memory");
        }
        list->codes = grown;
        list->room = room;
    }
    list->codes[list->used++] = code;
    return true;
}

void draft_forget(struct draft *d)
{
    struct regex_list *list = &d->set->regexes;
    while (list->used > d->regexes_before)
        pcre2_code_free(list->codes[--list->used]);
    d->set->bits_used = d->bits_before;
    d->set->xbits_used = d->xbits_before;
}

void regexes_free(struct regex_list *list)
{
    while (list->used)
        pcre2_code_free(list->codes[--list->used]);
    free(list->codes);
}

/* [\w-.] and [.-\w]: the first PCRE reads a hyphen that cannot be a range as itself, the second refuses it, at the hyphen or
 * behind the escape; so it is written \-. */
static bool plain_hyphen(struct draft *d, struct step *s, int code, size_t where)
{
    const uint8_t *text = d->bytes + s->pattern.first;
    if (code != PCRE2_ERROR_CLASS_INVALID_RANGE || where > s->pattern.count || d->bytes_used == DRAFT_BYTES_MAX)
        return false;
    if (where >= 3 && text[where - 3] == '-' && text[where - 2] == '\\')
        where -= 3;
    if (where == s->pattern.count || text[where] != '-')
        return false;
    uint8_t *at = d->bytes + s->pattern.first + where;
    memmove(at + 1, at, s->pattern.count - where);
    *at = '\\';
    s->pattern.count++;
    d->bytes_used++;
    return true;
}

/* As rules written for the first PCRE expect: an escape that means nothing is its letter. */
static pcre2_code *compile_as_written(struct draft *d, struct step *s, uint32_t options, int *code, PCRE2_SIZE *where)
{
    enum { HYPHENS_MAX = 16 };
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_code *regex = NULL;
    *code = PCRE2_ERROR_HEAP_FAILED;
    if (!context)
        return NULL;
    (void)pcre2_set_compile_extra_options(context, PCRE2_EXTRA_BAD_ESCAPE_IS_LITERAL);
    options |= PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_USE_OFFSET_LIMIT;
    for (unsigned hyphens = 0; !regex && hyphens <= HYPHENS_MAX; hyphens++) {
        regex = pcre2_compile(d->bytes + s->pattern.first, s->pattern.count, options, code, where, context);
        if (!regex && !plain_hyphen(d, s, *code, *where))
            break;
    }
    pcre2_compile_context_free(context);
    return regex;
}

static bool compile(struct draft *d, const void *at, struct step *s, uint32_t options)
{
    int code = 0;
    PCRE2_SIZE where = 0;
    char said[128];
    pcre2_code *regex = compile_as_written(d, s, options, &code, &where);
    if (!regex) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)said, sizeof said);
        return draft_refuse(d, at, "pcre: %s, at byte %zu of the expression", said, where);
    }
    /* Where JIT is forbidden the interpreter runs, under the same limits. */
    (void)pcre2_jit_compile(regex, PCRE2_JIT_COMPLETE);
    uint32_t found = 0;
    (void)pcre2_pattern_info(regex, PCRE2_INFO_ALLOPTIONS, &found);
    s->flags |= found & PCRE2_ANCHORED ? REGEX_AT_START : 0;
    s->regex = regex;
    return keep(d, at, regex);
}

bool keyword_pcre(struct draft *d, const struct option *o)
{
    struct view text = o->value;
    struct step *s = draft_add_step(d, STEP_REGEX, o);
    uint32_t options = 0;
    if (!s)
        return false;
    if (text.bytes[0] == '!') {
        s->negated = true;
        text = view_trim(view_from(text, 1));
    }
    if (text.length < 2 || text.bytes[0] != '"' || text.bytes[text.length - 1] != '"')
        return draft_refuse(d, text.bytes, "pcre is written \"/expression/flags\"");
    text = view_trim(view_of(text.bytes + 1, text.length - 2));
    const size_t first = text.length > 2 && text.bytes[0] == 'm';
    const uint8_t delimiter = text.length > first ? text.bytes[first] : 0;
    const uint8_t *end = text.length > first + 1 ? memrchr(text.bytes + first + 1, delimiter, text.length - first - 1) : NULL;
    if (!end || (!first && delimiter != '/') || delimiter == '\\' || isalnum(delimiter))
        return draft_refuse(d, text.bytes, "pcre is written \"/expression/flags\"");
    struct view expression = view_of(text.bytes + first + 1, (size_t)(end - text.bytes) - first - 1);
    if (!read_flags(d, view_from(text, (size_t)(end - text.bytes) + 1), s, &options) || !copy_text(d, expression, s))
        return false;
    d->last_content = -1;
    return compile(d, expression.bytes, s, options);
}
