/* What a worker keeps of each server, and the beat that tells it. */
#include "health/pulse_state.h"

#include <string.h>

static const int64_t MINUTE_NS = INT64_C(60000000000);

size_t sign_length(const struct sign *sign)
{
#define LENGTH_WITH(part) (offsetof(struct sign, part) + sizeof sign->part)
    switch ((enum sign_kind)sign->kind) {
    case SIGN_BEAT:
        return LENGTH_WITH(beat);
    case SIGN_MINUTE:
        return LENGTH_WITH(minute);
    case SIGN_DOOR:
        return LENGTH_WITH(door);
    case SIGN_OPENED:
        return LENGTH_WITH(opened);
    case SIGN_HELLO:
        return LENGTH_WITH(hello);
    case SIGN_FAREWELL:
    case SIGN_REFUSAL:
        return LENGTH_WITH(farewell);
    case SIGN_SHAPE:
        return LENGTH_WITH(shape);
    case SIGN_ENDING:
    case SIGN_LEFT:
    case SIGN_CLOSED:
        return offsetof(struct sign, ending.words) + sign->ending.words_used * sizeof(struct word);
    case SIGN_TIME:
        return offsetof(struct sign, beat);
    }
#undef LENGTH_WITH
    return sizeof *sign;
}

static uint32_t endpoint_hash(const struct endpoint *end)
{
    uint32_t words[4], hash = end->port;
    memcpy(words, end->address, sizeof words);
    for (unsigned i = 0; i < 4; i++)
        hash = mix32(hash, words[i]);
    hash = (hash ^ hash >> 16) * UINT32_C(0x85ebca6b); /* neighbours differ in the last byte alone, and low bits are asked for */
    return hash ^ hash >> 13;
}

static bool endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

void pulse_count_client(struct pulse_flow *f)
{
    struct endpoint client = f->flow->client;
    client.port = 0;
    uint32_t bit = endpoint_hash(&client) % CLIENT_BITS;
    f->server->clients[bit / 8] |= (uint8_t)(1u << bit % 8);
    f->server->minute_used = true;
    f->minute = f->server->minute;
}

struct pulse_server *pulse_server_of(struct pulse *p, const struct endpoint *endpoint, enum protocol protocol)
{
    uint32_t i = endpoint_hash(endpoint) & p->index_mask;
    for (; p->index[i]; i = (i + 1) & p->index_mask)
        if (endpoint_same(&p->servers[p->index[i] - 1].endpoint, endpoint))
            return &p->servers[p->index[i] - 1];
    if (p->servers_used == p->options.servers)
        return NULL;
    struct pulse_server *s = &p->servers[p->servers_used++];
    p->index[i] = p->servers_used;
    s->endpoint = *endpoint;
    s->protocol = protocol;
    s->minute = 1;
    return s;
}

/* Log-linear: LATENCY_STEPS buckets for each doubling of microseconds. */
static unsigned spread_bucket(uint64_t us)
{
    if (us < LATENCY_STEPS)
        return (unsigned)us;
    unsigned high = 63 - (unsigned)__builtin_clzll(us);
    unsigned bucket = (high - 2) * LATENCY_STEPS + (unsigned)(us >> (high - 3) & (LATENCY_STEPS - 1));
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

void pulse_latency(struct pulse_server *s, int64_t latency_ns, int64_t now_ns)
{
    uint64_t ns = latency_ns > 0 ? (uint64_t)latency_ns : 0;
    (void)now_ns;
    s->spread[spread_bucket(ns / 1000)]++;
    s->minute_used = true;
    s->beat.sum_us += ns / 1000;
    uint64_t units = ns >> 8;
    if (units > s->beat.slow_ns_256)
        s->beat.slow_ns_256 = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

bool pulse_shape_is_new(struct pulse_server *s, uint32_t shape)
{
    const uint32_t mask = SHAPES_OF_SERVER - 1;
    uint32_t i = shape & mask;
    for (; s->shapes[i]; i = (i + 1) & mask)
        if (s->shapes[i] == shape)
            return false;
    if (s->shapes_used >= SHAPES_OF_SERVER / 4 * 3)
        return false;
    s->shapes[i] = shape;
    s->shapes_used++;
    return true;
}

/* The door of an address and port, made when this beat has none of it yet; NULL when those that it may be found at are taken. */
static struct door *door_of(struct pulse *p, const struct endpoint *server)
{
    enum { TRIES = 16 };
    uint32_t at = endpoint_hash(server);
    for (unsigned i = 0; i < TRIES; i++, at++) {
        struct door *door = &p->doors[at % DOORS];
        if (door->beat == p->beats && endpoint_same(&door->endpoint, server))
            return door;
        if (door->beat == p->beats)
            continue;
        *door = (struct door){.endpoint = *server, .beat = p->beats};
        p->doors_at[p->doors_used++] = (uint16_t)(at % DOORS);
        return door;
    }
    return NULL;
}

/* Few addresses are asked between two beats; of a scan of many some are left out. */
void pulse_door(struct pulse *p, const struct endpoint *server, enum segment_sign sign, const struct segment *where)
{
    struct door *door = door_of(p, server);
    if (!door) {
        count(p->counters, COUNT_HEALTH_SHED);
        return;
    }
    uint32_t *counted = sign == SEGMENT_ASKS ? &door->asked : sign == SEGMENT_ACCEPTS ? &door->accepted : &door->refused;
    if (sign == SEGMENT_REFUSES && !door->refused) {
        door->time_ns = sane_ns(where->time_ns);
        door->packet = where->packet_number;
    }
    ++*counted;
}

/* Nobody need answer what is wrong or not whole. */
static bool is_owed_nothing(const struct pulse_flow *f)
{
    struct unfinished rest;
    for (unsigned i = 0; i < f->words_used; i++)
        if (f->words[i].word.flags & (WORD_ANOMALY | WORD_VERDICT))
            return true;
    return dialogue_unfinished(f->flow, FROM_CLIENT, &rest);
}

/* The waiting ones are in the order in which they began to wait, except a few whose oldest request was answered. */
static void look_at_waiting(struct pulse_server *s, int64_t now_ns)
{
    unsigned looked = 0;
    s->beat.waiting_long = s->beat.unacked = s->beat.unserved = 0;
    s->beat.oldest_ns = 0;
    for (const struct pulse_flow *f = s->oldest; f && looked < UNACKED_LOOKED_AT; f = f->newer, looked++) {
        if (f->flow->last_data == FROM_SERVER) /* an answer has begun, or a stream goes on */
            continue;
        if (now_ns - f->since_ns >= WAIT_IS_LONG_NS && is_owed_nothing(f))
            continue;
        if (!s->beat.oldest_ns || f->since_ns < s->beat.oldest_ns)
            s->beat.oldest_ns = f->since_ns;
        if (now_ns - f->since_ns < WAIT_IS_LONG_NS)
            continue;
        s->beat.waiting_long++;
        s->beat.unacked += !net_acknowledged(f->flow, FROM_CLIENT);
        s->beat.unserved += f->spoke_ns == 0 && !f->flow->midstream;
    }
}

static void tell_beat(struct pulse *p, struct pulse_server *s, int64_t now_ns)
{
    if (!s->stirred && !s->beat.waiting)
        return;
    struct sign sign = {.kind = SIGN_BEAT, .protocol = (uint8_t)s->protocol, .server = s->endpoint, .time_ns = now_ns};
    look_at_waiting(s, now_ns);
    sign.beat = s->beat;
    pulse_tell(p, &sign);
    const struct beat *b = &sign.beat;
    s->beat = (struct beat){.connections = b->connections, .waiting = b->waiting, .last_reply_ns = b->last_reply_ns,
                            .last_request_ns = b->last_request_ns};
    s->stirred = false;
}

static void tell_minute(struct pulse *p, struct pulse_server *s, int64_t minute_ns)
{
    if (!s->minute_used)
        return;
    struct sign sign;
    memset(&sign, 0, offsetof(struct sign, minute));
    sign.kind = SIGN_MINUTE;
    sign.protocol = (uint8_t)s->protocol;
    sign.server = s->endpoint;
    sign.time_ns = p->now_ns;
    sign.minute.minute_ns = minute_ns;
    memcpy(sign.minute.spread, s->spread, sizeof s->spread);
    memcpy(sign.minute.clients, s->clients, sizeof s->clients);
    memset(s->spread, 0, sizeof s->spread);
    memset(s->clients, 0, sizeof s->clients);
    s->minute_used = false;
    s->minute++;
    pulse_tell(p, &sign);
}

static void tell_doors(struct pulse *p, int64_t now_ns)
{
    for (unsigned i = 0; i < p->doors_used; i++) {
        const struct door *d = &p->doors[p->doors_at[i]];
        struct sign sign = {.kind = SIGN_DOOR, .server = d->endpoint, .time_ns = d->refused ? d->time_ns : now_ns, .packet = d->packet,
                            .door = {d->asked, d->accepted, d->refused}};
        pulse_tell(p, &sign);
    }
    p->doors_used = 0;
}

static int64_t minute_of(int64_t time_ns)
{
    int64_t rest = time_ns % MINUTE_NS;
    return time_ns - (rest < 0 ? rest + MINUTE_NS : rest);
}

/* A beat may end some milliseconds after its minute: what came in these belongs to the minute that is told. */
void pulse_beat(struct pulse *p, int64_t now_ns, bool last)
{
    int64_t minute_ns = minute_of(p->beat_ns == INT64_MIN ? now_ns : p->beat_ns); /* no packet came yet */
    bool over = last || minute_of(now_ns) != minute_ns;
    for (uint32_t i = 0; i < p->servers_used; i++) {
        tell_beat(p, &p->servers[i], now_ns);
        if (over)
            tell_minute(p, &p->servers[i], minute_ns);
    }
    tell_doors(p, now_ns);
    p->beats++;
    if (p->options.worker == 0) {
        struct sign sign = {.kind = SIGN_TIME, .manner = last, .time_ns = now_ns};
        pulse_tell(p, &sign);
    }
}
