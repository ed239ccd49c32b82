# What the tests in tests/cli share: `cd` to the repository, a scratch directory, and lines "ok - name".
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 70
DBHOUND=${DBHOUND:-$PWD/build/dbhound}
case $DBHOUND in /*) ;; *) DBHOUND=$PWD/$DBHOUND ;; esac
export DBHOUND
work=$(mktemp -d) && trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
attack=pcaps/mysql/attack-malformed-login.pcap

# check NAME COMMAND...: the command succeeds
check() {
    local name=$1; shift
    if "$@" >"$work/said" 2>&1; then echo "ok - $name"
    else echo "not ok - $name"; tail -5 "$work/said"; fi
}
# code WANTED NAME COMMAND...: it ends with this code; what it says stays in $work/out and $work/err
code() {
    local wanted=$1 name=$2 got; shift 2
    "$@" >"$work/out" 2>"$work/err"
    got=$?
    if [ $got -eq "$wanted" ]; then echo "ok - $name"
    else echo "not ok - $name (exit $got, not $wanted)"; tail -3 "$work/err"; fi
}
# same NAME GOT WANTED
same() {
    if [ "$2" = "$3" ]; then echo "ok - $1"
    else echo "not ok - $1"; printf '  got    %.300s\n  wanted %.300s\n' "$2" "$3"; fi
}
# says NAME PATTERN FILE: the file has a line like this
says() {
    if grep -qE -e "$2" "$3"; then echo "ok - $1"
    else echo "not ok - $1"; head -5 "$3"; fi
}
query() { sqlite3 "$1" "$2"; }
replay() { # DB ARGUMENT...
    local db=$1; shift
    rm -f "$db" "$db-wal" "$db-shm"
    "$DBHOUND" replay -q -d "$db" "$@"
}
