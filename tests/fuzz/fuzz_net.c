/*
 * A list of segments in meaning, not in bytes, so that the fuzzer reaches states: per segment eight bytes give direction
 * and connection, flags, what follows what, options, how much is cut, and whether the checksum is right. The sink checks the contract of net/stream.h: offsets
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

/* Urgent segments so far: each may leave one byte out of a stream. */
static uint64_t urgent;

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

static void leave_out(struct told *t, enum side from, uint64_t offset)
{
    if (offset - t->length[from] <= urgent)
        t->length[from] = offset;
}

static void on_bytes(void *context, struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    (void)context;
    struct told *t = told_of(flow);
    leave_out(t, from, where->stream_offset);
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
    leave_out(t, from, where->stream_offset);
    must(!t->closed && !t->finished[from] && lost && where->stream_offset == t->length[from]);
    t->length[from] += lost;
}

static void on_finished(void *context, struct flow *flow, enum side from, const struct segment *where)
{
    (void)context;
    struct told *t = told_of(flow);
    leave_out(t, from, where->stream_offset);
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

/* The header in front of the options, with a checksum that is right or wrong: the net reads it where the frame has it. */
static void seal(struct net_packet *p, uint8_t *header, bool right)
{
    p->options.bytes = header + 20;
    header[12] = 5 << 4;
    header[13] = p->flags;
    const struct view parts[] = {view_of(p->source.address, 16), view_of(p->target.address, 16),
                                 view_of(header, 20 + p->options.length), p->payload};
    uint32_t sum = 6 + 20 + (uint32_t)p->options.length + p->payload_length;
    for (unsigned i = 0; i < 4; i++)
        for (size_t k = 0; k < parts[i].length; k++)
            sum += k % 2 ? parts[i].bytes[k] : (uint32_t)parts[i].bytes[k] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum ^ (right ? 0 : 0x5555);
    header[16] = (uint8_t)(sum >> 8);
    header[17] = (uint8_t)sum;
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
    /* SACK permitted, a timestamp or a selective acknowledgement. */
    static const uint8_t kinds[4][4] = {{1, 1, 4, 2}, {1, 1, 8, 10}, {1, 1, 5, 10}, {1, 1, 19, 18}};
    static const uint8_t lengths[4] = {4, 12, 12, 20};
    uint8_t header[40] = {0};
    if (code[7] & 4) {
        unsigned kind = code[7] >> 3 & 3;
        memcpy(header + 20, kinds[kind], 4);
        uint32_t first = seq[other_side(from)] + step(code[5]);
        for (unsigned i = 0; i < 4 && kind == 1; i++)
            header[24 + i] = code[5];
        for (unsigned i = 0; i < 4 && kind == 2; i++) {
            header[24 + i] = (uint8_t)(first >> (24 - 8 * i));
            header[28 + i] = (uint8_t)((first + code[4]) >> (24 - 8 * i));
        }
        p.options.length = lengths[kind];
    }
    p.urgent = p.flags & TCP_URG ? code[6] : 0;
    urgent += (p.flags & TCP_URG) != 0;
    p.ttl = (uint8_t)(64 + (code[1] >> 7) * 8);
    seal(&p, header, !(code[1] & 0x40));
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
    urgent = 0;
    memset(&counters, 0, sizeof counters);
    /* Which system the hosts are: the length says it, so that inputs stay what they are. */
    const struct host_rules hosts = {.rule = {{.policy = (uint8_t)(size % HOST_POLICIES)}}, .count = 1};
    const struct net_options options = {.flows = 3, .held_bytes = HELD, .hosts = &hosts, .idle_ns = INT64_C(10000000000)};
    const struct stream_sink sink = {.bytes = on_bytes, .gap = on_gap, .finished = on_finished, .closed = on_closed};
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
