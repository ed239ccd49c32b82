/*
 * Talks to one decoder without packets: bytes of one side go in, are framed and decoded in place, and every anomaly that
 * comes out is kept by name. What the engine guards is asserted here.
 */
#ifndef DBHOUND_TESTS_TALK_H
#define DBHOUND_TESTS_TALK_H

#include <stdio.h>

#include "check.h"
#include "proto/decoder.h"
#include "proto/notes.h"

struct unpacker *unpacker_open(struct arena *from); /* src/proto/dialogue.h, which has names that tests use, too */

enum { TALK_BYTES_MAX = 1 << 20, TALK_REPORTS_MAX = 64 };

struct talk {
    const struct decoder *decoder;
    _Alignas(16) uint8_t state[DECODER_STATE_MAX];
    struct session session;
    struct notes notes;
    struct arena arena;
    struct pool note_blocks, note_tables;
    struct unpacker *unpacker;
    struct findings findings;       /* of the last message */
    enum verdict verdict;           /* of the last message */
    unsigned messages;
    struct report reports[TALK_REPORTS_MAX]; /* of all messages since the last talk_forget */
    unsigned reports_used;
    struct fact_kind_count { unsigned seen[32]; } facts;
    size_t unread;                  /* bytes of the last talk() that did not make a message */
};

static inline struct talk *talk_open(const struct decoder *decoder)
{
    struct error why;
    struct talk *t = calloc(1, sizeof *t);
    t->decoder = decoder;
    assert_true(decoder->state_size <= DECODER_STATE_MAX);
    assert_true(arena_open(&t->arena, 4 << 20, &why));
    assert_true(pool_open(&t->note_blocks, &t->arena, sizeof(struct note), 512));
    assert_true(pool_open(&t->note_tables, &t->arena, sizeof(struct note_table), 4));
    t->unpacker = unpacker_open(&t->arena);
    assert_non_null(t->unpacker);
    t->notes.blocks = &t->note_blocks;
    t->notes.tables = &t->note_tables;
    t->session.phase = PHASE_PRE_AUTH;
    return t;
}

static inline void talk_close(struct talk *t)
{
    notes_clear(&t->notes);
    assert_int_equal(t->note_blocks.in_use, 0);
    arena_close(&t->arena);
    free(t);
}

static inline void talk_forget(struct talk *t)
{
    t->reports_used = 0;
    t->messages = 0;
    memset(&t->facts, 0, sizeof t->facts);
}

static inline void talk_clear_findings(struct talk *t, uint64_t length)
{
    memset(&t->findings, 0, sizeof t->findings);
    t->findings.session = &t->session;
    t->findings.notes = &t->notes;
    t->findings.unpacker = t->unpacker;
    t->findings.message_length = length;
}

static inline void talk_keep(struct talk *t)
{
    for (unsigned i = 0; i < t->findings.reports_used; i++)
        if (t->reports_used < TALK_REPORTS_MAX)
            t->reports[t->reports_used++] = t->findings.reports[i];
    for (unsigned i = 0; i < t->findings.facts_used; i++)
        t->facts.seen[t->findings.facts[i].kind]++;
}

/* As the engine does it: what a compressed message opened to comes next. */
static inline void talk_opened(struct talk *t, enum side from)
{
    struct view opened = t->findings.opened;
    uint64_t length = t->findings.opened_length;
    uint8_t *exact = malloc(opened.length);
    memcpy(exact, opened.bytes, opened.length);
    talk_clear_findings(t, length);
    t->verdict = t->decoder->message(t->state, from, cursor_over(view_of(exact, opened.length)), &t->findings);
    talk_keep(t);
    free(exact);
}

/* Frames and decodes `bytes` of one side; stops at the first verdict that is not OK, or when more bytes are needed. Each
 * message is decoded from a heap block of exactly its wanted size. */
static inline void talk(struct talk *t, enum side from, struct view bytes)
{
    for (;;) {
        struct frame frame = {0};
        t->unread = bytes.length;
        if (t->decoder->frame(t->state, from, cursor_over(bytes), &frame) == FRAME_NEEDS_MORE)
            return;
        assert_true(frame.wanted > 0 && frame.wanted <= frame.total && frame.wanted <= MESSAGE_BYTES_MAX);
        if (frame.wanted > bytes.length)
            return;
        uint8_t *exact = malloc(frame.wanted);
        memcpy(exact, bytes.bytes, frame.wanted);
        talk_clear_findings(t, frame.total);
        t->verdict = t->decoder->message(t->state, from, cursor_over(view_of(exact, frame.wanted)), &t->findings);
        for (unsigned i = 0; i < t->findings.fields_used; i++)
            assert_true(t->findings.fields[i].offset <= frame.wanted &&
                        t->findings.fields[i].length <= frame.total - t->findings.fields[i].offset);
        for (unsigned i = 0; i < t->findings.reports_used; i++)
            assert_true(t->findings.reports[i].offset <= frame.total);
        talk_keep(t);
        free(exact);
        t->messages++;
        if (t->findings.opened.length && t->verdict == VERDICT_OK)
            talk_opened(t, from);
        if (frame.total > bytes.length) {
            t->unread = 0;
            return;
        }
        bytes = view_from(bytes, (size_t)frame.total);
        t->unread = bytes.length;
        if ((t->verdict != VERDICT_OK && t->verdict != VERDICT_TLS_CARRIED) || bytes.length == 0)
            return;
    }
}

/* The same for hex text. */
static inline void talk_hex(struct talk *t, enum side from, const char *written)
{
    struct view bytes = hex(written);
    talk(t, from, bytes);
    hex_free(bytes);
}

static inline const struct report *talk_find(const struct talk *t, enum anomaly anomaly)
{
    for (unsigned i = 0; i < t->reports_used; i++)
        if (t->reports[i].anomaly == anomaly)
            return &t->reports[i];
    return NULL;
}

/* Fails with the names of what was reported when anything was. */
static inline void talk_expect_silence(const struct talk *t)
{
    for (unsigned i = 0; i < t->reports_used; i++)
        print_error("reported %s at %u\n", anomaly_row((enum anomaly)t->reports[i].anomaly)->name, t->reports[i].offset);
    assert_int_equal(t->reports_used, 0);
}

/* After a gap, in bytes given as hex: where the next message surely begins. */
struct boundary {
    const char *name;
    enum side from;
    const char *hex;
    int offset; /* -1: none is sure */
};

static inline void talk_expect_boundaries(const struct decoder *decoder, const struct boundary *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct talk *t = talk_open(decoder);
        struct view bytes = hex(rows[i].hex);
        size_t offset = 999;
        bool found = decoder->resync(t->state, rows[i].from, cursor_over(bytes), &offset);
        if (found != (rows[i].offset >= 0) || (found && offset != (size_t)rows[i].offset))
            fail_msg("%s: %d at %zu", rows[i].name, found, offset);
        hex_free(bytes);
        talk_close(t);
    }
}

/* Every row of the catalogue has its words, and belongs to its protocol's block of a thousand numbers. */
static inline void talk_expect_catalogue(const struct decoder *decoder, unsigned block, unsigned least)
{
    size_t length = strlen(decoder->name);
    unsigned rows = 0;
    for (unsigned i = 1; i < ANOMALIES; i++) {
        const struct anomaly_row *row = anomaly_row((enum anomaly)i);
        if (row->protocol != decoder->protocol)
            continue;
        rows++;
        assert_true(row->number >= block && row->number < block + 1000);
        assert_memory_equal(row->name, decoder->name, length);
        assert_int_equal(row->name[length], '.');
        assert_true(*row->title && *row->meaning && *row->legal && *row->spec && *row->benign);
    }
    assert_true(rows >= least);
}

#endif
