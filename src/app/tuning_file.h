/* threshold.config as a text that is changed as a whole: a new file takes the place of the old one, or nothing happens. */
#ifndef DBHOUND_SRC_APP_TUNING_FILE_H
#define DBHOUND_SRC_APP_TUNING_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { TUNING_LINE_MAX = 2048 };

/* The text, NUL-terminated and to be freed; "" when there is no such file. NULL with `why`. */
char *tuning_file_read(const char *path, struct error *why) MUST_CHECK;
/* Durable when it returns true. */
bool tuning_file_write(const char *path, const char *text, struct error *why) MUST_CHECK;
/* The text with lines at its end. NULL: no memory. */
char *tuning_text_add(const char *text, const char *lines);
/* The text without the lines about a sid, or without one line (from 1; 0: those about the sid), each with the "#:" comment
 * above it. *removed counts them. NULL: no memory. */
char *tuning_text_remove(const char *text, uint32_t sid, unsigned line, unsigned *removed);

#endif
