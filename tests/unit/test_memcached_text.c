/* Memcached's text protocol: damaged lines, data blocks and answers, and what must not be called damage. */
#include "memcached_dialogues.h"

#define K50 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250 K50 K50 K50 K50 K50

static const struct damage text_damage[] = {
    {"no command", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_UNKNOWN_COMMAND, FIELD_MEMCACHED_COMMAND, 0, "'gett a' 0d0a", "'get a' 0d0a"},
    {"a command in capitals", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_UNKNOWN_COMMAND, FIELD_MEMCACHED_COMMAND, 0, "'GET a' 0d0a", "'gets a' 0d0a"},
    {"an empty line", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_EMPTY_LINE, FIELD_MEMCACHED_COMMAND, 0, "0d0a", "'mn' 0d0a"},
    {"HTTP", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_HTTP_REQUEST, FIELD_MEMCACHED_LINE, 6, "'GET / HTTP/1.0' 0d0a 'Host: a' 0d0a 0d0a", NULL},
    {"a binary request", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_PROTOCOL_CHANGE, FIELD_MEMCACHED_MAGIC, 0,
     "80 0b 0000 00 00 0000 00000000 00000007 0000000000000000", "'version' 0d0a"},
    {"a binary request with a line feed", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_PROTOCOL_CHANGE, FIELD_MEMCACHED_COMMAND, 0, "80 0a", "'mn' 0d0a"},
    {"get without a key", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 3, "'get' 0d0a", "'get a' 0d0a"},
    {"set without its length", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 9, "'set a 0 0' 0d0a", "'set a 0 0 0' 0d0a 0d0a"},
    {"set with a key of two words", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 14, "'set a b 0 0 5 noreply' 0d0a", "'set ab 0 0 5 noreply' 0d0a 'hello' 0d0a"},
    {"cas without its number", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 11, "'cas a 0 0 1' 0d0a", "'cas a 0 0 1 9' 0d0a 'x' 0d0a"},
    {"delete with a time", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENT, 9, "'delete a 5' 0d0a", "'delete a 0' 0d0a"},
    {"incr without its number", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 6, "'incr a' 0d0a", "'incr a 1' 0d0a"},
    {"incr by a word", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_DELTA, 7, "'incr a x' 0d0a", "'incr a 18446744073709551615' 0d0a"},
    {"incr by 2^64", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_DELTA, 7, "'incr a 18446744073709551616' 0d0a", "'incr a 0' 0d0a"},
    {"incr by -1", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_DELTA, 7, "'incr a -1' 0d0a", "'incr a +1' 0d0a"},
    {"touch with a word", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_EXPTIME, 8, "'touch a 1x' 0d0a", "'touch a -1' 0d0a"},
    {"gat with a word", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_EXPTIME, 4, "'gat a b' 0d0a", "'gat 1 b' 0d0a"},
    {"flags that are negative", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_CLIENT_FLAGS, 6, "'set a -1 0 1' 0d0a", "'set a 1 0 1' 0d0a 'x' 0d0a"},
    {"a length that is a word", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_VALUE_LENGTH, 10, "'set a 0 0 five' 0d0a", "'set a 0 0 5' 0d0a 'hello' 0d0a"},
    {"a CAS number that is a word", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_CAS, 12, "'cas a 0 0 1 x' 0d0a", "'cas a 0 0 1 0' 0d0a 'x' 0d0a"},
    {"a length below zero", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_VALUE_LENGTH, FIELD_MEMCACHED_VALUE_LENGTH, 10, "'set a 0 0 -1' 0d0a", "'set a 0 0 0' 0d0a 0d0a"},
    {"a length of 2^31 - 2", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_VALUE_LENGTH, FIELD_MEMCACHED_VALUE_LENGTH, 10, "'set a 0 0 2147483646' 0d0a", NULL},
    {"a length of 1 GB and a byte", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ITEM_TOO_LARGE, FIELD_MEMCACHED_VALUE_LENGTH, 10, "'set a 0 0 1073741825' 0d0a", "'set a 0 0 1073741824' 0d0a"},
    {"a value longer than it says", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_DATA_TERMINATOR, FIELD_MEMCACHED_DATA_END, 3, "'set a 0 0 3' 0d0a 'hello'", "'set a 0 0 5' 0d0a 'hello' 0d0a"},
    {"a value with a bare line feed", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_DATA_TERMINATOR, FIELD_MEMCACHED_DATA_END, 5, "'set a 0 0 5' 0d0a 'hello' 0a 'g'", NULL},
    {"a key of 251", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_TOO_LONG, FIELD_MEMCACHED_KEY, 4, "'get " K250 "k' 0d0a", "'get " K250 "' 0d0a"},
    {"the second key of 251", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_TOO_LONG, FIELD_MEMCACHED_KEY, 6, "'get a " K250 "k' 0d0a", "'get a " K250 "' 0d0a"},
    {"the 25th key of 251", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_TOO_LONG, FIELD_MEMCACHED_KEY, 52,
     "'get a b c d e f g h i j k l m n o p q r s t u v w x " K250 "k' 0d0a", "'get a b c d e f g h i j k l m n o p q r s t u v w x " K250 "' 0d0a"},
    {"set with a key of 251", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_TOO_LONG, FIELD_MEMCACHED_KEY, 4, "'set " K250 "k 0 0 0' 0d0a", "'set " K250 " 0 0 0' 0d0a 0d0a"},
    {"flush_all with a word", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_EXPTIME, 10, "'flush_all now' 0d0a", "'flush_all 0' 0d0a"},
    {"verbosity without its level", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 9, "'verbosity' 0d0a", "'verbosity 1' 0d0a"},
    {"lru mode alone", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 8, "'lru mode' 0d0a", "'lru mode flat' 0d0a"},
    {"lru temp_ttl alone", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 12, "'lru temp_ttl' 0d0a", "'lru temp_ttl 5' 0d0a"},
    {"an unknown lru mode", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_SUBCOMMAND, FIELD_MEMCACHED_ARGUMENT, 9, "'lru mode round' 0d0a", "'lru mode segmented' 0d0a"},
    {"lru tune with a word", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_ARGUMENT, 15, "'lru tune 20 40 x 2.0' 0d0a", "'lru tune 20 40 0.2 2.0' 0d0a"},
    {"slabs alone", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_SUBCOMMAND, FIELD_MEMCACHED_SUBCOMMAND, 5, "'slabs' 0d0a", "'slabs reassign 1 2' 0d0a"},
    {"slabs automove 3", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_SUBCOMMAND, FIELD_MEMCACHED_ARGUMENT, 15, "'slabs automove 3' 0d0a", "'slabs automove 2' 0d0a"},
    {"lru_crawler without its classes", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_SUBCOMMAND, FIELD_MEMCACHED_SUBCOMMAND, 12, "'lru_crawler crawl' 0d0a", "'lru_crawler crawl 1,2' 0d0a"},
    {"stats detail alone", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENTS, 12, "'stats detail' 0d0a", "'stats detail on' 0d0a"},
    {"stats cachedump of a word", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_ARGUMENT, 16, "'stats cachedump x 1' 0d0a", "'stats cachedump 1 1' 0d0a"},
    {"after quit", "store", 13, FROM_CLIENT, ANOMALY_MEMCACHED_AFTER_QUIT, FIELD_DB_MESSAGE, 0, "'get a' 0d0a", "'quit' 0d0a"},
    {"after watch", "watch", 2, FROM_CLIENT, ANOMALY_MEMCACHED_AFTER_WATCH, FIELD_DB_MESSAGE, 0, "'get a' 0d0a", NULL},
    {"credentials of 16385 bytes", "auth", 2, FROM_CLIENT, ANOMALY_MEMCACHED_CREDENTIALS_TOO_LONG, FIELD_MEMCACHED_VALUE_LENGTH, 13, "'set auth 0 0 16385' 0d0a", "'set auth 0 0 16384' 0d0a"},
    {"an answer to nothing", "get", 2, FROM_SERVER, ANOMALY_MEMCACHED_UNREQUESTED_ANSWER, FIELD_DB_MESSAGE, 0, "'STORED' 0d0a", NULL},
    {"a value of no length", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_REPLY_VALUE, FIELD_MEMCACHED_LINE, 0, "'VALUE a 0' 0d0a", "'VALUE a 0 0' 0d0a 0d0a"},
    {"a value whose length is a word", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_REPLY_VALUE, FIELD_MEMCACHED_LINE, 10, "'VALUE a 0 x' 0d0a", "'VALUE a 0 1' 0d0a 'x' 0d0a"},
    {"a value of 4294967293", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_REPLY_LENGTH, FIELD_MEMCACHED_VALUE_LENGTH, 10, "'VALUE a 0 4294967293' 0d0a", NULL},
    {"a value of the server longer than it says", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_REPLY_DATA_END, FIELD_MEMCACHED_DATA_END, 1, "'VALUE a 0 1' 0d0a 'xyz'", "'VALUE a 0 3' 0d0a 'xyz' 0d0a"},
    {"bytes that are no answer", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_REPLY_BYTES, FIELD_MEMCACHED_LINE, 0, "ff00 0a", NULL},
    {"a word that is no answer", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_REPLY_UNKNOWN, FIELD_MEMCACHED_LINE, 0, "'HELLO' 0d0a", "'END' 0d0a"},
    {"the server refuses", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_REJECTED, FIELD_MEMCACHED_ERROR, 0, "'ERROR' 0d0a", "'CLIENT_ERROR flush_all not allowed' 0d0a"},
    {"the server refuses a client's form", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_REJECTED, FIELD_MEMCACHED_ERROR, 0, "'CLIENT_ERROR bad data chunk' 0d0a", "'SERVER_ERROR out of memory' 0d0a"},
    {"the server refuses a value", "get", 3, FROM_SERVER, ANOMALY_MEMCACHED_ITEM_REFUSED, FIELD_MEMCACHED_ERROR, 0, "'SERVER_ERROR object too large for cache' 0d0a", NULL},
    /* What the server takes all the same. */
    {"a bare line feed", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_BARE_LINE_FEED, FIELD_MEMCACHED_LINE, 5, "'get a' 0a", "'get a' 0d0a"},
    {"a control character", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_CONTROL_CHARACTER, FIELD_MEMCACHED_LINE, 0, "'get a' 09 'b' 0d0a", "'get ab' 0d0a"},
    {"a delete character", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_CONTROL_CHARACTER, FIELD_MEMCACHED_LINE, 0, "'get abcdefgh' 7f 0d0a", "'get abcdefgh' ff 0d0a"},
    {"a NUL", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_CONTROL_CHARACTER, FIELD_MEMCACHED_LINE, 0, "'get a' 00 ' " K250 "k' 0d0a", "'get a' 0d0a"},
    {"21 spaces", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_MANY_SPACES, FIELD_MEMCACHED_KEY, 24, "'get                     a' 0d0a", "'get                    a' 0d0a"},
    {"a length beyond 32 bits", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER_TRUNCATED, FIELD_MEMCACHED_VALUE_LENGTH, 10, "'set a 0 0 4294967297' 0d0a 'x' 0d0a", "'set a 0 0 1' 0d0a 'x' 0d0a"},
    {"flags beyond 32 bits", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER_TRUNCATED, FIELD_MEMCACHED_CLIENT_FLAGS, 6, "'set a 4294967296 0 1' 0d0a 'x' 0d0a", "'set a 4294967295 0 1' 0d0a 'x' 0d0a"},
    {"norply", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_IGNORED_ARGUMENT, FIELD_MEMCACHED_ARGUMENT, 12, "'set a 0 0 1 norply' 0d0a 'x' 0d0a", "'set a 0 0 1 noreply' 0d0a 'x' 0d0a"},
    {"gat without a key", "get", 2, FROM_CLIENT, ANOMALY_MEMCACHED_IGNORED_ARGUMENT, FIELD_MEMCACHED_ARGUMENT, 6, "'gat 60' 0d0a", "'gat 60 a' 0d0a"},
    {"a slab class of 64", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_SLABS_ARGUMENT, FIELD_MEMCACHED_ARGUMENT, 15, "'slabs reassign 64 1' 0d0a", "'slabs reassign 63 1' 0d0a"},
    {"an automove window of 2", "admin", 2, FROM_CLIENT, ANOMALY_MEMCACHED_SLABS_ARGUMENT, FIELD_MEMCACHED_ARGUMENT, 22, "'slabs automove window 2' 0d0a", "'slabs automove window 3' 0d0a"},
};

static const struct damage meta_damage[] = {
    {"no key", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_KEY, 2, "'mg' 0d0a", "'mg a' 0d0a"},
    {"no length", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_VALUE_LENGTH, 4, "'ms a' 0d0a", "'ms a 0' 0d0a 0d0a"},
    {"a length that is a flag", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_VALUE_LENGTH, 5, "'ms a S5' 0d0a", "'ms a 5' 0d0a 'hello' 0d0a"},
    {"a length below zero", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_VALUE_LENGTH, FIELD_MEMCACHED_VALUE_LENGTH, 5, "'ms a -1' 0d0a", "'ms a 0' 0d0a 0d0a"},
    {"a length of 1 GB and a byte", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_ITEM_TOO_LARGE, FIELD_MEMCACHED_VALUE_LENGTH, 5, "'ms a 1073741825' 0d0a", "'ms a 1073741824' 0d0a"},
    {"an unknown flag", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_FLAG, FIELD_MEMCACHED_META_FLAG, 5, "'mg a w' 0d0a", "'mg a v' 0d0a"},
    {"a flag twice", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_FLAG, FIELD_MEMCACHED_META_FLAG, 7, "'mg a v v' 0d0a", "'mg a v k' 0d0a"},
    {"a flag of 8 bits", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_FLAG, FIELD_MEMCACHED_META_FLAG, 5, "'mg a ' ff 0d0a", "'mg ' ff ' v' 0d0a"},
    {"a time that is a word", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_TOKEN, FIELD_MEMCACHED_META_FLAG, 5, "'mg a Tx' 0d0a", "'mg a T-1' 0d0a"},
    {"a delta of nothing", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_TOKEN, FIELD_MEMCACHED_META_FLAG, 5, "'ma a D' 0d0a", "'ma a D0' 0d0a"},
    {"a mode of two letters", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_TOKEN, FIELD_MEMCACHED_META_FLAG, 5, "'ma a MII' 0d0a", "'ma a MI' 0d0a"},
    {"an unknown mode of ma", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_TOKEN, FIELD_MEMCACHED_META_FLAG, 5, "'ma a MA' 0d0a", "'ma a M-' 0d0a"},
    {"an unknown mode of ms", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_TOKEN, FIELD_MEMCACHED_META_FLAG, 7, "'ms a 0 MX' 0d0a 0d0a", "'ms a 0 MS' 0d0a 0d0a"},
    {"no base64", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_KEY, FIELD_MEMCACHED_KEY, 3, "'mg Zm9 b' 0d0a", "'mg Zm9v b' 0d0a"},
    {"base64 of padding alone", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_KEY, FIELD_MEMCACHED_KEY, 3, "'me Z=== b' 0d0a", "'me Zg== b' 0d0a"},
    {"an opaque of 32 bytes", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_OPAQUE_TOO_LONG, FIELD_MEMCACHED_OPAQUE, 5, "'mg a O12345678901234567890123456789012' 0d0a", "'mg a O1234567890123456789012345678901' 0d0a"},
    {"a key of 251", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_KEY_TOO_LONG, FIELD_MEMCACHED_KEY, 3, "'md " K250 "k' 0d0a", "'md " K250 "' 0d0a"},
    {"20 words", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_META_FLAG_COUNT, FIELD_MEMCACHED_META_FLAGS, 39, "'mg a b c d e f g h i j k l m n o p q r s' 0d0a", "'mg a v t f c s k h l O1 u q T1 N1 R1 I F1 C1' 0d0a"},
    {"a command mx", "meta", 2, FROM_CLIENT, ANOMALY_MEMCACHED_UNKNOWN_COMMAND, FIELD_MEMCACHED_COMMAND, 0, "'mx a' 0d0a", "'me a' 0d0a"},
};

static void text_is_judged(void **state)
{
    (void)state;
    run_damage(&spoken, text_damage, sizeof text_damage / sizeof text_damage[0]);
}

static void meta_is_judged(void **state)
{
    (void)state;
    run_damage(&spoken, meta_damage, sizeof meta_damage / sizeof meta_damage[0]);
}

/* `length` times the same byte between what is written. */
static struct view filled(const char *front, size_t length, uint8_t fill, const char *back)
{
    struct view a = hex(front), b = hex(back);
    uint8_t *all = malloc(a.length + length + b.length);
    memcpy(all, a.bytes, a.length);
    memset(all + a.length, fill, length);
    memcpy(all + a.length + length, b.bytes, b.length);
    struct view whole = view_of(all, a.length + length + b.length);
    hex_free(a);
    hex_free(b);
    return whole;
}

/* Blocks are counted whatever they hold, and their ends are seen at every size. */
static void blocks_of_every_size(void **state)
{
    (void)state;
    static const unsigned sizes[] = {0, 1, 2045, 2046, 2047, 2048, 2049, 2050, 2051, 16384, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned wrong = 0; wrong < 2; wrong++) {
            struct talk *t = talk_after(&spoken, "get", 2);
            char line[64];
            snprintf(line, sizeof line, "'set a 0 0 %u' 0d0a", sizes[i]);
            struct view bytes = filled(line, sizes[i], '\n', wrong ? "0d0d 'get a' 0d0a" : "0d0a 'get a' 0d0a");
            talk(t, FROM_CLIENT, bytes);
            assert_int_equal(t->unread, 0);
            assert_int_equal(t->facts.seen[FACT_REQUEST], 2);
            if (wrong)
                assert_non_null(talk_find(t, ANOMALY_MEMCACHED_DATA_TERMINATOR));
            else
                talk_expect_silence(t);
            hex_free(bytes);
            snprintf(line, sizeof line, "'STORED' 0d0a 'VALUE a 0 %u' 0d0a", sizes[i]);
            talk_forget(t);
            bytes = filled(line, sizes[i], 0, "0d0a 'END' 0d0a");
            talk(t, FROM_SERVER, bytes);
            talk_expect_silence(t);
            assert_int_equal(t->facts.seen[FACT_REPLY], 2);
            hex_free(bytes);
            talk_close(t);
        }
    }
}

static void lines_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        const char *front;
        size_t length;
        const char *back;
        bool wrong;
    } rows[] = {
        {"'get '", 2043, "'a'", false},  /* 2048 bytes: the server waits for more */
        {"'set '", 2043, "'a'", false},
        {"'set '", 2044, "'a'", true},
        {"'get '", 5000, "'a' 0d0a", false},
        {"'gets '", 5000, "'a' 0d0a", false},
        {"'gat '", 5000, "'a' 0d0a", true},
        {"20 'get '", 5000, "'a' 0d0a", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(&spoken, "get", 2);
        struct view bytes = filled(rows[i].front, rows[i].length, ' ', rows[i].back);
        talk(t, FROM_CLIENT, bytes);
        if ((talk_find(t, ANOMALY_MEMCACHED_LINE_TOO_LONG) != NULL) != rows[i].wrong)
            fail_msg("row %zu", i);
        hex_free(bytes);
        talk_close(t);
    }
    for (unsigned spaces = 100; spaces <= 101; spaces++) {
        struct talk *t = talk_after(&spoken, "get", 2);
        struct view bytes = filled("", spaces, ' ', "'get '"), all;
        uint8_t *more = malloc(bytes.length + 3000);
        memcpy(more, bytes.bytes, bytes.length);
        for (size_t k = 0; k < 3000; k++)
            more[bytes.length + k] = k % 100 == 99 ? ' ' : 'x';
        all = view_of(more, bytes.length + 3000);
        talk(t, FROM_CLIENT, all);
        assert_int_equal(talk_find(t, ANOMALY_MEMCACHED_LINE_TOO_LONG) != NULL, spaces > 100);
        hex_free(bytes);
        hex_free(all);
        talk_close(t);
    }
}

/* A key that is cut by the pieces of a long get is still one key. */
static void keys_of_a_long_get(void **state)
{
    (void)state;
    for (unsigned length = 249; length <= 252; length++) {
        size_t used = 4, size = 40 * (length + 1) + 16;
        uint8_t *line = malloc(size);
        memcpy(line, "get ", 4);
        for (unsigned k = 0; k < 40; k++) {
            memset(line + used, 'a' + (int)k % 20, length);
            line[used + length] = ' ';
            used += length + 1;
        }
        memcpy(line + used - 1, "\r\n", 2);
        struct talk *t = talk_after(&spoken, "get", 2);
        talk(t, FROM_CLIENT, view_of(line, used + 1));
        assert_int_equal(t->unread, 0);
        assert_int_equal(talk_find(t, ANOMALY_MEMCACHED_KEY_TOO_LONG) != NULL, length > 250);
        assert_int_equal(t->facts.seen[FACT_REQUEST], 1);
        free(line);
        talk_close(t);
    }
}

static void one_key_again_and_again(void **state)
{
    (void)state;
    for (unsigned keys = 59999; keys <= 60001; keys++) {
        uint8_t *line = malloc(3 + keys * 3 + 2);
        memcpy(line, "get", 3);
        for (unsigned k = 0; k < keys; k++)
            memcpy(line + 3 + k * 3, " ab", 3);
        memcpy(line + 3 + keys * 3, "\r\n", 2);
        struct talk *t = talk_after(&spoken, "get", 2);
        talk(t, FROM_CLIENT, view_of(line, 3 + keys * 3 + 2));
        assert_int_equal(talk_find(t, ANOMALY_MEMCACHED_KEY_REPEATED) != NULL, keys > 60000);
        free(line);
        talk_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_judged),     cmocka_unit_test(meta_is_judged),     cmocka_unit_test(blocks_of_every_size),
        cmocka_unit_test(lines_have_a_limit), cmocka_unit_test(keys_of_a_long_get), cmocka_unit_test(one_key_again_and_again),
    };
    return cmocka_run_group_tests_name("memcached text", tests, NULL, NULL);
}
