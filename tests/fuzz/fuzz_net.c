/*
 * A list of segments in meaning, not in bytes, so that the fuzzer reaches states: per segment eight bytes give direction
 * and connection, flags, what follows what, and how much is cut. The sink checks the contract of net/stream.h: offsets
 * without holes, no word after the end, closed exactly once; at the end every packet was counted and all memory is back.
 */
#include <stdlib.h>
#include <string.h>

#include "net/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONNECTIONS = 4, ARENA = 1 << 22, HELD = 1 << 16 };

struct told {
    uint64_t length[2];
    int finished[2];
    int closed;
};

/* One entry for each connection that the sink heard of; flow->user points into it. */
static struct told told[4096];
static size_t told_count;

static void must(int holds)
{
    if (!holds)
        abort();
}

static struct told *told_of(struct flow *flow)
{
    if (!flow->user) {
        must(told_count < sizeof told / sizeof told[0]);
        told[told_count] = (struct told){0};
        flow->user = &told[told_count++];
    }
    return flow->user;
}

static void on_bytes(void *context, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    (void)context;
    struct told *t = told_of(flow);
    must(!t->closed && !t->finished[from] && bytes.length && where->stream_offset == t->length[from]);
    volatile uint8_t touched = bytes.bytes[0];
    touched = bytes.bytes[bytes.length - 1];
    (void)touched;
    t->length[from] += bytes.length;
}

static void on_gap(void *context, struct flow *flow, enum side from, uint64_t lost, const struct segment *where)
{
    (void)context;
    struct told *t = told_of(flow);
    must(!t->closed && !t->finished[from] && lost && where->stream_offset == t->length[from]);
    t->length[from] += lost;
}

static void on_finished(void *context, struct flow *flow, enum side from, const struct segment *where)
{
    (void)context;
    struct told *t = told_of(flow);
    must(!t->closed && !t->finished[from] && where->stream_offset == t->length[from]);
    t->finished[from] = 1;
}

static void on_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    (void)context;
    (void)where;
    struct told *t = flow->user;
    must(t && !t->closed && end <= END_CAPTURE && by <= FROM_SERVER);
    t->closed = 1;
}

struct script {
    uint32_t seq[CONNECTIONS][2]; /* where each side is, so that small steps mean something */
    int64_t time_ns;
    uint64_t number;
};

/* Near, in steps of one, or far, in steps of 64 KiB. */
static uint32_t step(uint8_t code)
{
    int32_t signed_code = (int8_t)code;
    return (uint32_t)(code & 1 ? (signed_code >> 1) * 65536 : signed_code >> 1);
}

static void play(struct net *n, struct script *s, const uint8_t code[8], struct view payload)
{
    unsigned which = code[0] >> 1 & (CONNECTIONS - 1);
    enum side from = code[0] & 1 ? FROM_SERVER : FROM_CLIENT;
    s->time_ns += (int64_t)code[6] * code[6] * 20000 - (code[0] & 0x80 ? 100000 : 0);
    struct raw_packet raw = {.number = ++s->number, .time_ns = s->time_ns};
    uint32_t *seq = s->seq[which];
    size_t length = code[4] & 0x80 ? (size_t)(code[4] & 0x7f) * 64 : code[4];
    uint8_t *bytes = calloc(1, length ? length : 1);
    must(bytes != NULL);
    memcpy(bytes, payload.bytes, length < payload.length ? length : payload.length);
    struct net_packet p = {.raw = &raw, .seq = seq[from] + step(code[2]), .ack = seq[other_side(from)] + step(code[3]),
                           .flags = code[1] & 0x3f, .window = (uint16_t)(code[5] << 8 | 0xff),
                           .payload_length = (uint32_t)length, .vlan = code[7] >> 4 == 15};
    p.payload = view_of(bytes, length - (code[7] & 1 ? length / 2 : 0));
    p.source = (struct endpoint){{[15] = (uint8_t)(from == FROM_CLIENT ? 1 : 2)}, (uint16_t)(from == FROM_CLIENT ? 4000 + which : 3306)};
    p.target = (struct endpoint){{[15] = (uint8_t)(from == FROM_CLIENT ? 2 : 1)}, (uint16_t)(from == FROM_CLIENT ? 3306 : 4000 + which)};
    if (code[7] & 2)
        seq[from] = p.seq + p.payload_length + (p.flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
    net_prefetch(n, &p);
    struct flow *flow = net_flow(n, &p);
    must(flow != NULL);
    net_segment(n, flow, &p);
    net_tick(n);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    static struct counters counters;
    struct error why;
    if (!arena.memory)
        must(arena_open(&arena, ARENA, &why));
    memset(arena.memory, 0, arena.used);
    arena.used = 0;
    told_count = 0;
    memset(&counters, 0, sizeof counters);
    const struct net_options options = {.flows = 3, .held_bytes = HELD, .idle_ns = INT64_C(10000000000)};
    const struct stream_sink sink = {NULL, on_bytes, on_gap, on_finished, on_closed, NULL, NULL};
    struct net *n = net_open(&arena, &options, &sink, &counters);
    must(n != NULL);
    struct script script = {.time_ns = 1000000000};
    for (size_t at = 0; at + 8 <= size && script.number < 2000; at += 8)
        play(n, &script, data + at, view_of(data + at, size - at < 64 ? size - at : 64));
    net_finish(n);
    must(counters.value[COUNT_PACKETS_DECODED] == script.number);
    must(n->held.segments.in_use == 0 && n->held.blocks.in_use == 0 && n->table.connections.in_use == 0);
    must(n->waiting.oldest == NULL);
    for (size_t i = 0; i < told_count; i++)
        must(told[i].closed);
    return 0;
}
