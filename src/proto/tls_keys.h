/*
 * Keys of TLS and the opening of one record, by libcrypto: TLS 1.3 (RFC 8446 5.2, 5.3, 7.1, 7.3) and the AEAD suites of TLS 1.2
 * (RFC 5246 5, 6.2.3.3, 6.3; RFC 5288 3, RFC 6655 3, RFC 7905 2). Knows nothing of connections. Private.
 *
 * Contexts are made when keys are set; opening a record allocates nothing.
 */
#ifndef DBHOUND_SRC_PROTO_TLS_KEYS_H
#define DBHOUND_SRC_PROTO_TLS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

enum {
    TLS_NONCE_BYTES = 12,
    TLS_EXPLICIT_BYTES = 8, /* of the nonce, in front of a record of AES in TLS 1.2 */
    TLS_TAG_BYTES_MAX = 16,
    TLS_SECRET_BYTES_MAX = 48,
    TLS_HELLO_RANDOM_BYTES = 32,
};

enum tls_cipher { CIPHER_AES_128_GCM, CIPHER_AES_256_GCM, CIPHER_AES_128_CCM, CIPHER_AES_256_CCM, CIPHER_CHACHA20_POLY1305, CIPHERS };
enum tls_hash { HASH_SHA256, HASH_SHA384 };

struct tls_suite {
    uint16_t number;
    uint8_t cipher, key_bytes, tag_bytes, hash;
};

/* NULL: not decrypted. */
const struct tls_suite *tls_suite_of(uint16_t number);
uint8_t tls_hash_bytes(const struct tls_suite *suite);

/* What opens the records of one direction. */
struct tls_keys {
    struct evp_cipher_ctx_st *context; /* NULL: there is no key */
    const struct tls_suite *suite;
    bool old; /* TLS 1.2 */
    uint8_t nonce[TLS_NONCE_BYTES]; /* the constant part, or what the sequence number is added to */
};

/* The algorithms that keys need. Once, before the first key and before calls to the system are confined. */
bool tls_keys_ready(void);
/* Makes the keys out of a traffic secret (TLS 1.3), whose length is the hash's. Old keys are forgotten. */
bool tls_keys_from_secret(struct tls_keys *keys, const struct tls_suite *suite, const uint8_t *secret);
/* The secret after a KeyUpdate. */
bool tls_secret_update(const struct tls_suite *suite, uint8_t *secret);
/* Makes the keys of one side (TLS 1.2) out of a master secret of 48 bytes. */
bool tls_keys_from_master(struct tls_keys *keys, const struct tls_suite *suite, const uint8_t *master, const uint8_t *client_random,
                          const uint8_t *server_random, bool of_server);
/* Bytes in front of the ciphertext. The rest of what a record has more than its plaintext is the tag. */
static inline size_t tls_keys_front(const struct tls_keys *keys)
{
    return keys->old && keys->suite->cipher != CIPHER_CHACHA20_POLY1305 ? TLS_EXPLICIT_BYTES : 0;
}
/* Opens the fragment of a record with this header (5 bytes) and sequence number into `out`, which holds at least as many bytes. False: it is
 * not what was written with this key and number, and nothing in `out` means anything. */
bool tls_keys_open(struct tls_keys *keys, const uint8_t *header, uint64_t sequence, struct view fragment, uint8_t *out, size_t *length);
void tls_keys_forget(struct tls_keys *keys);

/* HKDF-Expand-Label (RFC 8446 7.1) without a context. */
bool tls_expand_label(enum tls_hash hash, const uint8_t *secret, const char *label, uint8_t *out, size_t length);

#endif
