/*
 * Dialogues of PostgreSQL, written after the specification: the clean traffic that the decoder's tests start from. Each
 * line is what one side sends at once; every one of them must stay silent.
 */
#ifndef DBHOUND_TESTS_PGSQL_DIALOGUES_H
#define DBHOUND_TESTS_PGSQL_DIALOGUES_H

#include "dialogues.h"

static const struct line trust_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 00000022 'select id, name from customer' 00"),
    SERVER("'T' 00000032 0002 'id' 00000000 00000000 00001700 04ffffff ff0000 'name' 00000000 00000000 00001700 "
     "04ffffff ff0000 "
     "'D' 00000012 00020000 00013100 000003 'Ann' "
     "'D' 0000000f 00020000 000132ff ffffff "
     "'C' 0000000d 'SELECT 2' 00 "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 00000005 00"),
    SERVER("'I' 00000004 "
     "'Z' 00000005 'I'"),
    CLIENT("'X' 00000004"),
};

static const struct line cleartext_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000003"),
    CLIENT("'p' 0000000b 'secret' 00"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'X' 00000004"),
};

static const struct line md5_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 0000000c 00000005 01020304"),
    CLIENT("'p' 00000028 'md50123456789abcdef0123456789abcdef' 00"),
    SERVER("'E' 00000061 'SFATAL' 00 'VFATAL' 00 'C28P01' 00 'Mpassword authentication failed for user ' 22 'shop' "
     "2200 'Fpostgres.c' 00 'L100' 00 'Rexec' 0000"),
};

static const struct line scram_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000017 0000000a 'SCRAM-SHA-256' 0000"),
    CLIENT("'p' 00000032 'SCRAM-SHA-256' 00000000 1c 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"),
    SERVER("'R' 0000005b 0000000b "
     "'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'"),
    CLIENT("'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='"),
    SERVER("'R' 00000026 0000000c 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=' "
     "'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'X' 00000004"),
};

static const struct line scram_late_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000017 0000000a 'SCRAM-SHA-256' 0000"),
    CLIENT("'p' 00000016 'SCRAM-SHA-256' 00ffffff ff"),
    SERVER("'R' 00000008 0000000b"),
    CLIENT("'p' 00000020 'n,,n=,r=rOprNGfwEbeRWgbNEkqO'"),
    SERVER("'R' 0000005b 0000000b "
     "'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'"),
    CLIENT("'p' 0000006b "
     "'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An' "
     "'dVQ='"),
    SERVER("'R' 00000026 0000000c 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=' 'R' 00000008 00000000 'Z' 00000005 'I'"),
    CLIENT("'X' 00000004"),
};

static const struct line gss_auth_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000007"),
    CLIENT("'p' 00000008 60820100"),
    SERVER("'R' 0000000a 00000008 6010"),
    CLIENT("'p' 00000005 60"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
};

static const struct line negotiation_lines[] = {
    CLIENT("00000008 04d21630"),
    SERVER("'N'"),
    CLIENT("00000008 04d2162f"),
    SERVER("'N'"),
    CLIENT("0000001c 0003270f 'user' 00 'shop' 00 '_pq_.x' 00310000"),
    SERVER("'v' 00000013 00030002 00000001 '_pq_.x' 00 "
     "'R' 00000008 00000000 "
     "'K' 00000028 00001267 00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f "
     "'Z' 00000005 'I'"),
};

static const struct line cancel_lines[] = {
    CLIENT("00000010 04d2162e 00001267 1122 '3D'"),
};

static const struct line extended_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'P' 00000045 's1' 00 'select id from customer where id = $1 and name = $2' 00000200 00001700 000019 "
     "'D' 00000008 'Ss1' 00 "
     "'S' 00000004"),
    SERVER("'1' 00000004 "
     "'t' 0000000e 00020000 00170000 0019 "
     "'T' 0000001b 0001 'id' 00000000 00000000 00001700 04ffffff ff0000 "
     "'Z' 00000005 'I'"),
    CLIENT("'B' 00000023 00 's1' 00000200 01000000 02000000 04000000 07000000 03 'Ann' 00010001 "
     "'D' 00000006 'P' 00 "
     "'E' 00000009 00000000 00 "
     "'S' 00000004"),
    SERVER("'2' 00000004 "
     "'T' 0000001b 0001 'id' 00000000 00000000 00001700 04ffffff ff0000 "
     "'D' 0000000b 00010000 000137 "
     "'C' 0000000d 'SELECT 1' 00 "
     "'Z' 00000005 'I'"),
    CLIENT("'B' 00000018 'c' 00 's1' 00000000 02ffffff ff000000 01780000 "
     "'E' 0000000a 'c' 00000000 01 "
     "'H' 00000004"),
    SERVER("'2' 00000004 "
     "'D' 0000000b 00010000 000137 "
     "'s' 00000004"),
    CLIENT("'C' 00000007 'Pc' 00 "
     "'C' 00000008 'Ss1' 00 "
     "'S' 00000004"),
    SERVER("'3' 00000004 "
     "'3' 00000004 "
     "'Z' 00000005 'I'"),
    CLIENT("'X' 00000004"),
};

static const struct line skip_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'P' 0000000d 00 'selec' 000000 "
     "'B' 0000000c 00000000 00000000 "
     "'E' 00000009 00000000 00 "
     "'S' 00000004 "
     "'P' 00000010 00 'select 1' 000000 "
     "'B' 0000000c 00000000 00000000 "
     "'E' 00000009 00000000 00 "
     "'S' 00000004"),
    SERVER("'E' 0000003f 'SERROR' 00 'VERROR' 00 'C42601' 00 'Msyntax error' 00 'Fpostgres.c' 00 'L100' 00 'Rexec' "
     "0000 "
     "'Z' 00000005 'I' "
     "'1' 00000004 "
     "'2' 00000004 "
     "'D' 0000000b 00010000 000131 "
     "'C' 0000000d 'SELECT 1' 00 "
     "'Z' 00000005 'I'"),
};

static const struct line copy_in_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 00000016 'copy t from stdin' 00"),
    SERVER("'G' 0000000b 00000200 000000"),
    CLIENT("'d' 0000000a 3109 'one' 0a "
     "'d' 0000000a 3209 'two' 0a "
     "'c' 00000004"),
    SERVER("'C' 0000000b 'COPY 2' 00 "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 00000016 'copy t from stdin' 00"),
    SERVER("'G' 0000000b 00000200 000000"),
    CLIENT("'d' 0000000a 7809 'one' 0a"),
    SERVER("'E' 0000005d 'SERROR' 00 'VERROR' 00 'C22P02' 00 'Minvalid input syntax for type integer: ' 22782200 "
     "'Fpostgres.c' 00 'L100' 00 'Rexec' 0000 "
     "'Z' 00000005 'I'"),
    CLIENT("'d' 0000000a 3309 'one' 0a "
     "'c' 00000004"),
    CLIENT("'Q' 0000000d 'select 1' 00"),
    SERVER("'T' 0000001a 00016100 00000000 00000000 00170004 ffffffff 0000 "
     "'D' 0000000b 00010000 000131 "
     "'C' 0000000d 'SELECT 1' 00 "
     "'Z' 00000005 'I'"),
};

static const struct line copy_out_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 00000015 'copy t to stdout' 00"),
    SERVER("'H' 0000000b 00000200 000000 "
     "'d' 0000000a 3109 'one' 0a "
     "'c' 00000004 "
     "'C' 0000000b 'COPY 1' 00 "
     "'Z' 00000005 'I'"),
};

static const struct line copy_fail_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'P' 00000019 00 'copy t from stdin' 000000 "
     "'B' 0000000c 00000000 00000000 "
     "'E' 00000009 00000000 00 "
     "'S' 00000004"),
    SERVER("'1' 00000004 "
     "'2' 00000004 "
     "'G' 00000009 01000100 01"),
    CLIENT("'f' 0000000c 'no more' 00 "
     "'S' 00000004"),
    SERVER("'E' 00000052 'SERROR' 00 'VERROR' 00 'C57014' 00 'MCOPY from stdin failed: no more' 00 'Fpostgres.c' 00 "
     "'L100' 00 'Rexec' 0000 "
     "'Z' 00000005 'I'"),
};

static const struct line copy_eager_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 00000016 'copy t from stdin' 00 "
     "'d' 0000000a 3109 'one' 0a "
     "'c' 00000004"),
    SERVER("'G' 0000000b 00000200 000000 "
     "'C' 0000000b 'COPY 1' 00 "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 0000000d 'select 1' 00"),
    SERVER("'T' 0000001a 00016100 00000000 00000000 00170004 ffffffff 0000 "
     "'D' 0000000b 00010000 000131 "
     "'C' 0000000d 'SELECT 1' 00 "
     "'Z' 00000005 'I'"),
};

static const struct line replication_lines[] = {
    CLIENT("00000035 00030000 'user' 00 'rep' 00 'database' 00 'shop' 00 'replication' 00 'database' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 0000002b 'START_REPLICATION SLOT ' 226122 ' LOGICAL 0/0' 00"),
    SERVER("'W' 00000007 000000 "
     "'d' 00000021 'w' 00000000 00000001 00000000 00000002 00000000 00000003 'data' "
     "'d' 00000016 'k' 00000000 00000001 00000000 00000002 01"),
    CLIENT("'d' 00000026 'r' 00000000 00000001 00000000 00000002 00000000 00000003 00000000 00000004 00 "
     "'d' 0000001d 'h' 00000000 00000001 00000002 00000003 00000004 00000005"),
    CLIENT("'c' 00000004"),
    SERVER("'c' 00000004 "
     "'C' 00000016 'START_REPLICATION' 00 "
     "'Z' 00000005 'I'"),
};

static const struct line function_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'F' 00000020 000003b8 00010001 00020000 00040000 00010000 00040000 00020001"),
    SERVER("'V' 0000000c 00000004 00000005 "
     "'Z' 00000005 'I'"),
    CLIENT("'F' 0000001b 000003b8 00020000 00000002 ffffffff 00000001 350000"),
    SERVER("'V' 00000008 ffffffff "
     "'Z' 00000005 'I'"),
};

static const struct line loread_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'F' 00000020 000003ba 00010001 00020000 00040000 00000000 00040000 00040001"),
    SERVER("'V' 0000000c 00000004 '1234' "
     "'Z' 00000005 'I'"),
};

static const struct line async_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000019 'server_version' 00 '15.18' 00 "
     "'S' 00000019 'client_encoding' 00 'UTF8' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    SERVER("'N' 0000003a 'SNOTICE' 00 'VNOTICE' 00 'C01000' 00 'Mhello' 00 'Fpostgres.c' 00 'L100' 00 'Rexec' 0000"),
    CLIENT("'Q' 0000000d 'listen x' 00"),
    SERVER("'C' 0000000b 'LISTEN' 00 "
     "'S' 0000001b 'application_name' 00 'later' 00 "
     "'A' 00000012 000012 'gx' 00 'payload' 00 "
     "'Z' 00000005 'T'"),
    SERVER("'E' 00000066 'SFATAL' 00 'VFATAL' 00 'C57P01' 00 'Mterminating connection due to administrator command' 00 "
     "'Fpostgres.c' 00 'L100' 00 'Rexec' 0000"),
};

static const struct line pooler_lines[] = {
    CLIENT("0000004c 00030000 'user' 00 'shop' 00 'database' 00 'shop' 00 'application_name' 00 'psql' 00 "
     "'client_encoding' 00 'UTF8' 0000"),
    SERVER("'R' 00000008 00000000 "
     "'S' 00000022 'server_version' 00 '1.24.1/bouncer' 00 "
     "'K' 0000000c 00001267 deadbeef "
     "'Z' 00000005 'I'"),
    CLIENT("'Q' 0000000f 'show pools' 00"),
    SERVER("'T' 00000038 0002 'database' 00000000 00000000 00001700 04ffffff ff0000 'user' 00000000 00000000 00001700 "
     "04ffffff ff0000 "
     "'D' 00000016 00020000 0004 'shop' 00000004 'shop' "
     "'C' 00000009 'SHOW' 00 "
     "'Z' 00000005 'I'"),
    SERVER("'E' 00000029 'SFATAL' 00 'C08P01' 00 'Mserver conn crashed?' 0000"),
};

static const struct dialogue dialogues[] = {
    DIALOGUE(trust),
    DIALOGUE(cleartext),
    DIALOGUE(md5),
    DIALOGUE(scram),
    DIALOGUE(scram_late),
    DIALOGUE(gss_auth),
    DIALOGUE(negotiation),
    DIALOGUE(cancel),
    DIALOGUE(extended),
    DIALOGUE(skip),
    DIALOGUE(copy_in),
    DIALOGUE(copy_out),
    DIALOGUE(copy_fail),
    DIALOGUE(copy_eager),
    DIALOGUE(replication),
    DIALOGUE(function),
    DIALOGUE(loread),
    DIALOGUE(async),
    DIALOGUE(pooler),
};

enum { DIALOGUES = sizeof dialogues / sizeof dialogues[0] };

static struct dialogues spoken = {&pgsql_decoder, 5432, dialogues, DIALOGUES};

#endif
