/* Last words: the newest messages of each client, each with the shape by which it is known again. */
#include "health/pulse_state.h"

#include <endian.h>
#include <string.h>

#include "base/text.h"
#include "model/name.h"

/* Half a doubling: 0 1 2 3 4 6 8 12 16 ... */
static uint32_t length_bucket(uint64_t length)
{
    if (length < 4)
        return (uint32_t)length;
    unsigned high = 63 - (unsigned)__builtin_clzll(length);
    return high * 2 + (uint32_t)(length >> (high - 1) & 1);
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* 0x80 in each byte that is zero (exact in the lowest of them, which is what counts). */
static inline uint64_t zero_bytes(uint64_t v)
{
    return (v - EACH_BYTE(1)) & ~v & EACH_BYTE(0x80);
}

/* 0x80 in each byte that begins a literal: a digit or a quote. */
static inline uint64_t literal_bytes(uint64_t v)
{
    uint64_t digits = ~(((v ^ EACH_BYTE('0')) & EACH_BYTE(0x7f)) + EACH_BYTE(0x80 - 10)) & ~v & EACH_BYTE(0x80);
    /* Both quotes in one: # and &, which differ from them in the same bits, count as well. */
    return digits | zero_bytes((v & EACH_BYTE(0xff & ~('"' ^ '\''))) ^ EACH_BYTE('"' & '\''));
}

/* Eight bytes of a statement, zeros behind its end. `room`: so many bytes may be read. */
static inline uint64_t eight_of(const uint8_t *bytes, size_t length, size_t room)
{
    uint64_t eight = 0;
    if (room >= 8) {
        memcpy(&eight, bytes, 8);
        eight = le64toh(eight);
        return length >= 8 ? eight : eight & ((UINT64_C(1) << length * 8) - 1);
    }
    for (size_t i = 0; i < length && i < room; i++)
        eight |= (uint64_t)bytes[i] << i * 8;
    return eight;
}

/* What a statement, or a command, begins with: fills text[2]. */
static inline void begin_of(const struct utterance *m, uint64_t text[2])
{
    const struct findings *f = m->findings;
    text[0] = text[1] = 0;
    if (f->shape_field) {
        const struct field_value *value = &f->fields[f->shape_field - 1];
        struct view rest = view_from(m->head, value->offset);
        size_t length = value->length < rest.length ? value->length : rest.length;
        if (length)
            text[0] = eight_of(rest.bytes, length, rest.length);
        if (length > 8)
            text[1] = eight_of(rest.bytes + 8, length - 8, rest.length - 8);
    } else if (f->facts_used && f->facts[0].kind == FACT_REQUEST && f->facts[0].text.length) {
        struct view word = f->facts[0].text;
        text[0] = eight_of(word.bytes, word.length, word.length);
        if (word.length > 8)
            text[1] = eight_of(word.bytes + 8, word.length - 8, word.length - 8);
    }
}

/* The first words of a statement without case, up to its first literal. */
static uint32_t words_hash(uint32_t hash, const uint64_t text[2])
{
    for (unsigned i = 0; i < 2 && text[i]; i++) {
        uint64_t eight = text[i], literal = literal_bytes(eight);
        if (literal)
            eight &= (UINT64_C(1) << (__builtin_ctzll(literal) & 56)) - 1;
        eight |= EACH_BYTE(0x20);
        hash = mix32(mix32(hash, (uint32_t)eight), (uint32_t)(eight >> 32));
        if (literal)
            break;
    }
    return hash;
}

/* What a message is without what it says: its type and phase, how many fields it has and which is the last, its length, roughly.
 * Everything that the shape depends on but the words and what is wrong with it. */
static inline void layout_of(const struct utterance *m, uint64_t layout[2])
{
    const struct findings *f = m->findings;
    _Static_assert(offsetof(struct findings, secret) == offsetof(struct findings, message) + 7, "eight bytes");
    memcpy(&layout[0], (const char *)f + offsetof(struct findings, message), 8);
    layout[1] = length_bucket(f->message_length) | (uint64_t)f->session->phase << 16;
    if (f->fields_used)
        layout[1] |= (uint64_t)f->fields[f->fields_used - 1].field << 32;
}

static uint32_t shape_of(const struct pulse *p, const struct utterance *m, const uint64_t text[2])
{
    const struct findings *f = m->findings;
    uint32_t hash = mix32(p->protocol_hash[m->decoder->protocol] ^ f->message, f->session->phase);
    hash = mix32(hash, f->fields_used);
    if (f->fields_used)
        hash = mix32(hash, p->field_hash[f->fields[f->fields_used - 1].field]);
    hash = words_hash(hash, text);
    for (unsigned i = 0; i < f->reports_used; i++)
        hash = mix32(hash, anomaly_row((enum anomaly)f->reports[i].anomaly)->number);
    hash = mix32(hash, length_bucket(f->message_length));
    return hash ? hash : 1;
}

/* ---- kinds of requests */

/* The first word, small letters: what a statement does, or the command. At most as long as what is looked at. */
static size_t word_of(const uint64_t text[2], char word[17])
{
    size_t used = 0;
    for (; used < 16; used++) {
        char c = (char)((text[used / 8] >> used % 8 * 8 & 0xff) | 0x20);
        if (c < 'a' || c > 'z')
            break;
        word[used] = c;
    }
    word[used] = 0;
    return used;
}

static bool is_check(const struct utterance *m, const char *word, const uint64_t text[2])
{
    static const char *const words[] = {"ping", "hello", "ismaster", "info", "role", "buildinfo"};
    static const char *const messages[] = {"com_ping", "ping", "com_statistics", "version", "options"};
    const uint64_t select_1 = UINT64_C(0x31207463656c6573); /* "select 1" */
    const char *name = name_of(m->decoder->messages, m->findings->message);
    if (m->findings->session->phase == PHASE_PRE_AUTH || ((text[0] | EACH_BYTE(0x20)) == select_1 && (text[1] == 0 || text[1] == ';')))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    for (size_t i = 0; name && i < sizeof messages / sizeof messages[0]; i++)
        if (strcmp(name, messages[i]) == 0)
            return true;
    return false;
}

static void name_kind(struct kind *kind, const struct utterance *m, const char *word)
{
    const char *name = name_of(m->decoder->messages, m->findings->message);
    /* In these the command is all there is to tell. */
    bool alone = word[0] && (m->decoder->protocol == PROTOCOL_REDIS || m->decoder->protocol == PROTOCOL_MONGODB);
    struct text t = text_in(kind->name, sizeof kind->name);
    if (!alone)
        text_add(&t, "%s%s", name ? name : "unknown", word[0] ? " " : "");
    text_add(&t, "%s", word);
}

static struct kind *kind_of(struct pulse_server *s, const struct utterance *m, const char *word)
{
    uint64_t key = m->findings->message + 1u;
    for (const char *c = word; *c; c++)
        key = (key ^ (uint8_t)*c) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t at = (uint32_t)(key >> 40);
    for (;; at++) {
        struct kind *kind = &s->kinds[at % KINDS_OF_SERVER];
        if (kind->key == key)
            return kind;
        if (kind->key)
            continue;
        if (s->kinds_used == KINDS_USED)
            return &s->other_kinds;
        s->kinds_used++;
        kind->key = key;
        name_kind(kind, m, word);
        return kind;
    }
}

/* A minute is over: its kinds are told. */
void pulse_forget_kinds(struct pulse *p, struct pulse_server *s)
{
    memset(s->kinds, 0, sizeof s->kinds);
    s->other_kinds = (struct kind){0};
    s->kinds_used = 0;
    for (unsigned i = 0; i < MEMOS; i++)
        if (p->memos[i].server == s)
            p->memos[i].server = NULL;
}

static uint8_t flags_of(const struct utterance *m, bool request)
{
    const struct findings *f = m->findings;
    uint8_t flags = request ? WORD_REQUEST : 0;
    for (unsigned i = 0; i < f->reports_used; i++) {
        const enum anomaly_class class = anomaly_row((enum anomaly)f->reports[i].anomaly)->class;
        flags |= class == CLASS_MALFORMED || class == CLASS_VIOLATION ? WORD_ANOMALY : WORD_UNUSUAL;
    }
    if (f->session->phase == PHASE_PRE_AUTH)
        flags |= WORD_LOGIN;
    return flags;
}

/* Not inline: few shapes are new, and the frame of this is large. */
__attribute__((noinline)) static void tell_shape(struct pulse *p, const struct pulse_flow *f, const struct word *word)
{
    struct sign sign = {.kind = SIGN_SHAPE, .protocol = (uint8_t)f->decoder->protocol, .server = f->flow->server, .client = f->flow->client,
                        .time_ns = sane_ns(word->time_ns), .packet = word->packet, .flow_id = f->flow->id, .shape.shape = word->shape};
    pulse_tell(p, &sign);
}

/* A message unlike those before it. */
__attribute__((noinline)) static void memo_make(struct pulse *p, struct memo *memo, const struct pulse_flow *f, const struct utterance *m)
{
    char word[17];
    word_of(memo->text, word);
    memo->server = f->server;
    memo->shape = shape_of(p, m, memo->text);
    memo->kind = kind_of(f->server, m, word);
    memo->is_check = is_check(m, word, memo->text);
    if (m->findings->reports_used) /* the next one may be wrong in another way */
        memo->server = NULL;
    if (!pulse_shape_is_new(f->server, memo->shape))
        return;
    const struct word found = {.time_ns = m->first->time_ns, .packet = m->first->packet_number, .shape = memo->shape};
    tell_shape(p, f, &found);
}

static inline bool is_memo(const struct memo *memo, const struct pulse_flow *f, const uint64_t layout[2], const uint64_t text[2])
{
    uint64_t differs = (memo->layout[0] ^ layout[0]) | (memo->layout[1] ^ layout[1]) | (memo->text[0] ^ text[0]) | (memo->text[1] ^ text[1]);
    return !differs && memo->server == f->server;
}

static inline struct memo *memo_of(struct pulse *p, const struct pulse_flow *f, const struct utterance *m)
{
    uint64_t layout[2], text[2];
    layout_of(m, layout);
    begin_of(m, text);
    if (is_memo(p->memo, f, layout, text))
        return p->memo;
    struct memo *memo = &p->memos[(layout[0] ^ layout[1] << 8 ^ text[0]) * UINT64_C(0x9e3779b97f4a7c15) >> 58];
    p->memo = memo;
    if (!is_memo(memo, f, layout, text)) {
        memcpy(memo->layout, layout, sizeof layout);
        memcpy(memo->text, text, sizeof text);
        memo_make(p, memo, f, m);
    }
    return memo;
}

void pulse_word(struct pulse *p, struct pulse_flow *f, const struct utterance *m, bool request)
{
    const struct memo *memo = memo_of(p, f, m);
    uint64_t length = m->findings->message_length;
    struct kept_word *kept = &f->words[(f->words_next - 1u) % WORDS_MAX];
    if (request) {
        memo->kind->count++;
        f->works |= !memo->is_check;
        if (kept->word.packet == m->first->packet_number && kept->word.shape == memo->shape && !kept->word.alert && kept->word.flags == WORD_REQUEST) {
            kept->serial = f->asked; /* one word for its like in the same packet */
            return;
        }
    }
    kept = &f->words[f->words_next];
    f->words_next = (uint8_t)((f->words_next + 1) % WORDS_MAX);
    if (f->words_used < WORDS_MAX)
        f->words_used++;
    kept->serial = f->asked;
    kept->word.time_ns = m->first->time_ns;
    kept->word.packet = m->first->packet_number;
    kept->word.alert = 0;
    kept->word.shape = memo->shape;
    kept->word.length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    kept->word.type = m->findings->message;
    kept->word.anomaly = m->findings->reports_used ? m->findings->reports[0].anomaly : 0;
    kept->word.flags = flags_of(m, request);
    kept->word.severity = 0;
}

/* A message that began and did not end is the last word of all. */
static void unfinished_word(const struct pulse_flow *f, struct word *word)
{
    struct unfinished u;
    /* The capture lost some of it: that it was there and had no answer is all that is known. */
    if (f->lost_ns && f->flow->last_data == FROM_CLIENT) {
        *word = (struct word){.time_ns = sane_ns(f->lost_ns), .packet = f->lost_packet, .flags = WORD_LOST | WORD_OPEN};
        word->shape = mix32(hash_name(f->decoder->name), UINT32_C(0xfffe));
        return;
    }
    if (!dialogue_unfinished(f->flow, FROM_CLIENT, &u))
        return;
    *word = (struct word){.time_ns = sane_ns(u.first.time_ns), .packet = u.first.packet_number, .flags = WORD_PARTIAL | WORD_OPEN};
    word->length = u.declared > UINT32_MAX ? UINT32_MAX : (uint32_t)(u.declared ? u.declared : u.arrived);
    word->shape = mix32(mix32(hash_name(f->decoder->name), UINT32_C(0xffff)), length_bucket(word->length));
}

void pulse_last_words(const struct pulse_flow *f, struct sign *sign)
{
    struct word *out = sign->ending.words;
    unsigned used = 0;
    out[0].flags = 0;
    unfinished_word(f, &out[0]);
    used += out[0].flags ? 1u : 0u;
    for (unsigned i = 0; i < f->words_used && used < WORDS_MAX; i++) {
        const struct kept_word *kept = &f->words[(f->words_next + 2u * WORDS_MAX - 1 - i) % WORDS_MAX];
        if (used && out[0].flags & WORD_PARTIAL && kept->word.packet == out[0].packet && !(kept->word.flags & WORD_REQUEST)) {
            /* It was judged while it came. */
            uint32_t length = out[0].length;
            out[0] = kept->word;
            out[0].time_ns = sane_ns(kept->word.time_ns);
            out[0].length = length > kept->word.length ? length : kept->word.length;
            out[0].flags |= WORD_PARTIAL | WORD_OPEN;
            continue;
        }
        out[used] = kept->word;
        out[used].time_ns = sane_ns(kept->word.time_ns);
        bool open = kept->word.flags & WORD_REQUEST ? kept->serial >= f->answered : f->spoke_ns < kept->word.time_ns;
        if (open)
            out[used].flags |= WORD_OPEN;
        used++;
    }
    sign->ending.words_used = (uint8_t)used;
}
