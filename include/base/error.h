/* What went wrong in the surroundings (a file, a store, a rule's text): one line, written where the cause is known.
 * Wrong traffic is never an error; it is an anomaly, a counter or a gap. */
#ifndef DBHOUND_BASE_ERROR_H
#define DBHOUND_BASE_ERROR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* Exit codes, a contract with users' scripts: sysexits plus 1 and 2. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_MATCHED = 1,     /* --fail-on matched, or tests failed */
    EXIT_PARTIAL = 2,     /* input partly unreadable */
    EXIT_USAGE = 64,      /* wrong options or arguments */
    EXIT_DATA = 65,       /* bad rule or configuration data */
    EXIT_NO_INPUT = 66,   /* no such input */
    EXIT_NO_CAPTURE = 69, /* capture not available */
    EXIT_INTERNAL = 70,
    EXIT_CANNOT_CREATE = 73,
    EXIT_IO = 74,
    EXIT_NO_PERMISSION = 77,
    EXIT_CONFIG = 78,
};

struct error {
    enum exit_code code;
    char text[512];
};

/* Fills `why` and returns false, so that a failing function can `return error_set(...)`. */
_Bool error_set(struct error *why, enum exit_code code, const char *format, ...) PRINTF_LIKE(3, 4);
/* Puts "context: " before the text that is already there; returns false. */
_Bool error_add(struct error *why, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
