# What the tests of live capture share: two network namespaces of their own, w0 in the first wired to w1 in the second.
# Sourced after lib.sh. `live_ready` is false where that cannot be had.
space=dbhound-$(basename "$0")-$$

live_ready() {
    [ "$(id -u)" -eq 0 ] && command -v tcpreplay >/dev/null && ip netns add "$space-0" 2>/dev/null || return 1
    trap 'kill -KILL "$watching" 2>/dev/null; ip netns del "$space-0"; ip netns del "$space-1"; chmod -R u+w "$work"; rm -rf "$work"' EXIT
    ip netns add "$space-1" && make_link
}
make_link() {
    ip link add w0 netns "$space-0" type veth peer name w1 netns "$space-1" || return 1
    local end
    for end in 0 1; do
        ip netns exec "$space-$end" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 "net.ipv6.conf.w$end.disable_ipv6=1" 2>/dev/null
        ip netns exec "$space-$end" ethtool -K "w$end" tso off gso off gro off tx off >/dev/null 2>&1
        ip -n "$space-$end" link set "w$end" up
    done
}
in_space() { ip netns exec "$space-1" "$@"; } # where dbhound is
told() { # PATTERN [TIMES]: waits until dbhound has said it so often
    for _ in $(seq 600); do
        [ "$(grep -cs -e "$1" "$work/err")" -ge "${2:-1}" ] 2>/dev/null && return
        sleep 0.05
    done
    return 1
}
watch() { # DB OPTION...: begins to watch w1; $watching is dbhound itself
    local db=$1; shift
    rm -f "$work/err" "$work/out"
    ip netns exec "$space-1" "$DBHOUND" watch -i w1 -d "$db" --json "$@" >"$work/out" 2>"$work/err" &
    watching=$!
    sent=0
    told watching
}
finish() { # [SIGNAL]: ends the watch and waits for it
    sleep 0.1 # a packet that tcpreplay has sent may still be on its way through the sending kernel
    kill "-${1:-INT}" "$watching"
    wait "$watching" 2>/dev/null
    code=$?
}
play() { # tcpreplay's options and a capture: from w0
    ip netns exec "$space-0" tcpreplay -q -i w0 "$@" >"$work/played" 2>&1
    sent=$((sent + $(sed -n 's/^Actual: \([0-9]*\) packets.*/\1/p' "$work/played")))
}
field() { # PATH: of the object that the watch printed
    python3 -c 'import json,sys
d=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("/"): d=d[k]
print(sum(d.values()) if isinstance(d, dict) else d)' "$work/out" "$1"
}
arrived() { echo $(($(field packets/received) + $(field packets/kernel_drops) + $(field counters/packets.interface_drops))); }
