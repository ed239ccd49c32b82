/* What the commands share: see command.h. */
#include "app/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "app/render.h"
#include "base/log.h"
#include "base/text.h"
#include "store/store.h"

int command_fail(const struct command *command, const struct error *why)
{
    TEXT_ON_STACK(safe, 2048);
    text_add_safe(&safe, why->text);
    log_error("%s: %s", command->name, safe.chars);
    if (why->code == EXIT_USAGE)
        fprintf(stderr, "Try 'dbhound %s --help'.\n", command->name);
    return (int)why->code;
}

int command_usage(const struct command *command, const char *format, ...)
{
    struct error why = {.code = EXIT_USAGE};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why.text, sizeof why.text, format, arguments);
    va_end(arguments);
    return command_fail(command, &why);
}

struct sqlite3 *command_store(const struct options *o, struct error *why)
{
    struct sqlite3 *db = store_read(options_store(o), why);
    size_t length = strlen(why->text);
    if (!db && why->code == EXIT_NO_INPUT)
        snprintf(why->text + length, sizeof why->text - length, "%s",
                 options_have(o, OPTION_DB) ? "; 'dbhound replay CAPTURE -d FILE' makes one"
                                            : "; name one with -d FILE, or make it with 'dbhound replay CAPTURE'");
    return db;
}

bool command_number(const struct command *command, const struct options *o, const char *thing, int64_t *id, struct error *why)
{
    char *end = NULL;
    if (o->operand_count != 1)
        return error_set(why, EXIT_USAGE, "%s the number of one %s (see 'dbhound %ss')",
                         o->operand_count ? "takes only" : "needs", thing, thing);
    const char *text = o->operands[0] + (o->operands[0][0] == '#');
    errno = 0;
    *id = strtoll(text, &end, 10);
    if (!errno && end != text && !*end && *id > 0)
        return true;
    TEXT_ON_STACK(shown, 64);
    text_add_escaped(&shown, view_text(o->operands[0]));
    return error_set(why, EXIT_USAGE, "'%s' is not the number of an %s (see 'dbhound %ss'); usage: dbhound %s %s",
                     shown.chars, thing, thing, command->name, command->usage);
}
