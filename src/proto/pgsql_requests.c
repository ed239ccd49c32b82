/*
 * Which answer the PostgreSQL server owes to which message: a bounded queue in the order of sending.
 *
 * Query, FunctionCall and Sync end with ReadyForQuery; Parse, Bind, Describe, Execute and Close are answered one by one;
 * after an error the server skips to the next Sync. More open messages than the queue holds are not followed: the queue
 * is empty until every ReadyForQuery that is owed has come.
 *
 * Facts: a REQUEST is a simple Query, a FunctionCall, or the Sync that ends a batch of extended messages; its REPLY is
 * ReadyForQuery with the number of rows, or CopyInResponse or CopyBothResponse: then it is the client's turn, and its
 * CopyDone or CopyFail is the next REQUEST.
 */
#include "model/name.h"
#include "proto/pgsql.h"

static bool ends_with_ready(uint8_t kind)
{
    return kind == 'Q' || kind == 'S' || kind == 'F';
}

static void forget(struct pgsql_state *s)
{
    s->queue_used = 0;
    s->columns_known = false;
}

struct pgsql_request *pgsql_oldest(struct pgsql_state *s)
{
    return s->queue_used ? &s->queue[s->queue_first] : NULL;
}

/* The row count of an Execute is known when its portal was described just before. */
static void oldest_changed(struct pgsql_state *s)
{
    const struct pgsql_request *oldest = pgsql_oldest(s);
    s->columns_known = oldest && oldest->kind == 'E' && s->portal_columns_known && oldest->name == s->described_portal;
    s->columns = s->portal_columns;
}

/* An early CopyDone has no answer of its own: it goes with the request that it belongs to. */
static void drop_oldest(struct pgsql_state *s)
{
    do {
        s->queue_first = (uint8_t)((s->queue_first + 1) % PGSQL_QUEUE);
        s->queue_used--;
    } while (s->queue_used && s->queue[s->queue_first].kind == 'c');
    oldest_changed(s);
}

void pgsql_request(struct pgsql_reading *r, uint8_t kind, uint8_t target, uint32_t name)
{
    struct pgsql_state *s = r->state;
    if (s->skipping && kind != 'S')
        return;
    if (ends_with_ready(kind)) {
        s->boundaries++;
        observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
    }
    if (s->untracked)
        return;
    if (s->queue_used == PGSQL_QUEUE) {
        s->untracked = true;
        forget(s);
        return;
    }
    s->queue[(s->queue_first + s->queue_used) % PGSQL_QUEUE] =
        (struct pgsql_request){.kind = kind, .target = target, .name = name};
    s->queue_used++;
    if (s->queue_used == 1)
        oldest_changed(s);
}

static void unrequested(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    bool told = s->unrequested_told || s->joined || s->stage != STAGE_SESSION;
    s->untracked = true;
    forget(s);
    if (told)
        return;
    s->unrequested_told = true;
    pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_UNREQUESTED_ANSWER, .field = FIELD_PGSQL_TYPE,
                                    .relation = MUST_BE, .offset = 0, .length = 1, .got = r->out->message & 0xff,
                                    .note = "an answer to the oldest open request"});
}

static void ready(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    struct pgsql_request *oldest = pgsql_oldest(s);
    bool owed = s->untracked || (oldest && ends_with_ready(oldest->kind));
    s->reported = false;
    if (!s->started) {
        s->started = true;
        return;
    }
    if (s->boundaries)
        s->boundaries--;
    if (!owed)
        unrequested(r);
    if (!s->untracked && oldest)
        drop_oldest(s);
    if (s->untracked && !s->boundaries && !s->joined) {
        s->untracked = false;
        forget(s);
    }
    if (!s->answered)
        observe(r->out, (struct fact){.kind = FACT_REPLY, .number = s->rows});
    s->answered = false;
    s->rows = 0;
    s->copy = COPY_NONE;
    s->copy_asked = false;
}

static bool answers(const struct pgsql_request *oldest, uint8_t type)
{
    switch (type) {
    case '1':
        return oldest->kind == 'P';
    case '2':
        return oldest->kind == 'B';
    case '3':
        return oldest->kind == 'C';
    case 't':
        return oldest->kind == 'D' && oldest->target == PGSQL_TARGET_STATEMENT;
    case 'n':
        return oldest->kind == 'D';
    case 'T':
        return oldest->kind == 'D' || oldest->kind == 'Q';
    case 'V':
        return oldest->kind == 'F';
    case 's':
        return oldest->kind == 'E';
    default: /* D, C, I */
        return oldest->kind == 'E' || oldest->kind == 'Q';
    }
}

void pgsql_answer(struct pgsql_reading *r, uint8_t type)
{
    struct pgsql_state *s = r->state;
    if (type == 'Z') {
        ready(r);
        return;
    }
    if (type == 'C')
        s->copy = COPY_NONE;
    if (s->untracked)
        return;
    struct pgsql_request *oldest = pgsql_oldest(s);
    if (!oldest || !answers(oldest, type)) {
        unrequested(r);
        return;
    }
    if (type == '2' && oldest->name == s->described_portal)
        s->portal_columns_known = false;
    if (type == 'V')
        pgsql_function_called(r->out, oldest->name);
    bool last = type != 't' && type != 'D' && type != 'V' && oldest->kind != 'Q';
    if (last)
        drop_oldest(s);
    else if (type == 'C' || type == 'I')
        s->columns_known = false;
}

void pgsql_answer_error(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    s->copy_aborted = s->copy != COPY_NONE;
    s->copy = COPY_NONE;
    s->columns_known = false;
    struct pgsql_request *oldest = pgsql_oldest(s);
    if (s->untracked || !oldest || ends_with_ready(oldest->kind))
        return;
    if (oldest->kind == 'P')
        pgsql_statement_drop(r->out, oldest->name);
    while (s->queue_used && pgsql_oldest(s)->kind != 'S') {
        /* A Query that is skipped gets no ReadyForQuery of its own. */
        if (ends_with_ready(pgsql_oldest(s)->kind) && s->boundaries)
            s->boundaries--;
        drop_oldest(s);
    }
    s->skipping = s->queue_used == 0;
}

/* Flush and Sync that the server finds while it reads COPY data do not count; CopyDone that was sent before the
 * server's CopyInResponse ends the COPY at once. */
void pgsql_answer_copy(struct pgsql_reading *r, enum pgsql_copy copy)
{
    struct pgsql_state *s = r->state;
    s->copy = (uint8_t)copy;
    s->copy_asked = false;
    if (copy == COPY_OUT)
        return;
    observe(r->out, (struct fact){.kind = FACT_REPLY});
    s->answered = true;
    if (s->untracked || copy == COPY_BOTH)
        return;
    for (unsigned i = 1; i < s->queue_used; i++) {
        struct pgsql_request *sent = &s->queue[(s->queue_first + i) % PGSQL_QUEUE];
        if (sent->kind == 'c') {
            s->copy = COPY_NONE;
            s->answered = false;
            sent->kind = 0;
            break;
        }
        if (sent->kind == 'S' && s->boundaries)
            s->boundaries--;
        sent->kind = 0;
    }
    unsigned kept = 1;
    for (unsigned i = 1; i < s->queue_used; i++) {
        struct pgsql_request sent = s->queue[(s->queue_first + i) % PGSQL_QUEUE];
        if (sent.kind)
            s->queue[(s->queue_first + kept++) % PGSQL_QUEUE] = sent;
    }
    if (s->queue_used)
        s->queue_used = (uint8_t)kept;
}
