/* The world of a drill: clients that work, connect again and give up, servers that die, hang and come back. See drill.h. */
#include "app/drill.h"

#include <string.h>

#define MILLISECONDS(n) (INT64_C(1000000) * (n))
#define SECONDS(n) (INT64_C(1000000000) * (n))
#define MINUTES(n) SECONDS(INT64_C(60) * (n))
#define HOURS(n) MINUTES(INT64_C(60) * (n))

enum { SID_PASSWORDS = 9100001, SID_USERS = 9100002 }; /* rules/behaviour.rules */
enum { MICROSECOND = 1000, VICTIMS = 2, AGAIN_MOST = 6 };

static const int64_t NEVER = INT64_MAX, DAY_NS = INT64_C(1773100800) * 1000000000; /* 2026-03-10 */
static const int64_t DYING_NS = MILLISECONDS(6), CONNECT_NS = SECONDS(2), PATIENCE_NS = SECONDS(10);

struct actor {
    struct drill_connection connection;
    int64_t next_ns;
    uint8_t address, server;
    uint16_t ports;     /* used so far */
    unsigned failures, variant;
    bool idle;          /* leaves before it happens */
};

struct server {
    int64_t dead_until_ns;
    uint32_t number;
    bool mute;
};

struct world {
    const struct drill_scenario *s;
    struct drill_wire wire;
    uint64_t random;
    struct server servers[DRILL_SERVERS];
    struct actor actors[DRILL_CLIENTS_MAX];
    struct actor killer;
    unsigned event;     /* the next one */
    int64_t slow_until_ns, cut_until_ns;
    uint8_t talk[TALK_MAX];
};

/* ---- the scenarios */

static const struct drill_event dies_for_good[] = {{MISHAP_DEATH, SECONDS(40), 0}};
static const struct drill_event dies_and_returns[] = {{MISHAP_DEATH, SECONDS(40), SECONDS(52)}};
static const struct drill_event backend_dies[] = {{MISHAP_DEATH, SECONDS(40), SECONDS(40) + MILLISECONDS(40)}};
static const struct drill_event gets_slow[] = {{MISHAP_SLOW, SECONDS(40), SECONDS(75)}};
static const struct drill_event is_cut[] = {{MISHAP_CUT, SECONDS(40), SECONDS(70)}};
static const struct drill_event is_sprayed[] = {{MISHAP_SPRAY, SECONDS(40), SECONDS(80)}};
static const struct drill_event dies_and_backup_is_mute[] = {{MISHAP_DEATH, SECONDS(40), 0}, {MISHAP_MUTE, SECONDS(50), 0}};
/* 3 PM to 5 PM: four deaths and three restarts in vain. */
static const struct drill_event afternoon[] = {{MISHAP_DEATH, MINUTES(10), MINUTES(30)},
                                               {MISHAP_DEATH, MINUTES(31), MINUTES(60)},
                                               {MISHAP_DEATH, MINUTES(62), MINUTES(100)},
                                               {MISHAP_DEATH, MINUTES(101), MINUTES(130)}};

#define EVENTS(of) .events = of, .events_used = sizeof of / sizeof of[0]
#define BUSY .clients = 8, .lasts_ns = SECONDS(90), .think_ns = MILLISECONDS(150), .retry_ns = SECONDS(1), .starts_ns = HOURS(9)

static const struct drill_scenario scenarios[] = {
    {.name = "packet-of-death-mysql", .live = true, .text = "a malformed message ends a MySQL server; it is started again", .protocol = PROTOCOL_MYSQL, BUSY,
     EVENTS(dies_and_returns), .expected = {.verdict = "server-crash", .killer_first = true}},
    {.name = "packet-of-death-pgsql", .live = true, .text = "a malformed message ends one process of PostgreSQL, and with it all connections",
     .protocol = PROTOCOL_PGSQL, BUSY, EVENTS(backend_dies), .expected = {.verdict = "server-crash", .killer_first = true}},
    {.name = "slow-queries", .text = "every query takes seconds: nobody died", .protocol = PROTOCOL_MYSQL, BUSY, EVENTS(gets_slow),
     .expected = {.verdict = "workload"}},
    {.name = "network-loss", .text = "what clients send does not arrive: the server is well", .protocol = PROTOCOL_PGSQL, BUSY, EVENTS(is_cut),
     .expected = {.verdict = "network"}},
    {.name = "failover", .live = true, .text = "a server dies, and the clients go to its backup", .protocol = PROTOCOL_MYSQL, BUSY, EVENTS(dies_for_good),
     .failover = true, .expected = {.verdict = "server-crash", .killer_first = true, .backup = true}},
    {.name = "silent-backup", .live = true, .text = "a server dies, the clients go to its backup, and that answers nobody", .protocol = PROTOCOL_MYSQL, BUSY,
     EVENTS(dies_and_backup_is_mute), .failover = true,
     .expected = {.verdict = "server-crash", .killer_first = true, .backup = true, .backup_verdict = "server-hang"}},
    {.name = "login-spraying", .text = "a client tries a password for one user of MySQL after the other: nobody died", .protocol = PROTOCOL_MYSQL, BUSY,
     EVENTS(is_sprayed), .expected = {.sids = {SID_PASSWORDS, SID_USERS}}},
    {.name = "login-spraying-pgsql", .text = "the same against PostgreSQL", .protocol = PROTOCOL_PGSQL, BUSY, EVENTS(is_sprayed),
     .expected = {.sids = {SID_PASSWORDS, SID_USERS}}},
    {.name = "afternoon", .text = "3 PM to 5 PM: an attacker's message, three restarts in vain, and the end of it", .protocol = PROTOCOL_MYSQL,
     .clients = 9, .idle = 4, .lasts_ns = MINUTES(140), .think_ns = SECONDS(12), .retry_ns = SECONDS(20), .starts_ns = HOURS(14) + MINUTES(50),
     EVENTS(afternoon), .expected = {.verdict = "server-crash", .killer_first = true}},
};

const struct drill_scenario *drill_scenario_at(unsigned index)
{
    return index < sizeof scenarios / sizeof scenarios[0] ? &scenarios[index] : NULL;
}

const struct drill_scenario *drill_scenario_named(const char *name)
{
    for (unsigned i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

int64_t drill_strikes_ns(const struct drill_scenario *s)
{
    return DAY_NS + s->starts_ns + s->events[0].at_ns;
}

const char *drill_killer(void)
{
    return "10.9.0.66";
}

/* ---- chance */

static uint32_t chance(struct world *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random >> 16);
}

/* Half to one and a half of it. */
static int64_t about(struct world *w, int64_t ns)
{
    return ns / 2 + (int64_t)((uint64_t)ns / 1024 * (chance(w) % 1024));
}

/* ---- what an actor does */

static int64_t clock_of(const struct world *w, int64_t t)
{
    return DAY_NS + w->s->starts_ns + t;
}

static void say(struct world *w, struct actor *a, enum side from, unsigned flags, size_t length, int64_t t)
{
    wire_send(&w->wire, &a->connection, from, flags, w->talk, length, clock_of(w, t));
}

static void acknowledge(struct world *w, struct actor *a, enum side from, int64_t t)
{
    say(w, a, from, WIRE_ACK, 0, t);
}

static void dial(struct world *w, struct actor *a)
{
    uint16_t port = w->s->protocol == PROTOCOL_MYSQL ? DRILL_PORT_MYSQL : DRILL_PORT_PGSQL;
    a->connection = (struct drill_connection){.client = a->address, .server = (uint8_t)(a->server + 1), .client_port = (uint16_t)(40000 + a->ports++),
                                              .server_port = port, .next = {chance(w), chance(w)}};
}

static bool connect_refused(struct world *w, struct actor *a, int64_t t)
{
    if (w->servers[a->server].dead_until_ns <= t)
        return false;
    say(w, a, FROM_CLIENT, WIRE_SYN, 0, t);
    say(w, a, FROM_SERVER, WIRE_RST | WIRE_ACK, 0, t + 100 * MICROSECOND);
    a->failures++;
    if (w->s->failover && a->failures == 2 && a->server == 0)
        a->server = 1;
    a->next_ns = t + about(w, w->s->retry_ns);
    return true;
}

/* SYNs that nobody answers, sent again after one and three seconds. */
static bool connect_cut(struct world *w, struct actor *a, int64_t t)
{
    if (w->cut_until_ns <= t)
        return false;
    uint32_t first = a->connection.next[FROM_CLIENT];
    for (int64_t wait = 0; wait <= SECONDS(3); wait = wait * 2 + SECONDS(1)) {
        a->connection.next[FROM_CLIENT] = first;
        say(w, a, FROM_CLIENT, WIRE_SYN, 0, t + wait);
    }
    a->next_ns = t + SECONDS(7);
    return true;
}

/* A program that hangs: its host takes the connection, and nobody says a word. */
static bool connect_mute(struct world *w, struct actor *a, int64_t t)
{
    if (!w->servers[a->server].mute)
        return false;
    say(w, a, FROM_CLIENT, WIRE_SYN, 0, t);
    say(w, a, FROM_SERVER, WIRE_SYN | WIRE_ACK, 0, t + 100 * MICROSECOND);
    acknowledge(w, a, FROM_CLIENT, t + 150 * MICROSECOND);
    a->connection.open = a->connection.waiting = true;
    a->next_ns = t + PATIENCE_NS;
    return true;
}

/* A client that waited long enough. The program on the other side does not notice. */
static void give_up(struct world *w, struct actor *a, int64_t t)
{
    say(w, a, FROM_CLIENT, WIRE_FIN | WIRE_ACK, 0, t);
    acknowledge(w, a, FROM_SERVER, t + 100 * MICROSECOND);
    a->connection.open = false;
    a->next_ns = t + about(w, w->s->retry_ns);
}

/* What every connection begins with, until the login is sent. */
static void introduce(struct world *w, struct actor *a, uint32_t number, const char *user, int64_t t)
{
    enum protocol protocol = w->s->protocol;
    say(w, a, FROM_CLIENT, WIRE_SYN, 0, t);
    say(w, a, FROM_SERVER, WIRE_SYN | WIRE_ACK, 0, t + 100 * MICROSECOND);
    acknowledge(w, a, FROM_CLIENT, t + 150 * MICROSECOND);
    size_t length = talk_greeting(protocol, number, w->talk);
    if (length)
        say(w, a, FROM_SERVER, WIRE_PSH | WIRE_ACK, length, t + 400 * MICROSECOND);
    say(w, a, FROM_CLIENT, WIRE_PSH | WIRE_ACK, talk_login(protocol, user, w->talk), t + 700 * MICROSECOND);
}

static void connect_actor(struct world *w, struct actor *a, int64_t t)
{
    enum protocol protocol = w->s->protocol;
    dial(w, a);
    if (connect_refused(w, a, t) || connect_cut(w, a, t) || connect_mute(w, a, t))
        return;
    uint32_t number = ++w->servers[a->server].number;
    a->connection.number = number;
    a->connection.open = true;
    a->connection.waiting = false;
    a->failures = 0;
    introduce(w, a, number, a == &w->killer ? "guest" : "shop", t);
    say(w, a, FROM_SERVER, WIRE_PSH | WIRE_ACK, talk_welcome(protocol, number, w->talk), t + 1100 * MICROSECOND);
    acknowledge(w, a, FROM_CLIENT, t + 1200 * MICROSECOND);
    a->next_ns = t + MILLISECONDS(2) + about(w, w->s->think_ns / 4);
}

static void leave(struct world *w, struct actor *a, int64_t t)
{
    say(w, a, FROM_CLIENT, WIRE_FIN | WIRE_ACK, 0, t);
    say(w, a, FROM_SERVER, WIRE_FIN | WIRE_ACK, 0, t + 100 * MICROSECOND);
    acknowledge(w, a, FROM_CLIENT, t + 200 * MICROSECOND);
    a->connection.open = false;
    a->next_ns = NEVER;
}

static void answer(struct world *w, struct actor *a, int64_t t)
{
    say(w, a, FROM_SERVER, WIRE_PSH | WIRE_ACK, talk_reply(w->s->protocol, w->talk), t);
    acknowledge(w, a, FROM_CLIENT, t + 100 * MICROSECOND);
    a->next_ns = t + about(w, w->s->think_ns);
}

static void ask(struct world *w, struct actor *a, int64_t t)
{
    size_t length = talk_request(w->s->protocol, a->variant++, w->talk);
    say(w, a, FROM_CLIENT, WIRE_PSH | WIRE_ACK, length, t);
    if (w->servers[a->server].mute) {
        acknowledge(w, a, FROM_SERVER, t + 100 * MICROSECOND);
        a->connection.waiting = true;
        a->next_ns = t + PATIENCE_NS;
        return;
    }
    if (w->cut_until_ns > t) {
        int64_t wait = MILLISECONDS(200), at = t;
        for (int i = 0; i < AGAIN_MOST && at + wait < w->cut_until_ns; i++, wait *= 2)
            wire_again(&w->wire, &a->connection, FROM_CLIENT, w->talk, length, clock_of(w, at += wait));
        wire_again(&w->wire, &a->connection, FROM_CLIENT, w->talk, length, clock_of(w, w->cut_until_ns + MILLISECONDS(5)));
        answer(w, a, w->cut_until_ns + MILLISECONDS(6) + about(w, MILLISECONDS(2)));
        return;
    }
    answer(w, a, t + (w->slow_until_ns > t ? SECONDS(2) + about(w, SECONDS(4)) : about(w, MILLISECONDS(2))));
}

static void act(struct world *w, struct actor *a, int64_t t)
{
    if (!a->connection.open)
        connect_actor(w, a, t);
    else if (a->connection.waiting)
        give_up(w, a, t);
    else if (a->idle && t > w->s->events[0].at_ns / 2)
        leave(w, a, t);
    else
        ask(w, a, t);
}

/* ---- what befalls the world */

static void hang_up(struct world *w, struct actor *a, bool reset, int64_t t)
{
    if (reset) {
        say(w, a, FROM_SERVER, WIRE_RST | WIRE_ACK, 0, t);
    } else {
        say(w, a, FROM_SERVER, WIRE_FIN | WIRE_ACK, 0, t);
        say(w, a, FROM_CLIENT, WIRE_FIN | WIRE_ACK, 0, t + 200 * MICROSECOND);
        acknowledge(w, a, FROM_SERVER, t + 300 * MICROSECOND);
    }
    a->connection.open = false;
    a->next_ns = t + MILLISECONDS(40) + about(w, w->s->retry_ns / 2);
}

/* The killer's message, two requests that are never answered, then the ends: the killer's with a FIN, the victims' with a reset,
 * the others' with a FIN; PostgreSQL tells its reason first. */
static void die(struct world *w, const struct drill_event *e)
{
    bool pgsql = w->s->protocol == PROTOCOL_PGSQL;
    int64_t t = e->at_ns, end = t + DYING_NS;
    unsigned victims = 0;
    say(w, &w->killer, FROM_CLIENT, WIRE_PSH | WIRE_ACK, talk_malformed(w->s->protocol, w->talk), t);
    acknowledge(w, &w->killer, FROM_SERVER, t + 100 * MICROSECOND);
    hang_up(w, &w->killer, false, end);
    w->killer.next_ns = NEVER;
    for (unsigned i = 0; i < w->s->clients; i++) {
        struct actor *a = &w->actors[i];
        if (!a->connection.open || a->server != 0)
            continue;
        bool victim = victims < VICTIMS && a->next_ns > t;
        if (victim)
            say(w, a, FROM_CLIENT, WIRE_PSH | WIRE_ACK, talk_request(w->s->protocol, a->variant++, w->talk), t + MILLISECONDS(1 + victims++));
        end += pgsql ? MILLISECONDS(2) : 200 * MICROSECOND;
        if (pgsql)
            say(w, a, FROM_SERVER, WIRE_PSH | WIRE_ACK, talk_crash_notice(w->talk), end);
        hang_up(w, a, victim && !pgsql, end + 100 * MICROSECOND);
    }
    w->servers[0].dead_until_ns = e->until_ns ? e->until_ns : NEVER;
    if (!pgsql)
        w->servers[0].number = 7;
}

/* Each login is refused, and the server ends the connection. */
static void spray(struct world *w, const struct drill_event *e)
{
    static const char *const users[] = {"root", "admin", "backup", "test", "mysql", "postgres", "web", "app", "sales", "stock", "report", "dba", "dev", "ops",
                                        "guest", "monitor"};
    struct actor *a = &w->killer;
    unsigned next = chance(w) % (sizeof users / sizeof users[0]);
    for (int64_t t = e->at_ns; t < e->until_ns; t += about(w, SECONDS(1)) + MILLISECONDS(500)) {
        dial(w, a);
        introduce(w, a, ++w->servers[0].number, users[next++ % (sizeof users / sizeof users[0])], t);
        say(w, a, FROM_SERVER, WIRE_PSH | WIRE_ACK, talk_denied(w->s->protocol, w->talk), t + 1100 * MICROSECOND);
        say(w, a, FROM_SERVER, WIRE_FIN | WIRE_ACK, 0, t + 1200 * MICROSECOND);
        say(w, a, FROM_CLIENT, WIRE_FIN | WIRE_ACK, 0, t + 1400 * MICROSECOND);
        acknowledge(w, a, FROM_SERVER, t + 1500 * MICROSECOND);
    }
}

static void befall(struct world *w, const struct drill_event *e)
{
    switch (e->what) {
    case MISHAP_DEATH:
        die(w, e);
        return;
    case MISHAP_SLOW:
        w->slow_until_ns = e->until_ns;
        return;
    case MISHAP_CUT:
        w->cut_until_ns = e->until_ns;
        return;
    case MISHAP_MUTE:
        w->servers[1].mute = true;
        return;
    case MISHAP_SPRAY:
        spray(w, e);
        return;
    }
}

/* The killer connects a moment before it strikes. */
static void expect_event(struct world *w)
{
    const struct drill_event *next = w->event < w->s->events_used ? &w->s->events[w->event] : NULL;
    w->killer.next_ns = next && next->what == MISHAP_DEATH ? next->at_ns - (next->at_ns > CONNECT_NS ? CONNECT_NS : 0) : NEVER;
}

static struct actor *next_actor(struct world *w)
{
    struct actor *next = &w->killer;
    for (unsigned i = 0; i < w->s->clients; i++)
        if (w->actors[i].next_ns < next->next_ns)
            next = &w->actors[i];
    return next;
}

static void play(struct world *w)
{
    for (;;) {
        struct actor *a = next_actor(w);
        int64_t event_ns = w->event < w->s->events_used ? w->s->events[w->event].at_ns : NEVER;
        if (a->next_ns >= w->s->lasts_ns && event_ns >= w->s->lasts_ns)
            return;
        if (event_ns <= a->next_ns) {
            befall(w, &w->s->events[w->event++]);
            expect_event(w);
        } else {
            act(w, a, a->next_ns);
            if (a == &w->killer)
                a->next_ns = NEVER; /* it waits for its moment */
        }
    }
}

bool drill_play(const struct drill_scenario *s, uint64_t seed, FILE *out, struct error *why)
{
    struct world w = {.s = s, .random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1};
    for (int i = 0; i < DRILL_SERVERS; i++)
        w.servers[i].number = 1000;
    for (unsigned i = 0; i < s->clients; i++)
        w.actors[i] = (struct actor){.address = (uint8_t)(DRILL_FIRST_CLIENT + i), .idle = i < s->idle, .next_ns = about(&w, s->think_ns), .variant = i,
                                     .ports = (uint16_t)(100 * i)};
    w.killer = (struct actor){.address = DRILL_KILLER, .ports = 9000};
    expect_event(&w);
    play(&w);
    bool done = wire_write(&w.wire, out) && fflush(out) == 0;
    wire_free(&w.wire);
    return done || error_set(why, EXIT_IO, "cannot write the drill's packets");
}
