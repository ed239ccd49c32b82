/* What may be written after --since, --server and the other filters. */
#include "check.h"

#include "app/query.h"

static const int64_t now_ns = INT64_C(1795499519000000000); /* 2026-11-24T05:51:59 */

static void times(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t time_ns;
    } rows[] = {
        {"2026-11-24T05:51:59.123456+0000", true, INT64_C(1795499519123456000)},
        {"2026-11-24T05:51:59.123456789Z", true, INT64_C(1795499519123456789)},
        {"2026-11-24 05:51:59", true, INT64_C(1795499519000000000)},
        {"2026-11-24T05:51", true, INT64_C(1795499460000000000)},
        {"2026-11-24", true, INT64_C(1795478400000000000)},
        {"1970-01-01", true, 0},
        {"1795499519", true, INT64_C(1795499519000000000)},
        {"0", true, 0},
        {"90s", true, INT64_C(1795499429000000000)},
        {"15m", true, INT64_C(1795498619000000000)},
        {"2h", true, INT64_C(1795492319000000000)},
        {"1d", true, INT64_C(1795413119000000000)},
        {"", false, 0},
        {"h", false, 0},
        {"2y", false, 0},
        {"2hh", false, 0},
        {"-2h", false, 0},
        {"99999999999h", false, 0},
        {"9000000001", false, 0},
        {"2026-13-01", false, 0},
        {"2026-00-01", false, 0},
        {"2026-02-30", false, 0},
        {"2026-2-3", false, 0},
        {"2026-11-24T", false, 0},
        {"2026-11-24T24:00", false, 0},
        {"2026-11-24T05:60", false, 0},
        {"2026-11-24T05:51:61", false, 0},
        {"2026-11-24T05:51:59.", false, 0},
        {"2026-11-24T05:51:59.1234567890", false, 0},
        {"2026-11-24T05:51:59+0100", false, 0},
        {"2026-11-24x", false, 0},
        {"1969-12-31", false, 0},
        {"2262-01-01", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t time_ns = 0;
        if (query_time(rows[i].text, now_ns, &time_ns) != rows[i].good)
            fail_msg("'%s'", rows[i].text);
        if (rows[i].good && time_ns != rows[i].time_ns)
            fail_msg("'%s' is %lld", rows[i].text, (long long)time_ns);
    }
}

static void filters(void **state)
{
    static const struct {
        const char *name, *value, *conditions; /* NULL: refused */
    } rows[] = {
        {"--server", "10.0.0.5", "server_ip = 10.0.0.5"},
        {"--server", "10.0.0.5:3306", "server_ip = 10.0.0.5, server_port = 3306"},
        {"--server", "10.0.0.5:65535", "server_ip = 10.0.0.5, server_port = 65535"},
        {"--server", "10.0.0.5:65536", NULL},
        {"--server", "10.0.0.5:", NULL},
        {"--server", "10.0.0.5:-1", NULL},
        {"--server", "10.0.0:80", NULL},
        {"--server", "2001:DB8:0::5", "server_ip = 2001:db8::5"},
        {"--server", "[2001:db8::5]:3306", "server_ip = 2001:db8::5, server_port = 3306"},
        {"--server", "[2001:db8::5]", "server_ip = 2001:db8::5"},
        {"--server", "[2001:db8::5", NULL},
        {"--server", "2001:db8::5]:1", NULL},
        {"--server", "[]:1", NULL},
        {"--server", "", NULL},
        {"--server", "db.example.org", NULL},
        {"--server", "0123456789012345678901234567890123456789012345678901234567890123456789", NULL},
        {"--client", "10.0.0.9", "client_ip = 10.0.0.9"},
        {"--client", "10.0.0.9:1", NULL},
        {"--class", "malformed", "class = malformed"},
        {"--class", "bad", NULL},
        {"--proto", "mysql", "proto = mysql"},
        {"--proto", "mysqll", NULL},
        {"--anomaly", "mysql.incomplete-message", "anomaly = mysql.incomplete-message"},
        {"--anomaly", "none", NULL},
        {"--severity", "1", "severity <= 1"},
        {"--severity", "4", "severity <= 4"},
        {"--severity", "0", NULL},
        {"--severity", "5", NULL},
        {"--sid", "9002001", "sid = 9002001"},
        {"--sid", "x", NULL},
        {"--state", "new' OR 1=1", "state = new' OR 1=1"}, /* a value, never SQL */
        {"--since", "1970-01-01", "time_ns >= 0"},
        {"--until", "1970-01-01", "time_ns < 0"},
        {"--since", "yesterday", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *arguments[] = {(char *)(uintptr_t)"alerts", (char *)(uintptr_t)rows[i].name, (char *)(uintptr_t)rows[i].value, NULL};
        struct options o;
        struct error why;
        struct query q;
        char text[256] = "";
        assert_true(options_parse(&o, ~UINT64_C(0), 3, arguments, &why));
        bool good = query_from_options(&q, &o, &why);
        options_close(&o);
        if (good != (rows[i].conditions != NULL))
            fail_msg("%s %s", rows[i].name, rows[i].value);
        if (!good) {
            assert_int_equal(why.code, EXIT_USAGE);
            continue;
        }
        for (unsigned j = 0; j < q.used; j++) {
            size_t at = strlen(text), sql = strlen(q.conditions[j].sql) - 1;
            if (q.conditions[j].is_text)
                snprintf(text + at, sizeof text - at, "%s%.*s%s", j ? ", " : "", (int)sql, q.conditions[j].sql, q.conditions[j].text);
            else
                snprintf(text + at, sizeof text - at, "%s%.*s%lld", j ? ", " : "", (int)sql, q.conditions[j].sql,
                         (long long)q.conditions[j].number);
        }
        assert_string_equal(text, rows[i].conditions);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times), cmocka_unit_test(filters)};
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
