/*
 * Requests: the headers before their data ([MS-TDS] 2.2.5.3), SQL batches (2.2.6.7) and the transaction manager's (2.2.6.9).
 * Calls of procedures and bulk data are in tds_rpc.c and tds_bulk.c.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { TOTAL_BYTES = 4, HEADER_BYTES = 6, DESCRIPTOR_BYTES = 18, ACTIVITY_BYTES = 26, NOTIFICATION_LEAST = 12 };

/* Shared by all requests; what comes behind the headers counts on from STEP_DATA. */
enum { STEP_TOTAL, STEP_HEADER, STEP_HEADER_DATA, STEP_DATA };

/* A request of one packet whose level is only guessed: do its first bytes look like headers? */
static bool looks_headed(const struct tds_reading *r)
{
    struct cursor c = r->c;
    uint32_t total = take_u32le(&c), first = take_u32le(&c), type = take_u16le(&c);
    return !c.failed && total >= first && first >= HEADER_BYTES && total - first >= TOTAL_BYTES && total <= 0x1000 && type >= 1 && type <= 3;
}

static void wrong_total(struct tds_reading *r, uint64_t got, enum relation relation, uint64_t expected)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_HEADERS_LENGTH, .field = FIELD_TDS_HEADERS_LENGTH, .relation = (uint8_t)relation,
                                  .offset = r->at, .length = 4, .got = got, .expected = expected,
                                  .note = relation == MUST_NOT_EXCEED ? "the bytes of the request" : "the length itself"});
}

static void take_total(struct tds_reading *r, struct cursor c)
{
    struct tds_stream *stream = r->stream;
    uint32_t total = take_u32le(&c);
    tds_note(r, FIELD_TDS_HEADERS_LENGTH, 0, 4, total);
    uint64_t here = TOTAL_BYTES + cursor_left(&r->c);
    if (total < TOTAL_BYTES)
        wrong_total(r, total, MUST_REACH, TOTAL_BYTES);
    else if (r->last && total > here)
        wrong_total(r, total, MUST_NOT_EXCEED, here);
    if (r->bad)
        return;
    stream->left = total - TOTAL_BYTES;
    stream->step = STEP_HEADER;
}

static uint32_t least_of(uint16_t type)
{
    return type == HEADER_TRANSACTION_DESCRIPTOR ? DESCRIPTOR_BYTES : type == HEADER_TRACE_ACTIVITY ? ACTIVITY_BYTES
                                                                  : type == HEADER_QUERY_NOTIFICATIONS ? NOTIFICATION_LEAST : HEADER_BYTES;
}

static void take_header(struct tds_reading *r, struct cursor c)
{
    struct tds_stream *stream = r->stream;
    uint32_t length = take_u32le(&c);
    uint16_t type = take_u16le(&c);
    uint32_t least = least_of(type);
    bool exact = type == HEADER_TRANSACTION_DESCRIPTOR || type == HEADER_TRACE_ACTIVITY;
    tds_note(r, FIELD_TDS_HEADER_LENGTH, 0, 4, length);
    tds_note(r, FIELD_TDS_HEADER_TYPE, 4, 2, type);
    if (length > stream->left) {
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_HEADERS_LENGTH, .field = FIELD_TDS_HEADER_LENGTH, .relation = MUST_NOT_EXCEED,
                                      .offset = r->at, .length = 4, .got = length, .expected = stream->left,
                                      .note = "what all headers have left"});
        return;
    }
    if (length < least || (exact && length != least)) {
        tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_HEADER_LENGTH, .field = FIELD_TDS_HEADER_LENGTH,
                                      .relation = exact ? MUST_EQUAL : MUST_REACH, .offset = r->at, .length = 4, .got = length,
                                      .expected = least});
        return;
    }
    if (type < HEADER_QUERY_NOTIFICATIONS || type > HEADER_TRACE_ACTIVITY)
        tds_remark(r, (struct report){.anomaly = ANOMALY_TDS_HEADER_TYPE, .field = FIELD_TDS_HEADER_TYPE, .relation = MUST_BE,
                                      .offset = tds_at(r, 4), .length = 2, .got = type, .note = "1, 2 or 3"});
    stream->left -= length;
    stream->skip = length - HEADER_BYTES;
}

/* All headers; true: they are behind, and the data begins. */
bool tds_headers(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (stream->step >= STEP_DATA)
        return true;
    if (stream->step == STEP_TOTAL && !stream->bytes && !stream->carried) {
        bool headed = r->state->level_sure ? r->state->level >= LEVEL_72 : looks_headed(r);
        if (!headed) {
            stream->step = STEP_DATA;
            return true;
        }
    }
    while (!r->bad) {
        if (!tds_pass(r))
            return false;
        if (stream->step == STEP_TOTAL) {
            if (!tds_take(r, TOTAL_BYTES, &element))
                return false;
            take_total(r, element);
        } else if (stream->left == 0) {
            stream->step = STEP_DATA;
            return true;
        } else if (stream->left < HEADER_BYTES) {
            tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_HEADERS_LENGTH, .field = FIELD_TDS_HEADERS_LENGTH, .relation = MUST_BE,
                                          .offset = r->at, .length = 0, .got = stream->left, .note = "headers that add up to it"});
        } else {
            if (!tds_take(r, HEADER_BYTES, &element))
                return false;
            take_header(r, element);
        }
    }
    return false;
}

static void batch(struct tds_reading *r)
{
    struct view text = take_rest(&r->c);
    if (text.length)
        note_field(r->out, FIELD_TDS_SQL, r->base + cursor_offset(&r->c) - (uint32_t)text.length, (uint32_t)text.length, 0);
}

static void transaction(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (stream->step == STEP_DATA) {
        if (!tds_take(r, 2, &element))
            return;
        uint16_t kind = take_u16le(&element);
        tds_note(r, FIELD_TDS_TRANSACTION, 0, 2, kind);
        if (kind > TM_SAVE_XACT || (kind > TM_PROPAGATE_XACT && kind < TM_BEGIN_XACT)) {
            tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_TRANSACTION_REQUEST, .field = FIELD_TDS_TRANSACTION, .relation = MUST_BE,
                                          .offset = r->at, .length = 2, .got = kind, .note = "0, 1, or 5 to 9"});
            return;
        }
        stream->step++;
    }
    (void)take_rest(&r->c);
}

void tds_request(struct tds_reading *r)
{
    switch (r->stream->type) {
    case TDS_SQL_BATCH:
        if (tds_headers(r))
            batch(r);
        break;
    case TDS_TRANSACTION_MANAGER:
        if (tds_headers(r))
            transaction(r);
        break;
    case TDS_RPC:
        if (tds_headers(r))
            tds_rpc(r);
        break;
    case TDS_BULK_LOAD:
        tds_bulk(r);
        break;
    default:
        break;
    }
}

void tds_request_end(struct tds_reading *r)
{
    const struct tds_stream *stream = r->stream;
    bool headers = stream->step < STEP_DATA && (stream->type == TDS_SQL_BATCH || stream->type == TDS_TRANSACTION_MANAGER || stream->type == TDS_RPC);
    bool open = headers || stream->skip || stream->carried || stream->field_open ||
                (stream->type == TDS_TRANSACTION_MANAGER && stream->step == STEP_DATA);
    if (stream->status & STATUS_IGNORE || !open)
        return;
    uint32_t end = r->base + cursor_offset(&r->c);
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_REQUEST_CUT, .field = FIELD_DB_LENGTH, .relation = MUST_BE, .offset = end, .length = 0,
                                  .got = stream->bytes, .note = "the rest of what was begun"});
}
