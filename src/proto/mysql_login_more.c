/*
 * The parts of a login that COM_CHANGE_USER shares, and COM_CHANGE_USER itself.
 * Specification: page_protocol_com_change_user; the judge is parse_com_change_user_packet of both servers.
 */
#include "proto/mysql.h"

enum { ATTRIBUTES_MAX = 65535 };

/* A length-encoded string among the attributes, without a word when it does not fit. */
static bool attribute_text(struct cursor *c, struct view *text)
{
    uint8_t first = take_u8(c);
    uint64_t length = first;
    if (first == 0xfc)
        length = take_u16le(c);
    else if (first == 0xfd)
        length = take_u24le(c);
    else if (first > 0xfa)
        cursor_fail(c);
    *text = take_view(c, length);
    return !c->failed;
}

static void attribute_pairs(struct packet *p, struct view all, uint32_t start)
{
    struct cursor c = cursor_over(all);
    while (cursor_left(&c) > 0) {
        struct view name, value;
        uint32_t at = start + cursor_offset(&c);
        if (!attribute_text(&c, &name)) {
            mysql_blame(p, ANOMALY_MYSQL_ATTRIBUTE_PAIRS, FIELD_MYSQL_ATTRIBUTE_NAME, at,
                         (uint32_t)all.length - (at - start), must_be(0, "pairs that fill the attributes exactly"));
            return;
        }
        note_field(p->out, FIELD_MYSQL_ATTRIBUTE_NAME, start + cursor_offset(&c) - (uint32_t)name.length,
                   (uint32_t)name.length, 0);
        at = start + cursor_offset(&c);
        if (!attribute_text(&c, &value)) {
            mysql_blame(p, ANOMALY_MYSQL_ATTRIBUTE_PAIRS, FIELD_MYSQL_ATTRIBUTE_VALUE, at,
                         (uint32_t)all.length - (at - start), must_be(0, "pairs that fill the attributes exactly"));
            return;
        }
        note_field(p->out, FIELD_MYSQL_ATTRIBUTE_VALUE, start + cursor_offset(&c) - (uint32_t)value.length,
                   (uint32_t)value.length, 0);
        if (view_equal(name, view_text("_client_name")) || view_equal(name, view_text("program_name")))
            observe(p->out, (struct fact){.kind = FACT_CLIENT, .text = value});
    }
}

void mysql_attributes(struct packet *p, enum anomaly missing)
{
    uint32_t at = packet_at(p);
    uint64_t length;
    if (packet_left(p) == 0 || (p->c.failed && !p->cut)) {
        mysql_misses(p, missing, FIELD_MYSQL_ATTRIBUTES_LENGTH, 1);
        return;
    }
    enum lenenc kind = mysql_lenenc(p, FIELD_MYSQL_ATTRIBUTES_LENGTH, &length);
    if (kind == LENENC_BAD)
        return;
    uint32_t size = packet_at(p) - at;
    if (kind == LENENC_NULL) {
        mysql_blame(p, ANOMALY_MYSQL_LENENC_RESERVED, FIELD_MYSQL_ATTRIBUTES_LENGTH, at, size,
                     must_be(0xfb, "a length"));
        return;
    }
    note_field(p->out, FIELD_MYSQL_ATTRIBUTES_LENGTH, at, size, length);
    bool runs_over = length > packet_left(p);
    if (runs_over || length > ATTRIBUTES_MAX) {
        mysql_blame(p, runs_over ? ANOMALY_MYSQL_ATTRIBUTES_OVERRUN : ANOMALY_MYSQL_ATTRIBUTES_OVERSIZE,
                     FIELD_MYSQL_ATTRIBUTES_LENGTH, at, size,
                     at_most(length, runs_over ? packet_left(p) : ATTRIBUTES_MAX));
        cursor_fail(&p->c);
        return;
    }
    uint32_t start = packet_at(p);
    struct view all = take_view(&p->c, length);
    if (p->c.failed)
        return;
    p->out->depth++;
    attribute_pairs(p, all, start);
    p->out->depth--;
}

static void change_user_wrong(struct packet *p, enum field field, uint32_t offset, uint32_t length, const char *note)
{
    mysql_blame(p, ANOMALY_MYSQL_CHANGE_USER, field, offset, length, must_be(0, note));
}

/* The response: its length in one byte, or a string before 4.1. False: the database cannot follow. */
static bool change_user_response(struct packet *p)
{
    uint32_t at = packet_at(p);
    uint64_t length;
    struct view response;
    if (p->s->known && !mysql_has(p->s, CLIENT_SECURE_CONNECTION)) {
        if (mysql_string(p, FIELD_MYSQL_AUTH_RESPONSE, false, ANOMALY_MYSQL_STRING_UNTERMINATED, &response))
            return true;
        return false;
    }
    length = take_u8(&p->c);
    mysql_number(p, FIELD_MYSQL_AUTH_RESPONSE_LENGTH, length, 1);
    if (length > packet_left(p)) {
        mysql_blame(p, ANOMALY_MYSQL_AUTH_RESPONSE_OVERRUN, FIELD_MYSQL_AUTH_RESPONSE_LENGTH, at, 1,
                     at_most(length, packet_left(p)));
        note_field(p->out, FIELD_MYSQL_AUTH_RESPONSE, packet_at(p), (uint32_t)packet_left(p), 0);
        return false;
    }
    response = take_view(&p->c, length);
    note_bytes(p->out, FIELD_MYSQL_AUTH_RESPONSE, response, &p->c);
    return !p->c.failed;
}

/* The character set, the plugin and the attributes: each is optional by what was negotiated. */
static void change_user_options(struct packet *p)
{
    struct mysql_state *s = p->s;
    struct view plugin;
    if (packet_left(p) >= 2)
        mysql_number(p, FIELD_MYSQL_CHARSET, take_u16le(&p->c), 2);
    if (!s->known)
        return;
    if (mysql_has(s, CLIENT_PLUGIN_AUTH)) {
        if (packet_left(p) == 0) {
            change_user_wrong(p, FIELD_MYSQL_AUTH_PLUGIN, packet_at(p), 0, "the name of a plugin");
            return;
        }
        mysql_string(p, FIELD_MYSQL_AUTH_PLUGIN, true, ANOMALY_NONE, &plugin);
        s->plugin = (uint8_t)mysql_plugin_named(plugin);
    }
    if (mysql_has(s, CLIENT_CONNECT_ATTRS))
        mysql_attributes(p, ANOMALY_MYSQL_CHANGE_USER);
    mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
}

void mysql_change_user(struct packet *p)
{
    struct session *session = p->out->session;
    struct view user, database = view_of("", 0);
    uint32_t start = packet_at(p);
    struct view ahead = cursor_ahead(&p->c);
    bool terminated = ahead.length && memchr(ahead.bytes, 0, ahead.length);
    mysql_string(p, FIELD_MYSQL_USER, true, ANOMALY_NONE, &user);
    if (!terminated || packet_left(p) == 0) {
        if (!p->cut)
            change_user_wrong(p, FIELD_MYSQL_USER, start, (uint32_t)user.length, "a user, a response and a database");
        return;
    }
    mysql_remember(session->user, &session->user_length, user);
    if (!change_user_response(p))
        return;
    if (packet_left(p) == 0) {
        change_user_wrong(p, FIELD_MYSQL_DATABASE, packet_at(p), 0, "a database, or its NUL");
        return;
    }
    mysql_string(p, FIELD_MYSQL_DATABASE, true, ANOMALY_NONE, &database);
    mysql_remember(session->database, &session->database_length, database);
    observe(p->out, (struct fact){.kind = FACT_LOGIN, .text = user, .more = database});
    if (!p->c.failed)
        change_user_options(p);
}
