/*
 * Values that clients bind: COM_STMT_EXECUTE, MariaDB's COM_STMT_BULK_EXECUTE, query attributes, long data.
 *
 * The statement says how many parameters there are, the client says of which types. MariaDB reads values leniently (a
 * string that runs over the end becomes empty, and it goes on); it refuses a message only when a parameter finds no bytes
 * at all. Both readings are kept apart here, because only the second is an alarm. Specification:
 * page_protocol_com_stmt_execute; MariaDB "COM_STMT_BULK_EXECUTE"; sql/sql_prepare.cc of both servers.
 */
#include "proto/mysql.h"

enum {
    EXECUTE_HEAD = 9,
    PARAMETER_COUNT_AVAILABLE = 8,
    BULK_SEND_TYPES = 0x80,
    TYPE_NOBODY_SENDS = 17,
    TYPE_NOT_KNOWN = 18,
};

enum indicator { INDICATOR_NONE, INDICATOR_NULL, INDICATOR_DEFAULT, INDICATOR_IGNORE, INDICATORS };

struct binding {
    struct view nulls;
    struct cursor types;               /* as sent with this message */
    struct mysql_statement *statement; /* types of an earlier message; NULL for a query */
    uint32_t count;
    bool sent;  /* types came with this message */
    bool named; /* each type is followed by a name */
    bool bulk;
};

enum took { TOOK, TOOK_NOTHING, REFUSED };

static bool skip_name(struct cursor *c)
{
    uint8_t first = take_u8(c);
    uint64_t length = first == 0xfc   ? take_u16le(c)
                      : first == 0xfd ? take_u24le(c)
                      : first == 0xfe ? take_u64le(c)
                                      : first;
    if (first == 0xfb || first == 0xff)
        cursor_fail(c);
    take_skip(c, length);
    return !c->failed;
}

static uint8_t type_of(struct binding *b, uint32_t i)
{
    if (!b->sent)
        return b->statement && b->statement->types_bound && i < MYSQL_PARAMETERS_KNOWN ? b->statement->types[i]
                                                                                       : TYPE_NOT_KNOWN;
    uint16_t code = take_u16le(&b->types);
    if (b->named)
        skip_name(&b->types);
    if (b->types.failed)
        return TYPE_NOT_KNOWN;
    return code & 0x7f00 ? TYPE_NOBODY_SENDS : (uint8_t)code;
}

static unsigned size_of(const struct mysql_state *s, uint8_t type)
{
    if (s->mariadb && (type == MYSQL_TYPE_NULL || (type > MYSQL_TYPE_BIT && type < MYSQL_TYPE_NEWDECIMAL)))
        return VALUE_NONE;
    return mysql_value_size(type);
}

static bool takes_long_data(uint8_t type)
{
    return type == MYSQL_TYPE_VARCHAR || type >= MYSQL_TYPE_ENUM;
}

static bool has_long_data(const struct binding *b, uint32_t i)
{
    return b->statement && i < MYSQL_PARAMETERS_KNOWN && (b->statement->long_data[i / 8] >> (i % 8) & 1);
}

static enum took refuse(struct packet *p, uint32_t at, uint32_t length, uint64_t got, uint64_t expected, const char *note)
{
    mysql_blame(p, ANOMALY_MYSQL_PARAMETER_VALUES, FIELD_MYSQL_PARAMETER, at, length,
                 noted(at_least(got, expected), note));
    return REFUSED;
}

/* A length that runs over: MariaDB takes an empty value and goes on after the length. */
static enum took run_over(struct packet *p, uint32_t at, uint64_t length)
{
    bool tolerated = p->s->mariadb;
    mysql_blame(p, tolerated ? ANOMALY_MYSQL_VALUE_CLIPPED : ANOMALY_MYSQL_VALUE_OVERRUN, FIELD_MYSQL_PARAMETER, at,
                 packet_at(p) - at, at_most(length, packet_left(p)));
    return tolerated ? TOOK : REFUSED;
}

/* A string, number in text, or date: its length in front. */
static enum took take_counted(struct packet *p)
{
    uint32_t at = packet_at(p);
    uint64_t left = packet_left(p);
    uint8_t first = peek_u8(&p->c);
    unsigned size = first < 0xfb ? 1 : first == 0xfc ? 3 : first == 0xfd ? 4 : 9;
    if (left < size) {
        if (!p->s->mariadb)
            return refuse(p, at, (uint32_t)left, left, size, "bytes of the length itself");
        mysql_blame(p, ANOMALY_MYSQL_VALUE_CLIPPED, FIELD_MYSQL_PARAMETER, at, (uint32_t)left, at_least(left, size));
        return TOOK_NOTHING;
    }
    if ((first == 0xfb || first == 0xff) && !p->s->mariadb)
        return refuse(p, at, 1, first, 0xfe, "a length");
    take_skip(&p->c, 1);
    uint64_t length = size == 1   ? first
                      : size == 3 ? take_u16le(&p->c)
                      : size == 4 ? take_u24le(&p->c)
                                  : take_u32le(&p->c);
    if (size == 9)
        take_skip(&p->c, 4); /* servers look at the low half only */
    if (length > packet_left(p))
        return run_over(p, at, length);
    struct view value = take_view(&p->c, length);
    if (!p->c.failed)
        note_bytes(p->out, FIELD_MYSQL_PARAMETER, value, &p->c);
    return TOOK;
}

static enum took take_value(struct packet *p, uint8_t type, uint32_t i, uint32_t count)
{
    uint32_t at = packet_at(p);
    unsigned size = size_of(p->s, type);
    if (packet_left(p) == 0 && size != 0)
        return refuse(p, at, 0, i, count, "parameters with a value");
    if (size == VALUE_NONE) {
        mysql_blame(p, ANOMALY_MYSQL_PARAMETER_TYPE, FIELD_MYSQL_PARAMETER_TYPE, at, 0,
                     must_be(type, "a type that has a binary value"));
        return REFUSED;
    }
    if (size == VALUE_LENENC)
        return take_counted(p);
    if (packet_left(p) < size)
        return refuse(p, at, (uint32_t)packet_left(p), packet_left(p), size, "bytes of the value");
    struct view value = take_view(&p->c, size);
    if (!p->c.failed && size)
        note_bytes(p->out, FIELD_MYSQL_PARAMETER, value, &p->c);
    return TOOK;
}

/* The values of all parameters, once. */
static bool take_values(struct packet *p, struct binding *b)
{
    for (uint32_t i = 0; i < b->count && !p->c.failed; i++) {
        uint8_t type = type_of(b, i);
        if (has_long_data(b, i)) {
            if (type != TYPE_NOT_KNOWN && !takes_long_data(type)) {
                mysql_blame(p, ANOMALY_MYSQL_PARAMETER_TYPE, FIELD_MYSQL_PARAMETER_TYPE, packet_at(p), 0,
                             must_be(type, "a string: long data was sent for this parameter"));
                return false;
            }
            continue;
        }
        if (b->nulls.bytes[i / 8] >> (i % 8) & 1)
            continue;
        if (type == TYPE_NOT_KNOWN) {
            if (b->sent || !b->statement || b->statement->types_bound || b->statement->epoch != p->s->epoch)
                return false;
            mysql_blame(p, ANOMALY_MYSQL_TYPES_MISSING, FIELD_MYSQL_TYPES_BOUND, packet_at(p) ? packet_at(p) - 1 : 0, 1,
                         must_equal(0, 1));
            return false;
        }
        if (take_value(p, type, i, b->count) == REFUSED)
            return false;
    }
    return !p->c.failed;
}

/* MariaDB looks at all bits but the sign, for NULLs too. */
static bool type_is_refused(uint16_t code)
{
    uint16_t type = code & 0x7fff;
    return type > 0xff || (type > MYSQL_TYPE_BIT && type < MYSQL_TYPE_NEWDECIMAL);
}

/* The types (and names) that a message brings. False: they are not all there. */
static bool take_types(struct packet *p, struct binding *b)
{
    uint32_t at = packet_at(p);
    b->types = p->c;
    b->sent = true;
    for (uint32_t i = 0; i < b->count; i++) {
        if (packet_left(p) < 2 || p->c.failed) {
            if (!p->cut)
                mysql_blame(p, ANOMALY_MYSQL_TYPES_SHORT, FIELD_MYSQL_PARAMETER_TYPE, p->c.failed ? at : packet_at(p),
                             (uint32_t)(p->c.failed ? 0 : packet_left(p)), noted(must_equal(i, b->count), "types"));
            return false;
        }
        uint16_t code = take_u16le(&p->c);
        mysql_number(p, FIELD_MYSQL_PARAMETER_TYPE, code & 0xff, 2);
        if (p->s->mariadb && type_is_refused(code)) {
            mysql_blame(p, ANOMALY_MYSQL_PARAMETER_TYPE, FIELD_MYSQL_PARAMETER_TYPE, packet_at(p) - 2, 2,
                         must_be(code, "a type that exists"));
            return false;
        }
        if (b->statement && i < MYSQL_PARAMETERS_KNOWN)
            b->statement->types[i] = code & 0x7f00 ? TYPE_NOBODY_SENDS : (uint8_t)code;
        struct view name;
        if (b->named && !mysql_text(p, FIELD_MYSQL_QUERY_ATTRIBUTE, ANOMALY_MYSQL_QUERY_ATTRIBUTES, &name))
            return false;
    }
    if (b->statement) {
        b->statement->types_bound = true;
        b->statement->epoch = p->s->epoch;
    }
    return !p->c.failed;
}

/* The byte that says whether types follow. Where MariaDB's packet ends before it, a zero lies in its buffer. */
static bool take_types_flag(struct packet *p, struct binding *b, bool *follow)
{
    *follow = false;
    if (packet_left(p) == 0) {
        if (!p->s->mariadb)
            mysql_misses(p, ANOMALY_MYSQL_TYPES_SHORT, FIELD_MYSQL_TYPES_BOUND, 1);
        return p->s->mariadb;
    }
    uint8_t flag = take_u8(&p->c);
    mysql_number(p, FIELD_MYSQL_TYPES_BOUND, flag, 1);
    if (flag > 1 || (b->named && !b->statement && flag == 0)) {
        mysql_blame(p, ANOMALY_MYSQL_TYPES_FLAG, FIELD_MYSQL_TYPES_BOUND, packet_at(p) - 1, 1, must_be(flag, "0 or 1"));
        return false;
    }
    *follow = flag == 1;
    return !p->c.failed;
}

static bool take_nulls(struct packet *p, struct binding *b)
{
    uint64_t size = ((uint64_t)b->count + 7) / 8;
    if (packet_left(p) < size) {
        mysql_misses(p, ANOMALY_MYSQL_PARAMETER_VALUES, FIELD_MYSQL_NULL_BITMAP, size);
        return false;
    }
    b->nulls = take_view(&p->c, size);
    if (!p->c.failed)
        note_bytes(p->out, FIELD_MYSQL_NULL_BITMAP, b->nulls, &p->c);
    return !p->c.failed;
}

static bool bind_all(struct packet *p, struct binding *b)
{
    bool follow;
    if (!take_nulls(p, b) || !take_types_flag(p, b, &follow))
        return false;
    if (follow && !take_types(p, b))
        return false;
    return take_values(p, b);
}

static uint32_t statement_of(struct packet *p, struct mysql_statement **found)
{
    struct mysql_state *s = p->s;
    uint32_t id = take_u32le(&p->c);
    mysql_number(p, FIELD_MYSQL_STATEMENT_ID, id, 4);
    *found = NULL;
    struct mysql_request *preparing = mysql_request_preparing(s);
    if (id == LAST_STATEMENT && preparing) { /* which one that is will be known when the server has answered */
        preparing->flags |= REQUEST_EXECUTED;
        return id;
    }
    if (id == LAST_STATEMENT && s->mariadb)
        id = s->last_statement;
    *found = mysql_statement_find(p, id);
    if (!*found && !preparing && !s->midstream)
        mysql_blame(p, ANOMALY_MYSQL_STATEMENT_UNKNOWN, FIELD_MYSQL_STATEMENT_ID, MYSQL_HEADER + 1, 4,
                     must_be(id, "a statement that was prepared and not closed"));
    return id;
}

uint32_t mysql_execute(struct packet *p)
{
    struct mysql_state *s = p->s;
    struct mysql_statement *statement;
    if (packet_left(p) < EXECUTE_HEAD) {
        mysql_misses(p, ANOMALY_MYSQL_EXECUTE_SHORT, FIELD_MYSQL_STATEMENT_ID, EXECUTE_HEAD);
        return 0;
    }
    uint32_t id = statement_of(p, &statement);
    uint8_t flags = take_u8(&p->c);
    mysql_number(p, FIELD_MYSQL_CURSOR_FLAGS, flags, 1);
    uint32_t iterations = take_u32le(&p->c);
    mysql_number(p, FIELD_MYSQL_ITERATIONS, iterations, 4);
    if (iterations != 1)
        mysql_blame(p, ANOMALY_MYSQL_ITERATIONS, FIELD_MYSQL_ITERATIONS, packet_at(p) - 4, 4, must_equal(iterations, 1));
    /* Where the login was lost, a count of parameters may stand in front of the values (CLIENT_QUERY_ATTRIBUTES), or not. */
    if (!statement || (!s->known && !s->mariadb))
        return id;
    struct binding b = {.count = statement->parameters, .statement = statement};
    if (mysql_agreed(s, CLIENT_QUERY_ATTRIBUTES) && !s->mariadb) {
        b.named = true;
        uint64_t count = b.count;
        if ((flags & PARAMETER_COUNT_AVAILABLE) && mysql_lenenc(p, FIELD_MYSQL_PARAMETER_COUNT, &count) != LENENC_VALUE)
            return id;
        if (count > 65535 || count < b.count) {
            refuse(p, packet_at(p) - 1, 1, count, b.count, "parameters");
            return id;
        }
        b.count = (uint32_t)count;
    }
    bool whole = b.count == 0 || bind_all(p, &b);
    memset(statement->long_data, 0, sizeof statement->long_data);
    if (whole && b.count && !(p->flags & REQUEST_ODD))
        mysql_trailing(p, ANOMALY_MYSQL_TRAILING);
    return id;
}

/* One row of a bulk: an indicator and perhaps a value for each parameter. A number that is cut off keeps the value of the
 * row before; in the first row there is none. */
static enum took bulk_row(struct packet *p, struct binding *b, bool first_row)
{
    for (uint32_t i = 0; i < b->count && !p->c.failed; i++) {
        uint32_t at = packet_at(p);
        uint8_t type = type_of(b, i);
        if (packet_left(p) == 0)
            return refuse(p, at, 0, i, b->count, "parameters in the row");
        uint8_t indicator = take_u8(&p->c);
        if (indicator >= INDICATORS) {
            mysql_blame(p, ANOMALY_MYSQL_BULK_INDICATOR, FIELD_MYSQL_INDICATOR, at, 1,
                         at_most(indicator, INDICATORS - 1));
            return REFUSED;
        }
        if (indicator != INDICATOR_NONE)
            continue;
        if (type == TYPE_NOT_KNOWN || type == MYSQL_TYPE_GEOMETRY)
            return REFUSED; /* a geometry fails as a value before the next row is looked at */
        unsigned size = size_of(p->s, type);
        if (!first_row && size <= 8 && packet_left(p) > 0 && packet_left(p) < size) {
            mysql_blame(p, ANOMALY_MYSQL_VALUE_CLIPPED, FIELD_MYSQL_PARAMETER, packet_at(p), (uint32_t)packet_left(p),
                         at_least(packet_left(p), size));
            continue;
        }
        if (take_value(p, type, i, b->count) == REFUSED)
            return REFUSED;
    }
    return TOOK;
}

/* Rows are executed one by one: when an earlier one fails for its values, the server never reads the rest. So what is
 * wrong with a later row is said, and counts only when the server complains too. */
static void soften_reports(struct packet *p, unsigned already, uint8_t flags)
{
    for (unsigned i = already; i < p->out->reports_used; i++)
        p->out->reports[i].anomaly = ANOMALY_MYSQL_BULK_LATER_ROW;
    if (p->out->reports_used > already)
        p->flags = flags | REQUEST_ODD;
}

static void bulk_rows(struct packet *p, struct binding *b)
{
    struct cursor types = b->types;
    bool first = true;
    if (packet_left(p) == 0) {
        refuse(p, packet_at(p), 0, 0, 1, "rows");
        return;
    }
    while (packet_left(p) > 0 && !p->c.failed) {
        uint32_t before = packet_at(p);
        unsigned already = p->out->reports_used;
        uint8_t flags = p->flags;
        b->types = types;
        enum took took = bulk_row(p, b, first);
        if (!first)
            soften_reports(p, already, flags);
        if (took == REFUSED || packet_at(p) == before)
            return;
        first = false;
    }
}

uint32_t mysql_bulk_execute(struct packet *p)
{
    struct mysql_statement *statement;
    if (packet_left(p) < 6) {
        mysql_misses(p, ANOMALY_MYSQL_EXECUTE_SHORT, FIELD_MYSQL_STATEMENT_ID, 6);
        return 0;
    }
    uint32_t id = statement_of(p, &statement);
    uint16_t flags = take_u16le(&p->c);
    mysql_number(p, FIELD_MYSQL_BULK_FLAGS, flags, 2);
    if (!statement || !statement->dml || statement->parameters == 0 || (flags & ~BULK_SEND_TYPES))
        return id; /* the server says that it does not support this, whatever follows */
    struct binding b = {.count = statement->parameters, .statement = statement, .bulk = true};
    if (flags & BULK_SEND_TYPES) {
        if (!take_types(p, &b))
            return id;
    } else if (!statement->types_bound) {
        if (statement->epoch == p->s->epoch)
            mysql_blame(p, ANOMALY_MYSQL_TYPES_MISSING, FIELD_MYSQL_BULK_FLAGS, packet_at(p) - 2, 2,
                         must_equal(flags, BULK_SEND_TYPES));
        return id;
    }
    bulk_rows(p, &b);
    return id;
}

/* Names and values in front of the text of a query. */
void mysql_query_attributes(struct packet *p)
{
    uint32_t at = packet_at(p);
    uint64_t count, sets;
    if (mysql_lenenc(p, FIELD_MYSQL_PARAMETER_COUNT, &count) != LENENC_VALUE)
        return;
    note_field(p->out, FIELD_MYSQL_PARAMETER_COUNT, at, packet_at(p) - at, count);
    uint32_t sets_at = packet_at(p);
    if (mysql_lenenc(p, FIELD_MYSQL_PARAMETER_SETS, &sets) != LENENC_VALUE)
        return;
    if (sets != 1 || count > 65535) {
        mysql_blame(p, ANOMALY_MYSQL_QUERY_ATTRIBUTES,
                     sets != 1 ? FIELD_MYSQL_PARAMETER_SETS : FIELD_MYSQL_PARAMETER_COUNT, sets != 1 ? sets_at : at,
                     sets != 1 ? packet_at(p) - sets_at : sets_at - at,
                     sets != 1 ? must_equal(sets != 1 ? sets : count, sets != 1 ? 1 : 65535)
                               : at_most(sets != 1 ? sets : count, sets != 1 ? 1 : 65535));
        return;
    }
    if (count == 0)
        return;
    struct binding b = {.count = (uint32_t)count, .named = true};
    (void)bind_all(p, &b);
}

void mysql_long_data(struct packet *p)
{
    struct mysql_statement *statement;
    if (packet_left(p) < 6) {
        mysql_misses(p, p->s->mariadb ? ANOMALY_MYSQL_BODY_SHORT_TOLERATED : ANOMALY_MYSQL_BODY_SHORT,
                      FIELD_MYSQL_COMMAND_BODY, 6);
        return;
    }
    (void)statement_of(p, &statement);
    uint16_t index = take_u16le(&p->c);
    mysql_number(p, FIELD_MYSQL_PARAMETER_INDEX, index, 2);
    note_bytes(p->out, FIELD_MYSQL_LONG_DATA, take_rest(&p->c), &p->c);
    if (!statement)
        return;
    if (index >= statement->parameters)
        mysql_blame(p, ANOMALY_MYSQL_LONG_DATA_INDEX, FIELD_MYSQL_PARAMETER_INDEX, MYSQL_HEADER + 5, 2,
                     at_most(index, statement->parameters ? statement->parameters - 1u : 0));
    else if (index < MYSQL_PARAMETERS_KNOWN)
        statement->long_data[index / 8] |= (uint8_t)(1u << (index % 8));
}
