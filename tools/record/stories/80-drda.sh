# shellcheck shell=bash
# Small DRDA stories: Derby's server and Derby's driver.

story drda/statements "statements, parameters, cursors, errors, metadata, procedures" by=derbyclient form=zst
drda_statements() { derby_work statements work; }

story drda/batch "rows in batches, committed together" by=derbyclient form=zst
drda_batch() { derby_work batch work; }

story drda/large-values "CLOBs and BLOBs of up to 160,000 bytes, with and without a length" by=derbyclient form=zst
drda_large_values() { derby_work large work; }

story drda/login-refused "a database that is not there, and a password that is wrong" by=derbyclient
drda_login_refused() { derby_work refused nowhere || true; }

story drda/encrypted-password "passwords that are sent encrypted" by=derbyclient form=zst
drda_encrypted_password() { derby_work statements locked "securityMechanism=8" || derby_work statements locked "securityMechanism=4"; }

story drda/ping "Derby's control program asks whether the server lives" by=NetworkServerControl
drda_ping() { talk java -cp "$DERBY_JARS/derbynet.jar:$DERBY_JARS/derby.jar:$DERBY_JARS/derbytools.jar" org.apache.derby.drda.NetworkServerControl ping -h "$HOST" -p 1527; }
