/* Linux's packet sockets: see live_socket.h. Apart from live.c because libpcap's and the kernel's BPF names collide. */
#include "capture/live_socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

bool live_socket_shut(int descriptor)
{
    struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
    const struct sock_fprog program = {1, &nothing};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool live_socket_open(int descriptor)
{
    const int unused = 0;
    return setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) == 0 || errno == ENOENT;
}

/* ---- sharing an interface */

enum { IPV4_PLAIN = 0x45, NOT_FRAGMENT_MASK = 0x3fff, TCP = 6, PROGRAM_MOST = 64 };

struct program {
    struct sock_filter code[PROGRAM_MOST];
    unsigned short used;
    unsigned short doubts[8], doubts_used; /* jumps to the end, when it is not what it takes */
};

static void emit(struct program *p, unsigned code, uint32_t k)
{
    p->code[p->used++] = (struct sock_filter){.code = (uint16_t)code, .k = k};
}

/* From the network header on, wherever the packet's data begin (the kernel's sockets differ in that). */
static void load(struct program *p, unsigned size, int at)
{
    emit(p, BPF_LD | size | BPF_ABS, (uint32_t)(SKF_NET_OFF + at));
}

/* Jumps when the test says `jumps`; the place is known later. */
static void doubt(struct program *p, unsigned test, uint32_t k, bool jumps)
{
    p->doubts[p->doubts_used++] = p->used;
    emit(p, BPF_JMP | test | BPF_K, k);
    p->code[p->used - 1].jt = jumps;
    p->code[p->used - 1].jf = !jumps;
}

/* The sum of two does not know which came first; that of their differing bits neither. */
static void load_xor(struct program *p, unsigned size, int first, int last, int step)
{
    load(p, size, first);
    for (int at = first + step; at <= last; at += step) {
        emit(p, BPF_MISC | BPF_TAX, 0);
        load(p, size, at);
        emit(p, BPF_ALU | BPF_XOR | BPF_X, 0);
    }
}

static void mix(struct program *p, const uint32_t key[2], int addresses, int addresses_last, int ports)
{
    load_xor(p, BPF_H, ports, ports + 2, 2);
    emit(p, BPF_ALU | BPF_MUL | BPF_K, key[0] | 1);
    emit(p, BPF_ST, 0);
    load_xor(p, BPF_W, addresses, addresses_last, 4);
    emit(p, BPF_LDX | BPF_MEM, 0);
    emit(p, BPF_ALU | BPF_XOR | BPF_X, 0);
    emit(p, BPF_ALU | BPF_MUL | BPF_K, key[1] | 1);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, 16);
    emit(p, BPF_RET | BPF_A, 0);
}

static void write_program(struct program *p, const uint32_t key[2])
{
    emit(p, BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP);
    const unsigned short other = (unsigned short)(p->used - 1);
    load(p, BPF_B, 0);
    doubt(p, BPF_JEQ, IPV4_PLAIN, false);
    load(p, BPF_B, 9);
    doubt(p, BPF_JEQ, TCP, false);
    load(p, BPF_H, 6);
    doubt(p, BPF_JSET, NOT_FRAGMENT_MASK, true);
    mix(p, key, 12, 16, 20);
    p->code[other].jf = (uint8_t)(p->used - other - 1);
    emit(p, BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
    doubt(p, BPF_JEQ, ETH_P_IPV6, false);
    load(p, BPF_B, 6);
    doubt(p, BPF_JEQ, TCP, false);
    mix(p, key, 8, 36, 40);
    for (unsigned i = 0; i < p->doubts_used; i++) {
        struct sock_filter *from = &p->code[p->doubts[i]];
        uint8_t by = (uint8_t)(p->used - p->doubts[i] - 1);
        from->jt = from->jt ? by : 0;
        from->jf = from->jf ? by : 0;
    }
    emit(p, BPF_RET | BPF_K, 0);
}

bool live_socket_share(const int *descriptors, size_t count)
{
    struct program p = {0};
    uint32_t key[2];
    int group = (PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
    socklen_t length = sizeof group;
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key || setsockopt(descriptors[0], SOL_PACKET, PACKET_FANOUT, &group, sizeof group) != 0 ||
        getsockopt(descriptors[0], SOL_PACKET, PACKET_FANOUT, &group, &length) != 0)
        return false;
    /* The number that the kernel found is used as it is. */
    group = (group & 0xffff) | PACKET_FANOUT_CBPF << 16;
    for (size_t i = 1; i < count; i++)
        if (setsockopt(descriptors[i], SOL_PACKET, PACKET_FANOUT, &group, sizeof group) != 0)
            return false;
    write_program(&p, key);
    const struct sock_fprog program = {p.used, p.code};
    return setsockopt(descriptors[0], SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program) == 0;
}

/* ---- the interface */

static bool read_flags(int descriptor, const char *interface, short *flags)
{
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
    if (ioctl(descriptor, SIOCGIFFLAGS, &request) != 0)
        return false;
    *flags = request.ifr_flags;
    return true;
}

bool live_socket_link_is_up(int descriptor, const char *interface)
{
    short flags;
    return !read_flags(descriptor, interface, &flags) || ((flags & IFF_UP) && (flags & IFF_RUNNING));
}

bool live_socket_is_loopback(int descriptor, const char *interface)
{
    short flags;
    return !read_flags(descriptor, interface, &flags) || (flags & IFF_LOOPBACK);
}
