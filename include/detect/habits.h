/*
 * What servers are used to: per server, how long messages of each kind are (a histogram in steps of a fifth, so that quantiles can be
 * asked of bounded memory), which clients come, which shapes of requests, and how much there is in a second. Learned by each worker for itself, merged in any
 * order to the same sum, kept in the store from run to run.
 *
 * A run is judged by what was known before it began, so that the number of workers and the order of connections change nothing.
 */
#ifndef DBHOUND_DETECT_HABITS_H
#define DBHOUND_DETECT_HABITS_H

#include "proto/conversation.h"

/* Nothing is judged before a server has been seen for so many messages, or a kind of message so often. */
enum { HABITS_LEAST = 1000, HABITS_LEAST_SECONDS = 600 };

struct habits;

struct habits *habits_open(void);
void habits_close(struct habits *h);
/* Learns a message, and reports what `known` says is unusual about it; the reports are good until the next call. `known` may be
 * NULL. Nothing is allocated. A message that was reported for something already teaches nothing. */
void habits_message(struct habits *h, const struct habits *known, const struct message *message);
/* The same of an event of a second (detect/event.h): how many requests, errors, refused logins and connections there were. Where all
 * workers' counts come together, since a server's connections are spread over them. */
void habits_second(struct habits *h, const struct habits *known, const struct message *second);
/* Adds what `from` has learned, and empties it. */
void habits_merge(struct habits *into, struct habits *from);
/* Servers and messages that could not be learned because there was no room. */
uint64_t habits_refused(const struct habits *h);

/* For the store: the i-th server as bytes (to be freed); false past the end. */
bool habits_save(const struct habits *h, size_t i, struct endpoint *server, enum protocol *protocol, void **bytes, size_t *length);
/* Takes one back. False: the bytes are not such. */
bool habits_load(struct habits *h, const struct endpoint *server, enum protocol protocol, struct view bytes);

#endif
