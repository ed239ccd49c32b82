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
    case SIGN_KINDS:
        return offsetof(struct sign, kinds.kinds) + sign->kinds.used * sizeof sign->kinds.kinds[0];
    case SIGN_USER:
        return LENGTH_WITH(user);
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
    case SIGN_WAITS:
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
    const struct session *session = dialogue_session(f->flow);
    uint32_t hash = 0;
    for (unsigned i = 0; session && i < session->user_length; i++)
        hash = mix32(hash, (uint8_t)session->user[i]);
    bit = hash % CLIENT_BITS;
    if (session && session->user_length)
        f->server->users[bit / 8] |= (uint8_t)(1u << bit % 8);
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
static void look_at_waiting(struct pulse *p, struct pulse_server *s, int64_t now_ns)
{
    bool silent = now_ns - sane_ns(s->beat.last_reply_ns) >= WAIT_IS_LONG_NS;
    unsigned looked = 0;
    s->beat.waiting_long = s->beat.unacked = s->beat.unserved = 0;
    s->beat.oldest_ns = 0;
    for (struct pulse_flow *f = s->lists[LIST_WAITING].oldest; f && looked < UNACKED_LOOKED_AT; f = f->newer, looked++) {
        if (f->flow->last_data == FROM_SERVER) /* an answer has begun, or a stream goes on */
            continue;
        int64_t since_ns = pulse_open_since(f);
        if (now_ns - since_ns >= WAIT_IS_LONG_NS && is_owed_nothing(f))
            continue;
        if (!s->beat.oldest_ns || since_ns < s->beat.oldest_ns)
            s->beat.oldest_ns = since_ns;
        if (now_ns - since_ns < WAIT_IS_LONG_NS)
            continue;
        s->beat.waiting_long++;
        if (silent) /* as far as this worker sees; the ward knows of all, and forgets those of a server that is not */
            pulse_tell_waits(p, f, now_ns);
        s->beat.unacked += !net_acknowledged(f->flow, FROM_CLIENT);
        s->beat.unserved += f->spoke_ns == 0 && !f->flow->midstream;
    }
}

static void tell_beat(struct pulse *p, struct pulse_server *s, int64_t now_ns)
{
    pulse_settle_lists(s);
    if (!s->stirred && !s->beat.waiting && !s->beat.requests && !s->beat.replies)
        return;
    struct sign sign = {.kind = SIGN_BEAT, .protocol = (uint8_t)s->protocol, .server = s->endpoint, .time_ns = now_ns};
    look_at_waiting(p, s, now_ns);
    uint64_t slow_units = (uint64_t)s->slow_ns >> 8;
    s->beat.slow_ns_256 = slow_units > UINT32_MAX ? UINT32_MAX : (uint32_t)slow_units;
    s->beat.sum_us = s->sum_us;
    s->beat.request_us = s->request_us;
    s->beat.reply_us = s->reply_us;
    s->sum_us = s->request_us = s->reply_us = 0;
    s->slow_ns = 0;
    sign.beat = s->beat;
    sign.beat.last_reply_ns = sane_ns(s->beat.last_reply_ns);
    sign.beat.last_request_ns = sane_ns(s->beat.last_request_ns);
    pulse_tell(p, &sign);
    const struct beat *b = &sign.beat;
    s->beat = (struct beat){.connections = b->connections, .waiting = b->waiting, .last_reply_ns = b->last_reply_ns,
                            .last_request_ns = b->last_request_ns};
    s->stirred = false;
}

static struct sign minute_sign(const struct pulse *p, const struct pulse_server *s, enum sign_kind kind)
{
    struct sign sign;
    memset(&sign, 0, offsetof(struct sign, minute));
    sign.kind = (uint8_t)kind;
    sign.protocol = (uint8_t)s->protocol;
    sign.server = s->endpoint;
    sign.time_ns = p->now_ns;
    return sign;
}

static bool has_times(const uint32_t times[LATENCY_BUCKETS])
{
    uint32_t any = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        any |= times[i];
    return any;
}

static void tell_kinds(struct pulse *p, struct pulse_server *s, int64_t minute_ns)
{
    for (unsigned i = 0; i < KINDS_OF_SERVER;) {
        struct sign sign = minute_sign(p, s, SIGN_KINDS);
        sign.kinds.minute_ns = minute_ns;
        sign.kinds.used = 0;
        sign.kinds.others = s->other_kinds.count;
        s->other_kinds.count = 0;
        for (; i < KINDS_OF_SERVER && sign.kinds.used < KINDS_TOLD; i++) {
            if (!s->kinds[i].count)
                continue;
            sign.kinds.kinds[sign.kinds.used].count = s->kinds[i].count;
            memcpy(sign.kinds.kinds[sign.kinds.used++].name, s->kinds[i].name, KIND_NAME_MAX);
        }
        if (sign.kinds.used || sign.kinds.others)
            pulse_tell(p, &sign);
    }
    pulse_forget_kinds(p, s);
}

/* `over`: the minute is; else what came of it since it was last told. */
static void tell_minute(struct pulse *p, struct pulse_server *s, int64_t minute_ns, bool over)
{
    if (s->kinds_used)
        tell_kinds(p, s, minute_ns);
    for (unsigned i = 0; i < TIMES; i++) {
        if (!has_times(s->times[i]) && !(i == TIMES_WHOLE && s->minute_used))
            continue;
        struct sign sign = minute_sign(p, s, SIGN_MINUTE);
        sign.manner = (uint8_t)i;
        sign.minute.minute_ns = minute_ns;
        memcpy(sign.minute.spread, s->times[i], sizeof s->times[i]);
        memcpy(sign.minute.clients, s->clients, sizeof s->clients);
        memcpy(sign.minute.users, s->users, sizeof s->users);
        memset(s->times[i], 0, sizeof s->times[i]);
        pulse_tell(p, &sign);
    }
    if (!over)
        return;
    memset(s->clients, 0, sizeof s->clients);
    memset(s->users, 0, sizeof s->users);
    s->minute_used = false;
    s->minute++;
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
    enum { BEATS_PER_TELLING = 10 };
    int64_t minute_ns = minute_of(p->beat_ns == INT64_MIN ? now_ns : p->beat_ns); /* no packet came yet */
    bool over = last || minute_of(now_ns) != minute_ns;
    for (uint32_t i = 0; i < p->servers_used; i++) {
        tell_beat(p, &p->servers[i], now_ns);
        if (over || (p->beats % BEATS_PER_TELLING == 0 && p->servers[i].kinds_used))
            tell_minute(p, &p->servers[i], minute_ns, over);
    }
    tell_doors(p, now_ns);
    p->beats++;
    if (p->options.worker == 0) {
        struct sign sign = {.kind = SIGN_TIME, .manner = last, .time_ns = now_ns};
        pulse_tell(p, &sign);
    }
}
