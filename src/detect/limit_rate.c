/* Rates: see limit_rate.h. */
#include "detect/limit_rate.h"

#include <stdlib.h>
#include <string.h>

enum { SUM_KEYS = 16384, VALUE_KEYS = 2048 };

bool rate_table_open(struct rate_table *t, const struct rule_set *rules)
{
    bool sums = false, values = false;
    for (size_t i = 0; i < rules->rules_used; i++) {
        sums |= rules->rules[i].rate.kind == RATE_COUNT || rules->rules[i].rate.kind == RATE_SUM;
        values |= rules->rules[i].rate.kind == RATE_DISTINCT;
    }
    if (sums && !t->sums && (!limit_table_open(&t->sums_by_key, SUM_KEYS) || !(t->sums = calloc(SUM_KEYS, sizeof *t->sums))))
        return false;
    return !values || t->values || (limit_table_open(&t->values_by_key, VALUE_KEYS) && (t->values = calloc(VALUE_KEYS, sizeof *t->values)));
}

void rate_table_close(struct rate_table *t)
{
    limit_table_close(&t->sums_by_key);
    limit_table_close(&t->values_by_key);
    free(t->sums);
    free(t->values);
    *t = (struct rate_table){0};
}

static int64_t slice_of(const struct rate *rate, int64_t time_ns)
{
    const int64_t width = (int64_t)rate->seconds * 1000000000 / RATE_SLICES;
    return time_ns / width - (time_ns % width < 0);
}

static uint32_t hash_bytes(const void *bytes, size_t length)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        h = (h ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(h ^ h >> 32);
}

/* What the alert says of the field: a number, or the hash of what it is. False: it says nothing. */
static bool alert_value(const struct alert *alert, enum field field, uint64_t *number, uint32_t *hash)
{
    *number = 0;
    switch (field) {
    case FIELD_DB_USER:
        *hash = hash_bytes(alert->user, strlen(alert->user));
        return alert->user[0] != 0;
    case FIELD_DB_NAME:
        *hash = hash_bytes(alert->database, strlen(alert->database));
        return alert->database[0] != 0;
    case FIELD_NET_CLIENT:
    case FIELD_NET_SERVER:
        *hash = hash_bytes(field == FIELD_NET_CLIENT ? alert->client.address : alert->server.address, sizeof alert->client.address);
        return true;
    case FIELD_DB_LENGTH:
        *number = alert->message_length;
        break;
    case FIELD_DB_MESSAGE:
        *number = alert->message;
        break;
    case FIELD_NET_CLIENT_PORT:
        *number = alert->client.port;
        break;
    case FIELD_NET_SERVER_PORT:
        *number = alert->server.port;
        break;
    default:
        for (unsigned i = 0; i < alert->fields_used; i++) {
            const struct field_value *f = &alert->fields[i];
            if (f->field != (uint16_t)field)
                continue;
            *number = f->value;
            *hash = hash_bytes(&f->value, sizeof f->value);
            if (field_kind(field) == KIND_BYTES && f->offset <= alert->head_length)
                *hash = hash_bytes(alert->head + f->offset, f->length < (uint32_t)alert->head_length - f->offset
                                                                ? f->length : (uint32_t)alert->head_length - f->offset);
            return true;
        }
        return false;
    }
    *hash = hash_bytes(number, sizeof *number);
    return true;
}

static bool sum_reached(struct rate_table *t, const struct rate *rate, const struct limit_key *key, const struct alert *alert, uint64_t more)
{
    bool fresh;
    struct limit_entry *e = limit_table_get(&t->sums_by_key, key, &fresh);
    struct rate_sum *s = &t->sums[e - t->sums_by_key.entries];
    const int64_t slice = slice_of(rate, alert->time_ns);
    uint64_t all = 0;
    if (fresh)
        *s = (struct rate_sum){.slice = slice};
    /* What stands still longer than the window leaves nothing behind. */
    for (unsigned i = 0; i < RATE_SLICES && s->slice < slice; i++)
        s->sums[(uint64_t)++s->slice % RATE_SLICES] = 0;
    if (s->slice < slice) {
        memset(s->sums, 0, sizeof s->sums);
        s->slice = slice;
    }
    uint64_t *sum = &s->sums[(uint64_t)(slice + RATE_SLICES > s->slice ? slice : s->slice) % RATE_SLICES];
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
    for (unsigned i = 0; i < RATE_SLICES; i++)
        if (__builtin_add_overflow(all, s->sums[i], &all))
            all = UINT64_MAX;
    return all >= rate->least;
}

static bool distinct_reached(struct rate_table *t, const struct rate *rate, const struct limit_key *key, const struct alert *alert,
                             uint32_t hash)
{
    bool fresh, known = false;
    struct limit_entry *e = limit_table_get(&t->values_by_key, key, &fresh);
    struct rate_values *v = &t->values[e - t->values_by_key.entries];
    const int64_t slice = slice_of(rate, alert->time_ns);
    uint32_t kept = 0;
    if (fresh)
        v->used = 0;
    for (uint32_t i = 0; i < v->used; i++) {
        const bool same = v->hashes[i] == hash;
        known |= same;
        if (same && v->slices[i] < slice)
            v->slices[i] = slice;
        if (v->slices[i] + RATE_SLICES <= slice)
            continue;
        v->hashes[kept] = v->hashes[i];
        v->slices[kept++] = v->slices[i];
    }
    v->used = kept;
    if (!known && v->used < RATE_DISTINCT_MAX) {
        v->hashes[v->used] = hash;
        v->slices[v->used++] = slice;
    }
    return v->used >= rate->least;
}

bool rate_reached(struct rate_table *t, const struct rate *rate, const struct limit_key *key, const struct alert *alert)
{
    uint64_t number = 1;
    uint32_t hash = 0;
    if (rate->kind == RATE_COUNT)
        return sum_reached(t, rate, key, alert, 1);
    if (!alert_value(alert, (enum field)rate->field, &number, &hash))
        return false;
    return rate->kind == RATE_SUM ? sum_reached(t, rate, key, alert, number) : distinct_reached(t, rate, key, alert, hash);
}
