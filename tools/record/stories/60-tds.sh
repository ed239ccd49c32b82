# shellcheck shell=bash
# Small TDS stories: real clients, and the project's own server (peers/tds.py).

batches() { printf 'select rows 10\ngo\nselect types\ngo\nselect two results\ngo\nselect nosuch\ngo\nprint 1\ngo\nuse other\ngo\ninsert a\ngo\nquit\n'; }

# One server a story.
for name in versions batches long login refused encrypted-login encrypted-all small-packets large-packets freebcp sybase ipv6 loopback small-segments \
    lossy midstream tedious tedious-tables tedious-transaction tedious-prepared tedious-bulk tedious-cancel tedious-refused tedious-reset \
    tedious-versions tedious-encrypted jdbc jdbc-encrypted mars pytds-mars; do
    case $name in
    encrypted-login) mode=login ;;
    *encrypted*) mode=all ;;
    *) mode=plain ;;
    esac
    eval "before_tds_${name//-/_}() { tds_serve $mode; }; after_tds_${name//-/_}() { tds_end; }"
done
before_tds_strict() { tds_serve strict; }
after_tds_strict() { tds_end; }

story tds/versions "tsql in TDS 7.0 to 7.4: rows, every type, NULLs in a bitmap" by=tsql
tds_versions() {
    local v
    for v in 7.0 7.1 7.2 7.3 7.4; do
        tds_conf "tds version = $v"
        printf 'select rows 3\ngo\nselect types\ngo\nselect sparse\ngo\nquit\n' | sql
    done
}

story tds/batches "several results, an error, a message, a change of the database" by=tsql
tds_batches() {
    tds_conf 'tds version = 7.4'
    batches | sql
}

story tds/long "a batch of 20 KB, an answer of 50 KB" by=tsql
tds_long() {
    tds_conf 'tds version = 7.4'
    { echo 'select rows 1500'; printf -- '-- a long comment %.0s\n' {1..500}; printf 'go\nquit\n'; } | sql | tail -n 1
}

story tds/login "a login as another user, with a database and a name of the program" by=tsql
tds_login() {
    tds_conf 'tds version = 7.3'
    printf 'select rows 1\ngo\nquit\n' | talk tsql -S shop -U sa -P sa-word -D shop
}

story tds/refused "a login with a wrong password" by=tsql
tds_refused() {
    tds_conf 'tds version = 7.4'
    fails talk tsql -S shop -U sa -P not-the-word </dev/null
}

story tds/encrypted-login "TLS for the login alone, then in clear" by=tsql
tds_encrypted_login() {
    tds_conf 'tds version = 7.4' 'encryption = request'
    batches | sql
}

story tds/encrypted-all "TLS for everything, because the server requires it" by=tsql
tds_encrypted_all() {
    tds_conf 'tds version = 7.4' 'encryption = require'
    batches | sql
}

# The server writes the key log.
before_tds_keylog_login() { SSLKEYLOGFILE=$WORK/cap/now.keylog tds_serve login; }
after_tds_keylog_login() { tds_end; }
story tds/keylog-login "TLS for the login alone, with a key log" by=tsql
tds_keylog_login() { tds_encrypted_login; }

before_tds_keylog_all() { SSLKEYLOGFILE=$WORK/cap/now.keylog tds_serve all; }
after_tds_keylog_all() { tds_end; }
story tds/keylog-all "TLS for everything, with a key log" by=tsql
tds_keylog_all() { tds_encrypted_all; }

before_tds_keylog_strict() { SSLKEYLOGFILE=$WORK/cap/now.keylog tds_serve strict; }
after_tds_keylog_strict() { tds_end; }
story tds/keylog-strict "TDS 8.0: TLS first, with a key log" needs=node by=tedious
tds_keylog_strict() { tds_strict; }

story tds/small-packets "packets of 512 bytes: every element is cut somewhere" by=tsql
tds_small_packets() {
    tds_conf 'tds version = 7.4' 'initial block size = 512'
    { batches | sed '$d'; printf 'select rows 200\ngo\nselect sparse\ngo\nquit\n'; } | sql
}

story tds/large-packets "packets of 32,000 bytes" by=tsql
tds_large_packets() {
    tds_conf 'tds version = 7.4' 'initial block size = 32000'
    { echo 'select rows 2000'; printf -- '-- a long comment %.0s\n' {1..1500}; printf 'go\nquit\n'; } | sql | tail -n 1
}

story tds/freebcp "freebcp loads 200 rows" by=freebcp
tds_freebcp() {
    tds_conf 'tds version = 7.4'
    for i in $(seq 200); do printf '%d\tname %d\t%d.50\n' "$i" "$i" "$i"; done >"$WORK/tmp/orders.txt"
    talk timeout 20 freebcp orders in "$WORK/tmp/orders.txt" -S shop -U app -P app-word -c
}

story tds/sybase "the login of TDS 5.0" by=tsql
tds_sybase() {
    tds_conf 'tds version = 5.0'
    sql </dev/null || true
}

story tds/tedious "the driver tedious: batches, parameters of every type, a procedure, 9 KB of text" needs=node by=tedious
tds_tedious() { with_tedious requests; }

story tds/tedious-tables "tables as parameters" needs=node by=tedious
tds_tedious_tables() { with_tedious tables; }

story tds/tedious-transaction "the transaction manager: begin, save, commit, rollback" needs=node by=tedious
tds_tedious_transaction() { with_tedious transaction; }

story tds/tedious-prepared "sp_prepare, sp_execute, sp_unprepare" needs=node by=tedious
tds_tedious_prepared() { with_tedious prepared; }

story tds/tedious-bulk "bulk load of 400 rows in packets of 8,192 bytes, long values among them" needs=node by=tedious
tds_tedious_bulk() { with_tedious bulk; }

story tds/tedious-cancel "an attention in the middle of the rows" needs=node by=tedious
tds_tedious_cancel() { with_tedious cancel; }

story tds/tedious-refused "a login with a wrong password" needs=node by=tedious
tds_tedious_refused() { with_tedious refused; }

story tds/tedious-reset "a connection that is reset for its next user" needs=node by=tedious
tds_tedious_reset() { with_tedious reset; }

story tds/tedious-versions "TDS 7.1 to 7.4" needs=node by=tedious
tds_tedious_versions() { with_tedious versions; }

story tds/tedious-encrypted "TLS for everything, because the client wants it" needs=node by=tedious
tds_tedious_encrypted() { with_tedious encrypted; }

story tds/strict "TDS 8.0: TLS first" needs=node by=tedious
tds_strict() { with_tedious encrypted strict; }

story tds/jdbc "Microsoft's JDBC driver: statements, prepared ones, types, an error, a transaction" needs=java by=mssql-jdbc
tds_jdbc() { with_jdbc false; }

story tds/jdbc-encrypted "the same in TLS" needs=java by=mssql-jdbc
tds_jdbc_encrypted() { with_jdbc true; }

story tds/mars "three sessions on one connection, packets of 512 bytes, windows that fill" by=python3
tds_mars() { talk timeout 20 python3 "$HERE/clients/raw_tds.py"; }

story tds/pytds-mars "the driver pytds: three cursors on one connection" needs=pip by=pytds
tds_pytds_mars() { with_pytds mars_pytds.py; }

story tds/ipv6 "a few batches over IPv6" on=veth6 by=tsql
tds_ipv6() { tds_batches; }

story tds/loopback "a few batches over the loopback interface" on=lo by=tsql
tds_loopback() { tds_batches; }

story tds/small-segments "segments of at most 76 bytes" link=small by=tsql
tds_small_segments() { tds_batches; }

story tds/lossy "a link that loses packets: segments sent twice" link=lossy by=tsql
tds_lossy() { tds_long; }

story tds/midstream "capture begins in the middle of a session" start=late by=tsql
tds_midstream() {
    tds_conf 'tds version = 7.4'
    (
        for i in $(seq 24); do
            printf 'select rows 40\ngo\nselect sparse\ngo\nselect nosuch\ngo\n'
            [ $((i % 8)) -ne 0 ] || sleep 1
        done
        echo quit
    ) | sql >/dev/null &
    sleep 0.5
    capture_start
    wait %1
}
