/*
 * Which message was it? Every connection that the server ended is asked for its last word, and every reason for suspicion
 * gives points. The killer is not who got the reset: the server had read it, so its connection ends with a FIN while the
 * request is open; the victims get a RST or were told.
 */
#include "health/ward_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/anomaly.h"

/* Points. An anomaly on the message and the killer's mark weigh most; what many messages share weighs little. */
enum {
    POINTS_ONLY_OPEN_FIN = 40,  /* the one connection that ended with a bare FIN while a request was open */
    POINTS_OPEN_FIN = 20,       /* one of several */
    POINTS_OPEN = 6,            /* not answered */
    POINTS_ANOMALY = 30,
    POINTS_UNUSUAL = 12,
    POINTS_VERDICT = 6,
    POINTS_PARTIAL = 14,        /* began and never came to its end */
    POINTS_FIRST_OF_SHAPE = 20, /* nobody sent its like before */
    POINTS_LOST = 10,
    POINTS_NEW_SHAPE = 8,
    POINTS_RARE_LENGTH = 8,
    POINTS_NEW_CLIENT = 8,
    POINTS_NEAR = 6,
    POINTS_SEEN_BEFORE = 30,    /* the same shape came before an earlier death */
    SCORE_MOST = 100,
    POINTS_WAITED_BEFORE = 14,  /* of a silence: it waited when somebody else was answered last */
    POINTS_FIRST_UNANSWERED = 10, /* ... or was the first that was not answered */
    LONG_MESSAGE = 65536,
};
static const int64_t NEW_NS = SECONDS(2);    /* what was first seen so shortly before is new */
static const int64_t KNOWN_NS = SECONDS(1);  /* ... of a server that was watched for longer than that, */
static const int64_t WELL_KNOWN_NS = SECONDS(6); /* or much longer */
static const int64_t LEFT_NS = SECONDS(1);   /* who had left for longer was not there */
static const int64_t HANG_NS = MILLISECONDS(500); /* the one that hangs it is among those that came so shortly after its last word */
static const int64_t NEAR_NS = MILLISECONDS(300); /* a crash handler that writes a trace takes up to 200 ms */

struct doubt {
    uint32_t score;
    struct suspect *out;
};

static void PRINTF_LIKE(3, 4) suspect_because(struct doubt *d, uint32_t points, const char *format, ...)
{
    va_list arguments;
    d->score += points;
    if (d->out->reasons_used == REASONS_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(d->out->reasons[d->out->reasons_used++], REASON_TEXT_MAX, format, arguments);
    va_end(arguments);
}

static void by_ending(struct doubt *d, const struct last_words *w, const struct burst *b, const struct word *word)
{
    bool open = word->flags & WORD_OPEN && word->time_ns <= b->began_ns; /* what came later nobody read any more */
    bool bare = w->ended && w->manner == ENDING_FIN && w->farewell == FAREWELL_NONE;
    if (open && bare && b->bare_open_fins == 1)
        suspect_because(d, POINTS_ONLY_OPEN_FIN, "the only connection that ended with a bare FIN while its request was open: the server had read it");
    else if (open && bare)
        suspect_because(d, POINTS_OPEN_FIN, "its connection ended with a bare FIN while the request was open, as %u did", b->bare_open_fins);
    else if (open)
        suspect_because(d, POINTS_OPEN, "it was not answered");
}

static void by_message(struct doubt *d, const struct word *word)
{
    if (word->flags & WORD_ANOMALY)
        suspect_because(d, POINTS_ANOMALY, "malformed or illegal: %s", word->anomaly ? anomaly_row((enum anomaly)word->anomaly)->name : "?");
    else if (word->flags & WORD_UNUSUAL)
        suspect_because(d, POINTS_UNUSUAL, "unusual: %s", word->anomaly ? anomaly_row((enum anomaly)word->anomaly)->name : "?");
    if (word->flags & WORD_VERDICT)
        suspect_because(d, POINTS_VERDICT, "the server called it wrong");
    if (word->flags & WORD_PARTIAL)
        suspect_because(d, POINTS_PARTIAL, "it never came to its end");
    if (word->flags & WORD_LOST)
        suspect_because(d, POINTS_LOST, "the capture lost bytes of it: what it said is not known");
    if (word->length > LONG_MESSAGE)
        suspect_because(d, POINTS_RARE_LENGTH, "it is %u bytes long", word->length);
}

static void by_history(struct doubt *d, const struct ward *all, const struct chart *c, const struct last_words *w, const struct word *word)
{
    const struct seen_shape *shape = chart_shape(c, word->shape);
    bool watched = word->time_ns - c->first_ns > KNOWN_NS;
    bool well = word->time_ns - c->first_ns > WELL_KNOWN_NS;
    if (watched && shape && shape->packet == word->packet)
        suspect_because(d, POINTS_FIRST_OF_SHAPE, "no message of this shape came to this server before");
    else if (well && shape && word->time_ns - shape->first_ns < NEW_NS)
        suspect_because(d, POINTS_NEW_SHAPE, "messages of this shape came to this server for less than 2 s");
    for (uint32_t i = 0; i < c->clients_used; i++)
        if (well && memcmp(c->clients[i].address, w->client.address, 16) == 0 && word->time_ns - c->clients[i].first_ns < NEW_NS)
            suspect_because(d, POINTS_NEW_CLIENT, "a client that was not seen before");
    for (uint32_t i = 0; i < all->deaths_used; i++) {
        if (all->deaths[i].shape != word->shape)
            continue;
        TEXT_ON_STACK(when, 48);
        TEXT_ON_STACK(server, 64);
        text_add_time(&when, all->deaths[i].time_ns);
        text_add_address(&server, all->deaths[i].server.address);
        suspect_because(d, POINTS_SEEN_BEFORE, "packet of death, confirmed: this shape came before the death of %s:%u at %.19s too",
                        server.chars, all->deaths[i].server.port, when.chars);
        break;
    }
}

static uint32_t judge(const struct ward *all, const struct chart *c, const struct burst *b, const struct last_words *w, const struct word *word, struct suspect *out)
{
    struct doubt d = {0, out};
    *out = (struct suspect){.client = w->client, .flow_id = w->flow_id, .word = *word};
    memcpy(out->user, w->user, sizeof out->user);
    by_message(&d, word);
    by_ending(&d, w, b, word);
    by_history(&d, all, c, w, word);
    int64_t before_ns = b->began_ns - word->time_ns;
    if (before_ns < NEAR_NS && before_ns >= 0)
        suspect_because(&d, POINTS_NEAR, "%.1f ms before the first connection ended", (double)before_ns / 1e6);
    out->score = (uint8_t)(d.score > SCORE_MOST ? SCORE_MOST : d.score);
    return d.score;
}

/* More points first; of equal ones the later message, for whoever the server had answered by then is no killer. */
static bool is_worse(const struct suspect *a, uint32_t a_score, const struct suspect *b, uint32_t b_score)
{
    if (a_score != b_score)
        return a_score > b_score;
    return a->word.time_ns != b->word.time_ns ? a->word.time_ns > b->word.time_ns : a->flow_id < b->flow_id;
}

static void keep_suspect(struct incident *out, uint32_t scores[SUSPECTS_MAX], const struct suspect *one, uint32_t score)
{
    unsigned at = out->suspects_used;
    while (score && at > 0 && is_worse(one, score, &out->suspects[at - 1], scores[at - 1]))
        at--;
    if (!score || at == SUSPECTS_MAX)
        return;
    unsigned last = out->suspects_used < SUSPECTS_MAX ? out->suspects_used++ : SUSPECTS_MAX - 1;
    for (; last > at; last--) {
        out->suspects[last] = out->suspects[last - 1];
        scores[last] = scores[last - 1];
    }
    out->suspects[at] = *one;
    scores[at] = score;
}

static void rank_one(const struct ward *all, const struct chart *c, const struct burst *b, const struct last_words *w, struct incident *out,
                     uint32_t scores[SUSPECTS_MAX])
{
    struct suspect best = {0}, other;
    uint32_t best_score = 0;
    for (unsigned n = 0; n < w->words_used; n++) {
        uint32_t score = judge(all, c, b, w, &w->words[n], &other);
        if (score > best_score) {
            best_score = score;
            best = other;
        }
    }
    keep_suspect(out, scores, &best, best_score);
}

void suspects_rank(const struct ward *all, const struct chart *c, const struct burst *b, struct incident *out)
{
    uint32_t scores[SUSPECTS_MAX];
    out->suspects_used = 0;
    for (uint32_t i = 0; i < b->kept_used; i++)
        rank_one(all, c, b, &b->kept[i], out, scores);
    for (uint32_t i = 0; i < CHART_LEFT; i++)
        if (c->left[i].words_used && b->began_ns - c->left[i].time_ns < LEFT_NS && c->left[i].time_ns <= b->last_ns)
            rank_one(all, c, b, &c->left[i], out, scores);
}

/* A hang: the server had taken it up, perhaps, when it said its last word to anybody, or it was the first that came after. */
void suspects_wait(const struct ward *all, const struct chart *c, struct incident *out)
{
    uint32_t scores[SUSPECTS_MAX];
    int64_t last_ns = out->last_reply_ns;
    bool first = true;
    out->suspects_used = 0;
    for (uint32_t i = 0; i < c->waits_used; i++) {
        const struct last_words *w = &c->waits[i];
        struct suspect one = {.client = w->client, .flow_id = w->flow_id};
        struct doubt d = {0, &one};
        unsigned n = 0;
        while (n + 1 < w->words_used && w->words[n + 1].flags & WORD_OPEN) /* the oldest that is open */
            n++;
        bool open = w->words_used && w->words[n].flags & WORD_OPEN && w->packet > (uint64_t)last_ns;
        if (!open || w->words[n].time_ns > last_ns + HANG_NS) /* what came later found it silent */
            continue;
        one.word = w->words[n];
        memcpy(one.user, w->user, sizeof one.user);
        by_message(&d, &one.word);
        suspect_because(&d, POINTS_OPEN, "it waits for its answer");
        if (one.word.time_ns <= last_ns)
            suspect_because(&d, POINTS_WAITED_BEFORE, "it came %.1f ms before the last answer to anybody", (double)(last_ns - one.word.time_ns) / 1e6);
        else if (first)
            suspect_because(&d, POINTS_FIRST_UNANSWERED, "the first message after the last answer to anybody, %.1f ms after it", (double)(one.word.time_ns - last_ns) / 1e6);
        first = false;
        by_history(&d, all, c, w, &one.word);
        one.score = (uint8_t)(d.score > SCORE_MOST ? SCORE_MOST : d.score);
        keep_suspect(out, scores, &one, d.score);
    }
}
