/*
 * Finding the way again after lost bytes: where a packet surely begins, and whether the stream is one of packets at all.
 * Wrong guesses cost more than late ones: what is found is judged by the rest of the segment.
 */
#include "proto/mysql.h"

/* Frames of the compressed protocol, or TLS, on a connection whose login was not seen: a stored frame holds whole packets, a
 * compressed one begins like zlib or zstd. */
static bool looks_foreign(enum side from, struct cursor c)
{
    enum { TLS_FIRST = 0x14, TLS_LAST = 0x17, PACKETS_LOOKED_AT = 8 };
    struct view all = cursor_ahead(&c);
    if (all.length >= 5 && all.bytes[0] >= TLS_FIRST && all.bytes[0] <= TLS_LAST && all.bytes[1] == 3 && all.bytes[2] <= 4)
        return true;
    uint32_t payload = take_u24le(&c);
    take_skip(&c, 1);
    uint32_t opened = take_u24le(&c);
    if (c.failed || payload == 0)
        return false;
    struct view inside = cursor_ahead(&c);
    if (opened)
        return inside.length >= 4 && ((inside.bytes[0] == 0x78 && (inside.bytes[0] << 8 | inside.bytes[1]) % 31 == 0) ||
                                      memcmp(inside.bytes, "\x28\xb5\x2f\xfd", 4) == 0);
    for (unsigned i = 0; i < PACKETS_LOOKED_AT && cursor_left(&c) >= MYSQL_HEADER; i++) {
        uint64_t length = MYSQL_HEADER + (uint64_t)take_u24le(&c);
        uint8_t sequence = take_u8(&c);
        /* An OK packet of 7 bytes looks like a frame around a packet with number 0, which no server sends. */
        if (length == MYSQL_HEADER || length > payload || (from == FROM_SERVER && i == 0 && sequence == 0))
            return false;
        payload -= (uint32_t)length;
        if (payload == 0)
            return true;
        take_skip(&c, length - MYSQL_HEADER);
    }
    return false;
}

bool mysql_is_foreign(const struct mysql_state *s, enum side from, struct cursor c)
{
    bool possible = s->midstream && !s->compressed && (!s->known || mysql_has(s, CLIENT_COMPRESS | CLIENT_ZSTD_COMPRESSION_ALGORITHM));
    return possible && looks_foreign(from, c);
}

/* Does a command of this length look like one? For the search of a boundary: zeros and text must not. */
static bool command_is_plausible(struct cursor c, uint32_t length)
{
    uint8_t command = take_u8(&c), next = peek_u8(&c);
    switch (command) {
    case COM_QUIT:
    case COM_STATISTICS:
    case COM_PROCESS_INFO:
    case COM_DEBUG:
    case COM_PING:
    case COM_RESET_CONNECTION:
        return length == 1;
    case COM_INIT_DB:
    case COM_QUERY:
    case COM_STMT_PREPARE:
    case COM_FIELD_LIST:
        return length > 1 && (next >= 0x20 || (next >= '\t' && next <= '\r') || (command == COM_QUERY && next < 0x10));
    case COM_STMT_CLOSE:
    case COM_STMT_RESET:
    case COM_PROCESS_KILL:
        return length == 5;
    case COM_STMT_FETCH:
        return length == 9;
    case COM_SET_OPTION:
        return length == 3;
    case COM_STMT_EXECUTE:
        return length >= 10;
    case COM_STMT_SEND_LONG_DATA:
    case COM_STMT_BULK_EXECUTE:
        return length >= 7;
    case COM_CHANGE_USER:
    case COM_BINLOG_DUMP:
    case COM_BINLOG_DUMP_GTID:
    case COM_REGISTER_SLAVE:
    case COM_CREATE_DB:
    case COM_DROP_DB:
    case COM_REFRESH:
    case COM_SHUTDOWN:
        return true;
    default:
        return false;
    }
}

/* A chain of packets whose headers fit together from here: to the end of the bytes exactly, or for a while. */
static bool chain_fits(enum side from, struct cursor c)
{
    enum { CHAIN_SURE = 6 };
    uint8_t next = 0;
    for (unsigned i = 0; i < CHAIN_SURE; i++) {
        if (cursor_left(&c) == 0)
            return i > 0;
        if (cursor_left(&c) < MYSQL_HEADER + 1)
            return false;
        uint32_t length = take_u24le(&c);
        uint8_t sequence = take_u8(&c);
        if (length == 0 || length > cursor_left(&c))
            return false;
        if (from == FROM_CLIENT && (sequence != 0 || !command_is_plausible(c, length)))
            return false;
        if (from == FROM_SERVER && (i == 0 ? sequence == 0 : sequence != next && sequence != 1))
            return false;
        next = (uint8_t)(sequence + 1);
        take_skip(&c, length);
    }
    return true;
}

bool mysql_resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    const struct mysql_state *s = state;
    if (mysql_is_foreign(s, from, ahead))
        return false;
    for (size_t at = 0; cursor_left(&ahead) > MYSQL_HEADER; at++) {
        if (chain_fits(from, ahead)) {
            *offset = at;
            return true;
        }
        take_skip(&ahead, 1);
    }
    return false;
}
