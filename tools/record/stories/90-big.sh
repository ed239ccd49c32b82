# shellcheck shell=bash
# Big captures for measuring: hundreds of megabytes, never kept in the repository.

BIG_SYSBENCH=(--db-driver=mysql --mysql-user=app --mysql-password=app-word --mysql-db=shop --tables=4
    --table-size=100000 --threads=4 --time=240)

big_tables() {
    root_sql -Ne "select count(*) from information_schema.tables where table_name = 'sbtest4'" | grep -q 1 ||
        sysbench oltp_read_write --db-driver=mysql --mysql-socket="$SOCK" --mysql-user=root --mysql-db=shop \
            --tables=4 --table-size=100000 prepare
}

big_rows() {
    root_sql shop -e "create table if not exists wide (id int primary key, a bigint, b varchar(40), c decimal(14, 3),
        d datetime, e double, f text, g blob);
        insert ignore into wide select seq, seq * 7654321, concat('row ', seq), seq / 9, date_add('2021-01-01', interval seq
        second), sqrt(seq), repeat(sha1(seq), 3), if(seq % 4, unhex(repeat(sha1(seq), 2)), null) from seq_1_to_900000"
}

story mysql/sysbench-text-big "sysbench read-write, text protocol, 8000 transactions" size=big by=sysbench
before_mysql_sysbench_text_big() { big_tables; }
mysql_sysbench_text_big() {
    talk sysbench oltp_read_write --mysql-host="$HOST" "${BIG_SYSBENCH[@]}" --events=8000 --db-ps-mode=disable run
}

story mysql/sysbench-prepared-big "sysbench read-write, prepared statements, 8000 transactions" size=big by=sysbench
before_mysql_sysbench_prepared_big() { big_tables; }
mysql_sysbench_prepared_big() {
    talk sysbench oltp_read_write --mysql-host="$HOST" "${BIG_SYSBENCH[@]}" --events=8000 run
}

story mysql/point-select "sysbench point selects, text protocol, 600000 queries" size=big by=sysbench
before_mysql_point_select() { big_tables; }
mysql_point_select() {
    talk sysbench oltp_point_select --mysql-host="$HOST" "${BIG_SYSBENCH[@]}" --events=600000 --db-ps-mode=disable run
}

story mysql/rows "mariadb-dump of a table of 900000 rows" size=big by=mariadb-dump
before_mysql_rows() { big_rows; }
mysql_rows() {
    talk mariadb-dump --no-defaults --skip-ssl -h "$HOST" -uapp -papp-word --single-transaction shop wide |
        tail -n 1 | grep -q 'Dump completed'
}

story mysql/compressed-big "zlib protocol: rows in bulk, then sysbench" size=big by=mariadb,sysbench
before_mysql_compressed_big() {
    big_tables
    big_rows
}
mysql_compressed_big() {
    my --compress shop -e 'select * from wide' >/dev/null
    talk sysbench oltp_read_write --mysql-host="$HOST" "${BIG_SYSBENCH[@]}" --events=2500 --db-ps-mode=disable \
        --mysql-compression=on run
}

story mysql/16mib "packets around 16 MiB, split and whole, text and binary" size=big by=libmariadb needs=cc
before_mysql_16mib() { root_sql shop -e 'truncate document'; }
mysql_16mib() { capi big; }
after_mysql_16mib() { root_sql shop -e 'truncate document'; }

# Before the big tables are made, or it would be bigger than all of them.
story pgsql/basebackup "a whole base backup with its log" size=big by=pg_basebackup
pgsql_basebackup() {
    talk pg_basebackup -h "$HOST" -U app -D "$WORK/tmp/backup" -Ft -X stream -c fast
    rm -rf "$WORK/tmp/backup"
}

bench_tables() {
    admin_sql -d shop -Atc "select count(*) from pg_class where relname = 'pgbench_accounts'" | grep -q 1 ||
        { (cd / && as_postgres pgbench -i -q -s 10 -h "$WORK/tmp" -U postgres shop) &&
            admin_sql -d shop -c 'grant all on all tables in schema public to app'; }
}

bench() { talk pgbench -n -h "$HOST" -U app -c 4 -j 2 "$@" shop; }

story pgsql/pgbench-simple "pgbench, simple queries, 4 clients, 120000 transactions" size=big by=pgbench
before_pgsql_pgbench_simple() { bench_tables; }
pgsql_pgbench_simple() { bench -M simple -t 30000; }

story pgsql/pgbench-extended "pgbench, extended queries, 4 clients, 100000 transactions" size=big by=pgbench
before_pgsql_pgbench_extended() { bench_tables; }
pgsql_pgbench_extended() { bench -M extended -t 25000; }

story pgsql/pgbench-prepared "pgbench, prepared statements, 4 clients, 120000 transactions" size=big by=pgbench
before_pgsql_pgbench_prepared() { bench_tables; }
pgsql_pgbench_prepared() { bench -M prepared -t 30000; }

story pgsql/pipeline-mix "pgbench pipelines of three, extended and prepared" size=big by=pgbench
before_pgsql_pipeline_mix() {
    bench_tables
    cat >"$WORK/tmp/big-pipeline.sql" <<'SQL'
\set aid random(1, 1000000)
\startpipeline
select abalance from pgbench_accounts where aid = :aid;
update pgbench_accounts set abalance = abalance + 1 where aid = :aid;
select count(*) from pgbench_branches;
\endpipeline
SQL
}
pgsql_pipeline_mix() {
    bench -M extended -f "$WORK/tmp/big-pipeline.sql" -t 40000
    bench -M prepared -f "$WORK/tmp/big-pipeline.sql" -t 40000
}

wide_rows() {
    admin_sql -d shop -c "set role app" -c "create table if not exists wide (id int primary key, a int8, b text, c numeric(14, 3),
        d timestamp, e float8, f text, g bytea)" -c "insert into wide select n, n * 7654321::int8, 'row ' || n, n / 9.0,
        timestamp '2021-01-01' + n * interval '1 second', sqrt(n), repeat(md5(n::text), 4),
        case when n % 4 > 0 then decode(repeat(md5(n::text), 2), 'hex') end from generate_series(1, 900000) n on conflict
        do nothing"
}

story pgsql/copy-rows "COPY TO STDOUT of 900000 rows as text" size=big by=psql
before_pgsql_copy_rows() { wide_rows; }
pgsql_copy_rows() { pg -c '\copy wide to /dev/null'; }

story pgsql/copy-load "COPY FROM STDIN of 900000 rows as text" size=big by=psql
before_pgsql_copy_load() {
    wide_rows
    admin_sql -d shop -c "create table if not exists wide_too (like wide)" -c 'grant all on wide_too to app' \
        -c 'truncate wide_too'
    (cd / && psql -X -h "$WORK/tmp" -U postgres -d shop -c "\\copy wide to '$WORK/tmp/wide.tsv'")
}
pgsql_copy_load() { pg -c "\\copy wide_too from '$WORK/tmp/wide.tsv'"; }
after_pgsql_copy_load() {
    admin_sql -d shop -c 'drop table wide_too'
    rm "$WORK/tmp/wide.tsv"
}

story pgsql/rows "a query of 900000 rows" size=big by=psql
before_pgsql_rows() { wide_rows; }
pgsql_rows() { pg -Atc 'select * from wide' >/dev/null; }

story redis/pipelined-big "redis-benchmark, 16 requests in a row, 3,000,000 of them" size=big by=redis-benchmark
redis_pipelined_big() { talk redis-benchmark -h "$HOST" -q -c 20 -n 600000 -P 16 -r 100000 -t set,get,incr,lpush,hset >/dev/null; }

story redis/single-big "redis-benchmark, every test, one request at a time" size=big by=redis-benchmark
redis_single_big() { talk redis-benchmark -h "$HOST" -q -c 20 -n 12000 -r 10000 -d 50 >/dev/null; }
