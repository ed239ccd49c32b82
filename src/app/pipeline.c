/* The wiring of the rooms: see pipeline.h. */
#include "app/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "app/feed.h"
#include "app/merge.h"
#include "app/worker.h"

enum { PROGRESS_LOTS = 256, MERGE_MOST = 256, NAP_NS = 500000, NAPS_PER_PROGRESS = 200, SERVERS_KNOWN = 4096, REACH_MOST = 131072 };

static const int64_t LIVE_PROGRESS_NS = INT64_C(100000000);

enum task { TASK_WAIT, TASK_RUN, TASK_TICK, TASK_FINISH, TASK_QUIT };

struct hand {
    struct pipeline *pipeline;
    struct worker *worker;
    struct limiter *limiter;
    struct counters counters;
    pthread_t thread;
    bool started;
};

struct pipeline {
    struct arena arena; /* what workers share */
    struct counters *counters;
    struct recorder *recorder;
    const struct rule_set *rules;
    struct directory *directory;
    struct feed *feed;
    struct merge *merge;
    struct turns turns;
    struct sides sides;
    struct others others;
    struct host_rules hosts;
    unsigned workers; /* threads */
    unsigned hands_used;
    struct hand hands[WORKERS_MAX];
    /* What the threads are to do. */
    pthread_mutex_t lock;
    pthread_cond_t called;
    enum task task;
    uint64_t call;
    int64_t tick_ns;
    atomic_uint busy;
};

/* ---- the threads */

static void hand_do(struct hand *h, enum task task)
{
    struct pipeline *p = h->pipeline;
    unsigned index = (unsigned)(h - p->hands);
    const struct lot *lot;
    switch (task) {
    case TASK_RUN:
        while ((lot = feed_next(p->feed, index)))
            worker_take(h->worker, lot);
        return;
    case TASK_TICK:
        worker_tick(h->worker, feed_latest(p->feed), p->tick_ns);
        return;
    case TASK_FINISH:
        worker_finish(h->worker, feed_latest(p->feed));
        return;
    case TASK_WAIT:
    case TASK_QUIT:
        return;
    }
}

static void *hand_main(void *context)
{
    struct hand *h = context;
    struct pipeline *p = h->pipeline;
    enum task task = TASK_WAIT;
    for (uint64_t calls = 0; task != TASK_QUIT; calls++) {
        pthread_mutex_lock(&p->lock);
        while (p->call == calls)
            pthread_cond_wait(&p->called, &p->lock);
        task = p->task;
        pthread_mutex_unlock(&p->lock);
        hand_do(h, task);
        atomic_fetch_sub_explicit(&p->busy, 1, memory_order_release);
    }
    return NULL;
}

static void call_hands(struct pipeline *p, enum task task)
{
    atomic_store(&p->busy, p->hands_used);
    pthread_mutex_lock(&p->lock);
    p->task = task;
    p->call++;
    pthread_cond_broadcast(&p->called);
    pthread_mutex_unlock(&p->lock);
}

/* Hands on what the workers find until all of them are done. Alerts are rare: the recorder sleeps most of the time. */
static void record(struct pipeline *p, const volatile bool *stop, void (*progress)(void *), void *context)
{
    bool busy;
    unsigned naps = 0;
    do {
        busy = atomic_load_explicit(&p->busy, memory_order_acquire) > 0;
        size_t taken = merge_some(p->merge, MERGE_MOST);
        if (stop && *stop)
            feed_stop(p->feed);
        if (busy && taken == 0) {
            nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
            naps++;
        }
        if (progress && naps >= NAPS_PER_PROGRESS && feed_hold(p->feed)) {
            progress(context);
            feed_release(p->feed);
            naps = 0;
        }
        busy |= taken > 0;
    } while (busy);
}

/* ---- opening */

/* A fiftieth of the memory, however many workers: what is evicted depends on it. */
static size_t fragment_bytes(const struct pipeline_options *options)
{
    enum { SHARE = 50, LEAST = 2 * 1024 * 1024 };
    return options->memory_bytes / SHARE > LEAST ? options->memory_bytes / SHARE : LEAST;
}

static bool open_shared(struct pipeline *p, const struct pipeline_options *options, struct error *why)
{
    enum { PER_WORKER = 4 * 1024 * 1024, SHARED = 12 * 1024 * 1024 };
    unsigned count = p->workers ? p->workers : 1;
    if (!arena_open(&p->arena, SHARED + (size_t)count * PER_WORKER + fragment_bytes(options), why))
        return false;
    bool several = p->workers > 1;
    bool fits = sides_open(&p->sides, &p->arena) && others_open(&p->others, &p->arena) && turns_open(&p->turns, &p->arena, count) &&
                (p->feed = feed_open(&p->arena, count, fragment_bytes(options), &p->hosts, p->counters)) &&
                (p->directory = directory_open(&p->arena, SERVERS_KNOWN, several ? &p->turns : NULL)) &&
                (!p->workers || (p->merge = merge_open(&p->arena, count, &p->turns, p->recorder)));
    return fits || error_set(why, EXIT_INTERNAL, "the workers' shared memory is too small");
}

static bool open_hand(struct pipeline *p, const struct pipeline_options *options, const struct rule_set *rules, struct error *why)
{
    unsigned count = p->workers ? p->workers : 1, index = p->hands_used;
    struct hand *h = &p->hands[index];
    size_t shared = p->workers > 1 ? p->arena.used : 0;
    size_t own = options->memory_bytes > shared ? (options->memory_bytes - shared) / count : 0;
    struct outlet outlet = {.recorder = p->recorder};
    h->pipeline = p;
    if (p->workers) {
        if (!(h->limiter = limiter_open(rules)))
            return error_set(why, EXIT_INTERNAL, "out of memory");
        outlet = (struct outlet){.ring = merge_ring(p->merge, index), .turns = &p->turns, .worker = index, .limiter = h->limiter};
    }
    struct worker_options worker = {
        .memory_bytes = own,
        .flight_packets = options->memory_bytes / 8192 < REACH_MOST ? options->memory_bytes / 8192 : REACH_MOST,
        .check_checksums = options->check_checksums,
        .ignore_checksums = options->ignore_checksums,
        .hosts = &p->hosts,
        .evidence = options->evidence,
        .rules = rules,
        .geo = options->geo,
        .keylog = options->keylog,
        .classify = options->classify,
        .known = options->known,
        .memos = options->memos,
        .directory = p->directory,
        .index = index,
        .turns = p->workers ? &p->turns : NULL,
        .spread = p->workers > 1 ? feed_spread(p->feed) : NULL,
        .fragment_bytes = p->workers > 1 ? 0 : fragment_bytes(options),
    };
    p->hands_used++;
    h->worker = worker_open(&worker, &outlet, p->workers ? &h->counters : p->counters, why);
    if (!h->worker)
        return false;
    if (p->workers && pthread_create(&h->thread, NULL, hand_main, h) != 0)
        return error_set(why, EXIT_INTERNAL, "cannot start a thread");
    h->started = p->workers > 0;
    return true;
}

struct pipeline *pipeline_open(const struct pipeline_options *options, const struct rule_set *rules, struct recorder *recorder,
                               struct counters *counters, struct error *why)
{
    struct pipeline *p = aligned_alloc(64, (sizeof *p + 63) & ~(size_t)63);
    if (!p) {
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    *p = (struct pipeline){.counters = counters, .recorder = recorder, .rules = rules, .workers = options->workers, .hosts = options->hosts};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->called, NULL);
    bool open = open_shared(p, options, why);
    for (unsigned i = 0; open && i < (p->workers ? p->workers : 1); i++)
        open = open_hand(p, options, rules, why);
    if (open)
        return p;
    pipeline_close(p);
    return NULL;
}

void pipeline_close(struct pipeline *p)
{
    if (!p)
        return;
    call_hands(p, TASK_QUIT);
    for (unsigned i = 0; i < p->hands_used; i++) {
        struct hand *h = &p->hands[i];
        if (h->started)
            pthread_join(h->thread, NULL);
        if (h->worker)
            worker_close(h->worker);
        if (h->limiter)
            limiter_close(h->limiter);
    }
    pthread_cond_destroy(&p->called);
    pthread_mutex_destroy(&p->lock);
    arena_close(&p->arena);
    free(p);
}

/* ---- running */

void pipeline_run(struct pipeline *p, struct source *source, const volatile bool *stop, void (*progress)(void *), void *context)
{
    feed_begin(p->feed, source);
    if (p->workers) {
        call_hands(p, TASK_RUN);
        record(p, stop, progress, context);
        return;
    }
    const struct lot *lot;
    unsigned until_progress = PROGRESS_LOTS;
    int64_t progress_ns = 0;
    while (!*stop && (lot = feed_next(p->feed, 0))) {
        worker_take(p->hands[0].worker, lot);
        /* Live, few packets may take long. */
        bool due = source_is_live(source) && (uint64_t)(lot->clock_ns[lot->count - 1] - progress_ns) > (uint64_t)LIVE_PROGRESS_NS;
        if (--until_progress == 0 || due) {
            until_progress = PROGRESS_LOTS;
            progress_ns = lot->clock_ns[lot->count - 1];
            if (progress)
                progress(context);
        }
    }
}

static void pipeline_do(struct pipeline *p, enum task task)
{
    if (!p->workers) {
        hand_do(&p->hands[0], task);
        return;
    }
    call_hands(p, task);
    record(p, NULL, NULL, NULL);
}

void pipeline_tick(struct pipeline *p, int64_t now_ns)
{
    p->tick_ns = now_ns;
    pipeline_do(p, TASK_TICK);
}

void pipeline_finish(struct pipeline *p)
{
    pipeline_do(p, TASK_FINISH);
    for (unsigned i = 0; i < p->hands_used; i++) {
        sides_add(&p->sides, worker_sides(p->hands[i].worker));
        others_add(&p->others, worker_others(p->hands[i].worker));
    }
    for (unsigned i = 0; p->workers && i < p->hands_used; i++)
        for (unsigned c = 0; c < COUNTERS; c++)
            p->counters->value[c] += p->hands[i].counters.value[c];
}

uint64_t pipeline_flows(const struct pipeline *p, enum protocol protocol)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->hands_used; i++)
        sum += worker_flows(p->hands[i].worker, protocol);
    return sum;
}

uint64_t pipeline_messages(const struct pipeline *p, enum protocol protocol)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->hands_used; i++)
        sum += worker_messages(p->hands[i].worker, protocol);
    return sum;
}

const struct others *pipeline_others(const struct pipeline *p)
{
    return &p->others;
}

uint64_t pipeline_spoken(const struct pipeline *p, uint16_t spoken)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->hands_used; i++)
        sum += worker_spoken(p->hands[i].worker, spoken);
    return sum;
}

const struct sides *pipeline_sides(const struct pipeline *p)
{
    return &p->sides;
}

void pipeline_rule_stats(const struct pipeline *p, uint32_t rule, struct rule_stats *out)
{
    *out = (struct rule_stats){0};
    for (unsigned i = 0; i < p->hands_used; i++)
        worker_rule_stats(p->hands[i].worker, rule, out);
}

static bool change_limiters(struct pipeline *p, const struct rule_set *rules)
{
    bool changed = recorder_change(p->recorder, rules);
    for (unsigned i = 0; changed && i < p->hands_used; i++)
        changed = !p->hands[i].limiter || limiter_change(p->hands[i].limiter, rules);
    return changed;
}

bool pipeline_change_rules(struct pipeline *p, const struct rule_set *rules, struct error *why)
{
    unsigned prepared = 0;
    while (prepared < p->hands_used && worker_prepare_rules(p->hands[prepared].worker, rules, why))
        prepared++;
    bool changed = prepared == p->hands_used;
    if (changed && !change_limiters(p, rules)) {
        (void)change_limiters(p, p->rules);
        changed = error_set(why, EXIT_INTERNAL, "out of memory");
    }
    for (unsigned i = 0; i < prepared; i++)
        (changed ? worker_change_rules : worker_forget_rules)(p->hands[i].worker);
    if (changed)
        p->rules = rules;
    return changed;
}

void pipeline_set_geo(struct pipeline *p, const struct geo *geo)
{
    for (unsigned i = 0; i < p->hands_used; i++)
        worker_set_geo(p->hands[i].worker, geo);
}

void pipeline_settle_habits(struct pipeline *p, struct habits *known)
{
    for (unsigned i = 0; i < p->hands_used; i++)
        worker_settle_habits(p->hands[i].worker, known);
}
