/* Properties of reassembly: whatever the capture does to the packets, the streams are the same or the gap is exact. */
#include "streams.h"

enum { PACKETS_MOST = 400, BYTES_MOST = 200000 };

/* What two honest hosts say, in causal order. */
struct talk {
    uint8_t bytes[2][BYTES_MOST];
    size_t length[2];
    uint32_t origin[2];
    struct say say[PACKETS_MOST];
    uint64_t acks[PACKETS_MOST * 8];
    unsigned packets;
};

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16) % limit;
}

static void talk_add(struct talk *t, enum side from, uint8_t flags, size_t length)
{
    enum side to = other_side(from);
    struct say *s = &t->say[t->packets++];
    assert_true(t->packets < PACKETS_MOST);
    *s = (struct say){.from = from, .flags = (uint8_t)(flags | TCP_ACK), .seq = t->origin[from] + (uint32_t)t->length[from],
                      .ack = t->origin[to] + (uint32_t)t->length[to], .payload = t->bytes[from] + t->length[from], .length = length};
    t->acks[t->packets] = t->length[to];
    for (size_t i = 0; i < length; i++)
        t->bytes[from][t->length[from] + i] = (uint8_t)(1 + random_below(255));
    t->length[from] += length;
}

/* SYN, SYN-ACK, ACK, then turns of up to four segments, then FIN from both. */
static void talk_make(struct talk *t, unsigned turns, uint32_t segment_most)
{
    t->packets = 0;
    for (unsigned i = 0; i < 2; i++) {
        t->length[i] = 0;
        t->origin[i] = random_below(2) ? random_below(1 << 30) : UINT32_MAX - random_below(3000);
    }
    talk_add(t, FROM_CLIENT, 0, 0);
    t->say[0].flags = TCP_SYN;
    t->say[0].seq--;
    talk_add(t, FROM_SERVER, TCP_SYN, 0);
    t->say[1].seq--;
    talk_add(t, FROM_CLIENT, 0, 0);
    for (unsigned i = 0; i < turns; i++) {
        enum side from = random_below(2) ? FROM_CLIENT : FROM_SERVER;
        for (unsigned segments = 1 + random_below(4); segments; segments--)
            talk_add(t, from, TCP_PSH, 1 + random_below(segment_most));
        if (random_below(3) == 0)
            talk_add(t, other_side(from), 0, 0);
    }
    talk_add(t, FROM_CLIENT, TCP_FIN, 0);
    t->say[t->packets - 1].flags |= TCP_FIN;
    /* A FIN takes a number: later acknowledgements cover it, later segments of its side start behind it. */
    talk_add(t, FROM_SERVER, TCP_FIN, random_below(2) ? 1 + random_below(segment_most) : 0);
    t->say[t->packets - 1].ack++;
    talk_add(t, FROM_CLIENT, 0, 0);
    t->say[t->packets - 1].seq++;
    t->say[t->packets - 1].ack++;
}

static void expect_equal(const struct world *w, const struct talk *t)
{
    for (unsigned side = 0; side < 2; side++) {
        assert_int_equal(w->side[side].length, t->length[side]);
        assert_memory_equal(w->side[side].bytes, t->bytes[side], t->length[side]);
        assert_int_equal(w->side[side].gap_count, 0);
        assert_true(w->side[side].finished);
    }
    assert_int_equal(w->counters.value[COUNT_TCP_GAPS], 0);
    assert_int_equal(w->counters.value[COUNT_TCP_OUT_OF_WINDOW], 0);
    assert_int_equal(w->closed, 1);
}

/* Plays packets in an order, some more than once; the number of a packet is its place in the talk, from 1. */
static void play(struct world *w, const struct talk *t, const unsigned *order, unsigned count, uint64_t *acks)
{
    world_open(w, 16, 4 << 20);
    w->acks = acks;
    for (unsigned i = 0; i < count; i++)
        world_say_as(w, &t->say[order[i]], order[i] + 1);
}

static void in_order(void **state)
{
    (void)state;
    static struct talk t;
    for (unsigned round = 0; round < 100; round++) {
        random_state = 1000 + round;
        talk_make(&t, 40, round % 2 ? 1400 : 8);
        unsigned order[PACKETS_MOST];
        for (unsigned i = 0; i < t.packets; i++)
            order[i] = i;
        struct world w;
        play(&w, &t, order, t.packets, t.acks);
        assert_int_equal(w.end, END_FIN);
        assert_int_equal(w.by, FROM_CLIENT);
        assert_int_equal(w.counters.value[COUNT_TCP_OUT_OF_ORDER], 0);
        assert_int_equal(w.counters.value[COUNT_TCP_RETRANSMITTED], 0);
        world_finish(&w);
        expect_equal(&w, &t);
        world_close(&w);
    }
}

/* Each packet may come less than `window` places late, and again later. The opening keeps its order. */
static unsigned shuffle(const struct talk *t, unsigned *order, unsigned window, bool repeat)
{
    unsigned count = 0;
    for (unsigned i = 0; i < t->packets; i++) {
        order[count++] = i;
        if (repeat && i > 3 && random_below(4) == 0)
            order[count++] = i - random_below(i < 20 ? i - 3 : 17);
    }
    uint32_t place[PACKETS_MOST * 2];
    for (unsigned i = 0; i < count; i++)
        place[i] = i < 3 ? 0 : i + random_below(window);
    for (unsigned i = 1; i < count; i++) {
        for (unsigned at = i; at && place[at - 1] > place[at]; at--) {
            uint32_t later = place[at];
            place[at] = place[at - 1];
            place[at - 1] = later;
            unsigned moved = order[at];
            order[at] = order[at - 1];
            order[at - 1] = moved;
        }
    }
    return count;
}

static void reordered_and_repeated(void **state)
{
    (void)state;
    static struct talk t;
    for (unsigned round = 0; round < 600; round++) {
        random_state = 5000 + round;
        talk_make(&t, 40, round % 2 ? 1400 : 8);
        unsigned order[PACKETS_MOST * 2];
        unsigned count = shuffle(&t, order, 1 + round % 7, round % 3 == 0);
        struct world w;
        play(&w, &t, order, count, t.acks);
        world_finish(&w);
        expect_equal(&w, &t);
        world_close(&w);
    }
}

/* Retransmissions cut the stream anew: other starts and other lengths, the same bytes. */
static void resegmented(void **state)
{
    (void)state;
    static struct talk t;
    for (unsigned round = 0; round < 200; round++) {
        random_state = 9000 + round;
        talk_make(&t, 20, 300);
        struct world w;
        world_open(&w, 16, 4 << 20);
        for (unsigned i = 0; i < t.packets; i++) {
            const struct say *s = &t.say[i];
            if (s->length && random_below(2)) {
                size_t at = (size_t)((const uint8_t *)s->payload - t.bytes[s->from]);
                size_t back = random_below((uint32_t)(at < 500 ? at + 1 : 500));
                size_t length = back + random_below((uint32_t)s->length + 1);
                if (random_below(2)) {
                    back = 0;
                    length = random_below((uint32_t)s->length + 1);
                }
                struct say again = *s;
                again.seq -= (uint32_t)back;
                again.payload = t.bytes[s->from] + at - back;
                again.length = length;
                again.flags = TCP_ACK;
                world_say_as(&w, &again, 0);
            }
            world_say_as(&w, s, 0);
        }
        world_finish(&w);
        expect_equal(&w, &t);
        world_close(&w);
    }
}

/* The mirror loses one packet: its bytes, and only its bytes, are a gap. */
static void any_packet_lost(void **state)
{
    (void)state;
    static struct talk t;
    for (unsigned round = 0; round < 12; round++) {
        random_state = 20000 + round;
        talk_make(&t, 30, round % 2 ? 1400 : 8);
        for (unsigned lost = 0; lost < t.packets; lost++) {
            unsigned order[PACKETS_MOST], count = 0;
            for (unsigned i = 0; i < t.packets; i++)
                if (i != lost)
                    order[count++] = i;
            const struct say *missing = &t.say[lost];
            struct world w;
            play(&w, &t, order, count, t.acks);
            world_finish(&w);
            for (unsigned side = 0; side < 2; side++) {
                const struct recorded *r = &w.side[side];
                bool here = side == missing->from && missing->length;
                /* A FIN that is lost with the bytes before it looks like one byte more: both are only acknowledged. */
                size_t fin = here && missing->flags & TCP_FIN;
                assert_int_equal(r->length, t.length[side] + fin);
                assert_int_equal(r->gap_count, here);
                size_t at = here ? (size_t)((const uint8_t *)missing->payload - t.bytes[side]) : 0;
                if (here) {
                    assert_int_equal(r->gaps[0].at, at);
                    assert_int_equal(r->gaps[0].length, missing->length + fin);
                    memset(t.bytes[side] + at, 0, missing->length);
                }
                assert_memory_equal(r->bytes, t.bytes[side], t.length[side]);
                if (here)
                    for (size_t i = 0; i < missing->length; i++)
                        t.bytes[side][at + i] = (uint8_t)(1 + i % 255);
            }
            assert_int_equal(w.counters.value[COUNT_FLOWS], 1);
            assert_int_equal(w.counters.value[COUNT_TCP_OUT_OF_WINDOW], 0);
            world_close(&w);
        }
    }
}

/* The capture starts late: from the first data on, each stream is a suffix of what was said. */
static void joined_late(void **state)
{
    (void)state;
    static struct talk t;
    for (unsigned round = 0; round < 40; round++) {
        random_state = 30000 + round;
        talk_make(&t, 30, 200);
        for (unsigned start = 3; start + 3 < t.packets; start += 5) {
            struct world w;
            world_open(&w, 16, 4 << 20);
            for (unsigned i = start; i < t.packets; i++)
                world_say_as(&w, &t.say[i], i + 1);
            world_finish(&w);
            for (unsigned side = 0; side < 2; side++) {
                const struct recorded *r = &w.side[side];
                assert_true(r->length <= t.length[side]);
                assert_memory_equal(r->bytes, t.bytes[side] + t.length[side] - r->length, r->length);
                assert_int_equal(r->gap_count, 0);
            }
            assert_int_equal(w.counters.value[COUNT_FLOWS_MIDSTREAM], 1);
            world_close(&w);
        }
    }
}

/* Only one side is mirrored: its stream is whole, at once, and the other one is not missed. */
static void one_side_only(void **state)
{
    (void)state;
    static struct talk t;
    for (unsigned round = 0; round < 60; round++) {
        random_state = 40000 + round;
        talk_make(&t, 60, 200);
        enum side seen = round % 2 ? FROM_CLIENT : FROM_SERVER;
        struct world w;
        world_open(&w, 16, 4 << 20);
        size_t said = 0;
        for (unsigned i = round % 4 < 2 ? 0 : 3; i < t.packets; i++) {
            if (t.say[i].from != seen)
                continue;
            world_say_as(&w, &t.say[i], i + 1);
            said += t.say[i].length;
            assert_int_equal(w.side[seen].length, said);
        }
        assert_true(w.flow->one_sided);
        world_finish(&w);
        assert_int_equal(w.side[seen].length, t.length[seen]);
        assert_memory_equal(w.side[seen].bytes, t.bytes[seen], t.length[seen]);
        assert_int_equal(w.counters.value[COUNT_TCP_GAPS], 0);
        assert_int_equal(w.side[other_side(seen)].length, 0);
        world_close(&w);
    }
}

/* More than 4 GiB: sequence numbers come round, offsets do not. Cut packets make it cheap. */
static void beyond_four_gigabytes(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 16, 1 << 20);
    w.keep = false;
    static uint8_t payload[65000];
    uint32_t seq = 100;
    world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = seq++});
    world_say(&w, (struct say){.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 1, .ack = seq});
    uint64_t total = 0;
    while (total < UINT64_C(9) << 30) {
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = seq, .ack = 2, .payload = payload,
                                   .length = sizeof payload, .cut = sizeof payload - 1});
        seq += (uint32_t)sizeof payload;
        total += sizeof payload;
        world_say(&w, (struct say){.from = FROM_SERVER, .flags = TCP_ACK, .seq = 2, .ack = seq});
    }
    uint32_t origin;
    assert_true(net_stream_origin(w.flow, FROM_CLIENT, &origin));
    assert_int_equal(origin, 101);
    assert_int_equal(w.flow->bytes[FROM_CLIENT], total);
    assert_int_equal(w.counters.value[COUNT_TCP_LOST_BYTES], total - total / sizeof payload);
    assert_int_equal(w.counters.value[COUNT_TCP_OUT_OF_WINDOW], 0);
    world_finish(&w);
    world_close(&w);
}

/* The other side's acknowledgements say how much a side sent that the mirror does not show. */
static void unseen_bytes_are_acknowledged_bytes(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 4, 1 << 20);
    uint32_t ack = UINT32_MAX - 3000;
    for (unsigned i = 0; i < 40; i++) {
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 100 + 4 * i, .ack = ack, .payload = "ping", .length = 4});
        ack += i < 39 ? 1000 : 0;
        if (i == 20) /* an older one, late */
            world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 100 + 4 * i + 4, .ack = ack - 5000});
    }
    world_finish(&w);
    assert_int_equal(w.unseen, 39000);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),        cmocka_unit_test(reordered_and_repeated), cmocka_unit_test(resegmented),
        cmocka_unit_test(any_packet_lost), cmocka_unit_test(joined_late),            cmocka_unit_test(one_side_only),
        cmocka_unit_test(beyond_four_gigabytes),
        cmocka_unit_test(unseen_bytes_are_acknowledged_bytes),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
