# shellcheck shell=bash
# The habits of MySQL 8 that MariaDB lacks: real drivers of MySQL, and a small server of ours (peers/mysql8.py) on port 3310.

mysql8_serve() {
    python_with mysql8 pymysql mysql-connector-python cryptography zstandard
    PYTHONPATH=$WORK/mysql8 spawn mysql8 ip netns exec "$SERVER_NS" python3 "$HERE/peers/mysql8.py" 0.0.0.0 3310
    echo "$SPAWNED" >"$WORK/tmp/mysql8.pid" # what comes before a story runs in a shell of its own
    until_true 30 ip netns exec "$SERVER_NS" bash -c 'exec 3<>/dev/tcp/127.0.0.1/3310' || die "peers/mysql8.py does not come up"
}
mysql8_end() { end_process "$(cat "$WORK/tmp/mysql8.pid")"; }
for name in pymysql connector-python mysql2 go connector-j; do
    eval "before_mysql_eight_${name//-/_}() { mysql8_serve; }; after_mysql_eight_${name//-/_}() { mysql8_end; }"
done

mysql8_py() { PYTHONPATH=$WORK/mysql8 talk timeout 60 python3 "$HERE/clients/mysql8.py" "$@"; }

story mysql/eight-pymysql "caching_sha2_password with the server's key, then fast; several statements; a wrong password" port=3310 server=peers/mysql8.py by=pymysql form=zst
mysql_eight_pymysql() { mysql8_py pymysql; }

story mysql/eight-connector-python "query attributes, prepared statements with names, zlib, COM_RESET_CONNECTION, COM_CHANGE_USER, statistics" \
    port=3310 server=peers/mysql8.py by=mysql-connector-python,pymysql form=zst
mysql_eight_connector_python() { mysql8_py connector; }

story mysql/eight-mysql2 "session tracking, prepared statements, zlib, another user" port=3310 server=peers/mysql8.py by=mysql2 needs=node form=zst
mysql_eight_mysql2() { with_node mysql8.js; }

story mysql/eight-go "go-sql-driver; and go-mysql with zstd" port=3310 server=peers/mysql8.py by=go-sql-driver,go-mysql
mysql_eight_go() {
    go_client mysql8 mysql8 github.com/go-sql-driver/mysql@v1.8.1 github.com/go-mysql-org/go-mysql/client@v1.12.0 github.com/go-mysql-org/go-mysql/mysql@v1.12.0 &&
        talk "$WORK/bin/mysql8" "$HOST" 3310
}

story mysql/eight-connector-j "query attributes of none, cursors, batches, several statements, zlib" port=3310 server=peers/mysql8.py by=mysql-connector-j needs=java form=zst
mysql_eight_connector_j() {
    local jar repository=$WORK/maven-mysql
    mvn -q -B dependency:get "-Dmaven.repo.local=$repository" -Dartifact=com.mysql:mysql-connector-j:9.1.0 -Dtransitive=false >"$WORK/log/mvn" 2>&1 || return 1
    jar=$(find "$repository" -name mysql-connector-j-9.1.0.jar | head -n 1)
    talk timeout 120 java -cp "$jar" "$HERE/clients/Mysql8.java" 3310
}
