/* The net room's public face: opening, finding a packet's connection, closing. */
#include "net/connection.h"

enum {
    HELD_SHARE = 4,          /* one direction may hold a quarter of the memory for early segments */
    SCALE_UNKNOWN = 14,      /* the largest there is (RFC 7323): be tolerant */
    EXPIRIES_MOST = 16,      /* per standing and tick */
    ALIKE_MOST = 8,          /* connections that differ in their VLAN only: each is looked at to find one */
};
static const int64_t CLOSED_NS = INT64_C(60000000000);    /* one maximum segment lifetime is 60 s on Linux */
static const int64_t EMBRYONIC_NS = INT64_C(75000000000); /* the longest pause between two SYNs is 64 s */
static const int64_t CLOCK_STEP_NS = INT64_C(1000000000);

size_t net_flow_cost(void)
{
    enum { ENTRIES_MOST = 4 }; /* the index is a power of two of at least twice as many entries */
    return ((sizeof(struct connection) + 63) & ~(size_t)63) + ENTRIES_MOST * sizeof(uint64_t);
}

struct net *net_open(struct arena *from, const struct net_options *options, const struct stream_sink *sink,
                     struct counters *counters)
{
    struct net *n = arena_take(from, sizeof *n);
    if (!n)
        return NULL;
    n->options = *options;
    n->sink = *sink;
    n->counters = counters;
    n->held_per_half = options->held_bytes / HELD_SHARE;
    if (!table_open(&n->table, from, options->flows) || !held_open(&n->held, from, options->held_bytes))
        return NULL;
    return n;
}

void net_prefetch(struct net *n, const struct net_packet *packet)
{
    table_prefetch(&n->table, table_hash(&n->table, packet));
}

enum side net_side(const struct flow *flow, const struct net_packet *packet)
{
    if (flow->client.port != flow->server.port)
        return packet->source.port == flow->client.port ? FROM_CLIENT : FROM_SERVER;
    return memcmp(packet->source.address, flow->client.address, sizeof flow->client.address) == 0 ? FROM_CLIENT
                                                                                                   : FROM_SERVER;
}

bool net_stream_origin(const struct flow *flow, enum side from, uint32_t *seq)
{
    const struct half *h = &((const struct connection *)flow)->half[from];
    *seq = h->next - (uint32_t)h->received;
    return h->started;
}

bool net_acknowledged(const struct flow *flow, enum side from)
{
    const struct half *h = &((const struct connection *)flow)->half[from];
    return h->acked >= h->received;
}

static uint64_t half_unseen(const struct half *h)
{
    return !h->started && !h->seen && h->acked > 0 ? (uint64_t)h->acked : 0;
}

struct segment connection_where(const struct net *n, const struct connection *c)
{
    return (struct segment){.ticket = c->flow.ticket, .packet_number = c->last_number, .time_ns = n->now_ns};
}

static void connection_over(struct net *n, struct connection *c, enum flow_end end, enum side by)
{
    for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++) {
        handshake_drop_syn_data(n, &c->half[side]);
        doubt_end(n, c, (enum side)side, end);
    }
    if (c->reset_waits) {
        end = END_RESET;
        by = FROM_CLIENT;
    }
    for (unsigned side = FROM_CLIENT; end == END_RESET && side <= FROM_SERVER; side++)
        stream_forget_unacknowledged(n, c, (enum side)side);
    stream_drain(n, c);
    rare_drop(n, c);
    patience_forget(n, c);
    struct segment where = connection_where(n, c);
    where.stream_offset = (uint64_t)c->half[by].delivered;
    c->flow.unseen = half_unseen(&c->half[FROM_CLIENT]) + half_unseen(&c->half[FROM_SERVER]);
    if (c->told || c->flow.user)
        n->sink.closed(n->sink.context, &c->flow, end, by, &where);
    c->flow.user = NULL;
    c->told = c->plain = false;
    c->end = (uint8_t)end;
    c->end_by = (uint8_t)by;
}

void connection_close(struct net *n, struct connection *c, enum flow_end end, enum side by)
{
    if (c->standing == STANDING_CLOSED)
        return;
    connection_over(n, c, end, by);
    table_set_standing(&n->table, c, STANDING_CLOSED, n->now_ns);
}

static void connection_end(struct net *n, struct connection *c, enum flow_end end)
{
    bool finished = c->half[FROM_CLIENT].finished && c->half[FROM_SERVER].finished;
    if (c->standing != STANDING_CLOSED)
        connection_over(n, c, finished ? END_FIN : end, (enum side)c->end_by);
    table_remove(&n->table, c);
}

/* How long a connection may be without packets; 0: for ever. */
static int64_t idle_most(const struct net *n, enum standing standing)
{
    const int64_t idle_ns[STANDINGS] = {CLOSED_NS, EMBRYONIC_NS, n->options.idle_ns};
    return idle_ns[standing];
}

static void net_expire(struct net *n)
{
    for (unsigned standing = 0; standing < STANDINGS; standing++) {
        int64_t idle_ns = idle_most(n, (enum standing)standing);
        if (!idle_ns)
            continue;
        for (unsigned i = 0; i < EXPIRIES_MOST; i++) {
            struct connection *c = table_idle(&n->table, (enum standing)standing, idle_ns, n->now_ns);
            if (!c)
                break;
            if (standing == STANDING_ESTABLISHED || c->told)
                count(n->counters, COUNT_FLOWS_TIMED_OUT);
            connection_end(n, c, END_TIMEOUT);
        }
    }
}

static void net_evict(struct net *n, struct connection *victim)
{
    if (!victim)
        return;
    if (victim->standing != STANDING_CLOSED)
        count(n->counters, COUNT_FLOWS_EVICTED);
    connection_end(n, victim, END_EVICTED);
}

static struct connection *net_add(struct net *n, const struct net_packet *p, uint64_t hash)
{
    struct flow_table *t = &n->table;
    net_evict(n, table_stalest_alike(t, hash, ALIKE_MOST));
    if (t->queues[STANDING_EMBRYONIC].count >= t->embryonic_most)
        net_evict(n, t->queues[STANDING_EMBRYONIC].oldest);
    if (t->connections.in_use == t->connections.slots)
        net_evict(n, table_victim(t, n->now_ns));
    struct connection *c = table_add(t, hash, n->now_ns);
    if (!c)
        return NULL;
    bool from_client = handshake_side(n, p) == FROM_CLIENT;
    c->flow.client = from_client ? p->source : p->target;
    c->flow.server = from_client ? p->target : p->source;
    c->flow.vlan = c->vlan_other = p->vlan;
    c->flow.tenant = p->tenant;
    c->flow.id = p->raw->number;
    c->flow.first_ns = c->flow.last_ns = p->raw->time_ns;
    c->flow.midstream = !(p->flags & TCP_SYN);
    if (n->options.hosts) {
        c->half[FROM_CLIENT].policy = host_rules_find(n->options.hosts, c->flow.server.address) & 7u;
        c->half[FROM_SERVER].policy = host_rules_find(n->options.hosts, c->flow.client.address) & 7u;
    }
    c->half[FROM_CLIENT].scale = c->half[FROM_SERVER].scale = SCALE_UNKNOWN;
    count(n->counters, COUNT_FLOWS);
    if (c->flow.midstream)
        count(n->counters, COUNT_FLOWS_MIDSTREAM);
    return c;
}

/* A capture's time goes back a little now and then; a large step back is another capture or a corrected clock. */
static void net_clock(struct net *n, int64_t time_ns)
{
    if (time_ns > n->now_ns || n->now_ns - time_ns > CLOCK_STEP_NS)
        n->now_ns = time_ns;
}

void net_at(struct net *n, int64_t now_ns)
{
    n->now_ns = now_ns;
}

void net_tick(struct net *n)
{
    net_expire(n);
    if (n->waiting.oldest)
        patience_tick(n);
}

/* A tick closes only so many: whether one is over may not depend on how many others are. */
static bool connection_is_over(const struct net *n, const struct connection *c)
{
    int64_t idle_ns = idle_most(n, (enum standing)c->standing);
    return idle_ns && n->now_ns - c->flow.last_ns >= idle_ns;
}

struct flow *net_flow(struct net *n, const struct net_packet *packet)
{
    if (n->options.check_checksums && !net_checksum_good(packet)) {
        count(n->counters, COUNT_SKIPPED_CHECKSUM);
        return NULL;
    }
    net_clock(n, packet->raw->time_ns);
    uint64_t hash = table_hash(&n->table, packet);
    struct connection *c = table_find(&n->table, hash, packet);
    if (!c)
        c = table_find_on_other_vlan(&n->table, hash, packet);
    uint8_t mark = n->options.flight ? copies_mark(packet) : 0;
    uint64_t marked = c && n->options.flight ? copies_marked(c, mark) : 0;
    if (marked && copies_find(n, c, packet, marked)) {
        count(n->counters, COUNT_SKIPPED_COPY);
        return NULL;
    }
    if (c && connection_is_over(n, c)) {
        if (c->standing == STANDING_ESTABLISHED || c->told)
            count(n->counters, COUNT_FLOWS_TIMED_OUT);
        connection_end(n, c, END_TIMEOUT);
        c = NULL;
    } else if (c && (packet->flags & TCP_SYN || c->standing == STANDING_CLOSED) &&
               handshake_begins_anew(c, packet, n->now_ns)) {
        connection_end(n, c, END_REUSED);
        c = NULL;
    }
    if (!c)
        c = net_add(n, packet, hash);
    if (!c) {
        count(n->counters, COUNT_SKIPPED_NO_MEMORY);
        return NULL;
    }
    c->copies = c->copies << 8 | mark;
    return &c->flow;
}

void net_finish(struct net *n)
{
    struct connection_queue *queues = n->table.queues;
    for (unsigned i = 0; i < STANDINGS; i++)
        queue_sort(&queues[i]);
    for (;;) {
        struct connection *first = NULL;
        for (unsigned i = 0; i < STANDINGS; i++)
            if (queues[i].oldest && (!first || queues[i].oldest->flow.id < first->flow.id))
                first = queues[i].oldest;
        if (!first)
            return;
        connection_end(n, first, END_CAPTURE);
    }
}
