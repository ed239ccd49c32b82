/* A command is one constant in one file, and one line in commands.def. */
#ifndef DBHOUND_APP_COMMAND_H
#define DBHOUND_APP_COMMAND_H

#include "app/options.h"

struct sqlite3;

struct command {
    const char *name;
    const char *usage;    /* what follows "dbhound NAME" */
    const char *summary;  /* one line */
    const char *examples; /* runnable lines, each with a newline */
    const char *exits;    /* exit codes and their meaning, in words */
    uint64_t takes;       /* the options, see TAKES */
    int (*run)(const struct options *o); /* returns an exit code; has said on standard error what went wrong */
};

#define COMMAND(name) extern const struct command name##_command;
#include "app/commands.def"
#undef COMMAND

/* Says `why` on standard error, with the command's name, and returns its exit code. */
int command_fail(const struct command *command, const struct error *why);
/* Usage errors: adds where to read more. */
int command_usage(const struct command *command, const char *format, ...) PRINTF_LIKE(2, 3);
/* The store that -d names, for reading. NULL with `why`, which says how to get one. */
struct sqlite3 *command_store(const struct options *o, struct error *why) MUST_CHECK;
/* Reads the number of one `thing` (alert, incident) from the only operand. */
bool command_number(const struct command *command, const struct options *o, const char *thing, int64_t *id, struct error *why) MUST_CHECK;

#endif
