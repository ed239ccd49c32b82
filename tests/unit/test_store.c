/* The store keeps what it was given, says no to foreign files, survives kills and a full disk, and never lies about it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fabricate.h"
#include "store/community_id.h"
#include "store/schema.h"

static char directory[] = "/tmp/dbhound-test-XXXXXX";
static char path[128];
static struct error why;

static int fresh(void **state)
{
    static unsigned number;
    (void)state;
    snprintf(path, sizeof path, "%s/%u.db", directory, ++number);
    why = (struct error){0};
    return 0;
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[256];
    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

static struct store *begin(void)
{
    struct store *s = store_open(path, &why);
    if (!s)
        fail_msg("%s", why.text);
    if (!store_begin_run(s, "dbhound replay a.pcap", "a.pcap", "abc", &why))
        fail_msg("%s", why.text);
    return s;
}

static int64_t add(struct store *s, const struct alert *alert)
{
    struct rule_facts rule = fabricated_rule();
    return store_add_alert(s, alert, &rule, &why);
}

/* The first column of the first row as text; "" for NULL or no row. */
static const char *ask(const char *sql)
{
    static char answer[4096];
    sqlite3_stmt *statement = NULL;
    struct sqlite3 *db = store_read(path, &why);
    if (!db)
        fail_msg("%s", why.text);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int result = sqlite3_step(statement);
    assert_true(result == SQLITE_ROW || result == SQLITE_DONE);
    const char *text = result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    snprintf(answer, sizeof answer, "%s", text ? text : "");
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

static void views_have_the_promised_columns(void **state)
{
    (void)state;
    static const struct {
        const char *view, *columns;
    } rows[] = {
        {"v_alerts",
         "alert_id,run_id,time_ns,time,last_time_ns,count,gid,sid,rev,msg,class,severity,confidence,proto,anomaly,direction,"
         "client_ip,client_port,server_ip,server_port,user_name,database_name,flow_id,community_id,message_type,field,got,"
         "expected,stream_offset,message_offset,packet_number,why,server_verdict,state,sample_id,client_country,client_asn"},
        {"v_samples", "sample_id,packets,bytes,pcapng,sha256,redacted"},
        {"v_servers",
         "server_ip,server_port,proto,version,version_source,tls,first_seen_ns,last_seen_ns,advisories,connections,decoded_bytes,encrypted_bytes,"
         "unsupported_bytes,blind_bytes,lost_bytes,blind_ns"},
        {"v_sight", "run_id,server_ip,server_port,proto,connections,decoded_bytes,encrypted_bytes,unsupported_bytes,blind_bytes,lost_bytes,blind_ns"},
        {"v_incidents", "incident_id,server_ip,server_port,proto,kind,began_ns,ended_ns,clients,clients_affected,verdict,"
                        "confidence,suspect_alert_id,backup_ip,backup_port,summary,run_id,began,connections,"
                        "connections_lost,requests_lost,refused,last_reply_ns,evidence,packet_number,without_ns,clients_moved,suspect_followed,suspect_shape,"
                        "users,users_affected,requests_before"},
        {"v_suspects", "incident_id,rank,client_ip,client_port,time_ns,message_type,shape,score,reasons,alert_id,sample_id,"
                       "user_name,length,packet_number,flow_id"},
        {"v_last_words", "incident_id,client_ip,client_port,user_name,back,time_ns,message_type,shape,length,packet_number,answered,"
                         "ending,ended_ns,alert_id"},
        {"v_health", "server_ip,server_port,minute_ns,requests,replies,errors,unanswered,p50_us,p95_us,p99_us,"
                     "retransmissions,resets,refused,run_id,proto,errors_limit,errors_stopping,errors_starting,errors_verdict,logins,"
                     "logins_failed,connections_opened,syns,accepted,checks,clients,connections_most,waiting_most,resets_by_server,"
                     "retransmissions_by_server,zero_windows_by_client,zero_windows_by_server,bytes_to_server,bytes_to_client,slowest_us,users,split,"
                     "request_p50_us,request_p95_us,request_p99_us,server_p50_us,server_p95_us,server_p99_us,reply_p50_us,reply_p95_us,reply_p99_us,kinds"},
        {"v_health_now", "server_ip,server_port,proto,time_ns,time,run_id,requests,replies,errors,waiting,connections,slowest_us,logins_failed,"
                         "retransmissions,resets,zero_windows,checks,bytes_to_server,bytes_to_client,refused,p50_us,p95_us,p99_us,clients,users,"
                         "request_p50_us,request_p95_us,request_p99_us,server_p50_us,server_p95_us,server_p99_us,reply_p50_us,reply_p95_us,reply_p99_us,kinds"},
        {"v_visitors", "server_ip,server_port,proto,kind,name,connections,refused,first_seen_ns,last_seen_ns"},
        {"v_runs", "run_id,began_ns,ended_ns,program,command,sources,rules_hash,result"},
        {"v_run_counters", "run_id,name,value"},
        {"v_rule_stats", "run_id,sid,evaluated,matched,suppressed,cost_ns"},
    };
    store_close(begin());
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT group_concat(name) FROM pragma_table_info('%s')", rows[i].view);
        assert_string_equal(ask(sql), rows[i].columns);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", rows[i].view);
        assert_string_equal(ask(sql), strcmp(rows[i].view, "v_runs") == 0 ? "1" : "0");
    }
}

static void the_file_says_what_it_is(void **state)
{
    (void)state;
    store_close(begin());
    assert_string_equal(ask("PRAGMA journal_mode"), "wal");
    assert_int_equal(atoi(ask("PRAGMA application_id")), STORE_APPLICATION_ID);
    assert_int_equal(atoi(ask("PRAGMA user_version")), STORE_SCHEMA_VERSION);
    assert_string_equal(ask("PRAGMA auto_vacuum"), "2");
    assert_string_equal(ask("PRAGMA query_only"), "1");
    assert_string_equal(ask("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                            " AND sql NOT LIKE '%STRICT%'"),
                        "0");
}

static void an_alert_comes_back_as_it_went_in(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *answer;
    } rows[] = {
        {"SELECT alert_id || ' ' || run_id || ' ' || time_ns || ' ' || last_time_ns || ' ' || count FROM v_alerts",
         "1 1 1795499519123456789 1795499519123456789 1"},
        {"SELECT time FROM v_alerts", "2026-11-24T05:51:59.123456+0000"},
        {"SELECT gid || ':' || sid || ':' || rev || ' ' || msg FROM v_alerts", "1:9002001:1 A message never completed"},
        {"SELECT class || ' ' || severity || ' ' || confidence || ' ' || proto || ' ' || anomaly FROM v_alerts",
         "malformed 1 100 mysql mysql.incomplete-message"},
        {"SELECT direction || ' ' || client_ip || ' ' || client_port || ' ' || server_ip || ' ' || server_port FROM v_alerts",
         "to_server 10.0.0.9 51544 10.0.0.5 3306"},
        {"SELECT user_name || ' ' || database_name || ' ' || flow_id || ' ' || message_type FROM v_alerts",
         "root shop 77 greeting"},
        {"SELECT field || ' ' || got || ' ' || expected FROM v_alerts",
         "mysql.length 254 at most 35 (the bytes left in the message)"},
        {"SELECT stream_offset || ' ' || message_offset || ' ' || packet_number || ' ' || state FROM v_alerts", "0 41 9 new"},
        {"SELECT server_verdict IS NULL AND sample_id IS NULL AND client_country IS NULL AND client_asn IS NULL FROM v_alerts",
         "1"},
        {"SELECT why ->> '$.field' || ' ' || (why ->> '$.read') || ' ' || (why ->> '$.offset') || ' ' || (why ->> '$.length')"
         " FROM v_alerts",
         "mysql.length 254 41 1"},
        {"SELECT why ->> '$.tree[0].value' || ' ' || (why ->> '$.tree[1].text') || ' ' || (why ->> '$.tree[2].text') || ' ' ||"
         " (why ->> '$.tree[3].text') || ' ' || (why ->> '$.tree[3].depth') FROM v_alerts",
         "73 greeting root mysql_nat\\x1b[31m 1"},
        {"SELECT hex(substr(head, 37, 5)) FROM evidence", "726F6F7400"},
        {"SELECT text LIKE 'alert mysql%' AND refs = 'cve,2017-3599' FROM rules", "1"},
    };
    struct store *s = begin();
    struct alert alert = fabricated_alert();
    assert_int_equal(add(s, &alert), 1);
    store_close(s);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(ask(rows[i].sql), rows[i].answer);
    assert_string_equal(ask("SELECT why ->> '$.spec' FROM v_alerts"), anomaly_row(ANOMALY_MYSQL_INCOMPLETE_MESSAGE)->spec);
    assert_string_equal(ask("SELECT why ->> '$.meaning' FROM v_alerts"),
                        anomaly_row(ANOMALY_MYSQL_INCOMPLETE_MESSAGE)->meaning);
}

static void extremes_are_stored(void **state)
{
    (void)state;
    struct store *s = begin();
    struct alert alert = {0};
    struct rule_facts rule = {.msg = "m"};
    assert_int_equal(store_add_alert(s, &alert, &rule, &why), 1);
    memset(&alert, 0xff, sizeof alert);
    alert.datagram = alert.quiet = alert.decrypted = alert.fields_cut = true; /* any other byte is no value of a bool */
    memset(alert.got, 'x', sizeof alert.got);
    alert.got[sizeof alert.got - 1] = alert.expected[0] = alert.user[0] = alert.country[0] = 0; /* texts end */
    memcpy(alert.database, "caf\xc3", 5); /* cut inside a character */
    assert_int_equal(store_add_alert(s, &alert, &rule, &why), 2);
    store_close(s);
    assert_string_equal(ask("SELECT time FROM v_alerts WHERE alert_id = 1"), "1970-01-01T00:00:00.000000+0000");
    assert_string_equal(ask("SELECT time FROM v_alerts WHERE alert_id = 2"), "1969-12-31T23:59:59.999999+0000");
    assert_string_equal(ask("SELECT database_name FROM v_alerts WHERE alert_id = 2"), "caf\\xc3");
    assert_string_equal(ask("SELECT min(flow_id >= 0 AND stream_offset >= 0 AND json_valid(why)) FROM v_alerts"), "1");
    assert_string_equal(ask("SELECT length(head) FROM evidence WHERE alert_id = 2"), "1024");
}

static void folds_and_verdicts_change_the_row(void **state)
{
    (void)state;
    struct store *s = begin();
    struct alert alert = fabricated_alert();
    int64_t id = add(s, &alert);
    assert_true(store_fold_alert(s, id, alert.time_ns + 5, &why));
    assert_true(store_fold_alert(s, id, alert.time_ns - 5, &why));
    assert_true(store_set_verdict(s, id, "ERR 1835 (HY000) Malformed communication packet", &why));
    assert_false(store_fold_alert(s, id + 1, alert.time_ns, &why));
    store_close(s);
    assert_string_equal(ask("SELECT count || ' ' || (last_time_ns - time_ns) || ' ' || server_verdict FROM v_alerts"),
                        "3 5 ERR 1835 (HY000) Malformed communication packet");
}

static void a_sample_belongs_to_the_alerts_of_its_key(void **state)
{
    (void)state;
    struct alert alert = fabricated_alert();
    struct store *s = begin();
    assert_int_equal(add(s, &alert), 1);
    assert_true(store_add_sample(s, 5, view_text("not really pcapng"), 3, true, &why));
    assert_true(store_add_sample(s, 6, view_of(NULL, 0), 0, false, &why));
    assert_int_equal(add(s, &alert), 2);
    alert.sample = 7;
    assert_int_equal(add(s, &alert), 3);
    store_close(s);
    s = begin(); /* another run: the same key is another sample */
    alert.sample = 5;
    assert_int_equal(add(s, &alert), 4);
    store_close(s);
    assert_string_equal(ask("SELECT group_concat(ifnull(sample_id, 'none')) FROM v_alerts"), "1,1,none,none");
    assert_string_equal(ask("SELECT packets || ' ' || bytes || ' ' || redacted || ' ' || CAST(pcapng AS TEXT) FROM v_samples"),
                        "3 17 1 not really pcapng");
    assert_string_equal(ask("SELECT sha256 FROM v_samples WHERE bytes = 17"),
                        "358f395f11982153115a61180c7c09fcd0c749ebfcb99f43265dbe85495ec5c0");
    assert_string_equal(ask("SELECT sha256 FROM v_samples WHERE bytes = 0"),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void servers_merge(void **state)
{
    (void)state;
    struct endpoint server = end_v4(10, 0, 0, 5, 3306);
    struct store *s = begin();
    assert_true(store_see_server(s, &server, PROTOCOL_MYSQL, "", "", -1, 50, &why));
    assert_true(store_see_server(s, &server, PROTOCOL_MYSQL, "10.11.6-MariaDB", "greeting", 1, 70, &why));
    assert_true(store_see_server(s, &server, PROTOCOL_MYSQL, "", "", 0, 40, &why));
    assert_true(store_see_server(s, &server, PROTOCOL_PGSQL, "", "", -1, 40, &why));
    store_close(s);
    assert_string_equal(ask("SELECT server_ip || ' ' || server_port || ' ' || version || ' ' || version_source || ' ' || tls ||"
                            " ' ' || first_seen_ns || ' ' || last_seen_ns || (advisories ->> '$[0].id') FROM v_servers WHERE proto = 'mysql'"),
                        "10.0.0.5 3306 10.11.6-MariaDB greeting 1 40 70CVE-2026-35549");
    assert_string_equal(ask("SELECT version IS NULL AND tls IS NULL FROM v_servers WHERE proto = 'pgsql'"), "1");
}

static void a_run_ends_with_its_sums(void **state)
{
    (void)state;
    struct counters counters = {0};
    struct alert alert = fabricated_alert();
    struct store *s = begin();
    int64_t id = add(s, &alert);
    assert_true(store_fold_alert(s, id, alert.time_ns, &why));
    counters.value[COUNT_PACKETS_RECEIVED] = 41;
    assert_true(store_end_run(s, &counters, EXIT_PARTIAL, &why));
    store_close(s);
    assert_string_equal(ask("SELECT command || ' ' || sources || ' ' || rules_hash || ' ' || result FROM v_runs"),
                        "dbhound replay a.pcap a.pcap abc 2");
    assert_string_equal(ask("SELECT ended_ns >= began_ns FROM v_runs"), "1");
    assert_string_equal(ask("SELECT value FROM v_run_counters WHERE name = 'packets.received'"), "41");
    assert_int_equal(atoi(ask("SELECT count(*) FROM v_run_counters")), COUNTERS);
    assert_string_equal(ask("SELECT sid || ' ' || matched FROM v_rule_stats"), "9002001 2");
}

static void write_file(const char *bytes, size_t length)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, length, f), length);
    fclose(f);
}

static void make_foreign(const char *sql)
{
    struct sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Refused for writing and for reading with EXIT_DATA and these words, and not one byte is changed. */
static void assert_refused(const char *words)
{
    char before[65] = "", after[65] = "", command[256];
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "sha256sum < '%s'", path);
        FILE *sum = popen(command, "r");
        assert_non_null(fgets(i ? after : before, 65, sum));
        pclose(sum);
        if (i)
            break;
        assert_null(store_open(path, &why));
        assert_int_equal(why.code, EXIT_DATA);
        assert_non_null(strstr(why.text, words));
        assert_null(store_read(path, &why));
        assert_int_equal(why.code, EXIT_DATA);
        assert_non_null(strstr(why.text, words));
    }
    assert_string_equal(before, after);
}

static void foreign_files_are_refused_and_left_alone(void **state)
{
    static const char noise[8192] = "SQLite format 3";
    write_file("hello, world\n", 13);
    assert_refused("not a database");
    fresh(state);
    write_file("S", 1);
    assert_refused("not a database");
    fresh(state);
    write_file(noise, sizeof noise);
    assert_refused("not a database");
    fresh(state);
    make_foreign("CREATE TABLE t(x)");
    assert_refused("another application");
    fresh(state);
    make_foreign("PRAGMA application_id=42");
    assert_refused("another application");
    fresh(state);
    make_foreign("PRAGMA application_id=1684170852; PRAGMA user_version=99; CREATE TABLE t(x)");
    assert_refused("newer dbhound (schema 99; this program knows ");
    fresh(state);
    make_foreign("PRAGMA application_id=1684170852; CREATE TABLE t(x)");
    assert_refused("no schema version");
}

static void places_that_cannot_hold_a_store(void **state)
{
    static const struct {
        const char *path;
        enum exit_code write, read;
    } rows[] = {
        {"/nowhere/at/all.db", EXIT_CANNOT_CREATE, EXIT_NO_INPUT},
        {"/tmp", EXIT_CANNOT_CREATE, EXIT_DATA},
        {"/dev/null", EXIT_CANNOT_CREATE, EXIT_DATA},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_null(store_open(rows[i].path, &why));
        assert_int_equal(why.code, rows[i].write);
        assert_null(store_read(rows[i].path, &why));
        assert_int_equal(why.code, rows[i].read);
    }
}

static void an_empty_file_becomes_a_store(void **state)
{
    (void)state;
    write_file("", 0);
    assert_null(store_read(path, &why));
    assert_int_equal(why.code, EXIT_DATA);
    store_close(begin());
    assert_string_equal(ask("SELECT count(*) FROM v_runs"), "1");
}

static void files_are_for_the_owner_only(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    (void)state;
    mode_t before = umask(0);
    struct store *s = begin();
    assert_int_equal(umask(before), 0); /* was put back */
    for (size_t i = 0; i < 3; i++) {
        char name[160];
        struct stat file;
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        assert_int_equal(stat(name, &file), 0);
        assert_int_equal(file.st_mode & 0777, 0600);
    }
    store_close(s);
}

static void there_is_one_writer(void **state)
{
    (void)state;
    struct store *s = begin();
    assert_null(store_open(path, &why));
    assert_int_equal(why.code, EXIT_IO);
    assert_non_null(strstr(why.text, "in use"));
    assert_string_equal(ask("SELECT count(*) FROM v_runs"), "1"); /* readers are welcome */
    store_close(s);
    store_close(begin());
}

static void readers_change_nothing(void **state)
{
    (void)state;
    store_close(begin());
    struct sqlite3 *db = store_read(path, &why);
    assert_non_null(db);
    assert_int_not_equal(sqlite3_exec(db, "DELETE FROM runs", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "PRAGMA query_only=0; DELETE FROM runs", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_string_equal(ask("SELECT count(*) FROM v_runs"), "1");
}

/* The child writes, commits now and then, and says through a pipe which ids are durable. */
static void write_until_killed(int tell)
{
    struct store *s = store_open(path, &why);
    struct alert alert = fabricated_alert();
    if (!s || !store_begin_run(s, "kill", "", "", &why))
        _exit(1);
    for (unsigned i = 0;; i++) {
        int64_t id = add(s, &alert);
        if (!id)
            _exit(1);
        if (i % 37 == 0 && (!store_commit(s, &why) || write(tell, &id, sizeof id) != sizeof id))
            _exit(1);
    }
}

static void what_was_committed_survives_kill_9(void **state)
{
    int64_t durable = 0;
    (void)state;
    for (unsigned kills = 0; kills < 20; kills++) {
        int ends[2], status = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(ends[1]);
        close(ends[1]);
        int64_t id = 0;
        assert_int_equal(read(ends[0], &id, sizeof id), sizeof id); /* it runs */
        usleep(3000 + 1700 * kills);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        do
            durable = id > durable ? id : durable;
        while (read(ends[0], &id, sizeof id) == sizeof id);
        close(ends[0]);
        assert_string_equal(ask("PRAGMA integrity_check"), "ok");
        assert_true(atoll(ask("SELECT max(alert_id) FROM v_alerts")) >= durable);
        /* No alert without its evidence; ids only miss what was never committed. */
        assert_string_equal(ask("SELECT count(*) FROM v_alerts WHERE why IS NULL"), "0");
    }
}

static void a_full_disk_is_an_error_and_the_sums_hold(void **state)
{
    struct rlimit before, little = {300 * 1024, RLIM_INFINITY};
    struct counters counters = {0};
    struct alert alert = fabricated_alert();
    unsigned failed = 0;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    little.rlim_max = before.rlim_max;
    struct store *s = begin();
    setrlimit(RLIMIT_FSIZE, &little);
    for (unsigned i = 0; i < 2000; i++) {
        int64_t id = add(s, &alert);
        counters.value[id ? COUNT_ALERTS_STORED : COUNT_ALERTS_WRITE_FAILED]++;
        failed += !id;
        if (!id)
            assert_int_equal(why.code, EXIT_IO);
    }
    assert_true(failed > 0);
    assert_false(store_end_run(s, &counters, EXIT_DONE, &why) && failed == 0);
    setrlimit(RLIMIT_FSIZE, &before);
    /* There is room again: the same store goes on. */
    alert.user[0] = 0;
    int64_t later = add(s, &alert);
    assert_true(later > 0);
    counters.value[COUNT_ALERTS_STORED]++;
    assert_true(store_commit(s, &why));
    store_count_losses(s, &counters);
    assert_int_equal(counters.value[COUNT_ALERTS_STORED] + counters.value[COUNT_ALERTS_WRITE_FAILED], 2001);
    store_close(s);
    assert_int_equal(atoll(ask("SELECT count(*) FROM v_alerts")), counters.value[COUNT_ALERTS_STORED]);
    assert_int_equal(atoll(ask("SELECT alert_id FROM v_alerts WHERE user_name IS NULL")), later);
    assert_string_equal(ask("PRAGMA integrity_check"), "ok");
}

static void community_ids_match_the_specification(void **state)
{
    static const struct {
        struct endpoint a, b;
        const char *id;
    } rows[] = {
        {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 128, 232, 110, 120}, 34855},
         {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 66, 35, 250, 204}, 80},
         "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 9}, 51544},
         {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 5}, 5432},
         "1:8ijYA+QBozcKr7IYbAraiUcTZ2Q="},
        {{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, 51544},
         {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}, 3306},
         "1:Rq0by2A+apJE8Fv5Xozd4+0TiHk="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char id[COMMUNITY_ID_SIZE];
        community_id(id, &rows[i].a, &rows[i].b, 6);
        assert_string_equal(id, rows[i].id);
        community_id(id, &rows[i].b, &rows[i].a, 6);
        assert_string_equal(id, rows[i].id);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(views_have_the_promised_columns),
        TEST(the_file_says_what_it_is),
        TEST(an_alert_comes_back_as_it_went_in),
        TEST(extremes_are_stored),
        TEST(folds_and_verdicts_change_the_row),
        TEST(a_sample_belongs_to_the_alerts_of_its_key),
        TEST(servers_merge),
        TEST(a_run_ends_with_its_sums),
        TEST(foreign_files_are_refused_and_left_alone),
        TEST(places_that_cannot_hold_a_store),
        TEST(an_empty_file_becomes_a_store),
        TEST(files_are_for_the_owner_only),
        TEST(there_is_one_writer),
        TEST(readers_change_nothing),
        TEST(what_was_committed_survives_kill_9),
        TEST(a_full_disk_is_an_error_and_the_sums_hold),
        TEST(community_ids_match_the_specification),
    };
    return cmocka_run_group_tests_name("store", tests, make_directory, remove_directory);
}
