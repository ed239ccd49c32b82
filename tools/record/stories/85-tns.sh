# shellcheck shell=bash
# Small Oracle stories: Oracle's own thin drivers, and a small server of ours.

story tns/statements "queries, DML, an error, commit and rollback" by=python-oracledb
tns_statements() { tns_py statements; }

story tns/node "the same with another driver" by=node-oracledb needs=node
tns_node() { tns_js orders; }

story tns/rows "900 rows in fetches of several packets" by=python-oracledb form=zst
tns_rows() { tns_py rows; }

story tns/long-statement "a statement of four packets" by=python-oracledb
tns_long_statement() { tns_py long; }

story tns/break "a call that is broken off, and the reset" by=python-oracledb
tns_break() { tns_py break; }

story tns/login-refused "passwords that are wrong" by=python-oracledb,node-oracledb needs=node
tns_login_refused() { tns_py password && tns_js password; }

story tns/refused "services and a SID that the listener does not know" by=python-oracledb,node-oracledb needs=node
tns_refused() { tns_py refused && tns_js refused; }

story tns/long-descriptor "connect data that follows CONNECT, in a packet of its own" by=python-oracledb
tns_long_descriptor() { tns_py descriptor; }

story tns/data-units "an SDU of 512 bytes, and one of 64 KiB" by=python-oracledb
tns_data_units() { tns_py units; }

story tns/resend "the listener wants CONNECT again" by=python-oracledb,node-oracledb needs=node
tns_resend() { tns_py again && tns_js again; }

story tns/redirect "the listener sends clients elsewhere, with the address in the packet and behind it" by=python-oracledb,node-oracledb needs=node
tns_redirect() { tns_py late && tns_js late && tns_js moved; }

story tns/listener "conditions of old advisories, each on a connection of its own, beside a client at work" kind=attack by=python3,python-oracledb
tns_listener() { tns_py statements && talk python3 "$HERE/clients/tns_attack.py" "$HOST" && tns_py statements; }
