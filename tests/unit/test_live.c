/* Live sources on a loopback of their own: whole, bounded, stopped, and shared by a group. Skipped where no namespace can be
 * made. What needs two ends of a wire is in tests/cli/watch. */
#include "check.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/source.h"

enum { PORTS = 64, EACH = 10, BATCH = 32, PORT_FIRST = 20000, IP_HEADER = 14, UDP_HEADER = 34, UDP_FRAME = 42 };

static bool have_namespace;

static int enter_namespace(void **state)
{
    (void)state;
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) != 0)
        return 0;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    have_namespace = s >= 0 && ioctl(s, SIOCSIFFLAGS, &lo) == 0;
    if (s >= 0)
        close(s);
    return 0;
}

static struct source *open_lo(struct counters *counters, uint64_t most, uint16_t group)
{
    struct error why;
    struct live_options options = {.interface = "lo", .packets_most = most, .fanout_group = group, .counters = counters};
    struct source *s = source_open_live(&options, &why);
    if (!s)
        fail_msg("%s", why.text);
    return s;
}

/* EACH datagrams from each of PORTS ports to one port. */
static void send_all(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (unsigned port = 0; port < PORTS; port++) {
        struct sockaddr_in from = to;
        int s = socket(AF_INET, SOCK_DGRAM, 0);
        from.sin_port = htons((uint16_t)(PORT_FIRST + port));
        assert_int_equal(bind(s, (struct sockaddr *)(void *)&from, sizeof from), 0);
        for (unsigned i = 0; i < EACH; i++)
            assert_int_equal(sendto(s, "x", 1, 0, (struct sockaddr *)(void *)&to, sizeof to), 1);
        close(s);
    }
}

/* Counts what was sent by send_all into seen, by port, until the source is over. */
static unsigned read_to_end(struct source *s, unsigned seen[PORTS])
{
    struct raw_packet batch[BATCH];
    unsigned all = 0;
    while (!source_is_over(s)) {
        size_t count = source_read(s, batch, BATCH);
        assert_true(count <= BATCH);
        for (size_t i = 0; i < count; i++) {
            const uint8_t *at = batch[i].bytes;
            if (batch[i].captured < UDP_FRAME || at[IP_HEADER + 9] != IPPROTO_UDP)
                continue;
            unsigned port = (unsigned)(at[UDP_HEADER] << 8 | at[UDP_HEADER + 1]) - PORT_FIRST;
            assert_true(port < PORTS);
            seen[port]++;
            all++;
        }
    }
    assert_int_equal(source_read(s, batch, BATCH), 0);
    return all;
}

static void a_stopped_source_gives_what_came_before(void **state)
{
    (void)state;
    struct counters counters = {0};
    unsigned seen[PORTS] = {0};
    if (!have_namespace)
        skip();
    struct source *s = open_lo(&counters, 0, 0);
    send_all();
    source_stop(s);
    send_all(); /* too late */
    usleep(400000); /* the reader may be late, too */
    assert_int_equal(read_to_end(s, seen), PORTS * EACH);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(seen[i], EACH);
    source_count_drops(s);
    assert_int_equal(counters.value[COUNT_PACKETS_KERNEL_DROPS], 0);
    assert_false(source_is_away(s));
    assert_false(source_is_down(s));
    source_close(s);
}

static void a_bounded_source_is_over_at_its_bound(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1, BATCH - 1, BATCH, BATCH + 1};
    if (!have_namespace)
        skip();
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct counters counters = {0};
        unsigned seen[PORTS] = {0};
        struct source *s = open_lo(&counters, bounds[i], 0);
        send_all();
        read_to_end(s, seen);
        assert_int_equal(counters.value[COUNT_PACKETS_RECEIVED], bounds[i]);
        source_close(s);
    }
}

static void a_group_shares_packets_by_flow(void **state)
{
    (void)state;
    struct counters counters[2] = {0};
    unsigned seen[2][PORTS] = {0}, all[2];
    if (!have_namespace)
        skip();
    struct source *s[2] = {open_lo(&counters[0], 0, 7), open_lo(&counters[1], 0, 7)};
    send_all();
    source_stop(s[0]);
    source_stop(s[1]);
    for (unsigned i = 0; i < 2; i++)
        all[i] = read_to_end(s[i], seen[i]);
    assert_int_equal(all[0] + all[1], PORTS * EACH);
    for (unsigned port = 0; port < PORTS; port++)
        assert_true(seen[0][port] == EACH * (seen[1][port] == 0) && seen[1][port] == EACH * (seen[0][port] == 0));
    assert_true(all[0] > 0 && all[1] > 0);
    source_close(s[0]);
    source_close(s[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_source_gives_what_came_before),
        cmocka_unit_test(a_bounded_source_is_over_at_its_bound),
        cmocka_unit_test(a_group_shares_packets_by_flow),
    };
    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
