/* What each message and each end of a connection does to the pulse: see health/pulse.h. */
#include "health/pulse_state.h"

#include <string.h>

#include "base/text.h"
#include "model/name.h"

size_t pulse_connection_cost(void)
{
    return sizeof(struct pulse_flow) + 16;
}

uint32_t pulse_facts(void)
{
    return 1u << FACT_REQUEST | 1u << FACT_REPLY | 1u << FACT_ERROR | 1u << FACT_VERDICT | 1u << FACT_LOGIN | 1u << FACT_LOGIN_OK |
           1u << FACT_LOGIN_FAILED | 1u << FACT_SERVER_HELLO | 1u << FACT_SHUTDOWN | 1u << FACT_QUIT;
}

static uint16_t stop_message(const struct decoder *decoder)
{
    static const char *const words[] = {"com_shutdown", "shutdown"};
    uint64_t value;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (name_value(decoder->messages, words[i], &value))
            return (uint16_t)value;
    return 0;
}

struct pulse *pulse_open(struct arena *from, const struct pulse_options *options, struct counters *counters)
{
    struct pulse *p = arena_take(from, sizeof *p);
    if (!p)
        return NULL;
    p->options = *options;
    p->counters = counters;
    p->beat_ns = INT64_MIN;
    p->beats = 1;
    p->memo = p->memos;
    uint32_t entries = 16;
    while (entries < options->servers * 2)
        entries *= 2;
    p->index_mask = entries - 1;
    p->index = arena_take(from, entries * sizeof *p->index);
    p->servers = arena_take(from, options->servers * sizeof *p->servers);
    for (unsigned i = 0; i < FIELDS; i++)
        p->field_hash[i] = hash_name(field_name((enum field)i));
    for (unsigned i = 1; i < PROTOCOLS; i++)
        p->protocol_hash[i] = hash_name(protocol_name((enum protocol)i));
    for (unsigned i = 1; i < PROTOCOLS; i++)
        p->stop_message[i] = stop_message(decoder_of((enum protocol)i));
    return p->index && p->servers && pool_open(&p->flows, from, sizeof(struct pulse_flow), options->connections) ? p : NULL;
}

static struct sign sign_of(const struct pulse_flow *f, enum sign_kind kind, const struct segment *where)
{
    struct sign sign;
    memset(&sign, 0, offsetof(struct sign, ending));
    sign.kind = (uint8_t)kind;
    sign.protocol = (uint8_t)f->decoder->protocol;
    sign.server = f->flow->server;
    sign.client = f->flow->client;
    sign.time_ns = sane_ns(where->time_ns);
    sign.packet = where->packet_number;
    sign.flow_id = f->flow->id;
    return sign;
}

static void user_of(const struct flow *flow, char user[SIGN_USER_MAX])
{
    const struct session *session = dialogue_session(flow);
    struct text text = text_in(user, SIGN_USER_MAX);
    if (session && session->user_length)
        text_add_escaped(&text, view_of(session->user, session->user_length));
}

/* ---- joining and leaving */

static struct pulse_flow *flow_join(struct pulse *p, struct flow *flow, const struct decoder *decoder, const struct segment *where)
{
    struct pulse_server *s = pulse_server_of(p, &flow->server, decoder->protocol);
    struct pulse_flow *f = s ? pool_take(&p->flows) : NULL;
    if (!f) {
        count(p->counters, COUNT_HEALTH_SHED);
        return NULL;
    }
    f->flow = flow;
    f->server = s;
    f->decoder = decoder;
    f->in_parts = decoder->protocol == PROTOCOL_PGSQL || decoder->protocol == PROTOCOL_TDS || decoder->protocol == PROTOCOL_DRDA;
    flow->health = f;
    s->beat.connections++;
    s->beat.opened++;
    s->stirred = true;
    struct sign sign = sign_of(f, SIGN_OPENED, where);
    sign.opened.midstream = flow->midstream;
    sign.opened.user[0] = 0;
    pulse_tell(p, &sign);
    return f;
}

/* ---- endings */

static struct sign ending_of(const struct pulse_flow *f, enum sign_kind kind, enum side by, const struct segment *where)
{
    struct sign sign = sign_of(f, kind, where);
    struct unfinished unfinished;
    uint64_t open = pulse_open_requests(f);
    sign.from = (uint8_t)by;
    sign.ending.requests = f->asked;
    sign.ending.opened_ns = sane_ns(f->flow->first_ns);
    sign.ending.last_reply_ns = sane_ns(f->reply_ns);
    sign.ending.open = open > UINT32_MAX ? UINT32_MAX : (uint32_t)open;
    sign.ending.open_since_ns = pulse_open_since(f);
    if (!dialogue_is_read(f->flow)) { /* whoever spoke last waits for the other */
        sign.ending.open = f->flow->last_data == FROM_CLIENT;
        sign.ending.open_since_ns = 0;
    }
    sign.ending.farewell = f->farewell;
    sign.ending.midstream = f->flow->midstream;
    sign.ending.check = !f->works && f->asked <= CHECK_REQUESTS && open == 0 && !f->flow->midstream;
    sign.ending.pending = dialogue_unfinished(f->flow, FROM_CLIENT, &unfinished);
    sign.ending.acknowledged = net_acknowledged(f->flow, FROM_CLIENT);
    sign.ending.server_first = by == FROM_SERVER && !f->client_ended;
    sign.ending.counted = f->counted;
    user_of(f->flow, sign.ending.user);
    pulse_last_words(f, &sign);
    return sign;
}

void pulse_tell_waits(struct pulse *p, const struct pulse_flow *f, int64_t now_ns)
{
    const struct segment where = {.time_ns = now_ns};
    struct sign sign = ending_of(f, SIGN_WAITS, FROM_CLIENT, &where);
    pulse_tell(p, &sign);
}

static void client_leaves(struct pulse *p, struct pulse_flow *f, const struct segment *where)
{
    if (f->client_ended || f->server_ended)
        return;
    struct sign sign = ending_of(f, SIGN_LEFT, FROM_CLIENT, where);
    f->client_ended = f->counted = true;
    pulse_tell(p, &sign);
}

static bool begins(struct view text, const char *words)
{
    size_t length = strlen(words);
    return text.length >= length && memcmp(text.bytes, words, length) == 0;
}

static bool contains(struct view text, const char *words)
{
    return text.length && memmem(text.bytes, text.length, words, strlen(words)) != NULL;
}

static bool code_is(const struct fact *fact, const char *sqlstate)
{
    return fact->more.length == 5 && memcmp(fact->more.bytes, sqlstate, 5) == 0;
}

/* By the codes of MySQL (mysqld_error.h), SQLSTATEs of PostgreSQL (errcodes.txt) and the words of Redis and Memcached. */
static enum error_class error_class(enum protocol protocol, const struct fact *fact)
{
    enum { ER_CON_COUNT = 1040, ER_TOO_MANY_USER_CONNECTIONS = 1203, ER_USER_LIMIT_REACHED = 1226, SHUTDOWN_IN_PROGRESS = 1053 };
    switch (protocol) {
    case PROTOCOL_MYSQL:
        if (fact->number == ER_CON_COUNT || fact->number == ER_TOO_MANY_USER_CONNECTIONS || fact->number == ER_USER_LIMIT_REACHED)
            return ERRORS_LIMIT;
        return fact->number == SHUTDOWN_IN_PROGRESS ? ERRORS_STOPPING : ERRORS_OTHER;
    case PROTOCOL_PGSQL:
        if (code_is(fact, "53300"))
            return ERRORS_LIMIT;
        if (code_is(fact, "57P03"))
            return contains(fact->text, "starting up") || contains(fact->text, "recovery") ? ERRORS_STARTING : ERRORS_STOPPING;
        return ERRORS_OTHER;
    default:
        if (contains(fact->text, "max number of clients") || contains(fact->text, "Too many open connections"))
            return ERRORS_LIMIT;
        return begins(fact->text, "LOADING") ? ERRORS_STARTING : ERRORS_OTHER;
    }
}

static void farewell(struct pulse *p, struct pulse_flow *f, const struct utterance *m, enum farewell kind, struct view words)
{
    if (f->farewell == FAREWELL_NONE || f->farewell == FAREWELL_SESSION)
        f->farewell = (uint8_t)kind;
    struct sign sign = sign_of(f, SIGN_FAREWELL, m->first);
    sign.manner = (uint8_t)kind;
    struct text text = text_in(sign.farewell.text, sizeof sign.farewell.text);
    text_add_escaped(&text, words);
    pulse_tell(p, &sign);
}

static enum farewell farewell_of(const struct fact *fact)
{
    if (code_is(fact, "57P02"))
        return FAREWELL_CRASH;
    if (begins(fact->text, "SHUTDOWN") || begins(fact->text, "shutdown"))
        return FAREWELL_COMMAND; /* as the decoders of Redis and Memcached say when it worked */
    return contains(fact->text, "postmaster") ? FAREWELL_ORPHANED : FAREWELL_ORDERLY;
}

static void refused(struct pulse *p, struct pulse_flow *f, const struct utterance *m, const struct fact *fact)
{
    struct sign sign = sign_of(f, SIGN_REFUSAL, m->first);
    struct text text = text_in(sign.farewell.text, sizeof sign.farewell.text);
    text_add_escaped(&text, fact->text);
    pulse_tell(p, &sign);
}

static void error(struct pulse *p, struct pulse_flow *f, const struct utterance *m, const struct fact *fact)
{
    enum { CONNECTION_KILLED = 1927 };
    enum error_class class = error_class(f->decoder->protocol, fact);
    f->server->beat.errors[class]++;
    if (class == ERRORS_LIMIT) {
        refused(p, f, m, fact);
        f->farewell = FAREWELL_SESSION;
    }
    if (class == ERRORS_STARTING || class == ERRORS_STOPPING)
        farewell(p, f, m, class == ERRORS_STOPPING ? FAREWELL_ORDERLY : FAREWELL_SESSION, fact->text);
    if (f->decoder->protocol == PROTOCOL_MYSQL && fact->number == CONNECTION_KILLED)
        farewell(p, f, m, FAREWELL_SESSION, fact->text);
}

static void hello(struct pulse *p, struct pulse_flow *f, const struct utterance *m, const struct fact *fact)
{
    uint32_t version = 0;
    struct view text = view_head(fact->text, SIGN_TEXT_MAX);
    for (size_t i = 0; i < text.length; i++)
        version = mix32(version, text.bytes[i]);
    struct sign sign = sign_of(f, SIGN_HELLO, m->first);
    sign.hello.number = fact->number;
    sign.hello.version = version;
    pulse_tell(p, &sign);
}

static void verdict(struct pulse_flow *f)
{
    f->server->beat.errors[ERRORS_VERDICT]++;
    if (f->words_used)
        f->words[(f->words_next + WORDS_MAX - 1) % WORDS_MAX].word.flags |= WORD_VERDICT;
}

static void user_says(struct pulse *p, struct pulse_flow *f, const struct utterance *m, bool refused)
{
    struct sign sign = sign_of(f, SIGN_USER, m->first);
    sign.manner = refused;
    user_of(f->flow, sign.user.user);
    if (sign.user.user[0])
        pulse_tell(p, &sign);
}

static void server_says(struct pulse *p, struct pulse_flow *f, const struct utterance *m)
{
    const struct findings *found = m->findings;
    f->spoke_ns = m->first->time_ns;
    if (!found) {
        pulse_replies(p, f, m, m->replies);
        return;
    }
    f->server->stirred = true;
    for (unsigned i = 0; i < found->facts_used; i++) {
        const struct fact *fact = &found->facts[i];
        switch (fact->kind) {
        case FACT_REPLY:
            pulse_replies(p, f, m, 1);
            break;
        case FACT_ERROR:
            error(p, f, m, fact);
            break;
        case FACT_VERDICT:
            verdict(f);
            break;
        case FACT_LOGIN_OK:
            f->logged_in = true;
            f->server->beat.logins++;
            user_says(p, f, m, false);
            break;
        case FACT_LOGIN_FAILED:
            f->server->beat.logins_failed++;
            user_says(p, f, m, true);
            error(p, f, m, fact);
            if (f->farewell == FAREWELL_NONE)
                f->farewell = FAREWELL_SESSION;
            break;
        case FACT_SERVER_HELLO:
            hello(p, f, m, fact);
            break;
        case FACT_SHUTDOWN:
            farewell(p, f, m, farewell_of(fact), fact->text);
            break;
        default:
            break;
        }
    }
}

static void client_says(struct pulse *p, struct pulse_flow *f, const struct utterance *m)
{
    const struct findings *found = m->findings;
    bool asks = found->facts_seen & 1u << FACT_REQUEST;
    uint16_t stop = p->stop_message[f->decoder->protocol];
    f->lost_ns = 0;
    if (found->facts_used == 1 && found->facts_seen == 1u << FACT_REQUEST && found->message != stop) {
        pulse_word(p, f, m, true);
        p->last_is_word = true;
        pulse_request(f, m);
        return;
    }
    f->server->stirred = true;
    if (asks || found->reports_used || found->facts_seen & 1u << FACT_LOGIN) {
        pulse_word(p, f, m, asks);
        p->last_is_word = true;
    }
    if (stop && found->message == stop)
        farewell(p, f, m, FAREWELL_COMMAND, view_text(name_of(f->decoder->messages, stop)));
    for (unsigned i = 0; asks && i < found->facts_used; i++)
        if (found->facts[i].kind == FACT_REQUEST)
            pulse_request(f, m);
    if (found->facts_seen & 1u << FACT_QUIT)
        client_leaves(p, f, m->first);
}

/* Its first message of which anybody wants to know. */
__attribute__((noinline)) static struct pulse_flow *flow_meet(struct pulse *p, const struct utterance *m)
{
    bool tells = !m->findings || m->findings->facts_seen & pulse_facts() || m->findings->reports_used;
    return tells && dialogue_session(m->flow) ? flow_join(p, m->flow, m->decoder, m->first) : NULL;
}

void pulse_message(struct pulse *p, const struct utterance *m)
{
    struct pulse_flow *f = m->flow->health;
    p->last = f;
    p->last_is_word = false;
    if (!f && !(p->last = f = flow_meet(p, m)))
        return;
    if (m->from == FROM_CLIENT)
        client_says(p, f, m);
    else
        server_says(p, f, m);
}

void pulse_alert(struct pulse *p, const struct message *m, uint64_t key, uint8_t severity)
{
    struct pulse_flow *f = p->last;
    if (!f || f != m->flow->health || !f->words_used || (m->from == FROM_CLIENT && !p->last_is_word))
        return;
    struct word *word = &f->words[(f->words_next + WORDS_MAX - 1) % WORDS_MAX].word;
    bool of_another = m->from == FROM_CLIENT && word->packet != m->first->packet_number;
    if (of_another || (word->alert && word->severity <= severity))
        return;
    word->alert = key;
    word->severity = severity;
}

void pulse_gap(struct pulse *p, struct flow *flow, enum side from, const struct segment *where)
{
    struct pulse_flow *f = flow->health;
    (void)p;
    if (!f)
        return;
    pulse_forget_open(f);
    if (from == FROM_SERVER)
        return;
    f->lost_ns = where->time_ns;
    f->lost_packet = where->packet_number;
}

/* ---- endings, of the server */

/* The server ends what the client had not: with what was said until now. */
static void server_ends(struct pulse *p, struct pulse_flow *f, enum ending_manner manner, const struct segment *where)
{
    if (f->client_ended || f->server_ended)
        return;
    struct sign sign = ending_of(f, SIGN_ENDING, FROM_SERVER, where);
    sign.manner = (uint8_t)manner;
    f->server_ended = true;
    f->counted = true;
    pulse_tell(p, &sign);
}

void pulse_finished(struct pulse *p, struct flow *flow, enum side from, const struct segment *where)
{
    struct pulse_flow *f = flow->health;
    if (!f)
        return;
    if (from == FROM_SERVER)
        server_ends(p, f, ENDING_FIN, where);
    else
        client_leaves(p, f, where);
}

void pulse_closed(struct pulse *p, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    struct pulse_flow *f = flow->health;
    if (!f)
        return;
    if (end == END_RESET && by == FROM_SERVER) {
        f->server->beat.resets[FROM_SERVER]++;
        server_ends(p, f, ENDING_RESET, where);
    } else if (end == END_RESET) {
        f->server->beat.resets[FROM_CLIENT]++;
        client_leaves(p, f, where);
    }
    struct sign sign = ending_of(f, SIGN_CLOSED, by, where);
    sign.manner = (uint8_t)end;
    sign.ending.words_used = 0;
    f->server->beat.connections--;
    f->server->beat.unanswered += sign.ending.open;
    f->server->beat.checks += sign.ending.check && by == FROM_CLIENT;
    f->server->stirred = true;
    pulse_count_bytes(f);
    pulse_tell(p, &sign);
    pulse_leave_list(f);
    if (p->last == f)
        p->last = NULL;
    flow->health = NULL;
    pool_give(&p->flows, f);
}

void pulse_segment(struct pulse *p, struct flow *flow, enum side from, enum segment_sign sign, const struct segment *where)
{
    struct pulse_flow *f = flow->health;
    if (sign != SEGMENT_REPEATS && sign != SEGMENT_ZERO_WINDOW) {
        pulse_door(p, &flow->server, sign, where);
        return;
    }
    if (!f)
        return;
    f->server->stirred = true;
    if (sign == SEGMENT_ZERO_WINDOW) {
        f->server->beat.zero_windows[from]++;
        return;
    }
    f->server->beat.repeated[from]++;
    f->server->beat.repeating += f->repeated_beat != p->beats;
    f->repeated_beat = p->beats;
}

void pulse_beat_now(struct pulse *p, int64_t now_ns)
{
    now_ns = sane_ns(now_ns);
    pulse_beat(p, now_ns, false);
    p->beat_ns = now_ns;
}

void pulse_time(struct pulse *p, int64_t now_ns, bool last)
{
    now_ns = sane_ns(now_ns);
    bool back = now_ns < p->now_ns - BEAT_NS;
    p->now_ns = now_ns;
    if (p->beat_ns == INT64_MIN || back)
        p->beat_ns = now_ns;
    if (last || now_ns - p->beat_ns >= BEAT_NS) {
        pulse_beat(p, now_ns, last);
        p->beat_ns = now_ns;
    }
}
