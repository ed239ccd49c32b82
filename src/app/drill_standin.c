/*
 * Stand-ins for servers that die: see drill_live.h. MySQL's is one process for all connections, PostgreSQL's one for each, as
 * the real ones are; each has one flaw, the message that talk_malformed makes, and dies of it by a real signal.
 */
#include "app/drill_live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MOST = 64, BACKLOG = 64, NETWORK = 0x7f090000 /* 127.9.0.0 */ };
static const long DYING_NS = 6000000; /* from the fault to the end: a crash handler */

struct guest {
    int socket; /* 0: free */
    bool known; /* has logged in */
    size_t used;
    uint8_t bytes[TALK_MAX];
};

uint32_t stage_client_address(unsigned last)
{
    return NETWORK | last;
}

uint32_t stage_server_address(unsigned last)
{
    return NETWORK | 1 << 8 | last;
}

void standin_follow(int parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it was quicker */
        _exit(0);
}

void standin_tell(int news, enum stage_told told, long process, int number)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct stage_news said = {.told = told, .number = number, .process = process,
                                    .time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec};
    if (write(news, &said, sizeof said) != (ssize_t)sizeof said)
        _exit(1); /* nobody listens any more */
}

int standin_listen(unsigned last, uint16_t *port)
{
    const int yes = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(stage_server_address(last)), .sin_port = htons(*port)};
    socklen_t length = sizeof here;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool bound = bind(s, (struct sockaddr *)(void *)&here, sizeof here) == 0;
    if (!bound && errno == EADDRINUSE) {
        here.sin_port = 0;
        bound = bind(s, (struct sockaddr *)(void *)&here, sizeof here) == 0;
    }
    if (bound && listen(s, BACKLOG) == 0 && getsockname(s, (struct sockaddr *)(void *)&here, &length) == 0) {
        *port = ntohs(here.sin_port);
        return s;
    }
    int number = errno;
    close(s);
    errno = number;
    return -1;
}

/* ---- what both say and hear */

static uint32_t load_be(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

size_t standin_message(enum protocol protocol, bool startup, const uint8_t *bytes, size_t used)
{
    size_t type = protocol == PROTOCOL_PGSQL && !startup, length;
    if (used < 4 + type)
        return 0;
    length = protocol == PROTOCOL_MYSQL ? 4 + (bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16) : load_be(bytes + type) + type;
    return length <= used ? length : 0;
}

/* The flaw: MySQL's copies a database's name of the length that it is told, PostgreSQL's a parameter. */
static bool is_fatal(enum protocol protocol, const uint8_t *bytes, size_t length)
{
    if (protocol == PROTOCOL_PGSQL)
        return length > 5 && bytes[0] == 'B';
    return length > 5 && bytes[4] == 0x13 && bytes[5] > length - 6;
}

static _Noreturn void die(void)
{
    nanosleep(&(struct timespec){.tv_nsec = DYING_NS}, NULL);
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would report it and end in order */
    raise(SIGSEGV);
    _exit(1);
}

static bool say(int socket, const uint8_t *bytes, size_t length)
{
    return send(socket, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* False when the connection is over. */
static bool hear(enum protocol protocol, struct guest *g, uint32_t number)
{
    uint8_t talk[TALK_MAX];
    ssize_t got = recv(g->socket, g->bytes + g->used, sizeof g->bytes - g->used, 0);
    if (got <= 0)
        return false;
    g->used += (size_t)got;
    size_t length;
    while ((length = standin_message(protocol, !g->known, g->bytes, g->used)) > 0) {
        if (g->known && is_fatal(protocol, g->bytes, length))
            die();
        if (!say(g->socket, talk, g->known ? talk_reply(protocol, talk) : talk_welcome(protocol, number, talk)))
            return false;
        g->known = true;
        g->used -= length;
        memmove(g->bytes, g->bytes + length, g->used);
    }
    return g->used < sizeof g->bytes;
}

/* ---- one process for all */

static void welcome(struct guest *guests, int socket, uint32_t number)
{
    uint8_t talk[TALK_MAX];
    for (unsigned i = 0; socket >= 0 && i < CONNECTIONS_MOST; i++) {
        if (guests[i].socket)
            continue;
        guests[i] = (struct guest){.socket = socket};
        say(socket, talk, talk_greeting(PROTOCOL_MYSQL, number, talk));
        return;
    }
    if (socket >= 0)
        close(socket);
}

static _Noreturn void serve_all(int listening, uint32_t number)
{
    static struct guest guests[CONNECTIONS_MOST];
    struct pollfd wait[CONNECTIONS_MOST + 1];
    struct guest *whose[CONNECTIONS_MOST];
    for (;;) {
        nfds_t used = 0;
        for (unsigned i = 0; i < CONNECTIONS_MOST; i++) {
            if (!guests[i].socket)
                continue;
            whose[used] = &guests[i];
            wait[used++] = (struct pollfd){.fd = guests[i].socket, .events = POLLIN};
        }
        wait[used] = (struct pollfd){.fd = listening, .events = POLLIN};
        if (poll(wait, used + 1, -1) < 0)
            continue;
        for (nfds_t i = 0; i < used; i++) {
            if (!wait[i].revents || hear(PROTOCOL_MYSQL, whose[i], number))
                continue;
            close(whose[i]->socket);
            whose[i]->socket = 0;
        }
        if (wait[used].revents)
            welcome(guests, accept4(listening, NULL, NULL, SOCK_CLOEXEC), ++number);
    }
}

/* ---- one process each, and one that watches over them */

static int guest_of_backend;

/* What PostgreSQL's processes do when another one crashed. */
static void another_crashed(int signal_number)
{
    uint8_t talk[TALK_MAX];
    (void)signal_number;
    say(guest_of_backend, talk, talk_crash_notice(talk));
    _exit(2);
}

static _Noreturn void serve_one(int socket)
{
    struct guest guest = {.socket = socket};
    guest_of_backend = socket;
    signal(SIGQUIT, another_crashed);
    while (hear(PROTOCOL_PGSQL, &guest, (uint32_t)getpid()))
        continue;
    _exit(0);
}

static void child_ended(int signal_number)
{
    (void)signal_number; /* it only ends a wait */
}

/* Who ended by a signal takes the others with it. */
static void bury(pid_t backends[CONNECTIONS_MOST], int news)
{
    int status;
    pid_t gone;
    bool crashed = false;
    while ((gone = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < CONNECTIONS_MOST; i++)
            if (backends[i] == gone)
                backends[i] = 0;
        if (!WIFSIGNALED(status))
            continue;
        crashed = true;
        standin_tell(news, STAGE_TOLD_DIED, gone, WTERMSIG(status));
    }
    for (unsigned i = 0; crashed && i < CONNECTIONS_MOST; i++)
        if (backends[i])
            kill(backends[i], SIGQUIT);
}

static void employ(pid_t backends[CONNECTIONS_MOST], int listening, const sigset_t *before)
{
    int self = getpid(), socket = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    unsigned i = 0;
    while (i < CONNECTIONS_MOST && backends[i])
        i++;
    pid_t backend = socket >= 0 && i < CONNECTIONS_MOST ? fork() : -1;
    if (backend == 0) {
        standin_follow(self);
        sigprocmask(SIG_SETMASK, before, NULL);
        close(listening);
        serve_one(socket);
    }
    if (backend > 0)
        backends[i] = backend;
    if (socket >= 0)
        close(socket);
}

static _Noreturn void serve_each(int listening, int news)
{
    pid_t backends[CONNECTIONS_MOST] = {0};
    sigset_t children, before;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, &before);
    signal(SIGCHLD, child_ended);
    for (;;) {
        struct pollfd wait = {.fd = listening, .events = POLLIN};
        int ready = ppoll(&wait, 1, NULL, &before);
        bury(backends, news);
        if (ready > 0)
            employ(backends, listening, &before);
    }
}

void standin_serve(enum protocol protocol, int listening, uint32_t first_number, int news)
{
    if (protocol == PROTOCOL_MYSQL)
        serve_all(listening, first_number);
    serve_each(listening, news);
}
