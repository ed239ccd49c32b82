# shellcheck shell=bash
# Oracle: a small server of our own (peers/tns.py), and Oracle's own thin drivers as clients.

TNS_UP=

tns_up() {
    [ -z "$TNS_UP" ] || return 0
    python3 -m venv --system-site-packages "$WORK/oracle" && "$WORK/oracle/bin/pip" install -q oracledb cryptography >>"$WORK/log/story" 2>&1 ||
        die "pip could not fetch oracledb"
    spawn tns ip netns exec "$SERVER_NS" "$WORK/oracle/bin/python" "$HERE/peers/tns.py" 0.0.0.0 1521
    TNS_UP=1
    until_true 30 ip netns exec "$SERVER_NS" sh -c 'ss -ltn | grep -q :1521' || die "the Oracle server does not come up: $(tail -n 1 "$WORK/log/tns")"
}

tns_py() { talk "$WORK/oracle/bin/python" "$HERE/clients/tns.py" "$HOST" "$@"; }
tns_js() { with_node tns.js "$HOST" "$@"; }
