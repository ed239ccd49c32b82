/* OP_MSG (specifications, source/message/OP_MSG.md; src/mongo/rpc/op_msg.cpp): flags, sections, checksum. */
#include "proto/mongodb.h"

enum { FLAGS_AT = MONGODB_HEADER, SECTIONS_AT = FLAGS_AT + 4, CHECKSUM_BYTES = 4, SECTION_LEAST = 5 };

struct sections {
    uint32_t flags;
    uint32_t body;           /* where it begins; 0: none yet */
    bool body_read;          /* it was walked to its end, or to the end of what is here */
    bool seen_all;
    unsigned names_used;
    uint64_t documents;      /* in sequences, as far as they are here */
    struct view names[MONGODB_SEQUENCES_MAX];
    uint32_t name_at[MONGODB_SEQUENCES_MAX];
};

/* CRC-32C (RFC 3720, appendix B.4), four bits at a time. */
static uint32_t crc32c(struct view bytes)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < bytes.length; i++) {
        crc = crc >> 4 ^ table[(crc ^ bytes.bytes[i]) & 15];
        crc = crc >> 4 ^ table[(crc ^ bytes.bytes[i] >> 4) & 15];
    }
    return ~crc;
}

/* Takes the checksum off the end of the message. */
static bool read_checksum(struct mongodb_reading *r)
{
    /* The server wants at least a byte of sections before it. */
    if (r->end - SECTIONS_AT <= CHECKSUM_BYTES) {
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SHORT, .field = FIELD_MONGODB_CHECKSUM, .relation = MUST_REACH, .offset = SECTIONS_AT,
                                          .length = r->end - SECTIONS_AT, .got = r->end - SECTIONS_AT, .expected = CHECKSUM_BYTES + 1,
                                          .note = "bytes that a section and the checksum need"});
        return false;
    }
    r->end -= CHECKSUM_BYTES;
    if (!mongodb_here(r, r->end, CHECKSUM_BYTES))
        return true;
    uint32_t got = mongodb_u32(r, r->end), expected = crc32c(view_head(r->bytes, r->end));
    note_field(r->out, FIELD_MONGODB_CHECKSUM, r->end, CHECKSUM_BYTES, got);
    if (got == expected)
        return true;
    mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_CHECKSUM, .field = FIELD_MONGODB_CHECKSUM, .relation = MUST_EQUAL, .offset = r->end,
                                      .length = CHECKSUM_BYTES, .got = got, .expected = expected, .note = "CRC-32C of what is before it"});
    return false;
}

static bool read_flags(struct mongodb_reading *r, struct sections *s)
{
    if (!mongodb_holds(r, FLAGS_AT, 4, FIELD_MONGODB_FLAGS))
        return false;
    s->flags = mongodb_u32(r, FLAGS_AT);
    note_field(r->out, FIELD_MONGODB_FLAGS, FLAGS_AT, 4, s->flags);
    if (s->flags & MSG_REQUIRED & ~(uint32_t)(MSG_CHECKSUM_PRESENT | MSG_MORE_TO_COME)) {
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_FLAGS, .field = FIELD_MONGODB_FLAGS, .relation = MUST_BE, .offset = FLAGS_AT,
                                          .length = 4, .got = s->flags, .note = "no flags but 1 and 2 in the lower 16 bits"});
        return false;
    }
    return !(s->flags & MSG_CHECKSUM_PRESENT) || read_checksum(r);
}

static void section_wrong(struct mongodb_reading *r, enum anomaly anomaly, uint32_t at, uint8_t got, const char *instead)
{
    mongodb_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_MONGODB_SECTION, .relation = MUST_BE, .offset = at, .length = 1,
                                      .got = got, .note = instead});
}

static uint32_t read_body(struct mongodb_reading *r, struct sections *s, uint32_t at)
{
    uint32_t end;
    if (s->body) {
        section_wrong(r, ANOMALY_MONGODB_BODY_REPEATED, at - 1, SECTION_BODY, "one body");
        return at;
    }
    enum bson bson = mongodb_bson(r, at, r->end, &end);
    s->body = at;
    s->body_read = bson == BSON_SOUND || bson == BSON_UNSEEN;
    s->seen_all &= bson == BSON_SOUND;
    return end;
}

static bool name_is_new(struct mongodb_reading *r, struct sections *s, struct view name, uint32_t at)
{
    for (unsigned i = 0; i < s->names_used; i++) {
        if (!view_equal(s->names[i], name))
            continue;
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SEQUENCE_REPEATED, .field = FIELD_MONGODB_SEQUENCE, .relation = MUST_BE, .offset = at,
                                          .length = (uint32_t)name.length, .note = "another name than that of the sequence before"});
        return false;
    }
    if (s->names_used == MONGODB_SEQUENCES_MAX)
        return true;
    s->name_at[s->names_used] = at;
    s->names[s->names_used++] = name;
    return true;
}

/* int32 length of all, name, NUL, documents. */
static uint32_t read_sequence(struct mongodb_reading *r, struct sections *s, uint32_t at)
{
    if (!mongodb_holds(r, at, 4, FIELD_MONGODB_SECTION_SIZE))
        return at;
    if (!mongodb_here(r, at, 4)) {
        s->seen_all = false;
        return at;
    }
    uint32_t size = mongodb_u32(r, at), left = r->end - at;
    note_field(r->out, FIELD_MONGODB_SECTION_SIZE, at, 4, size);
    if (size < SECTION_LEAST || size > left) {
        bool small = size < SECTION_LEAST;
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SECTION_SIZE, .field = FIELD_MONGODB_SECTION_SIZE,
                                          .relation = small ? MUST_REACH : MUST_NOT_EXCEED, .offset = at, .length = 4, .got = size,
                                          .expected = small ? SECTION_LEAST : left, .note = small ? "itself and an empty name" : "what is left of the message"});
        return at;
    }
    uint32_t end = at + size;
    struct view rest = mongodb_view(r, at + 4, size - 4);
    const uint8_t *nul = rest.length ? memchr(rest.bytes, 0, rest.length) : NULL;
    if (!nul) {
        s->seen_all = false;
        if (rest.length == size - 4)
            mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SEQUENCE_NAME, .field = FIELD_MONGODB_SEQUENCE, .relation = MUST_BE, .offset = at + 4,
                                              .length = size - 4, .note = "a NUL inside the section"});
        return end;
    }
    struct view name = view_head(rest, (size_t)(nul - rest.bytes));
    if (name.length)
        note_field(r->out, FIELD_MONGODB_SEQUENCE, at + 4, (uint32_t)name.length, 0);
    if (s->names_used == MONGODB_SEQUENCES_MAX) {
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SEQUENCES_MANY, .field = FIELD_MONGODB_SEQUENCE, .relation = MUST_NOT_EXCEED,
                                          .offset = at + 4, .length = (uint32_t)name.length, .got = s->names_used + 1u, .expected = MONGODB_SEQUENCES_MAX,
                                          .note = "sequences in a message"});
        return end;
    }
    if (!name_is_new(r, s, name, at + 4))
        return end;
    for (uint32_t document = at + 5 + (uint32_t)name.length; document < end && !r->broken && s->seen_all; s->documents++)
        s->seen_all &= mongodb_bson(r, document, end, &document) == BSON_SOUND;
    return end;
}

/* Sections up to the end of the message, or of what is here of it. */
static void read_sections(struct mongodb_reading *r, struct sections *s)
{
    uint32_t at = SECTIONS_AT;
    s->seen_all = true;
    while (at < r->end && !r->broken) {
        if (!mongodb_here(r, at, 1)) {
            s->seen_all = false;
            return;
        }
        uint8_t kind = mongodb_byte(r, at);
        note_field(r->out, FIELD_MONGODB_SECTION, at, 1, kind);
        if (kind == SECTION_BODY) {
            at = read_body(r, s, at + 1);
        } else if (kind == SECTION_SEQUENCE) {
            uint32_t next = read_sequence(r, s, at + 1);
            if (next == at + 1)
                return;
            at = next;
        } else if (kind == SECTION_SECURITY_TOKEN) {
            s->seen_all = false; /* its layout depends on the server's version */
            return;
        } else {
            section_wrong(r, ANOMALY_MONGODB_SECTION_KIND, at, kind, "0, 1 or 2");
            return;
        }
    }
    if (!s->body && s->seen_all && !r->broken)
        section_wrong(r, ANOMALY_MONGODB_BODY_MISSING, r->end, 0, "a section of kind 0");
}

/* A sequence stands for a field of the body: the field itself may not be there. */
static void check_fields(struct mongodb_reading *r, const struct sections *s)
{
    struct mongodb_element e;
    for (unsigned i = 0; i < s->names_used; i++) {
        struct mongodb_walk walk = mongodb_elements(r, s->body);
        while (mongodb_next(r, &walk, &e)) {
            if (!view_equal(e.name, s->names[i]))
                continue;
            mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SEQUENCE_AND_FIELD, .field = FIELD_MONGODB_SEQUENCE, .relation = MUST_BE,
                                              .offset = s->name_at[i], .length = (uint32_t)s->names[i].length, .note = "no field of the body"});
            return;
        }
    }
}

static void request(struct mongodb_reading *r, const struct sections *s)
{
    bool waits = false;
    struct mongodb_element e;
    struct view database = view_of(r->bytes.bytes, 0);
    if (!s->body_read) {
        mongodb_sent(r, ASKED_UNKNOWN, false, false);
        return;
    }
    if (mongodb_find(r, s->body, "$db", &e))
        database = mongodb_note_text(r, FIELD_MONGODB_DATABASE, &e);
    enum asked asked = mongodb_command(r, s->body, database, &waits);
    if (!(s->flags & MSG_MORE_TO_COME))
        mongodb_sent(r, asked, (s->flags & MSG_EXHAUST_ALLOWED) != 0, waits);
    else
        mongodb_sent_quietly(r, asked);
}

void mongodb_msg(struct mongodb_reading *r)
{
    struct sections s = {0};
    if (!read_flags(r, &s))
        return;
    read_sections(r, &s);
    if (s.body_read && !r->broken)
        check_fields(r, &s);
    if (r->broken)
        return;
    if (r->from == FROM_CLIENT) {
        request(r, &s);
        return;
    }
    enum asked asked = mongodb_answered(r, (s.flags & MSG_MORE_TO_COME) != 0);
    if (s.body_read && !r->broken)
        mongodb_answer(r, s.body, asked, s.documents);
}
