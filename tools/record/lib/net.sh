# shellcheck shell=bash
# Two network namespaces joined by a veth pair, MTU 1500, every offload off, so
# that captures look like those of a mirror port. Nothing leaves them.

SERVER_NS=dbhrec-s-$$
CLIENT_NS=dbhrec-c-$$

net_up() {
    local side ns feature
    ip netns add "$SERVER_NS" && ip netns add "$CLIENT_NS" || die "cannot make network namespaces"
    ip link add srv netns "$SERVER_NS" type veth peer name cli netns "$CLIENT_NS" || die "cannot make a veth pair"
    for side in srv cli; do
        ns=$SERVER_NS
        [ $side = srv ] || ns=$CLIENT_NS
        ip -n "$ns" link set lo up
        ip -n "$ns" link set $side mtu 1500 up
        for feature in tso gso gro tx rx sg tx-udp-segmentation; do
            ip netns exec "$ns" ethtool -K $side $feature off >>"$WORK/log/ethtool" 2>&1
        done
    done
    ip -n "$SERVER_NS" addr add 10.77.0.1/24 dev srv
    ip -n "$CLIENT_NS" addr add 10.77.0.2/24 dev cli
    ip -n "$SERVER_NS" addr add fd77::1/64 dev srv nodad
    ip -n "$CLIENT_NS" addr add fd77::2/64 dev cli nodad
    # The first packet should not be lost to neighbour discovery.
    until_true 5 ip netns exec "$CLIENT_NS" ping -c 1 -W 1 10.77.0.1
    until_true 5 ip netns exec "$CLIENT_NS" ping -c 1 -W 1 fd77::1
}

net_down() {
    ip netns del "$CLIENT_NS" 2>/dev/null
    ip netns del "$SERVER_NS" 2>/dev/null
}

# Sets TALK_NS, the namespace clients run in, HOST, the server's address as they
# see it, and LINK, the interface of the server's namespace that is captured.
where_to_talk() {
    case $1 in
    lo) TALK_NS=$SERVER_NS HOST=127.0.0.1 LINK=lo ;;
    veth6) TALK_NS=$CLIENT_NS HOST=fd77::1 LINK=srv ;;
    *) TALK_NS=$CLIENT_NS HOST=10.77.0.1 LINK=srv ;;
    esac
    export HOST
}

# shape_link small|lossy|plain
#   small: segments of 76 bytes, so that every header is cut somewhere
#   lossy: packets are dropped by count before and behind the point of capture,
#          so that it holds second sendings and segments out of order
shape_link() {
    local mss=() side ns
    link_plain
    case $1 in
    small) mss=(advmss 88) ;;
    lossy)
        for ns in "$SERVER_NS" "$CLIENT_NS"; do
            ip netns exec "$ns" nft -f - <<'NFT' || return 1
table inet lossy {
    chain arriving {
        type filter hook input priority 0;
        tcp flags & (syn | fin | rst) == 0 meta length > 80 numgen inc mod 9 == 4 drop
    }
    chain leaving {
        type filter hook output priority 0;
        tcp flags & (syn | fin | rst) == 0 meta length > 80 numgen inc mod 11 == 6 drop
    }
}
NFT
        done
        ;;
    esac
    for side in srv cli; do
        ns=$SERVER_NS
        [ $side = srv ] || ns=$CLIENT_NS
        ip -n "$ns" route replace 10.77.0.0/24 dev $side proto kernel scope link "${mss[@]}"
    done
}

link_plain() {
    local ns
    for ns in "$SERVER_NS" "$CLIENT_NS"; do
        ! command -v nft >/dev/null || ip netns exec "$ns" nft flush ruleset
    done
}

talk() { ip netns exec "$TALK_NS" "$@"; }
