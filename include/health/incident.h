/*
 * What the ward says: incidents of servers, flat and without pointers, and the vital signs of a minute.
 */
#ifndef DBHOUND_HEALTH_INCIDENT_H
#define DBHOUND_HEALTH_INCIDENT_H

#include "health/sign.h"

enum {
    SUSPECTS_MAX = 5,
    REASONS_MAX = 8,
    REASON_TEXT_MAX = 128,
    EVIDENCE_MAX = 14,
    EVIDENCE_TEXT_MAX = 200,
    LAST_WORDS_MAX = 24,    /* connections of an incident whose last words are kept */
    SUMMARY_TEXT_MAX = 300,
    KINDS_SHOWN = 16,
};

enum incident_kind {
    INCIDENT_DEATH,         /* every connection ended by the server */
    INCIDENT_BACKEND,       /* one process of several died and took the connections with it */
    INCIDENT_STOP,          /* the server was told to stop */
    INCIDENT_SILENCE,       /* requests and no answers */
    INCIDENT_LIMIT,         /* no room for another connection */
    INCIDENT_SLOW,          /* answers, but late */
    INCIDENT_KINDS
};

enum incident_verdict {
    CAUSE_SERVER_CRASH,
    CAUSE_SERVER_HANG,
    CAUSE_ORDERLY_SHUTDOWN,
    CAUSE_NETWORK,
    CAUSE_WORKLOAD,
    CAUSE_LIMIT_REACHED,
    CAUSE_UNKNOWN,
    INCIDENT_VERDICTS
};

enum evidence_about { ABOUT_NETWORK, ABOUT_WORKLOAD, ABOUT_SERVER, ABOUT_STOP };

struct suspect {
    struct endpoint client;
    uint64_t flow_id;
    struct word word;
    uint8_t score;          /* 0 to 100 */
    uint8_t reasons_used;
    char user[SIGN_USER_MAX];
    char reasons[REASONS_MAX][REASON_TEXT_MAX];
};

/* The end of one connection, with what its client said last. */
struct last_words {
    struct endpoint client;
    uint64_t flow_id, packet;
    int64_t time_ns;
    uint32_t open;
    uint8_t manner;         /* enum ending_manner */
    uint8_t farewell;       /* enum farewell */
    bool ended;             /* false: it still waited */
    uint8_t words_used;
    char user[SIGN_USER_MAX];
    struct word words[WORDS_MAX];
};

struct incident {
    uint64_t number;        /* of the run, from 1 */
    struct endpoint server, backup;
    enum protocol protocol;
    enum incident_kind kind;
    enum incident_verdict verdict;
    uint8_t confidence;
    bool has_backup;
    int64_t began_ns, ended_ns; /* ended_ns 0: not yet */
    int64_t last_reply_ns, first_end_ns, last_end_ns;
    int64_t without_ns;     /* the affected clients' time without a server, the median */
    uint64_t packet;        /* of the first end */
    uint32_t clients, clients_affected, connections, connections_lost, requests_lost, refused;
    uint32_t users, users_affected; /* of those whose names were seen */
    uint64_t requests_before;       /* in its minute until then, and the one before */
    uint32_t moved;         /* clients that went to the backup */
    uint8_t suspects_used, evidence_used, words_used;
    bool suspect_followed;  /* the suspect's shape was seen on the backup */
    char summary[SUMMARY_TEXT_MAX];
    struct suspect suspects[SUSPECTS_MAX];
    struct {
        uint8_t about;      /* enum evidence_about */
        bool against;
        char text[EVIDENCE_TEXT_MAX];
    } evidence[EVIDENCE_MAX];
    struct last_words words[LAST_WORDS_MAX];
};

/* One minute of a server. */
struct vitals {
    struct endpoint server;
    enum protocol protocol;
    int64_t minute_ns;
    struct beat sum;
    uint32_t asked, accepted, refused, clients, connections_most, waiting_most;
    uint32_t p50_us, p95_us, p99_us, slowest_us;
    /* Of the replies whose time could be split: how many, and the parts. */
    uint64_t split;
    struct quantiles {
        uint32_t p50_us, p95_us, p99_us;
    } request_spread, server_time, reply_spread;
    uint32_t users;
    uint32_t kinds_used, other_requests;
    struct request_kind {
        uint32_t count;
        char name[KIND_NAME_MAX];
    } kinds[KINDS_SHOWN];   /* the most frequent first */
};

/* Who logged in at a server, as its protocol shows the name; or a client of which only health checks came. */
struct visitor {
    struct endpoint server;
    enum protocol protocol;
    bool is_monitor;
    char name[SIGN_USER_MAX];
    uint64_t connections, refused; /* logins of a user, of these refused; connections of a monitor */
    int64_t first_ns, last_ns;
};

const char *incident_kind_name(enum incident_kind kind);
const char *incident_verdict_name(enum incident_verdict verdict);
const char *evidence_about_name(enum evidence_about about);

#endif
