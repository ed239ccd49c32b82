/* PostgreSQL COPY and streaming replication: how a COPY is described, and what CopyData of a replication stream holds. */
#include "model/name.h"
#include "proto/pgsql.h"

enum { STANDBY_STATUS_BODY = 33, FEEDBACK_BODY = 24, XLOG_DATA_HEADER = 24, KEEPALIVE_BODY = 17 };

void pgsql_copy_response(struct pgsql_reading *r, enum pgsql_copy copy)
{
    uint32_t format = pgsql_u8(r, FIELD_PGSQL_COPY_FORMAT);
    uint32_t count_at = cursor_offset(&r->c);
    uint32_t count = pgsql_u16(r, FIELD_PGSQL_COLUMN_COUNT);
    if (!pgsql_stop(r) && format > 1)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_COPY_RESPONSE, .field = FIELD_PGSQL_COPY_FORMAT,
                                        .relation = MUST_NOT_EXCEED, .offset = PGSQL_HEADER, .length = 1, .got = format,
                                        .expected = 1});
    for (uint32_t i = 0; i < count && !pgsql_stop(r); i++) {
        if (cursor_left(&r->c) < 2) {
            (void)pgsql_u16(r, FIELD_PGSQL_FORMAT);
            break;
        }
        uint32_t column = take_u16be(&r->c);
        if (column > format)
            pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_COPY_RESPONSE, .field = FIELD_PGSQL_FORMAT,
                                            .relation = MUST_NOT_EXCEED, .offset = count_at + 2 + 2 * i, .length = 2,
                                            .got = column, .expected = format, .note = "the overall format"});
    }
    pgsql_end(r);
    pgsql_answer_copy(r, copy);
}

static void wrong_body(struct pgsql_reading *r, enum anomaly anomaly, uint32_t kind, const char *note)
{
    uint32_t have = r->out->message_length > PGSQL_HEADER ? 1 : 0;
    pgsql_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_PGSQL_REPLICATION_KIND, .relation = MUST_BE,
                                    .offset = PGSQL_HEADER, .length = have, .got = kind, .note = note});
}

static void too_short(struct pgsql_reading *r, enum anomaly anomaly, uint64_t body, uint64_t needed)
{
    pgsql_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_PGSQL_LENGTH, .relation = MUST_REACH,
                                    .offset = 1, .length = 4, .got = body + 5, .expected = needed + 5,
                                    .note = "for this kind of message"});
}

/* CopyData that a standby sends while the server streams. */
void pgsql_standby_data(struct pgsql_reading *r)
{
    uint64_t body = r->out->message_length - PGSQL_HEADER;
    uint32_t kind = body ? pgsql_u8(r, FIELD_PGSQL_REPLICATION_KIND) : 0;
    uint64_t needed = kind == PGSQL_STANDBY_STATUS ? STANDBY_STATUS_BODY : kind == PGSQL_HOT_STANDBY_FEEDBACK ? FEEDBACK_BODY : 0;
    if (kind == PGSQL_PRIMARY_STATUS_REQUEST) /* PostgreSQL 19; an older server closes */
        return;
    if (!needed) {
        wrong_body(r, ANOMALY_PGSQL_STANDBY_BODY, kind, "one of r, h, p");
        return;
    }
    if (body - 1 < needed) {
        too_short(r, ANOMALY_PGSQL_STANDBY_BODY, body - 1, needed);
        return;
    }
    for (unsigned i = 0; kind == PGSQL_STANDBY_STATUS && i < 3; i++)
        (void)pgsql_u64(r, FIELD_PGSQL_WAL_POSITION);
    if (body - 1 > needed)
        pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_IGNORED_BYTES, .field = FIELD_PGSQL_LENGTH,
                                        .relation = MUST_EQUAL, .offset = 1, .length = 4, .got = body + 4,
                                        .expected = needed + 5});
}

/* CopyData of a server that streams. */
void pgsql_replication_data(struct pgsql_reading *r)
{
    uint64_t body = r->out->message_length - PGSQL_HEADER;
    uint32_t kind = body ? pgsql_u8(r, FIELD_PGSQL_REPLICATION_KIND) : 0;
    uint64_t needed = kind == PGSQL_XLOG_DATA ? XLOG_DATA_HEADER : kind == PGSQL_KEEPALIVE ? KEEPALIVE_BODY : 0;
    if (kind == PGSQL_PRIMARY_STATUS)
        return;
    if (!needed) {
        wrong_body(r, ANOMALY_PGSQL_SERVER_REPLICATION, kind, "one of w, k, s");
        return;
    }
    if (body - 1 < needed || (kind == PGSQL_KEEPALIVE && body - 1 != needed)) {
        too_short(r, ANOMALY_PGSQL_SERVER_REPLICATION, body - 1, needed);
        return;
    }
    (void)pgsql_u64(r, FIELD_PGSQL_WAL_POSITION);
}
