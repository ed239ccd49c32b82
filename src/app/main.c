/*
 * dbhound COMMAND [options]. Data goes to standard output, everything else to standard error. A reader that goes away
 * (head, less) ends the output quietly; a full disk behind standard output is an error.
 */
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/suggest.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"

static const struct command *const commands[] = {
#define COMMAND(name) &name##_command,
#include "app/commands.def"
#undef COMMAND
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    fputs("usage: dbhound COMMAND [options]\n"
          "\n"
          "Finds malformed, illegal and oversized messages in database traffic and keeps the packets that prove it.\n"
          "\n"
          "  dbhound replay capture.pcap          decode a capture, store alerts in ./dbhound.db\n"
          "  dbhound alerts --severity 2          what was found\n"
          "  dbhound show 1                       why alert 1 fired, byte by byte\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "  -h, --help      this text; 'dbhound COMMAND --help' for a command\n"
          "  -V, --version   the version\n"
          "\n"
          "Exit codes: 0 done, 1 --fail-on matched or tests failed, 2 input partly unreadable, 64 wrong usage, 65 bad data,\n"
          "66 no such input, 69 no capture, 70 internal error, 73 cannot create, 74 read or write error, 77 no permission,\n"
          "78 bad configuration.\n"
          "Environment: NO_COLOR, CLICOLOR_FORCE, COLUMNS.\n",
          out);
}

static void print_command_help(FILE *out, const struct command *c)
{
    fprintf(out, "usage: dbhound %s%s%s\n\n%c%s.\n\n", c->name, *c->usage ? " " : "", c->usage, toupper(c->summary[0]),
            c->summary + 1);
    for (const char *line = c->examples; *line;) {
        size_t length = strcspn(line, "\n");
        fprintf(out, "  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    options_print(out, c->takes);
    fprintf(out, "\nExit codes: %s\n", c->exits);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    struct error why;
    struct suggestion nearest = suggest_for(name);
    TEXT_ON_STACK(shown, 64);
    text_add_escaped(&shown, view_text(name));
    for (size_t i = 0; i < COMMANDS; i++)
        suggest_offer(&nearest, commands[i]->name);
    error_set(&why, EXIT_USAGE, "unknown %s '%s'", name[0] == '-' ? "option" : "command", shown.chars);
    suggest_add(&nearest, "", &why);
    log_error("%s", why.text);
    fputs("Try 'dbhound --help'.\n", stderr);
    return EXIT_USAGE;
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct options options;
    struct error why;
    int result = EXIT_DONE;
    if (!options_parse(&options, c->takes, argc, argv, &why)) {
        result = command_fail(c, &why);
    } else if (options_have(&options, OPTION_HELP)) {
        print_command_help(stdout, c);
    } else {
        if (options_have(&options, OPTION_QUIET))
            log_set_level(LOG_LEVEL_ERROR);
        if (options_have(&options, OPTION_VERBOSE))
            log_set_level(LOG_LEVEL_INFO);
        result = c->run(&options);
    }
    options_close(&options);
    return result;
}

/* Flushing is when the last bytes are written. */
static int finish(int result)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    /* The reader is gone: it had what it wanted. */
    if (!failed || (poll(&output, 1, 0) == 1 && (output.revents & POLLERR)))
        return result;
    log_error("cannot write to standard output: the disk is full, or it is closed");
    return result == EXIT_DONE ? EXIT_IO : result;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    const char *name = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0 || (strcmp(name, "help") == 0 && argc == 2)) {
        print_help(stdout);
        return finish(EXIT_DONE);
    }
    if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        puts("dbhound " DBHOUND_VERSION);
        return finish(EXIT_DONE);
    }
    bool asks_help = strcmp(name, "help") == 0;
    const struct command *c = find_command(asks_help ? argv[2] : name);
    if (!c)
        return unknown(asks_help ? argv[2] : name);
    if (asks_help) {
        print_command_help(stdout, c);
        return finish(EXIT_DONE);
    }
    return finish(run_command(c, argc - 1, argv + 1));
}
