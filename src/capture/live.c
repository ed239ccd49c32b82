/*
 * Live capture: see live.h. pcap_dispatch hands packets out of the kernel's ring; each is copied once into a buffer, since
 * the ring's block goes back to the kernel when the call returns.
 *
 * Every packet that the kernel counted for a handle is delivered, or counted as dropped when the handle goes. The kernel
 * hands over a block that is not full only after a while, also when the interface is gone meanwhile; so a handle is kept
 * for that long.
 */
#include "capture/live.h"

#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "capture/live_socket.h"

enum {
    SNAPLEN = 262144, /* as tcpdump: more than any frame, offloaded ones included */
    READ_TIMEOUT_MS = 100,
    BUFFER = 4 * 1024 * 1024,
    RING_DEFAULT = 64 * 1024 * 1024,
    RETRY_NS = 500000000,
    LOOK_NS = 1000000000, /* while packets come: every look stops the threads that decode */
    /* A block that is not full is handed over by a timer that looks at it twice, READ_TIMEOUT_MS apart. What a read that began
     * so long after the last packet came does not find is not there. */
    DRAIN_NS = 300000000,
};

struct live {
    struct live_options options;
    pcap_t *handle; /* NULL: the interface is away */
    bool nanoseconds;
    uint16_t link_type;
    struct pcap_stat stat;                /* of this handle, as last read */
    uint64_t offered, delivered;          /* of this handle: put into the ring, taken out of it */
    uint64_t lost_kernel, lost_interface; /* not counted yet */
    uint64_t went;                        /* times the interface went down or away, not counted yet */
    uint64_t taken;                       /* packets of all handles */
    bool loopback, down, refusal_told;
    bool leaving;        /* the interface is gone, the handle still holds packets */
    bool stopped, over;
    int64_t retried_ns, looked_ns, ended_ns; /* monotonic; the last: stopped or leaving */
    /* The batch that is being filled. */
    struct raw_packet *batch;
    size_t used, most, bytes_used;
    uint64_t *number;
    uint8_t buffer[BUFFER];
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Whether the kernel counts only packets that we are to have: one may slip into the ring before the filter is set, and
 * libpcap takes away the second copy that passes a loopback. */
static bool counts_are_ours(const struct live *l)
{
    return (!l->options.filter || !*l->options.filter) && !l->options.packets_most && !l->loopback;
}

static bool open_failed(struct live *l, pcap_t *handle, int status, struct error *why)
{
    const char *text = handle ? pcap_geterr(handle) : "";
    enum exit_code code = status == PCAP_ERROR_NO_SUCH_DEVICE ? EXIT_NO_INPUT
                          : status == PCAP_ERROR_PERM_DENIED  ? EXIT_NO_PERMISSION
                                                              : EXIT_NO_CAPTURE;
    const char *hint = code == EXIT_NO_PERMISSION ? "; run it as root, or give it the right: setcap cap_net_raw+ep $(which dbhound)" : "";
    error_set(why, code, "cannot capture on %s: %s%s%s%s", l->options.interface, pcap_statustostr(status), *text ? ": " : "", text, hint);
    if (handle)
        pcap_close(handle);
    return false;
}

static bool set_filter(struct live *l, pcap_t *handle, struct error *why)
{
    struct bpf_program program;
    if (!l->options.filter || !*l->options.filter)
        return true;
    if (pcap_compile(handle, &program, l->options.filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return error_set(why, EXIT_USAGE, "the filter \"%s\" is not valid: %s", l->options.filter, pcap_geterr(handle));
    int status = pcap_setfilter(handle, &program);
    pcap_freecode(&program);
    return status == 0 || error_set(why, EXIT_NO_CAPTURE, "the kernel refuses the filter: %s", pcap_geterr(handle));
}

static bool attach(struct live *l, struct error *why)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *handle = pcap_create(l->options.interface, text);
    if (!handle)
        return error_set(why, EXIT_NO_CAPTURE, "cannot capture on %s: %s", l->options.interface, text);
    pcap_set_snaplen(handle, SNAPLEN);
    pcap_set_promisc(handle, 1);
    pcap_set_timeout(handle, READ_TIMEOUT_MS);
    pcap_set_buffer_size(handle, l->options.ring_bytes ? (int)l->options.ring_bytes : RING_DEFAULT);
    l->nanoseconds = pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO) == 0;
    int status = pcap_activate(handle);
    if (status < 0)
        return open_failed(l, handle, status, why);
    if (!set_filter(l, handle, why)) {
        pcap_close(handle);
        return false;
    }
    if (l->options.fanout_group && !live_socket_join(pcap_fileno(handle), l->options.fanout_group)) {
        pcap_close(handle);
        return error_set(why, EXIT_NO_CAPTURE, "cannot share %s: the kernel refuses the group %u", l->options.interface,
                         l->options.fanout_group);
    }
    /* libpcap waits without end for a first packet (TPACKET_V3), so the waiting is ours. */
    if (pcap_setnonblock(handle, 1, text) != 0) {
        pcap_close(handle);
        return error_set(why, EXIT_NO_CAPTURE, "cannot capture on %s: %s", l->options.interface, text);
    }
    l->link_type = (uint16_t)pcap_datalink(handle);
    l->loopback = live_socket_is_loopback(pcap_fileno(handle), l->options.interface);
    l->stat = (struct pcap_stat){0};
    l->offered = l->delivered = 0;
    l->down = l->refusal_told = l->leaving = false;
    l->handle = handle;
    return true;
}

struct live *live_open(const struct live_options *options, struct error *why)
{
    struct live *l = calloc(1, sizeof *l);
    if (!l) {
        error_set(why, EXIT_INTERNAL, "no memory to capture");
        return NULL;
    }
    l->options = *options;
    if (!attach(l, why)) {
        free(l);
        return NULL;
    }
    return l;
}

void live_close(struct live *l)
{
    if (!l)
        return;
    if (l->handle)
        pcap_close(l->handle);
    free(l);
}

bool live_is_away(const struct live *l)
{
    return !l->handle || l->leaving;
}

/* Called by pcap_dispatch. A packet that has no room left is never asked for: see live_read. */
static void take_packet(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct live *l = (struct live *)(void *)context;
    int64_t part = l->nanoseconds ? header->ts.tv_usec : header->ts.tv_usec * INT64_C(1000);
    uint32_t captured = header->caplen < SNAPLEN ? header->caplen : SNAPLEN;
    memcpy(l->buffer + l->bytes_used, bytes, captured);
    l->batch[l->used++] = (struct raw_packet){
        .bytes = l->buffer + l->bytes_used,
        .captured = captured,
        .length = header->len > captured ? header->len : captured,
        .time_ns = (int64_t)header->ts.tv_sec * 1000000000 + part,
        .number = ++*l->number,
        .link_type = l->link_type,
    };
    l->bytes_used += captured;
    if (BUFFER - l->bytes_used < SNAPLEN)
        pcap_breakloop(l->handle);
}

static void read_drops(struct live *l)
{
    struct pcap_stat now;
    if (!l->handle || pcap_stats(l->handle, &now) != 0)
        return;
    /* What the kernel received includes what it dropped. All three wrap. */
    unsigned received = now.ps_recv - l->stat.ps_recv, dropped = now.ps_drop - l->stat.ps_drop;
    l->offered += received - dropped;
    l->lost_kernel += dropped;
    l->lost_interface += now.ps_ifdrop - l->stat.ps_ifdrop;
    l->stat = now;
}

/* Nothing more is read from this handle. */
static void settle(struct live *l)
{
    read_drops(l);
    if (counts_are_ours(l) && l->offered > l->delivered)
        l->lost_kernel += l->offered - l->delivered;
    l->offered = l->delivered;
}

/* Down is not away: the socket stays bound and delivers again once the interface is up. Away is a new interface later. */
static void look_at_trouble(struct live *l, int64_t now)
{
    if (l->leaving) {
        nanosleep(&(struct timespec){.tv_nsec = READ_TIMEOUT_MS * 1000000L / 2}, NULL);
        return;
    }
    l->leaving = true;
    l->ended_ns = now;
    l->went += !l->down;
    log_notice("%s: %s; waiting for it to come back", l->options.interface, pcap_geterr(l->handle));
}

static void leave(struct live *l)
{
    settle(l);
    pcap_close(l->handle);
    l->handle = NULL;
    l->retried_ns = 0;
}

static void look_at_link(struct live *l, int64_t now)
{
    l->looked_ns = now;
    bool down = !live_socket_link_is_up(pcap_fileno(l->handle), l->options.interface);
    if (l->leaving || down == l->down)
        return;
    l->down = down;
    l->went += down;
    log_notice(down ? "%s is down" : "%s is up again", l->options.interface);
}

static void try_to_return(struct live *l, int64_t now)
{
    struct error why;
    if (now - l->retried_ns < RETRY_NS) {
        nanosleep(&(struct timespec){.tv_nsec = READ_TIMEOUT_MS * 1000000L}, NULL);
        return;
    }
    l->retried_ns = now;
    if (attach(l, &why)) {
        log_notice("%s is back", l->options.interface);
    } else if (why.code == EXIT_NO_PERMISSION && !l->refusal_told) {
        l->refusal_told = true;
        log_error("%s", why.text);
    }
}

static int dispatch(struct live *l, size_t most)
{
    int status = pcap_dispatch(l->handle, (int)most, take_packet, (u_char *)l);
    if (status != 0)
        return status;
    struct pollfd ready = {.fd = pcap_get_selectable_fd(l->handle), .events = POLLIN};
    return poll(&ready, 1, READ_TIMEOUT_MS) > 0 ? pcap_dispatch(l->handle, (int)most, take_packet, (u_char *)l) : 0;
}

static size_t room(const struct live *l, size_t most)
{
    if (l->options.packets_most && l->options.packets_most - l->taken < most)
        most = (size_t)(l->options.packets_most - l->taken);
    return most < BUFFER / 65536 ? most : BUFFER / 65536;
}

static void end_batch(struct live *l, int64_t began)
{
    l->delivered += l->used;
    l->taken += l->used;
    bool drained = l->used == 0 && began - l->ended_ns >= DRAIN_NS;
    if (l->leaving && drained)
        leave(l);
    else if (l->used == 0)
        look_at_link(l, monotonic_ns());
    l->over |= (l->stopped && (drained || !l->handle)) || (l->options.packets_most && l->taken == l->options.packets_most);
}

size_t live_read(struct live *l, struct raw_packet *batch, size_t most, uint64_t *number)
{
    int64_t now = monotonic_ns();
    if (l->over)
        return 0;
    if (!l->handle) {
        try_to_return(l, now);
        return 0;
    }
    if (now - l->looked_ns >= LOOK_NS) {
        look_at_link(l, now);
        return 0;
    }
    l->batch = batch;
    l->used = l->bytes_used = 0;
    l->most = room(l, most);
    l->number = number;
    if (dispatch(l, l->most) == PCAP_ERROR)
        look_at_trouble(l, now);
    end_batch(l, now);
    return l->used;
}

void live_stop(struct live *l)
{
    l->stopped = true;
    l->over |= !l->handle;
    if (l->handle)
        live_socket_shut(pcap_fileno(l->handle));
    l->ended_ns = monotonic_ns();
}

bool live_is_over(const struct live *l)
{
    return l->over;
}

bool live_is_down(const struct live *l)
{
    return !live_is_away(l) && l->down;
}

void live_count_drops(struct live *l, struct counters *counters)
{
    if (l->over)
        settle(l);
    else
        read_drops(l);
    count_many(counters, COUNT_PACKETS_KERNEL_DROPS, l->lost_kernel);
    count_many(counters, COUNT_INTERFACE_DROPS, l->lost_interface);
    count_many(counters, COUNT_INTERFACE_WENT, l->went);
    l->lost_kernel = l->lost_interface = l->went = 0;
}

bool source_print_interfaces(struct error *why)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_if_t *all;
    if (pcap_findalldevs(&all, text) != 0)
        return error_set(why, EXIT_NO_CAPTURE, "cannot list the interfaces: %s", text);
    for (const pcap_if_t *i = all; i; i = i->next)
        printf("%s\t%s\n", i->name, i->description ? i->description : "");
    pcap_freealldevs(all);
    return true;
}
