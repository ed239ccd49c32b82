/* net_decode: every link type, every way to carry TCP, and no byte outside the frame whatever the frame says. */
#include "frames.h"
#include "net/decode.h"
#include "net/packet.h"

enum { DECODED = COUNTERS };

static const struct tcp_fields REQUEST = {40000, 3306, 1000, 2000, TCP_ACK | TCP_PSH, 512, {NULL, 0}};
#define TCP_PART(f) frame_tcp(f, &REQUEST, "hello", 5)
enum { TCP_PART_LENGTH = 25 };

static void put_ipv4(struct frame *f)
{
    frame_ipv4(f, 1, 2, 6, 0, TCP_PART_LENGTH);
    TCP_PART(f);
}

static void put_ipv6(struct frame *f)
{
    frame_ipv6(f, 1, 2, 6, TCP_PART_LENGTH);
    TCP_PART(f);
}

static void ethernet_ipv4(struct frame *f) { frame_ethernet(f, 0x0800), put_ipv4(f); }
static void ethernet_ipv6(struct frame *f) { frame_ethernet(f, 0x86dd), put_ipv6(f); }
static void ethernet_arp(struct frame *f) { frame_ethernet(f, 0x0806), frame_zeros(f, 46); }
static void ethernet_llc(struct frame *f) { frame_ethernet(f, 46), frame_zeros(f, 46); }

static void ethernet_tags(struct frame *f, unsigned tags, unsigned type)
{
    frame_ethernet(f, type);
    for (unsigned i = 1; i <= tags; i++)
        frame_vlan(f, 100 + i, i == tags ? 0x0800 : type);
    put_ipv4(f);
}

static void one_tag(struct frame *f) { ethernet_tags(f, 1, 0x8100); }
static void service_tag(struct frame *f) { ethernet_tags(f, 2, 0x88a8); }
static void old_tag(struct frame *f) { ethernet_tags(f, 2, 0x9100); }
static void eight_tags(struct frame *f) { ethernet_tags(f, 8, 0x8100); }
static void nine_tags(struct frame *f) { ethernet_tags(f, 9, 0x8100); }

static void priority_tag(struct frame *f)
{
    frame_ethernet(f, 0x8100);
    frame_vlan(f, 0xe000, 0x8100);
    frame_vlan(f, 0x2007, 0x0800);
    put_ipv4(f);
}

static void cooked(struct frame *f)
{
    frame_u16(f, 0);
    frame_u16(f, 1);
    frame_zeros(f, 10);
    frame_u16(f, 0x0800);
    put_ipv4(f);
}

static void cooked_vlan(struct frame *f)
{
    frame_u16(f, 0);
    frame_u16(f, 1);
    frame_zeros(f, 10);
    frame_u16(f, 0x8100);
    frame_vlan(f, 101, 0x86dd);
    put_ipv6(f);
}

static void cooked_netlink(struct frame *f)
{
    frame_u16(f, 4);
    frame_u16(f, 824);
    frame_zeros(f, 10);
    frame_u16(f, 0x0800);
    put_ipv4(f);
}

static void cooked2(struct frame *f)
{
    frame_u16(f, 0x0800);
    frame_zeros(f, 6);
    frame_u16(f, 1);
    frame_zeros(f, 10);
    put_ipv4(f);
}

static void null_little(struct frame *f) { frame_u32(f, 0x02000000), put_ipv4(f); }
static void null_big(struct frame *f) { frame_u32(f, 2), put_ipv4(f); }
static void null_ipv6_darwin(struct frame *f) { frame_u32(f, 0x1e000000), put_ipv6(f); }
static void null_ipv6_freebsd(struct frame *f) { frame_u32(f, 28), put_ipv6(f); }
static void null_other(struct frame *f) { frame_u32(f, 0x07000000), put_ipv4(f); }
static void raw_other(struct frame *f) { frame_u32(f, 0x50000000), put_ipv4(f); }

static void ipv4_options(struct frame *f)
{
    frame_ipv4(f, 1, 2, 6, 10, TCP_PART_LENGTH);
    TCP_PART(f);
}

static void ipv4_padded(struct frame *f)
{
    frame_ethernet(f, 0x0800);
    put_ipv4(f);
    frame_zeros(f, 20);
}

static void ipv4_length(struct frame *f, unsigned total)
{
    put_ipv4(f);
    f->bytes[2] = (uint8_t)(total >> 8);
    f->bytes[3] = (uint8_t)total;
}

static void ipv4_no_length(struct frame *f) { ipv4_length(f, 0); }
static void ipv4_length_19(struct frame *f) { ipv4_length(f, 19); }
static void ipv4_length_39(struct frame *f) { ipv4_length(f, 39); }
static void ipv4_length_40(struct frame *f) { ipv4_length(f, 40); }
static void ipv4_sliced(struct frame *f) { ipv4_length(f, 145); }
static void ipv4_version(struct frame *f) { put_ipv4(f), f->bytes[0] = 0x55; }
static void ipv4_ihl_4(struct frame *f) { put_ipv4(f), f->bytes[0] = 0x44; }
static void ipv4_first_fragment(struct frame *f) { put_ipv4(f), f->bytes[6] = 0x20; }
static void ipv4_later_fragment(struct frame *f) { put_ipv4(f), f->bytes[7] = 1; }
static void ipv4_dont_fragment(struct frame *f) { put_ipv4(f), f->bytes[6] = 0x40; }
static void ipv4_udp(struct frame *f) { put_ipv4(f), f->bytes[9] = 17; }
static void ipv4_hop_by_hop(struct frame *f) { put_ipv4(f), f->bytes[9] = 0; }
static void ipv4_fragment_header(struct frame *f) { put_ipv4(f), f->bytes[9] = 44; }

static void ipv4_authentication(struct frame *f)
{
    frame_ipv4(f, 1, 2, 51, 0, 24 + TCP_PART_LENGTH);
    frame_u8(f, 6);
    frame_u8(f, 4);
    frame_zeros(f, 22);
    TCP_PART(f);
}

static void ipv4_authentication_short(struct frame *f)
{
    ipv4_authentication(f);
    f->bytes[21] = 0;
}

static void ipv4_64k(struct frame *f)
{
    static uint8_t payload[65495];
    memset(payload, 'x', sizeof payload);
    frame_ethernet(f, 0x0800);
    frame_ipv4(f, 1, 2, 6, 0, 20 + sizeof payload);
    frame_tcp(f, &REQUEST, payload, sizeof payload);
}

/* `count` extension headers of `length` bytes each, then TCP. */
static void ipv6_chain(struct frame *f, const uint8_t *kinds, unsigned count)
{
    frame_ipv6(f, 1, 2, count ? kinds[0] : 6, count * 16 + TCP_PART_LENGTH);
    for (unsigned i = 0; i < count; i++) {
        frame_u8(f, i + 1 < count ? kinds[i + 1] : 6);
        frame_u8(f, kinds[i] == 51 ? 2 : 1);
        frame_zeros(f, 14);
    }
    TCP_PART(f);
}

static void ipv6_every_header(struct frame *f)
{
    static const uint8_t kinds[] = {0, 43, 60, 51, 135, 139, 140};
    ipv6_chain(f, kinds, sizeof kinds);
}

static void ipv6_sixteen(struct frame *f)
{
    static const uint8_t kinds[16] = {[0] = 0, [1] = 60, [2] = 60};
    ipv6_chain(f, kinds, 16);
}

static void ipv6_seventeen(struct frame *f)
{
    static const uint8_t kinds[17] = {0};
    ipv6_chain(f, kinds, 17);
}

static void ipv6_fragment(struct frame *f, unsigned offset)
{
    frame_ipv6(f, 1, 2, 44, 8 + TCP_PART_LENGTH);
    frame_u8(f, 6);
    frame_u8(f, 0);
    frame_u16(f, offset);
    frame_u32(f, 7);
    TCP_PART(f);
}

static void ipv6_atomic(struct frame *f) { ipv6_fragment(f, 6); }
static void ipv6_first(struct frame *f) { ipv6_fragment(f, 1); }
static void ipv6_later(struct frame *f) { ipv6_fragment(f, 8); }
static void ipv6_none(struct frame *f) { put_ipv6(f), f->bytes[6] = 59; }
static void ipv6_version(struct frame *f) { put_ipv6(f), f->bytes[0] = 0x40; }
static void ipv6_no_length(struct frame *f) { put_ipv6(f), f->bytes[4] = f->bytes[5] = 0; }

static void ipv6_header_too_long(struct frame *f)
{
    static const uint8_t kinds[] = {60};
    ipv6_chain(f, kinds, 1);
    f->bytes[41] = 200;
}

static void tcp_options_full(struct frame *f)
{
    static const uint8_t options[40] = {1, 1, 1};
    struct tcp_fields t = REQUEST;
    t.options = view_of(options, 40);
    frame_ipv4(f, 1, 2, 6, 0, TCP_PART_LENGTH + 40);
    frame_tcp(f, &t, "hello", 5);
}

static void tcp_offset(struct frame *f, unsigned words) { put_ipv4(f), f->bytes[32] = (uint8_t)(words << 4); }
static void tcp_offset_4(struct frame *f) { tcp_offset(f, 4); }
static void tcp_offset_6(struct frame *f) { tcp_offset(f, 6); }
static void tcp_offset_7(struct frame *f) { tcp_offset(f, 7); }

/* ---- tunnels: an outer IPv4 header around `header` bytes that follow, and then the plain packet or frame */

enum { INNER_PACKET = 20 + TCP_PART_LENGTH, INNER_FRAME = 14 + INNER_PACKET };

static void outer(struct frame *f, unsigned protocol, unsigned header, unsigned inner)
{
    frame_ethernet(f, 0x0800);
    frame_ipv4(f, 8, 9, protocol, 0, header + inner);
}

static void outer_udp(struct frame *f, unsigned port, unsigned header, unsigned inner)
{
    outer(f, 17, 8 + header, inner);
    frame_u16(f, 40000), frame_u16(f, port), frame_u16(f, 8 + header + inner), frame_u16(f, 0);
}

static void mpls(struct frame *f) { frame_ethernet(f, 0x8847), frame_u32(f, 0x00010040), frame_u32(f, 0x00020140), put_ipv4(f); }
static void mpls_frame(struct frame *f) { frame_ethernet(f, 0x8848), frame_u32(f, 0x00020140), frame_u32(f, 0), ethernet_ipv4(f); }
static void mpls_endless(struct frame *f) { frame_ethernet(f, 0x8847), frame_zeros(f, 64); }
static void pppoe(struct frame *f)
{
    frame_ethernet(f, 0x8864), frame_u16(f, 0x1100), frame_u16(f, 1), frame_u16(f, 2 + INNER_PACKET), frame_u16(f, 0x21), put_ipv4(f);
}
static void pppoe_control(struct frame *f)
{
    frame_ethernet(f, 0x8864), frame_u16(f, 0x1100), frame_u16(f, 1), frame_u16(f, 6), frame_u16(f, 0xc021), frame_u32(f, 0);
}
static void gre(struct frame *f) { outer(f, 47, 4, INNER_PACKET), frame_u32(f, 0x0800), put_ipv4(f); }
static void gre_all(struct frame *f) { outer(f, 47, 16, INNER_PACKET), frame_u32(f, 0xb0000800), frame_u32(f, 0), frame_u32(f, 77), frame_u32(f, 1), put_ipv4(f); }
static void nvgre(struct frame *f) { outer(f, 47, 8, INNER_FRAME), frame_u32(f, 0x20006558), frame_u32(f, 77 << 8), ethernet_ipv4(f); }
static void pptp(struct frame *f) { outer(f, 47, 8, INNER_PACKET), frame_u32(f, 0x3001880b), frame_u32(f, 0), put_ipv4(f); }
static void erspan1(struct frame *f) { outer(f, 47, 4, INNER_FRAME), frame_u32(f, 0x88be), ethernet_ipv4(f); }
static void erspan2(struct frame *f) { outer(f, 47, 16, INNER_FRAME), frame_u32(f, 0x100088be), frame_u32(f, 1), frame_zeros(f, 8), ethernet_ipv4(f); }
static void erspan3(struct frame *f) { outer(f, 47, 20, INNER_FRAME), frame_u32(f, 0x100022eb), frame_u32(f, 1), frame_zeros(f, 12), ethernet_ipv4(f); }
static void erspan3_more(struct frame *f)
{
    outer(f, 47, 28, INNER_FRAME), frame_u32(f, 0x100022eb), frame_u32(f, 1), frame_zeros(f, 11), frame_u8(f, 1), frame_zeros(f, 8), ethernet_ipv4(f);
}
static void ip_in_ip(struct frame *f) { outer(f, 4, 0, INNER_PACKET), put_ipv4(f); }
static void ipv6_in_ip(struct frame *f) { outer(f, 41, 0, 40 + TCP_PART_LENGTH), put_ipv6(f); }
static void nested(struct frame *f, unsigned depth)
{
    frame_ethernet(f, 0x0800);
    for (unsigned i = depth; i > 0; i--)
        frame_ipv4(f, 8, 9, 4, 0, (i - 1) * 20 + INNER_PACKET);
    put_ipv4(f);
}
static void nested_8(struct frame *f) { nested(f, 8); }
static void nested_9(struct frame *f) { nested(f, 9); }
static void nested_64(struct frame *f) { nested(f, 64); }
static void vxlan(struct frame *f) { outer_udp(f, 4789, 8, INNER_FRAME), frame_u32(f, 0x08000000), frame_u32(f, 77 << 8), ethernet_ipv4(f); }
static void vxlan_without(struct frame *f) { outer_udp(f, 4789, 8, INNER_FRAME), frame_u32(f, 0), frame_u32(f, 77 << 8), ethernet_ipv4(f); }
static void geneve(struct frame *f) { outer_udp(f, 6081, 16, INNER_FRAME), frame_u32(f, 0x02006558), frame_u32(f, 77 << 8), frame_zeros(f, 8), ethernet_ipv4(f); }
static void tzsp(struct frame *f) { outer_udp(f, 37008, 9, INNER_FRAME), frame_u32(f, 0x01000001), frame_u8(f, 0), frame_u8(f, 10), frame_u8(f, 1), frame_u8(f, 9), frame_u8(f, 1), ethernet_ipv4(f); }
static void udp_other(struct frame *f) { outer_udp(f, 53, 8, 0), frame_zeros(f, 8); }

static const struct row {
    const char *name;
    void (*build)(struct frame *f);
    uint16_t link_type;
    unsigned result;
    uint32_t payload_length; /* on the wire */
    uint16_t vlan;
} rows[] = {
    {"ethernet, IPv4", ethernet_ipv4, 1, DECODED, 5, 0},
    {"ethernet, IPv6", ethernet_ipv6, 1, DECODED, 5, 0},
    {"MPLS", mpls, 1, DECODED, 5, 0},
    {"MPLS pseudowire", mpls_frame, 1, DECODED, 5, 0},
    {"MPLS without a bottom", mpls_endless, 1, COUNT_SKIPPED_DEPTH, 0, 0},
    {"PPPoE", pppoe, 1, DECODED, 5, 0},
    {"PPPoE, LCP", pppoe_control, 1, COUNT_SKIPPED_NOT_IP, 0, 0},
    {"GRE", gre, 1, DECODED, 5, 0},
    {"GRE with checksum, key and number", gre_all, 1, DECODED, 5, 0},
    {"NVGRE", nvgre, 1, DECODED, 5, 0},
    {"GRE of version 1", pptp, 1, COUNT_SKIPPED_NOT_TCP, 0, 0},
    {"ERSPAN I", erspan1, 1, DECODED, 5, 0},
    {"ERSPAN II", erspan2, 1, DECODED, 5, 0},
    {"ERSPAN III", erspan3, 1, DECODED, 5, 0},
    {"ERSPAN III with a platform header", erspan3_more, 1, DECODED, 5, 0},
    {"IP in IP", ip_in_ip, 1, DECODED, 5, 0},
    {"IPv6 in IP", ipv6_in_ip, 1, DECODED, 5, 0},
    {"eight headers around", nested_8, 1, DECODED, 5, 0},
    {"nine headers around", nested_9, 1, COUNT_SKIPPED_DEPTH, 0, 0},
    {"sixty-four headers around", nested_64, 1, COUNT_SKIPPED_DEPTH, 0, 0},
    {"VXLAN", vxlan, 1, DECODED, 5, 0},
    {"VXLAN without an identifier", vxlan_without, 1, COUNT_SKIPPED_NOT_TCP, 0, 0},
    {"Geneve with options", geneve, 1, DECODED, 5, 0},
    {"TZSP", tzsp, 1, DECODED, 5, 0},
    {"UDP", udp_other, 1, COUNT_SKIPPED_NOT_TCP, 0, 0},
    {"ethernet, ARP", ethernet_arp, 1, COUNT_SKIPPED_NOT_IP, 0, 0},
    {"ethernet, LLC", ethernet_llc, 1, COUNT_SKIPPED_NOT_IP, 0, 0},
    {"one tag", one_tag, 1, DECODED, 5, 101},
    {"two service tags", service_tag, 1, DECODED, 5, 101},
    {"two old tags", old_tag, 1, DECODED, 5, 101},
    {"eight tags", eight_tags, 1, DECODED, 5, 101},
    {"nine tags", nine_tags, 1, COUNT_SKIPPED_DEPTH, 0, 0},
    {"priority tag", priority_tag, 1, DECODED, 5, 7},
    {"cooked", cooked, 113, DECODED, 5, 0},
    {"cooked with a tag, IPv6", cooked_vlan, 113, DECODED, 5, 101},
    {"cooked netlink", cooked_netlink, 113, COUNT_SKIPPED_NOT_IP, 0, 0},
    {"cooked 2", cooked2, 276, DECODED, 5, 0},
    {"null, little-endian", null_little, 0, DECODED, 5, 0},
    {"null, big-endian", null_big, 0, DECODED, 5, 0},
    {"null, IPv6 of Darwin", null_ipv6_darwin, 0, DECODED, 5, 0},
    {"null, IPv6 of FreeBSD", null_ipv6_freebsd, 0, DECODED, 5, 0},
    {"null, other family", null_other, 0, COUNT_SKIPPED_NOT_IP, 0, 0},
    {"loop", null_big, 108, DECODED, 5, 0},
    {"raw 101, IPv4", put_ipv4, 101, DECODED, 5, 0},
    {"raw 101, IPv6", put_ipv6, 101, DECODED, 5, 0},
    {"raw 12", put_ipv4, 12, DECODED, 5, 0},
    {"raw 14", put_ipv6, 14, DECODED, 5, 0},
    {"raw, neither", raw_other, 101, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"IPv4 link", put_ipv4, 228, DECODED, 5, 0},
    {"IPv6 link", put_ipv6, 229, DECODED, 5, 0},
    {"unknown link", put_ipv4, 147, COUNT_SKIPPED_LINK_TYPE, 0, 0},
    {"IPv4 options", ipv4_options, 101, DECODED, 5, 0},
    {"padding is not payload", ipv4_padded, 1, DECODED, 5, 0},
    {"IPv4 length 0", ipv4_no_length, 101, DECODED, 5, 0},
    {"IPv4 length less than its header", ipv4_length_19, 101, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"IPv4 length less than a TCP header", ipv4_length_39, 101, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"IPv4 length of a bare TCP header", ipv4_length_40, 101, DECODED, 0, 0},
    {"IPv4 length more than the frame", ipv4_sliced, 101, DECODED, 105, 0},
    {"IPv4 version 5", ipv4_version, 228, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"IPv4 header of 16 bytes", ipv4_ihl_4, 101, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"first fragment", ipv4_first_fragment, 101, COUNT_SKIPPED_FRAGMENT, 0, 0},
    {"later fragment", ipv4_later_fragment, 101, COUNT_SKIPPED_FRAGMENT, 0, 0},
    {"don't fragment", ipv4_dont_fragment, 101, DECODED, 5, 0},
    {"UDP", ipv4_udp, 101, COUNT_SKIPPED_NOT_TCP, 0, 0},
    {"IPv4 with hop-by-hop", ipv4_hop_by_hop, 101, COUNT_SKIPPED_NOT_TCP, 0, 0},
    {"IPv4 with an IPv6 fragment header", ipv4_fragment_header, 101, COUNT_SKIPPED_NOT_TCP, 0, 0},
    {"IPv4 with AH", ipv4_authentication, 101, DECODED, 5, 0},
    {"AH shorter than its fields", ipv4_authentication_short, 101, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"64 KiB", ipv4_64k, 1, DECODED, 65495, 0},
    {"every IPv6 header", ipv6_every_header, 101, DECODED, 5, 0},
    {"16 IPv6 headers", ipv6_sixteen, 101, DECODED, 5, 0},
    {"17 IPv6 headers", ipv6_seventeen, 101, COUNT_SKIPPED_DEPTH, 0, 0},
    {"atomic fragment", ipv6_atomic, 101, DECODED, 5, 0},
    {"IPv6 first fragment", ipv6_first, 101, COUNT_SKIPPED_FRAGMENT, 0, 0},
    {"IPv6 later fragment", ipv6_later, 101, COUNT_SKIPPED_FRAGMENT, 0, 0},
    {"IPv6 no next header", ipv6_none, 101, COUNT_SKIPPED_NOT_TCP, 0, 0},
    {"IPv6 version 4", ipv6_version, 229, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"IPv6 length 0", ipv6_no_length, 101, DECODED, 5, 0},
    {"IPv6 header longer than the packet", ipv6_header_too_long, 101, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"40 bytes of TCP options", tcp_options_full, 101, DECODED, 5, 0},
    {"TCP header of 16 bytes", tcp_offset_4, 101, COUNT_SKIPPED_MALFORMED, 0, 0},
    {"TCP options up to the end", tcp_offset_6, 101, DECODED, 1, 0},
    {"TCP options beyond the end", tcp_offset_7, 101, COUNT_SKIPPED_MALFORMED, 0, 0},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static struct frame *row_frame(const struct row *row)
{
    static struct frame f;
    f.length = 0;
    row->build(&f);
    return &f;
}

static bool inside(const struct raw_packet *raw, struct view v)
{
    return v.bytes >= raw->bytes && v.length <= raw->captured && (size_t)(v.bytes - raw->bytes) <= raw->captured - v.length;
}

/* The short way of plain.c and the walk through the layers must say the same of every frame. */
static void both_ways_agree(const struct raw_packet *raw)
{
    struct net_packet quick, walked;
    enum counter skipped = COUNTERS;
    memset(&quick, 0xee, sizeof quick);
    memset(&walked, 0xee, sizeof walked);
    if (!decode_plain(raw, &quick))
        return;
    assert_true(decode_layers(raw, &walked, &skipped));
    assert_memory_equal(&quick, &walked, sizeof quick);
}

/* Decodes and checks what must hold for any frame; touches every byte that the views promise. */
static unsigned decode_any(const struct raw_packet *raw, struct net_packet *out)
{
    enum counter skipped = COUNTERS;
    both_ways_agree(raw);
    memset(out, 0xee, sizeof *out);
    if (!net_decode(raw, out, &skipped)) {
        assert_in_range(skipped, COUNT_SKIPPED_LINK_TYPE, COUNT_SKIPPED_FRAGMENT + 1);
        return skipped;
    }
    assert_true(inside(raw, out->payload) && inside(raw, out->options));
    assert_true(out->payload_length >= out->payload.length);
    assert_ptr_equal(raw->bytes + out->payload_offset, out->payload.bytes);
    assert_in_range(out->vlan, 0, 4095);
    (void)net_checksum_good(out);
    return DECODED;
}

/* The network identifier keeps equal addresses of two tenants apart. */
static void tenants_are_read(void **state)
{
    (void)state;
    static const struct {
        void (*build)(struct frame *f);
        uint32_t tenant;
    } kinds[] = {{gre_all, 77}, {nvgre, 77 << 8}, {vxlan, 77}, {geneve, 77}, {gre, 0}, {ip_in_ip, 0}};
    static struct frame f;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        f.length = 0;
        kinds[i].build(&f);
        struct raw_packet raw = frame_raw(&f, f.length, 1);
        struct net_packet p;
        assert_int_equal(decode_any(&raw, &p), DECODED);
        assert_int_equal(p.tenant, kinds[i].tenant);
        assert_int_equal(p.source.address[15], 1);
        raw_free(&raw);
    }
}

static void rows_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const struct frame *f = row_frame(&rows[i]);
        struct raw_packet raw = frame_raw(f, f->length, rows[i].link_type);
        struct net_packet p;
        unsigned result = decode_any(&raw, &p);
        if (result != rows[i].result)
            print_error("%s: %s\n", rows[i].name, result == DECODED ? "decoded" : counter_name((enum counter)result));
        assert_int_equal(result, rows[i].result);
        if (result == DECODED) {
            if (p.payload_length != rows[i].payload_length)
                print_error("%s: %u bytes of payload\n", rows[i].name, p.payload_length);
            assert_int_equal(p.payload_length, rows[i].payload_length);
            assert_int_equal(p.vlan, rows[i].vlan);
            assert_int_equal(p.source.port, 40000);
            assert_int_equal(p.target.port, 3306);
            assert_int_equal(p.source.address[15], 1);
            assert_int_equal(p.target.address[15], 2);
            assert_int_equal(p.seq, 1000);
            assert_int_equal(p.ack, 2000);
            assert_int_equal(p.flags, TCP_ACK | TCP_PSH);
            assert_int_equal(p.window, 512);
            assert_in_range(p.ttl, 63, 64);
        }
        raw_free(&raw);
    }
}

static void every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const struct frame *f = row_frame(&rows[i]);
        uint32_t most = f->length < 400 ? f->length : 400;
        for (uint32_t length = 0; length < most; length++) {
            struct net_packet p;
            /* Cut by the capture: what is missing was on the wire. */
            struct raw_packet raw = frame_raw(f, length, rows[i].link_type);
            unsigned cut = decode_any(&raw, &p);
            if (cut == DECODED && rows[i].result == DECODED)
                assert_int_equal(p.payload_length, rows[i].payload_length);
            else if (rows[i].result == DECODED)
                assert_int_equal(cut, COUNT_SKIPPED_TRUNCATED);
            /* Short on the wire as well. */
            raw.length = length;
            decode_any(&raw, &p);
            raw_free(&raw);
        }
    }
}

static void every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const struct frame *f = row_frame(&rows[i]);
        struct raw_packet raw = frame_raw(f, f->length, rows[i].link_type);
        uint8_t *bytes = (uint8_t *)(uintptr_t)raw.bytes;
        uint32_t most = f->length < 400 ? f->length : 100;
        for (uint32_t at = 0; at < most; at++) {
            uint8_t was = bytes[at];
            for (unsigned value = 0; value < 256; value++) {
                struct net_packet p;
                bytes[at] = (uint8_t)value;
                decode_any(&raw, &p);
            }
            bytes[at] = was;
        }
        raw_free(&raw);
    }
}

static void put_checksum(struct frame *f, uint32_t header, const struct raw_packet *raw)
{
    /* Only the right one of 65,536 values is good: found by trying. */
    struct net_packet p;
    unsigned good = 0;
    uint8_t *bytes = (uint8_t *)(uintptr_t)raw->bytes;
    for (unsigned sum = 0; sum < 0x10000; sum++) {
        bytes[header + 16] = (uint8_t)(sum >> 8);
        bytes[header + 17] = (uint8_t)sum;
        assert_int_equal(decode_any(raw, &p), DECODED);
        if (net_checksum_good(&p)) {
            good++;
            f->bytes[header + 16] = (uint8_t)(sum >> 8);
            f->bytes[header + 17] = (uint8_t)sum;
        }
    }
    assert_int_equal(good, 1);
}

static void checksums(void **state)
{
    (void)state;
    static const struct {
        void (*build)(struct frame *f);
        uint32_t header;
        uint16_t expected;
    } seeds[] = {{put_ipv4, 20, 0xa110}, {put_ipv6, 40, 0xbb0e}};
    for (size_t i = 0; i < 2; i++) {
        static struct frame f;
        f.length = 0;
        seeds[i].build(&f);
        struct raw_packet raw = frame_raw(&f, f.length, 101);
        put_checksum(&f, seeds[i].header, &raw);
        assert_int_equal(f.bytes[seeds[i].header + 16] << 8 | f.bytes[seeds[i].header + 17], seeds[i].expected);
        raw_free(&raw);
        /* Cut by one byte: nobody can tell. */
        f.bytes[seeds[i].header + 16] ^= 1;
        raw = frame_raw(&f, f.length - 1, 101);
        struct net_packet p;
        assert_int_equal(decode_any(&raw, &p), DECODED);
        assert_true(net_checksum_good(&p));
        raw_free(&raw);
    }
}

static void unwired_segments_have_no_checksum(void **state)
{
    (void)state;
    static uint8_t payload[9197];
    for (unsigned over = 0; over < 2; over++) {
        static struct frame f;
        f.length = 0;
        size_t length = 9216 - 20 + over;
        frame_ipv4(&f, 1, 2, 6, 0, (unsigned)(20 + length));
        frame_tcp(&f, &REQUEST, payload, length);
        struct raw_packet raw = frame_raw(&f, f.length, 101);
        struct net_packet p;
        assert_int_equal(decode_any(&raw, &p), DECODED);
        assert_int_equal(net_checksum_good(&p), over);
        raw_free(&raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(tenants_are_read),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(checksums),
        cmocka_unit_test(unwired_segments_have_no_checksum),
    };
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
