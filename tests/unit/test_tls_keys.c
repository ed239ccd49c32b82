/* Keys of TLS: the example session of RFC 8448, records of every suite, and what must not open. */
#include "check.h"
#include "tls_peer.h"

/* RFC 8448 section 3: secrets, and the keys that follow from them. */
static const struct {
    const char *name, *secret, *key, *nonce;
} rfc8448[] = {
    {"server handshake", "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", "3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30"},
    {"client handshake", "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21", "dbfaa693d1762c5b666af5d950258d01", "5bd3c71b836e0b76bb73265f"},
    {"server traffic", "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984"},
    {"client traffic", "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9"},
};

static void keys_of_rfc_8448(void **state)
{
    (void)state;
    uint8_t key[16];
    for (size_t i = 0; i < sizeof rfc8448 / sizeof rfc8448[0]; i++) {
        struct view secret = hex(rfc8448[i].secret), expected = hex(rfc8448[i].key), nonce = hex(rfc8448[i].nonce);
        struct tls_keys keys = {0};
        assert_true(tls_keys_from_secret(&keys, tls_suite_of(0x1301), secret.bytes));
        assert_true(tls_expand_label(HASH_SHA256, secret.bytes, "key", key, sizeof key));
        assert_memory_equal(key, expected.bytes, sizeof key);
        assert_memory_equal(keys.nonce, nonce.bytes, TLS_NONCE_BYTES);
        tls_keys_forget(&keys);
        hex_free(secret);
        hex_free(expected);
        hex_free(nonce);
    }
}

/* Its first record of data: the numbers 0 to 49. */
static void record_of_rfc_8448(void **state)
{
    (void)state;
    struct view record = hex("17 0303 0043 a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb"
                             "21694915e4"),
                secret = hex(rfc8448[3].secret);
    struct tls_keys keys = {0};
    uint8_t out[128];
    size_t length = 0;
    assert_true(tls_keys_from_secret(&keys, tls_suite_of(0x1301), secret.bytes));
    assert_true(tls_keys_open(&keys, record.bytes, 0, view_from(record, 5), out, &length));
    assert_int_equal(length, 51);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(out[i], i);
    assert_int_equal(out[50], CONTENT_APPLICATION_DATA);
    assert_false(tls_keys_open(&keys, record.bytes, 1, view_from(record, 5), out, &length));
    assert_true(tls_keys_open(&keys, record.bytes, 0, view_from(record, 5), out, &length));
    tls_keys_forget(&keys);
    hex_free(record);
    hex_free(secret);
}

static const uint16_t numbers[] = {
#define SUITE(number, cipher, key_bytes, tag_bytes, hash) number,
#include "proto/tls_suites.def"
#undef SUITE
};

static void keys_of(struct tls_keys *keys, const struct peer *p, enum side from)
{
    if (p->old)
        assert_true(tls_keys_from_master(keys, p->suite, p->master, p->client_random, p->server_random, from == FROM_SERVER));
    else
        assert_true(tls_keys_from_secret(keys, p->suite, p->traffic[from]));
}

/* Sealed by the test's own peers, of every length around a block, from both sides; with every wrong number and every changed byte
 * it stays shut. Each in a block of exactly its size. */
static void records_of_every_suite(void **state)
{
    (void)state;
    static uint8_t plain[TLS_PLAINTEXT_MAX];
    static const size_t lengths[] = {0, 1, 15, 16, 17, 100, TLS_PLAINTEXT_MAX};
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 31);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct peer *p = peer_open(numbers[i]);
        for (unsigned from = 0; from < 2; from++) {
            struct tls_keys keys = {0};
            if (!p->old)
                peer_key(p, (enum side)from, p->traffic[from]);
            keys_of(&keys, p, (enum side)from);
            for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
                uint64_t sequence = p->sides[from].sequence;
                struct view record = peer_seal(p, (enum side)from, 23, plain, lengths[k], 0);
                uint8_t *exact = malloc(record.length), *out = malloc(record.length);
                memcpy(exact, record.bytes, record.length);
                struct view fragment = view_of(exact + 5, record.length - 5);
                size_t length = 0, more = p->old ? 0 : 1;
                if (!tls_keys_open(&keys, exact, sequence, fragment, out, &length))
                    fail_msg("%04x: %zu bytes do not open", numbers[i], lengths[k]);
                assert_int_equal(length, lengths[k] + more);
                assert_memory_equal(out, plain, lengths[k]);
                assert_false(tls_keys_open(&keys, exact, sequence + 1, fragment, out, &length));
                for (size_t at = 0; at < record.length; at += at < 40 || at + 40 > record.length ? 1 : 997) {
                    exact[at] ^= 1;
                    bool may = p->old && (at == 3 || at == 4); /* the length that counts is the plaintext's */
                    if (!may && tls_keys_open(&keys, exact, sequence, fragment, out, &length))
                        fail_msg("%04x: opens with byte %zu changed", numbers[i], at);
                    exact[at] ^= 1;
                }
                free(exact);
                free(out);
            }
            tls_keys_forget(&keys);
        }
        free(p);
    }
}

static void fragments_too_short(void **state)
{
    (void)state;
    uint8_t out[64];
    static const uint8_t header[5] = {23, 3, 3, 0, 0};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct peer *p = peer_open(numbers[i]);
        struct tls_keys keys = {0}, none = {0};
        keys_of(&keys, p, FROM_CLIENT);
        for (size_t length = 0; length < 40; length++) {
            uint8_t *exact = calloc(1, length ? length : 1);
            size_t got = 0;
            assert_false(tls_keys_open(&keys, header, 0, view_of(exact, length), out, &got));
            none.suite = keys.suite;
            assert_false(tls_keys_open(&none, header, 0, view_of(exact, length), out, &got));
            free(exact);
        }
        tls_keys_forget(&keys);
        free(p);
    }
    assert_null(tls_suite_of(0xc014));
    assert_null(tls_suite_of(0));
}

/* GCM in TLS 1.2: the nonce is what the record says, the number is only covered (RFC 5288 3). */
static void explicit_nonce(void **state)
{
    (void)state;
    struct peer *p = peer_open(0xc02f);
    struct tls_keys keys = {0};
    uint8_t out[64];
    size_t length = 0;
    keys_of(&keys, p, FROM_SERVER);
    p->sides[FROM_SERVER].sequence = UINT64_C(0x0123456789abcdef);
    struct view record = peer_seal(p, FROM_SERVER, 23, "hello", 5, 0);
    assert_int_equal(tls_keys_front(&keys), TLS_EXPLICIT_BYTES);
    assert_int_equal(record.length, 5 + 8 + 5 + 16);
    assert_true(tls_keys_open(&keys, record.bytes, UINT64_C(0x0123456789abcdef), view_from(record, 5), out, &length));
    assert_memory_equal(out, "hello", 5);
    assert_false(tls_keys_open(&keys, record.bytes, 0, view_from(record, 5), out, &length));
    tls_keys_forget(&keys);
    free(p);
}

static void updated_secret(void **state)
{
    (void)state;
    struct peer *p = peer_open(0x1302);
    uint8_t mine[48], theirs[48];
    memcpy(mine, p->traffic[0], sizeof mine);
    peer_expand(p, p->traffic[0], "traffic upd", theirs, 48);
    assert_true(tls_secret_update(p->suite, mine));
    assert_memory_equal(mine, theirs, 48);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_rfc_8448),  cmocka_unit_test(record_of_rfc_8448), cmocka_unit_test(records_of_every_suite),
        cmocka_unit_test(fragments_too_short), cmocka_unit_test(explicit_nonce),   cmocka_unit_test(updated_secret),
    };
    return tls_keys_ready() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
