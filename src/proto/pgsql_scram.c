/*
 * The text of SCRAM-SHA-256 messages inside PostgreSQL's SASL exchange (RFC 5802 section 7, RFC 7677), checked in the
 * order of src/backend/libpq/auth-scram.c. Proofs and signatures are not computed: a wrong password is no anomaly.
 */
#include "proto/pgsql.h"

enum { SCRAM_KEY_LENGTH = 32, SCRAM_ITERATIONS_MAX = 10000000 };

/* Where the text stands in the message: the caller took it just now, so it ends at the cursor. */
struct scram {
    struct pgsql_reading *r;
    struct cursor c;
    uint32_t at;
};

static void flaw(struct scram *t, enum anomaly anomaly, uint32_t offset, size_t length, const char *note)
{
    pgsql_defect(t->r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_PGSQL_SASL_DATA, .relation = MUST_BE,
                                       .offset = t->at + offset, .length = (uint32_t)length, .note = note});
}

static enum anomaly syntax_of(const struct scram *t)
{
    return t->r->from == FROM_CLIENT ? ANOMALY_PGSQL_SCRAM_SYNTAX : ANOMALY_PGSQL_SCRAM_SERVER_SYNTAX;
}

static bool next_is(struct scram *t, uint8_t byte, const char *note)
{
    uint32_t at = cursor_offset(&t->c);
    if (t->r->bad)
        return false;
    if (cursor_left(&t->c) && take_u8(&t->c) == byte)
        return true;
    flaw(t, syntax_of(t), at, 1, note);
    return false;
}

/* The bytes up to the next comma or the end; the comma is consumed. */
static struct view value_of(struct scram *t)
{
    struct view ahead = cursor_ahead(&t->c);
    const uint8_t *comma = ahead.length ? (const uint8_t *)memchr(ahead.bytes, ',', ahead.length) : NULL;
    return comma ? take_until(&t->c, ',') : take_rest(&t->c);
}

static struct view attribute(struct scram *t, uint8_t letter, const char *note)
{
    if (!next_is(t, letter, note) || !next_is(t, '=', "'=' after the letter of an attribute"))
        return view_of("", 0);
    return value_of(t);
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Any attribute; 0 after a flaw. */
static uint8_t any_attribute(struct scram *t, struct view *value)
{
    uint32_t at = cursor_offset(&t->c);
    uint8_t letter = peek_u8(&t->c);
    if (!is_letter(letter)) {
        flaw(t, syntax_of(t), at, cursor_left(&t->c) ? 1 : 0, "an attribute: a letter, '=' and a value");
        return 0;
    }
    take_skip(&t->c, 1);
    if (!next_is(t, '=', "'=' after the letter of an attribute"))
        return 0;
    *value = value_of(t);
    return letter;
}

static bool printable(struct view nonce)
{
    for (size_t i = 0; i < nonce.length; i++)
        if (nonce.bytes[i] < 0x21 || nonce.bytes[i] > 0x7e)
            return false;
    return true;
}

static int base64_of(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Bytes that the server's decoder makes of the text, -1 when it refuses it. After the first padding every group gives
 * as few bytes as that one did: the server does not mind letters behind it. */
static int base64_bytes(struct view text)
{
    unsigned in_group = 0, group = 3;
    int bytes = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.bytes[i] == '=') {
            if (group == 3 && in_group < 2)
                return -1;
            if (group == 3)
                group = in_group - 1;
        } else if (base64_of(text.bytes[i]) < 0) {
            return -1;
        }
        if (++in_group == 4) {
            bytes += (int)group;
            in_group = 0;
        }
    }
    return in_group ? -1 : bytes;
}

static bool first_flag(struct scram *t)
{
    uint8_t flag = peek_u8(&t->c);
    bool plus = t->r->state->mechanism == MECHANISM_SCRAM_PLUS;
    if (flag != 'n' && flag != 'y' && flag != 'p') {
        flaw(t, ANOMALY_PGSQL_SCRAM_SYNTAX, 0, 1, "a channel-binding flag: n, y or p=");
        return false;
    }
    if ((flag == 'p') != plus) {
        flaw(t, ANOMALY_PGSQL_SCRAM_CHANNEL_BINDING, 0, 1,
             plus ? "p=, as SCRAM-SHA-256-PLUS needs it" : "n or y, as SCRAM-SHA-256 needs it");
        return false;
    }
    t->r->state->scram_flag = flag;
    if (flag != 'p') {
        take_skip(&t->c, 1);
        return next_is(t, ',', "a comma after the channel-binding flag");
    }
    struct view type = attribute(t, 'p', "p=");
    if (!t->r->bad && !view_equal(type, view_text("tls-server-end-point")))
        flaw(t, ANOMALY_PGSQL_SCRAM_CHANNEL_BINDING, 2, type.length, "tls-server-end-point");
    return !t->r->bad;
}

static void client_first(struct scram *t)
{
    struct view ignored;
    if (!first_flag(t))
        return;
    uint32_t at = cursor_offset(&t->c);
    if (peek_u8(&t->c) == 'a') {
        flaw(t, ANOMALY_PGSQL_SCRAM_UNSUPPORTED, at, 1, "no authorization identity (a=)");
        return;
    }
    if (!next_is(t, ',', "a comma: no authorization identity"))
        return;
    at = cursor_offset(&t->c);
    if (peek_u8(&t->c) == 'm') {
        flaw(t, ANOMALY_PGSQL_SCRAM_UNSUPPORTED, at, 1, "no mandatory extension (m=)");
        return;
    }
    (void)attribute(t, 'n', "the attribute n (user name)");
    at = cursor_offset(&t->c);
    struct view nonce = attribute(t, 'r', "the attribute r (nonce)");
    if (!t->r->bad && !printable(nonce))
        flaw(t, ANOMALY_PGSQL_SCRAM_SYNTAX, at + 2, nonce.length, "a printable nonce");
    while (!t->r->bad && cursor_left(&t->c))
        (void)any_attribute(t, &ignored);
}

static void client_final(struct scram *t)
{
    struct pgsql_state *s = t->r->state;
    struct view binding = attribute(t, 'c', "the attribute c (channel binding)");
    if (t->r->bad)
        return;
    if (s->mechanism == MECHANISM_SCRAM && !view_equal(binding, view_text(s->scram_flag == 'y' ? "eSws" : "biws"))) {
        flaw(t, ANOMALY_PGSQL_SCRAM_CHANNEL_BINDING, 2, binding.length, s->scram_flag == 'y' ? "eSws" : "biws");
        return;
    }
    uint32_t nonce_at = cursor_offset(&t->c) + 2;
    struct view nonce = attribute(t, 'r', "the attribute r (nonce)");
    struct view value = view_of("", 0);
    uint8_t letter = 0;
    uint32_t at = 0;
    while (!t->r->bad && letter != 'p') {
        at = cursor_offset(&t->c) + 2;
        letter = any_attribute(t, &value);
    }
    if (t->r->bad)
        return;
    int bytes = base64_bytes(value);
    if (bytes != SCRAM_KEY_LENGTH)
        flaw(t, ANOMALY_PGSQL_SCRAM_PROOF, at, value.length, "32 bytes in base64");
    else if (cursor_left(&t->c))
        flaw(t, ANOMALY_PGSQL_SCRAM_SYNTAX, cursor_offset(&t->c), cursor_left(&t->c), "nothing after the proof");
    else if (s->nonce && pgsql_hash(nonce) != s->nonce - 1)
        flaw(t, ANOMALY_PGSQL_SCRAM_NONCE, nonce_at, nonce.length, "the nonce of the server's first message");
}

void pgsql_scram_client(struct pgsql_reading *r, struct view data)
{
    struct scram t = {r, cursor_over(data), cursor_offset(&r->c) - (uint32_t)data.length};
    const uint8_t *nul = data.length ? (const uint8_t *)memchr(data.bytes, 0, data.length) : NULL;
    if (!data.length || nul) {
        flaw(&t, ANOMALY_PGSQL_SCRAM_SYNTAX, nul ? (uint32_t)(nul - data.bytes) : 0, nul ? 1 : 0, "text without NUL bytes");
        return;
    }
    if (r->state->scram_step == 0)
        client_first(&t);
    else
        client_final(&t);
    r->state->scram_step = 1;
}

static void server_first(struct scram *t)
{
    struct pgsql_state *s = t->r->state;
    struct view nonce = attribute(t, 'r', "the attribute r (nonce)");
    if (!t->r->bad && !printable(nonce))
        flaw(t, ANOMALY_PGSQL_SCRAM_SERVER_SYNTAX, 2, nonce.length, "a printable nonce");
    s->nonce = (uint64_t)pgsql_hash(nonce) + 1;
    uint32_t at = cursor_offset(&t->c);
    struct view salt = attribute(t, 's', "the attribute s (salt)");
    if (!t->r->bad && base64_bytes(salt) < 1)
        flaw(t, ANOMALY_PGSQL_SCRAM_SERVER_SYNTAX, at + 2, salt.length, "a salt in base64");
    at = cursor_offset(&t->c);
    struct view count = attribute(t, 'i', "the attribute i (iterations)");
    uint64_t iterations = 0;
    for (size_t i = 0; i < count.length && iterations < UINT32_MAX; i++) {
        bool digit = count.bytes[i] >= '0' && count.bytes[i] <= '9';
        if (!digit)
            flaw(t, ANOMALY_PGSQL_SCRAM_SERVER_SYNTAX, at + 2, count.length, "a number of iterations");
        if (!digit)
            return;
        iterations = iterations * 10 + (uint64_t)(count.bytes[i] - '0');
    }
    if (!t->r->bad && iterations > SCRAM_ITERATIONS_MAX)
        pgsql_remark(t->r, (struct report){.anomaly = ANOMALY_PGSQL_SCRAM_ITERATIONS, .field = FIELD_PGSQL_SASL_DATA,
                                           .relation = MUST_NOT_EXCEED, .offset = t->at + at + 2,
                                           .length = (uint32_t)count.length, .got = iterations,
                                           .expected = SCRAM_ITERATIONS_MAX, .note = "iterations"});
    if (!t->r->bad && iterations == 0)
        flaw(t, ANOMALY_PGSQL_SCRAM_SERVER_SYNTAX, at + 2, count.length, "a number of iterations");
}

void pgsql_scram_server(struct pgsql_reading *r, struct view data)
{
    struct scram t = {r, cursor_over(data), cursor_offset(&r->c) - (uint32_t)data.length};
    if (r->state->awaited == AWAIT_SASL) {
        server_first(&t);
        return;
    }
    if (peek_u8(&t.c) == 'e')
        (void)attribute(&t, 'e', "the attribute e (error)");
    else
        (void)attribute(&t, 'v', "the attribute v (signature)");
}
