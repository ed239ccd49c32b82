/* Records of several workers in one order: see merge.h. */
#include "app/merge.h"

#include <string.h>

#include "app/spread.h"

/* A ring holds at least two of the largest samples. Powers of two. */
enum { RING_BYTES = 2 * 1024 * 1024, KEYS_KEPT = 65536, SAMPLES_KEPT = 16384 };

/* A worker's number of an alert or sample, and the run's. */
struct renamed {
    uint64_t local, key;
};

struct inflow {
    struct ring ring;
    const struct record *head; /* NULL: none that is known of */
    uint64_t passed;           /* with no head: nothing of this moment or earlier will come */
    struct renamed alerts[KEYS_KEPT], samples[SAMPLES_KEPT];
};

struct merge {
    struct recorder *recorder;
    struct turns *turns;
    unsigned workers;
    uint64_t alerts, samples; /* numbers given */
    struct inflow *inflows;
};

struct merge *merge_open(struct arena *from, unsigned workers, struct turns *turns, struct recorder *recorder)
{
    struct merge *m = arena_take(from, sizeof *m);
    if (!m)
        return NULL;
    m->recorder = recorder;
    m->turns = turns;
    m->workers = workers;
    m->inflows = arena_take(from, workers * sizeof *m->inflows);
    for (unsigned i = 0; m->inflows && i < workers; i++)
        if (!ring_open(&m->inflows[i].ring, from, RING_BYTES))
            return NULL;
    return m->inflows ? m : NULL;
}

struct ring *merge_ring(struct merge *m, unsigned worker)
{
    return &m->inflows[worker].ring;
}

/* How far the worker has come is read before its ring is: an empty ring then means that nothing up to there is left. */
static void look(struct merge *m, unsigned worker)
{
    struct inflow *in = &m->inflows[worker];
    size_t length;
    uint64_t passed = turns_passed(m->turns, worker);
    in->head = ring_peek(&in->ring, &length);
    in->passed = passed;
}

static bool earlier(const struct moment *a, const struct moment *b)
{
    return a->when != b->when ? a->when < b->when : a->place < b->place;
}

/* The inflow with the earliest record, if no other can still bring an earlier one. */
static struct inflow *earliest(struct merge *m)
{
    struct inflow *first = NULL;
    for (unsigned i = 0; i < m->workers; i++) {
        struct inflow *in = &m->inflows[i];
        if (!in->head)
            look(m, i);
        if (in->head && (!first || earlier(&in->head->moment, &first->head->moment)))
            first = in;
    }
    for (unsigned i = 0; first && i < m->workers; i++)
        if (!m->inflows[i].head && m->inflows[i].passed < first->head->moment.when)
            return NULL;
    return first;
}

static uint64_t rename_sample(struct merge *m, struct inflow *in, uint64_t local)
{
    struct renamed *kept = &in->samples[local % SAMPLES_KEPT];
    if (kept->local != local)
        *kept = (struct renamed){local, ++m->samples};
    return kept->key;
}

/* Only as much of the sign as was sent is there. */
static void take_sign(struct merge *m, struct inflow *in, const struct sign *sent)
{
    struct sign sign;
    size_t length = sign_length(sent);
    memcpy(&sign, sent, length);
    for (unsigned i = 0; (sign.kind == SIGN_ENDING || sign.kind == SIGN_LEFT || sign.kind == SIGN_WAITS) && i < sign.ending.words_used; i++) {
        struct word *word = &sign.ending.words[i];
        const struct renamed *kept = &in->alerts[word->alert % KEYS_KEPT];
        word->alert = word->alert && kept->local == word->alert ? kept->key : 0;
    }
    recorder_sign(m->recorder, &sign);
}

static void take(struct merge *m, struct inflow *in, const struct record *r)
{
    struct renamed *kept;
    switch ((enum record_kind)r->kind) {
    case RECORD_ALERT: {
        struct alert alert = r->alert.alert;
        uint64_t key = ++m->alerts;
        in->alerts[r->key % KEYS_KEPT] = (struct renamed){r->key, key};
        if (alert.sample)
            alert.sample = rename_sample(m, in, alert.sample);
        recorder_alert(m->recorder, &alert, key);
        return;
    }
    case RECORD_VERDICT:
        kept = &in->alerts[r->key % KEYS_KEPT];
        if (kept->local == r->key)
            recorder_verdict(m->recorder, kept->key, r->verdict.text);
        return;
    case RECORD_SAMPLE:
        kept = &in->samples[r->key % SAMPLES_KEPT];
        if (kept->local == r->key && recorder_wants_sample(m->recorder, kept->key))
            recorder_sample(m->recorder, kept->key, view_of((const uint8_t *)r + RECORD_BYTES_AT, r->sample.length),
                            r->sample.packets, r->sample.redacted);
        return;
    case RECORD_SERVER:
        recorder_server(m->recorder, &r->server.endpoint, (enum protocol)r->server.protocol, r->server.version, r->server.tls,
                        r->server.time_ns);
        return;
    case RECORD_SIGN:
        take_sign(m, in, &r->sign);
        return;
    case RECORD_MEMO:
        recorder_memo(m->recorder, &r->memo);
        return;
    }
}

size_t merge_some(struct merge *m, size_t most)
{
    size_t taken = 0;
    struct inflow *in;
    while (taken < most && (in = earliest(m))) {
        take(m, in, in->head);
        in->head = NULL;
        ring_release(&in->ring);
        taken++;
    }
    return taken;
}
