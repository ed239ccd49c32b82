# shellcheck shell=bash
# A million messages and more of every protocol that is spoken to a peer that Debian lacks, of many kinds: what dbhound must be silent about.
# Never kept in the repository.

story cql/load "drivers for Python, Node.js and Go, old and new: versions 3 to 5, every compression, every type and request" size=big \
    by=cassandra-driver,cassandra-driver-js,gocql needs=node
before_cql_load() {
    SWAP='s#gocql "github.com/apache/cassandra-gocql-driver/v2"#"github.com/gocql/gocql"#; /v2.lz4/d; /v2.snappy/d; s/snappy.SnappyC/gocql.SnappyC/; /case "lz4"/,/LZ4Compressor/d' \
        go_client gocql-1 load_cql github.com/gocql/gocql@v1.6.0
    go_client gocql-2 load_cql github.com/apache/cassandra-gocql-driver/v2@v2.1.2 github.com/apache/cassandra-gocql-driver/v2/lz4@v2.1.2 github.com/apache/cassandra-gocql-driver/v2/snappy@v2.1.2
    python_with python-old cassandra-driver==3.27.0 lz4 python-snappy
    node_up
}
load_cql() { PYTHONPATH=$WORK/$1 talk python3 "$HERE/clients/load_cql.py" "$HOST" "${@:2}"; }
load_go() { talk "$WORK/bin/$1" "$HOST" $((scale * 10000)) "$2" "$3"; }
cql_load() {
    local scale=${LOAD_SCALE:-10}
    load_cql python $((scale * 50)) 1 5
    load_cql python $((scale * 50)) 2 5 lz4
    load_cql python $((scale * 50)) 3 4
    load_cql python $((scale * 50)) 4 4 snappy
    load_cql python $((scale * 50)) 5 3 lz4
    load_cql python-old $((scale * 50)) 6 4 lz4
    load_cql python-old $((scale * 50)) 7 3
    with_node load_cql.js "$scale" 4
    with_node load_cql.js "$scale" 3
    load_go gocql-1 3 none
    load_go gocql-1 4 none
    load_go gocql-1 4 snappy
    load_go gocql-2 4 lz4
    load_go gocql-2 5 none
    load_go gocql-2 5 lz4
}

story tds/load "tsql, pytds, pymssql, tedious, mssql-jdbc and go-mssqldb: 7.0 to 7.4, every type, parameters, bulk load, attention, MARS" size=big \
    by=tsql,pytds,pymssql,tedious,mssql-jdbc,go-mssqldb needs=node,java,pip
before_tds_load() {
    go_client load_tds load_tds github.com/microsoft/go-mssqldb@v1.7.2
    python_with python-tds python-tds pymssql
    tds_serve plain
}
after_tds_load() { tds_end; }
load_tds() { PYTHONPATH=$WORK/python-tds talk timeout 60 python3 "$HERE/clients/load_tds.py" "$@"; }
tds_load() {
    local scale=${LOAD_SCALE:-10} v size how
    for v in 7.0 7.1 7.2 7.3 7.4; do
        tds_conf "tds version = $v" "initial block size = $([ $v = 7.3 ] && echo 512 || echo 4096)" "client charset = UTF-8"
        for ((i = 0; i < scale * 100; i++)); do printf 'select mix %d\ngo\n' $((RANDOM * 30 + i)); done | talk tsql -S shop -U app -P app-word
    done >"$WORK/log/tsql" 2>&1
    for v in 7.0 7.1 7.2 7.3 7.4; do load_tds pymssql $((scale * 100)) "${v#7.}" $v; done
    for v in 70000000 71000001 72090002 730B0003 74000004; do load_tds pytds $((scale * 100)) 3 $v || true; done # the driver waits forever now and then
    for v in 7_1 7_2 7_3_A 7_3_B 7_4; do
        for size in 512 4096 16000; do with_tedious_load $((scale * 150)) $v $size; done
    done
    for how in '' 'sendStringParametersAsUnicode=false;sendTimeAsDatetime=false' 'prepareMethod=prepare;statementPoolingCacheSize=20;disableStatementPooling=false' 'useBulkCopyForBatchInsert=true;responseBuffering=full'; do
        JDBC_CLIENT=LoadTds.java with_jdbc $((scale * 300)) "$how"
    done
    for size in 512 4096 32767; do talk "$WORK/bin/load_tds" "$HOST" $((scale * 17000)) $size; done
}
with_tedious_load() { TEDIOUS_CLIENT=load_tds.js with_tedious "$@"; }

story mongodb/load "FerretDB with PyMongo and the drivers for Node.js and Go: every type it has, cursors, errors, logins" size=big by=pymongo,node-mongodb,mongo-driver needs=node
before_mongodb_load() {
    go_client load_mongodb load_mongodb go.mongodb.org/mongo-driver@v1.17.1
    node_up
}
load_mongodb() { talk "$PYMONGO" "$HERE/clients/load_mongodb.py" "$HOST" "$@"; }
mongodb_load() {
    local scale=${LOAD_SCALE:-10} seed
    for seed in 1 2 3; do load_mongodb 27017 $((scale * 500)) $seed; done
    with_node load_mongodb.js $((scale * 2))
    talk "$WORK/bin/load_mongodb" "$HOST" $((scale * 30000))
}

story mongodb/load-small "every type of BSON, compressed and not, writes without an answer, streams of hello" size=big port=27019 server=servers/mongodb.py by=pymongo
mongodb_load_small() {
    local scale=${LOAD_SCALE:-10} how
    for how in '' zlib snappy zstd zstd,zlib,snappy; do talk "$PYMONGO" "$HERE/clients/load_mongodb.py" "$HOST" 27019 $((scale * 1500)) 7 ${how:+$how}; done
}

story drda/load "statements of every kind, every type, LOBs, batches, cursors, errors, two ways to send the password" size=big by=derbyclient
before_drda_load() { javac -d "$WORK/java" -cp "$DERBY_JARS/derbyclient.jar" "$HERE/clients/LoadDerby.java"; }
load_derby() { talk java -Xmx256m -cp "$DERBY_JARS/derbyclient.jar:$WORK/java" LoadDerby "$HOST" "$@"; }
drda_load() {
    local scale=${LOAD_SCALE:-10}
    load_derby $((scale * 1500)) 1 work
    load_derby $((scale * 1500)) 2 work 'securityMechanism=8'
    load_derby $((scale * 1500)) 3 work 'retrieveMessageText=false' &
    load_derby $((scale * 1500)) 4 work 'securityMechanism=4'
    wait %1
}
