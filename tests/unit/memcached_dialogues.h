/*
 * Dialogues of Memcached, written after its documents: the clean traffic that the decoder's tests start from, and tables
 * of damaged messages. Each line is what one side sends at once; every one of them must stay silent.
 */
#ifndef DBHOUND_TESTS_MEMCACHED_DIALOGUES_H
#define DBHOUND_TESTS_MEMCACHED_DIALOGUES_H

#include "dialogues.h"

static const struct line store_lines[] = {
    CLIENT("'set a 42 600 5' 0d0a 'hello' 0d0a"),
    SERVER("'STORED' 0d0a"),
    CLIENT("'add a 0 0 0' 0d0a 0d0a 'replace b 0 -1 5' 0d0a 'get' 0d0a 0d0a"),
    SERVER("'NOT_STORED' 0d0a 'NOT_STORED' 0d0a"),
    CLIENT("'append a 0 0 3 noreply' 0d0a 'abc' 0d0a 'prepend a 0 0 2' 0d0a 0d0a 0d0a"),
    SERVER("'STORED' 0d0a"),
    CLIENT("'gets a b' 0d0a"),
    SERVER("'VALUE a 42 5 17' 0d0a 'hello' 0d0a 'END' 0d0a"),
    CLIENT("'cas a 0 0 1 17' 0d0a 'x' 0d0a"),
    SERVER("'EXISTS' 0d0a"),
    CLIENT("'delete a' 0d0a 'delete a 0' 0d0a 'delete a noreply' 0d0a"),
    SERVER("'DELETED' 0d0a 'NOT_FOUND' 0d0a"),
    CLIENT("'quit' 0d0a"),
};

static const struct line get_lines[] = {
    CLIENT("'get a' 0d0a"),
    SERVER("'END' 0d0a"),
    CLIENT("'get a b c' 0d0a"),
    SERVER("'VALUE a 0 3' 0d0a 'END' 0d0a 'VALUE c 1 0' 0d0a 0d0a 'END' 0d0a"),
    CLIENT("'gat 60 a' 0d0a 'gats 60 a b' 0d0a"),
    SERVER("'END' 0d0a 'VALUE b 0 1 5' 0d0a 'b' 0d0a 'END' 0d0a"),
    CLIENT("'get 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 ' 0d0a"),
    SERVER("'END' 0d0a"),
    CLIENT("'incr a 5' 0d0a 'decr a 18446744073709551615' 0d0a 'incr b 1' 0d0a 'touch a 0' 0d0a 'touch a 5 noreply' 0d0a 'incr a 1 noreply' 0d0a"),
    SERVER("'15' 0d0a '0 ' 0d0a 'CLIENT_ERROR cannot increment or decrement non-numeric value' 0d0a 'TOUCHED' 0d0a"),
};

static const struct line admin_lines[] = {
    CLIENT("'version' 0d0a"),
    SERVER("'VERSION 1.6.18' 0d0a"),
    CLIENT("'stats' 0d0a"),
    SERVER("'STAT pid 77' 0d0a 'STAT version 1.6.18' 0d0a 'STAT item_size_max 1048576' 0d0a 'END' 0d0a"),
    CLIENT("'stats reset' 0d0a 'stats detail dump' 0d0a 'stats cachedump 1 2' 0d0a"),
    SERVER("'RESET' 0d0a 'PREFIX user get 1 hit 0 set 0 del 0' 0d0a 'END' 0d0a 'ITEM a [5 b; 0 s]' 0d0a 'END' 0d0a"),
    CLIENT("'flush_all' 0d0a 'flush_all 10' 0d0a 'flush_all noreply' 0d0a 'flush_all 10 noreply' 0d0a 'verbosity 1' 0d0a 'cache_memlimit 64' 0d0a"),
    SERVER("'OK' 0d0a 'OK' 0d0a 'OK' 0d0a 'OK' 0d0a"),
    CLIENT("'slabs reassign 1 2' 0d0a 'slabs automove 1' 0d0a 'slabs automove ratio 0.8' 0d0a 'lru mode flat' 0d0a 'lru temp_ttl -1' 0d0a 'lru tune 20 40 .2 2.0e0' 0d0a"),
    SERVER("'NOSPARE source class has no spare pages' 0d0a 'OK' 0d0a 'OK' 0d0a 'OK' 0d0a 'OK' 0d0a 'OK' 0d0a"),
    CLIENT("'lru_crawler enable' 0d0a 'lru_crawler sleep 100' 0d0a 'lru_crawler crawl all' 0d0a 'lru_crawler metadump all' 0d0a"),
    SERVER("'OK' 0d0a 'OK' 0d0a 'BUSY currently processing crawler request' 0d0a 'key=a exp=-1 la=5 cas=2 fetch=no cls=1 size=60' 0a 'END' 0d0a"),
    CLIENT("'shutdown' 0d0a"),
    SERVER("'ERROR: shutdown not enabled' 0d0a"),
};

static const struct line watch_lines[] = {
    CLIENT("'watch fetchers mutations' 0d0a"),
    SERVER("'OK' 0d0a"),
    SERVER("'ts=1.2 gid=3 type=item_get key=a status=found clsid=1' 0a 'skipped=5' 0a 'STORED' 0a"),
};

static const struct line meta_lines[] = {
    CLIENT("'ms a 5 T60 F3 c' 0d0a 'hello' 0d0a"),
    SERVER("'HD c7' 0d0a"),
    CLIENT("'mg a v t f c s k h l O123' 0d0a"),
    SERVER("'VA 5 t60 f3 c7 s5 ka h0 l0 O123' 0d0a 'hello' 0d0a"),
    CLIENT("'mg b v N30' 0d0a 'ma b N0 J5 D2 v' 0d0a 'ma b MD' 0d0a 'me a' 0d0a 'md b I T30' 0d0a 'mg Zm9v b k' 0d0a"),
    SERVER("'VA 0 W' 0d0a 0d0a 'VA 1' 0d0a '5' 0d0a 'HD' 0d0a 'ME a exp=60 la=0 cas=7 fetch=yes cls=1 size=63' 0d0a 'HD' 0d0a 'EN kZm9v b' 0d0a"),
    CLIENT("'mg a q v' 0d0a 'mg b q v' 0d0a 'md c q' 0d0a 'ms d 1 q' 0d0a 'x' 0d0a 'mn' 0d0a"),
    SERVER("'VA 5' 0d0a 'hello' 0d0a 'NF' 0d0a 'MN' 0d0a"),
    CLIENT("'mn' 0d0a"),
    SERVER("'MN' 0d0a"),
};

static const struct line auth_lines[] = {
    CLIENT("'get a' 0d0a"),
    SERVER("'CLIENT_ERROR unauthenticated' 0d0a"),
    CLIENT("'set auth 0 0 10' 0d0a 'app nothis' 0d0a"),
    SERVER("'CLIENT_ERROR authentication failure' 0d0a"),
    CLIENT("'set auth 0 0 12' 0d0a 'app app-word' 0d0a"),
    SERVER("'STORED' 0d0a"),
    CLIENT("'get a' 0d0a"),
    SERVER("'END' 0d0a"),
};

static const struct line binary_lines[] = {
    CLIENT("80 01 0003 08 00 0000 00000010 00000007 0000000000000000 00000000 00000258 'key' 'value'"),
    SERVER("81 01 0000 00 00 0000 00000000 00000007 0000000000000009"),
    CLIENT("80 00 0003 00 00 0000 00000003 00000007 0000000000000000 'key'"),
    SERVER("81 00 0000 04 00 0000 00000009 00000007 0000000000000009 00000000 'value'"),
    CLIENT("80 0c 0004 00 00 0000 00000004 00000007 0000000000000000 'none'"),
    SERVER("81 0c 0004 00 00 0001 00000004 00000007 0000000000000000 'none'"),
    CLIENT("80 05 0003 14 00 0000 00000017 00000007 0000000000000000 0000000000000001 0000000000000005 00000000 'num' "
                  "80 0e 0003 00 00 0000 00000004 00000007 0000000000000000 'key' '!' "
                  "80 1c 0003 04 00 0000 00000007 00000007 0000000000000000 0000003c 'key' "
                  "80 04 0003 00 00 0000 00000003 00000007 0000000000000000 'key'"),
    SERVER("81 05 0000 00 00 0000 00000008 00000007 0000000000000000 0000000000000005 "
                  "81 0e 0000 00 00 0005 0000000b 00000007 0000000000000000 'Not stored.' "
                  "81 1c 0000 04 00 0000 00000004 00000007 0000000000000000 00000000 "
                  "81 04 0000 00 00 0001 00000009 00000007 0000000000000000 'Not found'"),
    CLIENT("80 10 0000 00 00 0000 00000000 00000007 0000000000000000 80 0b 0000 00 00 0000 00000000 00000007 0000000000000000 "
                  "80 08 0000 04 00 0000 00000004 00000007 0000000000000000 00000e10"),
    SERVER("81 10 0003 00 00 0000 00000005 00000007 0000000000000000 'pid' '77' 81 10 0000 00 00 0000 00000000 00000007 0000000000000000 "
                  "81 0b 0000 00 00 0000 00000006 00000007 0000000000000000 '1.6.18' 81 08 0000 00 00 0000 00000000 00000007 0000000000000000"),
    CLIENT("80 20 0000 00 00 0000 00000000 00000007 0000000000000000"),
    SERVER("81 20 0000 00 00 0081 0000000f 00000007 0000000000000000 'Unknown command'"),
    CLIENT("80 07 0000 00 00 0000 00000000 00000007 0000000000000000"),
    SERVER("81 07 0000 00 00 0000 00000000 00000007 0000000000000000"),
};

static const struct line quiet_lines[] = {
    CLIENT("80 11 0001 08 00 0000 0000000a 00000001 0000000000000000 00000000 00000000 'a' 'b' "
                  "80 12 0001 08 00 0000 0000000a 00000002 0000000000000000 00000000 00000000 'a' 'b' "
                  "80 0d 0001 00 00 0000 00000001 00000003 0000000000000000 'a' 80 0d 0001 00 00 0000 00000001 00000004 0000000000000000 'b' "
                  "80 0a 0000 00 00 0000 00000000 00000005 0000000000000000"),
    SERVER("81 12 0000 00 00 0002 00000014 00000002 0000000000000000 'Data exists for key.' "
                  "81 0d 0001 04 00 0000 00000006 00000003 0000000000000005 00000000 'a' 'b' "
                  "81 0a 0000 00 00 0000 00000000 00000005 0000000000000000"),
    CLIENT("80 17 0000 00 00 0000 00000000 00000007 0000000000000000"),
};

static const struct line sasl_lines[] = {
    CLIENT("80 20 0000 00 00 0000 00000000 00000007 0000000000000000"),
    SERVER("81 20 0000 00 00 0000 00000005 00000007 0000000000000000 'PLAIN'"),
    CLIENT("80 21 0005 00 00 0000 00000012 00000007 0000000000000000 'PLAIN' 00 'app' 00 'app-word'"),
    SERVER("81 21 0000 00 00 0000 0000000d 00000007 0000000000000000 'Authenticated'"),
    CLIENT("80 0a 0000 00 00 0000 00000000 00000005 0000000000000000"),
    SERVER("81 0a 0000 00 00 0000 00000000 00000005 0000000000000000"),
};

static const struct line full_lines[] = {
    SERVER("'ERROR Too many open connections' 0d0a"),
};

static const struct dialogue dialogues[] = {
    DIALOGUE(store),
    DIALOGUE(get),
    DIALOGUE(admin),
    DIALOGUE(watch),
    DIALOGUE(meta),
    DIALOGUE(auth),
    DIALOGUE(binary),
    DIALOGUE(quiet),
    DIALOGUE(sasl),
    DIALOGUE(full),
};

enum { DIALOGUES = sizeof dialogues / sizeof dialogues[0] };

static struct dialogues spoken = {&memcached_decoder, 11211, dialogues, DIALOGUES};

#endif
