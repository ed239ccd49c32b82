/* OP_COMPRESSED (specifications, source/compression/OP_COMPRESSED.md; src/mongo/transport/message_compressor_manager.cpp). What
 * it opens to comes back as a message of its own, with the header that the server would give it. */
#include "proto/mongodb.h"

enum { OPCODE_AT = MONGODB_HEADER, SIZE_AT = OPCODE_AT + 4, COMPRESSOR_AT = SIZE_AT + 4, PAYLOAD_AT = COMPRESSOR_AT + 1 };
enum { DEFLATE_RATIO_MAX = 1032 }; /* zlib.net, "Maximum Compression Factor" */

struct compressed {
    uint32_t opcode, declared, payload;
    uint8_t compressor;
};

static void size_wrong(struct mongodb_reading *r, const struct compressed *c, enum anomaly anomaly, uint64_t expected, enum relation relation, const char *note)
{
    mongodb_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_MONGODB_UNCOMPRESSED_SIZE, .relation = (uint8_t)relation, .offset = SIZE_AT,
                                      .length = 4, .got = c->declared, .expected = expected, .note = note});
}

static bool check_header(struct mongodb_reading *r, const struct compressed *c)
{
    const struct mongodb_state *s = r->state;
    struct report found = {.field = FIELD_MONGODB_COMPRESSOR, .relation = MUST_BE, .offset = COMPRESSOR_AT, .length = 1, .got = c->compressor};
    if (c->compressor > COMPRESSOR_ZSTD) {
        found.anomaly = ANOMALY_MONGODB_COMPRESSOR;
        found.note = "0 to 3";
        mongodb_defect(r, found);
        return false;
    }
    uint32_t most = (s->message_max > MONGODB_MESSAGE_MAX ? s->message_max : MONGODB_MESSAGE_MAX) - MONGODB_HEADER;
    if (c->declared > most) {
        size_wrong(r, c, ANOMALY_MONGODB_COMPRESSED_SIZE, most, MUST_NOT_EXCEED, "MaxMessageSizeBytes without the header");
        return false;
    }
    if (c->opcode == OP_COMPRESSED || !mongodb_is_opcode(c->opcode)) {
        mongodb_defect(r, (struct report){.anomaly = c->opcode == OP_COMPRESSED ? ANOMALY_MONGODB_COMPRESSED_NESTED : ANOMALY_MONGODB_OPCODE,
                                          .field = FIELD_MONGODB_ORIGINAL_OPCODE, .relation = MUST_BE, .offset = OPCODE_AT, .length = 4, .got = c->opcode,
                                          .note = "the opcode of a plain message"});
        return false;
    }
    /* Whether the server knows it is the server's affair: that it was not agreed on is the client's. */
    bool known = s->hello_answered && !s->joined && r->from == FROM_CLIENT;
    if (known && !(s->agreed >> c->compressor & 1) && !s->agreed_told) {
        r->state->agreed_told = true;
        found.anomaly = ANOMALY_MONGODB_COMPRESSOR_NOT_AGREED;
        found.note = "a compressor of both sides' hello";
        mongodb_remark(r, found);
    }
    return true;
}

/* What is known of the size before or after opening contradicts what was said. */
static bool check_opened(struct mongodb_reading *r, const struct compressed *c, const struct unpacked *u)
{
    if (u->how == UNPACKED_WRONG) {
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_COMPRESSED_CORRUPT, .field = FIELD_MONGODB_COMPRESSED, .relation = MUST_BE,
                                          .offset = PAYLOAD_AT, .length = c->payload, .note = "what the compressor writes"});
        return false;
    }
    bool more = !u->size_known && u->size > c->declared;
    bool impossible = c->compressor == COMPRESSOR_ZLIB && c->declared / DEFLATE_RATIO_MAX > c->payload;
    if (!more && !impossible && (!u->size_known || u->size == c->declared))
        return true;
    note_field(r->out, FIELD_MONGODB_ACTUAL_SIZE, 0, 0, u->size);
    const char *note = u->size_known ? "what it opens to" : more ? "what it opens to, and more" : "the most that zlib can make of it";
    size_wrong(r, c, ANOMALY_MONGODB_COMPRESSED_DIFFERS, u->size_known || more ? u->size : (uint64_t)c->payload * DEFLATE_RATIO_MAX, MUST_EQUAL, note);
    return false;
}

static void put(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void open_message(struct mongodb_reading *r, const struct compressed *c)
{
    static const enum codec codecs[] = {CODEC_STORED, CODEC_SNAPPY, CODEC_ZLIB, CODEC_ZSTD};
    uint8_t header[MONGODB_HEADER];
    struct view payload = mongodb_view(r, PAYLOAD_AT, c->payload);
    put(header, c->declared + MONGODB_HEADER);
    put(header + 4, r->request_id);
    put(header + 8, r->response_to);
    put(header + 12, c->opcode);
    struct unpacked u = unpack_message(r->out, codecs[c->compressor], payload, payload.length == c->payload, view_of(header, sizeof header));
    if (c->compressor == COMPRESSOR_NOOP) {
        u.size = c->payload;
        u.size_known = true;
    }
    if (!check_opened(r, c, &u))
        return;
    if (u.how == UNPACKED_NOT || u.bytes.length < MONGODB_HEADER) {
        r->opcode = (int32_t)c->opcode;
        if (r->from == FROM_CLIENT)
            mongodb_sent(r, ASKED_UNKNOWN, false, false);
        else
            (void)mongodb_answered(r, false);
        return;
    }
    r->out->opened = view_head(u.bytes, MESSAGE_BYTES_MAX);
    r->out->opened_length = (uint64_t)c->declared + MONGODB_HEADER;
    r->state->inside = true;
}

void mongodb_compressed(struct mongodb_reading *r)
{
    if (!mongodb_holds(r, OPCODE_AT, MONGODB_COMPRESSION_HEADER, FIELD_MONGODB_UNCOMPRESSED_SIZE))
        return;
    struct compressed c = {
        .opcode = mongodb_u32(r, OPCODE_AT),
        .declared = mongodb_u32(r, SIZE_AT),
        .compressor = mongodb_byte(r, COMPRESSOR_AT),
        .payload = r->end - PAYLOAD_AT,
    };
    note_field(r->out, FIELD_MONGODB_ORIGINAL_OPCODE, OPCODE_AT, 4, c.opcode);
    note_field(r->out, FIELD_MONGODB_UNCOMPRESSED_SIZE, SIZE_AT, 4, c.declared);
    note_field(r->out, FIELD_MONGODB_COMPRESSOR, COMPRESSOR_AT, 1, c.compressor);
    if (c.payload)
        note_field(r->out, FIELD_MONGODB_COMPRESSED, PAYLOAD_AT, c.payload, 0);
    if (check_header(r, &c))
        open_message(r, &c);
}
