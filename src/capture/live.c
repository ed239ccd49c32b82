/*
 * Live capture: see live.h. pcap_dispatch hands packets out of the kernel's ring; each is copied once into a buffer, since
 * the ring's block goes back to the kernel when the call returns.
 */
#include "capture/live.h"

#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

enum {
    SNAPLEN = 262144, /* as tcpdump: more than any frame, offloaded ones included */
    READ_TIMEOUT_MS = 100,
    BUFFER = 4 * 1024 * 1024,
    RETRY_NS = 500000000,
    RING_DEFAULT = 64 * 1024 * 1024,
};

struct live {
    struct live_options options;
    pcap_t *handle; /* NULL: the interface is away */
    bool nanoseconds;
    uint16_t link_type;
    unsigned kernel_drops, interface_drops; /* of this handle, as last read */
    uint64_t lost_kernel, lost_interface;   /* of handles that are gone, not counted yet */
    struct timespec retried;
    /* The batch that is being filled. */
    struct raw_packet *batch;
    size_t used, most, bytes_used;
    uint64_t *number;
    uint8_t buffer[BUFFER];
};

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
    /* libpcap waits without end for a first packet (TPACKET_V3), so the waiting is ours. */
    if (pcap_setnonblock(handle, 1, text) != 0) {
        pcap_close(handle);
        return error_set(why, EXIT_NO_CAPTURE, "cannot capture on %s: %s", l->options.interface, text);
    }
    l->link_type = (uint16_t)pcap_datalink(handle);
    l->kernel_drops = l->interface_drops = 0;
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
    return !l->handle;
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
    if (l->used == l->most || BUFFER - l->bytes_used < SNAPLEN)
        pcap_breakloop(l->handle);
}

static void read_drops(struct live *l)
{
    struct pcap_stat now;
    if (!l->handle || pcap_stats(l->handle, &now) != 0)
        return;
    l->lost_kernel += now.ps_drop - l->kernel_drops;
    l->lost_interface += now.ps_ifdrop - l->interface_drops;
    l->kernel_drops = now.ps_drop;
    l->interface_drops = now.ps_ifdrop;
}

/* Down is not away: the socket stays bound and delivers again once the interface is up. Away is a new interface later. */
static void look_at_trouble(struct live *l)
{
    char text[PCAP_ERRBUF_SIZE];
    snprintf(text, sizeof text, "%s", pcap_geterr(l->handle));
    read_drops(l);
    pcap_close(l->handle);
    l->handle = NULL;
    log_notice("%s: %s; waiting for it to come back", l->options.interface, text);
}

static void try_to_return(struct live *l)
{
    struct timespec now;
    struct error why;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - l->retried.tv_sec) * 1000000000L + (now.tv_nsec - l->retried.tv_nsec) < RETRY_NS) {
        nanosleep(&(struct timespec){.tv_nsec = READ_TIMEOUT_MS * 1000000L}, NULL);
        return;
    }
    l->retried = now;
    if (attach(l, &why))
        log_notice("%s is back", l->options.interface);
}

size_t live_read(struct live *l, struct raw_packet *batch, size_t most, uint64_t *number)
{
    if (!l->handle) {
        try_to_return(l);
        return 0;
    }
    l->batch = batch;
    l->used = l->bytes_used = 0;
    l->most = most < BUFFER / 65536 ? most : BUFFER / 65536;
    l->number = number;
    int status = pcap_dispatch(l->handle, (int)l->most, take_packet, (u_char *)l);
    if (status == 0) {
        struct pollfd ready = {.fd = pcap_get_selectable_fd(l->handle), .events = POLLIN};
        if (poll(&ready, 1, READ_TIMEOUT_MS) > 0)
            status = pcap_dispatch(l->handle, (int)l->most, take_packet, (u_char *)l);
    }
    if (status == PCAP_ERROR)
        look_at_trouble(l);
    return l->used;
}

void live_count_drops(struct live *l, struct counters *counters)
{
    read_drops(l);
    count_many(counters, COUNT_PACKETS_KERNEL_DROPS, l->lost_kernel);
    count_many(counters, COUNT_INTERFACE_DROPS, l->lost_interface);
    l->lost_kernel = l->lost_interface = 0;
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
