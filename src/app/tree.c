/* The tree: see tree.h. Everything read from the store is made safe once more. */
#include "app/tree.h"

#include <string.h>

enum { DEPTH_MAX = 12, NAME_COLUMNS = 36 };

static const char *text_of(const json_t *node, const char *key)
{
    const char *text = json_string_value(json_object_get(node, key));
    return text ? text : "";
}

static void add_value(struct text *t, const json_t *node)
{
    const json_t *value = json_object_get(node, "value");
    const char *text = text_of(node, "text"), *octets = text_of(node, "hex");
    if (json_is_boolean(value)) {
        text_add(t, json_is_true(value) ? "yes" : "no");
    } else if (json_is_integer(value)) {
        text_add(t, "%lld", (long long)json_integer_value(value));
        if (*text) {
            text_add(t, " (");
            text_add_safe(t, text);
            text_add(t, ")");
        }
    } else if (json_is_true(json_object_get(node, "secret"))) {
        text_add(t, "(masked)");
    } else if (*octets) {
        text_add_safe(t, octets);
    } else {
        text_add(t, "'");
        text_add_safe(t, text);
        text_add(t, "'");
    }
}

static unsigned indent_of(const json_t *node)
{
    json_int_t depth = json_integer_value(json_object_get(node, "depth"));
    return 2 * (unsigned)(depth < 0 ? 0 : depth > DEPTH_MAX ? DEPTH_MAX : depth);
}

/* The node that is wrong: the field at the mark's place, else the only one of that name. json_array_size: none. */
static size_t find_wrong(const json_t *nodes, const struct tree_mark *mark)
{
    size_t none = json_array_size(nodes), named = none, many = 0;
    if (!*mark->field || mark->length == 0)
        return none;
    for (size_t i = 0; i < none; i++) {
        const json_t *node = json_array_get(nodes, i);
        if (strcmp(text_of(node, "field"), mark->field) != 0)
            continue;
        if (json_integer_value(json_object_get(node, "offset")) == mark->offset && json_integer_value(json_object_get(node, "length")))
            return i;
        named = i;
        many++;
    }
    return many == 1 ? named : none;
}

/* A field that could not be read has no node; a place where something is missing never has one. */
static bool is_named(const json_t *nodes, const char *field, int64_t length)
{
    size_t i;
    const json_t *node;
    json_array_foreach((json_t *)(uintptr_t)nodes, i, node)
        if (length && strcmp(text_of(node, "field"), field) == 0)
            return true;
    return false;
}

/* A value that nobody read from bytes, such as how long a connection lasted. */
static size_t find_told(const json_t *nodes, const char *field)
{
    size_t i;
    const json_t *node;
    json_array_foreach((json_t *)(uintptr_t)nodes, i, node)
        if (strcmp(text_of(node, "field"), field) == 0 && !json_integer_value(json_object_get(node, "length")))
            return i;
    return json_array_size(nodes);
}

static void print_expected(const struct screen *s, const char *expected)
{
    if (*expected)
        fprintf(s->out, "   <-- expected %s", expected);
    fprintf(s->out, "%s\n", paint(s, PAINT_NONE));
}

void tree_print(const struct screen *s, const json_t *nodes, bool is_cut, const struct tree_mark *mark)
{
    size_t i, wrong = find_wrong(nodes, mark);
    const json_t *node;
    unsigned wide = 0;
    if (wrong == json_array_size(nodes) && *mark->field && !mark->length && !mark->offset)
        wrong = find_told(nodes, mark->field);
    json_array_foreach((json_t *)(uintptr_t)nodes, i, node) {
        unsigned columns = indent_of(node) + (unsigned)strlen(text_of(node, "field"));
        wide = columns > wide ? columns : wide;
    }
    if (strlen(mark->field) > wide)
        wide = (unsigned)strlen(mark->field);
    wide = wide > NAME_COLUMNS ? NAME_COLUMNS : wide;
    fprintf(s->out, "  %s%6s %6s  %-*s  VALUE%s\n", paint(s, PAINT_DIM), "OFFSET", "BYTES", (int)wide, "FIELD",
            paint(s, PAINT_NONE));
    json_array_foreach((json_t *)(uintptr_t)nodes, i, node) {
        TEXT_ON_STACK(name, 96);
        TEXT_ON_STACK(value, 1200);
        json_int_t length = json_integer_value(json_object_get(node, "length"));
        bool is_wrong = i == wrong;
        text_add(&name, "%*s", (int)indent_of(node), "");
        text_add_safe(&name, text_of(node, "field"));
        add_value(&value, node);
        fprintf(s->out, "%s %s", is_wrong ? paint(s, PAINT_HIGH) : "", is_wrong ? ">" : " ");
        if (length)
            fprintf(s->out, "%6lld %6lld", (long long)json_integer_value(json_object_get(node, "offset")), (long long)length);
        else
            fprintf(s->out, "%6s %6s", "-", "-"); /* known from the connection, not read from this message */
        fprintf(s->out, "  %-*s  %s", (int)wide, name.chars, value.chars);
        if (is_wrong)
            print_expected(s, mark->expected);
        else
            fputc('\n', s->out);
    }
    if (*mark->field && wrong == json_array_size(nodes) && !is_named(nodes, mark->field, mark->length)) {
        TEXT_ON_STACK(name, 96);
        TEXT_ON_STACK(value, 400);
        text_add_safe(&name, mark->field);
        text_add_safe(&value, mark->length ? mark->got : "(missing)");
        fprintf(s->out, "%s >%6lld %6lld  %-*s  %s", paint(s, PAINT_HIGH), (long long)mark->offset, (long long)mark->length,
                (int)wide, name.chars, value.chars);
        print_expected(s, mark->expected);
    }
    if (is_cut)
        fputs("  more fields than are kept follow\n", s->out);
}
