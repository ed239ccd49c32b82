/* The charts: what each sign changes, and what time does. See health/ward.h. */
#include "health/ward_state.h"

#include <stdlib.h>
#include <string.h>

#include "net/stream.h"

struct ward *ward_open(const struct ward_sink *sink)
{
    struct ward *w = calloc(1, sizeof *w);
    if (w)
        w->sink = *sink;
    return w;
}

void ward_close(struct ward *w)
{
    free(w);
}

void ward_go_live(struct ward *w)
{
    w->live = true;
}

uint64_t ward_shed(const struct ward *w)
{
    return w->shed;
}

const char *incident_kind_name(enum incident_kind kind)
{
    static const char *const names[INCIDENT_KINDS] = {"death", "process-death", "stop", "silence", "limit", "slow"};
    return kind < INCIDENT_KINDS ? names[kind] : "unknown";
}

const char *incident_verdict_name(enum incident_verdict verdict)
{
    static const char *const names[INCIDENT_VERDICTS] = {"server-crash", "server-hang", "orderly-shutdown", "network",
                                                         "workload", "limit-reached", "unknown"};
    return verdict < INCIDENT_VERDICTS ? names[verdict] : "unknown";
}

const char *evidence_about_name(enum evidence_about about)
{
    static const char *const names[] = {"network", "workload", "server", "stop"};
    return names[about];
}

/* ---- charts */

static uint32_t endpoint_hash(const struct endpoint *end)
{
    uint64_t words[2], hash;
    memcpy(words, end->address, sizeof words);
    hash = (words[0] ^ words[1] ^ (uint64_t)end->port << 48) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32);
}

static struct chart *chart_of(struct ward *w, const struct endpoint *server, bool make)
{
    const uint32_t mask = CHARTS_MAX * 2 - 1;
    uint32_t i = endpoint_hash(server) & mask;
    for (; w->index[i]; i = (i + 1) & mask) {
        struct chart *c = &w->charts[w->index[i] - 1];
        if (c->server.port == server->port && same_address(&c->server, server))
            return c;
    }
    if (!make)
        return NULL;
    if (w->charts_used == CHARTS_MAX) {
        w->shed++;
        return NULL;
    }
    struct chart *c = &w->charts[w->charts_used++];
    w->index[i] = w->charts_used;
    c->server = *server;
    return c;
}

const struct seen_shape *chart_shape(const struct chart *c, uint32_t shape)
{
    const uint32_t mask = CHART_SHAPES - 1;
    for (uint32_t i = shape & mask; c->shapes[i].shape; i = (i + 1) & mask)
        if (c->shapes[i].shape == shape)
            return &c->shapes[i];
    return NULL;
}

static void shape_seen(struct chart *c, const struct sign *sign)
{
    const uint32_t mask = CHART_SHAPES - 1;
    uint32_t i = sign->shape.shape & mask;
    if (c->shapes_used >= CHART_SHAPES / 4 * 3)
        return;
    for (; c->shapes[i].shape; i = (i + 1) & mask)
        if (c->shapes[i].shape == sign->shape.shape)
            return;
    c->shapes[i] = (struct seen_shape){sign->shape.shape, sign->time_ns, sign->packet};
    c->shapes_used++;
}

struct seen_client *chart_client(struct chart *c, const uint8_t address[16])
{
    for (uint32_t i = 0; i < c->clients_used; i++)
        if (memcmp(c->clients[i].address, address, 16) == 0)
            return &c->clients[i];
    return NULL;
}

static void client_seen(struct chart *c, const struct sign *sign)
{
    struct seen_client *client = chart_client(c, sign->client.address);
    if (!client && c->clients_used < CHART_CLIENTS) {
        client = &c->clients[c->clients_used++];
        memcpy(client->address, sign->client.address, 16);
        client->first_ns = sign->time_ns;
    }
    if (!client)
        return;
    client->last_ns = sign->time_ns;
    client->connections++;
}

void words_keep(struct last_words *kept, const struct sign *sign)
{
    *kept = (struct last_words){.client = sign->client, .flow_id = sign->flow_id, .packet = sign->packet, .time_ns = sign->time_ns,
                                .open = sign->ending.open, .manner = sign->manner, .farewell = sign->ending.farewell, .ended = true,
                                .words_used = sign->ending.words_used};
    memcpy(kept->user, sign->ending.user, sizeof kept->user);
    memcpy(kept->words, sign->ending.words, sign->ending.words_used * sizeof kept->words[0]);
}

/* ---- incidents */

struct patient_incident *incident_open(struct ward *w, struct chart *c, enum incident_kind kind)
{
    struct patient_incident *i = NULL;
    for (unsigned n = 0; n < INCIDENTS_OPEN && !i; n++)
        if (!w->incidents[n].chart)
            i = &w->incidents[n];
    if (!i) {
        w->shed++;
        return NULL;
    }
    memset(i, 0, sizeof *i);
    i->chart = c;
    i->told.number = ++w->numbers;
    i->told.server = c->server;
    i->told.protocol = c->protocol;
    i->told.kind = kind;
    i->judged_ns = w->now_ns;
    c->incident = i;
    return i;
}

void incident_tell(struct ward *w, struct patient_incident *i)
{
    i->dirty = false;
    w->sink.incident(w->sink.context, &i->told);
}

void incident_close(struct ward *w, struct patient_incident *i, int64_t ended_ns)
{
    i->told.ended_ns = ended_ns;
    incident_tell(w, i);
    i->chart->incident = NULL;
    i->chart->closed_ns = w->now_ns;
    i->chart = NULL;
}

/* ---- signs */

static void take_beat(struct chart *c, const struct beat *b)
{
    struct beat *sum = &c->gathering;
    vitals_add(sum, b);
    sum->connections += b->connections;
    sum->waiting += b->waiting;
    sum->waiting_long += b->waiting_long;
    sum->unacked += b->unacked;
    sum->unserved += b->unserved;
    sum->repeating += b->repeating;
    sum->sum_us += b->sum_us;
    sum->request_us += b->request_us;
    sum->reply_us += b->reply_us;
    if (b->slow_ns_256 > sum->slow_ns_256)
        sum->slow_ns_256 = b->slow_ns_256;
    if (b->oldest_ns && (!sum->oldest_ns || b->oldest_ns < sum->oldest_ns))
        sum->oldest_ns = b->oldest_ns;
    if (b->last_reply_ns > c->last_reply_ns)
        c->last_reply_ns = b->last_reply_ns;
    if (b->last_request_ns > c->last_request_ns)
        c->last_request_ns = b->last_request_ns;
}

/* Numbers given at nearly the same time come in any order, and Redis tells them late: only one of a connection that began after
 * the one with the highest number, and that is half of it or less, began again. */
enum { FALLS_TO = 2 };

static void take_hello(struct chart *c, const struct sign *sign)
{
    bool other_version = c->version && sign->hello.version && sign->hello.version != c->version;
    /* PostgreSQL names the process, which rises but may wrap; the others count connections. */
    bool later = sign->flow_id > c->hello_flow;
    bool fell = later && sign->hello.number && sign->hello.number * FALLS_TO <= c->hello_number && c->protocol != PROTOCOL_PGSQL;
    if (other_version || fell)
        c->fell_ns = sign->time_ns;
    else if (c->hello_number && sign->hello.number > c->hello_number && c->protocol != PROTOCOL_PGSQL)
        c->went_on_ns = sign->time_ns;
    if (fell || sign->hello.number > c->hello_number) {
        c->hello_number = sign->hello.number;
        c->hello_flow = sign->flow_id;
    }
    if (sign->hello.version)
        c->version = sign->hello.version;
    c->hello_ns = sign->time_ns;
}

static void take_farewell(struct chart *c, const struct sign *sign)
{
    c->farewell_ns[sign->manner] = sign->time_ns;
    if (sign->manner == FAREWELL_COMMAND) {
        c->stop_command_ns = sign->time_ns;
        c->stop_client = sign->client;
    }
    if (sign->manner != FAREWELL_SESSION)
        memcpy(c->farewell_text, sign->farewell.text, sizeof c->farewell_text);
}

static void take_door(struct chart *c, const struct sign *sign)
{
    c->asked += sign->door.asked;
    c->accepted += sign->door.accepted;
    c->minute.asked += sign->door.asked;
    c->minute.accepted += sign->door.accepted;
    c->minute.refused += sign->door.refused;
    c->quiet.asked += sign->door.asked;
    c->quiet.accepted += sign->door.accepted;
    c->quiet.refused += sign->door.refused;
    if (sign->door.accepted)
        c->last_accepted_ns = sign->time_ns;
    if (!sign->door.refused)
        return;
    if (!c->refused || sign->time_ns < c->first_refused_ns) /* the workers' doors of one beat are in no order */
        c->first_refused_ns = sign->time_ns;
    c->refused += sign->door.refused;
    if (sign->time_ns > c->last_refused_ns)
        c->last_refused_ns = sign->time_ns;
}

static void take_refusal(struct chart *c, const struct sign *sign)
{
    if (!c->refusals++)
        c->refusal_first_ns = sign->time_ns;
    c->refusal_ns = sign->time_ns;
    memcpy(c->refusal_text, sign->farewell.text, sizeof c->refusal_text);
}

static void take_left(struct chart *c, const struct sign *sign)
{
    if (c->connections)
        c->connections--;
    c->left_newest = (c->left_newest + 1) % CHART_LEFT;
    words_keep(&c->left[c->left_newest], sign);
    c->left[c->left_newest].ended = false;
}

/* Those that wait longest, the oldest first: the same ones in whatever order they come. */
static uint32_t wait_join(struct last_words waits[CHART_WAITS], uint32_t used, const struct last_words *one)
{
    uint32_t at = used;
    while (at > 0 && (waits[at - 1].time_ns > one->time_ns || (waits[at - 1].time_ns == one->time_ns && waits[at - 1].flow_id > one->flow_id)))
        at--;
    if (at == CHART_WAITS)
        return used;
    used = used < CHART_WAITS ? used + 1 : CHART_WAITS;
    memmove(&waits[at + 1], &waits[at], (used - at - 1) * sizeof waits[0]);
    waits[at] = *one;
    return used;
}

static void take_waits(struct chart *c, const struct sign *sign)
{
    struct last_words one;
    words_keep(&one, sign);
    one.ended = false;
    one.time_ns = sign->ending.open_since_ns;
    one.packet = (uint64_t)sign->time_ns; /* when it was told */
    c->waits_told_used = wait_join(c->waits_told, c->waits_told_used, &one);
}

/* The beat is whole, so the last reply is that of all workers. A worker tells who waits while it sees no reply itself; that
 * counts when nobody saw one. Who waited and left is kept until there is a reply. */
static void waits_settle(const struct ward *w, struct chart *c)
{
    if (w->now_ns - c->last_reply_ns >= WAIT_IS_LONG_NS && c->waits_told_used) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < c->waits_used; i++) {
            bool again = (int64_t)c->waits[i].packet <= c->last_reply_ns;
            for (uint32_t k = 0; k < c->waits_told_used && !again; k++)
                again = c->waits_told[k].flow_id == c->waits[i].flow_id;
            if (!again)
                c->waits[kept++] = c->waits[i];
        }
        c->waits_used = kept;
        for (uint32_t k = 0; k < c->waits_told_used; k++)
            c->waits_used = wait_join(c->waits, c->waits_used, &c->waits_told[k]);
    }
    c->waits_told_used = 0;
}

static void take_closed(struct chart *c, const struct sign *sign)
{
    if (sign->manner != END_CAPTURE)
        visitor_closed(c, sign);
    if (sign->manner != END_CAPTURE && !sign->ending.counted && c->connections)
        c->connections--;
}

static void take_opened(struct chart *c, const struct sign *sign)
{
    if (++c->connections > c->connections_most)
        c->connections_most = c->connections;
    client_seen(c, sign);
}

static void look(struct ward *w, struct chart *c)
{
    c->beat = c->gathering;
    c->gathering = (struct beat){0};
    waits_settle(w, c);
    vitals_beat(w, c);
    if (c->burst)
        burst_look(w, c);
    limit_look(w, c);
    silence_look(w, c);
    if (c->incident)
        death_review(w, c->incident);
    if (c->incident && c->incident->dirty)
        incident_tell(w, c->incident);
}

static void time_passes(struct ward *w, const struct sign *sign)
{
    w->now_ns = sign->time_ns;
    w->over = sign->manner;
    for (uint32_t i = 0; i < w->charts_used; i++)
        look(w, &w->charts[i]);
    for (uint32_t i = 0; w->over && i < w->charts_used; i++) {
        vitals_tell(w, &w->charts[i]);
        visitors_tell(w, &w->charts[i]);
    }
}

void ward_take(struct ward *w, const struct sign *sign)
{
    if (sign->kind == SIGN_TIME) {
        time_passes(w, sign);
        return;
    }
    struct chart *c = chart_of(w, &sign->server, sign->kind != SIGN_DOOR);
    if (!c)
        return;
    if (sign->kind != SIGN_DOOR)
        c->protocol = (enum protocol)sign->protocol;
    if (!c->used) {
        c->used = true;
        c->first_ns = sign->time_ns;
    }
    c->last_ns = sign->time_ns;
    switch ((enum sign_kind)sign->kind) {
    case SIGN_BEAT:
        take_beat(c, &sign->beat);
        break;
    case SIGN_MINUTE:
        vitals_minute(w, c, sign);
        break;
    case SIGN_KINDS:
        vitals_kinds(c, sign);
        break;
    case SIGN_USER:
        visitor_user(c, sign);
        break;
    case SIGN_DOOR:
        take_door(c, sign);
        break;
    case SIGN_OPENED:
        take_opened(c, sign);
        backup_opened(w, c, sign);
        break;
    case SIGN_HELLO:
        take_hello(c, sign);
        break;
    case SIGN_FAREWELL:
        take_farewell(c, sign);
        break;
    case SIGN_REFUSAL:
        take_refusal(c, sign);
        break;
    case SIGN_SHAPE:
        shape_seen(c, sign);
        backup_shape(w, c, sign->shape.shape);
        break;
    case SIGN_ENDING:
        burst_add(w, c, sign);
        if (c->connections)
            c->connections--;
        break;
    case SIGN_LEFT:
        take_left(c, sign);
        break;
    case SIGN_WAITS:
        take_waits(c, sign);
        break;
    case SIGN_CLOSED:
        take_closed(c, sign);
        break;
    case SIGN_TIME:
        break;
    }
}
