/*
 * What requests mean, as far as it changes the conversation: logins and their secrets, who is answered and how, replication,
 * and the few commands with which a server is attacked through the protocol itself (docs: redis.io/commands).
 */
#include "model/name.h"
#include "proto/redis.h"

enum { PATTERN_MAX = 1000, PATTERN_STARS_MAX = 32 };

enum command {
    COMMAND_OTHER, COMMAND_ACL, COMMAND_AUTH, COMMAND_BLOCKING, COMMAND_CLIENT, COMMAND_CONFIG, COMMAND_EVAL, COMMAND_HELLO,
    COMMAND_KEYS, COMMAND_MIGRATE, COMMAND_MODULE, COMMAND_MONITOR, COMMAND_PF, COMMAND_PSUBSCRIBE, COMMAND_PSYNC, COMMAND_QUIT,
    COMMAND_REPLCONF, COMMAND_REPLICAOF, COMMAND_SCAN, COMMAND_SCRIPT, COMMAND_SELECT, COMMAND_SENTINEL, COMMAND_SET,
    COMMAND_SHUTDOWN, COMMAND_SUBSCRIBE, COMMAND_SYNC, COMMAND_WRONG_PROTOCOL,
};

static const struct word {
    char text[15];
    uint8_t meaning;
} commands[] = {
    {"ACL", COMMAND_ACL}, {"AUTH", COMMAND_AUTH},
    {"BLPOP", COMMAND_BLOCKING}, {"BRPOP", COMMAND_BLOCKING}, {"BLMOVE", COMMAND_BLOCKING}, {"BLMPOP", COMMAND_BLOCKING},
    {"BRPOPLPUSH", COMMAND_BLOCKING}, {"BZPOPMIN", COMMAND_BLOCKING}, {"BZPOPMAX", COMMAND_BLOCKING}, {"BZMPOP", COMMAND_BLOCKING},
    {"CLIENT", COMMAND_CLIENT}, {"CONFIG", COMMAND_CONFIG},
    {"EVAL", COMMAND_EVAL}, {"EVALSHA", COMMAND_EVAL},
    {"HELLO", COMMAND_HELLO}, {"HOST:", COMMAND_WRONG_PROTOCOL},
    {"KEYS", COMMAND_KEYS},
    {"MIGRATE", COMMAND_MIGRATE}, {"MODULE", COMMAND_MODULE}, {"MONITOR", COMMAND_MONITOR},
    {"PFADD", COMMAND_PF}, {"PFCOUNT", COMMAND_PF}, {"PFMERGE", COMMAND_PF}, {"PFDEBUG", COMMAND_PF}, {"POST", COMMAND_WRONG_PROTOCOL},
    {"PSUBSCRIBE", COMMAND_PSUBSCRIBE}, {"PSYNC", COMMAND_PSYNC}, {"PUNSUBSCRIBE", COMMAND_SUBSCRIBE},
    {"QUIT", COMMAND_QUIT},
    {"REPLCONF", COMMAND_REPLCONF}, {"REPLICAOF", COMMAND_REPLICAOF},
    {"SET", COMMAND_SET}, {"SETRANGE", COMMAND_SET}, {"SELECT", COMMAND_SELECT}, {"SCAN", COMMAND_SCAN}, {"SCRIPT", COMMAND_SCRIPT},
    {"SENTINEL", COMMAND_SENTINEL}, {"SHUTDOWN", COMMAND_SHUTDOWN}, {"SLAVEOF", COMMAND_REPLICAOF}, {"SSUBSCRIBE", COMMAND_SUBSCRIBE},
    {"SUBSCRIBE", COMMAND_SUBSCRIBE}, {"SUNSUBSCRIBE", COMMAND_SUBSCRIBE}, {"SYNC", COMMAND_SYNC},
    {"UNSUBSCRIBE", COMMAND_SUBSCRIBE},
    {"WAIT", COMMAND_BLOCKING}, {"WAITAOF", COMMAND_BLOCKING},
    {"XREAD", COMMAND_BLOCKING}, {"XREADGROUP", COMMAND_BLOCKING},
    {"", COMMAND_OTHER},
};

/* What the next argument is, or which of its subcommands a command is. */
enum detail {
    DETAIL_NONE, DETAIL_USER, DETAIL_PASSWORD, DETAIL_NAME, DETAIL_PATTERN, DETAIL_SET, DETAIL_REPLY, DETAIL_REPLY_ON, DETAIL_REPLY_OFF,
    DETAIL_REPLY_SKIP, DETAIL_ID, DETAIL_KILL, DETAIL_INFO, DETAIL_NO_ANSWER, DETAIL_LOCAL, DETAIL_LOAD, DETAIL_DEBUG,
};

enum { ABUSE_REPLICA = 1, ABUSE_FILE = 2 };

bool redis_word(struct view text, const char *upper)
{
    size_t i = 0;
    for (; i < text.length && upper[i]; i++) {
        uint8_t c = text.bytes[i];
        if ((c >= 'a' && c <= 'z' ? c - 32 : c) != (uint8_t)upper[i])
            return false;
    }
    return i == text.length && !upper[i];
}

static uint8_t command_of(struct view name)
{
    uint8_t first = redis_byte(name, 0) & 0xdf, second = redis_byte(name, 1) & 0xdf;
    for (const struct word *c = commands; c->text[0]; c++)
        if ((uint8_t)c->text[0] == first && (uint8_t)c->text[1] == second && redis_word(name, c->text))
            return c->meaning;
    return COMMAND_OTHER;
}

static uint8_t keep_text(char *to, struct view text)
{
    size_t length = text.length < SESSION_TEXT_MAX ? text.length : SESSION_TEXT_MAX;
    if (length)
        memcpy(to, text.bytes, length);
    return (uint8_t)length;
}

static enum field user_argument(struct redis_reading *r, struct view text)
{
    r->out->session->user_length = keep_text(r->out->session->user, text);
    return FIELD_REDIS_USER;
}

/* A value that goes where a password or a name was announced; else FIELD_REDIS_ARGUMENT. */
static enum field announced(struct redis_reading *r, struct redis_requests *q, struct view text)
{
    uint8_t detail = q->detail;
    q->detail = DETAIL_NONE;
    switch (detail) {
    case DETAIL_USER:
        q->detail = DETAIL_PASSWORD;
        return user_argument(r, text);
    case DETAIL_PASSWORD:
        return FIELD_REDIS_PASSWORD;
    case DETAIL_NAME:
        observe(r->out, (struct fact){.kind = FACT_CLIENT, .text = text});
        return FIELD_REDIS_CLIENT_NAME;
    default:
        q->detail = detail;
        return FIELD_REDIS_ARGUMENT;
    }
}

static enum field hello_argument(struct redis_reading *r, struct redis_requests *q, struct view text)
{
    enum field field = announced(r, q, text);
    if (field != FIELD_REDIS_ARGUMENT)
        return field;
    if (redis_word(text, "AUTH"))
        q->detail = DETAIL_USER;
    else if (redis_word(text, "SETNAME"))
        q->detail = DETAIL_NAME;
    q->login |= q->detail == DETAIL_USER;
    return FIELD_REDIS_ARGUMENT;
}

static enum field client_argument(struct redis_reading *r, struct redis_requests *q, struct view text)
{
    static const struct word subcommands[] = {{"REPLY", DETAIL_REPLY}, {"ID", DETAIL_ID}, {"SETNAME", DETAIL_NAME},
                                              {"SETINFO", DETAIL_INFO}, {"KILL", DETAIL_KILL}, {"", DETAIL_NONE}};
    static const struct word modes[] = {{"ON", DETAIL_REPLY_ON}, {"OFF", DETAIL_REPLY_OFF}, {"SKIP", DETAIL_REPLY_SKIP}, {"", DETAIL_NONE}};
    if (q->argument == 1 || q->detail == DETAIL_REPLY) {
        const struct word *word = q->argument == 1 ? subcommands : modes;
        while (word->text[0] && !redis_word(text, word->text))
            word++;
        q->detail = word->meaning;
        return FIELD_REDIS_ARGUMENT;
    }
    if (q->detail == DETAIL_INFO) {
        q->detail = redis_word(text, "LIB-NAME") ? DETAIL_NAME : DETAIL_NONE;
        return FIELD_REDIS_ARGUMENT;
    }
    return announced(r, q, text);
}

static bool is_secret_option(struct view text)
{
    return redis_word(text, "REQUIREPASS") || redis_word(text, "MASTERAUTH") || redis_word(text, "TLS-KEY-FILE-PASS") ||
           redis_word(text, "TLS-CLIENT-KEY-FILE-PASS") || redis_word(text, "PRIMARYAUTH");
}

/* CONFIG SET name value ... */
static enum field config_argument(struct redis_reading *r, struct redis_requests *q, struct view text)
{
    if (q->argument == 1) {
        q->detail = redis_word(text, "SET") ? DETAIL_SET : DETAIL_NONE;
        return FIELD_REDIS_ARGUMENT;
    }
    if (q->detail == DETAIL_PASSWORD) {
        q->detail = DETAIL_SET;
        return FIELD_REDIS_PASSWORD;
    }
    if (q->detail != DETAIL_SET || q->argument % 2)
        return FIELD_REDIS_ARGUMENT;
    if (is_secret_option(text))
        q->detail = DETAIL_PASSWORD;
    else if (redis_word(text, "DIR") || redis_word(text, "DBFILENAME"))
        r->state->abuse |= ABUSE_FILE;
    return FIELD_REDIS_ARGUMENT;
}

/* Long patterns, and those of many stars, take a server's stack or its time (CVE-2024-31228, CVE-2022-36021). */
static void pattern(struct redis_reading *r, struct view text, uint32_t offset, uint32_t length)
{
    uint32_t stars = 0;
    for (size_t i = 0; i < text.length; i++)
        stars += text.bytes[i] == '*' && (i == 0 || text.bytes[i - 1] != '*');
    if (length > PATTERN_MAX)
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_PATTERN, .field = FIELD_REDIS_ARGUMENT, .relation = MUST_NOT_EXCEED,
                                        .offset = offset, .length = length, .got = length, .expected = PATTERN_MAX,
                                        .note = "bytes of a pattern"});
    else if (stars > PATTERN_STARS_MAX)
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_PATTERN, .field = FIELD_REDIS_ARGUMENT, .relation = MUST_NOT_EXCEED,
                                        .offset = offset, .length = length, .got = stars, .expected = PATTERN_STARS_MAX,
                                        .note = "stars in a pattern"});
}

/* A value that looks like a HyperLogLog, written by hand (CVE-2019-10192, CVE-2025-32023), and then used as one. */
static void hyperloglog(struct redis_reading *r, const struct redis_requests *q, struct view text, uint32_t offset, uint32_t length)
{
    struct redis_state *s = r->state;
    if (q->command == COMMAND_SET) {
        if (q->argument == 1)
            s->key_hash = text.length == length ? redis_hash(text) : 0;
        else if (text.length >= 4 && memcmp(text.bytes, "HYLL", 4) == 0)
            s->hyll = s->key_hash;
        return;
    }
    if (s->hyll && redis_hash(text) == s->hyll) {
        s->hyll = 0;
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_HYPERLOGLOG, .field = FIELD_REDIS_ARGUMENT, .relation = MUST_BE,
                                        .offset = offset, .length = length, .note = "a key that PFADD made"});
    }
}

static enum field rare_argument(struct redis_reading *r, struct redis_requests *q, struct view text)
{
    enum field field = FIELD_REDIS_ARGUMENT;
    switch (q->command) {
    case COMMAND_ACL:
        if (q->argument == 1)
            q->detail = redis_word(text, "SETUSER") ? DETAIL_SET : DETAIL_NONE;
        else if (q->argument > 2 && q->detail == DETAIL_SET && text.length && memchr("><#!", text.bytes[0], 4))
            field = FIELD_REDIS_PASSWORD;
        break;
    case COMMAND_MIGRATE:
        field = q->argument > 5 ? announced(r, q, text) : field;
        if (q->argument > 5 && field == FIELD_REDIS_ARGUMENT)
            q->detail = redis_word(text, "AUTH") ? DETAIL_PASSWORD : redis_word(text, "AUTH2") ? DETAIL_USER : DETAIL_NONE;
        break;
    case COMMAND_SENTINEL:
        field = announced(r, q, text);
        if (redis_word(text, "AUTH-PASS"))
            q->detail = DETAIL_PASSWORD;
        break;
    case COMMAND_MODULE:
        q->detail = q->argument == 1 && (redis_word(text, "LOAD") || redis_word(text, "LOADEX")) ? DETAIL_LOAD : q->detail;
        break;
    case COMMAND_SCRIPT:
        q->detail = q->argument == 1 && redis_word(text, "DEBUG") ? DETAIL_DEBUG : q->detail;
        break;
    case COMMAND_REPLICAOF:
        q->detail = q->argument == 1 && redis_word(text, "NO") ? DETAIL_LOCAL : q->detail;
        break;
    case COMMAND_REPLCONF:
        q->detail = q->argument == 1 && (redis_word(text, "ACK") || redis_word(text, "GETACK")) ? DETAIL_NO_ANSWER : q->detail;
        break;
    default:
        break;
    }
    return field;
}

static enum field argument_field(struct redis_reading *r, struct redis_requests *q, struct view text, uint32_t offset, uint32_t length)
{
    switch (q->command) {
    case COMMAND_AUTH:
        return q->argument > 1 || q->left == 1 ? FIELD_REDIS_PASSWORD : user_argument(r, text);
    case COMMAND_HELLO:
        return hello_argument(r, q, text);
    case COMMAND_CLIENT:
        return client_argument(r, q, text);
    case COMMAND_CONFIG:
        return config_argument(r, q, text);
    case COMMAND_SELECT:
        r->out->session->database_length = keep_text(r->out->session->database, text);
        return FIELD_REDIS_ARGUMENT;
    case COMMAND_SET:
    case COMMAND_PF:
        hyperloglog(r, q, text, offset, length);
        return FIELD_REDIS_ARGUMENT;
    case COMMAND_KEYS:
    case COMMAND_PSUBSCRIBE:
        pattern(r, text, offset, length);
        return FIELD_REDIS_ARGUMENT;
    case COMMAND_SCAN:
        if (q->detail == DETAIL_PATTERN)
            pattern(r, text, offset, length);
        q->detail = redis_word(text, "MATCH") ? DETAIL_PATTERN : DETAIL_NONE;
        return FIELD_REDIS_ARGUMENT;
    default:
        return rare_argument(r, q, text);
    }
}

void redis_argument(struct redis_reading *r, struct redis_requests *q, struct view text, uint32_t offset, uint32_t length)
{
    if (q->argument) {
        enum field field = q->command == COMMAND_OTHER ? FIELD_REDIS_ARGUMENT : argument_field(r, q, text, offset, length);
        note_field(r->out, field, offset, length, 0);
        return;
    }
    q->command = command_of(text);
    q->detail = DETAIL_NONE;
    q->login = false;
    note_field(r->out, FIELD_REDIS_COMMAND, offset, length, 0);
    if (q->command == COMMAND_AUTH)
        r->out->session->user_length = keep_text(r->out->session->user, view_text("default"));
    if (q->command == COMMAND_WRONG_PROTOCOL && r->from == FROM_CLIENT)
        redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_CROSS_PROTOCOL, .field = FIELD_REDIS_COMMAND, .relation = MUST_BE,
                                        .offset = offset, .length = length, .note = "not POST or Host:, the words of an HTTP request"});
}

/* A server is made a replica of the attacker's, its file is renamed, and what it received is loaded. */
static void check_abuse(struct redis_reading *r, const struct redis_requests *q)
{
    struct redis_state *s = r->state;
    if (q->command == COMMAND_REPLICAOF && q->detail != DETAIL_LOCAL)
        s->abuse |= ABUSE_REPLICA;
    bool loads = q->command == COMMAND_EVAL || (q->command == COMMAND_MODULE && q->detail == DETAIL_LOAD);
    if (!loads || s->abuse != (ABUSE_REPLICA | ABUSE_FILE))
        return;
    s->abuse = 0;
    redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_REPLICATION_ABUSE, .field = FIELD_REDIS_COMMAND, .relation = MUST_BE,
                                    .note = "not loaded on the connection that changed the master and the file"});
}

static void login_asked(struct redis_reading *r)
{
    struct session *session = r->out->session;
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = view_of(session->user, session->user_length)});
}

/* Whether the server answers this request, and what is remembered of it. */
static bool is_answered(struct redis_state *s, const struct redis_requests *q)
{
    uint8_t mode = s->mode;
    if (q->command == COMMAND_REPLCONF && q->detail == DETAIL_NO_ANSWER)
        return false;
    if (q->command == COMMAND_CLIENT && q->argument == 3 && q->detail >= DETAIL_REPLY_ON && q->detail <= DETAIL_REPLY_SKIP) {
        if (q->detail == DETAIL_REPLY_ON || q->detail == DETAIL_REPLY_OFF || mode != REPLIES_OFF)
            s->mode = q->detail == DETAIL_REPLY_ON ? REPLIES_ON : q->detail == DETAIL_REPLY_OFF ? REPLIES_OFF : REPLIES_SKIP;
        return q->detail == DETAIL_REPLY_ON;
    }
    s->mode = mode == REPLIES_OFF ? REPLIES_OFF : REPLIES_ON;
    return mode == REPLIES_ON;
}

static enum awaited consequences(struct redis_reading *r, const struct redis_requests *q)
{
    struct redis_state *s = r->state;
    switch (q->command) {
    case COMMAND_AUTH:
        login_asked(r);
        return AWAITED_AUTH;
    case COMMAND_HELLO:
        s->resp3 = true;
        if (q->login)
            login_asked(r);
        return q->login ? AWAITED_AUTH_HELLO : AWAITED_HELLO;
    case COMMAND_CLIENT:
        s->farewell |= q->detail == DETAIL_KILL;
        return q->detail == DETAIL_ID ? AWAITED_CLIENT_ID : AWAITED_NOTHING;
    case COMMAND_MONITOR:
    case COMMAND_PSUBSCRIBE:
    case COMMAND_SUBSCRIBE:
        s->untracked = true;
        return AWAITED_NOTHING;
    case COMMAND_SCRIPT:
        s->untracked |= q->detail == DETAIL_DEBUG;
        return AWAITED_NOTHING;
    case COMMAND_BLOCKING:
        s->blocking = s->sent + 1;
        return AWAITED_NOTHING;
    case COMMAND_QUIT:
        s->quit = true;
        observe(r->out, (struct fact){.kind = FACT_QUIT});
        return AWAITED_QUIT;
    case COMMAND_SHUTDOWN:
        s->shutdown = true;
        return AWAITED_NOTHING;
    case COMMAND_SYNC:
        return AWAITED_SYNC;
    case COMMAND_PSYNC:
        return AWAITED_PSYNC;
    default:
        return AWAITED_NOTHING;
    }
}

void redis_command_done(struct redis_reading *r, struct redis_requests *q)
{
    struct redis_state *s = r->state;
    if (r->from == FROM_SERVER) {
        r->out->message = REDIS_REPLICATED;
        return;
    }
    observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
    if (q->command == COMMAND_OTHER && s->mode == REPLIES_ON) {
        redis_sent(r, AWAITED_NOTHING);
        return;
    }
    check_abuse(r, q);
    if (is_answered(s, q))
        redis_sent(r, consequences(r, q));
    else
        (void)consequences(r, q);
}
