/* A regular file in memory: its bytes stay where they are until mapping_close, and a file that is cut short or cannot
 * be read while it is mapped yields zeros and says so, instead of ending the program. */
#ifndef DBHOUND_CAPTURE_MAPPING_H
#define DBHOUND_CAPTURE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guarded_range;

struct mapping {
    const uint8_t *bytes;
    size_t size;
    size_t checked;  /* reading from here on asks for the file's size again */
    size_t released; /* the system was told that bytes before this are not needed soon */
    int descriptor;  /* -1 once the file was read */
    struct guarded_range *guard;
};

/* So many files can be mapped without asking for memory then; false: there is none. */
bool mapping_reserve(size_t files);
/* False when it cannot be mapped: read it as a stream then. Takes the descriptor over when true. */
bool mapping_open(struct mapping *m, int descriptor, size_t size);
/* Reading goes on at `position`: bytes far behind leave memory (touching them again is valid and fetches them again). */
void mapping_advance(struct mapping *m, size_t position);
/* Offset of the first byte that turned out to be unreadable; SIZE_MAX while there is none. Touches the pages from `from`
 * to `to` first, so that no one is handed what is not there. */
size_t mapping_lost(const struct mapping *m, size_t from, size_t to);
/* The file was read to its end: looks whether it was cut short on the way. The bytes stay. */
size_t mapping_finish(struct mapping *m);
void mapping_close(struct mapping *m);

#endif
