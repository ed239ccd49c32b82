/*
 * Which datagrams are being put together: a keyed hash table, two queues by age (one per IP version: their timeouts differ),
 * and memory in blocks. What is done lies in a third queue until its readers are through with it.
 */
#include <sys/random.h>

#include "net/datagram.h"
#include "net/decode.h"
#include "net/hash.h"

enum {
    BLOCKS_PER_DATAGRAM = 4, /* on average: the headers, and the bytes of a segment of 4 KiB */
    SENDERS = 4096,
    EXPIRIES_PER_FRAGMENT = 4,
    DATAGRAM_SLOT = (sizeof(struct datagram) + 63) & ~63u,
};
static const int64_t IPV4_NS = INT64_C(30000000000); /* net.ipv4.ipfrag_time */
static const int64_t IPV6_NS = INT64_C(60000000000); /* net.ipv6.ip6frag_time */

enum { QUEUE_IPV4, QUEUE_IPV6, QUEUE_DONE, QUEUES };

struct datagram_queue {
    struct datagram *oldest, *newest;
};

struct fragments {
    struct counters *counters;
    struct pool datagrams, blocks;
    struct datagram **buckets;
    uint32_t mask;
    struct datagram_queue queues[QUEUES];
    struct datagram *current; /* whose fragment is being put in: it is not evicted for its own sake */
    uint64_t key[HASH_KEYS];
    uint32_t arrivals[SENDERS]; /* fragments by sender and receiver; who shares one waits less long for the other */
    uint8_t *scratch;
    const struct host_rules *hosts;
};

struct fragments *fragments_open(struct arena *from, size_t bytes, struct counters *counters)
{
    size_t most = bytes / (DATAGRAM_SLOT + BLOCKS_PER_DATAGRAM * FRAGMENT_BLOCK), buckets = 16;
    struct fragments *f = arena_take(from, sizeof *f);
    while (buckets < most)
        buckets *= 2;
    if (!f || most == 0 || getrandom(f->key, sizeof f->key, 0) != (ssize_t)sizeof f->key)
        return NULL;
    f->counters = counters;
    f->mask = (uint32_t)(buckets - 1);
    f->buckets = arena_take(from, buckets * sizeof *f->buckets);
    f->scratch = arena_take(from, DATAGRAM_BYTES_MAX);
    bool open = f->buckets && f->scratch && pool_open(&f->datagrams, from, DATAGRAM_SLOT, most) &&
                pool_open(&f->blocks, from, FRAGMENT_BLOCK, most * BLOCKS_PER_DATAGRAM);
    return open ? f : NULL;
}

void fragments_know_hosts(struct fragments *f, const struct host_rules *hosts)
{
    f->hosts = hosts;
}

/* ---- queues and the table */

static void queue_append(struct datagram_queue *q, struct datagram *d)
{
    d->newer = NULL;
    d->older = q->newest;
    *(q->newest ? &q->newest->newer : &q->oldest) = d;
    q->newest = d;
}

static void queue_take(struct datagram_queue *q, struct datagram *d)
{
    *(d->older ? &d->older->newer : &q->oldest) = d->newer;
    *(d->newer ? &d->newer->older : &q->newest) = d->older;
}

static struct datagram_queue *queue_of(struct fragments *f, const struct datagram *d)
{
    return &f->queues[d->key.version == 4 ? QUEUE_IPV4 : QUEUE_IPV6];
}

static uint64_t hash_key(const struct fragments *f, const struct fragment_key *key, uint64_t more)
{
    uint64_t words[HASH_WORDS];
    memcpy(words, key->source, 16);
    memcpy(words + 2, key->target, 16);
    words[4] = ((uint64_t)key->tenant << 32 | (uint64_t)key->vlan << 16 | key->version) ^ more;
    return hash_words(f->key, words);
}

static bool key_equal(const struct fragment_key *a, const struct fragment_key *b)
{
    return a->id == b->id && a->tenant == b->tenant && a->vlan == b->vlan && a->protocol == b->protocol && a->version == b->version &&
           memcmp(a->source, b->source, 16) == 0 && memcmp(a->target, b->target, 16) == 0;
}

static void table_take(struct fragments *f, struct datagram *d)
{
    struct datagram **at = &f->buckets[d->bucket];
    while (*at != d)
        at = &(*at)->chain;
    *at = d->chain;
    queue_take(queue_of(f, d), d);
}

static void memory_give(struct fragments *f, struct datagram *d)
{
    for (unsigned i = 0; i < FRAGMENT_BLOCKS; i++)
        if (d->blocks[i])
            pool_give(&f->blocks, d->blocks[i]);
    if (d->head)
        pool_give(&f->blocks, d->head);
    pool_give(&f->datagrams, d);
}

static void datagram_drop(struct fragments *f, struct datagram *d, enum counter why)
{
    count_many(f->counters, why, why == COUNT_FRAGMENTS_DROPPED ? d->fragments : 1);
    table_take(f, d);
    memory_give(f, d);
}

/* The oldest but the current one; false when there is none. */
static bool fragments_evict(struct fragments *f)
{
    struct datagram *oldest = NULL;
    for (unsigned i = QUEUE_IPV4; i <= QUEUE_IPV6; i++) {
        struct datagram *d = f->queues[i].oldest;
        if (d && d == f->current)
            d = d->newer;
        if (d && (!oldest || d->began_ns < oldest->began_ns))
            oldest = d;
    }
    if (oldest)
        datagram_drop(f, oldest, COUNT_FRAGMENTS_EVICTED);
    return oldest;
}

static uint8_t *block_take(void *context)
{
    struct fragments *f = context;
    uint8_t *block;
    while (!(block = pool_take_dirty(&f->blocks)))
        if (!fragments_evict(f))
            return NULL;
    return block;
}

/* A step back of packet time is another capture. */
static bool is_over(const struct datagram *d, int64_t now_ns)
{
    return (uint64_t)now_ns - (uint64_t)d->began_ns >= (uint64_t)(d->key.version == 4 ? IPV4_NS : IPV6_NS);
}

static void fragments_expire(struct fragments *f, uint64_t place, int64_t now_ns)
{
    for (unsigned i = 0; i < EXPIRIES_PER_FRAGMENT; i++) {
        struct datagram *done = f->queues[QUEUE_DONE].oldest;
        if (done && place - done->done_place >= DATAGRAM_KEEPS) {
            queue_take(&f->queues[QUEUE_DONE], done);
            memory_give(f, done);
        }
        for (unsigned q = QUEUE_IPV4; q <= QUEUE_IPV6; q++)
            if (f->queues[q].oldest && is_over(f->queues[q].oldest, now_ns))
                datagram_drop(f, f->queues[q].oldest, COUNT_FRAGMENTS_TIMED_OUT);
    }
}

static struct datagram *datagram_find(struct fragments *f, const struct fragment_key *key, uint32_t bucket, int64_t now_ns)
{
    struct datagram *d = f->buckets[bucket];
    while (d && !key_equal(&d->key, key))
        d = d->chain;
    if (d && is_over(d, now_ns)) {
        datagram_drop(f, d, COUNT_FRAGMENTS_TIMED_OUT);
        d = NULL;
    }
    return d;
}

static struct datagram *datagram_begin(struct fragments *f, const struct fragment_key *key, uint32_t bucket, int64_t now_ns)
{
    struct datagram *d;
    while (!(d = pool_take_dirty(&f->datagrams)))
        if (!fragments_evict(f))
            return NULL;
    memset(d, 0, offsetof(struct datagram, there));
    datagram_clear(d);
    d->key = *key;
    d->policy = (uint8_t)host_rules_find(f->hosts, key->target);
    d->bucket = bucket;
    d->began_ns = now_ns;
    d->chain = f->buckets[bucket];
    f->buckets[bucket] = d;
    queue_append(queue_of(f, d), d);
    return d;
}

/* ip_frag_too_far: a sender that went on to others for long has used the number again. Linux begins anew, in time, too. */
static void arrival_note(struct fragments *f, struct datagram *d, int64_t now_ns)
{
    if (d->key.version != 4)
        return;
    uint32_t *arrivals = &f->arrivals[hash_key(f, &d->key, 0) % SENDERS], before = d->arrival;
    d->arrival = ++*arrivals;
    if (d->fragments == 0 || d->arrival - before <= FRAGMENTS_BETWEEN_MOST)
        return;
    count_many(f->counters, COUNT_FRAGMENTS_DROPPED, d->fragments);
    datagram_clear(d);
    queue_take(queue_of(f, d), d);
    d->began_ns = now_ns;
    queue_append(queue_of(f, d), d);
}

/* ---- one fragment */

static struct datagram *datagram_done(struct fragments *f, struct datagram *d, uint64_t place)
{
    table_take(f, d);
    d->done_place = place;
    queue_append(&f->queues[QUEUE_DONE], d);
    return d;
}

/* NULL, or what fragments_take returns. */
static struct datagram *fragment_add(struct fragments *f, const struct fragment *given, const struct raw_packet *raw, uint64_t place,
                                     int64_t now_ns)
{
    const struct block_source blocks = {f, block_take};
    uint32_t bucket = (uint32_t)hash_key(f, &given->key, (uint64_t)given->key.id << 32 | (uint64_t)given->key.protocol << 8) & f->mask;
    struct datagram *d = datagram_find(f, &given->key, bucket, now_ns);
    if (!d && !(d = datagram_begin(f, &given->key, bucket, now_ns))) {
        count(f->counters, COUNT_FRAGMENTS_EVICTED);
        return NULL;
    }
    arrival_note(f, d, now_ns);
    f->current = d;
    bool differed = d->differs;
    enum insertion result = datagram_insert(d, given, raw, &blocks);
    f->current = NULL;
    if (d->differs && !differed)
        count(f->counters, COUNT_FRAGMENTS_DIFFER);
    switch (result) {
    case INSERTION_HELD:
        return NULL;
    case INSERTION_DUPLICATE:
        count(f->counters, COUNT_FRAGMENTS_DUPLICATE);
        return NULL;
    case INSERTION_WHOLE:
        return datagram_done(f, d, place);
    case INSERTION_NO_MEMORY:
        datagram_drop(f, d, COUNT_FRAGMENTS_EVICTED);
        return NULL;
    case INSERTION_OVERLAP:
    case INSERTION_CONTRADICTS:
        break;
    }
    count(f->counters, COUNT_FRAGMENTS_DROPPED);
    if (!d->differs || !d->first) {
        datagram_drop(f, d, COUNT_FRAGMENTS_DROPPED);
        return NULL;
    }
    count_many(f->counters, COUNT_FRAGMENTS_DROPPED, d->fragments);
    return datagram_done(f, d, place);
}

const struct datagram *fragments_take(struct fragments *f, const struct raw_packet *raw, uint64_t place, int64_t now_ns)
{
    struct raw_packet frame = *raw;
    struct net_packet packet;
    struct decoding walk;
    struct datagram *d = NULL;
    struct fragment fragment;
    fragments_expire(f, place, now_ns);
    /* What becomes whole may be a tunnel's packet that carries a fragment. */
    for (unsigned depth = 0; depth <= TUNNELS_MAX; depth++) {
        const uint8_t *whole = d && d->key.version == 6 ? frame.bytes + d->ip_at : NULL;
        bool decoded = decode_walk(&walk, &frame, whole, &packet);
        if (decoded || walk.skipped != COUNT_SKIPPED_FRAGMENT) {
            bool twice = !decoded && walk.fragmented && walk.skipped == COUNT_SKIPPED_MALFORMED;
            return twice ? NULL : d;
        }
        count(f->counters, COUNT_FRAGMENTS);
        if (!fragment_read(&walk, &frame, &fragment)) {
            count(f->counters, COUNT_FRAGMENTS_DROPPED);
            return NULL;
        }
        d = fragment_add(f, &fragment, &frame, place, now_ns);
        if (!d || !d->whole)
            return d;
        count(f->counters, COUNT_FRAGMENTS_REASSEMBLED);
        datagram_write(d, raw, f->scratch, &frame);
    }
    return NULL;
}
