/* Dialogues of MongoDB, written after the specification: the clean traffic that the decoder's tests start from. */
#ifndef DBHOUND_TESTS_MONGODB_DIALOGUES_H
#define DBHOUND_TESTS_MONGODB_DIALOGUES_H

#include "dialogues.h"
#include "mongodb_build.h"

enum { LINES_MAX = 24 };

struct dialogue_made {
    struct line lines[LINES_MAX];
    size_t count;
};

#define HELLO_REPLY "{helloOk: true, ismaster: true, maxBsonObjectSize: 16777216, maxMessageSizeBytes: 48000000, maxWriteBatchSize: 100000, " \
    "localTime: 1700000000000D, connectionId: 42, minWireVersion: 0, maxWireVersion: 21, readOnly: false, "
#define CLIENT_ABOUT "client: {application: {name: 'shop'}, driver: {name: 'PyMongo', version: '4.6.1'}, os: {type: 'Linux'}, platform: 'CPython'}"

static inline void line(struct dialogue_made *d, enum side from, struct view bytes)
{
    assert_true(d->count < LINES_MAX);
    d->lines[d->count++] = (struct line){from, (const char *)bytes.bytes, bytes.length};
}

static inline void ask(struct dialogue_made *d, uint32_t id, const char *body)
{
    line(d, FROM_CLIENT, build_msg_from(id, 0, 0, body));
}

static inline void tell(struct dialogue_made *d, uint32_t id, uint32_t to, const char *body)
{
    line(d, FROM_SERVER, build_msg_from(id, to, 0, body));
}

static inline void make_commands(struct dialogue_made *d)
{
    line(d, FROM_CLIENT, build_query(1, 4, "admin.$cmd", "{ismaster: 1, helloOk: true, " CLIENT_ABOUT ", compression: ['zstd', 'zlib', 'snappy']}"));
    line(d, FROM_SERVER, build_reply(100, 1, 0, 1, HELLO_REPLY "compression: ['zlib', 'zstd', 'snappy'], ok: 1.0}"));
    ask(d, 2, "{buildInfo: 1, $db: 'admin'}");
    tell(d, 101, 2, "{version: '7.0.15', gitVersion: 'abc', ok: 1.0}");
    size_t at = build_begin(3, 0, OP_MSG);
    build_number(0, 4);
    build_byte(0);
    build_document("{insert: 'orders', ordered: true, $db: 'shop'}");
    build_sequence("documents", "{_id: o, n: 1, tags: ['a', 'b', 'c']}{_id: o, n: 2L, at: 1700000000000D, raw: x04'00112233445566778899aabbccddeeff'}");
    line(d, FROM_CLIENT, build_end(at));
    tell(d, 102, 3, "{n: 2, ok: 1.0}");
    ask(d, 4, "{find: 'orders', filter: {n: {$gt: 0}}, $db: 'shop'}");
    tell(d, 103, 4, "{cursor: {firstBatch: [{n: 1}, {n: 2}], id: 0L, ns: 'shop.orders'}, ok: 1.0}");
    ask(d, 5, "{nonsense: 1, $db: 'shop'}");
    tell(d, 104, 5, "{ok: 0.0, errmsg: 'no such command: nonsense', code: 59, codeName: 'CommandNotFound'}");
    line(d, FROM_CLIENT, build_checksum(build_msg_from(6, 0, 1, "{ping: 1, $db: 'admin'}"), 0));
    line(d, FROM_SERVER, build_checksum(build_msg_from(105, 6, 1, "{ok: 1.0}"), 0));
    ask(d, 7, "{insert: 'orders', documents: [{_id: 1}], $db: 'shop'}");
    tell(d, 106, 7, "{n: 0, writeErrors: [{index: 0, code: 11000, errmsg: 'E11000 duplicate key error'}], ok: 1.0}");
}

static inline void make_login(struct dialogue_made *d)
{
    ask(d, 1, "{hello: 1, " CLIENT_ABOUT ", saslSupportedMechs: 'admin.ann', $db: 'admin'}");
    tell(d, 100, 1, HELLO_REPLY "saslSupportedMechs: ['SCRAM-SHA-256'], ok: 1.0}");
    ask(d, 2, "{saslStart: 1, mechanism: 'SCRAM-SHA-256', payload: x00'6e2c2c6e3d616e6e2c723d616263646566', $db: 'admin'}");
    tell(d, 101, 2, "{conversationId: 1, done: false, payload: x00'723d616263', ok: 1.0}");
    ask(d, 3, "{saslContinue: 1, conversationId: 1, payload: x00'633d62697773', $db: 'admin'}");
    tell(d, 102, 3, "{conversationId: 1, done: true, payload: x00'763d61', ok: 1.0}");
    ask(d, 4, "{listCollections: 1, $db: 'shop'}");
    tell(d, 103, 4, "{cursor: {firstBatch: [], id: 0L, ns: 'shop.$cmd.listCollections'}, ok: 1.0}");
    ask(d, 5, "{createUser: 'bob', pwd: 'secret', roles: [], $db: 'admin'}");
    tell(d, 104, 5, "{ok: 1.0}");
    ask(d, 6, "{shutdown: 1, $db: 'admin'}");
}

static inline void make_streams(struct dialogue_made *d)
{
    line(d, FROM_CLIENT, build_query(1, 0, "admin.$cmd", "{hello: 1}"));
    line(d, FROM_SERVER, build_reply(100, 1, 0, 1, HELLO_REPLY "topologyVersion: {processId: o, counter: 0L}, ok: 1.0}"));
    line(d, FROM_CLIENT, build_msg_from(2, 0, 1 << 16, "{hello: 1, topologyVersion: {processId: o, counter: 0L}, maxAwaitTimeMS: 10000, $db: 'admin'}"));
    line(d, FROM_SERVER, build_msg_from(101, 2, 2, HELLO_REPLY "ok: 1.0}"));
    line(d, FROM_SERVER, build_msg_from(102, 101, 2, HELLO_REPLY "ok: 1.0}"));
    line(d, FROM_SERVER, build_msg_from(103, 102, 0, "{ok: 0.0, errmsg: 'interrupted', code: 11600, codeName: 'InterruptedAtShutdown'}"));
    line(d, FROM_CLIENT, build_msg_from(3, 0, 2, "{insert: 'log', documents: [{a: 1}], writeConcern: {w: 0}, $db: 'shop'}"));
    ask(d, 4, "{ping: 1, $db: 'admin'}");
    tell(d, 104, 4, "{ok: 1.0}");
}

static inline void make_compressed(struct dialogue_made *d)
{
    line(d, FROM_CLIENT, build_query(1, 0, "admin.$cmd", "{hello: 1, compression: ['snappy', 'zlib', 'zstd', 'noop']}"));
    line(d, FROM_SERVER, build_reply(100, 1, 0, 1, HELLO_REPLY "compression: ['snappy', 'zlib', 'zstd', 'noop'], ok: 1.0}"));
    for (unsigned c = COMPRESSOR_NOOP; c <= COMPRESSOR_ZSTD; c++) {
        struct view request = build_msg_from(10 + c, 0, 0, "{find: 'orders', filter: {n: {$gt: 0}, text: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}, $db: 'shop'}");
        line(d, FROM_CLIENT, build_compressed(request, c, 0));
        struct view reply = build_msg_from(110 + c, 10 + c, 0, "{cursor: {firstBatch: [{n: 1}, {n: 2}, {n: 3}], id: 0L, ns: 'shop.orders'}, ok: 1.0}");
        line(d, FROM_SERVER, c == COMPRESSOR_ZLIB ? reply : build_compressed(reply, c, 0));
    }
}

static inline void make_legacy(struct dialogue_made *d)
{
    line(d, FROM_CLIENT, build_query(1, 0, "shop.$cmd", "{$query: {count: 'orders'}}"));
    line(d, FROM_SERVER, build_reply(100, 1, 0, 1, "{n: 5.0, ok: 1.0}"));
    size_t at = build_begin(2, 0, OP_INSERT);
    build_number(0, 4);
    build_bytes("shop.orders", 12);
    build_document("{_id: o, n: 1}");
    build_document("{_id: o, n: 2}");
    line(d, FROM_CLIENT, build_end(at));
    at = build_begin(3, 0, OP_UPDATE);
    build_number(0, 4);
    build_bytes("shop.orders", 12);
    build_number(1, 4);
    build_document("{n: 1}");
    build_document("{$set: {n: 3}}");
    line(d, FROM_CLIENT, build_end(at));
    at = build_begin(4, 0, OP_DELETE);
    build_number(0, 4);
    build_bytes("shop.orders", 12);
    build_number(1, 4);
    build_document("{n: 1}");
    line(d, FROM_CLIENT, build_end(at));
    line(d, FROM_CLIENT, build_query(5, 4, "shop.orders", "{n: 1}"));
    line(d, FROM_SERVER, build_reply(101, 5, 77, 2, "{_id: o, n: 1}"));
    at = build_begin(6, 0, OP_GET_MORE);
    build_number(0, 4);
    build_bytes("shop.orders", 12);
    build_number(2, 4);
    build_number(77, 8);
    line(d, FROM_CLIENT, build_end(at));
    line(d, FROM_SERVER, build_reply(102, 6, 0, 0, ""));
    at = build_begin(7, 0, OP_KILL_CURSORS);
    build_number(0, 4);
    build_number(1, 4);
    build_number(77, 8);
    line(d, FROM_CLIENT, build_end(at));
    at = build_begin(8, 0, OP_COMMAND);
    build_bytes("shop\0ping", 10);
    build_document("{}");
    build_document("{ping: 1}");
    line(d, FROM_CLIENT, build_end(at));
    at = build_begin(103, 8, OP_COMMANDREPLY);
    build_document("{}");
    build_document("{ok: 1.0}");
    line(d, FROM_SERVER, build_end(at));
}

/* Every type of BSON in one document. */
static inline void make_types(struct dialogue_made *d)
{
    size_t at = build_begin(1, 0, OP_MSG);
    build_number(0, 4);
    build_byte(0);
    size_t document = build_used;
    build_document("{insert: 't', $db: 'shop', a: 1.5, b: 'text', c: {x: {}}, d: [], e: x00'', f: x02'02000000aabb', g: o, h: true, i: 5D, j: null, "
                   "k: 1, l: 5T, m: 6L, n: x05'00112233445566778899aabbccddeeff', s: x08'01'}");
    build_used--;
    build_bytes("\x06u\0\x0bregex\0a.*b\0im\0\x0cptr\0\x02\0\0\0c\0" "123456789012\x0d" "code\0\x03\0\0\0f;\0\x0esymbol\0\x02\0\0\0s\0\x7fmax\0\xffmin\0", 78);
    build_bytes("\x0fscoped\0", 8);
    size_t scope = build_used;
    build_number(0, 4);
    build_number(3, 4);
    build_bytes("f;", 3);
    build_document("{x: 1}");
    build_put(scope, (uint32_t)(build_used - scope));
    build_bytes("\x13" "decimal\0" "1234567890123456", 25);
    build_bytes("\x05" "column\0", 8);
    build_number(26, 4);
    build_byte(BINARY_COLUMN);
    build_bytes("\x10\0\x05\0\0\0\x80" "12345678\x12\0" "12345678\0", 26);
    build_byte(0);
    build_put(document, (uint32_t)(build_used - document));
    line(d, FROM_CLIENT, build_end(at));
    tell(d, 100, 1, "{n: 0, ok: 1.0}");
}

enum { DIALOGUES = 6 };

static struct dialogue dialogues[DIALOGUES];
static struct dialogues spoken = {&mongodb_decoder, 27017, dialogues, DIALOGUES};

/* Called once, before any test. */
static inline int make_dialogues(void **state)
{
    static struct dialogue_made made[DIALOGUES];
    static const struct {
        const char *name;
        void (*make)(struct dialogue_made *);
    } makers[DIALOGUES] = {{"commands", make_commands}, {"login", make_login},   {"streams", make_streams},
                           {"compressed", make_compressed}, {"legacy", make_legacy}, {"types", make_types}};
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        makers[i].make(&made[i]);
        dialogues[i] = (struct dialogue){makers[i].name, made[i].lines, made[i].count, false, 0};
    }
    return 0;
}

#endif
