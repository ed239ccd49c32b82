/* Words to the person at the terminal: stderr only, one line each, prefixed "dbhound: ". */
#ifndef DBHOUND_BASE_LOG_H
#define DBHOUND_BASE_LOG_H

#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level most); /* default: NOTICE; start-up only */
void log_say(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_say(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_say(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_say(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_say(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
