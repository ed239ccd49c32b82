/* The inside of the ward: one chart per server, bursts of endings, open incidents. Private. */
#ifndef DBHOUND_SRC_HEALTH_WARD_STATE_H
#define DBHOUND_SRC_HEALTH_WARD_STATE_H

#include "base/error.h"
#include "health/ward.h"

#define MILLISECONDS(n) ((n) * INT64_C(1000000))
#define SECONDS(n) ((n) * INT64_C(1000000000))

enum {
    CHARTS_MAX = 1024,
    CHART_SHAPES = 1024,   /* a power of two; three quarters are used */
    CHART_CLIENTS = 256,
    CHART_USERS = 64,
    CHART_KINDS = 64,
    MONITOR_CHECKS = 3,    /* who came so often, and for nothing but health checks, is a monitor */
    CHART_LEFT = 16,       /* clients that left lately */
    CHART_WAITS = 16,      /* clients that wait while the server is silent, those that wait longest */
    CHART_BEATS = 64,      /* of the past: 12.8 seconds */
    DEATHS_KEPT = 64,      /* of all servers */
    MARKED_SCORE = 50,     /* of a suspect: more than the way its connection ended */
    WAITS_KEPT = 64,       /* clients that went to a backup */
    BURSTS_MAX = 32,
    BURST_ENDINGS = 128,   /* with their last words; the others are counted */
    INCIDENTS_OPEN = 64,
};

struct seen_shape {
    uint32_t shape;
    int64_t first_ns;
    uint64_t packet;
};

struct seen_client {
    uint8_t address[16];
    int64_t first_ns, last_ns;
    uint32_t connections;  /* opened */
    uint32_t checks;       /* that were health checks and nothing else, */
    uint32_t worked;       /* and those that were not, as far as they are over */
    bool told;             /* as a monitor, since it last came */
    bool lost;             /* a connection of it was ended by the server in the newest burst */
    bool moved;            /* ... and it went to another server */
};

struct seen_user {
    char name[SIGN_USER_MAX];
    uint64_t logins, refused;
    int64_t first_ns, last_ns;
    bool lost;             /* as a client's */
    bool told;
};

/* Endings by the server of one server's connections, close together. */
struct burst {
    struct chart *chart;   /* NULL: free */
    int64_t began_ns, last_ns;
    uint64_t packet;
    uint32_t before;       /* connections open when it began */
    uint32_t endings;      /* of these */
    uint32_t open_fins, open_resets, idle_fins, idle_resets, bare_open_fins, late, provoked;
    uint32_t farewells[FAREWELL_SESSION + 1];
    uint32_t requests_lost;
    int64_t last_reply_ns; /* of the server, when it began */
    int64_t oldest_open_ns;/* since when the oldest request that was open waited */
    uint32_t kept_used;
    struct last_words kept[BURST_ENDINGS];
};

struct patient_incident {
    struct incident told;
    struct chart *chart;   /* NULL: free */
    bool dirty;
    int64_t judged_ns;
    uint32_t before;       /* connections open before */
    uint32_t open_fins, open_resets, bare_open_fins, idle_endings;
    uint32_t farewells[FAREWELL_SESSION + 1];
    bool restarted, carried_on; /* the server's connection numbers fell; went on */
    uint32_t busy_replies; /* in the second before */
    int64_t waited_ns;     /* the oldest open request, at the first end */
    uint32_t late;         /* ended after that, of connections that came later */
    uint32_t waits_used;
    int64_t waits_ns[WAITS_KEPT]; /* of clients that went to the backup, ascending */
    enum incident_verdict said;
};

struct chart {
    struct endpoint server;
    enum protocol protocol;
    bool used;
    int64_t first_ns, last_ns;
    int64_t last_reply_ns, last_request_ns;
    uint32_t connections, connections_most;
    /* Doors since the last burst began. */
    uint32_t asked, accepted, refused;
    int64_t first_refused_ns, last_refused_ns, last_accepted_ns;
    /* The connection's number as the server gives it. */
    uint64_t hello_number, hello_flow; /* the highest, and whose */
    uint32_t version;
    int64_t hello_ns;
    int64_t fell_ns;       /* when it last fell, or the version changed */
    int64_t went_on_ns;    /* when it last rose */
    int64_t stop_command_ns;
    struct endpoint stop_client;
    int64_t farewell_ns[FAREWELL_SESSION + 1];
    char farewell_text[SIGN_TEXT_MAX];
    /* Refusals for want of room. */
    uint32_t refusals;
    int64_t refusal_ns, refusal_first_ns;
    char refusal_text[SIGN_TEXT_MAX];
    /* Beats. */
    struct beat gathering; /* of the beat that is being told by the workers */
    struct beat beat;      /* the last whole one */
    struct {
        int64_t time_ns;
        uint32_t requests, replies, repeated, repeating, waiting, mean_us, spread_us;
    } past[CHART_BEATS];
    uint32_t past_next, past_used;
    uint64_t usual_us;     /* a slow average of the time to a reply */
    uint64_t usual_spread_us, usual_bytes; /* of a reply, in the same way */
    uint32_t usual_beats;
    /* Since the last beat with a reply. */
    struct quiet {
        uint32_t repeated[2], repeating, asked, accepted, refused, requests;
    } quiet;
    uint32_t slow_beats, quick_beats, unserved_beats, served_beats; /* in a row */
    struct burst *burst;
    struct patient_incident *incident;
    int64_t closed_ns;     /* when its last incident ended */
    struct vitals minute;
    bool minute_used;
    struct vitals second;  /* of a live ward */
    uint32_t second_beats;
    uint32_t times[TIMES][LATENCY_BUCKETS];
    uint8_t minute_clients[CLIENT_BITS / 8], minute_users[CLIENT_BITS / 8];
    uint32_t kinds_used, other_requests;
    struct request_kind kinds[CHART_KINDS];
    uint64_t requests_last_minute;
    uint32_t users_used;
    struct seen_user users[CHART_USERS]; /* a new one takes the place of who came least */
    uint32_t shapes_used, clients_used, left_newest;
    struct last_words left[CHART_LEFT]; /* a ring */
    uint32_t waits_used;
    struct last_words waits[CHART_WAITS]; /* by the time of what is not answered, the oldest first; time_ns: since when */
    uint32_t waits_told_used;
    struct last_words waits_told[CHART_WAITS]; /* in the beat that is being told, in the same order */
    struct seen_shape shapes[CHART_SHAPES];
    struct seen_client clients[CHART_CLIENTS];
};

struct ward {
    struct ward_sink sink;
    int64_t now_ns;
    bool over, live;
    uint64_t numbers, shed;
    struct {
        struct endpoint server;
        int64_t time_ns;
        uint32_t shape;
    } deaths[DEATHS_KEPT]; /* and the shape of the first suspect */
    uint32_t deaths_used, deaths_next;
    uint32_t charts_used, index[CHARTS_MAX * 2];
    struct chart charts[CHARTS_MAX];
    struct burst bursts[BURSTS_MAX];
    struct patient_incident incidents[INCIDENTS_OPEN];
};

static inline bool same_address(const struct endpoint *a, const struct endpoint *b)
{
    return __builtin_memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* From the first segment of a request to the last one of its reply, and what of it lies within these two. */
static inline uint64_t beat_mean_us(const struct beat *b)
{
    return b->replies ? (b->sum_us + b->request_us) / b->replies : 0;
}

static inline uint64_t beat_spread_us(const struct beat *b)
{
    return b->replies ? (b->request_us + b->reply_us) / b->replies : 0;
}

/* ward.c */
const struct seen_shape *chart_shape(const struct chart *c, uint32_t shape);
void words_keep(struct last_words *kept, const struct sign *sign);
struct seen_client *chart_client(struct chart *c, const uint8_t address[16]);
struct patient_incident *incident_open(struct ward *w, struct chart *c, enum incident_kind kind);
void incident_tell(struct ward *w, struct patient_incident *i);
void incident_close(struct ward *w, struct patient_incident *i, int64_t ended_ns);

/* ward_burst.c: many connections ended by the server */
void burst_add(struct ward *w, struct chart *c, const struct sign *sign);
void burst_look(struct ward *w, struct chart *c);
/* More is known now: refused SYNs, a restart. */
void death_review(struct ward *w, struct patient_incident *i);

/* ward_suspects.c */
/* Of a server that fell silent: who waits since then. */
void suspects_wait(const struct ward *w, const struct chart *c, struct incident *out);
void suspects_rank(const struct ward *w, const struct chart *c, const struct burst *b, struct incident *out);

/* ward_silence.c: nobody is answered, or late, or nobody is let in */
void silence_look(struct ward *w, struct chart *c);
void limit_look(struct ward *w, struct chart *c);

/* ward_backup.c: where the clients of an incident go */
void backup_opened(struct ward *w, struct chart *c, const struct sign *sign);
void backup_shape(struct ward *w, const struct chart *c, uint32_t shape);

/* ward_vitals.c */
/* Adds what is counted; what is a state (open, waiting) is the caller's. */
void vitals_add(struct beat *sum, const struct beat *b);
void vitals_beat(struct ward *w, struct chart *c);
void vitals_minute(struct ward *w, struct chart *c, const struct sign *sign);
void vitals_kinds(struct chart *c, const struct sign *sign);
void vitals_tell(struct ward *w, struct chart *c);

/* ward_visitors.c */
bool client_is_monitor(const struct seen_client *client);
/* Clients that work, all or those that the newest burst cost a connection. */
uint32_t chart_workers(const struct chart *c, bool lost);
void visitor_user(struct chart *c, const struct sign *sign);
void visitor_closed(struct chart *c, const struct sign *sign);
/* The user of a connection that the server ended. */
void visitor_lost(struct chart *c, const char *name);
void visitors_forget_lost(struct chart *c);
uint32_t visitors_lost(const struct chart *c);
/* Those that came since they were last told. */
void visitors_tell(struct ward *w, struct chart *c);

/* ward_evidence.c */
void evidence_say(struct incident *i, enum evidence_about about, bool against, const char *format, ...) PRINTF_LIKE(4, 5);
void evidence_before(const struct chart *c, int64_t from_ns, int64_t to_ns, struct incident *i);

#endif
