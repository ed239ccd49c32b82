/* Finds the behaviour rules for a drill: see drill_rules.h. */
#include "app/drill_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool find(char *path, size_t size)
{
    /* From the program's directory: PREFIX/bin, and build/ or build/debug/ of the sources. */
    static const char *const places[] = {"../share/dbhound/rules", "../rules", "../../rules"};
    char program[2048];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    char *end = strrchr(program, '/');
    if (end)
        *end = 0;
    for (size_t i = 0; end && i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, size, "%s/%s/behaviour.rules", program, places[i]);
        if (access(path, R_OK) == 0)
            return true;
    }
    snprintf(path, size, "rules/behaviour.rules");
    return access(path, R_OK) == 0;
}

bool drill_rules_add(const struct options *given, struct drill_rules *out, struct error *why)
{
    out->options = *given;
    if (options_have(given, OPTION_RULES) || options_have(given, OPTION_ONLY_RULES))
        return true;
    if (!find(out->path, sizeof out->path))
        return error_set(why, EXIT_NO_INPUT, "the behaviour rules that judge this drill are not where they are installed; name them with -s behaviour.rules");
    out->options.given = calloc(given->given_count + 1, sizeof *out->options.given);
    if (!out->options.given)
        return error_set(why, EXIT_INTERNAL, "out of memory");
    for (size_t i = 0; i < given->given_count; i++)
        out->options.given[i] = given->given[i];
    out->options.given[given->given_count].option = OPTION_RULES;
    out->options.given[given->given_count].value = out->path;
    out->options.given_count++;
    return true;
}

void drill_rules_close(struct drill_rules *r, const struct options *given)
{
    if (r->options.given != given->given)
        free(r->options.given);
}
