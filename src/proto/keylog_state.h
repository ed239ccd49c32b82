/* The inside of keylog*.c: sessions by their random number, lines in pieces, the file that grows. Private. */
#ifndef DBHOUND_SRC_PROTO_KEYLOG_STATE_H
#define DBHOUND_SRC_PROTO_KEYLOG_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/pool.h"
#include "proto/keylog.h"

enum { KEYLOG_BUCKETS = 2 * KEYLOG_SESSIONS, KEYLOG_LINE_BYTES = 256 };

struct keylog_session {
    uint8_t random[KEYLOG_RANDOM_BYTES];
    uint32_t next; /* in its bucket, plus one */
    bool used;
    uint64_t since[KEYLOG_KINDS]; /* the first packet at which it is known */
    struct keylog_secrets secrets;
};

/* A line that comes in pieces. */
struct keylog_line {
    uint32_t length;
    bool too_long;
    char text[KEYLOG_LINE_BYTES];
};

struct keylog_file {
    int descriptor; /* -1: none, or read to its end for good */
    bool growing;
    const char *path;
    off_t done;
    dev_t device;
    ino_t number;
    struct keylog_line line;
    _Atomic int64_t looked_ns;
};

struct keylog {
    struct arena arena;
    pthread_mutex_t lock;
    uint64_t key[4];
    struct keylog_session *sessions;
    uint32_t *buckets;
    uint32_t next;              /* the place of the next new session: the oldest one's */
    size_t held;
    uint64_t strange;
    _Atomic uint64_t changes;
    _Atomic uint64_t first;     /* packet with which the first secret is known; UINT64_MAX: there is none */
    struct keylog_file file;
};

/* With the lock held. `last`: what is left is a line, too. */
void keylog_take(struct keylog *k, struct keylog_line *line, struct view text, bool last, uint64_t since);
/* keylog_file.c: reads what was added to a growing file, if nobody has looked for a while. */
void keylog_look(struct keylog *k);

#endif
