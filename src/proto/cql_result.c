/* RESULT (section 4.2.5): metadata, types, rows, prepared statements, schema changes. Types nest, and are read without
 * recursion: a stack of what is still to come at each level. */
#include "model/name.h"
#include "proto/cql.h"

enum { METADATA_GLOBAL_TABLE = 1, METADATA_MORE_PAGES = 2, METADATA_NONE = 4, METADATA_CHANGED = 8 };
enum {
    TYPE_CUSTOM = 0x00, TYPE_LAST_NATIVE = 0x15, TYPE_LIST = 0x20, TYPE_MAP = 0x21, TYPE_SET = 0x22, TYPE_UDT = 0x30, TYPE_TUPLE = 0x31,
    NO_COLUMN = INT32_MAX,
};

struct levels {
    unsigned depth;
    uint16_t left[CQL_TYPE_DEPTH];
    bool named[CQL_TYPE_DEPTH];
};

static void go_deeper(struct cql_reading *r, struct levels *l, uint16_t types, bool named)
{
    if (l->depth + 1 == CQL_TYPE_DEPTH) {
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_TYPE_NESTING, .field = FIELD_CQL_TYPE, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 2, .length = 2, .got = CQL_TYPE_DEPTH + 1, .expected = CQL_TYPE_DEPTH,
                                      .note = "levels"});
        r->stopped = true;
        return;
    }
    l->depth++;
    l->left[l->depth] = types;
    l->named[l->depth] = named;
}

static void one_type(struct cql_reading *r, struct levels *l)
{
    uint16_t type = cql_u16(r, FIELD_CQL_TYPE);
    if (r->stopped)
        return;
    switch (type) {
    case TYPE_CUSTOM:
        (void)cql_string(r, FIELD_CQL_NAME);
        return;
    case TYPE_LIST:
    case TYPE_SET:
        go_deeper(r, l, 1, false);
        return;
    case TYPE_MAP:
        go_deeper(r, l, 2, false);
        return;
    case TYPE_UDT: {
        (void)cql_string(r, FIELD_CQL_KEYSPACE);
        (void)cql_string(r, FIELD_CQL_NAME);
        uint16_t fields = cql_count(r, 4);
        if (!r->stopped)
            go_deeper(r, l, fields, true);
        return;
    }
    case TYPE_TUPLE: {
        uint16_t types = cql_count(r, 2);
        if (!r->stopped)
            go_deeper(r, l, types, false);
        return;
    }
    default:
        if (type > TYPE_LAST_NATIVE)
            cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_TYPE_UNKNOWN, .field = FIELD_CQL_TYPE, .relation = MUST_BE,
                                          .offset = cursor_offset(&r->c) - 2, .length = 2, .got = type, .note = "a type of section 4.2.5.2"});
    }
}

static void take_type(struct cql_reading *r)
{
    struct levels l = {.left = {1}};
    while (!r->stopped) {
        while (l.depth > 0 && l.left[l.depth] == 0)
            l.depth--;
        if (l.left[l.depth] == 0)
            return;
        l.left[l.depth]--;
        if (l.named[l.depth])
            (void)cql_string(r, FIELD_CQL_NAME);
        one_type(r, &l);
    }
}

/* A count that must not be negative, of entries that have at least `entry` bytes each. */
static uint32_t take_count(struct cql_reading *r, enum field field, uint64_t entry)
{
    uint32_t count = cql_u32(r, field);
    if (r->stopped)
        return 0;
    if (count > INT32_MAX) {
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_COUNT_NEGATIVE, .field = (uint16_t)field, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 4, .length = 4, .got = count, .expected = INT32_MAX, .note = "not negative"});
        return 0;
    }
    if (entry && count > cql_left(r) / entry) {
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_OVERRUN_SERVER, .field = (uint16_t)field, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 4, .length = 4, .got = count, .expected = cql_left(r) / entry,
                                      .note = "what the rest of the body can hold"});
        return 0;
    }
    return count;
}

struct metadata {
    uint32_t columns;
    uint32_t version_column; /* of system.local: where the server says which version it is */
};

static void take_columns(struct cql_reading *r, uint32_t flags, struct metadata *m)
{
    bool one_table = flags & METADATA_GLOBAL_TABLE, local = false;
    if (one_table) {
        struct view keyspace = cql_string(r, FIELD_CQL_KEYSPACE), table = cql_string(r, FIELD_CQL_NAME);
        local = view_equal(keyspace, view_text("system")) && view_equal(table, view_text("local"));
    }
    for (uint32_t i = 0; i < m->columns && !r->stopped; i++) {
        if (!one_table) {
            (void)cql_string(r, FIELD_CQL_KEYSPACE);
            (void)cql_string(r, FIELD_CQL_NAME);
        }
        struct view name = cql_string(r, FIELD_CQL_NAME);
        if (local && view_equal(name, view_text("release_version")))
            m->version_column = i;
        take_type(r);
    }
}

static struct metadata take_metadata(struct cql_reading *r, bool with_keys)
{
    struct metadata m = {.version_column = NO_COLUMN};
    uint32_t flags = cql_u32(r, FIELD_CQL_METADATA_FLAGS);
    bool columns_follow = !(flags & METADATA_NONE);
    m.columns = take_count(r, FIELD_CQL_COLUMNS, columns_follow ? 4 : 0);
    if (with_keys) {
        uint32_t keys = take_count(r, FIELD_CQL_KEY_COLUMNS, 2);
        cql_skip(r, FIELD_CQL_KEY_COLUMNS, keys * 2);
    }
    if (flags & METADATA_MORE_PAGES)
        (void)cql_bytes(r, FIELD_CQL_PAGING_STATE);
    if (flags & METADATA_CHANGED && r->version >= 5)
        (void)cql_short_bytes(r, FIELD_CQL_METADATA_ID);
    if (columns_follow && !r->stopped)
        take_columns(r, flags, &m);
    return m;
}

static void observe_version(struct cql_reading *r, struct view version)
{
    if (version.length)
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .text = version});
}

/* Cells are read for their lengths alone: a row costs no field. */
static void take_cells(struct cql_reading *r, uint64_t cells, const struct metadata *m)
{
    for (uint64_t i = 0; i < cells; i++) {
        if (cursor_left(&r->c) < 4) { /* there are four bytes for each cell; are they after all those before it? */
            if (cql_left(r) < 4)
                (void)cql_u32(r, FIELD_CQL_VALUE_LENGTH);
            r->stopped = true;
            return;
        }
        uint32_t length = take_u32be(&r->c);
        if (length > INT32_MAX)
            continue;
        if (length > cql_left(r)) {
            cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_OVERRUN_SERVER, .field = FIELD_CQL_VALUE_LENGTH, .relation = MUST_NOT_EXCEED,
                                          .offset = cursor_offset(&r->c) - 4, .length = 4, .got = length, .expected = cql_left(r),
                                          .note = "what is left of the body"});
            return;
        }
        if (length > cursor_left(&r->c)) {
            r->stopped = true;
            return;
        }
        struct view value = take_view(&r->c, length);
        if (i == m->version_column)
            observe_version(r, value);
    }
}

static void take_rows(struct cql_reading *r)
{
    struct metadata m = take_metadata(r, false);
    uint32_t rows = take_count(r, FIELD_CQL_ROWS, (uint64_t)m.columns * 4);
    if (r->stopped)
        return;
    note_field(r->out, FIELD_DB_ROWS, 0, 0, rows);
    take_cells(r, (uint64_t)rows * m.columns, &m);
}

static void take_prepared(struct cql_reading *r)
{
    (void)cql_short_bytes(r, FIELD_CQL_STATEMENT_ID);
    if (r->version >= 5)
        (void)cql_short_bytes(r, FIELD_CQL_METADATA_ID);
    (void)take_metadata(r, r->version >= 4);
    (void)take_metadata(r, false);
}

/* The three parts of a schema change, which an event has, too (section 4.2.6). */
void cql_schema_change(struct cql_reading *r)
{
    (void)cql_string(r, FIELD_CQL_CHANGE);
    struct view target = cql_string(r, FIELD_CQL_TARGET);
    (void)cql_string(r, FIELD_CQL_KEYSPACE);
    if (r->stopped || view_equal(target, view_text("KEYSPACE")))
        return;
    (void)cql_string(r, FIELD_CQL_NAME);
    if (view_equal(target, view_text("FUNCTION")) || view_equal(target, view_text("AGGREGATE")))
        cql_string_list(r, FIELD_CQL_NAME);
}

static void take_keyspace(struct cql_reading *r)
{
    struct view keyspace = cql_string(r, FIELD_CQL_KEYSPACE);
    struct session *session = r->out->session;
    if (r->stopped)
        return;
    size_t kept = keyspace.length < SESSION_TEXT_MAX ? keyspace.length : SESSION_TEXT_MAX;
    session->database_length = (uint8_t)kept;
    if (kept)
        memcpy(session->database, keyspace.bytes, kept);
}

void cql_result(struct cql_reading *r)
{
    uint32_t kind = cql_u32(r, FIELD_CQL_RESULT_KIND);
    if (r->stopped)
        return;
    switch (kind) {
    case CQL_RESULT_VOID: return;
    case CQL_RESULT_ROWS: take_rows(r); return;
    case CQL_RESULT_SET_KEYSPACE: take_keyspace(r); return;
    case CQL_RESULT_PREPARED: take_prepared(r); return;
    case CQL_RESULT_SCHEMA_CHANGE: cql_schema_change(r); return;
    default:
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_RESULT_UNKNOWN, .field = FIELD_CQL_RESULT_KIND, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 4, .length = 4, .got = kind, .expected = CQL_RESULT_SCHEMA_CHANGE});
    }
}
