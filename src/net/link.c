/* Link layers: Ethernet and its tags, Linux cooked captures, BSD loopback, bare IP. IEEE 802.3, 802.1Q, 802.1ad; the
 * LINKTYPE_ registry of tcpdump.org. */
#include "net/decode.h"
#include "net/wire.h"

enum {
    ETHERTYPE_LEAST = 0x0600, /* smaller numbers are the length of an LLC frame */
    ARPHRD_FRAD = 770,
    ARPHRD_IEEE80211 = 801,
    ARPHRD_IEEE80211_RADIOTAP = 803,
    ARPHRD_NETLINK = 824,
};

static enum layer decode_ethertype(struct decoding *d, uint16_t type)
{
    return type < ETHERTYPE_LEAST ? decode_skip(d, COUNT_SKIPPED_NOT_IP) : decode_carried(d, BY_ETHERTYPE, type);
}

enum layer decode_ethernet(struct decoding *d)
{
    const uint8_t *header = decode_header(d, 14);
    return header ? decode_ethertype(d, wire_u16(header + 12)) : LAYER_NONE;
}

enum layer decode_vlan(struct decoding *d)
{
    if (d->tags++ == VLAN_TAGS_MAX)
        return decode_skip(d, COUNT_SKIPPED_DEPTH);
    const uint8_t *header = decode_header(d, 4);
    if (!header)
        return LAYER_NONE;
    /* Identifier 0 only carries a priority: it names no VLAN. */
    if (!d->out->vlan)
        d->out->vlan = wire_u16(header) & 0x0fff;
    return decode_ethertype(d, wire_u16(header + 2));
}

/* In cooked headers the protocol is an ethertype only for hardware that has such. */
static enum layer decode_cooked_protocol(struct decoding *d, uint16_t hardware, uint16_t protocol)
{
    bool other = hardware == ARPHRD_NETLINK || hardware == ARPHRD_FRAD ||
                 (hardware >= ARPHRD_IEEE80211 && hardware <= ARPHRD_IEEE80211_RADIOTAP);
    return other ? decode_skip(d, COUNT_SKIPPED_NOT_IP) : decode_ethertype(d, protocol);
}

enum layer decode_cooked(struct decoding *d)
{
    const uint8_t *header = decode_header(d, 16);
    return header ? decode_cooked_protocol(d, wire_u16(header + 2), wire_u16(header + 14)) : LAYER_NONE;
}

enum layer decode_cooked2(struct decoding *d)
{
    const uint8_t *header = decode_header(d, 20);
    return header ? decode_cooked_protocol(d, wire_u16(header + 8), wire_u16(header)) : LAYER_NONE;
}

/* The address family in the byte order of the machine that captured it (0) or of the network (108); small numbers tell. */
enum layer decode_loopback(struct decoding *d)
{
    const uint8_t *header = decode_header(d, 4);
    if (!header)
        return LAYER_NONE;
    uint32_t family = wire_u32(header);
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    return decode_carried(d, BY_ADDRESS_FAMILY, family);
}

enum layer decode_raw(struct decoding *d)
{
    if (cursor_left(&d->at) == 0)
        return decode_skip(d, COUNT_SKIPPED_TRUNCATED);
    switch (peek_u8(&d->at) >> 4) {
    case 4:
        return LAYER_IPV4;
    case 6:
        return LAYER_IPV6;
    default:
        return decode_skip(d, COUNT_SKIPPED_MALFORMED);
    }
}
