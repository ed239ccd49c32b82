/* Log lines: see base/log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static enum log_level most_said = LOG_LEVEL_NOTICE;

void log_set_level(enum log_level most)
{
    most_said = most;
}

void log_say(enum log_level level, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    if (level > most_said)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "dbhound: %s%s\n", level == LOG_LEVEL_WARNING ? "warning: " : "", line);
}
