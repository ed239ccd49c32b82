/* The stage of a live drill: all of its clients in one process, which starts the servers and ends with the drill. See
 * drill_live.h. */
#include "app/drill_live.h"

#include <arpa/inet.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECONDS(n) (INT64_C(1000000) * (n))
#define SECONDS(n) (INT64_C(1000000000) * (n))

enum { FIRST_NUMBER = 1000, NUMBER_AFTER = 7, FAILURES_MOST = 2 };
static const int64_t NEVER = INT64_MAX;
/* Of a scenario only this much before its first event and after its last is played. */
static const int64_t BEFORE_NS = SECONDS(5), AFTER_NS = SECONDS(6);
static const int64_t CONNECT_NS = SECONDS(2), PATIENCE_NS = SECONDS(10);

/* What a client waits for; AWAY and IDLE: for its time. */
enum step { STEP_AWAY, STEP_GREETING, STEP_WELCOME, STEP_IDLE, STEP_REPLY };

struct guest {
    enum step step;
    int socket;
    unsigned last, server, failures, variant;
    int64_t next_ns;
    size_t used;
    uint8_t bytes[TALK_MAX];
};

struct house {
    pid_t process; /* 0: dead */
    uint16_t port;
    int64_t back_ns;
};

struct play {
    const struct drill_scenario *s;
    uint64_t random;
    int64_t began_ns;
    int news, lead;
    unsigned event;
    struct house houses[DRILL_SERVERS];
    struct guest guests[DRILL_CLIENTS_MAX + 1]; /* the last one in use is the killer */
    unsigned guests_used;
    sigset_t before;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct guest *killer(struct play *p)
{
    return &p->guests[p->guests_used - 1];
}

/* Half to one and a half of it. */
static int64_t about(struct play *p, int64_t ns)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return ns / 2 + (int64_t)((uint64_t)ns / 1024 * ((p->random >> 16) % 1024));
}

/* When an event of the scenario happens here. */
static int64_t here_ns(const struct play *p, int64_t at_ns)
{
    return p->began_ns + BEFORE_NS + at_ns - p->s->events[0].at_ns;
}

static int64_t over_ns(const struct play *p)
{
    const struct drill_event *last = &p->s->events[p->s->events_used - 1];
    return here_ns(p, last->until_ns > last->at_ns ? last->until_ns : last->at_ns) + AFTER_NS;
}

static _Noreturn void give_up_play(const struct play *p, int number)
{
    standin_tell(p->news, STAGE_TOLD_FAILED, 0, number);
    _exit(1);
}

/* ---- servers */

static void house_open(struct play *p, unsigned which, uint32_t first_number)
{
    struct house *h = &p->houses[which];
    int self = getpid(), listening = standin_listen(which + 1, &h->port);
    h->process = listening >= 0 ? fork() : -1;
    if (h->process < 0)
        give_up_play(p, errno);
    if (h->process == 0) {
        standin_follow(self);
        sigprocmask(SIG_SETMASK, &p->before, NULL);
        close(p->lead);
        for (unsigned i = 0; i < p->guests_used; i++)
            if (p->guests[i].step != STEP_AWAY)
                close(p->guests[i].socket);
        standin_serve(p->s->protocol, listening, first_number, p->news);
    }
    close(listening);
}

static void look_at_houses(struct play *p, int64_t now)
{
    int status;
    pid_t gone = waitpid(-1, &status, WNOHANG);
    for (unsigned i = 0; i < DRILL_SERVERS; i++) {
        struct house *h = &p->houses[i];
        if (gone > 0 && h->process == gone) {
            h->process = 0;
            standin_tell(p->news, STAGE_TOLD_DIED, gone, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        }
        if (!h->process && h->back_ns <= now)
            house_open(p, i, NUMBER_AFTER);
    }
}

/* ---- clients */

static void guest_leave(struct guest *g, int64_t next_ns)
{
    if (g->step != STEP_AWAY)
        close(g->socket);
    g->step = STEP_AWAY;
    g->next_ns = next_ns;
}

static void guest_say(struct play *p, struct guest *g, const uint8_t *bytes, size_t length, enum step then, int64_t now)
{
    g->step = then;
    g->next_ns = now + PATIENCE_NS;
    if (send(g->socket, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        guest_leave(g, now + about(p, p->s->retry_ns));
}

static void guest_log_in(struct play *p, struct guest *g, int64_t now)
{
    uint8_t talk[TALK_MAX];
    guest_say(p, g, talk, talk_login(p->s->protocol, g == killer(p) ? "guest" : "shop", talk), STEP_WELCOME, now);
}

static void guest_connect(struct play *p, struct guest *g, int64_t now)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(stage_client_address(g->last))}, there = here;
    const struct timeval patience = {.tv_sec = 1};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        give_up_play(p, errno);
    there.sin_addr.s_addr = htonl(stage_server_address(g->server + 1));
    there.sin_port = htons(p->houses[g->server].port);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (bind(s, (struct sockaddr *)(void *)&here, sizeof here) != 0)
        give_up_play(p, errno);
    if (connect(s, (struct sockaddr *)(void *)&there, sizeof there) != 0) {
        close(s);
        g->next_ns = now + about(p, p->s->retry_ns);
        if (p->s->failover && ++g->failures == FAILURES_MOST)
            g->server = 1;
        return;
    }
    g->socket = s;
    g->used = 0;
    g->failures = 0;
    g->step = STEP_GREETING;
    g->next_ns = now + PATIENCE_NS;
    if (p->s->protocol == PROTOCOL_PGSQL)
        guest_log_in(p, g, now);
}

/* A whole answer. */
static void guest_answered(struct play *p, struct guest *g, int64_t now)
{
    if (g->step == STEP_GREETING) {
        guest_log_in(p, g, now);
        return;
    }
    g->next_ns = g == killer(p) ? NEVER : now + about(p, g->step == STEP_WELCOME ? p->s->think_ns / 4 : p->s->think_ns);
    g->step = STEP_IDLE;
}

static bool is_whole(enum protocol protocol, const struct guest *g)
{
    static const uint8_t ready[] = {'Z', 0, 0, 0, 5, 'I'};
    if (protocol == PROTOCOL_MYSQL)
        return standin_message(protocol, false, g->bytes, g->used) > 0;
    return g->used >= sizeof ready && memcmp(g->bytes + g->used - sizeof ready, ready, sizeof ready) == 0;
}

static void guest_hear(struct play *p, struct guest *g, int64_t now)
{
    ssize_t got = recv(g->socket, g->bytes + g->used, sizeof g->bytes - g->used, MSG_DONTWAIT);
    if (got <= 0) {
        guest_leave(g, g == killer(p) ? NEVER : now + MILLISECONDS(40) + about(p, p->s->retry_ns / 2));
        return;
    }
    g->used += (size_t)got;
    if (!is_whole(p->s->protocol, g))
        return;
    g->used = 0;
    guest_answered(p, g, now);
}

static void guest_act(struct play *p, struct guest *g, int64_t now)
{
    uint8_t talk[TALK_MAX];
    if (g->step == STEP_AWAY)
        guest_connect(p, g, now);
    else if (g->step == STEP_IDLE)
        guest_say(p, g, talk, talk_request(p->s->protocol, g->variant++, talk), STEP_REPLY, now);
    else
        guest_leave(g, now + about(p, p->s->retry_ns));
}

/* ---- what happens */

static void befall(struct play *p, const struct drill_event *e, int64_t now)
{
    uint8_t talk[TALK_MAX];
    if (e->what == MISHAP_DEATH) {
        p->houses[0].back_ns = e->until_ns ? here_ns(p, e->until_ns) : NEVER;
        if (killer(p)->step != STEP_IDLE)
            give_up_play(p, ETIMEDOUT);
        standin_tell(p->news, STAGE_TOLD_STRUCK, 0, 0);
        guest_say(p, killer(p), talk, talk_malformed(p->s->protocol, talk), STEP_REPLY, now);
    } else if (e->what == MISHAP_MUTE && p->houses[1].process > 0) {
        kill(p->houses[1].process, SIGSTOP);
        standin_tell(p->news, STAGE_TOLD_MUTE, p->houses[1].process, SIGSTOP);
    }
}

static void child_ended(int signal_number)
{
    (void)signal_number; /* it only ends a wait */
}

/* Until somebody speaks, a child ends, or it is time for the next thing. False: the drill wants no more. */
static bool wait_for_somebody(struct play *p, int64_t until_ns)
{
    struct pollfd wait[DRILL_CLIENTS_MAX + 2];
    struct guest *whose[DRILL_CLIENTS_MAX + 2];
    nfds_t used = 0;
    for (unsigned i = 0; i < p->guests_used; i++) {
        if (p->guests[i].next_ns < until_ns)
            until_ns = p->guests[i].next_ns;
        if (p->guests[i].step == STEP_AWAY)
            continue;
        whose[used] = &p->guests[i];
        wait[used++] = (struct pollfd){.fd = p->guests[i].socket, .events = POLLIN};
    }
    wait[used] = (struct pollfd){.fd = p->lead, .events = POLLIN};
    int64_t left = until_ns - now_ns();
    struct timespec most = {.tv_sec = left > 0 ? left / 1000000000 : 0, .tv_nsec = left > 0 ? left % 1000000000 : 0};
    if (ppoll(wait, used + 1, &most, &p->before) <= 0)
        return true;
    for (nfds_t i = 0; i < used; i++)
        if (wait[i].revents)
            guest_hear(p, whose[i], now_ns());
    return !wait[used].revents;
}

static void play(struct play *p)
{
    p->began_ns = now_ns();
    int64_t over = over_ns(p);
    for (unsigned i = 0; i < p->guests_used; i++)
        p->guests[i].next_ns = p->began_ns + about(p, p->s->think_ns);
    killer(p)->next_ns = here_ns(p, p->s->events[0].at_ns) - CONNECT_NS;
    for (int64_t now = p->began_ns; now < over; now = now_ns()) {
        const struct drill_event *next = p->event < p->s->events_used ? &p->s->events[p->event] : NULL;
        int64_t until = next ? here_ns(p, next->at_ns) : over;
        if (next && until <= now) {
            p->event++;
            befall(p, next, now);
            continue;
        }
        look_at_houses(p, now);
        for (unsigned i = 0; i < DRILL_SERVERS; i++)
            if (!p->houses[i].process && p->houses[i].back_ns < until)
                until = p->houses[i].back_ns;
        for (unsigned i = 0; i < p->guests_used; i++)
            if (p->guests[i].next_ns <= now)
                guest_act(p, &p->guests[i], now);
        if (!wait_for_somebody(p, until))
            return;
    }
    standin_tell(p->news, STAGE_TOLD_OVER, 0, 0);
}

static _Noreturn void stage_run(struct play *p, int parent)
{
    sigset_t children;
    char word;
    capng_clear(CAPNG_SELECT_BOTH);
    capng_apply(CAPNG_SELECT_CAPS);
    standin_follow(parent);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    /* The drill itself is asked to stop, and closes the pipe. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, child_ended);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, &p->before);
    if (read(p->lead, &word, 1) != 1)
        _exit(0);
    for (unsigned i = 0; i < DRILL_SERVERS; i++)
        house_open(p, i, FIRST_NUMBER);
    play(p);
    /* The ends of all of this are not part of the play: nobody may watch them. */
    while (read(p->lead, &word, 1) > 0)
        continue;
    _exit(0);
}

/* ---- the drill's side */

bool stage_open(struct stage *s, const struct drill_scenario *scenario, uint64_t seed, struct error *why)
{
    static struct play p;
    int news[2], lead[2], parent = getpid();
    if (pipe2(news, O_CLOEXEC) != 0 || pipe2(lead, O_CLOEXEC) != 0)
        return error_set(why, EXIT_INTERNAL, "cannot open a pipe: %s", strerror(errno));
    p = (struct play){.s = scenario, .random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1, .news = news[1], .lead = lead[0],
                      .guests_used = scenario->clients + 1};
    for (unsigned i = 0; i < DRILL_SERVERS; i++)
        p.houses[i] = (struct house){.port = scenario->protocol == PROTOCOL_MYSQL ? DRILL_PORT_MYSQL : DRILL_PORT_PGSQL, .back_ns = NEVER};
    for (unsigned i = 0; i < scenario->clients; i++)
        p.guests[i] = (struct guest){.last = (unsigned)DRILL_FIRST_CLIENT + i, .variant = i};
    killer(&p)->last = DRILL_KILLER;
    pid_t made = fork();
    if (made == 0) {
        close(news[0]);
        close(lead[1]);
        stage_run(&p, parent);
    }
    close(news[1]);
    close(lead[0]);
    *s = (struct stage){news[0], lead[1]};
    if (made > 0)
        return true;
    stage_close(s);
    return error_set(why, EXIT_INTERNAL, "cannot start a process: %s", strerror(errno));
}

void stage_begin(struct stage *s)
{
    (void)!write(s->lead, "", 1); /* a stage that is gone says so by silence */
}

struct stage_news stage_read(struct stage *s)
{
    struct stage_news said = {.told = STAGE_TOLD_NOTHING};
    struct pollfd ready = {.fd = s->news, .events = POLLIN};
    if (poll(&ready, 1, 0) <= 0)
        return said;
    if (read(s->news, &said, sizeof said) != (ssize_t)sizeof said)
        said = (struct stage_news){.told = STAGE_TOLD_OVER};
    return said;
}

/* Every process of the play holds the pipe's other end. */
void stage_close(struct stage *s)
{
    struct stage_news said;
    ssize_t got;
    close(s->lead);
    do
        got = read(s->news, &said, sizeof said);
    while (got > 0 || (got < 0 && errno == EINTR));
    close(s->news);
}
