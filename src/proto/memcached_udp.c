/*
 * Memcached over UDP (protocol.txt, UDP protocol; memcached.c, try_read_udp): 8 bytes before the text or binary protocol. A request
 * is one datagram; an answer may be many. Only requests are decoded: the server's datagrams are counted against what was asked.
 */
#include "proto/memcached.h"

enum {
    UDP_HEADER = 8,
    AMPLIFICATION_MOST = 100,   /* bytes answered for each that was asked; an attack has 10,000 and more, */
    AMPLIFICATION_LEAST = 65536,/* but a get of a value of some kilobytes is no attack */
};

struct memcached_exchange {
    uint16_t id;
    bool told;
    uint32_t asked;
    uint64_t answered;
};

_Static_assert(sizeof(struct memcached_exchange) <= DATAGRAM_STATE_MAX, "it is kept by the dialogue");

static uint32_t header_defect(struct findings *out, struct report r)
{
    r.anomaly = ANOMALY_MEMCACHED_UDP_HEADER;
    report(out, r);
    return 0;
}

static uint32_t request(struct memcached_exchange *x, uint16_t id, struct cursor c, struct findings *out)
{
    struct memcached_state state = {.block_message = 0};
    struct frame frame = {0};
    struct view body = cursor_ahead(&c);
    x->id = id;
    x->asked = (uint32_t)out->message_length;
    x->answered = 0;
    x->told = false;
    if (body.length && memcached_decoder.frame(&state, FROM_CLIENT, cursor_over(body), &frame) == FRAME_READY && frame.wanted <= body.length) {
        out->message_length = frame.total;
        (void)memcached_decoder.message(&state, FROM_CLIENT, cursor_over(view_head(body, frame.wanted)), out);
    }
    /* A login whose header is wrong is not known for one. */
    if (out->reports_used && body.length > MEMCACHED_HEADER && body.bytes[0] == PROTOCOL_BINARY_REQ)
        note_field(out, FIELD_DB_UNDECODED, MEMCACHED_HEADER, (uint32_t)body.length - MEMCACHED_HEADER, 0);
    return UDP_HEADER;
}

static void amplified(struct memcached_exchange *x, uint16_t id, struct findings *out)
{
    if (x->id != id || !x->asked)
        return;
    x->answered += out->message_length;
    if (x->told || x->answered < AMPLIFICATION_LEAST || x->answered / AMPLIFICATION_MOST < x->asked)
        return;
    x->told = true;
    report(out, (struct report){.anomaly = ANOMALY_MEMCACHED_UDP_AMPLIFICATION, .field = FIELD_MEMCACHED_UDP_TOTAL, .relation = MUST_NOT_EXCEED,
                                .offset = 4, .length = 2, .got = x->answered, .expected = (uint64_t)x->asked * AMPLIFICATION_MOST,
                                .note = "bytes of answers, a hundred times what was asked"});
}

uint32_t memcached_datagram(void *state, enum side from, struct cursor c, struct findings *out)
{
    out->message = MEMCACHED_DATAGRAM;
    if (out->message_length < UDP_HEADER)
        return header_defect(out, (struct report){.field = FIELD_DB_LENGTH, .relation = MUST_REACH, .length = (uint32_t)out->message_length,
                                                  .got = out->message_length, .expected = UDP_HEADER, .note = "the header"});
    uint16_t id = take_u16be(&c), sequence = take_u16be(&c), total = take_u16be(&c);
    take_skip(&c, 2); /* reserved; the server does not look at it */
    if (c.failed)
        return 0;
    note_field(out, FIELD_MEMCACHED_UDP_REQUEST, 0, 2, id);
    note_field(out, FIELD_MEMCACHED_UDP_SEQUENCE, 2, 2, sequence);
    note_field(out, FIELD_MEMCACHED_UDP_TOTAL, 4, 2, total);
    if (from == FROM_CLIENT && total != 1)
        return header_defect(out, (struct report){.field = FIELD_MEMCACHED_UDP_TOTAL, .relation = MUST_EQUAL, .offset = 4, .length = 2,
                                                  .got = total, .expected = 1, .note = "a request is one datagram"});
    if (from == FROM_SERVER && sequence >= total)
        return header_defect(out, (struct report){.field = FIELD_MEMCACHED_UDP_SEQUENCE, .relation = MUST_NOT_EXCEED, .offset = 2, .length = 2,
                                                  .got = sequence, .expected = total ? total - 1u : 0, .note = "the number of datagrams, less one"});
    if (from == FROM_SERVER) {
        amplified(state, id, out);
        return 0;
    }
    out->fields_used = 0; /* what follows counts its offsets from behind the header */
    note_field(out, FIELD_MEMCACHED_UDP_REQUEST, 0, 0, id);
    return request(state, id, c, out);
}
