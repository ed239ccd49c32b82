/* Rendering: see render.h. */
#include "app/render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LAST_COLUMN_LEAST = 24, PARAGRAPH_WIDTH = 100 };

bool screen_open(struct screen *s, FILE *out, const struct options *o, struct error *why)
{
    const char *when = options_text(o, OPTION_COLOR), *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"),
               *terminal = getenv("TERM"), *columns = getenv("COLUMNS");
    struct winsize size;
    *s = (struct screen){.out = out, .terminal = isatty(fileno(out)) == 1};
    if (s->terminal)
        s->width = columns && atoi(columns) > 0 ? (unsigned)atoi(columns)
                   : ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col
                                                                               : 80;
    s->colour = s->terminal && !(no && *no) && !(terminal && strcmp(terminal, "dumb") == 0);
    if (force && *force && strcmp(force, "0") != 0 && !(no && *no))
        s->colour = true;
    if (!when || strcmp(when, "auto") == 0)
        return true;
    if (strcmp(when, "always") != 0 && strcmp(when, "never") != 0)
        return error_set(why, EXIT_USAGE, "--color is auto, always or never");
    s->colour = strcmp(when, "always") == 0;
    return true;
}

const char *paint(const struct screen *s, enum paint which)
{
    static const char *const sequences[] = {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[33m", "\x1b[36m", "\x1b[7;31m"};
    return s->colour ? sequences[which] : "";
}

enum paint severity_paint(int64_t severity)
{
    return severity <= 1 ? PAINT_HIGH : severity == 2 ? PAINT_MEDIUM : severity == 3 ? PAINT_LOW : PAINT_DIM;
}

const char *severity_word(int64_t severity)
{
    return severity <= 1 ? "high" : severity == 2 ? "medium" : severity == 3 ? "low" : "info";
}

void print_wrapped(FILE *out, const char *words, unsigned indent, unsigned width)
{
    size_t column = indent, most = width == 0 ? SIZE_MAX : width > indent + 20 ? width - 1 : indent + 20;
    for (bool first = true; *words; first = false) {
        size_t length = strcspn(words, " ");
        if (!first && column + 1 + length > most) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', out);
            column++;
        }
        fwrite(words, 1, length, out);
        column += length;
        words += length + (words[length] == ' ');
    }
    fputc('\n', out);
}

unsigned paragraph_width(const struct screen *s)
{
    return s->width && s->width < PARAGRAPH_WIDTH ? s->width : PARAGRAPH_WIDTH;
}

void text_add_size(struct text *t, uint64_t bytes)
{
    static const char units[] = "kMGTPE";
    unsigned unit = 0;
    uint64_t tenths = bytes / 100;
    if (bytes < 1000) {
        text_add(t, "%" PRIu64 " bytes", bytes);
        return;
    }
    for (; tenths >= 10000 && unit < sizeof units - 2; unit++)
        tenths /= 1000;
    text_add(t, "%" PRIu64 ".%" PRIu64 " %cB", tenths / 10, tenths % 10, units[unit]);
}

void text_add_safe(struct text *t, const char *written)
{
    /* A backslash stays: what was escaped once is not escaped again. */
    while (*written && !t->cut) {
        size_t plain = strcspn(written, "\\");
        text_add_escaped(t, view_of(written, plain));
        written += plain;
        if (*written == '\\') {
            text_add(t, "\\");
            written++;
        }
    }
}

void listing_open(struct listing *t, const char *const *titles)
{
    *t = (struct listing){0};
    for (; titles[t->columns] && t->columns < LISTING_COLUMNS_MAX; t->columns++) {
        t->right[t->columns] = titles[t->columns][0] == '>';
        t->titles[t->columns] = titles[t->columns] + t->right[t->columns];
    }
}

static char *copied_safe(const char *written)
{
    size_t size = 4 * strlen(written) + 8;
    char *memory = malloc(size);
    if (!memory)
        abort();
    struct text copy = text_in(memory, size);
    text_add_safe(&copy, written);
    return memory;
}

void listing_add(struct listing *t, const char *cell, enum paint paint)
{
    if (t->used == t->size) {
        t->size = t->size ? 2 * t->size : 256;
        t->cells = realloc(t->cells, t->size * sizeof *t->cells);
        t->paints = realloc(t->paints, t->size * sizeof *t->paints);
        if (!t->cells || !t->paints)
            abort();
    }
    t->cells[t->used] = copied_safe(cell);
    t->paints[t->used++] = paint;
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static unsigned columns_of(const char *text)
{
    unsigned columns = 0;
    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

/* Cuts to `most` columns at a character's end. */
static void cut(char *text, unsigned most)
{
    unsigned columns = 0;
    char *at = text;
    if (columns_of(text) <= most)
        return;
    for (; *at; at++)
        if (((unsigned char)*at & 0xc0) != 0x80 && columns++ == most - 3)
            break;
    memcpy(at, "...", 4);
}

static void print_cell(const struct screen *s, const char *cell, enum paint which, unsigned width, bool right, bool last)
{
    unsigned space = width > columns_of(cell) ? width - columns_of(cell) : 0;
    fprintf(s->out, "%*s%s%s%s", right ? (int)space : 0, "", which ? paint(s, which) : "", cell,
            which ? paint(s, PAINT_NONE) : "");
    if (last)
        fputc('\n', s->out);
    else
        fprintf(s->out, "%*s", (right ? 0 : (int)space) + 2, "");
}

void listing_print(struct listing *t, const struct screen *s)
{
    unsigned widths[LISTING_COLUMNS_MAX] = {0}, before_last = 0;
    for (unsigned c = 0; c < t->columns; c++)
        widths[c] = columns_of(t->titles[c]);
    for (size_t i = 0; i < t->used; i++) {
        unsigned wide = columns_of(t->cells[i]);
        if (wide > widths[i % t->columns])
            widths[i % t->columns] = wide;
    }
    for (unsigned c = 0; c + 1 < t->columns; c++)
        before_last += widths[c] + 2;
    for (unsigned c = 0; c < t->columns; c++)
        print_cell(s, t->titles[c], PAINT_BOLD, widths[c], t->right[c], c + 1 == t->columns);
    for (size_t row = 0; row + t->columns <= t->used; row += t->columns) {
        char **cells = t->cells + row;
        unsigned last = t->columns - 1;
        if (s->width >= before_last + LAST_COLUMN_LEAST)
            cut(cells[last], s->width - before_last);
        while (last > 0 && !*cells[last])
            last--;
        for (unsigned c = 0; c <= last; c++)
            print_cell(s, cells[c], t->paints[row + c], widths[c], t->right[c], c == last);
    }
    listing_free(t);
}

void listing_free(struct listing *t)
{
    for (size_t i = 0; i < t->used; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t->paints);
    *t = (struct listing){0};
}
