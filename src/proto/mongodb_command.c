/*
 * What commands mean: hello with the client's description of itself, logins, secrets, and what may not be compressed
 * (specifications: source/mongodb-handshake/handshake.md, source/auth/auth.md, source/compression/OP_COMPRESSED.md).
 */
#include "proto/mongodb.h"

/* Commands that mean more than "done". Names are as sent: the server knows no others. */
static const struct {
    const char *name;
    uint8_t asked;
    bool never_compressed;
} commands[] = {
    {"hello", ASKED_HELLO, true},           {"isMaster", ASKED_HELLO, true},          {"ismaster", ASKED_HELLO, true},
    {"saslStart", ASKED_LOGIN, true},       {"saslContinue", ASKED_LOGIN, true},      {"authenticate", ASKED_LOGIN, true},
    {"getnonce", ASKED_ANYTIME, true},      {"createUser", ASKED_COMMAND, true},      {"updateUser", ASKED_COMMAND, true},
    {"copydbSaslStart", ASKED_COMMAND, true}, {"copydbgetnonce", ASKED_COMMAND, true}, {"copydb", ASKED_COMMAND, true},
    {"buildInfo", ASKED_BUILD_INFO, false}, {"buildinfo", ASKED_BUILD_INFO, false},   {"ping", ASKED_ANYTIME, false},
    {"logout", ASKED_ANYTIME, false},       {"whatsmyuri", ASKED_ANYTIME, false},     {"shutdown", ASKED_SHUTDOWN, false},
    {"replSetStepDown", ASKED_SHUTDOWN, false}, {"replSetReconfig", ASKED_SHUTDOWN, false}, {"_isSelf", ASKED_ANYTIME, false},
    {"isdbgrid", ASKED_ANYTIME, false},     {"endSessions", ASKED_ANYTIME, false},    {"connectionStatus", ASKED_ANYTIME, false},
};

static uint8_t keep_text(char *room, struct view text)
{
    size_t length = text.length < SESSION_TEXT_MAX ? text.length : SESSION_TEXT_MAX;
    if (length)
        memcpy(room, text.bytes, length);
    return (uint8_t)length;
}

static void keep_user(struct mongodb_reading *r, struct view user, struct view database)
{
    struct session *session = r->out->session;
    if (user.length)
        session->user_length = keep_text(session->user, user);
    if (database.length)
        session->database_length = keep_text(session->database, database);
}

/* The part of `text` behind the `number`-th `mark`. */
static struct view behind(struct view text, uint8_t mark, unsigned number)
{
    for (; number && text.length; number--) {
        const uint8_t *found = memchr(text.bytes, mark, text.length);
        text = found ? view_from(text, (size_t)(found - text.bytes) + 1) : view_head(text, 0);
    }
    return text;
}

static struct view before(struct view text, uint8_t mark)
{
    const uint8_t *found = text.length ? memchr(text.bytes, mark, text.length) : NULL;
    return found ? view_head(text, (size_t)(found - text.bytes)) : text;
}

/* "n,,n=user,r=nonce" (RFC 5802), or a NUL, the user, a NUL, the password (RFC 4616). */
static struct view sasl_user(struct view mechanism, struct view payload)
{
    if (view_equal(mechanism, view_text("PLAIN")))
        return before(behind(payload, 0, 1), 0);
    struct view name = behind(payload, ',', 2);
    bool scram = mechanism.length > 5 && memcmp(mechanism.bytes, "SCRAM", 5) == 0;
    if (!scram || name.length < 2 || name.bytes[0] != 'n' || name.bytes[1] != '=')
        return view_head(payload, 0);
    return before(view_from(name, 2), ',');
}

/* The payload of a step, and what the first step says. */
static void read_sasl(struct mongodb_reading *r, uint32_t document, struct view database)
{
    struct mongodb_element e;
    struct view mechanism = view_of(r->bytes.bytes, 0), payload = mechanism;
    bool first = mongodb_find(r, document, "mechanism", &e);
    if (first)
        mechanism = mongodb_note_text(r, FIELD_MONGODB_MECHANISM, &e);
    if (mongodb_find(r, document, "payload", &e))
        payload = mongodb_note_text(r, FIELD_MONGODB_PAYLOAD, &e);
    if (!first)
        return;
    struct view user = sasl_user(mechanism, payload);
    keep_user(r, user, database);
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = user, .more = database});
}

/* MONGODB-X509, and the challenge that servers before 4.0 knew. */
static void read_authenticate(struct mongodb_reading *r, uint32_t document, struct view database)
{
    struct mongodb_element e;
    struct view user = view_of(r->bytes.bytes, 0);
    if (mongodb_find(r, document, "mechanism", &e))
        (void)mongodb_note_text(r, FIELD_MONGODB_MECHANISM, &e);
    if (mongodb_find(r, document, "user", &e))
        user = mongodb_note_text(r, FIELD_MONGODB_USER, &e);
    if (mongodb_find(r, document, "nonce", &e))
        (void)mongodb_note_text(r, FIELD_MONGODB_PASSWORD, &e);
    if (mongodb_find(r, document, "key", &e))
        (void)mongodb_note_text(r, FIELD_MONGODB_PASSWORD, &e);
    r->state->x509 = true;
    keep_user(r, user, database);
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = user, .more = database});
}

/* client: {application: {name}, driver: {name, version}, os, platform} */
static void read_client(struct mongodb_reading *r, const struct mongodb_element *client)
{
    struct mongodb_element part, e;
    struct view driver = view_of(r->bytes.bytes, 0), application = driver;
    uint32_t length = mongodb_u32(r, client->at);
    note_field(r->out, FIELD_MONGODB_METADATA, client->at, 4, length);
    if (mongodb_find(r, client->at, "application", &part) && part.type == BSON_DOCUMENT && mongodb_find(r, part.at, "name", &e))
        application = mongodb_note_text(r, FIELD_MONGODB_APPLICATION, &e);
    if (mongodb_find(r, client->at, "driver", &part) && part.type == BSON_DOCUMENT) {
        if (mongodb_find(r, part.at, "name", &e))
            driver = mongodb_note_text(r, FIELD_MONGODB_DRIVER, &e);
        if (mongodb_find(r, part.at, "version", &e))
            (void)mongodb_note_text(r, FIELD_MONGODB_DRIVER_VERSION, &e);
    }
    if (driver.length || application.length)
        observe(r->out, (struct fact){.kind = FACT_CLIENT, .text = application.length ? application : driver, .more = driver});
    if (length > MONGODB_METADATA_MAX || application.length > MONGODB_APPLICATION_MAX) {
        bool name = application.length > MONGODB_APPLICATION_MAX;
        mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_CLIENT_METADATA, .field = name ? FIELD_MONGODB_APPLICATION : FIELD_MONGODB_METADATA,
                                          .relation = MUST_NOT_EXCEED, .offset = client->at, .length = 4, .got = name ? application.length : length,
                                          .expected = name ? MONGODB_APPLICATION_MAX : MONGODB_METADATA_MAX, .note = "bytes that servers take"});
    }
}

/* ["zstd", "zlib"]: bits of compressors. */
static uint8_t read_compressors(struct mongodb_reading *r, const struct mongodb_element *list)
{
    struct mongodb_walk walk = mongodb_elements(r, list->at);
    struct mongodb_element e;
    uint8_t bits = 0;
    while (mongodb_next(r, &walk, &e)) {
        uint32_t at;
        struct view name = mongodb_text(r, &e, &at);
        static const char *const names[] = {"noop", "snappy", "zlib", "zstd"};
        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
            if (view_equal(name, view_text(names[i])))
                bits |= (uint8_t)(1u << i);
    }
    return bits;
}

/* A server that has news answers at once, else it waits: hello with topologyVersion and maxAwaitTimeMS. */
static void read_hello(struct mongodb_reading *r, uint32_t document, bool *waits)
{
    struct mongodb_state *s = r->state;
    struct mongodb_element e, database;
    struct mongodb_walk walk = mongodb_elements(r, document);
    while (mongodb_next(r, &walk, &e)) {
        if (e.type == BSON_DOCUMENT && mongodb_named(&e, "client")) {
            read_client(r, &e);
        } else if (e.type == BSON_ARRAY && mongodb_named(&e, "compression")) {
            s->offered = read_compressors(r, &e);
        } else if (e.type == BSON_DOCUMENT && mongodb_named(&e, "speculativeAuthenticate")) {
            struct view in = view_of(r->bytes.bytes, 0);
            uint32_t at;
            if (mongodb_find(r, e.at, "db", &database))
                in = mongodb_text(r, &database, &at);
            s->speculated = true;
            if (mongodb_find(r, e.at, "saslStart", &database))
                read_sasl(r, e.at, in);
            else
                read_authenticate(r, e.at, in);
        } else if (mongodb_named(&e, "maxAwaitTimeMS")) {
            *waits = true;
        }
    }
}

/* Passwords that commands carry. */
static void hide(struct mongodb_reading *r, uint32_t document)
{
    static const char *const secrets[] = {"pwd", "key", "nonce", "payload"};
    struct mongodb_element e;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        if (mongodb_find(r, document, secrets[i], &e))
            (void)mongodb_note_text(r, FIELD_MONGODB_PASSWORD, &e);
}

static void check_compressed(struct mongodb_reading *r, uint32_t at, uint32_t length)
{
    if (!r->inside || r->state->compressed_told)
        return;
    r->state->compressed_told = true;
    mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_COMPRESSED_COMMAND, .field = FIELD_MONGODB_COMMAND, .relation = MUST_BE, .offset = at,
                                      .length = length, .note = "a command that may be compressed"});
}

/* A cursor that waits for news: the server may leave first. */
static bool may_wait(const struct mongodb_reading *r, uint32_t document)
{
    struct mongodb_element e;
    return mongodb_find(r, document, "awaitData", &e) || mongodb_find(r, document, "maxTimeMS", &e);
}

enum asked mongodb_command(struct mongodb_reading *r, uint32_t document, struct view database, bool *waits)
{
    struct mongodb_element first;
    struct mongodb_walk walk = mongodb_elements(r, document);
    enum asked asked = ASKED_COMMAND;
    struct view collection = view_of(r->bytes.bytes, 0);
    if (!mongodb_next(r, &walk, &first)) {
        observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
        return ASKED_ANYTIME;
    }
    uint32_t name_at = first.at - 1 - (uint32_t)first.name.length;
    if (first.name.length)
        note_field(r->out, FIELD_MONGODB_COMMAND, name_at, (uint32_t)first.name.length, 0);
    if (first.type == BSON_STRING)
        collection = mongodb_note_text(r, FIELD_MONGODB_COLLECTION, &first);
    observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message, .text = first.name, .more = collection});
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!mongodb_named(&first, commands[i].name))
            continue;
        asked = (enum asked)commands[i].asked;
        if (commands[i].never_compressed) {
            check_compressed(r, name_at, (uint32_t)first.name.length);
            if (asked == ASKED_COMMAND)
                hide(r, document);
        }
        break;
    }
    if (asked == ASKED_HELLO)
        read_hello(r, document, waits);
    else if (asked == ASKED_LOGIN && mongodb_named(&first, "authenticate"))
        read_authenticate(r, document, database);
    else if (asked == ASKED_LOGIN)
        read_sasl(r, document, database);
    else if (mongodb_named(&first, "getMore") && may_wait(r, document))
        *waits = true;
    return asked;
}
