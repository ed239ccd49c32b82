/* PostgreSQL: startup packets, negotiation and authentication, as damaged as a client can send them. */
#include "pgsql_dialogues.h"

static const struct damage startup_damage[] = {
    {"startup of 7", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_LENGTH, FIELD_PGSQL_LENGTH, 0,
     "00000007 00030000",
     "00000010 00030000 'user' 00610000"},
    {"startup of 10005", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_LENGTH, FIELD_PGSQL_LENGTH, 0,
     "00002715 00030000",
     NULL},
    {"HTTP", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_LENGTH, FIELD_PGSQL_LENGTH, 0,
     "'G' 4554202f ' HTTP/1.0' 0d0a",
     "00000010 00030000 'user' 00610000"},
    {"oversized TLS record", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_LENGTH, FIELD_PGSQL_LENGTH, 3,
     "160301ff ff",
     "16030102 00"},
    {"startup without terminator", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_LAYOUT, FIELD_PGSQL_PARAMETER_NAME, 18,
     "00000012 00030000 'user' 00 'shop' 00",
     "00000013 00030000 'user' 00 'shop' 0000"},
    {"startup ends early", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_LAYOUT, FIELD_PGSQL_PARAMETER_NAME, 19,
     "00000015 00030000 'user' 00 'shop' 0000 'ab'",
     "00000013 00030000 'user' 00 'shop' 0000"},
    {"startup value missing", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_LAYOUT, FIELD_PGSQL_PARAMETER_NAME, 23,
     "00000017 00030000 'user' 00 'shop' 00 'name' 00",
     "00000019 00030000 'user' 00 'shop' 00 'name' 000000"},
    {"startup without user", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_NO_USER, FIELD_PGSQL_USER, 22,
     "00000017 00030000 'database' 00 'shop' 0000",
     "0000001e 00030000 'database' 00 'shop' 00 'user' 00750000"},
    {"startup with an empty user", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_NO_USER, FIELD_PGSQL_USER, 14,
     "0000000f 00030000 'user' 000000",
     "00000010 00030000 'user' 00750000"},
    {"protocol 4.0", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_UNSUPPORTED_PROTOCOL, FIELD_PGSQL_VERSION, 4,
     "00000010 00040000 'user' 00750000",
     "00000010 00030002 'user' 00750000"},
    {"protocol 2.0", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_PROTOCOL_2, FIELD_PGSQL_VERSION, 4,
     "00000128 00020000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
     "00000010 00030000 'user' 00750000"},
    {"second SSLRequest", "negotiation", 4, FROM_CLIENT, ANOMALY_PGSQL_NEGOTIATION_REPEATED, FIELD_PGSQL_VERSION, 4,
     "00000008 04d2162f",
     "00000010 00030000 'user' 00750000"},
    {"SSLRequest with a body", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_NEGOTIATION_LENGTH, FIELD_PGSQL_LENGTH, 0,
     "0000000c 04d2162f 00000000",
     "00000008 04d2162f"},
    {"startup before the answer", "negotiation", 3, FROM_CLIENT, ANOMALY_PGSQL_DATA_BEFORE_ANSWER, FIELD_DB_LENGTH, 0,
     "00000010 00030000 'user' 00750000",
     NULL},
    {"cancel of 15", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_CANCEL_LENGTH, FIELD_PGSQL_LENGTH, 0,
     "0000000f 04d2162e 00000001 'key'",
     "00000010 04d2162e 00000001 'keys'"},
    {"cancel of 269", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_CANCEL_LENGTH, FIELD_PGSQL_LENGTH, 0,
     "0000010d 04d2162e 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00",
     "00000010 04d2162e 00000001 'keys'"},
    {"cancel with a key of 5", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_CANCEL_KEY_LENGTH, FIELD_PGSQL_CANCEL_KEY, 12,
     "00000011 04d2162e 00000001 'keys' 00",
     "0000002c 04d2162e 00000001 '32 bytes, as PostgreSQL 18 makes'"},
    {"SSLRequest after the startup packet", "trust", 1, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_REPEATED, FIELD_PGSQL_TYPE, 0,
     "00000008 04d2162f",
     NULL},
    {"replication neither on nor off, then a wrong layout", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_DEFECT_NOT_READ, FIELD_PGSQL_PARAMETER_NAME, 32,
     "00000020 00030000 'user' 00 'a' 00 'replication' 00 'maybe'",
     "00000022 00030000 'user' 00 'a' 00 'replication' 00 'false' 0000"},
    {"bytes after cancel", "cancel", 1, FROM_CLIENT, ANOMALY_PGSQL_DATA_AFTER_CANCEL, FIELD_DB_LENGTH, 0,
     "00",
     NULL},
    {"second startup during SCRAM", "scram", 4, FROM_CLIENT, ANOMALY_PGSQL_STARTUP_REPEATED, FIELD_PGSQL_TYPE, 0,
     "0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000",
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='"},
    {"database -r", "trust", 0, FROM_CLIENT, ANOMALY_PGSQL_DATABASE_DASH, FIELD_PGSQL_DATABASE, 24,
     "0000001e 00030000 'user' 007500 'database' 00 '-r/x' 0000",
     "0000001d 00030000 'user' 007500 'database' 00 'r-x' 0000"},
    {"query instead of password", "cleartext", 2, FROM_CLIENT, ANOMALY_PGSQL_AUTHENTICATION_EXPECTED, FIELD_PGSQL_TYPE, 0,
     "'Q' 0000000d 'select 1' 00",
     "'p' 00000006 'x' 00"},
    {"query instead of SASL", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_AUTHENTICATION_EXPECTED, FIELD_PGSQL_TYPE, 0,
     "'Q' 0000000d 'select 1' 00",
     "'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"},
    {"password of 65536", "cleartext", 2, FROM_CLIENT, ANOMALY_PGSQL_PASSWORD_LENGTH, FIELD_PGSQL_LENGTH, 1,
     "'p' 00010000",
     NULL},
    {"SCRAM of 1025", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_PASSWORD_LENGTH, FIELD_PGSQL_LENGTH, 1,
     "'p' 00000401",
     NULL},
    {"password without NUL", "cleartext", 2, FROM_CLIENT, ANOMALY_PGSQL_PASSWORD_FORMAT, FIELD_PGSQL_PASSWORD_DATA, 5,
     "'p' 0000000a 'secret'",
     "'p' 0000000b 'secret' 00"},
    {"password with two NULs", "md5", 2, FROM_CLIENT, ANOMALY_PGSQL_PASSWORD_FORMAT, FIELD_PGSQL_PASSWORD_DATA, 5,
     "'p' 0000000c 'secret' 0000",
     "'p' 00000008 'md5' 00"},
    {"empty password", "cleartext", 2, FROM_CLIENT, ANOMALY_PGSQL_PASSWORD_EMPTY, FIELD_PGSQL_PASSWORD_DATA, 5,
     "'p' 00000005 00",
     "'p' 00000006 'x' 00"},
    {"mechanism not offered", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SASL_MECHANISM, FIELD_PGSQL_MECHANISM, 5,
     "'p' 00000032 'SCRAM-SHA-257' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'",
     "'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"},
    {"PLUS not offered", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SASL_MECHANISM, FIELD_PGSQL_MECHANISM, 5,
     "'p' 00000039 'SCRAM-SHA-256-PLUS' 00000000 1e 'p=tls-server-end-point,,n=,r=x'",
     "'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"},
    {"SASL length beyond the message", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SASL_LENGTH, FIELD_PGSQL_SASL_LENGTH, 19,
     "'p' 00000032 'SCRAM-SHA-256' 00000000 'cn,,n=,r=rOprNGfwEbeRWgbNEkqO'",
     "'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"},
    {"SASL length -1 with data", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SASL_LENGTH, FIELD_PGSQL_SASL_LENGTH, 19,
     "'p' 00000017 'SCRAM-SHA-256' 00ffffff ff78",
     "'p' 00000016 'SCRAM-SHA-256' 00ffffff ff"},
    {"SCRAM first: flag x", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 23,
     "'p' 0000001f 'SCRAM-SHA-256' 00000000 09 'x,,n=,r=a'",
     "'p' 00000023 'SCRAM-SHA-256' 00000000 0d 'n,,n=,r=a,x=1'"},
    {"SCRAM first: no comma after flag", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 24,
     "'p' 0000001f 'SCRAM-SHA-256' 00000000 09 'nx,n=,r=a'",
     "'p' 00000023 'SCRAM-SHA-256' 00000000 0d 'n,,n=,r=a,x=1'"},
    {"SCRAM first: no user", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 26,
     "'p' 0000001c 'SCRAM-SHA-256' 00000000 06 'n,,r=a'",
     "'p' 00000023 'SCRAM-SHA-256' 00000000 0d 'n,,n=,r=a,x=1'"},
    {"SCRAM first: space in nonce", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 31,
     "'p' 00000021 'SCRAM-SHA-256' 00000000 0b 'n,,n=,r=a b'",
     "'p' 00000023 'SCRAM-SHA-256' 00000000 0d 'n,,n=,r=a,x=1'"},
    {"SCRAM first: junk attribute", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 33,
     "'p' 00000023 'SCRAM-SHA-256' 00000000 0d 'n,,n=,r=a,1=2'",
     "'p' 00000023 'SCRAM-SHA-256' 00000000 0d 'n,,n=,r=a,x=1'"},
    {"SCRAM first: attribute without =", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 34,
     "'p' 00000021 'SCRAM-SHA-256' 00000000 0b 'n,,n=,r=a,x'",
     "'p' 00000023 'SCRAM-SHA-256' 00000000 0d 'n,,n=,r=a,x=1'"},
    {"SCRAM first: NUL", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 28,
     "'p' 00000020 'SCRAM-SHA-256' 00000000 0a 'n,,n=' 00 ',r=a'",
     "'p' 0000001f 'SCRAM-SHA-256' 00000000 09 'y,,n=b,r='"},
    {"SCRAM first: empty", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 23,
     "'p' 00000016 'SCRAM-SHA-256' 00000000 00",
     "'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"},
    {"SCRAM first: p without PLUS", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_CHANNEL_BINDING, FIELD_PGSQL_SASL_DATA, 23,
     "'p' 00000034 'SCRAM-SHA-256' 00000000 1e 'p=tls-server-end-point,,n=,r=a'",
     "'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"},
    {"SCRAM first: authzid", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_UNSUPPORTED, FIELD_PGSQL_SASL_DATA, 25,
     "'p' 00000024 'SCRAM-SHA-256' 00000000 0e 'n,a=bob,n=,r=a'",
     "'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"},
    {"SCRAM first: mandatory", "scram", 2, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_UNSUPPORTED, FIELD_PGSQL_SASL_DATA, 26,
     "'p' 00000023 'SCRAM-SHA-256' 00000000 0d 'n,,m=1,n=,r=a'",
     "'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"},
    {"SCRAM final: no c", "scram", 4, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 5,
     "'p' 00000064 "
     "'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='",
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='"},
    {"SCRAM final: no p", "scram", 4, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 61,
     "'p' 0000003c 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF'",
     "'p' 0000006e "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,x=,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz' "
     "'7AndVQ='"},
    {"SCRAM final: after the proof", "scram", 4, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_SYNTAX, FIELD_PGSQL_SASL_DATA, 109,
     "'p' 0000006f "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ=,x=1'",
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='"},
    {"SCRAM final: short proof", "scram", 4, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_PROOF, FIELD_PGSQL_SASL_DATA, 64,
     "'p' 00000067 "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An'",
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'eVQ='"},
    {"SCRAM final: proof not base64", "scram", 4, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_PROOF, FIELD_PGSQL_SASL_DATA, 64,
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN*Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='",
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='"},
    {"SCRAM final: foreign nonce", "scram", 4, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_NONCE, FIELD_PGSQL_SASL_DATA, 14,
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlX,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='",
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='"},
    {"SCRAM final: other binding", "scram", 4, FROM_CLIENT, ANOMALY_PGSQL_SCRAM_CHANNEL_BINDING, FIELD_PGSQL_SASL_DATA, 7,
     "'p' 0000006b "
     "'c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='",
     "'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='"},
    {"query before the answer", "trust", 1, FROM_CLIENT, ANOMALY_PGSQL_EARLY_MESSAGE, FIELD_PGSQL_TYPE, 0,
     "'Q' 0000000d 'select 1' 00",
     NULL},
};
static void every_damage_is_flagged(void **state)
{
    (void)state;
    run_damage(&spoken, startup_damage, sizeof startup_damage / sizeof startup_damage[0]);
}

/* Says a header that declares `length` bytes and nothing more. */
static void declare(struct talk *t, enum side from, char type, uint32_t length)
{
    uint8_t header[5] = {(uint8_t)type, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length};
    talk(t, from, view_from(view_of(header, 5), type ? 0 : 1));
}

/* Lengths are judged from the header alone, on both sides of the limit. */
static void lengths_before_the_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *dialogue;
        size_t lines;
        enum side from;
        char type; /* 0: startup packet */
        uint32_t most;
        enum anomaly beyond;
    } rows[] = {
        {"startup", "trust", 0, FROM_CLIENT, 0, 10004, ANOMALY_PGSQL_STARTUP_LENGTH},
        {"password", "cleartext", 2, FROM_CLIENT, 'p', 65535, ANOMALY_PGSQL_PASSWORD_LENGTH},
        {"GSS token", "gss_auth", 2, FROM_CLIENT, 'p', 65535, ANOMALY_PGSQL_PASSWORD_LENGTH},
        {"SASL initial response", "scram", 2, FROM_CLIENT, 'p', 1024, ANOMALY_PGSQL_PASSWORD_LENGTH},
        {"SASL response", "scram", 4, FROM_CLIENT, 'p', 1024, ANOMALY_PGSQL_PASSWORD_LENGTH},
        {"query", "trust", 2, FROM_CLIENT, 'Q', 0x3ffffffe, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"parse", "trust", 2, FROM_CLIENT, 'P', 0x3ffffffe, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"bind", "trust", 2, FROM_CLIENT, 'B', 0x3ffffffe, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"function call", "trust", 2, FROM_CLIENT, 'F', 0x3ffffffe, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"copy data", "copy_in", 4, FROM_CLIENT, 'd', 0x3ffffffe, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"describe", "trust", 2, FROM_CLIENT, 'D', 10000, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"close", "trust", 2, FROM_CLIENT, 'C', 10000, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"execute", "trust", 2, FROM_CLIENT, 'E', 10000, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"sync", "trust", 2, FROM_CLIENT, 'S', 10000, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"flush", "trust", 2, FROM_CLIENT, 'H', 10000, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"terminate", "trust", 2, FROM_CLIENT, 'X', 10000, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"copy fail", "copy_in", 4, FROM_CLIENT, 'f', 10000, ANOMALY_PGSQL_LENGTH_TOO_LARGE},
        {"tag", "trust", 3, FROM_SERVER, 'C', 30000, ANOMALY_PGSQL_SERVER_LENGTH},
        {"parameter status", "trust", 3, FROM_SERVER, 'S', 30000, ANOMALY_PGSQL_SERVER_LENGTH},
        {"row", "trust", 3, FROM_SERVER, 'D', 0x3fffffff, ANOMALY_PGSQL_SERVER_LENGTH},
        {"error", "trust", 3, FROM_SERVER, 'E', 0x3fffffff, ANOMALY_PGSQL_SERVER_LENGTH},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned over = 0; over < 2; over++) {
            struct talk *t = talk_after(&spoken, rows[i].dialogue, rows[i].lines);
            declare(t, rows[i].from, rows[i].type, rows[i].most + over);
            const struct report *found = talk_find(t, rows[i].beyond);
            if ((found != NULL) != over)
                fail_msg("%s: %u", rows[i].name, rows[i].most + over);
            if (over) {
                assert_int_equal(found->field, FIELD_PGSQL_LENGTH);
                assert_int_equal(found->got, rows[i].most + 1);
                assert_int_equal(found->expected, rows[i].most);
                assert_int_equal(t->verdict, VERDICT_BROKEN);
            }
            talk_close(t);
        }
    }
}

static void what_a_startup_packet_says(void **state)
{
    (void)state;
    struct talk *t = talk_open(&pgsql_decoder);
    say_line(t, &dialogues[0].lines[0]);
    assert_int_equal(t->session.user_length, 4);
    assert_memory_equal(t->session.user, "shop", 4);
    assert_int_equal(t->session.database_length, 4);
    assert_int_equal(t->facts.seen[FACT_LOGIN], 1);
    assert_int_equal(t->facts.seen[FACT_CLIENT], 1);
    assert_int_equal(t->findings.message, PGSQL_STARTUP);
    say_line(t, &dialogues[0].lines[1]);
    assert_int_equal(t->facts.seen[FACT_LOGIN_OK], 1);
    assert_int_equal(t->facts.seen[FACT_SERVER_HELLO], 1);
    assert_int_equal(t->session.phase, PHASE_AUTHENTICATED);
    talk_close(t);
}

/* A single byte in the place of the terminator is what the server tolerates. */
static void the_last_byte_of_a_startup_packet(void **state)
{
    (void)state;
    struct talk *t = talk_open(&pgsql_decoder);
    talk_hex(t, FROM_CLIENT, "00000013 00030000 'user' 00 'shop' 00 'A'");
    assert_int_equal(t->reports_used, 1);
    assert_int_equal(t->reports[0].anomaly, ANOMALY_PGSQL_IGNORED_BYTES);
    talk_close(t);
}

static void negotiation(void **state)
{
    (void)state;
    static const struct {
        const char *name, *request, *answer;
        enum verdict verdict;
    } rows[] = {
        {"TLS", "00000008 04d2162f", "'S'", VERDICT_TLS},
        {"no TLS", "00000008 04d2162f", "'N'", VERDICT_OK},
        {"GSS", "00000008 04d21630", "'G'", VERDICT_OPAQUE},
        {"no GSS", "00000008 04d21630", "'N'", VERDICT_OK},
        {"TLS for GSS", "00000008 04d21630", "'S'", VERDICT_BROKEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_open(&pgsql_decoder);
        talk_hex(t, FROM_CLIENT, rows[i].request);
        talk_hex(t, FROM_SERVER, rows[i].answer);
        assert_int_equal(t->verdict, rows[i].verdict);
        assert_int_equal(t->session.tls, rows[i].verdict == VERDICT_TLS);
        assert_int_equal(t->facts.seen[FACT_TLS], rows[i].verdict == VERDICT_TLS);
        assert_int_equal(t->messages, 2);
        talk_close(t);
    }
    struct talk *t = talk_open(&pgsql_decoder);
    talk_hex(t, FROM_CLIENT, "16 0301 0200 01");
    assert_int_equal(t->verdict, VERDICT_TLS);
    talk_expect_silence(t);
    talk_close(t);
}

/* What PostgreSQL 14 and later answer to a version that they refuse. */
static void the_old_form_of_an_error(void **state)
{
    (void)state;
    struct talk *t = talk_open(&pgsql_decoder);
    talk_hex(t, FROM_CLIENT, "00000013 00010000 'user' 00 'shop' 00 00");
    talk_forget(t);
    talk_hex(t, FROM_SERVER, "'EFATAL:  unsupported frontend protocol 1.0' 0a 00");
    assert_int_equal(t->unread, 0);
    assert_int_equal(t->messages, 1);
    assert_int_equal(t->facts.seen[FACT_VERDICT], 1);
    talk_expect_silence(t);
    talk_close(t);
}

static void secrets_are_marked(void **state)
{
    (void)state;
    static const struct {
        const char *dialogue;
        size_t line;
    } rows[] = {{"cleartext", 2}, {"md5", 2}, {"scram", 2}, {"scram", 4}, {"gss_auth", 2}, {"cancel", 0}, {"md5", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk *t = talk_after(&spoken, rows[i].dialogue, rows[i].line);
        say_line(t, &dialogue_named(&spoken, rows[i].dialogue)->lines[rows[i].line]);
        bool secret = false;
        for (unsigned k = 0; k < t->findings.fields_used; k++)
            secret |= field_is_secret((enum field)t->findings.fields[k].field) &&
                      t->findings.fields[k].offset + t->findings.fields[k].length == t->findings.message_length;
        if (!secret)
            fail_msg("%s: no secret in line %zu", rows[i].dialogue, rows[i].line);
        talk_close(t);
    }
}

static void probes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum side from;
        const char *bytes;
        enum match match;
    } rows[] = {
        {"startup", FROM_CLIENT, "00000013 00030000", MATCH_YES},
        {"startup 3.2", FROM_CLIENT, "00000013 00030002", MATCH_YES},
        {"SSLRequest", FROM_CLIENT, "00000008 04d2162f", MATCH_YES},
        {"cancel", FROM_CLIENT, "00000010 04d2162e 0000", MATCH_YES},
        {"too long", FROM_CLIENT, "00002715 00030000", MATCH_NO},
        {"too short", FROM_CLIENT, "00000007 00030000", MATCH_NO},
        {"HTTP", FROM_CLIENT, "'GET / HTTP/1.1'", MATCH_NO},
        {"four bytes", FROM_CLIENT, "00000008", MATCH_MAYBE},
        {"nothing", FROM_CLIENT, "", MATCH_NO},
        {"S", FROM_SERVER, "'S'", MATCH_MAYBE},
        {"request", FROM_SERVER, "'R' 00000008 00000003", MATCH_MAYBE},
        {"error", FROM_SERVER, "'E' 00000040 'SFATAL'", MATCH_MAYBE},
        {"SSH", FROM_SERVER, "'SSH-2.0-OpenSSH'", MATCH_NO},
        {"nothing from the server", FROM_SERVER, "", MATCH_NO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view bytes = hex(rows[i].bytes);
        if (pgsql_decoder.probe(rows[i].from, cursor_over(bytes)) != rows[i].match)
            fail_msg("%s", rows[i].name);
        hex_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_flagged), cmocka_unit_test(lengths_before_the_bytes),
        cmocka_unit_test(what_a_startup_packet_says), cmocka_unit_test(the_last_byte_of_a_startup_packet),
        cmocka_unit_test(negotiation), cmocka_unit_test(the_old_form_of_an_error), cmocka_unit_test(secrets_are_marked),
        cmocka_unit_test(probes),
    };
    return cmocka_run_group_tests_name("pgsql startup", tests, NULL, NULL);
}
