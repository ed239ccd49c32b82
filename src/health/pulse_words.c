/* Last words: the newest messages of each client, each with the shape by which it is known again. */
#include "health/pulse_state.h"

#include <endian.h>
#include <string.h>

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

/* The first words of a statement without case, up to its first literal. Eight bytes at once: this is for every request. */
static uint32_t words_hash(uint32_t hash, struct view text)
{
    enum { LOOKED_AT = 16 };
    text = view_head(text, LOOKED_AT);
    for (size_t at = 0; at < text.length; at += 8) {
        uint64_t eight = 0;
        if (text.length - at >= 8)
            memcpy(&eight, text.bytes + at, 8);
        else
            memcpy(&eight, text.bytes + at, text.length - at);
        eight = le64toh(eight);
        uint64_t literal = literal_bytes(eight);
        if (literal)
            eight &= (UINT64_C(1) << (__builtin_ctzll(literal) & 56)) - 1;
        eight |= EACH_BYTE(0x20);
        hash = mix32(mix32(hash, (uint32_t)eight), (uint32_t)(eight >> 32));
        if (literal)
            break;
    }
    return hash;
}

/* What a message is without what it says: literals in a statement do not matter, which fields it has does. */
static uint32_t shape_of(const struct pulse *p, const struct utterance *m)
{
    enum { FIELDS_HASHED = 16 };
    const struct findings *f = m->findings;
    uint32_t hash = mix32(p->protocol_hash[m->decoder->protocol] ^ f->message, f->session->phase);
    unsigned fields = f->fields_used < FIELDS_HASHED ? f->fields_used : FIELDS_HASHED;
    for (unsigned i = 0; i < fields; i++) {
        const struct field_value *value = &f->fields[i];
        hash = (hash ^ p->field_hash[value->field]) * UINT32_C(0x9e3779b1);
        if (field_flags_of[value->field] & FIELD_SHAPE)
            hash = words_hash(hash, view_head(view_from(m->head, value->offset), value->length));
    }
    for (unsigned i = 0; i < f->reports_used; i++)
        hash = mix32(hash, anomaly_row((enum anomaly)f->reports[i].anomaly)->number);
    hash = mix32(hash, length_bucket(f->message_length));
    return hash ? hash : 1;
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
                        .time_ns = word->time_ns, .packet = word->packet, .flow_id = f->flow->id, .shape.shape = word->shape};
    pulse_tell(p, &sign);
}

void pulse_word(struct pulse *p, struct pulse_flow *f, const struct utterance *m, bool request)
{
    struct kept_word *kept = &f->words[f->words_next];
    f->words_next = (uint8_t)((f->words_next + 1) % WORDS_MAX);
    if (f->words_used < WORDS_MAX)
        f->words_used++;
    uint64_t length = m->findings->message_length;
    kept->serial = f->asked;
    kept->word = (struct word){
        .time_ns = sane_ns(m->first->time_ns),
        .packet = m->first->packet_number,
        .shape = shape_of(p, m),
        .length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length,
        .type = m->findings->message,
        .anomaly = m->findings->reports_used ? m->findings->reports[0].anomaly : 0,
        .flags = flags_of(m, request),
    };
    if (pulse_shape_is_new(f->server, kept->word.shape))
        tell_shape(p, f, &kept->word);
}

/* A message that began and did not end is the last word of all. */
static void unfinished_word(const struct pulse_flow *f, struct word *word)
{
    struct unfinished u;
    /* The capture lost some of it: that it was there and had no answer is all that is known. */
    if (f->lost_ns && f->flow->last_data == FROM_CLIENT) {
        *word = (struct word){.time_ns = f->lost_ns, .packet = f->lost_packet, .flags = WORD_LOST | WORD_OPEN};
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
            out[0].length = length > kept->word.length ? length : kept->word.length;
            out[0].flags |= WORD_PARTIAL | WORD_OPEN;
            continue;
        }
        out[used] = kept->word;
        bool open = kept->word.flags & WORD_REQUEST ? kept->serial >= f->answered : f->spoke_ns < kept->word.time_ns;
        if (open)
            out[used].flags |= WORD_OPEN;
        used++;
    }
    sign->ending.words_used = (uint8_t)used;
}
