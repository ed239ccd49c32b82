/* Advisories by version: both sides of each bound, products that share a protocol, versions that are none. */
#include "check.h"

#include "store/advisories.h"

static bool said(enum protocol protocol, const char *version, const char *id)
{
    char memory[ADVISORIES_MAX];
    struct text out = text_in(memory, sizeof memory);
    advisories_of(protocol, version, &out);
    assert_false(out.cut);
    assert_true(out.chars[0] == '[' && out.chars[out.length - 1] == ']');
    return strstr(out.chars, id) != NULL;
}

static void bounds(void **state)
{
    (void)state;
    static const struct {
        enum protocol protocol;
        const char *version, *id;
        bool said;
    } rows[] = {
        {PROTOCOL_PGSQL, "9.2.3", "CVE-2013-1899", true},
        {PROTOCOL_PGSQL, "9.2.4", "CVE-2013-1899", false},
        {PROTOCOL_PGSQL, "9.1", "CVE-2013-1899", true},
        {PROTOCOL_PGSQL, "8.4.20", "CVE-2013-1899", false},
        {PROTOCOL_PGSQL, "15.17 (Debian 15.17-0+deb12u1)", "CVE-2026-6479", true},
        {PROTOCOL_PGSQL, "15.18 (Debian 15.18-0+deb12u1)", "CVE-2026-6479", false},
        {PROTOCOL_MYSQL, "5.6.35-log", "CVE-2017-3599", true},
        {PROTOCOL_MYSQL, "5.6.36", "CVE-2017-3599", false},
        {PROTOCOL_MYSQL, "5.5.5-10.11.19-MariaDB-0+deb12u1", "CVE-2012-2122", false},
        {PROTOCOL_MYSQL, "5.5.22-MariaDB", "CVE-2012-2122", true},
        {PROTOCOL_MYSQL, "5.5.5-10.11.19-MariaDB", "CVE-2026-35549", true},
        {PROTOCOL_MYSQL, "11.4.10-MariaDB", "CVE-2026-35549", false},
        {PROTOCOL_MYSQL, "8.0.36", "CVE", false},
        {PROTOCOL_REDIS, "6.2.5", "CVE-2021-32675", true},
        {PROTOCOL_REDIS, "6.2.6", "CVE-2021-32675", false},
        {PROTOCOL_MEMCACHED, "1.4.32", "CVE-2016-8704", true},
        {PROTOCOL_MEMCACHED, "1.4.33", "CVE-2016-8704", false},
        {PROTOCOL_MEMCACHED, "", "CVE", false},
        {PROTOCOL_MEMCACHED, "unknown", "CVE", false},
        {PROTOCOL_MEMCACHED, "99999999999999999999999999.1", "CVE", false},
        {PROTOCOL_NONE, "1.0", "CVE", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (said(rows[i].protocol, rows[i].version, rows[i].id) != rows[i].said)
            fail_msg("%s of %s: %d", rows[i].id, rows[i].version, !rows[i].said);
}

static void what_is_fixed_where(void **state)
{
    (void)state;
    assert_true(said(PROTOCOL_PGSQL, "9.1.8", "\"fixed\":\"9.1.9\""));
    assert_true(said(PROTOCOL_MEMCACHED, "1.4.16", "\"id\":\"CVE-2011-4971\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bounds), cmocka_unit_test(what_is_fixed_where)};
    return cmocka_run_group_tests_name("advisories", tests, NULL, NULL);
}
