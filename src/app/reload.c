/* Rules that change while a watch runs: see reload.h. */
#include "app/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/ruleset.h"
#include "base/log.h"

enum { PATH_MOST = 4096, STATUS_MOST = 4096 };

enum stage { STAGE_IDLE, STAGE_READ, STAGE_READY, STAGE_QUIT };

struct reload {
    const struct options *options;
    const struct rule_set *running; /* while it is being read: flowbits keep their numbers */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t called;
    enum stage stage;
    struct rule_set *new;           /* STAGE_READY: NULL, and `why` */
    struct error why;
    int file;
    struct reload_status status;
};

static atomic_bool asked;

void reload_ask(void)
{
    atomic_store(&asked, true);
}

/* ---- the file beside the store */

static bool status_path(const char *store, char path[PATH_MOST])
{
    return snprintf(path, PATH_MOST, "%s.watch", store) < PATH_MOST;
}

static void write_status(struct reload *l)
{
    char text[STATUS_MOST] = "";
    json_t *all = json_pack("{s:I, s:I, s:s, s:f, s:s}", "times", (json_int_t)l->status.times, "rules", (json_int_t)l->status.rules, "hash", l->status.hash,
                            "pause_ms", l->status.pause_ms, "error", l->status.error);
    char *said = all ? json_dumps(all, JSON_COMPACT) : NULL;
    snprintf(text, sizeof text, "%s\n", said ? said : "{}");
    /* One write: who reads it sees the old or the new. */
    memset(text + strlen(text), ' ', sizeof text - strlen(text) - 1);
    text[sizeof text - 1] = '\n';
    if (pwrite(l->file, text, sizeof text, 0) != (ssize_t)sizeof text)
        log_warning("cannot write what is said beside the store: %s", strerror(errno));
    free(said);
    json_decref(all);
}

bool reload_status_read(const char *store, long *process, struct reload_status *out, struct error *why)
{
    char path[PATH_MOST], text[STATUS_MOST + 1] = "";
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int file = status_path(store, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return error_set(why, EXIT_NO_INPUT, "no watch writes to %s", store);
    const bool locked = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    const ssize_t length = pread(file, text, STATUS_MOST, 0);
    close(file);
    if (!locked || length <= 0)
        return error_set(why, EXIT_NO_INPUT, "no watch writes to %s", store);
    *process = (long)lock.l_pid;
    *out = (struct reload_status){0};
    json_t *all = json_loads(text, 0, NULL);
    const char *hash = json_string_value(json_object_get(all, "hash")), *error = json_string_value(json_object_get(all, "error"));
    out->times = (unsigned long long)json_integer_value(json_object_get(all, "times"));
    out->rules = (unsigned long long)json_integer_value(json_object_get(all, "rules"));
    out->pause_ms = json_real_value(json_object_get(all, "pause_ms"));
    snprintf(out->hash, sizeof out->hash, "%s", hash ? hash : "");
    snprintf(out->error, sizeof out->error, "%s", error ? error : "");
    json_decref(all);
    return true;
}

int reload_claim(const char *store, struct error *why)
{
    char path[PATH_MOST];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int file = status_path(store, path) ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (file < 0) {
        error_set(why, EXIT_CANNOT_CREATE, "%s.watch: %s", store, strerror(errno));
        return -1;
    }
    if (fcntl(file, F_SETLK, &lock) == 0)
        return file;
    error_set(why, EXIT_CANNOT_CREATE, "another watch writes to %s", store);
    close(file);
    return -1;
}

/* ---- the thread */

/* Any error refuses the whole set. */
static struct rule_set *read_rules(const struct reload *l, struct error *why)
{
    struct rule_problem problem;
    struct rule_set *set = ruleset_read_again(l->options, l->running, why);
    if (!set || !rules_problem(set, 0, &problem))
        return set;
    error_set(why, EXIT_DATA, "%s:%u:%u: %.300s%s", problem.file, problem.line, problem.column, problem.text,
              rules_failed(set) > 1 ? "; and more" : "");
    rules_close(set);
    return NULL;
}

static void *reader(void *context)
{
    struct reload *l = context;
    pthread_mutex_lock(&l->lock);
    while (l->stage != STAGE_QUIT) {
        if (l->stage != STAGE_READ) {
            pthread_cond_wait(&l->called, &l->lock);
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        struct error why = {.code = EXIT_DONE};
        struct rule_set *set = read_rules(l, &why);
        pthread_mutex_lock(&l->lock);
        l->new = set;
        l->why = why;
        if (l->stage == STAGE_READ)
            l->stage = STAGE_READY;
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

struct reload *reload_open(const struct run *r, struct error *why)
{
    struct reload *l = calloc(1, sizeof *l);
    TEXT_ON_STACK(hash, 32);
    if (!l) {
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    l->options = r->options;
    l->file = r->claimed;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->called, NULL);
    ruleset_hash(r->rules, &hash);
    l->status = (struct reload_status){.times = 1, .rules = rules_loaded(r->rules)};
    snprintf(l->status.hash, sizeof l->status.hash, "%s", hash.chars);
    write_status(l);
    if (pthread_create(&l->thread, NULL, reader, l) == 0)
        return l;
    error_set(why, EXIT_INTERNAL, "cannot start a thread");
    free(l);
    return NULL;
}

void reload_close(struct reload *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stage = STAGE_QUIT;
    pthread_cond_signal(&l->called);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    if (l->new)
        rules_close(l->new);
    if (ftruncate(l->file, 0) != 0)
        log_warning("cannot empty what is said beside the store: %s", strerror(errno));
    free(l);
}

/* ---- the change */

static void refuse(struct reload *l, const struct error *why)
{
    log_error("the rules are as they were: %s", why->text);
    snprintf(l->status.error, sizeof l->status.error, "%s", why->text);
}

static void put_in_place(struct reload *l, struct run *r)
{
    struct error why = l->why;
    const double began = run_seconds_now();
    TEXT_ON_STACK(hash, 32);
    if (!l->new || !run_change_rules(r, l->new, &why)) {
        refuse(l, &why);
        if (l->new)
            rules_close(l->new);
    } else {
        ruleset_hash(l->new, &hash);
        l->status.rules = rules_loaded(l->new);
        l->status.pause_ms = (run_seconds_now() - began) * 1000;
        l->status.error[0] = 0;
        log_notice("%zu rules are in place: set %s, before %s", rules_loaded(l->new), hash.chars, l->status.hash);
        snprintf(l->status.hash, sizeof l->status.hash, "%s", hash.chars);
    }
    l->new = NULL;
    l->status.times++;
    write_status(l);
}

void reload_look(struct reload *l, struct run *r)
{
    if (pthread_mutex_trylock(&l->lock) != 0)
        return;
    if (l->stage == STAGE_READY) {
        put_in_place(l, r);
        l->stage = STAGE_IDLE;
    }
    if (l->stage == STAGE_IDLE && atomic_exchange(&asked, false)) {
        l->running = r->rules;
        l->stage = STAGE_READ;
        pthread_cond_signal(&l->called);
    }
    pthread_mutex_unlock(&l->lock);
}
