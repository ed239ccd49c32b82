/*
 * Where packets come from: capture files (pcap and pcapng, plain, gzip or zstd), directories, standard input, or a live
 * interface. Plain regular files are mapped and never copied.
 *
 * A damaged file gives what can be read; the rest is a `struct source_damage`, never an error.
 */
#ifndef DBHOUND_CAPTURE_SOURCE_H
#define DBHOUND_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/view.h"
#include "capture/packet.h"
#include "model/counter.h"

struct source;

struct source_damage {
    const char *path;    /* valid until source_close */
    uint64_t offset;     /* of the first byte that could not be read (in the uncompressed stream when compressed) */
    const char *reason;  /* a constant: "truncated packet header", ... */
};

struct source_options {
    const char *filter;  /* BPF expression in tcpdump's syntax, or NULL */
    struct counters *counters; /* received, bytes, cut and filter counts go here */
};

/* Files, directories (their *.pcap, *.pcapng, *.cap, *.dmp, also numbered as by tcpdump -C, also .gz and .zst, sorted by
 * name with numbers as numbers) or "-". Opens and checks the first bytes of nothing yet but that each path exists
 * (EXIT_NO_INPUT), may be read (EXIT_NO_PERMISSION) and the filter compiles (EXIT_USAGE). */
struct source *source_open_files(const char *const *paths, size_t count, const struct source_options *options,
                                 struct error *why) MUST_CHECK;
/* Who is given the key logs of TLS that stand in pcapng files (Decryption Secrets Blocks): the text, valid during the call, and how
 * many packets of the run come before it. Before the first source_read; called from within it. */
void source_on_secrets(struct source *s, void (*take)(void *context, struct view text, uint64_t packets), void *context);
/* Up to `most` packets, 0 at the end. The packets and their bytes stay valid until the next call, and until source_close
 * where `stable` (below) is true. Packets that the filter excludes are counted and not delivered. */
size_t source_read(struct source *s, struct raw_packet *batch, size_t most);
/* Whether the bytes of the batch just read stay where they are until source_close (a mapped file). */
bool source_is_stable(const struct source *s);
/* Damage found so far; i counts from 0; false past the end. */
bool source_damage(const struct source *s, size_t i, struct source_damage *out);
/* Bytes read and to read of all files (0 when unknown), for a progress bar; the file being read. */
void source_progress(const struct source *s, uint64_t *done, uint64_t *all, const char **path);
void source_close(struct source *s);

/* ---- live */

enum { LIVE_RINGS_MAX = 32 };

struct live_options {
    const char *interface;
    const char *filter;        /* runs in the kernel, so what it excludes is never received; or NULL */
    size_t ring_bytes;         /* of each of the kernel's rings; 0: 64 MiB for one, 128 MiB for several together */
    uint64_t packets_most;     /* over after so many; 0: never by itself */
    /* 0 or 1: one ring. Else so many share the interface: the kernel spreads TCP connections over them. The order of packets is
     * that of their times all the same. */
    size_t rings;
    /* libpcap's name of a clock (host, adapter, ...), or NULL: the card's, if it is kept in step with the host's, else the host's. */
    const char *stamps;
    struct counters *counters;
};

/* EXIT_NO_INPUT: no such interface. EXIT_NO_PERMISSION, EXIT_NO_CAPTURE, EXIT_USAGE (filter). source_read then returns 0 when
 * nothing came for a tenth of a second, and once a second whatever comes, so that the caller can look around; source_is_over
 * tells that from the end.
 * An interface that goes down or away is waited for. */
struct source *source_open_live(const struct live_options *options, struct error *why) MUST_CHECK;
bool source_is_live(const struct source *s);
/* From now on nothing comes in; what the kernel holds is read until the source is over. Live only, as all below. */
void source_stop(struct source *s);
bool source_is_over(const struct source *s);
/* Brings the counters of dropped packets up to date. Once it is over, what was sent to the interface is received or
 * dropped, exactly; with a filter, packets_most or a loopback, where the kernel counts others too, what was in the ring of
 * an interface that went away may be missing. */
void source_count_drops(struct source *s);
/* The interface is gone, or there but down, now. */
bool source_is_away(const struct source *s);
bool source_is_down(const struct source *s);
/* Prints the interfaces that can be captured on, one a line: name, tab, description. */
bool source_print_interfaces(struct error *why) MUST_CHECK;

#endif
