/*
 * COLMETADATA ([MS-TDS] 2.2.7.4), ROW (2.2.7.19) and NBCROW (2.2.7.15). What is needed of a column to pass over its values is
 * kept in notes, because rows come in later packets.
 */
#include "model/name.h"
#include "proto/tds.h"

enum { KEY_COLUMNS = 2, KEY_NULLS = 3, NO_METADATA = 0xffff, SHORT_NULL = 0xffff, FLAG_ENCRYPTED = 0x800 };
enum { META_COUNT, META_KEYS, META_COLUMN, META_TYPE, META_TABLE, META_TABLE_NAMES, META_NAME };
enum { NULLS_MAX = TDS_COLUMNS / 8 };

struct block {
    struct tds_column columns[TDS_COLUMNS_PER_NOTE];
};

_Static_assert(sizeof(struct block) <= NOTE_BYTES_MAX, "a block fits a note");
_Static_assert((int)NULLS_MAX <= (int)NOTE_BYTES_MAX, "the bits fit a note");

static uint64_t key_of(const struct tds_reading *r, unsigned what, unsigned number)
{
    return (uint64_t)what << 56 | (uint64_t)r->from << 48 | (uint64_t)r->stream->keys << 16 | number;
}

static struct block *block_of(const struct tds_reading *r, uint32_t column)
{
    return note_find(r->out, key_of(r, KEY_COLUMNS, column / TDS_COLUMNS_PER_NOTE));
}

/* False: it cannot be kept, and the rows cannot be followed. */
static bool keep_column(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct block *block = stream->column % TDS_COLUMNS_PER_NOTE == 0
                              ? note_keep(r->out, key_of(r, KEY_COLUMNS, stream->column / TDS_COLUMNS_PER_NOTE), sizeof *block)
                              : block_of(r, stream->column);
    if (!block) {
        stream->blind = r->bad = true;
        return false;
    }
    block->columns[stream->column % TDS_COLUMNS_PER_NOTE] = stream->current;
    return true;
}

static bool take_count(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    if (!tds_take(r, 2, &element))
        return false;
    uint16_t count = take_u16le(&element);
    tds_note(r, FIELD_TDS_COLUMN_COUNT, 0, 2, count);
    stream->column = 0;
    stream->columns = count;
    stream->columns_known = count != NO_METADATA;
    if (count != NO_METADATA && count > TDS_COLUMNS)
        stream->blind = r->bad = true;
    stream->step = count == NO_METADATA ? META_NAME : r->state->encrypted_columns ? META_KEYS : META_COLUMN;
    return true;
}

static bool take_column(struct tds_reading *r)
{
    struct cursor element;
    bool wide = r->state->level >= LEVEL_72 || r->state->level == LEVEL_UNKNOWN;
    if (!tds_take(r, wide ? 6 : 4, &element))
        return false;
    take_skip(&element, wide ? 4 : 2);
    uint16_t flags = take_u16le(&element);
    if (flags & FLAG_ENCRYPTED && r->state->encrypted_columns) {
        report(r->out, (struct report){.anomaly = ANOMALY_ENGINE_UNSUPPORTED, .relation = MUST_BE, .note = "no encrypted column: the rest of this answer is not decoded"});
        r->stream->blind = r->bad = true; /* its key and its true type follow: not decoded */
    }
    r->stream->step = META_TYPE;
    return true;
}

/* The names of the table that a text belongs to: their number from TDS 7.2 on, one before. */
static bool take_table(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    bool parts = r->state->level >= LEVEL_72 || r->state->level == LEVEL_UNKNOWN;
    if (parts && !tds_take(r, 1, &element))
        return false;
    stream->short_names = parts ? take_u8(&element) : 1;
    stream->step = META_TABLE_NAMES;
    return true;
}

/* One step. False: more comes, or r->bad. */
static bool step(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    struct cursor element;
    switch (stream->step) {
    case META_COUNT:
        return take_count(r);
    case META_KEYS:
        if (!tds_take(r, 2, &element))
            return false;
        if (take_u16le(&element))
            stream->blind = r->bad = true;
        stream->step = META_COLUMN;
        return !r->bad;
    case META_COLUMN:
        return take_column(r);
    case META_TYPE:
        if (!tds_type(r, false) || !keep_column(r))
            return false;
        stream->byte_names = !tds_type_is_text(stream->current.type);
        stream->step = tds_type_is_text(stream->current.type) ? META_TABLE : META_NAME;
        return true;
    case META_TABLE:
        return take_table(r);
    case META_TABLE_NAMES:
        if (!tds_names(r))
            return false;
        stream->byte_names = 1;
        stream->step = META_NAME;
        return true;
    default:
        if (!tds_names(r))
            return false;
        stream->column++;
        stream->step = META_COLUMN;
        return true;
    }
}

bool tds_columns(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    for (;;) {
        if (!step(r) || r->bad)
            return false;
        bool counted = stream->step == META_COLUMN || (stream->step == META_NAME && !stream->columns_known);
        if (counted && (!stream->columns_known || stream->column == stream->columns)) {
            stream->step = 0;
            return true;
        }
    }
}

static uint8_t *nulls_of(struct tds_reading *r)
{
    return note_find(r->out, key_of(r, KEY_NULLS, 0));
}

/* The bits of NBCROW that say which columns are NULL; stream->left bytes of them are still to come. */
static bool take_nulls(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    uint32_t bytes = (stream->columns + 7u) / 8;
    uint8_t *nulls = nulls_of(r);
    if (!nulls)
        nulls = note_keep(r->out, key_of(r, KEY_NULLS, 0), NULLS_MAX);
    if (!nulls) {
        stream->blind = r->bad = true;
        return false;
    }
    size_t left = cursor_left(&r->c);
    struct view here = take_view(&r->c, left < stream->left ? left : stream->left);
    if (here.length)
        memcpy(nulls + (bytes - stream->left), here.bytes, here.length);
    stream->left -= (uint32_t)here.length;
    return stream->left == 0;
}

/* A value that is here as a whole and in order, the way most are; false: untouched. */
static inline bool quick_value(struct cursor *at, const struct tds_column *k)
{
    struct cursor c = *at;
    uint32_t length = k->most;
    if (k->form == FORM_BYTE) {
        length = take_u8(&c);
        if (length && length != k->most)
            return false;
    } else if (k->form == FORM_SHORT) {
        length = take_u16le(&c);
        length = length == SHORT_NULL ? 0 : length;
        if (length > k->most)
            return false;
    } else if (k->form != FORM_FIXED) {
        return false;
    }
    take_skip(&c, length);
    if (c.failed)
        return false;
    *at = c;
    return true;
}

/* The values of a row, from stream->column on. */
bool tds_row(struct tds_reading *r)
{
    struct tds_stream *stream = r->stream;
    if (stream->null_row && stream->left && !take_nulls(r))
        return false;
    const uint8_t *nulls = stream->null_row ? nulls_of(r) : NULL;
    const struct block *block = block_of(r, stream->column);
    bool between = !stream->skip && !stream->carried && stream->value_step == VALUE_BEGIN;
    for (uint32_t column = stream->column; column < stream->columns; column++) {
        if (column % TDS_COLUMNS_PER_NOTE == 0)
            block = block_of(r, column);
        if (!block || (stream->null_row && !nulls)) {
            stream->blind = r->bad = true; /* the notes are gone: memory was short */
            return false;
        }
        const struct tds_column *k = &block->columns[column % TDS_COLUMNS_PER_NOTE];
        if ((nulls && nulls[column / 8] >> (column % 8) & 1) || (between && quick_value(&r->c, k)))
            continue;
        stream->column = (uint16_t)column;
        if (!tds_value(r, k))
            return false;
        between = true;
    }
    return true;
}
