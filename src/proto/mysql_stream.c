/*
 * Replication over a MySQL/MariaDB connection: after COM_BINLOG_DUMP the server sends events until one side ends it.
 * Specification: page_protocol_replication, page_protocol_replication_binlog_event; semi-synchronous replication plugin.
 */
#include "proto/mysql.h"

enum verdict mysql_semisync_ack(struct packet *p)
{
    p->out->message = MYSQL_UNKNOWN;
    if (peek_u8(&p->c) != 0xef || p->payload < 9)
        return VERDICT_OK;
    p->out->message = MYSQL_SEMISYNC_ACK;
    take_skip(&p->c, 1);
    mysql_number(p, FIELD_MYSQL_BINLOG_POSITION, take_u64le(&p->c), 8);
    note_bytes(p->out, FIELD_MYSQL_BINLOG_FILENAME, take_rest(&p->c), &p->c);
    return VERDICT_OK;
}

enum verdict mysql_binlog_event(struct packet *p)
{
    uint8_t first = peek_u8(&p->c);
    if (first == 0xff)
        return mysql_error(p);
    if (first == 0xfe && p->payload < 9) {
        uint16_t status;
        mysql_eof(p, &status);
        p->s->phase = PHASE_CLOSING;
        mysql_reply_end(p);
        return VERDICT_OK;
    }
    p->out->message = MYSQL_BINLOG_EVENT;
    take_skip(&p->c, 1);
    uint64_t size = packet_left(p);
    if (peek_u8(&p->c) == 0xef) { /* semi-synchronous replication puts two bytes before the event */
        take_skip(&p->c, 1);
        mysql_number(p, FIELD_MYSQL_SEMISYNC_NEED_ACK, take_u8(&p->c), 1);
        size = packet_left(p);
    }
    if (first != 0 || size < 19) {
        mysql_blame(p, ANOMALY_MYSQL_EVENT_HEADER, FIELD_MYSQL_EVENT_LENGTH, packet_at(p), (uint32_t)size,
                     at_least(size, 19));
        return VERDICT_OK;
    }
    mysql_number(p, FIELD_MYSQL_EVENT_TIMESTAMP, take_u32le(&p->c), 4);
    mysql_number(p, FIELD_MYSQL_EVENT_TYPE, take_u8(&p->c), 1);
    mysql_number(p, FIELD_MYSQL_SERVER_ID, take_u32le(&p->c), 4);
    uint32_t length = take_u32le(&p->c);
    mysql_number(p, FIELD_MYSQL_EVENT_LENGTH, length, 4);
    if (length != size && p->payload < MYSQL_SPLIT)
        mysql_blame(p, ANOMALY_MYSQL_EVENT_LENGTH, FIELD_MYSQL_EVENT_LENGTH, packet_at(p) - 4, 4,
                     must_equal(length, size));
    mysql_number(p, FIELD_MYSQL_EVENT_NEXT_POSITION, take_u32le(&p->c), 4);
    return VERDICT_OK;
}
