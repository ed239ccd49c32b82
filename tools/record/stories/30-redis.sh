# shellcheck shell=bash
# Small Redis protocol stories.

story redis/strings "strings, counters, expiry, bits, and errors of wrong types" by=redis-cli
redis_strings() {
    red <<'TXT'
set page:1 "hello world" ex 60
get page:1
append page:1 "\x00\r\n"
getrange page:1 0 4
incr visits
incrbyfloat visits 1.5
setbit bits 100 1
bitcount bits
mset a 1 b 2 c 3
mget a b nothing c
lpush page:1 x
nosuchcommand
get
ttl page:1
del a b c
TXT
}

story redis/collections "lists, hashes, sets, sorted sets, streams, places, HyperLogLogs" by=redis-cli
redis_collections() {
    red <<'TXT'
rpush list a b c d e
lrange list 0 -1
hset hash name Ann age 42
hgetall hash
sadd set x y z
smembers set
zadd zset 1 one 2.5 two inf more
zrange zset 0 -1 withscores
xadd stream * temperature 21
xgroup create stream readers 0
xreadgroup group readers me count 1 streams stream >
xinfo stream stream full
geoadd places 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
geosearch places fromlonlat 15 37 byradius 200 km asc withcoord withdist
pfadd visitors a b c
pfcount visitors
object encoding list
sort list alpha desc
TXT
}

story redis/inline "inline commands: quotes, blanks, bare line feeds, 50 KB in a line" by=python3
redis_inline() { raw_redis inline; }

story redis/empty "empty requests of each form, an empty command" by=python3
redis_empty() { raw_redis empty; }

story redis/reply-modes "CLIENT REPLY SKIP, OFF and ON" by=python3
redis_reply_modes() { raw_redis modes; }

story redis/pieces "a request byte by byte, a thousand in a row, long ones" by=python3
redis_pieces() { raw_redis pieces; }

story redis/resp3 "RESP3: every type that a server can be made to send" by=redis-cli
redis_resp3() {
    local kind
    for kind in string integer double null array set map attrib push verbatim true false bignum; do echo "debug protocol $kind"; done |
        red -3
    red -3 <<'TXT'
hset h3 a 1 b 2
hgetall h3
zadd z3 1.5 a inf b
zrange z3 0 -1 withscores
config get maxmemory*
eval "redis.setresp(3); return redis.call('hgetall', KEYS[1])" 1 h3
client tracking on
get h3:none
command docs get
TXT
}

story redis/login "AUTH and HELLO: right, wrong, another user, a command that the user may not give" by=redis-cli
redis_login() {
    red --user app --pass app-word --no-auth-warning get a
    red -3 --user app --pass app-word --no-auth-warning get a
    red --user app --pass not-the-word --no-auth-warning get a
    red --user reader --pass reader-word --no-auth-warning set a 1
    printf 'auth app app-word\nacl whoami\nhello 3 auth reader reader-word setname reporter\nacl whoami\nreset\nacl whoami\n' | red
}

story redis/password "a server with a password: NOAUTH, then the login" by=redis-cli
before_redis_password() { admin_redis config set requirepass the-word; }
redis_password() {
    printf 'get a\nping\nset a 1\nauth wrong\nauth the-word\nget a\nconfig get requirepass\nconfig set masterauth other-word\n' | red
    red hello 3
}
after_redis_password() { admin_redis -a the-word --no-auth-warning config set requirepass '' masterauth ''; }

story redis/pipeline "redis-cli --pipe of 2000 commands, redis-benchmark with 16 in a row" by=redis-cli,redis-benchmark
redis_pipeline() {
    for i in $(seq 1000); do printf 'SET pipe:%d value%d\r\nGET pipe:%d\r\n' "$i" "$i" "$i"; done | red --pipe
    talk redis-benchmark -h "$HOST" -q -c 2 -n 400 -P 16 -t set,get,lpush,lrange_100,mset >/dev/null
}

story redis/benchmark "redis-benchmark, every test, one request at a time" by=redis-benchmark
redis_benchmark() { talk redis-benchmark -h "$HOST" -q -c 2 -n 30 >/dev/null; }

story redis/transaction "MULTI: queued, run, refused, discarded, watched" by=redis-cli
redis_transaction() {
    red <<'TXT'
watch t:a
multi
set t:a 1
incr t:a
lrange t:a 0 -1
exec
multi
nosuch
exec
multi
set t:b 1
discard
exec
TXT
}

story redis/scripts "EVAL, EVALSHA, functions, errors of scripts, nested replies" by=redis-cli
redis_scripts() {
    red <<'TXT'
eval "return {1, 'two', false, {3, {4, {5}}}}" 0
eval "return redis.status_reply('FINE')" 0
eval "return redis.error_reply('MY own words')" 0
eval "return redis.call('nosuch')" 0
eval "return {" 0
evalsha ffffffffffffffffffffffffffffffffffffffff 0
script load "return ARGV[1]"
function load "#!lua name=mine\nredis.register_function('f', function(keys, args) return args[1] end)"
fcall f 0 hello
function delete mine
TXT
}

story redis/pubsub "subscribers in RESP2 and RESP3, patterns, a message of 20 KB, keyspace events" by=redis-cli
redis_pubsub() {
    admin_redis config set notify-keyspace-events KEA
    timeout 3 ip netns exec "$TALK_NS" redis-cli -h "$HOST" subscribe news sport >/dev/null &
    timeout 3 ip netns exec "$TALK_NS" redis-cli -3 -h "$HOST" psubscribe 'new*' '__key*' >/dev/null &
    sleep 1
    red publish news hello
    red publish sport "$(printf 'goal %.0s' {1..4000})"
    red set news:1 x ex 10
    wait %1 %2 || true
    admin_redis config set notify-keyspace-events ''
}

story redis/monitor "MONITOR while others work, among them a long value and a login" by=redis-cli
redis_monitor() {
    timeout 3 ip netns exec "$TALK_NS" redis-cli -h "$HOST" monitor >/dev/null &
    sleep 1
    red set watched 'a "quoted" value'
    red set watched "$(printf 'long value %.0s' {1..1500})"
    red --user app --pass app-word --no-auth-warning get watched
    wait %1 || true
}

story redis/blocking "BLPOP, BRPOPLPUSH, XREAD and WAIT: served, and out of time" by=redis-cli
redis_blocking() {
    timeout 5 ip netns exec "$TALK_NS" redis-cli -h "$HOST" blpop queue 3 &
    sleep 0.5
    red rpush queue job
    wait %1
    red blpop queue 0.2
    red brpoplpush queue other 1
    red xread block 100 streams events '$'
    red wait 1 100
}

story redis/killed "CLIENT KILL of an idle, a blocked and a subscribed client; CLIENT UNBLOCK" by=redis-cli
redis_killed() {
    local how
    for how in 'blpop never 0' 'subscribe never'; do
        # shellcheck disable=SC2086 # several words are meant
        timeout 5 ip netns exec "$TALK_NS" redis-cli -h "$HOST" $how &
        sleep 0.5
        red client kill type "$([ "$how" = 'subscribe never' ] && echo pubsub || echo normal)"
        wait %1 || true
    done
}

story redis/values "values of 1 KB to 200 KB, keys with line ends in them" by=redis-cli
redis_values() {
    local n
    for n in 1000 1024 1025 20000 200000; do
        head -c "$n" /dev/zero | tr '\0' 'v' | red -x set "big:$n"
        red strlen "big:$n"
        red get "big:$n" | wc -c
    done
    red set $'line\r\nend' $'$5\r\n*3\r\n'
    red get $'line\r\nend'
    red --bigkeys >/dev/null
}

story redis/administration "INFO, CONFIG, CLIENT, ACL, SLOWLOG, MEMORY, COMMAND DOCS, LATENCY" by=redis-cli
redis_administration() {
    red <<'TXT'
info
info everything
config get *
client list
client info
client no-evict on
client id
acl list
acl getuser app
acl setuser guest on >guest-word ~guest:* +get
acl deluser guest
slowlog get 10
memory stats
memory doctor
command
command docs
latency doctor
lolwut
role
TXT
}

story redis/replica-disk "a replica copies a server whose file comes from the disk, then follows it" by=redis-server
redis_replica_disk() { follow_for_a_while no; }

story redis/replica-diskless "a replica copies a server that streams its file, then follows it" by=redis-server
redis_replica_diskless() { follow_for_a_while yes; }

follow_for_a_while() {
    admin_redis config set repl-diskless-sync "$1"
    more_redis replica "$CLIENT_NS" --port 6390 --replicaof "$HOST 6379" --replica-announce-port 6390
    until_true 15 synced_replica
    for i in $(seq 30); do admin_redis set "followed:$i" "$(printf 'x%.0s' {1..300})" >/dev/null; done
    admin_redis wait 1 2000
    sleep 2.5
    end_other_redis
}
synced_replica() { admin_redis info replication | grep -q 'state=online'; }

story redis/replica-again "a replica whose connection is cut goes on where it was" by=redis-server
redis_replica_again() {
    more_redis replica "$CLIENT_NS" --port 6390 --replicaof "$HOST 6379"
    until_true 15 synced_replica
    admin_redis set before cut
    admin_redis client kill type replica
    sleep 2
    admin_redis set after cut
    admin_redis wait 1 2000
    end_other_redis
}

story redis/sentinel "a sentinel asked about its master" port=26379 by=redis-cli
redis_sentinel() {
    echo "sentinel monitor mymaster 10.77.0.1 6379 1" >"$WORK/tmp/sentinel.conf"
    spawn sentinel ip netns exec "$SERVER_NS" redis-sentinel "$WORK/tmp/sentinel.conf" --protected-mode no --dir "$WORK/tmp"
    OTHER_REDIS+=("$SPAWNED")
    until_true 10 red -p 26379 ping
    printf 'info sentinel\nsentinel masters\nsentinel get-master-addr-by-name mymaster\nsentinel set mymaster auth-pass the-word\nsubscribe +sdown\n' |
        red -p 26379
    end_other_redis
}

story redis/cluster-bus "three nodes of a cluster meet and talk" port=16379 by=redis-server
redis_cluster_bus() {
    local n
    more_redis n1 "$SERVER_NS" --port 7001 --cluster-enabled yes --cluster-port 16379
    more_redis n2 "$CLIENT_NS" --port 7002 --cluster-enabled yes --cluster-port 16379
    more_redis n3 "$CLIENT_NS" --port 7003 --cluster-enabled yes --cluster-port 16380
    until_true 10 red -p 7001 ping
    red -p 7001 cluster addslotsrange 0 16383
    for n in "7002 16379" "7003 16380"; do red -p 7001 cluster meet 10.77.0.2 ${n% *} ${n#* }; done
    sleep 6
    red -p 7001 publish news 'to the whole cluster'
    sleep 1
    end_other_redis
}

story redis/tls "TLS 1.3 from the first byte" port=6380 by=redis-cli
redis_tls() { red -p 6380 --tls --insecure set secret value; }

story redis/node-redis "the driver redis: RESP2 and RESP3, 200 requests in a row, a transaction, pub/sub, a script" needs=node by=node-redis
redis_node_redis() { with_node redis.js redis; }

story redis/ioredis "the driver ioredis: pipelines, MONITOR, a script by its hash, a refused login" needs=node by=ioredis
redis_ioredis() { with_node redis.js ioredis; }

story redis/ipv6 "a few commands over IPv6" on=veth6 by=redis-cli
redis_ipv6() { mixed_redis; }

story redis/loopback "a few commands over the loopback interface" on=lo by=redis-cli
redis_loopback() { mixed_redis; }

story redis/small-segments "segments of at most 76 bytes: headers and values cut anywhere" link=small by=redis-cli
redis_small_segments() {
    mixed_redis
    red lrange many 0 99 | tail -n 1
}

story redis/lossy "a link that loses packets: segments sent twice" link=lossy by=redis-cli
redis_lossy() {
    mixed_redis
    red command docs | tail -n 1
}

story redis/midstream "capture begins in the middle of a pipeline" start=late by=redis-cli
redis_midstream() {
    (
        for i in $(seq 300); do printf 'SET mid:%d value%d\nGET mid:%d\nLRANGE many 0 20\n' "$i" "$i" "$i"; [ $((i % 100)) -ne 0 ] || sleep 1; done
    ) | red >/dev/null &
    sleep 0.5
    capture_start
    wait %1
}

mixed_redis() {
    red del many
    red rpush many $(seq 500)
    red set long "$(printf 'a long value %.0s' {1..3000})"
    red get long | wc -c
    red lrange many 0 -1 | tail -n 1
    red -3 hello 3
    red nosuch || true
}

story redis/keylog-tls "TLS 1.2 and 1.3 from the first byte, with a key log" port=6380 by=redis-cli needs=cc
redis_keylog_tls() {
    keyed redis-cli -h "$HOST" -p 6380 --tls --insecure set keyed 'in TLS 1.3'
    keyed KEYLOG_SUITES=TLS_CHACHA20_POLY1305_SHA256 redis-cli -h "$HOST" -p 6380 --tls --insecure get keyed
    keyed redis-cli -h "$HOST" -p 6380 --tls --insecure --user app --pass app-word --no-auth-warning get keyed
    keyed KEYLOG_OLD=1 KEYLOG_CIPHERS=ECDHE-RSA-AES128-GCM-SHA256 redis-cli -h "$HOST" -p 6380 --tls --insecure set keyed 'in TLS 1.2'
}
