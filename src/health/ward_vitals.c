/* Vital signs: the beats of the last seconds and the rows of minutes. */
#include "health/ward_state.h"

#include <string.h>

static const int64_t MINUTE_NS = INT64_C(60000000000);
enum { USUAL_BEATS = 32 /* a beat moves the usual by a 32nd */ };

static int64_t minute_of(int64_t time_ns)
{
    int64_t rest = time_ns % MINUTE_NS;
    return time_ns - (rest < 0 ? rest + MINUTE_NS : rest);
}

void vitals_add(struct beat *sum, const struct beat *b)
{
    sum->requests += b->requests;
    sum->replies += b->replies;
    sum->unanswered += b->unanswered;
    sum->logins += b->logins;
    sum->logins_failed += b->logins_failed;
    sum->opened += b->opened;
    sum->checks += b->checks;
    for (unsigned i = 0; i < ERROR_CLASSES; i++)
        sum->errors[i] += b->errors[i];
    for (int side = FROM_CLIENT; side <= FROM_SERVER; side++) {
        sum->resets[side] += b->resets[side];
        sum->repeated[side] += b->repeated[side];
        sum->zero_windows[side] += b->zero_windows[side];
        sum->bytes[side] += b->bytes[side];
    }
}

static void add_beat(struct vitals *v, const struct beat *b)
{
    vitals_add(&v->sum, b);
    if (b->waiting > v->waiting_most)
        v->waiting_most = b->waiting;
    if (b->slow_ns_256 > v->slowest_us)
        v->slowest_us = b->slow_ns_256;
}

static void tell_now(struct ward *w, struct chart *c);

/* A slow beat counts as twice the usual: what stays slow for minutes becomes the usual, what is slow for seconds does not. */
static uint64_t usual_of(const struct chart *c, uint64_t usual, uint64_t now, uint64_t least)
{
    uint64_t most = 2 * usual + least;
    if (!c->usual_beats)
        return now;
    return (usual * (USUAL_BEATS - 1) + (now < most ? now : most) + USUAL_BEATS / 2) / USUAL_BEATS;
}

void vitals_beat(struct ward *w, struct chart *c)
{
    const struct beat *b = &c->beat;
    int64_t minute_ns = minute_of(w->now_ns - BEAT_NS / 2);
    if (w->live && w->sink.now)
        tell_now(w, c);
    if (c->minute_used && c->minute.minute_ns != minute_ns)
        vitals_tell(w, c);
    if (!b->requests && !b->replies && !b->waiting && !b->opened && !b->unanswered && !c->minute.asked && !b->repeated[FROM_CLIENT])
        return;
    if (!c->minute_used) {
        c->minute_used = true;
        c->minute.minute_ns = minute_ns;
        c->minute.server = c->server;
        c->minute.protocol = c->protocol;
    }
    add_beat(&c->minute, b);
    if (c->connections > c->minute.connections_most)
        c->minute.connections_most = c->connections;
    uint32_t at = c->past_next;
    c->past_next = (at + 1) % CHART_BEATS;
    if (c->past_used < CHART_BEATS)
        c->past_used++;
    c->past[at].time_ns = w->now_ns;
    c->past[at].requests = b->requests;
    c->past[at].replies = b->replies;
    c->past[at].repeated = b->repeated[FROM_CLIENT] + b->repeated[FROM_SERVER];
    c->past[at].repeating = b->repeating;
    c->past[at].waiting = b->waiting;
    c->past[at].mean_us = (uint32_t)beat_mean_us(b);
    c->past[at].spread_us = (uint32_t)beat_spread_us(b);
    if (!b->replies || (c->incident && c->incident->told.kind != INCIDENT_SLOW))
        return;
    c->usual_us = usual_of(c, c->usual_us, beat_mean_us(b), 100);
    c->usual_spread_us = usual_of(c, c->usual_spread_us, beat_spread_us(b), 100);
    c->usual_bytes = usual_of(c, c->usual_bytes, (b->bytes[FROM_CLIENT] + b->bytes[FROM_SERVER]) / b->replies, 1000);
    c->usual_beats++;
}

/* The upper edge of the bucket that holds this share of them. */
static uint32_t quantile(const uint32_t *spread, uint64_t all, unsigned thousandths)
{
    uint64_t wanted = (all * thousandths + 999) / 1000, below = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        below += spread[i];
        if (spread[i] && below >= wanted) {
            if (i < LATENCY_STEPS)
                return i;
            unsigned high = i / LATENCY_STEPS + 2;
            return (uint32_t)((LATENCY_STEPS + i % LATENCY_STEPS + 1) << (high - 3)) - 1;
        }
    }
    return 0;
}

/* Linear counting: with m bits of which z are zero, about m ln(m / z) addresses. In 1/256 of a natural logarithm. */
static uint32_t clients_of(const uint8_t *bits)
{
    unsigned set = 0;
    for (unsigned i = 0; i < CLIENT_BITS / 8; i++)
        set += (unsigned)__builtin_popcount(bits[i]);
    if (set <= CLIENT_BITS / 16)
        return set;
    if (set == CLIENT_BITS)
        return CLIENT_BITS * 7;
    double zero = CLIENT_BITS - set, estimate = 0, x = CLIENT_BITS / zero;
    /* ln x by its series of (x - 1) / (x + 1): no mathematical library for one line. */
    double y = (x - 1) / (x + 1), power = y;
    for (unsigned k = 1; k < 200; k += 2, power *= y * y)
        estimate += 2 * power / k;
    return (uint32_t)(estimate * CLIENT_BITS + 0.5);
}

void vitals_minute(struct ward *w, struct chart *c, const struct sign *sign)
{
    (void)w;
    uint32_t *times = c->times[sign->manner < TIMES ? sign->manner : TIMES_WHOLE];
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        times[i] += sign->minute.spread[i];
    for (unsigned i = 0; sign->manner == TIMES_WHOLE && i < CLIENT_BITS / 8; i++) {
        c->minute_clients[i] |= sign->minute.clients[i];
        c->minute_users[i] |= sign->minute.users[i];
    }
}

void vitals_kinds(struct chart *c, const struct sign *sign)
{
    c->other_requests += sign->kinds.others;
    for (unsigned n = 0; n < sign->kinds.used && n < KINDS_TOLD; n++) {
        unsigned i = 0;
        while (i < c->kinds_used && strncmp(c->kinds[i].name, sign->kinds.kinds[n].name, KIND_NAME_MAX - 1) != 0)
            i++;
        if (i == c->kinds_used && c->kinds_used == CHART_KINDS) {
            c->other_requests += sign->kinds.kinds[n].count;
            continue;
        }
        if (i == c->kinds_used) {
            memcpy(c->kinds[i].name, sign->kinds.kinds[n].name, KIND_NAME_MAX);
            c->kinds[i].name[KIND_NAME_MAX - 1] = 0;
            c->kinds[c->kinds_used++].count = 0;
        }
        c->kinds[i].count += sign->kinds.kinds[n].count;
    }
}

/* The most frequent first; of equal ones the one that is first in the alphabet. */
static void show_kinds(const struct chart *c, struct vitals *v)
{
    v->kinds_used = 0;
    v->other_requests = c->other_requests;
    for (unsigned n = 0; n < c->kinds_used; n++) {
        const struct request_kind *k = &c->kinds[n];
        unsigned at = v->kinds_used;
        while (at > 0 && (k->count > v->kinds[at - 1].count || (k->count == v->kinds[at - 1].count && strcmp(k->name, v->kinds[at - 1].name) < 0)))
            at--;
        if (at == KINDS_SHOWN) {
            v->other_requests += k->count;
            continue;
        }
        if (v->kinds_used == KINDS_SHOWN)
            v->other_requests += v->kinds[KINDS_SHOWN - 1].count;
        else
            v->kinds_used++;
        memmove(&v->kinds[at + 1], &v->kinds[at], (v->kinds_used - at - 1) * sizeof v->kinds[0]);
        v->kinds[at] = *k;
    }
}

/* `none`: of so many more it was nothing at all. */
static struct quantiles quantiles_of(const uint32_t *times, const uint32_t *more, uint64_t none)
{
    uint32_t all[LATENCY_BUCKETS];
    uint64_t count = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        all[i] = times[i] + (more ? more[i] : 0);
        count += all[i];
    }
    all[0] += (uint32_t)(none > UINT32_MAX ? UINT32_MAX : none);
    count += none;
    return (struct quantiles){quantile(all, count, 500), quantile(all, count, 950), quantile(all, count, 990)};
}

static uint64_t count_of(const uint32_t *times)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        count += times[i];
    return count;
}

static void show_times(const struct chart *c, struct vitals *v)
{
    uint64_t single = count_of(c->times[TIMES_SINGLE]), split = single + count_of(c->times[TIMES_SERVER]), spread = count_of(c->times[TIMES_REQUEST]);
    struct quantiles whole = quantiles_of(c->times[TIMES_WHOLE], c->times[TIMES_SINGLE], 0);
    v->p50_us = whole.p50_us;
    v->p95_us = whole.p95_us;
    v->p99_us = whole.p99_us;
    v->split = split;
    v->server_time = quantiles_of(c->times[TIMES_SERVER], c->times[TIMES_SINGLE], 0);
    v->reply_spread = quantiles_of(c->times[TIMES_REPLY], NULL, single);
    v->request_spread = quantiles_of(c->times[TIMES_REQUEST], NULL, split > spread ? split - spread : 0);
    v->clients = clients_of(c->minute_clients);
    v->users = clients_of(c->minute_users);
    show_kinds(c, v);
}

static uint32_t in_us(uint32_t units_of_256_ns)
{
    return (uint32_t)((uint64_t)units_of_256_ns * 256 / 1000);
}

void vitals_tell(struct ward *w, struct chart *c)
{
    if (!c->minute_used)
        return;
    show_times(c, &c->minute);
    c->minute.slowest_us = in_us(c->minute.slowest_us);
    w->sink.vitals(w->sink.context, &c->minute);
    c->requests_last_minute = c->minute.sum.requests;
    memset(c->times, 0, sizeof c->times);
    memset(c->minute_clients, 0, sizeof c->minute_clients);
    memset(c->minute_users, 0, sizeof c->minute_users);
    memset(c->kinds, 0, sizeof c->kinds);
    c->kinds_used = c->other_requests = 0;
    memset(&c->minute, 0, sizeof c->minute);
    c->minute_used = false;
    visitors_tell(w, c);
}

/* A second of a server that somebody looks at. */
static void tell_now(struct ward *w, struct chart *c)
{
    enum { BEATS_PER_SECOND = 5 };
    struct vitals *v = &c->second;
    add_beat(v, &c->beat);
    if (c->connections > v->connections_most)
        v->connections_most = c->connections;
    if (++c->second_beats < BEATS_PER_SECOND)
        return;
    v->server = c->server;
    v->protocol = c->protocol;
    v->minute_ns = minute_of(w->now_ns);
    v->asked = c->minute.asked;
    v->accepted = c->minute.accepted;
    v->refused = c->minute.refused;
    show_times(c, v);
    v->slowest_us = in_us(v->slowest_us);
    w->sink.now(w->sink.context, v, w->now_ns);
    memset(v, 0, sizeof *v);
    c->second_beats = 0;
}
