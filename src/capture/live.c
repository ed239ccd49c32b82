/*
 * Live capture: see live.h. One ring, or several that share the interface by flow; then their packets are put in one order, by
 * their times: a packet waits until no ring can still bring an earlier one. The kernel hands over a block that is not full only
 * after a while, also when the interface is gone meanwhile; so the rings of one are kept for that long.
 */
#include "capture/live.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "capture/live_ring.h"
#include "capture/live_socket.h"

enum {
    READ_TIMEOUT_MS = 100,
    RINGS_DEFAULT = 64 * 1024 * 1024, /* of one, or of all: */
    RINGS_ALL = 128 * 1024 * 1024,
    RINGS_LEAST = 16 * 1024 * 1024,
    RETRY_NS = 500000000,
    LOOK_NS = 1000000000, /* while packets come: every look stops the threads that decode */
    /* What a read that began so long after the last packet came does not find is not there. */
    DRAIN_NS = 300000000,
    /* The same while packets come: who is later than that is out of order, and no harm done. */
    HOLD_NS = 2 * RING_BLOCK_MS * 1000000 + 5000000,
    GRAIN_NS = 5000000, /* a ring that has nothing is asked so often, not for every packet that waits for it */
    STRANGE_NS = 1000000000, /* a packet's time is so much after the clock's: one of them was set */
};

struct live {
    struct live_options options;
    struct live_ring *rings;
    size_t rings_used;
    bool attached;       /* else the interface is away */
    struct ring_lost lost;                /* not counted yet */
    uint64_t went;                        /* times the interface went down or away, not counted yet */
    uint64_t taken;                       /* packets handed on, of all rings */
    bool down, refusal_told;
    bool leaving;        /* the interface is gone, the rings still hold packets */
    bool stopped, over;
    int64_t retried_ns, looked_ns, ended_ns; /* monotonic; the last: stopped or leaving */
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_ms(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

/* Whether the kernel counts only packets that we are to have: one may slip into the ring before the filter is set, and
 * libpcap takes away the second copy that passes a loopback. */
static bool counts_are_ours(const struct live *l)
{
    return (!l->options.filter || !*l->options.filter) && !l->options.packets_most && !l->rings[0].loopback;
}

static size_t ring_bytes(const struct live *l)
{
    size_t each = RINGS_ALL / l->rings_used;
    if (l->options.ring_bytes)
        return l->options.ring_bytes;
    return l->rings_used == 1 ? RINGS_DEFAULT : each > RINGS_LEAST ? each : RINGS_LEAST;
}

static void close_rings(struct live *l)
{
    for (size_t i = 0; i < l->rings_used; i++)
        ring_close(&l->rings[i]);
    l->attached = false;
}

/* Until all have joined, each ring gets every packet: so nothing is let in before. */
static bool share(struct live *l, struct error *why)
{
    int descriptors[LIVE_RINGS_MAX];
    for (size_t i = 0; i < l->rings_used; i++)
        descriptors[i] = pcap_fileno(l->rings[i].handle);
    if (!live_socket_share(descriptors, l->rings_used))
        return error_set(why, EXIT_NO_CAPTURE, "cannot share %s among %zu rings: %s", l->options.interface, l->rings_used, strerror(errno));
    sleep_ms(2 * RING_BLOCK_MS + 5);
    for (size_t i = 0; i < l->rings_used; i++)
        ring_discard(&l->rings[i]);
    return true;
}

static bool attach(struct live *l, struct error *why)
{
    const bool several = l->rings_used > 1;
    bool good = true;
    for (size_t i = 0; good && i < l->rings_used; i++)
        good = ring_attach(&l->rings[i], &l->options, ring_bytes(l), several, why);
    good = good && (!several || share(l, why));
    for (size_t i = 0; good && i < l->rings_used; i++)
        good = ring_let_in(&l->rings[i], &l->options, why);
    if (!good) {
        close_rings(l);
        return false;
    }
    l->down = l->refusal_told = l->leaving = false;
    l->attached = true;
    return true;
}

struct live *live_open(const struct live_options *options, struct error *why)
{
    struct live *l = calloc(1, sizeof *l);
    if (l) {
        l->options = *options;
        l->rings_used = options->rings > 1 ? options->rings : 1;
        l->rings = l->rings_used <= LIVE_RINGS_MAX ? calloc(l->rings_used, sizeof *l->rings) : NULL;
    }
    if (!l || !l->rings) {
        error_set(why, EXIT_INTERNAL, "no memory to capture");
        live_close(l);
        return NULL;
    }
    if (!attach(l, why)) {
        live_close(l);
        return NULL;
    }
    return l;
}

void live_close(struct live *l)
{
    if (!l)
        return;
    if (l->rings)
        close_rings(l);
    free(l->rings);
    free(l);
}

bool live_is_away(const struct live *l)
{
    return !l->attached || l->leaving;
}

static void read_drops(struct live *l)
{
    struct ring_lost others = {0};
    for (size_t i = 0; i < l->rings_used; i++) /* what the interface lost is told to each ring alike */
        ring_read_drops(&l->rings[i], i ? &others : &l->lost);
    l->lost.kernel += others.kernel;
}

/* Nothing more is read from these rings. */
static void settle(struct live *l)
{
    read_drops(l);
    for (size_t i = 0; i < l->rings_used; i++) {
        struct live_ring *r = &l->rings[i];
        if (counts_are_ours(l) && r->offered > r->delivered)
            l->lost.kernel += r->offered - r->delivered;
        r->offered = r->delivered;
    }
}

/* Down is not away: the socket stays bound and delivers again once the interface is up. Away is a new interface later. */
static void look_at_trouble(struct live *l, const struct live_ring *r, int64_t now)
{
    if (l->leaving) {
        sleep_ms(READ_TIMEOUT_MS / 2);
        return;
    }
    l->leaving = true;
    l->ended_ns = now;
    l->went += !l->down;
    log_notice("%s: %s; waiting for it to come back", l->options.interface, pcap_geterr(r->handle));
}

static void leave(struct live *l)
{
    settle(l);
    close_rings(l);
    l->retried_ns = 0;
}

static void look_at_link(struct live *l, int64_t now)
{
    l->looked_ns = now;
    bool down = !live_socket_link_is_up(pcap_fileno(l->rings[0].handle), l->options.interface);
    if (l->leaving || down == l->down)
        return;
    l->down = down;
    l->went += down;
    log_notice(down ? "%s is down" : "%s is up again", l->options.interface);
}

static void try_to_return(struct live *l, int64_t now)
{
    struct error why;
    if (now - l->retried_ns < RETRY_NS) {
        sleep_ms(READ_TIMEOUT_MS);
        return;
    }
    l->retried_ns = now;
    if (attach(l, &why)) {
        log_notice("%s is back", l->options.interface);
    } else if (why.code == EXIT_NO_PERMISSION && !l->refusal_told) {
        l->refusal_told = true;
        log_error("%s", why.text);
    }
}

/* ---- reading */

static size_t room(const struct live *l, size_t most)
{
    if (l->options.packets_most && l->options.packets_most - l->taken < most)
        most = (size_t)(l->options.packets_most - l->taken);
    return most;
}

/* Every ring that has nothing in its queue is asked, if it was not just now or we have waited. False: the interface is in
 * trouble. */
static bool fill(struct live *l, size_t most, int64_t now, bool waited)
{
    bool trouble = false;
    for (size_t i = 0; i < l->rings_used; i++) {
        struct live_ring *r = &l->rings[i];
        bool asked = !waited && r->drained && now - r->filled_ns < GRAIN_NS;
        if (!ring_is_empty(r) || asked || ring_fill(r, most))
            continue;
        if (!trouble)
            look_at_trouble(l, r, now);
        trouble = true;
    }
    return !trouble;
}

/* Can this ring, which has nothing in its queue, still bring something that belongs before the packet? */
static bool may_precede(const struct live_ring *r, const struct live_ring *first)
{
    int64_t time_ns = first->queue[first->at].time_ns;
    if (r->latest_ns >= time_ns)
        return false;
    if (!r->drained)
        return true;
    return r->filled_wall_ns - time_ns < HOLD_NS && time_ns - r->filled_wall_ns < STRANGE_NS && r->filled_ns - first->filled_ns < HOLD_NS;
}

/* The ring whose next packet is the earliest of all; NULL when there is none, or an earlier one may come. */
static struct live_ring *earliest(struct live *l)
{
    struct live_ring *first = NULL;
    for (size_t i = 0; i < l->rings_used; i++) {
        struct live_ring *r = &l->rings[i];
        if (!ring_is_empty(r) && (!first || r->queue[r->at].time_ns < first->queue[first->at].time_ns))
            first = r;
    }
    for (size_t i = 0; first && i < l->rings_used; i++)
        if (ring_is_empty(&l->rings[i]) && may_precede(&l->rings[i], first))
            return NULL;
    return first;
}

static size_t take(struct live *l, struct raw_packet *batch, size_t most, uint64_t *number)
{
    size_t used = 0;
    for (struct live_ring *r; used < most && (r = earliest(l)); used++) {
        batch[used] = r->queue[r->at++];
        batch[used].number = ++*number;
    }
    return used;
}

static bool holds_something(const struct live *l)
{
    for (size_t i = 0; i < l->rings_used; i++)
        if (!ring_is_empty(&l->rings[i]))
            return true;
    return false;
}

/* Until a ring that has nothing in its queue gets something; not long, when another has. */
static void wait_for_packets(const struct live *l)
{
    struct pollfd wait[LIVE_RINGS_MAX];
    nfds_t used = 0;
    for (size_t i = 0; i < l->rings_used; i++)
        if (ring_is_empty(&l->rings[i]))
            wait[used++] = (struct pollfd){.fd = pcap_get_selectable_fd(l->rings[i].handle), .events = POLLIN};
    (void)poll(wait, used, holds_something(l) ? GRAIN_NS / 1000000 : READ_TIMEOUT_MS);
}

static void end_batch(struct live *l, size_t used, int64_t began)
{
    l->taken += used;
    bool drained = used == 0 && !holds_something(l) && began - l->ended_ns >= DRAIN_NS;
    if (l->leaving && drained)
        leave(l);
    else if (used == 0)
        look_at_link(l, monotonic_ns());
    l->over |= (l->stopped && (drained || !l->attached)) || (l->options.packets_most && l->taken == l->options.packets_most);
}

size_t live_read(struct live *l, struct raw_packet *batch, size_t most, uint64_t *number)
{
    int64_t now = monotonic_ns();
    size_t used;
    if (l->over)
        return 0;
    if (!l->attached) {
        try_to_return(l, now);
        return 0;
    }
    if (now - l->looked_ns >= LOOK_NS) {
        look_at_link(l, now);
        return 0;
    }
    most = room(l, most);
    bool good = fill(l, most, now, false);
    used = take(l, batch, most, number);
    for (bool waits = good; used == 0 && waits; waits = good && used == 0 && holds_something(l)) {
        wait_for_packets(l);
        good = fill(l, most, now, true);
        used = take(l, batch, most, number);
    }
    end_batch(l, used, now);
    return used;
}

void live_stop(struct live *l)
{
    l->stopped = true;
    l->over |= !l->attached;
    for (size_t i = 0; l->attached && i < l->rings_used; i++)
        live_socket_shut(pcap_fileno(l->rings[i].handle));
    l->ended_ns = monotonic_ns();
}

bool live_is_over(const struct live *l)
{
    return l->over;
}

bool live_is_down(const struct live *l)
{
    return !live_is_away(l) && l->down;
}

void live_count_drops(struct live *l, struct counters *counters)
{
    if (l->over)
        settle(l);
    else
        read_drops(l);
    count_many(counters, COUNT_PACKETS_KERNEL_DROPS, l->lost.kernel);
    count_many(counters, COUNT_INTERFACE_DROPS, l->lost.interface);
    count_many(counters, COUNT_INTERFACE_WENT, l->went);
    l->lost = (struct ring_lost){0};
    l->went = 0;
}

bool source_print_interfaces(struct error *why)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_if_t *all;
    if (pcap_findalldevs(&all, text) != 0)
        return error_set(why, EXIT_NO_CAPTURE, "cannot list the interfaces: %s", text);
    for (const pcap_if_t *i = all; i; i = i->next)
        printf("%s\t%s\n", i->name, i->description ? i->description : "");
    pcap_freealldevs(all);
    return true;
}
