/* SipHash-1-3 (Aumasson, Bernstein) over whole 64-bit words: without the key nobody can choose connections that collide. */
#ifndef DBHOUND_NET_HASH_H
#define DBHOUND_NET_HASH_H

#include <stdint.h>

struct hash {
    uint64_t a, b, c, d;
};

static inline uint64_t hash_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void hash_round(struct hash *h)
{
    h->a += h->b;
    h->c += h->d;
    h->b = hash_rotate(h->b, 13) ^ h->a;
    h->d = hash_rotate(h->d, 16) ^ h->c;
    h->a = hash_rotate(h->a, 32);
    h->c += h->b;
    h->a += h->d;
    h->b = hash_rotate(h->b, 17) ^ h->c;
    h->d = hash_rotate(h->d, 21) ^ h->a;
    h->c = hash_rotate(h->c, 32);
}

static inline struct hash hash_start(const uint64_t key[2])
{
    return (struct hash){key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                         key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
}

static inline void hash_add(struct hash *h, uint64_t word)
{
    h->d ^= word;
    hash_round(h);
    h->a ^= word;
}

/* `bytes`: how many were added, as the algorithm's last word wants it. */
static inline uint64_t hash_end(struct hash *h, unsigned bytes)
{
    hash_add(h, (uint64_t)bytes << 56);
    h->c ^= 0xff;
    hash_round(h);
    hash_round(h);
    hash_round(h);
    return h->a ^ h->b ^ h->c ^ h->d;
}

#endif
