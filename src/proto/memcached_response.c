/*
 * Responses of Memcached's binary protocol (doc/protocol-binary.xml). The server is the judge: its status 0x0004 and 0x0081
 * are reported here when nothing was seen wrong in the request before.
 */
#include "model/name.h"
#include "proto/memcached.h"

static bool fits(const struct memcached_header *h)
{
    return (uint32_t)h->key + h->extras <= h->body && h->body <= MEMCACHED_ITEM_MAX + 1024u;
}

static bool status_is_known(uint16_t status)
{
    return status <= PROTOCOL_BINARY_RESPONSE_DELTA_BADVAL || status == PROTOCOL_BINARY_RESPONSE_AUTH_ERROR ||
           status == PROTOCOL_BINARY_RESPONSE_AUTH_CONTINUE || status == PROTOCOL_BINARY_RESPONSE_UNKNOWN_COMMAND ||
           status == PROTOCOL_BINARY_RESPONSE_ENOMEM;
}

bool memcached_response_sound(const struct memcached_header *h)
{
    return h->magic == PROTOCOL_BINARY_RES && h->opcode <= PROTOCOL_BINARY_CMD_GATKQ && fits(h) && h->key <= MEMCACHED_KEY_MAX &&
           h->extras <= MEMCACHED_EXTRAS_MAX && h->data_type == 0 && status_is_known(h->status);
}

enum framing memcached_response_frame(struct cursor ahead, struct frame *out)
{
    size_t have = cursor_left(&ahead);
    if (have && peek_u8(&ahead) != PROTOCOL_BINARY_RES) {
        out->total = out->wanted = 1;
        return FRAME_READY;
    }
    struct memcached_header h = memcached_header_take(&ahead);
    if (ahead.failed)
        return FRAME_NEEDS_MORE;
    out->total = out->wanted = MEMCACHED_HEADER;
    if (!fits(&h))
        return FRAME_READY;
    out->total = (uint64_t)MEMCACHED_HEADER + h.body;
    out->wanted = out->total < MEMCACHED_HEAD ? (uint32_t)out->total : MEMCACHED_HEAD;
    out->length_at = 8;
    out->length_bytes = 4;
    out->length_excludes = MEMCACHED_HEADER;
    return FRAME_READY;
}

static bool is_sasl(uint8_t opcode)
{
    return opcode >= PROTOCOL_BINARY_CMD_SASL_LIST_MECHS && opcode <= PROTOCOL_BINARY_CMD_SASL_STEP;
}

/* A server without SASL does not know its opcodes: that is how it was started, and no fault of the request. */
static bool is_complaint(const struct memcached_header *h)
{
    return h->status == PROTOCOL_BINARY_RESPONSE_EINVAL || (h->status == PROTOCOL_BINARY_RESPONSE_UNKNOWN_COMMAND && !is_sasl(h->opcode));
}

static void refused(struct memcached_reading *r, const struct memcached_header *h, unsigned flags, struct view words)
{
    bool told = flags & REQUEST_LOST ? r->state->reported : (flags & REQUEST_REPORTED) != 0;
    observe(r->out, (struct fact){.kind = FACT_ERROR, .number = h->status, .text = words});
    if (h->status == PROTOCOL_BINARY_RESPONSE_E2BIG)
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_ITEM_REFUSED, .field = FIELD_MEMCACHED_STATUS,
                                            .relation = MUST_BE, .offset = 6, .length = 2, .got = h->status,
                                            .note = "a value within item_size_max"});
    /* Not logged in, or wrong: it closes after the answer. */
    r->state->farewell |= h->status == PROTOCOL_BINARY_RESPONSE_AUTH_ERROR && !is_sasl(h->opcode);
    if (!is_complaint(h))
        return;
    observe(r->out, (struct fact){.kind = FACT_VERDICT, .number = h->status, .text = words});
    if (!told)
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_REJECTED, .field = FIELD_MEMCACHED_STATUS,
                                            .relation = MUST_BE, .offset = 6, .length = 2, .got = h->status,
                                            .note = "no complaint about a request"});
}

/* Results that are no errors: not found, exists, not stored, and a value that is no number. */
static bool is_ordinary(uint16_t status)
{
    return status == PROTOCOL_BINARY_RESPONSE_SUCCESS || status == PROTOCOL_BINARY_RESPONSE_KEY_ENOENT ||
           status == PROTOCOL_BINARY_RESPONSE_KEY_EEXISTS || status == PROTOCOL_BINARY_RESPONSE_NOT_STORED ||
           status == PROTOCOL_BINARY_RESPONSE_DELTA_BADVAL || status == PROTOCOL_BINARY_RESPONSE_AUTH_CONTINUE;
}

static void login(struct memcached_reading *r, const struct memcached_header *h, struct view words)
{
    struct memcached_state *s = r->state;
    bool mechanisms = h->opcode == PROTOCOL_BINARY_CMD_SASL_LIST_MECHS;
    if (h->status == PROTOCOL_BINARY_RESPONSE_SUCCESS && mechanisms) {
        note_field(r->out, FIELD_MEMCACHED_MECHANISM, MEMCACHED_HEADER, h->body, 0);
    } else if (h->status == PROTOCOL_BINARY_RESPONSE_SUCCESS) {
        if (s->sasl_failed && !s->joined)
            memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_SASL_RETRY, .field = FIELD_MEMCACHED_STATUS,
                                                .relation = MUST_BE, .offset = 6, .length = 2, .got = h->status,
                                                .note = "no success behind a failure"});
        s->sasl_failed = false;
        memcached_login_ended(r, true, 0, words);
    } else if (h->status != PROTOCOL_BINARY_RESPONSE_AUTH_CONTINUE && !mechanisms) {
        s->sasl_failed |= h->status == PROTOCOL_BINARY_RESPONSE_AUTH_ERROR;
        memcached_login_ended(r, false, h->status, words);
    }
}

static void stat(struct memcached_reading *r, const struct memcached_header *h, struct view name, struct view content)
{
    note_field(r->out, FIELD_MEMCACHED_STAT_NAME, MEMCACHED_HEADER + h->extras, h->key, 0);
    if (view_equal(name, view_text("version")))
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .text = content});
    if (view_equal(name, view_text("item_size_max")) && memcached_strtoull(content).good)
        observe(r->out, (struct fact){.kind = FACT_LIMIT, .number = memcached_strtoull(content).value});
}

static void content(struct memcached_reading *r, const struct memcached_header *h)
{
    take_skip(&r->c, h->extras);
    struct view key = take_view(&r->c, h->key);
    struct view value = r->c.failed ? view_of(NULL, 0) : cursor_ahead(&r->c);
    uint32_t value_at = (uint32_t)h->extras + h->key;
    if (h->key && h->opcode != PROTOCOL_BINARY_CMD_STAT)
        note_field(r->out, FIELD_MEMCACHED_KEY, MEMCACHED_HEADER + h->extras, h->key, 0);
    if (h->body > value_at)
        note_field(r->out, FIELD_MEMCACHED_VALUE_LENGTH, 8, 4, h->body - value_at);
    if (is_sasl(h->opcode))
        login(r, h, value);
    if (h->status)
        return;
    if (h->opcode == PROTOCOL_BINARY_CMD_STAT)
        stat(r, h, key, value);
    if (h->opcode == PROTOCOL_BINARY_CMD_VERSION) {
        note_field(r->out, FIELD_MEMCACHED_VERSION, MEMCACHED_HEADER + value_at, h->body - value_at, 0);
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .text = value});
    }
}

/* A response to a get that has the extras of one is a hit. */
static bool is_hit(const struct memcached_header *h)
{
    return h->status == PROTOCOL_BINARY_RESPONSE_SUCCESS && h->extras == 4;
}

static enum verdict wrong(struct memcached_reading *r, enum anomaly anomaly, enum field field, uint32_t offset, uint32_t length,
                          uint64_t got, const char *note)
{
    r->out->message = MEMCACHED_REPLY_OTHER;
    memcached_remark(r, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = MUST_BE,
                                        .offset = offset, .length = length, .got = got, .note = note});
    return VERDICT_BROKEN;
}

enum verdict memcached_response(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    uint8_t magic = peek_u8(&r->c);
    if (magic != PROTOCOL_BINARY_RES)
        return wrong(r, ANOMALY_MEMCACHED_RESPONSE_MAGIC, FIELD_MEMCACHED_MAGIC, 0, 1, magic, "0x81");
    struct memcached_header h = memcached_header_take(&r->c);
    note_field(r->out, FIELD_MEMCACHED_OPCODE, 1, 1, h.opcode);
    note_field(r->out, FIELD_MEMCACHED_STATUS, 6, 2, h.status);
    note_field(r->out, FIELD_MEMCACHED_BODY_LENGTH, 8, 4, h.body);
    if (!fits(&h))
        return wrong(r, ANOMALY_MEMCACHED_RESPONSE_LENGTH, FIELD_MEMCACHED_BODY_LENGTH, 8, 4, h.body, "extras and key, and at most 1 GB");
    r->out->message = (uint16_t)(512 + h.opcode);
    s->rows += is_hit(&h);
    bool last = h.opcode != PROTOCOL_BINARY_CMD_STAT || h.status || !h.key;
    unsigned flags = memcached_answered_binary(r, h.opcode, last);
    if (h.extras | h.key | (h.body != 0) | is_sasl(h.opcode))
        content(r, &h);
    if (!is_ordinary(h.status))
        refused(r, &h, flags, take_rest(&r->c));
    else if (last && !(flags & REQUEST_QUIET))
        s->reported = false;
    return VERDICT_OK;
}
