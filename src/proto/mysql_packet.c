/* Reading the pieces that all MySQL packets are made of, and saying what is wrong with them. */
#include "proto/mysql.h"

void mysql_report(struct findings *out, enum anomaly anomaly, enum field field, uint32_t offset, uint32_t length,
                  struct claim claim)
{
    report(out, (struct report){.anomaly = (uint16_t)anomaly,
                                .field = (uint16_t)field,
                                .relation = (uint8_t)claim.relation,
                                .offset = offset,
                                .length = length,
                                .got = claim.got,
                                .expected = claim.expected,
                                .note = claim.note});
}

/* What a server sends is judged by the question and by what was agreed. After a loss neither is known for a while. */
static bool is_guess(const struct packet *p, enum anomaly anomaly)
{
    const struct mysql_state *s = p->s;
    if (!s->midstream || p->from != FROM_SERVER || anomaly == ANOMALY_MYSQL_REJECTED)
        return false;
    return s->lost || ((!s->known || !s->aligned) && anomaly != ANOMALY_MYSQL_INFILE_ROGUE);
}

void mysql_blame(struct packet *p, enum anomaly anomaly, enum field field, uint32_t offset, uint32_t length,
                  struct claim claim)
{
    if (is_guess(p, anomaly))
        return;
    mysql_report(p->out, anomaly, field, offset, length, claim);
    if (p->from == FROM_CLIENT)
        p->flags |= anomaly_row(anomaly)->severity <= 3 ? REQUEST_BLAMED : REQUEST_ODD;
}

void mysql_misses(struct packet *p, enum anomaly anomaly, enum field field, uint64_t needs)
{
    if (p->payload == MYSQL_SPLIT)
        return;
    uint32_t end = p->payload + MYSQL_HEADER;
    uint32_t at = p->c.failed ? end : packet_at(p);
    mysql_blame(p, anomaly, field, at, end - at, noted(at_least(end - at, needs), "bytes"));
}

void mysql_trailing(struct packet *p, enum anomaly anomaly)
{
    uint64_t left = packet_left(p);
    if (left == 0 || p->c.failed || p->payload == MYSQL_SPLIT)
        return;
    mysql_blame(p, anomaly, FIELD_MYSQL_TRAILING, packet_at(p), (uint32_t)left, noted(must_equal(left, 0), "bytes"));
}

void mysql_number(struct packet *p, enum field field, uint64_t value, uint32_t length)
{
    note_field(p->out, field, packet_at(p) - length, length, value);
}

enum lenenc mysql_lenenc(struct packet *p, enum field field, uint64_t *value)
{
    uint32_t at = packet_at(p);
    uint64_t left = packet_left(p);
    uint8_t first = take_u8(&p->c);
    uint64_t size = first < 0xfb ? 1 : first == 0xfc ? 3 : first == 0xfd ? 4 : first == 0xfe ? 9 : 1;
    *value = first;
    if (left < size) {
        if (left == 0)
            mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, field, 1);
        else if (p->payload < MYSQL_SPLIT)
            mysql_blame(p, ANOMALY_MYSQL_LENENC_CUT, field, at, (uint32_t)left,
                         noted(at_least(left, size), "bytes of the length itself"));
        cursor_fail(&p->c);
        return LENENC_BAD;
    }
    if (p->c.failed)
        return LENENC_BAD;
    if (first == 0xff) {
        mysql_blame(p, ANOMALY_MYSQL_LENENC_RESERVED, field, at, 1, at_most(first, 0xfe));
        return LENENC_BAD;
    }
    if (first == 0xfb)
        return LENENC_NULL;
    if (size == 3)
        *value = take_u16le(&p->c);
    else if (size == 4)
        *value = take_u24le(&p->c);
    else if (size == 9)
        *value = take_u64le(&p->c);
    return p->c.failed ? LENENC_BAD : LENENC_VALUE;
}

bool mysql_text(struct packet *p, enum field field, enum anomaly overrun, struct view *text)
{
    uint32_t at = packet_at(p);
    uint64_t length;
    *text = view_of("", 0);
    enum lenenc kind = mysql_lenenc(p, field, &length);
    if (kind == LENENC_BAD)
        return false;
    if (kind == LENENC_NULL)
        return true;
    if (length > packet_left(p)) {
        mysql_blame(p, overrun, field, at, packet_at(p) - at, at_most(length, packet_left(p)));
        cursor_fail(&p->c);
        return false;
    }
    *text = take_view(&p->c, length);
    if (p->c.failed)
        return false;
    note_bytes(p->out, field, *text, &p->c);
    return true;
}

bool mysql_string(struct packet *p, enum field field, bool open_end, enum anomaly unterminated, struct view *text)
{
    struct view ahead = cursor_ahead(&p->c);
    const uint8_t *end = ahead.length ? memchr(ahead.bytes, 0, ahead.length) : NULL;
    if (end) {
        *text = take_view(&p->c, (uint64_t)(end - ahead.bytes));
        note_bytes(p->out, field, *text, &p->c);
        take_skip(&p->c, 1);
        return true;
    }
    uint32_t at = packet_at(p);
    *text = take_rest(&p->c);
    note_bytes(p->out, field, *text, &p->c);
    if (p->cut)
        return false;
    if (!open_end)
        mysql_blame(p, unterminated, field, at, (uint32_t)text->length, must_be(0, "a string that ends in a NUL"));
    return open_end;
}
