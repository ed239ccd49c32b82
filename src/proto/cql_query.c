/* QUERY, PREPARE, EXECUTE and BATCH (sections 4.1.4 to 4.1.7), as src/java/org/apache/cassandra/cql3/QueryOptions.java and
 * the messages beside BatchMessage.java read them. */
#include "model/name.h"
#include "proto/cql.h"

enum {
    QUERY_VALUES = 0x01, QUERY_SKIP_METADATA = 0x02, QUERY_PAGE_SIZE = 0x04, QUERY_PAGING_STATE = 0x08, QUERY_SERIAL_CONSISTENCY = 0x10,
    QUERY_TIMESTAMP = 0x20, QUERY_NAMES = 0x40, QUERY_KEYSPACE = 0x80, QUERY_NOW = 0x100,
    QUERY_KNOWN_3 = 0x7f, QUERY_KNOWN_5 = 0x1ff, PREPARE_KEYSPACE = 0x01,
};

/* Flags are one byte before version 5, four from then on. */
static uint32_t take_flags(struct cql_reading *r, uint32_t known)
{
    bool wide = r->version >= 5;
    uint32_t flags = wide ? cql_u32(r, FIELD_CQL_QUERY_FLAGS) : cql_u8(r, FIELD_CQL_QUERY_FLAGS);
    uint32_t width = wide ? 4 : 1;
    if (!r->stopped && flags & ~known)
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_QUERY_FLAGS_UNKNOWN, .field = FIELD_CQL_QUERY_FLAGS, .relation = MUST_BE,
                                      .offset = cursor_offset(&r->c) - width, .length = width, .got = flags, .note = "flags of this version"});
    return flags;
}

static void take_values(struct cql_reading *r, bool named)
{
    uint16_t count = cql_count(r, named ? 6 : 4);
    note_field(r->out, FIELD_CQL_VALUES, r->stopped ? 0 : cursor_offset(&r->c) - 2, r->stopped ? 0 : 2, count);
    for (uint16_t i = 0; i < count && !r->stopped; i++) {
        if (named)
            (void)cql_string(r, FIELD_CQL_VALUE_NAME);
        cql_value(r);
    }
}

static void take_serial(struct cql_reading *r)
{
    uint16_t level = cql_consistency(r, FIELD_CQL_SERIAL_CONSISTENCY);
    if (!r->stopped && level != CQL_CONSISTENCY_SERIAL && level != CQL_CONSISTENCY_LOCAL_SERIAL)
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_SERIAL_WRONG, .field = FIELD_CQL_SERIAL_CONSISTENCY, .relation = MUST_BE,
                                      .offset = cursor_offset(&r->c) - 2, .length = 2, .got = level, .note = "SERIAL or LOCAL_SERIAL"});
}

static void take_timestamp(struct cql_reading *r)
{
    uint64_t timestamp = cql_u64(r, FIELD_CQL_TIMESTAMP);
    if (!r->stopped && timestamp == (uint64_t)1 << 63)
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_TIMESTAMP_INVALID, .field = FIELD_CQL_TIMESTAMP, .relation = MUST_BE,
                                      .offset = cursor_offset(&r->c) - 8, .length = 8, .got = timestamp, .note = "more than -2^63"});
}

/* What queries and batches share behind their flags. */
static void take_tail(struct cql_reading *r, uint32_t flags)
{
    if (flags & QUERY_SERIAL_CONSISTENCY)
        take_serial(r);
    if (flags & QUERY_TIMESTAMP)
        take_timestamp(r);
    if (r->version < 5)
        return;
    if (flags & QUERY_KEYSPACE)
        (void)cql_string(r, FIELD_CQL_KEYSPACE);
    if (flags & QUERY_NOW)
        (void)cql_u32(r, FIELD_CQL_NOW_IN_SECONDS);
}

static void take_parameters(struct cql_reading *r)
{
    (void)cql_consistency(r, FIELD_CQL_CONSISTENCY);
    uint32_t flags = take_flags(r, r->version >= 5 ? QUERY_KNOWN_5 : QUERY_KNOWN_3);
    if (flags & QUERY_VALUES)
        take_values(r, flags & QUERY_NAMES);
    if (flags & QUERY_PAGE_SIZE)
        (void)cql_u32(r, FIELD_CQL_PAGE_SIZE);
    if (flags & QUERY_PAGING_STATE)
        (void)cql_bytes(r, FIELD_CQL_PAGING_STATE);
    take_tail(r, flags);
}

void cql_query(struct cql_reading *r)
{
    (void)cql_long_string(r, FIELD_CQL_QUERY);
    take_parameters(r);
}

void cql_prepare(struct cql_reading *r)
{
    (void)cql_long_string(r, FIELD_CQL_QUERY);
    if (r->version < 5)
        return;
    uint32_t flags = take_flags(r, PREPARE_KEYSPACE);
    if (flags & PREPARE_KEYSPACE)
        (void)cql_string(r, FIELD_CQL_KEYSPACE);
}

void cql_execute(struct cql_reading *r)
{
    (void)cql_short_bytes(r, FIELD_CQL_STATEMENT_ID);
    if (r->version >= 5)
        (void)cql_short_bytes(r, FIELD_CQL_METADATA_ID);
    take_parameters(r);
}

static void batch_query(struct cql_reading *r)
{
    uint8_t kind = cql_u8(r, FIELD_CQL_BATCH_KIND);
    if (r->stopped)
        return;
    if (kind > 1) {
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_BATCH_KIND_UNKNOWN, .field = FIELD_CQL_BATCH_KIND, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 1, .length = 1, .got = kind, .expected = 1});
        return;
    }
    if (kind == 0)
        (void)cql_long_string(r, FIELD_CQL_QUERY);
    else
        (void)cql_short_bytes(r, FIELD_CQL_STATEMENT_ID);
    take_values(r, false);
}

void cql_batch(struct cql_reading *r)
{
    uint8_t type = cql_u8(r, FIELD_CQL_BATCH_TYPE);
    if (!r->stopped && type > 2)
        cql_defect(r, (struct report){.anomaly = ANOMALY_CQL_BATCH_TYPE_UNKNOWN, .field = FIELD_CQL_BATCH_TYPE, .relation = MUST_NOT_EXCEED,
                                      .offset = cursor_offset(&r->c) - 1, .length = 1, .got = type, .expected = 2});
    uint16_t count = cql_count(r, 5); /* of each: kind, a short id, a count of values */
    for (uint16_t i = 0; i < count && !r->stopped; i++)
        batch_query(r);
    (void)cql_consistency(r, FIELD_CQL_CONSISTENCY);
    uint32_t flags = take_flags(r, r->version >= 5 ? QUERY_KNOWN_5 : QUERY_KNOWN_3);
    uint32_t width = r->version >= 5 ? 4 : 1;
    uint32_t senseless = flags & (QUERY_VALUES | QUERY_SKIP_METADATA | QUERY_PAGE_SIZE | QUERY_PAGING_STATE);
    if (!r->stopped && senseless) {
        cql_report(r, (struct report){.anomaly = ANOMALY_CQL_BATCH_FLAGS, .field = FIELD_CQL_QUERY_FLAGS, .relation = MUST_BE,
                                      .offset = cursor_offset(&r->c) - width, .length = width, .got = flags, .note = "the four lowest bits 0"});
        r->stopped = true;
        return;
    }
    take_tail(r, flags);
}
