/*
 * A TLS session whose secrets may be known: what of its records is protected, with which number, and what is inside. Private.
 *
 * A session that is not in the key log costs its slot and a look at the header of each record. One that is gives its plaintext to the
 * decoder as if it had come in clear, each byte at its own place in the stream: all suites that are decrypted add a keystream to
 * the bytes and leave them where they are. Bounded: slots and records from pools, SEQUENCES_TRIED numbers after lost bytes, PASSED_MOST
 * records without a secret.
 */
#ifndef DBHOUND_SRC_PROTO_TLS_SESSION_H
#define DBHOUND_SRC_PROTO_TLS_SESSION_H

#include "proto/dialogue.h"
#include "proto/keylog.h"
#include "proto/tls_keys.h"

/* A record that is split over segments. */
struct tls_record {
    uint32_t length; /* so far */
    unsigned marks_used;
    struct segment_mark marks[MARKS_MAX];
    uint8_t bytes[TLS_CIPHERTEXT_MAX];
};

enum tls_phase { TLS_IN_CLEAR, TLS_IN_HANDSHAKE /* protected; TLS 1.3 */, TLS_IN_TRAFFIC };

struct tls_side {
    struct tls_keys handshake, traffic;
    struct tls_record *record;
    uint64_t sequence;   /* of the next protected record */
    uint32_t passed;     /* protected records of this phase that were not opened */
    uint16_t unsure;     /* how many more may have gone by unseen */
    uint8_t phase;
    uint8_t searches;    /* since the last record that opened */
    bool searching;      /* for the header of a record */
    bool torn;           /* bytes were lost since the last record that opened */
    bool missed;         /* what it said was not all read */
    uint8_t message_have; /* handshake messages inside: the header so far, and bytes of the body that are to come */
    uint8_t message[TLS_MESSAGE_HEADER];
    uint32_t message_left;
};

struct tls_session {
    uint8_t client_random[TLS_HELLO_RANDOM_BYTES], server_random[TLS_HELLO_RANDOM_BYTES];
    uint16_t version, cipher; /* 0: no ServerHello yet */
    const struct tls_suite *suite; /* NULL: not decrypted */
    uint64_t seen;             /* of the key log */
    struct keylog_secrets secrets;
    struct tls_side sides[2];
};

/* How a record is to be read whose header was read. */
enum tls_how { RECORD_CLEAR, RECORD_PASS, RECORD_OPEN, RECORD_OVER };

/* Hellos in clear; `f` holds what was read from the server's. */
void tls_session_client_hello(struct conversation *c, struct view message);
void tls_session_server_hello(struct conversation *c, struct view message, const struct findings *f);
/* Of the connection's session, which exists: a record begins, bytes of it come. */
enum tls_how tls_session_record(struct conversation *c, enum side from, uint8_t type, uint32_t length, const struct segment *where);
void tls_session_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where);
/* After lost bytes: looks for the header of a record, returns how many bytes are behind. */
size_t tls_session_search(struct conversation *c, enum side from, struct view bytes, const struct segment *where);
void tls_session_gap(struct conversation *c, enum side from, uint64_t lost);
/* tls_inside.c: opens a whole record and gives on what is in it. */
void tls_session_open(struct conversation *c, enum side from, struct view fragment, const struct segment_mark *marks, unsigned marks_used);
/* From here on the connection is encrypted to us. `note` NULL: nothing is said. */
void tls_session_fail(struct conversation *c, enum side from, const char *note, const struct segment *where);
/* Something that a side said was not read: the decoder is told, now or with the first bytes that it gets. */
void tls_session_miss(struct conversation *c, enum side from);
void tls_session_close(struct conversation *c);
size_t tls_session_size(void);

#endif
