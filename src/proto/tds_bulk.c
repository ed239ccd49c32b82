/*
 * Bulk data ([MS-TDS] 2.2.6.1): the description of its columns, rows and DONE as a server sends them, but from the client. The
 * text of WRITETEXT and UPDATETEXT comes in packets of the same type, a length and its bytes, and is not looked into.
 */
#include "model/name.h"
#include "proto/tds.h"

/* The length of a text, and nothing but the text: it may begin like a description of columns. */
static bool is_text(const struct tds_reading *r)
{
    struct cursor c = r->c;
    uint32_t length = take_u32le(&c);
    return r->last && r->stream->bytes == 0 && !c.failed && length == cursor_left(&c);
}

static bool begin_bulk_token(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    bool text = is_text(r);
    if (!tds_take(r, 1, &element))
        return false;
    uint8_t token = take_u8(&element);
    bool first = stream->bytes == 0 && r->at == r->base;
    if (first && (text || token != TOKEN_COLMETADATA)) {
        stream->blind = r->bad = true;
        return false;
    }
    if (token == TOKEN_ROW) {
        stream->column = 0;
        stream->null_row = false;
    } else if (token == TOKEN_COLMETADATA || token == TOKEN_DONE) {
        tds_note(r, FIELD_TDS_TOKEN, 0, 1, token);
    } else {
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_BULK_TOKEN, .field = FIELD_TDS_TOKEN, .relation = MUST_BE, .offset = r->at, .length = 1,
                                      .got = token, .note = "81, d1 or fd"});
        return false;
    }
    stream->token = token;
    stream->step = 0;
    stream->field_open = true;
    return true;
}

static bool bulk_done(struct tds_reading *r)
{
    struct cursor element;
    return tds_take(r, r->state->level >= LEVEL_72 || r->state->level == LEVEL_UNKNOWN ? 12 : 8, &element);
}

void tds_bulk(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    for (;;) {
        if (!stream->token && (!cursor_left(&r->c) || !begin_bulk_token(r)))
            return;
        bool whole = stream->token == TOKEN_ROW ? tds_row(r) : stream->token == TOKEN_COLMETADATA ? tds_columns(r) : bulk_done(r);
        if (!whole)
            return;
        stream->rows += stream->token == TOKEN_ROW;
        stream->token = 0;
        stream->field_open = false;
    }
}
