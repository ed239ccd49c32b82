/* Connections come, go, are used again and are shed in the right order. */
#include "net/connection.h"
#include "streams.h"

#define SECONDS INT64_C(1000000000)

static void say(struct world *w, enum side from, uint8_t flags, uint32_t seq, uint32_t ack, const char *text)
{
    world_say(w, (struct say){.from = from, .flags = flags, .seq = seq, .ack = ack, .payload = text, .length = strlen(text)});
}

/* SYN, SYN-ACK, ACK of the client `host`:`port`. */
static void greet(struct world *w, uint32_t host, uint16_t port, uint32_t isn)
{
    const struct say handshake[] = {
        {.from = FROM_CLIENT, .flags = TCP_SYN, .seq = isn, .host = host, .port = port},
        {.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = isn + 1, .host = host, .port = port},
        {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = isn + 1, .ack = 501, .host = host, .port = port},
    };
    for (size_t i = 0; i < 3; i++)
        world_say(w, handshake[i]);
}

static void end(struct world *w, uint32_t client, uint32_t server)
{
    say(w, FROM_CLIENT, TCP_FIN | TCP_ACK, client, server, "");
    say(w, FROM_SERVER, TCP_FIN | TCP_ACK, server, client + 1, "");
    say(w, FROM_CLIENT, TCP_ACK, client + 1, server + 1, "");
}

static void port_used_again_after_fin(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 16, 1 << 20);
    w.keep = false;
    for (uint32_t i = 0; i < 50; i++) {
        uint32_t isn = 100 + i * 1000;
        greet(&w, 1, 40000, isn);
        say(&w, FROM_CLIENT, TCP_ACK, isn + 1, 501, "abc");
        end(&w, isn + 4, 501);
        assert_int_equal(w.closed, i + 1);
        assert_int_equal(w.end, END_FIN);
        /* Late copies of old packets, the SYN among them, start nothing. */
        say(&w, FROM_CLIENT, TCP_ACK, isn + 1, 501, "abc");
        say(&w, FROM_CLIENT, TCP_SYN, isn, 0, "");
        assert_int_equal(w.counters.value[COUNT_FLOWS], i + 1);
    }
    world_finish(&w);
    assert_int_equal(w.opened, 50);
    assert_int_equal(w.counters.value[COUNT_TCP_GAPS], 0);
    world_close(&w);
}

static void port_used_again_while_open(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 16, 1 << 20);
    w.keep = false;
    greet(&w, 1, 40000, 100);
    say(&w, FROM_CLIENT, TCP_ACK, 101, 501, "abc");
    say(&w, FROM_CLIENT, TCP_SYN, 90000, 0, "");
    assert_int_equal(w.closed, 0);
    /* A challenge: the server lives in the old connection. */
    say(&w, FROM_SERVER, TCP_ACK, 501, 104, "");
    assert_int_equal(w.closed, 0);
    say(&w, FROM_SERVER, TCP_SYN | TCP_ACK, 7000, 90001, "");
    assert_int_equal(w.closed, 1);
    assert_int_equal(w.end, END_REUSED);
    say(&w, FROM_CLIENT, TCP_ACK, 90001, 7001, "def");
    assert_int_equal(w.opened, 2);
    assert_int_equal(w.flow->client.port, 40000);
    assert_false(w.flow->midstream);
    world_finish(&w);
    assert_int_equal(w.counters.value[COUNT_FLOWS], 2);
    world_close(&w);
}

static void data_after_a_reset(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 16, 1 << 20);
    w.keep = false;
    greet(&w, 1, 40000, 100);
    say(&w, FROM_CLIENT, TCP_ACK, 101, 501, "abc");
    say(&w, FROM_CLIENT, TCP_RST, 104, 0, "");
    assert_int_equal(w.end, END_RESET);
    assert_int_equal(w.by, FROM_CLIENT);
    w.time_ns += 4 * SECONDS;
    say(&w, FROM_CLIENT, TCP_ACK, 104, 501, "late");
    assert_int_equal(w.counters.value[COUNT_FLOWS], 1);
    w.time_ns += 6 * SECONDS;
    say(&w, FROM_CLIENT, TCP_ACK, 104, 501, "still here");
    assert_int_equal(w.counters.value[COUNT_FLOWS], 2);
    assert_true(w.flow->midstream);
    world_finish(&w);
    assert_int_equal(w.closed, 2);
    world_close(&w);
}

static void idle_connections_end(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64, 1 << 20);
    w.keep = false;
    greet(&w, 1, 40000, 100);
    say(&w, FROM_CLIENT, TCP_ACK, 101, 501, "abc");
    w.time_ns += 3599 * SECONDS;
    say(&w, FROM_CLIENT, TCP_ACK, 104, 501, "abc");
    assert_int_equal(w.closed, 0);
    w.time_ns += 3601 * SECONDS;
    say(&w, FROM_CLIENT, TCP_ACK, 107, 501, "abc");
    assert_int_equal(w.closed, 1);
    assert_int_equal(w.end, END_TIMEOUT);
    assert_true(w.flow->midstream);
    assert_int_equal(w.counters.value[COUNT_FLOWS_TIMED_OUT], 1);
    /* Without another packet of its own it ends all the same. */
    greet(&w, 3, 40001, 100);
    w.time_ns += 7300 * SECONDS;
    for (uint32_t i = 0; i < 40; i++)
        greet(&w, 4, 40002, 100);
    assert_int_equal(w.closed, 2);
    assert_int_equal(w.counters.value[COUNT_FLOWS_TIMED_OUT], 3);
    world_finish(&w);
    world_close(&w);
}

static void the_least_valuable_goes_first(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 8, 1 << 20);
    w.keep = false;
    for (uint16_t i = 0; i < 8; i++) {
        greet(&w, 1, (uint16_t)(41000 + i), 100);
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101, .ack = 501, .payload = "abc", .length = 3,
                                   .port = (uint16_t)(41000 + i)});
    }
    assert_int_equal(w.opened, 8);
    /* All but the third speak again: the third has been idle longest. */
    for (uint16_t i = 0; i < 8; i++)
        if (i != 2)
            world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 104, .ack = 501, .payload = "d", .length = 1,
                                       .port = (uint16_t)(41000 + i)});
    greet(&w, 1, 42000, 100);
    assert_int_equal(w.closed, 1);
    assert_int_equal(w.end, END_EVICTED);
    assert_int_equal(w.counters.value[COUNT_FLOWS_EVICTED], 1);
    uint64_t flows = w.counters.value[COUNT_FLOWS];
    for (uint16_t i = 0; i < 8; i++)
        if (i != 2)
            world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 105, .ack = 501, .payload = "e", .length = 1,
                                       .port = (uint16_t)(41000 + i)});
    assert_int_equal(w.counters.value[COUNT_FLOWS], flows);
    world_finish(&w);
    world_close(&w);
}

/* 200,000 SYNs, answered or not, with 50 sessions among them in a table of 400. */
static void syn_flood(void **state)
{
    (void)state;
    enum { SESSIONS = 50, SYNS = 200000, EVERY = 400 };
    for (unsigned answered = 0; answered < 2; answered++) {
        struct world w;
        world_open(&w, 400, 1 << 20);
        w.keep = false;
        w.step_ns = 10000;
        size_t used = w.arena.used;
        uint32_t said[SESSIONS] = {0};
        for (uint16_t i = 0; i < SESSIONS; i++)
            greet(&w, 1, (uint16_t)(41000 + i), 100);
        for (uint32_t i = 0; i < SYNS; i++) {
            world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = i, .host = 1000 + i, .port = (uint16_t)i | 1});
            if (answered)
                world_say(&w, (struct say){.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 9, .ack = i + 1,
                                           .host = 1000 + i, .port = (uint16_t)i | 1});
            if (i % EVERY)
                continue;
            uint16_t session = (uint16_t)(i / EVERY % SESSIONS);
            world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101 + said[session], .ack = 501,
                                       .payload = "abc", .length = 3, .port = (uint16_t)(41000 + session)});
            said[session] += 3;
        }
        assert_int_equal(w.opened, SESSIONS);
        assert_int_equal(w.closed, 0);
        assert_int_equal(w.counters.value[COUNT_FLOWS], SESSIONS + SYNS);
        assert_int_equal(w.counters.value[COUNT_TCP_GAPS], 0);
        assert_int_equal(w.counters.value[COUNT_FLOWS_MIDSTREAM], 0);
        assert_int_equal(w.arena.used, used);
        assert_in_range(w.net->table.connections.fresh, SESSIONS, SESSIONS + 400 / 4 + 1);
        world_finish(&w);
        assert_int_equal(w.closed, SESSIONS);
        world_close(&w);
    }
}

/* Forged data without a beginning is worth no more than a SYN. */
static void midstream_flood(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 400, 1 << 20);
    w.keep = false;
    greet(&w, 1, 41000, 100);
    say(&w, FROM_CLIENT, TCP_ACK, 1, 1, "");
    world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 101, .ack = 501, .payload = "abc", .length = 3, .port = 41000});
    const struct flow *session = w.flow;
    uint64_t id = session->id;
    for (uint32_t i = 0; i < 20000; i++)
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = i, .ack = 7, .payload = "x", .length = 1,
                                   .host = 1000 + i});
    world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 104, .ack = 501, .payload = "def", .length = 3, .port = 41000});
    assert_int_equal(w.flow->id, id);
    assert_int_equal(w.flow->bytes[FROM_CLIENT], 6);
    world_finish(&w);
    world_close(&w);
}

static struct net_packet packet_between(const struct raw_packet *raw, uint8_t from, uint16_t from_port, uint8_t to,
                                        uint16_t to_port, uint16_t vlan)
{
    static const uint8_t header[20];
    struct net_packet p = {.raw = raw, .flags = TCP_ACK, .seq = 1, .vlan = vlan, .options = view_of(header + 20, 0), .payload = view_of("a", 1), .payload_length = 1};
    p.source.address[15] = from;
    p.source.port = from_port;
    p.target.address[15] = to;
    p.target.port = to_port;
    return p;
}

static void keys(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t from, to;
        uint16_t from_port, to_port, vlan;
        bool same;
    } rows[] = {
        {"again", 1, 2, 40000, 3306, 0, true},       {"back", 2, 1, 3306, 40000, 0, true},
        {"other VLAN", 1, 2, 40000, 3306, 5, false}, {"other host", 3, 2, 40000, 3306, 0, false},
        {"other port", 1, 2, 40001, 3306, 0, false}, {"ports swapped", 1, 2, 3306, 40000, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        world_open(&w, 16, 1 << 20);
        w.keep = false;
        struct raw_packet raw = {.number = 1, .time_ns = 1};
        struct net_packet first = packet_between(&raw, 1, 40000, 2, 3306, 0);
        struct net_packet second = packet_between(&raw, rows[i].from, rows[i].from_port, rows[i].to, rows[i].to_port, rows[i].vlan);
        struct flow *a = net_flow(w.net, &first), *b = net_flow(w.net, &second);
        assert_int_equal(a == b, rows[i].same);
        assert_int_equal(net_side(a, &first), FROM_CLIENT);
        if (rows[i].same)
            assert_int_equal(net_side(b, &second), rows[i].from == 1 ? FROM_CLIENT : FROM_SERVER);
        world_close(&w);
    }
}

/* Against an array: any order of adding, establishing and removing, up to a full table. */
static void table_agrees_with_a_model(void **state)
{
    (void)state;
    enum { SLOTS = 24, KEYS = 48, STEPS = 200000 };
    struct arena arena;
    struct error why;
    struct flow_table t = {0};
    assert_true(arena_open(&arena, 1 << 20, &why));
    assert_true(table_open(&t, &arena, SLOTS));
    struct connection *model[KEYS] = {0};
    struct raw_packet raw = {0};
    unsigned held = 0, embryonic = 0, full = 0, full_of_embryonic = 0;
    uint32_t random = 12345;
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        unsigned key = (random >> 16) % KEYS;
        struct net_packet p = packet_between(&raw, (uint8_t)(key + 1), 40000, 200, 3306, 0);
        /* Few values of the part that chooses the place: long runs of neighbours. */
        uint64_t hash = (table_hash(&t, &p) & ~UINT64_C(0x3f)) | (key % 5 + 60);
        assert_ptr_equal(table_find(&t, hash, &p), model[key]);
        if (model[key] && model[key]->standing == STANDING_EMBRYONIC && random >> 30) {
            table_set_standing(&t, model[key], STANDING_ESTABLISHED, (int64_t)step);
            embryonic--;
        } else if (model[key] && random >> 30) {
            continue;
        } else if (model[key]) {
            embryonic -= model[key]->standing == STANDING_EMBRYONIC;
            table_remove(&t, model[key]);
            model[key] = NULL;
            held--;
        } else {
            model[key] = table_add(&t, hash, (int64_t)step);
            assert_int_equal(model[key] == NULL, held == SLOTS || embryonic == t.embryonic_most);
            full += held == SLOTS;
            full_of_embryonic += embryonic == t.embryonic_most;
            if (!model[key])
                continue;
            held++;
            embryonic++;
            model[key]->flow.client = p.source;
            model[key]->flow.server = p.target;
        }
        assert_int_equal(t.connections.in_use, held);
        assert_int_equal(t.queues[STANDING_EMBRYONIC].count, embryonic);
        assert_int_equal(t.queues[STANDING_ESTABLISHED].count, held - embryonic);
    }
    assert_true(full > 0 && full_of_embryonic > 0);
    arena_close(&arena);
}

static void sides_without_a_beginning(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t source, target;
        uint8_t flags;
        enum side side; /* of the source */
    } rows[] = {
        {"SYN", 80, 40000, TCP_SYN, FROM_CLIENT},
        {"SYN-ACK", 40000, 80, TCP_SYN | TCP_ACK, FROM_SERVER},
        {"known server is the source", 33060, 1023, TCP_ACK, FROM_SERVER},
        {"known server is the target", 1023, 33060, TCP_ACK, FROM_CLIENT},
        {"well-known target", 40000, 1024, TCP_ACK, FROM_CLIENT},
        {"well-known source", 1024, 1025, TCP_ACK, FROM_SERVER},
        {"lower source", 5432, 40000, TCP_ACK, FROM_SERVER},
        {"lower target", 40000, 5432, TCP_ACK, FROM_CLIENT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        world_open(&w, 16, 1 << 20);
        struct raw_packet raw = {.number = 1, .time_ns = 1};
        struct net_packet p = packet_between(&raw, 1, rows[i].source, 2, rows[i].target, 0);
        p.flags = rows[i].flags;
        assert_int_equal(net_side(net_flow(w.net, &p), &p), rows[i].side);
        world_close(&w);
    }
}

/* A host that talks to itself from a port to the same port: one stream where two should be, but no harm. */
static void same_endpoint_twice(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 16, 1 << 20);
    w.keep = false;
    for (uint32_t i = 0; i < 100; i++) {
        struct raw_packet raw = {.number = i + 1, .time_ns = i};
        struct net_packet p = packet_between(&raw, 1, 40000, 1, 40000, 0);
        p.seq = i * 7919;
        p.flags = (uint8_t)(i & 0x3f);
        world_packet(&w, &p);
        w.packets++;
    }
    world_finish(&w);
    world_close(&w);
}

static void bad_checksums_reach_nothing(void **state)
{
    (void)state;
    struct error why;
    struct world w;
    world_open(&w, 16, 1 << 20);
    arena_close(&w.arena);
    assert_true(arena_open(&w.arena, 1 << 24, &why));
    const struct net_options options = {.flows = 16, .held_bytes = 1 << 20, .check_checksums = true};
    const struct stream_sink sink = {.context = &w, .bytes = world_bytes, .gap = world_gap, .finished = world_finished, .closed = world_closed};
    w.net = net_open(&w.arena, &options, &sink, &w.counters);
    say(&w, FROM_CLIENT, TCP_ACK, 101, 501, "evil");
    assert_int_equal(w.refused, 1);
    assert_int_equal(w.counters.value[COUNT_FLOWS], 0);
    world_finish(&w);
    world_close(&w);
}

static void too_small_an_arena(void **state)
{
    (void)state;
    struct error why;
    struct counters counters = {0};
    struct arena arena;
    assert_true(arena_open(&arena, 1 << 20, &why));
    const struct stream_sink sink = {0};
    struct net_options options = {.flows = 1 << 20, .held_bytes = 1 << 16};
    assert_null(net_open(&arena, &options, &sink, &counters));
    options = (struct net_options){.flows = 16, .held_bytes = 1 << 21};
    assert_null(net_open(&arena, &options, &sink, &counters));
    options = (struct net_options){.flows = 0, .held_bytes = 1 << 16};
    assert_null(net_open(&arena, &options, &sink, &counters));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_used_again_after_fin),   cmocka_unit_test(port_used_again_while_open),
        cmocka_unit_test(data_after_a_reset),          cmocka_unit_test(idle_connections_end),
        cmocka_unit_test(the_least_valuable_goes_first), cmocka_unit_test(syn_flood),
        cmocka_unit_test(midstream_flood),             cmocka_unit_test(keys),
        cmocka_unit_test(table_agrees_with_a_model),
        cmocka_unit_test(sides_without_a_beginning),   cmocka_unit_test(same_endpoint_twice),
        cmocka_unit_test(bad_checksums_reach_nothing), cmocka_unit_test(too_small_an_arena),
    };
    return cmocka_run_group_tests_name("flow table", tests, NULL, NULL);
}
