/* Reading the fields of a PostgreSQL message with reports: the counterpart of src/backend/libpq/pqformat.c. */
#include "proto/pgsql.h"

/* Text in a wrong encoding is an ordinary error, raised where the string is read. */
static bool badly_encoded(const struct pgsql_reading *r)
{
    for (unsigned i = 0; i < r->strings_read && r->state->utf8; i++)
        if (!pgsql_is_utf8(r->strings[i]))
            return true;
    return false;
}

void pgsql_defect(struct pgsql_reading *r, struct report found)
{
    r->bad = true;
    if (r->from == FROM_CLIENT) {
        if (r->unread || badly_encoded(r))
            found.anomaly = ANOMALY_PGSQL_DEFECT_NOT_READ;
        else
            r->state->reported = true;
    }
    report(r->out, found);
}

void pgsql_remark(struct pgsql_reading *r, struct report found)
{
    report(r->out, found);
}

uint32_t pgsql_hash(struct view name)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ name.bytes[i]) * UINT32_C(16777619);
    return hash;
}

void pgsql_too_short(struct pgsql_reading *r, enum field field, unsigned bytes)
{
    size_t left = cursor_left(&r->c);
    if (!pgsql_stop(r) && !pgsql_cut(r))
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_MESSAGE_TOO_SHORT, .field = (uint16_t)field,
                                        .relation = MUST_REACH, .offset = cursor_offset(&r->c), .length = (uint32_t)left,
                                        .got = left, .expected = bytes, .note = "bytes left for the field"});
    cursor_fail(&r->c);
}

struct view pgsql_string(struct pgsql_reading *r, enum field field)
{
    uint32_t at = cursor_offset(&r->c);
    struct view ahead = cursor_ahead(&r->c);
    struct view none = view_of(ahead.bytes, 0);
    if (pgsql_stop(r))
        return none;
    struct view text = take_until(&r->c, 0);
    if (!r->c.failed) {
        note_field(r->out, field, at, (uint32_t)text.length, 0);
        if (r->strings_read < sizeof r->strings / sizeof r->strings[0])
            r->strings[r->strings_read++] = text;
        return text;
    }
    if (ahead.length)
        note_field(r->out, field, at, (uint32_t)ahead.length, 0);
    if (!pgsql_cut(r))
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_UNTERMINATED_STRING, .field = (uint16_t)field,
                                        .relation = MUST_BE, .offset = at, .length = (uint32_t)ahead.length,
                                        .note = "a NUL byte inside the message"});
    return none;
}

void pgsql_end(struct pgsql_reading *r)
{
    uint32_t at = cursor_offset(&r->c);
    if (pgsql_stop(r) || at >= r->out->message_length)
        return;
    uint64_t extra = r->out->message_length - at;
    pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_TRAILING_BYTES, .field = FIELD_PGSQL_LENGTH,
                                    .relation = MUST_EQUAL, .offset = at,
                                    .length = extra < UINT32_MAX ? (uint32_t)extra : UINT32_MAX,
                                    .got = r->out->message_length - 1, .expected = at - 1,
                                    .note = "the bytes of the message's fields"});
}
