/*
 * Compressed columns: BSON binaries of subtype 7 (src/mongo/bson/column/bsoncolumn_util.h). A run of literals (an element with an
 * empty name), blocks of deltas (a control byte, then 8 bytes each) and interleaved objects, up to a byte 0. What is in the
 * literals is not walked: a column in a column is told, not followed.
 */
#include "proto/mongodb.h"

enum { INTERLEAVED_FIRST = 0xf0, INTERLEAVED_LAST = 0xf2, DELTAS_FIRST = 0x80, DELTAS_LAST = 0xdf, DELTA_BLOCK = 8, COLUMN_DEPTH = 16 };

/* Bytes of a literal's value; 0 and false when it is none, or not all here. */
static bool literal_length(const struct mongodb_reading *r, uint8_t type, uint32_t at, uint32_t end, uint32_t *length)
{
    static const uint8_t fixed[] = {
        [BSON_DOUBLE] = 8, [BSON_OBJECT_ID] = 12, [BSON_BOOLEAN] = 1, [BSON_DATE] = 8, [BSON_INT32] = 4,
        [BSON_TIMESTAMP] = 8, [BSON_INT64] = 8, [BSON_DECIMAL128] = 16,
    };
    uint64_t needs;
    switch (type) {
    case BSON_STRING: case BSON_CODE: case BSON_SYMBOL:
        needs = (uint64_t)mongodb_u32(r, at) + 4;
        break;
    case BSON_DOCUMENT: case BSON_ARRAY: case BSON_CODE_SCOPE:
        needs = mongodb_u32(r, at);
        break;
    case BSON_BINARY:
        needs = (uint64_t)mongodb_u32(r, at) + 5;
        break;
    case BSON_DB_POINTER:
        needs = (uint64_t)mongodb_u32(r, at) + 16;
        break;
    case BSON_UNDEFINED: case BSON_NULL: case BSON_MIN_KEY: case BSON_MAX_KEY:
        needs = 0;
        break;
    case BSON_REGEX: {
        struct view rest = mongodb_view(r, at, end - at);
        const uint8_t *first = rest.length ? memchr(rest.bytes, 0, rest.length) : NULL;
        struct view options = first ? view_from(rest, (size_t)(first - rest.bytes) + 1) : view_of(NULL, 0);
        const uint8_t *second = options.length ? memchr(options.bytes, 0, options.length) : NULL;
        needs = second ? (uint64_t)(second - rest.bytes) + 1 : (uint64_t)(end - at) + 1;
        break;
    }
    default:
        if (type >= sizeof fixed || !fixed[type])
            return false;
        needs = fixed[type];
    }
    *length = needs <= end - at ? (uint32_t)needs : 0;
    return needs <= end - at;
}

static void nested(struct mongodb_reading *r, uint32_t at, const char *instead)
{
    mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_COLUMN_NESTED, .field = FIELD_MONGODB_BINARY_SUBTYPE, .relation = MUST_BE, .offset = at,
                                      .length = 1, .got = BINARY_COLUMN, .note = instead});
}

static bool is_column(const struct mongodb_reading *r, const struct mongodb_element *e)
{
    return e->type == BSON_BINARY && mongodb_here(r, e->at, 5) && mongodb_byte(r, e->at + 4) == BINARY_COLUMN;
}

/* Is one of the values in the document at `at` a column? Looks into documents up to a depth that no time series has. */
static bool holds_column(const struct mongodb_reading *r, uint32_t at, uint32_t *where)
{
    struct mongodb_walk walks[COLUMN_DEPTH];
    struct mongodb_element e;
    unsigned depth = 0;
    walks[0] = mongodb_elements(r, at);
    for (;;) {
        if (!mongodb_next(r, &walks[depth], &e)) {
            if (depth-- == 0)
                return false;
        } else if (is_column(r, &e)) {
            *where = e.at + 4;
            return true;
        } else if ((e.type == BSON_DOCUMENT || e.type == BSON_ARRAY) && depth + 1 < COLUMN_DEPTH) {
            walks[++depth] = mongodb_elements(r, e.at);
        }
    }
}

static void malformed(struct mongodb_reading *r, uint32_t at, uint8_t got, const char *instead)
{
    mongodb_remark(r, (struct report){.anomaly = ANOMALY_MONGODB_COLUMN, .field = FIELD_MONGODB_BSON_VALUE, .relation = MUST_BE, .offset = at, .length = 1,
                                      .got = got, .note = instead});
}

/* A literal of a column: its value, or where it goes wrong. False: the walk ends. */
static bool literal(struct mongodb_reading *r, uint8_t type, uint32_t *at, uint32_t end)
{
    uint32_t length, where, start = *at;
    if (mongodb_byte(r, *at + 1) != 0 || !literal_length(r, type, *at + 2, end, &length)) {
        malformed(r, start, type, "a literal: type, an empty name, a value");
        return false;
    }
    if (type == BSON_BINARY && mongodb_byte(r, *at + 6) == BINARY_COLUMN) {
        nested(r, *at + 6, "a plain value in a column");
        return false;
    }
    if ((type == BSON_DOCUMENT || type == BSON_ARRAY) && holds_column(r, *at + 2, &where)) {
        nested(r, where, "plain values in a column");
        return false;
    }
    *at += 2 + length;
    return true;
}

void mongodb_column(struct mongodb_reading *r, uint32_t at, uint32_t end)
{
    bool interleaved = false;
    while (at < end) {
        if (!mongodb_here(r, at, 1))
            return;
        uint8_t control = mongodb_byte(r, at);
        if (control == 0) {
            if (!interleaved && at + 1 != end)
                malformed(r, at, control, "nothing behind the end");
            if (!interleaved)
                return;
            interleaved = false;
            at++;
        } else if (control >= INTERLEAVED_FIRST && control <= INTERLEAVED_LAST) {
            if (interleaved) {
                nested(r, at, "one level of interleaved objects");
                return;
            }
            uint32_t length = mongodb_u32(r, at + 1), where;
            interleaved = true;
            if (!mongodb_here(r, at + 1, 4))
                return;
            if (length < MONGODB_BSON_LEAST || length > end - at - 1) {
                malformed(r, at, control, "a reference object inside the column");
                return;
            }
            if (holds_column(r, at + 1, &where)) {
                nested(r, where, "plain values in a column");
                return;
            }
            at += 1 + length;
        } else if (control >= DELTAS_FIRST && control <= DELTAS_LAST) {
            uint32_t blocks = ((control & 15u) + 1) * DELTA_BLOCK;
            if (blocks >= end - at) {
                malformed(r, at, control, "as many blocks as the control byte says");
                return;
            }
            at += 1 + blocks;
        } else if (!mongodb_here(r, at, 7) && end - at > 7) {
            return;
        } else if (!literal(r, control, &at, end)) {
            return;
        }
    }
    malformed(r, end, 0, "a 0 at the end");
}
