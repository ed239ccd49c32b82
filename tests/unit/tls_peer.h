/*
 * Both peers of a TLS session in bytes: hellos, and records sealed with keys that this file derives by itself. TLS 1.2 and 1.3, any
 * suite that is decrypted. What they say goes into a drive; the lines of the key log are theirs, too.
 */
#ifndef DBHOUND_TESTS_TLS_PEER_H
#define DBHOUND_TESTS_TLS_PEER_H

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "proto/tls.h"
#include "proto/tls_keys.h"

struct peer_side {
    uint8_t secret[48], key[32], nonce[12];
    uint64_t sequence;
};

struct peer {
    const struct tls_suite *suite;
    bool old;
    uint8_t client_random[32], server_random[32], master[48], handshake[2][48], traffic[2][48];
    struct peer_side sides[2];
    size_t used;
    uint8_t bytes[65536]; /* of the record made last */
};

static inline size_t peer_hash(const struct peer *p)
{
    return p->suite->hash == HASH_SHA384 ? 48 : 32;
}

static inline void peer_derive(const char *kdf_name, const OSSL_PARAM *parameters, uint8_t *out, size_t length)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    assert_int_equal(EVP_KDF_derive(context, out, length, parameters), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static inline void peer_expand(const struct peer *p, const uint8_t *secret, const char *label, uint8_t *out, size_t length)
{
    uint8_t info[64] = {(uint8_t)(length >> 8), (uint8_t)length, (uint8_t)(6 + strlen(label))};
    char digest[8];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, strlen(label));
    snprintf(digest, sizeof digest, "%s", p->suite->hash == HASH_SHA384 ? "SHA384" : "SHA256");
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode), OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, peer_hash(p)),
                               OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, 10 + strlen(label)), OSSL_PARAM_construct_end()};
    peer_derive("HKDF", parameters, out, length);
}

static inline void peer_key(struct peer *p, enum side from, const uint8_t *secret)
{
    struct peer_side *s = &p->sides[from];
    memcpy(s->secret, secret, peer_hash(p));
    peer_expand(p, secret, "key", s->key, p->suite->key_bytes);
    peer_expand(p, secret, "iv", s->nonce, 12);
    s->sequence = 0;
}

static inline void peer_old_keys(struct peer *p)
{
    uint8_t seed[13 + 64], block[128];
    char digest[8];
    size_t k = p->suite->key_bytes, n = p->suite->cipher == CIPHER_CHACHA20_POLY1305 ? 12 : 4;
    memcpy(seed, "key expansion", 13);
    memcpy(seed + 13, p->server_random, 32);
    memcpy(seed + 45, p->client_random, 32);
    snprintf(digest, sizeof digest, "%s", p->suite->hash == HASH_SHA384 ? "SHA384" : "SHA256");
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, p->master, 48),
                               OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed), OSSL_PARAM_construct_end()};
    peer_derive("TLS1-PRF", parameters, block, 2 * (k + n));
    for (unsigned side = 0; side < 2; side++) {
        memcpy(p->sides[side].key, block + side * k, k);
        memcpy(p->sides[side].nonce, block + 2 * k + side * n, n);
        p->sides[side].sequence = 0;
    }
}

static inline struct peer *peer_open(uint16_t suite)
{
    struct peer *p = calloc(1, sizeof *p);
    p->suite = tls_suite_of(suite);
    assert_non_null(p->suite);
    p->old = suite >> 8 != 0x13;
    for (unsigned i = 0; i < 48; i++) {
        p->master[i] = (uint8_t)(i * 7 + suite);
        for (unsigned side = 0; side < 2; side++) {
            p->handshake[side][i] = (uint8_t)(i * 5 + side + suite);
            p->traffic[side][i] = (uint8_t)(i * 3 + side * 100 + suite);
        }
        if (i < 32) {
            p->client_random[i] = (uint8_t)(i + suite);
            p->server_random[i] = (uint8_t)(i * 11 + suite);
        }
    }
    if (p->old)
        peer_old_keys(p);
    return p;
}

static inline void peer_line(struct text *t, const char *label, const uint8_t *random, const uint8_t *secret, size_t length)
{
    text_add(t, "%s ", label);
    for (unsigned i = 0; i < 32; i++)
        text_add(t, "%02x", random[i]);
    text_add(t, " ");
    for (size_t i = 0; i < length; i++)
        text_add(t, "%02x", secret[i]);
    text_add(t, "\n");
}

/* Its lines of a key log; without those of the handshake, if somebody did not write them. */
static inline void peer_log(const struct peer *p, struct text *t, bool handshake)
{
    if (p->old) {
        peer_line(t, "CLIENT_RANDOM", p->client_random, p->master, 48);
        return;
    }
    if (handshake) {
        peer_line(t, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", p->client_random, p->handshake[0], peer_hash(p));
        peer_line(t, "SERVER_HANDSHAKE_TRAFFIC_SECRET", p->client_random, p->handshake[1], peer_hash(p));
    }
    peer_line(t, "CLIENT_TRAFFIC_SECRET_0", p->client_random, p->traffic[0], peer_hash(p));
    peer_line(t, "SERVER_TRAFFIC_SECRET_0", p->client_random, p->traffic[1], peer_hash(p));
}

static inline struct view peer_record(struct peer *p, uint8_t type, const uint8_t *body, size_t length)
{
    p->bytes[0] = type;
    p->bytes[1] = p->bytes[2] = 3;
    p->bytes[3] = (uint8_t)(length >> 8);
    p->bytes[4] = (uint8_t)length;
    memmove(p->bytes + 5, body, length);
    return view_of(p->bytes, p->used = 5 + length);
}

static inline struct view peer_client_hello(struct peer *p)
{
    uint8_t body[64] = {1, 0, 0, 2 + 32 + 1 + 4 + 2, 3, 3};
    memcpy(body + 6, p->client_random, 32);
    body[39] = 0;
    body[40] = 2;
    body[41] = (uint8_t)(p->suite->number >> 8);
    body[42] = (uint8_t)p->suite->number;
    body[43] = 1;
    return peer_record(p, CONTENT_HANDSHAKE, body, 45);
}

static inline struct view peer_server_hello(struct peer *p)
{
    uint8_t body[64] = {2, 0, 0, 2 + 32 + 1 + 2 + 1, 3, 3};
    static const uint8_t version[] = {0, 6, 0, 43, 0, 2, 3, 4};
    memcpy(body + 6, p->server_random, 32);
    body[39] = (uint8_t)(p->suite->number >> 8);
    body[40] = (uint8_t)p->suite->number;
    if (p->old)
        return peer_record(p, CONTENT_HANDSHAKE, body, 42);
    memcpy(body + 42, version, sizeof version);
    body[3] = (uint8_t)(body[3] + sizeof version);
    return peer_record(p, CONTENT_HANDSHAKE, body, 42 + sizeof version);
}

/* A record of `from` that holds this, sealed with its key of now; `padding`: zeros behind it (TLS 1.3). */
static inline struct view peer_seal(struct peer *p, enum side from, uint8_t type, const void *plain, size_t length, size_t padding)
{
    static const char *const names[CIPHERS] = {"AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "AES-256-CCM", "ChaCha20-Poly1305"};
    struct peer_side *s = &p->sides[from];
    static uint8_t in[20000];
    uint8_t nonce[12], covered[13], number[8];
    bool chacha = p->suite->cipher == CIPHER_CHACHA20_POLY1305, ccm = p->suite->cipher == CIPHER_AES_128_CCM || p->suite->cipher == CIPHER_AES_256_CCM;
    size_t front = p->old && !chacha ? 8 : 0, tag = p->suite->tag_bytes, inside = length, cover = 5;
    memcpy(in, plain, length);
    if (!p->old) {
        in[inside++] = type;
        memset(in + inside, 0, padding);
        inside += padding;
        type = CONTENT_APPLICATION_DATA;
    }
    for (unsigned i = 0; i < 8; i++)
        number[i] = (uint8_t)(s->sequence >> (56 - 8 * i));
    memcpy(nonce, s->nonce, 12);
    struct view record = peer_record(p, type, in, front + inside + tag);
    uint8_t *body = p->bytes + 5;
    if (front) { /* any number that was not used before, as OpenSSL does */
        memcpy(body, number, 8);
        body[0] ^= 0x5a;
        memcpy(nonce + 4, body, 8);
    } else {
        for (unsigned i = 0; i < 8; i++)
            nonce[4 + i] ^= number[i];
    }
    memcpy(covered, p->bytes, 5);
    if (p->old) {
        memcpy(covered, number, 8);
        memcpy(covered + 8, p->bytes, 3);
        covered[11] = (uint8_t)(inside >> 8);
        covered[12] = (uint8_t)inside;
        cover = 13;
    }
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[p->suite->cipher], NULL);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int used;
    assert_int_equal(EVP_EncryptInit_ex2(c, cipher, NULL, NULL, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL), 1);
    if (ccm)
        assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, (int)tag, NULL), 1);
    assert_int_equal(EVP_EncryptInit_ex2(c, NULL, s->key, nonce, NULL), 1);
    if (ccm)
        assert_int_equal(EVP_EncryptUpdate(c, NULL, &used, NULL, (int)inside), 1);
    assert_int_equal(EVP_EncryptUpdate(c, NULL, &used, covered, (int)cover), 1);
    assert_int_equal(EVP_EncryptUpdate(c, body + front, &used, in, (int)inside), 1);
    assert_int_equal(EVP_EncryptFinal_ex(c, body + front + inside, &used), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, (int)tag, body + front + inside), 1);
    EVP_CIPHER_CTX_free(c);
    EVP_CIPHER_free(cipher);
    s->sequence++;
    return record;
}

#endif
