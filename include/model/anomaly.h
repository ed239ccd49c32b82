/*
 * The catalogue of anomalies: one row in model/anomalies/ROOM.def gives the enum, the rule (sid = 9,000,000 + number),
 * `dbhound explain` and the store's words. Numbers and names are permanent; a number is never used again.
 *
 * Blocks of 1,000: 1 the engine and what all protocols share, 2 mysql, 3 pgsql, 4 redis, 5 memcached, 6 mongodb, 7 tds,
 * 8 tns, 9 cql, 10 drda, 11 ip, 12 tcp, 14 tls. Numbers below 1,000 belong to the hand-written rules in rules/.
 */
#ifndef DBHOUND_MODEL_ANOMALY_H
#define DBHOUND_MODEL_ANOMALY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/protocol.h"

/* Four classes, never mixed. */
enum anomaly_class {
    CLASS_MALFORMED, /* breaks framing or the specification */
    CLASS_VIOLATION, /* legal bytes in an illegal state, order or size */
    CLASS_UNUSUAL,   /* legal, and worth a look */
    CLASS_UNDECODED, /* our own limit: lost, encrypted, not supported */
    ANOMALY_CLASSES
};

enum anomaly {
    ANOMALY_NONE,
#define ANOMALY(number, SYMBOL, owner, class, severity, name, title, meaning, legal, spec, benign) ANOMALY_##SYMBOL,
#include "model/anomalies.def"
#undef ANOMALY
    ANOMALIES
};

struct anomaly_row {
    uint32_t number;          /* permanent */
    enum protocol protocol;   /* PROTOCOL_NONE: any */
    enum anomaly_class class;
    /* 1 high .. 4 information. A deviation that real servers tolerate is always 4. */
    uint8_t severity;
    const char *name;         /* "mysql.lenenc-overrun", permanent */
    const char *title;        /* the rule's msg: one short line */
    const char *meaning;      /* what it says about the traffic, for a person */
    const char *legal;        /* an example of what is legal */
    const char *spec;         /* document and section, or the server's source file */
    const char *benign;       /* harmless causes seen in practice */
};

const struct anomaly_row *anomaly_row(enum anomaly anomaly);
enum anomaly anomaly_by_name(const char *name); /* ANOMALY_NONE when unknown */
const char *anomaly_class_name(enum anomaly_class class);
/* ANOMALY_CLASSES when unknown. */
enum anomaly_class anomaly_class_by_name(const char *name);

#endif
