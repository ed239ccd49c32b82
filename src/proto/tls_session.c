/* Which records of a TLS session are protected, and finding its secrets: see tls_session.h. */
#include "proto/tls_session.h"

#include <openssl/crypto.h>

enum { PASSED_MOST = 4096, SEARCHES_MOST = 8, SEQUENCES_TRIED = 64, CCS_BYTES = 1 };

size_t tls_session_size(void)
{
    return sizeof(struct tls_session);
}

static uint64_t packet_now(const struct dialogue *d)
{
    return d->when / 2;
}

static void record_give(struct dialogue *d, struct tls_side *side)
{
    if (side->record)
        pool_give(&d->tls_records, side->record);
    side->record = NULL;
}

void tls_session_close(struct conversation *c)
{
    struct tls_session *s = c->tls;
    if (!s)
        return;
    for (int from = FROM_CLIENT; from <= FROM_SERVER; from++) {
        record_give(c->dialogue, &s->sides[from]);
        tls_keys_forget(&s->sides[from].handshake);
        tls_keys_forget(&s->sides[from].traffic);
    }
    OPENSSL_cleanse(s, sizeof *s);
    pool_give(&c->dialogue->tls_sessions, s);
    c->tls = NULL;
    c->session.opens = false;
}

/* ---- hellos */

void tls_session_client_hello(struct conversation *c, struct view message)
{
    enum { RANDOM_AT = TLS_MESSAGE_HEADER + 2 };
    struct dialogue *d = c->dialogue;
    if (!d->keylog || message.length < RANDOM_AT + TLS_HELLO_RANDOM_BYTES || !keylog_is_used(d->keylog, packet_now(d)))
        return;
    if (!c->tls && !(c->tls = pool_take(&d->tls_sessions)))
        return;
    memcpy(c->tls->client_random, message.bytes + RANDOM_AT, TLS_HELLO_RANDOM_BYTES);
}

void tls_session_server_hello(struct conversation *c, struct view message, const struct findings *f)
{
    enum { RANDOM_AT = TLS_MESSAGE_HEADER + 2 };
    struct tls_session *s = c->tls;
    if (!s || message.length < RANDOM_AT + TLS_HELLO_RANDOM_BYTES + 1)
        return;
    memcpy(s->server_random, message.bytes + RANDOM_AT, TLS_HELLO_RANDOM_BYTES);
    for (unsigned i = 0; i < f->fields_used; i++) {
        if (f->fields[i].field == FIELD_TLS_VERSION)
            s->version = (uint16_t)f->fields[i].value;
        else if (f->fields[i].field == FIELD_TLS_CIPHER)
            s->cipher = (uint16_t)f->fields[i].value;
    }
    size_t compression = (size_t)RANDOM_AT + TLS_HELLO_RANDOM_BYTES + 1 + message.bytes[RANDOM_AT + TLS_HELLO_RANDOM_BYTES] + 2;
    bool compressed = compression >= message.length || message.bytes[compression] != 0;
    bool new_kind = s->cipher >> 8 == 0x13;
    bool known = (s->version == TLS_1_3 && new_kind) || (s->version == TLS_1_2 && !new_kind);
    s->suite = known && !compressed ? tls_suite_of(s->cipher) : NULL;
}

/* ---- the end of what can be read */

static void stop_inside(struct conversation *c)
{
    for (int from = FROM_CLIENT; from <= FROM_SERVER; from++)
        conversation_stop(c, (enum side)from);
    c->transport = TRANSPORT_TLS;
    c->session.inside = false;
}

void tls_session_fail(struct conversation *c, enum side from, const char *note, const struct segment *where)
{
    const struct tls_session *s = c->tls;
    if (note) {
        struct findings *f = findings_begin(c, TLS_RECORD_HEADER_BYTES);
        note_field(f, FIELD_TLS_CIPHER, 0, TLS_RECORD_HEADER_BYTES, s->cipher);
        note_field(f, FIELD_TLS_VERSION, 0, 0, s->version);
        report(f, (struct report){.anomaly = ANOMALY_TLS_NOT_DECRYPTED, .field = FIELD_TLS_CIPHER, .relation = MUST_BE, .length = TLS_RECORD_HEADER_BYTES,
                                  .got = s->cipher, .note = note});
        conversation_tell(c, from, view_of(c->sides[from].tls.header, TLS_RECORD_HEADER_BYTES), where, 0, where, NULL);
    }
    bool promised = c->session.opens && !c->sealed;
    count(c->dialogue->counters, note || c->session.opens ? COUNT_TLS_FAILED : COUNT_TLS_WITHOUT_SECRET);
    tls_session_close(c);
    tls_stop(c, FROM_CLIENT);
    tls_stop(c, FROM_SERVER);
    if (c->sealed)
        stop_inside(c);
    else if (promised)
        c->decoder->gap(c->state, from, 0);
}

void tls_session_miss(struct conversation *c, enum side from)
{
    if (c->tls)
        c->tls->sides[from].missed = true;
    if (c->sealed && c->transport == TRANSPORT_WRAPPED)
        unwrap_gap(c, from, UINT32_MAX);
    else if (c->sealed && c->transport == TRANSPORT_CLEAR)
        conversation_gap(c, from, 0);
}

/* ---- secrets */

static bool has(const struct tls_session *s, enum keylog_kind kind)
{
    return s->secrets.length[kind] == (kind == KEYLOG_MASTER ? KEYLOG_SECRET_BYTES : tls_hash_bytes(s->suite));
}

static bool make_old_keys(struct tls_session *s, enum side from)
{
    return has(s, KEYLOG_MASTER) && tls_keys_from_master(&s->sides[from].traffic, s->suite, s->secrets.bytes[KEYLOG_MASTER], s->client_random,
                                                         s->server_random, from == FROM_SERVER);
}

/* Half a conversation is not decoded: the secrets of both sides' data must be known. */
static void make_keys(struct tls_session *s)
{
    for (int from = FROM_CLIENT; from <= FROM_SERVER; from++) {
        struct tls_side *side = &s->sides[from];
        enum keylog_kind first = from == FROM_CLIENT ? KEYLOG_CLIENT_HANDSHAKE : KEYLOG_SERVER_HANDSHAKE;
        enum keylog_kind then = from == FROM_CLIENT ? KEYLOG_CLIENT_TRAFFIC : KEYLOG_SERVER_TRAFFIC;
        if (s->version != TLS_1_3) {
            if (!side->traffic.context)
                (void)make_old_keys(s, (enum side)from);
            continue;
        }
        if (!side->handshake.context && has(s, first))
            (void)tls_keys_from_secret(&side->handshake, s->suite, s->secrets.bytes[first]);
        if (!side->traffic.context && has(s, KEYLOG_CLIENT_TRAFFIC) && has(s, KEYLOG_SERVER_TRAFFIC))
            (void)tls_keys_from_secret(&side->traffic, s->suite, s->secrets.bytes[then]);
    }
}

/* Whether this record may open. Asks the key log for what is missing. */
static bool is_ready(struct conversation *c, const struct tls_side *side)
{
    struct tls_session *s = c->tls;
    struct keylog_secrets found;
    if (!side->traffic.context && keylog_find(c->dialogue->keylog, s->client_random, packet_now(c->dialogue), &s->seen, &found)) {
        s->secrets = found;
        make_keys(s);
        if (!c->session.opens && s->sides[FROM_CLIENT].traffic.context && s->sides[FROM_SERVER].traffic.context) {
            c->session.opens = true;
            count(c->dialogue->counters, COUNT_TLS_DECRYPTED);
        }
        OPENSSL_cleanse(&found, sizeof found);
    }
    return side->traffic.context || (side->phase == TLS_IN_HANDSHAKE && side->handshake.context);
}

/* ---- records */

static enum tls_how protected_record(struct conversation *c, enum side from, const struct segment *where)
{
    struct tls_side *side = &c->tls->sides[from];
    if (is_ready(c, side))
        return RECORD_OPEN;
    /* What comes before data is the end of the handshake: of TLS 1.2 one record. */
    if (side->phase == TLS_IN_TRAFFIC && (c->tls->version == TLS_1_3 || side->sequence > 0))
        side->missed = true;
    side->sequence++;
    if (++side->passed <= PASSED_MOST)
        return RECORD_PASS;
    tls_session_fail(c, from, NULL, where);
    return RECORD_OVER;
}

/* The suite is none that is decrypted. Said where somebody expects otherwise: the session is in the key log. */
static enum tls_how refuse(struct conversation *c, enum side from, const struct segment *where)
{
    struct keylog_secrets found;
    bool expected = keylog_find(c->dialogue->keylog, c->tls->client_random, packet_now(c->dialogue), &c->tls->seen, &found);
    OPENSSL_cleanse(&found, sizeof found);
    tls_session_fail(c, from, expected ? "a suite that is decrypted: AES-GCM, AES-CCM or ChaCha20-Poly1305" : NULL, where);
    return RECORD_OVER;
}

static enum tls_how record_old(struct conversation *c, enum side from, uint8_t type, const struct segment *where)
{
    struct tls_side *side = &c->tls->sides[from];
    if (side->phase == TLS_IN_TRAFFIC && type != CONTENT_CHANGE_CIPHER_SPEC)
        return protected_record(c, from, where);
    if (side->phase == TLS_IN_CLEAR && type == CONTENT_CHANGE_CIPHER_SPEC) {
        side->phase = TLS_IN_TRAFFIC;
        return RECORD_PASS;
    }
    if (side->phase == TLS_IN_CLEAR && type != CONTENT_APPLICATION_DATA)
        return RECORD_CLEAR;
    tls_session_fail(c, from, side->phase == TLS_IN_TRAFFIC ? "no second handshake inside TLS 1.2, which is not decrypted" : NULL, where);
    return RECORD_OVER;
}

enum tls_how tls_session_record(struct conversation *c, enum side from, uint8_t type, uint32_t length, const struct segment *where)
{
    struct tls_session *s = c->tls;
    struct tls_side *side = &s->sides[from];
    bool change = type == CONTENT_CHANGE_CIPHER_SPEC, data = type == CONTENT_APPLICATION_DATA;
    if (type < CONTENT_CHANGE_CIPHER_SPEC || type > CONTENT_APPLICATION_DATA || (change && length != CCS_BYTES)) {
        tls_session_fail(c, from, c->session.inside ? "a TLS record" : NULL, where);
        return RECORD_OVER;
    }
    if (!s->version) { /* data that a client sends before it is answered (RFC 8446 2.3) is not decrypted */
        side->missed |= data;
        return change || data ? RECORD_PASS : RECORD_CLEAR;
    }
    if (!s->suite && (change || data) && !(s->version == TLS_1_3 && change))
        return refuse(c, from, where);
    if (s->version != TLS_1_3)
        return record_old(c, from, type, where);
    if (change)
        return RECORD_PASS;
    if (!data)
        return side->phase == TLS_IN_CLEAR ? RECORD_CLEAR : RECORD_PASS;
    if (side->phase == TLS_IN_CLEAR)
        side->phase = TLS_IN_HANDSHAKE;
    return protected_record(c, from, where);
}

void tls_session_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct tls_side *side = &c->tls->sides[from];
    bool whole = c->sides[from].tls.record_left == 0;
    if (whole && !side->record) {
        const struct segment_mark mark = {0, *where};
        tls_session_open(c, from, bytes, &mark, 1);
        return;
    }
    struct tls_record *r = side->record;
    if (!r && (r = side->record = pool_take_dirty(&c->dialogue->tls_records)))
        r->length = r->marks_used = 0;
    if (!r || bytes.length > sizeof r->bytes - r->length) {
        tls_session_fail(c, from, NULL, where);
        return;
    }
    if (r->marks_used < MARKS_MAX)
        r->marks[r->marks_used++] = (struct segment_mark){r->length, *where};
    memcpy(r->bytes + r->length, bytes.bytes, bytes.length);
    r->length += (uint32_t)bytes.length;
    if (!whole)
        return;
    side->record = NULL;
    tls_session_open(c, from, view_of(r->bytes, r->length), r->marks, r->marks_used);
    pool_give(&c->dialogue->tls_records, r);
}

/* ---- lost bytes */

size_t tls_session_search(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct tls_reading *t = &c->sides[from].tls;
    struct tls_side *side = &c->tls->sides[from];
    enum { VERSION_MAJOR = 3, VERSION_MINOR = 3 };
    for (size_t at = 0; at + TLS_RECORD_HEADER_BYTES <= bytes.length; at++) {
        const uint8_t *header = bytes.bytes + at;
        uint32_t length = (uint32_t)header[3] << 8 | header[4];
        if (header[0] != CONTENT_APPLICATION_DATA || header[1] != VERSION_MAJOR || header[2] != VERSION_MINOR ||
            length <= c->tls->suite->tag_bytes || length > TLS_CIPHERTEXT_MAX)
            continue;
        if (++side->searches > SEARCHES_MOST) {
            tls_session_fail(c, from, NULL, where);
            return bytes.length;
        }
        memcpy(t->header, header, sizeof t->header);
        t->record_left = (uint16_t)length;
        t->how = (uint8_t)protected_record(c, from, where);
        side->searching = false;
        count_many(c->dialogue->counters, COUNT_BYTES_BLIND, at);
        return at + TLS_RECORD_HEADER_BYTES;
    }
    count_many(c->dialogue->counters, COUNT_BYTES_BLIND, bytes.length);
    return bytes.length;
}

void tls_session_gap(struct conversation *c, enum side from, uint64_t lost)
{
    struct tls_session *s = c->tls;
    struct tls_side *side = &s->sides[from];
    struct tls_reading *t = &c->sides[from].tls;
    record_give(c->dialogue, side);
    if (!s->suite || !c->sealed) { /* what is not sealed carries TLS in pieces of its own */
        tls_session_close(c);
        tls_stop(c, FROM_CLIENT);
        tls_stop(c, FROM_SERVER);
        return;
    }
    bool inside = lost && lost <= t->record_left;
    if (inside) {
        t->record_left = (uint16_t)(t->record_left - lost);
        if (t->how == RECORD_OPEN)
            side->sequence++;
        if (t->how != RECORD_CLEAR && side->phase == TLS_IN_HANDSHAKE)
            side->passed++;
        t->how = RECORD_PASS;
    } else {
        const uint64_t least = TLS_RECORD_HEADER_BYTES + s->suite->tag_bytes + 1u;
        uint64_t more = lost && lost / least < SEQUENCES_TRIED ? lost / least + 1 : SEQUENCES_TRIED;
        t->record_left = t->header_have = 0;
        side->unsure = (uint16_t)(side->unsure + more < SEQUENCES_TRIED ? side->unsure + more : SEQUENCES_TRIED);
        side->searching = true;
        if (side->phase == TLS_IN_CLEAR)
            side->phase = s->version == TLS_1_3 ? TLS_IN_HANDSHAKE : TLS_IN_TRAFFIC;
    }
    side->message_have = 0;
    side->message_left = 0;
    side->torn = true;
    if (c->sealed)
        tls_session_miss(c, from);
}
