/*
 * What a worker tells the ward about servers: flat records without pointers, a few per connection and a few per server and
 * second, never one per message. They arrive in the order in which they arose, whatever the number of workers.
 */
#ifndef DBHOUND_HEALTH_SIGN_H
#define DBHOUND_HEALTH_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/flow_key.h"
#include "model/protocol.h"

enum {
    WORDS_MAX = 4,          /* the last messages of a client that are remembered */
    SIGN_TEXT_MAX = 96,
    SIGN_USER_MAX = 48,
    LATENCY_STEPS = 8,       /* buckets per doubling: a quantile is at most 1/8 too high */
    LATENCY_DOUBLINGS = 27,  /* from 1 microsecond to 134 seconds */
    LATENCY_BUCKETS = LATENCY_STEPS * LATENCY_DOUBLINGS,
    CLIENT_BITS = 512,      /* of the bitmap that estimates how many clients, or users, there are */
    KIND_NAME_MAX = 40,
    KINDS_TOLD = 16,        /* of requests, in one sign */
    CHECK_REQUESTS = 8,     /* a health check is over after so many */
};

enum sign_kind {
    SIGN_BEAT,      /* what one server did since the last beat; every BEAT_NS of packet time */
    SIGN_MINUTE,    /* times, clients and users of a minute that is over, one for each of enum minute_times */
    SIGN_KINDS,     /* kinds of requests of a minute that is over */
    SIGN_DOOR,      /* SYNs to an address and port since the last beat, and their answers */
    SIGN_OPENED,    /* a connection to a database was recognised */
    SIGN_USER,      /* a user logged in, or was refused (manner: it was) */
    SIGN_HELLO,     /* the server named its version or the connection's number */
    SIGN_FAREWELL,  /* the server says that it, or this session, ends; or a client told it to */
    SIGN_REFUSAL,   /* the server has no room for another connection */
    SIGN_SHAPE,     /* a shape of message that this worker saw for the first time on this server */
    SIGN_ENDING,    /* the server's end of a connection that the client had not ended: FIN or RST */
    SIGN_LEFT,      /* the client's end of a connection that the server had not ended: a farewell, FIN or RST */
    SIGN_WAITS,     /* the server says nothing to anybody, and this client waits: its last words */
    SIGN_CLOSED,    /* a connection is over */
    SIGN_TIME,      /* packet time has come to this, and every beat up to it is told */
};

/* How the replies' times are split: see pulse_requests.c. */
enum minute_times {
    TIMES_WHOLE,    /* request to reply; without those in TIMES_SINGLE */
    TIMES_SERVER,   /* of some of these: the server's part, */
    TIMES_REPLY,    /* and the reply's spread */
    TIMES_REQUEST,  /* the request's spread, where there was one */
    TIMES_SINGLE,   /* request to reply, where the reply was one segment: the whole was the server's */
    TIMES
};

enum word_flags {
    WORD_REQUEST = 1,    /* one that the server must answer */
    WORD_OPEN = 2,       /* and did not */
    WORD_ANOMALY = 4,    /* malformed or illegal */
    WORD_UNUSUAL = 8,    /* of another class */
    WORD_VERDICT = 16,   /* the server called it wrong */
    WORD_PARTIAL = 32,   /* never came to its end */
    WORD_LOGIN = 64,     /* before the login was complete */
    WORD_LOST = 128,     /* the capture lost some of it */
};

/* One message of a client. */
struct word {
    int64_t time_ns;
    uint64_t packet;
    uint64_t alert;      /* the key of the first alert on it, 0 none */
    uint32_t shape;      /* hash of type, phase, fields and length bucket */
    uint32_t length;     /* on the wire, at most UINT32_MAX */
    uint16_t type;       /* db.message */
    uint16_t anomaly;    /* the first reported, 0 none */
    uint8_t flags;       /* enum word_flags */
    uint8_t severity;    /* of the alert, 0 none */
};

enum farewell {
    FAREWELL_NONE,
    FAREWELL_ORDERLY,    /* "terminating connection due to administrator command", 1053 */
    FAREWELL_CRASH,      /* 57P02: another backend crashed */
    FAREWELL_ORPHANED,   /* "unexpected postmaster exit" */
    FAREWELL_COMMAND,    /* a client sent the command that stops the server */
    FAREWELL_SESSION,    /* this session alone: killed, idle for too long */
};

enum ending_manner { ENDING_FIN, ENDING_RESET };

/* Errors that a server answers with, by what they say about it. */
enum error_class { ERRORS_OTHER, ERRORS_LIMIT, ERRORS_STOPPING, ERRORS_STARTING, ERRORS_VERDICT, ERROR_CLASSES };

struct beat {
    uint32_t requests, replies, errors[ERROR_CLASSES], unanswered, logins, logins_failed, opened, checks;
    uint32_t repeating;     /* connections of which a segment was sent again */
    uint32_t resets[2], repeated[2], zero_windows[2]; /* by enum side */
    uint64_t bytes[2];      /* of connections that closed */
    /* Now: */
    uint32_t connections, waiting; /* open; with a request that is not answered */
    uint32_t waiting_long;  /* for more than WAIT_IS_LONG_NS */
    uint32_t unacked;       /* of these, how many sent what the server's kernel did not acknowledge */
    uint32_t unserved;      /* of waiting_long, how many connections were never answered at all */
    uint32_t slow_ns_256;   /* the longest time to a reply since the last beat, in units of 256 ns */
    uint64_t sum_us;        /* of the replies' times */
    uint64_t request_us, reply_us; /* of these, and of the requests before them: between first and last segment */
    int64_t oldest_ns;      /* since when the longest waits, 0 nobody */
    int64_t last_reply_ns, last_request_ns;
};

struct sign {
    uint8_t kind;           /* enum sign_kind */
    uint8_t protocol;
    uint8_t from;           /* enum side, where one is meant */
    uint8_t manner;         /* enum ending_manner, enum farewell */
    struct endpoint server, client;
    int64_t time_ns;
    uint64_t packet, flow_id;
    union {
        struct beat beat;
        struct {
            int64_t minute_ns;
            uint32_t spread[LATENCY_BUCKETS];
            uint8_t clients[CLIENT_BITS / 8], users[CLIENT_BITS / 8]; /* with TIMES_WHOLE */
        } minute;
        struct {
            int64_t minute_ns;
            uint32_t used, others;
            struct {
                uint32_t count;
                char name[KIND_NAME_MAX];
            } kinds[KINDS_TOLD];
        } kinds;
        struct {
            char user[SIGN_USER_MAX];
        } user;
        struct {
            uint32_t asked, accepted, refused;
        } door;
        struct {
            bool midstream;
            char user[SIGN_USER_MAX];
        } opened;
        struct {
            uint64_t number;
            uint32_t version; /* a hash of its text */
        } hello;
        struct {
            char text[SIGN_TEXT_MAX];
        } farewell;
        struct {
            uint32_t shape;
        } shape;
        struct {
            uint64_t requests;    /* of the connection */
            int64_t opened_ns, last_reply_ns, open_since_ns;
            uint32_t open;        /* requests that are not answered */
            uint8_t words_used;
            uint8_t farewell;     /* what the server said before */
            bool pending;         /* part of a message had come */
            bool midstream, check, server_first, counted;
            bool acknowledged;    /* all that the client sent */
            char user[SIGN_USER_MAX];
            struct word words[WORDS_MAX]; /* the newest first */
        } ending;
    };
};

/* Bytes of a sign of this kind, and of an ending with so many words. */
size_t sign_length(const struct sign *sign);

static const int64_t BEAT_NS = INT64_C(200000000);
/* Longer than any round trip and a first retransmission (200 ms on Linux), short of what people call slow. */
static const int64_t WAIT_IS_LONG_NS = INT64_C(500000000);

#endif
