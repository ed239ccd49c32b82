/*
 * BSON (bsonspec.org 1.1) walked as the server's validateBSON does (src/mongo/bson/bson_validate.cpp): a stack of the ends of
 * open documents instead of recursion, every length compared with what is left. What the server takes although the
 * specification forbids it is told with severity 4.
 */
#include "proto/mongodb.h"

enum { LEVELS = MONGODB_DEPTH_MAX + 1, DOCUMENTS_NOTED = 8, INDEX_TEXT = 10 };

enum level_kind { LEVEL_DOCUMENT, LEVEL_ARRAY, LEVEL_SCOPE };

struct level {
    uint32_t end;
    uint32_t index; /* of the next value of an array */
    uint8_t kind;
};

/* Where the walk stands. */
struct bson_walk {
    struct mongodb_reading *r;
    uint32_t at;
    uint32_t name, name_length; /* of the element */
    unsigned depth;
    bool unseen;                /* the rest is not here */
    bool wrong;
    struct level levels[LEVELS];
};

static void wrong(struct bson_walk *w, struct report found)
{
    w->wrong = true;
    if (w->name_length)
        note_field(w->r->out, FIELD_MONGODB_BSON_NAME, w->name, w->name_length, 0);
    mongodb_defect(w->r, found);
}

static uint32_t left(const struct bson_walk *w)
{
    return w->levels[w->depth].end - w->at;
}

/* `length` bytes of a value are in the document, and here; what they are: for the report. */
static bool holds(struct bson_walk *w, uint32_t length)
{
    /* The final NUL of the document is no part of a value. */
    if (length >= left(w)) {
        wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_BSON_VALUE, .field = FIELD_MONGODB_BSON_VALUE, .relation = MUST_REACH, .offset = w->at,
                                 .length = left(w), .got = left(w) - 1, .expected = length, .note = "bytes that the value needs"});
        return false;
    }
    if (!mongodb_here(w->r, w->at, length)) {
        w->unseen = true;
        return false;
    }
    return true;
}

static void skip(struct bson_walk *w, uint32_t length)
{
    if (length < left(w)) {
        w->at += length;
        w->unseen |= !mongodb_here(w->r, w->at, 1);
        return;
    }
    (void)holds(w, length);
}

/* A text is UTF-8 (RFC 3629): returns the offset of the first byte that is not, or the length. */
static size_t utf8_ends(struct view text)
{
    const uint8_t *b = text.bytes;
    size_t i = 0;
    while (i < text.length) {
        uint8_t c = b[i];
        size_t more = c < 0x80 ? 0 : c >= 0xc2 && c <= 0xdf ? 1 : c >= 0xe0 && c <= 0xef ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 4;
        if (more == 4 || more >= text.length - i)
            return i;
        for (size_t k = 1; k <= more; k++)
            if ((b[i + k] & 0xc0) != 0x80)
                return i;
        if ((c == 0xe0 && b[i + 1] < 0xa0) || (c == 0xed && b[i + 1] > 0x9f) || (c == 0xf0 && b[i + 1] < 0x90) || (c == 0xf4 && b[i + 1] > 0x8f))
            return i;
        i += more + 1;
    }
    return text.length;
}

static void check_utf8(struct bson_walk *w, uint32_t at, uint32_t length, enum field field)
{
    struct mongodb_state *s = w->r->state;
    size_t ends = s->utf8_told ? length : utf8_ends(mongodb_view(w->r, at, length));
    if (ends >= length || w->r->state->doubt[w->r->from])
        return;
    s->utf8_told = true;
    mongodb_remark(w->r, (struct report){.anomaly = ANOMALY_MONGODB_BSON_UTF8, .field = (uint16_t)field, .relation = MUST_BE,
                                         .offset = at + (uint32_t)ends, .length = 1, .got = mongodb_byte(w->r, at + (uint32_t)ends), .note = "UTF-8"});
}

/* int32 length, bytes, NUL, which the length counts. */
static bool read_string(struct bson_walk *w)
{
    if (!holds(w, 4))
        return false;
    uint32_t length = mongodb_u32(w->r, w->at), at = w->at;
    struct report found = {.anomaly = ANOMALY_MONGODB_BSON_STRING, .field = FIELD_MONGODB_BSON_LENGTH, .offset = at, .length = 4, .got = length};
    w->at += 4;
    if (length < 1 || length >= left(w)) {
        bool small = length < 1;
        found.relation = small ? MUST_REACH : MUST_NOT_EXCEED;
        found.expected = small ? 1 : left(w) - 1;
        found.note = small ? "the final NUL" : "what is left of the document";
        wrong(w, found);
        return false;
    }
    if (!mongodb_here(w->r, w->at, length)) {
        w->unseen = true;
        return false;
    }
    if (w->r->bytes.bytes[w->at + length - 1] != 0) {
        found.relation = MUST_BE;
        found.note = "a length that ends with NUL";
        wrong(w, found);
        return false;
    }
    check_utf8(w, w->at, length - 1, FIELD_MONGODB_BSON_LENGTH);
    w->at += length;
    return true;
}

/* The bytes up to a NUL inside the document. */
static bool read_cstring(struct bson_walk *w, uint32_t *start, uint32_t *length)
{
    struct view here = mongodb_view(w->r, w->at, left(w));
    const uint8_t *nul = here.length ? memchr(here.bytes, 0, here.length) : NULL;
    *start = w->at;
    *length = nul ? (uint32_t)(nul - here.bytes) : 0;
    if (nul) {
        w->at += *length + 1;
        return true;
    }
    if (here.length < left(w)) {
        w->unseen = true;
        return false;
    }
    wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_BSON_NAME, .field = FIELD_MONGODB_BSON_VALUE, .relation = MUST_BE, .offset = w->at,
                             .length = left(w), .note = "a NUL inside the document"});
    return false;
}

static bool push(struct bson_walk *w, uint32_t end, enum level_kind kind)
{
    if (w->depth + 1 == LEVELS) {
        note_field(w->r->out, FIELD_MONGODB_BSON_DEPTH, 0, 0, LEVELS);
        wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_BSON_DEPTH, .field = FIELD_MONGODB_BSON_DEPTH, .relation = MUST_NOT_EXCEED, .offset = w->at,
                                 .got = LEVELS, .expected = MONGODB_DEPTH_MAX, .note = "levels inside the document"});
        return false;
    }
    w->levels[++w->depth] = (struct level){.end = end, .kind = (uint8_t)kind};
    return true;
}

/* The length of a document or of code with scope: at least `least`, and inside the document around it. */
static bool read_length(struct bson_walk *w, uint32_t least, enum anomaly anomaly, uint32_t *end)
{
    if (!holds(w, 4))
        return false;
    uint32_t length = mongodb_u32(w->r, w->at);
    if (length < least || length >= left(w)) {
        bool small = length < least;
        wrong(w, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_MONGODB_BSON_LENGTH, .relation = small ? MUST_REACH : MUST_NOT_EXCEED,
                                 .offset = w->at, .length = 4, .got = length, .expected = small ? least : left(w) - 1,
                                 .note = small ? NULL : "what is left of the document around it"});
        return false;
    }
    *end = w->at + length;
    return true;
}

static void read_nested(struct bson_walk *w, enum level_kind kind)
{
    uint32_t end;
    if (read_length(w, MONGODB_BSON_LEAST, ANOMALY_MONGODB_BSON_LENGTH, &end) && push(w, end, kind))
        w->at += 4;
}

/* int32 length of all, string, document. The level of the code ends where that of its scope does. */
static void read_code_scope(struct bson_walk *w)
{
    enum { LEAST = 4 + 5 + MONGODB_BSON_LEAST };
    uint32_t all_end, scope_end;
    if (!read_length(w, LEAST, ANOMALY_MONGODB_CODE_SCOPE, &all_end) || !push(w, all_end + 1, LEVEL_SCOPE))
        return;
    w->at += 4;
    if (read_string(w) && read_length(w, MONGODB_BSON_LEAST, ANOMALY_MONGODB_CODE_SCOPE, &scope_end)) {
        if (scope_end != all_end) {
            wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_CODE_SCOPE, .field = FIELD_MONGODB_BSON_LENGTH, .relation = MUST_EQUAL, .offset = w->at,
                                     .length = 4, .got = scope_end - w->at, .expected = all_end - w->at, .note = "the end of the code with scope"});
            return;
        }
        if (push(w, scope_end, LEVEL_DOCUMENT))
            w->at += 4;
    }
}

static void binary_differs(struct bson_walk *w, uint32_t at, uint32_t got, uint32_t expected, uint8_t subtype)
{
    note_field(w->r->out, FIELD_MONGODB_BINARY_SUBTYPE, at, 0, subtype);
    mongodb_remark(w->r, (struct report){.anomaly = ANOMALY_MONGODB_BINARY, .field = FIELD_MONGODB_BSON_LENGTH, .relation = MUST_EQUAL, .offset = at,
                                         .length = 4, .got = got, .expected = expected, .note = "as its subtype says"});
}

static void read_binary(struct bson_walk *w)
{
    enum { FIXED = 16 };
    if (!holds(w, 5))
        return;
    uint32_t length = mongodb_u32(w->r, w->at), at = w->at;
    uint8_t subtype = mongodb_byte(w->r, at + 4);
    w->at += 5;
    if (length >= left(w)) {
        wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_BSON_VALUE, .field = FIELD_MONGODB_BSON_LENGTH, .relation = MUST_NOT_EXCEED, .offset = at,
                                 .length = 4, .got = length, .expected = left(w) - 1, .note = "what is left of the document"});
        return;
    }
    if (subtype == BINARY_OLD && (length < 4 || (mongodb_here(w->r, w->at, 4) && mongodb_u32(w->r, w->at) != length - 4)))
        binary_differs(w, at, length, length < 4 ? 4 : mongodb_u32(w->r, w->at) + 4, subtype);
    else if (subtype >= BINARY_UUID_OLD && subtype <= BINARY_MD5 && length != FIXED)
        binary_differs(w, at, length, FIXED, subtype);
    else if (subtype == BINARY_COLUMN)
        mongodb_column(w->r, w->at, w->at + length);
    skip(w, length);
}

static void read_boolean(struct bson_walk *w)
{
    if (!holds(w, 1))
        return;
    uint8_t value = mongodb_byte(w->r, w->at);
    if (value > 1)
        wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_BSON_BOOLEAN, .field = FIELD_MONGODB_BSON_VALUE, .relation = MUST_NOT_EXCEED, .offset = w->at,
                                 .length = 1, .got = value, .expected = 1});
    w->at++;
}

static void read_value(struct bson_walk *w, uint8_t type)
{
    uint32_t start, length;
    switch (type) {
    case BSON_DOUBLE: case BSON_DATE: case BSON_TIMESTAMP: case BSON_INT64:
        skip(w, 8);
        return;
    case BSON_STRING: case BSON_CODE: case BSON_SYMBOL:
        (void)read_string(w);
        return;
    case BSON_DOCUMENT:
        read_nested(w, LEVEL_DOCUMENT);
        return;
    case BSON_ARRAY:
        read_nested(w, LEVEL_ARRAY);
        return;
    case BSON_BINARY:
        read_binary(w);
        return;
    case BSON_UNDEFINED: case BSON_NULL: case BSON_MIN_KEY: case BSON_MAX_KEY:
        return;
    case BSON_OBJECT_ID:
        skip(w, 12);
        return;
    case BSON_BOOLEAN:
        read_boolean(w);
        return;
    case BSON_REGEX:
        if (read_cstring(w, &start, &length))
            (void)read_cstring(w, &start, &length);
        return;
    case BSON_DB_POINTER:
        if (read_string(w))
            skip(w, 12);
        return;
    case BSON_CODE_SCOPE:
        read_code_scope(w);
        return;
    case BSON_INT32:
        skip(w, 4);
        return;
    default: /* BSON_DECIMAL128 */
        skip(w, 16);
    }
}

static bool is_type(uint8_t type)
{
    return (type >= BSON_DOUBLE && type <= BSON_DECIMAL128) || type == BSON_MIN_KEY || type == BSON_MAX_KEY;
}

/* The name of an array's value is its index in decimal. */
static void check_index(struct bson_walk *w, struct level *level)
{
    uint8_t text[INDEX_TEXT];
    size_t at = INDEX_TEXT;
    for (uint32_t n = level->index++, first = 1; n || first; n /= 10, first = 0)
        text[--at] = (uint8_t)('0' + n % 10);
    if (w->r->state->keys_told || view_equal(mongodb_view(w->r, w->name, w->name_length), view_of(text + at, INDEX_TEXT - at)))
        return;
    w->r->state->keys_told = !w->r->state->doubt[w->r->from];
    if (w->name_length)
        note_field(w->r->out, FIELD_MONGODB_BSON_NAME, w->name, w->name_length, 0);
    mongodb_remark(w->r, (struct report){.anomaly = ANOMALY_MONGODB_ARRAY_KEYS, .field = FIELD_MONGODB_BSON_NAME, .relation = MUST_BE, .offset = w->name,
                                         .length = w->name_length, .got = level->index - 1, .note = "the index of the value"});
}

static void close_level(struct bson_walk *w)
{
    uint32_t end = w->levels[w->depth].end;
    if (w->at + 1 != end) {
        wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_BSON_END, .field = FIELD_MONGODB_BSON_TYPE, .relation = MUST_EQUAL, .offset = w->at, .length = 1,
                                 .got = w->at + 1, .expected = end, .note = "the end that the length says"});
        return;
    }
    w->at = end;
    if (w->depth > 0 && w->levels[w->depth - 1].kind == LEVEL_SCOPE)
        w->depth--;
    if (w->depth > 0)
        w->depth--;
    else
        w->unseen = true; /* the outermost: done */
}

/* One element, or the end of the innermost document. False: the outermost is done. */
static bool step(struct bson_walk *w)
{
    struct level *level = &w->levels[w->depth];
    w->name_length = 0;
    if (!mongodb_here(w->r, w->at, 1)) {
        w->unseen = true;
        return false;
    }
    uint8_t type = mongodb_byte(w->r, w->at);
    if (type == 0) {
        bool last = w->depth == 0;
        close_level(w);
        return !last && !w->wrong;
    }
    uint32_t type_at = w->at++;
    if (!read_cstring(w, &w->name, &w->name_length))
        return false;
    if (!is_type(type)) {
        wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_BSON_TYPE, .field = FIELD_MONGODB_BSON_TYPE, .relation = MUST_BE, .offset = type_at, .length = 1,
                                 .got = type, .note = "0x01 to 0x13, 0x7f or 0xff"});
        return false;
    }
    if (level->kind == LEVEL_ARRAY)
        check_index(w, level);
    else
        check_utf8(w, w->name, w->name_length, FIELD_MONGODB_BSON_NAME);
    /* The NUL of the name may have been that of the document. */
    if (left(w) == 0) {
        wrong(w, (struct report){.anomaly = ANOMALY_MONGODB_BSON_END, .field = FIELD_MONGODB_BSON_TYPE, .relation = MUST_BE, .offset = type_at, .length = 1,
                                 .got = type, .note = "a NUL behind the last element"});
        return false;
    }
    read_value(w, type);
    return !w->wrong && !w->unseen;
}

/* The length of the outermost document. */
static enum bson outer_length(struct mongodb_reading *r, uint32_t at, uint32_t limit, uint32_t *end)
{
    uint32_t room = limit > at ? limit - at : 0;
    struct report found = {.anomaly = ANOMALY_MONGODB_BSON_LENGTH, .field = FIELD_MONGODB_DOCUMENT, .relation = MUST_REACH, .offset = at,
                           .length = room < 4 ? room : 4, .expected = MONGODB_BSON_LEAST};
    *end = limit;
    if (room < MONGODB_BSON_LEAST) {
        found.got = room;
        found.note = "bytes left for a document";
        mongodb_defect(r, found);
        return BSON_WRONG;
    }
    if (!mongodb_here(r, at, 4))
        return BSON_LOST;
    uint32_t length = mongodb_u32(r, at);
    if (r->documents < DOCUMENTS_NOTED) {
        r->documents++;
        note_field(r->out, FIELD_MONGODB_DOCUMENT, at, 4, length);
    }
    found.got = length;
    if (length < MONGODB_BSON_LEAST || length > room) {
        found.relation = length < MONGODB_BSON_LEAST ? MUST_REACH : MUST_NOT_EXCEED;
        found.expected = length < MONGODB_BSON_LEAST ? MONGODB_BSON_LEAST : room;
        found.note = length < MONGODB_BSON_LEAST ? NULL : "what is left for it";
        mongodb_defect(r, found);
        return BSON_WRONG;
    }
    *end = at + length;
    uint32_t most = (r->state->bson_max > MONGODB_BSON_USER_MAX ? r->state->bson_max : MONGODB_BSON_USER_MAX) + MONGODB_BSON_MORE;
    if (length > most)
        mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_BSON_LARGE, .field = FIELD_MONGODB_DOCUMENT, .relation = MUST_NOT_EXCEED, .offset = at,
                                          .length = 4, .got = length, .expected = most, .note = "BSONObjMaxInternalSize"});
    return BSON_SOUND;
}

enum bson mongodb_bson(struct mongodb_reading *r, uint32_t at, uint32_t limit, uint32_t *end)
{
    struct bson_walk w;
    enum bson begun = outer_length(r, at, limit, end);
    if (begun != BSON_SOUND)
        return begun;
    if (mongodb_here(r, *end - 1, 1) && mongodb_byte(r, *end - 1) != 0) {
        mongodb_defect(r, (struct report){.anomaly = ANOMALY_MONGODB_BSON_END, .field = FIELD_MONGODB_BSON_TYPE, .relation = MUST_EQUAL, .offset = *end - 1,
                                          .length = 1, .got = mongodb_byte(r, *end - 1), .note = "the NUL at the end"});
        return BSON_WRONG;
    }
    w.r = r;
    w.at = at + 4;
    w.name = w.name_length = 0;
    w.depth = 0;
    w.unseen = w.wrong = false;
    w.levels[0] = (struct level){.end = *end, .kind = LEVEL_DOCUMENT};
    while (step(&w))
        ;
    return w.wrong ? BSON_WRONG : mongodb_here(r, *end - 1, 1) ? BSON_SOUND : BSON_UNSEEN;
}
