# shellcheck shell=bash
# A MariaDB server of our own, its accounts (made-up words) and a small shop.

MARIA_UP=
SOCK=

make_certificate() {
    [ ! -f "$WORK/tls/server.crt" ] || return 0
    mkdir -p "$WORK/tls"
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=dbhound-test \
        -keyout "$WORK/tls/server.key" -out "$WORK/tls/server.crt" >"$WORK/log/openssl" 2>&1
}

as_mysql() { setpriv --reuid=mysql --regid=mysql --clear-groups "$@"; }

maria_up() {
    [ -z "$MARIA_UP" ] || return 0
    SOCK=$WORK/tmp/maria.sock
    make_certificate
    mkdir "$WORK/maria" "$WORK/tls/maria"
    cp "$WORK/tls/server.key" "$WORK/tls/server.crt" "$WORK/tls/maria"
    chown -R mysql: "$WORK/maria" "$WORK/tls/maria"
    mariadb-install-db --no-defaults --user=mysql --datadir="$WORK/maria" --skip-test-db \
        --auth-root-authentication-method=normal >"$WORK/log/mariadb-install" 2>&1 ||
        die "mariadb-install-db failed: $(tail -n 1 "$WORK/log/mariadb-install")"
    spawn mariadbd ip netns exec "$SERVER_NS" mariadbd --no-defaults --user=mysql --datadir="$WORK/maria" \
        --socket="$SOCK" --pid-file="$WORK/maria/pid" --bind-address='*' --port=3306 --skip-name-resolve \
        --server-id=1 --log-bin=binlog --binlog-format=ROW --sync-binlog=0 --innodb-flush-log-at-trx-commit=0 \
        --innodb-buffer-pool-size=512M --max-allowed-packet=256M --local-infile=1 --progress-report-time=1 \
        --ssl-cert="$WORK/tls/maria/server.crt" --ssl-key="$WORK/tls/maria/server.key"
    MARIA_UP=1
    until_true 60 root_sql -e 'select 1' || die "mariadbd does not come up: $(tail -n 1 "$WORK/log/mariadbd")"
    root_sql <"$HERE/clients/accounts.sql" && root_sql shop <"$HERE/clients/shop.sql" || die "cannot fill MariaDB"
}

root_sql() { mariadb --no-defaults -uroot -S "$SOCK" "$@"; }

# The command-line client, in plain text, as the ordinary user.
my() { talk mariadb --no-defaults --skip-ssl -h "$HOST" -uapp -papp-word "$@"; }
my_as() { talk mariadb --no-defaults --skip-ssl -h "$HOST" "$@"; }

capi() {
    compiled capi
    talk "$WORK/capi" "$HOST" "$@"
}

server_version() {
    case $1 in
    mongodb) echo 'FerretDB 1.24' ;;
    drda) echo "Derby $(dpkg-query -Wf '${Version}' libderby-java | sed 's/-.*//')" ;;
    memcached) memcached -V | sed 's/^m/M/' ;;
    mysql) echo "MariaDB $(mariadbd --version | sed 's/.*Ver \([0-9.]*\).*/\1/')" ;;
    cql) echo "Cassandra $CASSANDRA_VERSION" ;;
    tns) echo "tools/record/peers/tns_server.py" ;;
    redis) echo "Redis $(redis-server --version | sed 's/.*v=\([0-9.]*\).*/\1/')" ;;
    tds) echo "peers/tds.py" ;;
    *) echo "PostgreSQL $("$PGBIN/postgres" --version | awk '{print $3}')" ;;
    esac
}
