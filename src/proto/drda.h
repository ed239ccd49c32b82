/*
 * What the files of the DRDA decoder share: the state of a connection, and one message being read. Private to
 * src/proto/drda*.c.
 *
 * A message is one DSS (data stream structure, DDM volume 3): a header of six bytes and DDM objects. A DSS of more than
 * 32,767 bytes goes on in segments with a header of two bytes each; every segment is a message of its own here.
 */
#ifndef DBHOUND_SRC_PROTO_DRDA_H
#define DBHOUND_SRC_PROTO_DRDA_H

#include "model/name.h"
#include "proto/decoder.h"

enum {
    DSS_HEADER = 6,
    DSS_CONTINUATION_HEADER = 2,
    DSS_LENGTH_MAX = 32767,
    DSS_CONTINUED = 0x8000,
    DSS_MAGIC = 0xD0,
    DSS_TYPE_MASK = 0x0F,
    DSS_RESERVED = 0x80,
    DSS_CHAINED = 0x40,
    DSS_ON_ERROR_CONTINUE = 0x20,
    DSS_SAME_CORRELATOR = 0x10,
    OBJECT_HEADER = 4,
    OBJECT_EXTENDED = 0x8000,
    DRDA_OPEN_MAX = 24,      /* requests whose replies are still to come */
    DRDA_DOUBT = 3,          /* messages after a gap before a defect is believed */
    DRDA_VERSION_TEXT = 24,
};

/* Parameters and scalars that are looked at (DDM volume 3, code points in hex as there). */
enum code_point {
    CP_PKGSN = 0x210C,
    CP_EXTNAM = 0x115E,
    CP_MGRLVLLS = 0x1404,
    CP_SRVCLSNM = 0x1147,
    CP_SVRCOD = 0x1149,
    CP_SYNERRCD = 0x114A,
    CP_SRVNAM = 0x116D,
    CP_SRVRLSLV = 0x115A,
    CP_USRID = 0x11A0,
    CP_PASSWORD = 0x11A1,
    CP_SECMEC = 0x11A2,
    CP_SECCHKCD = 0x11A4,
    CP_SECTKN = 0x11DC,
    CP_NEWPASSWORD = 0x11DE,
    CP_PRDID = 0x112E,
    CP_RDBACCCL = 0x210F,
    CP_RDBNAM = 0x2110,
    CP_PKGNAMCSN = 0x2113,
    CP_QRYBLKSZ = 0x2114,
    CP_CRRTKN = 0x2135,
    CP_UNICODEMGR = 0x1C08,
    CP_FDODSC = 0x0010,
    CP_FDODTA = 0x147A,
};

/* How far the login is (DRDA volume 1, rules CR and SN). */
enum drda_stage {
    DRDA_CONNECTED,
    DRDA_ATTRIBUTES,  /* EXCSAT was sent */
    DRDA_MECHANISM,   /* ACCSEC was sent */
    DRDA_CHECKED,     /* SECCHK was sent */
    DRDA_ACCESSED,    /* ACCRDB was sent */
};

struct drda_direction {
    uint64_t object_left;   /* bytes of the open object behind this segment */
    uint16_t code_point;    /* of the object that goes on */
    uint16_t correlator;    /* of the newest DSS */
    bool continued;         /* the DSS goes on in a segment */
    bool streamed;          /* the open object ends where the DSS ends */
    bool unsure;            /* where objects begin in this DSS is not known any more */
    bool chained, chained_same;
    bool carries_objects;   /* the newest request takes command data */
    uint8_t doubt;
};

struct drda_state {
    struct drda_direction sides[2];
    uint16_t open[DRDA_OPEN_MAX]; /* correlators of requests without a reply, in order */
    uint8_t open_used;
    uint8_t stage;
    uint16_t replying;      /* correlator of the newest reply */
    bool replying_known;
    bool started, joined, untracked;
    bool utf8, utf8_agreed; /* text is UTF-8, not EBCDIC (UNICODEMGR), from the client's next message on */
    bool little_endian;     /* numbers of the server (TYPDEFNAM QTDSQLX86) */
    bool accsec_without_database;
    bool reported;          /* an anomaly of the client */
    bool client_ended, farewell, order_told, unrequested_told;
    uint8_t text_length;
    char text[DRDA_VERSION_TEXT]; /* a fact's words in ASCII, as long as message() runs */
};

/* One message being read. */
struct drda_reading {
    struct drda_state *s;
    struct drda_direction *side;
    struct findings *out;
    struct cursor c;
    enum side from;
    uint64_t total;   /* of the message, as declared */
    uint8_t type;     /* of the DSS */
    uint32_t seen;    /* parameters of the command, bits of drda_command.c */
    uint16_t correlator;
    uint16_t severity, code; /* of a reply message */
};

/* drda.c */
void drda_defect(struct drda_reading *r, struct report found);
/* Text of the wire as ASCII; at most `most` bytes. */
uint8_t drda_text(const struct drda_state *s, struct view bytes, char *into, size_t most);

/* drda_object.c: the objects of a DSS. */
enum verdict drda_objects(struct drda_reading *r);
enum verdict drda_continuation(struct drda_reading *r);

/* One DDM object or parameter: `body` is what is here of its `length` bytes at `offset`. */
struct drda_object {
    uint16_t code_point;
    uint64_t length;
    uint32_t at;      /* of its header */
    uint32_t offset;
    struct view body;
};

/* drda_command.c: what a client's objects mean; drda_reply.c: a server's. False: the DSS cannot be trusted. */
bool drda_command(struct drda_reading *r, const struct drda_object *o);
bool drda_command_data(struct drda_reading *r, const struct drda_object *o);
void drda_reply(struct drda_reading *r, const struct drda_object *o);
void drda_reply_data(struct drda_reading *r, const struct drda_object *o);
/* The reply to one request is whole with this DSS. */
void drda_replied(struct drda_reading *r);
void drda_reply_begins(struct drda_reading *r);
void drda_requested(struct drda_reading *r);

/* Walks the parameters of an object; stops where one is wrong (reported) or not here. */
bool drda_parameters(struct drda_reading *r, const struct drda_object *o, void (*take)(struct drda_reading *, const struct drda_object *));

#endif
