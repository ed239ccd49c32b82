/*
 * --facts, the recorder's side: draws among what the workers send, holds a window of packet time in memory (bounded), and writes it
 * to the store in one go when it is over.
 */
#ifndef DBHOUND_SRC_APP_MEMO_BOOK_H
#define DBHOUND_SRC_APP_MEMO_BOOK_H

#include "model/counter.h"
#include "model/memo.h"
#include "store/store.h"

struct memo_book;

/* NULL: no memory. */
struct memo_book *memo_book_open(struct store *store, struct counters *counters);
void memo_book_close(struct memo_book *b);
/* In the order of the run. False: the store refused the window before, *why says why. */
bool memo_book_take(struct memo_book *b, const struct memo *memo, struct error *why) MUST_CHECK;
/* Writes what is held. */
bool memo_book_settle(struct memo_book *b, struct error *why) MUST_CHECK;

#endif
