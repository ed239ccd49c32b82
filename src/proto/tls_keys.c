/* Keys of TLS, and records opened with them: see tls_keys.h. */
#include "proto/tls_keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>

static const struct tls_suite suites[] = {
#define SUITE(number, cipher, key_bytes, tag_bytes, hash) {number, cipher, key_bytes, tag_bytes, hash},
#include "proto/tls_suites.def"
#undef SUITE
};

enum { GCM_FIXED_BYTES = 4, KEY_BYTES_MAX = 32, HEADER_BYTES = 5, VERSION_TLS13 = 0x0304 };

const struct tls_suite *tls_suite_of(uint16_t number)
{
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        if (suites[i].number == number)
            return &suites[i];
    return NULL;
}

uint8_t tls_hash_bytes(const struct tls_suite *suite)
{
    return suite->hash == HASH_SHA384 ? 48 : 32;
}

/* ---- algorithms: fetched once, shared by all threads, never given back */

static struct {
    EVP_CIPHER *ciphers[CIPHERS];
    EVP_KDF *hkdf, *prf;
    bool ready;
} algorithms;

static void fetch(void)
{
    static const char *const names[CIPHERS] = {"AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "AES-256-CCM", "ChaCha20-Poly1305"};
    bool ready = true;
    for (unsigned i = 0; i < CIPHERS; i++)
        ready &= (algorithms.ciphers[i] = EVP_CIPHER_fetch(NULL, names[i], NULL)) != NULL;
    algorithms.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    algorithms.prf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    algorithms.ready = ready && algorithms.hkdf && algorithms.prf;
}

bool tls_keys_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return pthread_once(&once, fetch) == 0 && algorithms.ready;
}

/* ---- derivation */

static OSSL_PARAM hash_parameter(enum tls_hash hash)
{
    static char sha256[] = "SHA256", sha384[] = "SHA384";
    return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash == HASH_SHA384 ? sha384 : sha256, 0);
}

static OSSL_PARAM octets(const char *name, const uint8_t *bytes, size_t length)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes, length);
}

static bool derive(EVP_KDF *kdf, const OSSL_PARAM *parameters, uint8_t *out, size_t length)
{
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    bool good = context && EVP_KDF_derive(context, out, length, parameters) == 1;
    EVP_KDF_CTX_free(context);
    return good;
}

bool tls_expand_label(enum tls_hash hash, const uint8_t *secret, const char *label, uint8_t *out, size_t length)
{
    static const char prefix[] = "tls13 ";
    enum { INFO_MAX = 2 + 1 + 255 + 1 };
    uint8_t info[INFO_MAX];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    size_t named = strlen(prefix) + strlen(label), used = 0;
    info[used++] = (uint8_t)(length >> 8);
    info[used++] = (uint8_t)length;
    info[used++] = (uint8_t)named;
    memcpy(info + used, prefix, strlen(prefix));
    memcpy(info + used + strlen(prefix), label, strlen(label));
    used += named;
    info[used++] = 0;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        hash_parameter(hash),
        octets(OSSL_KDF_PARAM_KEY, secret, hash == HASH_SHA384 ? 48 : 32),
        octets(OSSL_KDF_PARAM_INFO, info, used),
        OSSL_PARAM_construct_end(),
    };
    return derive(algorithms.hkdf, parameters, out, length);
}

bool tls_secret_update(const struct tls_suite *suite, uint8_t *secret)
{
    uint8_t next[TLS_SECRET_BYTES_MAX];
    bool good = tls_expand_label((enum tls_hash)suite->hash, secret, "traffic upd", next, tls_hash_bytes(suite));
    if (good)
        memcpy(secret, next, tls_hash_bytes(suite));
    OPENSSL_cleanse(next, sizeof next);
    return good;
}

static bool set_key(struct tls_keys *keys, const struct tls_suite *suite, const uint8_t *key)
{
    const EVP_CIPHER *cipher = algorithms.ciphers[suite->cipher];
    bool ccm = suite->cipher == CIPHER_AES_128_CCM || suite->cipher == CIPHER_AES_256_CCM;
    keys->suite = suite;
    if (!keys->context && !(keys->context = EVP_CIPHER_CTX_new()))
        return false;
    /* The nonce's and the tag's length come before the key (EVP_EncryptInit(3), CCM mode). */
    return EVP_DecryptInit_ex2(keys->context, cipher, NULL, NULL, NULL) == 1 &&
           EVP_CIPHER_CTX_ctrl(keys->context, EVP_CTRL_AEAD_SET_IVLEN, TLS_NONCE_BYTES, NULL) == 1 &&
           (!ccm || EVP_CIPHER_CTX_ctrl(keys->context, EVP_CTRL_AEAD_SET_TAG, suite->tag_bytes, NULL) == 1) &&
           EVP_DecryptInit_ex2(keys->context, NULL, key, NULL, NULL) == 1;
}

bool tls_keys_from_secret(struct tls_keys *keys, const struct tls_suite *suite, const uint8_t *secret)
{
    uint8_t key[KEY_BYTES_MAX];
    keys->old = false;
    bool good = tls_keys_ready() && tls_expand_label((enum tls_hash)suite->hash, secret, "key", key, suite->key_bytes) &&
                tls_expand_label((enum tls_hash)suite->hash, secret, "iv", keys->nonce, TLS_NONCE_BYTES) && set_key(keys, suite, key);
    OPENSSL_cleanse(key, sizeof key);
    if (!good)
        tls_keys_forget(keys);
    return good;
}

/* Key block (RFC 5246 6.3): keys of client and server, then what their nonces begin with. */
bool tls_keys_from_master(struct tls_keys *keys, const struct tls_suite *suite, const uint8_t *master, const uint8_t *client_random,
                          const uint8_t *server_random, bool of_server)
{
    enum { MASTER_BYTES = 48 };
    static const char label[] = "key expansion";
    uint8_t seed[sizeof label - 1 + 2 * TLS_HELLO_RANDOM_BYTES], block[2 * KEY_BYTES_MAX + 2 * TLS_NONCE_BYTES];
    size_t nonce = suite->cipher == CIPHER_CHACHA20_POLY1305 ? TLS_NONCE_BYTES : GCM_FIXED_BYTES, key = suite->key_bytes;
    memcpy(seed, label, sizeof label - 1);
    memcpy(seed + sizeof label - 1, server_random, TLS_HELLO_RANDOM_BYTES);
    memcpy(seed + sizeof label - 1 + TLS_HELLO_RANDOM_BYTES, client_random, TLS_HELLO_RANDOM_BYTES);
    const OSSL_PARAM parameters[] = {
        hash_parameter((enum tls_hash)suite->hash),
        octets(OSSL_KDF_PARAM_SECRET, master, MASTER_BYTES),
        octets(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end(),
    };
    keys->old = true;
    bool good = tls_keys_ready() && derive(algorithms.prf, parameters, block, 2 * (key + nonce)) &&
                set_key(keys, suite, block + (of_server ? key : 0));
    if (good)
        memcpy(keys->nonce, block + 2 * key + (of_server ? nonce : 0), nonce);
    OPENSSL_cleanse(block, sizeof block);
    if (!good)
        tls_keys_forget(keys);
    return good;
}

void tls_keys_forget(struct tls_keys *keys)
{
    EVP_CIPHER_CTX_free(keys->context);
    OPENSSL_cleanse(keys, sizeof *keys);
}

/* ---- records */

static void put_u64be(uint8_t *to, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (56 - 8 * i));
}

static void make_nonce(const struct tls_keys *keys, uint64_t sequence, const uint8_t *front, uint8_t nonce[TLS_NONCE_BYTES])
{
    uint8_t number[8];
    memcpy(nonce, keys->nonce, TLS_NONCE_BYTES);
    if (tls_keys_front(keys)) {
        memcpy(nonce + GCM_FIXED_BYTES, front, TLS_EXPLICIT_BYTES);
        return;
    }
    put_u64be(number, sequence);
    for (unsigned i = 0; i < sizeof number; i++)
        nonce[TLS_NONCE_BYTES - sizeof number + i] ^= number[i];
}

/* What the tag covers besides the ciphertext (RFC 8446 5.2: the header; RFC 5246 6.2.3.3: number, type, version and length of the plaintext). */
static size_t make_covered(const struct tls_keys *keys, const uint8_t *header, uint64_t sequence, size_t plain, uint8_t covered[13])
{
    if (!keys->old) {
        memcpy(covered, header, HEADER_BYTES);
        return HEADER_BYTES;
    }
    put_u64be(covered, sequence);
    memcpy(covered + 8, header, 3);
    covered[11] = (uint8_t)(plain >> 8);
    covered[12] = (uint8_t)plain;
    return 13;
}

bool tls_keys_open(struct tls_keys *keys, const uint8_t *header, uint64_t sequence, struct view fragment, uint8_t *out, size_t *length)
{
    uint8_t nonce[TLS_NONCE_BYTES], covered[13], tag[TLS_TAG_BYTES_MAX];
    const struct tls_suite *suite = keys->suite;
    size_t front = tls_keys_front(keys);
    if (!keys->context || fragment.length < front + suite->tag_bytes || fragment.length > UINT16_MAX)
        return false;
    struct view body = view_of(fragment.bytes + front, fragment.length - front - suite->tag_bytes);
    bool ccm = suite->cipher == CIPHER_AES_128_CCM || suite->cipher == CIPHER_AES_256_CCM;
    int used = 0, plain = (int)body.length;
    make_nonce(keys, sequence, fragment.bytes, nonce);
    size_t cover = make_covered(keys, header, sequence, body.length, covered);
    memcpy(tag, body.bytes + body.length, suite->tag_bytes);
    *length = body.length;
    if (EVP_DecryptInit_ex2(keys->context, NULL, NULL, nonce, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(keys->context, EVP_CTRL_AEAD_SET_TAG, suite->tag_bytes, tag) != 1 ||
        (ccm && EVP_DecryptUpdate(keys->context, NULL, &used, NULL, plain) != 1) ||
        EVP_DecryptUpdate(keys->context, NULL, &used, covered, (int)cover) != 1)
        return false;
    /* CCM verifies as it decrypts, the others at the end. */
    return (plain == 0 && !ccm ? true : EVP_DecryptUpdate(keys->context, out, &used, body.bytes, plain) == 1) &&
           (ccm || EVP_DecryptFinal_ex(keys->context, tag, &used) == 1);
}
