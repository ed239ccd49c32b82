/*
 * Drills: scenarios that are generated as traffic, played through the whole pipeline like a capture, and scored against what
 * really happened in them. A small world of clients and servers writes packets; scenarios say what befalls it.
 */
#ifndef DBHOUND_APP_DRILL_H
#define DBHOUND_APP_DRILL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "model/protocol.h"

enum { DRILL_CLIENTS_MAX = 16, DRILL_SERVERS = 2, DRILL_PORT_MYSQL = 3306, DRILL_PORT_PGSQL = 5432, DRILL_FIRST_CLIENT = 11, DRILL_KILLER = 66 };

/* ---- drill_wire.c: packets */

struct drill_packet {
    int64_t time_ns;
    uint64_t turn;   /* in the order of sending */
    size_t at, length;
};

struct drill_wire {
    uint8_t *bytes;
    size_t used, size;
    struct drill_packet *packets;
    size_t packets_used, packets_size;
    bool failed;     /* memory ran out */
};

struct drill_connection {
    uint8_t client, server; /* last bytes of 10.9.0.x and 10.9.1.x */
    uint16_t client_port, server_port;
    uint32_t next[2];       /* sequence numbers, by enum side */
    uint32_t number;        /* the server's number of it */
    bool open, waiting;
};

enum { WIRE_FIN = 1, WIRE_SYN = 2, WIRE_RST = 4, WIRE_PSH = 8, WIRE_ACK = 16 };

/* A segment, or more than one when it is long. */
void wire_send(struct drill_wire *w, struct drill_connection *c, enum side from, unsigned flags, const void *bytes, size_t length, int64_t time_ns);
/* The same bytes again, as if they were lost. */
void wire_again(struct drill_wire *w, const struct drill_connection *c, enum side from, const void *bytes, size_t length, int64_t time_ns);
/* In order of time, as a pcap file with nanoseconds. */
bool wire_write(struct drill_wire *w, FILE *out);
void wire_free(struct drill_wire *w);

/* ---- drill_talk.c: what clients and servers say; each returns the length */

enum { TALK_MAX = 1024 };

size_t talk_greeting(enum protocol protocol, uint32_t number, uint8_t out[TALK_MAX]);
size_t talk_login(enum protocol protocol, const char *user, uint8_t out[TALK_MAX]);
size_t talk_welcome(enum protocol protocol, uint32_t number, uint8_t out[TALK_MAX]);
size_t talk_request(enum protocol protocol, unsigned variant, uint8_t out[TALK_MAX]);
size_t talk_reply(enum protocol protocol, uint8_t out[TALK_MAX]);
/* A login is refused. */
size_t talk_denied(enum protocol protocol, uint8_t out[TALK_MAX]);
/* What no client says: the packet of death. */
size_t talk_malformed(enum protocol protocol, uint8_t out[TALK_MAX]);
/* What PostgreSQL tells the others when one of its processes crashed (57P02). */
size_t talk_crash_notice(uint8_t out[TALK_MAX]);

/* ---- drill_world.c */

enum drill_mishap {
    MISHAP_DEATH,    /* the malformed message of the killer ends the server */
    MISHAP_SLOW,     /* every reply takes seconds */
    MISHAP_CUT,      /* nothing that clients send arrives */
    MISHAP_MUTE,     /* the backup accepts connections and answers nothing */
    MISHAP_SPRAY,    /* the killer tries one password for one user after the other, and is refused */
};

struct drill_event {
    enum drill_mishap what;
    int64_t at_ns, until_ns; /* from the beginning of the scenario; until: of a death when the server is back, 0 never */
};

struct drill_expected {
    const char *verdict;     /* of the first incident of the server; NULL: it has none, */
    unsigned sids[2];        /* and these rules speak of the killer, and of nobody else */
    bool killer_first;       /* the killer is the first suspect */
    bool backup;             /* the clients go to the other server */
    const char *backup_verdict; /* NULL, or of an incident of the backup */
};

struct drill_scenario {
    const char *name, *text;
    bool live;               /* real processes can play it */
    enum protocol protocol;
    unsigned clients, idle;  /* of them, those that leave before it happens */
    int64_t lasts_ns, think_ns, retry_ns;
    int64_t starts_ns;       /* of the day */
    const struct drill_event *events;
    unsigned events_used;
    bool failover;
    struct drill_expected expected;
};

/* NULL when there is none of that name. `drill_scenario_at` walks all. */
const struct drill_scenario *drill_scenario_named(const char *name);
const struct drill_scenario *drill_scenario_at(unsigned index);
/* When the first event of a scenario strikes, in the packets' time. */
int64_t drill_strikes_ns(const struct drill_scenario *s);
/* The killer's address. */
const char *drill_killer(void);
/* Plays the scenario and writes its capture. */
bool drill_play(const struct drill_scenario *s, uint64_t seed, FILE *out, struct error *why) MUST_CHECK;

#endif
