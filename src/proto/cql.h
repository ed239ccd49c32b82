/*
 * What the files of the Cassandra decoder share: the state of a connection, the reader of a body, the streams. Private to
 * src/proto/cql*.c.
 *
 * A message is an envelope: 9 bytes of header (8 before version 3), then the body. In version 5 the envelopes travel in
 * segments after STARTUP is answered; in version 3 and 4 bodies may be compressed after STARTUP. Both are layers that
 * src/proto/unwrap.c opens (cql_wrap.c says how), so what is read here is always clear.
 * Specification: native_protocol_v3.spec, v4.spec, v5.spec of Apache Cassandra.
 */
#ifndef DBHOUND_SRC_PROTO_CQL_H
#define DBHOUND_SRC_PROTO_CQL_H

#include "proto/decoder.h"

enum {
    CQL_HEADER = 9,
    CQL_HEADER_OLD = 8,           /* version 1 and 2 */
    CQL_BODY_MAX = 256 << 20,     /* section 2.5 */
    CQL_REQUEST_MAX = 16 << 20,   /* native_transport_max_frame_size since 4.1 */
    CQL_PRE_AUTH_MAX = 128 << 10, /* native_transport_max_auth_message_size since 5.0.3 */
    CQL_SEGMENT_HEADER_BYTES = 6,
    CQL_SEGMENT_HEADER_LZ4 = 8,
    CQL_SEGMENT_TRAILER = 4,
    CQL_NEAR_STREAMS = 128,       /* remembered in the state; others in notes */
    CQL_PAGE_STREAMS = 2 * NOTE_BYTES_MAX,
    CQL_TYPE_DEPTH = 32,
};

enum { CQL_FLAG_COMPRESSED = 1, CQL_FLAG_TRACING = 2, CQL_FLAG_PAYLOAD = 4, CQL_FLAG_WARNING = 8, CQL_FLAG_BETA = 16, CQL_FLAGS_KNOWN = 31 };

/* Where a connection stands, as ServerConnection of Cassandra has it. */
enum cql_phase {
    CQL_PHASE_NEW,            /* OPTIONS or STARTUP */
    CQL_PHASE_STARTING,       /* STARTUP was sent */
    CQL_PHASE_AUTHENTICATING,
    CQL_PHASE_READY,
    CQL_PHASE_UNKNOWN,        /* joined in the middle, or bytes were lost */
};

/* What a stream waits for: 4 bits each. */
enum cql_waits {
    CQL_WAITS_NOTHING,
    CQL_WAITS_STARTUP,
    CQL_WAITS_SUPPORTED,
    CQL_WAITS_RESULT,
    CQL_WAITS_READY,
    CQL_WAITS_AUTH,
    CQL_WAITS_ANYTHING,       /* requests of old or foreign versions, and used twice */
};

/* One direction inside segments. */
struct cql_segments {
    bool contained;     /* the current one */
    bool unsure;        /* bytes were lost: what one that is not self-contained is a part of is not known */
    bool large;         /* a large message is open: */
    bool large_known;   /* its length is known, and */
    uint32_t left;      /* bytes of a self-contained segment that no message took yet; of another one, behind its message */
    uint64_t large_have, large_total;
};

struct cql_state {
    uint8_t version;            /* of STARTUP; 0: not known */
    uint8_t asked;              /* of the last STARTUP or OPTIONS */
    uint8_t phase;
    uint8_t codec;              /* enum codec: agreed on for bodies or segments */
    bool segments;              /* version 5, after STARTUP was answered */
    bool bodies;                /* version 3 and 4 with compression */
    bool joined, untracked;
    bool started, tls_asked;
    bool registered, reported, client_ended, plain;
    bool foreign;               /* a version that is only recognised */
    bool extended;              /* STARTUP agreed on an extension that changes bodies */
    bool version_asked;         /* a STARTUP or OPTIONS is open: its refusal is part of the negotiation */
    uint16_t in_flight;
    uint32_t opened[2];         /* what the current compressed body opens to */
    bool is_opened[2];
    struct cql_segments in[2];
    uint8_t near[CQL_NEAR_STREAMS / 2];
};

/* One message being read. `c` holds the head that is here; `total` is the length of the whole message. */
struct cql_reading {
    struct cql_state *state;
    struct findings *out;
    struct cursor c;
    uint64_t total;
    enum side from;
    uint8_t version, flags, opcode;
    uint16_t stream;
    bool stopped;  /* a defect was found, or the rest is not here: nothing more is read */
    bool wrong;    /* a defect was found */
};

/* cql_read.c. Each says 0 or nothing when it stopped. */
void cql_report(struct cql_reading *r, struct report found);
void cql_defect(struct cql_reading *r, struct report found); /* and stops */
uint64_t cql_left(const struct cql_reading *r); /* of the whole message, here or not */
uint8_t cql_u8(struct cql_reading *r, enum field field);
uint16_t cql_u16(struct cql_reading *r, enum field field);
uint32_t cql_u32(struct cql_reading *r, enum field field);
uint64_t cql_u64(struct cql_reading *r, enum field field);
struct view cql_string(struct cql_reading *r, enum field field);       /* [string] */
struct view cql_short_bytes(struct cql_reading *r, enum field field);  /* [short bytes] */
struct view cql_long_string(struct cql_reading *r, enum field field);  /* [long string] */
struct view cql_bytes(struct cql_reading *r, enum field field);        /* [bytes] */
void cql_value(struct cql_reading *r);                                  /* [value] */
void cql_skip(struct cql_reading *r, enum field field, uint32_t length); /* `length` bytes that are there */
uint16_t cql_consistency(struct cql_reading *r, enum field field);
uint16_t cql_count(struct cql_reading *r, uint32_t entry); /* of entries that have at least so many bytes */
void cql_string_list(struct cql_reading *r, enum field field);
void cql_bytes_map(struct cql_reading *r);
void cql_inet(struct cql_reading *r);

/* cql_request.c, cql_query.c, cql_response.c, cql_result.c */
enum verdict cql_request(struct cql_reading *r);
void cql_query(struct cql_reading *r);
void cql_prepare(struct cql_reading *r);
void cql_execute(struct cql_reading *r);
void cql_batch(struct cql_reading *r);
enum verdict cql_response(struct cql_reading *r);
void cql_result(struct cql_reading *r);
void cql_schema_change(struct cql_reading *r);

/* cql_stream.c */
void cql_stream_asks(struct cql_reading *r, enum cql_waits what);
/* What the stream waited for; it waits no more. */
enum cql_waits cql_stream_answers(struct cql_reading *r);

/* cql_wrap.c, cql_resync.c */
extern const struct wrapper cql_wrapper;
bool cql_is_request(uint8_t opcode);
uint32_t cql_crc24(const uint8_t *bytes, unsigned length);
bool cql_header_is_sane(struct view head, enum side from, uint8_t version);
bool cql_segment_begins(struct view here, unsigned *header);
bool cql_frame_resync(const struct cql_state *s, enum side from, struct cursor ahead, size_t *offset);
bool cql_resync(const void *state, enum side from, struct cursor ahead, size_t *offset);

static inline bool cql_is_old(uint8_t version)
{
    return version == 1 || version == 2;
}

static inline bool cql_is_dse(uint8_t version)
{
    return version == 65 || version == 66;
}

static inline bool cql_is_known(uint8_t version)
{
    return (version >= 1 && version <= 6) || cql_is_dse(version);
}

#endif
