/*
 * Dialogues of Redis, written after the specification: the clean traffic that the decoder's tests start from. Each line is
 * what one side sends at once; every one of them must stay silent.
 */
#ifndef DBHOUND_TESTS_REDIS_DIALOGUES_H
#define DBHOUND_TESTS_REDIS_DIALOGUES_H

#include "dialogues.h"

#define PING "*1\r\n$4\r\nPING\r\n"
#define ARRAY_10 "*10\r\n"

static const struct line strings_lines[] = {
    CLIENT_BYTES("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n"), SERVER_BYTES("+OK\r\n"),
    CLIENT_BYTES("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), SERVER_BYTES("$5\r\nhello\r\n"),
    CLIENT_BYTES("*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n" "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"), SERVER_BYTES("$-1\r\n:1\r\n"),
    CLIENT_BYTES("*1\r\n$5\r\nWRONG\r\n"), SERVER_BYTES("-ERR unknown command 'WRONG', with args beginning with: \r\n"),
    CLIENT_BYTES("*3\r\n$6\r\nLRANGE\r\n$1\r\nl\r\n$1\r\n0\r\n" PING),
    SERVER_BYTES("*3\r\n$1\r\na\r\n*-1\r\n*2\r\n:1\r\n*0\r\n+PONG\r\n"),
    CLIENT_BYTES("*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n"), SERVER_BYTES(":77\r\n"),
    CLIENT_BYTES("*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"), SERVER_BYTES("$36\r\n# Server\r\nredis_version:7.0.15\r\nab:1\r\n"),
    CLIENT_BYTES("*1\r\n$4\r\nQUIT\r\n"), SERVER_BYTES("+OK\r\n"),
};

static const struct line inline_lines[] = {
    CLIENT_BYTES("PING\r\n"), SERVER_BYTES("+PONG\r\n"),
    CLIENT_BYTES("PING\n"), SERVER_BYTES("+PONG\r\n"),
    CLIENT_BYTES("\r\n  \t \nset 'a b' \"x\\\"y\\x41\"\r\n"), SERVER_BYTES("+OK\r\n"),
    CLIENT_BYTES("ECHO a\"b c\" \r\n"), SERVER_BYTES("$3\r\na\"b\r\n"),
    CLIENT_BYTES("*0\r\n*-1\r\n" PING), SERVER_BYTES("+PONG\r\n"),
};

static const struct line login_lines[] = {
    CLIENT_BYTES("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), SERVER_BYTES("-NOAUTH Authentication required.\r\n"),
    CLIENT_BYTES("*2\r\n$4\r\nAUTH\r\n$3\r\nbad\r\n"), SERVER_BYTES("-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
    CLIENT_BYTES("*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$6\r\nsecret\r\n"), SERVER_BYTES("+OK\r\n"),
    CLIENT_BYTES("*11\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\ng\r\n$1\r\nh\r\n$1\r\ni\r\n$1\r\nj\r\n"),
    SERVER_BYTES("*10\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"),
    CLIENT_BYTES("*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$11\r\nrequirepass\r\n$3\r\nnew\r\n"), SERVER_BYTES("+OK\r\n"),
};

static const struct line resp3_lines[] = {
    CLIENT_BYTES("*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$6\r\nsecret\r\n"),
    SERVER_BYTES("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:9\r\n$4\r\nmode\r\n"
           "$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"),
    CLIENT_BYTES(PING PING PING PING PING PING PING PING),
    SERVER_BYTES("_\r\n#t\r\n,-1.5e10\r\n(3492890328409238509324850943850943825024385\r\n!9\r\nERR wrong\r\n=8\r\ntxt:text\r\n~2\r\n:1\r\n:2\r\n"
           "%1\r\n+a\r\n,inf\r\n"),
    CLIENT_BYTES(PING PING), SERVER_BYTES("|1\r\n+ttl\r\n:3600\r\n*2\r\n|1\r\n+x\r\n*1\r\n:1\r\n:5\r\n>2\r\n+push\r\n:1\r\n"
                              ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+PONG\r\n"),
    CLIENT_BYTES(PING PING PING), SERVER_BYTES("$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n*?\r\n:1\r\n*1\r\n:2\r\n.\r\n%?\r\n+a\r\n$?\r\n;0\r\n.\r\n"),
};

static const struct line modes_lines[] = {
    CLIENT_BYTES("*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n" PING PING), SERVER_BYTES("+PONG\r\n"),
    CLIENT_BYTES("*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n" PING PING),
    CLIENT_BYTES("*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n"), SERVER_BYTES("+OK\r\n"),
    CLIENT_BYTES("*2\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n"), SERVER_BYTES("*2\r\n$1\r\nq\r\n$1\r\nx\r\n"),
    CLIENT_BYTES("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n"), SERVER_BYTES("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"),
};

static const struct line replica_lines[] = {
    CLIENT_BYTES(PING), SERVER_BYTES("+PONG\r\n"),
    CLIENT_BYTES("*3\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n"), SERVER_BYTES("+OK\r\n"),
    CLIENT_BYTES("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n"),
    SERVER_BYTES("\n+FULLRESYNC 0123456789012345678901234567890123456789 0\r\n\n\n$20\r\nREDIS0010..$5\r\n*1\r\n."
           "*1\r\n$4\r\nPING\r\n\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"),
    CLIENT_BYTES("*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n"),
    SERVER_BYTES("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"),
};

#define MARK "0123456789abcdef0123456789abcdef01234567"
static const struct line diskless_lines[] = {
    CLIENT_BYTES("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n"),
    SERVER_BYTES("+FULLRESYNC 0123456789012345678901234567890123456789 0\r\n$EOF:" MARK "\r\n"),
    SERVER_BYTES("REDIS0010 some bytes, 0123456789abcdef0123 among them" MARK "*1\r\n$4\r\nPING\r\n"),
};

static const struct dialogue dialogues[] = {
    DIALOGUE(strings), DIALOGUE(inline), DIALOGUE(login), DIALOGUE(resp3), DIALOGUE(modes), DIALOGUE(replica), {"diskless", diskless_lines, sizeof diskless_lines / sizeof diskless_lines[0], true, 0},
};

enum { DIALOGUES = sizeof dialogues / sizeof dialogues[0] };

static struct dialogues spoken = {&redis_decoder, 6379, dialogues, DIALOGUES};

#endif
