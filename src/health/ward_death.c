/* A death or a stop, and what becomes known after it: refused SYNs, a restart, the first answer. Words for all of it. */
#include "health/ward_state.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* From the signal to the first FIN, in milliseconds, at least: requests that arrive in between stay open. As measured with
 * killed servers; a crash handler takes longer. */
static const uint8_t dying_ms[PROTOCOLS] = {[PROTOCOL_MYSQL] = 6, [PROTOCOL_PGSQL] = 2, [PROTOCOL_REDIS] = 1, [PROTOCOL_MEMCACHED] = 1};
/* So many requests should have been open after a kill (one is missed by chance in a third of all cases, two in a seventh). */
enum { OPEN_EXPECTED = 2 };
/* Redis that crashes writes a trace for about 200 ms and answers nobody meanwhile; one that is told to stop does not wait. */
static const int64_t CRASH_HANDLER_NS = MILLISECONDS(30);

/* Would a killed server have left open requests? */
static bool open_was_due(const struct patient_incident *p)
{
    return p->busy_replies * dying_ms[p->told.protocol] >= OPEN_EXPECTED * 1000;
}

/* One process, one thread that does the work: told to stop it simply exits, which looks like a kill. */
static bool stops_like_a_kill(enum protocol protocol)
{
    return protocol == PROTOCOL_REDIS || protocol == PROTOCOL_MEMCACHED;
}

/* The first suspect carries more than its place: something is wrong with the message, or nobody sent its like before. */
static bool is_marked(const struct incident *i)
{
    return i->suspects_used && i->suspects[0].score >= MARKED_SCORE;
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
        evidence_say(i, ABOUT_STOP, false, "no request was open when the connections ended%s",
                     open_was_due(p) ? ", of a server that was busy: a killed one leaves some" : "; it had so little to do that a killed one might leave none either");
    else if (p->farewells[FAREWELL_ORDERLY] == 0)
        evidence_say(i, ABOUT_STOP, true, "%u connections ended while a request was open, without a word", p->open_fins + p->open_resets);
}

static void say_network(const struct chart *c, struct incident *i)
{
    evidence_say(i, ABOUT_NETWORK, true, "the ends are the server's own FIN and RST segments: its host was reachable");
    (void)c;
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
    if (!cut_off) {
        bool due = open_was_due(p) && !stops_like_a_kill(i->protocol);
        *confidence = due ? 75 : 45;
        return due ? CAUSE_ORDERLY_SHUTDOWN : CAUSE_UNKNOWN;
    }
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
    if (i->verdict != CAUSE_SERVER_CRASH)
        i->suspects_used = 0;
    sum_up(p, i);
    if (back) {
        incident_close(w, p, i->ended_ns);
        return;
    }
    p->dirty = true;
}
