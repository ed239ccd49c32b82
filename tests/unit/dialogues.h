/*
 * Dialogues: clean conversations of one protocol, written line by line, and what every decoder must bear of them: any cut
 * into segments, any prefix, any change of a byte, a beginning that nobody saw. Then single damages, each in its place.
 */
#ifndef DBHOUND_TESTS_DIALOGUES_H
#define DBHOUND_TESTS_DIALOGUES_H

#include "drive.h"
#include "talk.h"

struct line {
    enum side from;
    const char *text;
    size_t length; /* 0: the text is for hex() */
};

#define CLIENT(text) {FROM_CLIENT, text, 0}
#define SERVER(text) {FROM_SERVER, text, 0}
#define CLIENT_BYTES(text) {FROM_CLIENT, text, sizeof text - 1}
#define SERVER_BYTES(text) {FROM_SERVER, text, sizeof text - 1}

struct dialogue {
    const char *name;
    const struct line *lines;
    size_t count;
    bool shapeless; /* one line is a message for each segment that carries it */
    enum anomaly told; /* clean, and not decoded from somewhere on: this one of the engine's is told of it, once; 0: nothing is */
};

#define DIALOGUE(name) {#name, name##_lines, sizeof name##_lines / sizeof name##_lines[0], false, 0}
#define DIALOGUE_TOLD(name, anomaly) {#name, name##_lines, sizeof name##_lines / sizeof name##_lines[0], false, anomaly}

/* Everything that one decoder is told. */
struct dialogues {
    const struct decoder *decoder;
    uint16_t port;
    const struct dialogue *all;
    size_t count;
};

/* Taken for a moment; a line in hex is made anew each time. */
static inline struct view line_take(const struct line *line)
{
    return line->length ? view_of(line->text, line->length) : hex(line->text);
}

static inline void line_give(const struct line *line, struct view bytes)
{
    if (!line->length)
        hex_free(bytes);
}

static inline void say_line(struct talk *t, const struct line *line)
{
    struct view bytes = line_take(line);
    talk(t, line->from, bytes);
    line_give(line, bytes);
}

/* Says the first `lines` lines, or all of them. */
static inline void say(struct talk *t, const struct dialogue *d, size_t lines)
{
    for (size_t i = 0; i < lines && i < d->count; i++)
        say_line(t, &d->lines[i]);
}

static inline const struct dialogue *dialogue_named(const struct dialogues *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->all[i].name, name) == 0)
            return &set->all[i];
    fail_msg("no dialogue %s", name);
    return NULL;
}

static inline struct talk *talk_after(const struct dialogues *set, const char *dialogue, size_t lines)
{
    struct talk *t = talk_open(set->decoder);
    say(t, dialogue_named(set, dialogue), lines);
    talk_expect_silence(t);
    talk_forget(t);
    return t;
}

/* Ends one side; what is reported is kept with the rest. */
static inline void talk_end(struct talk *t, enum side from, bool reset)
{
    talk_clear_findings(t, 0);
    t->decoder->end(t->state, from, reset, &t->findings);
    talk_keep(t);
}

/* Only what is not the traffic's fault may be told of clean traffic: of no protocol, and the least severe. */
static inline bool is_told(const struct dialogue *d, unsigned anomaly)
{
    if (!d->told || anomaly != d->told)
        return false;
    const struct anomaly_row *row = anomaly_row(d->told);
    return row->class == CLASS_UNDECODED && row->protocol == PROTOCOL_NONE && row->severity == 4;
}

/* The same of a line of a drive. */
static inline bool is_told_in(const struct dialogue *d, const char *line)
{
    if (!is_told(d, d->told))
        return false;
    const char *name = anomaly_row(d->told)->name;
    return strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ';
}

/* Takes what may be told out of the reports; how often that was. */
static inline unsigned talk_take_told(struct talk *t, const struct dialogue *d)
{
    unsigned kept = 0, told = 0;
    for (unsigned i = 0; i < t->reports_used; i++)
        if (is_told(d, t->reports[i].anomaly))
            told++;
        else
            t->reports[kept++] = t->reports[i];
    t->reports_used = kept;
    return told;
}

/* ---- the tests; each gets its dialogues as its state */

static inline void clean_dialogues_are_silent(void **state)
{
    const struct dialogues *set = *state;
    for (size_t i = 0; i < set->count; i++) {
        struct talk *t = talk_open(set->decoder);
        unsigned told = 0;
        for (size_t k = 0; k < set->all[i].count; k++) {
            say_line(t, &set->all[i].lines[k]);
            told += talk_take_told(t, &set->all[i]);
            if (t->reports_used || t->unread)
                print_error("dialogue %s, line %zu\n", set->all[i].name, k);
            assert_int_equal(t->unread, 0);
            talk_expect_silence(t);
        }
        assert_false(t->session.midstream);
        talk_end(t, FROM_SERVER, false);
        talk_end(t, FROM_CLIENT, false);
        if (t->reports_used)
            print_error("the end of dialogue %s\n", set->all[i].name);
        talk_expect_silence(t);
        assert_int_equal(told, set->all[i].told ? 1 : 0);
        talk_close(t);
    }
}

/* frame() asks for more bytes until it has enough, and then says the same as with all bytes at once. */
static inline void framing_does_not_depend_on_the_cut(void **state)
{
    const struct dialogues *set = *state;
    for (size_t i = 0; i < set->count; i++) {
        struct talk *t = talk_open(set->decoder);
        for (size_t k = 0; k < set->all[i].count; k++) {
            const struct line *line = &set->all[i].lines[k];
            struct view bytes = line_take(line);
            for (struct view left = bytes; left.length;) {
                struct frame whole = {0}, part;
                assert_int_equal(set->decoder->frame(t->state, line->from, cursor_over(left), &whole), FRAME_READY);
                for (size_t have = 0; have < left.length && have < whole.total; have++) {
                    uint8_t *exact = malloc(have ? have : 1);
                    memcpy(exact, left.bytes, have);
                    if (set->decoder->frame(t->state, line->from, cursor_over(view_of(exact, have)), &part) == FRAME_READY) {
                        assert_int_equal(part.total, whole.total);
                        assert_int_equal(part.wanted, whole.wanted);
                    }
                    free(exact);
                }
                talk(t, line->from, view_head(left, (size_t)whole.total));
                left = view_from(left, (size_t)whole.total);
            }
            line_give(line, bytes);
        }
        talk_expect_silence(t);
        talk_close(t);
    }
}

static inline void drive_pieces(struct drive *d, enum side from, struct view bytes, size_t size)
{
    for (struct view left = bytes; left.length;) {
        struct view part = view_head(left, size ? size : left.length);
        drive_bytes(d, from, part);
        left = view_from(left, part.length);
    }
}

static inline void drive_line(struct drive *d, const struct line *line, size_t size)
{
    struct view bytes = line_take(line);
    drive_pieces(d, line->from, bytes, size);
    line_give(line, bytes);
}

/* Through the room that buffers: whole, and in segments of every size up to 12 bytes. */
static inline void segments_do_not_matter(void **state)
{
    const struct dialogues *set = *state;
    static struct drive d;
    assert_true(drive_open(&d));
    for (size_t i = 0; i < set->count; i++) {
        unsigned whole = 0;
        for (size_t size = 0; size < 13; size++) {
            drive_start(&d, set->port, false);
            d.flow.server.address[14] = (uint8_t)i; /* each to a server of its own: they do not all offer the same */
            for (size_t k = 0; k < set->all[i].count; k++)
                drive_line(&d, &set->all[i].lines[k], size);
            unsigned messages = d.messages;
            drive_end(&d, END_FIN, FROM_CLIENT);
            unsigned told = set->all[i].told ? 1 : 0;
            for (unsigned k = 0; k < d.lines_used; k++)
                if (k >= told || !is_told_in(&set->all[i], d.lines[k]))
                    fail_msg("%s in segments of %zu: %s", set->all[i].name, size, d.lines[k]);
            assert_int_equal(d.lines_used, told);
            if (!size)
                whole = messages;
            if (!set->all[i].shapeless)
                assert_int_equal(messages, whole);
        }
    }
    drive_close(&d);
}

/* A talk that stands where `before` stands, so that the next line can be said in many ways. `used`: one that is done with,
 * or NULL; opening a talk costs more than most lines. */
static inline struct talk *talk_again(struct talk *used, const struct talk *before, const struct dialogue *d, size_t lines)
{
    if (used && before->note_blocks.in_use) { /* notes cannot be copied */
        talk_close(used);
        used = NULL;
    }
    struct talk *t = used ? used : talk_open(before->decoder);
    notes_clear(&t->notes);
    talk_forget(t);
    if (before->note_blocks.in_use) {
        say(t, d, lines);
        return t;
    }
    memcpy(t->state, before->state, sizeof t->state);
    t->session = before->session;
    return t;
}

/* The rest of the dialogue follows on whatever state the damage left. */
static inline struct talk *say_damaged(struct talk *used, const struct talk *before, const struct dialogue *d, size_t damaged, struct view bytes)
{
    struct talk *t = talk_again(used, before, d, damaged);
    talk(t, d->lines[damaged].from, bytes);
    for (size_t i = damaged + 1; i < d->count; i++)
        say_line(t, &d->lines[i]);
    talk_end(t, FROM_SERVER, true);
    talk_end(t, FROM_CLIENT, false);
    return t;
}

/* Calls `change` for every line of every dialogue, with what was said before it. */
static inline void dialogues_each(const struct dialogues *set,
                                  void change(const struct talk *before, const struct dialogue *d, size_t k, struct view bytes))
{
    for (size_t i = 0; i < set->count; i++)
        for (size_t k = 0; k < set->all[i].count; k++) {
            const struct line *line = &set->all[i].lines[k];
            struct view bytes = line_take(line);
            struct talk *before = talk_open(set->decoder);
            say(before, &set->all[i], k);
            change(before, &set->all[i], k, bytes);
            talk_close(before);
            line_give(line, bytes);
        }
}

static inline void each_prefix(const struct talk *before, const struct dialogue *d, size_t k, struct view bytes)
{
    struct talk *t = NULL;
    for (size_t length = 0; length < bytes.length; length++) {
        uint8_t *exact = malloc(length ? length : 1);
        memcpy(exact, bytes.bytes, length);
        t = say_damaged(t, before, d, k, view_of(exact, length));
        free(exact);
    }
    if (t)
        talk_close(t);
}

static inline void every_prefix(void **state)
{
    dialogues_each(*state, each_prefix);
}

static inline void each_byte(const struct talk *before, const struct dialogue *d, size_t k, struct view bytes)
{
    uint8_t *changed = malloc(bytes.length);
    struct talk *t = NULL;
    memcpy(changed, bytes.bytes, bytes.length);
    for (size_t at = 0; at < bytes.length; at++) {
        for (unsigned value = 1; value < 256; value++) {
            changed[at] = (uint8_t)(bytes.bytes[at] ^ value);
            t = talk_again(t, before, d, k);
            talk(t, d->lines[k].from, view_of(changed, bytes.length));
        }
        changed[at] = (uint8_t)~bytes.bytes[at];
        t = say_damaged(t, before, d, k, view_of(changed, bytes.length));
        changed[at] = bytes.bytes[at];
    }
    if (t)
        talk_close(t);
    free(changed);
}

static inline void every_change_of_a_byte(void **state)
{
    dialogues_each(*state, each_byte);
}

/* Losing all that was said before any line leaves nothing to complain about but what the server says itself, and nothing to
 * tell of that is not told of the whole. */
static inline void joined_in_the_middle(void **state)
{
    const struct dialogues *set = *state;
    static struct drive d;
    assert_true(drive_open(&d));
    for (size_t i = 0; i < set->count; i++)
        for (size_t from = 1; from < set->all[i].count && !set->all[i].shapeless; from++) {
            drive_start(&d, set->port, true);
            for (size_t k = from; k < set->all[i].count; k++)
                drive_line(&d, &set->all[i].lines[k], 0);
            drive_end(&d, END_FIN, FROM_SERVER);
            unsigned told = 0;
            for (unsigned k = 0; k < d.lines_used; k++)
                if (is_told_in(&set->all[i], d.lines[k]) && !told)
                    told++;
                else if (!strstr(d.lines[k], ".rejected ") || strstr(d.lines[k], ".rejected client"))
                    fail_msg("%s from line %zu: %s", set->all[i].name, from, d.lines[k]);
        }
    drive_close(&d);
}

#define DIALOGUE_TESTS(set)                                                                                          \
    cmocka_unit_test_prestate(clean_dialogues_are_silent, set), cmocka_unit_test_prestate(segments_do_not_matter, set), \
        cmocka_unit_test_prestate(every_prefix, set), cmocka_unit_test_prestate(every_change_of_a_byte, set),        \
        cmocka_unit_test_prestate(joined_in_the_middle, set)

/* ---- single damages: each continues a clean dialogue, must be flagged with its field and offset, and has a legal neighbour */

struct damage {
    const char *name;
    const char *dialogue; /* said before, up to `lines` lines */
    size_t lines;
    enum side from;
    enum anomaly anomaly;
    enum field field;
    uint32_t offset;      /* in the message */
    const char *bad;      /* for hex() */
    const char *good;     /* NULL: nothing may stand here */
};

/* The server's own verdict (severity 4) may stand beside it. */
static inline void expect_only(const struct talk *t, const struct damage *row)
{
    const struct report *found = talk_find(t, row->anomaly);
    for (unsigned i = 0; i < t->reports_used; i++) {
        const struct anomaly_row *other = anomaly_row((enum anomaly)t->reports[i].anomaly);
        if (t->reports[i].anomaly != row->anomaly && other->severity < 4)
            fail_msg("%s: also %s", row->name, other->name);
    }
    if (!found)
        fail_msg("%s: not found", row->name);
    if (found->field != row->field || found->offset != row->offset)
        fail_msg("%s: %s at %u", row->name, field_name((enum field)found->field), found->offset);
    assert_true(anomaly_row(row->anomaly)->protocol == t->decoder->protocol);
}

static inline void damage_expect(const struct dialogues *set, const struct damage *row, struct view bad, struct view good)
{
    struct talk *t = talk_after(set, row->dialogue, row->lines);
    talk(t, row->from, bad);
    expect_only(t, row);
    talk_close(t);
    if (!row->good)
        return;
    t = talk_after(set, row->dialogue, row->lines);
    talk(t, row->from, good);
    if (t->reports_used)
        print_error("legal neighbour of: %s\n", row->name);
    talk_expect_silence(t);
    talk_close(t);
}

static inline void run_damage(const struct dialogues *set, const struct damage *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct view bad = hex(rows[i].bad), good = hex(rows[i].good ? rows[i].good : "");
        damage_expect(set, &rows[i], bad, good);
        hex_free(bad);
        hex_free(good);
    }
}

#endif
