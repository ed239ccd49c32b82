/* Memos of messages, in a worker: see memos.h. */
#include "app/memos.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/fact.h"

enum { RECENT = 256, FOLLOWED = 32, WORDS_LOOKED_AT = 64 };

struct recent {
    bool told;
    struct memo memo;
};

/* A connection that raised an alert, and how many of its messages are still wanted. */
struct followed {
    uint64_t flow_id;
    uint32_t left;
};

struct memos {
    void (*tell)(void *context, const struct memo *memo);
    void *context;
    uint64_t shed;
    uint32_t made, following, next_followed;
    int64_t from_ns, until_ns; /* of the window */
    struct followed followed[FOLLOWED];
    struct recent recent[RECENT];
    struct memo_kinds kinds;
};

struct memos *memos_open(void (*tell)(void *context, const struct memo *memo), void *context)
{
    struct memos *m = calloc(1, sizeof *m);
    if (m) {
        m->tell = tell;
        m->context = context;
        m->from_ns = m->until_ns = INT64_MIN;
    }
    return m;
}

void memos_close(struct memos *m)
{
    free(m);
}

uint64_t memos_shed(const struct memos *m)
{
    return m ? m->shed : 0;
}

/* ---- drawing */

static uint64_t kind_key(const struct memo *m, bool shaped)
{
    uint64_t halves[2];
    memcpy(halves, m->server.address, sizeof halves);
    const uint64_t words = (uint64_t)m->message << 32 | (uint64_t)m->server.port << 16 | (uint64_t)m->protocol << 8 | m->from;
    const uint64_t key = hash_mix(hash_mix(halves[0] + hash_mix(halves[1])) ^ words) + (shaped ? hash_mix(m->shape + UINT64_C(1)) : 0);
    return hash_mix(key);
}

static struct memo_kind *find_kind(struct memo_kinds *kinds, uint64_t key)
{
    enum { SLOTS = sizeof kinds->slots / sizeof kinds->slots[0] };
    uint64_t at = (key >> 7) % SLOTS;
    for (; kinds->slots[at].window == kinds->window; at = (at + 1) % SLOTS)
        if (kinds->slots[at].key == key)
            return &kinds->slots[at];
    if (kinds->used == MEMO_KINDS_MAX)
        return NULL;
    kinds->used++;
    kinds->slots[at] = (struct memo_kind){.key = key, .window = kinds->window};
    return &kinds->slots[at];
}

/* Also back in time, from one capture to the next. */
void memos_at(struct memos *m, int64_t now_ns)
{
    if (now_ns >= m->from_ns && now_ns < m->until_ns)
        return;
    const int64_t window = now_ns / MEMO_WINDOW_NS - (now_ns % MEMO_WINDOW_NS < 0);
    if (__builtin_mul_overflow(window, MEMO_WINDOW_NS, &m->from_ns))
        m->from_ns = INT64_MIN;
    if (__builtin_mul_overflow(window + 1, MEMO_WINDOW_NS, &m->until_ns))
        m->until_ns = INT64_MAX;
    m->kinds.window++;
    m->kinds.used = 0;
}

static void find_highest(struct memo_kind *k)
{
    k->highest = 0;
    for (uint32_t i = 1; i < k->used; i++)
        if (k->ranks[i] > k->ranks[k->highest])
            k->highest = i;
}

int memo_draw(struct memo_kinds *kinds, const struct memo *memo, struct memo_kind **kind, uint64_t *shed)
{
    struct memo_kind *k = find_kind(kinds, kind_key(memo, true));
    if (!k) /* shapes that came too late share the room of their kind of message */
        k = find_kind(kinds, kind_key(memo, false));
    *kind = k;
    if (!k) {
        ++*shed;
        return -1;
    }
    const bool full = k->used == MEMOS_OF_A_KIND;
    if (full && memo->rank >= k->ranks[k->highest])
        return -1;
    for (uint32_t i = 0; i < k->used; i++)
        if (k->ranks[i] == memo->rank)
            return -1; /* told again, because of an alert */
    const uint32_t at = full ? k->highest : k->used++;
    k->ranks[at] = memo->rank;
    find_highest(k);
    return (int)at;
}

/* ---- making */

static uint32_t mix_word(uint32_t hash, uint32_t word)
{
    hash = (hash ^ word) * UINT32_C(0x9e3779b1);
    return hash ^ hash >> 15;
}

/* The letters of a statement, without its literals: two that differ in their values are of one shape. */
static uint32_t words_of(uint32_t hash, struct view text)
{
    text = view_head(text, WORDS_LOOKED_AT);
    for (size_t i = 0; i < text.length; i++) {
        const uint8_t c = text.bytes[i];
        if (c == '\'' || c == '"')
            break;
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            hash = (hash ^ (c | 0x20u)) * UINT32_C(0x01000193);
    }
    return hash;
}

/* Which fields there are, not how often one repeats; the size in doublings. */
static uint32_t shape_of(const struct message *message)
{
    const struct findings *f = message->findings;
    uint32_t hash = mix_word(f->reports_used ? f->reports[0].anomaly : 0, f->message_length ? 64u - (unsigned)__builtin_clzll(f->message_length) : 0);
    uint16_t last = FIELD_NONE, before = FIELD_NONE;
    for (unsigned i = 0; i < f->fields_used; i++) {
        const struct field_value *value = &f->fields[i];
        if (value->field == last || value->field == before)
            continue;
        before = last;
        last = value->field;
        hash = mix_word(hash, last);
        if (field_flags_of[last % FIELDS] & FIELD_SHAPE)
            hash = words_of(hash, view_head(view_from(message->head, value->offset), value->length));
    }
    return hash;
}

/* Secrets of fields that are not kept hide the bytes altogether. */
static void mask(struct memo *m, const struct findings *f)
{
    m->head_hidden = f->fields_cut;
    for (unsigned i = 0; i < f->fields_used; i++) {
        const struct field_value *value = &f->fields[i];
        if (!(field_flags_of[value->field % FIELDS] & FIELD_SECRET))
            continue;
        if (i < m->fields_used)
            m->fields[i].value = 0;
        if (value->offset < m->head_length) {
            const uint32_t left = m->head_length - value->offset;
            memset(m->head + value->offset, '*', value->length < left ? value->length : left);
        }
    }
    if (m->head_hidden)
        m->head_length = 0;
}

static void fill_session(struct memo *m, const struct session *s)
{
    m->phase = s->phase;
    m->compression = s->compression;
    m->tls = s->tls;
    m->midstream = s->midstream;
    m->asn = s->asn;
    memcpy(m->country, s->country, sizeof m->country);
    m->user_length = s->user_length;
    m->database_length = s->database_length;
    if (s->user_length)
        memcpy(m->user, s->user, sizeof m->user);
    if (s->database_length)
        memcpy(m->database, s->database, sizeof m->database);
}

static void fill_facts(struct memo *m, const struct findings *f)
{
    m->facts = f->facts_seen;
    for (unsigned i = f->facts_used; i-- > 0;) {
        const struct fact *fact = &f->facts[i];
        if (fact->kind == FACT_ERROR || fact->kind == FACT_LOGIN_FAILED || fact->kind == FACT_VERDICT)
            m->error_code = fact->number;
        else if (fact->kind == FACT_REPLY)
            m->rows = fact->number;
    }
}

_Static_assert((int)MEMO_NAME_MAX == (int)SESSION_TEXT_MAX, "names of the login fit");

static void fill(struct memo *m, const struct message *message, uint32_t window)
{
    const struct findings *f = message->findings;
    memset(m, 0, offsetof(struct memo, user));
    m->time_ns = message->first->time_ns;
    m->packet_number = message->first->packet_number;
    m->flow_id = message->flow->id;
    m->stream_offset = message->stream_offset;
    m->message_length = f->message_length;
    m->client = message->flow->client;
    m->server = message->flow->server;
    m->message = f->message;
    m->protocol = (uint8_t)message->decoder->protocol;
    m->from = (uint8_t)message->from;
    m->confidence = message->confidence;
    m->datagram = message->datagram;
    m->fields_cut = f->fields_cut || f->fields_used > MEMO_FIELDS_MAX;
    m->fields_used = f->fields_used < MEMO_FIELDS_MAX ? f->fields_used : MEMO_FIELDS_MAX;
    memcpy(m->fields, f->fields, m->fields_used * sizeof m->fields[0]);
    m->head_length = (uint16_t)(message->head.length < MEMO_HEAD_MAX ? message->head.length : MEMO_HEAD_MAX);
    if (m->head_length)
        memcpy(m->head, message->head.bytes, m->head_length);
    for (unsigned i = 0; i < f->reports_used && i < MEMO_REPORTS_MAX; i++)
        m->reports[m->reports_used++] = f->reports[i].anomaly;
    if (f->secret)
        mask(m, f);
    if (f->facts_seen)
        fill_facts(m, f);
    if (f->session)
        fill_session(m, f->session);
    m->window = window;
    m->shape = shape_of(message);
    /* An inner message has its carrier's place in the stream: what it is tells it apart. */
    m->rank = hash_mix(hash_mix(m->flow_id + hash_mix(m->stream_offset << 1 | m->from)) + m->message);
}

/* ---- telling */

static void tell(struct memos *m, struct recent *r)
{
    if (r->told)
        return;
    r->told = true;
    m->tell(m->context, &r->memo);
}

static struct followed *find_followed(struct memos *m, uint64_t flow_id)
{
    for (unsigned i = 0; i < FOLLOWED; i++)
        if (m->followed[i].left && m->followed[i].flow_id == flow_id)
            return &m->followed[i];
    return NULL;
}

void memos_message(struct memos *m, const struct message *message)
{
    struct memo_kind *kind;
    if (!message->flow || !message->decoder)
        return;
    struct recent *r = &m->recent[m->made++ % RECENT];
    r->told = false;
    fill(&r->memo, message, m->kinds.window);
    struct followed *f = m->following ? find_followed(m, r->memo.flow_id) : NULL;
    if (f) {
        r->memo.near_alert = true;
        if (--f->left == 0)
            m->following--;
    }
    const bool drawn = memo_draw(&m->kinds, &r->memo, &kind, &m->shed) >= 0;
    if (drawn || f)
        tell(m, r);
}

void memos_alert(struct memos *m, const struct flow *flow)
{
    unsigned found = 0;
    const uint32_t oldest = m->made > RECENT ? m->made - RECENT : 0;
    struct followed *f = find_followed(m, flow->id);
    for (uint32_t at = m->made; at > oldest && found <= MEMOS_BEFORE; at--) {
        struct recent *r = &m->recent[(at - 1) % RECENT];
        if (r->memo.flow_id != flow->id)
            continue;
        found++;
        if (r->memo.near_alert)
            continue; /* told, and so are those before it */
        r->memo.near_alert = true;
        r->told = false;
        tell(m, r);
    }
    if (!f) {
        f = &m->followed[m->next_followed++ % FOLLOWED];
        m->following += f->left == 0;
    }
    *f = (struct followed){flow->id, MEMOS_AFTER};
}
