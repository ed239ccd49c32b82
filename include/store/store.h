/*
 * The store: alerts become evidence in SQLite. One writer in the whole system; readers open their own read-only
 * connection and use the numbered views, which are the contract (DESIGN: views of the store). WAL, synchronous=FULL,
 * STRICT tables, user_version migrations, application_id, files 0600. An alert that was committed survives kill -9 and
 * power loss; commits are grouped by rows or milliseconds.
 */
#ifndef DBHOUND_STORE_STORE_H
#define DBHOUND_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/view.h"
#include "detect/rules.h"
#include "health/incident.h"
#include "model/alert.h"
#include "model/counter.h"
#include "model/memo.h"

struct store;

/* Creates or opens for writing: EXIT_CANNOT_CREATE, EXIT_IO, EXIT_DATA (not a dbhound store, or a newer one). */
struct store *store_open(const char *path, struct error *why) MUST_CHECK;
/* Begins a run: `command` as typed, `sources` one per line. Returns its id, 0 on error. */
int64_t store_begin_run(struct store *s, const char *command, const char *sources, const char *rules_hash,
                        struct error *why) MUST_CHECK;
/* Writes one alert and returns its alert_id, 0 on error. */
int64_t store_add_alert(struct store *s, const struct alert *alert, const struct rule_facts *rule, struct error *why) MUST_CHECK;
/* An alert like alert_id happened again at time_ns. */
bool store_fold_alert(struct store *s, int64_t alert_id, int64_t time_ns, struct error *why) MUST_CHECK;
/* What the server said about the message of an alert ("ERR 1835 (HY000) Malformed communication packet",
 * "closed the connection without an answer", "answered"). */
bool store_set_verdict(struct store *s, int64_t alert_id, const char *verdict, struct error *why) MUST_CHECK;
/* A sample (pcapng, already masked) for the alerts of this run that carry `key`. */
bool store_add_sample(struct store *s, uint64_t key, struct view pcapng, uint32_t packets, bool redacted,
                      struct error *why) MUST_CHECK;
/* A server as seen on the wire; merges with what is known. `version` may be "", `tls` is negative when not known. */
bool store_see_server(struct store *s, const struct endpoint *server, enum protocol protocol, const char *version,
                      const char *version_source, int tls, int64_t time_ns, struct error *why) MUST_CHECK;
/* Writes an incident, its suspects and last words; what was written of the same number in this run is replaced. Alerts are named
 * by their alert_id here, not by a key. */
bool store_set_incident(struct store *s, const struct incident *incident, struct error *why) MUST_CHECK;
bool store_add_vitals(struct store *s, const struct vitals *vitals, struct error *why) MUST_CHECK;
/* The last second of a server, in the place of the one before. */
bool store_set_now(struct store *s, const struct vitals *vitals, int64_t time_ns, struct error *why) MUST_CHECK;
bool store_set_visitor(struct store *s, const struct visitor *visitor, struct error *why) MUST_CHECK;
/* Commits what waits. Rows are committed by themselves every 500 rows, or with the next row after 50 ms; call this when
 * nothing more may come for a while. */
bool store_commit(struct store *s, struct error *why) MUST_CHECK;
/* A commit that fails (disk full) loses rows whose ids were already returned. Moves what was lost since the last call
 * from stored and folded to write-failed, so that the sums still hold. Call before printing counters. */
struct store_losses {
    uint64_t alerts, folds, samples;
};
void store_count_losses(struct store *s, struct counters *counters);
/* What a server is used to (detect/habits.h), in the place of what was there; and all of it, one by one. */
bool store_put_habits(struct store *s, const struct endpoint *server, enum protocol protocol, struct view bytes, struct error *why) MUST_CHECK;
bool store_read_habits(struct store *s, void (*tell)(void *context, const char *address, uint16_t port, const char *protocol, struct view bytes),
                       void *context, struct error *why) MUST_CHECK;
/* A memo of a message (--facts). Then what is over the bounds of a server, or of all, goes: rare kinds stay longest. */
enum { MEMOS_PER_SERVER = 10000, MEMO_BYTES_PER_SERVER = 8 << 20, MEMOS_IN_ALL = 400000 };
bool store_add_memo(struct store *s, const struct memo *memo, bool near_alert, struct error *why) MUST_CHECK;
bool store_trim_memos(struct store *s, struct error *why) MUST_CHECK;
/* How much of a server's connections could be read in this run, in the place of what was said before. */
struct store_sight {
    uint64_t connections, decoded, encrypted, unsupported, blind, lost, blind_ns;
};
bool store_set_sight(struct store *s, const struct endpoint *server, enum protocol protocol, const struct store_sight *sight,
                     struct error *why) MUST_CHECK;
/* What a rule came to in this run: asked, true, passed over, nanoseconds. Adds to what was said before. */
bool store_add_rule_stats(struct store *s, uint32_t sid, const uint64_t sums[4], struct error *why) MUST_CHECK;
/* Ends the run: writes counters and per-rule sums, commits, checkpoints. `result` is EXIT_DONE, EXIT_PARTIAL, ... */
bool store_end_run(struct store *s, const struct counters *counters, int result, struct error *why) MUST_CHECK;
void store_close(struct store *s);

/* Which alerts go, with their samples: older than `before_ns` (and then, unless `sid` names a rule, older facts, incidents and vital
 * signs), of the rule `sid` (0: of all), all but the newest `keep`. Those that somebody has judged stay. */
struct purge {
    bool has_before, has_keep;
    int64_t before_ns, keep;
    uint32_t sid;
};
struct purged {
    uint64_t alerts, samples, facts, incidents, minutes;
};
/* `only_count`: says what would go. */
bool store_purge(struct store *s, const struct purge *p, bool only_count, struct purged *out, struct error *why) MUST_CHECK;
/* Gives the room of what is gone back to the disk; needs as much room again while it works. */
bool store_vacuum(struct store *s, struct error *why) MUST_CHECK;

/* ---- reading */

struct sqlite3;

enum { STORE_SCHEMA_VERSION = 7 }; /* PRAGMA user_version that this program writes; it reads older ones, too */
/* A read-only connection on an existing store: EXIT_NO_INPUT, EXIT_DATA. Close with sqlite3_close. */
struct sqlite3 *store_read(const char *path, struct error *why) MUST_CHECK;
/* The first bytes of an alert's message, at most `size`; *length 0 when there are none. */
bool store_read_head(struct sqlite3 *db, int64_t alert_id, void *bytes, size_t size, size_t *length,
                     struct error *why) MUST_CHECK;
/* SHA-256 as lower-case hex: what v_samples.sha256 holds. */
enum { STORE_DIGEST_SIZE = 65 };
bool store_digest(struct view bytes, char hex[STORE_DIGEST_SIZE]) MUST_CHECK;

#endif
