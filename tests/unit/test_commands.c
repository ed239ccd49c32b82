/* The reading commands on stores made by hand: what they say, that no byte of an attacker reaches the terminal, and that
 * a damaged store is an error and never a crash. */
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "fabricate.h"

static char directory[] = "/tmp/dbhound-test-XXXXXX";
static char path[64], out_path[64], err_path[64];
static char *out, *err;
static size_t out_length;
static uint8_t sample_memory[65536];
static struct error why;

static char *slurp(const char *name, size_t *length)
{
    FILE *f = fopen(name, "r");
    struct stat file;
    assert_non_null(f);
    fstat(fileno(f), &file);
    char *text = calloc(1, (size_t)file.st_size + 1);
    size_t got = fread(text, 1, (size_t)file.st_size, f);
    fclose(f);
    if (length)
        *length = got;
    return text;
}

/* Runs a command with these words; standard output and error end up in out and err. */
static int run(const struct command *command, const char *line)
{
    static char copy[256];
    char *arguments[17] = {NULL};
    struct options o;
    int count = 0, result;
    free(out);
    free(err);
    snprintf(copy, sizeof copy, "%s %s", command->name, line);
    for (char *word = strtok(copy, " "); word && count < 16; word = strtok(NULL, " "))
        arguments[count++] = word;
    fflush(stdout);
    fflush(stderr);
    int old_out = dup(1), old_err = dup(2), new_out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600),
        new_err = open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(new_out, 1);
    dup2(new_err, 2);
    if (options_parse(&o, command->takes, count, arguments, &why))
        result = command->run(&o);
    else
        result = command_fail(command, &why);
    options_close(&o);
    fflush(stdout);
    fflush(stderr);
    dup2(old_out, 1);
    dup2(old_err, 2);
    close(old_out);
    close(old_err);
    close(new_out);
    close(new_err);
    out = slurp(out_path, &out_length);
    err = slurp(err_path, NULL);
    return result;
}

static int run_on(const struct command *command, const char *words)
{
    char line[256];
    snprintf(line, sizeof line, "%s -d %s", words, path);
    return run(command, line);
}

static void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("no '%s' in:\n%s", words, text);
}

static struct store *open_store(const char *name)
{
    snprintf(path, sizeof path, "%s/%s.db", directory, name);
    struct store *s = store_open(path, &why);
    if (!s || !store_begin_run(s, "test", "", "", &why))
        fail_msg("%s", why.text);
    return s;
}

static int64_t add(struct store *s, const struct alert *alert)
{
    struct rule_facts rule = fabricated_rule();
    int64_t id = store_add_alert(s, alert, &rule, &why);
    assert_true(id > 0);
    return id;
}

/* Alert 1: the login, with sample and verdict. 2: a server's message, a day later, severity 3, without sample. */
static void fill(const char *name)
{
    struct store *s = open_store(name);
    struct alert alert = fabricated_alert();
    int64_t id = add(s, &alert);
    assert_true(store_set_verdict(s, id, "closed the connection without an answer", &why));
    assert_true(store_add_sample(s, 5, fabricated_sample(sample_memory, sizeof sample_memory), 6, true, &why));
    alert = fabricated_alert();
    alert.time_ns += INT64_C(86400000000000);
    alert.from = FROM_SERVER;
    alert.severity = 3;
    alert.class = CLASS_UNUSUAL;
    alert.anomaly = ANOMALY_NONE;
    alert.field = FIELD_NONE;
    alert.got[0] = alert.expected[0] = 0;
    alert.protocol = PROTOCOL_PGSQL;
    alert.client = end_v4(10, 0, 0, 77, 40000);
    alert.sample = 0;
    add(s, &alert);
    store_close(s);
}

static void show_says_why(void **state)
{
    static const char *const words[] = {
        "mysql greeting from 10.0.0.9:51544 to 10.0.0.5:3306: a message never completed; length is 254, expected at most 35 (the bytes left in the message)\n",
        "  read             254\n",
        "  expected         at most 35 (the bytes left in the message)\n",
        "  specification    ",
        "  server said      closed the connection without an answer\n",
        "  what it means    ",
        "  harmless causes  ",
        "  rule             1:9002001:1\n",
        "'root'",
        "'mysql_nat\\x1b[31m'",
        "  0020  00 00 00 00 72 6f 6f 74  00 fe 2a 2a 2a 2a 2a 2a  |....root..******|\n                                    ^^\n",
        "Connection, sample 1: 6 packets, 788 bytes, secrets are masked\n",
        "-0.000812  client ->",
        "> 5  +0.000000  client ->       77  PSH ACK  49 00 00 01",
        "+0.002104    <- server      0  RST\n",
        "  dbhound sample 1 -w . -d ",
    };
    (void)state;
    fill("show");
    assert_int_equal(run_on(&show_command, "1"), EXIT_DONE);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_says(out, words[i]);
    assert_int_equal(strncmp(out, words[0], strlen(words[0])), 0); /* the sentence comes first */
    assert_string_equal(err, "");
    assert_int_equal(run_on(&show_command, "2"), EXIT_DONE);
    assert_says(out, "pgsql startup from 10.0.0.5:3306 to 10.0.0.77:40000: a message never completed\n");
    assert_null(strstr(out, "Connection"));
}

static void show_as_json(void **state)
{
    (void)state;
    fill("show-json");
    assert_int_equal(run_on(&show_command, "1 --json"), EXIT_DONE);
    json_t *alert = json_loads(out, 0, NULL);
    assert_non_null(alert);
    assert_int_equal(json_integer_value(json_object_get(alert, "alert_id")), 1);
    assert_int_equal(json_array_size(json_object_get(alert, "packets")), 6);
    assert_int_equal(json_array_size(json_object_get(json_object_get(alert, "why"), "tree")), 4);
    assert_true(json_is_null(json_object_get(alert, "client_country")));
    assert_int_equal(strlen(json_string_value(json_object_get(alert, "message_head"))), 154);
    json_decref(alert);
}

static void alerts_are_filtered(void **state)
{
    static const struct {
        const char *options, *ids;
    } rows[] = {
        {"", "1 2 "},
        {"--severity 1", "1 "},
        {"--severity 3", "1 2 "},
        {"--class unusual", "2 "},
        {"--proto pgsql", "2 "},
        {"--client 10.0.0.77", "2 "},
        {"--server 10.0.0.5:3306", "1 2 "},
        {"--server 10.0.0.5:3307", ""},
        {"--anomaly mysql.incomplete-message", "1 "},
        {"--sid 9002001", "1 2 "},
        {"--sid 1", ""},
        {"--since 2026-11-25", "2 "},
        {"--until 2026-11-25", "1 "},
        {"--since 2026-11-24T05:51:59.123457", "2 "},
        {"--state new --limit 1", "2 "},
        {"--limit 5", "1 2 "},
        {"--state closed", ""},
    };
    (void)state;
    fill("filter");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char words[128], ids[64] = "";
        snprintf(words, sizeof words, "%s --json", rows[i].options);
        assert_int_equal(run_on(&alerts_command, words), EXIT_DONE);
        json_t *all = json_loads(out, 0, NULL);
        assert_true(json_is_array(all));
        for (size_t k = 0; k < json_array_size(all); k++)
            snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%lld ",
                     (long long)json_integer_value(json_object_get(json_array_get(all, k), "alert_id")));
        json_decref(all);
        if (strcmp(ids, rows[i].ids) != 0)
            fail_msg("alerts %s: %s", rows[i].options, ids);
    }
    assert_int_equal(run_on(&alerts_command, ""), EXIT_DONE);
    assert_says(out, "    1  2026-11-24 05:51:59.123  high      malformed  mysql  10.0.0.9:51544   >  10.0.0.5:3306      1  A message never completed\n");
    assert_int_equal(run_on(&alerts_command, "--sid 1"), EXIT_DONE);
    assert_string_equal(out, "");
    assert_says(err, "no alert in ");
}

static void a_sample_is_the_file(void **state)
{
    char name[160];
    size_t length;
    (void)state;
    fill("sample");
    struct view expected = fabricated_sample(sample_memory, sizeof sample_memory);
    assert_int_equal(run_on(&sample_command, "1"), EXIT_DONE);
    assert_int_equal(out_length, expected.length);
    assert_memory_equal(out, expected.bytes, expected.length);
    snprintf(name, sizeof name, "1 -w %s", directory);
    assert_int_equal(run_on(&sample_command, name), EXIT_DONE);
    snprintf(name, sizeof name, "%s/9002001-1.pcapng", directory);
    char *file = slurp(name, &length);
    assert_memory_equal(file, expected.bytes, expected.length);
    free(file);
    struct stat mode;
    assert_int_equal(stat(name, &mode), 0);
    assert_int_equal(mode.st_mode & 0777, 0600);
    assert_int_equal(run_on(&sample_command, "1 -w /nowhere/x.pcapng"), EXIT_CANNOT_CREATE);
    assert_int_equal(run_on(&sample_command, "1 -w /dev/full"), EXIT_IO);
    assert_int_equal(run_on(&sample_command, "2"), EXIT_NO_INPUT);
    assert_says(err, "no packets were kept for alert 2");
}

static void exit_codes(void **state)
{
    static const struct {
        const struct command *command;
        const char *line;
        enum exit_code code;
    } rows[] = {
        {&alerts_command, "-d /nowhere.db", EXIT_NO_INPUT},   {&alerts_command, "-d /etc/passwd", EXIT_DATA},
        {&alerts_command, "extra", EXIT_USAGE},               {&alerts_command, "--class bad", EXIT_USAGE},
        {&alerts_command, "--color pink", EXIT_USAGE},        {&show_command, "", EXIT_USAGE},
        {&show_command, "x", EXIT_USAGE},                     {&show_command, "0", EXIT_USAGE},
        {&show_command, "1 2", EXIT_USAGE},                   {&show_command, "99999999999999999999", EXIT_USAGE},
        {&show_command, "1 -d /nowhere.db", EXIT_NO_INPUT},   {&sample_command, "1 -d /nowhere.db", EXIT_NO_INPUT},
        {&db_command, "", EXIT_USAGE},                        {&db_command, "inf", EXIT_USAGE},
        {&db_command, "info -d /nowhere.db", EXIT_NO_INPUT},  {&explain_command, "nothing", EXIT_USAGE},
        {&explain_command, "db.phase db.user", EXIT_USAGE},   {&explain_command, "db.phase", EXIT_DONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code = run(rows[i].command, rows[i].line);
        if (code != (int)rows[i].code)
            fail_msg("%s %s: exit code %d: %s", rows[i].command->name, rows[i].line, code, err);
        if (code) {
            assert_string_equal(out, "");
            assert_says(err, "dbhound: ");
        }
    }
    fill("codes");
    assert_int_equal(run_on(&show_command, "3"), EXIT_NO_INPUT);
    assert_int_equal(run_on(&sample_command, "3"), EXIT_NO_INPUT);
}

static void everything_can_be_explained(void **state)
{
    (void)state;
    assert_int_equal(run(&explain_command, "--json"), EXIT_DONE);
    json_t *all = json_loads(out, 0, NULL);
    size_t i;
    json_t *row;
    assert_int_equal(json_array_size(all), ANOMALIES - 1 + FIELDS - 1 + COUNTERS);
    json_array_foreach(all, i, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        assert_int_equal(run(&explain_command, name), EXIT_DONE);
        assert_int_equal(strncmp(out, name, strlen(name)), 0);
    }
    json_decref(all);
    assert_int_equal(run(&explain_command, "9002001"), EXIT_DONE);
    assert_says(out, "mysql.incomplete-message: ");
    assert_int_equal(run(&explain_command, "2001"), EXIT_DONE);
    assert_int_equal(run(&explain_command, "mysql.incomplete-mesage"), EXIT_USAGE);
    assert_says(err, "did you mean 'mysql.incomplete-message'?");
}

static void the_store_is_described_and_verified(void **state)
{
    (void)state;
    fill("info");
    assert_int_equal(run_on(&db_command, "info --json"), EXIT_DONE);
    json_t *info = json_loads(out, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(info, "alerts")), 2);
    assert_int_equal(json_integer_value(json_object_get(info, "samples")), 1);
    assert_string_equal(json_string_value(json_object_get(info, "integrity")), "ok");
    json_decref(info);
    assert_int_equal(run_on(&db_command, "info"), EXIT_DONE);
    assert_says(out, "alerts     2, raised 2 times\n");
    assert_int_equal(run_on(&db_command, "verify"), EXIT_DONE);
    /* One byte of the sample's blob in the file: found. */
    size_t length;
    char *file = slurp(path, &length);
    char *at = memmem(file, length, "MariaDB-log", 11);
    assert_non_null(at);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "N", 1, at - file), 1);
    close(fd);
    free(file);
    assert_int_equal(run_on(&db_command, "verify"), EXIT_DATA);
    assert_string_equal(out, "its bytes do not fit its SHA-256: sample: 1\n");
    assert_int_equal(run_on(&db_command, "verify --json"), EXIT_DATA);
    json_t *all = json_loads(out, 0, NULL);
    assert_true(json_is_false(json_object_get(all, "whole")));
    json_decref(all);
}

/* Valid UTF-8 without anything that a terminal obeys: no control character but newline, nothing that reorders or hides. */
static void assert_safe(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        unsigned length = *c < 0x80 ? 1 : *c >= 0xf0 ? 4 : *c >= 0xe0 ? 3 : *c >= 0xc2 ? 2 : 0;
        uint32_t point = length == 1 ? *c : *c & (0xffu >> (length + 1));
        for (unsigned i = 1; i < length; i++)
            point = (c[i] & 0xc0) == 0x80 ? point << 6 | (c[i] & 0x3f) : UINT32_MAX;
        bool safe = length && (point == '\n' || (point >= 0x20 && point < 0x7f) || point >= 0xa0) && point <= 0x10ffff &&
                    !(point >= 0x202a && point <= 0x202e) && !(point >= 0x2066 && point <= 0x2069) &&
                    !(point >= 0x200b && point <= 0x200f) && point != 0xfeff;
        if (!safe)
            fail_msg("byte %02x %02x after:\n%.*s", c[0], c[1], 60, (const char *)c - ((const char *)c - text < 60 ? (const char *)c - text : 60));
        c += length;
    }
}

static void no_byte_of_an_attacker_reaches_the_terminal(void **state)
{
    (void)state;
    struct store *s = open_store("hostile");
    struct alert alert = fabricated_alert();
    struct endpoint server = alert.server;
    for (unsigned first = 0; first < 256; first++) {
        /* All pairs of bytes: in the message, in its text fields, in what detect should have escaped, in the rule. */
        char pairs[3 * 256 + 1] = "";
        for (unsigned second = 0; second < 256; second++) {
            alert.head[2 * second] = (uint8_t)first;
            alert.head[2 * second + 1] = (uint8_t)second;
            pairs[2 * second] = (char)(first ? first : 1);
            pairs[2 * second + 1] = (char)(second ? second : 1);
        }
        pairs[512] = 0;
        alert.head_length = 512;
        alert.message_length = 512;
        alert.fields_used = 8;
        for (unsigned i = 0; i < 8; i++)
            alert.fields[i] = (struct field_value){.field = FIELD_DB_USER, .offset = 64 * i, .length = 64, .depth = (uint8_t)(17 * i)};
        memcpy(alert.got, pairs + first, sizeof alert.got - 1);
        memcpy(alert.expected, pairs + first / 2, sizeof alert.expected - 1);
        memcpy(alert.user, pairs + first, sizeof alert.user - 1);
        memcpy(alert.database, pairs + 400, sizeof alert.database - 1);
        struct rule_facts rule = {.msg = pairs, .text = pairs, .classtype = pairs, .references = pairs, .sid = first};
        int64_t id = store_add_alert(s, &alert, &rule, &why);
        assert_true(id > 0);
        assert_true(store_set_verdict(s, id, pairs, &why));
        assert_true(store_see_server(s, &server, PROTOCOL_MYSQL, pairs, pairs, 0, 0, &why));
    }
    store_close(s);
    assert_int_equal(run_on(&alerts_command, ""), EXIT_DONE);
    assert_safe(out);
    assert_int_equal(run_on(&alerts_command, "--json"), EXIT_DONE);
    assert_safe(out);
    json_t *all = json_loads(out, 0, NULL);
    assert_int_equal(json_array_size(all), 256);
    json_decref(all);
    for (unsigned id = 1; id <= 256; id++) {
        char words[32];
        snprintf(words, sizeof words, "%u", id);
        assert_int_equal(run_on(&show_command, words), EXIT_DONE);
        assert_safe(out);
        snprintf(words, sizeof words, "%u --json", id);
        assert_int_equal(run_on(&show_command, words), EXIT_DONE);
        assert_safe(out);
        all = json_loads(out, 0, NULL);
        assert_non_null(all);
        json_decref(all);
    }
    assert_int_equal(run(&explain_command, "\x1b[31m\xe2\x80\xae"), EXIT_USAGE);
    assert_safe(err);
    assert_int_equal(run(&show_command, "\x9b\x7f"), EXIT_USAGE);
    assert_safe(err);
    assert_int_equal(run(&alerts_command, "--\x1b[31m"), EXIT_USAGE);
    assert_safe(err);
    assert_int_equal(run(&alerts_command, "-d /tmp/\x1b[31m"), EXIT_NO_INPUT);
    assert_safe(err);
}

static void a_damaged_store_is_an_error_and_no_crash(void **state)
{
    size_t length;
    uint32_t random = 7;
    (void)state;
    fill("damaged");
    char *file = slurp(path, &length);
    for (unsigned round = 0; round < 200; round++) {
        char *copy = malloc(length);
        memcpy(copy, file, length);
        size_t size = length;
        for (unsigned i = 0; i < 1 + round % 8; i++) {
            random = random * 1664525u + 1013904223u;
            /* Where the pages say what is in them, more often than elsewhere. */
            size_t at = round % 2 ? random % length : (random >> 8) % (length / 4096) * 4096 + random % 128;
            copy[at] = (char)(random >> 16);
        }
        if (round % 16 == 5)
            size = random % length;
        int fd = open(path, O_WRONLY | O_TRUNC);
        assert_int_equal(write(fd, copy, size), (ssize_t)size);
        close(fd);
        free(copy);
        static const struct {
            const struct command *command;
            const char *words;
        } commands[] = {{&alerts_command, ""}, {&show_command, "1"}, {&show_command, "1 --json"}, {&db_command, "verify"}, {&db_command, "info"}};
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            int code = run_on(commands[i].command, commands[i].words);
            assert_true(code == EXIT_DONE || code == EXIT_DATA || code == EXIT_NO_INPUT || code == EXIT_IO || code == EXIT_INTERNAL);
            assert_safe(out);
            assert_safe(err);
        }
        struct store *s = store_open(path, &why);
        assert_true(s || why.code == EXIT_DATA || why.code == EXIT_IO || why.code == EXIT_INTERNAL);
        store_close(s);
        char name[80];
        snprintf(name, sizeof name, "%s-wal", path);
        unlink(name);
        snprintf(name, sizeof name, "%s-shm", path);
        unlink(name);
    }
    free(file);
}

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    unsetenv("CLICOLOR_FORCE");
    snprintf(out_path, sizeof out_path, "%s/out", directory);
    snprintf(err_path, sizeof err_path, "%s/err", directory);
    return 0;
}

static int remove_directory(void **state)
{
    char command[96];
    (void)state;
    free(out);
    free(err);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(show_says_why),
        cmocka_unit_test(show_as_json),
        cmocka_unit_test(alerts_are_filtered),
        cmocka_unit_test(a_sample_is_the_file),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(everything_can_be_explained),
        cmocka_unit_test(the_store_is_described_and_verified),
        cmocka_unit_test(no_byte_of_an_attacker_reaches_the_terminal),
        cmocka_unit_test(a_damaged_store_is_an_error_and_no_crash),
    };
    return cmocka_run_group_tests_name("commands", tests, make_directory, remove_directory);
}
