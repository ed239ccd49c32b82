# shellcheck shell=bash
# A Redis server of our own, and replicas, sentinels and cluster nodes for the stories that need them.

REDIS_UP=

redis_up() {
    [ -z "$REDIS_UP" ] || return 0
    make_certificate
    mkdir -p "$WORK/redis"
    spawn redis ip netns exec "$SERVER_NS" redis-server --port 6379 --tls-port 6380 --tls-cert-file "$WORK/tls/server.crt" \
        --tls-key-file "$WORK/tls/server.key" --tls-ca-cert-file "$WORK/tls/server.crt" --tls-auth-clients no --bind '* -::*' \
        --protected-mode no --enable-debug-command yes --save '' --dir "$WORK/redis" --unixsocket "$WORK/tmp/redis.sock" \
        --repl-diskless-sync-delay 0 --repl-ping-replica-period 1 --latency-tracking no
    REDIS_UP=1
    until_true 20 admin_redis ping || die "redis-server does not come up: $(tail -n 1 "$WORK/log/redis")"
    admin_redis acl setuser app on '>app-word' '~*' '&*' '+@all' >>"$WORK/log/story"
    admin_redis acl setuser reader on '>reader-word' '~public:*' '+@read' >>"$WORK/log/story"
    export REDISCLI_HISTFILE=/dev/null
}

admin_redis() { redis-cli -s "$WORK/tmp/redis.sock" "$@"; }

# The command-line client, as everybody.
red() { talk redis-cli -h "$HOST" "$@"; }

raw_redis() { talk python3 "$HERE/clients/raw_redis.py" "$@"; }

# more_redis NAME NAMESPACE ARGUMENT...: another server, for one story
more_redis() {
    local name=$1 ns=$2
    shift 2
    mkdir -p "$WORK/redis-$name"
    spawn "redis-$name" ip netns exec "$ns" redis-server "$@" --bind '* -::*' --protected-mode no --save '' --dir "$WORK/redis-$name"
    OTHER_REDIS+=("$SPAWNED")
}

OTHER_REDIS=()

end_other_redis() {
    local pid
    for pid in "${OTHER_REDIS[@]}"; do end_process "$pid"; done
    OTHER_REDIS=()
}
