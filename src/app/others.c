/* Servers that no decoder claims: see others.h. */
#include "app/others.h"

#include <string.h>

#include "model/name.h"
#include "proto/decoder.h"

bool others_open(struct others *o, struct arena *from)
{
    o->used = 0;
    o->servers = arena_take(from, OTHER_SERVERS_MAX * sizeof *o->servers);
    return o->servers != NULL;
}

static int endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
    int order = memcmp(a->address, b->address, sizeof a->address);
    return order ? order : (a->port > b->port) - (a->port < b->port);
}

void others_note(struct others *o, const struct endpoint *server, uint16_t spoken, uint64_t connections)
{
    size_t low = 0, high = o->used;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (endpoint_compare(&o->servers[middle].endpoint, server) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct other_server *at = &o->servers[low];
    if (low == o->used || endpoint_compare(&at->endpoint, server) != 0) {
        if (o->used == OTHER_SERVERS_MAX)
            return;
        memmove(at + 1, at, (o->used - low) * sizeof *at);
        o->used++;
        *at = (struct other_server){.endpoint = *server};
    }
    at->connections += connections;
    if (spoken && (!at->spoken || spoken < at->spoken)) /* of several the same one, whoever came first */
        at->spoken = spoken;
}

void others_add(struct others *to, const struct others *from)
{
    for (size_t i = 0; i < from->used; i++)
        others_note(to, &from->servers[i].endpoint, from->servers[i].spoken, from->servers[i].connections);
}

bool others_may_be_database(uint16_t spoken)
{
    if (!spoken)
        return true;
    for (unsigned p = 1; p < PROTOCOLS; p++)
        if (decoder_of((enum protocol)p)->spoken == spoken)
            return true;
    return false;
}
