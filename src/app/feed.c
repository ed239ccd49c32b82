/* One source, several workers: see feed.h. */
#include "app/feed.h"

#include <string.h>

#include "base/turns.h"

enum {
    READ_MOST = 32,
    LOT_SPAN = 256 * 1024,         /* bytes of a lot that stays in place: what is ahead must not leave the cache */
    COPY_BYTES = 256 * 1024,
    TICK_PACKETS_SHIFT = 6,        /* time is looked at every 64 packets, */
};
static const int64_t TICK_NS = INT64_C(10000000); /* or after so long */
static const int64_t CLOCK_STEP_NS = INT64_C(1000000000);

struct taker {
    _Alignas(64) _Atomic uint64_t taken; /* lots this worker is done with */
    uint64_t next;                       /* the worker's own: the lot to ask for */
};

struct feed {
    struct source *source;
    struct spread spread;
    struct fragments *fragments;
    uint8_t *datagram; /* for a look at one */
    unsigned workers, lots_used;
    struct lot *lots;
    struct taker takers[WORKERS_MAX];
    _Alignas(64) _Atomic uint64_t published;
    _Alignas(64) atomic_bool reading;
    atomic_bool stopped, ended;
    /* Only who reads touches these. */
    struct raw_packet pending[LOT_PACKETS]; /* read from a source whose bytes do not stay, and not in a lot yet */
    size_t pending_at, pending_count;
    bool pending_stable;
    uint64_t borrowed;                      /* lots up to this one use the source's own bytes */
    int64_t clock_ns, ticked_ns;
    uint64_t latest, delivered;
};

struct feed *feed_open(struct arena *from, unsigned workers, size_t fragment_bytes, const struct host_rules *hosts, struct counters *counters)
{
    struct feed *f = arena_take(from, sizeof *f);
    if (!f || !spread_open(&f->spread, from, workers))
        return NULL;
    if (workers > 1 && (!(f->fragments = fragments_open(from, fragment_bytes, counters)) ||
                        !(f->datagram = arena_take(from, DATAGRAM_BYTES_MAX))))
        return NULL;
    if (f->fragments)
        fragments_know_hosts(f->fragments, hosts);
    f->workers = workers;
    f->lots_used = workers > 1 ? LOTS : 1;
    f->lots = arena_take(from, f->lots_used * sizeof *f->lots);
    for (unsigned i = 0; f->lots && workers > 1 && i < f->lots_used; i++)
        if (!(f->lots[i].bytes = arena_take(from, COPY_BYTES)))
            return NULL;
    return f->lots ? f : NULL;
}

void feed_begin(struct feed *f, struct source *source)
{
    f->source = source;
    atomic_store(&f->stopped, false);
    atomic_store(&f->ended, false);
}

void feed_stop(struct feed *f)
{
    atomic_store_explicit(&f->stopped, true, memory_order_relaxed);
}

uint64_t feed_latest(const struct feed *f)
{
    return f->latest;
}

const struct spread *feed_spread(const struct feed *f)
{
    return &f->spread;
}

bool feed_hold(struct feed *f)
{
    return !atomic_exchange_explicit(&f->reading, true, memory_order_acquire);
}

void feed_release(struct feed *f)
{
    atomic_store_explicit(&f->reading, false, memory_order_release);
}

static void wait_for_takers(struct feed *f, uint64_t lots)
{
    for (unsigned i = 0; i < f->workers; i++)
        for (unsigned round = 0; atomic_load_explicit(&f->takers[i].taken, memory_order_acquire) < lots; round++)
            wait_a_little(round);
}

/* ---- filling a lot */

/* Moves pending packets into the lot. With one worker their bytes are used where they are; the next read comes after it is
 * done with them. With several they are copied, and what is too large for that is waited for. */
static void take_pending(struct feed *f, struct lot *lot)
{
    size_t used = 0;
    lot->stable = f->pending_stable;
    while (f->pending_at < f->pending_count && lot->count < LOT_PACKETS) {
        struct raw_packet *packet = &lot->packets[lot->count];
        *packet = f->pending[f->pending_at];
        if (!lot->stable && f->workers > 1) {
            if (packet->captured > COPY_BYTES - used) {
                if (lot->count)
                    return;
                f->borrowed = atomic_load_explicit(&f->published, memory_order_relaxed) + 1;
            } else {
                memcpy(lot->bytes + used, packet->bytes, packet->captured);
                packet->bytes = lot->bytes + used;
                used += packet->captured;
            }
        }
        f->pending_at++;
        lot->count++;
        if (packet->captured > COPY_BYTES)
            return;
    }
}

/* Packets of a mapped file are read right into the lot. */
static void fill(struct feed *f, struct lot *lot)
{
    size_t span = 0;
    lot->count = 0;
    if (f->pending_at < f->pending_count) {
        take_pending(f, lot);
        return;
    }
    if (f->borrowed)
        wait_for_takers(f, f->borrowed);
    f->borrowed = 0;
    while (LOT_PACKETS - lot->count >= READ_MOST && span < LOT_SPAN) {
        struct raw_packet *here = &lot->packets[lot->count];
        size_t got = source_read(f->source, here, source_is_live(f->source) ? LOT_PACKETS - lot->count : READ_MOST);
        if (got && (!source_is_stable(f->source) || (lot->count && !lot->stable))) {
            memcpy(f->pending, here, got * sizeof *here);
            f->pending_at = 0;
            f->pending_count = got;
            f->pending_stable = source_is_stable(f->source);
            if (lot->count == 0)
                take_pending(f, lot);
            return;
        }
        if (got == 0)
            return;
        lot->stable = true;
        lot->count += (uint32_t)got;
        span += (size_t)(here[got - 1].bytes - here[0].bytes) + here[got - 1].captured;
    }
}

/* A fragment belongs to nobody until its datagram is there. */
static uint8_t mark_fragment(struct feed *f, struct lot *lot, uint32_t i)
{
    struct raw_packet whole;
    bool fragment;
    lot->datagrams[i] = fragments_take(f->fragments, &lot->packets[i], lot->first + i, lot->clock_ns[i]);
    if (!lot->datagrams[i])
        return 0;
    datagram_write(lot->datagrams[i], &lot->packets[i], f->datagram, &whole);
    return (uint8_t)(spread_owner(&f->spread, &whole, &fragment) | LOT_DATAGRAM);
}

static uint8_t mark_worker(struct feed *f, struct lot *lot, uint32_t i)
{
    bool fragment = false;
    unsigned owner = spread_owner(&f->spread, &lot->packets[i], &fragment);
    return fragment ? mark_fragment(f, lot, i) : (uint8_t)owner;
}

/* Whose each packet is, and when time is looked at. */
static void mark(struct feed *f, struct lot *lot)
{
    lot->first = f->delivered;
    f->delivered += lot->count;
    for (uint32_t i = 0; i < lot->count; i++) {
        const struct raw_packet *p = &lot->packets[i];
        bool back = f->clock_ns > p->time_ns && (uint64_t)f->clock_ns - (uint64_t)p->time_ns > (uint64_t)CLOCK_STEP_NS;
        if (p->time_ns > f->clock_ns || back)
            f->clock_ns = p->time_ns;
        bool tick = back || (uint64_t)f->clock_ns - (uint64_t)f->ticked_ns >= (uint64_t)TICK_NS ||
                    p->number >> TICK_PACKETS_SHIFT != f->latest >> TICK_PACKETS_SHIFT;
        if (tick)
            f->ticked_ns = f->clock_ns;
        f->latest = p->number;
        lot->clock_ns[i] = f->clock_ns;
        lot->mark[i] = (uint8_t)((f->workers > 1 ? mark_worker(f, lot, i) : 0) | (tick ? LOT_TICK : 0));
    }
}

static void read_lot(struct feed *f, uint64_t number)
{
    if (number >= f->lots_used)
        wait_for_takers(f, number + 1 - f->lots_used);
    struct lot *lot = &f->lots[number % f->lots_used];
    lot->count = 0;
    if (!atomic_load_explicit(&f->stopped, memory_order_relaxed))
        fill(f, lot);
    if (lot->count == 0) {
        atomic_store_explicit(&f->ended, true, memory_order_release);
        return;
    }
    mark(f, lot);
    atomic_store_explicit(&f->published, number + 1, memory_order_release);
}

const struct lot *feed_next(struct feed *f, unsigned worker)
{
    struct taker *self = &f->takers[worker];
    uint64_t number = self->next;
    atomic_store_explicit(&self->taken, number, memory_order_release);
    for (unsigned round = 0;; round++) {
        bool ended = atomic_load_explicit(&f->ended, memory_order_acquire);
        if (atomic_load_explicit(&f->published, memory_order_acquire) > number) {
            self->next = number + 1;
            return &f->lots[number % f->lots_used];
        }
        if (ended)
            return NULL;
        if (feed_hold(f)) {
            if (atomic_load_explicit(&f->published, memory_order_relaxed) == number &&
                !atomic_load_explicit(&f->ended, memory_order_relaxed))
                read_lot(f, number);
            feed_release(f);
            round = 0;
        } else {
            wait_a_little(round);
        }
    }
}
