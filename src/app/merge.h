/*
 * The other end of the workers' outlets: takes their records in the order in which they arose, gives alerts and samples
 * their numbers, and hands them to the recorder. What is stored, and in which order, does not depend on how many workers
 * there are.
 */
#ifndef DBHOUND_SRC_APP_MERGE_H
#define DBHOUND_SRC_APP_MERGE_H

#include "app/outlet.h"

struct merge;

/* NULL: the arena is too small. */
struct merge *merge_open(struct arena *from, unsigned workers, struct turns *turns, struct recorder *recorder);
struct ring *merge_ring(struct merge *m, unsigned worker);
/* Hands on what nothing earlier can precede any more, at most `most` records; returns how many. */
size_t merge_some(struct merge *m, size_t most);

#endif
