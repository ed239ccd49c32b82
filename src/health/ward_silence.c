/*
 * Requests and no answers, answers that come late, and a server that lets nobody in.
 *
 * Silence has three makers. The network: what clients send is not acknowledged and sent again. The server: its host
 * acknowledges everything, accepts connections even, and its program says nothing. The workload: the program is alive, new
 * sessions are greeted, and yet those who asked wait, for a lock or for the processor.
 */
#include "health/ward_state.h"

#include <string.h>

#include "base/text.h"

/* So long without any answer while requests wait: with it a row is there within 2 s. */
static const int64_t SILENT_NS = MILLISECONDS(1400);
/* ... and so many times what a reply takes usually: who waits for news (BLPOP, LISTEN) waits long as a rule. */
enum { SILENT_TIMES_USUAL = 20, MISSED = 3 };
/* Slow: so much more than usual, for so many beats in a row (a second); over after as many quick ones. */
enum { SLOW_TIMES_USUAL = 10, SLOW_BEATS = 5, QUICK_BEATS = 8, SLOW_LEAST_US = 50000, SLOW_WAITING_LEAST = 3, LOSSY_BEATS = 5, LOSSY_LEAST = 8, LOSSY_CONNECTIONS = 3 };
/* Who answers nobody for longer is not slow but silent. */
static const int64_t SLOW_REPLY_NS = MILLISECONDS(600);
static const int64_t AFTERMATH_NS = SECONDS(3);
/* Refusals for want of room, within LIMIT_NS. */
enum { REFUSALS = 2 };
/* New connections that nobody serves while the old ones are answered, and for how many beats in a row. */
enum { UNSERVED = 3, UNSERVED_BEATS = 3 };
static const int64_t LIMIT_NS = SECONDS(10);

static uint32_t never_answered(const struct quiet *q)
{
    return q->asked > q->accepted + q->refused ? q->asked - q->accepted - q->refused : 0;
}

static bool is_greeted(const struct chart *c, const struct incident *i)
{
    return c->hello_ns > i->began_ns;
}

/* ---- silence */

static enum incident_verdict silence_verdict(const struct chart *c, const struct incident *i, uint8_t *confidence)
{
    const struct quiet *q = &c->quiet;
    const struct beat *b = &c->beat;
    uint32_t repeated = q->repeated[FROM_CLIENT] + q->repeated[FROM_SERVER];
    if (repeated >= 2 && (repeated * 2 >= b->waiting_long || b->unacked * 2 > b->waiting_long)) {
        *confidence = 85;
        return CAUSE_NETWORK;
    }
    if (never_answered(q) >= 2 && !q->accepted) {
        *confidence = 80;
        return CAUSE_NETWORK;
    }
    if (is_greeted(c, i)) {
        *confidence = 65;
        return CAUSE_WORKLOAD;
    }
    if (b->waiting_long && !b->unacked && !repeated) {
        *confidence = q->accepted ? 90 : 70;
        return CAUSE_SERVER_HANG;
    }
    *confidence = 40;
    return CAUSE_UNKNOWN;
}

static void silence_say(const struct ward *w, const struct chart *c, struct incident *i)
{
    const struct quiet *q = &c->quiet;
    const struct beat *b = &c->beat;
    double seconds = (double)(w->now_ns - i->began_ns) / 1e9;
    i->evidence_used = 0;
    evidence_say(i, ABOUT_SERVER, false, "no answer for %.1f s; %u requests wait, %u of them for more than 0.5 s", seconds, b->waiting, b->waiting_long);
    if (b->waiting_long)
        evidence_say(i, ABOUT_NETWORK, !b->unacked, "of %u that wait, %u were not acknowledged by the server's host", b->waiting_long, b->unacked);
    evidence_say(i, ABOUT_NETWORK, q->repeated[FROM_CLIENT] + q->repeated[FROM_SERVER] < 2,
                 "since then clients sent %u segments again, and the server %u", q->repeated[FROM_CLIENT], q->repeated[FROM_SERVER]);
    if (q->asked) {
        bool reached = q->accepted > 0;
        evidence_say(i, reached ? ABOUT_SERVER : ABOUT_NETWORK, false, "of %u new connections its host accepted %u, refused %u and left %u unanswered%s", q->asked,
                     q->accepted, q->refused, never_answered(q), reached && !is_greeted(c, i) ? "; the program greeted none" : "");
    }
    if (is_greeted(c, i))
        evidence_say(i, ABOUT_WORKLOAD, false, "the program still greets new sessions: it lives, and who waits, waits for something in it");
    else
        evidence_say(i, ABOUT_WORKLOAD, true, "not one request was answered, of any kind and of any client");
}

static void silence_sum(struct incident *i)
{
    static const char *const what[INCIDENT_VERDICTS] = {
        [CAUSE_SERVER_HANG] = "The server hangs: its host lives and its program answers nobody",
        [CAUSE_NETWORK] = "The way between the clients and the server is cut, or its host is gone",
        [CAUSE_WORKLOAD] = "Everybody waits in a server that lives: a lock or too much work",
        [CAUSE_UNKNOWN] = "The server answers nobody; what was seen does not say why",
    };
    TEXT_ON_STACK(when, 48);
    struct text t = text_in(i->summary, sizeof i->summary);
    text_add_time(&when, i->began_ns);
    text_add(&t, "%s, since %.10s %.12s UTC", what[i->verdict], when.chars, when.chars + 11);
    if (i->ended_ns)
        text_add(&t, "; it answered again after %.1f s", (double)(i->ended_ns - i->began_ns) / 1e9);
}

static void silence_judge(struct ward *w, struct chart *c, struct patient_incident *p)
{
    struct incident *i = &p->told;
    enum incident_verdict before = i->verdict;
    uint8_t confidence = 0;
    enum incident_verdict verdict = silence_verdict(c, i, &confidence);
    /* What was known with more evidence is not taken back when clients have given up. */
    if (p->dirty || confidence >= i->confidence) {
        i->verdict = verdict;
        i->confidence = confidence;
        silence_say(w, c, i);
    }
    uint8_t suspects = i->suspects_used;
    if (i->verdict == CAUSE_SERVER_HANG || i->verdict == CAUSE_UNKNOWN)
        suspects_wait(w, c, i);
    else
        i->suspects_used = 0;
    p->dirty |= before != i->verdict || suspects != i->suspects_used;
    if (c->beat.waiting > i->requests_lost)
        i->requests_lost = c->beat.waiting;
    silence_sum(i);
}

static void silence_begin(struct ward *w, struct chart *c)
{
    /* What was slow is silent now: one incident. */
    struct patient_incident *p = c->incident ? c->incident : incident_open(w, c, INCIDENT_SILENCE);
    if (!p)
        return;
    struct incident *i = &p->told;
    i->kind = INCIDENT_SILENCE;
    i->confidence = 0;
    i->clients_affected = 0;
    i->began_ns = i->last_reply_ns = c->last_reply_ns;
    i->connections = c->connections;
    for (uint32_t n = 0; n < c->clients_used; n++) {
        c->clients[n].lost = c->clients[n].last_ns > c->last_reply_ns - SECONDS(60);
        c->clients[n].moved = false;
    }
    i->clients = chart_workers(c, false);
    i->clients_affected = chart_workers(c, true);
    i->requests_before = c->requests_last_minute + c->minute.sum.requests;
    i->users = c->users_used;
    visitors_forget_lost(c);
    for (uint32_t n = 0; n < c->waits_used; n++)
        visitor_lost(c, c->waits[n].user);
    i->users_affected = visitors_lost(c);
    p->dirty = true;
    silence_judge(w, c, p);
}

/* Does anybody miss an answer? */
static bool is_missed(const struct chart *c)
{
    const struct beat *b = &c->beat;
    const struct quiet *q = &c->quiet;
    uint32_t repeated = q->repeated[FROM_CLIENT] + q->repeated[FROM_SERVER];
    /* Two long queries at once are no silence; that new connections are not served either makes it one. */
    if (b->waiting_long >= MISSED || (b->waiting_long >= 2 && (b->unserved || q->accepted)))
        return true;
    return (repeated >= MISSED && q->repeating >= 2) || (never_answered(q) >= 2 && !q->accepted && b->waiting);
}

/* ---- slowness */

/* A third as many segments sent again as requests in the last second: no workload does that. */
static bool is_lossy(const struct ward *w, const struct chart *c)
{
    uint32_t repeated = 0, repeating = 0, requests = 0;
    for (uint32_t n = 1; n <= LOSSY_BEATS && n <= c->past_used; n++) {
        uint32_t at = (c->past_next + CHART_BEATS - n) % CHART_BEATS;
        if (w->now_ns - c->past[at].time_ns > LOSSY_BEATS * BEAT_NS)
            break;
        repeated += c->past[at].repeated;
        requests += c->past[at].requests;
        if (c->past[at].repeating > repeating)
            repeating = c->past[at].repeating;
    }
    return repeated >= LOSSY_LEAST && repeated * 3 >= requests && repeating >= LOSSY_CONNECTIONS;
}

static bool is_slow(const struct ward *w, const struct chart *c)
{
    const struct beat *b = &c->beat;
    if (is_lossy(w, c))
        return true;
    if (w->now_ns - c->last_reply_ns < SLOW_REPLY_NS && b->waiting_long >= SLOW_WAITING_LEAST && b->waiting_long * 2 >= b->waiting && b->waiting_long * 2 >= c->connections)
        return true;
    uint64_t mean_us = beat_mean_us(b);
    return b->replies > 1 && c->usual_beats > SLOW_BEATS && mean_us > SLOW_LEAST_US && mean_us > c->usual_us * SLOW_TIMES_USUAL;
}

/* Most of the time lies between the segments of requests and replies, and they are no larger than usual. */
static bool is_spread(const struct chart *c)
{
    const struct beat *b = &c->beat;
    uint64_t spread_us = beat_spread_us(b), bytes = b->replies ? (b->bytes[FROM_CLIENT] + b->bytes[FROM_SERVER]) / b->replies : 0;
    return b->replies && spread_us * 3 > beat_mean_us(b) * 2 && spread_us > c->usual_spread_us * 4 + 1000 && bytes < c->usual_bytes * 4 + 1000;
}

static void say_split(const struct chart *c, bool spread, struct incident *i)
{
    const struct beat *b = &c->beat;
    uint64_t mean_us = beat_mean_us(b), spread_us = beat_spread_us(b);
    if (!b->replies)
        return;
    evidence_say(i, ABOUT_NETWORK, !spread, "of %.1f ms from the first segment of a request to the last one of its reply, %.1f ms lie within the request and the reply (usually %.1f ms)",
                 (double)mean_us / 1e3, (double)spread_us / 1e3, (double)c->usual_spread_us / 1e3);
    evidence_say(i, ABOUT_WORKLOAD, spread, "%.1f ms of that pass from the end of the request to the server's first byte: that is its own time (usually %.1f ms)",
                 (double)(mean_us - spread_us) / 1e3, (double)(c->usual_us > c->usual_spread_us ? c->usual_us - c->usual_spread_us : 0) / 1e3);
}

static void slow_say(const struct ward *w, const struct chart *c, struct patient_incident *p)
{
    struct incident *i = &p->told;
    const struct beat *b = &c->beat;
    uint32_t repeated = b->repeated[FROM_CLIENT] + b->repeated[FROM_SERVER];
    uint64_t mean_us = beat_mean_us(b);
    bool lossy = is_lossy(w, c), spread = is_spread(c);
    TEXT_ON_STACK(when, 48);
    struct text t = text_in(i->summary, sizeof i->summary);
    i->verdict = lossy || spread ? CAUSE_NETWORK : CAUSE_WORKLOAD;
    i->confidence = spread && !lossy ? 55 : 70;
    i->evidence_used = 0;
    evidence_say(i, ABOUT_WORKLOAD, lossy, "%u of %u requests that wait do so for more than 0.5 s; replies take %.1f ms in the mean, usually %.1f ms", b->waiting_long,
                 b->waiting, (double)mean_us / 1e3, (double)c->usual_us / 1e3);
    evidence_say(i, ABOUT_SERVER, true, "it answers: %u replies in the last 0.2 s, the last one %.1f ms ago", b->replies, (double)(w->now_ns - c->last_reply_ns) / 1e6);
    evidence_say(i, ABOUT_NETWORK, !lossy, "%u segments were sent again in the last 0.2 s, of %u requests", repeated, b->requests);
    say_split(c, spread, i);
    text_add_time(&when, i->began_ns);
    if (lossy)
        text_add(&t, "Segments are lost between the clients and the server since %.10s %.12s UTC", when.chars, when.chars + 11);
    else if (spread)
        text_add(&t, "Requests and replies arrive in pieces since %.10s %.12s UTC: a reply takes %.0f ms instead of %.0f ms, and most of it lies between segments", when.chars,
                 when.chars + 11, (double)mean_us / 1e3, (double)c->usual_us / 1e3);
    else
        text_add(&t, "The server answers slowly since %.10s %.12s UTC: %u requests wait, a reply takes %.0f ms instead of %.0f ms", when.chars, when.chars + 11, b->waiting,
             (double)mean_us / 1e3, (double)c->usual_us / 1e3);
}

static void slow_look(struct ward *w, struct chart *c)
{
    struct patient_incident *p = c->incident;
    /* What waited through an incident is answered late when it ends. */
    bool slow = is_slow(w, c) && (!c->closed_ns || w->now_ns - c->closed_ns > AFTERMATH_NS);
    c->slow_beats = slow ? c->slow_beats + 1 : 0;
    c->quick_beats = slow ? 0 : c->quick_beats + 1;
    if (!p && c->slow_beats == SLOW_BEATS) {
        if (!(p = incident_open(w, c, INCIDENT_SLOW)))
            return;
        p->told.began_ns = w->now_ns - SLOW_BEATS * BEAT_NS;
        p->told.last_reply_ns = c->last_reply_ns;
        p->told.clients = p->told.clients_affected = chart_workers(c, false);
        p->told.users = p->told.users_affected = c->users_used;
        p->told.requests_before = c->requests_last_minute + c->minute.sum.requests;
        p->told.connections = c->connections;
        slow_say(w, c, p);
        p->dirty = true;
    } else if (p && p->told.kind == INCIDENT_SLOW && c->quick_beats >= QUICK_BEATS) {
        incident_close(w, p, w->now_ns - QUICK_BEATS * BEAT_NS);
    }
}

static void silence_follow(struct ward *w, struct chart *c, struct patient_incident *p)
{
    if (c->last_reply_ns > p->told.began_ns && c->beat.replies) {
        p->told.ended_ns = c->last_reply_ns;
        silence_sum(&p->told);
        incident_close(w, p, c->last_reply_ns);
        return;
    }
    silence_judge(w, c, p);
}

void silence_look(struct ward *w, struct chart *c)
{
    struct patient_incident *p = c->incident;
    const struct beat *b = &c->beat;
    if (b->replies) {
        if (p && p->told.kind == INCIDENT_SILENCE)
            silence_follow(w, c, p);
        c->quiet = (struct quiet){0};
        slow_look(w, c);
        return;
    }
    for (int side = FROM_CLIENT; side <= FROM_SERVER; side++)
        c->quiet.repeated[side] += b->repeated[side];
    c->quiet.requests += b->requests;
    if (b->repeating > c->quiet.repeating)
        c->quiet.repeating = b->repeating;
    if (p && p->told.kind == INCIDENT_SILENCE) {
        silence_follow(w, c, p);
        return;
    }
    int64_t quiet_ns = w->now_ns - c->last_reply_ns;
    bool silent = c->last_reply_ns && quiet_ns >= SILENT_NS && quiet_ns > (int64_t)c->usual_us * 1000 * SILENT_TIMES_USUAL;
    if (!silent || c->burst || !is_missed(c)) {
        slow_look(w, c);
        return;
    }
    if (!p || p->told.kind == INCIDENT_SLOW)
        silence_begin(w, c);
}

/* ---- no room */

static void limit_begin(struct ward *w, struct chart *c, int64_t began_ns, uint8_t confidence)
{
    struct patient_incident *p = incident_open(w, c, INCIDENT_LIMIT);
    if (!p)
        return;
    struct incident *i = &p->told;
    TEXT_ON_STACK(when, 48);
    struct text t = text_in(i->summary, sizeof i->summary);
    i->began_ns = began_ns;
    i->last_reply_ns = c->last_reply_ns;
    i->verdict = CAUSE_LIMIT_REACHED;
    i->confidence = confidence;
    i->clients = chart_workers(c, false);
    i->users = c->users_used;
    i->connections = c->connections;
    i->refused = c->refusals ? c->refusals : c->beat.unserved;
    if (c->refusals)
        evidence_say(i, ABOUT_SERVER, true, "it lives and says: %s", c->refusal_text);
    else
        evidence_say(i, ABOUT_SERVER, true, "it lives: %u replies in the last 0.2 s, all on connections that it served before", c->beat.replies);
    evidence_say(i, ABOUT_WORKLOAD, false, "%u connections were open, of %u clients; %u more were %s", c->connections, c->clients_used, i->refused,
                 c->refusals ? "turned away" : "accepted by its host and never answered");
    text_add_time(&when, i->began_ns);
    text_add(&t, "The server takes no more connections since %.10s %.12s UTC%s%s", when.chars, when.chars + 11, c->refusals ? ": " : "",
             c->refusals ? c->refusal_text : ": the new ones wait, the old ones are answered");
    p->dirty = true;
}

static void limit_follow(struct ward *w, struct chart *c, struct patient_incident *p)
{
    bool served = !c->refusals && !c->beat.unserved;
    c->served_beats = served ? c->served_beats + 1 : 0;
    if (c->served_beats * BEAT_NS > LIMIT_NS) {
        incident_close(w, p, w->now_ns - LIMIT_NS);
        return;
    }
    uint32_t refused = c->refusals > c->beat.unserved ? c->refusals : c->beat.unserved;
    if (refused > p->told.refused) {
        p->told.refused = refused;
        p->dirty |= w->over;
    }
}

void limit_look(struct ward *w, struct chart *c)
{
    struct patient_incident *p = c->incident;
    if (c->refusals && w->now_ns - c->refusal_ns > LIMIT_NS)
        c->refusals = 0;
    c->unserved_beats = c->beat.unserved >= UNSERVED && w->now_ns - c->last_reply_ns < SECONDS(1) ? c->unserved_beats + 1 : 0;
    if (p && p->told.kind == INCIDENT_LIMIT)
        limit_follow(w, c, p);
    else if (!p && c->refusals >= REFUSALS)
        limit_begin(w, c, c->refusal_first_ns, 95);
    else if (!p && c->unserved_beats >= UNSERVED_BEATS)
        limit_begin(w, c, c->beat.oldest_ns, 75);
}
