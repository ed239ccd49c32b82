# shellcheck shell=bash
# A PostgreSQL server of our own, with one account for each way to log in.

PGBIN=/usr/lib/postgresql/15/bin
POSTGRES_UP=

as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }

postgres_up() {
    [ -z "$POSTGRES_UP" ] || return 0
    make_certificate
    mkdir "$WORK/pg"
    cp "$WORK/tls/server.key" "$WORK/tls/server.crt" "$WORK/pg"
    mkdir "$WORK/pg/data"
    chown -R postgres: "$WORK/pg"
    (cd / && as_postgres "$PGBIN/initdb" -D "$WORK/pg/data" -U postgres -A trust -E UTF8 --locale=C) \
        >"$WORK/log/initdb" 2>&1 || die "initdb failed: $(tail -n 1 "$WORK/log/initdb")"
    cat >>"$WORK/pg/data/postgresql.conf" <<CONF
listen_addresses = '*'
unix_socket_directories = '$WORK/tmp'
ssl = on
ssl_cert_file = '$WORK/pg/server.crt'
ssl_key_file = '$WORK/pg/server.key'
wal_level = logical
fsync = off
synchronous_commit = off
shared_buffers = 256MB
max_wal_size = 2GB
max_connections = 30
CONF
    cat >"$WORK/pg/data/pg_hba.conf" <<CONF
local all postgres trust
host all kept-out all reject
host all trusty all trust
host all plain all password
host all older all md5
host all app all scram-sha-256
host replication app all scram-sha-256
host all nobody-here all scram-sha-256
CONF
    chown postgres: "$WORK/pg/data/pg_hba.conf"
    spawn postgres ip netns exec "$SERVER_NS" setpriv --reuid=postgres --regid=postgres --clear-groups \
        "$PGBIN/postgres" -D "$WORK/pg/data"
    POSTGRES_UP=1
    until_true 30 admin_sql -c 'select 1' || die "postgres does not come up: $(tail -n 1 "$WORK/log/postgres")"
    admin_sql -f "$HERE/clients/accounts-pg.sql" >>"$WORK/log/story" 2>&1 || die "cannot make PostgreSQL's accounts"
    admin_sql -d shop -f "$HERE/clients/shop-pg.sql" >>"$WORK/log/story" 2>&1 || die "cannot fill PostgreSQL"
    # Without these, clients would look for the caller's own files.
    export PGPASSFILE=/dev/null PGSERVICEFILE=/dev/null PGSSLROOTCERT="$WORK/none" PSQLRC=/dev/null
    export PGCONNECT_TIMEOUT=20 PGGSSENCMODE=disable PGSSLMODE=disable PGPASSWORD=app-word PSQL_HISTORY=/dev/null
}

admin_sql() { psql -X -q -v ON_ERROR_STOP=1 -h "$WORK/tmp" -U postgres "$@"; }

# The command-line client, in plain text, as the ordinary user.
pg() { talk psql -X -h "$HOST" -U app -d shop "$@"; }
pg_as() {
    local user=$1 word=$2
    shift 2
    PGPASSWORD=$word talk psql -X -h "$HOST" -U "$user" "$@"
}

pq() {
    compiled pq
    talk "$WORK/pq" "host=$HOST user=app dbname=shop" "$@"
}
