# shellcheck shell=bash
# SQL Server is not in Debian: real clients (FreeTDS, the drivers tedious for Node.js and pytds for Python, Microsoft's JDBC
# driver) talk to the project's own small server, peers/tds.py, on port 1433, in the mode that the story asks for.

TDS_UP=

tds_up() {
    [ -z "$TDS_UP" ] || return 0
    make_certificate
    TDS_UP=1
}

# tds_serve MODE: the server of one story
tds_serve() {
    spawn "tds-$1" ip netns exec "$SERVER_NS" python3 "$HERE/peers/tds.py" 1433 "$1" "$WORK/tls/server.crt" "$WORK/tls/server.key"
    echo "$SPAWNED" >"$WORK/tmp/tds.pid" # what comes before a story runs in a shell of its own
    until_true 10 ip netns exec "$SERVER_NS" bash -c "exec 3<>/dev/tcp/127.0.0.1/1433" || die "peers/tds.py does not come up"
}

tds_end() { end_process "$(cat "$WORK/tmp/tds.pid")"; }

# tds_conf LINE...: what FreeTDS is to do, as a server named shop
tds_conf() {
    printf '[shop]\n host = %s\n port = 1433\n' "$HOST" >"$WORK/tmp/freetds.conf"
    printf ' %s\n' "$@" >>"$WORK/tmp/freetds.conf"
    export FREETDSCONF=$WORK/tmp/freetds.conf
}

# sql [ARGUMENT...]: tsql as app, lines from the standard input
sql() { talk timeout 20 tsql -S shop -U app -P app-word "$@"; }

with_tedious() {
    [ -d "$WORK/tedious/node_modules" ] || { mkdir -p "$WORK/tedious" && (cd "$WORK/tedious" && npm install --no-audit --no-fund tedious) >"$WORK/log/npm" 2>&1; } ||
        { complain "npm could not fetch tedious: $(tail -n 1 "$WORK/log/npm")"; return 1; }
    NODE_TLS_REJECT_UNAUTHORIZED=0 NODE_PATH=$WORK/tedious/node_modules talk timeout 1200 node "$HERE/clients/${TEDIOUS_CLIENT:-tedious.js}" "$@"
}

with_jdbc() {
    local version=13.4.0.jre11 repository=$WORK/maven
    [ -n "$(find "$repository" -name "mssql-jdbc-$version.jar" 2>/dev/null)" ] ||
        mvn -q -B dependency:get "-Dmaven.repo.local=$repository" -Dartifact="com.microsoft.sqlserver:mssql-jdbc:$version" -Dtransitive=false \
            >"$WORK/log/mvn" 2>&1 || { complain "mvn could not fetch mssql-jdbc: $(tail -n 1 "$WORK/log/mvn")"; return 1; }
    talk timeout 1200 java -cp "$(find "$repository" -name "mssql-jdbc-$version.jar" | head -n 1)" "$HERE/clients/${JDBC_CLIENT:-Jdbc.java}" "$@"
}

with_pytds() {
    [ -d "$WORK/pytds" ] || pip install -q --target "$WORK/pytds" python-tds >"$WORK/log/pip" 2>&1 ||
        { complain "pip could not fetch python-tds: $(tail -n 1 "$WORK/log/pip")"; return 1; }
    PYTHONPATH=$WORK/pytds talk timeout 60 python3 "$HERE/clients/$1"
}
