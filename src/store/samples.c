/* Samples: whole pcapng files in rows of their own, with the SHA-256 that proves them unchanged. */
#include <openssl/evp.h>
#include <stdio.h>

#include "store/connection.h"

bool store_digest(struct view bytes, char hex[STORE_DIGEST_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    hex[0] = 0;
    if (!EVP_Digest(bytes.bytes, bytes.length, digest, &length, EVP_sha256(), NULL) || 2 * length + 1 > STORE_DIGEST_SIZE)
        return false;
    for (unsigned i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return true;
}

bool store_add_sample(struct store *s, uint64_t key, struct view pcapng, uint32_t packets, bool redacted,
                      struct error *why)
{
    char digest[STORE_DIGEST_SIZE];
    if (!store_digest(pcapng, digest))
        return error_set(why, EXIT_INTERNAL, "cannot compute the digest of a sample");
    sqlite3_stmt *add = store_ready(s, DO_ADD_SAMPLE, why);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, s->run_id);
    sqlite3_bind_int64(add, 2, (int64_t)key);
    sqlite3_bind_int64(add, 3, packets);
    sqlite3_bind_int64(add, 4, (int64_t)pcapng.length);
    sqlite3_bind_text(add, 5, digest, -1, SQLITE_STATIC);
    sqlite3_bind_int(add, 6, redacted);
    sqlite3_bind_blob64(add, 7, pcapng.length ? pcapng.bytes : (const uint8_t *)"", pcapng.length, SQLITE_STATIC);
    bool added = store_run(s, add, why);
    sqlite3_clear_bindings(add);
    if (!added)
        return false;
    s->group.samples++;
    if (store_row_done(s, why))
        return true;
    if (s->lost.samples)
        s->lost.samples--;
    return false;
}
