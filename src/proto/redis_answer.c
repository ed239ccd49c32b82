/* Requests and replies in pairs: by counting, because pipelines have no limit; and what the replies say of login, version
 * and the client's messages. */
#include "model/name.h"
#include "proto/redis.h"

void redis_sent(struct redis_reading *r, enum awaited what)
{
    struct redis_state *s = r->state;
    s->sent++;
    if (what != AWAITED_NOTHING && s->awaited_used < REDIS_AWAITED)
        s->awaited[s->awaited_used++] = (struct redis_awaited){s->sent, (uint8_t)what};
    if (s->unauthenticated && !s->untracked && !s->unread_told && s->sent - s->answered > REDIS_UNREAD_REPLIES) {
        s->unread_told = true;
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_UNREAD_REPLIES, .field = FIELD_REDIS_COMMAND, .relation = MUST_NOT_EXCEED,
                                        .got = s->sent - s->answered, .expected = REDIS_UNREAD_REPLIES,
                                        .note = "unanswered requests of a client that has not logged in"});
    }
}

enum awaited redis_awaits(const struct redis_state *s)
{
    const struct redis_awaited *first = &s->awaited[0];
    if (!s->awaited_used)
        return AWAITED_NOTHING;
    if (s->untracked)
        return first->what == AWAITED_SYNC || first->what == AWAITED_PSYNC ? (enum awaited)first->what : AWAITED_NOTHING;
    return first->number == s->answered + 1 ? (enum awaited)first->what : AWAITED_NOTHING;
}

static void awaited_pop(struct redis_state *s)
{
    s->awaited_used--;
    memmove(s->awaited, s->awaited + 1, s->awaited_used * sizeof s->awaited[0]);
}

static bool starts_with(struct view text, const char *start)
{
    size_t length = strlen(start);
    return text.length >= length && memcmp(text.bytes, start, length) == 0;
}

static void admitted(struct redis_reading *r)
{
    r->state->unauthenticated = false;
    r->out->session->phase = PHASE_AUTHENTICATED;
}

static void login_result(struct redis_reading *r, bool refused, struct view line)
{
    if (refused) {
        observe(r->out, (struct fact){.kind = FACT_LOGIN_FAILED, .text = line});
        return;
    }
    admitted(r);
    observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
}

/* The server's verdict on a message of the client. */
static void rejected(struct redis_reading *r, struct view line, uint32_t offset)
{
    r->state->farewell = true;
    observe(r->out, (struct fact){.kind = FACT_VERDICT, .text = line});
    redis_defect(r, (struct report){.anomaly = ANOMALY_REDIS_REJECTED, .field = FIELD_REDIS_ERROR, .relation = MUST_BE, .offset = offset,
                                    .length = (uint32_t)line.length, .note = "no complaint about the protocol"});
}

static void error(struct redis_reading *r, struct view line, uint32_t offset, bool login)
{
    struct redis_state *s = r->state;
    const uint8_t *blank = line.length ? memchr(line.bytes, ' ', line.length) : NULL;
    struct view code = view_head(line, blank ? (size_t)(blank - line.bytes) : line.length);
    observe(r->out, (struct fact){.kind = FACT_ERROR, .text = line, .more = code});
    if (starts_with(line, "ERR Protocol error"))
        rejected(r, line, offset);
    else if (redis_word(code, "NOAUTH")) {
        s->unauthenticated = true;
        r->out->session->phase = PHASE_PRE_AUTH;
    } else if (redis_word(code, "DENIED") || starts_with(line, "ERR max number of clients")) {
        s->farewell = true;
    } else if (!login && redis_word(code, "WRONGPASS")) {
        observe(r->out, (struct fact){.kind = FACT_LOGIN_FAILED, .text = line});
    }
}

/* False: the server says something that nobody asked for. */
static bool count_answer(struct redis_reading *r, uint8_t type, uint32_t offset, enum awaited what)
{
    struct redis_state *s = r->state;
    if (s->untracked) {
        if (what)
            awaited_pop(s);
        return true;
    }
    if (s->answered != s->sent) {
        s->answered++;
        if (what)
            awaited_pop(s);
        return true;
    }
    s->untracked = true;
    if (type == '-')
        s->farewell = true;
    else if (!s->unrequested_told)
        redis_remark(r, (struct report){.anomaly = ANOMALY_REDIS_UNREQUESTED_REPLY, .field = FIELD_REDIS_TYPE, .relation = MUST_BE,
                                        .offset = offset, .length = 1, .got = type, .note = "a request before it"});
    s->unrequested_told |= type != '-';
    return false;
}

static void hello_told(struct redis_reading *r)
{
    struct redis_state *s = r->state;
    s->key = 0;
    if (s->version_length || s->connection_id)
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .number = s->connection_id,
                                      .text = view_of(s->version, s->version_length)});
}

static void replication_begins(struct redis_state *s, struct view line)
{
    enum { FULLRESYNC_LEAST = 53 }; /* with an id of 40 digits and an offset, so that it stands for itself */
    bool sure = redis_awaits(s) == AWAITED_PSYNC || (s->joined && line.length >= FULLRESYNC_LEAST);
    if (!sure)
        return;
    if (starts_with(line, "FULLRESYNC"))
        s->rdb_next = true;
    else if (starts_with(line, "CONTINUE"))
        s->reply_stage = REPLY_COMMANDS;
}

/* What comes without being asked for: messages to subscribers, and what MONITOR shows ("1700000000.123456 [0 ..."). */
static bool is_news(struct redis_state *s, uint8_t type, struct view line)
{
    bool pushed = s->pushed;
    s->pushed = false;
    return pushed || (s->untracked && type == '+' && line.length > 20 && line.bytes[10] == '.' && line.bytes[17] == ' ' && line.bytes[18] == '[');
}

void redis_answered(struct redis_reading *r, uint8_t type, struct view line, uint32_t offset)
{
    struct redis_state *s = r->state;
    enum awaited what = redis_awaits(s);
    bool refused = type == '-' || type == '!';
    bool login = what == AWAITED_AUTH || what == AWAITED_AUTH_HELLO;
    if (type == '>' || is_news(s, type, line))
        return;
    if (type == '+' && (what == AWAITED_PSYNC || s->joined))
        replication_begins(s, line);
    bool asked = count_answer(r, type, offset, what);
    observe(r->out, (struct fact){.kind = FACT_REPLY});
    if (refused)
        error(r, line, offset + 1, login);
    if (!asked)
        return;
    if (login)
        login_result(r, refused, line);
    if (refused)
        return;
    if (what == AWAITED_HELLO || what == AWAITED_AUTH_HELLO)
        hello_told(r);
    else if (what == AWAITED_CLIENT_ID && type == ':')
        hello_told(r);
    bool free = what == AWAITED_AUTH || what == AWAITED_QUIT;
    if (!free && r->out->session->phase == PHASE_PRE_AUTH)
        admitted(r);
}

/* "redis_version:7.0.15" near the beginning of INFO's text; Valkey says its own a little later. */
void redis_info(struct redis_reading *r, struct view text)
{
    static const char *const names[] = {"\nvalkey_version:", "\nredis_version:"};
    struct redis_state *s = r->state;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t length = strlen(names[n]);
        for (size_t at = 0; at + length < text.length; at++) {
            if (memcmp(text.bytes + at, names[n], length) != 0)
                continue;
            struct view rest = view_head(view_from(text, at + length), REDIS_VERSION_TEXT);
            const uint8_t *end = memchr(rest.bytes, '\r', rest.length);
            s->version_length = (uint8_t)(end ? end - rest.bytes : (ptrdiff_t)rest.length);
            memcpy(s->version, rest.bytes, s->version_length);
            hello_told(r);
            return;
        }
    }
}
