/* Linux's packet sockets: see live_socket.h. Apart from live.c because libpcap's and the kernel's BPF names collide. */
#include "capture/live_socket.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

bool live_socket_shut(int descriptor)
{
    struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
    const struct sock_fprog program = {1, &nothing};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool live_socket_join(int descriptor, uint16_t group)
{
    /* Fragments have no ports to hash, so the kernel puts them together first. */
    const unsigned how = group | (unsigned)(PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG) << 16;
    return setsockopt(descriptor, SOL_PACKET, PACKET_FANOUT, &how, sizeof how) == 0;
}

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
