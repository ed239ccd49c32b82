/* What people see on a terminal: colours when it is one, aligned tables, wrapped words. Text from the wire goes through
 * text_add_escaped before it comes here, or through the functions here that say so. */
#ifndef DBHOUND_APP_RENDER_H
#define DBHOUND_APP_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include "app/options.h"
#include "base/text.h"

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_DIM, PAINT_HIGH, PAINT_MEDIUM, PAINT_LOW, PAINT_MARK };

struct screen {
    FILE *out;
    bool terminal, colour;
    unsigned width; /* columns; 0: not a terminal, lines are as long as they are */
};

/* From --color, NO_COLOR, CLICOLOR_FORCE, TERM and the terminal itself. False: --color is wrong. */
bool screen_open(struct screen *s, FILE *out, const struct options *o, struct error *why) MUST_CHECK;
/* Escape sequence that switches a paint on; PAINT_NONE switches off. "" without colour. */
const char *paint(const struct screen *s, enum paint which);
/* The paint and the word of a severity from 1 (high) to 4. */
enum paint severity_paint(int64_t severity);
const char *severity_word(int64_t severity);

/* Prints words wrapped at `width` (0: not at all), every line but the first behind `indent` spaces. */
void print_wrapped(FILE *out, const char *words, unsigned indent, unsigned width);
/* Where paragraphs are wrapped: lines that are too long are hard to read, on a wide screen too. */
unsigned paragraph_width(const struct screen *s);
/* "1.2 kB", "3.4 MB": decimal, as disks and networks count. */
void text_add_size(struct text *t, uint64_t bytes);
/* Text of a program argument, a column or a file name: escaped already or not, safe afterwards. */
void text_add_safe(struct text *t, const char *written);

enum { LISTING_COLUMNS_MAX = 12 };

/* Cells are copied and made safe. All rows are kept until listing_print. */
struct listing {
    unsigned columns;
    const char *titles[LISTING_COLUMNS_MAX];
    bool right[LISTING_COLUMNS_MAX]; /* numbers */
    char **cells;
    enum paint *paints;
    size_t used, size;
};

/* titles ends with NULL; a title that begins with '>' is aligned right. */
void listing_open(struct listing *t, const char *const *titles);
void listing_add(struct listing *t, const char *cell, enum paint paint);
/* Prints and frees. The last column is cut to the screen when that leaves enough of it. */
void listing_print(struct listing *t, const struct screen *s);
void listing_free(struct listing *t);

#endif
