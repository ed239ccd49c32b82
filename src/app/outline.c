/* The part of YAML that test.yaml is written in: see outline.h. */
#include "app/outline.h"

#include <stdio.h>
#include <string.h>

enum { LEVELS_MAX = 16, KEY_MAX = 64, PATH_MAX_BYTES = LEVELS_MAX * (KEY_MAX + 2) };

struct level {
    size_t indent;
    bool is_item;
    unsigned item, items; /* own number in the list; items of the list below */
    char key[KEY_MAX];
};

struct outline {
    struct level levels[LEVELS_MAX];
    size_t used;
    unsigned document, line;
    outline_sink take;
    void *context;
    struct error *why;
};

static bool refuse(const struct outline *o, const char *reason)
{
    return error_set(o->why, EXIT_DATA, "line %u: %s", o->line, reason);
}

static bool push(struct outline *o, const struct level *level)
{
    if (o->used == LEVELS_MAX)
        return refuse(o, "nested too deeply");
    o->levels[o->used++] = *level;
    return true;
}

static bool tell(const struct outline *o, const char *text)
{
    char path[PATH_MAX_BYTES] = "";
    size_t length = 0;
    for (size_t i = 0; i < o->used; i++) {
        const struct level *l = &o->levels[i];
        length += (size_t)(l->is_item ? snprintf(path + length, sizeof path - length, "[%u]", l->item)
                                      : snprintf(path + length, sizeof path - length, "%s%s", length ? "." : "", l->key));
    }
    return o->take(o->context, &(struct outline_value){o->document, o->line, path, text}, o->why);
}

/* Quotes are taken off; in double ones a backslash keeps the next character. */
static bool scalar(struct outline *o, char *text)
{
    const char quote = *text;
    if (quote != '"' && quote != '\'') {
        if (strchr("[{&*|>!%@`", quote) && !(quote == '>' && text[1]) && !(quote == '!' && text[1]))
            return refuse(o, "this part of YAML is not read here");
        return tell(o, text);
    }
    char *to = text, *from = text + 1;
    for (; *from && *from != quote; from++) {
        if (*from == '\\' && quote == '"' && from[1])
            from++;
        *to++ = *from;
    }
    if (!*from || from[1])
        return refuse(o, "a quoted text does not end with the line");
    *to = 0;
    return tell(o, text);
}

/* The colon that ends a key, or NULL. */
static char *key_end(char *text)
{
    char *end = text + strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return end > text && *end == ':' && (!end[1] || end[1] == ' ') ? end : NULL;
}

static bool begin_item(struct outline *o, size_t indent)
{
    while (o->used && (o->levels[o->used - 1].indent > indent || (o->levels[o->used - 1].is_item && o->levels[o->used - 1].indent == indent)))
        o->used--;
    if (!o->used)
        return refuse(o, "a list without a name");
    struct level item = {.indent = indent, .is_item = true, .item = o->levels[o->used - 1].items++};
    return push(o, &item);
}

static bool take_line(struct outline *o, char *text, size_t indent)
{
    while (text[0] == '-' && (text[1] == ' ' || !text[1])) {
        if (!begin_item(o, indent))
            return false;
        const size_t step = 1 + strspn(text + 1, " ");
        text += step;
        indent += step;
        if (!*text)
            return true;
    }
    char *end = key_end(text);
    if (!end)
        return o->used ? scalar(o, text) : refuse(o, "expected: name: value");
    struct level level = {.indent = indent};
    while (o->used && o->levels[o->used - 1].indent >= indent)
        o->used--;
    if ((size_t)(end - text) >= sizeof level.key)
        return refuse(o, "a name is too long");
    memcpy(level.key, text, (size_t)(end - text));
    if (!push(o, &level))
        return false;
    char *value = end + 1 + strspn(end + 1, " ");
    return *value ? scalar(o, value) : true;
}

/* Cuts a comment and spaces at the end. */
static void trim(char *line)
{
    char quote = 0;
    size_t length = 0;
    for (; line[length]; length++) {
        const bool begins = length == 0 || line[length - 1] == ' ';
        if (quote)
            quote = line[length] == quote ? 0 : quote;
        else if (begins && (line[length] == '"' || line[length] == '\''))
            quote = line[length];
        else if (begins && line[length] == '#')
            break;
    }
    while (length && (line[length - 1] == ' ' || line[length - 1] == '\r'))
        length--;
    line[length] = 0;
}

bool outline_read(char *text, outline_sink take, void *context, struct error *why)
{
    struct outline o = {.take = take, .context = context, .why = why, .document = 1};
    bool any = false;
    for (char *line = text, *next; line; line = next) {
        if ((next = strchr(line, '\n')))
            *next++ = 0;
        o.line++;
        trim(line);
        const size_t indent = strspn(line, " ");
        if (!line[indent] || line[0] == '%')
            continue;
        if (strcmp(line, "---") == 0 || strcmp(line, "...") == 0) {
            o.document += any;
            o.used = 0;
            any = false;
            continue;
        }
        if (strchr(line, '\t'))
            return refuse(&o, "a tab: indent with spaces");
        any = true;
        if (!take_line(&o, line + indent, indent))
            return false;
    }
    return true;
}
