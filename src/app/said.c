/* What a rule set said: see said.h. */
#include "app/said.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_end(uint64_t hash, const struct endpoint *e)
{
    hash = mix(hash, e->address, sizeof e->address);
    return mix(hash, &e->port, sizeof e->port);
}

void said_add(struct said *s, const struct said_alert *alert, uint64_t place)
{
    if (s->used == s->room) {
        const size_t room = s->room ? 2 * s->room : 256;
        struct said_alert *grown = room <= SAID_MOST ? realloc(s->alerts, room * sizeof *grown) : NULL;
        if (!grown) {
            s->full = true;
            return;
        }
        s->alerts = grown;
        s->room = room;
    }
    struct said_alert *new = &s->alerts[s->used++];
    *new = *alert;
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), &alert->time_ns, sizeof alert->time_ns);
    hash = mix_end(mix_end(hash, &alert->client), &alert->server);
    hash = mix(hash, &alert->to_client, sizeof alert->to_client);
    new->message = mix(hash, &place, sizeof place);
}

int said_compare(const struct said_alert *a, const struct said_alert *b)
{
    if (a->sid != b->sid)
        return a->sid < b->sid ? -1 : 1;
    if (a->gid != b->gid)
        return a->gid < b->gid ? -1 : 1;
    if (a->message != b->message)
        return a->message < b->message ? -1 : 1;
    return 0;
}

static int by_order(const void *a, const void *b)
{
    return said_compare(a, b);
}

void said_settle(struct said *s)
{
    size_t kept = 0;
    if (s->used)
        qsort(s->alerts, s->used, sizeof *s->alerts, by_order);
    for (size_t i = 0; i < s->used; i++)
        if (kept == 0 || said_compare(&s->alerts[kept - 1], &s->alerts[i]) != 0)
            s->alerts[kept++] = s->alerts[i];
    s->used = kept;
}

void said_free(struct said *s)
{
    free(s->alerts);
    *s = (struct said){0};
}
