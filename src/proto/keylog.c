/*
 * The table of secrets and the lines that fill it: see proto/keylog.h. The format is the one of NSS ("NSS Key Log Format",
 * draft-ietf-tls-keylogfile): LABEL, the client's random and the secret in hex, one space between them, one session's secret a line.
 */
#include "proto/keylog.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/keylog_state.h"

enum { SHA256_BYTES = 32, SHA384_BYTES = 48, MASTER_BYTES = 48 };

static const struct label {
    const char *name;
    enum keylog_kind kind;
} labels[] = {
    {"CLIENT_RANDOM", KEYLOG_MASTER},
    {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", KEYLOG_CLIENT_HANDSHAKE},
    {"SERVER_HANDSHAKE_TRAFFIC_SECRET", KEYLOG_SERVER_HANDSHAKE},
    {"CLIENT_TRAFFIC_SECRET_0", KEYLOG_CLIENT_TRAFFIC},
    {"SERVER_TRAFFIC_SECRET_0", KEYLOG_SERVER_TRAFFIC},
};

/* Secrets of other uses, which are no strange lines. */
static const char *const other_labels[] = {"CLIENT_EARLY_TRAFFIC_SECRET", "EARLY_EXPORTER_SECRET", "EXPORTER_SECRET", "RSA", "ECH_SECRET",
                                           "ECH_CONFIG", /* after a KeyUpdate, which is followed */ "CLIENT_TRAFFIC_SECRET_N",
                                           "SERVER_TRAFFIC_SECRET_N"};

/* ---- the table */

static uint32_t bucket_of(const struct keylog *k, const uint8_t random[KEYLOG_RANDOM_BYTES])
{
    uint64_t part, sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        memcpy(&part, random + i * sizeof part, sizeof part);
        sum += (part ^ part >> 32) * k->key[i];
    }
    return (uint32_t)((sum ^ sum >> 29) * k->key[0] >> 40) % KEYLOG_BUCKETS;
}

static struct keylog_session *session_find(const struct keylog *k, const uint8_t random[KEYLOG_RANDOM_BYTES])
{
    for (uint32_t at = k->buckets[bucket_of(k, random)]; at; at = k->sessions[at - 1].next)
        if (memcmp(k->sessions[at - 1].random, random, KEYLOG_RANDOM_BYTES) == 0)
            return &k->sessions[at - 1];
    return NULL;
}

static void session_drop(struct keylog *k, struct keylog_session *s)
{
    uint32_t *link = &k->buckets[bucket_of(k, s->random)], place = (uint32_t)(s - k->sessions) + 1;
    while (*link != place)
        link = &k->sessions[*link - 1].next;
    *link = s->next;
    k->held--;
    OPENSSL_cleanse(s, sizeof *s);
}

static struct keylog_session *session_add(struct keylog *k, const uint8_t random[KEYLOG_RANDOM_BYTES])
{
    struct keylog_session *s = &k->sessions[k->next];
    uint32_t *bucket = &k->buckets[bucket_of(k, random)];
    k->next = (k->next + 1) % KEYLOG_SESSIONS;
    if (s->used)
        session_drop(k, s);
    memcpy(s->random, random, KEYLOG_RANDOM_BYTES);
    s->used = true;
    s->next = *bucket;
    *bucket = (uint32_t)(s - k->sessions) + 1;
    k->held++;
    return s;
}

static void secret_put(struct keylog *k, const uint8_t random[KEYLOG_RANDOM_BYTES], enum keylog_kind kind, struct view secret, uint64_t since)
{
    struct keylog_session *s = session_find(k, random);
    if (!s)
        s = session_add(k, random);
    struct keylog_secrets *all = &s->secrets;
    if (all->length[kind] == secret.length && memcmp(all->bytes[kind], secret.bytes, secret.length) == 0)
        return;
    memcpy(all->bytes[kind], secret.bytes, secret.length);
    all->length[kind] = (uint8_t)secret.length;
    s->since[kind] = since;
    if (since < atomic_load_explicit(&k->first, memory_order_relaxed))
        atomic_store_explicit(&k->first, since, memory_order_relaxed);
    atomic_fetch_add_explicit(&k->changes, 1, memory_order_release);
}

/* ---- lines */

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* The bytes of a word of hex digits that ends with a space or the line; 0: it is none, or longer than `most`. */
static size_t take_hex(struct view *line, uint8_t *to, size_t most)
{
    size_t used = 0, at = 0;
    for (; at + 1 < line->length && used < most; at += 2) {
        int high = digit_of((char)line->bytes[at]), low = digit_of((char)line->bytes[at + 1]);
        if (high < 0 || low < 0)
            break;
        to[used++] = (uint8_t)(high << 4 | low);
    }
    if (at < line->length && line->bytes[at] != ' ')
        return 0;
    *line = view_from(*line, at + 1);
    return used;
}

static struct view take_word(struct view *line)
{
    const uint8_t *space = line->length ? memchr(line->bytes, ' ', line->length) : NULL;
    struct view word = view_head(*line, space ? (size_t)(space - line->bytes) : line->length);
    *line = view_from(*line, word.length + 1);
    return word;
}

static bool is_other(struct view word)
{
    for (size_t i = 0; i < sizeof other_labels / sizeof other_labels[0]; i++)
        if (view_equal(word, view_text(other_labels[i])))
            return true;
    return false;
}

static bool is_length(enum keylog_kind kind, size_t length)
{
    return kind == KEYLOG_MASTER ? length == MASTER_BYTES : length == SHA256_BYTES || length == SHA384_BYTES;
}

/* False: the line is strange. */
static bool take_line(struct keylog *k, struct view line, uint64_t since)
{
    uint8_t random[KEYLOG_RANDOM_BYTES], secret[KEYLOG_SECRET_BYTES];
    while (line.length && (line.bytes[line.length - 1] == '\r' || line.bytes[line.length - 1] == ' '))
        line.length--;
    if (line.length == 0 || line.bytes[0] == '#')
        return true;
    struct view word = take_word(&line);
    const struct label *label = NULL;
    for (size_t i = 0; i < sizeof labels / sizeof labels[0] && !label; i++)
        label = view_equal(word, view_text(labels[i].name)) ? &labels[i] : NULL;
    if (!label)
        return is_other(word);
    if (take_hex(&line, random, sizeof random) != sizeof random)
        return false;
    size_t length = take_hex(&line, secret, sizeof secret);
    bool good = is_length(label->kind, length) && line.length == 0;
    if (good)
        secret_put(k, random, label->kind, view_of(secret, length), since);
    OPENSSL_cleanse(secret, sizeof secret);
    return good;
}

static void end_line(struct keylog *k, struct keylog_line *line, uint64_t since)
{
    if (line->too_long || !take_line(k, view_of(line->text, line->length), since))
        k->strange++;
    OPENSSL_cleanse(line->text, line->length);
    line->length = 0;
    line->too_long = false;
}

void keylog_take(struct keylog *k, struct keylog_line *line, struct view text, bool last, uint64_t since)
{
    while (text.length) {
        const uint8_t *end = memchr(text.bytes, '\n', text.length);
        size_t here = end ? (size_t)(end - text.bytes) : text.length;
        line->too_long |= here > sizeof line->text - line->length;
        if (!line->too_long) {
            memcpy(line->text + line->length, text.bytes, here);
            line->length += (uint32_t)here;
        }
        if (end)
            end_line(k, line, since);
        text = view_from(text, here + 1);
    }
    if (last && (line->length || line->too_long))
        end_line(k, line, since);
}

/* ---- for others */

struct keylog *keylog_open(struct error *why)
{
    struct keylog *k = calloc(1, sizeof *k);
    size_t bytes = KEYLOG_SESSIONS * sizeof *k->sessions + KEYLOG_BUCKETS * sizeof *k->buckets + 256;
    if (!k || !arena_open(&k->arena, bytes, why)) {
        if (!k)
            error_set(why, EXIT_INTERNAL, "out of memory");
        free(k);
        return NULL;
    }
    madvise(k->arena.memory, k->arena.size, MADV_DONTDUMP);
    pthread_mutex_init(&k->lock, NULL);
    atomic_store(&k->first, UINT64_MAX);
    k->file.descriptor = -1;
    k->sessions = arena_take(&k->arena, KEYLOG_SESSIONS * sizeof *k->sessions);
    k->buckets = arena_take(&k->arena, KEYLOG_BUCKETS * sizeof *k->buckets);
    if (k->sessions && k->buckets && getrandom(k->key, sizeof k->key, 0) == (ssize_t)sizeof k->key) {
        for (unsigned i = 0; i < 4; i++)
            k->key[i] |= 1;
        return k;
    }
    keylog_close(k);
    error_set(why, EXIT_INTERNAL, "no memory for the secrets of a key log");
    return NULL;
}

void keylog_close(struct keylog *k)
{
    if (!k)
        return;
    if (k->file.descriptor >= 0)
        close(k->file.descriptor);
    for (size_t i = 0; k->sessions && i < KEYLOG_SESSIONS && k->sessions[i].used; i++)
        OPENSSL_cleanse(&k->sessions[i], sizeof k->sessions[i]);
    pthread_mutex_destroy(&k->lock);
    arena_close(&k->arena);
    OPENSSL_cleanse(k, sizeof *k);
    free(k);
}

void keylog_add(struct keylog *k, struct view text, uint64_t packets)
{
    struct keylog_line line = {.length = 0};
    pthread_mutex_lock(&k->lock);
    keylog_take(k, &line, text, true, packets ? packets + 1 : 0);
    pthread_mutex_unlock(&k->lock);
}

bool keylog_is_used(const struct keylog *k, uint64_t packet)
{
    return k->file.growing || atomic_load_explicit(&k->first, memory_order_relaxed) <= packet;
}

bool keylog_find(struct keylog *k, const uint8_t random[KEYLOG_RANDOM_BYTES], uint64_t packet, uint64_t *seen, struct keylog_secrets *out)
{
    bool found = false, later = false;
    keylog_look(k);
    uint64_t changes = atomic_load_explicit(&k->changes, memory_order_acquire) + 1;
    if (*seen == changes)
        return false;
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&k->lock);
    const struct keylog_session *s = session_find(k, random);
    for (unsigned i = 0; s && i < KEYLOG_KINDS; i++) {
        if (!s->secrets.length[i])
            continue;
        later |= s->since[i] > packet;
        if (s->since[i] > packet)
            continue;
        out->length[i] = s->secrets.length[i];
        memcpy(out->bytes[i], s->secrets.bytes[i], sizeof out->bytes[i]);
        found = true;
    }
    pthread_mutex_unlock(&k->lock);
    if (!later)
        *seen = changes;
    return found;
}

size_t keylog_sessions(const struct keylog *k)
{
    return k->held;
}

uint64_t keylog_strange_lines(const struct keylog *k)
{
    return k->strange;
}
