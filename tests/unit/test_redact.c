/* No canary survives redaction, however the packets cut the statement; everything else stays byte for byte. */
#include "check.h"

#include "store/redact.h"

/* '~' stands for the canary; what must stay is everything else. */
static const struct {
    const char *name, *before, *after;
} statements[] = {
    {"identified by", "CREATE USER 'bob'@'%' IDENTIFIED BY 'canary' REQUIRE SSL", "CREATE USER 'bob'@'%' IDENTIFIED BY '******' REQUIRE SSL"},
    {"lower case, double quotes", "create user bob identified by \"canary\"", "create user bob identified by \"******\""},
    {"by password", "GRANT ALL ON *.* TO x IDENTIFIED BY PASSWORD '*canary'", "GRANT ALL ON *.* TO x IDENTIFIED BY PASSWORD '*******'"},
    {"plugin as hash", "ALTER USER x IDENTIFIED WITH mysql_native_password AS '*canary'", "ALTER USER x IDENTIFIED WITH mysql_native_password AS '*******'"},
    {"quoted plugin", "ALTER USER x IDENTIFIED WITH 'sha2' AS 'canary'", "ALTER USER x IDENTIFIED WITH '****' AS '******'"},
    {"hash as number", "ALTER USER x IDENTIFIED WITH sha2 AS 0xcafe01 ACCOUNT LOCK", "ALTER USER x IDENTIFIED WITH sha2 AS 0x****** ACCOUNT LOCK"},
    {"via using", "CREATE USER x IDENTIFIED VIA ed25519 USING PASSWORD('canary') OR unix_socket", "CREATE USER x IDENTIFIED VIA ed25519 USING PASSWORD('******') OR unix_socket"},
    {"replace", "ALTER USER x IDENTIFIED BY 'canary' REPLACE 'canary'", "ALTER USER x IDENTIFIED BY '******' REPLACE '******'"},
    {"two users", "CREATE USER a IDENTIFIED BY 'canary', b IDENTIFIED BY 'canary'", "CREATE USER a IDENTIFIED BY '******', b IDENTIFIED BY '******'"},
    {"quote written twice", "IDENTIFIED BY 'ca''nary' X 'y'", "IDENTIFIED BY '**'*****' X 'y'"},
    {"backslash", "IDENTIFIED BY 'ca\\'nary' X 'y'", "IDENTIFIED BY '********' X 'y'"},
    {"begins with quotes", "IDENTIFIED BY '''canary' X 'y'", "IDENTIFIED BY ''*******' X 'y'"},
    {"empty", "IDENTIFIED BY '' X 'y'", "IDENTIFIED BY '' X 'y'"},
    {"set password", "SET PASSWORD = 'canary'", "SET PASSWORD = '******'"},
    {"set password function", "SET PASSWORD = PASSWORD('canary')", "SET PASSWORD = *********'******')"},
    {"set password, no spaces", "SET PASSWORD=PASSWORD( 'canary')", "SET PASSWORD=********* '******')"},
    {"set password for", "SET PASSWORD FOR 'bob'@'10.0.0.1' = 'canary'", "SET PASSWORD FOR 'bob'@'10.0.0.1' = '******'"},
    {"set password to", "SET PASSWORD FOR bob TO 'x', PASSWORD TO 'canary'", "SET PASSWORD FOR bob TO 'x', PASSWORD TO '******'"},
    {"role", "ALTER ROLE bob WITH LOGIN ENCRYPTED PASSWORD 'canary' VALID UNTIL 'infinity'", "ALTER ROLE bob WITH LOGIN ENCRYPTED PASSWORD '******' VALID UNTIL 'infinity'"},
    {"escape string", "ALTER ROLE bob PASSWORD E'can\\'ary'", "ALTER ROLE bob PASSWORD E'********'"},
    {"unicode string", "ALTER ROLE bob PASSWORD U&'canary'", "ALTER ROLE bob PASSWORD U&'******'"},
    {"dollar quotes", "ALTER ROLE bob PASSWORD $$canary$$ NOLOGIN", "ALTER ROLE bob PASSWORD $$******** NOLOGIN"},
    {"dollar tag", "ALTER ROLE bob PASSWORD $a$can$b$ary$a$ NOLOGIN", "ALTER ROLE bob PASSWORD $a$************ NOLOGIN"},
    {"null", "ALTER ROLE bob PASSWORD NULL, x = 'y'", "ALTER ROLE bob PASSWORD NULL, x = 'y'"},
    {"replication source", "CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='canary', MASTER_PORT=1", "CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='******', MASTER_PORT=1"},
    {"connection string", "SELECT dblink('host=h password=canary dbname=d')", "SELECT dblink('host=h password=****** dbname=d')"},
    {"connection string, odd bytes", "SELECT dblink('password=c,a&n;(a)r\\ y host=h')", "SELECT dblink('password=************* host=h')"},
    {"connection string at the end", "SELECT dblink('host=h password=canary')", "SELECT dblink('host=h password=******')"},
    {"connection string, spaces", "SELECT dblink('host=h password = canary dbname=d')", "SELECT dblink('host=h password = ****** dbname=d')"},
    {"connection string, quotes in quotes", "SELECT dblink('password=''can ary'' host=h'), 'x'", "SELECT dblink('password=''*******'' host=h'), 'x'"},
    {"subscription", "CREATE SUBSCRIPTION s CONNECTION 'host=h passwd=canary' PUBLICATION p", "CREATE SUBSCRIPTION s CONNECTION 'host=h passwd=******' PUBLICATION p"},
    {"user mapping", "CREATE USER MAPPING FOR b SERVER s OPTIONS (user 'b', password 'canary')", "CREATE USER MAPPING FOR b SERVER s OPTIONS (user 'b', password '******')"},
    {"column", "UPDATE users SET password='canary' WHERE id='7'", "UPDATE users SET password='******' WHERE id='7'"},
    {"quoted column", "UPDATE t SET `password` = 'canary', \"pwd\" = 'canary', a='b'", "UPDATE t SET `password` = '******', \"pwd\" = '******', a='b'"},
    {"json", "INSERT INTO t VALUES('{\"password\": \"canary\", \"a\": \"b\"}')", "INSERT INTO t VALUES('{\"password\": \"******\", \"a\": \"b\"}')"},
    {"asked, not told", "SELECT password FROM users WHERE name='bob'", "SELECT password FROM users WHERE name='bob'"},
    {"another word", "SELECT 'passwords' , 'identified_by' , 'x'", "SELECT 'passwords' , 'identified_by' , 'x'"},
    {"statement over", "ALTER USER x PASSWORD; SELECT 'y'", "ALTER USER x PASSWORD; SELECT 'y'"},
    {"parameter", "ALTER ROLE bob PASSWORD $1 , 'y'", "ALTER ROLE bob PASSWORD $1 , 'y'"},
    {"nothing", "SELECT * FROM t WHERE a = 'b' AND c = \"d\"", "SELECT * FROM t WHERE a = 'b' AND c = \"d\""},
};

enum { STATEMENTS = sizeof statements / sizeof statements[0] };

/* Feeds `text` in a heap block cut into pieces, the first of `first` bytes and the rest of `step` bytes. */
static char *redacted(const char *text, size_t first, size_t step)
{
    size_t length = strlen(text);
    char *all = calloc(1, length + 1);
    struct redact_text carry = {0};
    for (size_t at = 0, size = first; at < length; at += size, size = step) {
        size = size > length - at ? length - at : size;
        uint8_t *piece = malloc(size ? size : 1);
        memcpy(piece, text + at, size);
        redact_statement(&carry, piece, size);
        memcpy(all + at, piece, size);
        free(piece);
        if (size == 0 && step == 0)
            break;
    }
    return all;
}

static void literals_are_masked(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENTS; i++) {
        char *out = redacted(statements[i].before, 4096, 1);
        if (strcmp(out, statements[i].after) != 0)
            fail_msg("%s:\n  %s\n  %s\n  %s", statements[i].name, statements[i].before, out, statements[i].after);
        assert_null(strstr(out, "canary"));
        free(out);
    }
}

static void wherever_the_packets_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENTS; i++) {
        for (size_t cut = 1; cut <= strlen(statements[i].before); cut++) {
            char *out = redacted(statements[i].before, cut, 4096);
            assert_string_equal(out, statements[i].after);
            free(out);
            out = redacted(statements[i].before, cut, cut);
            assert_string_equal(out, statements[i].after);
            free(out);
        }
    }
}

static void a_message_that_ends_ends_the_literal(void **state)
{
    (void)state;
    uint8_t bytes[] = "PASSWORD 'abc\0SELECT 'def'";
    struct redact_text carry = {0};
    assert_true(redact_statement(&carry, bytes, sizeof bytes));
    assert_memory_equal(bytes, "PASSWORD '***\0SELECT 'def'", sizeof bytes);
}

static void a_long_literal_is_masked_to_its_end(void **state)
{
    (void)state;
    struct redact_text carry = {0};
    uint8_t begin[] = "identified by 'x", middle[1400], end[] = "z' and 'more'";
    redact_statement(&carry, begin, sizeof begin - 1);
    for (unsigned packet = 0; packet < 100; packet++) {
        memset(middle, 'y', sizeof middle);
        assert_true(redact_statement(&carry, middle, sizeof middle));
        for (size_t i = 0; i < sizeof middle; i++)
            assert_int_equal(middle[i], '*');
    }
    redact_statement(&carry, end, sizeof end - 1);
    assert_string_equal((char *)end, "*' and 'more'");
}

static void any_bytes_in_any_order(void **state)
{
    (void)state;
    static const char alphabet[] = "'\"$\\=:( ;,0x\0PASSWORDidentified";
    uint32_t random = 1;
    for (unsigned round = 0; round < 20000; round++) {
        struct redact_text carry = {0};
        size_t length = round % 61;
        uint8_t *bytes = malloc(length ? length : 1), *before = malloc(length ? length : 1);
        for (size_t i = 0; i < length; i++) {
            random = random * 1664525u + 1013904223u;
            before[i] = bytes[i] = (uint8_t)(random & 0x300 ? alphabet[(random >> 16) % sizeof alphabet] : (char)(random >> 24));
        }
        redact_statement(&carry, bytes, length);
        for (size_t i = 0; i < length; i++)
            assert_true(bytes[i] == before[i] || bytes[i] == '*');
        free(bytes);
        free(before);
    }
}

static void ranges_are_cut_to_the_payload(void **state)
{
    static const struct {
        int64_t begins;
        uint64_t length;
        const char *after;
    } rows[] = {
        {0, 8, "********"},          {2, 3, "ab***fgh"},           {-3, 4, "*bcdefgh"},   {-3, 3, "abcdefgh"},
        {7, 1, "abcdefg*"},          {7, 2, "abcdefg*"},           {8, 1, "abcdefgh"},    {0, 0, "abcdefgh"},
        {5, UINT64_MAX, "abcde***"}, {-1, UINT64_MAX, "********"}, {INT64_MIN, 5, "abcdefgh"}, {INT64_MAX, 5, "abcdefgh"},
        {INT64_MIN, UINT64_MAX, "********"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *bytes = malloc(8);
        memcpy(bytes, "abcdefgh", 8);
        bool masked = redact_range(bytes, 8, rows[i].begins, rows[i].length);
        assert_memory_equal(bytes, rows[i].after, 8);
        assert_int_equal(masked, strchr(rows[i].after, '*') != NULL);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_masked),
        cmocka_unit_test(wherever_the_packets_end),
        cmocka_unit_test(a_message_that_ends_ends_the_literal),
        cmocka_unit_test(a_long_literal_is_masked_to_its_end),
        cmocka_unit_test(any_bytes_in_any_order),
        cmocka_unit_test(ranges_are_cut_to_the_payload),
    };
    return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
