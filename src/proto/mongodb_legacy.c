/*
 * The messages before OP_MSG (MongoDB Wire Protocol, legacy opcodes; src/mongo/db/dbmessage.cpp): all drivers still begin with
 * OP_QUERY, and servers from 5.1 take nothing else of them.
 */
#include "proto/mongodb.h"

enum { BODY_AT = MONGODB_HEADER, REPLY_FIXED = 20 };

/* A reserved number. */
static void read_zero(struct mongodb_reading *r, uint32_t at)
{
    uint32_t value = mongodb_u32(r, at);
    if (mongodb_here(r, at, 4) && value)
        mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_RESERVED, .field = FIELD_MONGODB_RESERVED, .relation = MUST_EQUAL, .offset = at,
                                          .length = 4, .got = value, .note = "a reserved number"});
}

/* "database.collection" and a NUL; returns where it ends, 0 when it does not, or not here. */
static uint32_t read_name(struct mongodb_reading *r, uint32_t at, struct view *name)
{
    uint32_t left = r->end > at ? r->end - at : 0;
    struct view rest = mongodb_view(r, at, left);
    const uint8_t *nul = rest.length ? memchr(rest.bytes, 0, rest.length) : NULL;
    *name = view_of(r->bytes.bytes, 0);
    if (nul) {
        *name = view_head(rest, (size_t)(nul - rest.bytes));
        if (name->length)
            note_field(r->out, FIELD_MONGODB_NAMESPACE, at, (uint32_t)name->length, 0);
        return at + (uint32_t)name->length + 1;
    }
    if (rest.length == left)
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_NAMESPACE, .field = FIELD_MONGODB_NAMESPACE, .relation = MUST_BE, .offset = at,
                                          .length = left, .note = "a NUL inside the message"});
    return 0;
}

/* Documents up to the end of the message: their number; false when they go wrong. `all`: they are all here. */
static bool read_documents(struct mongodb_reading *r, uint32_t at, uint32_t *number, bool *all)
{
    *number = 0;
    *all = true;
    while (at < r->end) {
        enum bson bson = mongodb_bson(r, at, r->end, &at);
        if (bson == BSON_WRONG)
            return false;
        *all &= bson == BSON_SOUND;
        if (bson == BSON_LOST)
            return true;
        ++*number;
    }
    return true;
}

static void check_rest(struct mongodb_reading *r, uint32_t at)
{
    if (at < r->end)
        mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_TRAILING, .field = FIELD_MONGODB_LENGTH, .relation = MUST_NOT_EXCEED, .length = 4,
                                          .got = r->end, .expected = at, .note = "the end of the last field"});
}

static bool ends_with(struct view text, const char *end)
{
    size_t length = strlen(end);
    return text.length >= length && memcmp(text.bytes + text.length - length, end, length) == 0;
}

/* What servers from 5.1 still take in OP_QUERY. */
static bool is_handshake(const struct mongodb_reading *r, uint32_t document)
{
    static const char *const taken[] = {"hello", "isMaster", "ismaster", "_isSelf", "authenticate", "buildInfo", "buildinfo", "saslStart", "saslContinue"};
    struct mongodb_element e;
    struct mongodb_walk walk = mongodb_elements(r, document);
    if (!mongodb_next(r, &walk, &e))
        return true;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (mongodb_named(&e, taken[i]))
            return true;
    return false;
}

static void removed(struct mongodb_reading *r)
{
    struct mongodb_state *s = r->state;
    if (s->wire_version < MONGODB_WIRE_OP_MSG_ONLY || s->removed_told)
        return;
    s->removed_told = true;
    mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_OPCODE_REMOVED, .field = FIELD_MONGODB_OPCODE, .relation = MUST_BE, .offset = 12,
                                      .length = 4, .got = (uint32_t)r->opcode, .note = "OP_MSG"});
}

/* {$query: {...}, ...} carries the command of an old driver. */
static uint32_t inner_query(const struct mongodb_reading *r, uint32_t document)
{
    struct mongodb_element e;
    struct mongodb_walk walk = mongodb_elements(r, document);
    bool wrapped = mongodb_next(r, &walk, &e) && e.type == BSON_DOCUMENT && (mongodb_named(&e, "$query") || mongodb_named(&e, "query"));
    return wrapped ? e.at : document;
}

/* flags, name, skip, return, query, and perhaps the fields that are wanted. */
static void read_query(struct mongodb_reading *r)
{
    struct view name;
    uint32_t flags = mongodb_u32(r, BODY_AT), end;
    if (!mongodb_holds(r, BODY_AT, 4, FIELD_MONGODB_FLAGS))
        return;
    note_field(r->out, FIELD_MONGODB_FLAGS, BODY_AT, 4, flags);
    uint32_t at = read_name(r, BODY_AT + 4, &name);
    if (!at || !mongodb_holds(r, at, 8, FIELD_MONGODB_SKIP))
        return;
    if (mongodb_here(r, at, 8)) {
        note_field(r->out, FIELD_MONGODB_SKIP, at, 4, mongodb_u32(r, at));
        note_field(r->out, FIELD_MONGODB_RETURN, at + 4, 4, mongodb_u32(r, at + 4));
    }
    uint32_t document = at + 8;
    enum bson bson = mongodb_bson(r, document, r->end, &end);
    if (bson == BSON_SOUND && end < r->end)
        bson = mongodb_bson(r, end, r->end, &end);
    if (r->broken)
        return;
    if (bson == BSON_SOUND)
        check_rest(r, end);
    bool command = ends_with(name, ".$cmd"), waits = (flags & QUERY_AWAIT_DATA) != 0;
    enum asked asked = ASKED_COMMAND;
    if (command) {
        uint32_t inner = inner_query(r, document);
        if (!is_handshake(r, inner))
            removed(r);
        asked = mongodb_command(r, inner, view_head(name, name.length - 5), &waits);
    } else {
        observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = MONGODB_QUERY, .text = view_text("query")});
        removed(r);
    }
    mongodb_sent(r, asked, (flags & QUERY_EXHAUST) != 0, waits);
}

/* OP_INSERT: flags, name, documents. OP_UPDATE: 0, name, flags, selector, update. OP_DELETE: 0, name, flags, selector. */
static void read_write(struct mongodb_reading *r)
{
    struct view name;
    uint32_t documents, wanted = r->opcode == OP_UPDATE ? 2 : 1;
    bool insert = r->opcode == OP_INSERT, all;
    if (!mongodb_holds(r, BODY_AT, 4, insert ? FIELD_MONGODB_FLAGS : FIELD_MONGODB_RESERVED))
        return;
    if (insert)
        note_field(r->out, FIELD_MONGODB_FLAGS, BODY_AT, 4, mongodb_u32(r, BODY_AT));
    else
        read_zero(r, BODY_AT);
    uint32_t at = read_name(r, BODY_AT + 4, &name);
    if (!at)
        return;
    if (!insert) {
        if (!mongodb_holds(r, at, 4, FIELD_MONGODB_FLAGS))
            return;
        if (mongodb_here(r, at, 4))
            note_field(r->out, FIELD_MONGODB_FLAGS, at, 4, mongodb_u32(r, at));
        at += 4;
    }
    if (at == r->end) {
        enum anomaly anomaly = insert ? ANOMALY_MONGODB_INSERT_EMPTY : ANOMALY_MONGODB_SHORT;
        mongodb_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_MONGODB_DOCUMENT, .relation = MUST_REACH, .offset = at,
                                          .expected = wanted, .note = "documents"});
        return;
    }
    if (!read_documents(r, at, &documents, &all))
        return;
    if (all && !insert && documents < wanted)
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SHORT, .field = FIELD_MONGODB_DOCUMENT, .relation = MUST_REACH, .offset = r->end,
                                          .got = documents, .expected = wanted, .note = "documents"});
    else
        removed(r);
}

/* 0, name, number, cursor. */
static void read_get_more(struct mongodb_reading *r)
{
    struct view name;
    if (!mongodb_holds(r, BODY_AT, 4, FIELD_MONGODB_RESERVED))
        return;
    read_zero(r, BODY_AT);
    uint32_t at = read_name(r, BODY_AT + 4, &name);
    if (!at || !mongodb_holds(r, at, 12, FIELD_MONGODB_CURSOR_ID))
        return;
    if (mongodb_here(r, at, 12)) {
        note_field(r->out, FIELD_MONGODB_RETURN, at, 4, mongodb_u32(r, at));
        note_field(r->out, FIELD_MONGODB_CURSOR_ID, at + 4, 8, mongodb_u64(r, at + 4));
    }
    check_rest(r, at + 12);
    removed(r);
    observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = MONGODB_GET_MORE, .text = view_text("getMore")});
    mongodb_sent(r, ASKED_COMMAND, false, true);
}

/* 0, number, cursors. */
static void read_kill_cursors(struct mongodb_reading *r)
{
    if (!mongodb_holds(r, BODY_AT, 8, FIELD_MONGODB_COUNT))
        return;
    read_zero(r, BODY_AT);
    uint32_t number = mongodb_u32(r, BODY_AT + 4), fit = (r->end - BODY_AT - 8) / 8;
    note_field(r->out, FIELD_MONGODB_COUNT, BODY_AT + 4, 4, number);
    if (number != fit || number == 0 || (r->end - BODY_AT) % 8)
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_CURSORS, .field = FIELD_MONGODB_COUNT, .relation = MUST_BE, .offset = BODY_AT + 4,
                                          .length = 4, .got = number, .expected = fit, .note = "as many cursors as the message has room for, at least one"});
    else
        removed(r);
}

/* OP_COMMAND and its reply, between servers and shells of 3.2 to 4.0: two names (the request), then documents. */
static void read_command(struct mongodb_reading *r)
{
    struct view name;
    uint32_t at = BODY_AT, documents;
    bool all, reply = r->opcode == OP_COMMANDREPLY;
    for (unsigned names = 0; names < 2 && !reply; names++) {
        at = read_name(r, at, &name);
        if (!at)
            return;
        if (names == 1 && name.length)
            observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = MONGODB_COMMAND, .text = name});
    }
    if (!read_documents(r, at, &documents, &all))
        return;
    if (all && documents < 2) {
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_SHORT, .field = FIELD_MONGODB_DOCUMENT, .relation = MUST_REACH, .offset = r->end,
                                          .got = documents, .expected = 2, .note = "documents: metadata, and arguments or the reply"});
        return;
    }
    if (reply) {
        (void)mongodb_answered(r, false);
        return;
    }
    removed(r);
    mongodb_sent(r, ASKED_COMMAND, false, false);
}

void mongodb_legacy(struct mongodb_reading *r)
{
    switch (r->opcode) {
    case OP_QUERY:
        read_query(r);
        return;
    case OP_INSERT: case OP_UPDATE: case OP_DELETE:
        read_write(r);
        return;
    case OP_GET_MORE:
        read_get_more(r);
        return;
    case OP_KILL_CURSORS:
        read_kill_cursors(r);
        return;
    default:
        read_command(r);
    }
}

/* flags, cursor, starting from, number of documents, documents. */
void mongodb_reply_message(struct mongodb_reading *r)
{
    enum { CURSOR_AT = BODY_AT + 4, NUMBER_AT = BODY_AT + 16, DOCUMENTS_AT = BODY_AT + REPLY_FIXED };
    if (!mongodb_holds(r, BODY_AT, REPLY_FIXED, FIELD_MONGODB_COUNT))
        return;
    uint32_t flags = mongodb_u32(r, BODY_AT), number = mongodb_u32(r, NUMBER_AT), documents;
    uint64_t cursor = mongodb_u64(r, CURSOR_AT);
    bool all;
    note_field(r->out, FIELD_MONGODB_FLAGS, BODY_AT, 4, flags);
    note_field(r->out, FIELD_MONGODB_CURSOR_ID, CURSOR_AT, 8, cursor);
    note_field(r->out, FIELD_MONGODB_COUNT, NUMBER_AT, 4, number);
    if (!read_documents(r, DOCUMENTS_AT, &documents, &all))
        return;
    if (all && documents != number) {
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_REPLY_COUNT, .field = FIELD_MONGODB_COUNT, .relation = MUST_EQUAL, .offset = NUMBER_AT,
                                          .length = 4, .got = number, .expected = documents, .note = "the documents in the message"});
        return;
    }
    enum asked asked = mongodb_answered(r, cursor != 0);
    if (r->broken)
        return;
    if (number > 0)
        mongodb_answer(r, DOCUMENTS_AT, asked, number);
    else
        observe(r->out, (struct fact){.kind = FACT_REPLY});
}
