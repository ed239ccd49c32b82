/* Who owns a packet: see spread.h. The usual layers are read here at a glance; for all others net_decode is asked. */
#include "app/spread.h"

#include <string.h>
#include <sys/random.h>

enum { HALVE_EVERY = 65536, ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_VLAN = 0x8100, IP_PROTOCOL_TCP = 6 };
enum { LINK_ETHERNET = 1, LINK_COOKED = 113, LINK_COOKED2 = 276 };

bool spread_open(struct spread *s, struct arena *from, unsigned workers)
{
    memset(s, 0, sizeof *s);
    s->workers = workers;
    s->until_halving = HALVE_EVERY;
    s->owner = arena_take(from, SPREAD_BUCKETS);
    if (getrandom(s->key, sizeof s->key, 0) != (ssize_t)sizeof s->key)
        return false;
    for (unsigned i = 0; i < 3; i++)
        s->key[i] |= 1;
    return s->owner != NULL;
}

/* An endpoint: the two halves of its address, and its port. */
struct place {
    uint64_t high, low;
    uint16_t port;
};

static uint64_t place_hash(const struct spread *s, const struct place *p)
{
    uint64_t h = (p->low ^ p->port) * s->key[0] ^ (p->high + p->port) * s->key[1];
    return (h ^ h >> 32) * s->key[2];
}

static uint32_t bucket_of(const struct spread *s, const struct place *a, const struct place *b)
{
    uint64_t sum = place_hash(s, a) + place_hash(s, b);
    return (uint32_t)((sum ^ sum >> 29) * s->key[0] >> 48) & (SPREAD_BUCKETS - 1);
}

static uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static struct place place_of(const struct endpoint *e)
{
    return (struct place){load_u64(e->address), load_u64(e->address + 8), e->port};
}

static uint32_t bucket_of_packet(const struct spread *s, const struct net_packet *packet)
{
    struct place a = place_of(&packet->source), b = place_of(&packet->target);
    return bucket_of(s, &a, &b);
}

/* The low half of ::ffff:a.b.c.d, as load_u64 would read it. */
static uint64_t mapped_low(const uint8_t *address)
{
    uint8_t low[8] = {0, 0, 0xff, 0xff};
    memcpy(low + 4, address, 4);
    return load_u64(low);
}

static uint16_t load_u16be(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* Reads the endpoints of an unfragmented TCP segment right behind a common link header. */
static bool glance(const struct raw_packet *raw, struct place *a, struct place *b)
{
    const uint8_t *at = raw->bytes;
    uint32_t left = raw->captured, head;
    uint16_t type;
    if (left < 64)
        return false;
    if (raw->link_type == LINK_ETHERNET) {
        head = 14;
        type = load_u16be(at + 12);
        if (type == ETHERTYPE_VLAN) {
            head = 18;
            type = load_u16be(at + 16);
        }
    } else if (raw->link_type == LINK_COOKED) {
        head = 16;
        type = load_u16be(at + 14);
    } else if (raw->link_type == LINK_COOKED2) {
        head = 20;
        type = load_u16be(at);
    } else {
        return false;
    }
    at += head;
    left -= head;
    if (type == ETHERTYPE_IPV4) {
        uint32_t length = (at[0] & 15u) * 4;
        if (at[0] >> 4 != 4 || length < 20 || at[9] != IP_PROTOCOL_TCP || (load_u16be(at + 6) & 0x3fff) || left < length + 20)
            return false;
        *a = (struct place){0, mapped_low(at + 12), load_u16be(at + length)};
        *b = (struct place){0, mapped_low(at + 16), load_u16be(at + length + 2)};
        return true;
    }
    if (type != ETHERTYPE_IPV6 || left < 60 || at[0] >> 4 != 6 || at[6] != IP_PROTOCOL_TCP)
        return false;
    *a = (struct place){load_u64(at + 8), load_u64(at + 16), load_u16be(at + 40)};
    *b = (struct place){load_u64(at + 24), load_u64(at + 32), load_u16be(at + 42)};
    return true;
}

static unsigned least_loaded(const struct spread *s)
{
    unsigned least = 0;
    for (unsigned i = 1; i < s->workers; i++)
        if (s->load[i] < s->load[least])
            least = i;
    return least;
}

unsigned spread_owner(struct spread *s, const struct raw_packet *raw, bool *fragment)
{
    struct place a, b;
    uint32_t bucket;
    if (glance(raw, &a, &b)) {
        bucket = bucket_of(s, &a, &b);
    } else {
        struct net_packet packet;
        enum counter skipped;
        if (!net_decode(raw, &packet, &skipped)) {
            *fragment = skipped == COUNT_SKIPPED_FRAGMENT;
            return 0;
        }
        bucket = bucket_of_packet(s, &packet);
    }
    if (!s->owner[bucket])
        s->owner[bucket] = (uint8_t)(least_loaded(s) + 1);
    unsigned owner = s->owner[bucket] - 1u;
    s->load[owner]++;
    if (--s->until_halving == 0) {
        s->until_halving = HALVE_EVERY;
        for (unsigned i = 0; i < s->workers; i++)
            s->load[i] /= 2;
    }
    return owner;
}

bool spread_is_owner(const struct spread *s, const struct net_packet *packet, unsigned worker)
{
    return s->owner[bucket_of_packet(s, packet)] == worker + 1;
}
