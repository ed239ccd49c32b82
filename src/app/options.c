/* Options: see options.h. Parsed by getopt_long from the one table. */
#include "app/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "app/suggest.h"
#include "base/text.h"

enum group { GROUP_INPUT, GROUP_RULES, GROUP_STORE, GROUP_SELECT, GROUP_OUTPUT, GROUPS };

static const char *const group_titles[GROUPS] = {"Input", "Rules", "Store", "Select", "Output"};

static const struct {
    const char *long_name, *argument, *help;
    char short_name;
    uint8_t group;
} table[] = {
#define OPTION(SYMBOL, short_name, long_name, argument, group, help) {long_name, argument, help, short_name, group},
#include "app/options.def"
#undef OPTION
};

_Static_assert(OPTIONS <= 64, "sets of options are 64 bits");

enum { LONG_BASE = 256 }; /* getopt's value of an option: its place in the table after the characters */

static void build(uint64_t takes, struct option longs[OPTIONS + 1], char shorts[2 * OPTIONS + 2])
{
    size_t many = 0, at = 0;
    shorts[at++] = ':';
    for (int i = 0; i < OPTIONS; i++) {
        if (!(takes >> i & 1))
            continue;
        longs[many++] = (struct option){table[i].long_name, table[i].argument ? required_argument : no_argument, NULL,
                                        LONG_BASE + i};
        if (table[i].short_name) {
            shorts[at++] = table[i].short_name;
            if (table[i].argument)
                shorts[at++] = ':';
        }
    }
    longs[many] = (struct option){NULL, 0, NULL, 0};
    shorts[at] = 0;
}

static int by_short(uint64_t takes, int c)
{
    for (int i = 0; i < OPTIONS; i++)
        if (table[i].short_name == c && (takes >> i & 1))
            return i;
    return OPTIONS;
}

static bool refuse(uint64_t takes, int found, const char *written, struct error *why)
{
    TEXT_ON_STACK(shown, 128);
    size_t name_length = strcspn(written, "=");
    text_add_escaped(&shown, view_of(written, name_length));
    if (found == ':')
        return error_set(why, EXIT_USAGE, "option '%s' needs a value", shown.chars);
    if (strncmp(written, "--", 2) != 0)
        return error_set(why, EXIT_USAGE, "unknown option '-%c' in '%s'", optopt >= 0x20 && optopt < 0x7f ? optopt : '?',
                         shown.chars);
    struct suggestion nearest = suggest_for(shown.chars + 2);
    for (int i = 0; i < OPTIONS; i++) {
        if (!(takes >> i & 1))
            continue;
        if (strlen(table[i].long_name) == name_length - 2 && memcmp(table[i].long_name, written + 2, name_length - 2) == 0)
            return error_set(why, EXIT_USAGE, "option '%s' takes no value", shown.chars);
        suggest_offer(&nearest, table[i].long_name);
    }
    error_set(why, EXIT_USAGE, "unknown option '%s'", shown.chars);
    return suggest_add(&nearest, "--", why);
}

bool options_parse(struct options *o, uint64_t takes, int argc, char **argv, struct error *why)
{
    struct option longs[OPTIONS + 1];
    char shorts[2 * OPTIONS + 2];
    takes |= OPTIONS_OF_ALL;
    build(takes, longs, shorts);
    *o = (struct options){.given = calloc((size_t)argc + 1, sizeof *o->given)};
    if (!o->given)
        return error_set(why, EXIT_INTERNAL, "out of memory");
    optind = 0; /* begin anew: the GNU way */
    opterr = 0;
    int found;
    while ((found = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        int which = found >= LONG_BASE ? found - LONG_BASE : by_short(takes, found);
        if (found == '?' || found == ':' || which == OPTIONS)
            return refuse(takes, found, argv[optind > 1 ? optind - 1 : 1], why);
        /* A cluster of flags (-qvq) can hold more options than there are arguments. */
        if (o->given_count == (size_t)argc)
            continue;
        o->given[o->given_count].option = (enum option_id)which;
        o->given[o->given_count++].value = optarg ? optarg : "";
    }
    o->operands = argv + optind;
    o->operand_count = (size_t)(argc - optind);
    return true;
}

void options_close(struct options *o)
{
    free(o->given);
    *o = (struct options){0};
}

const char *options_text(const struct options *o, enum option_id option)
{
    for (size_t i = o->given_count; i > 0; i--)
        if (o->given[i - 1].option == option)
            return o->given[i - 1].value;
    return NULL;
}

bool options_have(const struct options *o, enum option_id option)
{
    return options_text(o, option) != NULL;
}

const char *options_nth(const struct options *o, enum option_id option, size_t i)
{
    for (size_t at = 0; at < o->given_count; at++)
        if (o->given[at].option == option && i-- == 0)
            return o->given[at].value;
    return NULL;
}

bool options_number(const struct options *o, enum option_id option, uint64_t least, uint64_t most, uint64_t *number,
                    struct error *why)
{
    const char *text = options_text(o, option);
    char *end = NULL;
    if (!text)
        return true;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || value < least || value > most) {
        TEXT_ON_STACK(shown, 64);
        text_add_escaped(&shown, view_text(text));
        return error_set(why, EXIT_USAGE, "--%s: '%s' is no number from %llu to %llu", table[option].long_name, shown.chars,
                         (unsigned long long)least, (unsigned long long)most);
    }
    *number = value;
    return true;
}

bool options_severity(const struct options *o, enum option_id option, uint64_t *severity, struct error *why)
{
    static const char *const names[] = {"high", "medium", "low", "info"};
    const char *text = options_text(o, option);
    for (unsigned i = 0; text && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *severity = i + 1;
            return true;
        }
    }
    return options_number(o, option, 1, 4, severity, why);
}

bool options_size(const struct options *o, enum option_id option, uint64_t least, uint64_t most, uint64_t *bytes, struct error *why)
{
    static const struct {
        const char *unit;
        unsigned shift;
    } units[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    const char *text = options_text(o, option);
    char *end = NULL;
    if (!text)
        return true;
    unsigned long long value = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (text[0] >= '0' && text[0] <= '9' && strcmp(end, units[i].unit) == 0 && value <= most >> units[i].shift &&
            value << units[i].shift >= least) {
            *bytes = value << units[i].shift;
            return true;
        }
    }
    TEXT_ON_STACK(shown, 64);
    text_add_escaped(&shown, view_text(text));
    return error_set(why, EXIT_USAGE, "--%s: '%s' is no size from %llu MiB to %llu MiB (such as 512MiB)", table[option].long_name,
                     shown.chars, (unsigned long long)(least >> 20), (unsigned long long)(most >> 20));
}

const char *options_store(const struct options *o)
{
    const char *path = options_text(o, OPTION_DB);
    return path ? path : "dbhound.db";
}

void options_print(FILE *out, uint64_t takes)
{
    takes |= OPTIONS_OF_ALL;
    for (unsigned group = 0; group < GROUPS; group++) {
        bool begun = false;
        for (unsigned i = 0; i < OPTIONS; i++) {
            if (!(takes >> i & 1) || table[i].group != group)
                continue;
            if (!begun)
                fprintf(out, "\n%s:\n", group_titles[group]);
            begun = true;
            TEXT_ON_STACK(name, 64);
            if (table[i].short_name)
                text_add(&name, "-%c, ", table[i].short_name);
            text_add(&name, "%s--%s%s%s", table[i].short_name ? "" : "    ", table[i].long_name, table[i].argument ? " " : "",
                     table[i].argument ? table[i].argument : "");
            fprintf(out, "  %-30s %s\n", name.chars, table[i].help);
        }
    }
}
