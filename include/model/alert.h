/*
 * An alert, flat and without pointers: what crosses from a worker to the recorder and is written to the store.
 */
#ifndef DBHOUND_MODEL_ALERT_H
#define DBHOUND_MODEL_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/anomaly.h"
#include "model/event.h"
#include "model/field.h"
#include "model/flow_key.h"
#include "model/protocol.h"

enum { ALERT_HEAD_MAX = 1024, ALERT_FIELDS_MAX = 48, ALERT_TEXT_MAX = 128, ALERT_NAME_MAX = 48 };

struct alert {
    uint64_t packet_number;    /* the packet with the first offending byte */
    uint64_t first_packet;     /* the packet with the message's first byte */
    int64_t time_ns;           /* of that packet */
    uint64_t flow_id;
    struct endpoint client, server;
    uint32_t gid, sid, rev;
    uint32_t rule;             /* index in the running rule set */
    uint8_t class;             /* enum anomaly_class */
    uint8_t severity;          /* 1 to 4 */
    uint8_t confidence;        /* 0 to 100 */
    uint8_t from;              /* enum side: who sent the message */
    uint8_t protocol;
    bool datagram;             /* it came by UDP */
    bool quiet;                /* a match that only changes xbits: no row comes of it */
    uint8_t event;             /* enum event: what it is about */
    bool decrypted;            /* the message came inside TLS and was opened */
    uint16_t anomaly;          /* ANOMALY_NONE for a rule on fields or content */
    uint16_t field;            /* the wrong field, FIELD_NONE when unknown */
    uint16_t exception;        /* the line of threshold.config that excepts it, + 1; 0 none */
    uint16_t message;          /* value in the protocol's message names */
    uint64_t stream_offset;    /* of the message's first byte in its side's stream */
    uint64_t message_length;   /* declared, on the wire */
    uint32_t message_offset;   /* of the offending bytes in the message */
    uint32_t field_length;     /* of the offending bytes; 0: something is missing there */
    char got[ALERT_TEXT_MAX];      /* escaped, ready to print */
    char expected[ALERT_TEXT_MAX];
    char user[ALERT_NAME_MAX], database[ALERT_NAME_MAX]; /* escaped, "" unknown */
    char country[3];           /* of the client: ISO 3166 code, "" unknown */
    uint32_t asn;              /* of the client's network; 0 unknown */
    uint64_t sample;           /* key that sample records carry; 0 none */
    uint16_t head_length;
    uint8_t fields_used;
    bool fields_cut;
    struct field_value fields[ALERT_FIELDS_MAX];
    uint8_t head[ALERT_HEAD_MAX]; /* first bytes of the message, secrets masked */
};

#endif
