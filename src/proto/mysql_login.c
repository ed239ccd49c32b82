/*
 * The connection phase: greeting, login, and the exchange of the authentication plugins.
 * Specification: page_protocol_connection_phase; what is refused follows parse_client_handshake_packet of both servers
 * (sql/sql_acl.cc, sql/auth/sql_authentication.cc).
 */
#include "proto/mysql.h"

enum { NATIVE_RESPONSE = 20, PASSWORD_MAX = 1024, OLD_SCRAMBLE_MAX = 74, VERSION_MAX = 128 };

static bool text_has(struct view text, const char *word)
{
    return memmem(text.bytes, text.length, word, strlen(word)) != NULL;
}

void mysql_remember(char *where, uint8_t *length, struct view text)
{
    text = view_head(text, SESSION_TEXT_MAX);
    *length = (uint8_t)text.length;
    if (text.length)
        memcpy(where, text.bytes, text.length);
}

enum auth_plugin mysql_plugin_named(struct view name)
{
    static const struct {
        const char *name;
        uint8_t plugin;
    } rows[] = {
        {"mysql_native_password", AUTH_NATIVE},       {"mysql_old_password", AUTH_OLD},
        {"mysql_clear_password", AUTH_CLEAR},         {"sha256_password", AUTH_SHA256},
        {"caching_sha2_password", AUTH_CACHING_SHA2}, {"client_ed25519", AUTH_ED25519},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (view_equal(name, view_text(rows[i].name)))
            return (enum auth_plugin)rows[i].plugin;
    return AUTH_OTHER;
}

static void greeting_family(struct mysql_state *s, struct view version)
{
    s->mariadb = text_has(version, "MariaDB") || text_has(version, "mariadb");
    s->mysql8 = !s->mariadb && version.length > 1 && (version.bytes[1] != '.' || version.bytes[0] >= '8');
}

/* What a server of 4.1 and later sends after the low half of its capabilities. */
static void greeting_41(struct packet *p, uint16_t low)
{
    struct mysql_state *s = p->s;
    mysql_number(p, FIELD_MYSQL_CHARSET, take_u8(&p->c), 1);
    mysql_number(p, FIELD_MYSQL_STATUS, take_u16le(&p->c), 2);
    s->offered = (uint64_t)take_u16le(&p->c) << 16 | low;
    mysql_number(p, FIELD_MYSQL_CAPABILITIES, s->offered, 2);
    uint8_t scramble = take_u8(&p->c);
    mysql_number(p, FIELD_MYSQL_AUTH_DATA_LENGTH, scramble, 1);
    take_skip(&p->c, 6);
    uint32_t extended = take_u32le(&p->c);
    if (!(s->offered & CLIENT_MYSQL) && !p->c.failed) {
        s->offered |= (uint64_t)extended << 32;
        s->mariadb = true;
        mysql_number(p, FIELD_MYSQL_EXTENDED_CAPABILITIES, extended, 4);
    }
    if (p->c.failed) {
        mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_CAPABILITIES, 44);
        return;
    }
    if (s->offered & CLIENT_SECURE_CONNECTION) {
        uint32_t rest = scramble > 21 ? scramble - 8u : 13;
        struct view second = take_view(&p->c, rest);
        if (p->c.failed) {
            mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_AUTH_DATA, rest);
            return;
        }
        note_bytes(p->out, FIELD_MYSQL_AUTH_DATA, second, &p->c);
    }
    struct view plugin;
    if ((s->offered & CLIENT_PLUGIN_AUTH) && packet_left(p) > 0) {
        mysql_string(p, FIELD_MYSQL_AUTH_PLUGIN, true, ANOMALY_NONE, &plugin);
        mysql_trailing(p, ANOMALY_MYSQL_SERVER_TRAILING);
    }
}

enum verdict mysql_greeting(struct packet *p)
{
    struct mysql_state *s = p->s;
    uint8_t protocol = peek_u8(&p->c);
    if (protocol == 0xff)
        return mysql_error(p);
    p->out->message = MYSQL_GREETING;
    p->out->session->phase = PHASE_PRE_AUTH;
    s->phase = PHASE_LOGIN;
    s->sequence = p->sequence;
    take_skip(&p->c, 1);
    mysql_number(p, FIELD_MYSQL_PROTOCOL_VERSION, protocol, 1);
    if (protocol != 10 && protocol != 9) {
        mysql_blame(p, ANOMALY_MYSQL_GREETING_VERSION, FIELD_MYSQL_PROTOCOL_VERSION, MYSQL_HEADER, p->payload ? 1 : 0,
                     must_be(protocol, "9 or 10"));
        s->offered = ~UINT64_C(0);
        return VERDICT_OK;
    }
    struct view version, scramble;
    if (!mysql_string(p, FIELD_MYSQL_SERVER_VERSION, false, ANOMALY_MYSQL_STRING_UNTERMINATED, &version))
        return VERDICT_OK;
    if (version.length > VERSION_MAX)
        mysql_blame(p, ANOMALY_MYSQL_GREETING_VERSION_LONG, FIELD_MYSQL_SERVER_VERSION, MYSQL_HEADER + 1,
                     (uint32_t)version.length, at_most(version.length, VERSION_MAX));
    greeting_family(s, version);
    uint32_t connection = take_u32le(&p->c);
    mysql_number(p, FIELD_MYSQL_CONNECTION_ID, connection, 4);
    observe(p->out, (struct fact){.kind = FACT_SERVER_HELLO, .number = connection, .text = version});
    scramble = take_view(&p->c, 8);
    if (p->c.failed) {
        mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_AUTH_DATA, 8);
        return VERDICT_OK;
    }
    note_bytes(p->out, FIELD_MYSQL_AUTH_DATA, scramble, &p->c);
    if (protocol == 9 || packet_left(p) < 3)
        return VERDICT_OK;
    take_skip(&p->c, 1);
    uint16_t low = take_u16le(&p->c);
    s->offered = low;
    mysql_number(p, FIELD_MYSQL_CAPABILITIES, low, 2);
    if (packet_left(p) > 0)
        greeting_41(p, low);
    return VERDICT_OK;
}

static enum verdict login_wrong(struct packet *p)
{
    struct mysql_state *s = p->s;
    s->blamed = true;
    return VERDICT_OK;
}

static enum verdict login_short(struct packet *p, uint32_t needs)
{
    mysql_blame(p, ANOMALY_MYSQL_LOGIN_SHORT, FIELD_MYSQL_LENGTH, 0, 3, noted(at_least(p->payload, needs), "bytes"));
    return login_wrong(p);
}

static enum verdict ssl_request(struct packet *p, uint32_t usual)
{
    p->out->message = MYSQL_SSL_REQUEST;
    if (p->payload > usual)
        mysql_blame(p, ANOMALY_MYSQL_SSL_REQUEST_LENGTH, FIELD_MYSQL_LENGTH, 0, 3, must_equal(p->payload, usual));
    p->s->phase = PHASE_LOGIN; /* the login itself follows inside TLS */
    p->s->login_sent = p->s->servers_turn = false;
    observe(p->out, (struct fact){.kind = FACT_TLS});
    p->out->session->tls = true;
    return VERDICT_TLS;
}

/* The authentication response of a login: by its length in front, or a string before 4.1. False: the server refuses it.
 */
static bool login_response(struct packet *p, bool database)
{
    struct mysql_state *s = p->s;
    uint32_t at = packet_at(p);
    uint64_t length = 0;
    if (!mysql_has(s, CLIENT_SECURE_CONNECTION)) {
        struct view old;
        return mysql_string(p, FIELD_MYSQL_AUTH_RESPONSE, !database, ANOMALY_MYSQL_STRING_UNTERMINATED, &old);
    }
    if (mysql_has(s, CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)) {
        enum lenenc kind = mysql_lenenc(p, FIELD_MYSQL_AUTH_RESPONSE_LENGTH, &length);
        if (kind == LENENC_NULL)
            mysql_blame(p, ANOMALY_MYSQL_LENENC_RESERVED, FIELD_MYSQL_AUTH_RESPONSE_LENGTH, at, 1,
                         must_be(0xfb, "a length"));
        if (kind != LENENC_VALUE)
            return false;
    } else if (packet_left(p) == 0) {
        mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_AUTH_RESPONSE_LENGTH, 1);
        return false;
    } else {
        length = take_u8(&p->c);
    }
    uint32_t size = packet_at(p) - at;
    note_field(p->out, FIELD_MYSQL_AUTH_RESPONSE_LENGTH, at, size, length);
    if (length > packet_left(p)) {
        mysql_blame(p, ANOMALY_MYSQL_AUTH_RESPONSE_OVERRUN, FIELD_MYSQL_AUTH_RESPONSE_LENGTH, at, size,
                     at_most(length, packet_left(p)));
        return false;
    }
    struct view response = take_view(&p->c, length);
    note_bytes(p->out, FIELD_MYSQL_AUTH_RESPONSE, response, &p->c);
    return !p->c.failed;
}

/* A scramble of the native plugin is 20 bytes or none. The account may use another plugin: then the server asks again, so
 * this alone is no fault. */
static void login_response_length(struct packet *p)
{
    struct mysql_state *s = p->s;
    const struct field_value *response = NULL;
    for (unsigned i = 0; i < p->out->fields_used; i++)
        if (p->out->fields[i].field == FIELD_MYSQL_AUTH_RESPONSE)
            response = &p->out->fields[i];
    if (!response || s->plugin != AUTH_NATIVE || response->length == 0 || response->length == NATIVE_RESPONSE)
        return;
    bool huge = response->length > OLD_SCRAMBLE_MAX;
    mysql_blame(p, huge ? ANOMALY_MYSQL_SCRAMBLE_OVERSIZE : ANOMALY_MYSQL_SCRAMBLE_LENGTH, FIELD_MYSQL_AUTH_RESPONSE,
                 response->offset, response->length,
                 huge ? at_most(response->length, NATIVE_RESPONSE) : must_equal(response->length, NATIVE_RESPONSE));
}

static void login_compression(struct packet *p)
{
    if (!mysql_has(p->s, CLIENT_ZSTD_COMPRESSION_ALGORITHM) || p->s->mariadb || packet_left(p) == 0)
        return;
    uint8_t level = take_u8(&p->c);
    mysql_number(p, FIELD_MYSQL_ZSTD_LEVEL, level, 1);
    if (level < 1 || level > 22)
        mysql_blame(p, ANOMALY_MYSQL_ZSTD_LEVEL, FIELD_MYSQL_ZSTD_LEVEL, packet_at(p) - 1, 1, must_be(level, "1 to 22"));
}

static bool is_utf8(struct view text)
{
    for (size_t i = 0; i < text.length;) {
        uint8_t c = text.bytes[i++];
        unsigned more = c < 0x80                ? 0
                        : c >= 0xc2 && c < 0xe0 ? 1
                        : c >= 0xe0 && c < 0xf0 ? 2
                        : c >= 0xf0 && c < 0xf5 ? 3
                                                : 9;
        for (; more; more--, i++)
            if (more > 3 || i >= text.length || (text.bytes[i] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* User, response, database, plugin, attributes: what follows the fixed part. */
static void login_strings(struct packet *p)
{
    struct mysql_state *s = p->s;
    struct session *session = p->out->session;
    struct view user, database = view_of("", 0), plugin;
    bool with_database = mysql_has(s, CLIENT_CONNECT_WITH_DB);
    if (!mysql_string(p, FIELD_MYSQL_USER, false, ANOMALY_MYSQL_USER_UNTERMINATED, &user))
        return;
    mysql_remember(session->user, &session->user_length, user);
    if (!login_response(p, with_database))
        return;
    if (with_database) {
        if (packet_left(p) == 0 && mysql_has(s, CLIENT_SECURE_CONNECTION)) {
            mysql_misses(p, ANOMALY_MYSQL_FIELD_MISSING, FIELD_MYSQL_DATABASE, 1);
            return;
        }
        mysql_string(p, FIELD_MYSQL_DATABASE, true, ANOMALY_NONE, &database);
        mysql_remember(session->database, &session->database_length, database);
        if (!p->cut && !is_utf8(database))
            return; /* such a name is the server's first complaint, whatever follows */
    }
    s->plugin = mysql_has(s, CLIENT_SECURE_CONNECTION) ? AUTH_NATIVE : AUTH_OLD;
    if (mysql_has(s, CLIENT_PLUGIN_AUTH)) {
        if (packet_left(p) > 0 && !p->c.failed) {
            mysql_string(p, FIELD_MYSQL_AUTH_PLUGIN, true, ANOMALY_NONE, &plugin);
            s->plugin = (uint8_t)mysql_plugin_named(plugin);
        } else {
            s->capabilities &= ~CLIENT_PLUGIN_AUTH; /* servers take such a client for an old one */
            s->plugin = AUTH_OTHER;
        }
    }
    login_response_length(p);
    if (mysql_has(s, CLIENT_CONNECT_ATTRS))
        mysql_attributes(p, ANOMALY_MYSQL_FIELD_MISSING);
    login_compression(p);
    mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
    observe(p->out, (struct fact){.kind = FACT_LOGIN, .text = user, .more = database});
}

/* The client's capabilities; false when the packet is too short to hold what they promise. */
static bool login_capabilities(struct packet *p, uint64_t *capabilities, bool *is_41)
{
    uint32_t start = packet_at(p);
    if (p->payload < 2) {
        login_short(p, 2);
        return false;
    }
    *capabilities = take_u16le(&p->c);
    *is_41 = (*capabilities & CLIENT_PROTOCOL_41) != 0;
    bool bare = p->payload == 4 && (*capabilities & CLIENT_SSL) && !p->s->mariadb; /* an old Connector/J before TLS */
    if (p->payload < (*is_41 ? 32u : 5u) && !bare) {
        login_short(p, *is_41 ? 32 : 5);
        return false;
    }
    if (!*is_41) {
        mysql_number(p, FIELD_MYSQL_CAPABILITIES, *capabilities, 2);
        if (!bare)
            mysql_number(p, FIELD_MYSQL_MAX_PACKET_SIZE, take_u24le(&p->c), 3);
        return true;
    }
    *capabilities |= (uint64_t)take_u16le(&p->c) << 16;
    note_field(p->out, FIELD_MYSQL_CAPABILITIES, start, 4, *capabilities);
    if (bare)
        return true;
    mysql_number(p, FIELD_MYSQL_MAX_PACKET_SIZE, take_u32le(&p->c), 4);
    mysql_number(p, FIELD_MYSQL_CHARSET, take_u8(&p->c), 1);
    take_skip(&p->c, 19);
    uint32_t extended = take_u32le(&p->c);
    if (!(*capabilities & CLIENT_MYSQL)) {
        *capabilities |= (uint64_t)extended << 32;
        mysql_number(p, FIELD_MYSQL_EXTENDED_CAPABILITIES, extended, 4);
    }
    return true;
}

enum verdict mysql_login(struct packet *p)
{
    struct mysql_state *s = p->s;
    bool greeted = s->phase == PHASE_LOGIN, is_41;
    uint64_t capabilities;
    p->out->message = MYSQL_LOGIN;
    s->phase = PHASE_AUTH;
    s->sequence = p->sequence;
    s->servers_turn = true;
    s->login_sent = true;
    if (!greeted)
        s->offered = ~UINT64_C(0);
    if (!login_capabilities(p, &capabilities, &is_41))
        return VERDICT_OK;
    s->known = greeted;
    s->capabilities = capabilities & s->offered;
    if (mysql_has(s, CLIENT_SSL) && !p->out->session->inside) {
        enum verdict verdict = ssl_request(p, is_41 ? 32 : 5);
        s->blamed = p->flags & REQUEST_BLAMED;
        return verdict;
    }
    if ((capabilities & CLIENT_SSL) && p->payload == 32) {
        mysql_blame(p, ANOMALY_MYSQL_SSL_NOT_OFFERED, FIELD_MYSQL_CAPABILITIES, MYSQL_HEADER, 4,
                     must_be(capabilities, "no CLIENT_SSL: the server did not offer it"));
        return login_wrong(p);
    }
    login_strings(p);
    s->blamed = p->flags & REQUEST_BLAMED;
    return VERDICT_OK;
}

static void auth_switch(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_AUTH_SWITCH;
    if (p->payload == 1) {
        s->plugin = AUTH_OLD;
        return;
    }
    if (s->known && !mysql_has(s, CLIENT_PLUGIN_AUTH) && s->plugin != AUTH_OTHER)
        mysql_blame(p, ANOMALY_MYSQL_AUTH_SWITCH_UNASKED, FIELD_MYSQL_AUTH_PLUGIN, MYSQL_HEADER, 1,
                     must_be(0, "no switch: the client did not set CLIENT_PLUGIN_AUTH"));
    struct view plugin;
    take_skip(&p->c, 1);
    if (!mysql_string(p, FIELD_MYSQL_AUTH_PLUGIN, false, ANOMALY_MYSQL_STRING_UNTERMINATED, &plugin))
        return;
    s->plugin = (uint8_t)mysql_plugin_named(plugin);
    note_bytes(p->out, FIELD_MYSQL_AUTH_DATA, take_rest(&p->c), &p->c);
}

static enum verdict login_ok(struct packet *p)
{
    struct mysql_state *s = p->s;
    struct mysql_request *r = mysql_request_open(s);
    bool first_login = p->out->session->phase != PHASE_AUTHENTICATED;
    uint16_t status;
    mysql_ok(p, false, &status);
    observe(p->out, (struct fact){.kind = FACT_LOGIN_OK});
    p->out->session->phase = PHASE_AUTHENTICATED;
    s->phase = PHASE_COMMAND;
    s->aligned = true;
    s->blamed = false;
    if (r && r->command == COM_CHANGE_USER)
        mysql_reply_end(p);
    else if (r)
        s->reply_sequence = (uint8_t)(r->sequence + 1);
    if (!first_login || s->compressed || !s->known)
        return VERDICT_OK;
    if (mysql_has(s, CLIENT_COMPRESS))
        p->out->session->compression = COMPRESSION_ZLIB;
    else if (mysql_has(s, CLIENT_ZSTD_COMPRESSION_ALGORITHM) && !s->mariadb)
        p->out->session->compression = COMPRESSION_ZSTD;
    else
        return VERDICT_OK;
    s->compressed = true;
    return VERDICT_COMPRESSED;
}

enum verdict mysql_auth_server(struct packet *p)
{
    struct mysql_state *s = p->s;
    uint8_t first = peek_u8(&p->c);
    s->sequence = p->sequence;
    if (p->payload && first == 0x00)
        return login_ok(p);
    if (first == 0xff)
        return mysql_error(p);
    s->servers_turn = false;
    if (first == 0xfe) {
        auth_switch(p);
        return VERDICT_OK;
    }
    p->out->message = first == 0x01 ? MYSQL_AUTH_MORE : first == 0x02 ? MYSQL_AUTH_FACTOR : MYSQL_AUTH_DATA;
    struct view all = take_rest(&p->c);
    note_bytes(p->out, FIELD_MYSQL_AUTH_DATA, all, &p->c);
    /* "your password is in the cache": the OK follows at once */
    if (p->payload == 2 && all.length == 2 && all.bytes[0] == 1 && all.bytes[1] == 3)
        s->servers_turn = true;
    else if (first == 0x02)
        s->plugin = AUTH_OTHER;
    return VERDICT_OK;
}

/* The client's answer to a plugin: any bytes, none at all, and never a command. */
enum verdict mysql_auth_client(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_AUTH_RESPONSE;
    s->sequence = p->sequence;
    s->servers_turn = true;
    note_field(p->out, FIELD_MYSQL_AUTH_RESPONSE, MYSQL_HEADER, p->payload, 0);
    if (s->plugin == AUTH_NATIVE && !s->midstream && p->payload != 0 && p->payload != NATIVE_RESPONSE)
        mysql_blame(p, ANOMALY_MYSQL_AUTH_RESPONSE_LENGTH, FIELD_MYSQL_AUTH_RESPONSE, MYSQL_HEADER, p->payload,
                     must_equal(p->payload, NATIVE_RESPONSE));
    bool password = s->plugin == AUTH_CLEAR || s->plugin == AUTH_SHA256 || s->plugin == AUTH_CACHING_SHA2;
    if (password && p->payload > PASSWORD_MAX)
        mysql_blame(p, ANOMALY_MYSQL_AUTH_OVERSIZE, FIELD_MYSQL_AUTH_RESPONSE, MYSQL_HEADER, p->payload,
                     at_most(p->payload, PASSWORD_MAX));
    if (p->flags & REQUEST_BLAMED)
        s->blamed = true;
    return VERDICT_OK;
}
