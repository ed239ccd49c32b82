/* Which option is it: the table of keywords, then the registry of fields. What is neither is refused with the nearest
 * word of both. */
#include <string.h>

#include "detect/draft.h"

enum needs { NO_VALUE, A_VALUE, MAYBE_VALUE };

static const struct keyword {
    const char *name;
    bool (*read)(struct draft *d, const struct option *o); /* NULL: of a later build */
    enum needs needs;
    const char *why; /* of a later build: the rest of the sentence */
} keywords[] = {
#define KEYWORD(name, function, needs, help) {name, keyword_##function, needs, ""},
#define KEYWORD_LATER(name, why) {name, NULL, MAYBE_VALUE, why},
#include "detect/keywords.def"
#undef KEYWORD
#undef KEYWORD_LATER
};

static const struct classtype classtypes[] = {
#define CLASSTYPE(name, priority) {name, priority},
#include "detect/classtypes.def"
#undef CLASSTYPE
};

const struct classtype *classtype_find(const char *name)
{
    for (size_t i = 0; i < sizeof classtypes / sizeof classtypes[0]; i++)
        if (strcmp(classtypes[i].name, name) == 0)
            return &classtypes[i];
    return NULL;
}

static bool value_fits(struct draft *d, const struct option *o, enum needs needs)
{
    const int length = (int)(o->name.length > 60 ? 60 : o->name.length);
    if (needs == A_VALUE && o->value.length == 0)
        return draft_refuse(d, o->name.bytes, "%.*s needs a value", length, (const char *)o->name.bytes);
    if (needs == NO_VALUE && o->has_value)
        return draft_refuse(d, o->value.bytes, "%.*s takes no value", length, (const char *)o->name.bytes);
    return true;
}

/* A field exists in its protocol only: a rule for another can never match, one for all is narrowed. */
static bool field_fits(struct draft *d, const struct option *o, enum field field)
{
    enum protocol owner = field_protocol(field);
    if (owner == PROTOCOL_NONE || d->proto_later)
        return true;
    if (!(d->rule.protocols & UINT32_C(1) << owner))
        return draft_refuse(d, o->name.bytes, "%s does not exist in %s", field_name(field), d->proto);
    d->rule.protocols &= UINT32_C(1) << owner;
    return true;
}

/* As the header writes addresses. */
static bool read_address(struct draft *d, const struct option *o, enum field field)
{
    struct test *t = value_fits(d, o, A_VALUE) ? draft_add_test(d, TEST_ADDRESS, field, o->name.bytes) : NULL;
    if (!t || !draft_range_list(d, o->value, false, &t->parts))
        return false;
    return t->parts.count ? true : draft_refuse(d, o->value.bytes, "any asks nothing");
}

static bool read_field(struct draft *d, const struct option *o, enum field field)
{
    if (!field_fits(d, o, field))
        return false;
    if (field == FIELD_MYSQL_COMMAND && !o->has_value)
        field = FIELD_MYSQL_QUERY; /* a buffer in Suricata: the text of the query */
    switch (field_kind(field)) {
    case KIND_BYTES:
        if (o->has_value)
            return draft_refuse(d, o->value.bytes, "%s is a buffer: write %s; content:\"...\";", field_name(field),
                                field_name(field));
        d->buffer = (uint16_t)field;
        d->last_content = -1;
        return draft_add_test(d, TEST_BUFFER, field, o->name.bytes) != NULL;
    case KIND_ADDRESS:
        return read_address(d, o, field);
    case KIND_UINT:
    case KIND_ENUM:
    case KIND_BOOL:
        break;
    }
    if (!value_fits(d, o, A_VALUE))
        return false;
    struct test *t = draft_add_test(d, TEST_NUMBER, field, o->name.bytes);
    return t && draft_items(d, o->value, field, &t->parts);
}

/* Names that Suricata and Snort give to what this build has under another. */
static enum field field_alias(struct view name)
{
    static const struct {
        const char *name;
        enum field field;
    } aliases[] = {
        {"mysql.rows", FIELD_MYSQL_ROW},
        {"pgsql_query", FIELD_PGSQL_QUERY_TEXT},
        {"mysql_query", FIELD_MYSQL_QUERY},
    };
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (view_equal(name, view_text(aliases[i].name)))
            return aliases[i].field;
    return FIELD_NONE;
}

/* Buffers and options of protocols that no database speaks, by how their names begin. */
static const char *protocol_elsewhere(struct view name)
{
    static const struct {
        const char *begins, *protocol;
    } others[] = {
        {"http", "HTTP"},    {"file", "HTTP, SMB and mail"}, {"tls", "TLS"},      {"ssl_", "TLS"},   {"ja3", "TLS"},
        {"ja4", "TLS"},      {"dns", "DNS"},                 {"smb", "SMB"},      {"dce_", "DCE/RPC"}, {"dcerpc", "DCE/RPC"},
        {"ssh", "SSH"},      {"ftp", "FTP"},                 {"smtp", "mail"},    {"email", "mail"}, {"mime_", "mail"},
        {"sip", "SIP"},      {"krb5", "Kerberos"},           {"snmp", "SNMP"},    {"ike", "IKE"},    {"rfb", "RFB"},
        {"mqtt", "MQTT"},    {"quic", "QUIC"},               {"modbus", "Modbus"}, {"dnp3", "DNP3"}, {"enip", "ENIP"},
        {"nfs", "NFS"},      {"dhcp", "DHCP"},               {"ldap", "LDAP"},    {"websocket", "WebSocket"}, {"js_data", "HTTP"},
        {"vba_data", "HTTP and mail"}, {"gtp_", "GTP"},      {"s7commplus", "S7"}, {"iec104", "IEC 104"}, {"telnet", "telnet"},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (name.length >= strlen(others[i].begins) && memcmp(name.bytes, others[i].begins, strlen(others[i].begins)) == 0)
            return others[i].protocol;
    return NULL;
}

static bool refuse_unknown(struct draft *d, const struct option *o)
{
    const char *protocol = protocol_elsewhere(o->name);
    if (protocol)
        return draft_refuse(d, o->name.bytes, "%.*s is about %s, which is not decoded here", (int)(o->name.length > 60 ? 60 : o->name.length),
                            (const char *)o->name.bytes, protocol);
    struct nearest near = {.wanted = o->name};
    char hint[96];
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        nearest_offer(&near, keywords[i].name);
    for (unsigned i = 1; i < FIELDS; i++)
        nearest_offer(&near, field_name((enum field)i));
    return draft_refuse(d, o->name.bytes, "unknown keyword \"%.*s\"%s", (int)(o->name.length > 60 ? 60 : o->name.length),
                        (const char *)o->name.bytes, nearest_hint(&near, hint, sizeof hint));
}

bool draft_option(struct draft *d, const struct option *o)
{
    char name[64];
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        const struct keyword *k = &keywords[i];
        if (!view_equal(o->name, view_text(k->name)))
            continue;
        if (!k->read)
            return draft_refuse(d, o->name.bytes, "%s is not supported by this build%s", k->name, k->why);
        return value_fits(d, o, k->needs) && k->read(d, o);
    }
    if (o->name.length < sizeof name) {
        memcpy(name, o->name.bytes, o->name.length);
        name[o->name.length] = 0;
        enum field field = field_by_name(name);
        if (field == FIELD_NONE)
            field = field_alias(o->name);
        if (field != FIELD_NONE)
            return read_field(d, o, field);
    }
    return refuse_unknown(d, o);
}

struct test *draft_add_test(struct draft *d, enum test_kind kind, enum field field, const void *at)
{
    if (d->rule.tests.count == DRAFT_TESTS_MAX) {
        draft_refuse(d, at, "more than %d conditions in one rule", DRAFT_TESTS_MAX);
        return NULL;
    }
    if (kind == TEST_BUFFER)
        d->open_test = d->rule.tests.count;
    d->buffer_at[d->rule.tests.count] = (size_t)((const uint8_t *)at - d->source->text.bytes);
    struct test *t = &d->tests[d->rule.tests.count++];
    *t = (struct test){.kind = (uint8_t)kind, .field = (uint16_t)field, .parts = {(uint16_t)d->steps_used, 0}};
    return t;
}
