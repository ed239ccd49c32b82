/* One worker: see worker.h. */
#include "app/worker_state.h"

#include <assert.h>
#include <stdlib.h>

enum { IDLE_SECONDS = 3600, INCOMPLETE_SECONDS = 30, SMALL_THINGS = 12 * 1024 * 1024, SERVERS_FOLLOWED = 1024, FLIGHT_ENTRY = 48 };
static const uint64_t WHEN_FINISHED = UINT64_MAX - 2; /* odd: by time alone */

/* ---- opening: one budget, split by what each room is worth */

/* Thousandths of a worker's memory. Of 1 GiB, 1,000,000 connections may be open at once and 200,000 of them be decoded. All
 * together are up to a tenth more than there is: they are never all needed at once. */
enum share {
    SHARE_FLOWS = 580,
    SHARE_CONVERSATIONS = 220,
    SHARE_MESSAGES = 85,
    SHARE_NOTES = 62,
    SHARE_SAMPLES = 55,
    SHARE_COPIES = 30, /* of packets, for samples, where the source does not keep them */
    SHARE_INFLATERS = 25,
    SHARE_HELD = 20,
    SHARE_PULSES = 60,
    SHARE_TLS_SESSIONS = 10,
    SHARE_TLS_RECORDS = 20,
    SHARE_ALL = 1190,
};

static size_t share_of(const struct worker_options *options, enum share share, size_t cost)
{
    return options->memory_bytes / 1000 * share / cost;
}

static bool open_rooms(struct worker *w, const struct worker_options *options)
{
    struct dialogue_costs costs = dialogue_costs();
    const struct message_sink messages = worker_ears(w);
    struct pulse_options pulse = {
        .connections = share_of(options, SHARE_PULSES, pulse_connection_cost()),
        .servers = SERVERS_FOLLOWED,
        .worker = options->index,
        .context = w,
        .tell = worker_hears_sign,
    };
    struct dialogue_options dialogue = {
        .conversations = share_of(options, SHARE_CONVERSATIONS, costs.conversation),
        .message_buffers = share_of(options, SHARE_MESSAGES, costs.message_buffer),
        .note_blocks = share_of(options, SHARE_NOTES, costs.note_block),
        .inflaters = share_of(options, SHARE_INFLATERS, costs.inflater),
        .keylog = options->keylog,
        .tls_sessions = share_of(options, SHARE_TLS_SESSIONS, costs.tls_session),
        .tls_records = share_of(options, SHARE_TLS_RECORDS, costs.tls_record),
        .directory = options->directory,
        .worker = options->index,
        .classify = options->classify,
        .incomplete_ns = INCOMPLETE_SECONDS * INT64_C(1000000000),
    };
    struct net_options net = {
        .flows = share_of(options, SHARE_FLOWS, net_flow_cost()),
        .held_bytes = share_of(options, SHARE_HELD, 1),
        .check_checksums = options->check_checksums,
        .ignore_checksums = options->ignore_checksums,
        .flight_reach = options->flight_packets,
        .hosts = options->hosts && options->hosts->count ? options->hosts : NULL,
        .idle_ns = IDLE_SECONDS * INT64_C(1000000000),
    };
    struct evidence_options evidence = options->evidence;
    if (!evidence.samples)
        evidence.samples = share_of(options, SHARE_SAMPLES, evidence_sample_cost());
    evidence.reach = options->flight_packets;
    if (!(w->flight = flight_open(&w->arena, options->flight_packets, share_of(options, SHARE_COPIES, 1))) ||
        !(w->pulse = pulse_open(&w->arena, &pulse, w->counters)) ||
        !(w->dialogue = dialogue_open(&w->arena, &dialogue, &messages, w->counters)))
        return false;
    struct stream_sink streams = dialogue_sink(w->dialogue);
    if (!sides_open(&w->sides, &w->arena) || !others_open(&w->others, &w->arena) || !(w->datagram = arena_take(&w->arena, DATAGRAM_BYTES_MAX)) ||
        (options->fragment_bytes && !(w->fragments = fragments_open(&w->arena, options->fragment_bytes, w->counters))))
        return false;
    if (w->fragments)
        fragments_know_hosts(w->fragments, net.hosts);
    net.flight = w->flight;
    streams.watcher = w;
    streams.sign = worker_hears_segment;
    return (w->net = net_open(&w->arena, &net, &streams, w->counters)) &&
           (w->evidence = evidence_open(&w->arena, &evidence, w->flight, &w->outlet, w->counters));
}

struct worker *worker_open(const struct worker_options *options, const struct outlet *outlet, struct counters *counters,
                           struct error *why)
{
    struct worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);
    if (!w) {
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    *w = (struct worker){.clock_ns = INT64_MIN, .counters = counters, .geo = options->geo, .known = options->known, .spread = options->spread,
                         .turns = options->turns,
                         .outlet = *outlet, .index = options->index};
    size_t most = share_of(options, SHARE_ALL, 1) + options->fragment_bytes + options->flight_packets * FLIGHT_ENTRY + SMALL_THINGS;
    if (!arena_open(&w->arena, most, why)) {
        free(w);
        return NULL;
    }
    if (!worker_prepare_rules(w, options->rules, why)) {
        worker_close(w);
        return NULL;
    }
    worker_change_rules(w);
    if (options->known && !(w->habits = habits_open())) {
        worker_close(w);
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    if (options->memos && !(w->memos = memos_open(worker_hears_memo, w))) {
        worker_close(w);
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    if (!open_rooms(w, options)) {
        error_set(why, EXIT_USAGE, "--memory is too small: 64 MiB for each worker are enough");
        worker_close(w);
        return NULL;
    }
    return w;
}

void worker_close(struct worker *w)
{
    if (!w)
        return;
    dialogue_close(w->dialogue);
    arena_close(&w->arena);
    worker_forget_rules(w);
    habits_close(w->habits);
    memos_close(w->memos);
    arena_close(&w->now.arena);
    free(w);
}

/* ---- rules */

/* Reserved, not used: pages cost memory once they are touched. */
enum { DETECTOR_MOST = 32 << 20, DETECTOR_PER_RULE = 256 };

bool worker_prepare_rules(struct worker *w, const struct rule_set *rules, struct error *why)
{
    if (!arena_open(&w->next.arena, DETECTOR_MOST + rules_loaded(rules) * DETECTOR_PER_RULE, why))
        return false;
    w->next.rules = rules;
    w->next.detector = detector_open(rules, &w->next.arena);
    if (w->next.detector)
        return true;
    worker_forget_rules(w);
    return error_set(why, EXIT_INTERNAL, "no memory to match so many rules");
}

void worker_forget_rules(struct worker *w)
{
    arena_close(&w->next.arena);
    w->next = (struct generation){0};
}

void worker_change_rules(struct worker *w)
{
    if (w->now.detector)
        count_many(w->counters, COUNT_ALERTS_PASSED, detector_passed(w->now.detector));
    arena_close(&w->now.arena);
    w->now = w->next;
    w->next = (struct generation){0};
    detector_set_geo(w->now.detector, w->geo);
    if (w->dialogue)
        dialogue_ask_wants(w->dialogue);
}

void worker_settle_habits(struct worker *w, struct habits *known)
{
    if (w->habits)
        habits_merge(known, w->habits);
}

void worker_set_geo(struct worker *w, const struct geo *geo)
{
    w->geo = geo;
    detector_set_geo(w->now.detector, geo);
}

/* ---- packets */

static void worker_at(struct worker *w, uint64_t when, int64_t now_ns)
{
    w->outlet.moment = (struct moment){when, 0};
    w->now_ns = now_ns;
    net_at(w->net, now_ns);
    dialogue_at(w->dialogue, when, now_ns);
}

static void process(struct worker *w, const struct net_packet *packet, bool stable, int64_t clock_ns)
{
#ifdef DBHOUND_CHECKS
    assert(!w->spread || spread_is_owner(w->spread, packet, w->index));
#endif
    w->outlet.latest = packet->raw->number;
    worker_at(w, packet->raw->number * 2, clock_ns);
    struct flow *flow = net_flow(w->net, packet);
    if (!flow)
        return;
    flow->ticket = flight_note(w->flight, packet->raw, flow->ticket, stable);
    net_segment(w->net, flow, packet);
    if (flow->sample)
        evidence_packet(w->evidence, flow, packet->raw, flow->ticket);
}

/* Its server is who has the port that a decoder knows. */
static bool takes_udp(const struct net_packet *packet, enum side *from)
{
    *from = dialogue_datagram_decoder(packet->target.port) ? FROM_CLIENT : FROM_SERVER;
    return *from == FROM_CLIENT || dialogue_datagram_decoder(packet->source.port);
}

/* Of a datagram no connection is kept: each has one of its own, and a sample of itself. */
static void process_udp(struct worker *w, const struct net_packet *packet, bool stable, int64_t clock_ns)
{
    const struct raw_packet *raw = packet->raw;
    enum side from;
    if (!takes_udp(packet, &from)) {
        count(w->counters, COUNT_SKIPPED_NOT_TCP);
        return;
    }
    struct flow flow = {
        .client = from == FROM_CLIENT ? packet->source : packet->target,
        .server = from == FROM_CLIENT ? packet->target : packet->source,
        .tenant = packet->tenant,
        .vlan = packet->vlan,
        .id = raw->number,
        .first_ns = raw->time_ns,
        .last_ns = raw->time_ns,
    };
    flow.packets[from] = 1;
    flow.bytes[from] = packet->payload_length;
    flow.ticket = flight_note(w->flight, raw, 0, stable);
    w->outlet.latest = raw->number;
    worker_at(w, raw->number * 2, clock_ns);
    count(w->counters, COUNT_PACKETS_DECODED);
    const struct segment where = {.ticket = flow.ticket, .packet_number = raw->number, .time_ns = raw->time_ns};
    dialogue_datagram(w->dialogue, &flow, from, packet->payload, packet->payload_length, &where);
    if (flow.sample)
        evidence_close(w->evidence, &flow, flow.ticket);
}

/* What was in fragments is one packet from here on, in samples, too: masking needs its bytes in one piece. */
static void process_whole(struct worker *w, const struct datagram *datagram, const struct raw_packet *last, int64_t clock_ns)
{
    struct raw_packet raw;
    struct net_packet packet;
    struct oddity oddity;
    enum counter skipped = COUNT_SKIPPED_FRAGMENT;
    datagram_write(datagram, last, w->datagram, &raw);
    bool decoded = net_decode(&raw, &packet, &skipped), whole = datagram_is_whole(datagram);
    if (decoded && whole)
        process(w, &packet, false, clock_ns);
    else if (whole && skipped == COUNT_SKIPPED_NOT_TCP && packet.udp)
        process_udp(w, &packet, false, clock_ns);
    else
        count(w->counters, whole ? skipped : COUNT_SKIPPED_FRAGMENT);
    if (!decoded || !datagram_oddity(datagram, &oddity))
        return;
    w->outlet.latest = last->number;
    worker_at(w, last->number * 2, clock_ns);
    net_odd_fragments(w->net, &packet, &oddity);
}

static void time_passes(struct worker *w, uint64_t when, int64_t now_ns)
{
    worker_at(w, when, now_ns);
    if (w->memos)
        memos_at(w->memos, now_ns);
    w->by_time = BY_TIME_NET;
    net_tick(w->net);
    w->by_time = BY_TIME_DIALOGUE;
    dialogue_tick(w->dialogue, now_ns);
    w->outlet.moment.place = (uint64_t)BY_TIME_PULSE << BY_TIME_SHIFT;
    pulse_time(w->pulse, now_ns, false);
    w->by_time = 0;
    if (w->turns)
        turns_pass(w->turns, w->index, when);
}

void worker_tick(struct worker *w, uint64_t latest, int64_t now_ns)
{
    w->outlet.latest = latest;
    time_passes(w, w->outlet.latest * 2 + 1, now_ns);
}

/* A packet that is no TCP segment: is there more to it than its count? */
static enum what undecoded(struct worker *w, const struct lot *lot, uint32_t at, enum counter skipped, const struct net_packet *packet,
                           const struct datagram **datagram)
{
    enum side from;
    *datagram = NULL;
    if (lot->mark[at] & LOT_DATAGRAM)
        *datagram = lot->datagrams[at];
    else if (skipped == COUNT_SKIPPED_FRAGMENT && w->fragments)
        *datagram = fragments_take(w->fragments, &lot->packets[at], lot->first + at, lot->clock_ns[at]);
    if (*datagram)
        return WHAT_FRAGMENT;
    if (skipped == COUNT_SKIPPED_NOT_TCP && packet->udp && takes_udp(packet, &from))
        return WHAT_UDP;
    count(w->counters, skipped);
    return WHAT_SKIPPED;
}

/* Decodes own packets from the lot's position on, until the batch is full; returns the position behind. */
static uint32_t decode_batch(struct worker *w, const struct lot *lot, uint32_t from, uint32_t *used)
{
    uint32_t at = from, own = 0;
    for (; at < lot->count && own < BATCH; at++) {
        if ((lot->mark[at] & ~(LOT_TICK | LOT_DATAGRAM)) != w->index)
            continue;
        w->own[own++] = at;
        __builtin_prefetch(&lot->packets[at]);
    }
    /* Another worker may have read the lot: its headers are in that one's cache. */
    for (uint32_t i = 0; w->spread && i < own; i++)
        __builtin_prefetch(lot->packets[w->own[i]].bytes + 20);
    for (uint32_t i = 0; i < own; i++) {
        enum counter skipped;
        w->what[i] = WHAT_SEGMENT;
        if (net_decode(&lot->packets[w->own[i]], &w->packets[i], &skipped))
            net_prefetch(w->net, &w->packets[i]);
        else
            w->what[i] = (uint8_t)undecoded(w, lot, w->own[i], skipped, &w->packets[i], &w->datagrams[i]);
    }
    *used = own;
    return at;
}

void worker_take(struct worker *w, const struct lot *lot)
{
    for (uint32_t at = 0; at < lot->count;) {
        uint32_t used, next = 0, end = decode_batch(w, lot, at, &used);
        for (; at < end; at++) {
            int64_t before = at ? lot->clock_ns[at - 1] : w->clock_ns;
            if (lot->clock_ns[at] < before) /* a step back: every worker makes it from the same time */
                worker_at(w, lot->packets[at].number * 2, before);
            if (w->memos)
                memos_at(w->memos, lot->clock_ns[at]);
            if (next < used && w->own[next] == at) {
                if (w->what[next] == WHAT_SEGMENT)
                    process(w, &w->packets[next], lot->stable, lot->clock_ns[at]);
                else if (w->what[next] == WHAT_FRAGMENT)
                    process_whole(w, w->datagrams[next], &lot->packets[at], lot->clock_ns[at]);
                else if (w->what[next] == WHAT_UDP)
                    process_udp(w, &w->packets[next], lot->stable, lot->clock_ns[at]);
                next++;
            }
            if (lot->mark[at] & LOT_TICK) {
                w->outlet.latest = lot->packets[at].number;
                time_passes(w, lot->packets[at].number * 2 + 1, lot->clock_ns[at]);
            }
        }
    }
    w->clock_ns = lot->clock_ns[lot->count - 1];
    if (w->turns)
        turns_pass(w->turns, w->index, lot->packets[lot->count - 1].number * 2 + 1);
}

void worker_finish(struct worker *w, uint64_t latest)
{
    w->outlet.latest = latest;
    /* How the servers were, before the end of the capture ends every connection. */
    if (w->turns)
        turns_pass(w->turns, w->index, WHEN_FINISHED - 3);
    w->outlet.moment = (struct moment){WHEN_FINISHED - 2, (uint64_t)BY_TIME_PULSE << BY_TIME_SHIFT};
    pulse_beat_now(w->pulse, w->now_ns);
    if (w->turns)
        turns_pass(w->turns, w->index, WHEN_FINISHED - 1);
    w->outlet.moment = (struct moment){WHEN_FINISHED, 0};
    dialogue_at(w->dialogue, WHEN_FINISHED, w->now_ns);
    w->by_time = BY_TIME_NET;
    net_finish(w->net);
    w->outlet.moment.place = (uint64_t)BY_TIME_PULSE << BY_TIME_SHIFT;
    pulse_time(w->pulse, w->now_ns, true);
    w->by_time = 0;
    count_many(w->counters, COUNT_ALERTS_PASSED, detector_passed(w->now.detector));
    count_many(w->counters, COUNT_FACTS_SHED, memos_shed(w->memos));
    if (w->turns)
        turns_pass(w->turns, w->index, WHEN_FINISHED);
}

uint64_t worker_flows(const struct worker *w, enum protocol protocol)
{
    return dialogue_flows(w->dialogue, protocol);
}

uint64_t worker_messages(const struct worker *w, enum protocol protocol)
{
    return dialogue_messages(w->dialogue, protocol);
}

const struct others *worker_others(const struct worker *w)
{
    return &w->others;
}

uint64_t worker_spoken(const struct worker *w, uint16_t spoken)
{
    return dialogue_spoken(w->dialogue, spoken);
}

const struct sides *worker_sides(const struct worker *w)
{
    return &w->sides;
}

void worker_rule_stats(const struct worker *w, uint32_t rule, struct rule_stats *sum)
{
    struct rule_stats own;
    detector_rule_stats(w->now.detector, rule, &own);
    sum->evaluated += own.evaluated;
    sum->matched += own.matched;
    sum->suppressed += own.suppressed;
    sum->cost_ns += own.cost_ns;
}
