/* Known servers: see proto/directory.h. Open addressing; entries are added under a lock, never removed, and read without. */
#include "proto/directory.h"

#include <pthread.h>
#include <string.h>

struct known_server {
    struct endpoint endpoint;
    _Atomic uint64_t since;    /* when it was learned; 0: a free entry */
    _Atomic uint32_t protocol;
};

struct table {
    struct known_server *servers;
    size_t used;
};

struct directory {
    struct table known, tls; /* speak a protocol; offered TLS */
    size_t size;             /* of each table */
    struct turns *turns;
    pthread_mutex_t adding;
};

struct directory *directory_open(struct arena *from, size_t servers, struct turns *turns)
{
    struct directory *d = arena_take(from, sizeof *d);
    if (!d)
        return NULL;
    for (d->size = 64; d->size < servers * 2;)
        d->size *= 2;
    d->known.servers = arena_take(from, d->size * sizeof *d->known.servers);
    d->tls.servers = arena_take(from, d->size * sizeof *d->tls.servers);
    d->turns = turns;
    return d->known.servers && d->tls.servers && pthread_mutex_init(&d->adding, NULL) == 0 ? d : NULL;
}

static struct known_server *find(const struct directory *d, const struct table *t, const struct endpoint *server)
{
    uint64_t hash = server->port;
    for (unsigned i = 0; i < sizeof server->address; i++)
        hash = (hash ^ server->address[i]) * UINT64_C(0x100000001b3);
    size_t i = (size_t)(hash ^ hash >> 29) & (d->size - 1);
    for (;; i = (i + 1) & (d->size - 1)) {
        struct known_server *s = &t->servers[i];
        if (!atomic_load_explicit(&s->since, memory_order_acquire) ||
            (s->endpoint.port == server->port && memcmp(s->endpoint.address, server->address, sizeof server->address) == 0))
            return s;
    }
}

/* A packet knows what was learned from itself; of several things that happen by time alone at once none knows another. */
static bool counts_at(uint64_t since, uint64_t when)
{
    return since && (since < when || (since == when && when % 2 == 0));
}

/* The entry that counts at `when`, or NULL. */
static struct known_server *ask(struct directory *d, const struct table *t, unsigned worker, const struct endpoint *server, uint64_t when)
{
    struct known_server *s = find(d, t, server);
    if (d->turns && when) {
        uint64_t since = atomic_load(&s->since);
        /* Who waits for this worker must hear how far it is. */
        turns_pass(d->turns, worker, when - 1);
        turns_wait(d->turns, worker, counts_at(since, when) ? since - 1 : when - 1);
        s = find(d, t, server);
    }
    return counts_at(atomic_load(&s->since), when ? when : UINT64_MAX) ? s : NULL;
}

enum protocol directory_ask(struct directory *d, unsigned worker, const struct endpoint *server, uint64_t when)
{
    const struct known_server *s = ask(d, &d->known, worker, server, when);
    return s ? (enum protocol)atomic_load(&s->protocol) : PROTOCOL_NONE;
}

bool directory_ask_tls(struct directory *d, unsigned worker, const struct endpoint *server, uint64_t when)
{
    return ask(d, &d->tls, worker, server, when) != NULL;
}

static void learn(struct directory *d, struct table *t, const struct endpoint *server, enum protocol protocol, uint64_t when)
{
    when = when ? when : 1; /* 0 is a free entry */
    pthread_mutex_lock(&d->adding);
    struct known_server *s = find(d, t, server);
    uint64_t since = atomic_load(&s->since);
    if (!since && t->used < d->size / 2) { /* else it is still found by port and first bytes */
        t->used++;
        s->endpoint = *server;
        atomic_store(&s->protocol, protocol);
        atomic_store_explicit(&s->since, when, memory_order_release);
    } else if (since && when < since) {
        atomic_store(&s->protocol, protocol);
        atomic_store_explicit(&s->since, when, memory_order_release);
    }
    pthread_mutex_unlock(&d->adding);
}

void directory_learn(struct directory *d, const struct endpoint *server, enum protocol protocol, uint64_t when)
{
    learn(d, &d->known, server, protocol, when);
}

void directory_learn_tls(struct directory *d, const struct endpoint *server, uint64_t when)
{
    const uint64_t since = atomic_load_explicit(&find(d, &d->tls, server)->since, memory_order_acquire);
    if (!since || when < since)
        learn(d, &d->tls, server, PROTOCOL_NONE, when);
}
