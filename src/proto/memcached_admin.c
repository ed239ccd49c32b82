/*
 * Administrative commands of Memcached's text protocol: stats, slabs, lru, lru_crawler (proto_text.c, process_stat,
 * process_slabs_command, process_lru_command, process_lru_crawler_command). Forms that depend on how a server was built or
 * started, and words that later versions know, are left to the server's answer.
 */
#include "model/name.h"
#include "proto/memcached.h"

static void wrong_number(struct memcached_reading *r, uint32_t word)
{
    memcached_word_defect(r, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_ARGUMENT, word, "a decimal number");
}

static void few(struct memcached_reading *r, uint32_t least)
{
    memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_ARGUMENT_COUNT, .field = FIELD_MEMCACHED_ARGUMENTS,
                                        .relation = MUST_REACH, .offset = (uint32_t)r->line.text.length, .length = 0,
                                        .got = r->line.used - 1, .expected = least - 1, .note = "words behind the command"});
}

static void wrong_form(struct memcached_reading *r, const char *note)
{
    memcached_word_defect(r, ANOMALY_MEMCACHED_SUBCOMMAND, FIELD_MEMCACHED_SUBCOMMAND, 1, note);
}

static void note_subcommand(struct memcached_reading *r)
{
    if (r->line.used > 1)
        note_field(r->out, FIELD_MEMCACHED_SUBCOMMAND, r->line.words[1].offset, r->line.words[1].length, 0);
}

static bool is_number(struct memcached_reading *r, uint32_t word, bool negative)
{
    struct view text = memcached_word(&r->line, word);
    bool good = negative ? memcached_strtol(text).good : memcached_strtoul(text).good;
    if (!good)
        wrong_number(r, word);
    return good;
}

void memcached_stats(struct memcached_reading *r)
{
    const struct memcached_line *line = &r->line;
    note_subcommand(r);
    if (memcached_is(line, 1, "detail")) {
        if (line->used < 3)
            few(r, 3);
        else if (!memcached_is(line, 2, "on") && !memcached_is(line, 2, "off") && !memcached_is(line, 2, "dump"))
            memcached_word_defect(r, ANOMALY_MEMCACHED_SUBCOMMAND, FIELD_MEMCACHED_ARGUMENT, 2, "on, off or dump");
    } else if (memcached_is(line, 1, "cachedump")) {
        if (line->used < 4)
            few(r, 4);
        else if (is_number(r, 2, false))
            (void)is_number(r, 3, false);
    }
}

/* Legal, and harmful to some versions. */
static void class_range(struct memcached_reading *r, uint32_t word, int64_t least)
{
    int64_t number = (int64_t)memcached_strtol(memcached_word(&r->line, word)).value;
    if (number < least || number > 63)
        memcached_word_remark(r, ANOMALY_MEMCACHED_SLABS_ARGUMENT, FIELD_MEMCACHED_ARGUMENT, word, "a slab class");
}

static void automove(struct memcached_reading *r)
{
    const struct memcached_line *line = &r->line;
    r->noreply = memcached_is(line, line->used - 1, "noreply");
    if (memcached_is(line, 2, "ratio")) {
        if (line->used < 4)
            few(r, 4);
        else if (!memcached_strtod(memcached_word(line, 3)))
            wrong_number(r, 3);
    } else if (memcached_is(line, 2, "window")) {
        struct memcached_number n = memcached_strtoul(memcached_word(line, 3));
        if (!n.good || n.value < 3 || n.value > 1800)
            memcached_word_remark(r, ANOMALY_MEMCACHED_SLABS_ARGUMENT, FIELD_MEMCACHED_ARGUMENT, 3, "3 to 1800");
    } else if (!memcached_is(line, 2, "freeratio") && is_number(r, 2, false) &&
               memcached_strtoul(memcached_word(line, 2)).value > 2) {
        memcached_word_defect(r, ANOMALY_MEMCACHED_SUBCOMMAND, FIELD_MEMCACHED_ARGUMENT, 2, "0, 1 or 2");
    }
}

void memcached_slabs(struct memcached_reading *r)
{
    note_subcommand(r);
    if (r->line.used == 4 && memcached_is(&r->line, 1, "reassign")) {
        if (is_number(r, 2, true) && is_number(r, 3, true)) {
            class_range(r, 2, -1);
            class_range(r, 3, 0);
        }
    } else if (r->line.used >= 3 && memcached_is(&r->line, 1, "automove")) {
        automove(r);
    } else {
        wrong_form(r, "reassign with two classes, or automove with a mode");
    }
}

static void tune(struct memcached_reading *r)
{
    if (is_number(r, 2, false) && is_number(r, 3, false))
        for (uint32_t word = 4; word < 6 && !r->bad; word++)
            if (!memcached_strtod(memcached_word(&r->line, word)))
                wrong_number(r, word);
}

void memcached_lru(struct memcached_reading *r)
{
    const struct memcached_line *line = &r->line;
    note_subcommand(r);
    bool mode = memcached_is(line, 1, "mode"), ttl = memcached_is(line, 1, "temp_ttl"), tuned = memcached_is(line, 1, "tune");
    if (!mode && !ttl && !tuned)
        wrong_form(r, "tune, mode or temp_ttl");
    else if (line->used < (tuned ? 6u : 3u))
        few(r, tuned ? 6 : 3);
    else if (tuned)
        tune(r);
    else if (ttl)
        (void)is_number(r, 2, true);
    else if (!memcached_is(line, 2, "flat") && !memcached_is(line, 2, "segmented"))
        memcached_word_defect(r, ANOMALY_MEMCACHED_SUBCOMMAND, FIELD_MEMCACHED_ARGUMENT, 2, "flat or segmented");
}

void memcached_lru_crawler(struct memcached_reading *r)
{
    const struct memcached_line *line = &r->line;
    note_subcommand(r);
    if (line->used == 2 && (memcached_is(line, 1, "enable") || memcached_is(line, 1, "disable")))
        return;
    bool counts = memcached_is(line, 1, "tocrawl") || memcached_is(line, 1, "sleep");
    bool walks = memcached_is(line, 1, "crawl") || memcached_is(line, 1, "metadump") || memcached_is(line, 1, "mgdump");
    if (line->used == 3 && counts)
        (void)is_number(r, 2, false);
    else if (!walks || line->used < 3 || (line->used > 3 && memcached_is(line, 1, "crawl")))
        wrong_form(r, "enable, disable, crawl, metadump, sleep or tocrawl with its argument");
}
