/* Key logs: lines that are secrets and lines that are not, in pieces, in files that grow or are replaced, and more than there is room for. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "temporary_files.h"

#include "proto/keylog.h"

#define RANDOM "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define SECRET32 "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define SECRET48 SECRET32 "404142434445464748494a4b4c4d4e4f"

static struct keylog *opened(void)
{
    struct error why;
    struct keylog *k = keylog_open(&why);
    assert_non_null(k);
    return k;
}

static void random_of(uint8_t random[KEYLOG_RANDOM_BYTES])
{
    for (unsigned i = 0; i < KEYLOG_RANDOM_BYTES; i++)
        random[i] = (uint8_t)i;
}

/* The kinds that are known of RANDOM, as bits. */
static unsigned kinds(struct keylog *k, uint64_t packet)
{
    struct keylog_secrets found;
    uint8_t random[KEYLOG_RANDOM_BYTES];
    uint64_t seen = 0;
    unsigned bits = 0;
    random_of(random);
    if (!keylog_find(k, random, packet, &seen, &found))
        return 0;
    for (unsigned i = 0; i < KEYLOG_KINDS; i++) {
        bits |= found.length[i] ? 1u << i : 0;
        for (unsigned n = 0; n < found.length[i]; n++)
            assert_int_equal(found.bytes[i][n], 0x20 + n);
    }
    return bits;
}

static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        unsigned kinds;
        unsigned strange;
    } rows[] = {
        {"nothing", "", 0, 0},
        {"a master secret", "CLIENT_RANDOM " RANDOM " " SECRET48 "\n", 1, 0},
        {"no end of the line", "CLIENT_RANDOM " RANDOM " " SECRET48, 1, 0},
        {"ends as DOS does", "CLIENT_RANDOM " RANDOM " " SECRET48 "\r\n", 1, 0},
        {"spaces at the end", "CLIENT_RANDOM " RANDOM " " SECRET48 "  \n", 1, 0},
        {"a comment and an empty line before", "# by somebody\n\nCLIENT_RANDOM " RANDOM " " SECRET48 "\n", 1, 0},
        {"all of TLS 1.3, SHA-256",
         "CLIENT_HANDSHAKE_TRAFFIC_SECRET " RANDOM " " SECRET32 "\nSERVER_HANDSHAKE_TRAFFIC_SECRET " RANDOM " " SECRET32
         "\nCLIENT_TRAFFIC_SECRET_0 " RANDOM " " SECRET32 "\nSERVER_TRAFFIC_SECRET_0 " RANDOM " " SECRET32 "\nEXPORTER_SECRET " RANDOM " " SECRET32 "\n",
         30, 0},
        {"SHA-384", "CLIENT_TRAFFIC_SECRET_0 " RANDOM " " SECRET48 "\n", 8, 0},
        {"a master secret that is short", "CLIENT_RANDOM " RANDOM " " SECRET32 "\n", 0, 1},
        {"one byte too long", "CLIENT_RANDOM " RANDOM " " SECRET48 "50\n", 0, 1},
        {"half a byte too long", "CLIENT_RANDOM " RANDOM " " SECRET48 "5\n", 0, 1},
        {"a secret of 33 bytes", "CLIENT_TRAFFIC_SECRET_0 " RANDOM " " SECRET32 "40\n", 0, 1},
        {"no secret", "CLIENT_RANDOM " RANDOM "\n", 0, 1},
        {"a random number that is short", "CLIENT_RANDOM 0001 " SECRET48 "\n", 0, 1},
        {"one that is long", "CLIENT_RANDOM " RANDOM "20 " SECRET48 "\n", 0, 1},
        {"two spaces", "CLIENT_RANDOM  " RANDOM " " SECRET48 "\n", 0, 1},
        {"no hex", "CLIENT_RANDOM " RANDOM " zz" SECRET48 "\n", 0, 1},
        {"an unknown label", "CLIENT_SECRET " RANDOM " " SECRET48 "\n", 0, 1},
        {"a label alone", "CLIENT_RANDOM", 0, 1},
        {"after a KeyUpdate, as OpenSSL writes it", "CLIENT_TRAFFIC_SECRET_N " RANDOM " " SECRET32 "\n", 0, 0},
        {"RSA, which is of another time", "RSA 0011223344556677 " SECRET48 "\n", 0, 0},
        {"bytes", "\x01\x02\xff\xfe\n\x80\n", 0, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keylog *k = opened();
        char *exact = malloc(strlen(rows[i].text) + 1);
        memcpy(exact, rows[i].text, strlen(rows[i].text));
        keylog_add(k, view_of(exact, strlen(rows[i].text)), 0);
        if (kinds(k, 0) != rows[i].kinds || keylog_strange_lines(k) != rows[i].strange)
            fail_msg("%s: kinds %u, strange %u", rows[i].name, kinds(k, 0), (unsigned)keylog_strange_lines(k));
        free(exact);
        keylog_close(k);
    }
}

static void a_line_without_an_end(void **state)
{
    (void)state;
    struct keylog *k = opened();
    char *text = malloc(1 << 20);
    memset(text, 'a', 1 << 20);
    keylog_add(k, view_of(text, 1 << 20), 0);
    assert_int_equal(keylog_strange_lines(k), 1);
    memset(text, 0, 1 << 20);
    keylog_add(k, view_of(text, 1 << 20), 0);
    assert_int_equal(keylog_strange_lines(k), 2);
    assert_int_equal(keylog_sessions(k), 0);
    free(text);
    keylog_close(k);
}

/* Every prefix, and every byte changed, of all lines. */
static void damaged_lines(void **state)
{
    (void)state;
    static const char text[] = "CLIENT_RANDOM " RANDOM " " SECRET48 "\nCLIENT_TRAFFIC_SECRET_0 " RANDOM " " SECRET32 "\n";
    for (size_t length = 0; length < sizeof text; length++) {
        struct keylog *k = opened();
        char *exact = malloc(length ? length : 1);
        memcpy(exact, text, length);
        keylog_add(k, view_of(exact, length), 0);
        if (length >= sizeof text - 2)
            assert_int_equal(kinds(k, 0), 9);
        for (size_t at = 0; at < length; at++) {
            exact[at] ^= 0x11;
            keylog_add(k, view_of(exact, length), 0);
            exact[at] ^= 0x11;
        }
        free(exact);
        keylog_close(k);
    }
}

static void known_from_a_packet_on(void **state)
{
    (void)state;
    struct keylog *k = opened();
    struct keylog_secrets found;
    uint8_t random[KEYLOG_RANDOM_BYTES];
    uint64_t seen = 0;
    random_of(random);
    assert_false(keylog_is_used(k, 1000));
    keylog_add(k, view_text("CLIENT_RANDOM " RANDOM " " SECRET48), 10);
    assert_false(keylog_is_used(k, 10));
    assert_true(keylog_is_used(k, 11));
    assert_false(keylog_find(k, random, 10, &seen, &found));
    assert_true(keylog_find(k, random, 11, &seen, &found));
    assert_false(keylog_find(k, random, 12, &seen, &found)); /* nothing is new */
    keylog_add(k, view_text("CLIENT_RANDOM " RANDOM " " SECRET48), 20);
    assert_false(keylog_find(k, random, 21, &seen, &found));
    keylog_add(k, view_text("CLIENT_TRAFFIC_SECRET_0 " RANDOM " " SECRET32), 20);
    assert_true(keylog_find(k, random, 21, &seen, &found));
    assert_int_equal(found.length[KEYLOG_CLIENT_TRAFFIC], 32);
    keylog_close(k);
}

static void add_numbered(struct keylog *k, uint32_t number)
{
    char line[256];
    snprintf(line, sizeof line, "CLIENT_RANDOM %064x " SECRET48 "\n", number);
    keylog_add(k, view_text(line), 0);
}

static bool has_numbered(struct keylog *k, uint32_t number)
{
    struct keylog_secrets found;
    uint64_t seen = 0;
    uint8_t random[KEYLOG_RANDOM_BYTES] = {0};
    for (unsigned i = 0; i < 4; i++)
        random[KEYLOG_RANDOM_BYTES - 1 - i] = (uint8_t)(number >> 8 * i);
    return keylog_find(k, random, 0, &seen, &found);
}

static void the_oldest_are_dropped(void **state)
{
    (void)state;
    struct keylog *k = opened();
    for (uint32_t i = 0; i < KEYLOG_SESSIONS; i++)
        add_numbered(k, i);
    assert_int_equal(keylog_sessions(k), KEYLOG_SESSIONS);
    assert_true(has_numbered(k, 0));
    for (uint32_t i = 0; i < 1000; i++)
        add_numbered(k, KEYLOG_SESSIONS + i);
    assert_int_equal(keylog_sessions(k), KEYLOG_SESSIONS);
    for (uint32_t i = 0; i < KEYLOG_SESSIONS + 1000; i += i < 2000 ? 1 : 97)
        assert_int_equal(has_numbered(k, i), i >= 1000);
    keylog_close(k);
}

static void put(const char *path, const char *text, const char *how)
{
    FILE *out = fopen(path, how);
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 8000000}, NULL);
}

/* Written in pieces that end anywhere, cut short, replaced by another. */
static void a_file_that_grows(void **state)
{
    (void)state;
    struct error why;
    char path[256];
    snprintf(path, sizeof path, "%s", temporary_path("keys.log")); /* the key log goes by it later */
    struct keylog *k = opened();
    put(path, "# nothing yet\nCLIENT_RAN", "w");
    assert_true(keylog_read(k, path, true, &why));
    assert_true(keylog_is_used(k, 0));
    assert_int_equal(kinds(k, 0), 0);
    put(path, "DOM " RANDOM " ", "a");
    nap();
    assert_int_equal(kinds(k, 0), 0);
    put(path, SECRET48 "\n", "a");
    nap();
    assert_int_equal(kinds(k, 0), 1);
    put(path, "CLIENT_TRAFFIC_SECRET_0 " RANDOM " " SECRET32 "\n", "w"); /* shorter than it was */
    nap();
    assert_int_equal(kinds(k, 0), 9);
    put(temporary_path("other.log"), "SERVER_TRAFFIC_SECRET_0 " RANDOM " " SECRET32 "\n# and a comment that makes it longer than the one before it\n", "w");
    assert_int_equal(rename(temporary_path("other.log"), path), 0);
    nap();
    assert_int_equal(kinds(k, 0), 25);
    unlink(path);
    nap();
    assert_int_equal(kinds(k, 0), 25);
    assert_int_equal(keylog_strange_lines(k), 0);
    keylog_close(k);
}

static void a_file_that_is_read_once(void **state)
{
    (void)state;
    struct error why;
    char path[256];
    snprintf(path, sizeof path, "%s", temporary_path("keys.log")); /* the key log goes by it later */
    struct keylog *k = opened();
    put(path, "CLIENT_RANDOM " RANDOM " " SECRET48, "w");
    assert_true(keylog_read(k, path, false, &why));
    assert_int_equal(kinds(k, 0), 1);
    put(path, "\nCLIENT_TRAFFIC_SECRET_0 " RANDOM " " SECRET32 "\n", "a");
    nap();
    assert_int_equal(kinds(k, 0), 1);
    keylog_close(k);
}

static void files_that_are_none(void **state)
{
    (void)state;
    struct error why;
    struct keylog *k = opened();
    assert_false(keylog_read(k, temporary_path("nowhere"), false, &why));
    assert_int_equal(why.code, EXIT_NO_INPUT);
    assert_false(keylog_read(k, "/dev/zero", false, &why));
    assert_int_equal(why.code, EXIT_NO_INPUT);
    assert_false(keylog_read(k, "/", true, &why));
    assert_int_equal(why.code, EXIT_NO_INPUT);
    assert_int_equal(mkfifo(temporary_path("fifo"), 0600), 0);
    assert_false(keylog_read(k, temporary_path("fifo"), false, &why));
    unlink(temporary_path("fifo"));
    assert_false(keylog_is_used(k, UINT64_MAX - 1));
    keylog_close(k);
}

/* Only the end of a huge file is read, in the middle of a line; its holes are one line that is too long. */
static void a_huge_file(void **state)
{
    (void)state;
    struct error why;
    char path[256];
    snprintf(path, sizeof path, "%s", temporary_path("huge.log")); /* the key log goes by it later */
    struct keylog *k = opened();
    put(path, "CLIENT_TRAFFIC_SECRET_0 " RANDOM " " SECRET32 "\n", "w");
    assert_int_equal(truncate(path, (off_t)1 << 30), 0);
    put(path, "\nCLIENT_RANDOM " RANDOM " " SECRET48 "\n", "a");
    assert_true(keylog_read(k, path, false, &why));
    assert_int_equal(kinds(k, 0), 1);
    assert_int_equal(keylog_strange_lines(k), 1);
    unlink(path);
    keylog_close(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(a_line_without_an_end),
        cmocka_unit_test(damaged_lines),
        cmocka_unit_test(known_from_a_packet_on),
        cmocka_unit_test(the_oldest_are_dropped),
        cmocka_unit_test(a_file_that_grows),
        cmocka_unit_test(a_file_that_is_read_once),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(a_huge_file),
    };
    return cmocka_run_group_tests(tests, temporary_make, temporary_remove);
}
