# shellcheck shell=bash
# Small stories of Cassandra's native protocol.

story cql/v3 "version 3: queries, prepared statements, rows, errors" by=cassandra-driver
cql_v3() { cql_client simple 3; }

story cql/v4 "the same in version 4" by=cassandra-driver
cql_v4() { cql_client simple 4; }

story cql/v5 "the same in version 5: segments" by=cassandra-driver
cql_v5() { cql_client simple 5; }

story cql/v3-lz4 "version 3, bodies compressed with LZ4" by=cassandra-driver
cql_v3_lz4() { cql_client simple 3 lz4; }

story cql/v4-lz4 "version 4, bodies compressed with LZ4" by=cassandra-driver
cql_v4_lz4() { cql_client simple 4 lz4; }

story cql/v4-snappy "version 4, bodies compressed with Snappy" by=cassandra-driver
cql_v4_snappy() { cql_client simple 4 snappy; }

story cql/v5-lz4 "version 5, segments compressed with LZ4" by=cassandra-driver
cql_v5_lz4() { cql_client simple 5 lz4; }

story cql/types "columns of every type, nested ones, a vector; statements whose metadata changes" by=cassandra-driver
cql_types() { cql_client types 5; }

story cql/types-v4 "columns of every type in version 4" by=cassandra-driver
cql_types_v4() { cql_client types 4; }

story cql/paging "results in pages" by=cassandra-driver
cql_paging() { cql_client paging 4; }

story cql/batch "logged, unlogged and counter batches, one refused" by=cassandra-driver
cql_batch() { cql_client batch 4; }

story cql/batch-v5 "batches in version 5" by=cassandra-driver
cql_batch_v5() { cql_client batch 5; }

story cql/parameters "values not set and null, conditional updates, custom payload, tracing" by=cassandra-driver
cql_parameters() { cql_client parameters 4; }

story cql/parameters-v5 "the same in version 5" by=cassandra-driver
cql_parameters_v5() { cql_client parameters 5; }

story cql/errors "ordinary errors of queries on a session that goes on" by=cassandra-driver
cql_errors() { cql_client errors 5; }

story cql/streams "400 queries in flight" by=cassandra-driver
cql_streams() { cql_client streams 4; }

story cql/large "a value of 160,000 bytes: segments of one large message, both ways" form=zst by=cassandra-driver
cql_large() { cql_client large 5; }

story cql/large-lz4 "the same, compressed" by=cassandra-driver
cql_large_lz4() { cql_client large 5 lz4; }

story cql/large-v4 "a body of 160,000 bytes, compressed, in version 4" by=cassandra-driver
cql_large_v4() { cql_client large 4 lz4; }

story cql/events "REGISTER, then changes of the schema" by=cassandra-driver
cql_events() { cql_client events 5; }

story cql/login "PasswordAuthenticator: right, wrong, unknown, without a login" auth=PasswordAuthenticator by=cassandra-driver
cql_login() { cql_client login 5; }

story cql/login-v4 "the same in version 4, compressed" auth=PasswordAuthenticator by=cassandra-driver
cql_login_v4() { cql_client login 4 lz4; }

story cql/statements "a function in JavaScript, refused; 25 changes of a password" kind=attack auth=PasswordAuthenticator by=cassandra-driver
cql_statements() { cql_client statements 5; }

story cql/node "the Node.js driver: prepared statements, a batch, pages, 40 queries in a row" needs=node by=cassandra-driver-js
cql_node() { with_node cassandra.js; }

story cql/versions "which versions are there? asked in 3, 4, 5, the beta 6 and DSE's 66" by=python3
cql_versions() { cql_client versions 4; }

story cql/health "connect and close, connect and reset, OPTIONS alone" by=python3
cql_health() { cql_client health 4; }

story cql/ipv6 "version 5 over IPv6" on=veth6 by=cassandra-driver
cql_ipv6() { cql_client simple 5; }

story cql/loopback "version 5 over the loopback interface" on=lo by=cassandra-driver
cql_loopback() { cql_client simple 5; }

story cql/small-segments "TCP segments of at most 76 bytes: headers cut anywhere" link=small by=cassandra-driver
cql_small_segments() { cql_client paging 5; }

story cql/lossy "a link that loses packets: segments sent twice" link=lossy by=cassandra-driver
cql_lossy() { cql_client simple 5; }

story cql/midstream "capture begins in the middle of a session of version 4" start=late by=cassandra-driver
cql_midstream() {
    cql_client work 4 &
    sleep 1.5
    capture_start
    wait %1
}

story cql/midstream-v5 "capture begins in the middle of a session in segments" start=late by=cassandra-driver
cql_midstream_v5() {
    cql_client work 5 lz4 &
    sleep 1.5
    capture_start
    wait %1
}
