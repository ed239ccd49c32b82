/* Copies that a mirror makes of packets are told from what their senders repeat; and which VLANs belong to one connection. */
#include "net/connection.h"
#include "streams.h"

enum { MILLISECONDS = 1000000, ISN = 100, SERVER_ISN = 500 };

static struct say client(const char *text, uint32_t at)
{
    return (struct say){.from = FROM_CLIENT, .flags = TCP_ACK | TCP_PSH, .seq = ISN + 1 + at, .ack = SERVER_ISN + 1, .payload = text, .length = strlen(text)};
}

static void open_with(struct world *w, uint16_t client_vlan, uint16_t server_vlan)
{
    world_open_recording(w, 65536, 1 << 20);
    w->keep = true;
    const struct say handshake[] = {
        {.from = FROM_CLIENT, .flags = TCP_SYN, .seq = ISN, .vlan = client_vlan},
        {.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = SERVER_ISN, .ack = ISN + 1, .vlan = server_vlan},
        {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1, .ack = SERVER_ISN + 1, .vlan = client_vlan},
    };
    for (size_t i = 0; i < 3; i++)
        world_say(w, handshake[i]);
}

static void copies(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct say again; /* what differs from the first */
        int64_t later_ns;
        unsigned between;
        bool copy;
    } rows[] = {
        {"at once", {.id = 7}, 1, 0, true},
        {"after a router", {.id = 7, .ttl = 61}, 1, 0, true},
        {"from before a router", {.id = 7, .ttl = 66}, 1, 0, true},
        {"on another VLAN", {.id = 7, .vlan = 20}, 1, 0, true},
        {"in time", {.id = 7}, 10 * MILLISECONDS, 0, true},
        {"too late", {.id = 7}, 10 * MILLISECONDS + 1, 0, false},
        {"earlier by its clock", {.id = 7}, -1000, 0, true},
        {"far earlier by its clock", {.id = 7}, -10 * MILLISECONDS - 1, 0, false},
        {"another number: a retransmission", {.id = 8}, 1, 0, false},
        {"behind seven others", {.id = 7}, 1, 7, true},
        {"behind eight others", {.id = 7}, 1, 8, false},
        {"other bytes", {.id = 7, .payload = "ATTACK", .length = 6}, 1, 0, false},
        {"fewer bytes", {.id = 7, .payload = "select", .length = 5}, 1, 0, false},
        {"cut shorter", {.id = 7, .cut = 1}, 1, 0, false},
        {"another window", {.id = 7, .window = 100}, 1, 0, false},
        {"another acknowledgement", {.id = 7, .ack = SERVER_ISN}, 1, 0, false},
        {"another place", {.id = 7, .seq = ISN}, 1, 0, false},
        {"another checksum", {.id = 7, .sum = SUM_WRONG}, 1, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        open_with(&w, 0, 0);
        struct say first = client("select", 0), again = first;
        first.id = rows[i].again.id == 8 ? 7 : rows[i].again.id;
        world_say(&w, first);
        for (unsigned k = 0; k < rows[i].between; k++)
            world_say(&w, client("x", 6 + k));
        const struct say *r = &rows[i].again;
        again.id = r->id, again.ttl = r->ttl, again.vlan = r->vlan, again.cut = r->cut, again.window = r->window, again.sum = r->sum;
        if (r->payload)
            again.payload = r->payload, again.length = r->length;
        if (r->ack)
            again.ack = r->ack;
        if (r->seq)
            again.seq = r->seq;
        int64_t step = w.step_ns;
        w.step_ns = rows[i].later_ns - (int64_t)rows[i].between * step;
        world_say(&w, again);
        w.step_ns = step;
        if (w.counters.value[COUNT_SKIPPED_COPY] != rows[i].copy)
            print_error("%s\n", rows[i].name);
        assert_int_equal(w.counters.value[COUNT_SKIPPED_COPY], rows[i].copy);
        assert_int_equal(w.counters.value[COUNT_FLOWS], 1);
        world_finish(&w);
        world_close(&w);
    }
}

/* Every packet of a connection twice, its end too: as if it were once. */
static void twice_is_once(void **state)
{
    (void)state;
    struct world w;
    world_open_recording(&w, 65536, 1 << 20);
    w.keep = true;
    const struct say all[] = {
        {.from = FROM_CLIENT, .flags = TCP_SYN, .seq = ISN, .id = 1},
        {.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = SERVER_ISN, .ack = ISN + 1, .id = 2},
        {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1, .ack = SERVER_ISN + 1, .id = 3},
        {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1, .ack = SERVER_ISN + 1, .payload = "ask", .length = 3, .id = 4},
        {.from = FROM_SERVER, .flags = TCP_ACK, .seq = SERVER_ISN + 1, .ack = ISN + 4, .payload = "tell", .length = 4, .id = 5},
        {.from = FROM_CLIENT, .flags = TCP_ACK | TCP_RST, .seq = ISN + 4, .ack = SERVER_ISN + 5, .id = 6},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (unsigned k = 0; k < 2; k++) {
            struct say one = all[i];
            one.vlan = k ? 20 : 10;
            one.ttl = k ? 63 : 64;
            world_say(&w, one);
        }
    assert_int_equal(w.refused, sizeof all / sizeof all[0]);
    assert_int_equal(w.counters.value[COUNT_SKIPPED_COPY], w.refused);
    assert_int_equal(w.counters.value[COUNT_TCP_RETRANSMITTED], 0);
    assert_int_equal(w.counters.value[COUNT_FLOWS], 1);
    assert_int_equal(w.closed, 1);
    assert_int_equal(w.end, END_RESET);
    world_finish(&w);
    world_close(&w);
}

/* A packet on another VLAN: of the same connection when its numbers say so. */
static void vlans(void **state)
{
    (void)state;
    enum { NEAR = 1 << 20 };
    static const struct {
        const char *name;
        uint16_t client_vlan, server_vlan; /* of the handshake */
        struct say say;
        unsigned flows;
    } rows[] = {
        {"one per direction", 10, 20, {.from = FROM_SERVER, .flags = TCP_ACK, .seq = SERVER_ISN + 1, .ack = ISN + 1, .vlan = 20}, 1},
        {"client moves", 10, 10, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1, .ack = SERVER_ISN + 1, .vlan = 20}, 1},
        {"tagged now", 0, 0, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1, .ack = SERVER_ISN + 1, .vlan = 20}, 1},
        {"as far ahead as can be", 10, 10, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1 + NEAR, .ack = SERVER_ISN + 1, .vlan = 20}, 1},
        {"farther ahead", 10, 10, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 2 + NEAR, .ack = SERVER_ISN + 1, .vlan = 20}, 2},
        {"as far back", 10, 10, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1u - NEAR, .ack = SERVER_ISN + 1, .vlan = 20}, 1},
        {"farther back", 10, 10, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN - (unsigned)NEAR, .ack = SERVER_ISN + 1, .vlan = 20}, 2},
        {"half the numbers away", 10, 10, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1 + 0x80000000u, .ack = SERVER_ISN + 1, .vlan = 20}, 2},
        {"another acknowledgement", 10, 10, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1, .ack = 0x70000000, .vlan = 20}, 2},
        {"a third VLAN", 10, 20, {.from = FROM_CLIENT, .flags = TCP_ACK, .seq = ISN + 1, .ack = SERVER_ISN + 1, .vlan = 30}, 2},
        {"its SYN again", 10, 10, {.from = FROM_CLIENT, .flags = TCP_SYN, .seq = ISN, .vlan = 20}, 1},
        {"another SYN", 10, 10, {.from = FROM_CLIENT, .flags = TCP_SYN, .seq = ISN + 1, .vlan = 20}, 2},
        {"a SYN-ACK for nobody", 10, 10, {.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 0x60000000, .ack = 0x70000000, .vlan = 20}, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        open_with(&w, rows[i].client_vlan, rows[i].server_vlan);
        assert_int_equal(w.counters.value[COUNT_FLOWS], 1);
        world_say(&w, rows[i].say);
        if (w.counters.value[COUNT_FLOWS] != rows[i].flows)
            print_error("%s\n", rows[i].name);
        assert_int_equal(w.counters.value[COUNT_FLOWS], rows[i].flows);
        world_finish(&w);
        world_close(&w);
    }
}

/* Joined in the middle: each side's first packet on its own VLAN. */
static void vlans_in_the_middle(void **state)
{
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        struct world w;
        world_open_recording(&w, 65536, 1 << 20);
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_ACK, .seq = 1000, .ack = 2000, .payload = "ask", .length = 3, .vlan = 10});
        world_say(&w, (struct say){.from = FROM_SERVER, .flags = TCP_ACK, .seq = 2000, .ack = known ? 1003 : 0x50000000, .payload = "tell", .length = 4, .vlan = 20});
        assert_int_equal(w.counters.value[COUNT_FLOWS], known ? 1 : 2);
        world_finish(&w);
        world_close(&w);
    }
}

/* However many VLANs there are, few connections are looked at; those of other ports stay. */
static void vlans_without_end(void **state)
{
    (void)state;
    struct world w;
    world_open_recording(&w, 65536, 1 << 20);
    world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = 1, .port = 41000});
    for (unsigned vlan = 1; vlan < 4095; vlan++)
        world_say(&w, (struct say){.from = FROM_CLIENT, .flags = TCP_SYN, .seq = vlan << 20, .vlan = (uint16_t)vlan});
    assert_int_equal(w.counters.value[COUNT_FLOWS], 4095);
    assert_int_equal(w.counters.value[COUNT_FLOWS_EVICTED], 4094 - 8);
    world_say(&w, (struct say){.from = FROM_SERVER, .flags = TCP_SYN | TCP_ACK, .seq = 1, .ack = 2, .port = 41000});
    assert_int_equal(w.counters.value[COUNT_FLOWS], 4095);
    world_finish(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(copies), cmocka_unit_test(twice_is_once), cmocka_unit_test(vlans),
                                       cmocka_unit_test(vlans_in_the_middle), cmocka_unit_test(vlans_without_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
