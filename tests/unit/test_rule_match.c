/* One message against one rule at a time: every keyword both ways, and what the alert says about it. */
#include "rules_bench.h"

/* The message of the tables: 13 bytes, a header of 4 and a statement. */
static void the_message(struct bench *b)
{
    b->session = (struct session){.phase = PHASE_AUTHENTICATED, .compression = COMPRESSION_ZLIB, .user_length = 4,
                                  .database_length = 4, .user = "Root", .database = "shop"};
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "09 00 00 00 03 'SELect;1'");
    b->findings.message = MYSQL_GREETING;
    note_field(&b->findings, FIELD_MYSQL_LENGTH, 0, 3, 9);
    note_field(&b->findings, FIELD_MYSQL_LENGTH, 0, 3, 700);
}

struct row {
    const char *options;
    unsigned matches;
};

static void ask_rows(const struct row *rows, size_t count, const char *header, void (*message)(struct bench *b))
{
    for (size_t i = 0; i < count; i++) {
        char text[1024];
        struct bench *b = bench_open();
        snprintf(text, sizeof text, "%s (%s%ssid:1;)", header, rows[i].options, *rows[i].options ? " " : "");
        bench_rules(b, text);
        message(b);
        unsigned matched = bench_ask(b);
        if (matched != rows[i].matches) {
            print_error("%s: %u matches\n", text, matched);
            fail();
        }
        bench_close(b);
    }
}

#define ASK(rows, header, message) ask_rows(rows, sizeof rows / sizeof rows[0], header, message)
#define ANY "alert mysql any any -> any any"

static void numbers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", 1},
        {"mysql.length:9;", 1},           {"mysql.length:10;", 0},
        {"mysql.length:700;", 1},         {"mysql.length:>699;", 1},
        {"mysql.length:>700;", 0},        {"mysql.length:>=700;", 1},
        {"mysql.length:>=701;", 0},       {"mysql.length:<10;", 1},
        {"mysql.length:<9;", 0},          {"mysql.length:<=9;", 1},
        {"mysql.length:<=8;", 0},         {"mysql.length:8-10;", 1},
        {"mysql.length:9-12;", 0},        {"mysql.length:8<>10;", 1},
        {"mysql.length:6-9;", 0},         {"mysql.length:!9;", 1},
        {"mysql.length:!9,!700;", 0},     {"mysql.length:!0-1000;", 0},
        {"mysql.length:5,700;", 1},       {"mysql.length:5,6;", 0},
        {"mysql.length:>1KiB;", 0},       {"mysql.length:<1KiB;", 1},
        {"mysql.length:0x9;", 1},         {"mysql.length:>8,!9;", 1},
        {"mysql.length:8-10,!9;", 0},     {"db.message_bytes:>=0;", 0},
        {"db.message_bytes:!5;", 0},      {"db.length:13;", 1},
        {"db.length:12;", 0},             {"dsize:>12;", 1},
        {"dsize:>13;", 0},                {"dsize:12<>14;", 1},
        {"db.phase:authenticated;", 1},   {"db.phase:pre_auth;", 0},
        {"db.phase:!pre_auth;", 1},       {"db.phase:!authenticated;", 0},
        {"db.phase:pre_auth,2;", 1},      {"db.phase:closed,unknown;", 0},
        {"db.tls:no;", 1},                {"db.tls:yes;", 0},
        {"db.tls:!yes;", 1},              {"db.tls:0;", 1},
        {"db.tls:true;", 0},              {"db.compression:zlib;", 1},
        {"db.compression:none;", 0},      {"db.compression:zstd,zlib;", 1},
        {"db.message:greeting;", 1},      {"db.message:!greeting;", 0},
        {"db.message:1;", 1},             {"db.message:2,3;", 0},
        {"db.message:2,1,1;", 1},         {"db.message:600,1;", 1},
        {"db.message:>0;", 1},            {"db.message:greeting; mysql.length:9; db.tls:no;", 1},
        {"db.message:greeting; mysql.length:8;", 0},
        {"db.message:greeting; db.tls:yes;", 0},
        {"mysql.length:9; mysql.length:700;", 1},
        {"flow:to_server;", 1},           {"flow:from_client,established;", 1},
        {"flow:to_client;", 0},           {"flow:from_server;", 0},
        {"flow:established;", 1},         {"flow:stateless;", 1},
        {"flow:not_established;", 0},     {"flow:only_stream;", 1},
        {"anomaly:mysql.incomplete-message;", 0},
    };
    ASK(rows, ANY, the_message);
}

static void content(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"content:\"SELect\";", 1},
        {"content:\"select\";", 0},
        {"content:\"select\"; nocase;", 1},
        {"content:\"SELECT\"; nocase;", 1},
        {"content:\"selecu\"; nocase;", 0},
        {"content:!\"select\";", 1},
        {"content:!\"select\"; nocase;", 0},
        {"content:!\"SELect\";", 0},
        {"content:\"|09 00 00 00 03|SEL\";", 1},
        {"content:\"ect\\;1\";", 1},
        {"content:\"1|00|\";", 0},
        {"content:\"SEL\"; offset:5;", 1},
        {"content:\"SEL\"; offset:6;", 0},
        {"content:\"SEL\"; offset:5; depth:3;", 1},
        {"content:\"SEL\"; offset:4; depth:4;", 1},
        {"content:\"SEL\"; offset:4; depth:3;", 0},
        {"content:\"SEL\"; depth:8;", 1},
        {"content:\"SEL\"; depth:7;", 0},
        {"content:\"1\"; offset:12;", 1},
        {"content:\"1\"; offset:13;", 0},
        {"content:\"1\"; offset:1000000;", 0},
        {"content:!\"SEL\"; offset:6;", 1},
        {"content:!\"SEL\"; depth:7;", 1},
        {"content:!\"SEL\"; depth:8;", 0},
        {"content:\"|09|\"; startswith;", 1},
        {"content:\"|00|\"; startswith;", 0},
        {"content:!\"|00|\"; startswith;", 1},
        {"content:\";1\"; endswith;", 1},
        {"content:\"t;\"; endswith;", 0},
        {"content:!\"t;\"; endswith;", 1},
        {"content:!\"1\"; endswith;", 0},
        {"content:\"|09 00 00 00 03|SELect;1\"; startswith; endswith;", 1},
        {"content:\"1\"; endswith; offset:12;", 1},
        {"content:\"1\"; endswith; offset:13;", 0},
        {"content:\"1\"; endswith; depth:12;", 0},
        {"content:\"1\"; endswith; depth:13;", 1},
        {"content:\"SEL\"; content:\"ect\"; distance:0;", 1},
        {"content:\"SEL\"; content:\"ect\"; distance:1;", 0},
        {"content:\"SEL\"; content:\"ct\"; distance:1;", 1},
        {"content:\"SEL\"; content:\"ect\"; within:3;", 1},
        {"content:\"SEL\"; content:\"ct\"; within:3;", 1},
        {"content:\"SEL\"; content:\"ct\"; within:2;", 0},
        {"content:\"SEL\"; content:\"t\"; distance:2; within:1;", 1},
        {"content:\"SEL\"; content:\"t\"; distance:1; within:1;", 0},
        {"content:\"ect\"; content:\"SEL\"; distance:-6;", 1},
        {"content:\"ect\"; content:\"SEL\"; distance:-5;", 0},
        {"content:\"ect\"; content:\"SEL\"; distance:-100;", 1},
        {"content:\"ect\"; content:\"SEL\"; distance:-6; within:3;", 1},
        {"content:\"ect\"; content:\"SEL\"; distance:0;", 0},
        {"content:\"SEL\"; content:!\"ect\"; distance:0;", 0},
        {"content:\"SEL\"; content:!\"ect\"; distance:1;", 1},
        {"content:\"SEL\"; content:!\"t\"; within:2;", 1},
        {"content:\"SEL\"; content:!\"t\"; within:3;", 0},
        {"content:\"|00|\"; content:\"|03|\"; within:1;", 1},
        {"content:\"|00|\"; content:\"|00|\"; distance:0; within:1; content:\"|03|\"; within:1;", 1},
        {"content:\"|00|\"; content:\"|00|\"; within:1; content:\"|00|\"; within:1; content:\"|03|\"; within:1;", 1},
        {"content:\"|00|\"; content:!\"|00|\"; within:1; content:\"|03|\"; within:1;", 1},
        {"content:\"|00|\"; content:!\"|00|\"; within:2; content:\"SEL\"; distance:1; within:3;", 1},
        {"content:\"ELE\"; nocase; content:\"CT\"; nocase; within:2;", 1},
        {"content:\"SEL\"; mysql.length:9; content:\"ect\"; within:3;", 1},
        {"content:\"ect\",within 3; content:\"SEL\";", 0},
        {"content:\"SEL\",offset 5,depth 3; content:\"ECT\",nocase,within 3;", 1},
        {"content:\"SEL\",offset 5,depth 3; content:\"ECT\",within 3;", 0},
        {"content:\"SEL\",fast_pattern,fast_pattern_offset 0,fast_pattern_length 2;", 1},
        {"content:\"SEL\"; fast_pattern; rawbytes;", 1},
        {"content:\"SEL\"; fast_pattern:only;", 1},
        {"content:\"SEL\"; fast_pattern:1,2;", 1},
        {"isdataat:12;", 1},
        {"isdataat:13;", 0},
        {"isdataat:!13;", 1},
        {"isdataat:!12;", 0},
        {"content:\"SEL\"; isdataat:5,relative;", 1},
        {"content:\"SEL\"; isdataat:6,relative;", 0},
        {"content:\"1\"; isdataat:!1,relative;", 1},
        {"content:\"SEL\"; isdataat:!1,relative;", 0},
        {"content:\"|00|\"; isdataat:!10,relative; content:\"|03|\"; within:1;", 1},
        {"content:\"|00|\"; isdataat:!9,relative; content:\"|03|\"; within:1;", 0},
        {"isdataat:13,relative;", 1},
        {"bsize:13;", 1},
        {"bsize:>13;", 0},
        {"bsize:12<>14;", 1},
        {"bsize:!13;", 0},
        {"content:\"SEL\"; bsize:13;", 1},
        {"content:\"SEL\"; bsize:12;", 0},
        {"pkt_data; content:\"SEL\";", 1},
    };
    ASK(rows, ANY, the_message);
}

static void login_buffers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"db.user; content:\"Root\";", 1},
        {"db.user; content:\"root\";", 0},
        {"db.user; content:\"ROOT\"; nocase;", 1},
        {"db.user; content:!\"admin\";", 1},
        {"db.user; content:\"oot\"; startswith;", 0},
        {"db.user; content:\"oot\"; endswith;", 1},
        {"db.user; bsize:4;", 1},
        {"db.user; bsize:5;", 0},
        {"db.user; isdataat:3;", 1},
        {"db.user; isdataat:4;", 0},
        {"db.name; content:\"shop\"; bsize:4;", 1},
        {"db.name; content:\"shap\";", 0},
        {"db.user; content:\"Root\"; db.name; content:\"shop\";", 1},
        {"db.user; content:\"Root\"; db.name; content:\"Root\";", 0},
        {"db.user; content:\"Root\"; pkt_data; content:\"SEL\";", 1},
        {"db.user; content:\"Root\"; content:\"SEL\";", 0},
        {"db.user; content:\"SEL\";", 0},
    };
    ASK(rows, ANY, the_message);
}

/* The login is not known, and the message itself has the field, twice, the second time longer than what was seen. */
static void a_message_with_buffers(struct bench *b)
{
    the_message(b);
    b->session.user_length = 0;
    b->findings.message_length = 5000;
    note_field(&b->findings, FIELD_DB_USER, 5, 6, 0);
    note_field(&b->findings, FIELD_DB_USER, 12, 4000, 0);
}

static void field_buffers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"db.user; content:\"SELect\";", 1},
        {"db.user; content:\"SELect\"; startswith; endswith;", 1},
        {"db.user; content:\"SELect;\";", 0},
        {"db.user; content:\"|03|\";", 0},
        {"db.user; content:\"sel\"; nocase;", 1},
        {"db.user; content:\"1\"; startswith;", 1},
        {"db.user; content:\"1\"; endswith;", 0},
        {"db.user; content:\"SEL\"; bsize:6;", 1},
        {"db.user; content:\"SEL\"; bsize:4000;", 0},
        {"db.user; content:\"1\"; bsize:4000;", 1},
        {"db.user; content:\"1\"; isdataat:3999;", 1},
        {"db.user; content:\"1\"; isdataat:4000;", 0},
        {"isdataat:4999;", 1},
        {"isdataat:5000;", 0},
        {"bsize:5000;", 1},
        {"content:\"1\"; endswith;", 0},
        {"content:!\"1\"; endswith;", 1},
        {"db.length:5000;", 1},
        {"db.name; content:\"shop\";", 1},
    };
    ASK(rows, ANY, a_message_with_buffers);
}

static void no_session(struct bench *b)
{
    the_message(b);
    b->findings.session = NULL;
}

static void an_absent_field_matches_nothing(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"db.phase:unknown;", 0}, {"db.phase:!pre_auth;", 0}, {"db.tls:no;", 0},       {"db.compression:none;", 0},
        {"db.user; bsize:>=0;", 0}, {"db.user; content:!\"x\";", 0}, {"db.length:13;", 1}, {"content:\"SEL\";", 1},
    };
    ASK(rows, ANY, no_session);
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        unsigned to_server, to_client; /* matches of a message of the client, of the server */
    } rows[] = {
        {"alert mysql any any -> any any", 1, 1},
        {"alert db any any -> any any", 1, 1},
        {"alert tcp any any -> any any", 1, 1},
        {"alert ip any any -> any any", 1, 1},
        {"alert pgsql any any -> any any", 0, 0},
        {"alert udp any any -> any any", 0, 0},
        {"alert mongodb any any -> any any", 0, 0},
        {"log mysql any any -> any any", 1, 1},
        {"drop mysql any any -> any any", 1, 1},
        {"alert mysql any any -> any 3306", 1, 0},
        {"alert mysql any 3306 -> any any", 0, 1},
        {"alert mysql any any -> any 3305", 0, 0},
        {"alert mysql any any -> any 3307:", 0, 1},
        {"alert mysql any any -> any [1:3305,3306]", 1, 0},
        {"alert mysql any any -> any [3300:3310,!3306]", 0, 0},
        {"alert mysql any any <> any 3306", 1, 1},
        {"alert mysql any any -> any !3306", 0, 1},
        {"alert mysql 10.0.0.5 any -> any any", 1, 0},
        {"alert mysql 10.0.0.4 any -> any any", 0, 0},
        {"alert mysql 10.0.0.0/30 any -> any any", 0, 0},
        {"alert mysql 10.0.0.4/30 any -> any any", 1, 0},
        {"alert mysql ::ffff:10.0.0.5/128 any -> any any", 1, 0},
        {"alert mysql ::/0 any -> any any", 1, 1},
        {"alert mysql 0.0.0.0/0 any -> any any", 1, 1},
        {"alert mysql fe80::/10 any -> any any", 0, 0},
        {"alert mysql !10.0.0.0/8 any -> any any", 0, 1},
        {"alert mysql [10.0.0.0/8,!10.0.0.5] any -> any any", 0, 0},
        {"alert mysql 10.0.0.1-10.0.0.5 any -> any any", 1, 0},
        {"alert mysql 10.0.0.6-10.0.0.9 any -> any any", 0, 0},
        {"alert mysql any any -> 192.168.1.20 3306", 1, 0},
        {"alert mysql 10.0.0.5 40000 -> 192.168.1.20 3306", 1, 0},
        {"alert mysql 10.0.0.5 40000 <> 192.168.1.20 3306", 1, 1},
        {"alert mysql 192.168.1.20 3306 <> 10.0.0.5 40000", 1, 1},
        {"alert mysql 192.168.1.20 any <> any 3306", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned side = FROM_CLIENT; side <= FROM_SERVER; side++) {
            char text[256];
            struct bench *b = bench_open();
            snprintf(text, sizeof text, "%s (sid:1;)", rows[i].header);
            bench_rules(b, text);
            bench_message(b, PROTOCOL_MYSQL, (enum side)side, "'x'");
            unsigned expected = side == FROM_CLIENT ? rows[i].to_server : rows[i].to_client;
            if (bench_ask(b) != expected) {
                print_error("%s, side %u\n", rows[i].header, side);
                fail();
            }
            bench_close(b);
        }
    }
}

static void protocols(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    bench_rules(b, "alert tcp any any -> any any (sid:1;)\nalert db any any -> any any (sid:2;)\n"
                   "alert pgsql any any -> any any (sid:3;)\nalert db any any -> any any (mysql.length:9; sid:4;)\n"
                   "alert tcp any any -> any any (anomaly:tcp.overlap-differs; sid:5;)\n"
                   "alert db any any -> any any (anomaly:db.wrong-protocol; sid:6;)\n"
                   "alert pgsql any any -> any any (anomaly:tcp.overlap-differs; sid:7;)\n");
    static const struct {
        enum protocol protocol;
        unsigned matches;
    } rows[] = {{PROTOCOL_NONE, 3}, {PROTOCOL_MYSQL, 5}, {PROTOCOL_PGSQL, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_message(b, rows[i].protocol, FROM_SERVER, "'x'");
        note_field(&b->findings, FIELD_MYSQL_LENGTH, 0, 1, rows[i].protocol == PROTOCOL_MYSQL ? 9 : 8);
        report(&b->findings, (struct report){.anomaly = ANOMALY_TCP_OVERLAP_DIFFERS});
        report(&b->findings, (struct report){.anomaly = ANOMALY_DB_WRONG_PROTOCOL});
        assert_int_equal(bench_ask(b), rows[i].matches);
    }
    bench_close(b);
}

static void anomalies_and_conditions(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    bench_rules(b, "alert mysql any any -> any any (anomaly:mysql.incomplete-message,tcp.overlap-differs; sid:1;)\n"
                   "alert mysql any any -> any any (anomaly:mysql.incomplete-message; mysql.length:>100; sid:2;)\n"
                   "alert mysql any any -> any any (anomaly:mysql.incomplete-message; content:\"SEL\"; sid:3;)\n"
                   "alert mysql any any -> any any (anomaly:mysql.incomplete-message; anomaly:tcp.overlap-differs; sid:4;)\n"
                   "alert mysql any any -> any any (anomaly:mysql.incomplete-message; flow:to_client; sid:5;)\n"
                   "alert mysql any any -> any any (anomaly:mysql.incomplete-message; content:\"nothing\"; sid:6;)\n");
    the_message(b);
    report(&b->findings, (struct report){.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE, .field = FIELD_MYSQL_LENGTH, .got = 9});
    assert_int_equal(bench_ask(b), 3);
    assert_int_equal(b->sids[0], 1);
    assert_int_equal(b->sids[1], 2);
    assert_int_equal(b->sids[2], 3);
    report(&b->findings, (struct report){.anomaly = ANOMALY_TCP_OVERLAP_DIFFERS});
    report(&b->findings, (struct report){.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE});
    assert_int_equal(bench_ask(b), 4);
    report(&b->findings, (struct report){.anomaly = UINT16_MAX});
    assert_int_equal(bench_ask(b), 4);
    bench_close(b);
}

static void pass_rules_silence_the_message(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    struct rule_stats stats;
    bench_rules(b, "alert mysql any any -> any any (sid:1;)\nalert mysql any any -> any any (content:\"SEL\"; sid:2;)\n"
                   "pass mysql any any -> any any (content:\"ect\"; sid:3;)\n"
                   "pass mysql any any -> any any (anomaly:mysql.incomplete-message; sid:4;)\n");
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "'SELect'");
    assert_int_equal(bench_ask(b), 0);
    assert_int_equal(detector_passed(b->detector), 2);
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "'SEL'");
    assert_int_equal(bench_ask(b), 2);
    report(&b->findings, (struct report){.anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE});
    assert_int_equal(bench_ask(b), 0);
    assert_int_equal(detector_passed(b->detector), 4);
    detector_rule_stats(b->detector, 1, &stats);
    assert_int_equal(stats.evaluated, 3);
    assert_int_equal(stats.matched, 3);
    assert_int_equal(stats.suppressed, 2);
    detector_rule_stats(b->detector, 2, &stats);
    assert_int_equal(stats.matched, 1);
    assert_int_equal(stats.suppressed, 0);
    detector_rule_stats(b->detector, 99, &stats);
    assert_int_equal(stats.evaluated, 0);
    bench_close(b);
}

static void rules_are_asked_only_where_they_may_match(void **state)
{
    (void)state;
    struct bench *b = bench_open();
    struct rule_stats stats;
    bench_rules(b, "alert mysql any any -> any any (mysql.length:9; sid:1;)\n"
                   "alert mysql any any -> any any (db.message:greeting; sid:2;)\n"
                   "alert mysql any any -> any any (flow:to_client; sid:3;)\n"
                   "alert mysql any any -> any any (anomaly:mysql.incomplete-message; sid:4;)\n"
                   "alert pgsql any any -> any any (sid:5;)\n");
    bench_message(b, PROTOCOL_MYSQL, FROM_CLIENT, "'x'");
    assert_int_equal(bench_ask(b), 0);
    for (uint32_t i = 0; i < 5; i++) {
        detector_rule_stats(b->detector, i, &stats);
        assert_int_equal(stats.evaluated, 0);
    }
    the_message(b);
    assert_int_equal(bench_ask(b), 2);
    detector_rule_stats(b->detector, 0, &stats);
    assert_int_equal(stats.evaluated, 1);
    bench_close(b);
}

/* The registry itself: whatever a decoder registers can be asked about, and by each of its names. */
static void ask_field(enum field field, enum protocol protocol, const char *condition, uint64_t value, bool expected)
{
    char text[512];
    if (field == FIELD_NET_DIRECTION && value > 1)
        return; /* there are two */
    struct bench *b = bench_open();
    enum event event = EVENT_MESSAGE; /* the first at which it is known */
    while (!(rule_field_events(field) >> event & 1))
        event++;
    snprintf(text, sizeof text, "alert %s any any -> any any (on:%s; %s sid:1;)", protocol == PROTOCOL_NONE ? "tcp" : protocol_name(protocol),
             event_name(event), condition);
    bench_rules(b, text);
    bench_message(b, protocol, FROM_CLIENT, "'0123456789'");
    b->message.event = (uint8_t)event;
    b->message.decrypted = value != 0;
    b->findings.message = (uint16_t)value;
    b->findings.message_length = value;
    b->session = (struct session){.phase = (uint8_t)value, .compression = (uint8_t)value, .tls = value != 0,
                                  .midstream = value != 0, .placed = true, .asn = (uint32_t)value};
    b->flow.client.port = b->flow.server.port = (uint16_t)value;
    b->message.from = value == 1 ? FROM_SERVER : FROM_CLIENT;
    observe(&b->findings, (struct fact){.kind = FACT_ERROR, .number = value});
    observe(&b->findings, (struct fact){.kind = FACT_REPLY, .number = value});
    note_field(&b->findings, field, 3, 4, value);
    if (bench_ask(b) != expected) {
        print_error("%s with %llu\n", text, (unsigned long long)value);
        fail();
    }
    bench_close(b);
}

static void ask_names(enum field field, enum protocol protocol, enum name_set names)
{
    const char *name;
    char condition[256];
    uint64_t value;
    for (unsigned i = 0; (name = name_at(names, i, &value)) != NULL; i++) {
        snprintf(condition, sizeof condition, "%s:%s;", field_name(field), name);
        ask_field(field, protocol, condition, value, true);
        ask_field(field, protocol, condition, value ^ 0x80, false);
        snprintf(condition, sizeof condition, "%s:!%s;", field_name(field), name);
        ask_field(field, protocol, condition, value, false);
        ask_field(field, protocol, condition, value ^ 0x80, true);
    }
}

static void every_field_is_a_keyword(void **state)
{
    (void)state;
    unsigned asked = 0;
    for (unsigned i = 1; i < FIELDS; i++) {
        const enum field field = (enum field)i;
        const enum protocol protocol = field_protocol(field);
        char condition[256];
        if (field_kind(field) == KIND_ADDRESS)
            continue;
        asked++;
        if (field_kind(field) == KIND_BYTES) {
            snprintf(condition, sizeof condition, "%s; content:\"3456\"; bsize:4;", field_name(field));
            ask_field(field, protocol, condition, 0, true);
            snprintf(condition, sizeof condition, "%s; content:\"2\";", field_name(field));
            ask_field(field, protocol, condition, 0, false);
            continue;
        }
        snprintf(condition, sizeof condition, "%s:1;", field_name(field));
        ask_field(field, protocol, condition, 1, true);
        ask_field(field, protocol, condition, 0, false);
        if (field_kind(field) == KIND_ENUM && field_names(field) != NAMES_NONE)
            ask_names(field, protocol, field_names(field));
    }
    assert_true(asked > 10);
    for (unsigned i = PROTOCOL_NONE + 1; i < PROTOCOLS; i++)
        ask_names(FIELD_DB_MESSAGE, (enum protocol)i, rule_message_names((enum protocol)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(content),
        cmocka_unit_test(login_buffers),
        cmocka_unit_test(field_buffers),
        cmocka_unit_test(an_absent_field_matches_nothing),
        cmocka_unit_test(headers),
        cmocka_unit_test(protocols),
        cmocka_unit_test(anomalies_and_conditions),
        cmocka_unit_test(pass_rules_silence_the_message),
        cmocka_unit_test(rules_are_asked_only_where_they_may_match),
        cmocka_unit_test(every_field_is_a_keyword),
    };
    return cmocka_run_group_tests_name("rule match", tests, NULL, NULL);
}
