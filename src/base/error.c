/* Errors as text: see base/error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Bool error_set(struct error *why, enum exit_code code, const char *format, ...)
{
    va_list arguments;
    why->code = code;
    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    return 0;
}

_Bool error_add(struct error *why, const char *format, ...)
{
    char before[sizeof why->text];
    char after[sizeof why->text];
    va_list arguments;
    memcpy(after, why->text, sizeof after);
    va_start(arguments, format);
    vsnprintf(before, sizeof before, format, arguments);
    va_end(arguments);
    snprintf(why->text, sizeof why->text, "%.200s: %.300s", before, after);
    return 0;
}
