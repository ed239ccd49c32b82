/* Known servers: see proto/directory.h. Open addressing; entries are added under a lock, never removed, and read without. */
#include "proto/directory.h"

#include <pthread.h>
#include <string.h>

struct known_server {
    struct endpoint endpoint;
    _Atomic uint64_t since;    /* when it was learned; 0: a free entry */
    _Atomic uint32_t protocol;
};

struct directory {
    struct known_server *servers;
    size_t size, used;
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
    d->servers = arena_take(from, d->size * sizeof *d->servers);
    d->turns = turns;
    return d->servers && pthread_mutex_init(&d->adding, NULL) == 0 ? d : NULL;
}

static struct known_server *directory_find(struct directory *d, const struct endpoint *server)
{
    uint64_t hash = server->port;
    for (unsigned i = 0; i < sizeof server->address; i++)
        hash = (hash ^ server->address[i]) * UINT64_C(0x100000001b3);
    size_t i = (size_t)(hash ^ hash >> 29) & (d->size - 1);
    for (;; i = (i + 1) & (d->size - 1)) {
        struct known_server *s = &d->servers[i];
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

enum protocol directory_ask(struct directory *d, unsigned worker, const struct endpoint *server, uint64_t when)
{
    struct known_server *s = directory_find(d, server);
    if (d->turns && when) {
        uint64_t since = atomic_load(&s->since);
        /* Who waits for this worker must hear how far it is. */
        turns_pass(d->turns, worker, when - 1);
        turns_wait(d->turns, worker, counts_at(since, when) ? since - 1 : when - 1);
        s = directory_find(d, server);
    }
    return counts_at(atomic_load(&s->since), when ? when : UINT64_MAX) ? (enum protocol)atomic_load(&s->protocol) : PROTOCOL_NONE;
}

void directory_learn(struct directory *d, const struct endpoint *server, enum protocol protocol, uint64_t when)
{
    pthread_mutex_lock(&d->adding);
    struct known_server *s = directory_find(d, server);
    uint64_t since = atomic_load(&s->since);
    if (!since && d->used < d->size / 2) { /* else it is still found by port and first bytes */
        d->used++;
        s->endpoint = *server;
        atomic_store(&s->protocol, protocol);
        atomic_store_explicit(&s->since, when ? when : 1, memory_order_release);
    } else if (since && when < since) {
        atomic_store(&s->protocol, protocol);
        atomic_store_explicit(&s->since, when, memory_order_release);
    }
    pthread_mutex_unlock(&d->adding);
}
