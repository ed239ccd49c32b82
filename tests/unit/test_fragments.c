/* Fragments become the packet that was cut up: in every order, inside everything that carries IP, with bounds on time and
 * memory on both sides. Which of overlapping bytes Linux takes is compared with Linux itself in tests/oracle. */
#include "base/network_order.h"
#include "frames.h"
#include "net/fragments.h"

enum { SECOND = 1000000000, DATA = 500, MEMORY = 1 << 20, NEVER = 100000 };

static const struct tcp_fields REQUEST = {.source = 40000, .target = 3306, .seq = 1000, .ack = 2000, .flags = TCP_ACK | TCP_PSH, .window = 512};

/* ---- packets to cut: everything up to the innermost IP header, and that */

struct original {
    struct frame frame;
    uint32_t ip_at;
    uint32_t body_at; /* of what is cut */
    uint16_t link_type;
    unsigned version;
};

static void put_tcp(struct frame *f, size_t length)
{
    static uint8_t data[65536];
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    frame_tcp(f, &REQUEST, data, length);
}

static void whole_ipv4(struct original *o, unsigned option_words, size_t data)
{
    o->ip_at = o->frame.length;
    o->version = 4;
    frame_ipv4(&o->frame, 1, 2, 6, option_words, (unsigned)(20 + data));
    o->body_at = o->frame.length;
    put_tcp(&o->frame, data);
}

static void whole_ipv6(struct original *o, unsigned extensions, size_t data)
{
    o->ip_at = o->frame.length;
    o->version = 6;
    frame_ipv6(&o->frame, 1, 2, extensions ? 0 : 6, (unsigned)(extensions * 8 + 20 + data));
    for (unsigned i = 0; i < extensions; i++) {
        frame_u8(&o->frame, i + 1 < extensions ? 60 : 6);
        frame_u8(&o->frame, 0);
        frame_zeros(&o->frame, 6);
    }
    o->body_at = o->frame.length;
    put_tcp(&o->frame, data);
}

static void plain(struct original *o) { frame_ethernet(&o->frame, 0x0800), whole_ipv4(o, 0, DATA); }
static void with_options(struct original *o) { frame_ethernet(&o->frame, 0x0800), whole_ipv4(o, 10, DATA); }
static void ipv6(struct original *o) { frame_ethernet(&o->frame, 0x86dd), whole_ipv6(o, 0, DATA); }
static void ipv6_extended(struct original *o) { frame_ethernet(&o->frame, 0x86dd), whole_ipv6(o, 3, DATA); }
static void tagged(struct original *o) { frame_ethernet(&o->frame, 0x8100), frame_vlan(&o->frame, 7, 0x0800), whole_ipv4(o, 0, DATA); }
static void raw_ipv4(struct original *o) { o->link_type = 101, whole_ipv4(o, 0, DATA); }
static void raw_ipv6(struct original *o) { o->link_type = 229, whole_ipv6(o, 0, DATA); }
static void ip_in_ip(struct original *o)
{
    frame_ethernet(&o->frame, 0x0800), frame_ipv4(&o->frame, 8, 9, 4, 0, 40 + DATA), whole_ipv4(o, 0, DATA);
}
static void ipv4_in_ipv6(struct original *o)
{
    frame_ethernet(&o->frame, 0x86dd), frame_ipv6(&o->frame, 8, 9, 4, 40 + DATA), whole_ipv4(o, 0, DATA);
}
static void pppoe(struct original *o)
{
    frame_ethernet(&o->frame, 0x8864), frame_u16(&o->frame, 0x1100), frame_u16(&o->frame, 1), frame_u16(&o->frame, 2 + 40 + DATA);
    frame_u16(&o->frame, 0x21), whole_ipv4(o, 0, DATA);
}
static void vxlan(struct original *o)
{
    frame_ethernet(&o->frame, 0x0800), frame_ipv4(&o->frame, 8, 9, 17, 0, 8 + 8 + 14 + 40 + DATA);
    frame_u16(&o->frame, 40000), frame_u16(&o->frame, 4789), frame_u16(&o->frame, 8 + 8 + 14 + 40 + DATA), frame_u16(&o->frame, 0);
    frame_u32(&o->frame, 0x08000000), frame_u32(&o->frame, 77 << 8), frame_ethernet(&o->frame, 0x0800), whole_ipv4(o, 0, DATA);
}
/* The tunnel's own packet is cut, not what it carries. */
static void around_vxlan(struct original *o)
{
    vxlan(o);
    o->ip_at = 14;
    o->body_at = 34;
}

static const struct kind {
    const char *name;
    void (*build)(struct original *o);
} kinds[] = {
    {"IPv4", plain}, {"IPv4 with options", with_options}, {"IPv6", ipv6}, {"IPv6 with extension headers", ipv6_extended}, {"VLAN", tagged},
    {"bare IPv4", raw_ipv4}, {"bare IPv6", raw_ipv6}, {"IPv4 in IPv4", ip_in_ip}, {"IPv4 in IPv6", ipv4_in_ipv6}, {"PPPoE", pppoe},
    {"in VXLAN", vxlan}, {"around VXLAN", around_vxlan},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static struct original *make(void (*build)(struct original *o))
{
    static struct original o;
    memset(&o, 0, sizeof o);
    o.link_type = 1;
    build(&o);
    return &o;
}

/* ---- cutting */

struct piece {
    uint32_t at, length; /* of the body; what lies behind its end is zeros */
    bool more;
    uint32_t id;
    uint8_t flip;        /* every byte xor this */
};

static void seal_ipv4(uint8_t *ip)
{
    uint32_t sum = 0, length = (ip[0] & 15u) * 4;
    network_put_16(ip + 10, 0);
    for (uint32_t i = 0; i < length; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    network_put_16(ip + 10, ~sum & 0xffff);
}

/* One fragment in a heap block of its size. */
static struct raw_packet cut(const struct original *o, const struct piece *p)
{
    static struct frame f;
    uint32_t body = o->frame.length - o->body_at, header = o->body_at - o->ip_at;
    uint32_t had = p->at > body ? 0 : p->length < body - p->at ? p->length : body - p->at;
    f.length = 0;
    frame_add(&f, o->frame.bytes, o->body_at);
    if (o->version == 6) {
        /* The last header before the body names TCP: it names the fragment header now. */
        uint8_t *names = header > 40 ? f.bytes + o->body_at - 8 : f.bytes + o->ip_at + 6;
        network_put_16(f.bytes + o->ip_at + 4, header - 40 + 8 + p->length);
        frame_u8(&f, *names), frame_u8(&f, 0), frame_u16(&f, (p->at & 0xfff8) | p->more), frame_u32(&f, p->id);
        *names = 44;
    } else {
        network_put_16(f.bytes + o->ip_at + 2, header + p->length);
        network_put_16(f.bytes + o->ip_at + 4, p->id);
        network_put_16(f.bytes + o->ip_at + 6, p->at / 8 | (p->more ? 0x2000 : 0));
        seal_ipv4(f.bytes + o->ip_at);
    }
    frame_add(&f, o->frame.bytes + o->body_at + p->at, had);
    frame_zeros(&f, p->length - had);
    for (uint32_t i = f.length - p->length; i < f.length; i++)
        f.bytes[i] ^= p->flip;
    return frame_raw(&f, f.length, o->link_type);
}

struct bench {
    struct arena arena;
    struct fragments *fragments;
    struct counters counters;
    uint64_t place;
    int64_t now_ns;
    uint8_t buffer[DATAGRAM_BYTES_MAX];
    struct raw_packet whole;
};

static struct bench *bench_open(size_t memory)
{
    static struct bench b;
    struct error why;
    memset(&b, 0, sizeof b);
    assert_true(arena_open(&b.arena, memory + (1 << 20), &why));
    assert_non_null(b.fragments = fragments_open(&b.arena, memory, &b.counters));
    b.now_ns = SECOND;
    return &b;
}

static const struct datagram *take(struct bench *b, struct raw_packet *raw)
{
    raw->number = ++b->place;
    const struct datagram *d = fragments_take(b->fragments, raw, b->place, b->now_ns);
    if (d)
        datagram_write(d, raw, b->buffer, &b->whole);
    raw_free(raw);
    return d;
}

static const struct datagram *send(struct bench *b, const struct original *o, const struct piece *p)
{
    struct raw_packet raw = cut(o, p);
    return take(b, &raw);
}

/* The whole says what the packet said before it was cut. */
static bool is_as_before(const struct bench *b, const struct original *o)
{
    struct net_packet now, before;
    enum counter skipped;
    const struct raw_packet uncut = {.bytes = o->frame.bytes, .captured = o->frame.length, .length = o->frame.length, .link_type = o->link_type};
    return net_decode(&uncut, &before, &skipped) && net_decode(&b->whole, &now, &skipped) && view_equal(now.payload, before.payload) &&
           now.payload_length == before.payload_length && now.seq == before.seq && now.vlan == before.vlan && now.tenant == before.tenant &&
           memcmp(&now.source, &before.source, sizeof now.source) == 0 && memcmp(&now.target, &before.target, sizeof now.target) == 0 &&
           b->whole.number == b->place;
}

/* ---- tests */

static void every_order_gives_the_packet(void **state)
{
    (void)state;
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t k = 0; k < KINDS; k++) {
        const struct original *o = make(kinds[k].build);
        uint32_t body = o->frame.length - o->body_at;
        const struct piece pieces[3] = {{0, 200, true, 5, 0}, {200, 104, true, 5, 0}, {304, body - 304, false, 5, 0}};
        for (size_t order = 0; order < 6; order++) {
            struct bench *b = bench_open(MEMORY);
            const struct datagram *d = NULL;
            for (size_t i = 0; i < 3; i++) {
                assert_null(d);
                d = send(b, o, &pieces[orders[order][i]]);
            }
            if (!d || !datagram_is_whole(d) || !is_as_before(b, o))
                print_error("%s, order %zu\n", kinds[k].name, order);
            assert_true(d && datagram_is_whole(d) && is_as_before(b, o));
            assert_int_equal(b->counters.value[COUNT_FRAGMENTS], 3);
            assert_int_equal(b->counters.value[COUNT_FRAGMENTS_REASSEMBLED], 1);
            arena_close(&b->arena);
        }
    }
}

/* A tunnel's packet in fragments that carries a fragment. */
static void fragments_in_fragments(void **state)
{
    (void)state;
    struct bench *b = bench_open(MEMORY);
    static struct original inner, outer;
    inner = *make(vxlan);
    const struct piece inner_pieces[2] = {{0, 256, true, 1, 0}, {256, DATA + 20 - 256, false, 1, 0}};
    const struct datagram *d = NULL;
    for (unsigned i = 0; i < 2; i++) {
        struct raw_packet fragment = cut(&inner, &inner_pieces[i]);
        memset(&outer, 0, sizeof outer);
        frame_add(&outer.frame, fragment.bytes, fragment.captured);
        raw_free(&fragment);
        outer.link_type = 1;
        outer.version = 4;
        outer.ip_at = 14;
        outer.body_at = 34;
        uint32_t body = outer.frame.length - 34;
        const struct piece outer_pieces[2] = {{0, 64, true, 20 + i, 0}, {64, body - 64, false, 20 + i, 0}};
        for (unsigned k = 0; k < 2; k++) {
            assert_null(d);
            d = send(b, &outer, &outer_pieces[k]);
        }
    }
    assert_true(d && datagram_is_whole(d) && is_as_before(b, &inner));
    assert_int_equal(b->counters.value[COUNT_FRAGMENTS_REASSEMBLED], 3);
    arena_close(&b->arena);
}

static bool completes_after(void (*build)(struct original *o), int64_t pause_ns)
{
    struct bench *b = bench_open(MEMORY);
    const struct original *o = make(build);
    assert_null(send(b, o, &(struct piece){0, 200, true, 5, 0}));
    b->now_ns += pause_ns;
    const struct datagram *d = send(b, o, &(struct piece){200, o->frame.length - o->body_at - 200, false, 5, 0});
    assert_int_equal(b->counters.value[COUNT_FRAGMENTS_TIMED_OUT], d ? 0 : 1);
    arena_close(&b->arena);
    return d;
}

static void time_runs_out(void **state)
{
    (void)state;
    assert_true(completes_after(plain, INT64_C(30) * SECOND - 1));
    assert_false(completes_after(plain, INT64_C(30) * SECOND));
    assert_true(completes_after(ipv6, INT64_C(60) * SECOND - 1));
    assert_false(completes_after(ipv6, INT64_C(60) * SECOND));
    assert_true(completes_after(plain, 0));
    assert_false(completes_after(plain, -1)); /* the feed's clock goes back with another capture only */
}

/* Others do not keep one from running out, and what ran out is found without being asked for. */
static void the_old_go_by_themselves(void **state)
{
    (void)state;
    struct bench *b = bench_open(MEMORY);
    const struct original *o = make(plain);
    for (uint32_t id = 0; id < 40; id++, b->now_ns += SECOND)
        assert_null(send(b, o, &(struct piece){0, 200, true, id, 0}));
    assert_int_equal(b->counters.value[COUNT_FRAGMENTS_TIMED_OUT], 10);
    arena_close(&b->arena);
}

static void keys_keep_apart(void **state)
{
    (void)state;
    struct bench *b = bench_open(MEMORY);
    void (*const others[])(struct original *o) = {tagged, ip_in_ip, vxlan, ipv6};
    static struct original mine;
    mine = *make(plain);
    assert_null(send(b, &mine, &(struct piece){0, 200, true, 5, 0}));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        /* IPv4 in IPv4 is the same tenant: only its other number keeps it apart. */
        uint32_t id = others[i] == ip_in_ip ? 6 : 5;
        assert_null(send(b, make(others[i]), &(struct piece){200, DATA + 20 - 200, false, id, 0}));
    }
    assert_true(send(b, &mine, &(struct piece){200, DATA + 20 - 200, false, 5, 0}) && is_as_before(b, &mine));
    arena_close(&b->arena);
}

/* A fragment that was captured shorter: what lies behind is not known. */
static void cut_captures(void **state)
{
    (void)state;
    for (uint32_t kept = 0; kept <= 104; kept += 8) {
        struct bench *b = bench_open(MEMORY);
        const struct original *o = make(plain);
        struct raw_packet middle = cut(o, &(struct piece){200, 104, true, 5, 0});
        struct frame head = {.length = middle.length};
        memcpy(head.bytes, middle.bytes, middle.captured);
        struct raw_packet shorter = frame_raw(&head, middle.captured - 104 + kept, 1);
        raw_free(&middle);
        assert_null(send(b, o, &(struct piece){0, 200, true, 5, 0}));
        assert_null(take(b, &shorter));
        assert_non_null(send(b, o, &(struct piece){304, DATA + 20 - 304, false, 5, 0}));
        struct net_packet p;
        enum counter skipped;
        assert_true(net_decode(&b->whole, &p, &skipped));
        assert_int_equal(p.payload_length, DATA);
        assert_int_equal(p.payload.length, kept == 104 ? DATA : 180 + kept);
        assert_memory_equal(p.payload.bytes, o->frame.bytes + o->body_at + 20, p.payload.length);
        arena_close(&b->arena);
    }
}

static void the_largest(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        uint32_t data;
        bool fits;
    } sizes[] = {{4, 65495, true}, {4, 65496, false}, {6, 65515, true}, {6, 65516, false}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        static struct original o;
        struct bench *b = bench_open(MEMORY);
        memset(&o, 0, sizeof o);
        o.link_type = 1;
        frame_ethernet(&o.frame, sizes[i].version == 4 ? 0x0800 : 0x86dd);
        sizes[i].version == 4 ? whole_ipv4(&o, 0, sizes[i].data) : whole_ipv6(&o, 0, sizes[i].data);
        const struct datagram *d = NULL;
        for (uint32_t at = 0, body = 20 + sizes[i].data; at < body; at += 1400)
            d = send(b, &o, &(struct piece){at, body - at > 1400 ? 1400 : body - at, body - at > 1400, 5, 0});
        assert_int_equal(d && datagram_is_whole(d), sizes[i].fits);
        if (d)
            assert_true(is_as_before(b, &o));
        arena_close(&b->arena);
    }
}

/* So many datagrams that memory runs out: the oldest go, the newest are put together, and it never ends. */
static void memory_is_bounded(void **state)
{
    (void)state;
    struct bench *b = bench_open(MEMORY);
    const struct original *o = make(ipv6);
    for (uint32_t id = 0; id < 20000; id++)
        assert_null(send(b, o, &(struct piece){0, 200, true, id, 0}));
    uint64_t evicted = b->counters.value[COUNT_FRAGMENTS_EVICTED], held = 20000 - evicted;
    assert_in_range(held, 40, MEMORY / 4096);
    const struct piece last = {200, DATA + 20 - 200, false, (uint32_t)(20000 - held), 0};
    struct piece gone = last;
    gone.id--;
    assert_non_null(send(b, o, &last));
    assert_null(send(b, o, &gone));
    /* One large datagram takes what it needs from the others. */
    static struct original large;
    memset(&large, 0, sizeof large);
    large.link_type = 1;
    frame_ethernet(&large.frame, 0x86dd), whole_ipv6(&large, 0, 60000);
    const struct datagram *d = NULL;
    for (uint32_t at = 0; at < 60020; at += 1400)
        d = send(b, &large, &(struct piece){at, 60020 - at > 1400 ? 1400 : 60020 - at, 60020 - at > 1400, 30000, 0});
    assert_true(d && is_as_before(b, &large));
    arena_close(&b->arena);
}

/* As Linux does: a sender of IPv4 that has used so many other numbers since means another datagram by this one. */
static void numbers_come_again(void **state)
{
    (void)state;
    for (uint32_t others = 63; others <= 65; others++) {
        struct bench *b = bench_open(MEMORY);
        const struct original *o = make(plain);
        assert_null(send(b, o, &(struct piece){0, 200, true, 5, 0}));
        for (uint32_t i = 0; i < others; i++)
            assert_null(send(b, o, &(struct piece){0, 200, true, 100 + i, 0}));
        assert_int_equal(send(b, o, &(struct piece){200, DATA + 20 - 200, false, 5, 0}) != NULL, others < 64);
        arena_close(&b->arena);
    }
}

/* One that needs more than there is is given up, and the next one finds its memory. */
static void larger_than_memory(void **state)
{
    (void)state;
    struct bench *b = bench_open(40000);
    static struct original large;
    memset(&large, 0, sizeof large);
    large.link_type = 1;
    frame_ethernet(&large.frame, 0x0800), whole_ipv4(&large, 0, 60000);
    for (unsigned round = 0; round < 3; round++)
        for (uint32_t at = 0; at < 60020; at += 1400)
            assert_null(send(b, &large, &(struct piece){at, 60020 - at > 1400 ? 1400 : 60020 - at, 60020 - at > 1400, round, 0}));
    assert_in_range(b->counters.value[COUNT_FRAGMENTS_EVICTED], 3, NEVER);
    const struct original *o = make(plain);
    assert_null(send(b, o, &(struct piece){0, 200, true, 9, 0}));
    assert_non_null(send(b, o, &(struct piece){200, DATA + 20 - 200, false, 9, 0}));
    arena_close(&b->arena);
}

/* Readers on other threads have DATAGRAM_KEEPS packets of time. */
static void a_datagram_stays(void **state)
{
    (void)state;
    struct bench *b = bench_open(MEMORY);
    const struct original *o = make(plain);
    static uint8_t then[DATAGRAM_BYTES_MAX];
    assert_null(send(b, o, &(struct piece){0, 200, true, 5, 0}));
    const struct datagram *d = send(b, o, &(struct piece){200, DATA + 20 - 200, false, 5, 0});
    const struct raw_packet last = b->whole;
    memcpy(then, b->buffer, last.captured);
    for (unsigned i = 1; i < DATAGRAM_KEEPS; i++)
        (void)send(b, o, &(struct piece){0, 400, true, 6 + i, 0xff});
    datagram_write(d, &last, b->buffer, &b->whole);
    assert_memory_equal(b->buffer, then, last.captured);
    arena_close(&b->arena);
}

/* What two fragments say differently is told where the connection can be known. */
static void differences_are_told(void **state)
{
    (void)state;
    enum { END = DATA + 20 };
    static const struct {
        const char *name;
        struct piece pieces[4];
        bool told, whole;
        unsigned differ;
    } cases[] = {
        {"the same twice", {{0, 200, true, 5, 0}, {0, 200, true, 5, 0}, {200, END - 200, false, 5, 0}}, false, true, 0},
        {"a duplicate that differs", {{0, 200, true, 5, 0}, {200, 104, true, 5, 0}, {200, 104, true, 5, 1}, {304, END - 304, false, 5, 0}}, true, true, 1},
        {"an overlap that differs", {{0, 200, true, 5, 0}, {192, 112, true, 5, 1}}, true, false, 1},
        {"an overlap of equal bytes", {{0, 200, true, 5, 0}, {192, 112, true, 5, 0}}, false, false, 0},
        {"an overlap without the first", {{200, 104, true, 5, 0}, {208, 104, true, 5, 1}}, false, false, 1},
        {"an overlap, then the first", {{200, 104, true, 5, 0}, {208, 104, true, 5, 1}, {0, 200, true, 5, 0}}, false, false, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *b = bench_open(MEMORY);
        const struct original *o = make(plain);
        const struct datagram *d = NULL;
        for (size_t k = 0; k < 4 && cases[i].pieces[k].length; k++) {
            assert_null(d);
            d = send(b, o, &cases[i].pieces[k]);
        }
        struct oddity oddity = {0};
        bool told = d && datagram_oddity(d, &oddity);
        if (told != cases[i].told)
            print_error("%s\n", cases[i].name);
        assert_int_equal(told, cases[i].told);
        assert_int_equal(d && datagram_is_whole(d), cases[i].whole);
        assert_int_equal(b->counters.value[COUNT_FRAGMENTS_DIFFER], cases[i].differ);
        if (told) {
            struct net_packet p;
            enum counter skipped;
            assert_int_equal(oddity.what, ANOMALY_IP_FRAGMENT_OVERLAP);
            assert_true(oddity.mine.length && oddity.theirs.length);
            assert_int_equal(oddity.mine.bytes[0] ^ oddity.theirs.bytes[0], 1);
            assert_true(net_decode(&b->whole, &p, &skipped)); /* its connection can be found */
            assert_int_equal(p.source.port, 40000);
        }
        arena_close(&b->arena);
    }
}

/* Every start of a fragment, and every value of every byte of its headers, between two whole ones. */
static void damage_is_borne(void **state)
{
    (void)state;
    void (*const builds[])(struct original *o) = {plain, ipv6_extended, vxlan, around_vxlan};
    for (size_t k = 0; k < sizeof builds / sizeof builds[0]; k++) {
        const struct original *o = make(builds[k]);
        struct bench *b = bench_open(MEMORY);
        uint32_t body = o->frame.length - o->body_at, seen = 0;
        struct raw_packet seed = cut(o, &(struct piece){0, 104, true, 5, 0});
        for (uint32_t i = 0; i < seed.captured + 256 * (o->body_at + 16); i++) {
            struct frame f = {.length = seed.length};
            memcpy(f.bytes, seed.bytes, seed.captured);
            uint32_t captured = i < seed.captured ? i : seed.captured;
            if (i >= seed.captured)
                f.bytes[(i - seed.captured) / 256] = (uint8_t)(i - seed.captured);
            struct raw_packet raw = frame_raw(&f, captured, o->link_type);
            struct net_packet p;
            enum counter skipped;
            (void)send(b, o, &(struct piece){304, body - 304, false, 5, 0});
            if (net_decode(&raw, &p, &skipped) || skipped != COUNT_SKIPPED_FRAGMENT)
                raw_free(&raw);
            else
                (void)take(b, &raw);
            seen += send(b, o, &(struct piece){104, 200, true, 5, 0}) != NULL;
            seen += send(b, o, &(struct piece){0, 104, true, 5, 0}) != NULL;
            b->now_ns += 61 * (int64_t)SECOND;
        }
        assert_true(seen > 256); /* most damage is in one of three: the other two and a sound one complete it */
        raw_free(&seed);
        arena_close(&b->arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_gives_the_packet), cmocka_unit_test(fragments_in_fragments),   cmocka_unit_test(time_runs_out),
        cmocka_unit_test(the_old_go_by_themselves),     cmocka_unit_test(keys_keep_apart),          cmocka_unit_test(cut_captures),
        cmocka_unit_test(the_largest),                  cmocka_unit_test(memory_is_bounded),        cmocka_unit_test(numbers_come_again),
               cmocka_unit_test(larger_than_memory),
        cmocka_unit_test(a_datagram_stays),             cmocka_unit_test(differences_are_told),     cmocka_unit_test(damage_is_borne),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
