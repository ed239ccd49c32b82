/*
 * Which answer the Memcached server owes to which request: a bounded queue in the order of sending, requests of one kind in
 * a row as one entry. A quiet request may be answered or not. Where text cannot tell whose answer a line is, the queue is
 * `loose` until the next mn or noop is answered: nothing is concluded from it then.
 *
 * Facts: a REQUEST is what the server must answer, its REPLY the last line or response of the answer.
 */
#include "model/name.h"
#include "proto/memcached.h"

void memcached_forget(struct memcached_state *s)
{
    s->queue_used = 0;
    s->open = 0;
    s->untracked = false;
}

static struct memcached_request *oldest(struct memcached_state *s)
{
    return s->queue_used ? &s->queue[s->queue_first] : NULL;
}

uint8_t memcached_oldest(const struct memcached_state *s)
{
    return s->queue_used ? s->queue[s->queue_first].kind : ASK_LINE;
}

bool memcached_is_waiting(const struct memcached_state *s)
{
    for (unsigned i = 0; i < s->queue_used && !s->loose; i++)
        if (!(s->queue[(s->queue_first + i) % MEMCACHED_QUEUE].flags & (REQUEST_QUIET | REQUEST_REPORTED)))
            return true;
    return false;
}

static void drop_run(struct memcached_state *s)
{
    s->queue_first = (uint8_t)((s->queue_first + 1) % MEMCACHED_QUEUE);
    s->queue_used--;
}

static unsigned take_one(struct memcached_state *s)
{
    struct memcached_request *r = oldest(s);
    unsigned flags = r->flags;
    if (--r->count == 0)
        drop_run(s);
    return flags;
}

static void follow_no_more(struct memcached_state *s)
{
    s->open = 0;
    for (unsigned i = 0; i < s->queue_used; i++) {
        const struct memcached_request *r = &s->queue[(s->queue_first + i) % MEMCACHED_QUEUE];
        s->open += r->flags & REQUEST_QUIET ? 0 : r->count;
        s->loose |= r->flags & REQUEST_QUIET;
    }
    s->untracked = true;
    s->queue_used = 0;
}

void memcached_request(struct memcached_reading *r, uint8_t kind, bool quiet)
{
    struct memcached_state *s = r->state;
    uint8_t flags = (uint8_t)((quiet ? REQUEST_QUIET : 0) | (r->bad ? REQUEST_REPORTED : 0));
    if (!quiet)
        observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
    if (s->queue_used) {
        struct memcached_request *last = &s->queue[(s->queue_first + s->queue_used - 1u) % MEMCACHED_QUEUE];
        if (last->kind == kind && last->flags == flags && last->count < UINT16_MAX) {
            last->count++;
            return;
        }
        if (s->queue_used == MEMCACHED_QUEUE)
            follow_no_more(s);
    }
    if (s->untracked) {
        s->open += !quiet;
        s->loose |= quiet;
        return;
    }
    s->queue[(s->queue_first + s->queue_used) % MEMCACHED_QUEUE] = (struct memcached_request){1, kind, flags};
    s->queue_used++;
}

static unsigned answered_untracked(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    if (s->open && --s->open == 0)
        s->untracked = false;
    return REQUEST_LOST;
}

/* A value that is too large is refused as soon as its line is read; its data block is still to come. */
static bool answers_unfinished(struct memcached_state *s)
{
    const struct memcached_block *b = &s->blocks[FROM_CLIENT];
    bool fits = (b->due || b->end_due) && !s->block_answered && (!s->block_noreply || s->block_kind == ASK_META);
    s->block_answered |= fits;
    return fits;
}

static unsigned unrequested(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    if (s->joined || s->loose)
        return REQUEST_LOST;
    if (!s->unrequested_told)
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_UNREQUESTED_ANSWER, .field = FIELD_DB_MESSAGE,
                                            .relation = MUST_BE, .offset = 0, .length = (uint32_t)cursor_all(&r->c).length,
                                            .got = r->out->message, .note = "an answer to the oldest open request"});
    s->unrequested_told = true;
    return REQUEST_NONE;
}

/* Is there a request behind the oldest run that surely gets an answer? */
static bool others_wait(const struct memcached_state *s)
{
    for (unsigned i = 1; i < s->queue_used; i++)
        if (!(s->queue[(s->queue_first + i) % MEMCACHED_QUEUE].flags & REQUEST_QUIET))
            return true;
    return false;
}

static void reply(struct memcached_reading *r, unsigned flags)
{
    struct memcached_state *s = r->state;
    if (!(flags & (REQUEST_QUIET | REQUEST_NONE)))
        observe(r->out, (struct fact){.kind = FACT_REPLY, .number = s->rows});
    s->rows = 0;
}

/* Quiet requests in text are meta commands: their answers are meta answers or errors. Could this be one to `first`? */
static bool may_answer_quiet(const struct memcached_state *s, const struct memcached_request *first, enum memcached_answer answer)
{
    if (answer == ANSWER_ERROR)
        return first->flags & REQUEST_REPORTED || !others_wait(s);
    return answer == ANSWER_META;
}

static unsigned find_answered(struct memcached_reading *r, enum memcached_answer answer)
{
    struct memcached_state *s = r->state;
    if (s->untracked)
        return answered_untracked(r);
    struct memcached_request *first;
    while ((first = oldest(s)) && answer == ANSWER_BARRIER && s->loose && first->kind != ASK_BARRIER)
        drop_run(s);
    while ((first = oldest(s)) && first->flags & REQUEST_QUIET) {
        if (may_answer_quiet(s, first, answer)) {
            s->loose |= others_wait(s);
            return take_one(s);
        }
        drop_run(s);
    }
    if (!first && answers_unfinished(s))
        return REQUEST_QUIET | (s->block_reported ? REQUEST_REPORTED : 0);
    if (!first)
        return unrequested(r);
    if (answer == ANSWER_BARRIER && first->kind == ASK_BARRIER)
        s->loose = false;
    return take_one(s);
}

unsigned memcached_answered(struct memcached_reading *r, enum memcached_answer answer)
{
    unsigned flags = find_answered(r, answer);
    reply(r, flags);
    return flags;
}

static unsigned find_answered_binary(struct memcached_reading *r, uint8_t opcode, bool last)
{
    struct memcached_state *s = r->state;
    if (s->untracked)
        return last ? answered_untracked(r) : REQUEST_LOST;
    struct memcached_request *first;
    while ((first = oldest(s)) && first->kind != opcode && first->flags & REQUEST_QUIET)
        drop_run(s);
    if (!first || first->kind != opcode)
        return unrequested(r);
    if (!last)
        return first->flags;
    if (opcode == PROTOCOL_BINARY_CMD_NOOP)
        s->loose = false;
    return take_one(s);
}

unsigned memcached_answered_binary(struct memcached_reading *r, uint8_t opcode, bool last)
{
    unsigned flags = find_answered_binary(r, opcode, last);
    if (last)
        reply(r, flags);
    return flags;
}

void memcached_login_ended(struct memcached_reading *r, bool taken, uint64_t code, struct view words)
{
    struct memcached_state *s = r->state;
    struct session *session = r->out->session;
    session->phase = taken ? PHASE_AUTHENTICATED : PHASE_UNKNOWN;
    if (taken) {
        session->user_length = s->user_length;
        memcpy(session->user, s->user, s->user_length);
        observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
    } else {
        observe(r->out, (struct fact){.kind = FACT_LOGIN_FAILED, .number = code, .text = words});
    }
    s->user_length = 0;
}
