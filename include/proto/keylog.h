/*
 * The secrets of TLS sessions, as clients and servers write them to a key log (SSLKEYLOGFILE; the NSS key log format), by the
 * random number of the session's ClientHello. Shared by all workers.
 *
 * Bounded: KEYLOG_SESSIONS are held, the oldest are dropped; of a larger file only the end is read. Whatever the text holds,
 * it is lines that are secrets or lines that are not. What is dropped is overwritten, and the memory is in no core dump.
 */
#ifndef DBHOUND_PROTO_KEYLOG_H
#define DBHOUND_PROTO_KEYLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/view.h"

enum {
    KEYLOG_SESSIONS = 65536,
    KEYLOG_RANDOM_BYTES = 32,
    KEYLOG_SECRET_BYTES = 48, /* the most: a master secret, or the output of SHA-384 */
};

enum keylog_kind {
    KEYLOG_MASTER,           /* CLIENT_RANDOM: TLS 1.2 and before */
    KEYLOG_CLIENT_HANDSHAKE, /* CLIENT_HANDSHAKE_TRAFFIC_SECRET, and so on: TLS 1.3 */
    KEYLOG_SERVER_HANDSHAKE,
    KEYLOG_CLIENT_TRAFFIC,
    KEYLOG_SERVER_TRAFFIC,
    KEYLOG_KINDS
};

/* What is known of one session. Whoever has a copy overwrites it when it is done. */
struct keylog_secrets {
    uint8_t length[KEYLOG_KINDS]; /* 0: not known */
    uint8_t bytes[KEYLOG_KINDS][KEYLOG_SECRET_BYTES];
};

struct keylog;

struct keylog *keylog_open(struct error *why);
/* Reads the file, which must be a regular one; `growing`: what is written to it later is read, too, when somebody misses a
 * secret. EXIT_NO_INPUT, EXIT_NO_PERMISSION. */
bool keylog_read(struct keylog *k, const char *path, bool growing, struct error *why) MUST_CHECK;
/* Secrets that stand in a capture behind this many packets: not known before the next one, so that reading ahead changes nothing. */
void keylog_add(struct keylog *k, struct view text, uint64_t packets);
/* Whether there is a secret of any session, or may be one later, by packet number `packet`. */
bool keylog_is_used(const struct keylog *k, uint64_t packet);
/* What is known by packet number `packet`. `*seen` is the caller's, 0 at first: while it stays the same nothing is new, and
 * false comes back at once. Looks into a growing file, but not often. */
bool keylog_find(struct keylog *k, const uint8_t random[KEYLOG_RANDOM_BYTES], uint64_t packet, uint64_t *seen, struct keylog_secrets *out);
/* Sessions that are held; lines that are no secret and no comment. */
size_t keylog_sessions(const struct keylog *k);
uint64_t keylog_strange_lines(const struct keylog *k);
void keylog_close(struct keylog *k);

#endif
