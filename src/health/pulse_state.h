/* The inside of the pulse: what a worker keeps of connections and servers. Private. */
#ifndef DBHOUND_SRC_HEALTH_PULSE_STATE_H
#define DBHOUND_SRC_HEALTH_PULSE_STATE_H

#include "health/pulse.h"

enum {
    OPEN_TIMES = 8,          /* moments at which open requests were complete; those after them are counted */
    KINDS_OF_SERVER = 64,    /* of requests, in a minute; a power of two */
    KINDS_USED = 48,         /* the others are one kind */
    MEMOS = 64,              /* 2 to the 6th */
    SHAPES_OF_SERVER = 1024, /* a power of two; three quarters are used */
    DOORS = 2048,            /* addresses and ports that SYNs went to since the last beat */
    UNACKED_LOOKED_AT = 64,  /* waiting connections of a server that a beat looks at */
};

enum pulse_list { LIST_NONE, LIST_FRESH, LIST_WAITING };

/* Requests of one connection that were complete at the same moment. */
struct asked {
    int64_t begin_ns, end_ns;         /* the first segment of it, the last one */
    uint64_t count;
};

/* Times are as the packets claim them, made sane when they are told. */
struct pulse_flow {
    struct flow *flow;
    struct pulse_server *server;
    const struct decoder *decoder;
    struct pulse_flow *older, *newer; /* in its list */
    int64_t spoke_ns;                 /* the server's last message that was told */
    int64_t reply_ns;
    int64_t lost_ns;                  /* bytes of the client were lost, and no message of it came since; 0: no */
    uint64_t lost_packet;
    uint64_t asked, answered;         /* requests; what is between them is open */
    uint64_t timed;                   /* of the open ones, the oldest so many are in `moments` */
    int64_t turned_ns;                /* of the server, when it was last looked at */
    struct asked moments[OPEN_TIMES]; /* a ring */
    uint64_t bytes_told[2];
    uint32_t repeated_beat;           /* the last one in which a segment was sent again */
    uint32_t minute;                  /* the last one in which its client was counted */
    uint8_t moments_first, moments_used;
    uint8_t words_used, words_next;
    uint8_t farewell;                 /* enum farewell */
    uint8_t list;                     /* enum pulse_list */
    bool works;                       /* it asked for more than a health check does */
    bool in_parts;                    /* a request is several messages */
    bool client_ended, server_ended, logged_in, counted;
    struct kept_word {
        struct word word;
        uint64_t serial;              /* of a request: asked before it */
    } words[WORDS_MAX];
};

/* Requests of a kind in a minute. */
struct kind {
    uint64_t key;                       /* 0: free */
    uint32_t count;
    char name[KIND_NAME_MAX];
};

struct pulse_server {
    struct endpoint endpoint;
    enum protocol protocol;
    struct pulse_queue {
        struct pulse_flow *oldest, *newest;
    } lists[LIST_WAITING + 1];          /* fresh: asked since the last beat; waiting: and were not answered in it */
    struct beat beat;
    uint64_t sum_us;                    /* of the replies' times */
    uint64_t request_us, reply_us;      /* spreads */
    int64_t slow_ns;                    /* the longest of them */
    bool stirred;                       /* something happened since the last beat */
    uint32_t minute;                    /* counts them */
    bool minute_used;
    uint32_t shapes_used;
    uint32_t shapes[SHAPES_OF_SERVER];
    uint32_t times[TIMES][LATENCY_BUCKETS];
    uint8_t clients[CLIENT_BITS / 8], users[CLIENT_BITS / 8];
    uint32_t kinds_used;
    struct kind other_kinds;
    struct kind kinds[KINDS_OF_SERVER];
};

/* Most requests are like one that came shortly before: what was found out about that is true for them. */
struct memo {
    const struct pulse_server *server;  /* NULL: free */
    struct kind *kind;                  /* of this minute */
    uint64_t layout[2], text[2];
    uint32_t shape;                     /* which the server is known to have seen */
    bool is_check;                      /* what health checks ask */
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
    int64_t last_time_ns;               /* of a reply, and where it is in the spread */
    uint32_t last_bucket;
    struct memo *memo;                  /* the last one that was used */
    struct memo memos[MEMOS];
    uint32_t field_hash[FIELDS];        /* of names: a shape is the same in every version of the program */
    uint32_t protocol_hash[PROTOCOLS];
    uint16_t stop_message[PROTOCOLS];   /* the command that stops the server; 0 none */
};

/* pulse.c */
void pulse_tell_waits(struct pulse *p, const struct pulse_flow *f, int64_t now_ns);

/* pulse_server.c */
struct pulse_server *pulse_server_of(struct pulse *p, const struct endpoint *endpoint, enum protocol protocol);
/* Its client and user are seen in this minute. */
void pulse_count_client(struct pulse_flow *f);
/* True when this worker sees the shape for the first time on this server. */
bool pulse_shape_is_new(struct pulse_server *s, uint32_t shape);
void pulse_door(struct pulse *p, const struct endpoint *server, enum segment_sign sign, const struct segment *where);
void pulse_beat(struct pulse *p, int64_t now_ns, bool last);

/* pulse_requests.c */
void pulse_request(struct pulse_flow *f, const struct utterance *message);
/* So many replies that end in the same segment. */
void pulse_replies(struct pulse *p, struct pulse_flow *f, const struct utterance *message, uint32_t replies);
/* Nobody knows any more what is open. */
void pulse_forget_open(struct pulse_flow *f);
/* When the oldest open request was complete; when none is open, the last one. */
int64_t pulse_open_since(const struct pulse_flow *f);
void pulse_leave_list(struct pulse_flow *f);
void pulse_count_bytes(struct pulse_flow *f);
/* A beat: who asked and still waits joins those that wait. */
void pulse_settle_lists(struct pulse_server *s);

/* pulse_words.c */
/* Remembers a message; of a request it tells the kind. */
void pulse_word(struct pulse *p, struct pulse_flow *f, const struct utterance *message, bool request);
void pulse_forget_kinds(struct pulse *p, struct pulse_server *s);
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
