/* The connection around an alert: the packets of its sample. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/packets.h"
#include "app/show.h"

enum { FIRST_BYTES = 12, SHOWN_PACKETS_MAX = 200 };

/* Which side sent it: compared as text, as the store has it. */
static bool from_server(const struct shown *a, const struct net_packet *packet)
{
    TEXT_ON_STACK(source, 64);
    text_add_address(&source, packet->source.address);
    return packet->source.port == shown_number(a, "server_port") && strcmp(source.chars, shown_text(a, "server_ip")) == 0;
}

static void add_seconds(struct text *t, int64_t ns)
{
    uint64_t size = ns < 0 ? (uint64_t)0 - (uint64_t)ns : (uint64_t)ns;
    text_add(t, "%c%" PRIu64 ".%06" PRIu64, ns < 0 ? '-' : '+', size / 1000000000, size % 1000000000 / 1000);
}

/* Time between two packets; what claims to lie centuries apart is cut. */
static int64_t between(int64_t later_ns, int64_t earlier_ns)
{
    int64_t difference;
    if (__builtin_sub_overflow(later_ns, earlier_ns, &difference))
        return later_ns < earlier_ns ? INT64_MIN : INT64_MAX;
    return difference;
}

static void add_first_bytes(struct text *t, struct view payload)
{
    TEXT_ON_STACK(octets, 64);
    struct view first = view_head(payload, FIRST_BYTES);
    if (payload.length == 0)
        return;
    text_add_hex(&octets, first, FIRST_BYTES);
    text_add(t, "%-*s  |", 3 * FIRST_BYTES - 1, octets.chars);
    for (size_t i = 0; i < first.length; i++)
        text_add(t, "%c", first.bytes[i] >= 0x20 && first.bytes[i] < 0x7f ? first.bytes[i] : '.');
    text_add(t, "|%s", payload.length > FIRST_BYTES ? " ..." : "");
}

static void add_row(struct listing *t, const struct shown *a, const struct raw_packet *raw)
{
    struct net_packet packet;
    enum counter skipped;
    char number[32], flags[32];
    TEXT_ON_STACK(when, 48);
    TEXT_ON_STACK(length, 32);
    TEXT_ON_STACK(bytes, 128);
    int64_t distance = between(raw->time_ns, shown_number(a, "time_ns"));
    enum paint which = distance == 0 ? PAINT_HIGH : PAINT_NONE;
    snprintf(number, sizeof number, "%s%" PRIu64, distance == 0 ? "> " : "", raw->number);
    add_seconds(&when, distance);
    bool decoded = net_decode(raw, &packet, &skipped);
    listing_add(t, number, which);
    listing_add(t, when.chars, which);
    listing_add(t, !decoded ? "?" : from_server(a, &packet) ? "  <- server" : "client ->", which);
    text_add_number(&length, decoded ? packet.payload_length : raw->length);
    listing_add(t, length.chars, which);
    listing_add(t, decoded ? packets_flags(packet.flags, flags) : "not TCP", which);
    if (decoded)
        add_first_bytes(&bytes, packet.payload);
    listing_add(t, bytes.chars, which);
}

void shown_print_packets(const struct shown *a, const struct screen *s)
{
    static const char *const titles[] = {">  PACKET", ">SECONDS", "FROM", ">BYTES", "FLAGS", "FIRST BYTES", NULL};
    struct packets p = packets_in(view_of(a->pcapng, a->pcapng_length));
    struct raw_packet raw;
    struct listing t;
    listing_open(&t, titles);
    while (p.number < SHOWN_PACKETS_MAX && packets_next(&p, &raw))
        add_row(&t, a, &raw);
    listing_print(&t, s);
    if (p.number == SHOWN_PACKETS_MAX && packets_next(&p, &raw))
        fputs("  more packets are in the sample\n", s->out);
}

json_t *shown_packets(const struct shown *a)
{
    json_t *all = json_array();
    struct packets p = packets_in(view_of(a->pcapng, a->pcapng_length));
    struct raw_packet raw;
    while (packets_next(&p, &raw)) {
        struct net_packet packet;
        enum counter skipped;
        char flags[32];
        bool decoded = net_decode(&raw, &packet, &skipped);
        json_t *row = json_pack("{s:I, s:I, s:I}", "number", (json_int_t)raw.number, "time_ns", (json_int_t)raw.time_ns,
                                "relative_ns", (json_int_t)between(raw.time_ns, shown_number(a, "time_ns")));
        if (decoded) {
            json_object_set_new(row, "direction", json_string(from_server(a, &packet) ? "to_client" : "to_server"));
            json_object_set_new(row, "length", json_integer(packet.payload_length));
            json_object_set_new(row, "flags", json_string(packets_flags(packet.flags, flags)));
        }
        json_array_append_new(all, row);
    }
    return all;
}
