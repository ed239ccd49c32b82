# shellcheck shell=bash
# Memcached servers of our own: open to all (11211), with an authentication file (11212), with SASL (11213).

MEMCACHED_UP=

memcached_up() {
    [ -z "$MEMCACHED_UP" ] || return 0
    mkdir "$WORK/memcached"
    echo 'app:app-word' >"$WORK/memcached/users"
    cat >"$WORK/memcached/memcached.conf" <<CONF
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $WORK/memcached/sasldb
mech_list: plain
CONF
    echo app-word | saslpasswd2 -p -c -f "$WORK/memcached/sasldb" -a memcached -u shop app || die "saslpasswd2 failed"
    chown -R memcache "$WORK/memcached"
    one_memcached 11211 -A -m 256 -c 500
    one_memcached 11212 -Y "$WORK/memcached/users"
    SASL_CONF_PATH=$WORK/memcached one_memcached 11213 -S
    MEMCACHED_UP=1
}

# one_memcached PORT OPTION...
one_memcached() {
    local port=$1
    shift
    spawn "memcached-$port" ip netns exec "$SERVER_NS" memcached -u memcache -p "$port" "$@"
    until_true 10 ip netns exec "$SERVER_NS" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || die "memcached does not come up on $port"
}

# The project's own client: mc SCENE [PORT]
mc() { talk python3 "$HERE/clients/memcached.py" "$HOST" "${2:-11211}" "$1"; }
