# shellcheck shell=bash
# Clients that are not in Debian's server packages: fetched or compiled once a
# run, outside the repository.

node_up() {
    [ ! -d "$WORK/node/node_modules" ] || return 0
    mkdir -p "$WORK/node"
    (cd "$WORK/node" && npm install --no-audit --no-fund mysql2 mariadb pg pg-query-stream pg-copy-streams redis ioredis memjs memcached mongodb cassandra-driver oracledb) \
        >"$WORK/log/npm" 2>&1 || { complain "npm could not fetch the drivers: $(tail -n 1 "$WORK/log/npm")"; return 1; }
}

# with_node SCRIPT ARGUMENT...
with_node() {
    local script=$1
    shift
    node_up || return 1
    NODE_PATH=$WORK/node/node_modules talk node "$HERE/clients/$script" "$@"
}

# compiled NAME: builds clients/NAME.c if it is not yet built
compiled() {
    [ ! -x "$WORK/$1" ] || return 0
    case $1 in
    keylog) cc -shared -fPIC -O1 -Wall -o "$WORK/$1" "$HERE/clients/$1.c" -ldl ;;
    capi) # shellcheck disable=SC2046 # the flags are several words
        cc -O1 -Wall -o "$WORK/$1" "$HERE/clients/$1.c" $(mariadb_config --cflags --libs) ;;
    *) cc -O1 -Wall -I/usr/include/postgresql -o "$WORK/$1" "$HERE/clients/$1.c" -lpq ;;
    esac
}

# keyed [NAME=VALUE...] CLIENT...: a client that writes the story's key log, which is kept beside the capture
keyed() {
    compiled keylog
    talk env LD_PRELOAD="$WORK/keylog" SSLKEYLOGFILE="$WORK/cap/now.keylog" "$@"
}

# go_client NAME SOURCE MODULE...: builds clients/SOURCE.go with these modules, once a run. SWAP is a sed script for the source.
go_client() {
    local name=$1 source=$2
    shift 2
    [ ! -x "$WORK/bin/$name" ] || return 0
    mkdir -p "$WORK/go-$name" "$WORK/bin"
    sed "${SWAP:-}" "$HERE/clients/$source.go" >"$WORK/go-$name/main.go"
    (cd "$WORK/go-$name" && { [ -f go.mod ] || go mod init load; } && go get "$@" && go build -o "$WORK/bin/$name" .) >"$WORK/log/go" 2>&1 ||
        { complain "$name cannot be built: $(tail -n 1 "$WORK/log/go")"; return 1; }
}

# python_with DIRECTORY PACKAGE...: packages in a directory of their own
python_with() {
    local to=$WORK/$1
    shift
    [ -d "$to" ] || python3 -m pip install -q --target "$to" "$@" >"$WORK/log/pip" 2>&1 || { complain "pip could not fetch $*"; return 1; }
}
