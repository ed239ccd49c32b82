/* Which rules load and which are refused, where and why. In the rows of refused rules a ` marks the place that the
 * complaint must name; it is not part of the text. */
#include "rules_bench.h"

#define RULE(options) "alert mysql any any -> any any (" options " sid:1;)"

struct row {
    const char *name, *text;
    const char *reason; /* the complaint begins so */
};

/* Takes the mark out; its place becomes line and column. */
static char *without_mark(const char *text, unsigned *line, unsigned *column)
{
    char *out = malloc(strlen(text) + 1);
    size_t used = 0, start = 0;
    *line = 1;
    *column = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '`') {
            *column = (unsigned)(used - start) + 1;
            continue;
        }
        out[used++] = *c;
        if (*c == '\n' && !*column) {
            ++*line;
            start = used;
        }
    }
    out[used] = 0;
    assert_true(*column > 0);
    return out;
}

static void expect_refused(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rule_set *set = rules_open();
        struct rule_problem problem;
        unsigned line, column;
        char *text = without_mark(rows[i].text, &line, &column);
        struct view exact = view_of(malloc(strlen(text)), strlen(text));
        memcpy((void *)(uintptr_t)exact.bytes, text, exact.length);
        rules_add_text(set, "x.rules", exact);
        hex_free(exact);
        if (rules_failed(set) != 1 || !rules_problem(set, 0, &problem) || problem.line != line ||
            problem.column != column || strncmp(problem.text, rows[i].reason, strlen(rows[i].reason)) != 0) {
            print_error("%s: expected %u:%u: %s\n", rows[i].name, line, column, rows[i].reason);
            for (size_t j = 0; rules_problem(set, j, &problem); j++)
                print_error("    got %u:%u: %s\n", problem.line, problem.column, problem.text);
            fail();
        }
        assert_string_equal(problem.file, "x.rules");
        free(text);
        rules_close(set);
    }
}

#define EXPECT_REFUSED(rows) expect_refused(rows, sizeof rows / sizeof rows[0])

static void header(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"action", "`alrt mysql any any -> any any (sid:1;)", "unknown action \"alrt\"; did you mean alert?"},
        {"action without a neighbour", "`frobnicate mysql any any -> any any (sid:1;)", "unknown action \"frobnicate\""},
        {"protocol", "alert `msql any any -> any any (sid:1;)", "unknown protocol \"msql\"; did you mean mysql?"},
        {"protocol of nobody", "alert `htttp any any -> any any (sid:1;)", "unknown protocol \"htttp\""},
        {"address", "alert mysql `10.0.0.256 any -> any any (sid:1;)", "\"10.0.0.256\" is not an address"},
        {"mask too long", "alert mysql `10.0.0.0/33 any -> any any (sid:1;)", "\"10.0.0.0/33\" is not an address"},
        {"mask too long, IPv6", "alert mysql `::/129 any -> any any (sid:1;)", "\"::/129\" is not an address"},
        {"netmask with holes", "alert mysql `10.0.0.0/255.0.255.0 any -> any any (sid:1;)", "\"10.0.0.0/255.0.255.0\" is not"},
        {"range upside down", "alert mysql `10.0.0.9-10.0.0.1 any -> any any (sid:1;)", "\"10.0.0.9-10.0.0.1\" is not"},
        {"range of two families", "alert mysql `10.0.0.9-::1 any -> any any (sid:1;)", "\"10.0.0.9-::1\" is not"},
        {"not any", "alert mysql any any -> `!any any (sid:1;)", "nothing is left: this matches no address"},
        {"nothing left", "alert mysql any any -> `[10.0.0.0/8,!10.0.0.0/7] any (sid:1;)", "nothing is left"},
        {"nothing left of an inner list", "alert mysql any any -> `[1.2.3.4,[!any]] any (sid:1;)", "nothing is left of a list"},
        {"list not closed", "alert mysql any any -> `[10.0.0.1 any (sid:1;)", "[ is not closed"},
        {"list closed twice", "alert mysql any any -> `[10.0.0.1]] any (sid:1;)", "] without ["},
        {"empty item", "alert mysql any any -> `[10.0.0.1,] any (sid:1;)", "\"\" is not an address"},
        {"list without brackets", "alert mysql any any -> `10.0.0.1,10.0.0.2 any (sid:1;)", "expected , or ] in a list"},
        {"nesting", "alert mysql `[[[[[[[[[1.1.1.1]]]]]]]]] any -> any any (sid:1;)", "lists are nested deeper than 8"},
        {"variable", "alert mysql any any -> `$NO_SUCH any (sid:1;)", "unknown variable $NO_SUCH"},
        {"port", "alert mysql any `65536 -> any any (sid:1;)", "\"65536\" is not a port"},
        {"port range upside down", "alert mysql any `9:3 -> any any (sid:1;)", "\"9:3\" is not a port"},
        {"port that is a colon", "alert mysql any `: -> any any (sid:1;)", "\":\" is not a port"},
        {"direction", "alert mysql any any `<- any any (sid:1;)", "expected -> or <>"},
        {"direction to the left", "alert mysql any any `=> any any (sid:1;)", "expected -> or <>"},
        {"a word too many", "alert mysql any any -> any any `any (sid:1;)", "expected ( after the header"},
        {"no ports", "alert mysql any -> any `(sid:1;)", "the header ends here"},
        {"no options", "alert mysql any any -> any any`", "expected ( after the header"},
        {"only an action", "alert mysql`\nalert pgsql any any -> any any (sid:2;)", "the header ends here"},
    };
    EXPECT_REFUSED(rows);
}

static void lexical(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no sid", "`alert mysql any any -> any any (msg:\"x\";)", "the rule has no sid"},
        {"not closed", "alert mysql any any -> any any (sid:1;`", "the rule is not closed with )"},
        {"not closed before the next", "alert mysql any any -> any any (sid:1;\n`alert pgsql any any -> any any (sid:2;)",
         "the rule is not closed with )"},
        {"quote not closed", "alert mysql any any -> any any (msg:`\"x; sid:1;)\nalert pgsql any any -> any any (sid:2;)",
         "this quote is not closed"},
        {"option not closed", "alert mysql any any -> any any (sid:`1)\nalert pgsql any any -> any any (sid:2;)",
         "the option is not closed with ;"},
        {"comment behind an option", "alert mysql any any -> any any (sid:1; # `no\n)", "expected : or ;"},
        {"no name", RULE("`:5;"), "expected an option"},
        {"space in a name", RULE("no `case;"), "expected : or ;"},
        {"text behind", RULE("msg:\"x\";") " `junk", "there is text after the rule"},
        {"missing ; after a quote", RULE("msg:\"x`\" content:\"y\";"), "a quote inside quotes"},
        {"line and column", "# one\n\n  alert mysql any any -> any any (\n    msg:\"x\";\n    `contnet:\"y\"; sid:1;)\n",
         "unknown keyword \"contnet\"; did you mean content?"},
        {"after a joined line", "alert mysql any any -> \\\n any any (`foo; sid:1;)", "unknown keyword \"foo\""},
    };
    EXPECT_REFUSED(rows);
}

static void options(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"unknown keyword", RULE("`xyzzy:1;"), "unknown keyword \"xyzzy\""},
        {"nearly a field", RULE("`mysql.lenght:5;"), "unknown keyword \"mysql.lenght\"; did you mean mysql.length?"},
        {"nearly a keyword", RULE("`thresold:x;"), "unknown keyword \"thresold\"; did you mean threshold?"},
        {"of a later build", RULE("`hostbits:set,a;"), "hostbits is not supported by this build: they span connections"},
        {"of another protocol", RULE("`http.uri; content:\"x\";"), "http.uri is about HTTP, which is not decoded here"},
        {"value missing", RULE("`msg;"), "msg needs a value"},
        {"value empty", RULE("`msg:;"), "msg needs a value"},
        {"value too much", RULE("content:\"a\"; nocase:`1;"), "nocase takes no value"},
        {"sid twice", "alert mysql any any -> any any (sid:5; `sid:1;)", "sid stands twice"},
        {"sid 0", "alert mysql any any -> any any (sid:`0;)", "sid is a number from 1 to 4294967295"},
        {"sid too large", "alert mysql any any -> any any (sid:`4294967296;)", "sid is a number from 1 to 4294967295"},
        {"sid not a number", "alert mysql any any -> any any (sid:`12x;)", "sid is a number"},
        {"gid", RULE("gid:`0;"), "gid is a number"},
        {"rev", RULE("rev:`-1;"), "rev is a number"},
        {"priority 0", RULE("priority:`0;"), "priority is a number from 1 to 255"},
        {"priority 256", RULE("priority:`256;"), "priority is a number from 1 to 255"},
        {"msg without quotes", RULE("msg:`x;"), "expected \"text in quotes\""},
        {"msg empty", RULE("msg:`\"\";"), "the text is empty"},
        {"reference", RULE("reference:`cve;"), "a reference is type,value"},
        {"reference without value", RULE("reference:`cve,;"), "a reference is type,value"},
        {"control in metadata", RULE("metadata:dbhound_class`\x01 unusual;"), "a control character (0x01) in a value"},
        {"control in a classtype", RULE("classtype:a`\x7f" "b;"), "a control character (0x7f) in a value"},
        {"target", RULE("target:`me;"), "target is src_ip or dest_ip"},
        {"metadata class", RULE("metadata:dbhound_class `funny;"), "dbhound_class is malformed, violation"},
        {"flow word", RULE("flow:established,`to_sever;"), "flow has no \"to_sever\"; did you mean to_server?"},
        {"flow both", RULE("flow:`to_server,from_server;"), "flow cannot be to_server and to_client"},
        {"flow established and not", RULE("flow:`established,not_established;"), "flow cannot be established and"},
        {"anomaly", RULE("anomaly:`mysql.incomplete-mesage;"),
         "unknown anomaly \"mysql.incomplete-mesage\"; did you mean mysql.incomplete-message?"},
        {"anomaly of another protocol", RULE("anomaly:`pgsql.incomplete-message;"), "pgsql.incomplete-message does not exist in mysql"},
        {"event", RULE("app-layer-event:`x;"), "unknown anomaly \"x\""},
        {"field of another protocol", RULE("`pgsql.length:5;"), "pgsql.length does not exist in mysql"},
        {"threshold lacks", RULE("threshold:`type limit, track by_src, count 1;"), "threshold needs type, track, count and seconds"},
        {"threshold type", RULE("threshold:type `some, track by_src, count 1, seconds 1;"), "type is limit, threshold, both or backoff"},
        {"threshold track", RULE("threshold:type limit, track `by_me, count 1, seconds 1;"), "track is by_src,"},
        {"threshold count 0", RULE("threshold:type limit, track by_src, count `0, seconds 1;"), "expected a number from 1"},
        {"threshold seconds", RULE("threshold:type limit, track by_src, count 1, seconds `x;"), "expected a number from 1"},
        {"threshold key", RULE("threshold:type limit, `trak by_src, count 1, seconds 1;"), "\"trak\" is not one of type, track"},
        {"threshold key twice", RULE("threshold:type limit, `type limit, count 1, seconds 1;"), "type stands twice"},
        {"threshold without value", RULE("threshold:type limit, `track;"), "expected: key value"},
        {"filter with a type", RULE("detection_filter:`type limit, track by_src, count 1, seconds 1;"), "\"type\" is not one of track"},
        {"two thresholds", RULE("detection_filter:track by_src, count 1, seconds 1; `threshold:type limit, track by_src, count 1, seconds 1;"),
         "a rule has one threshold"},
    };
    EXPECT_REFUSED(rows);
}

static void values(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"not a number", RULE("mysql.length:`big;"), "\"big\" is not N, >N"},
        {"no number", RULE("mysql.length:`>;"), "\">\" is not N, >N"},
        {"unknown unit", RULE("mysql.length:`5TiB;"), "\"5TiB\" is not N, >N"},
        {"too large", RULE("mysql.length:`18446744073709551616;"), "\"18446744073709551616\" is not N"},
        {"too large by its unit", RULE("mysql.length:`17179869184GiB;"), "\"17179869184GiB\" is not N"},
        {"less than nothing", RULE("mysql.length:`<0;"), "nothing is less"},
        {"greater than all", RULE("mysql.length:`>18446744073709551615;"), "nothing is greater"},
        {"empty range", RULE("mysql.length:`4-5;"), "nothing lies between 4-5"},
        {"range upside down", RULE("mysql.length:`9<>2;"), "nothing lies between 9<>2"},
        {"range without end", RULE("mysql.length:`9<>;"), "a range is N-M or N<>M"},
        {"empty item", RULE("mysql.length:5,`;"), "a value is missing"},
        {"only not", RULE("mysql.length:`!;"), "a value is missing"},
        {"enum", RULE("db.phase:`pre_aut;"), "db.phase has no value \"pre_aut\"; did you mean pre_auth?"},
        {"bool", RULE("db.tls:`maybe;"), "db.tls has no value \"maybe\""},
        {"message", RULE("db.message:`no_such_message;"), "db.message has no value \"no_such_message\""},
        {"dsize", RULE("dsize:`x;"), "\"x\" is not N"},
        {"buffer with a value", RULE("db.user:`\"root\";"), "db.user is a buffer"},
        {"buffer with nothing", RULE("`db.user; flow:to_server;"), "nothing asks about db.user"},
    };
    EXPECT_REFUSED(rows);
}

static void content(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no quotes", RULE("content:`abc;"), "content is written in quotes"},
        {"empty", RULE("content:\"`\";"), "the content is empty"},
        {"empty hex", RULE("content:\"`||\";"), "the content is empty"},
        {"odd hex", RULE("content:\"|00 `0|\";"), "between bars stand pairs of hex digits"},
        {"not hex", RULE("content:\"|`zz|\";"), "between bars stand pairs of hex digits"},
        {"bar not closed", RULE("content:\"a`|00\";"), "this bar is not closed"},
        {"escape", RULE("content:\"a\\`n\";"), "in content, \\ stands before"},
        {"escape of a space", RULE("content:\"a\\` b\";"), "in content, \\ stands before"},
        {"byte_math without a result", RULE("byte_math:`bytes 1, offset 0, oper +, rvalue 1;"), "byte_math is bytes N"},
        {"byte_math by zero", RULE("byte_math:`bytes 1, offset 0, oper /, rvalue 0, result n;"), "a division by zero"},
        {"byte_math operator", RULE("byte_math:bytes 1, offset 0, oper `%, rvalue 1, result n;"), "oper is one of"},
        {"byte_math twice", RULE("byte_math:bytes 1, `bytes 1, oper +, rvalue 1, result n;"), "bytes stands twice"},
        {"byte_math bytes", RULE("byte_math:`bytes 9, offset 0, oper +, rvalue 1, result n;"), "a binary number has at most 8"},
        {"byte_math word", RULE("byte_math:bytes 1, offset 0, oper +, rvalue 1, result n, `dce;"), "\"dce\" does not stand here"},
        {"byte_math name", RULE("byte_math:bytes 1, offset 0, oper +, rvalue `x, result n;"), "no byte_extract before this names"},
        {"transform", RULE("mysql.query; `url_decode; content:\"a\";"), "url_decode is not supported by this build: buffers"},
        {"buffer of packets", RULE("`tcp.hdr; content:\"a\";"), "tcp.hdr is not supported by this build: rules here are asked about messages"},
        {"quote inside", RULE("content:\"a\"`b\";"), "text after the closing quote"},
        {"modifier first", RULE("`nocase;"), "nocase needs a content before it"},
        {"modifier after a new buffer", RULE("content:\"a\"; db.user; `nocase; content:\"b\";"), "nocase needs a content"},
        {"depth less than the content", RULE("`content:\"abcd\"; depth:3;"), "depth 3 is less than the content's 4 bytes"},
        {"within less than the content", RULE("content:\"a\"; `content:\"abcd\"; within:3;"), "within 3 is less"},
        {"depth 0", RULE("content:\"a\"; depth:`0;"), "depth is a number from 1"},
        {"within 0", RULE("content:\"a\"; within:`0;"), "within is a number from 1"},
        {"offset negative", RULE("content:\"a\"; offset:`-1;"), "offset is a number from 0"},
        {"distance too far", RULE("content:\"a\"; distance:`1048577;"), "distance is a number from -1048576 to 1048576"},
        {"depth twice", RULE("content:\"a\"; depth:5; `depth:6;"), "depth stands twice"},
        {"absolute and relative", RULE("`content:\"a\"; offset:1; distance:0;"), "one content cannot have offset"},
        {"startswith and offset", RULE("`content:\"a\"; startswith; offset:1;"), "startswith cannot stand with"},
        {"inline modifier", RULE("content:\"a\",`nocas;"), "content has no modifier \"nocas\"; did you mean nocase?"},
        {"inline without value", RULE("content:\"a\",`depth;"), "depth needs a value"},
        {"inline with value", RULE("content:\"a\",`nocase 5;"), "nocase takes no value"},
        {"fast_pattern", RULE("content:\"abc\"; fast_pattern:`2,2;"), "fast_pattern takes only, or offset,length"},
        {"fast_pattern word", RULE("content:\"abc\"; fast_pattern:`onl;"), "fast_pattern takes only"},
        {"isdataat", RULE("isdataat:`x;"), "isdataat is [!]N"},
        {"isdataat word", RULE("isdataat:5,`relativ;"), "isdataat is [!]N"},
        {"bsize", RULE("bsize:`x;"), "\"x\" is not N"},
    };
    EXPECT_REFUSED(rows);
}

static void a_number_is_taken_once(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    struct rule_problem problem;
    rules_add_text(b->set, "a", view_text("alert mysql any any -> any any (sid:7; rev:2;)\nalert db any any -> any any (sid:7; rev:1;)\n"
                                          "alert db any any -> any any (gid:2; sid:7;)\n"));
    rules_add_text(b->set, "b", view_text("alert pgsql any any -> any any (sid:7; rev:2;)"));
    assert_int_equal(rules_loaded(b->set), 2);
    assert_int_equal(rules_failed(b->set), 2);
    assert_true(rules_problem(b->set, 1, &problem));
    assert_string_equal(problem.file, "b");
    assert_string_equal(problem.text, "sid 7 is taken by an earlier rule (gid 1, revision 2)");
    assert_false(rules_problem(b->set, 2, &problem));
    bench_close(b);
}

static void a_newer_revision_replaces(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    struct rule_problem warning;
    rules_add_text(b->set, "a", view_text("alert mysql any any -> any any (msg:\"old\"; pcre:\"/x/\"; sid:7; rev:1;)\n"
                                          "alert mysql any any -> any any (msg:\"other\"; sid:8;)\n"));
    rules_add_text(b->set, "b", view_text("alert mysql any any -> any any (msg:\"new\"; sid:7; rev:2;)"));
    assert_int_equal(rules_failed(b->set), 0);
    assert_int_equal(rules_loaded(b->set), 2);
    assert_string_equal(b->set->rules[0].msg, "new");
    assert_true(rules_warning(b->set, 0, &warning));
    assert_string_equal(warning.text, "sid 7: this revision 2 replaces revision 1");
    bench_ready(b);
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "01");
    assert_int_equal(bench_ask(b), 2);
    assert_int_equal(b->sids[0] + b->sids[1], 15);
    bench_close(b);
}

/* #begin to #end; without an #end it is one line of comment. */
static void a_block_is_commented_out(void **state)
{
    (void)state;
#define R(sid) "alert mysql any any -> any any (sid:" #sid ";)\n"
    static const struct {
        const char *text;
        unsigned loaded;
    } rows[] = {
        {R(1) "#begin\n" R(2) "nonsense\n#end\n" R(3), 2},
        {R(1) "  #begin  \r\n" R(2) "\t#end\r\n" R(3), 2},
        {R(1) "#begin\n" R(2) R(3), 3},
        {R(1) "#begin of a story\n" R(2) "#end\n" R(3), 3},
        {R(1) "#begin\n" R(2) "#end", 1},
        {"#begin\n#begin\n" R(2) "#end\n" R(3) "#begin\n" R(4), 2},
        {"#end\n" R(1), 1},
    };
#undef R
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *b = bench_open();
        rules_add_text(b->set, "a", view_text(rows[i].text));
        assert_int_equal(rules_failed(b->set), 0);
        assert_int_equal(rules_loaded(b->set), rows[i].loaded);
        bench_close(b);
    }
}

static void one_bad_rule_leaves_the_others(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    static const char *const bad[] = {"alert mysql any any -> any any (msg:\"never closed; sid:50;)",
                                      "alert mysql any any -> any any (sid:50",
                                      "alert mysql any any -> any (sid:50;)",
                                      "nonsense",
                                      "more nonsense (with; parts:\"x\";",
                                      "alert mysql any any -> any any (pcre:\"/(x\\\"y/\"; sid:50;)",
                                      "alert mysql any any -> any any (\n  bad:1;\n  sid:50;\n)",
                                      "alert mysql any any -> any any (content:\"\\\\\"; content:\"x\\\"; sid:50;)"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[512];
        struct rule_set *set = rules_open();
        snprintf(text, sizeof text, "alert db any any -> any any (sid:1;)\n%s\nalert db any any -> any any (sid:2;)\n", bad[i]);
        rules_add_text(set, "t", view_text(text));
        if (!rule_find(set, 1, 1) || !rule_find(set, 1, 2) || rules_loaded(set) != 2 || rules_failed(set) != 1) {
            print_error("%s: %zu loaded, %zu refused\n", bad[i], rules_loaded(set), rules_failed(set));
            fail();
        }
        rules_close(set);
    }
    bench_close(b);
}

static void warns(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"drop", "drop mysql any any -> any any (sid:1;)", "drop acts as alert"},
        {"reject", "reject mysql any any -> any any (sid:1;)", "reject acts as alert"},
        {"later protocol", "alert sctp any any -> any any (sid:1;)", "never matches: sctp is not decoded"},
        {"not established", "alert mysql any any -> any any (flow:not_established; sid:1;)", "never matches: messages"},
        {"classtype", "alert mysql any any -> any any (classtype:misc-atack; sid:1;)",
         "unknown classtype misc-atack, priority 3 is used; did you mean misc-attack?"},
        {"negated default", "alert mysql !$HOME_NET any -> any any (sid:1;)", "$HOME_NET is any"},
        {"class of an anomaly", RULE("anomaly:mysql.incomplete-message; metadata:dbhound_class unusual;"), "dbhound_class unusual is ignored"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *b = bench_open();
        struct rule_problem warning = {.text = "none"};
        rules_add_text(b->set, "t", view_text(rows[i].text));
        bench_expect_clean(b);
        assert_int_equal(rules_loaded(b->set), 1);
        (void)rules_warning(b->set, 0, &warning);
        if (strncmp(warning.text, rows[i].reason, strlen(rows[i].reason)) != 0) {
            print_error("%s: got %s\n", rows[i].name, warning.text);
            fail();
        }
        assert_false(rules_warning(b->set, 1, &warning));
        bench_close(b);
    }
}

/* Rules that load, and how they are understood. */
static const struct {
    const char *text, *canonical;
} good[] = {
    {"alert mysql any any -> any any (sid:1;)", "alert mysql any any -> any any ( gid:1; sid:1; rev:0;)"},
    {"  pass\ttcp any any <> any any(sid:1;)", "pass tcp any any <> any any ( gid:1; sid:1; rev:0;)"},
    {"log ip [10.0.0.0/8, !10.1.0.0/16] any -> !192.168.0.0/16 3306 (sid:0x10;)",
     "log ip [10.0.0.0-10.0.255.255,10.2.0.0-10.255.255.255] any -> [::-::ffff:c0a7:ffff,::ffff:c0a9:0-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff] "
     "[3306:3306] ( gid:1; sid:16; rev:0;)"},
    {"alert db 10.0.0.1 1:5 -> [::1,fe80::/16] [:80,!7,9000:] (sid:1;)",
     "alert db [10.0.0.1-10.0.0.1] [1:5] -> [::1-::1,fe80::-fe80:ffff:ffff:ffff:ffff:ffff:ffff:ffff] [0:6,8:80,9000:65535] ( gid:1; sid:1; "
     "rev:0;)"},
    {"alert db 10.0.0.0/255.255.0.0 !3306 -> 10.0.0.1-10.0.0.4 [1,2,3] (sid:1;)",
     "alert db [10.0.0.0-10.0.255.255] [0:3305,3307:65535] -> [10.0.0.1-10.0.0.4] [1:3] ( gid:1; sid:1; rev:0;)"},
    {"alert db [10.0.0.0/8,![10.1.0.0/16,!10.1.1.0/24]] any -> any any (sid:1;)",
     "alert db [10.0.0.0-10.0.255.255,10.1.1.0-10.1.1.255,10.2.0.0-10.255.255.255] any -> any any ( gid:1; sid:1; rev:0;)"},
    {"alert tcp $EXTERNAL_NET any -> $SQL_SERVERS $ORACLE_PORTS (msg:\"a\\\"b\\;c\\\\d\\: e\"; sid:1; rev:3; gid:4;)",
     "alert tcp any any -> any [1521:1521] (msg:\"a\\\"b\\;c\\\\d\\: e\"; gid:4; sid:1; rev:3;)"},
    {"alert tcp any $FILE_DATA_PORTS -> any any (sid:1;)",
     "alert tcp any [80:80,110:110,143:143] -> any any ( gid:1; sid:1; rev:0;)"},
    {RULE("flow:to_server,established; mysql.length:>1MiB,!0x2000000;"),
     "alert mysql any any -> any any ( flow:to_server,established; mysql.length:>1048576,!33554432; gid:1; sid:1; rev:0;)"},
    {RULE("mysql.length:<5KB,>=7,<=9GiB,=3,!=4,2-9,!20<>30;"),
     "alert mysql any any -> any any ( mysql.length:<5120,>=7,<=9663676416,3,!4,2<>9,!20<>30; gid:1; sid:1; rev:0;)"},
    {RULE("db.phase:PRE_AUTH,!2; db.tls:no; db.message:greeting;"),
     "alert mysql any any -> any any ( db.phase:pre_auth,!authenticated; db.tls:no; db.message:greeting; gid:1; sid:1; rev:0;)"},
    {RULE("content:\"a|62 3B|\\;\\\"c\"; nocase; depth:9; offset:2; content:!\"D\",distance -3,within 20,nocase; isdataat:!5,relative;"),
     "alert mysql any any -> any any ( pkt_data; content:\"ab|3b 3b 22|c\"; nocase; offset:2; depth:9; content:!\"d\"; nocase; distance:-3; "
     "within:20; isdataat:!5,relative; gid:1; sid:1; rev:0;)"},
    {RULE("db.user; content:\"root\"; startswith; endswith; fast_pattern:only; bsize:4; pkt_data; content:\"x\"; fast_pattern:0,1; rawbytes;"),
     "alert mysql any any -> any any ( db.user; content:\"root\"; startswith; endswith; fast_pattern:only; bsize:4; pkt_data; content:\"x\"; "
     "fast_pattern:0,1; gid:1; sid:1; rev:0;)"},
    {RULE("anomaly:mysql.incomplete-message, tcp.overlap-differs; threshold:type both, track by_client, count 3, seconds 60;"),
     "alert mysql any any -> any any ( anomaly:mysql.incomplete-message,tcp.overlap-differs; threshold:type both, track by_client, count 3, "
     "seconds 60; gid:1; sid:1; rev:0;)"},
    {RULE("app-layer-event:mysql.incomplete-message; detection_filter:track by_server, count 3, seconds 60; target:dest_ip;"),
     "alert mysql any any -> any any ( anomaly:mysql.incomplete-message; detection_filter:track by_server, count 3, seconds 60; target:dest_ip; "
     "gid:1; sid:1; rev:0;)"},
    {RULE("dsize:>5; classtype:attempted-dos; priority:2; reference:cve,2012-2122; reference:url,x.org/a; metadata:a b, c d; metadata:e f;"),
     "alert mysql any any -> any any ( db.length:>5; reference:cve,2012-2122,url,x.org/a; classtype:attempted-dos; metadata:a b, c d, e f; "
     "priority:2; gid:1; sid:1; rev:0;)"},
    {"alert mysql any any -> \\\r\n  any any (msg:\"two \\\r\nlines\";\r\n# a comment \" (;\r\n sid:1;\r\n)\r\n",
     "alert mysql any any -> any any (msg:\"two lines\"; gid:1; sid:1; rev:0;)"},
    {"\xef\xbb\xbf# alert mysql any any -> any any (sid:9;)\n#alert joined \\\nalert mysql any any -> any any (sid:8;)\n"
     "alert mysql any any -> any any (sid:1;)",
     "alert mysql any any -> any any ( gid:1; sid:1; rev:0;)"},
};

static void prints_what_it_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char first[4096];
        struct text one = text_in(first, sizeof first);
        struct bench *b = bench_open(), *again = bench_open();
        rules_add_text(b->set, "t", view_text(good[i].text));
        bench_expect_clean(b);
        assert_int_equal(rules_loaded(b->set), 1);
        rule_print(&b->set->rules[0], &one);
        assert_string_equal(first, good[i].canonical);
        rules_add_text(again->set, "t", view_text(first));
        bench_expect_clean(again);
        bench_same_rule(&b->set->rules[0], &again->set->rules[0]);
        bench_close(b);
        bench_close(again);
    }
}

static void grades(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned severity;
        enum anomaly_class class;
    } rows[] = {
        {RULE(""), 3, CLASS_UNUSUAL},
        {RULE("classtype:attempted-admin;"), 1, CLASS_UNUSUAL},
        {RULE("classtype:tcp-connection;"), 4, CLASS_UNUSUAL},
        {RULE("classtype:attempted-admin; priority:2;"), 2, CLASS_UNUSUAL},
        {RULE("priority:255;"), 4, CLASS_UNUSUAL},
        {RULE("metadata:x y, dbhound_class violation;"), 3, CLASS_VIOLATION},
        {RULE("metadata:dbhound_class MALFORMED;"), 3, CLASS_MALFORMED},
        {RULE("anomaly:mysql.incomplete-message;"), 3, CLASS_MALFORMED},
        {RULE("anomaly:mysql.incomplete-message; classtype:attempted-admin;"), 3, CLASS_MALFORMED},
        {RULE("anomaly:mysql.incomplete-message,tcp.overlap-differs;"), 2, CLASS_UNUSUAL},
        {RULE("anomaly:mysql.incomplete-message; priority:1;"), 1, CLASS_MALFORMED},
        {"log mysql any any -> any any (classtype:attempted-admin; sid:1;)", 4, CLASS_UNUSUAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *b = bench_open();
        struct rule_facts facts;
        rules_add_text(b->set, "t", view_text(rows[i].text));
        bench_expect_clean(b);
        rules_facts(b->set, 0, &facts);
        assert_int_equal(facts.severity, rows[i].severity);
        if (i != 9)
            assert_int_equal(b->set->rules[0].class, rows[i].class);
        bench_close(b);
    }
}

static void facts_are_what_was_written(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    struct rule_facts facts;
    rules_add_text(b->set, "t", view_text("\n alert db any any -> any any (msg:\"M\"; \\\n   reference:cve,1; classtype:misc-attack;\n"
                                          "  reference:url,u; sid:5; rev:6; gid:7;)\n"));
    bench_expect_clean(b);
    rules_facts(b->set, 0, &facts);
    assert_int_equal(facts.gid, 7);
    assert_int_equal(facts.sid, 5);
    assert_int_equal(facts.rev, 6);
    assert_string_equal(facts.msg, "M");
    assert_string_equal(facts.classtype, "misc-attack");
    assert_string_equal(facts.references, "cve,1,url,u");
    assert_string_equal(facts.text, "alert db any any -> any any (msg:\"M\";  reference:cve,1; classtype:misc-attack; "
                                    "reference:url,u; sid:5; rev:6; gid:7;)");
    rules_facts(b->set, 1, &facts);
    assert_string_equal(facts.msg, "");
    bench_close(b);
}

static void variables_are_set(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    char printed[1024];
    struct text out = text_in(printed, sizeof printed);
    assert_true(rules_set_variable(b->set, "HOME_NET", "10.0.0.0/8"));
    assert_true(rules_set_variable(b->set, "EXTERNAL_NET", "!$HOME_NET"));
    assert_true(rules_set_variable(b->set, "MINE", "1.1.1.1"));
    assert_true(rules_set_variable(b->set, "MINE", "[2.2.2.2,$HOME_NET]"));
    assert_true(rules_set_variable(b->set, "LOOP", "$LOOP"));
    rules_add_text(b->set, "t", view_text("alert db !$EXTERNAL_NET any -> $MINE any (sid:1;)\n"
                                          "alert db $LOOP any -> any any (sid:2;)\n"));
    assert_int_equal(rules_failed(b->set), 1);
    rule_print(&b->set->rules[0], &out);
    assert_string_equal(printed, "alert db [10.0.0.0-10.255.255.255] any -> [2.2.2.2-2.2.2.2,10.0.0.0-10.255.255.255] any "
                                 "( gid:1; sid:1; rev:0;)");
    bench_close(b);
}

static void files(void **state)
{
    (void)state;
    struct rule_set *set = rules_open();
    struct error why;
    char path[] = "/tmp/dbhound-rules-XXXXXX";
    int file = mkstemp(path);
    FILE *out = fdopen(file, "w");
    for (unsigned i = 1; i <= 5000; i++)
        fprintf(out, "alert db any any -> any any (msg:\"number %u\"; content:\"%u\"; sid:%u;)\n", i, i, i);
    fclose(out);
    assert_true(rules_add_file(set, path, &why));
    assert_int_equal(rules_loaded(set), 5000);
    assert_non_null(rule_find(set, 1, 5000));
    assert_null(rule_find(set, 1, 5001));
    remove(path);
    assert_false(rules_add_file(set, path, &why));
    assert_int_equal(why.code, EXIT_NO_INPUT);
    rules_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header),
        cmocka_unit_test(lexical),
        cmocka_unit_test(options),
        cmocka_unit_test(values),
        cmocka_unit_test(content),
        cmocka_unit_test(a_number_is_taken_once),
        cmocka_unit_test(a_newer_revision_replaces),
        cmocka_unit_test(a_block_is_commented_out),
        cmocka_unit_test(one_bad_rule_leaves_the_others),
        cmocka_unit_test(warns),
        cmocka_unit_test(prints_what_it_understood),
        cmocka_unit_test(grades),
        cmocka_unit_test(facts_are_what_was_written),
        cmocka_unit_test(variables_are_set),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests_name("rule parse", tests, NULL, NULL);
}
