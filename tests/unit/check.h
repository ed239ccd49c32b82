/* What every unit test shares: cmocka, and bytes written as hex in a heap block of exactly their size, so that a read
 * one byte too far is seen by the sanitizers. */
#ifndef DBHOUND_TESTS_CHECK_H
#define DBHOUND_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/view.h"

static inline int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "4a 00 'text' 0a" -> bytes; text in single quotes stands for itself. Free with hex_free. */
static inline struct view hex(const char *written)
{
    uint8_t *bytes = malloc(strlen(written) + 1);
    size_t length = 0;
    for (const char *c = written; *c; c++) {
        if (*c == '\'') {
            for (c++; *c && *c != '\''; c++)
                bytes[length++] = (uint8_t)*c;
        } else if (hex_digit(c[0]) >= 0 && hex_digit(c[1]) >= 0) {
            bytes[length++] = (uint8_t)(hex_digit(c[0]) << 4 | hex_digit(c[1]));
            c++;
        }
        if (!*c)
            break;
    }
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, bytes, length);
    free(bytes);
    return view_of(exact, length);
}

static inline void hex_free(struct view bytes)
{
    free((void *)(uintptr_t)bytes.bytes);
}

#endif
