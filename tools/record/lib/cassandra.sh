# shellcheck shell=bash
# A Cassandra server of our own, from its Maven artifacts: one node with 1 GB, on Java 17.

CASSANDRA_VERSION=5.0.2
CASSANDRA_AUTH=
CASSANDRA_PID=

# The jars, once a run.
cassandra_fetch() {
    [ ! -d "$WORK/cassandra/lib" ] || return 0
    mkdir -p "$WORK/cassandra/conf"
    cat >"$WORK/cassandra/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>record</groupId><artifactId>record</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId>
<version>$CASSANDRA_VERSION</version></dependency></dependencies></project>
XML
    (cd "$WORK/cassandra" && mvn -q dependency:copy-dependencies -DoutputDirectory=lib) >"$WORK/log/mvn" 2>&1 ||
        die "mvn could not fetch Cassandra: $(tail -n 1 "$WORK/log/mvn")"
    echo '<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%-5level %msg%n</pattern></encoder></appender><root level="INFO"><appender-ref ref="out"/></root></configuration>' \
        >"$WORK/cassandra/conf/logback.xml"
}

# The options of cassandra.yaml that differ from the built-in ones.
cassandra_configure() {
    local dir=$WORK/cassandra
    rm -rf "$dir/data"
    cat >"$dir/conf/cassandra.yaml" <<YAML
cluster_name: recording
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "10.77.0.1:7000"
listen_address: 10.77.0.1
rpc_address: "::"
broadcast_rpc_address: 10.77.0.1
start_native_transport: true
endpoint_snitch: SimpleSnitch
commitlog_sync: periodic
commitlog_sync_period: 10000ms
data_file_directories: [$dir/data/data]
commitlog_directory: $dir/data/commitlog
saved_caches_directory: $dir/data/saved
hints_directory: $dir/data/hints
cdc_raw_directory: $dir/data/cdc
authenticator: $1
authorizer: AllowAllAuthorizer
memtable_heap_space: 64MiB
key_cache_size: 1MiB
auto_snapshot: false
YAML
}

# cassandra_up AUTHENTICATOR
cassandra_up() {
    [ "$CASSANDRA_AUTH" != "$1" ] || return 0
    [ -z "$CASSANDRA_PID" ] || end_process "$CASSANDRA_PID"
    cassandra_fetch
    cassandra_python
    cassandra_configure "$1"
    local part opens=()
    for part in java.base/java.{lang,lang.module,lang.reflect,util,util.concurrent,util.concurrent.atomic,nio,io,net,math} java.base/sun.nio.ch \
        java.base/jdk.internal.{loader,ref,reflect,math,module,util.jar,misc} jdk.management/com.sun.management.internal \
        java.management.rmi/sun.management.jmxremote java.rmi/sun.rmi.{registry,server,transport,transport.tcp} \
        jdk.management.jfr/jdk.management.jfr java.sql/java.sql java.management/sun.management java.base/sun.security.x509; do
        opens+=(--add-opens "$part=ALL-UNNAMED" --add-exports "$part=ALL-UNNAMED")
    done
    spawn cassandra ip netns exec "$SERVER_NS" "$(java_17)" "${opens[@]}" -Djdk.attach.allowAttachSelf=true -Xms512m -Xmx1g -XX:+UseSerialGC \
        "-Dcassandra.config=file://$WORK/cassandra/conf/cassandra.yaml" "-Dcassandra.storagedir=$WORK/cassandra/data" \
        -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=1 -Dcassandra.superuser_setup_delay_ms=1 \
        -Dcassandra-foreground=yes -Djava.security.manager=allow "-Dlogback.configurationFile=$WORK/cassandra/conf/logback.xml" \
        -cp "$WORK/cassandra/conf:$WORK/cassandra/lib/*" org.apache.cassandra.service.CassandraDaemon
    CASSANDRA_PID=$SPAWNED
    CASSANDRA_AUTH=$1
    until_true 120 grep -q "Created default superuser\|Startup complete" "$WORK/log/cassandra" ||
        die "Cassandra does not come up: $(tail -n 1 "$WORK/log/cassandra")"
    sleep 3
    HOST=10.77.0.1 TALK_NS=$CLIENT_NS cql_client prepare 4 || die "Cassandra does not serve"
}

java_17() {
    local java
    for java in /usr/lib/jvm/java-17-*/bin/java; do [ -x "$java" ] && break; done
    echo "$java"
}

# The Python driver, once a run.
cassandra_python() {
    [ ! -d "$WORK/python" ] || return 0
    python3 -m pip install -q --target "$WORK/python" cassandra-driver lz4 python-snappy >"$WORK/log/pip" 2>&1 ||
        die "pip could not fetch the driver: $(tail -n 1 "$WORK/log/pip")"
}

# cql_client STORY VERSION [COMPRESSION]
cql_client() { PYTHONPATH=$WORK/python talk python3 "$HERE/clients/cql.py" "$HOST" "$@"; }
