/* The inside of the pulse: what a worker keeps of connections and servers. Private. */
#ifndef DBHOUND_SRC_HEALTH_PULSE_STATE_H
#define DBHOUND_SRC_HEALTH_PULSE_STATE_H

#include "health/pulse.h"

enum {
    OPEN_TIMES = 8,          /* of the oldest open requests; the others are counted */
    SHAPES_OF_SERVER = 1024, /* a power of two; three quarters are used */
    DOORS = 2048,            /* addresses and ports that SYNs went to since the last beat */
    UNACKED_LOOKED_AT = 64,  /* waiting connections of a server that a beat looks at */
};

struct pulse_flow {
    struct flow *flow;
    struct pulse_server *server;
    const struct decoder *decoder;
    struct pulse_flow *older, *newer; /* of the server, that wait for an answer, by the request that waits longest */
    int64_t since_ns;                 /* when the oldest open request was complete */
    int64_t times_ns[OPEN_TIMES];     /* a ring: when the oldest open requests were complete */
    int64_t spoke_ns;                 /* the server's last message that was told */
    int64_t reply_ns;
    int64_t lost_ns;                  /* bytes of the client were lost, and no message of it came since; 0: no */
    uint64_t lost_packet;
    uint64_t asked, answered;         /* requests; what is between them is open */
    uint64_t bytes_told[2];
    uint32_t repeated_beat;           /* the last one in which a segment was sent again */
    uint32_t minute;                  /* the last one in which its client was counted */
    uint8_t times_first, times_used;
    uint8_t words_used, words_next;
    uint8_t farewell;                 /* enum farewell */
    bool waiting, client_ended, server_ended, logged_in, counted;
    struct kept_word {
        struct word word;
        uint64_t serial;              /* of a request: asked before it */
    } words[WORDS_MAX];
};

struct pulse_server {
    struct endpoint endpoint;
    enum protocol protocol;
    struct pulse_flow *oldest, *newest; /* that wait */
    struct beat beat;
    bool stirred;                       /* something happened since the last beat */
    uint32_t minute;                    /* counts them */
    bool minute_used;
    uint32_t shapes_used;
    uint32_t shapes[SHAPES_OF_SERVER];
    uint32_t spread[LATENCY_BUCKETS];
    uint8_t clients[CLIENT_BITS / 8];
};

struct door {
    struct endpoint endpoint;
    uint32_t beat;           /* in which it is used */
    uint32_t asked, accepted, refused;
    int64_t time_ns;
    uint64_t packet;
};

struct pulse {
    struct pulse_options options;
    struct counters *counters;
    struct pool flows;
    struct pulse_server *servers;       /* in the order in which they were met */
    uint32_t *index;                    /* hash to servers + 1, open addressing */
    uint32_t servers_used, index_mask;
    struct pulse_flow *last;            /* of the message that was given last, and whether it became a word */
    bool last_is_word;
    int64_t beat_ns, now_ns;
    uint32_t beats;                     /* told, from 1 */
    unsigned doors_used;
    uint16_t doors_at[DOORS];           /* which are used, in order */
    struct door doors[DOORS];
    uint32_t field_hash[FIELDS];        /* of names: a shape is the same in every version of the program */
    uint32_t protocol_hash[PROTOCOLS];
    uint16_t stop_message[PROTOCOLS];   /* the command that stops the server; 0 none */
};

/* pulse_server.c */
struct pulse_server *pulse_server_of(struct pulse *p, const struct endpoint *endpoint, enum protocol protocol);
/* Its client is seen in this minute. */
void pulse_count_client(struct pulse_flow *f);
void pulse_latency(struct pulse_server *s, int64_t latency_ns, int64_t now_ns);
/* True when this worker sees the shape for the first time on this server. */
bool pulse_shape_is_new(struct pulse_server *s, uint32_t shape);
void pulse_door(struct pulse *p, const struct endpoint *server, enum segment_sign sign, const struct segment *where);
void pulse_beat(struct pulse *p, int64_t now_ns, bool last);

/* pulse_words.c */
void pulse_word(struct pulse *p, struct pulse_flow *f, const struct utterance *message, bool request);
/* The last words of a client into a sign, newest first. */
void pulse_last_words(const struct pulse_flow *f, struct sign *sign);

/* Packets may claim any time; the difference of two of these is always a number. */
static inline int64_t sane_ns(int64_t time_ns)
{
    const int64_t most = INT64_C(1) << 61;
    return time_ns > most ? most : time_ns < -most ? -most : time_ns;
}

static inline uint32_t mix32(uint32_t hash, uint32_t value)
{
    hash = (hash ^ value) * UINT32_C(0x9e3779b1);
    return hash ^ hash >> 15;
}

static inline uint32_t hash_name(const char *name)
{
    uint32_t hash = 0;
    while (*name)
        hash = mix32(hash, (uint8_t)*name++);
    return hash;
}

static inline void pulse_tell(struct pulse *p, struct sign *sign)
{
    p->options.tell(p->options.context, sign, sign_length(sign));
}

static inline uint64_t pulse_open_requests(const struct pulse_flow *f)
{
    return f->asked - f->answered;
}

#endif
