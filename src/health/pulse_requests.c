/*
 * Requests, replies and the time between them: what every message costs, so the least that will do.
 *
 * The time from the end of a request to the end of its reply is measured of every reply. It is split where that is honest: at
 * the first reply since the client spoke. What the server then does before its first byte is its own time; what is between
 * the first and the last segment of the request, or of the reply, is the network's, or of a host that cannot keep up. A reply that follows
 * another one in a pipeline has waited for that: of it, the whole is known.
 */
#include "health/pulse_state.h"

/* ---- who waits */

static void list_join(struct pulse_flow *f, enum pulse_list list)
{
    struct pulse_queue *q = &f->server->lists[list];
    f->older = q->newest;
    f->newer = NULL;
    *(q->newest ? &q->newest->newer : &q->oldest) = f;
    q->newest = f;
    f->list = (uint8_t)list;
    f->server->beat.waiting += list == LIST_WAITING;
}

void pulse_leave_list(struct pulse_flow *f)
{
    struct pulse_queue *q = &f->server->lists[f->list];
    if (f->list == LIST_NONE)
        return;
    *(f->older ? &f->older->newer : &q->oldest) = f->newer;
    *(f->newer ? &f->newer->older : &q->newest) = f->older;
    f->server->beat.waiting -= f->list == LIST_WAITING;
    f->list = LIST_NONE;
}

/* Each was put there by a request since the last beat. */
void pulse_settle_lists(struct pulse_server *s)
{
    struct pulse_flow *f = s->lists[LIST_FRESH].oldest;
    s->lists[LIST_FRESH] = (struct pulse_queue){0};
    for (struct pulse_flow *next; f; f = next) {
        next = f->newer;
        f->list = LIST_NONE;
        pulse_count_bytes(f);
        if (pulse_open_requests(f))
            list_join(f, LIST_WAITING);
    }
}

int64_t pulse_open_since(const struct pulse_flow *f)
{
    if (pulse_open_requests(f) && !f->timed) /* none of them is in the ring: not before the last reply */
        return sane_ns(f->reply_ns);
    unsigned at = f->timed ? f->moments_first : f->moments_first + OPEN_TIMES - 1u;
    return sane_ns(f->moments[at % OPEN_TIMES].end_ns);
}

void pulse_count_bytes(struct pulse_flow *f)
{
    for (int side = FROM_CLIENT; side <= FROM_SERVER; side++) {
        f->server->beat.bytes[side] += f->flow->bytes[side] - f->bytes_told[side];
        f->bytes_told[side] = f->flow->bytes[side];
    }
}

/* ---- requests */

/* Not inline: once for a moment, not for each request of it. */
__attribute__((noinline)) static void moment_begin(struct pulse_flow *f, const struct utterance *m)
{
    if (f->moments_used == OPEN_TIMES)
        return;
    struct asked *now = &f->moments[(f->moments_first + f->moments_used) % OPEN_TIMES];
    f->moments_used++;
    bool alone = f->in_parts && !pulse_open_requests(f);
    now->end_ns = m->last->time_ns;
    now->begin_ns = alone ? f->flow->turned_ns[FROM_CLIENT] : m->first->time_ns;
    now->count = 1;
    f->timed++;
}

void pulse_request(struct pulse_flow *f, const struct utterance *m)
{
    int64_t now_ns = m->last->time_ns;
    struct pulse_server *s = f->server;
    s->beat.requests++;
    if (now_ns > s->beat.last_request_ns) /* a clock that steps back: the latest of all workers' counts */
        s->beat.last_request_ns = now_ns;
    if (f->minute != s->minute && f->works)
        pulse_count_client(f);
    if (f->timed == pulse_open_requests(f)) {
        struct asked *newest = &f->moments[((unsigned)f->moments_first + f->moments_used + OPEN_TIMES - 1) % OPEN_TIMES];
        if (f->moments_used && newest->end_ns == now_ns) {
            newest->count++;
            f->timed++;
        } else {
            moment_begin(f, m);
        }
    }
    f->asked++;
    if (f->list == LIST_NONE)
        list_join(f, LIST_FRESH);
}

void pulse_forget_open(struct pulse_flow *f)
{
    f->answered = f->asked;
    f->moments_used = 0;
    f->timed = 0;
    if (f->list == LIST_WAITING)
        pulse_leave_list(f);
}

/* ---- replies */

/* Log-linear: LATENCY_STEPS buckets for each doubling of microseconds. */
static uint32_t bucket_of(int64_t ns)
{
    if (ns < LATENCY_STEPS * 1000)
        return ns > 0 ? (uint32_t)(ns / 1000) : 0;
    uint64_t us = (uint64_t)ns / 1000;
    unsigned high = 63 - (unsigned)__builtin_clzll(us);
    unsigned bucket = (high - 2) * LATENCY_STEPS + (unsigned)(us >> (high - 3) & (LATENCY_STEPS - 1));
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* Any two times, of packets that claim anything. */
static inline int64_t time_between(int64_t from_ns, int64_t to_ns)
{
    int64_t ns = (int64_t)((uint64_t)to_ns - (uint64_t)from_ns);
    return ns > 0 ? ns : 0;
}

static void measure_whole(struct pulse *p, struct pulse_server *s, int64_t whole_ns, enum minute_times as, uint32_t replies)
{
    s->sum_us += (uint64_t)whole_ns / 1000 * replies;
    if (whole_ns > s->slow_ns)
        s->slow_ns = whole_ns;
    if (whole_ns != p->last_time_ns) { /* in a pipeline they are the same */
        p->last_time_ns = whole_ns;
        p->last_bucket = bucket_of(whole_ns);
    }
    s->times[as][p->last_bucket] += replies;
}

/* The first reply since the client spoke. */
static void measure_split(struct pulse *p, const struct pulse_flow *f, const struct asked *asked, int64_t now_ns)
{
    struct pulse_server *s = f->server;
    int64_t end_ns = asked->end_ns, sent_ns = f->flow->data_ns[FROM_CLIENT], turned_ns = f->turned_ns;
    if (turned_ns < end_ns) { /* it spoke before: of something else */
        measure_whole(p, s, time_between(end_ns, now_ns), TIMES_WHOLE, 1);
        return;
    }
    /* The end of a large request is not looked at, but it had to come. */
    if (sent_ns > end_ns && sent_ns <= turned_ns && f->asked - f->answered == 1)
        end_ns = sent_ns;
    if (end_ns != asked->begin_ns) {
        int64_t spread_ns = time_between(asked->begin_ns, end_ns);
        s->request_us += (uint64_t)spread_ns / 1000;
        s->times[TIMES_REQUEST][bucket_of(spread_ns)]++;
    }
    if (turned_ns == now_ns) {
        measure_whole(p, s, time_between(end_ns, now_ns), TIMES_SINGLE, 1);
        return;
    }
    measure_whole(p, s, time_between(end_ns, now_ns), TIMES_WHOLE, 1);
    s->times[TIMES_SERVER][bucket_of(time_between(end_ns, turned_ns))]++;
    s->reply_us += (uint64_t)time_between(turned_ns, now_ns) / 1000;
    s->times[TIMES_REPLY][bucket_of(time_between(turned_ns, now_ns))]++;
}

/* All of them are replies to requests that were complete at the same moment. */
static void measure(struct pulse *p, struct pulse_flow *f, const struct asked *asked, int64_t now_ns, uint32_t replies)
{
    if (f->turned_ns != f->flow->turned_ns[FROM_SERVER]) {
        f->turned_ns = f->flow->turned_ns[FROM_SERVER];
        measure_split(p, f, asked, now_ns);
        replies--;
    }
    if (replies)
        measure_whole(p, f->server, time_between(asked->end_ns, now_ns), TIMES_WHOLE, replies);
}

void pulse_replies(struct pulse *p, struct pulse_flow *f, const struct utterance *m, uint32_t replies)
{
    struct pulse_server *s = f->server;
    s->beat.replies += replies;
    f->reply_ns = m->first->time_ns;
    if (f->reply_ns > s->beat.last_reply_ns)
        s->beat.last_reply_ns = f->reply_ns;
    while (replies && f->timed) {
        struct asked *asked = &f->moments[f->moments_first];
        uint32_t now = asked->count < replies ? (uint32_t)asked->count : replies;
        measure(p, f, asked, m->last->time_ns, now);
        replies -= now;
        f->answered += now;
        f->timed -= now;
        if ((asked->count -= now) == 0) {
            f->moments_first = (uint8_t)((f->moments_first + 1) % OPEN_TIMES);
            f->moments_used--;
        }
    }
    uint64_t open = pulse_open_requests(f);
    f->answered += open < replies ? open : replies;
    if (f->list == LIST_WAITING) {
        pulse_leave_list(f);
        list_join(f, LIST_FRESH);
    }
}
