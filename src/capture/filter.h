/* A BPF expression in tcpdump's syntax, compiled once for every link type that packets come with. */
#ifndef DBHOUND_CAPTURE_FILTER_H
#define DBHOUND_CAPTURE_FILTER_H

#include <pcap/pcap.h>
#include <stdbool.h>

#include "base/error.h"
#include "capture/packet.h"

enum { FILTER_LINK_TYPES_MOST = 16 };

enum filter_answer { FILTER_PASSES, FILTER_EXCLUDES, FILTER_CANNOT_TELL /* not an expression for this link type */ };

struct filter_program {
    struct bpf_program program;
    uint16_t link_type;
    bool usable;
};

struct filter {
    const char *expression; /* the caller's; NULL: everything passes */
    unsigned count;
    struct filter_program programs[FILTER_LINK_TYPES_MOST];
};

/* False when the expression compiles for no common link type. */
bool filter_open(struct filter *f, const char *expression, struct error *why) MUST_CHECK;
enum filter_answer filter_ask(struct filter *f, const struct raw_packet *packet);
void filter_close(struct filter *f);

#endif
