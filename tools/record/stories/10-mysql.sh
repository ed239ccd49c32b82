# shellcheck shell=bash
# Small MySQL protocol stories.

story mysql/login-native "log in with a native password, one query, quit" by=mariadb
mysql_login_native() {
    my shop -e "select 'hello' as greeting"
    my_as -unopass -e 'select current_user()'
}

story mysql/login-refused "wrong password, unknown user, unknown database, database without the right" by=mariadb
mysql_login_refused() {
    fails my_as -uapp -pnot-the-word -e 'select 1'
    fails my_as -uapp -e 'select 1'
    fails my_as -ustranger -panything -e 'select 1'
    fails my no_such_db -e 'select 1'
    fails my_as -uother -pother-word mysql -e 'select 1'
}

story mysql/login-ed25519 "switch of the authentication method to ed25519: right and wrong password" by=mariadb
mysql_login_ed25519() {
    my_as -uedward -ped-word shop -e 'select current_user()'
    fails my_as -uedward -pnot-the-word -e 'select 1'
}

story mysql/query-text "text queries of every column type, changes, a transaction, warnings, an empty result" by=mariadb
mysql_query_text() {
    my shop --show-warnings <<'SQL'
set session_track_system_variables = '*';
select * from every_type;
select id, name, town, note from customer order by id limit 60;
select id from customer where false;
insert into incoming values (1, 'one', 1.5), (2, null, null);
update incoming set word = 'two' where id = 2;
begin;
delete from incoming;
commit;
set autocommit = 0;
set autocommit = 1;
use shop;
select 1 / 0, cast('12abc' as int);
show warnings;
select repeat('wide ', 4000) as wide;
explain select * from orders join customer on customer.id = customer_id;
SQL
}

story mysql/query-errors "ordinary errors of queries on a session that goes on" by=mariadb
mysql_query_errors() {
    my shop --force <<'SQL'
selec 1;
select * from no_such_table;
select no_such_column from customer;
insert into counter values (1, 1);
select * from mysql.user;
call stumble();
kill 987654;
select 'still here';
SQL
}

story mysql/prepared "prepared statements: binary rows of every type, nulls, errors, closing" by=mysql2 needs=node
mysql_prepared() { with_node mysql2.js prepared; }

story mysql/cursor "read-only cursor, rows fetched by 25, one left early, one empty" by=libmariadb needs=cc
mysql_cursor() { capi cursor; }

story mysql/multi "several statements in one query, a procedure with several results, an error in the middle" by=mariadb
mysql_multi() {
    my shop --delimiter=// -e 'select 1; select 2 as b; update counter set n = n + 1; select id from customer limit 3//'
    my shop --delimiter=// -e 'call report(10, @n); select @n//'
    fails my shop --delimiter=// -e 'select 1; select * from no_such_table; select 3//'
    fails my shop -e 'call stumble()'
}

story mysql/load-data "LOAD DATA LOCAL INFILE of a file, of an empty one, and of one that is not there" by=mariadb
before_mysql_load_data() {
    seq 1 700 | awk '{printf "%d\tword %d\t%.3f\n", $1, $1, $1 / 7}' >"$WORK/tmp/rows.tsv"
    : >"$WORK/tmp/nothing.tsv"
}
mysql_load_data() {
    (cd "$WORK/tmp" && my --local-infile=1 shop -e "load data local infile 'rows.tsv' into table incoming")
    (cd "$WORK/tmp" && my --local-infile=1 shop -e "load data local infile 'nothing.tsv' into table incoming")
    (cd "$WORK/tmp" && fails my --local-infile=1 shop -e "load data local infile 'absent.tsv' into table incoming")
    my shop -e 'select count(*) from incoming; truncate incoming'
}

story mysql/long-data "a parameter sent in parts, one forgotten by a reset" by=libmariadb needs=cc
mysql_long_data() { capi long-data; }

story mysql/change-user "COM_CHANGE_USER to three users, the last one refused" by=libmariadb needs=cc
mysql_change_user() { capi change-user; }

story mysql/reset-connection "COM_RESET_CONNECTION, after which statements and temporary tables are gone" by=libmariadb needs=cc
mysql_reset_connection() { capi reset-connection; }

story mysql/admin "ping, statistics, process list, field list, set option, refresh, refused debug and kill" by=libmariadb,mariadb-admin needs=cc
mysql_admin() {
    capi admin
    talk mariadb-admin --no-defaults --skip-ssl -h "$HOST" -uapp -papp-word ping status processlist flush-status
}

story mysql/compressed "zlib protocol: small packets sent as they are, big ones compressed" by=mariadb
mysql_compressed() {
    fails my --compress shop <<'SQL'
select 1;
select * from customer;
select * from orders;
select repeat('compress me ', 9000) as wide;
select group_concat(sha2(seq, 512) separator '') from seq_1_to_90;
select * from every_type;
select * from no_such_table;
SQL
}

story mysql/tls12 "SSLRequest, then TLS 1.2" by=mariadb
mysql_tls12() { over_tls TLSv1.2; }

story mysql/tls13 "SSLRequest, then TLS 1.3" by=mariadb
mysql_tls13() { over_tls TLSv1.3; }

over_tls() {
    talk mariadb --no-defaults --ssl --tls-version="$1" -h "$HOST" -uapp -papp-word shop \
        -e "show status like 'Ssl_version'; select * from customer limit 50" | grep -q "$1"
}

# maria_keyed WHAT NAME=VALUE... -- OPTION...: a statement that says what it was sent in
maria_keyed() {
    local what=$1 env=()
    shift
    while [ "$1" != -- ]; do env+=("$1"); shift; done
    shift
    keyed "${env[@]}" mariadb --no-defaults --ssl -h "$HOST" -uapp -papp-word "$@" shop \
        -e "select '$what'; select id, name from customer limit 3; select * from no_such_table" 2>&1 | grep -q "doesn't exist"
}

story mysql/keylog-tls12 "TLS 1.2 with a key log: AES-GCM of 128 and 256 bits, ChaCha20-Poly1305, compression inside" by=mariadb needs=cc
mysql_keylog_tls12() {
    local suite
    for suite in ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305; do
        maria_keyed "in $suite" KEYLOG_CIPHERS=$suite -- --tls-version=TLSv1.2
    done
    maria_keyed "compressed in TLS" KEYLOG_CIPHERS=ECDHE-RSA-AES128-GCM-SHA256 -- --tls-version=TLSv1.2 --compress
}

story mysql/keylog-cbc "TLS 1.2 with AES-CBC and a key log: it is not decrypted, and that is said" kind=undecoded by=mariadb needs=cc
mysql_keylog_cbc() { maria_keyed "in CBC" KEYLOG_CIPHERS=ECDHE-RSA-AES256-SHA -- --tls-version=TLSv1.2; }

story mysql/keylog-tls13 "TLS 1.3 with a key log: every suite of the server, keys that change" by=mariadb needs=cc
mysql_keylog_tls13() {
    local suite
    for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
        maria_keyed "in $suite" KEYLOG_SUITES=$suite -- --tls-version=TLSv1.3
    done
    maria_keyed "keys that change" KEYLOG_UPDATE=2 -- --tls-version=TLSv1.3
    maria_keyed "compressed in TLS" -- --tls-version=TLSv1.3 --compress
}

story mysql/keylog-inside "TLS 1.3, the key log stands in the capture" by=mariadb needs=cc form=secrets
mysql_keylog_inside() { maria_keyed "secrets inside" -- --tls-version=TLSv1.3; }

story mysql/binlog-dump "COM_BINLOG_DUMP: mariadb-binlog reads a short log from the server" by=mariadb-binlog
before_mysql_binlog_dump() {
    root_sql shop -e "reset master; insert into incoming select seq, concat('w', seq), seq from seq_1_to_150;
        update incoming set amount = 0 where id < 20; delete from incoming; create table brief (a int); drop table brief;
        flush binary logs"
}
mysql_binlog_dump() {
    talk mariadb-binlog --no-defaults --skip-ssl --read-from-remote-server -h "$HOST" -ureplica -preplica-word \
        binlog.000001 | grep -q 'Xid ='
    fails talk mariadb-binlog --no-defaults --skip-ssl --read-from-remote-server -h "$HOST" -ureplica -preplica-word \
        binlog.999999
}

story mysql/replica "a second server registers as a replica, follows some changes, gets heartbeats, stops" by=mariadbd
before_mysql_replica() { replica_up; }
mysql_replica() { replica_follows; }
after_mysql_replica() { replica_down; }

story mysql/replica-semisync "as replica, with semi-synchronous acknowledgements" by=mariadbd
before_mysql_replica_semisync() {
    replica_up
    root_sql -e 'set global rpl_semi_sync_master_enabled = on'
    replica_sql -e 'set global rpl_semi_sync_slave_enabled = on'
}
mysql_replica_semisync() { replica_follows; }
after_mysql_replica_semisync() {
    root_sql -e 'set global rpl_semi_sync_master_enabled = off'
    replica_down
}

replica_sql() { mariadb --no-defaults -uroot -S "$WORK/tmp/replica.sock" "$@"; }

replica_up() {
    rm -rf "$WORK/replica"
    mkdir "$WORK/replica"
    chown mysql: "$WORK/replica"
    mariadb-install-db --no-defaults --user=mysql --datadir="$WORK/replica" --skip-test-db \
        --auth-root-authentication-method=normal
    setsid ip netns exec "$TALK_NS" mariadbd --no-defaults --user=mysql --datadir="$WORK/replica" \
        --socket="$WORK/tmp/replica.sock" --pid-file="$WORK/replica/pid" --port=3307 --server-id=2 \
        --innodb-buffer-pool-size=32M --skip-name-resolve >"$WORK/log/replica" 2>&1 </dev/null &
    echo $! >"$WORK/tmp/replica.pid"
    until_true 60 replica_sql -e 'select 1'
    root_sql -e 'reset master'
    replica_sql -e "create database shop; create table shop.incoming (id int, word varchar(80), amount double);
        change master to master_host='$HOST', master_user='replica', master_password='replica-word',
        master_heartbeat_period=1, master_ssl=0"
}

replica_follows() {
    replica_sql -e 'start slave'
    sleep 1
    root_sql shop -e "insert into incoming select seq, concat('w', seq), seq from seq_1_to_30"
    root_sql shop -e "update incoming set amount = 1 where id = 3"
    sleep 2.5
    root_sql shop -e 'delete from incoming'
    sleep 0.5
    replica_sql -e 'show slave status\G' | grep -q 'Slave_IO_Running: Yes'
    replica_sql -e 'stop slave'
}

replica_down() { end_process "$(cat "$WORK/tmp/replica.pid")"; }

story mysql/kill "a session kills another one's query, then its connection" by=mariadb
mysql_kill() {
    local victim
    printf '%s;\n' 'select sleep(20)' 'select sleep(21)' 'select 3' | my -n --force --skip-reconnect shop &
    victim=$!
    sleep 0.7
    kill_sleeping 20 'kill query'
    sleep 0.7
    kill_sleeping 21 'kill'
    wait $victim || true
}

kill_sleeping() {
    my -e "select id into @who from information_schema.processlist where info = 'select sleep($1)';
        execute immediate concat('$2 ', @who)"
}

story mysql/idle-timeout "the server closes an idle session without a word" by=mariadb
mysql_idle_timeout() {
    { echo 'set wait_timeout = 1; select 1;'; sleep 2.5; echo 'select 2;'; } | my -n shop --skip-reconnect || true
}

story mysql/too-many "more connections than allowed: an error in place of the greeting" by=mariadb
mysql_too_many() {
    local i pids=()
    root_sql -e 'set global max_connections = 10'
    for i in 1 2 3 4 5 6 7 8 9 10; do
        talk mariadb --no-defaults --skip-ssl -h "$HOST" -uapp -papp-word -e 'select sleep(2)' &
        pids+=($!)
    done
    sleep 1
    fails my -e 'select 1'
    fails my -e 'select 1'
    for i in "${pids[@]}"; do wait "$i" || true; done
}
after_mysql_too_many() {
    until_true 10 root_sql -e 'set global max_connections = 151'
}

story mysql/probe "health checks: connect and close, connect and reset, connect and wait for the greeting" by=python3
mysql_probe() { talk python3 "$HERE/clients/probe.py" "$HOST" 3306; }

story mysql/node-mysql2 "a session of the mysql2 driver: queries, transaction, change of user, stream" by=mysql2 needs=node
mysql_node_mysql2() { with_node mysql2.js session; }

story mysql/node-mariadb "a session of the mariadb driver: queries, prepared, reset, stream, change of user" by=node-mariadb needs=node
mysql_node_mariadb() { with_node mariadb.js session; }

story mysql/bulk-node "COM_STMT_BULK_EXECUTE by the mariadb driver's batch, with nulls and a refused one" by=node-mariadb needs=node
mysql_bulk_node() { with_node mariadb.js bulk; }

story mysql/bulk-c "COM_STMT_BULK_EXECUTE by column arrays of the C client" by=libmariadb needs=cc
mysql_bulk_c() { capi bulk; }

story mysql/pipelined-node "requests sent before answers are read, by the mariadb driver" by=node-mariadb needs=node
mysql_pipelined_node() { with_node mariadb.js pipelined; }

story mysql/pipelined-c "requests sent before answers are read, by the C client; direct execution" by=libmariadb needs=cc
mysql_pipelined_c() { capi pipelined; }

story mysql/progress "ALTER TABLE with progress reports, errors that are none" by=libmariadb needs=cc
before_mysql_progress() {
    root_sql shop -e "create table slow (id int, t text) engine=aria; insert into slow select seq, repeat(md5(seq), 20) from
        seq_1_to_500000"
}
mysql_progress() { capi progress | grep -q '^stage'; }
after_mysql_progress() { root_sql shop -e 'drop table slow'; }

story mysql/dump "mariadb-dump of three tables" by=mariadb-dump
mysql_dump() {
    talk mariadb-dump --no-defaults --skip-ssl -h "$HOST" -uapp -papp-word --single-transaction shop \
        customer orders every_type | grep -q 'Dump completed'
}

story mysql/sysbench-text "sysbench read-write, two threads, text protocol" by=sysbench
before_mysql_sysbench_text() { small_sysbench --mysql-socket="$SOCK" --mysql-user=root prepare; }
mysql_sysbench_text() {
    talk sysbench oltp_read_write --mysql-host="$HOST" "${SMALL_SYSBENCH[@]}" --db-ps-mode=disable run
}

story mysql/sysbench-prepared "sysbench read-write, two threads, prepared statements" by=sysbench
before_mysql_sysbench_prepared() { before_mysql_sysbench_text; }
mysql_sysbench_prepared() { talk sysbench oltp_read_write --mysql-host="$HOST" "${SMALL_SYSBENCH[@]}" run; }

SMALL_SYSBENCH=(--db-driver=mysql --mysql-user=app --mysql-password=app-word --mysql-db=shop --tables=1 --table-size=500
    --threads=2 --events=6 --time=20 --range-size=10)
small_sysbench() {
    root_sql shop -e 'drop table if exists sbtest1'
    sysbench oltp_read_write --db-driver=mysql --mysql-db=shop --tables=1 --table-size=500 "$@"
}

story mysql/midstream "capture begins in the middle of a session" by=mariadb start=late
mysql_midstream() { session_around_capture my shop -n; }

# Feeds a client slowly, so that capture begins between its queries.
session_around_capture() {
    local pid
    mkfifo "$WORK/tmp/session"
    "$@" <"$WORK/tmp/session" &
    pid=$!
    exec 7>"$WORK/tmp/session"
    rm "$WORK/tmp/session"
    echo "select 'before capture';" >&7
    sleep 1
    capture_start
    echo "select id, name from customer where id < 30;" >&7
    echo "update counter set n = n + 1;" >&7
    echo "select 'after';" >&7
    exec 7>&-
    wait $pid
}

story mysql/ipv6 "login, queries and an error over IPv6" on=veth6 by=mariadb
mysql_ipv6() { mixed_mysql; }

story mysql/loopback "the same over loopback: long frames, wrong checksums" on=lo by=mariadb
mysql_loopback() { mixed_mysql; }

story mysql/nanosecond "the same, time stamps in nanoseconds" stamp=nano by=mariadb
mysql_nanosecond() { mixed_mysql; }

story mysql/pcapng "the same, as pcapng" form=pcapng by=mariadb
mysql_pcapng() { mixed_mysql; }

story mysql/gzip "the same, compressed with gzip" form=gz by=mariadb
mysql_gzip() { mixed_mysql; }

story mysql/zstd "the same, compressed with zstd" form=zst by=mariadb
mysql_zstd() { mixed_mysql; }

story mysql/small-segments "segments of at most 76 bytes: headers and values cut anywhere" link=small by=mariadb
mysql_small_segments() {
    my shop -e "select * from customer limit 60; select * from every_type; select '$(printf 'long query %.0s' {1..90})'"
}

story mysql/lossy "a link that loses packets: segments sent twice, one out of order" link=lossy by=mariadb
before_mysql_lossy() { before_mysql_load_data; }
mysql_lossy() {
    my shop -e "select * from orders; select '$(printf 'long query %.0s' {1..900})'; select * from customer"
    (cd "$WORK/tmp" && my --local-infile=1 shop -e "load data local infile 'rows.tsv' into table incoming; truncate incoming")
}

mixed_mysql() {
    my shop <<'SQL'
select version();
select * from customer limit 100;
select repeat('x', 20000) as wide;
update counter set n = n + 1;
SQL
    fails my shop -e 'select * from no_such_table'
    fails my_as -uapp -pnot-the-word -e 'select 1'
}
