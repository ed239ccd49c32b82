/* Servers second by second: see seconds.h. */
#include "app/seconds.h"

#include <stdlib.h>
#include <string.h>

#include "detect/event.h"

enum { SERVERS_MOST = 1024, SLOTS = 2 * SERVERS_MOST, DETECTOR_BYTES = 32 << 20 };

enum sum { SUM_REQUESTS, SUM_REPLIES, SUM_ERRORS, SUM_LOGINS, SUM_LOGINS_FAILED, SUM_OPENED, SUM_REFUSED, SUM_RESETS, SUM_REPEATED, SUMS };

static const uint16_t fields[SUMS] = {
    [SUM_REQUESTS] = FIELD_SERVER_REQUESTS, [SUM_REPLIES] = FIELD_SERVER_REPLIES,   [SUM_ERRORS] = FIELD_SERVER_ERRORS,
    [SUM_LOGINS] = FIELD_SERVER_LOGINS,     [SUM_LOGINS_FAILED] = FIELD_SERVER_LOGINS_FAILED, [SUM_OPENED] = FIELD_SERVER_OPENED,
    [SUM_REFUSED] = FIELD_SERVER_REFUSED,   [SUM_RESETS] = FIELD_SERVER_RESETS,     [SUM_REPEATED] = FIELD_SERVER_REPEATED,
};

/* A server of the second that runs; the table is emptied with it. */
struct busy {
    struct endpoint server;
    uint8_t protocol; /* PROTOCOL_NONE: only its door was heard */
    uint64_t sums[SUMS];
};

struct seconds {
    struct arena arena;
    struct detector *detector;
    const struct habits *known; /* --habits, or NULL */
    struct habits *learned;
    bool began;
    int64_t second;  /* that runs */
    size_t used;
    uint16_t slots[SLOTS]; /* server + 1 */
    struct busy servers[SERVERS_MOST];
    struct event_room room;
};

bool seconds_open(struct seconds **out, const struct rule_set *rules, const struct habits *known, struct habits *learned)
{
    struct error why;
    *out = NULL;
    struct seconds *s = calloc(1, sizeof *s);
    if (!s || !arena_open(&s->arena, DETECTOR_BYTES, &why)) {
        free(s);
        return false;
    }
    s->detector = detector_open(rules, &s->arena);
    s->known = known;
    s->learned = learned;
    if (s->detector && (learned || detector_asks(s->detector, EVENT_SECOND))) {
        *out = s;
        return true;
    }
    const bool good = s->detector != NULL;
    seconds_close(s);
    return good;
}

void seconds_close(struct seconds *s)
{
    if (!s)
        return;
    arena_close(&s->arena);
    free(s);
}

static bool is_same(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

static struct busy *get(struct seconds *s, const struct endpoint *server)
{
    uint32_t hash = server->port;
    for (unsigned i = 0; i < sizeof server->address; i++)
        hash = (hash ^ server->address[i]) * UINT32_C(0x01000193);
    uint32_t at = (hash ^ hash >> 15) % SLOTS;
    for (; s->slots[at]; at = (at + 1) % SLOTS)
        if (is_same(&s->servers[s->slots[at] - 1].server, server))
            return &s->servers[s->slots[at] - 1];
    if (s->used == SERVERS_MOST)
        return NULL;
    struct busy *b = &s->servers[s->used++];
    *b = (struct busy){.server = *server};
    s->slots[at] = (uint16_t)s->used;
    return b;
}

static void add_beat(struct busy *b, const struct sign *sign)
{
    const struct beat *beat = &sign->beat;
    b->protocol = sign->protocol;
    b->sums[SUM_REQUESTS] += beat->requests;
    b->sums[SUM_REPLIES] += beat->replies;
    for (unsigned i = 0; i < ERROR_CLASSES; i++)
        b->sums[SUM_ERRORS] += beat->errors[i];
    b->sums[SUM_LOGINS] += beat->logins;
    b->sums[SUM_LOGINS_FAILED] += beat->logins_failed;
    b->sums[SUM_OPENED] += beat->opened;
    b->sums[SUM_RESETS] += (uint64_t)beat->resets[0] + beat->resets[1];
    b->sums[SUM_REPEATED] += (uint64_t)beat->repeated[0] + beat->repeated[1];
}

static int by_address(const void *a, const void *b)
{
    const struct busy *x = a, *y = b;
    const int order = memcmp(x->server.address, y->server.address, sizeof x->server.address);
    return order ? order : (x->server.port > y->server.port) - (x->server.port < y->server.port);
}

/* Which worker's beat came first must not matter. */
static void ask(struct seconds *s, int64_t time_ns, alert_sink raise, void *context)
{
    qsort(s->servers, s->used, sizeof s->servers[0], by_address);
    for (size_t i = 0; i < s->used; i++) {
        const struct busy *b = &s->servers[i];
        struct field_value values[SUMS];
        uint64_t any = 0;
        for (unsigned k = 0; k < SUMS; k++) {
            values[k] = (struct field_value){.field = fields[k], .value = b->sums[k]};
            any |= b->sums[k];
        }
        if (!any || b->protocol == PROTOCOL_NONE)
            continue;
        const struct message *second = event_second(&s->room, decoder_of((enum protocol)b->protocol), &b->server, time_ns, values, SUMS);
        if (s->learned)
            habits_second(s->learned, s->known, second);
        detector_event(s->detector, second, raise, context);
    }
    s->used = 0;
    memset(s->slots, 0, sizeof s->slots);
}

static int64_t second_of(int64_t time_ns)
{
    return time_ns / 1000000000 - (time_ns % 1000000000 < 0);
}

static int64_t end_of(int64_t second)
{
    int64_t end_ns;
    return __builtin_mul_overflow(second + 1, INT64_C(1000000000), &end_ns) ? INT64_MAX : end_ns;
}

void seconds_sign(struct seconds *s, const struct sign *sign, alert_sink raise, void *context)
{
    struct busy *b;
    if (sign->kind == SIGN_BEAT && (b = get(s, &sign->server))) {
        add_beat(b, sign);
    } else if (sign->kind == SIGN_DOOR && (b = get(s, &sign->server))) {
        b->sums[SUM_REFUSED] += sign->door.refused;
    } else if (sign->kind == SIGN_TIME) {
        const int64_t second = second_of(sign->time_ns);
        const bool last = sign->manner;
        if (s->began && (second != s->second || last))
            ask(s, end_of(s->second), raise, context); /* the moment of the sign depends on who tells it */
        s->began = true;
        s->second = second;
    }
}

void seconds_rule_stats(const struct seconds *s, uint32_t rule, struct rule_stats *sum)
{
    struct rule_stats own;
    if (!s)
        return;
    detector_rule_stats(s->detector, rule, &own);
    sum->evaluated += own.evaluated;
    sum->matched += own.matched;
    sum->suppressed += own.suppressed;
    sum->cost_ns += own.cost_ns;
}
