/* The hex dump: see hex.h. */
#include "app/hex.h"

#include <string.h>

enum {
    PER_LINE = 16,
    WHOLE_LINES = 24,  /* up to here everything is shown */
    FIRST_LINES = 2,
    NEAR_LINES = 4,    /* before and after the mark */
    MARK_LINES = 8,    /* of a long mark */
    HEX_COLUMN = 8,    /* "  0020  " */
};

static size_t column_of(size_t i)
{
    return HEX_COLUMN + 3 * i + (i >= PER_LINE / 2);
}

static void print_line(const struct screen *s, struct view bytes, size_t from, size_t mark, size_t mark_end)
{
    size_t end = from + PER_LINE < bytes.length ? from + PER_LINE : bytes.length;
    fprintf(s->out, "  %s%04zx%s  ", paint(s, PAINT_DIM), from, paint(s, PAINT_NONE));
    for (size_t i = from; i < from + PER_LINE; i++) {
        const char *gap = i - from == PER_LINE / 2 ? " " : "";
        if (i >= end)
            fprintf(s->out, "%s   ", gap);
        else if (i >= mark && i < mark_end)
            fprintf(s->out, "%s%s%02x%s ", gap, paint(s, PAINT_MARK), bytes.bytes[i], paint(s, PAINT_NONE));
        else
            fprintf(s->out, "%s%02x ", gap, bytes.bytes[i]);
    }
    fputs(" |", s->out);
    for (size_t i = from; i < end; i++) {
        uint8_t c = bytes.bytes[i];
        bool marked = i >= mark && i < mark_end;
        fprintf(s->out, "%s%c%s", marked ? paint(s, PAINT_MARK) : "", c >= 0x20 && c < 0x7f ? c : '.',
                marked ? paint(s, PAINT_NONE) : "");
    }
    fputs("|\n", s->out);
}

/* Under the line: ^^ for each marked byte, joined; one ^ where something is missing. */
static void print_marks(const struct screen *s, size_t from, size_t mark, size_t mark_end)
{
    char under[HEX_COLUMN + 3 * PER_LINE + 4];
    size_t used = 0;
    memset(under, ' ', sizeof under);
    for (size_t i = 0; i < PER_LINE; i++) {
        size_t at = column_of(i);
        if (mark == mark_end && from + i == mark) {
            under[at] = '^';
            used = at + 1;
        } else if (from + i >= mark && from + i < mark_end) {
            size_t begin = from + i > mark && i ? column_of(i - 1) + 2 : at;
            memset(under + begin, '^', at + 2 - begin);
            used = at + 2;
        }
    }
    if (used)
        fprintf(s->out, "%.*s%s\n", (int)used, under, mark == mark_end ? " missing from here" : "");
}

void hex_print(const struct screen *s, struct view bytes, uint32_t offset, uint32_t length)
{
    size_t lines = (bytes.length + PER_LINE - 1) / PER_LINE, hidden = 0;
    size_t mark = offset, mark_end = mark + length;
    /* A place behind the last byte of a full line is shown at the end of it, on a line of its own. */
    if (mark == bytes.length && length == 0 && bytes.length % PER_LINE == 0)
        lines++;
    size_t mark_line = mark / PER_LINE, last_line = (mark_end > mark ? mark_end - 1 : mark) / PER_LINE;
    if (last_line >= mark_line + MARK_LINES)
        last_line = mark_line + MARK_LINES - 1;
    for (size_t line = 0; line < lines; line++) {
        bool near = line + NEAR_LINES >= mark_line && line <= last_line + NEAR_LINES;
        if (lines > WHOLE_LINES && line >= FIRST_LINES && !near) {
            hidden++;
            continue;
        }
        if (hidden)
            fprintf(s->out, "  ....  %zu bytes\n", hidden * PER_LINE);
        hidden = 0;
        print_line(s, bytes, line * PER_LINE, mark, mark_end);
        if (!s->colour || length == 0)
            print_marks(s, line * PER_LINE, mark, mark_end);
    }
    if (hidden)
        fprintf(s->out, "  ....  %zu bytes\n", bytes.length - (lines - hidden) * PER_LINE);
}
