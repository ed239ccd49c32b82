/* What servers are used to: see habits.h. */
#include "detect/habits.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    SERVERS_MOST = 256,
    SERVER_SLOTS = 512,
    SKETCHES_MOST = 4096,
    BUCKETS = 128,
    CLIENT_SLOTS = 1024,
    SHAPE_SLOTS = 4096,
    TEXT_LOOKED_AT = 512,
    PER_MILLE = 1, /* of the messages may be longer than the quantile */
    BYTES_VERSION = 2, /* 1: without rates */
    RATE_FLOOR = 20,   /* fewer in a second are never unusual */
};

/* Lengths of one kind of message of a server. */
struct sketch {
    uint64_t total, longest;
    uint32_t buckets[BUCKETS];
    uint16_t kind, next; /* next: of the same server, + 1 */
    uint8_t side;
};

/* Hashes, 0 a free slot; full when three quarters are taken: then nothing is new any more. */
struct seen {
    uint32_t used;
    bool full;
};

/* What is counted by the second. */
static const uint16_t rate_fields[] = {FIELD_SERVER_REQUESTS, FIELD_SERVER_ERRORS, FIELD_SERVER_LOGINS_FAILED, FIELD_SERVER_OPENED};
enum { RATES = sizeof rate_fields / sizeof rate_fields[0] };

struct server_habits {
    struct sketch rates[RATES]; /* lengths: how many in a second */
    struct endpoint endpoint;
    uint8_t protocol;
    uint16_t sketches; /* the first, + 1 */
    uint64_t messages;
    struct seen clients, shapes;
    uint32_t client_hashes[CLIENT_SLOTS], shape_hashes[SHAPE_SLOTS];
};

struct habits {
    size_t servers_used, sketches_used;
    uint64_t refused;
    uint16_t slots[SERVER_SLOTS]; /* server + 1 */
    struct server_habits servers[SERVERS_MOST];
    struct sketch sketches[SKETCHES_MOST];
    char note[96];
};

struct habits *habits_open(void)
{
    return calloc(1, sizeof(struct habits));
}

void habits_close(struct habits *h)
{
    free(h);
}

uint64_t habits_refused(const struct habits *h)
{
    return h->refused;
}

/* ---- finding */

static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT32_C(0x01000193);
    return hash;
}

enum { HASH_SEED = 0x811c9dc5u & 0x7fffffff };

static uint32_t never_zero(uint32_t hash)
{
    hash ^= hash >> 15;
    return hash ? hash : 1;
}

static uint32_t hash_server(const struct endpoint *e, uint8_t protocol)
{
    uint32_t hash = hash_bytes(HASH_SEED, e->address, sizeof e->address);
    hash = hash_bytes(hash, &e->port, sizeof e->port);
    return never_zero(hash_bytes(hash, &protocol, 1));
}

static bool is_server(const struct server_habits *s, const struct endpoint *e, uint8_t protocol)
{
    return s->protocol == protocol && s->endpoint.port == e->port && memcmp(s->endpoint.address, e->address, sizeof e->address) == 0;
}

static struct server_habits *find_server(const struct habits *h, const struct endpoint *e, uint8_t protocol)
{
    for (uint32_t at = hash_server(e, protocol) % SERVER_SLOTS; h->slots[at]; at = (at + 1) % SERVER_SLOTS) {
        const struct server_habits *s = &h->servers[h->slots[at] - 1];
        if (is_server(s, e, protocol))
            return (struct server_habits *)(uintptr_t)s;
    }
    return NULL;
}

static struct server_habits *get_server(struct habits *h, const struct endpoint *e, uint8_t protocol)
{
    struct server_habits *s = find_server(h, e, protocol);
    if (s)
        return s;
    if (h->servers_used == SERVERS_MOST) {
        h->refused++;
        return NULL;
    }
    s = &h->servers[h->servers_used++];
    memset(s, 0, sizeof *s);
    s->endpoint = *e;
    s->protocol = protocol;
    uint32_t at = hash_server(e, protocol) % SERVER_SLOTS;
    while (h->slots[at])
        at = (at + 1) % SERVER_SLOTS;
    h->slots[at] = (uint16_t)h->servers_used;
    return s;
}

static struct sketch *find_sketch(const struct habits *h, const struct server_habits *s, uint16_t kind, uint8_t side)
{
    for (uint16_t at = s->sketches; at; at = h->sketches[at - 1].next)
        if (h->sketches[at - 1].kind == kind && h->sketches[at - 1].side == side)
            return (struct sketch *)(uintptr_t)&h->sketches[at - 1];
    return NULL;
}

static struct sketch *get_sketch(struct habits *h, struct server_habits *s, uint16_t kind, uint8_t side)
{
    struct sketch *k = find_sketch(h, s, kind, side);
    if (k)
        return k;
    if (h->sketches_used == SKETCHES_MOST) {
        h->refused++;
        return NULL;
    }
    k = &h->sketches[h->sketches_used++];
    *k = (struct sketch){.kind = kind, .side = side, .next = s->sketches};
    s->sketches = (uint16_t)h->sketches_used;
    return k;
}

static bool has_hash(const uint32_t *hashes, uint32_t slots, uint32_t hash)
{
    for (uint32_t at = hash % slots; hashes[at]; at = (at + 1) % slots)
        if (hashes[at] == hash)
            return true;
    return false;
}

static void add_hash(struct seen *seen, uint32_t *hashes, uint32_t slots, uint32_t hash)
{
    uint32_t at = hash % slots;
    for (; hashes[at]; at = (at + 1) % slots)
        if (hashes[at] == hash)
            return;
    if (seen->used >= slots / 4 * 3) {
        seen->full = true;
        return;
    }
    hashes[at] = hash;
    seen->used++;
}

/* ---- lengths */

/* Four buckets in each power of two. */
static unsigned bucket_of(uint64_t length)
{
    if (length < 4)
        return (unsigned)length;
    const unsigned top = 63 - (unsigned)__builtin_clzll(length);
    const unsigned at = 4 + (top - 2) * 4 + (unsigned)(length >> (top - 2) & 3);
    return at < BUCKETS ? at : BUCKETS - 1;
}

static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < 4)
        return bucket;
    const unsigned top = 2 + (bucket - 4) / 4, part = (bucket - 4) % 4;
    return ((UINT64_C(5) + part) << (top - 2)) - 1;
}

/* The length that all but so many of a thousand do not exceed. */
static uint64_t quantile(const struct sketch *k)
{
    uint64_t above = 0;
    const uint64_t may = k->total * PER_MILLE / 1000;
    for (unsigned i = BUCKETS; i-- > 0;) {
        above += k->buckets[i];
        if (above > may)
            return bucket_end(i);
    }
    return 0;
}

/* ---- shapes */

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

/* The text that says what a request is: what its protocol calls query or command. */
static bool is_shape_field(enum field field)
{
    return field_kind(field) == KIND_BYTES && (ends_with(field_name(field), ".query") || ends_with(field_name(field), ".command"));
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Numbers and quoted texts are all the same; spaces and case do not count. */
static uint32_t hash_text(uint32_t hash, struct view text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.bytes[i];
        if (c == '\'' || c == '"') {
            for (i++; i < text.length && text.bytes[i] != c; i++)
                i += text.bytes[i] == '\\';
            c = '?';
        } else if (is_digit(c) && (i == 0 || !is_letter(text.bytes[i - 1]))) {
            while (i + 1 < text.length && (is_digit(text.bytes[i + 1]) || text.bytes[i + 1] == '.'))
                i++;
            c = '?';
        } else if (c <= ' ') {
            continue;
        } else if (is_letter(c)) {
            c |= 0x20;
        }
        hash = (hash ^ c) * UINT32_C(0x01000193);
    }
    return hash;
}

static uint32_t shape_of(const struct message *m, uint32_t *offset, uint32_t *length, uint16_t *field)
{
    const struct findings *f = m->findings;
    uint32_t hash = hash_bytes(HASH_SEED, &f->message, sizeof f->message);
    *offset = *length = 0;
    *field = FIELD_NONE;
    for (unsigned i = 0; i < f->fields_used; i++) {
        if (!is_shape_field((enum field)f->fields[i].field))
            continue;
        *offset = f->fields[i].offset;
        *length = f->fields[i].length;
        *field = f->fields[i].field;
        const size_t most = *length < TEXT_LOOKED_AT ? *length : TEXT_LOOKED_AT;
        hash = hash_text(hash, view_head(view_from(m->head, *offset), most));
        break;
    }
    return never_zero(hash);
}

/* ---- a message */

static void judge_length(struct habits *h, const struct habits *known, const struct server_habits *s, const struct message *m, struct findings *out)
{
    const struct sketch *k = find_sketch(known, s, out->message, (uint8_t)m->from);
    if (!k || k->total < HABITS_LEAST || out->message_length <= k->longest)
        return;
    const uint64_t usual = quantile(k);
    if (out->message_length / 2 <= usual)
        return;
    struct text note = text_in(h->note, sizeof h->note);
    text_add(&note, "as 99.9 %% of ");
    text_add_number(&note, k->total);
    text_add(&note, " before; the longest had ");
    text_add_number(&note, k->longest);
    report(out, (struct report){.anomaly = ANOMALY_HABITS_LENGTH, .field = FIELD_DB_LENGTH, .relation = MUST_NOT_EXCEED, .got = out->message_length,
                                .expected = usual, .note = h->note});
}

static void judge(struct habits *h, const struct habits *known, const struct message *m, struct findings *out, uint32_t client, uint32_t shape,
                  const struct field_value *text)
{
    const struct server_habits *s = find_server(known, &m->flow->server, (uint8_t)m->decoder->protocol);
    if (!s || s->messages < HABITS_LEAST)
        return;
    judge_length(h, known, s, m, out);
    if (m->from != FROM_CLIENT)
        return;
    if (!s->clients.full && !has_hash(s->client_hashes, CLIENT_SLOTS, client))
        report(out, (struct report){.anomaly = ANOMALY_HABITS_CLIENT, .field = FIELD_NONE, .relation = MUST_BE, .note = "a client that was here before"});
    if (!s->shapes.full && !has_hash(s->shape_hashes, SHAPE_SLOTS, shape))
        report(out, (struct report){.anomaly = ANOMALY_HABITS_SHAPE, .field = text->field, .relation = MUST_BE, .offset = text->offset, .length = text->length,
                                    .note = "a request of a shape that was seen before"});
}

void habits_message(struct habits *h, const struct habits *known, const struct message *message)
{
    struct findings *out = (struct findings *)(uintptr_t)message->findings;
    if (!message->flow || !message->decoder || out->reports_used)
        return;
    const bool client_sent = message->from == FROM_CLIENT;
    struct field_value text = {0};
    const uint32_t client = never_zero(hash_bytes(HASH_SEED, message->flow->client.address, sizeof message->flow->client.address));
    const uint32_t shape = client_sent ? shape_of(message, &text.offset, &text.length, &text.field) : 0;
    if (known)
        judge(h, known, message, out, client, shape, &text);
    struct server_habits *s = get_server(h, &message->flow->server, (uint8_t)message->decoder->protocol);
    struct sketch *k = s ? get_sketch(h, s, out->message, (uint8_t)message->from) : NULL;
    if (!s)
        return;
    s->messages++;
    if (client_sent) {
        add_hash(&s->clients, s->client_hashes, CLIENT_SLOTS, client);
        add_hash(&s->shapes, s->shape_hashes, SHAPE_SLOTS, shape);
    }
    if (!k)
        return;
    k->total++;
    k->buckets[bucket_of(out->message_length)]++;
    if (out->message_length > k->longest)
        k->longest = out->message_length;
}

/* ---- a second of a server */

static void add_to_sketch(struct sketch *k, uint64_t value)
{
    k->total++;
    if (k->buckets[bucket_of(value)] < UINT32_MAX)
        k->buckets[bucket_of(value)]++;
    if (value > k->longest)
        k->longest = value;
}

static void judge_rate(struct habits *h, const struct sketch *k, uint16_t field, uint64_t value, struct findings *out)
{
    if (k->total < HABITS_LEAST_SECONDS || value < RATE_FLOOR || value <= k->longest)
        return;
    const uint64_t usual = quantile(k);
    if (value / 2 <= usual || out->reports_used)
        return; /* the first that is broken says enough */
    struct text note = text_in(h->note, sizeof h->note);
    text_add(&note, "as 99.9 %% of ");
    text_add_number(&note, k->total);
    text_add(&note, " seconds before; the busiest had ");
    text_add_number(&note, k->longest);
    report(out, (struct report){.anomaly = ANOMALY_HABITS_RATE, .field = field, .relation = MUST_NOT_EXCEED, .got = value, .expected = usual, .note = h->note});
}

void habits_second(struct habits *h, const struct habits *known, const struct message *second)
{
    struct findings *out = (struct findings *)(uintptr_t)second->findings;
    const uint8_t protocol = (uint8_t)second->decoder->protocol;
    const struct server_habits *before = known ? find_server(known, &second->flow->server, protocol) : NULL;
    struct server_habits *s = get_server(h, &second->flow->server, protocol);
    for (unsigned i = 0; i < out->fields_used; i++) {
        for (unsigned rate = 0; rate < RATES; rate++) {
            if (out->fields[i].field != rate_fields[rate])
                continue;
            if (before)
                judge_rate(h, &before->rates[rate], rate_fields[rate], out->fields[i].value, out);
            if (s)
                add_to_sketch(&s->rates[rate], out->fields[i].value);
        }
    }
}

/* ---- merging */

static void merge_seen(struct seen *seen, uint32_t *hashes, uint32_t slots, const struct seen *from, const uint32_t *more)
{
    for (uint32_t i = 0; i < slots; i++)
        if (more[i])
            add_hash(seen, hashes, slots, more[i]);
    seen->full |= from->full;
}

static void merge_sketch(struct sketch *to, const struct sketch *from)
{
    to->total += from->total;
    if (from->longest > to->longest)
        to->longest = from->longest;
    for (unsigned i = 0; i < BUCKETS; i++)
        if (__builtin_add_overflow(to->buckets[i], from->buckets[i], &to->buckets[i]))
            to->buckets[i] = UINT32_MAX;
}

void habits_merge(struct habits *into, struct habits *from)
{
    for (size_t i = 0; i < from->servers_used; i++) {
        const struct server_habits *s = &from->servers[i];
        struct server_habits *to = get_server(into, &s->endpoint, s->protocol);
        if (!to)
            continue;
        to->messages += s->messages;
        for (unsigned rate = 0; rate < RATES; rate++)
            merge_sketch(&to->rates[rate], &s->rates[rate]);
        merge_seen(&to->clients, to->client_hashes, CLIENT_SLOTS, &s->clients, s->client_hashes);
        merge_seen(&to->shapes, to->shape_hashes, SHAPE_SLOTS, &s->shapes, s->shape_hashes);
        for (uint16_t at = s->sketches; at; at = from->sketches[at - 1].next) {
            const struct sketch *k = &from->sketches[at - 1];
            struct sketch *mine = get_sketch(into, to, k->kind, k->side);
            if (mine)
                merge_sketch(mine, k);
        }
    }
    into->refused += from->refused;
    from->servers_used = from->sketches_used = 0;
    from->refused = 0;
    memset(from->slots, 0, sizeof from->slots);
}

/* ---- as bytes: words in the order of the machine, since a store stays on its machine */

struct writer {
    uint32_t *words; /* NULL: only counts */
    size_t used;
};

static void put(struct writer *w, uint32_t word)
{
    if (w->words)
        w->words[w->used] = word;
    w->used++;
}

static void put_long(struct writer *w, uint64_t value)
{
    put(w, (uint32_t)value);
    put(w, (uint32_t)(value >> 32));
}

static void put_seen(struct writer *w, const struct seen *seen, const uint32_t *hashes, uint32_t slots)
{
    put(w, seen->full);
    put(w, seen->used);
    for (uint32_t i = 0; i < slots; i++)
        if (hashes[i])
            put(w, hashes[i]);
}

static void put_sketch(struct writer *w, const struct sketch *k)
{
    uint32_t used = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        used += k->buckets[i] > 0;
    put(w, (uint32_t)k->kind | (uint32_t)k->side << 16);
    put_long(w, k->total);
    put_long(w, k->longest);
    put(w, used);
    for (unsigned i = 0; i < BUCKETS; i++) {
        if (!k->buckets[i])
            continue;
        put(w, i);
        put(w, k->buckets[i]);
    }
}

static void put_server(struct writer *w, const struct habits *h, const struct server_habits *s)
{
    uint32_t count = 0;
    for (uint16_t at = s->sketches; at; at = h->sketches[at - 1].next)
        count++;
    put(w, BYTES_VERSION);
    put_long(w, s->messages);
    put_seen(w, &s->clients, s->client_hashes, CLIENT_SLOTS);
    put_seen(w, &s->shapes, s->shape_hashes, SHAPE_SLOTS);
    put(w, count);
    for (uint16_t at = s->sketches; at; at = h->sketches[at - 1].next)
        put_sketch(w, &h->sketches[at - 1]);
    put(w, RATES);
    for (uint32_t rate = 0; rate < RATES; rate++) {
        struct sketch k = s->rates[rate];
        k.kind = (uint16_t)rate;
        put_sketch(w, &k);
    }
}

bool habits_save(const struct habits *h, size_t i, struct endpoint *server, enum protocol *protocol, void **bytes, size_t *length)
{
    struct writer w = {0};
    if (i >= h->servers_used)
        return false;
    const struct server_habits *s = &h->servers[i];
    put_server(&w, h, s);
    *server = s->endpoint;
    *protocol = (enum protocol)s->protocol;
    *length = w.used * sizeof *w.words;
    *bytes = w.words = malloc(*length);
    w.used = 0;
    if (w.words)
        put_server(&w, h, s);
    return true;
}

struct reader {
    struct view left;
    bool failed;
};

static uint32_t get(struct reader *r)
{
    uint32_t word = 0;
    if (r->left.length < sizeof word) {
        r->failed = true;
        return 0;
    }
    memcpy(&word, r->left.bytes, sizeof word);
    r->left = view_from(r->left, sizeof word);
    return word;
}

static uint64_t get_long(struct reader *r)
{
    const uint64_t low = get(r);
    return low | (uint64_t)get(r) << 32;
}

static void get_seen(struct reader *r, struct seen *seen, uint32_t *hashes, uint32_t slots)
{
    const bool full = get(r) != 0;
    const uint32_t count = get(r);
    r->failed |= count > slots / 4 * 3;
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        const uint32_t hash = get(r);
        if (hash)
            add_hash(seen, hashes, slots, hash);
    }
    seen->full |= full;
}

static uint32_t get_sketch_words(struct reader *r, struct sketch *read)
{
    const uint32_t name = get(r);
    read->total = get_long(r);
    read->longest = get_long(r);
    const uint32_t count = get(r);
    r->failed |= name > 0x1ffff || count > BUCKETS;
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        const uint32_t bucket = get(r);
        r->failed |= bucket >= BUCKETS;
        read->buckets[bucket % BUCKETS] = get(r);
    }
    return name;
}

static void get_rates(struct reader *r, struct server_habits *s)
{
    const uint32_t count = get(r);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct sketch read = {0};
        const uint32_t rate = get_sketch_words(r, &read);
        if (!r->failed && rate < RATES)
            merge_sketch(&s->rates[rate], &read);
    }
}

static void get_sketch_bytes(struct reader *r, struct habits *h, struct server_habits *s)
{
    struct sketch read = {0};
    const uint32_t name = get_sketch_words(r, &read);
    struct sketch *k = r->failed ? NULL : get_sketch(h, s, (uint16_t)name, (uint8_t)(name >> 16));
    if (k)
        merge_sketch(k, &read);
}

bool habits_load(struct habits *h, const struct endpoint *server, enum protocol protocol, struct view bytes)
{
    struct reader r = {bytes, false};
    const uint32_t version = get(&r);
    if (version < 1 || version > BYTES_VERSION)
        return false;
    const uint64_t messages = get_long(&r);
    struct server_habits *s = get_server(h, server, (uint8_t)protocol);
    if (!s)
        return true;
    s->messages += messages;
    get_seen(&r, &s->clients, s->client_hashes, CLIENT_SLOTS);
    get_seen(&r, &s->shapes, s->shape_hashes, SHAPE_SLOTS);
    const uint32_t count = r.failed ? 0 : get(&r);
    for (uint32_t i = 0; i < count && !r.failed; i++)
        get_sketch_bytes(&r, h, s);
    if (version >= 2 && !r.failed)
        get_rates(&r, s);
    if (r.failed) {
        s->messages = 0; /* not judged until it is known well */
        memset(s->rates, 0, sizeof s->rates);
    }
    return !r.failed;
}
