/* libndpi: see classify.h. Its interface wants packets, so the bytes of a stream get headers of their own; ports are not guessed by. */
#include "proto/classify.h"

#include <ndpi/ndpi_api.h>
#include <stdlib.h>

#include "base/network_order.h"
#include "model/name.h"

enum { IP_BYTES = 20, TCP_BYTES = 20, HEADERS = IP_BYTES + TCP_BYTES };

struct classified {
    struct ndpi_flow_struct *flow;
    ndpi_protocol is;
    uint8_t packets;
};

struct classifier {
    struct ndpi_detection_module_struct *module;
    bool asked;         /* for a module; it may not have come */
    size_t flow_bytes;  /* of libndpi's own */
    struct pool pool;   /* of struct classified and the flow behind it */
    struct classified *scratch;
    uint8_t packet[HEADERS + CLASSIFY_BYTES_MAX];
};

struct classifier *classifier_open(struct arena *from)
{
    struct classifier *c = arena_take(from, sizeof *c);
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    c->flow_bytes = ndpi_detection_get_sizeof_ndpi_flow_struct();
    size_t slot = (sizeof(struct classified) + 15) / 16 * 16 + c->flow_bytes;
    c->scratch = arena_take(from, slot);
    return c->scratch && pool_open(&c->pool, from, slot, CLASSIFY_FLOWS) ? c : NULL;
}

void classifier_close(struct classifier *c)
{
    if (c && c->module)
        ndpi_exit_detection_module(c->module);
    if (c)
        c->module = NULL;
}

static bool module_ready(struct classifier *c)
{
    if (c->asked)
        return c->module != NULL;
    NDPI_PROTOCOL_BITMASK all;
    c->asked = true;
    c->module = ndpi_init_detection_module(ndpi_dont_load_tor_hosts | ndpi_dont_init_libgcrypt);
    if (!c->module)
        return false;
    NDPI_BITMASK_SET_ALL(all);
    ndpi_set_protocol_detection_bitmask2(c->module, &all);
    ndpi_finalize_initialization(c->module);
    return true;
}

static struct classified *begin(struct classifier *c, struct classified *of)
{
    of->flow = (void *)((uint8_t *)of + (sizeof *of + 15) / 16 * 16);
    of->packets = 0;
    of->is = (ndpi_protocol)NDPI_PROTOCOL_NULL;
    memset(of->flow, 0, c->flow_bytes);
    return of;
}

struct classified *classified_begin(struct classifier *c)
{
    struct classified *of = module_ready(c) ? pool_take_dirty(&c->pool) : NULL;
    return of ? begin(c, of) : NULL;
}

/* Addresses say nothing of a protocol: two private ones stand for both ends. */
static size_t write_packet(uint8_t *packet, const struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    enum { IPV4 = 0x45, TTL = 64, TCP = 6, WORDS_5 = 0x50, PSH_ACK = 0x18, WINDOW = 0xffff };
    static const uint8_t ends[2][4] = {{10, 0, 0, 1}, {10, 0, 0, 2}};
    uint8_t *tcp = packet + IP_BYTES;
    const struct endpoint *source = from == FROM_CLIENT ? &flow->client : &flow->server;
    const struct endpoint *target = from == FROM_CLIENT ? &flow->server : &flow->client;
    memset(packet, 0, HEADERS);
    packet[0] = IPV4;
    network_put_16(packet + 2, (unsigned)(HEADERS + bytes.length));
    packet[8] = TTL;
    packet[9] = TCP;
    memcpy(packet + 12, ends[from], 4);
    memcpy(packet + 16, ends[other_side(from)], 4);
    network_put_16(tcp, source->port);
    network_put_16(tcp + 2, target->port);
    network_put_32(tcp + 4, (uint32_t)where->stream_offset + 1);
    network_put_32(tcp + 8, 1);
    tcp[12] = WORDS_5;
    tcp[13] = PSH_ACK;
    network_put_16(tcp + 14, WINDOW);
    memcpy(packet + HEADERS, bytes.bytes, bytes.length);
    return HEADERS + bytes.length;
}

bool classified_bytes(struct classifier *c, struct classified *of, const struct flow *flow, enum side from, struct view bytes,
                      const struct segment *where)
{
    size_t length = write_packet(c->packet, flow, from, view_head(bytes, CLASSIFY_BYTES_MAX), where);
    uint64_t ms = where->time_ns > 0 ? (uint64_t)where->time_ns / 1000000 : 0;
    of->is = ndpi_detection_process_packet(c->module, of->flow, c->packet, (unsigned short)length, ms);
    of->packets++;
    return of->packets == CLASSIFY_PACKETS_MAX || of->is.app_protocol || of->is.master_protocol;
}

static uint16_t finish(struct classifier *c, struct classified *of, uint64_t *risks)
{
    uint8_t guessed = 0;
    if (!of->is.app_protocol && !of->is.master_protocol)
        of->is = ndpi_detection_giveup(c->module, of->flow, 0, &guessed);
    uint16_t spoken = of->is.master_protocol ? of->is.master_protocol : of->is.app_protocol;
    if (risks)
        *risks = of->flow->risk;
    ndpi_free_flow_data(of->flow);
    return guessed || !name_of(NAMES_spoken, spoken) ? SPOKEN_UNKNOWN : spoken;
}

uint16_t classified_end(struct classifier *c, struct classified *of, uint64_t *risks)
{
    uint16_t spoken = finish(c, of, risks);
    pool_give(&c->pool, of);
    return spoken;
}

uint16_t classify_once(struct classifier *c, const struct flow *flow, enum side from, struct view bytes, const struct segment *where)
{
    if (!module_ready(c) || !bytes.length)
        return SPOKEN_UNKNOWN;
    begin(c, c->scratch);
    (void)classified_bytes(c, c->scratch, flow, from, bytes, where);
    return finish(c, c->scratch, NULL);
}

bool classify_is_distinct(uint16_t spoken)
{
    static const uint16_t distinct[] = {
        SPOKEN_LDAP, SPOKEN_KERBEROS, SPOKEN_SMTP, SPOKEN_MQTT, SPOKEN_RTSP, SPOKEN_SIP, SPOKEN_VNC, SPOKEN_DCE_RPC, SPOKEN_AMQP, SPOKEN_BITTORRENT,
        SPOKEN_BGP, SPOKEN_MODBUS, SPOKEN_DNP3, SPOKEN_S7COMM, SPOKEN_NFS, SPOKEN_RSYNC, SPOKEN_TELNET, SPOKEN_GIT, SPOKEN_JABBER,
    };
    for (size_t i = 0; i < sizeof distinct / sizeof distinct[0]; i++)
        if (distinct[i] == spoken)
            return true;
    return false;
}
