/* BPF filters through libpcap: see capture/filter.h. */
#include "capture/filter.h"

#include <string.h>

/* LINKTYPE_ values that have another DLT_ value on this system; all others we may meet are the same in both. */
static int filter_dlt(uint16_t link_type)
{
    static const struct {
        uint16_t link_type;
        int dlt;
    } rows[] = {
        {14, DLT_RAW}, /* what OpenBSD's captures have for it */
        {100, DLT_ATM_RFC1483}, {101, DLT_RAW}, {102, DLT_SLIP_BSDOS}, {103, DLT_PPP_BSDOS}, {106, DLT_ATM_CLIP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].link_type == link_type)
            return rows[i].dlt;
    return link_type;
}

static bool filter_compile(struct filter_program *p, const char *expression, uint16_t link_type, struct error *why)
{
    *p = (struct filter_program){.link_type = link_type};
    pcap_t *dead = pcap_open_dead(filter_dlt(link_type), 262144);
    if (!dead)
        return why ? error_set(why, EXIT_INTERNAL, "no memory to compile the filter") : false;
    enum { OPTIMIZE = 1 };
    p->usable = pcap_compile(dead, &p->program, expression, OPTIMIZE, PCAP_NETMASK_UNKNOWN) == 0;
    if (!p->usable && why)
        error_set(why, EXIT_USAGE, "the filter \"%s\" is not valid: %s", expression, pcap_geterr(dead));
    pcap_close(dead);
    return p->usable;
}

bool filter_open(struct filter *f, const char *expression, struct error *why)
{
    static const uint16_t usual[] = {1 /* Ethernet */, 101 /* raw IP */, 113 /* Linux cooked */, 127 /* radiotap */};
    *f = (struct filter){.expression = expression};
    if (!expression)
        return true;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        struct filter_program *p = &f->programs[f->count];
        if (filter_compile(p, expression, usual[i], i ? NULL : why)) {
            f->count++;
            return true;
        }
    }
    return false;
}

static const struct filter_program *filter_for(struct filter *f, uint16_t link_type)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->programs[i].link_type == link_type)
            return &f->programs[i];
    if (f->count == FILTER_LINK_TYPES_MOST)
        return NULL;
    struct filter_program *p = &f->programs[f->count++];
    filter_compile(p, f->expression, link_type, NULL);
    return p;
}

enum filter_answer filter_ask(struct filter *f, const struct raw_packet *packet)
{
    if (!f->expression)
        return FILTER_PASSES;
    const struct filter_program *p = filter_for(f, packet->link_type);
    if (!p || !p->usable)
        return FILTER_CANNOT_TELL;
    return bpf_filter(p->program.bf_insns, packet->bytes, packet->length, packet->captured) ? FILTER_PASSES
                                                                                            : FILTER_EXCLUDES;
}

void filter_close(struct filter *f)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->programs[i].usable)
            pcap_freecode(&f->programs[i].program);
    *f = (struct filter){0};
}
