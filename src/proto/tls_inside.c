/*
 * Opening records and giving on what is in them: plaintext to the decoder, handshake messages that change the keys (RFC 8446 4.4.4,
 * 4.6.3), alerts. See tls_session.h.
 *
 * Which number a record has is known by counting; where bytes were lost, or records passed before the secret was there, some
 * numbers are tried. A tag of 8 or 16 bytes is not right by accident.
 */
#include "proto/tls_session.h"

#include <openssl/crypto.h>

enum { HANDSHAKE_FINISHED = 20, HANDSHAKE_KEY_UPDATE = 24, LATE_TRIED = 8, PASSED_IN_HANDSHAKE = 64, ALERT_BYTES = 2 };

struct opened {
    uint8_t type;
    struct view plain;
    size_t front; /* bytes of the fragment before its first one */
};

/* ---- what is inside */

static void miss_before(struct conversation *c)
{
    const struct tls_session *s = c->tls;
    bool client_spoke = s->version == TLS_1_3 && s->sides[FROM_CLIENT].phase == TLS_IN_HANDSHAKE && s->sides[FROM_CLIENT].passed > 1;
    if (!s->sides[FROM_CLIENT].missed && !s->sides[FROM_SERVER].missed && !client_spoke)
        return;
    tls_session_miss(c, FROM_CLIENT);
    tls_session_miss(c, FROM_SERVER);
}

static void inside(struct conversation *c, enum side from, struct view plain, const struct segment *where)
{
    bool only_here = !c->sealed; /* a login in TLS on a connection that goes on in clear */
    if (c->sealed && c->transport == TRANSPORT_TLS) {
        c->transport = TRANSPORT_CLEAR;
        miss_before(c);
    }
    c->session.inside = true;
    count_many(c->dialogue->counters, COUNT_BYTES_DECRYPTED, plain.length);
    dialogue_inside(c, from, plain, where);
    if (!only_here)
        return;
    c->session.inside = false;
    if (direction_is_open(&c->sides[from])) /* it goes on in another record: that is not followed here */
        conversation_gap(c, from, 0);
}

/* Each piece with its own place and packet. */
static void give(struct conversation *c, enum side from, const struct opened *o, const struct segment_mark *marks, unsigned marks_used)
{
    for (unsigned i = 0; i < marks_used; i++) {
        size_t begins = marks[i].offset > o->front ? marks[i].offset - o->front : 0;
        size_t ends = i + 1 < marks_used ? (marks[i + 1].offset > o->front ? marks[i + 1].offset - o->front : 0) : o->plain.length;
        ends = ends < o->plain.length ? ends : o->plain.length;
        if (begins >= ends)
            continue;
        struct segment where = marks[i].where;
        where.stream_offset += begins + o->front - marks[i].offset;
        inside(c, from, view_head(view_from(o->plain, begins), ends - begins), &where);
    }
}

static void message_ends(struct tls_session *s, enum side from)
{
    struct tls_side *side = &s->sides[from];
    enum keylog_kind kind = from == FROM_CLIENT ? KEYLOG_CLIENT_TRAFFIC : KEYLOG_SERVER_TRAFFIC;
    if (side->message[0] == HANDSHAKE_FINISHED && side->phase == TLS_IN_HANDSHAKE) {
        side->phase = TLS_IN_TRAFFIC;
        side->sequence = side->passed = side->unsure = 0;
        tls_keys_forget(&side->handshake);
    } else if (side->message[0] == HANDSHAKE_KEY_UPDATE && side->phase == TLS_IN_TRAFFIC) {
        side->sequence = 0;
        if (tls_secret_update(s->suite, s->secrets.bytes[kind]))
            (void)tls_keys_from_secret(&side->traffic, s->suite, s->secrets.bytes[kind]);
    }
}

/* The end of a handshake, tickets, and requests to change the key; of TLS 1.2 nothing matters here. */
static void handshake(struct tls_session *s, enum side from, struct view plain)
{
    struct tls_side *side = &s->sides[from];
    while (s->version == TLS_1_3 && plain.length) {
        if (side->message_have < TLS_MESSAGE_HEADER) {
            side->message[side->message_have++] = plain.bytes[0];
            plain = view_from(plain, 1);
            if (side->message_have < TLS_MESSAGE_HEADER)
                continue;
            side->message_left = (uint32_t)side->message[1] << 16 | (uint32_t)side->message[2] << 8 | side->message[3];
        } else {
            size_t here = side->message_left < plain.length ? side->message_left : plain.length;
            side->message_left -= (uint32_t)here;
            plain = view_from(plain, here);
        }
        if (side->message_left == 0) {
            side->message_have = 0;
            message_ends(s, from);
        }
    }
}

/* ---- opening */

static bool try_keys(struct conversation *c, struct tls_keys *keys, const uint8_t *header, uint64_t first, uint64_t more, struct view fragment,
                     uint64_t *sequence, size_t *length)
{
    for (uint64_t n = 0; keys->context && n <= more; n++)
        if (tls_keys_open(keys, header, first + n, fragment, c->dialogue->plain, length)) {
            *sequence = first + n;
            return true;
        }
    return false;
}

/* The keys may have changed in what was lost. */
static bool try_next_keys(struct conversation *c, enum side from, struct view fragment, uint64_t *sequence, size_t *length)
{
    struct tls_session *s = c->tls;
    struct tls_side *side = &s->sides[from];
    uint8_t secret[TLS_SECRET_BYTES_MAX], *now = s->secrets.bytes[from == FROM_CLIENT ? KEYLOG_CLIENT_TRAFFIC : KEYLOG_SERVER_TRAFFIC];
    struct tls_keys next = {.context = NULL};
    memcpy(secret, now, sizeof secret);
    bool good = tls_secret_update(s->suite, secret) && tls_keys_from_secret(&next, s->suite, secret) &&
                try_keys(c, &next, c->sides[from].tls.header, 0, side->unsure, fragment, sequence, length);
    if (good) {
        tls_keys_forget(&side->traffic);
        side->traffic = next;
        memcpy(now, secret, sizeof secret);
    } else {
        tls_keys_forget(&next);
    }
    OPENSSL_cleanse(secret, sizeof secret);
    return good;
}

/* The next number, or one that may have been reached unseen; in the handshake of TLS 1.3 also one of the first of the data. */
static bool open_numbered(struct conversation *c, enum side from, struct view fragment, size_t *length)
{
    struct tls_session *s = c->tls;
    struct tls_side *side = &s->sides[from];
    const uint8_t *header = c->sides[from].tls.header;
    uint64_t sequence = 0, late = side->passed < LATE_TRIED ? side->passed : LATE_TRIED;
    bool shaking = s->version == TLS_1_3 && side->phase == TLS_IN_HANDSHAKE;
    struct tls_keys *keys = shaking ? &side->handshake : &side->traffic;
    if (try_keys(c, keys, header, side->sequence, side->unsure, fragment, &sequence, length)) {
        bool skipped = sequence != side->sequence;
        side->sequence = sequence + 1;
        if (skipped && !shaking)
            side->missed = true;
    } else if (shaking && try_keys(c, &side->traffic, header, 0, late + side->unsure, fragment, &sequence, length)) {
        side->phase = TLS_IN_TRAFFIC;
        side->sequence = sequence + 1;
        side->passed = 0;
        side->message_have = 0;
        side->message_left = 0;
        if (sequence)
            side->missed = true;
    } else if (!shaking && side->torn && s->version == TLS_1_3 && try_next_keys(c, from, fragment, &sequence, length)) {
        side->sequence = sequence + 1;
    } else {
        return false;
    }
    side->unsure = side->searches = 0;
    side->torn = false;
    return true;
}

static void not_opened(struct conversation *c, enum side from, const struct segment *where)
{
    struct tls_side *side = &c->tls->sides[from];
    if (side->unsure) {
        side->searching = true;
        return;
    }
    /* Not those of the handshake: their secret is not known, or data was sent early, or some passed before the secret was there. */
    bool others = !side->handshake.context || side->missed || side->passed || side->torn;
    if (c->tls->version == TLS_1_3 && side->phase == TLS_IN_HANDSHAKE && others && ++side->passed <= PASSED_IN_HANDSHAKE) {
        side->sequence++;
        return;
    }
    tls_session_fail(c, from, side->torn ? NULL : "a record that the secret of the key log opens", where);
}

/* The content, its type and the padding (RFC 8446 5.4). False: there is no type. */
static bool take_type(struct opened *o)
{
    while (o->plain.length && o->plain.bytes[o->plain.length - 1] == 0)
        o->plain.length--;
    if (!o->plain.length)
        return false;
    o->type = o->plain.bytes[--o->plain.length];
    return true;
}

void tls_session_open(struct conversation *c, enum side from, struct view fragment, const struct segment_mark *marks, unsigned marks_used)
{
    struct tls_session *s = c->tls;
    const struct segment *where = &marks[0].where;
    size_t length = 0;
    if (!open_numbered(c, from, fragment, &length)) {
        not_opened(c, from, where);
        return;
    }
    struct opened o = {.type = c->sides[from].tls.header[0], .plain = view_of(c->dialogue->plain, length),
                       .front = tls_keys_front(&s->sides[from].traffic)};
    if (s->version == TLS_1_3 && !take_type(&o)) {
        tls_session_fail(c, from, "a record with a type inside", where);
        return;
    }
    if (o.type == CONTENT_APPLICATION_DATA)
        give(c, from, &o, marks, marks_used);
    else if (o.type == CONTENT_HANDSHAKE)
        handshake(s, from, o.plain);
    else if (o.type == CONTENT_ALERT && o.plain.length == ALERT_BYTES && c->transport == TRANSPORT_TLS)
        tls_tell_alert(c, from, o.plain.bytes[0], o.plain.bytes[1], where);
}
