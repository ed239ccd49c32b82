/*
 * LOGIN7 ([MS-TDS] 2.2.6.4): a fixed part with offsets and lengths, then the values. It is read from its first packet, which
 * holds the fixed part; what stands in further packets is masked and counted.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { SLOT_PROGRAM = 0, FIXED_TABLE = 36, VALUES = 13, CLIENT_ID_AT = 72, OFFSET_BYTES = 2, FLAGS3_AT = 27, EXTENSION_FLAG = 0x10,
       FILE_NAME_MAX = 260, NOT_FOLLOWED = 0xffff };

enum value_unit { UNIT_CHARACTERS, UNIT_BYTES, UNIT_EXTENSION };

/* The values in the order of their offsets; the client's MAC address stands between language's and SSPI's. */
static const struct value_row {
    uint8_t at;       /* of its offset in LOGIN7 */
    uint8_t unit;
    uint16_t most;    /* characters; 0: any */
    uint16_t field;
} values[VALUES] = {
    {36, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_HOST},       {40, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_USER},
    {44, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_PASSWORD},   {48, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_PROGRAM},
    {52, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_SERVER_NAME},{56, UNIT_EXTENSION, 0, FIELD_NONE},
    {60, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_LIBRARY},    {64, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_LANGUAGE},
    {68, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_DATABASE},   {78, UNIT_BYTES, 0, FIELD_TDS_AUTH_DATA},
    {82, UNIT_CHARACTERS, FILE_NAME_MAX, FIELD_TDS_ATTACH_FILE}, {86, UNIT_CHARACTERS, TDS_NAME_MAX, FIELD_TDS_PASSWORD},
};

struct login {
    struct view record; /* as far as it is in this packet */
    uint32_t length;    /* as it says itself */
    uint32_t fixed;
    uint32_t starts[VALUES], lengths[VALUES];
    unsigned count;
    bool extension;
    struct view user, database, program;
};

static uint32_t little(struct view record, size_t at, unsigned width)
{
    struct cursor c = cursor_over(view_from(record, at));
    return width == 2 ? take_u16le(&c) : take_u32le(&c);
}

static void check_fixed(struct tds_reading *r, struct login *l)
{
    struct tds_state *s = r->state;
    uint32_t version = little(l->record, 4, 4), size = little(l->record, 8, 4), base = r->base;
    tds_level_set(s, version);
    note_field(r->out, FIELD_TDS_LOGIN_LENGTH, base, 4, l->length);
    note_field(r->out, FIELD_TDS_VERSION, base + 4, 4, version);
    note_field(r->out, FIELD_TDS_PACKET_SIZE, base + 8, 4, size);
    note_field(r->out, FIELD_TDS_CLIENT_PID, base + 16, 4, little(l->record, 16, 4));
    l->extension = s->level >= LEVEL_74 && l->record.bytes[FLAGS3_AT] & EXTENSION_FLAG;
    l->fixed = s->level >= LEVEL_72 || !s->level_sure ? TDS_LOGIN7_FIXED : TDS_LOGIN7_OLD_FIXED;
    if (!s->level_sure)
        tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_VERSION, .field = FIELD_TDS_VERSION, .relation = MUST_BE,
                                      .offset = base + 4, .length = 4, .got = version, .note = "a version from 7.0 to 7.4, or 8.0"});
    s->wished_size = size && size <= TDS_PACKET_MAX ? (uint16_t)size : TDS_PACKET_FIRST;
    if (size && (size < TDS_PACKET_LEAST || size > TDS_PACKET_MAX))
        tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_PACKET_SIZE, .field = FIELD_TDS_PACKET_SIZE, .relation = MUST_BE,
                                      .offset = base + 8, .length = 4, .got = size, .note = "0, or 512 to 32767"});
}

static bool check_length(struct tds_reading *r, const struct login *l)
{
    bool large = l->length > TDS_LOGIN7_MAX;
    bool single = r->last && l->length != l->record.length;
    if (!large && !single && l->length >= TDS_LOGIN7_OLD_FIXED)
        return true;
    bool too_large = large && !single;
    tds_defect(r, (struct report){.anomaly = too_large ? ANOMALY_TDS_LOGIN_LARGE : ANOMALY_TDS_LOGIN_LENGTH, .field = FIELD_TDS_LOGIN_LENGTH,
                                  .relation = too_large ? MUST_NOT_EXCEED : single ? MUST_EQUAL : MUST_REACH, .offset = r->base, .length = 4,
                                  .got = l->length, .expected = too_large ? TDS_LOGIN7_MAX : single ? l->record.length : TDS_LOGIN7_OLD_FIXED,
                                  .note = single ? "the bytes of the message" : NULL});
    return false;
}

static void keep_text(struct login *l, enum field field, struct view text)
{
    if (field == FIELD_TDS_USER)
        l->user = text;
    if (field == FIELD_TDS_DATABASE)
        l->database = text;
    if (field == FIELD_TDS_PROGRAM)
        l->program = text;
}

static void outside(struct tds_reading *r, const struct login *l, const struct value_row *row, uint64_t end)
{
    bool before = end == 0;
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_OFFSET, .field = FIELD_TDS_LOGIN_OFFSET, .relation = before ? MUST_REACH : MUST_NOT_EXCEED,
                                  .offset = r->base + row->at, .length = before ? 2 : 4, .got = before ? little(l->record, row->at, 2) : end,
                                  .expected = before ? l->fixed : l->length,
                                  .note = before ? "the end of the fixed part" : "offset and length together: the end of LOGIN7"});
}

/* One value: in its bounds, noted as far as it is here. */
static bool take_value_of(struct tds_reading *r, struct login *l, const struct value_row *row)
{
    uint32_t start = little(l->record, row->at, 2), count = little(l->record, row->at + OFFSET_BYTES, 2);
    bool sspi = row->field == FIELD_TDS_AUTH_DATA;
    if (row->unit == UNIT_EXTENSION && !l->extension)
        return true;
    uint64_t bytes = row->unit == UNIT_CHARACTERS ? 2 * (uint64_t)count : count;
    if (sspi && count == NOT_FOLLOWED && l->fixed == TDS_LOGIN7_FIXED) {
        uint32_t longer = little(l->record, 90, 4);
        bytes = longer ? longer : count;
    }
    if (!bytes)
        return true;
    if (row->most && count > row->most) {
        r->state->reported = true;
        tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_NAME, .field = FIELD_TDS_LOGIN_COUNT, .relation = MUST_NOT_EXCEED,
                                      .offset = r->base + row->at + OFFSET_BYTES, .length = 2, .got = count, .expected = row->most,
                                      .note = "characters"});
    }
    if (start < l->fixed || start + bytes > l->length) {
        outside(r, l, row, start < l->fixed ? 0 : start + bytes);
        return false;
    }
    l->starts[l->count] = start;
    l->lengths[l->count++] = (uint32_t)bytes;
    struct view here = view_head(view_from(l->record, start), bytes < UINT32_MAX ? (size_t)bytes : UINT32_MAX);
    if (row->field && here.length)
        note_field(r->out, (enum field)row->field, r->base + start, (uint32_t)here.length, 0);
    keep_text(l, (enum field)row->field, here);
    return true;
}

static void check_overlap(struct tds_reading *r, const struct login *l)
{
    for (unsigned i = 1; i < l->count; i++)
        for (unsigned k = 0; k < i; k++)
            if (l->starts[i] < l->starts[k] + l->lengths[k] && l->starts[k] < l->starts[i] + l->lengths[i]) {
                tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_OVERLAP, .field = FIELD_TDS_LOGIN_OFFSET, .relation = MUST_BE,
                                              .offset = r->base + l->starts[i], .length = l->lengths[i], .got = l->starts[i],
                                              .note = "bytes that no other value has"});
                return;
            }
}

static void feature_leaves(struct tds_reading *r, uint32_t at, uint32_t length, uint64_t got, uint64_t left)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_FEATURE, .field = FIELD_TDS_FEATURE_LENGTH, .relation = MUST_NOT_EXCEED,
                                  .offset = r->base + at, .length = length, .got = got, .expected = left, .note = "the bytes that are left"});
}

/* The extension holds the offset of the list of features, which stands at the end of LOGIN7. */
static void take_features(struct tds_reading *r, struct login *l)
{
    uint32_t extension = little(l->record, 56, 2), bytes = little(l->record, 58, 2);
    if (!l->extension || bytes < 4 || view_from(l->record, extension).length < 4)
        return;
    uint32_t start = little(l->record, extension, 4);
    if (!start)
        return;
    if (start < l->fixed || start >= l->length) {
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_FEATURE, .field = FIELD_TDS_LOGIN_OFFSET, .relation = MUST_BE,
                                      .offset = r->base + extension, .length = 4, .got = start, .expected = l->length,
                                      .note = "an offset inside LOGIN7, behind its fixed part"});
        return;
    }
    struct cursor c = cursor_over(view_from(l->record, start));
    while (cursor_left(&c)) {
        uint32_t at = start + cursor_offset(&c);
        uint8_t feature = take_u8(&c);
        note_field(r->out, FIELD_TDS_FEATURE, r->base + at, 1, feature);
        if (feature == FEATURE_TERMINATOR)
            return;
        if (cursor_left(&c) < 4)
            break;
        uint32_t length = take_u32le(&c);
        note_field(r->out, FIELD_TDS_FEATURE_LENGTH, r->base + at + 1, 4, length);
        if (length > l->length - (at + 5)) {
            feature_leaves(r, at + 1, 4, length, l->length - (at + 5));
            return;
        }
        struct view data = view_head(cursor_ahead(&c), length);
        if (feature == FEATURE_FEDAUTH && data.length)
            note_field(r->out, FIELD_TDS_AUTH_DATA, r->base + at + 5, (uint32_t)data.length, 0);
        if (data.length < length)
            return; /* goes on in another packet */
        take_skip(&c, length);
    }
    if (l->record.length == l->length)
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_FEATURE, .field = FIELD_TDS_FEATURE, .relation = MUST_BE,
                                      .offset = r->base + l->length, .length = 0, .note = "ff at the end of the list"});
}

static void tell_login(struct tds_reading *r, const struct login *l)
{
    struct session *session = r->out->session;
    tds_session_text(session->user, &session->user_length, l->user);
    tds_session_text(session->database, &session->database_length, l->database);
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = view_of(session->user, session->user_length),
                                  .more = view_of(session->database, session->database_length)});
    struct view program = l->program.length ? tds_readable(r, SLOT_PROGRAM, l->program) : l->program;
    if (program.length)
        observe(r->out, (struct fact){.kind = FACT_CLIENT, .text = program});
}

/* Both sides agreed to encrypt it, and here it is. */
static void check_clear(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    enum tds_agreement agreed = tds_agreed(s);
    if (s->joined || r->out->session->inside || (agreed != AGREED_LOGIN_ONLY && agreed != AGREED_ALL))
        return;
    s->reported = true;
    tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_IN_CLEAR, .field = FIELD_TDS_TYPE, .relation = MUST_BE, .offset = r->base - TDS_HEADER,
                                  .length = 1, .got = TDS_LOGIN7, .note = "TLS, as both sides agreed"});
}

/* What cannot be told apart may hold the password; the fixed part never does. */
static void mask(struct tds_reading *r, uint32_t from)
{
    take_skip(&r->c, from < cursor_left(&r->c) ? from : cursor_left(&r->c));
    struct view rest = take_rest(&r->c);
    if (rest.length)
        note_field(r->out, FIELD_TDS_AUTH_DATA, r->base + cursor_offset(&r->c) - (uint32_t)rest.length, (uint32_t)rest.length, 0);
}

void tds_login7(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    struct login l = {.record = cursor_ahead(&r->c), .user = view_of("", 0), .database = view_of("", 0), .program = view_of("", 0)};
    if (r->stream->blind || r->stream->bytes) {
        mask(r, 0);
        return;
    }
    s->stage = STAGE_LOGIN;
    s->login_sent = true;
    check_clear(r);
    if (l.record.length < TDS_LOGIN7_OLD_FIXED || (l.record.length < TDS_LOGIN7_FIXED && little(l.record, 4, 4) >= TDS_VERSION_7_2)) {
        if (r->last)
            tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_SHORT, .field = FIELD_TDS_LENGTH, .relation = MUST_REACH,
                                          .offset = r->base - TDS_HEADER + 2, .length = 2, .got = TDS_HEADER + l.record.length,
                                          .expected = TDS_HEADER + TDS_LOGIN7_FIXED});
        r->stream->blind = true;
        mask(r, FIXED_TABLE);
        return;
    }
    l.length = s->login_length = little(l.record, 0, 4);
    check_fixed(r, &l);
    bool sound = check_length(r, &l);
    for (unsigned i = 0; sound && i < VALUES && values[i].at && values[i].at + 4u <= l.fixed; i++)
        sound = take_value_of(r, &l, &values[i]);
    if (sound) {
        check_overlap(r, &l);
        take_features(r, &l);
        tell_login(r, &l);
    } else {
        mask(r, l.fixed);
    }
}

void tds_login7_end(struct tds_reading *r)
{
    const struct tds_state *s = r->state;
    if (r->stream->blind || s->login_length == r->stream->bytes)
        return;
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_LENGTH, .field = FIELD_TDS_LOGIN_LENGTH, .relation = MUST_EQUAL,
                                  .offset = r->base, .length = 0, .got = s->login_length, .expected = r->stream->bytes,
                                  .note = "the bytes of the message"});
}
