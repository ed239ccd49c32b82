/* Packets of a drill: Ethernet, IPv4 and TCP with right checksums, and the pcap file. See drill.h. */
#include "app/drill.h"

#include <stdlib.h>
#include <string.h>

#include "base/network_order.h"

enum { ETHERNET = 14, IP = 20, TCP = 20, HEADERS = ETHERNET + IP + TCP, SEGMENT = 1448, RECORD = 16 };

static bool reserve(struct drill_wire *w, size_t length)
{
    if (w->size - w->used < length) {
        size_t size = w->size ? w->size * 2 : (size_t)1 << 20;
        uint8_t *bytes = realloc(w->bytes, size);
        if (!bytes)
            return false;
        w->bytes = bytes;
        w->size = size;
    }
    if (w->packets_used == w->packets_size) {
        size_t size = w->packets_size ? w->packets_size * 2 : 4096;
        struct drill_packet *packets = realloc(w->packets, size * sizeof *packets);
        if (!packets)
            return false;
        w->packets = packets;
        w->packets_size = size;
    }
    return true;
}

static uint32_t sum16(const uint8_t *at, size_t length, uint32_t sum)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)(at[i] << 8 | at[i + 1]);
    return length % 2 ? sum + (uint32_t)(at[length - 1] << 8) : sum;
}

static unsigned fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static void write_headers(uint8_t *at, const struct drill_connection *c, enum side from, unsigned flags, uint32_t seq, size_t length, uint64_t turn)
{
    bool up = from == FROM_CLIENT;
    const uint8_t client[4] = {10, 9, 0, c->client}, server[4] = {10, 9, 1, c->server};
    uint8_t *ip = at + ETHERNET, *tcp = ip + IP;
    const uint8_t stations[2][6] = {{2, 0, 0, 0, 0, up ? 2 : 1}, {2, 0, 0, 0, 0, up ? 1 : 2}};
    memset(at, 0, HEADERS);
    memcpy(at, stations, sizeof stations);
    network_put_16(at + 12, 0x0800);
    ip[0] = 0x45;
    network_put_16(ip + 2, (unsigned)(IP + TCP + length));
    network_put_16(ip + 4, (unsigned)turn & 0xffff);
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = 6;
    memcpy(ip + 12, up ? client : server, 4);
    memcpy(ip + 16, up ? server : client, 4);
    network_put_16(ip + 10, fold(sum16(ip, IP, 0)));
    network_put_16(tcp, up ? c->client_port : c->server_port);
    network_put_16(tcp + 2, up ? c->server_port : c->client_port);
    network_put_32(tcp + 4, seq);
    network_put_32(tcp + 8, flags & WIRE_ACK ? c->next[up ? FROM_SERVER : FROM_CLIENT] : 0);
    tcp[12] = 5 << 4;
    tcp[13] = (uint8_t)flags;
    network_put_16(tcp + 14, 64240);
    uint32_t sum = sum16(ip + 12, 8, 6 + TCP + (uint32_t)length);
    network_put_16(tcp + 16, fold(sum16(tcp, TCP + length, sum)));
}

static void packet(struct drill_wire *w, const struct drill_connection *c, enum side from, unsigned flags, uint32_t seq, const uint8_t *bytes,
                   size_t length, int64_t time_ns)
{
    if (!reserve(w, HEADERS + SEGMENT)) {
        w->failed = true;
        return;
    }
    uint8_t *at = w->bytes + w->used;
    if (length)
        memcpy(at + HEADERS, bytes, length);
    write_headers(at, c, from, flags, seq, length, w->packets_used);
    w->packets[w->packets_used] = (struct drill_packet){time_ns, w->packets_used, w->used, HEADERS + length};
    w->packets_used++;
    w->used += HEADERS + length;
}

void wire_send(struct drill_wire *w, struct drill_connection *c, enum side from, unsigned flags, const void *bytes, size_t length, int64_t time_ns)
{
    const uint8_t *at = bytes;
    do {
        size_t part = length < SEGMENT ? length : SEGMENT;
        packet(w, c, from, flags, c->next[from], at, part, time_ns);
        c->next[from] += (uint32_t)part + ((flags & (WIRE_SYN | WIRE_FIN)) != 0);
        length -= part;
        at += part;
    } while (length);
}

void wire_again(struct drill_wire *w, const struct drill_connection *c, enum side from, const void *bytes, size_t length, int64_t time_ns)
{
    packet(w, c, from, WIRE_PSH | WIRE_ACK, c->next[from] - (uint32_t)length, bytes, length, time_ns);
}

static int earlier(const void *a, const void *b)
{
    const struct drill_packet *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return x->turn < y->turn ? -1 : 1;
}

bool wire_write(struct drill_wire *w, FILE *out)
{
    const uint32_t head[] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 65535, 1};
    qsort(w->packets, w->packets_used, sizeof *w->packets, earlier);
    fwrite(head, sizeof head, 1, out);
    for (size_t i = 0; i < w->packets_used && !w->failed; i++) {
        const struct drill_packet *p = &w->packets[i];
        const uint32_t record[RECORD / 4] = {(uint32_t)(p->time_ns / 1000000000), (uint32_t)(p->time_ns % 1000000000), (uint32_t)p->length,
                                             (uint32_t)p->length};
        fwrite(record, sizeof record, 1, out);
        fwrite(w->bytes + p->at, p->length, 1, out);
    }
    return !w->failed && !ferror(out);
}

void wire_free(struct drill_wire *w)
{
    free(w->bytes);
    free(w->packets);
}
