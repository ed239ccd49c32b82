/*
 * ClientHello and ServerHello (RFC 8446 4.1, RFC 5246 7.4.1): what was offered and chosen, lengths that do not fit, and the
 * fingerprints JA4 and JA4S as FoxIO specifies them. Every length is compared with what is left of its own vector.
 */
#define OPENSSL_API_COMPAT 0x10101000L /* SHA256_Init and its like ask for no memory; their successors do */
#include <openssl/sha.h>
#include <stdio.h>

#include "proto/tls.h"

enum { LISTED_MAX = 256, RANDOM_BYTES = 32, SESSION_ID_MAX = 32, ALPN_NOTED = 8 };

enum { EXTENSION_SERVER_NAME = 0, EXTENSION_SIGNATURE_ALGORITHMS = 13, EXTENSION_ALPN = 16, EXTENSION_SUPPORTED_VERSIONS = 43 };

struct list {
    unsigned used;
    bool cut;
    uint16_t values[LISTED_MAX];
};

struct hello {
    struct findings *out;
    struct view message;
    bool whole, wrong, client;
    uint16_t version;
    uint32_t version_at;
    bool has_name;
    struct view alpn; /* the first */
    struct list ciphers, extensions, signatures;
};

static uint32_t place(const struct hello *h, const struct cursor *c)
{
    return (uint32_t)(cursor_ahead(c).bytes - h->message.bytes);
}

/* The first defect ends the reading. Of a message that is not whole nothing is said. */
static void defect(struct hello *h, struct report found)
{
    if (h->whole && !h->wrong) {
        found.anomaly = ANOMALY_TLS_HANDSHAKE_MALFORMED;
        found.field = FIELD_TLS_LENGTH;
        note_field(h->out, FIELD_TLS_LENGTH, found.offset, found.length, found.got);
        report(h->out, found);
    }
    h->wrong = true;
}

struct bounds {
    unsigned width; /* bytes of the length */
    uint32_t least, most, step;
    const char *what;
};

static struct view vector(struct hello *h, struct cursor *c, struct bounds b)
{
    struct view none = view_of(NULL, 0);
    struct report found = {.offset = place(h, c), .length = b.width, .note = b.what};
    size_t left = cursor_left(c);
    if (h->wrong)
        return none;
    if (left < b.width) {
        found.length = 0;
        found.relation = MUST_REACH;
        found.got = left;
        found.expected = b.width;
        defect(h, found);
        return none;
    }
    found.got = b.width == 1 ? take_u8(c) : take_u16be(c);
    left -= b.width;
    found.relation = MUST_NOT_EXCEED;
    found.expected = left < b.most ? left : b.most;
    if (found.got <= found.expected && found.got < b.least) {
        found.relation = MUST_REACH;
        found.expected = b.least;
    } else if (found.got <= found.expected && found.got % b.step) {
        found.relation = MUST_EQUAL;
        found.expected = found.got - found.got % b.step;
    } else if (found.got <= found.expected) {
        return take_view(c, found.got);
    }
    defect(h, found);
    return none;
}

/* A vector that must fill what it stands in. */
static struct view only_vector(struct hello *h, struct cursor *c, struct bounds b)
{
    uint32_t at = place(h, c);
    struct view found = vector(h, c, b);
    if (!h->wrong && cursor_left(c))
        defect(h, (struct report){.relation = MUST_EQUAL, .offset = at, .length = b.width, .got = found.length,
                                  .expected = found.length + cursor_left(c), .note = b.what});
    return found;
}

static bool is_grease(uint16_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

static void list_add(struct list *list, uint16_t value)
{
    if (list->used < LISTED_MAX)
        list->values[list->used++] = value;
    else
        list->cut = true;
}

static void list_add_all(struct list *list, struct view values)
{
    struct cursor c = cursor_over(values);
    while (cursor_left(&c) >= 2) {
        uint16_t value = take_u16be(&c);
        if (!is_grease(value))
            list_add(list, value);
    }
}

/* ---- extensions */

static void server_name(struct hello *h, struct cursor *c)
{
    enum { NAME_TYPE_HOST_NAME = 0 };
    h->has_name = true;
    struct cursor names = cursor_over(only_vector(h, c, (struct bounds){2, 1, 65535, 1, "of the list of server names"}));
    if (h->wrong || take_u8(&names) != NAME_TYPE_HOST_NAME)
        return;
    struct view name = vector(h, &names, (struct bounds){2, 1, 65535, 1, "of the server name"});
    if (name.length)
        note_field(h->out, FIELD_TLS_SNI, (uint32_t)(name.bytes - h->message.bytes), (uint32_t)name.length, 0);
}

static void alpn(struct hello *h, struct cursor *c)
{
    struct cursor names = cursor_over(only_vector(h, c, (struct bounds){2, 2, 65535, 1, "of the list of application protocols"}));
    for (unsigned i = 0; cursor_left(&names) && !h->wrong; i++) {
        struct view name = vector(h, &names, (struct bounds){1, 1, 255, 1, "of an application protocol"});
        if (i == 0)
            h->alpn = name;
        if (name.length && i < ALPN_NOTED)
            note_field(h->out, FIELD_TLS_ALPN, (uint32_t)(name.bytes - h->message.bytes), (uint32_t)name.length, 0);
    }
}

static void supported_versions(struct hello *h, struct cursor *c)
{
    struct cursor versions = *c;
    if (h->client) {
        versions = cursor_over(only_vector(h, c, (struct bounds){1, 2, 254, 2, "of the list of versions"}));
        h->version = 0;
    } else if (cursor_left(c) != 2) {
        defect(h, (struct report){.relation = MUST_EQUAL, .offset = place(h, c) - 2, .length = 2, .got = cursor_left(c), .expected = 2,
                                  .note = "of the version that the server chose"});
    }
    while (cursor_left(&versions) && !h->wrong) {
        uint32_t at = place(h, &versions);
        uint16_t version = take_u16be(&versions);
        if (is_grease(version) || version < h->version)
            continue;
        h->version = version;
        h->version_at = at;
    }
}

static void extension(struct hello *h, uint16_t type, struct view body)
{
    struct cursor c = cursor_over(body);
    switch (type) {
    case EXTENSION_SERVER_NAME:
        if (h->client)
            server_name(h, &c);
        return;
    case EXTENSION_SIGNATURE_ALGORITHMS:
        if (h->client)
            list_add_all(&h->signatures, only_vector(h, &c, (struct bounds){2, 2, 65534, 2, "of the list of signature algorithms"}));
        return;
    case EXTENSION_ALPN:
        alpn(h, &c);
        return;
    case EXTENSION_SUPPORTED_VERSIONS:
        supported_versions(h, &c);
        return;
    default:
        return;
    }
}

static void extensions(struct hello *h, struct cursor *c)
{
    if (h->wrong || cursor_left(c) == 0)
        return;
    struct cursor all = cursor_over(only_vector(h, c, (struct bounds){2, 0, 65535, 1, "of all extensions"}));
    while (cursor_left(&all) && !h->wrong) {
        uint32_t at = place(h, &all);
        uint16_t type = take_u16be(&all);
        if (all.failed) {
            defect(h, (struct report){.relation = MUST_REACH, .offset = at, .got = 1, .expected = 4, .note = "of an extension"});
            return;
        }
        struct view body = vector(h, &all, (struct bounds){2, 0, 65535, 1, "of an extension"});
        if (h->wrong)
            return;
        if (!is_grease(type))
            list_add(&h->extensions, type);
        extension(h, type, body);
    }
}

/* ---- fingerprints */

static void list_sort(struct list *list)
{
    for (unsigned i = 1; i < list->used; i++) {
        uint16_t value = list->values[i];
        unsigned at = i;
        for (; at > 0 && list->values[at - 1] > value; at--)
            list->values[at] = list->values[at - 1];
        list->values[at] = value;
    }
}

struct words {
    size_t used;
    char text[2 * LISTED_MAX * 5 + 2];
};

static void words_add(struct words *w, const struct list *list, char first)
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < list->used; i++) {
        uint16_t value = list->values[i];
        if (i || first)
            w->text[w->used++] = i ? ',' : first;
        for (int shift = 12; shift >= 0; shift -= 4)
            w->text[w->used++] = digits[value >> shift & 15];
    }
}

/* The first twelve digits; zeros for nothing. */
static void words_digest(const struct words *w, char out[13])
{
    uint8_t digest[SHA256_DIGEST_LENGTH] = {0};
    SHA256_CTX context;
    if (w->used) {
        SHA256_Init(&context);
        SHA256_Update(&context, w->text, w->used);
        SHA256_Final(digest, &context);
    }
    for (unsigned i = 0; i < 6; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static const char *version_word(uint16_t version)
{
    switch (version) {
    case TLS_1_3:
        return "13";
    case TLS_1_2:
        return "12";
    case TLS_1_1:
        return "11";
    case TLS_1_0:
        return "10";
    case SSL_3_0:
        return "s3";
    case SSL_2_0:
        return "s2";
    default:
        return "00";
    }
}

static bool is_word(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z');
}

static void alpn_word(struct view alpn, char out[3])
{
    memcpy(out, "00", 3);
    if (!alpn.length)
        return;
    uint8_t first = alpn.bytes[0], last = alpn.bytes[alpn.length - 1];
    if (is_word(first) && is_word(last)) {
        out[0] = (char)first;
        out[1] = (char)last;
        return;
    }
    out[0] = "0123456789abcdef"[first >> 4];
    out[1] = "0123456789abcdef"[last & 15];
}

static unsigned shown(unsigned count)
{
    return count < 99 ? count : 99;
}

static void ja4(struct hello *h, char print[TLS_PRINT_SIZE])
{
    char protocol[3], ciphers[13], extensions_digest[13];
    struct words words = {.used = 0};
    if (h->ciphers.cut || h->extensions.cut || h->signatures.cut)
        return;
    alpn_word(h->alpn, protocol);
    list_sort(&h->ciphers);
    words_add(&words, &h->ciphers, 0);
    words_digest(&words, ciphers);
    struct list rest = {.used = 0};
    for (unsigned i = 0; i < h->extensions.used; i++)
        if (h->extensions.values[i] != EXTENSION_SERVER_NAME && h->extensions.values[i] != EXTENSION_ALPN)
            list_add(&rest, h->extensions.values[i]);
    list_sort(&rest);
    words.used = 0;
    words_add(&words, &rest, 0);
    words_add(&words, &h->signatures, '_');
    words_digest(&words, extensions_digest);
    snprintf(print, TLS_PRINT_SIZE, "t%s%c%02u%02u%s_%s_%s", version_word(h->version), h->has_name ? 'd' : 'i', shown(h->ciphers.used),
             shown(h->extensions.used), protocol, ciphers, extensions_digest);
}

static void ja4s(const struct hello *h, uint16_t cipher, char print[TLS_PRINT_SIZE])
{
    char protocol[3], digest[13];
    struct words words = {.used = 0};
    if (h->extensions.cut)
        return;
    alpn_word(h->alpn, protocol);
    words_add(&words, &h->extensions, 0);
    words_digest(&words, digest);
    snprintf(print, TLS_PRINT_SIZE, "t%s%02u%s_%04x_%s", version_word(h->version), shown(h->extensions.used), protocol, cipher, digest);
}

/* ---- messages */

static void hello_fixed(struct hello *h, struct cursor *c)
{
    take_skip(c, TLS_MESSAGE_HEADER);
    h->version_at = place(h, c);
    h->version = take_u16be(c);
    take_skip(c, RANDOM_BYTES);
    if (c->failed)
        defect(h, (struct report){.relation = MUST_REACH, .offset = 1, .length = 3, .got = h->message.length - TLS_MESSAGE_HEADER,
                                  .expected = 2 + RANDOM_BYTES, .note = "of a hello"});
    vector(h, c, (struct bounds){1, 0, SESSION_ID_MAX, 1, "of the session id"});
}

void tls_client_hello(struct view message, bool whole, char print[TLS_PRINT_SIZE], struct findings *out)
{
    struct hello h = {.out = out, .message = message, .whole = whole, .client = true};
    struct cursor c = cursor_over(message);
    print[0] = 0;
    hello_fixed(&h, &c);
    list_add_all(&h.ciphers, vector(&h, &c, (struct bounds){2, 2, 65534, 2, "of the list of cipher suites"}));
    vector(&h, &c, (struct bounds){1, 1, 255, 1, "of the list of compression methods"});
    extensions(&h, &c);
    if (h.version_at + 2 <= message.length)
        note_field(out, FIELD_TLS_VERSION, h.version_at, 2, h.version);
    if (!h.wrong && whole)
        ja4(&h, print);
}

void tls_server_hello(struct view message, bool whole, char print[TLS_PRINT_SIZE], struct findings *out)
{
    struct hello h = {.out = out, .message = message, .whole = whole};
    struct cursor c = cursor_over(message);
    print[0] = 0;
    hello_fixed(&h, &c);
    uint32_t cipher_at = place(&h, &c);
    uint16_t cipher = take_u16be(&c);
    take_skip(&c, 1);
    if (c.failed)
        defect(&h, (struct report){.relation = MUST_REACH, .offset = 1, .length = 3, .got = message.length - TLS_MESSAGE_HEADER,
                                   .expected = cipher_at + 3 - TLS_MESSAGE_HEADER, .note = "of a hello"});
    else if (!h.wrong)
        note_field(out, FIELD_TLS_CIPHER, cipher_at, 2, cipher);
    extensions(&h, &c);
    if (h.version_at + 2 > message.length)
        return;
    note_field(out, FIELD_TLS_VERSION, h.version_at, 2, h.version);
    if (h.wrong || !whole)
        return;
    ja4s(&h, cipher, print);
    if (h.version < TLS_1_2)
        report(out, (struct report){.anomaly = ANOMALY_TLS_OLD_VERSION, .field = FIELD_TLS_VERSION, .relation = MUST_REACH, .offset = h.version_at,
                                    .length = 2, .got = h.version, .expected = TLS_1_2, .note = "TLS 1.2"});
}
