/* Damaged rules: every prefix, every byte replaced, and random damage of good texts. See rules_hold.h for what must hold. */
#include "check.h"
#include "rules_hold.h"

static const char *const seeds[] = {
    "alert mysql !10.0.0.0/8 any -> [$SQL_SERVERS,!::1] 1:9 (msg:\"a\\\"b\"; flow:to_server; db.phase:pre_auth; mysql.length:>1MiB,!5; "
    "threshold:type limit, track by_src, count 1, seconds 60; classtype:attempted-dos; sid:9000001; rev:1;)\n",
    "pass db any any <> any any (content:\"a|62 3B|\\;c\"; nocase; depth:19; offset:2; content:!\"D\",distance -3,within 20; \\\n"
    "  isdataat:!5,relative; bsize:4<>5000; db.user; content:\"x\"; startswith; fast_pattern:only; sid:1;)\n",
    "# c\nlog ip any any -> any any (anomaly:tcp.overlap-differs,db.wrong-protocol; reference:cve,1; metadata:a b;\n# d\n sid:3;)\n"
    "alert udp any any -> any any (sid:4;)\n",
    "alert mysql (content:\"a\"; pcre:!\"/a\\/b[\\x22;]\\\"c{2,3}(d|e)+?/ismRG\"; byte_extract:2,-1,n,relative,little,multiplier 2,align 4; \\\n"
    "  byte_test:4,!>=,n,n,string,hex,bitmask 0xf0; byte_jump:1,0,relative,post_offset -3,from_beginning; content:\"b\"; within:n; "
    "isdataat:!n,relative; flowbits:isset,a|b; flowbits:set,c&d; noalert; sid:5;)\n"
    "alert tcp any any -> any any (service:mysql,tns; stream_size:both,>=,5; mysql.query; absent:or_else; content:\"x\"; flags:S+; "
    "app-layer-protocol:!pgsql; gap:ok; raw; on:reply; net.client:![10.0.0.0/8]; rate:distinct db.user >= 3, seconds 60, track by_flow; "
    "where:\"not (mysql.length - 2 * -3 >= 0x10 and lower(db.user) contains 'a\\\\'b') or net.client in {!10.0.0.0/8,::1} or db.phase in "
    "{pre_auth} || exists(mysql.query) && min(3,len(mysql.query)) in {1,2..5}\"; threshold:type backoff, track by_user, count 1, multiplier 10; sid:6;)\n",
};

enum { SEEDS = sizeof seeds / sizeof seeds[0] };

static void every_prefix(void **state)
{
    (void)state;
    for (unsigned s = 0; s < SEEDS; s++)
        for (size_t length = 0; length <= strlen(seeds[s]); length++)
            rules_hold(view_of(seeds[s], length));
}

static void every_byte_replaced(void **state)
{
    (void)state;
    static const char bytes[] = "\"\\|;:(),![]$#\n \t-<>0z\xff";
    for (unsigned s = 0; s < SEEDS; s++) {
        char text[2048];
        const size_t length = strlen(seeds[s]);
        for (size_t i = 0; i < length; i++) {
            memcpy(text, seeds[s], length);
            text[i] = bytes[i * 7 % sizeof bytes];
            rules_hold(view_of(text, length));
            text[i] = bytes[(i * 5 + 3) % sizeof bytes];
            rules_hold(view_of(text, length));
        }
    }
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

static void random_damage(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (unsigned round = 0; round < 1000; round++) {
        char text[4096];
        size_t length = 0;
        for (unsigned parts = 1 + next_random(&random) % 3; parts; parts--) {
            const char *seed = seeds[next_random(&random) % SEEDS];
            memcpy(text + length, seed, strlen(seed));
            length += strlen(seed);
        }
        for (unsigned hits = 1 + next_random(&random) % 6; hits; hits--) {
            size_t at = next_random(&random) % length, run = 1 + next_random(&random) % 20;
            run = run < length - at ? run : length - at;
            switch (next_random(&random) % 3) {
            case 0: /* cut out */
                memmove(text + at, text + at + run, length - at - run);
                length -= run;
                break;
            case 1: /* twice */
                memmove(text + at + run, text + at, length - at);
                length += run;
                break;
            default:
                text[at] = (char)next_random(&random);
            }
            length = length > 3000 ? 3000 : length ? length : 1;
        }
        rules_hold(view_of(text, length));
    }
}

/* Long and repetitive texts take time in proportion to their length: each of these is a quarter megabyte. */
static void long_texts(void **state)
{
    (void)state;
    static const char *const parts[] = {"x()\n", "alert ", "\"", "[", "(", "#\\\n", "alert a b c d e f (", "a:\"", "\\", ";", "\n", "a(\"\n", "$A"};
    const size_t size = 1 << 18;
    char *text = malloc(size);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const size_t part = strlen(parts[i]);
        struct rule_set *set = rules_open();
        for (size_t at = 0; at < size; at++)
            text[at] = parts[i][at % part];
        rules_add_text(set, "long", view_of(text, size));
        assert_int_equal(rules_loaded(set), 0);
        rules_close(set);
        memcpy(text, "alert db any any -> any any (msg:\"", 34);
        set = rules_open();
        rules_add_text(set, "long", view_of(text, size));
        assert_true(rules_failed(set) > 0);
        rules_close(set);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(every_byte_replaced),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(long_texts),
    };
    return cmocka_run_group_tests_name("rule mutations", tests, NULL, NULL);
}
