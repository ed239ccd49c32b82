/*
 * Community ID v1: "1:" and the base64 of the SHA-1 of seed, addresses, protocol and ports, the smaller end first.
 * Specification: https://github.com/corelight/community-id-spec
 */
#include "store/community_id.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SHA1_BYTES = 20 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const struct endpoint *e)
{
    return memcmp(e->address, mapped, sizeof mapped) == 0;
}

/* The table of the alphabet is indexed by six bits, so no index is out of range. */
static void base64_20(char out[29], const uint8_t bytes[SHA1_BYTES])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t padded[21] = {0};
    memcpy(padded, bytes, SHA1_BYTES);
    for (size_t i = 0; i < 7; i++) {
        unsigned three = (unsigned)padded[3 * i] << 16 | (unsigned)padded[3 * i + 1] << 8 | padded[3 * i + 2];
        for (unsigned j = 0; j < 4; j++)
            out[4 * i + j] = digits[three >> (18 - 6 * j) & 63];
    }
    out[27] = '=';
    out[28] = 0;
}

void community_id(char out[COMMUNITY_ID_SIZE], const struct endpoint *a, const struct endpoint *b, uint8_t protocol)
{
    uint8_t key[2 + 16 + 16 + 2 + 4] = {0};
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    char text[29];
    bool short_addresses = is_ipv4(a) && is_ipv4(b);
    size_t from = short_addresses ? 12 : 0, size = 16 - from, at = 2;
    int order = memcmp(a->address, b->address, 16);
    bool swapped = order > 0 || (order == 0 && a->port > b->port);
    const struct endpoint *low = swapped ? b : a, *high = swapped ? a : b;

    memcpy(key + at, low->address + from, size);
    memcpy(key + at + size, high->address + from, size);
    at += 2 * size;
    key[at++] = protocol;
    key[at++] = 0;
    key[at++] = (uint8_t)(low->port >> 8);
    key[at++] = (uint8_t)low->port;
    key[at++] = (uint8_t)(high->port >> 8);
    key[at++] = (uint8_t)high->port;
    EVP_Digest(key, at, digest, NULL, EVP_sha1(), NULL);
    base64_20(text, digest);
    snprintf(out, COMMUNITY_ID_SIZE, "1:%s", text);
}
