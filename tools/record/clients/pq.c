/* Speaks the parts of the PostgreSQL protocol that psql 15 does not: pipelines,
 * named statements and portals, binary values, broken-off copies.
 *
 *   pq CONNINFO WHAT
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGconn *db;

static void fail(const char *what)
{
    fprintf(stderr, "pq: %s: %s\n", what, PQerrorMessage(db));
    exit(1);
}

static void must(int ok, const char *what)
{
    if (!ok)
        fail(what);
}

/* Takes a result that has to be of one kind. */
static void take(PGresult *res, ExecStatusType wanted, const char *what)
{
    ExecStatusType got = PQresultStatus(res);

    PQclear(res);
    if (got != wanted) {
        fprintf(stderr, "pq: %s: %s, not %s\n", what, PQresStatus(got), PQresStatus(wanted));
        exit(1);
    }
}

static void rows(const char *sql)
{
    take(PQexec(db, sql), PGRES_TUPLES_OK, sql);
}

static void extended(void)
{
    const char *one[] = {"12"}, *two[] = {"30", NULL}, *bad[] = {"not a number"};
    int number = (int)htonl(7), binary = 1, len = sizeof number;
    const char *raw[] = {(const char *)&number};
    Oid types[] = {23};

    take(PQexecParams(db, "select * from customer where id < $1", 1, NULL, one, NULL, NULL, 0), PGRES_TUPLES_OK, "params");
    take(PQexecParams(db, "select * from every_type", 0, NULL, NULL, NULL, NULL, 1), PGRES_TUPLES_OK, "binary rows");
    take(PQexecParams(db, "select $1 + 1, 'x'", 1, types, raw, &len, &binary, 1), PGRES_TUPLES_OK, "binary value");
    take(PQprepare(db, "by_id", "select name, town from customer where id = $1 or name = $2", 0, NULL),
         PGRES_COMMAND_OK, "prepare");
    take(PQdescribePrepared(db, "by_id"), PGRES_COMMAND_OK, "describe statement");
    take(PQexecPrepared(db, "by_id", 2, two, NULL, NULL, 0), PGRES_TUPLES_OK, "execute");
    take(PQexecPrepared(db, "by_id", 2, two, NULL, NULL, 1), PGRES_TUPLES_OK, "execute");
    take(PQexec(db, "begin"), PGRES_COMMAND_OK, "begin");
    take(PQexec(db, "declare c cursor for select id, name from customer"), PGRES_COMMAND_OK, "declare");
    take(PQdescribePortal(db, "c"), PGRES_COMMAND_OK, "describe portal");
    rows("fetch 20 from c");
    rows("fetch all from c");
    take(PQexec(db, "close c; commit"), PGRES_COMMAND_OK, "close");
    take(PQexecParams(db, "update counter set n = n + $1", 1, NULL, one, NULL, NULL, 0), PGRES_COMMAND_OK, "update");
    take(PQexecParams(db, "", 0, NULL, NULL, NULL, NULL, 0), PGRES_EMPTY_QUERY, "empty");
    take(PQexecParams(db, "select $1::int", 1, NULL, bad, NULL, NULL, 0), PGRES_FATAL_ERROR, "bad value");
    take(PQexecPrepared(db, "no such statement", 0, NULL, NULL, NULL, 0), PGRES_FATAL_ERROR, "no statement");
    take(PQdescribePortal(db, "no such portal"), PGRES_FATAL_ERROR, "no portal");
    take(PQprepare(db, "by_id", "select 1", 0, NULL), PGRES_FATAL_ERROR, "name in use");
    take(PQexec(db, "deallocate by_id"), PGRES_COMMAND_OK, "deallocate");
    /* Row by row. */
    must(PQsendQuery(db, "select id, placed from orders limit 50"), "send");
    must(PQsetSingleRowMode(db), "single rows");
    for (PGresult *res; (res = PQgetResult(db));)
        PQclear(res);
}

static void until_sync(int syncs)
{
    while (syncs > 0) {
        PGresult *res = PQgetResult(db);

        if (!res)
            continue;
        if (PQresultStatus(res) == PGRES_PIPELINE_SYNC)
            syncs--;
        PQclear(res);
    }
}

static void pipeline(int with_error)
{
    char number[12];
    const char *value[] = {number};

    must(PQenterPipelineMode(db), "enter");
    must(PQsendPrepare(db, "get", "select id, name from customer where id = $1", 0, NULL), "prepare");
    for (int i = 0; i < 30; i++) {
        snprintf(number, sizeof number, "%d", i * 5);
        must(PQsendQueryPrepared(db, "get", 1, value, NULL, NULL, 0), "execute");
        if (with_error && i == 9)
            must(PQsendQueryParams(db, "select 1 / (n - n) from counter", 0, NULL, NULL, NULL, NULL, 0), "error");
        if (i == 19)
            must(PQpipelineSync(db), "sync");
    }
    must(PQsendQueryParams(db, "update counter set n = n + 1", 0, NULL, NULL, NULL, NULL, 0), "update");
    must(PQsendDescribePrepared(db, "get"), "describe");
    if (with_error)
        must(PQsendQueryParams(db, "select * from no_such_table", 0, NULL, NULL, NULL, NULL, 0), "error");
    must(PQpipelineSync(db), "sync");
    until_sync(2);
    /* A flush in the middle, with the answer read before the rest is sent. */
    must(PQsendQueryParams(db, "select 'first'", 0, NULL, NULL, NULL, NULL, 0), "first");
    must(PQsendFlushRequest(db), "flush");
    must(!PQflush(db), "flush");
    take(PQgetResult(db), PGRES_TUPLES_OK, "first");
    must(PQsendQueryParams(db, "select 'second'", 0, NULL, NULL, NULL, NULL, 0), "second");
    must(PQpipelineSync(db), "sync");
    must(PQpipelineSync(db), "a sync of nothing");
    until_sync(2);
    must(PQexitPipelineMode(db), "exit");
    rows("select 'plain again'");
}

static void copy_fail(void)
{
    take(PQexec(db, "copy incoming from stdin"), PGRES_COPY_IN, "copy");
    must(PQputCopyData(db, "1\tone\t1.5\n", 10) == 1, "data");
    must(PQputCopyEnd(db, "changed my mind") == 1, "fail");
    take(PQgetResult(db), PGRES_FATAL_ERROR, "copy broken off");
    PQclear(PQgetResult(db));
    /* Here the server complains while data is still on its way. */
    take(PQexec(db, "copy incoming from stdin"), PGRES_COPY_IN, "copy");
    for (int i = 0; i < 40; i++)
        must(PQputCopyData(db, "not a number\tx\ty\n", 17) == 1, "data");
    must(PQputCopyEnd(db, NULL) == 1, "end");
    take(PQgetResult(db), PGRES_FATAL_ERROR, "bad rows");
    PQclear(PQgetResult(db));
    take(PQexec(db, "copy no_such_table from stdin"), PGRES_FATAL_ERROR, "no table");
    rows("select count(*) from incoming");
}

static void copy_binary(void)
{
    /* Signature, flags, no extension; then rows of a 4-byte number, a word and
     * a null; then the trailer. */
    static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
    char row[32] = {0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 'w', 'o', 'r', 'd', (char)255, (char)255, (char)255, (char)255};
    char *data;
    int n;

    take(PQexec(db, "copy incoming from stdin (format binary)"), PGRES_COPY_IN, "copy in");
    must(PQputCopyData(db, head, 19) == 1, "head");
    for (int i = 0; i < 100; i++) {
        row[9] = (char)i;
        must(PQputCopyData(db, row, 22) == 1, "row");
    }
    must(PQputCopyData(db, "\377\377", 2) == 1, "trailer");
    must(PQputCopyEnd(db, NULL) == 1, "end");
    take(PQgetResult(db), PGRES_COMMAND_OK, "copied in");
    PQclear(PQgetResult(db));
    take(PQexec(db, "copy (select * from every_type) to stdout (format binary)"), PGRES_COPY_OUT, "copy out");
    while ((n = PQgetCopyData(db, &data, 0)) > 0)
        PQfreemem(data);
    take(PQgetResult(db), PGRES_COMMAND_OK, "copied out");
    PQclear(PQgetResult(db));
    take(PQexec(db, "copy incoming to stdout (format binary)"), PGRES_COPY_OUT, "copy out");
    while ((n = PQgetCopyData(db, &data, 0)) > 0)
        PQfreemem(data);
    take(PQgetResult(db), PGRES_COMMAND_OK, "copied out");
    PQclear(PQgetResult(db));
    take(PQexec(db, "truncate incoming"), PGRES_COMMAND_OK, "truncate");
}

int main(int argc, char **argv)
{
    const char *what;

    if (argc != 3) {
        fputs("usage: pq CONNINFO WHAT\n", stderr);
        return 64;
    }
    what = argv[2];
    db = PQconnectdb(argv[1]);
    if (PQstatus(db) != CONNECTION_OK)
        fail("connect");
    if (!strcmp(what, "extended")) {
        extended();
    } else if (!strcmp(what, "pipeline")) {
        pipeline(0);
    } else if (!strcmp(what, "pipeline-error")) {
        pipeline(1);
    } else if (!strcmp(what, "copy-fail")) {
        copy_fail();
    } else if (!strcmp(what, "copy-binary")) {
        copy_binary();
    } else {
        fprintf(stderr, "pq: %s is not known\n", what);
        return 64;
    }
    PQfinish(db);
    return 0;
}
