/*
 * Dialogues of Memcached, written after its documents: the clean traffic that the decoder's tests start from, and tables
 * of damaged messages. Each line is what one side sends at once; every one of them must stay silent.
 */
#ifndef DBHOUND_TESTS_MEMCACHED_DIALOGUES_H
#define DBHOUND_TESTS_MEMCACHED_DIALOGUES_H

#include "talk.h"

struct line {
    enum side from;
    const char *bytes;
};

static const struct line store_lines[] = {
    {FROM_CLIENT, "'set a 42 600 5' 0d0a 'hello' 0d0a"},
    {FROM_SERVER, "'STORED' 0d0a"},
    {FROM_CLIENT, "'add a 0 0 0' 0d0a 0d0a 'replace b 0 -1 5' 0d0a 'get' 0d0a 0d0a"},
    {FROM_SERVER, "'NOT_STORED' 0d0a 'NOT_STORED' 0d0a"},
    {FROM_CLIENT, "'append a 0 0 3 noreply' 0d0a 'abc' 0d0a 'prepend a 0 0 2' 0d0a 0d0a 0d0a"},
    {FROM_SERVER, "'STORED' 0d0a"},
    {FROM_CLIENT, "'gets a b' 0d0a"},
    {FROM_SERVER, "'VALUE a 42 5 17' 0d0a 'hello' 0d0a 'END' 0d0a"},
    {FROM_CLIENT, "'cas a 0 0 1 17' 0d0a 'x' 0d0a"},
    {FROM_SERVER, "'EXISTS' 0d0a"},
    {FROM_CLIENT, "'delete a' 0d0a 'delete a 0' 0d0a 'delete a noreply' 0d0a"},
    {FROM_SERVER, "'DELETED' 0d0a 'NOT_FOUND' 0d0a"},
    {FROM_CLIENT, "'quit' 0d0a"},
};

static const struct line get_lines[] = {
    {FROM_CLIENT, "'get a' 0d0a"},
    {FROM_SERVER, "'END' 0d0a"},
    {FROM_CLIENT, "'get a b c' 0d0a"},
    {FROM_SERVER, "'VALUE a 0 3' 0d0a 'END' 0d0a 'VALUE c 1 0' 0d0a 0d0a 'END' 0d0a"},
    {FROM_CLIENT, "'gat 60 a' 0d0a 'gats 60 a b' 0d0a"},
    {FROM_SERVER, "'END' 0d0a 'VALUE b 0 1 5' 0d0a 'b' 0d0a 'END' 0d0a"},
    {FROM_CLIENT, "'get 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 ' 0d0a"},
    {FROM_SERVER, "'END' 0d0a"},
    {FROM_CLIENT, "'incr a 5' 0d0a 'decr a 18446744073709551615' 0d0a 'incr b 1' 0d0a 'touch a 0' 0d0a 'touch a 5 noreply' 0d0a 'incr a 1 noreply' 0d0a"},
    {FROM_SERVER, "'15' 0d0a '0 ' 0d0a 'CLIENT_ERROR cannot increment or decrement non-numeric value' 0d0a 'TOUCHED' 0d0a"},
};

static const struct line admin_lines[] = {
    {FROM_CLIENT, "'version' 0d0a"},
    {FROM_SERVER, "'VERSION 1.6.18' 0d0a"},
    {FROM_CLIENT, "'stats' 0d0a"},
    {FROM_SERVER, "'STAT pid 77' 0d0a 'STAT version 1.6.18' 0d0a 'STAT item_size_max 1048576' 0d0a 'END' 0d0a"},
    {FROM_CLIENT, "'stats reset' 0d0a 'stats detail dump' 0d0a 'stats cachedump 1 2' 0d0a"},
    {FROM_SERVER, "'RESET' 0d0a 'PREFIX user get 1 hit 0 set 0 del 0' 0d0a 'END' 0d0a 'ITEM a [5 b; 0 s]' 0d0a 'END' 0d0a"},
    {FROM_CLIENT, "'flush_all' 0d0a 'flush_all 10' 0d0a 'flush_all noreply' 0d0a 'flush_all 10 noreply' 0d0a 'verbosity 1' 0d0a 'cache_memlimit 64' 0d0a"},
    {FROM_SERVER, "'OK' 0d0a 'OK' 0d0a 'OK' 0d0a 'OK' 0d0a"},
    {FROM_CLIENT, "'slabs reassign 1 2' 0d0a 'slabs automove 1' 0d0a 'slabs automove ratio 0.8' 0d0a 'lru mode flat' 0d0a 'lru temp_ttl -1' 0d0a 'lru tune 20 40 .2 2.0e0' 0d0a"},
    {FROM_SERVER, "'NOSPARE source class has no spare pages' 0d0a 'OK' 0d0a 'OK' 0d0a 'OK' 0d0a 'OK' 0d0a 'OK' 0d0a"},
    {FROM_CLIENT, "'lru_crawler enable' 0d0a 'lru_crawler sleep 100' 0d0a 'lru_crawler crawl all' 0d0a 'lru_crawler metadump all' 0d0a"},
    {FROM_SERVER, "'OK' 0d0a 'OK' 0d0a 'BUSY currently processing crawler request' 0d0a 'key=a exp=-1 la=5 cas=2 fetch=no cls=1 size=60' 0a 'END' 0d0a"},
    {FROM_CLIENT, "'shutdown' 0d0a"},
    {FROM_SERVER, "'ERROR: shutdown not enabled' 0d0a"},
};

static const struct line watch_lines[] = {
    {FROM_CLIENT, "'watch fetchers mutations' 0d0a"},
    {FROM_SERVER, "'OK' 0d0a"},
    {FROM_SERVER, "'ts=1.2 gid=3 type=item_get key=a status=found clsid=1' 0a 'skipped=5' 0a 'STORED' 0a"},
};

static const struct line meta_lines[] = {
    {FROM_CLIENT, "'ms a 5 T60 F3 c' 0d0a 'hello' 0d0a"},
    {FROM_SERVER, "'HD c7' 0d0a"},
    {FROM_CLIENT, "'mg a v t f c s k h l O123' 0d0a"},
    {FROM_SERVER, "'VA 5 t60 f3 c7 s5 ka h0 l0 O123' 0d0a 'hello' 0d0a"},
    {FROM_CLIENT, "'mg b v N30' 0d0a 'ma b N0 J5 D2 v' 0d0a 'ma b MD' 0d0a 'me a' 0d0a 'md b I T30' 0d0a 'mg Zm9v b k' 0d0a"},
    {FROM_SERVER, "'VA 0 W' 0d0a 0d0a 'VA 1' 0d0a '5' 0d0a 'HD' 0d0a 'ME a exp=60 la=0 cas=7 fetch=yes cls=1 size=63' 0d0a 'HD' 0d0a 'EN kZm9v b' 0d0a"},
    {FROM_CLIENT, "'mg a q v' 0d0a 'mg b q v' 0d0a 'md c q' 0d0a 'ms d 1 q' 0d0a 'x' 0d0a 'mn' 0d0a"},
    {FROM_SERVER, "'VA 5' 0d0a 'hello' 0d0a 'NF' 0d0a 'MN' 0d0a"},
    {FROM_CLIENT, "'mn' 0d0a"},
    {FROM_SERVER, "'MN' 0d0a"},
};

static const struct line auth_lines[] = {
    {FROM_CLIENT, "'get a' 0d0a"},
    {FROM_SERVER, "'CLIENT_ERROR unauthenticated' 0d0a"},
    {FROM_CLIENT, "'set auth 0 0 10' 0d0a 'app nothis' 0d0a"},
    {FROM_SERVER, "'CLIENT_ERROR authentication failure' 0d0a"},
    {FROM_CLIENT, "'set auth 0 0 12' 0d0a 'app app-word' 0d0a"},
    {FROM_SERVER, "'STORED' 0d0a"},
    {FROM_CLIENT, "'get a' 0d0a"},
    {FROM_SERVER, "'END' 0d0a"},
};

static const struct line binary_lines[] = {
    {FROM_CLIENT, "80 01 0003 08 00 0000 00000010 00000007 0000000000000000 00000000 00000258 'key' 'value'"},
    {FROM_SERVER, "81 01 0000 00 00 0000 00000000 00000007 0000000000000009"},
    {FROM_CLIENT, "80 00 0003 00 00 0000 00000003 00000007 0000000000000000 'key'"},
    {FROM_SERVER, "81 00 0000 04 00 0000 00000009 00000007 0000000000000009 00000000 'value'"},
    {FROM_CLIENT, "80 0c 0004 00 00 0000 00000004 00000007 0000000000000000 'none'"},
    {FROM_SERVER, "81 0c 0004 00 00 0001 00000004 00000007 0000000000000000 'none'"},
    {FROM_CLIENT, "80 05 0003 14 00 0000 00000017 00000007 0000000000000000 0000000000000001 0000000000000005 00000000 'num' "
                  "80 0e 0003 00 00 0000 00000004 00000007 0000000000000000 'key' '!' "
                  "80 1c 0003 04 00 0000 00000007 00000007 0000000000000000 0000003c 'key' "
                  "80 04 0003 00 00 0000 00000003 00000007 0000000000000000 'key'"},
    {FROM_SERVER, "81 05 0000 00 00 0000 00000008 00000007 0000000000000000 0000000000000005 "
                  "81 0e 0000 00 00 0005 0000000b 00000007 0000000000000000 'Not stored.' "
                  "81 1c 0000 04 00 0000 00000004 00000007 0000000000000000 00000000 "
                  "81 04 0000 00 00 0001 00000009 00000007 0000000000000000 'Not found'"},
    {FROM_CLIENT, "80 10 0000 00 00 0000 00000000 00000007 0000000000000000 80 0b 0000 00 00 0000 00000000 00000007 0000000000000000 "
                  "80 08 0000 04 00 0000 00000004 00000007 0000000000000000 00000e10"},
    {FROM_SERVER, "81 10 0003 00 00 0000 00000005 00000007 0000000000000000 'pid' '77' 81 10 0000 00 00 0000 00000000 00000007 0000000000000000 "
                  "81 0b 0000 00 00 0000 00000006 00000007 0000000000000000 '1.6.18' 81 08 0000 00 00 0000 00000000 00000007 0000000000000000"},
    {FROM_CLIENT, "80 20 0000 00 00 0000 00000000 00000007 0000000000000000"},
    {FROM_SERVER, "81 20 0000 00 00 0081 0000000f 00000007 0000000000000000 'Unknown command'"},
    {FROM_CLIENT, "80 07 0000 00 00 0000 00000000 00000007 0000000000000000"},
    {FROM_SERVER, "81 07 0000 00 00 0000 00000000 00000007 0000000000000000"},
};

static const struct line quiet_lines[] = {
    {FROM_CLIENT, "80 11 0001 08 00 0000 0000000a 00000001 0000000000000000 00000000 00000000 'a' 'b' "
                  "80 12 0001 08 00 0000 0000000a 00000002 0000000000000000 00000000 00000000 'a' 'b' "
                  "80 0d 0001 00 00 0000 00000001 00000003 0000000000000000 'a' 80 0d 0001 00 00 0000 00000001 00000004 0000000000000000 'b' "
                  "80 0a 0000 00 00 0000 00000000 00000005 0000000000000000"},
    {FROM_SERVER, "81 12 0000 00 00 0002 00000014 00000002 0000000000000000 'Data exists for key.' "
                  "81 0d 0001 04 00 0000 00000006 00000003 0000000000000005 00000000 'a' 'b' "
                  "81 0a 0000 00 00 0000 00000000 00000005 0000000000000000"},
    {FROM_CLIENT, "80 17 0000 00 00 0000 00000000 00000007 0000000000000000"},
};

static const struct line sasl_lines[] = {
    {FROM_CLIENT, "80 20 0000 00 00 0000 00000000 00000007 0000000000000000"},
    {FROM_SERVER, "81 20 0000 00 00 0000 00000005 00000007 0000000000000000 'PLAIN'"},
    {FROM_CLIENT, "80 21 0005 00 00 0000 00000012 00000007 0000000000000000 'PLAIN' 00 'app' 00 'app-word'"},
    {FROM_SERVER, "81 21 0000 00 00 0000 0000000d 00000007 0000000000000000 'Authenticated'"},
    {FROM_CLIENT, "80 0a 0000 00 00 0000 00000000 00000005 0000000000000000"},
    {FROM_SERVER, "81 0a 0000 00 00 0000 00000000 00000005 0000000000000000"},
};

static const struct line full_lines[] = {
    {FROM_SERVER, "'ERROR Too many open connections' 0d0a"},
};

static const struct dialogue {
    const char *name;
    const struct line *lines;
    size_t count;
} dialogues[] = {
    {"store", store_lines, sizeof store_lines / sizeof store_lines[0]},
    {"get", get_lines, sizeof get_lines / sizeof get_lines[0]},
    {"admin", admin_lines, sizeof admin_lines / sizeof admin_lines[0]},
    {"watch", watch_lines, sizeof watch_lines / sizeof watch_lines[0]},
    {"meta", meta_lines, sizeof meta_lines / sizeof meta_lines[0]},
    {"auth", auth_lines, sizeof auth_lines / sizeof auth_lines[0]},
    {"binary", binary_lines, sizeof binary_lines / sizeof binary_lines[0]},
    {"quiet", quiet_lines, sizeof quiet_lines / sizeof quiet_lines[0]},
    {"sasl", sasl_lines, sizeof sasl_lines / sizeof sasl_lines[0]},
    {"full", full_lines, sizeof full_lines / sizeof full_lines[0]},
};

enum { DIALOGUES = sizeof dialogues / sizeof dialogues[0] };

static inline const struct dialogue *dialogue_named(const char *name)
{
    for (size_t i = 0; i < DIALOGUES; i++)
        if (strcmp(dialogues[i].name, name) == 0)
            return &dialogues[i];
    fail_msg("no dialogue %s", name);
    return NULL;
}

/* Says the first `lines` lines; a line that ends in the middle of a message is a mistake in it. */
static inline void say(struct talk *t, const struct dialogue *d, size_t lines)
{
    assert_true(lines <= d->count);
    for (size_t i = 0; i < lines; i++) {
        talk_hex(t, d->lines[i].from, d->lines[i].bytes);
        assert_int_equal(t->unread, 0);
    }
}

static inline struct talk *talk_after(const char *dialogue, size_t lines)
{
    struct talk *t = talk_open(&memcached_decoder);
    say(t, dialogue_named(dialogue), lines);
    talk_expect_silence(t);
    talk_forget(t);
    return t;
}

/* Ends one side; what is reported is kept with the rest. */
static inline void talk_end(struct talk *t, enum side from)
{
    talk_clear_findings(t, 0);
    memcached_decoder.end(t->state, from, false, &t->findings);
    talk_keep(t);
}

struct damage {
    const char *name;
    const char *dialogue; /* said before, up to `lines` lines */
    size_t lines;
    enum side from;
    enum anomaly anomaly;
    enum field field;
    uint32_t offset;      /* in the message */
    const char *bad;
    const char *good;     /* NULL: nothing may stand here */
};

static inline void expect_only(const struct talk *t, const struct damage *row)
{
    const struct report *found = talk_find(t, row->anomaly);
    for (unsigned i = 0; i < t->reports_used; i++) {
        const struct anomaly_row *other = anomaly_row((enum anomaly)t->reports[i].anomaly);
        if (t->reports[i].anomaly != row->anomaly && other->severity < 4)
            fail_msg("%s: also %s", row->name, other->name);
    }
    if (!found)
        fail_msg("%s: not found", row->name);
    if (found->field != row->field || found->offset != row->offset)
        fail_msg("%s: %s at %u", row->name, field_name((enum field)found->field), found->offset);
    assert_true(anomaly_row(row->anomaly)->protocol == PROTOCOL_MEMCACHED);
}

static inline void run_damage(const struct damage *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct talk *t = talk_after(rows[i].dialogue, rows[i].lines);
        talk_hex(t, rows[i].from, rows[i].bad);
        expect_only(t, &rows[i]);
        talk_close(t);
        if (!rows[i].good)
            continue;
        t = talk_after(rows[i].dialogue, rows[i].lines);
        talk_hex(t, rows[i].from, rows[i].good);
        if (t->reports_used)
            print_error("legal neighbour of: %s\n", rows[i].name);
        talk_expect_silence(t);
        talk_close(t);
    }
}

#endif
