/*
 * The login of TDS 4.2 and 5.0 ([MS-SSTDS] 2.2.6.1; freetds.org, TDS Protocol Documentation): 568 bytes of fields with fixed
 * places, each name with its length behind it, in packets of 512 bytes. TDS 5.0 adds a list of capabilities.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { OLD_VERSION_AT = 458, OLD_VERSION_BYTES = 4 };

static const struct place {
    uint16_t start, size;
    uint16_t field;
} places[] = {
    {0, 30, FIELD_TDS_HOST},      {31, 30, FIELD_TDS_USER},        {62, 30, FIELD_TDS_PASSWORD}, {93, 30, FIELD_NONE},
    {140, 30, FIELD_TDS_PROGRAM}, {171, 30, FIELD_TDS_SERVER_NAME}, {202, 255, FIELD_TDS_PASSWORD}, {462, 10, FIELD_TDS_LIBRARY},
    {480, 30, FIELD_TDS_LANGUAGE}, {525, 30, FIELD_NONE},           {557, 6, FIELD_NONE},
};

/* The byte at `place` of the login, if it is in this packet. */
static bool byte_here(const struct tds_reading *r, struct view here, uint32_t place, uint8_t *byte)
{
    uint32_t start = r->stream->bytes;
    if (place < start || place - start >= here.length)
        return false;
    *byte = here.bytes[place - start];
    return true;
}

/* The part of a field that is in this packet. */
static struct view part_here(const struct tds_reading *r, struct view here, uint32_t place, uint32_t bytes, uint32_t *at)
{
    uint32_t start = r->stream->bytes;
    uint32_t from = place > start ? place : start, end = place + bytes;
    if (end <= from || from - start >= here.length)
        return view_of("", 0);
    *at = r->base + (from - start);
    return view_head(view_from(here, from - start), end - from);
}

static void tell(struct tds_reading *r, const struct place *p, struct view text)
{
    struct session *session = r->out->session;
    text = view_head(text, SESSION_TEXT_MAX);
    memcpy(session->user, text.bytes, text.length);
    session->user_length = (uint8_t)text.length;
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = text, .more = view_of("", 0)});
    (void)p;
}

/* The name is as long as the byte behind its field says. */
static void take_place(struct tds_reading *r, struct view here, const struct place *p)
{
    uint32_t at = 0;
    uint8_t length = 0;
    bool known = byte_here(r, here, (uint32_t)p->start + p->size, &length);
    if (known && length > p->size && p->size < UINT8_MAX) {
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_OLD_LOGIN_LENGTH, .field = FIELD_TDS_OLD_LENGTH, .relation = MUST_NOT_EXCEED,
                                      .offset = r->base + p->start + p->size - r->stream->bytes, .length = 1, .got = length,
                                      .expected = p->size, .note = "the field before it"});
        return;
    }
    bool secret = p->field == FIELD_TDS_PASSWORD;
    struct view part = part_here(r, here, p->start, secret || !known ? p->size : length, &at);
    if (p->field && part.length)
        note_field(r->out, (enum field)p->field, at, (uint32_t)part.length, 0);
    if (p->field == FIELD_TDS_USER && part.length && known)
        tell(r, p, part);
}

static void take_version(struct tds_reading *r, struct view here)
{
    uint32_t at = 0;
    struct view version = part_here(r, here, OLD_VERSION_AT, OLD_VERSION_BYTES, &at);
    if (version.length < OLD_VERSION_BYTES)
        return;
    struct cursor c = cursor_over(version);
    uint32_t number = take_u32be(&c);
    note_field(r->out, FIELD_TDS_VERSION, at, OLD_VERSION_BYTES, number);
    r->state->level = number >> 24 == 5 ? LEVEL_50 : LEVEL_42;
}

void tds_old_login(struct tds_reading *r)
{
    struct tds_state *s = r->state;
    struct view here = cursor_ahead(&r->c);
    if (!r->stream->bytes) {
        s->stage = STAGE_LOGIN;
        s->login_sent = true;
        s->level = LEVEL_42;
        s->level_sure = true;
    }
    if (r->stream->blind)
        return;
    take_version(r, here);
    for (unsigned i = 0; i < sizeof places / sizeof places[0] && !r->bad; i++)
        take_place(r, here, &places[i]);
    uint64_t whole = (uint64_t)r->stream->bytes + here.length;
    if (r->last && !r->bad && whole < TDS_OLD_LOGIN_BYTES - OLD_VERSION_BYTES)
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_LOGIN_SHORT, .field = FIELD_TDS_LENGTH, .relation = MUST_REACH,
                                      .offset = r->base - TDS_HEADER + 2, .length = 2, .got = whole, .expected = TDS_OLD_LOGIN_BYTES,
                                      .note = "bytes of the login in all its packets"});
}
