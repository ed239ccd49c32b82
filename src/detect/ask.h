/* One message, as the conditions of a rule see it: what its fields, its connection and its login say. */
#ifndef DBHOUND_DETECT_ASK_H
#define DBHOUND_DETECT_ASK_H

#include "detect/content.h"
#include "detect/evidence.h"
#include "detect/geo.h"
#include "detect/where.h"

/* Scratch of whoever asks: copies in lower case, made when somebody wants one. */
struct asker {
    const struct geo *geo;    /* may be NULL */
    bool lowered;             /* `lower` holds this message */
    uint64_t divided_by_zero; /* and other arithmetic without a result */
    uint8_t lower[MESSAGE_BYTES_MAX], lower_session[SESSION_TEXT_MAX], lower_login[2][SESSION_TEXT_MAX];
    struct search search;
};

struct asked {
    struct asker *asker;
    const struct message *message;
    const struct findings *findings;
    enum protocol protocol;
    struct view head;
};

/* Begins with a message; the asker is reused. */
struct asked ask_begin(struct asker *asker, const struct message *message);
/* What the connection or the message as a whole says about a field. False: the message does not have it (*derived) or the
 * fields that were read must be asked. */
bool ask_derived(const struct asked *a, enum field field, uint64_t *value, bool *derived);
bool ask_address(const struct asked *a, enum field field, struct wide *out);
/* The login's text, kept in the session; empty: ask the fields that were read. */
struct view ask_session_text(const struct asked *a, enum field field);
/* Where the client is; zeros: unknown. */
struct geo_place ask_place(const struct asked *a);
/* The message in lower case. */
const uint8_t *ask_lower(const struct asked *a);
/* Everything a test can say. *report: the first that an anomaly test found; *why: what the test saw. */
bool ask_test(const struct asked *a, const struct rule *rule, const struct test *test, const struct report **report,
              struct evidence *why);
/* The header's addresses and ports. */
bool ask_header(const struct asked *a, const struct rule *rule);

#endif
