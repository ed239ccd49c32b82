# shellcheck shell=bash
# Memcached: text, meta commands, binary, SASL, the authentication file.

story memcached/text-store "every storage command in text, with noreply, CAS and what is refused in the ordinary way" by=python3
memcached_text_store() { mc store; }

story memcached/text-get "get, gets, gat, gats of one key and of many, hits and misses, and a get of 9,000 bytes" by=python3
memcached_text_get() { mc get; }

story memcached/text-count "incr, decr, touch, delete, on numbers, on nothing and on a text" by=python3
memcached_text_count() { mc count; }

story memcached/text-pipelined "many commands in one segment, and commands cut anywhere" by=python3
memcached_text_pipelined() { mc pipelined; }

story memcached/text-values "values that look like commands, empty values, values of 3 kB to 400 kB" by=python3 form=zst
memcached_text_values() { mc values; }

story memcached/text-admin "stats of all kinds, slabs, lru, lru_crawler with a dump, cache_memlimit, verbosity, flush_all, version" by=python3
memcached_text_admin() { mc admin; }

story memcached/watch "log streams of fetchers, mutations and connections while others work" by=python3
memcached_watch() { mc watch; }

story memcached/meta "meta commands with their flags, opaque numbers and modes" by=python3
memcached_meta() { mc meta; }

story memcached/meta-quiet "meta commands that are quiet, behind each other, with mn at their end" by=python3
memcached_meta_quiet() { mc meta-quiet; }

story memcached/meta-binary-key "meta commands with keys in base64" by=python3
memcached_meta_binary_key() { mc meta-binary-key; }

story memcached/binary "every opcode of the binary protocol" by=python3
memcached_binary() { mc binary; }

story memcached/binary-values "binary values of 0 bytes to 900 kB" by=python3 form=zst
memcached_binary_values() { mc binary-values; }

story memcached/binary-quiet "quiet binary requests, hundreds behind each other, with noop at their end" by=python3
memcached_binary_quiet() { mc binary-quiet; }

story memcached/sasl "SASL: mechanisms, PLAIN with the right and the wrong password, a request without a login" port=11213 by=python3
memcached_sasl() { mc sasl 11213; }

story memcached/auth-file "a login with set to a server with an authentication file: refused, wrong, right" port=11212 by=python3
memcached_auth_file() { mc auth-file 11212; }

story memcached/abrupt "clients that leave without quit, in the middle of nothing and with a reset" by=python3
memcached_abrupt() { mc abrupt; }

story memcached/node-memjs "Node.js with memjs: the binary protocol" needs=node by=memjs
memcached_node_memjs() { with_node memjs.js "$HOST"; }

story memcached/node-memjs-sasl "Node.js with memjs: SASL" needs=node port=11213 by=memjs
memcached_node_memjs_sasl() { with_node memjs.js "$HOST" 11213; }

story memcached/node-memcached "Node.js with memcached: the text protocol" needs=node by=node-memcached
memcached_node_memcached() { with_node memcached.js "$HOST"; }

story memcached/libmemcached "libmemcached's tools: copy, show, touch, count, dump, statistics, flush" by=libmemcached
memcached_libmemcached() {
    local file=$WORK/tmp/greeting
    echo 'hello, everybody' >"$file"
    talk memccp --servers="$HOST" "$file"
    talk memccat --servers="$HOST" greeting
    talk memcexist --servers="$HOST" greeting
    talk memctouch --servers="$HOST" --expire=100 greeting
    talk memcstat --servers="$HOST" >/dev/null
    talk memcping --servers="$HOST"
    talk memcdump --servers="$HOST" >/dev/null
    talk memcrm --servers="$HOST" greeting
    talk memcflush --servers="$HOST"
    talk memccp --binary --servers="$HOST" "$file"
    talk memccat --binary --servers="$HOST" greeting
    talk memcrm --binary --servers="$HOST" greeting
}

story memcached/memcslap "libmemcached's load: sets and gets of four clients" by=libmemcached form=zst
memcached_memcslap() {
    talk memcslap --servers="$HOST" --concurrency=4 --execute-number=60 --test=set >/dev/null
    talk memcslap --servers="$HOST" --concurrency=4 --execute-number=60 --initial-load=60 --test=get >/dev/null
    talk memcslap --binary --servers="$HOST" --concurrency=2 --execute-number=100 --test=mget --initial-load=100 >/dev/null
}

story memcached/small-segments "segments of 76 bytes" link=small by=python3
memcached_small_segments() { mc store; mc meta; mc binary; }

story memcached/lossy "a link that loses packets on both sides of the point of capture" link=lossy by=python3
memcached_lossy() { mc values-small; mc binary-quiet; }

story memcached/midstream "two clients that were at work before the capture began, in text and in binary" start=late by=python3
memcached_midstream() {
    local text binary
    mc midstream-text &
    text=$!
    mc midstream-binary &
    binary=$!
    sleep 0.7
    capture_start
    wait $text && wait $binary
}

story memcached/loopback "on the loopback interface: long frames, unfinished checksums" on=lo by=python3
memcached_loopback() { mc get; mc values-small; mc binary; }

story memcached/ipv6 "over IPv6" on=veth6 by=python3
memcached_ipv6() { mc store; mc binary; }

story memcached/nanosecond "time stamps in nanoseconds" stamp=nano by=python3
memcached_nanosecond() { mc meta; }

story memcached/pcapng "a pcapng file" form=pcapng by=python3
memcached_pcapng() { mc count; mc binary; }

story memcached/line-feed "a person with netcat: lines that end with a line feed alone" kind=attack by=bash
memcached_line_feed() {
    talk bash -c 'exec 3<>/dev/tcp/$HOST/11211; printf "version\n" >&3; read -r -u 3 a; printf "get nothing\nstats items\n" >&3; read -r -u 3 a; sleep 0.2; printf "quit\n" >&3; cat <&3 >/dev/null'
}

story memcached/capable-text "libmemcached's memccapable: its tests of the text protocol" kind=attack by=libmemcached
memcached_capable_text() { talk memccapable -h "$HOST" -p 11211 -a; }

story memcached/too-large "values that are larger than the server keeps, in text and in binary" kind=attack by=python3 form=zst
memcached_too_large() { mc too-large; }

story memcached/malformed "33 attacks on parsers, each on a connection of its own, beside a client at work" kind=attack by=python3 form=zst
memcached_malformed() { mc attacks; }

story memcached/auth-login "short lines before a login, and credentials of 20,000 bytes" kind=attack port=11212 by=python3
memcached_auth_login() { mc attacks-auth-file 11212; }

story memcached/sasl-retry "a login that is refused, then one that is taken on the same connection" kind=attack port=11213 by=python3
memcached_sasl_retry() { mc attacks-sasl 11213; }

story memcached/text-load "text: eight clients, pipelined and not, half a million commands" size=big by=python3
memcached_text_load() { mc load-text; }

story memcached/binary-load "binary and meta: eight clients, pipelined and not, half a million requests" size=big by=python3
memcached_binary_load() { mc load-binary; }
