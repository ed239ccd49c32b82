/* Elements of documents that were walked: names, texts, numbers. Nothing here reports; what is not here, or wrong, is not found. */
#include "proto/mongodb.h"

struct mongodb_walk mongodb_elements(const struct mongodb_reading *r, uint32_t at)
{
    uint32_t length = mongodb_u32(r, at), here = (uint32_t)r->bytes.length;
    uint32_t end = here > at && length <= here - at ? at + length : here;
    return (struct mongodb_walk){.at = at + 4 < end ? at + 4 : end, .end = end};
}

/* Bytes of a value at `at`; UINT32_MAX when that is not known. */
static uint32_t value_length(const struct mongodb_reading *r, uint8_t type, uint32_t at, uint32_t end)
{
    if (at > end)
        return UINT32_MAX;
    struct view rest = mongodb_view(r, at, end - at);
    switch (type) {
    case BSON_DOUBLE: case BSON_DATE: case BSON_TIMESTAMP: case BSON_INT64:
        return 8;
    case BSON_STRING: case BSON_CODE: case BSON_SYMBOL: case BSON_BINARY: case BSON_DB_POINTER: {
        uint32_t more = type == BSON_BINARY ? 5 : type == BSON_DB_POINTER ? 16 : 4;
        uint32_t length = mongodb_u32(r, at);
        return length <= MONGODB_MESSAGE_MAX ? length + more : UINT32_MAX;
    }
    case BSON_DOCUMENT: case BSON_ARRAY: case BSON_CODE_SCOPE:
        return mongodb_u32(r, at) >= 4 ? mongodb_u32(r, at) : UINT32_MAX;
    case BSON_UNDEFINED: case BSON_NULL: case BSON_MIN_KEY: case BSON_MAX_KEY:
        return 0;
    case BSON_OBJECT_ID:
        return 12;
    case BSON_BOOLEAN:
        return 1;
    case BSON_INT32:
        return 4;
    case BSON_DECIMAL128:
        return 16;
    case BSON_REGEX: {
        const uint8_t *first = rest.length ? memchr(rest.bytes, 0, rest.length) : NULL;
        struct view options = first ? view_from(rest, (size_t)(first - rest.bytes) + 1) : view_of(NULL, 0);
        const uint8_t *second = options.length ? memchr(options.bytes, 0, options.length) : NULL;
        return second ? (uint32_t)(second - rest.bytes) + 1 : UINT32_MAX;
    }
    default:
        return UINT32_MAX;
    }
}

bool mongodb_next(const struct mongodb_reading *r, struct mongodb_walk *walk, struct mongodb_element *out)
{
    if (walk->at >= walk->end || mongodb_byte(r, walk->at) == 0)
        return false;
    struct view name = mongodb_view(r, walk->at + 1, walk->end - walk->at - 1);
    const uint8_t *nul = name.length ? memchr(name.bytes, 0, name.length) : NULL;
    if (!nul)
        return false;
    out->type = mongodb_byte(r, walk->at);
    out->name = view_head(name, (size_t)(nul - name.bytes));
    out->at = walk->at + 2 + (uint32_t)out->name.length;
    uint32_t length = value_length(r, out->type, out->at, walk->end);
    if (length > walk->end - out->at) {
        out->end = walk->end;
        walk->at = walk->end;
        return length != UINT32_MAX && mongodb_here(r, out->at, 4);
    }
    out->end = walk->at = out->at + length;
    return true;
}

bool mongodb_named(const struct mongodb_element *e, const char *name)
{
    return view_equal(e->name, view_text(name));
}

bool mongodb_find(const struct mongodb_reading *r, uint32_t document, const char *name, struct mongodb_element *out)
{
    struct mongodb_walk walk = mongodb_elements(r, document);
    while (mongodb_next(r, &walk, out))
        if (mongodb_named(out, name))
            return true;
    return false;
}

struct view mongodb_text(const struct mongodb_reading *r, const struct mongodb_element *e, uint32_t *at)
{
    bool text = e->type == BSON_STRING || e->type == BSON_CODE || e->type == BSON_SYMBOL;
    uint32_t length = mongodb_u32(r, e->at), head = text ? 4 : 5;
    *at = e->at + head;
    if ((!text && e->type != BSON_BINARY) || length > e->end - e->at || e->end - e->at - length < head || !mongodb_here(r, e->at, head + length) ||
        (text && length == 0))
        return view_of(r->bytes.bytes, 0);
    return mongodb_view(r, *at, text ? length - 1 : length);
}

/* What a double says, when it is a whole number: from its bits, for the sake of exactness. */
static int64_t whole(uint64_t bits)
{
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    if (exponent < 0 || exponent > 62)
        return 0;
    int64_t value = exponent > 52 ? (int64_t)(mantissa << (exponent - 52)) : (int64_t)(mantissa >> (52 - exponent));
    return bits >> 63 ? -value : value;
}

int64_t mongodb_number(const struct mongodb_reading *r, const struct mongodb_element *e)
{
    switch (e->type) {
    case BSON_INT32:
        return (int32_t)mongodb_u32(r, e->at);
    case BSON_INT64:
        return (int64_t)mongodb_u64(r, e->at);
    case BSON_DOUBLE:
        return whole(mongodb_u64(r, e->at));
    case BSON_BOOLEAN:
        return mongodb_byte(r, e->at) != 0;
    default:
        return 0;
    }
}

struct view mongodb_note_text(struct mongodb_reading *r, enum field field, const struct mongodb_element *e)
{
    uint32_t at;
    struct view text = mongodb_text(r, e, &at);
    if (text.length)
        note_field(r->out, field, at, (uint32_t)text.length, 0);
    return text;
}
