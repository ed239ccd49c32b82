/*
 * The flow table: open addressing over 8-byte entries (eight to a cache line), connections in a pool, and one queue per
 * standing. The queues are second-chance: a packet does not move its connection, the search for an old one does.
 */
#include <sys/random.h>

#include "net/connection.h"

enum {
    CONNECTIONS_MOST = 1 << 28,
    SECOND_CHANCES = 16,    /* busy connections passed over in one search */
    EMBRYONIC_SHARE = 64,   /* so many may be connections that only one side spoke for: 9 MiB of 1 GiB */
    EMBRYONIC_LEAST = 1024,
    PREFETCH_DISTANCE = 4,  /* packets between loading the entry and loading the connection */
    PREFETCH_LINES = 4,
};

static bool index_open(struct flow_index *x, struct arena *from, size_t connections)
{
    size_t entries = 16;
    while (entries < connections * 2)
        entries *= 2;
    x->mask = (uint32_t)(entries - 1);
    x->entries = arena_take(from, entries * sizeof *x->entries);
    return x->entries != NULL;
}

bool table_open(struct flow_table *t, struct arena *from, size_t connections)
{
    if (connections == 0 || connections > CONNECTIONS_MOST)
        return false;
    t->embryonic_most = connections / EMBRYONIC_SHARE > EMBRYONIC_LEAST ? connections / EMBRYONIC_SHARE : EMBRYONIC_LEAST;
    if (t->embryonic_most > connections / 4)
        t->embryonic_most = connections / 4 ? connections / 4 : 1;
    if (getrandom(t->key, sizeof t->key, 0) != (ssize_t)sizeof t->key)
        return false;
    return index_open(&t->known, from, connections) && index_open(&t->embryonic, from, t->embryonic_most) && pool_open(&t->connections, from, (sizeof(struct connection) + 63) & ~(size_t)63, connections);
}

static uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Both directions hash alike: the lower port goes first, of equal ports the lower address. The VLAN is left out: a mirror may
 * give each direction another one. */
uint64_t table_hash(const struct flow_table *t, const struct net_packet *p)
{
    const struct endpoint *low = &p->source, *high = &p->target;
    if (low->port > high->port ||
        (low->port == high->port && memcmp(low->address, high->address, sizeof low->address) > 0)) {
        low = &p->target;
        high = &p->source;
    }
    const uint64_t words[HASH_WORDS] = {load_u64(low->address), load_u64(low->address + 8), load_u64(high->address),
                                        load_u64(high->address + 8),
                                        ((uint64_t)low->port << 16 | high->port) ^ (uint64_t)p->tenant << 32};
    return hash_words(t->key, words);
}

static bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && load_u64(a->address) == load_u64(b->address) &&
           load_u64(a->address + 8) == load_u64(b->address + 8);
}

static inline bool connection_is_between(const struct connection *c, const struct net_packet *p)
{
    return (endpoint_equal(&p->source, &c->flow.client) && endpoint_equal(&p->target, &c->flow.server)) ||
           (endpoint_equal(&p->source, &c->flow.server) && endpoint_equal(&p->target, &c->flow.client));
}

static bool connection_matches(const struct connection *c, const struct net_packet *p)
{
    if ((c->flow.vlan != p->vlan && c->vlan_other != p->vlan) || c->flow.tenant != p->tenant)
        return false;
    return connection_is_between(c, p);
}

/* Where a side's numbers are, as far as anything is known of it. */
static bool half_place(const struct half *h, uint32_t *seq)
{
    *seq = h->started ? h->next : h->acked_seq;
    return h->started || h->acked_known;
}

static bool is_near(uint32_t a, uint32_t b)
{
    enum { NEAR = 1 << 20 };
    return a - b + NEAR <= 2 * NEAR;
}

/* A packet on a VLAN of which the connection has none yet, with numbers that a stranger would have to guess. */
static bool connection_fits(const struct connection *c, const struct net_packet *p)
{
    if (c->vlan_other != c->flow.vlan || c->flow.tenant != p->tenant || !connection_is_between(c, p))
        return false;
    enum side from = net_side(&c->flow, p);
    uint32_t mine, theirs;
    bool mine_known = half_place(&c->half[from], &mine), theirs_known = half_place(&c->half[other_side(from)], &theirs);
    if ((p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        return mine_known && p->seq + 1 == mine;
    theirs_known &= (p->flags & TCP_ACK) != 0;
    return (mine_known || theirs_known) && (!mine_known || is_near(p->seq, mine)) && (!theirs_known || is_near(p->ack, theirs));
}

static struct connection *connection_at(const struct flow_table *t, uint64_t entry)
{
    return (struct connection *)(void *)(t->connections.memory + ((uint32_t)entry - 1) * t->connections.slot_size);
}

static inline struct connection *index_find(const struct flow_table *t, const struct flow_index *x, uint32_t hash,
                                            const struct net_packet *p)
{
    for (uint32_t i = hash & x->mask; x->entries[i]; i = (i + 1) & x->mask) {
        if (x->entries[i] >> 32 != hash)
            continue;
        struct connection *c = connection_at(t, x->entries[i]);
        if (connection_matches(c, p))
            return c;
    }
    return NULL;
}

struct connection *table_find(const struct flow_table *t, uint64_t hash, const struct net_packet *p)
{
    struct connection *c = index_find(t, &t->known, (uint32_t)hash, p);
    return c ? c : index_find(t, &t->embryonic, (uint32_t)hash, p);
}

struct connection *table_find_on_other_vlan(const struct flow_table *t, uint64_t hash, const struct net_packet *p)
{
    const struct flow_index *both[] = {&t->known, &t->embryonic};
    for (unsigned b = 0; b < 2; b++)
        for (uint32_t i = (uint32_t)hash & both[b]->mask; both[b]->entries[i]; i = (i + 1) & both[b]->mask) {
            struct connection *c = connection_at(t, both[b]->entries[i]);
            if (both[b]->entries[i] >> 32 != (uint32_t)hash || !connection_fits(c, p))
                continue;
            c->vlan_other = p->vlan;
            return c;
        }
    return NULL;
}

struct connection *table_stalest_alike(const struct flow_table *t, uint64_t hash, unsigned most)
{
    const struct flow_index *both[] = {&t->known, &t->embryonic};
    struct connection *stalest = NULL;
    unsigned alike = 0;
    for (unsigned b = 0; b < 2; b++)
        for (uint32_t i = (uint32_t)hash & both[b]->mask; both[b]->entries[i]; i = (i + 1) & both[b]->mask) {
            if (both[b]->entries[i] >> 32 != (uint32_t)hash)
                continue;
            struct connection *c = connection_at(t, both[b]->entries[i]);
            alike++;
            if (!stalest || c->flow.last_ns < stalest->flow.last_ns)
                stalest = c;
        }
    return alike >= most ? stalest : NULL;
}

static struct flow_index *index_of(struct flow_table *t, enum standing standing)
{
    return standing == STANDING_EMBRYONIC ? &t->embryonic : &t->known;
}

static void index_add(struct flow_table *t, struct flow_index *x, const struct connection *c)
{
    uint64_t slot = (uint64_t)((const uint8_t *)c - t->connections.memory) / t->connections.slot_size;
    uint32_t i = c->hash & x->mask;
    while (x->entries[i])
        i = (i + 1) & x->mask;
    x->entries[i] = (uint64_t)c->hash << 32 | (slot + 1);
}

static void index_remove(struct flow_table *t, struct flow_index *x, const struct connection *c)
{
    uint32_t hole = c->hash & x->mask;
    while (connection_at(t, x->entries[hole]) != c)
        hole = (hole + 1) & x->mask;
    /* Close the hole: an entry moves back into it unless its own home lies behind it. */
    for (uint32_t i = (hole + 1) & x->mask; x->entries[i]; i = (i + 1) & x->mask) {
        uint32_t home = (uint32_t)(x->entries[i] >> 32) & x->mask;
        if (((i - home) & x->mask) >= ((i - hole) & x->mask)) {
            x->entries[hole] = x->entries[i];
            hole = i;
        }
    }
    x->entries[hole] = 0;
}

void table_prefetch(struct flow_table *t, uint64_t hash)
{
    const struct flow_index *x = &t->known;
    __builtin_prefetch(&x->entries[(uint32_t)hash & x->mask]);
    uint64_t earlier = t->recent[(t->recent_at - PREFETCH_DISTANCE) % 8];
    t->recent[t->recent_at++ % 8] = hash;
    uint32_t short_hash = (uint32_t)earlier;
    for (uint32_t i = short_hash & x->mask; x->entries[i]; i = (i + 1) & x->mask) {
        if (x->entries[i] >> 32 != short_hash)
            continue;
        const uint8_t *c = (const uint8_t *)connection_at(t, x->entries[i]);
        for (unsigned line = 0; line < PREFETCH_LINES; line++)
            __builtin_prefetch(c + (size_t)line * 64, 1);
        return;
    }
}

static void queue_add(struct connection_queue *q, struct connection *c, int64_t now_ns)
{
    c->queued_ns = now_ns;
    c->newer = NULL;
    c->older = q->newest;
    if (q->newest)
        q->newest->newer = c;
    else
        q->oldest = c;
    q->newest = c;
    q->count++;
}

static void queue_remove(struct connection_queue *q, struct connection *c)
{
    if (c->older)
        c->older->newer = c->newer;
    else
        q->oldest = c->newer;
    if (c->newer)
        c->newer->older = c->older;
    else
        q->newest = c->older;
    q->count--;
}

struct connection *table_add(struct flow_table *t, uint64_t hash, int64_t now_ns)
{
    struct connection *c = t->queues[STANDING_EMBRYONIC].count < t->embryonic_most ? pool_take(&t->connections) : NULL;
    if (!c)
        return NULL;
    c->hash = (uint32_t)hash;
    c->standing = STANDING_EMBRYONIC;
    index_add(t, &t->embryonic, c);
    queue_add(&t->queues[STANDING_EMBRYONIC], c, now_ns);
    return c;
}

void table_remove(struct flow_table *t, struct connection *c)
{
    queue_remove(&t->queues[c->standing], c);
    index_remove(t, index_of(t, c->standing), c);
    pool_give(&t->connections, c);
}

void table_set_standing(struct flow_table *t, struct connection *c, enum standing standing, int64_t now_ns)
{
    struct flow_index *from = index_of(t, c->standing), *to = index_of(t, standing);
    if (from != to) {
        index_remove(t, from, c);
        index_add(t, to, c);
    }
    queue_remove(&t->queues[c->standing], c);
    c->standing = standing;
    queue_add(&t->queues[standing], c, now_ns);
}

/* One that had no packet since it was queued is older than all behind it. Busy ones met on the way go to the end; when
 * there are only such, the stalest of these. */
static struct connection *queue_stalest(struct connection_queue *q, int64_t now_ns)
{
    struct connection *stalest = q->oldest;
    for (unsigned i = 0; i < SECOND_CHANCES; i++) {
        struct connection *c = q->oldest;
        if (c->flow.last_ns <= c->queued_ns)
            return c->flow.last_ns < stalest->flow.last_ns ? c : stalest;
        if (c->flow.last_ns < stalest->flow.last_ns)
            stalest = c;
        queue_remove(q, c);
        queue_add(q, c, now_ns);
    }
    return stalest;
}

struct connection *table_victim(struct flow_table *t, int64_t now_ns)
{
    for (unsigned standing = 0; standing < STANDING_ESTABLISHED; standing++)
        if (t->queues[standing].oldest)
            return t->queues[standing].oldest;
    return t->queues[STANDING_ESTABLISHED].oldest ? queue_stalest(&t->queues[STANDING_ESTABLISHED], now_ns) : NULL;
}

struct connection *table_idle(struct flow_table *t, enum standing standing, int64_t idle_ns, int64_t now_ns)
{
    struct connection_queue *q = &t->queues[standing];
    for (unsigned i = 0; i < SECOND_CHANCES && q->oldest; i++) {
        struct connection *c = q->oldest;
        if (now_ns - c->queued_ns < idle_ns)
            return NULL;
        if (now_ns - c->flow.last_ns >= idle_ns)
            return c;
        queue_remove(q, c);
        queue_add(q, c, now_ns);
    }
    return NULL;
}

/* Two lists in order of ids, linked by `newer`, become one. */
static struct connection *list_merge(struct connection *a, struct connection *b)
{
    struct connection *first = NULL, **end = &first;
    while (a && b) {
        struct connection **least = a->flow.id < b->flow.id ? &a : &b;
        *end = *least;
        end = &(*least)->newer;
        *least = *end;
    }
    *end = a ? a : b;
    return first;
}

/* A merge sort of the runs that are there: queues are nearly in order. */
void queue_sort(struct connection_queue *q)
{
    enum { LEVELS = 32 };
    struct connection *levels[LEVELS] = {NULL}, *all = NULL;
    for (struct connection *run = q->oldest; run;) {
        struct connection *last = run, *rest;
        while (last->newer && last->newer->flow.id > last->flow.id)
            last = last->newer;
        rest = last->newer;
        last->newer = NULL;
        unsigned level = 0;
        for (; level < LEVELS - 1 && levels[level]; level++) {
            run = list_merge(levels[level], run);
            levels[level] = NULL;
        }
        levels[level] = list_merge(levels[level], run);
        run = rest;
    }
    for (unsigned level = 0; level < LEVELS; level++)
        all = list_merge(levels[level], all);
    q->oldest = all;
    q->newest = NULL;
    for (struct connection *c = all; c; c = c->newer) {
        c->older = q->newest;
        q->newest = c;
    }
}
