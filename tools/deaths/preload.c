/*
 * Loaded into the servers and the clients of a recording (LD_PRELOAD).
 *
 * In a server it is the stand-in for the vulnerability: once the trigger file (DEATHS_TRIGGER) names a client's connection,
 * the thread that has read so many bytes from it dies by the signal that the file names, before it can answer.
 * In a client (DEATHS_BIND) it gives each connection the address that the client shall have; libpq cannot be told.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum whom { WHOM_THREAD, WHOM_PROCESS, WHOM_PARENT, WHOM_GROUP };

/* Shared with trigger.py, which writes the same layout. */
struct trigger {
    uint32_t armed; /* written last; 1: here, 2: by sniffer.py */
    uint32_t ip;    /* network order, as in struct sockaddr_in */
    uint32_t port;  /* host order */
    uint32_t need;  /* bytes to read first */
    uint32_t signal;
    uint32_t whom;
    uint64_t fired_ns;
    uint32_t count;
    uint32_t pid;
};

static struct trigger *trigger;
static void *volatile nowhere;

__attribute__((constructor)) static void load(void) {
    const char *name = getenv("DEATHS_TRIGGER");
    int fd = name == NULL ? -1 : open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *page = mmap(NULL, sizeof *trigger, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED)
        trigger = page;
    close(fd);
}

static void die(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    trigger->pid = (uint32_t)getpid();
    __atomic_store_n(&trigger->fired_ns, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, __ATOMIC_SEQ_CST);
    int number = (int)trigger->signal;
    switch (trigger->whom) {
    case WHOM_THREAD:
        // A crash handler that returns must meet the fault again; after a mere signal the thread would go on and answer.
        if (number == SIGSEGV)
            *(volatile int *)nowhere = 0;
        raise(number);
        break;
    case WHOM_PROCESS:
        kill(getpid(), number);
        break;
    case WHOM_PARENT:
        kill(getppid(), number);
        break;
    default: /* PostgreSQL's processes are group leaders each: the recorder ends the rest */
        kill(getppid(), number);
        kill(getpid(), number);
        break;
    }
}

static int is_killer(int fd) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0)
        return 0;
    uint32_t ip = 0, port = 0;
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&peer;
        ip = four->sin_addr.s_addr;
        port = ntohs(four->sin_port);
    } else if (peer.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&peer;
        memcpy(&ip, six->sin6_addr.s6_addr + 12, sizeof ip);
        port = ntohs(six->sin6_port);
    }
    return ip == trigger->ip && port == trigger->port;
}

/* After a read from the killer: dies when that was enough. */
static void arrived(int fd, ssize_t got) {
    if (trigger == NULL || got <= 0 || __atomic_load_n(&trigger->armed, __ATOMIC_ACQUIRE) != 1)
        return;
    int kept = errno;
    if (is_killer(fd)) {
        uint32_t read_so_far = __atomic_add_fetch(&trigger->count, (uint32_t)got, __ATOMIC_SEQ_CST);
        if (read_so_far >= trigger->need && __atomic_exchange_n(&trigger->armed, 0, __ATOMIC_SEQ_CST) != 0)
            die();
    }
    errno = kept;
}

/* Before an answer to the killer: the server refuses the message without reading all of it, so it dies here. */
static void answering(int fd) {
    if (trigger == NULL || __atomic_load_n(&trigger->armed, __ATOMIC_ACQUIRE) != 1 || trigger->count == 0)
        return;
    int kept = errno;
    if (is_killer(fd) && __atomic_exchange_n(&trigger->armed, 0, __ATOMIC_SEQ_CST) != 0)
        die();
    errno = kept;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PASS(name, fd, ...)                           \
    static __typeof__(&name) real;                    \
    if (real == NULL)                                 \
        real = REAL(name);                            \
    ssize_t got = real(fd, __VA_ARGS__);              \
    arrived(fd, got);                                 \
    return got

ssize_t read(int fd, void *to, size_t size) { PASS(read, fd, to, size); }
ssize_t recv(int fd, void *to, size_t size, int flags) {
    static ssize_t (*real)(int, void *, size_t, int);
    if (real == NULL)
        real = REAL(recv);
    ssize_t got = real(fd, to, size, flags);
    if ((flags & MSG_PEEK) == 0)
        arrived(fd, got);
    return got;
}
ssize_t recvfrom(int fd, void *restrict to, size_t size, int flags, struct sockaddr *restrict from, socklen_t *restrict length) {
    PASS(recvfrom, fd, to, size, flags, from, length);
}
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { PASS(recvmsg, fd, message, flags); }
ssize_t readv(int fd, const struct iovec *to, int count) { PASS(readv, fd, to, count); }
ssize_t __read_chk(int fd, void *to, size_t size, size_t room);
ssize_t __read_chk(int fd, void *to, size_t size, size_t room) {
    if (size > room)
        abort();
    return read(fd, to, size);
}
ssize_t __recv_chk(int fd, void *to, size_t size, size_t room, int flags);
ssize_t __recv_chk(int fd, void *to, size_t size, size_t room, int flags) {
    if (size > room)
        abort();
    return recv(fd, to, size, flags);
}

#define ANSWER(name, fd, ...)         \
    static __typeof__(&name) real;    \
    if (real == NULL)                 \
        real = REAL(name);            \
    answering(fd);                    \
    return real(fd, __VA_ARGS__)

ssize_t write(int fd, const void *from, size_t size) { ANSWER(write, fd, from, size); }
ssize_t send(int fd, const void *from, size_t size, int flags) { ANSWER(send, fd, from, size, flags); }
ssize_t sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    ANSWER(sendto, fd, from, size, flags, to, length);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { ANSWER(sendmsg, fd, message, flags); }
ssize_t writev(int fd, const struct iovec *from, int count) { ANSWER(writev, fd, from, count); }

int connect(int fd, const struct sockaddr *to, socklen_t length) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (real == NULL)
        real = REAL(connect);
    const char *own = getenv("DEATHS_BIND");
    if (own != NULL && to->sa_family == AF_INET) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        if (inet_pton(AF_INET, own, &from.sin_addr) == 1 && bind(fd, (const struct sockaddr *)&from, sizeof from) != 0)
            return -1;
    }
    return real(fd, to, length);
}
