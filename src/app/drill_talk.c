/* What clients and servers of a drill say: MySQL's classic protocol and PostgreSQL's protocol 3.0, as far as a drill needs them. */
#include "app/drill.h"

#include <string.h>

enum { MYSQL_HEADER = 4, CAPABILITIES = 0x000aa209 }; /* 4.1, database, transactions, secure connection, plugin */

static size_t mysql_packet(uint8_t *out, uint8_t sequence, size_t length)
{
    out[0] = (uint8_t)length;
    out[1] = (uint8_t)(length >> 8);
    out[2] = (uint8_t)(length >> 16);
    out[3] = sequence;
    return MYSQL_HEADER + length;
}

static uint8_t *put_le(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
    size_t length = strlen(text) + 1;
    memcpy(at, text, length);
    return at + length;
}

static uint8_t *put_fill(uint8_t *at, uint8_t value, size_t length)
{
    memset(at, value, length);
    return at + length;
}

/* A message of PostgreSQL: type, length, what `end` - `out` - 5 bytes hold. */
static size_t pgsql_message(uint8_t *out, char type, const uint8_t *end)
{
    uint32_t length = (uint32_t)(end - out - 1);
    out[0] = (uint8_t)type;
    for (unsigned i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)(length >> (24 - 8 * i));
    return (size_t)(end - out);
}

static uint8_t *put_be(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

static size_t mysql_ok(uint8_t *out, uint8_t sequence)
{
    static const uint8_t ok[] = {0, 1, 0, 2, 0, 0, 0};
    memcpy(out + MYSQL_HEADER, ok, sizeof ok);
    return mysql_packet(out, sequence, sizeof ok);
}

static size_t pgsql_ready(uint8_t *out)
{
    out[5] = 'I';
    return pgsql_message(out, 'Z', out + 6);
}

size_t talk_greeting(enum protocol protocol, uint32_t number, uint8_t out[TALK_MAX])
{
    if (protocol != PROTOCOL_MYSQL)
        return 0;
    uint8_t *at = out + MYSQL_HEADER;
    *at++ = 10;
    at = put_text(at, "8.0.36");
    at = put_le(at, number, 4);
    at = put_fill(at, 'x', 8);
    *at++ = 0;
    at = put_le(at, CAPABILITIES & 0xffff, 2);
    *at++ = 45;
    at = put_le(at, 2, 2);
    at = put_le(at, CAPABILITIES >> 16, 2);
    *at++ = 21;
    at = put_fill(at, 0, 10);
    at = put_fill(at, 'y', 12);
    *at++ = 0;
    at = put_text(at, "mysql_native_password");
    return mysql_packet(out, 0, (size_t)(at - out) - MYSQL_HEADER);
}

size_t talk_login(enum protocol protocol, const char *user, uint8_t out[TALK_MAX])
{
    uint8_t *at = out + MYSQL_HEADER;
    if (protocol == PROTOCOL_PGSQL) {
        at = put_be(at, 196608, 4);
        at = put_text(put_text(at, "user"), user);
        at = put_text(put_text(at, "database"), "shop");
        *at++ = 0;
        put_be(out, (uint32_t)(at - out), 4);
        return (size_t)(at - out);
    }
    at = put_le(at, CAPABILITIES, 4);
    at = put_le(at, 16777216, 4);
    *at++ = 45;
    at = put_fill(at, 0, 23);
    at = put_text(at, user);
    *at++ = 20;
    at = put_fill(at, 'z', 20);
    at = put_text(at, "shop");
    at = put_text(at, "mysql_native_password");
    return mysql_packet(out, 1, (size_t)(at - out) - MYSQL_HEADER);
}

size_t talk_welcome(enum protocol protocol, uint32_t number, uint8_t out[TALK_MAX])
{
    if (protocol == PROTOCOL_MYSQL)
        return mysql_ok(out, 2);
    uint8_t *at = out;
    at += pgsql_message(at, 'R', put_be(at + 5, 0, 4));
    at += pgsql_message(at, 'S', put_text(put_text(at + 5, "server_version"), "16.2"));
    at += pgsql_message(at, 'K', put_be(put_be(at + 5, number, 4), 0x5eed, 4));
    return (size_t)(at - out) + pgsql_ready(at);
}

size_t talk_request(enum protocol protocol, unsigned variant, uint8_t out[TALK_MAX])
{
    static const char *const statements[] = {
        "UPDATE orders SET state = 2 WHERE id = 4711", "INSERT INTO basket(client, item) VALUES (17, 12)",
        "UPDATE stock SET amount = amount - 1 WHERE item = 12", "DELETE FROM session WHERE seen < now() - interval 1 day"};
    const char *sql = statements[variant % (sizeof statements / sizeof statements[0])];
    if (protocol == PROTOCOL_PGSQL)
        return pgsql_message(out, 'Q', put_text(out + 5, sql));
    out[MYSQL_HEADER] = 3;
    memcpy(out + MYSQL_HEADER + 1, sql, strlen(sql));
    return mysql_packet(out, 0, strlen(sql) + 1);
}

size_t talk_reply(enum protocol protocol, uint8_t out[TALK_MAX])
{
    if (protocol == PROTOCOL_MYSQL)
        return mysql_ok(out, 1);
    size_t length = pgsql_message(out, 'C', put_text(out + 5, "UPDATE 1"));
    return length + pgsql_ready(out + length);
}

size_t talk_denied(enum protocol protocol, uint8_t out[TALK_MAX])
{
    if (protocol == PROTOCOL_MYSQL) {
        static const uint8_t error[] = {0xff, 0x15, 0x04, '#', '2', '8', '0', '0', '0'}; /* 1045 */
        static const char words[] = "Access denied for user (using password: YES)";
        memcpy(out + MYSQL_HEADER, error, sizeof error);
        memcpy(out + MYSQL_HEADER + sizeof error, words, sizeof words - 1);
        return mysql_packet(out, 2, sizeof error + sizeof words - 1);
    }
    uint8_t *at = out + 5;
    at = put_text(at, "SFATAL");
    at = put_text(at, "VFATAL");
    at = put_text(at, "C28P01");
    at = put_text(at, "Mpassword authentication failed");
    *at++ = 0;
    return pgsql_message(out, 'E', at);
}

/* MySQL: a table dump whose database name is longer than the packet. PostgreSQL: a Bind with a parameter of 2 GB. */
size_t talk_malformed(enum protocol protocol, uint8_t out[TALK_MAX])
{
    if (protocol == PROTOCOL_MYSQL) {
        static const uint8_t dump[] = {0x13, 0xf0, 's', 'h', 'o', 'p', 0xff, 'o', 'r', 'd', 'e', 'r', 's'};
        memcpy(out + MYSQL_HEADER, dump, sizeof dump);
        return mysql_packet(out, 0, sizeof dump);
    }
    uint8_t *at = put_text(put_text(out + 5, ""), "");
    at = put_be(at, 0, 2);
    at = put_be(at, 1, 2);
    at = put_be(at, 0x7fffff00, 4);
    at = put_text(at, "short");
    return pgsql_message(out, 'B', put_be(at, 0, 2));
}

size_t talk_crash_notice(uint8_t out[TALK_MAX])
{
    uint8_t *at = out + 5;
    at = put_text(at, "SWARNING");
    at = put_text(at, "VWARNING");
    at = put_text(at, "C57P02");
    at = put_text(at, "Mterminating connection because of crash of another server process");
    *at++ = 0;
    return pgsql_message(out, 'N', at);
}
