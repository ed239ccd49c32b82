/*
 * Mapped files: see capture/mapping.h.
 *
 * Why not read()? Reading in place and reading through a buffer cost about the same, but bytes that stay need no copy in
 * the flight recorder: with it, a packet in place costs 0.6 of one from a buffer (measured, captures in the page cache).
 * Asking for pages ahead (MADV_POPULATE_READ, MADV_WILLNEED) was slower than the system's own readahead, with the file in
 * the cache and without. The price of mapping is SIGBUS: a page that its file no longer has (somebody truncated it, the
 * disk failed) cannot be touched. A handler puts zeros in place of the lost rest and marks the mapping; the source then
 * reports damage and goes on with the next file. Signals from anywhere else keep the handling they had.
 */
#include "capture/mapping.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW_BYTES = 4 * 1024 * 1024 };

/* Ranges are reused but never freed, so the handler may walk the list at any time, in any thread. */
struct guarded_range {
    _Atomic uintptr_t begin; /* 0: free */
    _Atomic uintptr_t end;
    _Atomic size_t lost;
    struct guarded_range *next;
};

static _Atomic(struct guarded_range *) guarded;
static pthread_mutex_t guarded_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction handling_before;
static atomic_bool passed_on;
static uintptr_t page_bytes;

static void guard_lose(struct guarded_range *r, size_t from)
{
    size_t known = atomic_load(&r->lost);
    while (from < known && !atomic_compare_exchange_weak(&r->lost, &known, from)) {
    }
}

static void on_bus_error(int signal_number, siginfo_t *about, void *context)
{
    (void)context;
    uintptr_t address = (uintptr_t)about->si_addr;
    bool from_memory = about->si_code == BUS_ADRERR || about->si_code == BUS_OBJERR || about->si_code == BUS_MCEERR_AR;
    for (struct guarded_range *r = from_memory ? atomic_load(&guarded) : NULL; r; r = r->next) {
        uintptr_t begin = atomic_load(&r->begin), end = atomic_load(&r->end);
        if (!begin || address < begin || address >= end)
            continue;
        uintptr_t page = address & ~(page_bytes - 1);
        void *zeros = mmap((void *)page, end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (zeros == MAP_FAILED)
            break;
        guard_lose(r, page - begin);
        return;
    }
    /* Not ours: as it would have been without us. The faulting instruction runs again; a sent signal is sent again. If
     * that handling leads back here, it is given up. */
    if (atomic_exchange(&passed_on, true))
        signal(signal_number, SIG_DFL);
    else
        sigaction(signal_number, &handling_before, NULL);
    if (!from_memory)
        raise(signal_number);
}

/* With every mapping: somebody may have set another handler since the last one. */
static void guard_install(void)
{
    struct sigaction now, ours = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, NULL, &now) || ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_bus_error))
        return;
    handling_before = now;
    atomic_store(&passed_on, false);
    sigemptyset(&ours.sa_mask);
    sigaction(SIGBUS, &ours, NULL);
}

/* The next free range from `r` on. */
static struct guarded_range *guard_free(struct guarded_range *r)
{
    while (r && atomic_load(&r->begin))
        r = r->next;
    return r;
}

static struct guarded_range *guard_add(void)
{
    struct guarded_range *r = calloc(1, sizeof *r);
    if (r) {
        r->next = atomic_load(&guarded);
        atomic_store(&guarded, r);
    }
    return r;
}

bool mapping_reserve(size_t files)
{
    bool enough = true;
    pthread_mutex_lock(&guarded_lock);
    struct guarded_range *r = guard_free(atomic_load(&guarded));
    for (size_t i = 0; i < files && enough; i++) {
        if (r)
            r = guard_free(r->next);
        else
            enough = guard_add() != NULL;
    }
    pthread_mutex_unlock(&guarded_lock);
    return enough;
}

static struct guarded_range *guard_take(uintptr_t begin, size_t size)
{
    pthread_mutex_lock(&guarded_lock);
    guard_install();
    struct guarded_range *r = guard_free(atomic_load(&guarded));
    if (!r)
        r = guard_add();
    if (r) {
        atomic_store(&r->end, (begin + size + page_bytes - 1) & ~(page_bytes - 1));
        atomic_store(&r->lost, SIZE_MAX);
        atomic_store(&r->begin, begin);
    }
    pthread_mutex_unlock(&guarded_lock);
    return r;
}

static void guard_give(struct guarded_range *r)
{
    atomic_store(&r->begin, 0);
}

bool mapping_open(struct mapping *m, int descriptor, size_t size)
{
    *m = (struct mapping){.descriptor = -1};
    void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (bytes == MAP_FAILED)
        return false;
    struct guarded_range *guard = guard_take((uintptr_t)bytes, size);
    if (!guard) {
        munmap(bytes, size);
        return false;
    }
    madvise(bytes, size, MADV_SEQUENTIAL);
    *m = (struct mapping){.bytes = bytes, .size = size, .descriptor = descriptor, .guard = guard};
    return true;
}

static void touch(const struct mapping *m, size_t from, size_t to)
{
    for (size_t at = from & ~((size_t)page_bytes - 1); at < to; at += page_bytes)
        (void)*(const volatile uint8_t *)(m->bytes + at);
}

/* Behind its new end, a file that was cut inside a page reads as zeros, without a signal. */
static void check_size(struct mapping *m)
{
    struct stat about;
    if (m->descriptor >= 0 && !fstat(m->descriptor, &about) && (uint64_t)about.st_size < m->size)
        guard_lose(m->guard, (size_t)about.st_size);
}

void mapping_advance(struct mapping *m, size_t position)
{
    if (position >= m->checked) {
        check_size(m);
        m->checked = position - position % WINDOW_BYTES + WINDOW_BYTES;
    }
    while (position >= m->released + 2 * WINDOW_BYTES) {
        madvise((void *)(uintptr_t)(m->bytes + m->released), WINDOW_BYTES, MADV_DONTNEED);
        m->released += WINDOW_BYTES;
    }
}

size_t mapping_lost(const struct mapping *m, size_t from, size_t to)
{
    touch(m, from, to);
    return atomic_load_explicit(&m->guard->lost, memory_order_relaxed);
}

size_t mapping_finish(struct mapping *m)
{
    check_size(m);
    if (m->descriptor > STDIN_FILENO)
        close(m->descriptor);
    m->descriptor = -1;
    return atomic_load_explicit(&m->guard->lost, memory_order_relaxed);
}

void mapping_close(struct mapping *m)
{
    if (m->bytes) {
        mapping_finish(m);
        guard_give(m->guard);
        munmap((void *)(uintptr_t)m->bytes, m->size);
    }
    *m = (struct mapping){.descriptor = -1};
}
