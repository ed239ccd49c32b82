/*
 * One datagram that is being put together: what Linux keeps in a fragment queue (inet_frag_queue_insert, ip_frag_queue,
 * ip6_frag_queue). Places are counted in units of 8 bytes: every fragment begins at one, and all but the last end at one.
 *
 * Linux keeps runs of fragments. A fragment inside one run is a duplicate, one that touches none is new, any other is an
 * overlap, also where two runs together cover it. A run grows only at the end of the datagram. Two bits for each unit say
 * the same: whether it has come, and whether a run begins there. For receivers that are said to be another system a run is
 * what is left of one fragment, and a table says which of two is believed (host_policy.h).
 */
#ifndef DBHOUND_NET_DATAGRAM_H
#define DBHOUND_NET_DATAGRAM_H

#include "net/fragments.h"

enum {
    FRAGMENT_UNIT = 8,
    /* The last place that an offset names, and the longest fragment from there: Linux keeps these, too. */
    FRAGMENT_UNITS = 16384,
    UNIT_WORDS = FRAGMENT_UNITS / 64,
    FRAGMENT_BLOCK = 2048,
    FRAGMENT_BLOCKS = 65536 / FRAGMENT_BLOCK,
    DATAGRAM_LENGTH_MAX = 65535,
    FRAGMENTS_BETWEEN_MOST = 64, /* of one sender, IPv4: net.ipv4.ipfrag_max_dist */
    VARIANT_BYTES = 32,
};

struct fragment_key {
    uint8_t source[16], target[16];
    uint32_t id;
    uint32_t tenant;
    uint16_t vlan;
    uint8_t protocol; /* IPv6: 0 */
    uint8_t version;
};

struct decoding;

/* What the headers of one fragment say. Views into its frame. */
struct fragment {
    const struct decoding *walk; /* that found it */
    struct fragment_key key;
    uint32_t offset;
    uint32_t length;    /* on the wire */
    bool more;
    uint8_t congestion; /* bit 1 << ECN */
    struct view data;   /* what was captured of it */
    struct view head;   /* everything before it */
    uint32_t ip_at;     /* place of the IP header in `head`, */
    uint32_t next_at;   /* IPv6: of the byte that names the fragment header, */
    uint32_t header_at; /* and of that */
};

struct datagram {
    struct fragment_key key;
    struct datagram *chain;         /* of its bucket */
    struct datagram *older, *newer; /* by beginning; once done, by place */
    int64_t began_ns;
    uint64_t done_place;
    uint32_t bucket;
    uint32_t arrival;               /* fragments of its sender up to its newest */
    uint32_t length, come;          /* as far as is known, and how much of it is there */
    uint32_t tail;                  /* the end of what has come */
    uint32_t cut_at;                /* the first byte that a fragment had on the wire and not in the capture */
    uint32_t fragments;
    uint16_t head_length, ip_at, link_type, interface;
    bool first, last, whole, differs;
    uint8_t congestion;
    uint8_t mine_length, theirs_length;
    uint8_t policy;                 /* enum host_policy of its receiver */
    uint8_t mine[VARIANT_BYTES], theirs[VARIANT_BYTES];
    uint8_t *head;                  /* a block: link, tunnel and IP headers */
    uint8_t *blocks[FRAGMENT_BLOCKS];
    uint64_t there[UNIT_WORDS], begins[UNIT_WORDS];
};

enum insertion {
    INSERTION_HELD,
    INSERTION_WHOLE,
    INSERTION_DUPLICATE,  /* ignored */
    INSERTION_OVERLAP,    /* the datagram is given up */
    INSERTION_CONTRADICTS, /* the same, for another reason */
    INSERTION_NO_MEMORY,  /* the same */
};

/* `block` gives FRAGMENT_BLOCK bytes, or NULL. */
struct block_source {
    void *context;
    uint8_t *(*block)(void *context);
};

/* Reads the headers of a frame that decode.h's walk left at a fragment. False: no stack takes it. */
bool fragment_read(const struct decoding *d, const struct raw_packet *raw, struct fragment *out);
/* datagram_overlap.c: a fragment takes what nobody has, and what its receiver believes it about. False when memory ran out. *took:
 * anything; *took_start: the datagram's first byte, too. */
bool datagram_lay(struct datagram *d, const struct fragment *f, const struct block_source *from, bool *took, bool *took_start);
bool datagram_keep(struct datagram *d, uint32_t at, struct view bytes, const struct block_source *from);
/* A datagram without anything in it. */
void datagram_clear(struct datagram *d);
enum insertion datagram_insert(struct datagram *d, const struct fragment *f, const struct raw_packet *raw,
                               const struct block_source *from);

#endif
