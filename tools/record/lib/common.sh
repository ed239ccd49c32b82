# shellcheck shell=bash
# Stories, messages, requirements, and processes that are ended by their pid.

STORIES=()
declare -A TEXT OPTIONS

# story PROTOCOL/NAME "one line" [key=value...]
#   on=veth|lo|veth6    where the traffic flows (veth)
#   link=small|lossy    small segments, lost packets
#   start=early|late    late: the story itself says when capture begins
#   port=N              the server's port (3306 or 5432)
#   server=...          the server, for the table, where it is not the protocol's usual one
#   stamp=micro|nano    time stamps of the file
#   form=pcap|pcapng|gz|zst|secrets
#                       secrets: pcapng with the key log inside
#   size=small|big      big ones are never kept in the repository
#   needs=a,b           node, cc, pgbouncer: what the story needs besides the servers
#   kind=clean|attack|undecoded|unusual
#                       attack: somebody sends what no client sends; undecoded: nothing is wrong, and not all is read (clean)
#   auth=...            cql: the authenticator of the server
#   by=...              the clients, for the table
story() {
    local id=$1
    STORIES+=("$id")
    TEXT[$id]=$2
    shift 2
    OPTIONS[$id]="$*"
}

# option ID KEY DEFAULT
option() {
    local word
    for word in ${OPTIONS[$1]}; do
        if [ "${word%%=*}" = "$2" ]; then
            echo "${word#*=}"
            return
        fi
    done
    echo "$3"
}

is_big() { [ "$(option "$1" size small)" = big ]; }

complain() { echo "record: $*" >&2; }

die() {
    complain "$@"
    exit 1
}

# need PROGRAM PACKAGE
need() {
    command -v "$1" >/dev/null || MISSING+=("$2")
}

need_everything() {
    local id
    MISSING=()
    [ "$(id -u)" = 0 ] || die "needs root: it makes network namespaces and captures"
    need ip iproute2
    need ethtool ethtool
    need tcpdump tcpdump
    need editcap tshark
    need capinfos tshark
    need openssl openssl
    need setpriv util-linux
    need python3 python3
    for id in "$@"; do
        case $id in
        mysql/*)
            need mariadbd mariadb-server
            need mariadb mariadb-client
            need sysbench sysbench
            ;;
        drda/*)
            need javac default-jdk-headless
            [ -f /usr/share/java/derbynet.jar ] || MISSING+=(libderby-java)
            ;;
        memcached/*)
            need memcached memcached
            need memccat libmemcached-tools
            need saslpasswd2 sasl2-bin
            ;;
        pgsql/*)
            [ -x "$PGBIN/postgres" ] || MISSING+=(postgresql-15)
            need psql postgresql-client-15
            ;;
        esac
        case $id in
        mongodb/*)
            [ -n "${FERRETDB:-}" ] || need go golang
            [ -n "${PYMONGO:-}" ] || need pip3 python3-venv
            ;;
        cql/*)
            need mvn maven
            [ -x "$(java_17)" ] || MISSING+=(openjdk-17-jre-headless)
            ;;
        redis/*)
            need redis-server redis-server
            need redis-cli redis-tools
            ;;
        tds/*) need tsql freetds-bin ;;
        esac
        case $(option "$id" link plain) in
        lossy) need nft nftables ;;
        esac
        case $(option "$id" form pcap) in
        gz) need gzip gzip ;;
        zst) need zstd zstd ;;
        esac
        case ,$(option "$id" needs ''), in
        *,node,*) need node nodejs; need npm npm ;;
        *,pip,*) need pip python3-pip ;;
        *,java,*) need java default-jdk-headless; need mvn maven ;;
        esac
        case ,$(option "$id" needs ''), in
        *,cc,*)
            need cc gcc
            case $id in
            mysql/*) need mariadb_config libmariadb-dev ;;
            pgsql/*) [ -f /usr/include/postgresql/libpq-fe.h ] || MISSING+=(libpq-dev) ;;
            esac
            ;;
        esac
        case ,$(option "$id" needs ''), in
        *,pgbouncer,*) need pgbouncer pgbouncer ;;
        esac
    done
    [ ${#MISSING[@]} -eq 0 ] || die "missing, install with: apt-get install $(printf '%s\n' "${MISSING[@]}" | sort -u | xargs)"
}

PIDS=()

work_begin() {
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/dbhound-record.XXXXXX") || die "no temporary directory"
    chmod 755 "$WORK"
    mkdir "$WORK/log" "$WORK/cap" "$WORK/tmp"
    chmod 1777 "$WORK/tmp"
    trap work_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

work_end() {
    local rc=$? i
    trap - EXIT
    capture_abandon
    for ((i = ${#PIDS[@]} - 1; i >= 0; i--)); do end_process "${PIDS[i]}"; done
    net_down
    if [ -n "$KEEP" ]; then
        complain "kept $WORK"
    else
        rm -rf "$WORK"
    fi
    exit $rc
}

# spawn LOG COMMAND...: a server in the background; its pid is in SPAWNED
spawn() {
    local log=$1
    shift
    setsid "$@" >"$WORK/log/$log" 2>&1 </dev/null &
    SPAWNED=$!
    PIDS+=("$SPAWNED")
}

# end_process PID [SIGNAL]: asks, waits up to 20 s, then insists
end_process() {
    local i
    kill -"${2:-TERM}" "$1" 2>/dev/null || return 0
    for ((i = 0; i < 200; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null
}

# until_true SECONDS COMMAND...
until_true() {
    local left=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.1
    done
}

# fails COMMAND...: the story wants this one to be refused
fails() {
    if "$@"; then
        echo "should have failed: $*"
        return 1
    fi
}
