/*
 * Requests of Memcached's binary protocol (doc/protocol-binary.xml), checked as dispatch_bin_command in proto_bin.c checks
 * them and in its order: lengths against each other, key, then what the opcode may carry. After any of these the server
 * closes, so that nothing behind the header means anything.
 */
#include "model/name.h"
#include "proto/memcached.h"

enum key_rule { KEY_NONE, KEY_NEEDED, KEY_FREE };
/* VALUE_IGNORED: the server goes on right behind the key, whatever the body length says. */
enum value_rule { VALUE_NONE, VALUE_FREE, VALUE_IGNORED };

struct shape {
    bool known, quiet;
    uint8_t extras, extras_too; /* either */
    uint8_t key, value;
};

static const struct shape shapes[256] = {
#define ROW(quiet, extras, extras_too, key, value) {true, quiet, extras, extras_too, key, value}
#define GET(quiet) ROW(quiet, 0, 0, KEY_NEEDED, VALUE_NONE)
#define STORE(quiet) ROW(quiet, 8, 8, KEY_NEEDED, VALUE_FREE)
#define JOIN(quiet) ROW(quiet, 0, 0, KEY_NEEDED, VALUE_FREE)
#define COUNT(quiet) ROW(quiet, 20, 20, KEY_NEEDED, VALUE_NONE)
#define TOUCH(quiet) ROW(quiet, 4, 4, KEY_NEEDED, VALUE_IGNORED)
#define BARE(quiet) ROW(quiet, 0, 0, KEY_NONE, VALUE_NONE)
    [PROTOCOL_BINARY_CMD_GET] = GET(false), [PROTOCOL_BINARY_CMD_GETQ] = GET(true),
    [PROTOCOL_BINARY_CMD_GETK] = GET(false), [PROTOCOL_BINARY_CMD_GETKQ] = GET(true),
    [PROTOCOL_BINARY_CMD_SET] = STORE(false), [PROTOCOL_BINARY_CMD_SETQ] = STORE(true),
    [PROTOCOL_BINARY_CMD_ADD] = STORE(false), [PROTOCOL_BINARY_CMD_ADDQ] = STORE(true),
    [PROTOCOL_BINARY_CMD_REPLACE] = STORE(false), [PROTOCOL_BINARY_CMD_REPLACEQ] = STORE(true),
    [PROTOCOL_BINARY_CMD_DELETE] = GET(false), [PROTOCOL_BINARY_CMD_DELETEQ] = GET(true),
    [PROTOCOL_BINARY_CMD_INCREMENT] = COUNT(false), [PROTOCOL_BINARY_CMD_INCREMENTQ] = COUNT(true),
    [PROTOCOL_BINARY_CMD_DECREMENT] = COUNT(false), [PROTOCOL_BINARY_CMD_DECREMENTQ] = COUNT(true),
    [PROTOCOL_BINARY_CMD_APPEND] = JOIN(false), [PROTOCOL_BINARY_CMD_APPENDQ] = JOIN(true),
    [PROTOCOL_BINARY_CMD_PREPEND] = JOIN(false), [PROTOCOL_BINARY_CMD_PREPENDQ] = JOIN(true),
    [PROTOCOL_BINARY_CMD_TOUCH] = TOUCH(false), [PROTOCOL_BINARY_CMD_GAT] = TOUCH(false), [PROTOCOL_BINARY_CMD_GATQ] = TOUCH(true),
    [PROTOCOL_BINARY_CMD_GATK] = TOUCH(false), [PROTOCOL_BINARY_CMD_GATKQ] = TOUCH(true),
    [PROTOCOL_BINARY_CMD_NOOP] = BARE(false), [PROTOCOL_BINARY_CMD_VERSION] = BARE(false),
    [PROTOCOL_BINARY_CMD_QUIT] = BARE(false), [PROTOCOL_BINARY_CMD_QUITQ] = BARE(true),
    [PROTOCOL_BINARY_CMD_SASL_LIST_MECHS] = BARE(false),
    [PROTOCOL_BINARY_CMD_FLUSH] = ROW(false, 0, 4, KEY_NONE, VALUE_NONE),
    [PROTOCOL_BINARY_CMD_FLUSHQ] = ROW(true, 0, 4, KEY_NONE, VALUE_NONE),
    [PROTOCOL_BINARY_CMD_STAT] = ROW(false, 0, 0, KEY_FREE, VALUE_IGNORED),
    [PROTOCOL_BINARY_CMD_SASL_AUTH] = JOIN(false), [PROTOCOL_BINARY_CMD_SASL_STEP] = JOIN(false),
#undef ROW
#undef GET
#undef STORE
#undef JOIN
#undef COUNT
#undef TOUCH
#undef BARE
};

static uint64_t big_endian(const uint8_t *bytes, unsigned width)
{
    uint64_t value = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < width; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Checked once for all its fields: this is done twice for every message. */
struct memcached_header memcached_header_take(struct cursor *c)
{
    const uint8_t *at = take_view(c, MEMCACHED_HEADER).bytes;
    if (c->failed)
        return (struct memcached_header){0};
    return (struct memcached_header){
        .magic = at[0],
        .opcode = at[1],
        .key = (uint16_t)big_endian(at + 2, 2),
        .extras = at[4],
        .data_type = at[5],
        .status = (uint16_t)big_endian(at + 6, 2),
        .body = (uint32_t)big_endian(at + 8, 4),
        .opaque = (uint32_t)big_endian(at + 12, 4),
        .cas = big_endian(at + 16, 8),
    };
}

static bool fits(const struct memcached_header *h)
{
    return (uint32_t)h->key + h->extras <= h->body;
}

static bool extras_fit(const struct memcached_header *h)
{
    return h->extras == shapes[h->opcode].extras || h->extras == shapes[h->opcode].extras_too;
}

static bool value_fits(const struct memcached_header *h)
{
    return shapes[h->opcode].value != VALUE_NONE || h->body == (uint32_t)h->key + h->extras;
}

bool memcached_binary_sound(const struct memcached_header *h)
{
    const struct shape *shape = &shapes[h->opcode];
    return h->magic == PROTOCOL_BINARY_REQ && shape->known && fits(h) && h->key <= MEMCACHED_KEY_MAX && extras_fit(h) &&
           (shape->key == KEY_FREE || (h->key != 0) == (shape->key == KEY_NEEDED)) && value_fits(h) && h->body <= MEMCACHED_ITEM_MAX;
}

enum framing memcached_binary_frame(struct cursor ahead, struct frame *out)
{
    size_t have = cursor_left(&ahead);
    if (have && peek_u8(&ahead) != PROTOCOL_BINARY_REQ) {
        out->total = out->wanted = 1;
        return FRAME_READY;
    }
    struct memcached_header h = memcached_header_take(&ahead);
    if (ahead.failed)
        return FRAME_NEEDS_MORE;
    const struct shape *shape = &shapes[h.opcode];
    uint32_t head = (uint32_t)h.key + h.extras;
    out->total = out->wanted = MEMCACHED_HEADER;
    if (!fits(&h) || h.key > MEMCACHED_KEY_MAX)
        return FRAME_READY;
    uint32_t body = shape->value == VALUE_IGNORED ? head : h.body;
    bool whole = h.opcode == PROTOCOL_BINARY_CMD_SASL_AUTH || h.opcode == PROTOCOL_BINARY_CMD_SASL_STEP;
    uint32_t most = MEMCACHED_HEADER + head + (whole ? MEMCACHED_HEAD : 0);
    out->total = (uint64_t)MEMCACHED_HEADER + body;
    out->wanted = out->total < most ? (uint32_t)out->total : most;
    out->length_at = 8;
    out->length_bytes = 4;
    out->length_excludes = MEMCACHED_HEADER;
    return FRAME_READY;
}

static void length_defect(struct memcached_reading *r, enum anomaly anomaly, enum field field, enum relation relation, uint64_t got,
                          uint64_t expected, const char *note)
{
    static const struct { uint16_t field; uint8_t offset, length; } places[] = {
        {FIELD_MEMCACHED_OPCODE, 1, 1}, {FIELD_MEMCACHED_KEY_LENGTH, 2, 2}, {FIELD_MEMCACHED_EXTRAS_LENGTH, 4, 1},
        {FIELD_MEMCACHED_BODY_LENGTH, 8, 4},
    };
    uint8_t place = 0;
    for (uint8_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (places[i].field == field)
            place = i;
    memcached_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = (uint8_t)relation,
                                        .offset = places[place].offset, .length = places[place].length, .got = got,
                                        .expected = expected, .note = note});
}

/* What the server looks at before it knows the opcode. */
static bool lengths_fit(struct memcached_reading *r, const struct memcached_header *h)
{
    if (h->extras > MEMCACHED_EXTRAS_MAX && shapes[h->opcode].known)
        length_defect(r, ANOMALY_MEMCACHED_EXTRAS_OVERFLOW, FIELD_MEMCACHED_EXTRAS_LENGTH, MUST_NOT_EXCEED, h->extras,
                      MEMCACHED_EXTRAS_MAX, "of any request");
    if (!fits(h))
        length_defect(r, ANOMALY_MEMCACHED_BODY_OVERRUN, FIELD_MEMCACHED_BODY_LENGTH, MUST_REACH, h->body,
                      (uint64_t)h->key + h->extras, "extras and key");
    else if (h->key > MEMCACHED_KEY_MAX)
        length_defect(r, ANOMALY_MEMCACHED_KEY_TOO_LONG, FIELD_MEMCACHED_KEY_LENGTH, MUST_NOT_EXCEED, h->key, MEMCACHED_KEY_MAX, NULL);
    return !r->bad;
}

static bool shape_fits(struct memcached_reading *r, const struct memcached_header *h, const struct shape *shape)
{
    uint64_t head = (uint64_t)h->key + h->extras;
    if (!extras_fit(h))
        length_defect(r, ANOMALY_MEMCACHED_EXTRAS_LENGTH, FIELD_MEMCACHED_EXTRAS_LENGTH, MUST_EQUAL, h->extras, shape->extras,
                      "for this opcode");
    else if (shape->key == KEY_NEEDED && !h->key)
        length_defect(r, ANOMALY_MEMCACHED_KEY_MISSING, FIELD_MEMCACHED_KEY_LENGTH, MUST_REACH, 0, 1, "for this opcode");
    else if (shape->key == KEY_NONE && h->key)
        length_defect(r, ANOMALY_MEMCACHED_KEY_UNEXPECTED, FIELD_MEMCACHED_KEY_LENGTH, MUST_EQUAL, h->key, 0, "for this opcode");
    else if (!value_fits(h))
        length_defect(r, ANOMALY_MEMCACHED_VALUE_UNEXPECTED, FIELD_MEMCACHED_BODY_LENGTH, MUST_EQUAL, h->body, head, "extras and key");
    else if (h->body > MEMCACHED_ITEM_MAX && shape->value == VALUE_FREE)
        length_defect(r, ANOMALY_MEMCACHED_ITEM_TOO_LARGE, FIELD_MEMCACHED_BODY_LENGTH, MUST_NOT_EXCEED, h->body, MEMCACHED_ITEM_MAX, NULL);
    return !r->bad;
}

/* Quiet gets of one key in a row, told by its ends and length: a flood of them and not a proof. */
static void count_repeats(struct memcached_reading *r, struct view key)
{
    struct memcached_state *s = r->state;
    uint64_t front = 0, back = 0;
    size_t some = key.length < 8 ? key.length : 8;
    memcpy(&front, key.bytes, some);
    memcpy(&back, key.bytes + key.length - some, some);
    uint64_t signature = (front ^ back << 1) + key.length;
    s->repeats = signature == s->signature ? s->repeats + 1 : 1;
    s->signature = signature;
    if (s->repeats <= MEMCACHED_REPEATS_MAX || s->repeated_told)
        return;
    s->repeated_told = true;
    memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_KEY_REPEATED, .field = FIELD_MEMCACHED_KEY,
                                        .relation = MUST_NOT_EXCEED, .offset = MEMCACHED_HEADER, .length = (uint32_t)key.length,
                                        .got = s->repeats, .expected = MEMCACHED_REPEATS_MAX, .note = "times the same key"});
    r->bad = false;
}

/* PLAIN: [authorization id] NUL user NUL password (RFC 4616). */
static void sasl(struct memcached_reading *r, const struct memcached_header *h, struct view mechanism)
{
    struct memcached_state *s = r->state;
    uint32_t value = h->body - h->key;
    note_field(r->out, FIELD_MEMCACHED_MECHANISM, MEMCACHED_HEADER, h->key, 0);
    if (value)
        note_field(r->out, FIELD_MEMCACHED_SASL_DATA, MEMCACHED_HEADER + h->key, value, 0);
    if (h->opcode == PROTOCOL_BINARY_CMD_SASL_STEP) {
        if (!s->sasl_begun && !s->joined)
            length_defect(r, ANOMALY_MEMCACHED_SASL_STEP, FIELD_MEMCACHED_OPCODE, MUST_BE, h->opcode, 0, "sasl_auth first");
        return;
    }
    s->sasl_begun = true;
    s->user_length = 0;
    struct view user = view_of(mechanism.bytes, 0);
    if (view_equal(mechanism, view_text("PLAIN"))) {
        (void)take_until(&r->c, 0);
        user = take_until(&r->c, 0);
        s->user_length = (uint8_t)(user.length < SESSION_TEXT_MAX ? user.length : SESSION_TEXT_MAX);
        memcpy(s->user, user.bytes, s->user_length);
    }
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = user});
}

static void note_body(struct memcached_reading *r, const struct memcached_header *h)
{
    if (h->extras) {
        note_field(r->out, FIELD_MEMCACHED_EXTRAS, MEMCACHED_HEADER, h->extras, 0);
        take_skip(&r->c, h->extras);
    }
    struct view key = take_view(&r->c, h->key);
    if (r->c.failed)
        return;
    if (h->opcode == PROTOCOL_BINARY_CMD_SASL_AUTH || h->opcode == PROTOCOL_BINARY_CMD_SASL_STEP) {
        sasl(r, h, key);
        return;
    }
    if (h->key)
        note_field(r->out, FIELD_MEMCACHED_KEY, MEMCACHED_HEADER + h->extras, h->key, 0);
    if (shapes[h->opcode].value == VALUE_FREE)
        note_field(r->out, FIELD_MEMCACHED_VALUE_LENGTH, 8, 4, h->body - h->key - h->extras);
    if (h->opcode == PROTOCOL_BINARY_CMD_GETQ || h->opcode == PROTOCOL_BINARY_CMD_GETKQ)
        count_repeats(r, key);
}

static void curious(struct memcached_reading *r, const struct memcached_header *h, const struct shape *shape)
{
    struct memcached_state *s = r->state;
    if (h->data_type && !s->data_type_told) {
        s->data_type_told = true;
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_DATA_TYPE, .field = FIELD_MEMCACHED_DATA_TYPE,
                                            .relation = MUST_EQUAL, .offset = 5, .length = 1, .got = h->data_type, .expected = 0});
    }
    if (shape->value == VALUE_IGNORED && h->body != (uint32_t)h->key + h->extras)
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_BODY_IGNORED, .field = FIELD_MEMCACHED_BODY_LENGTH,
                                            .relation = MUST_EQUAL, .offset = 8, .length = 4, .got = h->body,
                                            .expected = (uint64_t)h->key + h->extras, .note = "extras and key"});
}

static enum verdict known(struct memcached_reading *r, const struct memcached_header *h, const struct shape *shape)
{
    if (!shape_fits(r, h, shape)) {
        memcached_request(r, h->opcode, shape->quiet);
        return VERDICT_BROKEN;
    }
    curious(r, h, shape);
    note_body(r, h);
    if (h->opcode == PROTOCOL_BINARY_CMD_QUIT || h->opcode == PROTOCOL_BINARY_CMD_QUITQ) {
        r->state->quit = true;
        r->out->session->phase = PHASE_CLOSED;
        observe(r->out, (struct fact){.kind = FACT_QUIT});
    }
    memcached_request(r, h->opcode, shape->quiet);
    return VERDICT_OK;
}

static enum verdict wrong_magic(struct memcached_reading *r)
{
    r->out->message = MEMCACHED_FOREIGN;
    memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_MAGIC, .field = FIELD_MEMCACHED_MAGIC, .relation = MUST_EQUAL,
                                        .offset = 0, .length = 1, .got = peek_u8(&r->c), .expected = PROTOCOL_BINARY_REQ});
    return VERDICT_BROKEN;
}

static bool is_login(const struct memcached_header *h)
{
    return h->opcode == PROTOCOL_BINARY_CMD_SASL_AUTH || h->opcode == PROTOCOL_BINARY_CMD_SASL_STEP;
}

/* Its header is wrong, and a password stands somewhere behind it: what follows is hidden as before any login. */
static void hide_login(struct memcached_reading *r)
{
    r->out->session->phase = PHASE_PRE_AUTH;
}

enum verdict memcached_binary(struct memcached_reading *r)
{
    if (peek_u8(&r->c) != PROTOCOL_BINARY_REQ)
        return wrong_magic(r);
    struct memcached_header h = memcached_header_take(&r->c);
    const struct shape *shape = &shapes[h.opcode];
    note_field(r->out, FIELD_MEMCACHED_OPCODE, 1, 1, h.opcode);
    note_field(r->out, FIELD_MEMCACHED_KEY_LENGTH, 2, 2, h.key);
    note_field(r->out, FIELD_MEMCACHED_EXTRAS_LENGTH, 4, 1, h.extras);
    note_field(r->out, FIELD_MEMCACHED_BODY_LENGTH, 8, 4, h.body);
    r->out->message = (uint16_t)(shape->known ? PROTOCOL_BINARY_CMD_GET + 256 + h.opcode : MEMCACHED_UNKNOWN_COMMAND);
    if (!lengths_fit(r, &h)) {
        if (is_login(&h))
            hide_login(r);
        memcached_request(r, h.opcode, false);
        return VERDICT_BROKEN;
    }
    if (shape->known) {
        enum verdict verdict = known(r, &h, shape);
        if (verdict == VERDICT_BROKEN && is_login(&h))
            hide_login(r);
        return verdict;
    }
    length_defect(r, ANOMALY_MEMCACHED_OPCODE, FIELD_MEMCACHED_OPCODE, MUST_BE, h.opcode, 0, "an opcode of Memcached");
    memcached_request(r, h.opcode, false);
    return VERDICT_OK;
}
