# shellcheck shell=bash
# Small PostgreSQL protocol stories.

story pgsql/login-trust "log in without being asked for a password" by=psql
pgsql_login_trust() { pg_as trusty '' -d shop -c "select 'hello' as greeting"; }

story pgsql/login-password "cleartext password, right and wrong" by=psql
pgsql_login_password() {
    pg_as plain plain-word -d shop -c 'select current_user'
    fails pg_as plain not-the-word -d shop -c 'select 1'
}

story pgsql/login-md5 "MD5 password, right and wrong" by=psql
pgsql_login_md5() {
    pg_as older older-word -d shop -c 'select current_user'
    fails pg_as older not-the-word -d shop -c 'select 1'
}

story pgsql/login-scram "SCRAM-SHA-256, right and wrong" by=psql
pgsql_login_scram() {
    pg -c 'select current_user'
    fails pg_as app not-the-word -d shop -c 'select 1'
}

story pgsql/login-refused "unknown user, unknown database, user that is kept out, no line in pg_hba.conf" by=psql
pgsql_login_refused() {
    fails pg_as nobody-here anything -d shop -c 'select 1'
    fails pg_as trusty '' -d no_such_db -c 'select 1'
    fails pg_as kept-out never -d shop -c 'select 1'
    fails pg_as unlisted anything -d shop -c 'select 1'
}

story pgsql/tls13 "SSLRequest accepted, then TLS 1.3" by=psql
pgsql_tls13() { pg_over_tls TLSv1.3; }

story pgsql/tls12 "SSLRequest accepted, then TLS 1.2" by=psql
pgsql_tls12() { pg_over_tls TLSv1.2; }

pg_over_tls() {
    PGSSLMODE=require PGSSLMAXPROTOCOLVERSION=$1 pg -c '\conninfo' -c 'select * from customer limit 40' | grep -q "$1"
}

# pg_keyed WHAT NAME=VALUE...: a statement that says what it was sent in
pg_keyed() {
    local what=$1
    shift
    PGSSLMODE=require keyed "$@" "$PGBIN/psql" -h "$HOST" -U app -d shop -X -c "select '$what'" -c 'select id, name from customer limit 3' \
        -c 'select * from no_such_table' 2>&1 | grep -q 'does not exist'
}

story pgsql/keylog-tls12 "TLS 1.2 with a key log: AES-GCM of 128 and 256 bits, ChaCha20-Poly1305" by=psql needs=cc
pgsql_keylog_tls12() {
    local suite
    for suite in ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305; do
        pg_keyed "in $suite" PGSSLMAXPROTOCOLVERSION=TLSv1.2 KEYLOG_CIPHERS=$suite
    done
}

story pgsql/keylog-tls13 "TLS 1.3 with a key log: every suite of the server, keys that change" by=psql needs=cc
pgsql_keylog_tls13() {
    local suite
    for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
        pg_keyed "in $suite" KEYLOG_SUITES=$suite
    done
    pg_keyed "keys that change" KEYLOG_UPDATE=1
}

story pgsql/keylog-password "TLS 1.3 with a key log: a password that is clear text inside" by=psql needs=cc
pgsql_keylog_password() {
    PGPASSWORD=plain-word PGSSLMODE=require keyed "$PGBIN/psql" -h "$HOST" -U plain -d shop -X -c "select 'after a password'"
}

story pgsql/keylog-small "TLS 1.3 with a key log in segments of 76 bytes: every record is cut" by=psql needs=cc link=small
pgsql_keylog_small() { pg_keyed "cut small"; }

story pgsql/tls-refused "SSLRequest answered N: the client goes on in plain text, or gives up" by=psql
before_pgsql_tls_refused() { set_ssl off; }
pgsql_tls_refused() {
    PGSSLMODE=prefer pg -c 'select 1'
    PGSSLMODE=require fails pg -c 'select 1'
}
after_pgsql_tls_refused() { set_ssl on; }

story pgsql/tls-turned-off "a session in TLS, then the server is told to do without" kind=unusual by=psql
pgsql_tls_turned_off() {
    PGSSLMODE=prefer pg -c 'select 1'
    set_ssl off
    PGSSLMODE=prefer pg -c 'select 1'
}
after_pgsql_tls_turned_off() { set_ssl on; }

set_ssl() {
    admin_sql -c "alter system set ssl = $1" -c 'select pg_reload_conf()'
    sleep 0.5
}

story pgsql/gssenc-failed "GSSENCRequest answered G, but the client has no real ticket and starts again without" by=psql
before_pgsql_gssenc_failed() { python3 "$HERE/clients/fake_ticket.py" "$WORK/tmp/ticket"; }
pgsql_gssenc_failed() { KRB5CCNAME=FILE:$WORK/tmp/ticket PGGSSENCMODE=prefer pg -c 'select 1'; }

story pgsql/gssenc-refused "GSSENCRequest and SSLRequest answered N by PgBouncer, then a session through it" by=python3,pgbouncer needs=pgbouncer port=6432
before_pgsql_gssenc_refused() {
    cat >"$WORK/tmp/pgbouncer.ini" <<INI
[databases]
shop = host=$WORK/tmp user=trusty dbname=shop
[pgbouncer]
listen_addr = *
listen_port = 6432
unix_socket_dir =
auth_type = any
pidfile = $WORK/tmp/pgbouncer.pid.own
INI
    sed -i '1i local shop trusty trust' "$WORK/pg/data/pg_hba.conf"
    admin_sql -c 'select pg_reload_conf()'
    setsid ip netns exec "$SERVER_NS" setpriv --reuid=postgres --regid=postgres --clear-groups \
        pgbouncer -q "$WORK/tmp/pgbouncer.ini" >"$WORK/log/pgbouncer" 2>&1 </dev/null &
    echo $! >"$WORK/tmp/pgbouncer.pid"
    sleep 1
}
pgsql_gssenc_refused() { RAW_PORT=6432 talk python3 "$HERE/clients/raw_pg.py" "$HOST" gssenc-refused; }
after_pgsql_gssenc_refused() { end_process "$(cat "$WORK/tmp/pgbouncer.pid")"; }

story pgsql/newer-protocol "a client of protocol 3.2 and one with an unknown option: NegotiateProtocolVersion" by=python3
pgsql_newer_protocol() { talk python3 "$HERE/clients/raw_pg.py" "$HOST" newer-protocol; }

story pgsql/cancel "CancelRequest on its own connection ends a query; a statement timeout" by=psql
pgsql_cancel() {
    # Not under set -e: the interrupted client reports failure.
    talk timeout -s INT 1 psql -X -h "$HOST" -U app -d shop -c 'select pg_sleep(15)' || true
    pg -c 'set statement_timeout = 200' -c 'select pg_sleep(5)' -c 'select 1' || true
}

story pgsql/query-simple "simple queries of every column type, changes, a transaction, several in one" by=psql
pgsql_query_simple() {
    pg <<'SQL'
select * from every_type;
select id, name, town, note from customer order by id limit 60;
select id from customer where false;
insert into incoming values (1, 'one', 1.5), (2, null, null) returning *;
begin;
delete from incoming;
savepoint a;
rollback to a;
commit;
select 1 \; select 2 as b \; update counter set n = n + 1;
select repeat('wide ', 4000) as wide;
select from customer limit 3;
set timezone = 'Asia/Tokyo';
set application_name = 'renamed';
explain select * from orders join customer on customer.id = customer_id;
;
SQL
}

story pgsql/query-extended "parse, bind, describe, execute: text and binary, named statements, errors" by=libpq needs=cc
pgsql_query_extended() { pq extended; }

story pgsql/errors "ordinary errors, alone, inside a transaction and among several statements" by=psql
pgsql_errors() {
    pg <<'SQL'
selec 1;
select * from no_such_table;
select 1 / 0;
insert into counter values (1, 1);
begin;
select no_such_column from customer;
select 'not run';
rollback;
select 1 \; select 1 / 0 \; select 3;
do $$ begin raise exception 'on purpose' using detail = 'detail', hint = 'hint', errcode = 'P0999'; end $$;
select 'still here';
SQL
}

story pgsql/pipeline-pgbench "pgbench pipelines, extended and prepared" by=pgbench
pgsql_pipeline_pgbench() {
    cat >"$WORK/tmp/pipeline.sql" <<'SQL'
\set id random(1, 200)
\startpipeline
select name from customer where id = :id;
update counter set n = n + 1 where id = 1;
select count(*) from orders where customer_id = :id;
\endpipeline
SQL
    talk pgbench -n -h "$HOST" -U app -M extended -f "$WORK/tmp/pipeline.sql" -t 8 shop
    talk pgbench -n -h "$HOST" -U app -M prepared -f "$WORK/tmp/pipeline.sql" -t 8 shop
}

story pgsql/pipeline-libpq "a libpq pipeline with two syncs, a flush, a sync of nothing" by=libpq needs=cc
pgsql_pipeline_libpq() { pq pipeline; }

story pgsql/pipeline-error "errors inside a pipeline: what follows is skipped until the sync" by=libpq needs=cc
pgsql_pipeline_error() { pq pipeline-error; }

story pgsql/copy-out "COPY TO STDOUT as text and as CSV, of an empty result, and one that fails under way" by=psql
pgsql_copy_out() {
    pg -c '\copy customer to /dev/null' -c '\copy (select * from orders limit 100) to /dev/null csv header' \
        -c '\copy (select 1 where false) to /dev/null'
    fails pg -c '\copy (select 1 / (id - 150) from customer) to /dev/null'
    pg -c 'select 1'
}

story pgsql/copy-in "COPY FROM STDIN as text and as CSV" by=psql
before_pgsql_copy_in() {
    seq 1 600 | awk '{printf "%d\tword %d\t%.3f\n", $1, $1, $1 / 7}' >"$WORK/tmp/rows.tsv"
    seq 1 50 | awk '{printf "%d,\"word, %d\",%.3f\n", $1, $1, $1 / 7}' >"$WORK/tmp/rows.csv"
}
pgsql_copy_in() {
    pg -c "\\copy incoming from '$WORK/tmp/rows.tsv'" -c "\\copy incoming from '$WORK/tmp/rows.csv' csv" \
        -c 'truncate incoming'
}

story pgsql/copy-fail "CopyFail by the client, rows the server refuses, a table that is not there" by=libpq needs=cc
pgsql_copy_fail() { pq copy-fail; }

story pgsql/copy-binary "binary COPY in and out" by=libpq needs=cc
pgsql_copy_binary() { pq copy-binary; }

story pgsql/notify "LISTEN and NOTIFY: own notifications, and ones that come while idle" by=psql
pgsql_notify() {
    local listener
    mkfifo "$WORK/tmp/listener"
    pg <"$WORK/tmp/listener" &
    listener=$!
    exec 8>"$WORK/tmp/listener"
    rm "$WORK/tmp/listener"
    echo 'listen news;' >&8
    sleep 0.5
    pg -c "notify news, 'first'" -c "select pg_notify('news', repeat('long ', 300))" -c 'notify other'
    echo "notify news, 'to myself';" >&8
    sleep 0.3
    echo 'unlisten *;' >&8
    exec 8>&-
    wait $listener
}

story pgsql/notices "notices, warnings and information from statements that succeed" by=psql
pgsql_notices() {
    pg <<'SQL'
set client_min_messages = debug1;
drop table if exists no_such_table;
do $$ begin raise notice 'one %', 1; raise warning 'two'; raise info 'three'; raise debug 'four'; end $$;
commit;
create temp table short_lived (a int primary key);
vacuum verbose counter;
SQL
}

story pgsql/node-pg "a session of the pg driver: named statements, errors, binary values, copies" by=node-pg needs=node
pgsql_node_pg() { with_node pg.js session; }

story pgsql/portals "cursors of pg-query-stream: portals read by a few rows, one left early, one that fails" by=pg-query-stream needs=node
pgsql_portals() { with_node pg.js portals; }

story pgsql/fetch-count "psql reads by a server-side cursor; result described without being run" by=psql
pgsql_fetch_count() {
    pg <<'SQL'
\set FETCH_COUNT 50
select id, name from customer;
select id, placed, total from orders limit 120 \gdesc
select 'counter' as t \gset
\d customer
SQL
}

story pgsql/function-call "large objects in and out: FunctionCall messages" by=psql
before_pgsql_function_call() { seq 1 6000 >"$WORK/tmp/object"; }
pgsql_function_call() {
    pg <<SQL
\\lo_import '$WORK/tmp/object'
\\lo_export :LASTOID '$WORK/tmp/object.back'
\\lo_list
\\lo_unlink :LASTOID
SQL
    cmp "$WORK/tmp/object" "$WORK/tmp/object.back"
    fails pg -v ON_ERROR_STOP=1 -c '\lo_export 999999 /dev/null'
}

story pgsql/replication-logical "logical replication: slot, IDENTIFY_SYSTEM, changes as text and by pgoutput, feedback" by=pg_recvlogical
before_pgsql_replication_logical() { admin_sql -d shop -c 'create publication everything for all tables'; }
pgsql_replication_logical() {
    local reader
    receive_logical --slot=textual --create-slot -P test_decoding
    receive_logical --slot=textual --start -f /dev/null --status-interval=1 &
    reader=$!
    logical_changes
    stop_reader $reader
    receive_logical --slot=textual --drop-slot
    receive_logical --slot=binary --create-slot -P pgoutput
    receive_logical --slot=binary --start -f /dev/null -o proto_version=3 -o publication_names=everything &
    reader=$!
    logical_changes
    stop_reader $reader
    receive_logical --slot=binary --drop-slot
    fails receive_logical --slot=absent --start --no-loop -f /dev/null
}
after_pgsql_replication_logical() { admin_sql -d shop -c 'drop publication everything'; }

receive_logical() { talk pg_recvlogical -h "$HOST" -U app -d shop "$@"; }

logical_changes() {
    sleep 1
    admin_sql -d shop -c "insert into incoming select n, 'word ' || n, n from generate_series(1, 40) n" \
        -c 'update counter set n = n + 1' -c 'truncate incoming'
    sleep 1.5
}

# `talk` may be in the background as a subshell: the client is its child.
stop_reader() {
    local child
    child=$(pgrep -P "$1" || true)
    kill -INT "${child:-$1}"
    wait "$1" || true
}

story pgsql/replication-physical "physical replication: slot, timeline, a little of the log, status updates" by=pg_receivewal
before_pgsql_replication_physical() {
    mkdir -p "$WORK/tmp/wal"
    admin_sql -c 'select pg_switch_wal()' -c checkpoint
    sleep 0.5
}
pgsql_replication_physical() {
    local reader
    talk pg_receivewal -h "$HOST" -U app --slot=archive --create-slot
    talk pg_receivewal -h "$HOST" -U app --slot=archive -D "$WORK/tmp/wal" --synchronous -s 1 &
    reader=$!
    sleep 1
    admin_sql -d shop -c 'update counter set n = n + 1' -c 'update counter set n = n + 1'
    sleep 1.5
    stop_reader $reader
    talk pg_receivewal -h "$HOST" -U app --slot=archive --drop-slot
}

story pgsql/basebackup-interrupted "the beginning of a base backup at a low rate, interrupted by the user" by=pg_basebackup
pgsql_basebackup_interrupted() {
    talk timeout -s INT 2.5 pg_basebackup -h "$HOST" -U app -D "$WORK/tmp/backup" -Ft -X none -c fast --max-rate=32k \
        --no-manifest || true
    rm -rf "$WORK/tmp/backup"
}

story pgsql/terminated "the server ends sessions: by an administrator, by idle timeout" by=psql
pgsql_terminated() {
    local victim
    talk psql -X -h "$HOST" -U app -d shop -c 'select pg_sleep(15)' &
    victim=$!
    sleep 0.7
    admin_sql -c "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%'"
    wait $victim || true
    { echo "set idle_session_timeout = 500;"; sleep 1.5; echo 'select 1;'; } | pg || true
}

story pgsql/too-many "more connections than a role may have: refused after the password" by=psql
before_pgsql_too_many() { admin_sql -c 'alter role plain connection limit 0'; }
pgsql_too_many() { fails pg_as plain plain-word -d shop -c 'select 1'; }
after_pgsql_too_many() { admin_sql -c 'alter role plain connection limit -1'; }

story pgsql/probe "health checks: connect and close, connect and reset; pg_isready" by=python3,pg_isready
pgsql_probe() {
    talk python3 "$HERE/clients/probe.py" "$HOST" 5432
    talk pg_isready -h "$HOST"
}

story pgsql/dump "pg_dump of two tables of the shop: much reading of catalogues; zstd" by=pg_dump form=zst
pgsql_dump() {
    talk pg_dump -h "$HOST" -U app -t customer -t every_type shop | grep -q 'dump complete'
}

story pgsql/pgbench "pgbench of a small script, two clients: simple, extended and prepared" by=pgbench
pgsql_pgbench() {
    local mode
    cat >"$WORK/tmp/mix.sql" <<'SQL'
\set id random(1, 200)
begin;
select name, credit from customer where id = :id;
update counter set n = n + 1 where id = 2;
select count(*) from orders where customer_id = :id;
end;
SQL
    for mode in simple extended prepared; do
        talk pgbench -n -h "$HOST" -U app -M $mode -c 2 -f "$WORK/tmp/mix.sql" -t 5 shop
    done
}

story pgsql/midstream "capture begins in the middle of a session" by=psql start=late
pgsql_midstream() { session_around_capture pg; }

story pgsql/ipv6 "login, queries and an error over IPv6" on=veth6 by=psql
pgsql_ipv6() { mixed_pgsql; }

story pgsql/loopback "the same over loopback: long frames, wrong checksums" on=lo by=psql
pgsql_loopback() { mixed_pgsql; }

story pgsql/nanosecond "the same, time stamps in nanoseconds" stamp=nano by=psql
pgsql_nanosecond() { mixed_pgsql; }

story pgsql/pcapng "the same, as pcapng" form=pcapng by=psql
pgsql_pcapng() { mixed_pgsql; }

story pgsql/gzip "the same, compressed with gzip" form=gz by=psql
pgsql_gzip() { mixed_pgsql; }

story pgsql/zstd "the same, compressed with zstd" form=zst by=psql
pgsql_zstd() { mixed_pgsql; }

story pgsql/small-segments "segments of at most 76 bytes: headers and values cut anywhere" link=small by=psql
pgsql_small_segments() {
    pg -c 'select * from customer limit 60' -c 'select * from every_type' -c '\copy customer to /dev/null' \
        -c "select '$(printf 'long query %.0s' {1..90})'"
}

story pgsql/lossy "a link that loses packets: segments sent twice" link=lossy by=psql
before_pgsql_lossy() { before_pgsql_copy_in; }
pgsql_lossy() {
    pg -c 'select * from orders' -c "select '$(printf 'long query %.0s' {1..900})'" -c '\copy customer to /dev/null' \
        -c "\\copy incoming from '$WORK/tmp/rows.tsv'" -c 'truncate incoming'
}

mixed_pgsql() {
    pg <<'SQL'
select version();
select * from customer limit 100;
select repeat('x', 20000) as wide;
update counter set n = n + 1;
\copy customer to /dev/null
SQL
    fails pg -c 'select * from no_such_table'
    fails pg_as app not-the-word -d shop -c 'select 1'
}
