/*
 * Types and values ([MS-TDS] 2.2.5.2, 2.2.5.4 and 2.2.5.5): TYPE_INFO as columns and parameters have it, and the bytes of a
 * value, which are passed over. Both go on where a packet cut them.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { COLLATION = 5, SHORT_MAX = 8000, LONG_MARK = 0xffff, PRECISION_MAX = 38, SCALE_MAX = 7, POINTER_EXTRA = 8 };

static const uint64_t PLP_NULL = UINT64_MAX, PLP_UNKNOWN = UINT64_MAX - 1;
static const uint32_t LONG_NULL = UINT32_MAX;

bool tds_type_is_text(uint8_t type)
{
    return type == TEXTTYPE || type == NTEXTTYPE || type == IMAGETYPE;
}

/* Bytes of a type that has no length on the wire. */
static uint8_t fixed_size(uint8_t type)
{
    switch (type) {
    case INT1TYPE: case BITTYPE:
        return 1;
    case INT2TYPE:
        return 2;
    case INT4TYPE: case DATETIM4TYPE: case FLT4TYPE: case MONEY4TYPE:
        return 4;
    case MONEYTYPE: case DATETIMETYPE: case FLT8TYPE: case INT8TYPE:
        return 8;
    default:
        return 0;
    }
}

/* Bytes of TYPE_INFO behind the type byte, names not counted; -1: no such type. */
static int detail_bytes(const struct tds_reading *r, uint8_t type, bool parameter)
{
    int collation = r->state->level == LEVEL_70 ? 0 : COLLATION;
    switch (type) {
    case NULLTYPE: case INT1TYPE: case BITTYPE: case INT2TYPE: case INT4TYPE: case DATETIM4TYPE: case FLT4TYPE: case MONEYTYPE:
    case DATETIMETYPE: case FLT8TYPE: case MONEY4TYPE: case INT8TYPE: case DATENTYPE: case JSONTYPE:
        return 0;
    case GUIDTYPE: case INTNTYPE: case BITNTYPE: case FLTNTYPE: case MONEYNTYPE: case DATETIMNTYPE: case TIMENTYPE: case DATETIME2NTYPE:
    case DATETIMEOFFSETNTYPE: case CHARTYPE: case VARCHARTYPE: case BINARYTYPE: case VARBINARYTYPE: case XMLTYPE:
        return 1;
    case BIGVARBINARYTYPE: case BIGBINARYTYPE:
        return 2;
    case DECIMALTYPE: case NUMERICTYPE: case DECIMALNTYPE: case NUMERICNTYPE: case VECTORTYPE:
        return 3;
    case IMAGETYPE: case SSVARIANTTYPE:
        return 4;
    case BIGVARCHRTYPE: case BIGCHARTYPE: case NVARCHARTYPE: case NCHARTYPE:
        return 2 + collation;
    case TEXTTYPE: case NTEXTTYPE:
        return 4 + collation;
    case UDTTYPE:
        return parameter ? 0 : 2;
    case TVPTYPE:
        return parameter ? 0 : -1;
    default:
        return -1;
    }
}

static void wrong_size(struct tds_reading *r, enum field field, uint32_t at, uint32_t length, uint64_t got, const char *note)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_TYPE_SIZE, .field = (uint16_t)field, .relation = MUST_BE, .offset = at, .length = length,
                                  .got = got, .note = note});
}

/* May a value of this type have so many bytes? NULL: yes; else what it may have. */
static const char *size_note(uint8_t type, uint32_t size)
{
    switch (type) {
    case INTNTYPE:
        return size == 1 || size == 2 || size == 4 || size == 8 ? NULL : "1, 2, 4 or 8";
    case BITNTYPE:
        return size == 1 ? NULL : "1";
    case FLTNTYPE: case MONEYNTYPE: case DATETIMNTYPE:
        return size == 4 || size == 8 ? NULL : "4 or 8";
    case GUIDTYPE:
        return size == 16 ? NULL : "16";
    case DECIMALNTYPE: case NUMERICNTYPE: case DECIMALTYPE: case NUMERICTYPE:
        return size >= 2 && size <= 17 ? NULL : "2 to 17";
    case DATENTYPE:
        return size == 3 ? NULL : "3";
    case TIMENTYPE:
        return size >= 3 && size <= 5 ? NULL : "3 to 5";
    case DATETIME2NTYPE:
        return size >= 6 && size <= 8 ? NULL : "6 to 8";
    case DATETIMEOFFSETNTYPE:
        return size >= 8 && size <= 10 ? NULL : "8 to 10";
    default:
        return NULL;
    }
}

static void byte_type(struct tds_reading *r, struct tds_column *k, struct cursor c)
{
    uint32_t size = take_u8(&c);
    k->form = FORM_BYTE;
    if (k->type == TIMENTYPE || k->type == DATETIME2NTYPE || k->type == DATETIMEOFFSETNTYPE) {
        if (size > SCALE_MAX)
            wrong_size(r, FIELD_TDS_PRECISION, r->at, 1, size, "a scale of at most 7");
        return;
    }
    k->most = (uint16_t)size;
    const char *note = size ? size_note(k->type, size) : NULL; /* of a type that only carries NULL it may be 0 */
    if (note) {
        wrong_size(r, FIELD_TDS_TYPE_SIZE, r->at, 1, size, note);
        return;
    }
    if (k->type != DECIMALNTYPE && k->type != NUMERICNTYPE && k->type != DECIMALTYPE && k->type != NUMERICTYPE)
        return;
    uint32_t precision = take_u8(&c), scale = take_u8(&c);
    if (precision < 1 || precision > PRECISION_MAX || scale > precision)
        wrong_size(r, FIELD_TDS_PRECISION, tds_at(r, 1), 2, precision << 8 | scale, "a precision of 1 to 38 and no larger scale");
}

static void short_type(struct tds_reading *r, struct tds_column *k, struct cursor c)
{
    uint32_t size = take_u16le(&c);
    bool may_be_long = k->type == BIGVARBINARYTYPE || k->type == BIGVARCHRTYPE || k->type == NVARCHARTYPE;
    bool wide = k->type == NVARCHARTYPE || k->type == NCHARTYPE;
    k->form = FORM_SHORT;
    k->most = (uint16_t)size;
    if (size == LONG_MARK && may_be_long && r->state->level != LEVEL_70 && r->state->level != LEVEL_71)
        k->form = FORM_PLP;
    else if (size > SHORT_MAX && size != LONG_MARK)
        wrong_size(r, FIELD_TDS_TYPE_SIZE, r->at, 2, size, may_be_long ? "at most 8000, or ffff" : "at most 8000");
    else if (wide && size & 1 && size != LONG_MARK)
        wrong_size(r, FIELD_TDS_TYPE_SIZE, r->at, 2, size, "an even number of bytes");
}

static void detail(struct tds_reading *r, struct tds_column *k, struct cursor c, bool parameter)
{
    struct tds_stream *stream = r->stream;
    switch (k->type) {
    case BIGVARBINARYTYPE: case BIGBINARYTYPE: case BIGVARCHRTYPE: case BIGCHARTYPE: case NVARCHARTYPE: case NCHARTYPE:
        short_type(r, k, c);
        return;
    case IMAGETYPE: case TEXTTYPE: case NTEXTTYPE:
        k->form = parameter ? FORM_LONG : FORM_POINTER;
        return;
    case SSVARIANTTYPE:
        k->form = FORM_LONG;
        return;
    case JSONTYPE:
        k->form = FORM_PLP;
        return;
    case VECTORTYPE:
        k->form = FORM_SHORT;
        k->most = take_u16le(&c);
        return;
    case XMLTYPE:
        k->form = FORM_PLP;
        if (take_u8(&c) == 1) {
            stream->byte_names = 2;
            stream->short_names = 1;
        }
        return;
    case UDTTYPE:
        k->form = FORM_PLP;
        stream->byte_names = 3;
        stream->short_names = parameter ? 0 : 1;
        return;
    case TVPTYPE:
        k->form = FORM_TABLE;
        stream->byte_names = 3;
        return;
    case DATENTYPE:
        k->form = FORM_BYTE;
        k->most = 3;
        return;
    case NULLTYPE: case INT1TYPE: case BITTYPE: case INT2TYPE: case INT4TYPE: case DATETIM4TYPE: case FLT4TYPE: case MONEYTYPE:
    case DATETIMETYPE: case FLT8TYPE: case MONEY4TYPE: case INT8TYPE:
        k->form = FORM_FIXED;
        k->most = fixed_size(k->type);
        return;
    default:
        byte_type(r, k, c);
    }
}

static void unknown_type(struct tds_reading *r, uint8_t type)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_DATA_TYPE, .field = FIELD_TDS_DATA_TYPE, .relation = MUST_BE, .offset = r->at, .length = 1,
                                  .got = type, .note = "a data type"});
}

/* TYPE_INFO into stream->current. */
bool tds_type(struct tds_reading *r, bool parameter)
{
    struct tds_stream *stream = r->stream;
    struct tds_column *k = &stream->current;
    struct cursor element;
    if (stream->type_step == TYPE_BEGIN) {
        if (!tds_take(r, 1, &element))
            return false;
        *k = (struct tds_column){.type = take_u8(&element)};
        if (r->from == FROM_CLIENT)
            tds_note(r, FIELD_TDS_DATA_TYPE, 0, 1, k->type);
        if (detail_bytes(r, k->type, parameter) < 0) {
            unknown_type(r, k->type);
            return false;
        }
        stream->type_step = TYPE_DETAIL;
    }
    if (stream->type_step == TYPE_DETAIL) {
        if (!tds_take(r, (uint32_t)detail_bytes(r, k->type, parameter), &element))
            return false;
        detail(r, k, element, parameter);
        if (r->bad)
            return false;
        stream->type_step = TYPE_NAMES;
    }
    if (!tds_names(r))
        return false;
    stream->type_step = TYPE_BEGIN;
    return true;
}

/* ---- values */

static void wrong_value(struct tds_reading *r, uint32_t bytes, uint64_t got, uint64_t most, const char *note)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_VALUE_LENGTH, .field = FIELD_TDS_VALUE_LENGTH,
                                  .relation = note ? MUST_BE : MUST_NOT_EXCEED, .offset = r->at, .length = bytes, .got = got, .expected = most,
                                  .note = note ? note : "the size of its type"});
}

/* Text of SQL in the parameters of sp_executesql and its like. */
static void skip_value(struct tds_reading *r, uint64_t bytes)
{
    bool sql = r->stream->sql_next;
    tds_skip(r, sql ? FIELD_TDS_SQL : FIELD_NONE, bytes);
}

static bool small_value(struct tds_reading *r, const struct tds_column *k)
{
    struct cursor element;
    uint32_t bytes = k->form == FORM_BYTE ? 1 : 2;
    if (!tds_take(r, bytes, &element))
        return false;
    uint32_t length = bytes == 1 ? take_u8(&element) : take_u16le(&element);
    bool null = bytes == 1 ? length == 0 : length == LONG_MARK;
    const char *note = !null && bytes == 1 ? size_note(k->type, length) : NULL;
    if (note)
        wrong_value(r, bytes, length, 0, note);
    else if (!null && k->most && length > k->most)
        wrong_value(r, bytes, length, k->most, NULL);
    if (r->bad)
        return false;
    skip_value(r, null ? 0 : length);
    return true;
}

static void wrong_chunks(struct tds_reading *r, uint64_t got)
{
    tds_defect(r, (struct report){.anomaly = ANOMALY_TDS_PLP_LENGTH, .field = FIELD_TDS_CHUNK_LENGTH, .relation = MUST_EQUAL, .offset = r->at,
                                  .length = 4, .got = got, .expected = r->stream->declared, .note = "all chunks together"});
}

enum chunk { CHUNK_MORE, CHUNK_BEGUN, CHUNK_LAST };

static enum chunk take_chunk(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 4, &element))
        return CHUNK_MORE;
    uint32_t length = take_u32le(&element);
    bool known = stream->declared != PLP_UNKNOWN;
    stream->seen += length;
    if (known && (length ? stream->seen > stream->declared : stream->seen != stream->declared)) {
        wrong_chunks(r, stream->seen);
        return CHUNK_MORE;
    }
    if (!length)
        return CHUNK_LAST;
    skip_value(r, length);
    return CHUNK_BEGUN;
}

/* The first element of a value. False: more comes, or r->bad. */
static bool begin_value(struct tds_reading *r, const struct tds_column *k)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    switch (k->form) {
    case FORM_FIXED:
        stream->skip = k->most;
        break;
    case FORM_BYTE:
    case FORM_SHORT:
        if (!small_value(r, k))
            return false;
        break;
    case FORM_PLP:
        if (!tds_take(r, 8, &element))
            return false;
        stream->declared = take_u64le(&element);
        stream->seen = 0;
        stream->value_step = stream->declared == PLP_NULL ? VALUE_BYTES : VALUE_CHUNK;
        return true;
    case FORM_POINTER:
        if (!tds_take(r, 1, &element))
            return false;
        stream->skip = take_u8(&element);
        if (!stream->skip)
            break;
        stream->skip += POINTER_EXTRA;
        stream->value_step = VALUE_LONG;
        return true;
    default:
        stream->value_step = VALUE_LONG;
        return true;
    }
    stream->value_step = VALUE_BYTES;
    return true;
}

bool tds_value(struct tds_reading *r, const struct tds_column *k)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    for (;;) {
        if (!tds_pass(r) || r->bad)
            return false;
        switch (stream->value_step) {
        case VALUE_BEGIN:
            if (!begin_value(r, k))
                return false;
            break;
        case VALUE_LONG:
            if (!tds_take(r, 4, &element))
                return false;
            stream->skip = take_u32le(&element);
            if (stream->skip == LONG_NULL)
                stream->skip = 0;
            skip_value(r, stream->skip);
            stream->value_step = VALUE_BYTES;
            break;
        case VALUE_CHUNK:
            switch (take_chunk(r)) {
            case CHUNK_MORE:
                return false;
            case CHUNK_BEGUN:
                break;
            case CHUNK_LAST:
                stream->value_step = VALUE_BYTES;
                break;
            }
            break;
        default:
            stream->value_step = VALUE_BEGIN;
            return true;
        }
    }
}
