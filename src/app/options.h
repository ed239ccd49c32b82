/* What was written on the command line, checked against the options that the command takes. */
#ifndef DBHOUND_APP_OPTIONS_H
#define DBHOUND_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum option_id {
#define OPTION(SYMBOL, short_name, long_name, argument, group, help) OPTION_##SYMBOL,
#include "app/options.def"
#undef OPTION
    OPTIONS
};

/* A set of options, for struct command: TAKES(DB) | TAKES(JSON). Every command takes OPTIONS_OF_ALL. */
#define TAKES(SYMBOL) (UINT64_C(1) << OPTION_##SYMBOL)
#define OPTIONS_OF_ALL (TAKES(COLOR) | TAKES(QUIET) | TAKES(VERBOSE) | TAKES(HELP))

struct options {
    struct {
        enum option_id option;
        const char *value; /* "" for a flag */
    } *given;
    size_t given_count;
    char **operands; /* what is no option, in order */
    size_t operand_count;
};

/* argv[0] is the command's name. argv is reordered, operands last. EXIT_USAGE with a suggestion when something is unknown. */
bool options_parse(struct options *o, uint64_t takes, int argc, char **argv, struct error *why) MUST_CHECK;
void options_close(struct options *o);

bool options_have(const struct options *o, enum option_id option);
/* The value as written (the last one), or NULL. */
const char *options_text(const struct options *o, enum option_id option);
/* The i-th value of an option that may be given more than once, or NULL. */
const char *options_nth(const struct options *o, enum option_id option, size_t i);
/* Sets *number (left alone when the option is not there). EXIT_USAGE when it is no number from `least` to `most`. */
/* 1 to 4, or high, medium, low, info. */
bool options_severity(const struct options *o, enum option_id option, uint64_t *severity, struct error *why) MUST_CHECK;
bool options_number(const struct options *o, enum option_id option, uint64_t least, uint64_t most, uint64_t *number,
                    struct error *why) MUST_CHECK;
/* The same for a size in bytes, with KiB, MiB or GiB. */
bool options_size(const struct options *o, enum option_id option, uint64_t least, uint64_t most, uint64_t *bytes,
                  struct error *why) MUST_CHECK;
/* The path of the store. */
const char *options_store(const struct options *o);

/* The options of a command by group, for its help. */
void options_print(FILE *out, uint64_t takes);

#endif
