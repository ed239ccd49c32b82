/* dbhound rules stats: what each rule came to, run by run, from the store. */
#include <sqlite3.h>
#include <string.h>

#include "app/query.h"
#include "app/render.h"
#include "app/rules_verbs.h"

static void add_number(struct listing *table, sqlite3_stmt *row, int column, bool grouped)
{
    TEXT_ON_STACK(cell, 32);
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        text_add(&cell, "-");
    else if (grouped)
        text_add_number(&cell, (uint64_t)sqlite3_column_int64(row, column));
    else
        text_add(&cell, "%lld", (long long)sqlite3_column_int64(row, column));
    listing_add(table, cell.chars, PAINT_NONE);
}

static bool tell(const struct options *o, sqlite3_stmt *row, struct error *why)
{
    static const char *const titles[] = {">SID", ">ASKED", ">TRUE", ">PASSED", ">NS", ">STORED", "MSG", NULL};
    struct screen screen;
    struct listing table;
    int result;
    json_t *list = options_have(o, OPTION_JSON) ? json_array() : NULL;
    if (!screen_open(&screen, stdout, o, why)) {
        json_decref(list);
        sqlite3_finalize(row);
        return false;
    }
    listing_open(&table, titles);
    while ((result = sqlite3_step(row)) == SQLITE_ROW) {
        if (list) {
            json_array_append_new(list, query_row(row));
            continue;
        }
        for (int column = 0; column < 6; column++)
            add_number(&table, row, column, column > 0);
        listing_add(&table, query_text(row, 6), PAINT_NONE);
    }
    if (!query_done(row, result, why)) {
        listing_free(&table);
        json_decref(list);
        return false;
    }
    if (list) {
        listing_free(&table);
        json_dumpf(list, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
        json_decref(list);
    } else {
        listing_print(&table, &screen);
    }
    return true;
}

/* What was silenced or hidden in all runs, by what hid it. */
static bool tell_hidden(struct sqlite3 *db, struct error *why)
{
    static const struct {
        const char *counter, *words;
    } rows[] = {{"alerts.passed", "silenced by pass rules"}, {"alerts.dropped.suppressed", "hidden by suppress, rate_filter and anomaly lines"},
                {"alerts.dropped.excepted", "hidden by exceptions"}, {"alerts.dropped.threshold", "held back by thresholds"},
                {"alerts.dropped.rate", "below their rule's rate"}, {"alerts.dropped.xbits", "without the xbits that their rule asks for"}};
    sqlite3_stmt *row = query_number(db, "SELECT name, sum(value) FROM v_run_counters GROUP BY name HAVING sum(value) > 0 ORDER BY name", 0, why);
    int result = SQLITE_DONE;
    while (row && (result = sqlite3_step(row)) == SQLITE_ROW) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (strcmp(query_text(row, 0), rows[i].counter) != 0)
                continue;
            TEXT_ON_STACK(line, 128);
            text_add_number(&line, (uint64_t)sqlite3_column_int64(row, 1));
            text_add(&line, " %s", rows[i].words);
            printf("%s\n", line.chars);
        }
    }
    return row && query_done(row, result, why);
}

int rules_stats_run(const struct options *o)
{
    struct error why;
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&rules_command, &why);
    sqlite3_stmt *row = query_number(db, "SELECT s.sid, sum(s.evaluated) AS evaluated, sum(s.matched) AS matched, sum(s.suppressed) AS suppressed,"
                                     " sum(s.cost_ns) AS cost_ns, coalesce(a.stored, 0) AS stored, coalesce(a.msg, '') AS msg FROM v_rule_stats s LEFT JOIN"
                                     " (SELECT sid, sum(count) AS stored, max(msg) AS msg FROM v_alerts GROUP BY sid) a ON a.sid = s.sid"
                                     " GROUP BY s.sid ORDER BY evaluated DESC, matched DESC, s.sid", 0, &why);
    const bool good = row && tell(o, row, &why) && (options_have(o, OPTION_JSON) || tell_hidden(db, &why));
    sqlite3_close(db);
    return good ? EXIT_DONE : command_fail(&rules_command, &why);
}
