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

void vitals_beat(struct ward *w, struct chart *c)
{
    const struct beat *b = &c->beat;
    int64_t minute_ns = minute_of(w->now_ns - BEAT_NS / 2);
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
    c->past[at].mean_us = b->replies ? (uint32_t)(b->sum_us / b->replies) : 0;
    if (!b->replies || (c->incident && c->incident->told.kind != INCIDENT_SLOW))
        return;
    /* A slow beat counts as twice the usual: what stays slow for minutes becomes the usual, what is slow for seconds does not. */
    uint64_t mean = b->sum_us / b->replies, most = 2 * c->usual_us + 100;
    if (c->usual_beats && mean > most)
        mean = most;
    c->usual_us = c->usual_beats++ ? (c->usual_us * (USUAL_BEATS - 1) + mean + USUAL_BEATS / 2) / USUAL_BEATS : mean;
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
    if (sign->manner != TIMES_WHOLE && sign->manner != TIMES_SINGLE)
        return;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        c->spread[i] += sign->minute.spread[i];
    for (unsigned i = 0; i < CLIENT_BITS / 8; i++)
        c->minute_clients[i] |= sign->minute.clients[i];
}

void vitals_tell(struct ward *w, struct chart *c)
{
    uint64_t all = 0;
    if (!c->minute_used)
        return;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        all += c->spread[i];
    c->minute.p50_us = quantile(c->spread, all, 500);
    c->minute.p95_us = quantile(c->spread, all, 950);
    c->minute.p99_us = quantile(c->spread, all, 990);
    c->minute.slowest_us = (uint32_t)((uint64_t)c->minute.slowest_us * 256 / 1000);
    c->minute.clients = clients_of(c->minute_clients);
    w->sink.vitals(w->sink.context, &c->minute);
    memset(c->spread, 0, sizeof c->spread);
    memset(c->minute_clients, 0, sizeof c->minute_clients);
    memset(&c->minute, 0, sizeof c->minute);
    c->minute_used = false;
}
