/* A source over bytes that are in memory already, for tests and fuzzers: exactly what source_open_files does with a file
 * of these bytes. Private to the capture room. */
#ifndef DBHOUND_CAPTURE_SOURCE_MEMORY_H
#define DBHOUND_CAPTURE_SOURCE_MEMORY_H

#include "base/view.h"
#include "capture/source.h"

/* `files` must stay until source_close. `read_most` 0: as mapped files, read in place (compressed ones as streams);
 * otherwise as streams that yield at most so many bytes at a time. */
struct source *source_open_memory(const struct view *files, size_t count, size_t read_most,
                                  const struct source_options *options, struct error *why) MUST_CHECK;

#endif
