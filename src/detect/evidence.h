/* Why a rule matched, and the flat alert made of it: what was read, what was expected, where; secrets masked. */
#ifndef DBHOUND_DETECT_EVIDENCE_H
#define DBHOUND_DETECT_EVIDENCE_H

#include "detect/content.h"
#include "detect/rule.h"
#include "proto/conversation.h"

struct evidence {
    const struct report *report; /* NULL: the rule's own condition says why */
    const struct test *test;     /* that condition; NULL: the rule has none */
    enum field field;
    uint64_t value;              /* of a number */
    uint32_t offset, length;     /* of the bytes in the message; length 0: not read from it */
    struct view bytes;           /* of a buffer: what matched, or its beginning */
    bool of_session;             /* `bytes` is text of the login, not part of the message */
    bool size_only;              /* the buffer's length is what matched */
    uint64_t size;               /* of the buffer */
};

void alert_fill(struct alert *alert, const struct rule_set *set, uint32_t rule, const struct message *message,
                const struct evidence *why);

/* Masks every secret byte of a copy of message bytes [base, base + length). */
void evidence_mask(uint8_t *copy, uint32_t base, size_t length, const struct field_value *fields, size_t count,
                   bool (*is_secret)(enum field field));

#endif
