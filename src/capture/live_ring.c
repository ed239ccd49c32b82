/*
 * One packet socket and its ring: see live_ring.h. pcap_dispatch hands packets out of the kernel's ring; each is copied once
 * into a buffer, since the ring's block goes back to the kernel when the call returns.
 */
#include "capture/live_ring.h"

#include <string.h>
#include <time.h>

#include "capture/live_socket.h"

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool open_failed(const struct live_options *options, pcap_t *handle, int status, struct error *why)
{
    const char *text = handle ? pcap_geterr(handle) : "";
    enum exit_code code = status == PCAP_ERROR_NO_SUCH_DEVICE ? EXIT_NO_INPUT
                          : status == PCAP_ERROR_PERM_DENIED  ? EXIT_NO_PERMISSION
                                                              : EXIT_NO_CAPTURE;
    const char *hint = code == EXIT_NO_PERMISSION ? "; run it as root, or give it the right: setcap cap_net_raw+ep $(which dbhound)" : "";
    error_set(why, code, "cannot capture on %s: %s%s%s%s", options->interface, pcap_statustostr(status), *text ? ": " : "", text, hint);
    if (handle)
        pcap_close(handle);
    return false;
}

static bool set_filter(const struct live_options *options, pcap_t *handle, struct error *why)
{
    struct bpf_program program;
    if (!options->filter || !*options->filter)
        return true;
    if (pcap_compile(handle, &program, options->filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return error_set(why, EXIT_USAGE, "the filter \"%s\" is not valid: %s", options->filter, pcap_geterr(handle));
    int status = pcap_setfilter(handle, &program);
    pcap_freecode(&program);
    return status == 0 || error_set(why, EXIT_NO_CAPTURE, "the kernel refuses the filter: %s", pcap_geterr(handle));
}

/* The clock that was asked for, or the card's own where it is kept in step with the host's. */
static bool set_stamps(const struct live_options *options, pcap_t *handle, struct error *why)
{
    int *types, count = pcap_list_tstamp_types(handle, &types), wanted = options->stamps ? pcap_tstamp_type_name_to_val(options->stamps) : PCAP_TSTAMP_ADAPTER;
    bool offered = options->stamps && wanted == PCAP_TSTAMP_HOST;
    for (int i = 0; i < count; i++)
        offered |= types[i] == wanted;
    if (count > 0)
        pcap_free_tstamp_types(types);
    if (!offered)
        return !options->stamps || error_set(why, EXIT_USAGE, "%s does not offer the time stamps '%s'; it may offer: host, adapter, adapter_unsynced", options->interface,
                                             wanted < 0 ? "of that name" : options->stamps);
    int status = pcap_set_tstamp_type(handle, wanted);
    return status == 0 || status == PCAP_WARNING_TSTAMP_TYPE_NOTSUP ||
           error_set(why, EXIT_NO_CAPTURE, "cannot use the time stamps of %s: %s", options->interface, pcap_statustostr(status));
}

static pcap_t *create(struct live_ring *r, const struct live_options *options, size_t bytes, struct error *why)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *handle = pcap_create(options->interface, text);
    if (!handle) {
        error_set(why, EXIT_NO_CAPTURE, "cannot capture on %s: %s", options->interface, text);
        return NULL;
    }
    pcap_set_snaplen(handle, RING_SNAPLEN);
    pcap_set_promisc(handle, 1);
    pcap_set_timeout(handle, RING_BLOCK_MS);
    pcap_set_buffer_size(handle, (int)bytes);
    r->nanoseconds = pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO) == 0;
    return handle;
}

/* Turning on a card's stamps takes a right that is given up once the interface is open: when it comes back, the host's have to do. */
static pcap_t *activate(struct live_ring *r, const struct live_options *options, size_t bytes, struct error *why)
{
    pcap_t *handle = create(r, options, bytes, why);
    if (handle && !set_stamps(options, handle, why)) {
        pcap_close(handle);
        return NULL;
    }
    int status = handle ? pcap_activate(handle) : 0;
    if (handle && status == PCAP_ERROR_PERM_DENIED && r->attached_before) {
        pcap_close(handle);
        status = (handle = create(r, options, bytes, why)) ? pcap_activate(handle) : 0;
    }
    if (handle && status < 0) {
        open_failed(options, handle, status, why);
        return NULL;
    }
    return handle;
}

bool ring_attach(struct live_ring *r, const struct live_options *options, size_t bytes, bool shut, struct error *why)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    pcap_t *handle = activate(r, options, bytes, why);
    if (!handle)
        return false;
    /* libpcap waits without end for a first packet (TPACKET_V3), so the waiting is the caller's. */
    if ((shut && !live_socket_shut(pcap_fileno(handle))) || pcap_setnonblock(handle, 1, text) != 0) {
        pcap_close(handle);
        return error_set(why, EXIT_NO_CAPTURE, "cannot capture on %s: %s", options->interface, text);
    }
    r->link_type = (uint16_t)pcap_datalink(handle);
    r->loopback = live_socket_is_loopback(pcap_fileno(handle), options->interface);
    r->stat = (struct pcap_stat){0};
    r->offered = r->delivered = 0;
    r->at = r->used = 0;
    r->latest_ns = INT64_MIN;
    r->attached_before = true;
    r->handle = handle;
    return true;
}

static void throw_away(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)context;
    (void)header;
    (void)bytes;
}

void ring_discard(struct live_ring *r)
{
    while (pcap_dispatch(r->handle, -1, throw_away, NULL) > 0)
        continue;
    (void)pcap_stats(r->handle, &r->stat);
}

bool ring_let_in(struct live_ring *r, const struct live_options *options, struct error *why)
{
    if (options->filter && *options->filter)
        return set_filter(options, r->handle, why);
    return live_socket_open(pcap_fileno(r->handle)) || error_set(why, EXIT_NO_CAPTURE, "the kernel keeps a filter on %s", options->interface);
}

/* Called by pcap_dispatch. A packet that has no room left is never asked for: see ring_fill. */
static void take_packet(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct live_ring *r = (struct live_ring *)(void *)context;
    int64_t part = r->nanoseconds ? header->ts.tv_usec : header->ts.tv_usec * INT64_C(1000);
    uint32_t captured = header->caplen < RING_SNAPLEN ? header->caplen : RING_SNAPLEN;
    memcpy(r->buffer + r->bytes_used, bytes, captured);
    r->queue[r->used++] = (struct raw_packet){
        .bytes = r->buffer + r->bytes_used,
        .captured = captured,
        .length = header->len > captured ? header->len : captured,
        .time_ns = (int64_t)header->ts.tv_sec * 1000000000 + part,
        .link_type = r->link_type,
    };
    r->bytes_used += captured;
    if (RING_BUFFER - r->bytes_used < RING_SNAPLEN)
        pcap_breakloop(r->handle);
}

bool ring_fill(struct live_ring *r, size_t most)
{
    r->at = r->used = r->bytes_used = 0;
    r->filled_wall_ns = clock_ns(CLOCK_REALTIME);
    r->filled_ns = clock_ns(CLOCK_MONOTONIC);
    most = most < RING_QUEUE ? most : RING_QUEUE;
    int status = pcap_dispatch(r->handle, (int)most, take_packet, (u_char *)r);
    r->drained = r->used == 0;
    r->delivered += r->used;
    if (r->used)
        r->latest_ns = r->queue[r->used - 1].time_ns;
    return status != PCAP_ERROR;
}

void ring_read_drops(struct live_ring *r, struct ring_lost *lost)
{
    struct pcap_stat now;
    if (!r->handle || pcap_stats(r->handle, &now) != 0)
        return;
    /* What the kernel received includes what it dropped. All three wrap. */
    unsigned received = now.ps_recv - r->stat.ps_recv, dropped = now.ps_drop - r->stat.ps_drop;
    r->offered += received - dropped;
    lost->kernel += dropped;
    lost->interface += now.ps_ifdrop - r->stat.ps_ifdrop;
    r->stat = now;
}

void ring_close(struct live_ring *r)
{
    if (r->handle)
        pcap_close(r->handle);
    r->handle = NULL;
    r->at = r->used = 0;
}
