/* A rule set asked about captures: see trial.h. */
#include "app/trial.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/pipeline.h"
#include "proto/keylog.h"

static const volatile bool never;

static bool run(struct trial *t, struct source *source, struct keylog *keylog, struct counters *counters, struct error *why)
{
    const struct pipeline_options options = {
        .memory_bytes = (size_t)64 << 20,
        .check_checksums = t->check_checksums,
        .ignore_checksums = t->ignore_checksums,
        .keylog = keylog,
        .classify = true,
    };
    struct recorder *recorder = recorder_open(t->rules, NULL, counters);
    if (!recorder)
        return error_set(why, EXIT_INTERNAL, "out of memory");
    recorder_follow(recorder, t->told, t->context);
    struct pipeline *pipeline = pipeline_open(&options, t->rules, recorder, counters, why);
    if (pipeline) {
        struct source_damage damage;
        pipeline_run(pipeline, source, &never, NULL, NULL);
        pipeline_finish(pipeline);
        t->packets += counters->value[COUNT_PACKETS_RECEIVED];
        for (size_t i = 0; source_damage(source, i, &damage); i++)
            t->damages++;
    }
    pipeline_close(pipeline);
    recorder_close(recorder);
    return pipeline != NULL;
}

static void take_secrets(void *context, struct view text, uint64_t packets)
{
    keylog_add(context, text, packets);
}

bool trial_files(struct trial *t, const char *const *paths, size_t count, struct error *why)
{
    struct counters counters = {{0}};
    const struct source_options options = {t->filter, &counters};
    struct source *source = source_open_files(paths, count, &options, why);
    if (!source)
        return false;
    struct keylog *keylog = keylog_open(why);
    bool done = keylog && (!t->keylog || keylog_read(keylog, t->keylog, false, why));
    if (done) {
        source_on_secrets(source, take_secrets, keylog);
        done = run(t, source, keylog, &counters, why);
    }
    source_close(source);
    keylog_close(keylog);
    return done;
}

bool trial_bytes(struct trial *t, struct view capture, struct error *why)
{
    char path[48];
    const int file = memfd_create("capture", MFD_CLOEXEC);
    if (file < 0)
        return error_set(why, EXIT_INTERNAL, "cannot make a file in memory");
    bool done = true;
    for (size_t at = 0; done && at < capture.length;) {
        const ssize_t wrote = write(file, capture.bytes + at, capture.length - at);
        if (wrote <= 0)
            done = error_set(why, EXIT_IO, "cannot write a file in memory");
        else
            at += (size_t)wrote;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const char *const paths[] = {path};
    done = done && trial_files(t, paths, 1, why);
    close(file);
    return done;
}
