/* dbhound replay: decodes captures, stores alerts and samples, prints what it came to. */
#include <unistd.h>

#include "app/run.h"

enum { PATHS_MAX = 255 };

static void show_progress(void *context)
{
    struct run *r = context;
    uint64_t done, all;
    const char *path;
    source_progress(r->source, &done, &all, &path);
    if (all)
        fprintf(stderr, "\r%3llu %%  %s\033[K", (unsigned long long)(done * 100 / all), path ? path : "");
}

static bool open_files(struct run *r, struct text *sources, struct error *why)
{
    const struct options *o = r->options;
    const char *paths[PATHS_MAX];
    size_t used = 0;
    for (size_t i = 0; options_nth(o, OPTION_READ, i) && used < PATHS_MAX; i++)
        paths[used++] = options_nth(o, OPTION_READ, i);
    for (size_t i = 0; i < o->operand_count && used < PATHS_MAX; i++)
        paths[used++] = o->operands[i];
    if (used == 0)
        return error_set(why, EXIT_USAGE, "name a capture file, a directory, or - for standard input");
    if (used == PATHS_MAX)
        return error_set(why, EXIT_USAGE, "more than %d files; name their directory instead", PATHS_MAX - 1);
    for (size_t i = 0; i < used; i++)
        text_add(sources, "%s%s", i ? "\n" : "", paths[i]);
    struct source_options options = {options_text(o, OPTION_FILTER), &r->counters};
    r->source = source_open_files(paths, used, &options, why);
    return r->source != NULL;
}

static int replay_run(const struct options *o)
{
    struct error why;
    struct run r = {.options = o};
    int result;
    TEXT_ON_STACK(sources, 4096);
    if (open_files(&r, &sources, &why) && run_open(&r, "replay", sources.chars, &why)) {
        bool progress = isatty(STDERR_FILENO) && !options_have(o, OPTION_QUIET);
        run_catch_signals();
        pipeline_run(r.pipeline, r.source, &run_stopped, progress ? show_progress : NULL, &r);
        if (progress)
            fprintf(stderr, "\r\033[K");
        result = run_end(&r, &replay_command);
    } else {
        result = run_refuse(&replay_command, &why);
    }
    run_close(&r);
    return result;
}

const struct command replay_command = {
    .name = "replay",
    .usage = "[options] FILE|DIR|-...",
    .summary = "decode captures, store alerts and samples, print the sum",
    .examples = "dbhound replay incident.pcap\n"
                "dbhound replay --keylog secrets.log incident.pcap\n"
                "dbhound replay -d case42.db -f 'host 10.0.0.5' /var/captures\n"
                "zcat mirror.pcap.gz | dbhound replay --json - | jq .alerts\n",
    .exits = "0 done; 1 --fail-on matched; 2 a capture is damaged, what could be read was used; 64 usage; 65 no rule of -S loads; "
             "66 no such capture; 73 and 74 the store cannot be written",
    .takes = TAKES(READ) | RUN_OPTIONS,
    .run = replay_run,
};
