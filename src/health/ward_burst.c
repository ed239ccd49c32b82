/*
 * Many connections ended by the server at once: a death, an orderly stop, or neither.
 *
 * What the server had read when it died ends with a FIN while the request is open; what it had not read is answered with a
 * RST; idle connections get a FIN. An orderly stop ends connections too: the words before the FIN, the command, or that no
 * request was open tell them apart, and where nothing does, the verdict says so.
 */
#include "health/ward_state.h"

#include <string.h>

#include "base/text.h"

/* Longer than the pauses between two endings of one death (PostgreSQL ends its processes 5 to 30 ms apart; a wire of the
 * usual kind adds its retransmission of 200 ms), short enough for a row within 2 s. */
static const int64_t SETTLED_NS = MILLISECONDS(500);
/* One connection ended alone waits so long for refused SYNs or a restart before it is taken for one session's end. */
static const int64_t ALONE_NS = SECONDS(3);
/* A command or a farewell belongs to endings so long after it: stopping may wait for transactions. */
static const int64_t STOP_REACH_NS = SECONDS(30);
/* A few endings that lie so far before the others are not part of it. */
static const int64_t APART_NS = MILLISECONDS(100);
/* Of the connections that were open, in hundredths: all, but for those whose end the capture lost. */
enum { NEARLY_ALL = 75, MOST = 50 };

/* Of what was there when it began: what came later went to sockets that nobody read any more. A message that is no request is
 * open when the server said nothing after it: it would have complained. */
static bool is_open(const struct burst *b, const struct sign *sign)
{
    const struct word *last = sign->ending.words_used ? &sign->ending.words[0] : NULL;
    bool unjudged = last && last->flags & WORD_OPEN && !(last->flags & WORD_REQUEST) && last->time_ns <= b->began_ns;
    return (sign->ending.open && sign->ending.open_since_ns <= b->began_ns) || sign->ending.pending || unjudged;
}

static struct burst *burst_begin(struct ward *w, struct chart *c, const struct sign *sign)
{
    struct burst *b = c->burst;
    for (unsigned i = 0; i < BURSTS_MAX && !b; i++)
        if (!w->bursts[i].chart)
            b = &w->bursts[i];
    if (!b) {
        w->shed++;
        return NULL;
    }
    memset(b, 0, offsetof(struct burst, kept));
    b->chart = c;
    b->began_ns = sign->time_ns;
    b->packet = sign->packet;
    b->before = c->connections;
    c->burst = b;
    c->asked = c->accepted = c->refused = 0;
    for (uint32_t i = 0; i < c->clients_used; i++)
        c->clients[i].lost = c->clients[i].moved = false;
    visitors_forget_lost(c);
    return b;
}

static void keep_words(struct burst *b, const struct sign *sign)
{
    if (b->kept_used == BURST_ENDINGS)
        return;
    words_keep(&b->kept[b->kept_used++], sign);
}

/* The client had said something wrong or unfinished: that its connection is ended is the answer to that. */
static bool is_provoked(const struct sign *sign)
{
    return sign->ending.pending || (sign->ending.words_used && sign->ending.words[0].flags & (WORD_ANOMALY | WORD_VERDICT | WORD_PARTIAL));
}

void burst_add(struct ward *w, struct chart *c, const struct sign *sign)
{
    if (sign->ending.farewell == FAREWELL_SESSION) /* it said why: this session only */
        return;
    struct burst *b = c->burst;
    int64_t pause_ns = b ? sign->time_ns - b->last_ns : 0;
    if (!b || pause_ns > SETTLED_NS || (pause_ns > APART_NS && !b->bare_open_fins && b->endings * 100 < b->before * NEARLY_ALL))
        b = burst_begin(w, c, sign);
    if (!b)
        return;
    bool open = is_open(b, sign), fin = sign->manner == ENDING_FIN;
    b->last_ns = sign->time_ns;
    b->endings++;
    b->open_fins += fin && open;
    b->bare_open_fins += fin && open && sign->ending.farewell == FAREWELL_NONE;
    b->open_resets += !fin && open;
    b->idle_fins += fin && !open;
    b->idle_resets += !fin && !open;
    b->farewells[sign->ending.farewell]++;
    b->requests_lost += sign->ending.open;
    b->late += sign->ending.opened_ns > b->began_ns;
    b->provoked += is_provoked(sign);
    if (open && sign->ending.open_since_ns && (!b->oldest_open_ns || sign->ending.open_since_ns < b->oldest_open_ns))
        b->oldest_open_ns = sign->ending.open_since_ns;
    if (sign->ending.last_reply_ns > b->last_reply_ns)
        b->last_reply_ns = sign->ending.last_reply_ns;
    struct seen_client *client = chart_client(c, sign->client.address);
    if (client)
        client->lost = true;
    visitor_lost(c, sign->ending.user);
    keep_words(b, sign);
}

/* ---- judging */

static void burst_end(struct burst *b)
{
    b->chart->burst = NULL;
    b->chart = NULL;
}

static bool in_reach(int64_t told_ns, const struct burst *b)
{
    return told_ns && told_ns >= b->began_ns - STOP_REACH_NS && told_ns <= b->last_ns + SETTLED_NS;
}

static uint32_t replies_before(const struct chart *c, int64_t at_ns)
{
    uint32_t replies = 0;
    for (uint32_t i = 0; i < c->past_used; i++)
        if (c->past[i].time_ns > at_ns - SECONDS(1) && c->past[i].time_ns <= at_ns + BEAT_NS)
            replies += c->past[i].replies;
    return replies;
}

/* In this minute so far and the one before. */
static uint64_t requests_before(const struct chart *c)
{
    return c->requests_last_minute + c->minute.sum.requests;
}

/* What became of the clients: for impact and for the reason "new client". */
static void count_impact(const struct chart *c, const struct burst *b, struct incident *out)
{
    out->clients = chart_workers(c, false);
    out->clients_affected = chart_workers(c, true);
    out->users = c->users_used;
    out->users_affected = visitors_lost(c);
    out->requests_before = requests_before(c);
    out->connections = b->before;
    out->connections_lost = b->endings - b->late;
    out->requests_lost = b->requests_lost;
}

static void keep_last_words(const struct burst *b, struct incident *out)
{
    /* Open ones first: they are who was cut off. */
    for (int open = 1; open >= 0; open--)
        for (uint32_t i = 0; i < b->kept_used && out->words_used < LAST_WORDS_MAX; i++)
            if ((b->kept[i].open > 0 || (b->kept[i].words_used && b->kept[i].words[0].flags & WORD_PARTIAL)) == open)
                out->words[out->words_used++] = b->kept[i];
}

static struct patient_incident *judged(struct ward *w, struct burst *b, enum incident_kind kind)
{
    struct chart *c = b->chart;
    struct patient_incident *i = c->incident;
    if (i && i->told.kind != INCIDENT_DEATH && i->told.kind != INCIDENT_STOP && i->told.kind != INCIDENT_BACKEND) {
        /* It was slow or silent first: that belongs to the death. */
        int64_t began_ns = i->told.began_ns;
        uint64_t number = i->told.number;
        memset(&i->told, 0, sizeof i->told);
        i->told = (struct incident){.number = number, .server = c->server, .protocol = c->protocol, .began_ns = began_ns};
    } else if (i) {
        incident_close(w, i, i->told.last_end_ns);
        i = NULL;
    }
    if (!i && !(i = incident_open(w, c, kind)))
        return NULL;
    i->told.kind = kind;
    i->told.last_reply_ns = b->last_reply_ns;
    i->told.first_end_ns = b->began_ns;
    i->told.last_end_ns = b->last_ns;
    i->told.began_ns = i->told.began_ns && i->told.began_ns < b->began_ns ? i->told.began_ns : b->began_ns;
    i->told.packet = b->packet;
    i->before = b->before;
    i->open_fins = b->open_fins;
    i->open_resets = b->open_resets;
    i->bare_open_fins = b->bare_open_fins;
    i->waited_ns = b->oldest_open_ns ? b->began_ns - b->oldest_open_ns : 0;
    i->idle_endings = b->idle_fins + b->idle_resets;
    memcpy(i->farewells, b->farewells, sizeof i->farewells);
    count_impact(c, b, &i->told);
    keep_last_words(b, &i->told);
    suspects_rank(w, c, b, &i->told);
    return i;
}

enum finding { FINDING_NOTHING, FINDING_WAIT, FINDING_STOP, FINDING_BACKEND, FINDING_DEATH };

static enum finding burst_find(const struct ward *w, const struct chart *c, const struct burst *b)
{
    uint32_t endings = b->endings - b->late;
    bool whole = endings * 100 >= b->before * NEARLY_ALL;
    bool several = endings > 1;
    bool shut = c->refused > 0;
    bool restarted = c->fell_ns > b->began_ns;
    uint32_t ordered = b->farewells[FAREWELL_ORDERLY];
    if (b->farewells[FAREWELL_CRASH])
        return FINDING_BACKEND;
    if (b->farewells[FAREWELL_ORPHANED])
        return FINDING_DEATH;
    if (ordered && (shut || restarted || (several && whole && ordered > 1)))
        return FINDING_STOP;
    if (in_reach(c->stop_command_ns, b) && (whole || shut))
        return FINDING_STOP;
    /* Only who said something wrong was thrown out: a server does that, and lives. */
    if (b->provoked >= b->endings && !shut && !restarted)
        return FINDING_NOTHING;
    bool most = endings * 100 >= b->before * MOST;
    if ((several && whole) || (several && most && (shut || restarted)) || (whole && shut))
        return b->open_fins + b->open_resets ? FINDING_DEATH : FINDING_STOP;
    if (whole && !w->over && w->now_ns - b->last_ns < ALONE_NS)
        return FINDING_WAIT;
    return FINDING_NOTHING;
}

/* What the kernel had accepted and nobody will read any more ends a little later: it is the same death. */
static bool burst_absorbed(const struct chart *c, const struct burst *b)
{
    struct patient_incident *i = c->incident;
    if (!i || i->told.kind > INCIDENT_STOP || c->last_reply_ns > i->told.last_end_ns)
        return false;
    i->told.connections_lost += b->endings - b->late;
    i->told.requests_lost += b->requests_lost;
    i->dirty = true;
    return true;
}

static void remember_death(struct ward *w, const struct patient_incident *i)
{
    if (i->told.verdict != CAUSE_SERVER_CRASH || !i->told.suspects_used)
        return;
    w->deaths[w->deaths_next].server = i->told.server;
    w->deaths[w->deaths_next].time_ns = i->told.first_end_ns;
    w->deaths[w->deaths_next].shape = i->told.suspects[0].word.shape;
    w->deaths_next = (w->deaths_next + 1) % DEATHS_KEPT;
    if (w->deaths_used < DEATHS_KEPT)
        w->deaths_used++;
}

void burst_look(struct ward *w, struct chart *c)
{
    struct burst *b = c->burst;
    if (!w->over && w->now_ns - b->last_ns < SETTLED_NS)
        return;
    struct patient_incident *i = NULL;
    if (burst_absorbed(c, b)) {
        burst_end(b);
        return;
    }
    switch (burst_find(w, c, b)) {
    case FINDING_WAIT:
        return;
    case FINDING_NOTHING:
        break;
    case FINDING_STOP:
        i = judged(w, b, INCIDENT_STOP);
        break;
    case FINDING_BACKEND:
        i = judged(w, b, INCIDENT_BACKEND);
        break;
    case FINDING_DEATH:
        i = judged(w, b, INCIDENT_DEATH);
        break;
    }
    if (i) {
        i->busy_replies = replies_before(c, b->began_ns);
        i->dirty = true;
        death_review(w, i);
        remember_death(w, i);
    }
    burst_end(b);
}
