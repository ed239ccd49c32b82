/*
 * Requests and replies in pairs, by requestID and responseTo; what the replies say: hello, logins, errors, rows, and the
 * server's verdict on a message of the client (src/mongo/base/error_codes.yml; numbers without a name: src/mongo/rpc/op_msg.cpp).
 */
#include "proto/mongodb.h"

enum {
    CODE_OVERFLOW = 15, CODE_INVALID_BSON = 22, CODE_SHUTDOWN = 91, CODE_CLIENT_APPLICATION = 184, CODE_CLIENT_DOCUMENT = 185,
    CODE_ILLEGAL_FLAG = 223, CODE_TOO_MANY_SEQUENCES = 233, CODE_CHECKSUM = 288, CODE_OLD_BSON = 10307, CODE_TOO_SMALL = 10304,
    CODE_SHUTDOWN_NOW = 11600, CODE_NO_DOCUMENTS = 13066, CODE_NAMESPACE = 18633, CODE_FLAGS = 40429, CODE_FIELD_TWICE = 40433, CODE_BODY_MISSING = 40587,
    CODE_CHECKSUM_SIZE = 51251, CODE_CHECKSUM_ROOM = 51252, CODE_SPLIT_HORIZON = 303,
};

void mongodb_sent(struct mongodb_reading *r, enum asked asked, bool exhaust, bool waits)
{
    struct mongodb_state *s = r->state;
    if (asked == ASKED_SHUTDOWN)
        s->leaving = true;
    if (s->open_used == MONGODB_OPEN_MAX) {
        s->untracked = true;
        s->open_used--;
        memmove(s->open, s->open + 1, s->open_used * sizeof s->open[0]);
    }
    s->open[s->open_used++] = (struct mongodb_request){.id = r->request_id, .opcode = (uint16_t)r->opcode, .asked = (uint8_t)asked,
                                                       .exhaust = exhaust, .waits = waits || exhaust};
}

void mongodb_sent_quietly(struct mongodb_reading *r, enum asked asked)
{
    struct mongodb_state *s = r->state;
    s->quiet = true;
    s->quiet_id = r->request_id;
    s->shutdown |= asked == ASKED_SHUTDOWN;
}

static bool opcode_fits(const struct mongodb_request *q, int32_t reply)
{
    if (q->asked == ASKED_UNKNOWN)
        return true;
    if (q->opcode == OP_QUERY || q->opcode == OP_GET_MORE)
        return reply == OP_REPLY;
    return reply == (q->opcode == OP_COMMAND ? OP_COMMANDREPLY : OP_MSG);
}

static void unknown_response(struct mongodb_reading *r)
{
    struct mongodb_state *s = r->state;
    uint32_t expected = s->open_used ? s->open[0].id : 0;
    if (s->untracked || s->unknown_told)
        return;
    s->unknown_told = true;
    struct report found = {.anomaly = ANOMALY_MONGODB_RESPONSE_UNKNOWN, .field = FIELD_MONGODB_RESPONSE_TO, .relation = MUST_BE, .offset = 8, .length = 4,
                           .got = r->response_to, .note = "the number of an open request: there is none"};
    if (s->quiet && r->response_to == s->quiet_id) {
        found.anomaly = ANOMALY_MONGODB_RESPONSE_UNWANTED;
        found.note = "no reply: the request had moreToCome";
    } else if (s->open_used) {
        found.relation = MUST_EQUAL;
        found.expected = expected;
        found.note = "the number of the oldest open request";
    }
    mongodb_remark(r, found);
}

enum asked mongodb_answered(struct mongodb_reading *r, bool more)
{
    struct mongodb_state *s = r->state;
    unsigned i = 0;
    while (i < s->open_used && s->open[i].id != r->response_to)
        i++;
    if (i == s->open_used) {
        unknown_response(r);
        return ASKED_UNKNOWN;
    }
    struct mongodb_request q = s->open[i];
    s->untracked = false;
    if (!opcode_fits(&q, r->opcode))
        mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_RESPONSE_OPCODE, .field = FIELD_MONGODB_OPCODE, .relation = MUST_EQUAL, .offset = 12,
                                          .length = 4, .got = (uint32_t)r->opcode, .expected = q.opcode == OP_MSG ? OP_MSG : OP_REPLY,
                                          .note = "what answers its request"});
    bool promised = more && r->opcode == OP_MSG;
    if (promised && !q.exhaust && q.asked != ASKED_UNKNOWN)
        mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_MORE_UNASKED, .field = FIELD_MONGODB_FLAGS, .relation = MUST_BE, .offset = MONGODB_HEADER,
                                          .length = 4, .got = mongodb_u32(r, MONGODB_HEADER), .note = "no moreToCome: the request had no exhaustAllowed"});
    /* Each reply of a stream answers the one before it. */
    if (promised || (more && q.exhaust)) {
        s->open[i].id = r->request_id;
        s->open[i].exhaust = s->open[i].waits = true;
        return (enum asked)q.asked;
    }
    /* The server works in order: what is older will not be answered any more, it was a message that could not be read. */
    unsigned gone = i;
    for (unsigned k = 0; k < i; k++)
        if (s->open[k].asked != ASKED_UNKNOWN)
            gone = 0;
    s->open_used = (uint8_t)(s->open_used - 1 - gone);
    memmove(s->open + (i - gone), s->open + i + 1, (size_t)(s->open_used - (i - gone)) * sizeof s->open[0]);
    return (enum asked)q.asked;
}

/* ---- what the reply says */

struct reply {
    bool ok_said, ok, done, done_said;
    int64_t code;
    uint64_t rows;
    struct view text, name;
    uint32_t code_at, code_length;
};

static uint64_t count_elements(const struct mongodb_reading *r, uint32_t list)
{
    struct mongodb_walk walk = mongodb_elements(r, list);
    struct mongodb_element e;
    uint64_t count = 0;
    while (mongodb_next(r, &walk, &e))
        count++;
    return count;
}

static bool is_rejection(int64_t code, struct view text)
{
    if (code == CODE_OVERFLOW) /* of other things, too */
        return text.length >= 15 && memcmp(text.bytes, "BSONObj exceeds", 15) == 0;
    return code == CODE_INVALID_BSON || code == CODE_ILLEGAL_FLAG || code == CODE_TOO_MANY_SEQUENCES ||
           code == CODE_CHECKSUM || code == CODE_OLD_BSON || code == CODE_TOO_SMALL || code == CODE_NAMESPACE ||
           code == CODE_NO_DOCUMENTS || code == CODE_CLIENT_APPLICATION || code == CODE_CLIENT_DOCUMENT ||
           (code >= CODE_FLAGS && code <= CODE_FIELD_TWICE) || code == CODE_BODY_MISSING || code == CODE_CHECKSUM_SIZE || code == CODE_CHECKSUM_ROOM;
}

static void failed(struct mongodb_reading *r, const struct reply *reply, enum asked asked)
{
    struct fact fact = {.kind = FACT_ERROR, .number = (uint64_t)reply->code, .text = reply->text, .more = reply->name};
    observe(r->out, fact);
    if (asked == ASKED_LOGIN) {
        fact.kind = FACT_LOGIN_FAILED;
        observe(r->out, fact);
    }
    if (reply->code == CODE_SHUTDOWN || reply->code == CODE_SHUTDOWN_NOW) {
        r->state->leaving = true;
        observe(r->out, (struct fact){.kind = FACT_SHUTDOWN, .text = reply->text});
    }
    if (reply->code == CODE_SPLIT_HORIZON)
        r->state->leaving = true;
    if (!is_rejection(reply->code, reply->text))
        return;
    r->state->leaving = true;
    fact.kind = FACT_VERDICT;
    observe(r->out, fact);
    mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_REJECTED, .field = FIELD_MONGODB_ERROR_CODE, .relation = MUST_BE, .offset = reply->code_at,
                                      .length = reply->code_length, .got = (uint64_t)reply->code, .note = "no complaint about the message"});
}

static void read_hello_field(struct mongodb_reading *r, const struct mongodb_element *e)
{
    struct mongodb_state *s = r->state;
    static const struct {
        const char *name;
        enum field field;
    } numbers[] = {
        {"maxBsonObjectSize", FIELD_MONGODB_MAX_BSON}, {"maxMessageSizeBytes", FIELD_MONGODB_MAX_MESSAGE}, {"maxWriteBatchSize", FIELD_MONGODB_MAX_BATCH},
        {"maxWireVersion", FIELD_MONGODB_MAX_WIRE_VERSION}, {"connectionId", FIELD_MONGODB_CONNECTION_ID},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!mongodb_named(e, numbers[i].name))
            continue;
        int64_t value = mongodb_number(r, e);
        uint32_t kept = value > 0 && value <= INT32_MAX ? (uint32_t)value : 0;
        note_field(r->out, numbers[i].field, e->at, e->end - e->at, (uint64_t)value);
        if (i == 0) {
            s->bson_max = kept;
        } else if (i == 1) {
            s->message_max = kept >= MONGODB_HEADER ? kept : 0;
            observe(r->out, (struct fact){.kind = FACT_LIMIT, .number = kept});
        } else if (i == 3) {
            s->wire_version = kept < UINT16_MAX ? (uint16_t)kept : UINT16_MAX;
        } else if (i == 4) {
            s->connection_id = kept;
        }
    }
}

/* The compressors that the server takes; the first of the client's that is among them will be used. */
static void read_agreed(struct mongodb_reading *r, const struct mongodb_element *list)
{
    static const struct {
        const char *name;
        uint8_t bit, compression;
    } names[] = {{"noop", COMPRESSOR_NOOP, COMPRESSION_NONE}, {"snappy", COMPRESSOR_SNAPPY, COMPRESSION_SNAPPY},
                 {"zlib", COMPRESSOR_ZLIB, COMPRESSION_ZLIB}, {"zstd", COMPRESSOR_ZSTD, COMPRESSION_ZSTD}};
    struct mongodb_walk walk = mongodb_elements(r, list->at);
    struct mongodb_element e;
    r->state->agreed = 0;
    while (mongodb_next(r, &walk, &e)) {
        uint32_t at;
        struct view name = mongodb_text(r, &e, &at);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (!view_equal(name, view_text(names[i].name)))
                continue;
            if (!r->state->agreed)
                r->out->session->compression = names[i].compression;
            r->state->agreed |= (uint8_t)(1u << names[i].bit);
        }
    }
}

static void read_sasl_reply(struct mongodb_reading *r, uint32_t document, struct reply *reply)
{
    struct mongodb_element e;
    if (mongodb_find(r, document, "payload", &e))
        (void)mongodb_note_text(r, FIELD_MONGODB_PAYLOAD, &e);
    reply->done_said = mongodb_find(r, document, "done", &e);
    reply->done = reply->done_said && mongodb_number(r, &e);
}

static void login_done(struct mongodb_reading *r)
{
    r->out->session->phase = PHASE_AUTHENTICATED;
    observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
}

static void read_hello_reply(struct mongodb_reading *r, uint32_t document)
{
    struct mongodb_state *s = r->state;
    struct mongodb_element e;
    struct mongodb_walk walk = mongodb_elements(r, document);
    while (mongodb_next(r, &walk, &e)) {
        if (e.type == BSON_ARRAY && mongodb_named(&e, "compression")) {
            read_agreed(r, &e);
        } else if (e.type == BSON_DOCUMENT && mongodb_named(&e, "speculativeAuthenticate") && s->speculated) {
            struct reply inner = {0};
            read_sasl_reply(r, e.at, &inner);
            if (inner.done || (s->x509 && !inner.done_said))
                login_done(r);
        } else {
            read_hello_field(r, &e);
        }
    }
    if (!s->hello_answered)
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .number = s->connection_id, .text = view_of(s->version, s->version_length)});
    s->hello_answered = true;
    s->speculated = false;
}

static void read_version(struct mongodb_reading *r, const struct mongodb_element *e)
{
    struct mongodb_state *s = r->state;
    struct view version = mongodb_note_text(r, FIELD_MONGODB_SERVER_VERSION, e);
    struct view kept = view_head(version, MONGODB_VERSION_TEXT);
    s->version_length = (uint8_t)kept.length;
    if (kept.length)
        memcpy(s->version, kept.bytes, kept.length);
    observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .number = s->connection_id, .text = version});
}

/* The first of the errors of single writes, or of the write concern. */
static void read_write_error(struct mongodb_reading *r, const struct mongodb_element *list)
{
    struct mongodb_element first, e;
    struct view text = view_of(r->bytes.bytes, 0);
    struct mongodb_walk walk = mongodb_elements(r, list->at);
    if (!mongodb_next(r, &walk, &first) || first.type != BSON_DOCUMENT || !mongodb_find(r, first.at, "code", &e))
        return;
    int64_t code = mongodb_number(r, &e);
    note_field(r->out, FIELD_MONGODB_ERROR_CODE, e.at, e.end - e.at, (uint64_t)code);
    if (mongodb_find(r, first.at, "errmsg", &e))
        text = mongodb_note_text(r, FIELD_MONGODB_ERROR_TEXT, &e);
    observe(r->out, (struct fact){.kind = FACT_ERROR, .number = (uint64_t)code, .text = text});
}

static void read_cursor(struct mongodb_reading *r, const struct mongodb_element *cursor, struct reply *reply)
{
    struct mongodb_element e;
    if (mongodb_find(r, cursor->at, "id", &e))
        note_field(r->out, FIELD_MONGODB_CURSOR_ID, e.at, e.end - e.at, (uint64_t)mongodb_number(r, &e));
    if (mongodb_find(r, cursor->at, "firstBatch", &e) || mongodb_find(r, cursor->at, "nextBatch", &e))
        reply->rows = e.type == BSON_ARRAY ? count_elements(r, e.at) : 0;
}

static void read_field(struct mongodb_reading *r, const struct mongodb_element *e, struct reply *reply)
{
    if (mongodb_named(e, "ok")) {
        reply->ok_said = true;
        reply->ok = mongodb_number(r, e) != 0;
        note_field(r->out, FIELD_MONGODB_OK, e->at, e->end - e->at, reply->ok);
    } else if (mongodb_named(e, "code")) {
        reply->code = mongodb_number(r, e);
        reply->code_at = e->at;
        reply->code_length = e->end - e->at;
        note_field(r->out, FIELD_MONGODB_ERROR_CODE, e->at, e->end - e->at, (uint64_t)reply->code);
    } else if (mongodb_named(e, "errmsg") || mongodb_named(e, "$err")) {
        reply->text = mongodb_note_text(r, FIELD_MONGODB_ERROR_TEXT, e);
        if (!reply->ok_said && mongodb_named(e, "$err")) {
            reply->ok_said = true;
            reply->ok = false;
        }
    } else if (mongodb_named(e, "codeName")) {
        reply->name = mongodb_note_text(r, FIELD_MONGODB_ERROR_NAME, e);
    } else if (e->type == BSON_DOCUMENT && mongodb_named(e, "cursor")) {
        read_cursor(r, e, reply);
    } else if (e->type == BSON_ARRAY && mongodb_named(e, "writeErrors")) {
        read_write_error(r, e);
    } else if (mongodb_named(e, "n") && !reply->rows) {
        int64_t rows = mongodb_number(r, e);
        reply->rows = rows > 0 ? (uint64_t)rows : 0;
    }
}

static void succeeded(struct mongodb_reading *r, uint32_t document, enum asked asked)
{
    struct mongodb_element e;
    struct reply inner = {0};
    switch (asked) {
    case ASKED_HELLO:
        read_hello_reply(r, document);
        return;
    case ASKED_LOGIN:
        read_sasl_reply(r, document, &inner);
        if (inner.done || !inner.done_said)
            login_done(r);
        return;
    case ASKED_BUILD_INFO:
        if (mongodb_find(r, document, "version", &e))
            read_version(r, &e);
        return;
    case ASKED_COMMAND:
        if (r->out->session->phase == PHASE_PRE_AUTH)
            r->out->session->phase = PHASE_AUTHENTICATED;
        return;
    default:
        return;
    }
}

void mongodb_answer(struct mongodb_reading *r, uint32_t document, enum asked asked, uint64_t rows)
{
    struct mongodb_walk walk = mongodb_elements(r, document);
    struct mongodb_element e;
    struct reply reply = {.ok = true, .rows = rows};
    reply.text = reply.name = view_of(r->bytes.bytes, 0);
    while (mongodb_next(r, &walk, &e))
        read_field(r, &e, &reply);
    observe(r->out, (struct fact){.kind = FACT_REPLY, .number = reply.rows});
    if (reply.ok)
        succeeded(r, document, asked);
    else
        failed(r, &reply, asked);
}
