/* pcre, byte_test, byte_jump, byte_extract, flowbits, stream_size, absent: each both ways. */
#include <time.h>

#include "rules_bench.h"

/* 00 04 'abcd' 00 00 00 10 'len=' '0017' ' xyz' 05 00 */
static void the_message(struct bench *b)
{
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "00 04 'abcd' 00 00 00 10 'len=0017 xyz' 05 00");
    note_field(&b->findings, FIELD_MYSQL_QUERY, 2, 4, 0);
}

struct row {
    const char *options;
    unsigned matches;
};

static void ask_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[1024];
        struct bench *b = bench_open();
        snprintf(text, sizeof text, "alert mysql any any -> any any (%s sid:1;)", rows[i].options);
        bench_rules(b, text);
        the_message(b);
        unsigned matched = bench_ask(b);
        if (matched != rows[i].matches) {
            print_error("%s: %u matches\n", text, matched);
            fail();
        }
        bench_close(b);
    }
}

#define ASK(rows) ask_rows(rows, sizeof rows / sizeof rows[0])

static void pcre(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"pcre:\"/abcd/\";", 1},
        {"pcre:\"/ABCD/\";", 0},
        {"pcre:\"/ABCD/i\";", 1},
        {"pcre:\"/b.*x/\";", 1},
        {"pcre:\"/^abcd/\";", 0},
        {"pcre:!\"/abcd/\";", 0},
        {"pcre:!\"/abce/\";", 1},
        {"pcre:\"/a b c/\";", 0},
        {"pcre:\"/a b c/x\";", 1},
        {"pcre:\"/abcd/A\";", 0},
        {"pcre:\"/\\x00\\x04abcd/A\";", 1},
        {"pcre:\"/len=\\d+\\s/\";", 1},
        {"pcre:\"m!len=!\";", 1},
        {"content:\"len=\"; pcre:\"/^\\d{4}/R\";", 1},
        {"content:\"len=\"; pcre:\"/^\\d{5}/R\";", 0},
        {"content:\"len=\"; pcre:!\"/^\\d{5}/R\";", 1},
        {"content:\"len=\"; pcre:!\"/^\\d{4}/R\";", 0},
        {"content:\"abcd\"; pcre:\"/\\d+/R\"; content:\" x\"; within:2;", 1},
        {"content:\"abcd\"; pcre:\"/\\d+?/R\"; content:\"17\"; within:2;", 1},
        {"pcre:\"/=/\"; content:\"0017\"; within:4;", 1},
        {"pcre:\"/=/\"; content:\"0017\"; within:4; content:\"xyz\"; distance:2;", 0},
        {"pcre:\"/0/\"; content:\"17\"; within:2;", 1}, /* the second 0 */
        {"mysql.query; pcre:\"/^abcd$/\";", 1},
        {"mysql.query; pcre:\"/len/\";", 0},
        {"mysql.query; content:\"b\"; pcre:\"/^cd$/R\";", 1},
        {"pcre:\"/(a)(b)(c)(d)/\";", 1},
        {"content:\"nowhere\"; pcre:\"/abcd/\";", 0},
        {"pcre:\"/abcd/\"; content:\"nowhere\";", 0},
        {"pcre:\"/^\\x00\\x04abcd/\"; content:\"|00|\"; within:1;", 1},
        {"pcre:\"/^\\x04abcd/m\";", 0},
        {"pcre:\"/\\x04abcd/A\"; content:\"|00|\"; within:1;", 0},
        {"pcre:\"/.*x/s\"; content:\"yz\"; within:2;", 1},
        {"pcre:\"/abcd(?=\\x00)/\";", 1},
        {"pcre:\"/[\\d-x]{4} [x-\\d]/\";", 1},       /* no range: a digit, a hyphen or x */
        {"pcre:\"/[\\d-x]{5}/\";", 0},
        {"pcre:\"/[[:alpha:]-z]{4}\\x00/\";", 1},
        {"pcre:\"/\\l\\e\\n/\";", 0},               /* \e is an escape of its own */
        {"pcre:\"/\\len\\=/\";", 1},                /* \l is an l */
        {"pcre:\"/\\lem\\=/\";", 0},
    };
    ASK(rows);
}

static void numbers_in_bytes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"byte_test:1,=,4,1;", 1},
        {"byte_test:1,=,5,1;", 0},
        {"byte_test:2,=,4,0;", 1},
        {"byte_test:2,=,0x400,0,little;", 1},
        {"byte_test:4,>,15,6;", 1},
        {"byte_test:4,>,16,6;", 0},
        {"byte_test:4,>=,16,6;", 1},
        {"byte_test:4,<,17,6;", 1},
        {"byte_test:4,<=,15,6;", 0},
        {"byte_test:4,!>,16,6;", 1},
        {"byte_test:4,!=,16,6;", 0},
        {"byte_test:4,!,17,6;", 1},
        {"byte_test:1,&,4,1;", 1},
        {"byte_test:1,&,3,1;", 0},
        {"byte_test:1,!&,3,1;", 1},
        {"byte_test:1,^,4,1;", 0},
        {"byte_test:1,^,5,1;", 1},
        {"byte_test:2,=,1,0,bitmask 0x0004;", 1},
        {"content:\"abcd\"; byte_test:4,=,16,0,relative;", 1},
        {"content:\"abcd\"; byte_test:4,=,17,0,relative;", 0},
        {"content:\"abcd\"; byte_test:2,=,4,-6,relative;", 1},
        {"content:\"abcd\"; byte_test:2,=,4,-7,relative;", 0},
        {"content:\"len=\"; byte_test:4,=,17,0,relative,string,dec;", 1},
        {"content:\"len=\"; byte_test:4,=,0x17,0,relative,string,hex;", 1},
        {"content:\"len=\"; byte_test:4,=,15,0,relative,string,oct;", 1},
        {"content:\"xyz\"; byte_test:2,=,0,0,relative,string,dec;", 0},
        {"byte_test:8,>,0,18;", 0}, /* past the end */
        {"content:\"|00|\"; byte_test:1,=,16,0,relative;", 1}, /* some 00 */
        {"byte_jump:2,0; content:\"|00 00 00 10|\"; within:4;", 1},
        {"byte_jump:2,0; content:\"abcd\"; within:4;", 0},
        {"byte_jump:1,1; content:\"|00 00 00 10|\"; within:4; content:\"len\"; within:3;", 1},
        {"byte_jump:1,1,multiplier 2; content:\"len\"; within:3;", 1},
        {"byte_jump:1,1,from_beginning; content:\"cd\"; within:2;", 1},
        {"byte_jump:0,0,from_end,post_offset -2; content:\"|05 00|\"; within:2;", 1},
        {"byte_jump:0,0,from_end,post_offset -1; content:\"|05|\"; within:2;", 0},
        {"byte_jump:4,6; isdataat:0,relative;", 0},
        {"byte_jump:4,6,post_offset -4; content:\"|05|\"; within:1;", 1},
        {"byte_jump:4,6,post_offset -3; content:\"|05|\"; within:2;", 0},
        {"content:\"len=\"; byte_jump:4,0,relative,string,dec,post_offset -14; content:\"z\"; within:3;", 1},
        {"byte_jump:1,1,align; content:\"|00 00 00 10|\"; within:4;", 1},
        {"byte_jump:1,1,post_offset -1,align; content:\"d\"; within:1;", 1},
        {"byte_jump:4,1000;", 0},
    };
    ASK(rows);
}

static void values_with_names(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"byte_extract:1,1,n; content:\"cd\"; offset:n;", 1},
        {"byte_extract:1,1,n; content:\"bcd\"; offset:n;", 0},
        {"byte_extract:1,1,n; content:\"abcd\"; within:n;", 1},
        {"byte_extract:1,1,n; content:\"bcd|00|\"; within:n;", 0},
        {"byte_extract:1,1,n; content:\"|00 00|\"; distance:n;", 1},
        {"byte_extract:1,1,n; content:\"d|00 00|\"; distance:n;", 0},
        {"byte_extract:1,1,n; content:\"|00 04 61 62|\"; depth:n;", 1},
        {"byte_extract:1,1,n; content:\"|00 04 61 62 63|\"; depth:n;", 0},
        {"byte_extract:1,1,n; byte_test:2,=,n,0;", 1},
        {"byte_extract:1,1,n; byte_test:1,=,n,n;", 0},
        {"byte_extract:1,1,n; byte_test:4,>,n,6;", 1},
        {"byte_extract:1,1,n,multiplier 4; byte_test:4,=,n,6;", 1},
        {"byte_extract:1,1,n; isdataat:n;", 1},
        {"byte_extract:4,2,n; isdataat:n;", 0},
        {"byte_extract:1,1,n; byte_jump:0,n; content:\"cd\"; within:2;", 1},
        /* The first 00 is followed by 04, the fourth by 10: some value makes it true. */
        {"content:\"|00|\"; byte_extract:1,0,n,relative; byte_test:1,=,16,-1,relative; byte_test:4,=,n,6;", 1},
        {"content:\"|00|\"; byte_extract:1,0,n,relative; byte_test:1,=,17,-1,relative;", 0},
        {"content:\"|00|\"; byte_extract:1,0,n,relative; byte_extract:1,0,m,relative; byte_test:2,=,n,0; byte_test:1,=,m,2;", 1},
        {"mysql.query; byte_extract:1,0,n; byte_test:1,>,n,1;", 1},
        {"mysql.query; byte_extract:1,0,n; byte_test:1,<,n,1;", 0},
    };
    ASK(rows);
}

/* 00 04 'abcd' 00 00 00 10 'len=' '0017' ' xyz' 05 00: 24 bytes. */
static void calculated(void **state)
{
    (void)state;
#define MATH(more) "byte_math:bytes 1,offset 1," more "; "
    static const struct row rows[] = {
        {MATH("oper +,rvalue 12,result n") "byte_test:4,=,n,6;", 1},
        {MATH("oper +,rvalue 13,result n") "byte_test:4,=,n,6;", 0},
        {MATH("oper *,rvalue 4,result n") "byte_test:4,=,n,6;", 1},
        {MATH("oper *,rvalue 5,result n") "byte_test:4,=,n,6;", 0},
        {MATH("oper -,rvalue 2,result n") "content:\"abcd\"; offset:n; depth:4;", 1},
        {MATH("oper -,rvalue 1,result n") "content:\"abcd\"; offset:n; depth:4;", 0},
        {MATH("oper /,rvalue 2,result n") "content:\"abcd\"; offset:n; depth:4;", 1},
        {MATH("oper <<,rvalue 2,result n") "byte_test:4,=,n,6;", 1},
        {MATH("oper <<,rvalue 64,result n") "byte_test:4,>=,0,6;", 0},
        {MATH("oper >>,rvalue 1,result n") "content:\"abcd\"; offset:n; depth:4;", 1},
        {MATH("oper >>,rvalue 2,result n") "content:\"abcd\"; offset:n; depth:4;", 0},
        {MATH("oper -,rvalue 5,result n") "byte_test:4,<,n,6;", 1}, /* below zero: a very large number */
        {MATH("oper -,rvalue 4,result n") "byte_test:4,<,n,6;", 0},
        {MATH("oper +,rvalue 0,result n, bitmask 0x4") "byte_test:1,=,n,9;", 0},
        {MATH("oper +,rvalue 60,result n, bitmask 0x40") "content:\"|04|\"; offset:n; depth:1;", 1}, /* 64, masked and shifted: 1 */
        {"byte_math:bytes 2, offset 0, oper +, rvalue 0, result n, endian little; byte_test:2,=,n,0,little;", 1},
        {"byte_math:bytes 2, offset 0, oper +, rvalue 0, result n, endian little; byte_test:2,=,n,0;", 0},
        {"content:\"len=\"; byte_math:bytes 4,offset 0,oper -,rvalue 1,result n,relative,string dec; byte_test:4,=,n,6;", 1},
        {"content:\"len=\"; byte_math:bytes 4,offset 0,oper -,rvalue 7,result n,relative,string hex; byte_test:4,=,n,6;", 1},
        {"content:\"len=\"; byte_math:bytes 4,offset 0,oper +,rvalue 1,result n,relative,string oct; byte_test:4,=,n,6;", 1},
        {"content:\"len=\"; byte_math:bytes 4,offset 3,oper -,rvalue 1,result n,relative,string dec; byte_test:4,=,n,6;", 0},
        {"content:\"len=\"; byte_math:bytes 4,offset 0,oper -,rvalue 1,result n,relative,string dec; content:\" xyz\"; within:4;", 1},
        {"byte_extract:1,1,m; byte_math:bytes 4,offset 6,oper /,rvalue m,result n; byte_test:1,=,n,1;", 1},
        {"byte_extract:1,0,m; byte_math:bytes 4,offset 6,oper /,rvalue m,result n; byte_test:1,>=,0,1;", 0}, /* by zero */
        {"byte_math:bytes 4,offset 21,oper +,rvalue 1,result n; byte_test:1,>=,0,1;", 0},                   /* past the end */
        {MATH("oper +,rvalue 20,result n") "isdataat:!n;", 1},
        {MATH("oper +,rvalue 19,result n") "isdataat:!n;", 0},
    };
#undef MATH
    ASK(rows);
}

/* What every segment with a message has is no question; other flags are about packets. */
static void flags_of_segments(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"flags:A+; content:\"abcd\";", 1}, {"flags:PA; content:\"abcd\";", 1}, {"flags:AP+; content:\"abce\";", 0},
        {"flags:A; content:\"abcd\";", 1},  {"flags:A,12; content:\"abcd\";", 1}, {"flags:S; content:\"abcd\";", 0},
        {"flags:SA; content:\"abcd\";", 0}, {"flags:!A; content:\"abcd\";", 0}, {"flags:P; content:\"abcd\";", 0},
        {"tcp.flags:PA; content:\"abcd\";", 1},
    };
    ASK(rows);
}

static void buffers_that_are_absent(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"mysql.user; absent;", 1},
        {"mysql.query; absent;", 0},
        {"mysql.user; absent:or_else; content:\"x\";", 1},
        {"mysql.query; absent:or_else; content:\"x\";", 0},
        {"mysql.query; absent:or_else; content:\"abcd\";", 1},
        {"mysql.user; absent; mysql.query; content:\"abcd\";", 1},
    };
    ASK(rows);
}

static void stream_sizes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"stream_size:client,>,99;", 1},   {"stream_size:client,>,100;", 0}, {"stream_size:server,<,6;", 1},
        {"stream_size:server,<,5;", 0},    {"stream_size:both,>,4;", 1},     {"stream_size:both,>,5;", 0},
        {"stream_size:either,>,5;", 1},    {"stream_size:either,>,100;", 0}, {"stream_size:client,=,100;", 1},
        {"stream_size:client,!=,100;", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        struct bench *b = bench_open();
        snprintf(text, sizeof text, "alert mysql any any -> any any (%s sid:1;)", rows[i].options);
        bench_rules(b, text);
        b->flow.bytes[FROM_CLIENT] = 100;
        b->flow.bytes[FROM_SERVER] = 5;
        the_message(b);
        assert_int_equal(bench_ask(b), rows[i].matches);
        bench_close(b);
    }
}

static unsigned ask_text(struct bench *b, const char *text)
{
    char written[256];
    snprintf(written, sizeof written, "'%s'", text);
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, written);
    return bench_ask(b);
}

static void bits_of_a_connection(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    /* The rules that ask stand first, and are asked last all the same. */
    bench_rules(b, "alert mysql any any -> any any (flowbits:isset,a&b; content:\"both\"; sid:1;)\n"
                   "alert mysql any any -> any any (flowbits:isset,a|b; content:\"any\"; sid:2;)\n"
                   "alert mysql any any -> any any (flowbits:isnotset,a; content:\"none\"; sid:3;)\n"
                   "alert mysql any any -> any any (content:\"set a\"; flowbits:set,a; flowbits:noalert; sid:4;)\n"
                   "alert mysql any any -> any any (content:\"set b\"; flowbits:set,b; sid:5;)\n"
                   "alert mysql any any -> any any (content:\"clear\"; flowbits:unset,a; noalert; sid:6;)\n"
                   "alert mysql any any -> any any (content:\"turn\"; flowbits:toggle,b; noalert; sid:7;)\n");
    assert_int_equal(ask_text(b, "any both"), 0);
    assert_int_equal(ask_text(b, "none"), 1);
    assert_int_equal(ask_text(b, "set a, any, both, none"), 1); /* set and asked in one message */
    assert_int_equal(b->sids[0], 2);
    assert_int_equal(ask_text(b, "set b"), 1);
    assert_int_equal(ask_text(b, "both any none"), 2);
    assert_int_equal(ask_text(b, "clear"), 0);
    assert_int_equal(ask_text(b, "both any none"), 2);
    assert_int_equal(ask_text(b, "turn"), 0);
    assert_int_equal(ask_text(b, "both any"), 0);
    b->session = (struct session){0}; /* another connection */
    assert_int_equal(ask_text(b, "any both"), 0);
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "'none'");
    b->findings.session = NULL;
    assert_int_equal(bench_ask(b), 0);
    bench_close(b);
}

static void flowbits_are_bounded(void **state)
{
    (void)state;
    struct rule_set *set = rules_open();
    char text[256];
    for (unsigned i = 0; i < FLOWBITS_MAX + 1; i++) {
        snprintf(text, sizeof text, "alert mysql any any -> any any (flowbits:set,bit%u; sid:%u;)", i, i + 1);
        rules_add_text(set, "t", view_text(text));
    }
    struct rule_problem problem;
    assert_int_equal(rules_loaded(set), FLOWBITS_MAX);
    assert_true(rules_problem(set, 0, &problem));
    assert_string_equal(problem.text, "all rules together have more than 64 flowbits");
    rules_close(set);
}

/* Expressions that run away on 16 KiB: each search ends at a bound, is counted, and its time is small. */
static void regexes_that_run_away(void **state)
{
    (void)state;
    static const char *const expressions[] = {
        "/(a+)+$/",       "/(a|aa)+$/",      "/(a*)*b/",           "/^(a|a)*$/", "/(x+x+)+y/",        "/(.*a){12}\\d/",
        "/(a|a?)+\\d/",   "/([a-z]+)*\\d/", "/(a+a+)+\\d/",       "/a(.+)+\\d/", "/(?:a{1,30}){1,30}\\d/", "/(.*)*\\d/",
        "/[a-z]+[=:]/",   "/a.*[=:]/",      "/a[^x]*a[^x]*[=:]/",  "/\\w+\\s*[=:]\\s*\\d/", "/(?:a.*){3}[0-9]/", "/.{1,500}[0-9]/",
        "/a.*?a.*?a.*?[0-9]/", "/(?=.*[0-9])a/", "/(a.*?){20}[0-9]/",
    };
    static uint8_t bytes[MESSAGE_BYTES_MAX];
    memset(bytes, 'a', sizeof bytes);
    double worst = 0;
    for (size_t i = 0; i < 2 * sizeof expressions / sizeof expressions[0]; i++) {
        char text[256];
        struct bench *b = bench_open();
        struct timespec from, to;
        /* Also with every way to go on after it: a later step and many places before it. */
        snprintf(text, sizeof text, "alert mysql any any -> any any (content:\"a\"; pcre:\"%s%s\"; content:!\"aa\"; within:2; sid:1;)",
                 expressions[i / 2], i % 2 ? "R" : "");
        bench_rules(b, text);
        bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "00");
        b->message.head = view_of(bytes, sizeof bytes);
        b->findings.message_length = sizeof bytes;
        double best = 1e9;
        for (unsigned round = 0; round < (getenv("SHOW_TIMES") ? 40 : 5); round++) {
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
            (void)bench_ask(b);
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
            double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
            best = ms < best ? ms : best;
        }
        if (getenv("SHOW_TIMES"))
            print_message("%-28s %.3f ms for 16 KiB, %llu at a bound\n", expressions[i / 2], best,
                          (unsigned long long)detector_limits_met(b->detector));
        worst = best > worst ? best : worst;
        bench_close(b);
    }
    assert_true(worst < 50); /* a sanitizer or a busy machine may be slow; a search without a bound takes minutes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcre),
        cmocka_unit_test(numbers_in_bytes),
        cmocka_unit_test(values_with_names),
        cmocka_unit_test(calculated),
        cmocka_unit_test(flags_of_segments),
        cmocka_unit_test(buffers_that_are_absent),
        cmocka_unit_test(stream_sizes),
        cmocka_unit_test(bits_of_a_connection),
        cmocka_unit_test(flowbits_are_bounded),
        cmocka_unit_test(regexes_that_run_away),
    };
    return cmocka_run_group_tests_name("rule steps", tests, NULL, NULL);
}
