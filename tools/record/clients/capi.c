/* Speaks the parts of the MariaDB protocol that the command-line client does
 * not: cursors, long data, arrays, administrative commands, change of user.
 *
 *   capi HOST WHAT
 */
#include <mysql.h>
#include <errmsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *host;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "capi: %s: %s\n", what, why);
    exit(1);
}

static void must(MYSQL *db, int failed, const char *what)
{
    if (failed)
        fail(what, mysql_error(db));
}

static void stmt_must(MYSQL_STMT *st, int failed, const char *what)
{
    if (failed)
        fail(what, mysql_stmt_error(st));
}

/* An error the story wants. */
static void refused(int failed, const char *what)
{
    if (!failed)
        fail(what, "was not refused");
}

static MYSQL *handle(void)
{
    MYSQL *db = mysql_init(NULL);
    my_bool off = 0;
    size_t longest = 256 << 20;

    if (!db)
        fail("mysql_init", "no memory");
    mysql_optionsv(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
    mysql_optionsv(db, MYSQL_OPT_MAX_ALLOWED_PACKET, &longest);
    return db;
}

static MYSQL *login_to(MYSQL *db, unsigned long flags)
{
    if (!mysql_real_connect(db, host, "app", "app-word", "shop", 3306, NULL, flags))
        fail("connect", mysql_error(db));
    return db;
}

static void query(MYSQL *db, const char *sql)
{
    MYSQL_RES *res;

    must(db, mysql_query(db, sql), sql);
    res = mysql_store_result(db);
    if (res)
        mysql_free_result(res);
}

static MYSQL_STMT *prepared(MYSQL *db, const char *sql)
{
    MYSQL_STMT *st = mysql_stmt_init(db);

    if (!st)
        fail("mysql_stmt_init", mysql_error(db));
    stmt_must(st, mysql_stmt_prepare(st, sql, strlen(sql)), sql);
    return st;
}

static void bind_int(MYSQL_BIND *b, int *value)
{
    memset(b, 0, sizeof *b);
    b->buffer_type = MYSQL_TYPE_LONG;
    b->buffer = value;
}

static void bind_text(MYSQL_BIND *b, char *text, unsigned long room, unsigned long *len)
{
    memset(b, 0, sizeof *b);
    b->buffer_type = MYSQL_TYPE_STRING;
    b->buffer = text;
    b->buffer_length = room;
    b->length = len;
}

static int fetch_all(MYSQL_STMT *st)
{
    MYSQL_BIND out[2];
    char name[100];
    unsigned long len;
    int id, rows = 0, rc;

    bind_int(&out[0], &id);
    bind_text(&out[1], name, sizeof name, &len);
    stmt_must(st, mysql_stmt_bind_result(st, out), "bind_result");
    while ((rc = mysql_stmt_fetch(st)) == 0 || rc == MYSQL_DATA_TRUNCATED)
        rows++;
    stmt_must(st, rc != MYSQL_NO_DATA, "fetch");
    return rows;
}

/* COM_STMT_EXECUTE with a read-only cursor, COM_STMT_FETCH by 25 rows. */
static void cursor(MYSQL *db)
{
    MYSQL_STMT *st = prepared(db, "select id, name from customer where id > ?");
    unsigned long kind = CURSOR_TYPE_READ_ONLY, step = 25;
    MYSQL_BIND in;
    int from = 40, rows;

    mysql_stmt_attr_set(st, STMT_ATTR_CURSOR_TYPE, &kind);
    mysql_stmt_attr_set(st, STMT_ATTR_PREFETCH_ROWS, &step);
    bind_int(&in, &from);
    stmt_must(st, mysql_stmt_bind_param(st, &in), "bind_param");
    stmt_must(st, mysql_stmt_execute(st), "execute");
    rows = fetch_all(st);
    if (rows != 160)
        fail("cursor", "wrong number of rows");
    /* Again, left before the end: COM_STMT_RESET closes the cursor. */
    stmt_must(st, mysql_stmt_execute(st), "execute");
    stmt_must(st, mysql_stmt_fetch(st), "fetch");
    stmt_must(st, mysql_stmt_reset(st), "reset");
    /* And one that is empty. */
    from = 100000;
    stmt_must(st, mysql_stmt_execute(st), "execute");
    fetch_all(st);
    mysql_stmt_close(st);
}

static void long_data(MYSQL *db)
{
    static char part[9000];
    MYSQL_STMT *st = prepared(db, "insert into document (body) values (?)");
    MYSQL_BIND in;
    int i;

    memset(&in, 0, sizeof in);
    in.buffer_type = MYSQL_TYPE_LONG_BLOB;
    stmt_must(st, mysql_stmt_bind_param(st, &in), "bind_param");
    for (i = 0; i < 4; i++) {
        memset(part, 'a' + i, sizeof part);
        stmt_must(st, mysql_stmt_send_long_data(st, 0, part, sizeof part), "long data");
    }
    stmt_must(st, mysql_stmt_execute(st), "execute");
    /* Sent, then thrown away by a reset. */
    stmt_must(st, mysql_stmt_send_long_data(st, 0, "forget this", 11), "long data");
    stmt_must(st, mysql_stmt_reset(st), "reset");
    stmt_must(st, mysql_stmt_send_long_data(st, 0, "", 0), "long data");
    stmt_must(st, mysql_stmt_execute(st), "execute");
    mysql_stmt_close(st);
    query(db, "select id, length(body) from document");
}

static void change_user(MYSQL *db)
{
    query(db, "set @seen = 1");
    must(db, mysql_change_user(db, "other", "other-word", "shop"), "change user");
    query(db, "select current_user(), @seen");
    must(db, mysql_change_user(db, "edward", "ed-word", NULL), "change user, other plugin");
    query(db, "select current_user()");
    must(db, mysql_change_user(db, "nopass", "", NULL), "change user, no password");
    query(db, "select current_user()");
    refused(mysql_change_user(db, "app", "not-the-word", "shop"), "wrong password");
}

static void reset_connection(MYSQL *db)
{
    MYSQL_STMT *st = prepared(db, "select id, name from customer limit 2");

    stmt_must(st, mysql_stmt_execute(st), "execute");
    fetch_all(st);
    query(db, "set @seen = 1");
    query(db, "create temporary table gone (a int)");
    must(db, mysql_reset_connection(db), "reset connection");
    query(db, "select @seen");
    refused(mysql_query(db, "select * from gone"), "temporary table");
    refused(mysql_stmt_execute(st), "statement of before the reset");
    mysql_stmt_close(st);
    must(db, mysql_reset_connection(db), "reset connection");
}

static void admin(MYSQL *db)
{
    MYSQL_RES *res;
    int i;

    for (i = 0; i < 3; i++)
        must(db, mysql_ping(db), "ping");
    if (!mysql_stat(db))
        fail("statistics", mysql_error(db));
    res = mysql_list_processes(db);
    must(db, !res, "process list");
    mysql_free_result(res);
    res = mysql_list_fields(db, "customer", NULL);
    must(db, !res, "field list");
    mysql_free_result(res);
    res = mysql_list_fields(db, "every_type", "%");
    must(db, !res, "field list");
    mysql_free_result(res);
    refused(mysql_list_fields(db, "no_such_table", NULL) == NULL, "field list of no table");
    must(db, mysql_select_db(db, "shop"), "init db");
    refused(mysql_select_db(db, "no_such_db"), "init db");
    must(db, mysql_set_server_option(db, MYSQL_OPTION_MULTI_STATEMENTS_ON), "set option");
    must(db, mysql_set_server_option(db, MYSQL_OPTION_MULTI_STATEMENTS_OFF), "set option");
    must(db, mysql_refresh(db, REFRESH_STATUS), "refresh");
    refused(mysql_dump_debug_info(db), "debug without the right");
    refused(mysql_kill(db, 999999), "kill of nobody");
}

/* Several statements are sent before the first answer is read. */
static void pipelined(MYSQL *db)
{
    static const char *sql[] = {"select 1", "select id, name from customer limit 3", "select * from no_such_table",
                                "update counter set n = n + 1", "select 5"};
    size_t i, n = sizeof sql / sizeof *sql;
    MYSQL_RES *res;
    MYSQL_STMT *st;

    for (i = 0; i < n; i++)
        must(db, mysql_send_query(db, sql[i], strlen(sql[i])), sql[i]);
    for (i = 0; i < n; i++) {
        if (mysql_read_query_result(db)) {
            if (i != 2)
                fail(sql[i], mysql_error(db));
            continue;
        }
        res = mysql_store_result(db);
        if (res)
            mysql_free_result(res);
    }
    /* Prepare and execute in one go: the statement's number is not yet known. */
    st = mysql_stmt_init(db);
    stmt_must(st, mariadb_stmt_execute_direct(st, "select id, name from customer limit 4", (size_t)-1), "direct");
    fetch_all(st);
    mysql_stmt_close(st);
    st = mysql_stmt_init(db);
    refused(mariadb_stmt_execute_direct(st, "select id, name from no_such_table", (size_t)-1), "direct, no table");
    mysql_stmt_close(st);
}

/* COM_STMT_BULK_EXECUTE by column arrays, with nulls and defaults. */
static void bulk(MYSQL *db)
{
    MYSQL_STMT *st = prepared(db, "insert into incoming (id, word) values (?, ?)");
    enum { ROWS = 120 };
    static int id[ROWS];
    static char *word[ROWS], text[ROWS][24];
    static unsigned long len[ROWS];
    static char present[ROWS];
    unsigned int rows = ROWS, i;
    MYSQL_BIND in[2];

    for (i = 0; i < ROWS; i++) {
        id[i] = (int)i;
        len[i] = (unsigned long)snprintf(text[i], sizeof text[i], "word number %u", i);
        word[i] = text[i];
        present[i] = i % 7 == 3 ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
    }
    memset(in, 0, sizeof in);
    in[0].buffer_type = MYSQL_TYPE_LONG;
    in[0].buffer = id;
    in[1].buffer_type = MYSQL_TYPE_STRING;
    in[1].buffer = word;
    in[1].length = len;
    in[1].u.indicator = present;
    mysql_stmt_attr_set(st, STMT_ATTR_ARRAY_SIZE, &rows);
    stmt_must(st, mysql_stmt_bind_param(st, in), "bind_param");
    stmt_must(st, mysql_stmt_execute(st), "bulk execute");
    if (mysql_stmt_affected_rows(st) != ROWS)
        fail("bulk", "wrong number of rows");
    mysql_stmt_close(st);
    query(db, "select count(*), count(word) from incoming");
    query(db, "truncate incoming");
}

/* Lengths around what one packet can hold: the longest has to be followed by an
 * empty one. Text there and back, then a binary value there and back. */
static void big(MYSQL *db)
{
    static const char before[] = "insert into document (body) values ('", after[] = "')";
    const size_t most = 0xffffff, command = 1, lens[] = {most - 1, most, most + 1, 20000000, 2 * most};
    unsigned long len = 18000000;
    char *text = malloc(2 * most);
    MYSQL_STMT *st;
    MYSQL_BIND in;
    MYSQL_RES *res;
    size_t i, n = sizeof lens / sizeof *lens;

    if (!text)
        fail("big", "no memory");
    for (i = 0; i < n; i++) {
        size_t total = lens[i] - command;

        memset(text, 'z', total);
        memcpy(text, before, strlen(before));
        memcpy(text + total - strlen(after), after, strlen(after));
        must(db, mysql_real_query(db, text, total), "big query");
    }
    must(db, mysql_query(db, "select id, body from document"), "big rows");
    res = mysql_store_result(db);
    must(db, !res || mysql_num_rows(res) != n, "big rows");
    mysql_free_result(res);
    /* Rows whose own packet is just as long as can be: 4 bytes of length are before the value. */
    must(db, mysql_query(db, "select repeat('y', 16777215 - 4)"), "row");
    mysql_free_result(mysql_store_result(db));
    must(db, mysql_query(db, "select repeat('y', 16777214 - 4)"), "row");
    mysql_free_result(mysql_store_result(db));
    st = prepared(db, "insert into document (body) values (?)");
    memset(&in, 0, sizeof in);
    in.buffer_type = MYSQL_TYPE_BLOB;
    in.buffer = text;
    in.length = &len;
    stmt_must(st, mysql_stmt_bind_param(st, &in), "bind_param");
    stmt_must(st, mysql_stmt_execute(st), "big value");
    mysql_stmt_close(st);
    st = prepared(db, "select id, body from document where length(body) = 18000000");
    stmt_must(st, mysql_stmt_execute(st), "execute");
    if (fetch_all(st) != 1)
        fail("big value", "wrong number of rows");
    mysql_stmt_close(st);
    free(text);
}

/* A prepared statement, asked again and again with pauses: somebody at work. */
static void till(MYSQL *db)
{
    MYSQL_STMT *st = prepared(db, "select id, name from customer where id = ?");
    MYSQL_BIND in;
    int id;

    bind_int(&in, &id);
    stmt_must(st, mysql_stmt_bind_param(st, &in), "bind_param");
    for (id = 20; id < 24; id++) {
        stmt_must(st, mysql_stmt_execute(st), "execute");
        if (fetch_all(st) != 1)
            fail("till", "no such customer");
        usleep(450000);
    }
    mysql_stmt_close(st);
}

static void said(const MYSQL *db, unsigned int stage, unsigned int stages, double percent, const char *what,
                 unsigned int len)
{
    (void)db;
    printf("stage %u of %u, %.1f %%, %.*s\n", stage, stages, percent, (int)len, what);
}

int main(int argc, char **argv)
{
    const char *what = argc == 3 ? argv[2] : "";
    MYSQL *db;

    if (argc != 3) {
        fputs("usage: capi HOST WHAT\n", stderr);
        return 64;
    }
    host = argv[1];
    db = handle();
    if (!strcmp(what, "progress"))
        mysql_optionsv(db, MYSQL_PROGRESS_CALLBACK, (void *)said);
    login_to(db, 0);
    if (!strcmp(what, "cursor")) {
        cursor(db);
    } else if (!strcmp(what, "long-data")) {
        long_data(db);
    } else if (!strcmp(what, "change-user")) {
        change_user(db);
    } else if (!strcmp(what, "reset-connection")) {
        reset_connection(db);
    } else if (!strcmp(what, "admin")) {
        admin(db);
    } else if (!strcmp(what, "pipelined")) {
        pipelined(db);
    } else if (!strcmp(what, "bulk")) {
        bulk(db);
    } else if (!strcmp(what, "big")) {
        big(db);
    } else if (!strcmp(what, "till")) {
        till(db);
    } else if (!strcmp(what, "progress")) {
        query(db, "alter table shop.slow force, algorithm=copy");
        query(db, "select 'done'");
    } else {
        fail(what, "not known");
    }
    mysql_close(db);
    return 0;
}
