/* Records and messages of the clear part of a TLS handshake: see proto/tls.h. */
#include "proto/tls_session.h"

enum { VERSION_MAJOR = 3, ALERT_FATAL = 2 };

bool tls_is_record(struct view head)
{
    return head.length >= TLS_RECORD_HEADER_BYTES && head.bytes[0] >= CONTENT_CHANGE_CIPHER_SPEC &&
           head.bytes[0] <= CONTENT_APPLICATION_DATA && head.bytes[1] == VERSION_MAJOR;
}

static void hello_give(struct direction *side)
{
    if (side->hello)
        pool_give(side->hello->home, side->hello);
    side->hello = NULL;
}

void tls_stop(struct conversation *c, enum side from)
{
    c->sides[from].tls.over = true;
    hello_give(&c->sides[from]);
}

/* What is derived from a message stands behind it, so that it is bytes like any other. */
static void tell_handshake(struct conversation *c, enum side from, struct view message, uint32_t total, const struct segment *first,
                           const struct segment *last, const struct held *held)
{
    uint8_t head[MESSAGE_BYTES_MAX + TLS_PRINT_SIZE];
    char print[TLS_PRINT_SIZE] = "";
    bool whole = message.length == total;
    struct findings *f = findings_begin(c, total);
    memcpy(head, message.bytes, message.length);
    struct view read = view_of(head, message.length);
    enum field field = from == FROM_CLIENT ? FIELD_TLS_JA4 : FIELD_TLS_JA4S;
    if (head[0] == HANDSHAKE_CLIENT_HELLO) {
        tls_client_hello(read, whole, print, f);
        tls_session_client_hello(c, read);
    } else if (head[0] == HANDSHAKE_SERVER_HELLO) {
        tls_server_hello(read, whole, print, f);
        tls_session_server_hello(c, read, f);
        observe(f, (struct fact){.kind = FACT_TLS});
    } else {
        tls_certificate(read, last->time_ns / 1000000000, f);
    }
    size_t length = strlen(print);
    if (length)
        note_field(f, field, (uint32_t)message.length, (uint32_t)length, 0);
    memcpy(head + message.length, print, length);
    conversation_tell(c, from, view_of(head, message.length + length), first, 0, last, held);
}

static bool is_wanted(enum side from, uint8_t type)
{
    return type == HANDSHAKE_CERTIFICATE || type == (from == FROM_CLIENT ? HANDSHAKE_CLIENT_HELLO : HANDSHAKE_SERVER_HELLO);
}

static uint32_t message_total(const uint8_t *header)
{
    return TLS_MESSAGE_HEADER + ((uint32_t)header[1] << 16 | (uint32_t)header[2] << 8 | header[3]);
}

static struct held *hello_take(struct dialogue *d)
{
    struct held *held = pool_take_dirty(&d->large);
    if (held) {
        held->length = held->marks_used = 0;
        held->home = &d->large;
        held->size = MESSAGE_BYTES_MAX;
    }
    return held;
}

static size_t hello_add(struct held *held, struct view bytes, size_t needed, const struct segment *where)
{
    struct view more = view_head(bytes, needed > held->length ? needed - held->length : 0);
    if (more.length && held->marks_used < MARKS_MAX)
        held->marks[held->marks_used++] = (struct segment_mark){held->length, *where};
    memcpy(held->bytes + held->length, more.bytes, more.length);
    held->length += (uint32_t)more.length;
    return more.length;
}

/* Gathers a message that does not lie in one piece. */
static size_t gather(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct direction *side = &c->sides[from];
    if (!side->hello)
        side->hello = hello_take(c->dialogue);
    struct held *held = side->hello;
    if (!held) {
        tls_stop(c, from);
        return bytes.length;
    }
    size_t taken = hello_add(held, bytes, TLS_MESSAGE_HEADER, where);
    if (held->length < TLS_MESSAGE_HEADER)
        return taken;
    uint32_t total = message_total(held->bytes);
    uint32_t needed = total < MESSAGE_BYTES_MAX ? total : MESSAGE_BYTES_MAX;
    if (!is_wanted(from, held->bytes[0])) {
        side->tls.skip = total - held->length;
        hello_give(side);
        return taken;
    }
    struct segment here = *where;
    here.stream_offset += taken;
    taken += hello_add(held, view_from(bytes, taken), needed, &here);
    if (held->length < needed)
        return taken;
    side->tls.skip = total - needed;
    tell_handshake(c, from, view_of(held->bytes, needed), total, &held->marks[0].where, where, held);
    hello_give(side);
    return taken;
}

static void handshake_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct direction *side = &c->sides[from];
    for (size_t done = 0; done < bytes.length && !side->tls.over;) {
        struct view rest = view_from(bytes, done);
        struct segment here = *where;
        here.stream_offset += done;
        uint32_t total = !side->hello && rest.length >= TLS_MESSAGE_HEADER ? message_total(rest.bytes) : 0;
        if (side->tls.skip) {
            size_t passed = side->tls.skip < rest.length ? side->tls.skip : rest.length;
            side->tls.skip -= (uint32_t)passed;
            done += passed;
        } else if (total && total <= rest.length && total <= MESSAGE_BYTES_MAX) {
            if (is_wanted(from, rest.bytes[0]))
                tell_handshake(c, from, view_head(rest, total), total, &here, &here, NULL);
            done += total;
        } else {
            done += gather(c, from, rest, &here);
        }
    }
}

void tls_tell_alert(struct conversation *c, enum side from, uint8_t level, uint8_t description, const struct segment *where)
{
    const uint8_t head[2] = {level, description};
    struct findings *f = findings_begin(c, sizeof head);
    note_field(f, FIELD_TLS_ALERT_LEVEL, 0, 1, level);
    note_field(f, FIELD_TLS_ALERT, 1, 1, description);
    if (level == ALERT_FATAL)
        report(f, (struct report){.anomaly = ANOMALY_TLS_HANDSHAKE_FAILED, .field = FIELD_TLS_ALERT, .relation = MUST_BE, .offset = 1,
                                  .length = 1, .got = description, .note = "a handshake without a fatal alert"});
    conversation_tell(c, from, view_of(head, sizeof head), where, 0, where, NULL);
    if (level == ALERT_FATAL)
        tls_stop(c, from);
}

static void alert_bytes(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct tls_reading *t = &c->sides[from].tls;
    struct segment here = *where;
    if (bytes.length == 2 || t->record_left == 1)
        t->alert_level = bytes.bytes[0];
    if (t->record_left == 1)
        return;
    here.stream_offset -= bytes.length == 1;
    tls_tell_alert(c, from, t->alert_level, bytes.bytes[bytes.length - 1], &here);
}

/* The header of a record is whole. */
static void record_begin(struct conversation *c, enum side from, const struct segment *where)
{
    enum { ALERT_BYTES = 2 };
    struct tls_reading *t = &c->sides[from].tls;
    uint32_t length = (uint32_t)t->header[3] << 8 | t->header[4];
    uint8_t type = t->header[0];
    bool known = type == CONTENT_HANDSHAKE || type == CONTENT_ALERT || type == CONTENT_APPLICATION_DATA;
    uint32_t most = type == CONTENT_APPLICATION_DATA ? TLS_CIPHERTEXT_MAX : TLS_PLAINTEXT_MAX;
    bool empty = length == 0 && type != CONTENT_APPLICATION_DATA;
    if (known && t->header[1] == VERSION_MAJOR && (length > most || empty)) {
        struct findings *f = findings_begin(c, TLS_RECORD_HEADER_BYTES + (uint64_t)length);
        note_field(f, FIELD_TLS_LENGTH, 3, 2, length);
        report(f, (struct report){.anomaly = ANOMALY_TLS_RECORD_LENGTH, .field = FIELD_TLS_LENGTH, .offset = 3, .length = 2,
                                  .relation = empty ? MUST_REACH : MUST_NOT_EXCEED, .got = length, .expected = empty ? 1 : most,
                                  .note = "of a TLS record"});
        conversation_tell(c, from, view_of(t->header, TLS_RECORD_HEADER_BYTES), where, 0, where, NULL);
        tls_stop(c, from);
        return;
    }
    if (c->tls) {
        t->how = (uint8_t)tls_session_record(c, from, t->header[1] == VERSION_MAJOR ? type : 0, length, where);
        if (t->how == RECORD_OVER)
            return;
        t->record_type = type;
        t->record_left = (uint16_t)length;
        return;
    }
    t->how = RECORD_CLEAR;
    /* From ChangeCipherSpec on, and in every application record, the rest is encrypted. */
    if (t->header[1] != VERSION_MAJOR || (type != CONTENT_HANDSHAKE && (type != CONTENT_ALERT || length != ALERT_BYTES))) {
        tls_stop(c, from);
        return;
    }
    t->record_type = type;
    t->record_left = (uint16_t)length;
}

static size_t record_header(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct tls_reading *t = &c->sides[from].tls;
    struct segment first = *where;
    first.stream_offset -= t->header_have;
    struct view more = view_head(bytes, TLS_RECORD_HEADER_BYTES - (size_t)t->header_have);
    memcpy(t->header + t->header_have, more.bytes, more.length);
    t->header_have = (uint8_t)(t->header_have + more.length);
    if (t->header_have == TLS_RECORD_HEADER_BYTES) {
        t->header_have = 0;
        record_begin(c, from, &first);
    }
    return more.length;
}

void tls_read(struct conversation *c, enum side from, struct view bytes, const struct segment *where)
{
    struct tls_reading *t = &c->sides[from].tls;
    if (!c->tls && (c->flow->midstream || c->session.midstream))
        t->over = true;
    for (size_t done = 0; done < bytes.length && !t->over;) {
        struct segment here = *where;
        here.stream_offset += done;
        struct view rest = view_from(bytes, done);
        if (c->tls && c->tls->sides[from].searching) {
            done += tls_session_search(c, from, rest, &here);
            continue;
        }
        if (t->record_left == 0) {
            done += record_header(c, from, rest, &here);
            continue;
        }
        struct view part = view_head(rest, t->record_left);
        t->record_left = (uint16_t)(t->record_left - part.length);
        done += part.length;
        if (t->how != RECORD_CLEAR) {
            if (t->how == RECORD_OPEN)
                tls_session_bytes(c, from, part, &here);
        } else if (t->record_type == CONTENT_HANDSHAKE)
            handshake_bytes(c, from, part, &here);
        else if (t->record_type == CONTENT_ALERT)
            alert_bytes(c, from, part, &here);
    }
}
