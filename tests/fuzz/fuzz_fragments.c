/* Fragments as a list of 8-byte codes: which datagram, where, how long, whether more follow, how much of it was captured, how much
 * time passed. Every byte of a whole is one that some fragment had for its place. */
#include <stdlib.h>
#include <string.h>

#include "base/network_order.h"
#include "net/fragments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CODE = 8, IDS = 4, ARENA = 8 << 20, MEMORY = 256 << 10, HEAD4 = 20, HEAD6 = 48 };

static void must(bool right)
{
    if (!right)
        abort();
}

static uint8_t byte_at(uint32_t id, uint32_t place, uint32_t flavour)
{
    return (uint8_t)(place * 31 + id * 7 + flavour);
}

/* A bare IP packet; `flavour` makes its bytes different from those of others for the same place. */
static uint32_t build(uint8_t *frame, bool ipv6, uint32_t id, uint32_t offset, uint32_t length, bool more, uint32_t flavour)
{
    uint32_t head = ipv6 ? HEAD6 : HEAD4, sum = 0;
    memset(frame, 0, head);
    if (ipv6) {
        frame[0] = 0x60;
        network_put_16(frame + 4, length + 8);
        frame[6] = 44;
        frame[40] = 6;
        network_put_16(frame + 42, offset | more);
        frame[47] = (uint8_t)id;
    } else {
        frame[0] = 0x45;
        network_put_16(frame + 2, HEAD4 + length);
        network_put_16(frame + 4, id);
        network_put_16(frame + 6, offset / 8 | (more ? 0x2000 : 0));
        frame[9] = 6;
        for (uint32_t i = 0; i < HEAD4; i += 2)
            sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
        while (sum >> 16)
            sum = (sum & 0xffff) + (sum >> 16);
        network_put_16(frame + 10, ~sum & 0xffff);
    }
    for (uint32_t i = 0; i < length; i++)
        frame[head + i] = byte_at(id, offset + i, flavour);
    return head + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    static uint8_t frame[HEAD6 + 65536], buffer[DATAGRAM_BYTES_MAX];
    struct counters counters = {{0}};
    struct error why;
    if (!arena.memory)
        must(arena_open(&arena, ARENA, &why));
    memset(arena.memory, 0, arena.used);
    arena.used = 0;
    struct fragments *fragments = fragments_open(&arena, MEMORY, &counters);
    must(fragments != NULL);
    /* Which system the receiver is: the length says it, so that inputs stay what they are. */
    const struct host_rules hosts = {.rule = {{.policy = (uint8_t)(size % HOST_POLICIES)}}, .count = 1};
    fragments_know_hosts(fragments, &hosts);
    int64_t now_ns = 1;
    uint64_t sent = 0, wholes = 0;
    for (size_t at = 0; at + CODE <= size; at += CODE) {
        const uint8_t *code = data + at;
        uint32_t offset = (uint32_t)(code[1] << 8 | code[2]) % 8192 * 8, length = (uint32_t)(code[3] << 8 | code[4]) % 9000;
        bool ipv6 = code[0] & 0x80, more = code[0] & 0x40;
        if (offset == 0 && !more)
            more = true; /* else it is no fragment */
        now_ns += (int64_t)code[6] * code[6] * 1000000;
        uint32_t whole_length = build(frame, ipv6, code[0] % IDS, offset, length, more, code[5] & 3);
        uint32_t captured = code[7] & 1 ? whole_length - whole_length / 4 : whole_length;
        uint8_t *exact = malloc(captured);
        must(exact != NULL);
        memcpy(exact, frame, captured);
        struct raw_packet raw = {.bytes = exact, .captured = captured, .length = whole_length, .number = ++sent, .link_type = ipv6 ? 229 : 228}, out;
        struct net_packet packet;
        enum counter skipped = COUNTERS;
        struct oddity oddity;
        if (net_decode(&raw, &packet, &skipped) || skipped != COUNT_SKIPPED_FRAGMENT) {
            free(exact);
            continue;
        }
        const struct datagram *d = fragments_take(fragments, &raw, sent, now_ns);
        if (d) {
            datagram_write(d, &raw, buffer, &out);
            must(out.captured <= sizeof buffer && out.captured <= out.length + 65536 && out.bytes == buffer);
            wholes += datagram_is_whole(d);
            for (uint32_t i = ipv6 ? 40 : HEAD4; datagram_is_whole(d) && i < out.captured; i++) {
                uint8_t base = byte_at(code[0] % IDS, i - (ipv6 ? 40 : HEAD4), 0);
                must((uint8_t)(buffer[i] - base) < 4);
            }
            if (datagram_oddity(d, &oddity))
                must(oddity.mine.length && oddity.theirs.length && oddity.mine.bytes[0] != oddity.theirs.bytes[0]);
            (void)net_decode(&out, &packet, &skipped);
        }
        free(exact);
    }
    must(counters.value[COUNT_FRAGMENTS_REASSEMBLED] >= wholes);
    must(counters.value[COUNT_FRAGMENTS] <= sent);
    return 0;
}
