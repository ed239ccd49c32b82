/*
 * What the files of the Oracle TNS decoder share: the state of a connection, and one packet being read. Private to
 * src/proto/tns*.c.
 *
 * A message is one TNS packet. There is no open specification: what is checked is what the thin drivers of Oracle
 * (node-oracledb lib/thin/sqlnet, python-oracledb impl/thin) write, read and refuse. What DATA packets carry (TTC) is
 * private and differs by version: it is named, and called wrong only where its form is sure.
 */
#ifndef DBHOUND_SRC_PROTO_TNS_H
#define DBHOUND_SRC_PROTO_TNS_H

#include "model/name.h"
#include "proto/decoder.h"

enum {
    TNS_HEADER = 8,
    TNS_TYPE_HIGHEST = 19,
    TNS_VERSION_LARGE = 315,         /* from here on lengths have four bytes, after ACCEPT */
    TNS_VERSION_FLAGS = 318,         /* ACCEPT has a second word of flags */
    TNS_SDU_LEAST = 512,
    TNS_SDU_MOST = 2097152,
    TNS_SDU_MOST_SMALL = 65535,
    TNS_DATA_AT = TNS_HEADER + 2,    /* behind the flags of a DATA packet */
    TNS_DEPTH_MAX = 32,              /* of a descriptor; real ones have 8 */
    TNS_KEYWORD_MAX = 16,
    TNS_VERSION_TEXT = 24,
    TNS_DOUBT = 3,                   /* packets after a gap before a defect is believed */
};

enum tns_stage {
    TNS_IDLE,
    TNS_CONNECT_SENT,
    TNS_RESEND_ASKED,
    TNS_ACCEPTED,
    TNS_REFUSED,
    TNS_REDIRECTED,
};

/* How far the login is, as far as DATA packets tell. */
enum tns_login { TNS_LOGIN_NONE, TNS_LOGIN_ASKED, TNS_LOGIN_CHALLENGED, TNS_LOGIN_PROVED, TNS_LOGIN_DONE };

/* A descriptor is read as it comes, in one packet or in several. Twice: quotes and backslashes may mean themselves or not. */
struct tns_descriptor {
    uint32_t depth, quoted_depth;
    uint8_t keyword_length;
    char keyword[TNS_KEYWORD_MAX]; /* the newest, in capitals, cut */
    bool in_keyword, in_value, stray, quoted_stray, quoted, escaped;
    bool begun, zero_seen, client_id;
    bool told;                     /* one defect of a descriptor is enough */
};

struct tns_direction {
    uint32_t text_left;     /* of a text that follows in DATA packets */
    uint8_t doubt;
    bool text_follows, heard, farewell;
};

struct tns_state {
    struct tns_direction sides[2];
    struct tns_descriptor descriptor;
    uint32_t sdu;           /* 0: not known */
    uint32_t error, error_at, error_length; /* ERR of a refusal, and where its text had it */
    uint32_t server_version;
    uint16_t client_version, client_compatible; /* 0: not known */
    uint8_t stage, login;
    bool large;             /* lengths of four bytes */
    bool width_known;
    bool started, joined;
    bool checksums;         /* of the header or packet, agreed to */
    bool compression;       /* agreed to, or not known */
    bool redirected;        /* CONNECT after a redirection: its text is the listener's */
    bool encryption_chosen, sealed;
    bool owed;              /* a request without any answer */
    bool client_spoke_last; /* what the client sends now goes on with what it said */
    bool asking_login;      /* the newest request is part of the login */
    bool reported;          /* an anomaly of the client */
    bool client_ended, abandoned;
    uint8_t text_length;
    char text[TNS_VERSION_TEXT]; /* a fact's words, as long as message() runs */
};

/* One packet being read. */
struct tns_reading {
    struct tns_state *s;
    struct tns_direction *side;
    struct findings *out;
    struct cursor c;
    enum side from;
    uint64_t total;   /* as declared */
    uint8_t type;
};

/* tns.c */
void tns_defect(struct tns_reading *r, struct report found);
void tns_out_of_order(struct tns_reading *r, enum anomaly anomaly, const char *note);
/* The packet has room for the fields of its type; reports when not. */
bool tns_has_room(struct tns_reading *r, uint32_t least);

/* tns_connect.c: packets that make a connection. */
void tns_connect(struct tns_reading *r);
void tns_accept(struct tns_reading *r);
void tns_refuse(struct tns_reading *r);
void tns_redirect(struct tns_reading *r);
void tns_resend(struct tns_reading *r);
/* Text that an earlier packet announced. */
void tns_text_packet(struct tns_reading *r);
/* The server says its version as a number. */
void tns_server_version(struct tns_reading *r, uint64_t version, uint32_t offset, uint32_t length);

/* tns_descriptor.c */
void tns_descriptor_begin(struct tns_reading *r);
void tns_descriptor_piece(struct tns_reading *r, struct view piece, uint32_t offset);
void tns_descriptor_end(struct tns_reading *r, uint32_t offset);

/* tns_data.c: packets of a connection that is made. */
void tns_data(struct tns_reading *r);
void tns_marker(struct tns_reading *r);
void tns_control(struct tns_reading *r);

/* tns_negotiation.c: native encryption. */
void tns_negotiation(struct tns_reading *r);

/* tns_ttc.c: what a DATA packet carries; the cursor stands behind the flags. */
void tns_request(struct tns_reading *r);
void tns_answer(struct tns_reading *r, bool first);
void tns_login_more(struct tns_reading *r);

#endif
