/* A death or a stop, and what becomes known after it: refused SYNs, a restart, the first answer. Words for all of it. */
#include "health/ward_state.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* From the signal to the first FIN, in milliseconds, at least, as measured with killed servers; a crash handler takes longer. A
 * server that dies does not answer for so long before the first FIN; one that is stopped in order answers until then. */
static const uint8_t dying_ms[PROTOCOLS] = {[PROTOCOL_MYSQL] = 6, [PROTOCOL_PGSQL] = 2, [PROTOCOL_REDIS] = 1, [PROTOCOL_MEMCACHED] = 1};
/* Redis that crashes writes a trace for about 200 ms and answers nobody meanwhile; one that is told to stop does not wait. */
static const int64_t CRASH_HANDLER_NS = MILLISECONDS(30);
/* So many answers are due in a time without any before it means something (by chance: once in twelve), in thousandths. */
enum { ANSWERS_MISSED = 2500, ANSWERS_DUE = 1000 };

/* Thousandths of answers that were due, as they came in the second before. */
static int64_t answers_due(const struct patient_incident *p, int64_t time_ns)
{
    return time_ns > 0 ? p->busy_replies * (time_ns / 1000000) : 0;
}

static int64_t quiet_before(const struct incident *i)
{
    return i->first_end_ns - i->last_reply_ns;
}

static bool answered_until_the_end(const struct patient_incident *p)
{
    int64_t dying_ns = MILLISECONDS(dying_ms[p->told.protocol]);
    return quiet_before(&p->told) < dying_ns && answers_due(p, dying_ns) >= ANSWERS_DUE;
}

static bool fell_silent_before(const struct patient_incident *p)
{
    int64_t quiet_ns = quiet_before(&p->told);
    return quiet_ns >= MILLISECONDS(dying_ms[p->told.protocol]) && answers_due(p, quiet_ns) >= ANSWERS_MISSED;
}

/* One process, one thread that does the work: told to stop it simply exits, which looks like a kill. */
static bool stops_like_a_kill(enum protocol protocol)
{
    return protocol == PROTOCOL_REDIS || protocol == PROTOCOL_MEMCACHED;
}

/* A crash handler that writes a trace takes up to 200 ms from the message to the end. */
static const int64_t MARKED_NS = MILLISECONDS(300);

/* The first suspect carries more than its place: something is wrong with the message, or nobody sent its like before. */
static bool is_marked(const struct incident *i)
{
    const struct word *word = &i->suspects[0].word;
    bool wrong = word->flags & (WORD_ANOMALY | WORD_PARTIAL) && i->first_end_ns - word->time_ns < MARKED_NS;
    return i->suspects_used && (wrong || i->suspects[0].score >= MARKED_SCORE);
}

static void say_server(const struct chart *c, const struct patient_incident *p, struct incident *i)
{
    evidence_say(i, ABOUT_SERVER, false, "the server's host ended %u of %u connections within %.0f ms: %u with a FIN and %u with a RST while a request was open, %u idle",
                 i->connections_lost, p->before, (double)(i->last_end_ns - i->first_end_ns) / 1e6, p->open_fins, p->open_resets, p->idle_endings);
    if (c->refused)
        evidence_say(i, ABOUT_SERVER, false, "%u of %u connections tried after that were refused, the first %.0f ms after the first end: the host lives, the program does not listen",
                     c->refused, c->asked, (double)(c->first_refused_ns - i->first_end_ns) / 1e6);
    if (p->farewells[FAREWELL_CRASH])
        evidence_say(i, ABOUT_SERVER, false, "it told %u clients that another of its processes crashed (57P02)", p->farewells[FAREWELL_CRASH]);
    if (p->farewells[FAREWELL_ORPHANED])
        evidence_say(i, ABOUT_SERVER, false, "it told %u clients: %s", p->farewells[FAREWELL_ORPHANED], c->farewell_text);
    if (p->restarted)
        evidence_say(i, ABOUT_SERVER, false, "its connection numbers began again, or its version changed: it was started again");
    if (p->carried_on)
        evidence_say(i, ABOUT_SERVER, true, "its connection numbers went on: it was not started again");
}

static void say_stop(const struct chart *c, const struct patient_incident *p, struct incident *i)
{
    if (p->farewells[FAREWELL_ORDERLY])
        evidence_say(i, ABOUT_STOP, false, "it told %u clients: %s", p->farewells[FAREWELL_ORDERLY], c->farewell_text);
    if (c->stop_command_ns && c->stop_command_ns > i->first_end_ns - SECONDS(30)) {
        TEXT_ON_STACK(client, 64);
        text_add_address(&client, c->stop_client.address);
        evidence_say(i, ABOUT_STOP, false, "client %s:%u sent the command that stops it, %.0f ms before the first end", client.chars, c->stop_client.port,
                     (double)(i->first_end_ns - c->stop_command_ns) / 1e6);
    }
    if (p->open_fins + p->open_resets == 0)
        evidence_say(i, ABOUT_STOP, fell_silent_before(p), "no request was open when the connections ended; the last answer was %.1f ms before, of %u in the second before%s",
                     (double)quiet_before(i) / 1e6, p->busy_replies, answered_until_the_end(p) ? ": it worked until it ended them" : fell_silent_before(p) ? ": it had fallen silent first" : "");
    else if (p->farewells[FAREWELL_ORDERLY] == 0)
        evidence_say(i, ABOUT_STOP, true, "%u connections ended while a request was open, without a word", p->open_fins + p->open_resets);
}

static void say_network(const struct chart *c, struct incident *i)
{
    evidence_say(i, ABOUT_NETWORK, true, "the ends are the server's own FIN and RST segments: its host was reachable");
    (void)c;
}

/* No request was open. */
static enum incident_verdict verdict_of_idle(const struct patient_incident *p, uint8_t *confidence)
{
    bool telling = !stops_like_a_kill(p->told.protocol);
    *confidence = 45;
    if (telling && answered_until_the_end(p)) {
        *confidence = 75;
        return CAUSE_ORDERLY_SHUTDOWN;
    }
    if (telling && fell_silent_before(p)) {
        *confidence = 65;
        return CAUSE_SERVER_CRASH;
    }
    if (!telling && is_marked(&p->told)) { /* a wrong message, and the end: seldom by chance */
        *confidence = 60;
        return CAUSE_SERVER_CRASH;
    }
    return CAUSE_UNKNOWN;
}

static enum incident_verdict verdict_of(const struct chart *c, const struct patient_incident *p, uint8_t *confidence)
{
    const struct incident *i = &p->told;
    bool cut_off = p->open_fins + p->open_resets > 0;
    if (i->kind == INCIDENT_BACKEND) {
        *confidence = 95;
        return CAUSE_SERVER_CRASH;
    }
    if (i->kind == INCIDENT_DEATH && p->farewells[FAREWELL_ORPHANED]) {
        *confidence = 90;
        return CAUSE_SERVER_CRASH;
    }
    if (i->kind == INCIDENT_STOP && (p->farewells[FAREWELL_ORDERLY] || c->stop_command_ns > i->first_end_ns - SECONDS(30))) {
        *confidence = 95;
        return CAUSE_ORDERLY_SHUTDOWN;
    }
    if (i->protocol == PROTOCOL_PGSQL && !p->farewells[FAREWELL_ORDERLY]) { /* it says goodbye when it stops in order */
        *confidence = (uint8_t)(75 + (c->refused ? 10 : 0));
        return CAUSE_SERVER_CRASH;
    }
    if (!cut_off)
        return verdict_of_idle(p, confidence);
    if (stops_like_a_kill(i->protocol) && !is_marked(i)) {
        bool trace = p->waited_ns > CRASH_HANDLER_NS;
        bool read = p->bare_open_fins && i->protocol == PROTOCOL_REDIS;
        *confidence = trace || read ? 70 : 45;
        return trace || read ? CAUSE_SERVER_CRASH : CAUSE_UNKNOWN;
    }
    if (p->carried_on && !c->refused) {
        *confidence = 60;
        return CAUSE_NETWORK;
    }
    *confidence = (uint8_t)(60 + (c->refused ? 20 : 0) + (p->restarted ? 10 : 0) + (i->connections_lost > 2 ? 5 : 0));
    return CAUSE_SERVER_CRASH;
}

static void add_time(struct text *t, int64_t time_ns)
{
    char shown[64];
    struct text all = text_in(shown, sizeof shown);
    text_add_time(&all, time_ns);
    text_add(t, "%.10s %.12s UTC", shown, shown + 11);
}

static void sum_up(const struct patient_incident *p, struct incident *i)
{
    struct text t = text_in(i->summary, sizeof i->summary);
    static const char *const what[INCIDENT_VERDICTS] = {
        [CAUSE_SERVER_CRASH] = "The server died", [CAUSE_ORDERLY_SHUTDOWN] = "The server was stopped in order",
        [CAUSE_NETWORK] = "Something on the way cut the connections", [CAUSE_UNKNOWN] = "The server ended its connections"};
    text_add(&t, "%s at ", i->kind == INCIDENT_BACKEND ? "A process of the server crashed" : what[i->verdict]);
    add_time(&t, i->first_end_ns);
    text_add(&t, ": %u of %u connections ended, %u requests unanswered", i->connections_lost, p->before, i->requests_lost);
    if (i->ended_ns)
        text_add(&t, "; it answered again after %.1f s", (double)(i->ended_ns - i->began_ns) / 1e9);
    else if (i->refused)
        text_add(&t, "; %u connections refused since", i->refused);
}

/* The first answer after the end, on a connection that is not of before. */
static bool is_back(const struct chart *c, const struct patient_incident *p)
{
    return c->last_reply_ns > p->told.last_end_ns && c->hello_ns >= p->told.first_end_ns;
}

void death_review(struct ward *w, struct patient_incident *p)
{
    struct chart *c = p->chart;
    struct incident *i = &p->told;
    if (i->kind != INCIDENT_DEATH && i->kind != INCIDENT_STOP && i->kind != INCIDENT_BACKEND)
        return;
    bool restarted = c->fell_ns > i->first_end_ns, carried_on = c->went_on_ns > i->last_end_ns && !restarted;
    bool back = is_back(c, p) || (c->accepted && c->last_reply_ns > i->last_end_ns);
    if (!p->dirty && restarted == p->restarted && carried_on == p->carried_on && (c->refused > 0) == (i->refused > 0) && !back && !w->over)
        return;
    p->restarted = restarted;
    p->carried_on = carried_on;
    i->refused = c->refused;
    i->evidence_used = 0;
    i->verdict = verdict_of(c, p, &i->confidence);
    if (back)
        i->ended_ns = c->last_reply_ns;
    say_server(c, p, i);
    say_stop(c, p, i);
    say_network(c, i);
    evidence_before(c, i->first_end_ns - SECONDS(5), i->first_end_ns, i);
    if (i->verdict != CAUSE_SERVER_CRASH && i->verdict != CAUSE_UNKNOWN)
        i->suspects_used = 0;
    sum_up(p, i);
    if (back) {
        incident_close(w, p, i->ended_ns);
        return;
    }
    p->dirty = true;
}
