# shellcheck shell=bash
# One tcpdump at the server's end of the link for each story.

port_of() {
    case $1 in
    mysql/*) option "$1" port 3306 ;;
    redis/*) option "$1" port 6379 ;;
    drda/*) option "$1" port 1527 ;;
    tns/*) option "$1" port 1521 ;;
    memcached/*) option "$1" port 11211 ;;
    mongodb/*) option "$1" port 27017 ;;
    tds/*) option "$1" port 1433 ;;
    cql/*) option "$1" port 9042 ;;
    *) option "$1" port 5432 ;;
    esac
}

# where a story's capture goes, below the output directory
target_of() {
    local id=$1 suffix=pcap
    case $(option "$id" form pcap) in
    pcapng | secrets) suffix=pcapng ;;
    gz) suffix=pcap.gz ;;
    zst) suffix=pcap.zst ;;
    esac
    if is_big "$id"; then
        echo "${id/\//-}.$suffix"
    else
        echo "${id%%/*}/$(option "$id" kind clean)-${id#*/}.$suffix"
    fi
}

packet_count() {
    case $1 in
    *.zst) zstd -qdc "$1" | tcpdump -nr - --count 2>/dev/null | sed -n 's/ packet.*//p' ;;
    *.gz) gzip -dc "$1" | tcpdump -nr - --count 2>/dev/null | sed -n 's/ packet.*//p' ;;
    *) capinfos -Mc "$1" | sed -n 's/^Number of packets: *//p' ;;
    esac
}

listening() { grep -q 'listening on' "$WORK/log/tcpdump"; }

capture_start() {
    local how=(-U --immediate-mode)
    is_big "$STORY" && how=(-B 262144)
    : >"$WORK/log/tcpdump"
    ip netns exec "$SERVER_NS" tcpdump -Z root -ni "$LINK" -s 0 "${how[@]}" \
        --time-stamp-precision="$(option "$STORY" stamp micro)" \
        -w "$WORK/cap/now.pcap" tcp port "$(port_of "$STORY")" >"$WORK/log/tcpdump" 2>&1 </dev/null 7>&- &
    echo $! >"$WORK/cap/pid"
    until_true 10 listening || { complain "tcpdump does not listen"; return 1; }
}

capture_stop() {
    [ -f "$WORK/cap/pid" ] || return 0
    sleep 0.4
    ! is_big "$STORY" || sleep 1.5
    end_process "$(cat "$WORK/cap/pid")" INT
    rm -f "$WORK/cap/pid"
}

capture_abandon() {
    [ ! -f "$WORK/cap/pid" ] || end_process "$(cat "$WORK/cap/pid")" INT
}

capture_keep() {
    local file dropped
    file=$OUT/$(target_of "$STORY")
    mkdir -p "$(dirname "$file")"
    dropped=$(sed -n 's/ packets* dropped by kernel.*//p' "$WORK/log/tcpdump")
    if [ "${dropped:-none}" != 0 ]; then
        complain "$STORY: the kernel dropped ${dropped:-an unknown number of} packets, not kept"
        return 1
    fi
    case $(option "$STORY" form pcap) in
    pcapng) editcap -F pcapng "$WORK/cap/now.pcap" "$file" ;;
    secrets) editcap -F pcapng --inject-secrets "tls,$WORK/cap/now.keylog" "$WORK/cap/now.pcap" "$file" ;;
    gz) gzip -9nc "$WORK/cap/now.pcap" >"$file" ;;
    zst) zstd -q19c "$WORK/cap/now.pcap" >"$file" ;;
    *) cp "$WORK/cap/now.pcap" "$file" ;;
    esac || return 1
    if ! is_big "$STORY" && [ "$(option "$STORY" kind clean)" = clean ]; then
        : >"$OUT/${STORY%%/*}/clean-${STORY#*/}.expected"
    fi
    printf '%-32s %8s packets %10s bytes\n' "$STORY" "$(packet_count "$file")" "$(stat -c %s "$file")"
    if [ -f "$WORK/cap/now.keylog" ] && [ "$(option "$STORY" form pcap)" != secrets ]; then
        cp "$WORK/cap/now.keylog" "${file%%.pcap*}.keylog"
    fi
    rm -f "$WORK/cap/now.pcap" "$WORK/cap/now.keylog"
}
