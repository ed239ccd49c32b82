/*
 * dbhound tune: writes lines of threshold.config. Each says why, by whom and until when; it is read back by the parser before
 * the file changes, and what it would have hidden of the stored alerts is told.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "app/command.h"
#include "app/preview.h"
#include "app/query.h"
#include "app/render.h"
#include "app/ruleset.h"
#include "app/tuning_file.h"
#include "base/log.h"
#include "store/store.h"

enum { DAYS_DEFAULT = 30, TEXT_MOST = 400 };

enum verb { TUNE_SUPPRESS, TUNE_EXCEPT, TUNE_THRESHOLD, TUNE_RM };

struct tune {
    const struct options *options;
    enum verb verb;
    const char *path, *tag; /* tag: except of a tag instead of a sid */
    uint32_t gid, sid;
    unsigned line;          /* rm: this line instead of a sid */
    char until[16];         /* "" never */
    char lines[2 * TUNING_LINE_MAX];
    char *old_text, *new_text;
    unsigned removed;
    struct rule_set *old_rules, *new_rules;
    struct preview before, after;
    bool has_store;
};

/* ---- what is asked for */

static bool plain(const char *text, const char *what, struct error *why)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return error_set(why, EXIT_USAGE, "%s: one line, without control characters", what);
    return (*text && strlen(text) <= TEXT_MOST) || error_set(why, EXIT_USAGE, "%s: 1 to %d characters", what, TEXT_MOST);
}

static bool read_number(const char *text, uint32_t *number)
{
    char *end = NULL;
    const unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return *text >= '0' && *text <= '9' && !*end && value > 0 && value <= UINT32_MAX;
}

static bool read_subject(struct tune *t, struct error *why)
{
    const char *subject = t->options->operands[1];
    const char *colon = strchr(subject, ':');
    t->gid = 1;
    if (t->verb == TUNE_EXCEPT && strncmp(subject, "tag:", 4) == 0 && subject[4]) {
        t->tag = subject + 4;
        return strspn(t->tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(t->tag) ||
               error_set(why, EXIT_USAGE, "a tag is a word");
    }
    if (t->verb == TUNE_RM && strncmp(subject, "line:", 5) == 0)
        return read_number(subject + 5, &t->line) || error_set(why, EXIT_USAGE, "rm takes a sid, or line:N");
    char gid[16] = "1";
    if (colon && colon - subject < (ptrdiff_t)sizeof gid)
        snprintf(gid, sizeof gid, "%.*s", (int)(colon - subject), subject);
    if (!read_number(gid, &t->gid) || !read_number(colon ? colon + 1 : subject, &t->sid))
        return error_set(why, EXIT_USAGE, "'%.40s' is no sid (9002008, or GID:SID%s)", subject, t->verb == TUNE_EXCEPT ? ", or tag:NAME" : "");
    return true;
}

/* The day of --until; 30 days from now when nothing is said; "" never. */
static bool read_until(struct tune *t, struct error *why)
{
    const char *said = options_text(t->options, OPTION_UNTIL);
    struct tm day = {0};
    time_t now = time(NULL);
    if (t->verb == TUNE_THRESHOLD || (said && strcmp(said, "never") == 0)) {
        if (t->verb == TUNE_EXCEPT)
            return error_set(why, EXIT_USAGE, "an exception ends: --until a day");
        return !said || strcmp(said, "never") == 0 || error_set(why, EXIT_USAGE, "a threshold does not end: leave --until away");
    }
    if (!said) {
        now += (time_t)DAYS_DEFAULT * 86400;
        gmtime_r(&now, &day);
        strftime(t->until, sizeof t->until, "%Y-%m-%d", &day);
        return true;
    }
    const char *end = strptime(said, "%Y-%m-%d", &day);
    if (!end || *end)
        return error_set(why, EXIT_USAGE, "--until is a day such as 2027-03-31, or never");
    strftime(t->until, sizeof t->until, "%Y-%m-%d", &day);
    return timegm(&day) + 86400 > now || error_set(why, EXIT_USAGE, "--until %s is over", t->until);
}

static void add_quoted(struct text *out, const char *text)
{
    text_add(out, "\"");
    for (const char *c = text; *c; c++)
        text_add(out, "%s%c", *c == '"' || *c == '\\' || *c == ';' ? "\\" : "", *c);
    text_add(out, "\"");
}

static void add_subject(const struct tune *t, struct text *out)
{
    if (t->tag)
        text_add(out, "tag %s", t->tag);
    else if (t->verb == TUNE_EXCEPT && t->gid == 1)
        text_add(out, "sig_id %u", t->sid);
    else
        text_add(out, "gen_id %u, sig_id %u", t->gid, t->sid);
}

static bool write_lines(struct tune *t, struct error *why)
{
    static const char *const names[] = {"suppress", "except", "threshold"};
    const struct options *o = t->options;
    const char *reason = options_text(o, OPTION_REASON), *author = options_text(o, OPTION_AUTHOR), *words = o->operand_count > 2 ? o->operands[2] : "";
    struct text out = text_in(t->lines, sizeof t->lines);
    char today[16];
    time_t now = time(NULL);
    struct tm day;
    author = author ? author : getenv("USER") ? getenv("USER") : "unknown";
    if (!reason)
        return error_set(why, EXIT_USAGE, "say why with --reason: somebody will want to know");
    if (!plain(reason, "--reason", why) || !plain(author, "--author", why) || (*words && !plain(words, "the words of the line", why)) ||
        !read_until(t, why))
        return false;
    gmtime_r(&now, &day);
    strftime(today, sizeof today, "%Y-%m-%d", &day);
    if (t->verb == TUNE_EXCEPT) {
        text_add(&out, "#: on %s\nexcept ", today);
        add_subject(t, &out);
        if (*words)
            text_add(&out, ", where ");
        if (*words)
            add_quoted(&out, words);
        text_add(&out, ", until %s, reason ", t->until);
        add_quoted(&out, reason);
        text_add(&out, ", author ");
        add_quoted(&out, author);
    } else {
        text_add(&out, "#: on %s, %s%s%sreason ", today, *t->until ? "until " : "", t->until, *t->until ? ", " : "");
        add_quoted(&out, reason);
        text_add(&out, ", author ");
        add_quoted(&out, author);
        text_add(&out, "\n%s ", names[t->verb]);
        add_subject(t, &out);
        text_add(&out, "%s%s", *words ? ", " : "", words);
    }
    text_add(&out, "\n");
    return !out.cut || error_set(why, EXIT_USAGE, "the line is too long");
}

/* ---- reading it back */

/* A rule that is only in the store (of a file that is not named now) is taken from there. */
static void add_stored_rule(const struct tune *t, struct rule_set *set, struct sqlite3 *db)
{
    struct error ignored;
    uint32_t rule;
    if (!db || !t->sid || rules_find(set, t->gid, t->sid, &rule))
        return;
    sqlite3_stmt *row = query_number(db, "SELECT json_extract(why, '$.rule') FROM v_alerts WHERE sid = ?1 ORDER BY alert_id DESC LIMIT 1", t->sid, &ignored);
    if (row && sqlite3_step(row) == SQLITE_ROW)
        rules_add_text(set, "store", view_text(query_text(row, 0)));
    sqlite3_finalize(row);
}

static struct rule_set *load(const struct tune *t, const char *text, struct sqlite3 *db, struct error *why)
{
    struct rule_set *set = ruleset_open_plain(t->options, why);
    uint32_t rule;
    if (!set)
        return NULL;
    add_stored_rule(t, set, db);
    bool good = !t->sid || t->verb == TUNE_RM || rules_find(set, t->gid, t->sid, &rule) ||
                error_set(why, EXIT_DATA, "there is no rule %u (rules of a file: -s FILE)", t->sid);
    if (good)
        rules_add_tuning_text(set, t->path, view_text(text));
    if (good && rules_ready(set, why))
        return set;
    rules_close(set);
    return NULL;
}

static bool is_right(const struct tune *t, const struct rule_set *set, struct error *why)
{
    struct rule_problem problem;
    unsigned last = 0;
    for (const char *c = t->new_text; *c; c++)
        last += *c == '\n';
    for (size_t i = 0; rules_problem(set, i, &problem); i++)
        if (strcmp(problem.file, t->path) == 0)
            return error_set(why, EXIT_DATA, "%s:%u:%u: %.300s; nothing was changed", problem.file, problem.line, problem.column, problem.text);
    for (size_t i = 0; t->verb != TUNE_RM && rules_warning(set, i, &problem); i++)
        if (strcmp(problem.file, t->path) == 0 && problem.line == last)
            return error_set(why, EXIT_DATA, "%.300s; nothing was changed", problem.text);
    return true;
}

static bool look(struct tune *t, struct error *why)
{
    struct error none;
    struct sqlite3 *db = store_read(options_store(t->options), &none);
    bool good = db || none.code == EXIT_NO_INPUT || !options_have(t->options, OPTION_DB);
    if (!good)
        *why = none;
    t->has_store = db != NULL;
    good = good && (t->old_rules = load(t, t->old_text, db, why)) && (t->new_rules = load(t, t->new_text, db, why)) && is_right(t, t->new_rules, why);
    if (good && db)
        good = preview_count(t->old_rules, db, t->sid, &t->before, why) && preview_count(t->new_rules, db, t->sid, &t->after, why);
    sqlite3_close(db);
    return good;
}

/* ---- telling */

static void tell_json(const struct tune *t, bool written)
{
    TEXT_ON_STACK(hash, 32);
    ruleset_hash(t->new_rules, &hash);
    json_t *all = json_pack("{s:o, s:o, s:i, s:b, s:b, s:I, s:I, s:I, s:I, s:s}", "file", query_json_text(t->path), "lines", query_json_text(t->lines),
                            "removed", (int)t->removed, "written", written, "store", t->has_store, "alerts", (json_int_t)t->after.alerts,
                            "hidden_before", (json_int_t)t->before.hidden, "hidden", (json_int_t)t->after.hidden, "hidden_true",
                            (json_int_t)t->after.hidden_true, "rules_hash", hash.chars);
    json_dumpf(all, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(all);
}

static void tell(const struct tune *t, bool written)
{
    TEXT_ON_STACK(hash, 32);
    TEXT_ON_STACK(path, 1024);
    TEXT_ON_STACK(lines, 2 * TUNING_LINE_MAX);
    text_add_safe(&path, t->path);
    ruleset_hash(t->new_rules, &hash);
    for (const char *line = t->lines, *end; *line && (end = strchr(line, '\n')); line = end + 1) {
        text_add_escaped(&lines, view_of(line, (size_t)(end - line)));
        text_add(&lines, "\n");
    }
    fputs(lines.chars, stdout);
    if (t->verb == TUNE_RM)
        printf("%u line%s removed\n", t->removed, t->removed == 1 ? "" : "s");
    if (!t->has_store)
        printf("No store was asked: how many alerts this hides is not known (-d FILE).\n");
    else if (t->verb == TUNE_RM)
        printf("Of %llu stored alerts, %llu were hidden by this file and %llu are now.\n", (unsigned long long)t->after.alerts,
               (unsigned long long)t->before.hidden, (unsigned long long)t->after.hidden);
    else
        printf("Would have hidden %llu of %llu stored alerts, %llu of them already hidden before.\n", (unsigned long long)t->after.hidden,
               (unsigned long long)t->after.alerts, (unsigned long long)t->before.hidden);
    if (t->after.hidden_true)
        printf("Careful: %llu of them are marked true, confirmed or escalated.\n", (unsigned long long)t->after.hidden_true);
    printf("%s %s; the set is %s with it. --tuning %s uses it, `dbhound rules reload` tells a running watch.\n", path.chars,
           written ? "is written" : "is as it was", hash.chars, path.chars);
}

static bool prepare(struct tune *t, struct error *why)
{
    if (!read_subject(t, why) || (t->verb != TUNE_RM && !write_lines(t, why)) || !(t->old_text = tuning_file_read(t->path, why)))
        return false;
    t->new_text = t->verb == TUNE_RM ? tuning_text_remove(t->old_text, t->sid, t->line, &t->removed) : tuning_text_add(t->old_text, t->lines);
    if (!t->new_text)
        return error_set(why, EXIT_INTERNAL, "out of memory");
    return t->verb != TUNE_RM || t->removed || error_set(why, EXIT_NO_INPUT, "%s has no such line", t->path);
}

static int tune_run(const struct options *o)
{
    static const char *const verbs[] = {"suppress", "except", "threshold", "rm"};
    static const size_t most[] = {3, 3, 3, 2}, least[] = {2, 2, 3, 2};
    struct tune t = {.options = o, .path = options_text(o, OPTION_TUNING) ? options_text(o, OPTION_TUNING) : "threshold.config"};
    struct error why;
    unsigned verb = 0;
    while (verb < 4 && (!o->operand_count || strcmp(o->operands[0], verbs[verb]) != 0))
        verb++;
    if (verb == 4 || o->operand_count < least[verb] || o->operand_count > most[verb])
        return command_usage(&tune_command, "say `tune suppress SID [WORDS]`, `tune except SID|tag:NAME [CONDITION]`, `tune threshold SID WORDS` or `tune rm SID|line:N`");
    t.verb = (enum verb)verb;
    bool good = prepare(&t, &why) && look(&t, &why);
    const bool write = good && !options_have(o, OPTION_DRY_RUN);
    good = good && (!write || tuning_file_write(t.path, t.new_text, &why));
    if (good)
        (options_have(o, OPTION_JSON) ? tell_json : tell)(&t, write);
    if (t.old_rules)
        rules_close(t.old_rules);
    if (t.new_rules)
        rules_close(t.new_rules);
    free(t.old_text);
    free(t.new_text);
    return good ? EXIT_DONE : why.code == EXIT_USAGE ? command_usage(&tune_command, "%s", why.text) : command_fail(&tune_command, &why);
}

const struct command tune_command = {
    .name = "tune",
    .usage = "suppress SID [WORDS] | except SID|tag:NAME [CONDITION] | threshold SID WORDS | rm SID|line:N",
    .summary = "write lines of threshold.config, and say how many stored alerts they would have hidden",
    .examples = "dbhound tune except 9002008 \"db.user == 'etl' and net.client in {10.0.0.0/8}\" --reason 'INC-4711 nightly load'\n"
                "dbhound tune suppress 9002008 'track by_src, ip 10.0.0.5' --reason 'old driver' --until 2027-03-31\n"
                "dbhound tune threshold 9100001 'type limit, track by_src, count 1, seconds 3600' --reason 'one is enough'\n"
                "dbhound tune rm 9002008\n",
    .exits = "0 written; 64 usage; 65 the line, or another of the file, does not load: nothing was changed; 66 no such line, rules or store; "
             "73 and 74 the file cannot be written",
    .takes = TAKES(TUNING) | TAKES(REASON) | TAKES(AUTHOR) | TAKES(UNTIL) | TAKES(DRY_RUN) | TAKES(RULES) | TAKES(ONLY_RULES) | TAKES(DB) | TAKES(JSON),
    .run = tune_run,
};
