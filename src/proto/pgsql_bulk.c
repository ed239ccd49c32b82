/*
 * The short way for PostgreSQL messages that come by the million and say little: rows, and COPY data. It only takes what
 * is in order; everything else is left, untouched, to the readers that can report.
 */
#include "model/name.h"
#include "proto/pgsql.h"

static void note_header(struct findings *out, uint16_t message, uint8_t type, uint32_t length)
{
    out->message = message;
    note_field(out, FIELD_PGSQL_TYPE, 0, 1, type);
    note_field(out, FIELD_PGSQL_LENGTH, 1, 4, length);
}

/* Do the values fill the row, as far as it is here? */
static bool row_in_order(struct cursor c, uint64_t whole, uint32_t count)
{
    bool cut = whole > cursor_all(&c).length;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = take_u32be(&c);
        if (length != PGSQL_NULL)
            take_skip(&c, length);
        if (c.failed)
            return cut && length <= whole;
    }
    return cursor_offset(&c) == whole;
}

bool pgsql_bulk(struct pgsql_state *s, enum side from, struct cursor c, struct findings *out)
{
    uint8_t type = take_u8(&c);
    if ((type != 'D' && type != 'd') || s->stage != STAGE_SESSION || s->negotiation)
        return false;
    uint32_t length = take_u32be(&c);
    bool row = from == FROM_SERVER && type == 'D';
    bool data = type == 'd' && s->copy == (from == FROM_SERVER ? COPY_OUT : COPY_IN);
    uint32_t limit = from == FROM_SERVER ? PGSQL_SERVER_LONG_MAX : PGSQL_LARGE_MESSAGE_MAX;
    if (length < 4 || length > limit)
        return false;
    if (data) {
        note_header(out, from == FROM_SERVER ? PGSQL_SERVER_COPY_DATA : PGSQL_COPY_DATA, type, length);
        s->rows += from == FROM_SERVER;
        return true;
    }
    uint32_t count = take_u16be(&c);
    if (!row || c.failed || (s->columns_known && count != s->columns) || (!s->queue_used && !s->untracked) ||
        !row_in_order(c, out->message_length, count))
        return false;
    note_header(out, PGSQL_DATA_ROW, type, length);
    note_field(out, FIELD_PGSQL_COLUMN_COUNT, PGSQL_HEADER, 2, count);
    s->rows++;
    return true;
}
