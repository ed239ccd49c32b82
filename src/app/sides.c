/* One-sided servers: see sides.h. */
#include "app/sides.h"

#include <string.h>

enum { PACKETS_SURE = 3 };

bool sides_open(struct sides *s, struct arena *from)
{
    s->used = 0;
    s->servers = arena_take(from, SIDED_SERVERS_MAX * sizeof *s->servers);
    return s->servers != NULL;
}

static int endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
    int order = memcmp(a->address, b->address, sizeof a->address);
    return order ? order : (a->port > b->port) - (a->port < b->port);
}

static struct sided_server *sides_server(struct sides *s, const struct endpoint *endpoint, enum protocol protocol)
{
    size_t low = 0, high = s->used;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (endpoint_compare(&s->servers[middle].endpoint, endpoint) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < s->used && endpoint_compare(&s->servers[low].endpoint, endpoint) == 0)
        return &s->servers[low];
    if (s->used == SIDED_SERVERS_MAX)
        return NULL;
    memmove(&s->servers[low + 1], &s->servers[low], (s->used - low) * sizeof *s->servers);
    s->used++;
    s->servers[low] = (struct sided_server){.endpoint = *endpoint, .protocol = protocol};
    return &s->servers[low];
}

static void sight_add(struct sided_server *to, const struct sight *more, int64_t first_ns, int64_t last_ns)
{
    to->sight.decoded += more->decoded;
    to->sight.encrypted += more->encrypted;
    to->sight.unsupported += more->unsupported;
    to->sight.passed += more->passed;
    to->sight.lost += more->lost;
    to->sight.blind_ns += more->blind_ns;
    if (!to->first_ns || first_ns < to->first_ns)
        to->first_ns = first_ns;
    if (last_ns > to->last_ns)
        to->last_ns = last_ns;
}

void sides_note(struct sides *s, const struct flow *flow, enum protocol protocol, const struct sight *sight)
{
    uint64_t client = flow->packets[FROM_CLIENT], server = flow->packets[FROM_SERVER];
    struct sided_server *at = client + server < PACKETS_SURE ? NULL : sides_server(s, &flow->server, protocol);
    if (!at)
        return;
    at->connections++;
    at->only[FROM_CLIENT] += server == 0;
    at->only[FROM_SERVER] += client == 0;
    sight_add(at, sight, flow->first_ns, flow->last_ns);
}

void sides_add(struct sides *to, const struct sides *from)
{
    for (size_t i = 0; i < from->used; i++) {
        const struct sided_server *more = &from->servers[i];
        struct sided_server *at = sides_server(to, &more->endpoint, more->protocol);
        if (!at)
            continue;
        at->connections += more->connections;
        at->only[FROM_CLIENT] += more->only[FROM_CLIENT];
        at->only[FROM_SERVER] += more->only[FROM_SERVER];
        sight_add(at, &more->sight, more->first_ns, more->last_ns);
    }
}

bool sides_is_one_sided(const struct sided_server *server, enum side *seen)
{
    *seen = server->only[FROM_CLIENT] ? FROM_CLIENT : FROM_SERVER;
    return server->only[*seen] && server->only[*seen] >= server->connections - server->connections / 10;
}
