/* dbhound show ALERT: why one alert fired. */
#include <sqlite3.h>

#include "app/command.h"
#include "app/show.h"
#include "store/store.h"

static int run(const struct options *o)
{
    struct error why;
    struct screen screen;
    struct shown alert;
    int64_t id = 0;
    if (!command_number(&show_command, o, "alert", &id, &why) || !screen_open(&screen, stdout, o, &why))
        return command_fail(&show_command, &why);
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&show_command, &why);
    bool found = shown_read(&alert, db, id, &why);
    sqlite3_close(db);
    alert.store = options_text(o, OPTION_DB);
    if (found && options_have(o, OPTION_JSON))
        shown_print_json(&alert, stdout);
    else if (found)
        shown_print(&alert, &screen);
    shown_free(&alert);
    return found ? EXIT_DONE : command_fail(&show_command, &why);
}

const struct command show_command = {
    .name = "show",
    .usage = "ALERT [-d FILE] [--json]",
    .summary = "say why an alert fired: what was read, what was expected, the message and the connection around it",
    .examples = "dbhound show 1\n"
                "dbhound show 1 --color always | less -R\n"
                "dbhound show 1 --json | jq .why.tree\n",
    .exits = "0 done; 64 wrong usage; 65 not a dbhound store; 66 no such store or alert; 74 read error",
    .takes = TAKES(DB) | TAKES(JSON),
    .run = run,
};
