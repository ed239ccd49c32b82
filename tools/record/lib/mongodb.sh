# shellcheck shell=bash
# FerretDB 1.24 with its SQLite backend on 27017, with TLS on 27018; on 27019 a small server of our own (servers/mongodb.py) for
# what FerretDB lacks: compression, streams of replies, checksums, the opcodes of old. PyMongo is what the stories use to talk.
# Both are fetched and built outside the repository, or given: FERRETDB=program, PYMONGO=python with pymongo, snappy, zstandard.

MONGODB_UP=

build_ferretdb() {
    mkdir -p "$WORK/ferret" "$WORK/bin"
    printf 'module peers\ngo 1.22\nrequire github.com/FerretDB/FerretDB v1.24.0\n' >"$WORK/ferret/go.mod"
    (cd "$WORK/ferret" || exit
     export GOFLAGS=-mod=mod
     from=$(go mod download -json github.com/FerretDB/FerretDB@v1.24.0 | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
     cp -r "$from" source && chmod -R u+w source || exit
     echo v1.24.0 >source/build/version/version.txt # the module comes without it and refuses to start
     echo 'replace github.com/FerretDB/FerretDB => ./source' >>go.mod
     go build -o "$WORK/bin/ferretdb" github.com/FerretDB/FerretDB/cmd/ferretdb) >"$WORK/log/ferret-build" 2>&1 ||
        die "FerretDB cannot be built: $(tail -n 1 "$WORK/log/ferret-build")"
    FERRETDB=$WORK/bin/ferretdb
}

fetch_pymongo() {
    python3 -m venv "$WORK/venv" && "$WORK/venv/bin/pip" -q install pymongo python-snappy zstandard >"$WORK/log/pip" 2>&1 ||
        die "PyMongo cannot be fetched: $(tail -n 1 "$WORK/log/pip")"
    PYMONGO=$WORK/venv/bin/python
}

mongodb_up() {
    [ -z "$MONGODB_UP" ] || return 0
    [ -n "${FERRETDB:-}" ] || build_ferretdb
    [ -n "${PYMONGO:-}" ] || fetch_pymongo
    make_certificate
    mkdir "$WORK/mongodb" "$WORK/mongodb-state"
    spawn ferretdb ip netns exec "$SERVER_NS" "$FERRETDB" --handler=sqlite --sqlite-url="file:$WORK/mongodb/" --listen-addr=:27017 \
        --listen-tls=:27018 --listen-tls-cert-file="$WORK/tls/server.crt" --listen-tls-key-file="$WORK/tls/server.key" \
        --telemetry=disable --state-dir="$WORK/mongodb-state" --debug-addr=- --test-enable-new-auth \
        --setup-username=app --setup-password=app-word --setup-database=admin
    spawn mongodb-small ip netns exec "$SERVER_NS" "$PYMONGO" "$HERE/servers/mongodb.py" 27019
    MONGODB_UP=1
    until_true 20 ip netns exec "$SERVER_NS" bash -c "exec 3<>/dev/tcp/127.0.0.1/27017 4<>/dev/tcp/127.0.0.1/27018 5<>/dev/tcp/127.0.0.1/27019" ||
        die "FerretDB does not come up: $(tail -n 1 "$WORK/log/ferretdb")"
}

# mon SCENE [PORT]: PyMongo. raw_mongodb SCENE [PORT]: bytes that no driver sends any more.
mon() { talk "$PYMONGO" "$HERE/clients/mongodb.py" "$HOST" "${2:-27017}" "$1"; }
raw_mongodb() { talk "$PYMONGO" "$HERE/clients/raw_mongodb.py" "$HOST" "${2:-27019}" "$1"; }
