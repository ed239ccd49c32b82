/* Rules cut into pieces: see rule_lex.h. Suricata's quoting: \" \; \\ \: inside quotes; \ before a line end joins. */
#include "detect/rule_lex.h"

#include <string.h>
#include <strings.h>

const char lex_header_ends[] = "the header ends here; expected: action protocol address port -> address port (options)";

bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

void source_place(const struct source *s, size_t offset, unsigned *line, unsigned *column)
{
    size_t start = 0;
    *line = 1;
    if (s->anchor <= offset) {
        start = s->anchor;
        *line = s->anchor_line;
    }
    for (size_t i = start; i < offset && i < s->text.length; i++) {
        if (s->text.bytes[i] == '\n') {
            ++*line;
            start = i + 1;
        }
    }
    *column = (unsigned)(offset - start) + 1;
}

/* See draft.h. */
unsigned source_excerpt(const struct source *s, size_t offset, struct text *out)
{
    enum { EXCERPT_BEFORE = 60, EXCERPT_AFTER = 40 };
    size_t from = offset < s->text.length ? offset : s->text.length, to = from;
    while (from > 0 && offset - from < EXCERPT_BEFORE && s->text.bytes[from - 1] != '\n')
        from--;
    while (to < s->text.length && to - offset < EXCERPT_AFTER && s->text.bytes[to] != '\n' && s->text.bytes[to] != '\r')
        to++;
    text_add_escaped(out, view_of(s->text.bytes + from, (offset < to ? offset : to) - from));
    const size_t caret = out->length;
    if (offset < to)
        text_add_escaped(out, view_of(s->text.bytes + offset, to - offset));
    return (unsigned)caret;
}

static uint8_t byte_at(const struct lexer *l, size_t at)
{
    return at < l->source->text.length ? l->source->text.bytes[at] : 0;
}

/* The start of the next line, or the end of the text. */
static size_t line_after(struct view text, size_t at)
{
    const void *found = at < text.length ? memchr(text.bytes + at, '\n', text.length - at) : NULL;
    return found ? (size_t)((const uint8_t *)found - text.bytes) + 1 : text.length;
}

static bool begins_like_a_rule(struct view text, size_t at)
{
    static const char *const actions[] = {"alert", "pass", "log", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth",
                                          "sdrop", "block", "react"};
    size_t end = at;
    while (end < text.length && !is_space(text.bytes[end]) && text.bytes[end] != '(')
        end++;
    if (end + 1 >= text.length || text.bytes[end] != ' ' || is_space(text.bytes[end + 1]))
        return false;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strlen(actions[i]) == end - at && memcmp(actions[i], text.bytes + at, end - at) == 0)
            return true;
    return false;
}

/* The limit of the rule that begins at `at`. Found again only when it was passed, so the whole text is scanned once. */
static void lex_set_limit(struct lexer *l)
{
    struct view text = l->source->text;
    if (l->limit > l->at)
        return;
    size_t line = line_after(text, l->at);
    while (line < text.length && !begins_like_a_rule(text, line))
        line = line_after(text, line);
    l->limit = line;
}

static bool line_says(struct view text, size_t at, const char *word)
{
    const size_t end = line_after(text, at);
    return view_equal(view_trim(view_of(text.bytes + at, end - at)), view_text(word));
}

/* Snort 3: #begin on a line makes a comment of everything to the line #end. Without one it is a comment like others. */
static bool lex_block_comment(struct lexer *l)
{
    struct view text = l->source->text;
    if (l->no_end || !line_says(text, l->at, "#begin"))
        return false;
    for (size_t line = line_after(text, l->at); line < text.length; line = line_after(text, line)) {
        if (line_says(text, line, "#end")) {
            l->at = line_after(text, line);
            return true;
        }
    }
    l->no_end = true;
    return false;
}

static void lex_comment(struct lexer *l)
{
    struct view text = l->source->text;
    if (lex_block_comment(l))
        return;
    for (;;) {
        size_t next = line_after(text, l->at);
        size_t end = next;
        while (end > l->at && (text.bytes[end - 1] == '\n' || text.bytes[end - 1] == '\r'))
            end--;
        bool joined = end > l->at && text.bytes[end - 1] == '\\' && next < text.length;
        l->at = next;
        if (!joined)
            return;
    }
}

/* Moves the place from which lines are counted; only forward. */
static void lex_anchor(struct lexer *l)
{
    struct source *s = l->source;
    for (size_t i = s->anchor; i < l->at; i++) {
        if (s->text.bytes[i] == '\n') {
            s->anchor_line++;
            s->anchor = i + 1;
        }
    }
}

enum lexed lex_rule(struct lexer *l)
{
    size_t length = l->source->text.length;
    while (l->at < length) {
        uint8_t c = byte_at(l, l->at);
        if (is_space(c)) {
            l->at++;
        } else if (c == '#') {
            lex_comment(l);
        } else {
            lex_anchor(l);
            lex_set_limit(l);
            return LEX_OK;
        }
    }
    return LEX_END;
}

static enum lexed lex_broken(struct lexer *l, size_t at, const char *wrong)
{
    l->wrong = wrong;
    l->wrong_at = at;
    return LEX_BROKEN;
}

/* True and past it when a backslash joins this line with the next. */
static bool lex_joined(struct lexer *l)
{
    size_t end = l->at + 1;
    if (byte_at(l, l->at) != '\\')
        return false;
    if (byte_at(l, end) == '\r')
        end++;
    if (byte_at(l, end) != '\n')
        return false;
    l->at = end + 1;
    return true;
}

enum lexed lex_word(struct lexer *l, struct view *word)
{
    unsigned depth = 0;
    while (l->at < l->limit && (byte_at(l, l->at) == ' ' || byte_at(l, l->at) == '\t' || lex_joined(l)))
        if (byte_at(l, l->at) == ' ' || byte_at(l, l->at) == '\t')
            l->at++;
    size_t start = l->at;
    for (; l->at < l->limit; l->at++) {
        uint8_t c = byte_at(l, l->at);
        if (c == '\n' || c == '\r' || (c == '(' && depth == 0) || ((c == ' ' || c == '\t') && depth == 0))
            break;
        depth += c == '[';
        depth -= c == ']' && depth > 0;
    }
    *word = view_of(l->source->text.bytes + start, l->at - start);
    if (depth)
        return lex_broken(l, start, "[ is not closed");
    if (word->length)
        return LEX_OK;
    if (l->at < l->limit && byte_at(l, l->at) == '(') {
        l->at++;
        return LEX_END;
    }
    return lex_broken(l, l->at, lex_header_ends);
}

/* Space, joined lines and, inside the parentheses, whole lines of comment. */
static void lex_skip_space(struct lexer *l)
{
    bool line_start = false;
    while (l->at < l->limit) {
        uint8_t c = byte_at(l, l->at);
        if (lex_joined(l)) {
            line_start = true;
        } else if (c == '#' && line_start) {
            size_t next = line_after(l->source->text, l->at);
            l->at = next < l->limit ? next : l->limit;
        } else if (is_space(c)) {
            line_start |= c == '\n';
            l->at++;
        } else {
            return;
        }
    }
}

/* A quote closes a value when only space stands between it and the ; or the , of a modifier. */
static bool lex_quote_closes(const struct lexer *l)
{
    size_t at = l->at + 1;
    while (at < l->limit && is_space(byte_at(l, at)))
        at++;
    return at < l->limit && (byte_at(l, at) == ';' || byte_at(l, at) == ',');
}

/* From after the colon to the ; that ends the option. */
static enum lexed lex_value(struct lexer *l)
{
    bool quoted = false;
    size_t quote_at = l->at;
    for (; l->at < l->limit; l->at++) {
        uint8_t c = byte_at(l, l->at);
        if (c == '\\' && l->at + 1 < l->limit) {
            l->at++;
        } else if (c == '"' && !quoted) {
            quoted = true;
            quote_at = l->at;
        } else if (c == '"' && lex_quote_closes(l)) {
            quoted = false;
        } else if (c == ';' && !quoted) {
            return LEX_OK;
        }
    }
    return lex_broken(l, quote_at, quoted ? "this quote is not closed" : "the option is not closed with ;");
}

enum lexed lex_option(struct lexer *l, struct option *out)
{
    *out = (struct option){0};
    lex_skip_space(l);
    size_t start = l->at;
    while (l->at < l->limit && !is_space(byte_at(l, l->at)) && !strchr(":;()\"", byte_at(l, l->at)))
        l->at++;
    out->name = view_of(l->source->text.bytes + start, l->at - start);
    if (l->at == l->limit)
        return lex_broken(l, start, "the rule is not closed with )");
    if (out->name.length == 0) {
        if (byte_at(l, l->at) == ')') {
            l->at++;
            return LEX_END;
        }
        return lex_broken(l, start, "expected an option");
    }
    lex_skip_space(l);
    if (l->at < l->limit && byte_at(l, l->at) == ';') {
        l->at++;
        return LEX_OK;
    }
    if (l->at == l->limit || byte_at(l, l->at) != ':')
        return lex_broken(l, l->at, "expected : or ; after the option's name");
    out->has_value = true;
    size_t value = ++l->at;
    if (lex_value(l) != LEX_OK)
        return LEX_BROKEN;
    out->value = view_trim(view_of(l->source->text.bytes + value, l->at - value));
    l->at++;
    return LEX_OK;
}

bool lex_rest_of_line(struct lexer *l)
{
    size_t end = line_after(l->source->text, l->at);
    while (l->at < end && is_space(byte_at(l, l->at)))
        l->at++;
    bool clean = l->at == end || byte_at(l, l->at) == '#';
    l->wrong_at = l->at;
    l->at = end;
    return clean;
}

struct view view_trim(struct view text)
{
    while (text.length && is_space(text.bytes[0])) {
        text.bytes++;
        text.length--;
    }
    while (text.length && is_space(text.bytes[text.length - 1]))
        text.length--;
    return text;
}

bool view_is(struct view text, const char *word)
{
    return text.length == strlen(word) && strncasecmp((const char *)text.bytes, word, text.length) == 0;
}

bool view_split(struct view *rest, char separator, struct view *part)
{
    if (!rest->bytes)
        return false;
    const uint8_t *found = rest->length ? memchr(rest->bytes, separator, rest->length) : NULL;
    if (!found) {
        *part = view_trim(*rest);
        *rest = (struct view){0};
        return true;
    }
    size_t length = (size_t)(found - rest->bytes);
    *part = view_trim(view_of(rest->bytes, length));
    *rest = view_of(found + 1, rest->length - length - 1);
    return true;
}
