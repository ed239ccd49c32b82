/* Memos of messages, beside the recorder: see memo_book.h. */
#include "app/memo_book.h"

#include <stdlib.h>
#include <string.h>

#include "app/memos.h"

/* Of a window: some 16 MiB at most. */
enum { HELD_MOST = 32768, HELD_BYTES_MOST = 16 << 20, NEAR_MOST = 8192 };

struct memo_book {
    struct store *store;
    struct counters *counters;
    size_t near_used, held, held_bytes;
    struct memo *near[NEAR_MOST]; /* around alerts, in order */
    struct memo_kinds kinds;
    struct memo *drawn[2 * MEMO_KINDS_MAX][MEMOS_OF_A_KIND]; /* as ranks in `kinds` */
};

struct memo_book *memo_book_open(struct store *store, struct counters *counters)
{
    struct memo_book *b = calloc(1, sizeof *b);
    if (b) {
        b->store = store;
        b->counters = counters;
    }
    return b;
}

static void release(struct memo_book *b, struct memo **place)
{
    if (!*place)
        return;
    b->held--;
    b->held_bytes -= memo_length(*place);
    free(*place);
    *place = NULL;
}

static void release_all(struct memo_book *b)
{
    for (size_t i = 0; i < b->near_used; i++)
        release(b, &b->near[i]);
    b->near_used = 0;
    for (size_t i = 0; i < sizeof b->drawn / sizeof b->drawn[0]; i++)
        for (size_t k = 0; b->held && b->kinds.slots[i].window == b->kinds.window && k < MEMOS_OF_A_KIND; k++)
            release(b, &b->drawn[i][k]);
}

void memo_book_close(struct memo_book *b)
{
    if (!b)
        return;
    release_all(b);
    free(b);
}

static void keep(struct memo_book *b, struct memo **place, const struct memo *memo)
{
    const size_t length = memo_length(memo);
    release(b, place);
    if (b->held == HELD_MOST || b->held_bytes + length > HELD_BYTES_MOST || !(*place = malloc(length))) {
        count(b->counters, COUNT_FACTS_SHED);
        return;
    }
    memcpy(*place, memo, length);
    b->held++;
    b->held_bytes += length;
}

static bool is_same(const struct memo *a, const struct memo *b)
{
    return a->rank == b->rank && a->flow_id == b->flow_id && a->stream_offset == b->stream_offset && a->message == b->message;
}

static int by_time(const void *x, const void *y)
{
    const struct memo *a = *(const struct memo *const *)x, *b = *(const struct memo *const *)y;
    if (a->packet_number != b->packet_number)
        return a->packet_number < b->packet_number ? -1 : 1;
    if (a->stream_offset != b->stream_offset)
        return a->stream_offset < b->stream_offset ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

bool memo_book_settle(struct memo_book *b, struct error *why)
{
    bool good = true;
    size_t used = 0;
    if (!b->held) {
        b->near_used = 0;
        return true;
    }
    const struct memo **all = malloc((b->held + 1) * sizeof *all);
    if (!all)
        count_many(b->counters, COUNT_FACTS_SHED, b->held);
    for (size_t i = 0; all && i < b->near_used; i++)
        if (b->near[i])
            all[used++] = b->near[i];
    for (size_t i = 0; all && i < sizeof b->drawn / sizeof b->drawn[0]; i++)
        for (size_t k = 0; b->kinds.slots[i].window == b->kinds.window && k < MEMOS_OF_A_KIND; k++)
            if (b->drawn[i][k])
                all[used++] = b->drawn[i][k];
    if (all)
        qsort(all, used, sizeof *all, by_time);
    for (size_t i = 0; good && i < used; i++) {
        if (i && is_same(all[i], all[i - 1]))
            continue;
        /* Drawn, and near an alert: one row. */
        const bool near = all[i]->near_alert || (i + 1 < used && is_same(all[i], all[i + 1]) && all[i + 1]->near_alert);
        good = store_add_memo(b->store, all[i], near, why);
        if (good)
            count(b->counters, COUNT_FACTS_STORED);
    }
    good = good && (!used || store_trim_memos(b->store, why));
    free(all);
    release_all(b);
    return good;
}

bool memo_book_take(struct memo_book *b, const struct memo *memo, struct error *why)
{
    struct memo_kind *kind;
    uint64_t shed = 0;
    bool good = true;
    if (memo->window != b->kinds.window) {
        good = memo_book_settle(b, why);
        b->kinds.window = memo->window;
        b->kinds.used = 0;
    }
    if (memo->near_alert) {
        if (b->near_used < NEAR_MOST)
            keep(b, &b->near[b->near_used++], memo);
        else
            count(b->counters, COUNT_FACTS_SHED);
    }
    const int at = memo_draw(&b->kinds, memo, &kind, &shed);
    if (at >= 0)
        keep(b, &b->drawn[kind - b->kinds.slots][at], memo);
    count_many(b->counters, COUNT_FACTS_SHED, shed);
    return good;
}
