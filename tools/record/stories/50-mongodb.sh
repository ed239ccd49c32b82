# shellcheck shell=bash
# MongoDB's protocol: FerretDB on 27017 (TLS on 27018), and on 27019 the small server of servers/mongodb.py.

story mongodb/crud "log in, insert, find, update, aggregate, delete, indexes, lists" by=pymongo
mongodb_crud() { mon crud; }

story mongodb/types "documents of the types of BSON that FerretDB keeps" by=pymongo
mongodb_types() { mon types; }

story mongodb/more-types "documents of the other types of BSON, and one of 90 levels" port=27019 server=servers/mongodb.py by=pymongo
mongodb_more_types() { mon small-types 27019; }

story mongodb/errors "duplicate keys, unknown commands and operators, a cursor that is not there" by=pymongo
mongodb_errors() { mon errors; }

story mongodb/cursors "getMore, and a cursor that is closed early" by=pymongo
mongodb_cursors() { mon cursors; }

story mongodb/logins "SCRAM-SHA-256: right, wrong, nobody, no login at all, users made and dropped" by=pymongo
mongodb_logins() { mon logins; }

story mongodb/unacknowledged "writes that want no answer (moreToCome)" port=27019 server=servers/mongodb.py by=pymongo
mongodb_unacknowledged() { mon unacknowledged 27019; }

story mongodb/large "documents of 10 kB to 1.5 MB, 3,000 small ones at once" by=pymongo form=zst
mongodb_large() { mon large; }

story mongodb/many "six connections at once" by=pymongo
mongodb_many() { mon many; }

story mongodb/node "the Node.js driver" needs=node by=node-mongodb
mongodb_node() { with_node mongodb.js 27017; }

story mongodb/node-zlib "the Node.js driver with zlib" needs=node port=27019 server=servers/mongodb.py by=node-mongodb
mongodb_node_zlib() { with_node mongodb.js 27019 zlib; }

story mongodb/compressed-zlib "OP_COMPRESSED with zlib: small and large messages, errors, writes without an answer" port=27019 server=servers/mongodb.py by=pymongo form=zst
mongodb_compressed_zlib() { mon compressed-zlib 27019; }

story mongodb/compressed-snappy "OP_COMPRESSED with snappy" port=27019 server=servers/mongodb.py by=pymongo form=zst
mongodb_compressed_snappy() { mon compressed-snappy 27019; }

story mongodb/compressed-zstd "OP_COMPRESSED with zstd" port=27019 server=servers/mongodb.py by=pymongo form=zst
mongodb_compressed_zstd() { mon compressed-zstd 27019; }

story mongodb/monitored "the driver's monitor: hello as a stream of replies (exhaustAllowed, moreToCome)" port=27019 server=servers/mongodb.py by=pymongo
mongodb_monitored() { mon monitored 27019; }

story mongodb/legacy "the opcodes before OP_MSG" port=27019 server=servers/mongodb.py by=python3
mongodb_legacy() { raw_mongodb legacy; }

story mongodb/checksum "OP_MSG with checksums, both ways" port=27019 server=servers/mongodb.py by=python3
mongodb_checksum() { raw_mongodb checksum; }

story mongodb/pipelined "eight requests at once" port=27019 server=servers/mongodb.py by=python3
mongodb_pipelined() { raw_mongodb pipelined; }

story mongodb/tls "TLS from the first byte" port=27018 by=pymongo
mongodb_tls() { mon tls 27018; }

story mongodb/small-segments "segments of 76 bytes" link=small by=pymongo
mongodb_small_segments() { mon errors; }

story mongodb/lossy "a link that loses packets" link=lossy by=pymongo
mongodb_lossy() { mon crud; }

story mongodb/midstream "capture begins in the middle of a session" start=late by=pymongo
mongodb_midstream() {
    mon slow &
    local session=$!
    sleep 1.2
    capture_start
    wait $session
}

story mongodb/ipv6 "over IPv6" on=veth6 by=pymongo
mongodb_ipv6() { mon errors; }

story mongodb/loopback "on the loopback interface: long frames, unfinished checksums" on=lo by=pymongo
mongodb_loopback() { mon cursors; }

story mongodb/compressed-lies "compressed messages that open to another size than they say (CVE-2025-14847), or not at all" port=27019 server=servers/mongodb.py kind=attack by=python3
mongodb_compressed_lies() { raw_mongodb attack-compressed; }

story mongodb/malformed "13 defects of OP_MSG and BSON, each on a connection of its own, beside a client at work" kind=attack by=python3,pymongo
mongodb_malformed() {
    mon many &
    local session=$!
    raw_mongodb attack-malformed 27017
    wait $session
}
