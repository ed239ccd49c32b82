/*
 * Column definitions and rows. A text row is its columns as length-encoded strings and nothing else; a binary row is a
 * zero byte, a bitmap of NULLs and the values by type. Both fill their packet exactly. Rows are the hot path of a dump.
 * Specification: page_protocol_com_query_response_text_resultset, page_protocol_binary_resultset.
 */
#include "proto/mysql.h"

unsigned mysql_value_size(uint8_t type)
{
    switch (type) {
    case MYSQL_TYPE_NULL:
        return 0;
    case MYSQL_TYPE_TINY:
        return 1;
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
        return 2;
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_FLOAT:
        return 4;
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_DOUBLE:
        return 8;
    default:
        break;
    }
    bool named = type <= MYSQL_TYPE_BIT || type >= MYSQL_TYPE_JSON || type == MYSQL_TYPE_VECTOR;
    return named ? VALUE_LENENC : VALUE_NONE;
}

void mysql_columns_keep(struct packet *p)
{
    struct mysql_state *s = p->s;
    if (!s->types_known || s->columns > MYSQL_COLUMNS_KNOWN)
        return;
    struct mysql_columns *kept = note_keep(p->out, COLUMNS_KEY(s->statement), sizeof *kept);
    if (!kept)
        return;
    kept->count = (uint16_t)s->columns;
    memcpy(kept->types, s->types, s->columns);
}

/* The types that were kept of a statement become those of the current result. */
bool mysql_columns_recall(struct packet *p, uint32_t statement)
{
    struct mysql_state *s = p->s;
    const struct mysql_columns *kept = note_find(p->out, COLUMNS_KEY(statement));
    if (!kept || (s->columns && s->columns != kept->count))
        return false;
    s->columns = kept->count;
    memcpy(s->types, kept->types, kept->count);
    return true;
}

static void keep_type(struct mysql_state *s, uint8_t type)
{
    uint32_t column = s->columns - s->left;
    if (s->reply != REPLY_PARAMETERS && s->reply != REPLY_FIELD_LIST && column < MYSQL_COLUMNS_KNOWN)
        s->types[column] = type;
}

/* Before 4.1: table, name, then length, type and flags as short length-encoded numbers. */
static void old_column(struct packet *p, bool field_list)
{
    struct view text;
    uint64_t length;
    if (!mysql_text(p, FIELD_MYSQL_TABLE, ANOMALY_MYSQL_LENENC_OVERRUN, &text) ||
        !mysql_text(p, FIELD_MYSQL_COLUMN_NAME, ANOMALY_MYSQL_LENENC_OVERRUN, &text))
        return;
    for (unsigned i = 0; i < 3; i++) {
        if (mysql_lenenc(p, FIELD_MYSQL_COLUMN_TYPE, &length) != LENENC_VALUE)
            return;
        struct view part = take_view(&p->c, length);
        if (p->c.failed) {
            mysql_misses(p, ANOMALY_MYSQL_COLUMN_DEFINITION, FIELD_MYSQL_COLUMN_TYPE, length);
            return;
        }
        if (i == 1 && part.length == 1)
            keep_type(p->s, part.bytes[0]);
    }
    if (!field_list)
        mysql_trailing(p, ANOMALY_MYSQL_SERVER_TRAILING);
}

/* Catalogue, schema, table, name and their originals; then twelve bytes that say what the column holds. */
void mysql_column(struct packet *p, bool field_list)
{
    struct mysql_state *s = p->s;
    static const enum field names[] = {FIELD_MYSQL_CATALOG,        FIELD_MYSQL_SCHEMA,      FIELD_MYSQL_TABLE,
                                       FIELD_MYSQL_ORIGINAL_TABLE, FIELD_MYSQL_COLUMN_NAME, FIELD_MYSQL_ORIGINAL_NAME};
    if (s->known && !mysql_has(s, CLIENT_PROTOCOL_41)) {
        old_column(p, field_list);
        return;
    }
    struct view text;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!mysql_text(p, names[i], ANOMALY_MYSQL_LENENC_OVERRUN, &text))
            return;
    if (mysql_agreed(s, MARIADB_CLIENT_EXTENDED_METADATA) &&
        !mysql_text(p, FIELD_MYSQL_EXTENDED_METADATA, ANOMALY_MYSQL_LENENC_OVERRUN, &text))
        return;
    uint32_t at = packet_at(p);
    uint64_t length;
    if (mysql_lenenc(p, FIELD_MYSQL_COLUMN_DEFINITION, &length) != LENENC_VALUE)
        return;
    if (!s->known && length != 12 && length <= packet_left(p)) { /* mid-stream: extended metadata comes first */
        take_skip(&p->c, length);
        at = packet_at(p);
        if (mysql_lenenc(p, FIELD_MYSQL_COLUMN_DEFINITION, &length) != LENENC_VALUE)
            return;
    }
    if (length != 12) {
        mysql_blame(p, ANOMALY_MYSQL_COLUMN_DEFINITION, FIELD_MYSQL_COLUMN_DEFINITION, at, packet_at(p) - at,
                     must_equal(length, 12));
        return;
    }
    if (packet_left(p) < 12) {
        mysql_misses(p, ANOMALY_MYSQL_COLUMN_DEFINITION, FIELD_MYSQL_COLUMN_DEFINITION, 12);
        return;
    }
    mysql_number(p, FIELD_MYSQL_CHARSET, take_u16le(&p->c), 2);
    mysql_number(p, FIELD_MYSQL_COLUMN_LENGTH, take_u32le(&p->c), 4);
    uint8_t type = take_u8(&p->c);
    mysql_number(p, FIELD_MYSQL_COLUMN_TYPE, type, 1);
    mysql_number(p, FIELD_MYSQL_COLUMN_FLAGS, take_u16le(&p->c), 2);
    mysql_number(p, FIELD_MYSQL_COLUMN_DECIMALS, take_u8(&p->c), 1);
    take_skip(&p->c, 2);
    keep_type(s, type);
    if (!field_list)
        mysql_trailing(p, ANOMALY_MYSQL_SERVER_TRAILING);
}

static bool may_judge_rows(const struct packet *p)
{
    return p->payload < MYSQL_SPLIT && (!p->s->midstream || p->s->aligned);
}

/* The row again, slowly, to say which column is wrong. */
static void text_row_slowly(struct packet *p)
{
    struct mysql_state *s = p->s;
    for (uint32_t i = 0; i < s->columns && !p->c.failed; i++) {
        uint32_t at = packet_at(p);
        if (packet_left(p) == 0) {
            mysql_blame(p, ANOMALY_MYSQL_ROW_SHORT, FIELD_MYSQL_ROW, at, 0, noted(must_equal(i, s->columns), "columns"));
            return;
        }
        uint64_t length;
        enum lenenc kind = mysql_lenenc(p, FIELD_MYSQL_ROW, &length);
        if (kind == LENENC_BAD)
            return;
        if (kind == LENENC_NULL)
            continue;
        if (length > packet_left(p)) {
            mysql_blame(p, ANOMALY_MYSQL_ROW_OVERRUN, FIELD_MYSQL_ROW, at, packet_at(p) - at,
                         at_most(length, packet_left(p)));
            return;
        }
        take_skip(&p->c, length);
    }
    if (!p->c.failed && packet_left(p) > 0)
        mysql_blame(p, ANOMALY_MYSQL_ROW_LONG, FIELD_MYSQL_ROW, packet_at(p), (uint32_t)packet_left(p),
                     noted(must_equal(packet_left(p), 0), "bytes after the last column"));
}

void mysql_text_row(struct packet *p)
{
    struct cursor c = p->c;
    uint32_t left = p->s->columns;
    p->out->message = MYSQL_TEXT_ROW;
    for (; left && cursor_left(&c); left--) {
        uint8_t first = take_u8(&c);
        if (first < 0xfb)
            take_skip(&c, first);
        else if (first == 0xfc)
            take_skip(&c, take_u16le(&c));
        else if (first == 0xfd)
            take_skip(&c, take_u24le(&c));
        else if (first != 0xfb)
            break; /* 16 MiB and more, or no length at all */
    }
    if ((left || c.failed || cursor_left(&c) || p->cut) && may_judge_rows(p))
        text_row_slowly(p);
}

/* One value of a binary row. False: it does not fit, and that was said. */
static bool binary_value(struct packet *p, uint8_t type)
{
    uint32_t at = packet_at(p);
    unsigned size = mysql_value_size(type);
    uint64_t length = size;
    if (size == VALUE_NONE)
        return false;
    bool date = type == MYSQL_TYPE_DATE || type == MYSQL_TYPE_DATETIME || type == MYSQL_TYPE_TIMESTAMP ||
                type == MYSQL_TYPE_NEWDATE;
    if (size == VALUE_LENENC && mysql_lenenc(p, FIELD_MYSQL_ROW, &length) != LENENC_VALUE)
        return false;
    if ((date && length != 0 && length != 4 && length != 7 && length != 11) ||
        (type == MYSQL_TYPE_TIME && length != 0 && length != 8 && length != 12)) {
        mysql_blame(p, ANOMALY_MYSQL_TEMPORAL_LENGTH, FIELD_MYSQL_ROW, at, packet_at(p) - at,
                     must_be(length, date ? "one of 0, 4, 7, 11" : "one of 0, 8, 12"));
        return false;
    }
    if (length > packet_left(p)) {
        mysql_blame(p, ANOMALY_MYSQL_ROW_OVERRUN, FIELD_MYSQL_ROW, at, packet_at(p) - at,
                     at_most(length, packet_left(p)));
        return false;
    }
    take_skip(&p->c, length);
    return !p->c.failed;
}

void mysql_binary_row(struct packet *p)
{
    struct mysql_state *s = p->s;
    p->out->message = MYSQL_BINARY_ROW;
    if (!s->columns || !may_judge_rows(p))
        return;
    if (take_u8(&p->c) != 0) {
        mysql_blame(p, ANOMALY_MYSQL_BINARY_ROW_HEADER, FIELD_MYSQL_ROW, MYSQL_HEADER, p->payload ? 1 : 0,
                     must_equal(p->payload ? cursor_all(&p->c).bytes[MYSQL_HEADER] : 0, 0));
        return;
    }
    struct view nulls = take_view(&p->c, (s->columns + 9) / 8);
    if (p->c.failed) {
        mysql_misses(p, ANOMALY_MYSQL_ROW_SHORT, FIELD_MYSQL_ROW, (s->columns + 9) / 8 + 1);
        return;
    }
    if (!s->types_known)
        return;
    for (uint32_t i = 0; i < s->columns; i++) {
        bool is_null = nulls.bytes[(i + 2) / 8] >> ((i + 2) % 8) & 1;
        if (!is_null && !binary_value(p, s->types[i]))
            return;
    }
    if (packet_left(p) > 0)
        mysql_blame(p, ANOMALY_MYSQL_ROW_LONG, FIELD_MYSQL_ROW, packet_at(p), (uint32_t)packet_left(p),
                     noted(must_equal(packet_left(p), 0), "bytes after the last column"));
}
