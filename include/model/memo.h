/*
 * A memo of a decoded message (--facts): what its decoder noted, flat and without pointers, so that rules can be asked about it when
 * the packets are gone. Secrets are masked when it is made.
 */
#ifndef DBHOUND_MODEL_MEMO_H
#define DBHOUND_MODEL_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/field.h"
#include "model/flow_key.h"

enum { MEMO_FIELDS_MAX = 48, MEMO_HEAD_MAX = 256, MEMO_REPORTS_MAX = 8, MEMO_NAME_MAX = 48 };

/* The fields that are used are at the end, so that the rest need not be copied. */
struct memo {
    int64_t time_ns;
    uint64_t packet_number, flow_id, stream_offset, message_length;
    uint64_t rank;        /* decides by chance which ones of a kind are kept: the lowest; the same in every run */
    uint64_t error_code, rows; /* with the facts that say them */
    struct endpoint client, server;
    uint32_t facts;       /* bits 1 << enum fact_kind */
    uint32_t shape;       /* of its words, fields and size: what tells kinds apart within db.message */
    uint32_t asn;
    uint32_t window;      /* of packet time in which it was drawn: counted, since captures may go back in time */
    uint16_t message;     /* db.message */
    uint16_t head_length;
    uint16_t reports[MEMO_REPORTS_MAX]; /* enum anomaly */
    uint8_t protocol, from, confidence, phase, compression;
    bool tls, midstream, datagram;
    bool near_alert;      /* kept because of an alert on its connection */
    bool fields_cut;
    bool head_hidden;     /* not kept: a secret's place in it is not known */
    uint8_t reports_used, fields_used, user_length, database_length;
    char country[2];
    char user[MEMO_NAME_MAX], database[MEMO_NAME_MAX]; /* bytes as on the wire */
    uint8_t head[MEMO_HEAD_MAX];
    struct field_value fields[MEMO_FIELDS_MAX];
};

static inline size_t memo_length(const struct memo *m)
{
    return offsetof(struct memo, fields) + m->fields_used * sizeof m->fields[0];
}

#endif
