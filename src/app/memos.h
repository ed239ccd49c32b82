/*
 * --facts, the worker's side: of every message a memo is made in a small ring; those that are drawn go to the recorder, and so do the
 * ones before and behind an alert on the same connection.
 *
 * Drawn: of each server, direction, db.message and shape the MEMOS_OF_A_KIND with the lowest ranks in each MEMO_WINDOW_NS of packet
 * time. The rank is a hash of where the message stands in its connection, so that the same ones are drawn whatever the number of
 * workers; a worker sends those that are lowest among its own, the recorder keeps the lowest of all (memo_book.h).
 */
#ifndef DBHOUND_SRC_APP_MEMOS_H
#define DBHOUND_SRC_APP_MEMOS_H

#include "model/memo.h"
#include "proto/conversation.h"

enum { MEMOS_OF_A_KIND = 32, MEMO_KINDS_MAX = 4096, MEMOS_BEFORE = 8, MEMOS_AFTER = 8 };
static const int64_t MEMO_WINDOW_NS = INT64_C(600000000000);

/* The lowest ranks of one kind in the window that runs; of an earlier one: free. */
struct memo_kind {
    uint64_t key;
    uint32_t window;
    uint32_t used, highest; /* highest: its place */
    uint64_t ranks[MEMOS_OF_A_KIND];
};

/* Kinds by key, open addressing; bounded. A window begins with another number and used = 0. */
struct memo_kinds {
    uint32_t used, window; /* window: from 1 */
    struct memo_kind slots[2 * MEMO_KINDS_MAX];
};

/* Where in `ranks` the memo belongs (its old place is given up), or -1: it is not drawn. No room for another kind: counted
 * in *shed. */
int memo_draw(struct memo_kinds *kinds, const struct memo *memo, struct memo_kind **kind, uint64_t *shed);

struct memos;

/* NULL: no memory. */
struct memos *memos_open(void (*tell)(void *context, const struct memo *memo), void *context);
void memos_close(struct memos *m);
/* The run has come to this packet time, for every worker the same whosever packet it is. */
void memos_at(struct memos *m, int64_t now_ns);
void memos_message(struct memos *m, const struct message *message);
/* An alert was raised on the connection, on the message given last or on an event. */
void memos_alert(struct memos *m, const struct flow *flow);
/* Messages for whose kind there was no room. */
uint64_t memos_shed(const struct memos *m);

#endif
