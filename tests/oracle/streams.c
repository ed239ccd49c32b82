/* What dbhound makes of a capture, for comparison with what a real server received: one line per event, "PORT bytes HEX",
 * "PORT answer HEX", "PORT gap N", "PORT finished", "PORT reset". PORT is the client's; "PORT open" begins a connection. */
#include <inttypes.h>
#include <stdio.h>

#include "capture/source.h"
#include "net/fragments.h"
#include "net/stream.h"

static bool over; /* what comes after the last packet is not compared */

static unsigned event(struct flow *flow)
{
    static char known;
    if (!flow->user && !over)
        printf("%u open\n", flow->client.port);
    flow->user = &known;
    return flow->client.port;
}

static void take_bytes(void *context, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    (void)context;
    (void)where;
    if (over)
        return;
    printf("%u %s ", event(flow), from == FROM_CLIENT ? "bytes" : "answer");
    for (size_t i = 0; i < bytes.length; i++)
        printf("%02x", bytes.bytes[i]);
    putchar('\n');
}

static void take_gap(void *context, struct flow *flow, enum side from, uint64_t lost, const struct segment *where)
{
    (void)context;
    (void)where;
    unsigned port = event(flow);
    if (!over)
        printf("%u %s %" PRIu64 "\n", port, from == FROM_CLIENT ? "gap" : "answer-gap", lost);
}

static void take_finished(void *context, struct flow *flow, enum side from, const struct segment *where)
{
    (void)context;
    (void)where;
    unsigned port = event(flow);
    if (!over && from == FROM_CLIENT)
        printf("%u finished\n", port);
}

static void take_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    (void)context;
    (void)where;
    if (!over && end == END_RESET)
        printf("%u %s\n", flow->client.port, by == FROM_CLIENT ? "reset" : "refused");
}

/* A datagram that came in fragments is the packet from here on. */
static bool decode(struct fragments *fragments, const struct raw_packet *raw, struct raw_packet *whole, struct net_packet *packet)
{
    static uint8_t buffer[DATAGRAM_BYTES_MAX];
    enum counter skipped;
    if (net_decode(raw, packet, &skipped))
        return true;
    const struct datagram *d = skipped == COUNT_SKIPPED_FRAGMENT ? fragments_take(fragments, raw, raw->number, raw->time_ns) : NULL;
    if (!d || !datagram_is_whole(d))
        return false;
    datagram_write(d, raw, buffer, whole);
    return net_decode(whole, packet, &skipped);
}

static int run(struct source *source, struct net *net, struct fragments *fragments)
{
    struct raw_packet raw[32], whole;
    uint64_t ticket = 0;
    for (size_t got; (got = source_read(source, raw, 32)) > 0;) {
        for (size_t i = 0; i < got; i++) {
            struct net_packet packet;
            if (!decode(fragments, &raw[i], &whole, &packet))
                continue;
            struct flow *flow = net_flow(net, &packet);
            if (!flow)
                continue;
            flow->ticket = ++ticket;
            net_segment(net, flow, &packet);
            net_tick(net);
        }
    }
    over = true;
    net_finish(net);
    return 0;
}

int main(int argc, char **argv)
{
    static struct counters counters;
    struct error why;
    struct arena arena;
    const struct net_options options = {.flows = 4096, .held_bytes = 64 << 20};
    const struct stream_sink sink = {.bytes = take_bytes, .gap = take_gap, .finished = take_finished, .closed = take_closed};
    if (argc != 2 || !arena_open(&arena, (size_t)256 << 20, &why))
        return 64;
    struct net *net = net_open(&arena, &options, &sink, &counters);
    struct source *source = source_open_files((const char *const *)argv + 1, 1, &(struct source_options){0}, &why);
    struct fragments *fragments = fragments_open(&arena, 16 << 20, &counters);
    if (!net || !source || !fragments) {
        fprintf(stderr, "%s\n", source ? "no memory" : why.text);
        return 66;
    }
    int code = run(source, net, fragments);
    source_close(source);
    arena_close(&arena);
    return code;
}
