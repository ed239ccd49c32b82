# shellcheck shell=bash
# A Derby network server of our own (DRDA), and its own driver as the client.

DERBY_UP=
DERBY_JARS=/usr/share/java

derby_up() {
    [ -z "$DERBY_UP" ] || return 0
    mkdir -p "$WORK/derby" "$WORK/java"
    spawn derby ip netns exec "$SERVER_NS" java -Dderby.system.home="$WORK/derby" \
        -cp "$DERBY_JARS/derbynet.jar:$DERBY_JARS/derby.jar:$DERBY_JARS/derbytools.jar" \
        org.apache.derby.drda.NetworkServerControl start -h :: -p 1527 -noSecurityManager
    DERBY_UP=1
    until_true 30 grep -q 'ready to accept' "$WORK/log/derby" || die "Derby does not come up: $(tail -n 1 "$WORK/log/derby")"
    javac -d "$WORK/java" -cp "$DERBY_JARS/derbyclient.jar" "$HERE/clients/DerbyWork.java" >>"$WORK/log/story" 2>&1 || die "DerbyWork.java does not compile"
}

# derby_work WHAT DATABASE [ATTRIBUTES]
derby_work() { talk java -cp "$DERBY_JARS/derbyclient.jar:$WORK/java" DerbyWork "$HOST" "$@"; }
