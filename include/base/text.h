/* Bounded text: a writer that never overflows and never needs an error branch; what does not fit ends in "...".
 * The one place that makes attacker-controlled bytes safe for a terminal, a log line and JSON. */
#ifndef DBHOUND_BASE_TEXT_H
#define DBHOUND_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/view.h"

struct text {
    char *chars;    /* caller's memory, always NUL-terminated */
    size_t size;    /* of the memory, at least 4 */
    size_t length;  /* without the NUL */
    bool cut;       /* something did not fit */
};

struct text text_in(char *memory, size_t size);
void text_add(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* Bytes from the wire: printable ASCII and valid printable UTF-8 as they are; everything else (controls, invalid
 * UTF-8, bidirectional and zero-width characters) and the backslash as \xNN. One line for any input. */
void text_add_escaped(struct text *t, struct view bytes);
/* "4a 00 0b", at most `most` bytes, then "...". */
void text_add_hex(struct text *t, struct view bytes, size_t most);
/* 1234567 -> "1,234,567". */
void text_add_number(struct text *t, uint64_t value);
/* Nanoseconds since 1970 as "2026-11-24T05:51:59.123456+0000" (UTC, always six digits, no colon in the zone). */
void text_add_time(struct text *t, int64_t time_ns);
/* "10.0.0.5" or "2001:db8::5" from 16 address bytes (IPv4 mapped as ::ffff:a.b.c.d). */
void text_add_address(struct text *t, const uint8_t address[16]);

#define TEXT_ON_STACK(name, bytes)                                                                                     \
    char name##_memory[bytes];                                                                                         \
    struct text name = text_in(name##_memory, sizeof name##_memory)

#endif
