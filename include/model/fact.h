/*
 * Neutral facts: what every protocol says in its own words and the rooms to the right understand without knowing any
 * protocol. A decoder observes them; text is borrowed from the message until message() returns.
 */
#ifndef DBHOUND_MODEL_FACT_H
#define DBHOUND_MODEL_FACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

enum fact_kind {
    FACT_SERVER_HELLO, /* text: version as the server says it; number: its connection id or backend pid (0: none) */
    FACT_LOGIN,        /* a client asked to log in; text: user; more: database */
    FACT_CLIENT,       /* text: the client program or driver, as it names itself */
    FACT_LOGIN_OK,
    FACT_LOGIN_FAILED, /* number, text: the server's code and words */
    FACT_REQUEST,      /* a message that the server must answer began its work; number: message kind */
    FACT_REPLY,        /* the last message of the answer to the oldest open request; number: rows when known */
    FACT_ERROR,        /* the answer was an error. number: code; text: words; more: SQLSTATE or its like */
    FACT_VERDICT,      /* the server called a message of the client wrong: number, text, more as in FACT_ERROR */
    FACT_TLS,          /* both sides agreed to start TLS here */
    FACT_LIMIT,        /* number: a size limit that the server announced for this connection, in bytes */
    FACT_SHUTDOWN,     /* the server says that it is going down; text: its words */
    FACT_QUIT,         /* the client says that it ends the connection */
    FACT_TLS_OFFER,    /* the server answers whether it would speak TLS; number: 1 or 0 */
};

struct fact {
    enum fact_kind kind;
    uint64_t number;
    struct view text, more;
};

#endif
