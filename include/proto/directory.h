/*
 * Which servers are known, by what they said: shared by all workers.
 *
 * A connection is judged by what was known when its packet came, not by how far the threads happen to be: an endpoint
 * counts as known at `when` if it was learned before, and who asks waits until nobody can still learn something earlier.
 * Waiting happens only for endpoints that are not known yet. The first protocol that was learned of an endpoint stays.
 */
#ifndef DBHOUND_PROTO_DIRECTORY_H
#define DBHOUND_PROTO_DIRECTORY_H

#include "base/pool.h"
#include "base/turns.h"
#include "model/flow_key.h"
#include "model/protocol.h"

struct directory;

/* `turns` of the workers; NULL: nobody is waited for (one worker, or live, where order means nothing). */
struct directory *directory_open(struct arena *from, size_t servers, struct turns *turns);
/* `when`: twice the packet's number; one more for what happens after it by time alone. */
enum protocol directory_ask(struct directory *d, unsigned worker, const struct endpoint *server, uint64_t when);
void directory_learn(struct directory *d, const struct endpoint *server, enum protocol protocol, uint64_t when);
/* That a server offered TLS, and whether it had: the same for both. */
void directory_learn_tls(struct directory *d, const struct endpoint *server, uint64_t when);
bool directory_ask_tls(struct directory *d, unsigned worker, const struct endpoint *server, uint64_t when);

#endif
