/* The cluster bus (src/cluster.h of Redis 7.0, clusterMsg): a fixed header that says how long the message is, checked as
 * clusterProcessPacket does, and the lists behind it against that length (CVE-2026-21863). */
#include "model/name.h"
#include "proto/redis.h"

enum {
    BUS_LENGTH_KNOWN = 8, /* signature and totlen */
    BUS_HEADER = 2256,    /* sizeof(clusterMsg) without its data */
    BUS_COUNT_AT = 14,
    BUS_EXTENSIONS_AT = 2202,
    BUS_FLAGS_AT = 2253,
    BUS_GOSSIP = 104,     /* sizeof(clusterMsgDataGossip) */
    BUS_NODE_NAME = 40,
    BUS_UPDATE = 2096,    /* sizeof(clusterMsgDataUpdate) */
    BUS_EXTENSION_HEADER = 8,
    BUS_TOTAL_MAX = 1 << 30,
    FLAG_EXTENSIONS = 4,  /* CLUSTERMSG_FLAG0_EXT_DATA */
};

enum framing redis_bus_frame(struct view ahead, struct frame *out)
{
    struct cursor c = cursor_over(ahead);
    take_skip(&c, 4);
    uint32_t total = take_u32be(&c);
    if (c.failed)
        return FRAME_NEEDS_MORE;
    bool known = memcmp(ahead.bytes, "RCmb", 4) == 0 && total >= BUS_COUNT_AT + 2;
    out->total = known ? total : BUS_LENGTH_KNOWN;
    out->wanted = (uint32_t)(out->total < MESSAGE_BYTES_MAX ? out->total : MESSAGE_BYTES_MAX);
    out->length_at = 4;
    out->length_bytes = 4;
    return FRAME_READY;
}

static enum verdict bus_wrong(struct redis_reading *r, enum anomaly anomaly, enum field field, uint32_t offset, uint32_t length,
                              uint64_t got, const char *expected)
{
    redis_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = MUST_BE, .offset = offset,
                                    .length = length, .got = got, .note = expected});
    return anomaly == ANOMALY_REDIS_BUS_SIGNATURE ? VERDICT_BROKEN : VERDICT_OK;
}

/* The extensions of a PING must fill the rest. */
static bool extensions_fit(struct view bytes, uint64_t total, size_t at, uint32_t count)
{
    struct cursor c = cursor_over(view_from(bytes, at));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = take_u32be(&c);
        take_skip(&c, 4);
        if (c.failed)
            return total > bytes.length;
        if (length < BUS_EXTENSION_HEADER || length % 8)
            return false;
        take_skip(&c, length - BUS_EXTENSION_HEADER);
        if (c.failed)
            return total > bytes.length && length <= total;
    }
    return at + cursor_offset(&c) == total || total > bytes.length;
}

static bool length_fits(struct view bytes, uint64_t total, uint32_t type, uint32_t count)
{
    struct cursor c = cursor_over(view_from(bytes, BUS_HEADER));
    if (total < BUS_HEADER)
        return false;
    uint64_t body = total - BUS_HEADER;
    switch (type) {
    case BUS_PING: case BUS_PONG: case BUS_MEET:
        if (redis_byte(bytes, BUS_FLAGS_AT) & FLAG_EXTENSIONS) {
            struct cursor extensions = cursor_over(view_from(bytes, BUS_EXTENSIONS_AT));
            return body >= (uint64_t)count * BUS_GOSSIP &&
                   extensions_fit(bytes, total, BUS_HEADER + (size_t)count * BUS_GOSSIP, take_u16be(&extensions));
        }
        return body == (uint64_t)count * BUS_GOSSIP;
    case BUS_FAIL:
        return body == BUS_NODE_NAME;
    case BUS_PUBLISH: case BUS_PUBLISHSHARD: {
        uint64_t lengths = take_u32be(&c);
        lengths += take_u32be(&c);
        return !c.failed && body == 8 + lengths;
    }
    case BUS_UPDATE_SLOTS:
        return body == BUS_UPDATE;
    case BUS_MODULE:
        take_skip(&c, 8);
        return body == 13 + (uint64_t)take_u32be(&c) && !c.failed;
    default:
        return body == 0;
    }
}

enum verdict redis_bus(struct redis_reading *r)
{
    struct cursor c = cursor_over(r->bytes);
    r->out->message = REDIS_BUS;
    struct view signature = take_view(&c, 4);
    uint32_t total = take_u32be(&c);
    note_field(r->out, FIELD_REDIS_BUS_LENGTH, 4, 4, total);
    if (memcmp(signature.bytes, "RCmb", 4) != 0)
        return bus_wrong(r, ANOMALY_REDIS_BUS_SIGNATURE, FIELD_REDIS_BUS_SIGNATURE, 0, 4, 0, "RCmb");
    uint32_t version = take_u16be(&c);
    take_skip(&c, 2);
    uint32_t type = take_u16be(&c), count = take_u16be(&c);
    if (c.failed) {
        bus_wrong(r, ANOMALY_REDIS_BUS_LENGTH, FIELD_REDIS_BUS_LENGTH, 4, 4, total, "at least the header");
        return VERDICT_BROKEN;
    }
    note_field(r->out, FIELD_REDIS_BUS_TYPE, 12, 2, type);
    if (version != 1)
        return bus_wrong(r, ANOMALY_REDIS_BUS_VERSION, FIELD_REDIS_BUS_VERSION, 8, 2, version, "1");
    if (type > BUS_PUBLISHSHARD)
        return bus_wrong(r, ANOMALY_REDIS_BUS_TYPE, FIELD_REDIS_BUS_TYPE, 12, 2, type, "0 to 10");
    if (total > BUS_TOTAL_MAX || !length_fits(r->bytes, total, type, count))
        return bus_wrong(r, ANOMALY_REDIS_BUS_LENGTH, FIELD_REDIS_BUS_LENGTH, 4, 4, total, "the bytes that type and counts need");
    return VERDICT_OK;
}
