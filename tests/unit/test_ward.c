/* The ward as tables of what workers tell: each row is what happened to one server, and what must be said of it, or nothing. */
#include "ward_stage.h"

/* ---- endings */

struct row {
    const char *name;
    enum protocol protocol;
    unsigned connections, replies; /* before; per beat of 0.2 s */
    unsigned open_fins, open_resets, idle;
    enum farewell farewell;        /* of all that end */
    bool command, refused, restart;
    int verdict;                   /* -1: no incident */
};

static const struct row rows[] = {
    {"killed while it worked", PROTOCOL_MYSQL, 8, 80, 2, 1, 5, FAREWELL_NONE, false, true, false, CAUSE_SERVER_CRASH},
    {"killed and started again at once", PROTOCOL_MYSQL, 8, 80, 1, 0, 7, FAREWELL_NONE, false, false, true, CAUSE_SERVER_CRASH},
    {"nothing open, silent before the end, of a busy server", PROTOCOL_MYSQL, 8, 100, 0, 0, 8, FAREWELL_NONE, false, true, false, CAUSE_SERVER_CRASH},
    {"nothing open, of a server that did nothing", PROTOCOL_MYSQL, 8, 0, 0, 0, 8, FAREWELL_NONE, false, true, false, CAUSE_UNKNOWN},
    {"a client said COM_SHUTDOWN", PROTOCOL_MYSQL, 8, 80, 0, 0, 8, FAREWELL_NONE, true, true, false, CAUSE_ORDERLY_SHUTDOWN},
    {"one session killed", PROTOCOL_MYSQL, 8, 80, 1, 0, 0, FAREWELL_NONE, false, false, false, -1},
    {"one session killed, with a word", PROTOCOL_MYSQL, 8, 80, 1, 0, 0, FAREWELL_SESSION, false, false, false, -1},
    {"sessions that waited too long, one by one with a word", PROTOCOL_MYSQL, 8, 80, 0, 0, 6, FAREWELL_SESSION, false, false, false, -1},
    {"the only session ended, nothing known after it", PROTOCOL_MYSQL, 1, 20, 1, 0, 0, FAREWELL_NONE, false, false, false, -1},
    {"the only session ended, then refused", PROTOCOL_MYSQL, 1, 20, 1, 0, 0, FAREWELL_NONE, false, true, false, CAUSE_SERVER_CRASH},
    {"half of the sessions ended", PROTOCOL_MYSQL, 8, 80, 4, 0, 0, FAREWELL_NONE, false, false, false, -1},
    {"57P01 to all", PROTOCOL_PGSQL, 8, 80, 2, 0, 6, FAREWELL_ORDERLY, false, true, false, CAUSE_ORDERLY_SHUTDOWN},
    {"57P01 to one", PROTOCOL_PGSQL, 8, 80, 1, 0, 0, FAREWELL_ORDERLY, false, false, false, -1},
    {"57P02: another backend crashed", PROTOCOL_PGSQL, 8, 80, 1, 0, 6, FAREWELL_CRASH, false, false, false, CAUSE_SERVER_CRASH},
    {"unexpected postmaster exit", PROTOCOL_PGSQL, 8, 80, 1, 0, 7, FAREWELL_ORPHANED, false, true, false, CAUSE_SERVER_CRASH},
    {"PostgreSQL without a word, nothing open", PROTOCOL_PGSQL, 8, 80, 0, 0, 8, FAREWELL_NONE, false, true, false, CAUSE_SERVER_CRASH},
    {"Redis: one request read and not answered", PROTOCOL_REDIS, 8, 80, 1, 3, 4, FAREWELL_NONE, false, true, false, CAUSE_SERVER_CRASH},
    {"Redis: only unread requests", PROTOCOL_REDIS, 8, 80, 0, 3, 5, FAREWELL_NONE, false, true, false, CAUSE_UNKNOWN},
    {"Redis: SHUTDOWN", PROTOCOL_REDIS, 8, 80, 1, 2, 5, FAREWELL_NONE, true, true, false, CAUSE_ORDERLY_SHUTDOWN},
    {"Memcached: nothing tells a kill from SIGTERM", PROTOCOL_MEMCACHED, 8, 80, 1, 1, 6, FAREWELL_NONE, false, true, false, CAUSE_UNKNOWN},
};

static void play_endings(struct stage *s, const struct row *r)
{
    unsigned client = 0;
    if (r->command)
        farewell(s, FAREWELL_COMMAND, "shutdown");
    if (r->farewell != FAREWELL_NONE && r->farewell != FAREWELL_SESSION)
        farewell(s, r->farewell, "its words");
    for (unsigned i = 0; i < r->open_fins; i++)
        end_one(s, client++, ENDING_FIN, true, r->farewell, NULL);
    for (unsigned i = 0; i < r->open_resets; i++)
        end_one(s, client++, ENDING_RESET, true, r->farewell, NULL);
    for (unsigned i = 0; i < r->idle; i++)
        end_one(s, client++, ENDING_FIN, false, r->farewell, NULL);
    if (r->refused)
        doors(s, 5, 0, 5);
    if (r->restart)
        hello(s, 3, 1);
    pass(s, 20);
}

static void endings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct stage s = begin(r->protocol, r->connections, r->replies);
        /* The replies of the last beat came early in it: 8 ms before its end nothing more. */
        play_endings(&s, r);
        finish(&s);
        if (r->verdict < 0 && told_used)
            fail_msg("%s: said %s (%s)", r->name, incident_verdict_name(told[0].verdict), told[0].summary);
        if (r->verdict >= 0 && (told_used != 1 || (int)told[0].verdict != r->verdict))
            fail_msg("%s: %u incidents, the first %s", r->name, told_used, told_used ? incident_verdict_name(told[0].verdict) : "none");
        if (told_used && !*told[0].summary)
            fail_msg("%s: no summary", r->name);
    }
}

/* A server that answers until it ends its connections, with nothing open, was told to. */
static void stopped_while_it_answered(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 8, 100);
    for (unsigned i = 0; i < 8; i++) {
        struct sign sign = sign_of(&s, SIGN_ENDING, i);
        sign.from = FROM_SERVER;
        sign.ending.requests = 10;
        sign.ending.opened_ns = 1;
        sign.ending.last_reply_ns = s.now_ns - MS(1);
        ward_take(s.ward, &sign);
    }
    pass(&s, 5);
    finish(&s);
    assert_int_equal(told_used, 1);
    assert_int_equal(told[0].verdict, CAUSE_ORDERLY_SHUTDOWN);
}

static void back_again(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 8, 80);
    for (unsigned i = 0; i < 8; i++)
        end_one(&s, i, ENDING_FIN, i == 0, FAREWELL_NONE, NULL);
    int64_t died_ns = s.now_ns;
    doors(&s, 10, 0, 10);
    pass(&s, 10);
    doors(&s, 8, 8, 0);
    hello(&s, 4, 1);
    open_connections(&s, 8);
    work(&s, 3);
    finish(&s);
    assert_int_equal(told_used, 1);
    assert_int_equal(told[0].verdict, CAUSE_SERVER_CRASH);
    assert_true(told[0].confidence >= 90);
    assert_true(told[0].ended_ns > died_ns && told[0].ended_ns < died_ns + MS(3000));
    assert_int_equal(told[0].refused, 10);
    assert_int_equal(told[0].connections, 8);
    assert_int_equal(told[0].connections_lost, 8);
    assert_int_equal(told[0].clients_affected, 8);
}

/* ---- suspects */

static struct word word_of(const struct stage *s, uint32_t shape, uint8_t flags, uint64_t packet)
{
    return (struct word){.time_ns = s->now_ns - MS(3), .packet = packet, .shape = shape, .length = 20, .type = 103, .flags = flags,
                         .anomaly = flags & WORD_ANOMALY ? 1001 : 0};
}

static void shape_first_seen(struct stage *s, uint32_t shape, uint64_t packet)
{
    struct sign sign = sign_of(s, SIGN_SHAPE, 0);
    sign.packet = packet;
    sign.shape.shape = shape;
    ward_take(s->ward, &sign);
}

struct lineup {
    const char *name;
    uint8_t killer_flags;
    bool killer_open, killer_new, victims_fin;
};

static const struct lineup lineups[] = {
    {"malformed, and the only bare FIN", WORD_ANOMALY | WORD_REQUEST, true, true, false},
    {"malformed, among other bare FINs", WORD_ANOMALY | WORD_REQUEST, true, true, true},
    {"well formed and never seen, among other bare FINs", WORD_REQUEST, true, true, true},
    {"well formed, seen before, the only bare FIN", WORD_REQUEST, true, false, false},
    {"it never came to its end", WORD_PARTIAL, true, false, true},
    {"malformed and answered all the same", WORD_ANOMALY | WORD_REQUEST, false, true, false},
};

static void the_killer_is_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lineups / sizeof lineups[0]; i++) {
        const struct lineup *l = &lineups[i];
        struct stage s = begin(PROTOCOL_MYSQL, 8, 80);
        shape_first_seen(&s, 7, 3);
        uint32_t shape = l->killer_new ? 99 : 7;
        if (l->killer_new)
            shape_first_seen(&s, shape, 5000);
        for (unsigned c = 0; c < 8; c++) {
            struct word word = word_of(&s, 7, WORD_REQUEST | WORD_OPEN, 4000 + c);
            if (c == 5)
                word = word_of(&s, shape, (uint8_t)(l->killer_flags | (l->killer_open ? WORD_OPEN : 0)), 5000);
            enum ending_manner manner = c == 5 || l->victims_fin ? ENDING_FIN : ENDING_RESET;
            end_one(&s, c, manner, c != 5 || l->killer_open, FAREWELL_NONE, &word);
        }
        doors(&s, 5, 0, 5);
        pass(&s, 5);
        finish(&s);
        assert_int_equal(told_used, 1);
        assert_true(told[0].suspects_used >= 1);
        if (told[0].suspects[0].flow_id != 6)
            fail_msg("%s: first is connection %u with %u points", l->name, (unsigned)told[0].suspects[0].flow_id, told[0].suspects[0].score);
        for (unsigned n = 1; n < told[0].suspects_used; n++)
            assert_true(told[0].suspects[n - 1].score >= told[0].suspects[n].score);
    }
}

static void packet_of_death(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 8, 80);
    for (unsigned death = 0; death < 2; death++) {
        for (unsigned c = 0; c < 8; c++) {
            struct word word = c == 2 ? word_of(&s, 66, WORD_REQUEST | WORD_OPEN | WORD_ANOMALY, 100) : word_of(&s, 7, WORD_REQUEST, 90);
            end_one(&s, c, ENDING_FIN, c == 2, FAREWELL_NONE, &word);
        }
        doors(&s, 5, 0, 5);
        pass(&s, 5);
        hello(&s, 2, 1);
        doors(&s, 8, 8, 0);
        s.open = 0;
        open_connections(&s, 8);
        work(&s, 15);
    }
    finish(&s);
    assert_int_equal(told_used, 2);
    const struct suspect *first = &told[1].suspects[0];
    bool confirmed = false;
    for (unsigned n = 0; n < first->reasons_used; n++)
        confirmed |= strstr(first->reasons[n], "packet of death, confirmed") != NULL;
    assert_int_equal(first->word.shape, 66);
    assert_true(confirmed);
    for (unsigned n = 0; n < told[0].suspects[0].reasons_used; n++)
        assert_null(strstr(told[0].suspects[0].reasons[n], "confirmed"));
}

/* ---- silence */

struct silence {
    const char *name;
    unsigned waiting, waiting_long, unacked, repeated, repeating, asked, accepted;
    bool greeted;
    int verdict;
};

static const struct silence silences[] = {
    {"the host acknowledges and accepts, the program says nothing", 8, 8, 0, 0, 0, 4, 4, false, CAUSE_SERVER_HANG},
    {"the host acknowledges, nobody new comes", 8, 8, 0, 0, 0, 0, 0, false, CAUSE_SERVER_HANG},
    {"segments are sent again and not acknowledged", 8, 8, 8, 6, 5, 0, 0, false, CAUSE_NETWORK},
    {"SYNs are not answered", 2, 2, 2, 0, 0, 4, 0, false, CAUSE_NETWORK},
    {"new sessions are greeted", 8, 8, 0, 0, 0, 3, 3, true, CAUSE_WORKLOAD},
    {"not acknowledged and not sent again", 8, 8, 8, 0, 0, 0, 0, false, CAUSE_UNKNOWN},
    {"two long queries", 2, 2, 0, 0, 0, 0, 0, false, -1},
    {"one long query", 1, 1, 0, 0, 0, 0, 0, false, -1},
    {"nobody waits", 0, 0, 0, 0, 0, 0, 0, false, -1},
    {"one connection sends again", 1, 1, 1, 5, 1, 0, 0, false, -1},
};

static void silence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof silences / sizeof silences[0]; i++) {
        const struct silence *r = &silences[i];
        struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
        int64_t last_ns = s.now_ns;
        for (unsigned n = 0; n < 15; n++) {
            struct beat b = {.connections = 10, .waiting = r->waiting, .waiting_long = n > 2 ? r->waiting_long : 0, .unacked = n > 2 ? r->unacked : 0,
                             .repeating = n == 3 ? r->repeating : 0, .oldest_ns = r->waiting ? last_ns + MS(1) : 0, .last_request_ns = last_ns};
            b.repeated[FROM_CLIENT] = n == 3 ? r->repeated : 0;
            if (n == 2 && r->asked)
                doors(&s, r->asked, r->accepted, 0);
            if (n == 3 && r->greeted)
                hello(&s, 200, 1);
            beat(&s, &b);
        }
        int64_t late_ns = told_used ? s.now_ns : 0;
        finish(&s);
        (void)late_ns;
        if (r->verdict < 0 && told_used)
            fail_msg("%s: said %s", r->name, told[0].summary);
        if (r->verdict >= 0 && (told_used != 1 || (int)told[0].verdict != r->verdict))
            fail_msg("%s: %u incidents, the first %s", r->name, told_used, told_used ? incident_verdict_name(told[0].verdict) : "none");
    }
}

static void silence_ends(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
    int64_t began_ns = s.now_ns;
    for (unsigned n = 0; n < 12; n++)
        beat(&s, &(struct beat){.connections = 10, .waiting = 8, .waiting_long = n > 2 ? 8 : 0, .last_request_ns = began_ns});
    work(&s, 3);
    finish(&s);
    assert_int_equal(told_used, 1);
    assert_int_equal(told[0].verdict, CAUSE_SERVER_HANG);
    assert_true(told[0].ended_ns >= began_ns + 12 * BEAT_NS && told[0].ended_ns <= began_ns + 13 * BEAT_NS);
    assert_true(strstr(told[0].summary, "answered again") != NULL);
}

/* A row within two seconds: the ward knows of the silence by then. */
static void silence_is_told_in_time(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
    int64_t began_ns = s.now_ns;
    while (!told_used && s.now_ns < began_ns + MS(5000))
        beat(&s, &(struct beat){.connections = 10, .waiting = 8, .waiting_long = s.now_ns - began_ns >= MS(500) ? 8 : 0, .last_request_ns = began_ns});
    assert_true(told_used == 1 && s.now_ns - began_ns <= MS(1800));
    ward_close(s.ward);
}

static void capture_ends(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
    beat(&s, &(struct beat){.connections = 10, .waiting = 8});
    for (unsigned i = 0; i < 10; i++) {
        struct sign sign = sign_of(&s, SIGN_CLOSED, i);
        sign.manner = END_CAPTURE;
        sign.ending.open = 1;
        ward_take(s.ward, &sign);
    }
    finish(&s);
    assert_int_equal(told_used, 0);
    assert_int_equal(vitals_told, 1);
    assert_int_equal(requests_told, 15 * 80);
}

/* ---- limits, slowness, backups */

static void refuse(struct stage *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct sign sign = sign_of(s, SIGN_REFUSAL, i);
        snprintf(sign.farewell.text, sizeof sign.farewell.text, "Too many connections");
        ward_take(s->ward, &sign);
    }
}

static void limits(void **state)
{
    (void)state;
    for (unsigned refusals = 1; refusals <= 3; refusals++) {
        struct stage s = begin(PROTOCOL_MYSQL, 30, 80);
        refuse(&s, refusals);
        work(&s, 3);
        finish(&s);
        assert_int_equal(told_used, refusals >= 2);
        if (told_used)
            assert_int_equal(told[0].verdict, CAUSE_LIMIT_REACHED);
    }
    /* The old ones are answered and the new ones never. */
    struct stage s = begin(PROTOCOL_MEMCACHED, 30, 80);
    for (unsigned n = 0; n < 5; n++)
        beat(&s, &(struct beat){.connections = 33, .requests = 80, .replies = 80, .sum_us = 80 * 300, .waiting = 3, .waiting_long = 3, .unserved = 3,
                                .last_reply_ns = s.now_ns + MS(199)});
    finish(&s);
    assert_int_equal(told_used, 1);
    assert_int_equal(told[0].verdict, CAUSE_LIMIT_REACHED);
}

static void slowness(void **state)
{
    (void)state;
    for (unsigned times = 2; times <= 200; times *= 10) {
        struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
        for (unsigned n = 0; n < 10; n++)
            beat(&s, &(struct beat){.connections = 10, .requests = 20, .replies = 20, .sum_us = UINT64_C(20) * 1000 * times, .waiting = 8,
                                    .last_reply_ns = s.now_ns + MS(190)});
        finish(&s);
        assert_int_equal(told_used, times >= 200);
        if (told_used)
            assert_int_equal(told[0].verdict, CAUSE_WORKLOAD);
    }
    /* The same with segments sent again on several connections. */
    struct stage s = begin(PROTOCOL_MYSQL, 10, 80);
    for (unsigned n = 0; n < 12; n++) {
        struct beat b = {.connections = 10, .requests = 3, .replies = 3, .sum_us = 3 * 300000, .waiting = 5, .repeating = 4, .last_reply_ns = s.now_ns + MS(190)};
        b.repeated[FROM_CLIENT] = 4;
        beat(&s, &b);
    }
    finish(&s);
    assert_int_equal(told_used, 1);
    assert_int_equal(told[0].verdict, CAUSE_NETWORK);
}

static void backup(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 8, 80);
    for (unsigned c = 0; c < 8; c++) {
        struct word word = c == 2 ? word_of(&s, 66, WORD_REQUEST | WORD_OPEN | WORD_ANOMALY, 100) : word_of(&s, 7, WORD_REQUEST, 90);
        end_one(&s, c, ENDING_FIN, c == 2, FAREWELL_NONE, &word);
    }
    int64_t died_ns = s.now_ns;
    pass(&s, 5);
    for (unsigned c = 0; c < 3; c++) {
        struct sign sign = sign_of(&s, SIGN_OPENED, c);
        sign.server = end_of(2, 3306);
        ward_take(s.ward, &sign);
    }
    struct sign shape = sign_of(&s, SIGN_SHAPE, 2);
    shape.server = end_of(2, 3306);
    shape.shape.shape = 66;
    ward_take(s.ward, &shape);
    pass(&s, 2);
    finish(&s);
    assert_int_equal(told_used, 1);
    assert_true(told[0].has_backup);
    assert_int_equal(told[0].backup.address[15], 2);
    assert_int_equal(told[0].moved, 3);
    assert_true(told[0].suspect_followed);
    assert_true(told[0].without_ns > 0 && told[0].without_ns <= s.now_ns - died_ns + MS(10));
}

/* ---- bounds: whatever is told, nothing grows and what found no room is counted */

static void bounds(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 8, 80);
    for (unsigned server = 0; server < 3000; server++) {
        for (unsigned c = 0; c < 4; c++) {
            struct sign sign = sign_of(&s, SIGN_OPENED, c);
            sign.server = end_of(1000 + server, 1000);
            ward_take(s.ward, &sign);
        }
        for (unsigned c = 0; c < 4; c++) {
            struct sign sign = sign_of(&s, SIGN_ENDING, c);
            sign.server = end_of(1000 + server, 1000);
            sign.ending.open = 1;
            sign.ending.open_since_ns = s.now_ns - 1;
            ward_take(s.ward, &sign);
        }
        struct sign shape = sign_of(&s, SIGN_SHAPE, 0);
        shape.shape.shape = server + 1;
        ward_take(s.ward, &shape);
    }
    for (unsigned c = 0; c < 2000; c++) {
        struct sign opened = sign_of(&s, SIGN_OPENED, c);
        ward_take(s.ward, &opened);
        end_one(&s, c, ENDING_FIN, true, FAREWELL_NONE, NULL);
    }
    pass(&s, 10);
    assert_true(ward_shed(s.ward) > 0);
    assert_true(told_used > 0);
    finish(&s);
}

/* Signs of any content do no harm; workers keep times within 2^61. */
static void noise(void **state)
{
    (void)state;
    struct stage s = begin(PROTOCOL_MYSQL, 4, 10);
    uint32_t seed = 1;
    for (unsigned n = 0; n < 20000; n++) {
        struct sign sign;
        for (size_t i = 0; i < sizeof sign; i++)
            ((uint8_t *)&sign)[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        sign.kind = (uint8_t)(sign.kind % (SIGN_TIME + 1));
        sign.protocol = (uint8_t)(1 + sign.protocol % (PROTOCOLS - 1));
        sign.server = end_of(1 + n % 3, 3306);
        sign.time_ns = s.now_ns + (n % 7 == 0 ? -MS(n) : MS(n));
        if (sign.kind == SIGN_FAREWELL)
            sign.manner %= FAREWELL_SESSION + 1;
        if (sign.kind == SIGN_FAREWELL || sign.kind == SIGN_REFUSAL)
            sign.farewell.text[SIGN_TEXT_MAX - 1] = 0;
        if (sign.kind == SIGN_ENDING || sign.kind == SIGN_LEFT || sign.kind == SIGN_WAITS || sign.kind == SIGN_CLOSED) {
            sign.ending.words_used %= WORDS_MAX + 1;
            sign.ending.farewell %= FAREWELL_SESSION + 1;
            sign.ending.user[SIGN_USER_MAX - 1] = 0;
            sign.ending.pending = n & 1;
            sign.ending.midstream = sign.ending.check = sign.ending.server_first = n & 2;
            sign.ending.counted = sign.ending.acknowledged = n & 4;
            sign.ending.opened_ns /= 4;
            sign.ending.last_reply_ns /= 4;
            sign.ending.open_since_ns /= 4;
            for (unsigned i = 0; i < WORDS_MAX; i++) {
                sign.ending.words[i].anomaly = 0;
                sign.ending.words[i].time_ns /= 4;
            }
        }
        if (sign.kind == SIGN_BEAT) {
            sign.beat.last_reply_ns /= 4;
            sign.beat.last_request_ns /= 4;
            sign.beat.oldest_ns /= 4;
        }
        if (sign.kind == SIGN_OPENED)
            sign.opened.midstream = n & 1;
        if (sign.kind == SIGN_TIME)
            sign.manner = 0;
        ward_take(s.ward, &sign);
    }
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endings),         cmocka_unit_test(stopped_while_it_answered),
        cmocka_unit_test(back_again),      cmocka_unit_test(the_killer_is_first),
        cmocka_unit_test(packet_of_death), cmocka_unit_test(silence),
        cmocka_unit_test(silence_ends),    cmocka_unit_test(silence_is_told_in_time),
        cmocka_unit_test(capture_ends),    cmocka_unit_test(limits),
        cmocka_unit_test(slowness),        cmocka_unit_test(backup),
        cmocka_unit_test(bounds),          cmocka_unit_test(noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
