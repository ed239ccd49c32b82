/*
 * A key log that is a file: read once, or followed while it grows. Looked into by whoever misses a secret, at most every LOOK_NS and
 * by one thread at a time, so that sessions without secrets cost no more than that. A file that was cut short or replaced is
 * read anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/keylog_state.h"

enum { PIECE = 16384, LOOK_NS = 5000000, LOOK_BYTES = 1 << 20 };
static const off_t READ_MOST = (off_t)128 << 20; /* more holds sessions that would be dropped again */

/* Up to `most` bytes that follow what was read; false at a failure. */
static bool read_on(struct keylog *k, off_t most)
{
    char piece[PIECE];
    ssize_t got = 1;
    for (off_t read = 0; read < most && (got = pread(k->file.descriptor, piece, sizeof piece, k->file.done)) > 0; read += got) {
        k->file.done += got;
        keylog_take(k, &k->file.line, view_of(piece, (size_t)got), false, 0);
    }
    OPENSSL_cleanse(piece, sizeof piece);
    return got >= 0;
}

/* From where so much is left to read; what was half read is forgotten. */
static void begin(struct keylog_file *f, const struct stat *about)
{
    f->device = about->st_dev;
    f->number = about->st_ino;
    f->done = about->st_size > READ_MOST ? about->st_size - READ_MOST : 0;
    OPENSSL_cleanse(&f->line, sizeof f->line);
    f->line.too_long = f->done > 0; /* the line that begins before it */
}

static bool refuse(const char *path, int number, struct error *why)
{
    return error_set(why, number == EACCES || number == EPERM ? EXIT_NO_PERMISSION : EXIT_NO_INPUT, "cannot read the key log %s: %s", path, strerror(number));
}

bool keylog_read(struct keylog *k, const char *path, bool growing, struct error *why)
{
    struct keylog_file *f = &k->file;
    struct stat about;
    f->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (f->descriptor < 0)
        return refuse(path, errno, why);
    bool good = fstat(f->descriptor, &about) == 0 && S_ISREG(about.st_mode);
    if (!good) {
        error_set(why, EXIT_NO_INPUT, "the key log %s is no regular file", path);
    } else {
        f->path = path;
        begin(f, &about);
        good = read_on(k, READ_MOST) || refuse(path, errno, why);
    }
    if (good && !growing)
        keylog_take(k, &f->line, view_of(NULL, 0), true, 0);
    if (!good || !growing) {
        close(f->descriptor);
        f->descriptor = -1;
    }
    f->growing = good && growing;
    return good;
}

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Another file has the name now: that one is read. Who may not open it stays with the old one. */
static void follow(struct keylog_file *f)
{
    struct stat named, open_now;
    if (stat(f->path, &named) == 0 && S_ISREG(named.st_mode) && (named.st_dev != f->device || named.st_ino != f->number)) {
        int other = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (other >= 0 && fstat(other, &named) == 0 && S_ISREG(named.st_mode)) {
            close(f->descriptor);
            f->descriptor = other;
            begin(f, &named);
        } else if (other >= 0) {
            close(other);
        }
    }
    if (fstat(f->descriptor, &open_now) == 0 && open_now.st_size < f->done)
        begin(f, &open_now);
}

void keylog_look(struct keylog *k)
{
    struct keylog_file *f = &k->file;
    if (!f->growing)
        return;
    int64_t now = clock_ns();
    if (now - atomic_load_explicit(&f->looked_ns, memory_order_relaxed) < LOOK_NS || pthread_mutex_trylock(&k->lock) != 0)
        return;
    atomic_store_explicit(&f->looked_ns, now, memory_order_relaxed);
    follow(f);
    (void)read_on(k, LOOK_BYTES);
    pthread_mutex_unlock(&k->lock);
}
