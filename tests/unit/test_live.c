/* Live sources on a loopback of their own: whole, bounded, stopped, and shared by several rings. Skipped where no namespace can be
 * made. What needs two ends of a wire is in tests/cli/watch. */
#include "check.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/live_socket.h"
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

static struct source *open_lo(struct counters *counters, uint64_t most, size_t rings)
{
    struct error why;
    struct live_options options = {.interface = "lo", .packets_most = most, .rings = rings, .counters = counters};
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

static void several_rings_give_each_packet_once(void **state)
{
    (void)state;
    if (!have_namespace)
        skip();
    for (size_t rings = 2; rings <= 5; rings += 3) {
        struct counters counters = {0};
        unsigned seen[PORTS] = {0};
        struct source *s = open_lo(&counters, 0, rings);
        send_all();
        source_stop(s);
        assert_int_equal(read_to_end(s, seen), PORTS * EACH);
        for (unsigned port = 0; port < PORTS; port++)
            assert_int_equal(seen[port], EACH);
        source_count_drops(s);
        assert_int_equal(counters.value[COUNT_PACKETS_KERNEL_DROPS], 0);
        source_close(s);
    }
}

/* ---- how the kernel spreads packets over sockets */

enum { SOCKETS = 4, FLOWS = 48 };

static int open_packet_socket(void)
{
    struct sockaddr_ll lo = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex("lo")};
    int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
    const int room = 8 << 20;
    assert_true(s >= 0);
    assert_int_equal(setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
    assert_int_equal(bind(s, (struct sockaddr *)(void *)&lo, sizeof lo), 0);
    return s;
}

/* One connection, a word in each direction, and its end. */
static uint16_t talk_over_tcp(int family, int listening, const struct sockaddr_storage *there, socklen_t length)
{
    struct sockaddr_storage here;
    socklen_t here_length = sizeof here;
    char word;
    int near = socket(family, SOCK_STREAM, 0);
    assert_int_equal(connect(near, (const struct sockaddr *)(const void *)there, length), 0);
    int far = accept(listening, NULL, NULL);
    assert_int_equal(getsockname(near, (struct sockaddr *)(void *)&here, &here_length), 0);
    assert_int_equal(write(near, "x", 1) + read(far, &word, 1) + write(far, "y", 1) + read(near, &word, 1), 4);
    close(near);
    close(far);
    return ntohs(family == AF_INET ? ((struct sockaddr_in *)(void *)&here)->sin_port : ((struct sockaddr_in6 *)(void *)&here)->sin6_port);
}

/* The packets of each flow that each socket got. */
static void collect(const int sockets[SOCKETS], unsigned family_at, const uint16_t ports[FLOWS], unsigned got[FLOWS][SOCKETS])
{
    uint8_t bytes[2048];
    for (unsigned i = 0; i < SOCKETS; i++) {
        for (ssize_t length; (length = recv(sockets[i], bytes, sizeof bytes, 0)) > 0;) {
            const uint8_t *tcp = bytes + family_at;
            if (length < (ssize_t)family_at + 4)
                continue;
            uint16_t first = (uint16_t)(tcp[0] << 8 | tcp[1]), second = (uint16_t)(tcp[2] << 8 | tcp[3]);
            for (unsigned flow = 0; flow < FLOWS; flow++)
                got[flow][i] += ports[flow] == first || ports[flow] == second;
        }
    }
}

static void the_kernel_never_splits_a_connection(void **state)
{
    (void)state;
    static const int families[] = {AF_INET, AF_INET6};
    if (!have_namespace)
        skip();
    for (unsigned f = 0; f < 2; f++) {
        int sockets[SOCKETS], listening = socket(families[f], SOCK_STREAM, 0);
        unsigned got[FLOWS][SOCKETS] = {0}, used = 0;
        uint16_t ports[FLOWS];
        struct sockaddr_storage there = {.ss_family = (sa_family_t)families[f]};
        socklen_t length = families[f] == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        if (families[f] == AF_INET)
            ((struct sockaddr_in *)(void *)&there)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else
            ((struct sockaddr_in6 *)(void *)&there)->sin6_addr = in6addr_loopback;
        if (bind(listening, (struct sockaddr *)(void *)&there, length) != 0) /* no IPv6 */
            continue;
        assert_int_equal(listen(listening, FLOWS), 0);
        assert_int_equal(getsockname(listening, (struct sockaddr *)(void *)&there, &length), 0);
        for (unsigned i = 0; i < SOCKETS; i++)
            sockets[i] = open_packet_socket();
        assert_true(live_socket_share(sockets, SOCKETS));
        for (unsigned flow = 0; flow < FLOWS; flow++)
            ports[flow] = talk_over_tcp(families[f], listening, &there, length);
        collect(sockets, families[f] == AF_INET ? 34 : 54, ports, got);
        unsigned by_socket[SOCKETS] = {0};
        for (unsigned flow = 0; flow < FLOWS; flow++) {
            unsigned whose = 0, packets = 0;
            for (unsigned i = 0; i < SOCKETS; i++) {
                whose += got[flow][i] > 0;
                packets += got[flow][i];
                by_socket[i] += got[flow][i] > 0;
            }
            assert_int_equal(whose, 1);
            assert_true(packets >= 2 * 7); /* out and in: both of the handshake, words, acknowledgements, ends */
        }
        for (unsigned i = 0; i < SOCKETS; i++) {
            used += by_socket[i] > 0;
            close(sockets[i]);
        }
        assert_true(used > 1);
        close(listening);
    }
}

/* What has no ports to look at is at home with the first. */
static void the_first_socket_gets_all_else(void **state)
{
    (void)state;
    int sockets[SOCKETS];
    uint8_t bytes[2048];
    unsigned got[SOCKETS] = {0};
    if (!have_namespace)
        skip();
    for (unsigned i = 0; i < SOCKETS; i++)
        sockets[i] = open_packet_socket();
    assert_true(live_socket_share(sockets, SOCKETS));
    send_all();
    for (unsigned i = 0; i < SOCKETS; i++) {
        while (recv(sockets[i], bytes, sizeof bytes, 0) > 0)
            got[i]++;
        close(sockets[i]);
    }
    assert_true(got[0] >= PORTS * EACH);
    assert_int_equal(got[1] + got[2] + got[3], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_source_gives_what_came_before),
        cmocka_unit_test(a_bounded_source_is_over_at_its_bound),
        cmocka_unit_test(several_rings_give_each_packet_once),
        cmocka_unit_test(the_kernel_never_splits_a_connection),
        cmocka_unit_test(the_first_socket_gets_all_else),
    };
    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
