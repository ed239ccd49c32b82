# shellcheck shell=bash
# Attacks on a real server, among ordinary clients at work.

ATTACKER=10.77.0.66

story mysql/malformed-login "three clients at work; from another address a login whose response length ends in its own middle (CVE-2017-3599)" \
    kind=attack by=mariadb,libmariadb,python3 needs=cc
before_mysql_malformed_login() {
    ip -n "$CLIENT_NS" addr replace "$ATTACKER/32" dev cli
    ip -n "$SERVER_NS" route replace "$ATTACKER" dev srv
    compiled capi
}
mysql_malformed_login() {
    local clerk till
    slowly "select id, name, town from customer where id < 5" "update counter set n = n + 1 where id = 1" \
        "select count(*) from orders" "select n from counter where id = 1" | my -n shop &
    clerk=$!
    sleep 0.2
    capi till &
    till=$!
    sleep 1
    talk python3 "$HERE/clients/attack.py" "$HOST" "$ATTACKER" malformed-login
    sleep 0.3
    my shop -e "select 'still here', count(*) from customer"
    wait $clerk $till
}
after_mysql_malformed_login() { ip -n "$CLIENT_NS" addr del "$ATTACKER/32" dev cli; }

# slowly SQL...: feeds a client that is at work for a while
slowly() {
    local sql
    for sql in "$@"; do
        echo "$sql;"
        sleep 0.5
    done
}

before_mysql_tls_malformed_login() { before_mysql_malformed_login; }
after_mysql_tls_malformed_login() { after_mysql_malformed_login; }
story mysql/tls-malformed-login "a login whose response length ends in its own middle, inside TLS: seen with the key log alone" kind=attack by=attack_tls.py
mysql_tls_malformed_login() { talk python3 "$HERE/clients/attack_tls.py" "$HOST" "$ATTACKER" "$WORK/cap/now.keylog"; }
