/*
 * dbhound rules from-alert ALERT: two drafts of a rule from what an alert says. The narrow one wants the same kind of message with
 * the same wrong bytes in the same place, the wide one only what is wrong. Both are read back and asked about the alert's message
 * and its sample before they are shown. A person decides what becomes of them.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "app/kept.h"
#include "app/query.h"
#include "app/rules_verbs.h"
#include "app/trial.h"
#include "detect/explain.h"
#include "store/store.h"

enum { RULE_TEXT_MAX = 4096, BYTES_MOST = 32, DRAFT_SID = 1000000 };

struct draft_rule {
    const char *width;
    char text[RULE_TEXT_MAX];
    bool is_true;     /* of the alert's message */
    uint64_t alerts;  /* in the sample */
};

/* Text of a rule between quotes: what the wire said cannot end it. */
static void add_quoted(struct text *t, const char *words)
{
    for (const char *c = words; *c; c++)
        text_add(t, "%s%c", strchr("\"\\;", *c) ? "\\" : "", *c >= ' ' && *c <= '~' ? *c : '?');
}

static void begin(struct text *t, const struct shown *a, const char *width, bool with_port)
{
    const bool to_client = strcmp(shown_text(a, "direction"), "to_client") == 0;
    char port[16] = "any";
    if (with_port)
        snprintf(port, sizeof port, "%d", (int)shown_number(a, "server_port"));
    text_add(t, "alert %s any %s -> any %s (msg:\"%s: ", shown_text(a, "proto"), to_client ? port : "any", to_client ? "any" : port, width);
    add_quoted(t, shown_text(a, "msg"));
    text_add(t, "\"; flow:%s;", to_client ? "to_client" : "to_server");
}

static void end(struct text *t, const struct shown *a, unsigned wide)
{
    text_add(t, " priority:%d; metadata:dbhound_class %s, tag drafted; sid:%lld; rev:1;)", (int)shown_number(a, "severity"), shown_text(a, "class"),
             (long long)(DRAFT_SID + 2 * shown_number(a, "alert_id") + wide));
}

/* The value that the alert's field has in the message, when it is a number. */
static bool number_of(const struct kept_message *k, enum field field, uint64_t *value)
{
    for (unsigned i = 0; i < k->findings.fields_used; i++) {
        *value = k->findings.fields[i].value;
        if (k->findings.fields[i].field == (uint16_t)field)
            return field_kind(field) == KIND_UINT || field_kind(field) == KIND_ENUM || field_kind(field) == KIND_BOOL;
    }
    return false;
}

static void add_bytes(struct text *t, const struct shown *a, uint64_t offset, uint64_t length)
{
    if (offset >= a->head_length)
        return;
    length = length > BYTES_MOST ? BYTES_MOST : length;
    length = length > a->head_length - offset ? a->head_length - offset : length;
    if (length == 0)
        return;
    text_add(t, " content:\"|");
    for (uint64_t i = 0; i < length; i++)
        text_add(t, "%s%02x", i ? " " : "", a->head[offset + i]);
    text_add(t, "|\"; offset:%llu; depth:%llu;", (unsigned long long)offset, (unsigned long long)length);
}

static void add_kind(struct text *t, const struct shown *a)
{
    if (*shown_text(a, "message_type"))
        text_add(t, " db.message:%s;", shown_text(a, "message_type"));
}

static void write_narrow(struct draft_rule *d, const struct shown *a, const struct kept_message *k)
{
    struct text t = text_in(d->text, sizeof d->text);
    const char *name = shown_text(a, "field");
    const enum field field = *name ? field_by_name(name) : FIELD_NONE;
    uint64_t value;
    d->width = "narrow";
    begin(&t, a, "Narrow", true);
    add_kind(&t, a);
    if (*shown_text(a, "anomaly"))
        text_add(&t, " anomaly:%s;", shown_text(a, "anomaly"));
    if (field != FIELD_NONE && !field_is_secret(field)) {
        if (number_of(k, field, &value))
            text_add(&t, " %s:%llu;", name, (unsigned long long)value);
        else
            add_bytes(&t, a, (uint64_t)shown_number(a, "message_offset"), (uint64_t)json_integer_value(json_object_get(json_object_get(a->alert, "why"), "length")));
    }
    end(&t, a, 0);
}

static void write_wide(struct draft_rule *d, const struct shown *a)
{
    struct text t = text_in(d->text, sizeof d->text);
    const char *name = shown_text(a, "field");
    const enum field field = *name ? field_by_name(name) : FIELD_NONE;
    d->width = "wide";
    begin(&t, a, "Wide", false);
    if (*shown_text(a, "anomaly"))
        text_add(&t, " anomaly:%s;", shown_text(a, "anomaly"));
    else
        add_kind(&t, a);
    if (!*shown_text(a, "anomaly") && field != FIELD_NONE && strncmp(name, "db.", 3) != 0 && strncmp(name, "net.", 4) != 0)
        text_add(&t, " where:\"exists(%s)\";", name);
    end(&t, a, 1);
}

static void count_alert(void *context, const struct alert *alert, const struct rule_facts *rule)
{
    struct draft_rule *drafts = context;
    (void)rule;
    drafts[alert->rule].alerts++;
}

static bool prove(struct draft_rule drafts[2], const struct shown *a, const struct kept_message *k, struct error *why)
{
    struct rule_set *set = rules_open();
    struct rule_problem problem;
    bool good = set != NULL || error_set(why, EXIT_INTERNAL, "out of memory");
    for (unsigned i = 0; good && i < 2; i++)
        rules_add_text(set, drafts[i].width, view_text(drafts[i].text));
    if (good && rules_problem(set, 0, &problem))
        good = error_set(why, EXIT_INTERNAL, "the %s draft does not load: %.300s", problem.file, problem.text);
    good = good && rules_ready(set, why);
    struct explainer *e = good ? explainer_open(set) : NULL;
    for (unsigned i = 0; e && i < 2; i++)
        drafts[i].is_true = explainer_rule(e, i, &k->message, true, NULL, NULL);
    struct trial trial = {.rules = set, .told = count_alert, .context = drafts};
    if (good && a->pcapng_length)
        good = trial_bytes(&trial, view_of(a->pcapng, a->pcapng_length), why);
    explainer_close(e);
    if (set)
        rules_close(set);
    return good;
}

static void tell(const struct options *o, const struct draft_rule drafts[2], const struct shown *a)
{
    json_t *all = options_have(o, OPTION_JSON) ? json_array() : NULL;
    TEXT_ON_STACK(msg, 400);
    text_add_safe(&msg, shown_text(a, "msg"));
    if (!all)
        printf("# Drafted from alert %lld: %s\n", (long long)shown_number(a, "alert_id"), msg.chars);
    for (unsigned i = 0; i < 2; i++) {
        const struct draft_rule *d = &drafts[i];
        if (all)
            json_array_append_new(all, json_pack("{s:s, s:o, s:b, s:I}", "width", d->width, "rule", query_json_text(d->text), "true_of_message", d->is_true,
                                                 "alerts_in_sample", (json_int_t)d->alerts));
        else if (a->pcapng_length)
            printf("# %s: %s of the alert's message; %llu alert%s in its sample\n%s\n", d->width, d->is_true ? "true" : "not true",
                   (unsigned long long)d->alerts, d->alerts == 1 ? "" : "s", d->text);
        else
            printf("# %s: %s of the alert's message; it has no sample\n%s\n", d->width, d->is_true ? "true" : "not true", d->text);
    }
    if (!all)
        return;
    json_dumpf(all, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(all);
}

int rules_from_alert_run(const struct options *o)
{
    struct error why;
    struct shown a = {0};
    char *last = NULL;
    const long long id = strtoll(o->operands[1] + (o->operands[1][0] == '#'), &last, 10);
    if (*last || id <= 0)
        return command_usage(&rules_command, "rules from-alert takes the number of an alert");
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&rules_command, &why);
    struct draft_rule *drafts = calloc(2, sizeof *drafts);
    struct kept_message *k = calloc(1, sizeof *k);
    bool good = (drafts && k) || error_set(&why, EXIT_INTERNAL, "out of memory");
    good = good && shown_read(&a, db, id, &why);
    if (good) {
        kept_rebuild(k, &a);
        write_narrow(&drafts[0], &a, k);
        write_wide(&drafts[1], &a);
        good = prove(drafts, &a, k, &why);
    }
    if (good)
        tell(o, drafts, &a);
    shown_free(&a);
    free(k);
    free(drafts);
    sqlite3_close(db);
    return good ? EXIT_DONE : command_fail(&rules_command, &why);
}
