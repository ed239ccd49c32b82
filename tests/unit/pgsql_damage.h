/* Tables of damaged messages: each continues a clean dialogue, must be flagged with its field and offset and nothing
 * else, and has a legal neighbour that stays silent. */
#ifndef DBHOUND_TESTS_PGSQL_DAMAGE_H
#define DBHOUND_TESTS_PGSQL_DAMAGE_H

#include "pgsql_dialogues.h"

struct damage {
    const char *name;
    const char *dialogue; /* said before, up to `lines` lines */
    size_t lines;
    enum side from;
    enum anomaly anomaly;
    enum field field;
    uint32_t offset;      /* in the message */
    const char *bad;
    const char *good;     /* NULL: nothing may stand here */
};

static inline struct talk *talk_after(const char *dialogue, size_t lines)
{
    struct talk *t = talk_open(&pgsql_decoder);
    say(t, dialogue_named(dialogue), lines);
    talk_expect_silence(t);
    talk_forget(t);
    return t;
}

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
    assert_true(anomaly_row(row->anomaly)->protocol == PROTOCOL_PGSQL);
}

static inline void run_damage(const struct damage *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct talk *t = talk_after(rows[i].dialogue, rows[i].lines);
        talk_hex(t, rows[i].from, rows[i].bad);
        expect_only(t, &rows[i]);
        talk_close(t);
        if (!rows[i].good)
            continue;
        t = talk_after(rows[i].dialogue, rows[i].lines);
        talk_hex(t, rows[i].from, rows[i].good);
        if (t->reports_used)
            print_error("legal neighbour of: %s\n", rows[i].name);
        talk_expect_silence(t);
        talk_close(t);
    }
}

#endif
