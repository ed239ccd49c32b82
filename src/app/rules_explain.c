/*
 * dbhound rules explain ALERT: the alert's message as the store kept it, made into a message again, and the rule's terms asked
 * about it one by one. What the store does not keep (the state of the connection, bytes behind the first 1,024) is unknown.
 */
#include <sqlite3.h>
#include <stdlib.h>

#include "app/kept.h"
#include "app/query.h"
#include "app/rules_verbs.h"
#include "app/show.h"
#include "detect/explain.h"
#include "store/store.h"

/* ---- telling */

static void print_term(void *context, const struct term *term)
{
    static const char *const truths[] = {"false", "true", "unknown"};
    json_t *all = context;
    TEXT_ON_STACK(text, 1200);
    TEXT_ON_STACK(value, 400);
    text_add_safe(&text, term->text);
    text_add_safe(&value, term->value);
    if (all) {
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:i, s:i, s:i}", "term", text.chars, "truth", truths[term->truth], "value",
                                             value.chars, "offset", (int)term->offset, "length", (int)term->length, "depth", (int)term->depth));
        return;
    }
    printf("%-8s %*s%s", truths[term->truth], (int)(2 * term->depth), "", text.chars);
    if (*value.chars)
        printf("   <- %s", value.chars);
    if (term->length)
        printf("   at %u, %u bytes", term->offset, term->length);
    fputc('\n', stdout);
}

static int explain(const struct options *o, const struct shown *a, const char *text)
{
    struct error why;
    struct rule_set *set = rules_open();
    struct kept_message *k = malloc(sizeof *k);
    struct explainer *e = NULL;
    int result = EXIT_INTERNAL;
    if (set && k) {
        rules_add_text(set, "store", view_text(text));
        if (rules_loaded(set) == 1 && rules_ready(set, &why))
            e = explainer_open(set);
        else
            error_set(&why, EXIT_DATA, "this build does not read the rule of the alert any more");
    }
    if (e) {
        json_t *terms = options_have(o, OPTION_JSON) ? json_array() : NULL;
        kept_rebuild(k, a);
        if (!terms)
            printf("%s\n\n", text);
        const bool all = explainer_rule(e, 0, &k->message, true, print_term, terms);
        if (terms) {
            json_t *out = json_pack("{s:o, s:o, s:b}", "rule", query_json_text(text), "terms", terms, "true", all);
            json_dumpf(out, stdout, JSON_INDENT(2));
            fputc('\n', stdout);
            json_decref(out);
        } else {
            printf("\n%s\n", all ? "The rule is true of the message, as far as the store knows it." : "The rule is not true of what the store kept.");
        }
        result = EXIT_DONE;
    } else if (set && k) {
        result = command_fail(&rules_command, &why);
    }
    explainer_close(e);
    free(k);
    rules_close(set);
    return result;
}

int rules_explain_run(const struct options *o)
{
    struct error why;
    struct shown alert;
    char *end = NULL;
    const long long id = strtoll(o->operands[1], &end, 10);
    if (*end || id <= 0)
        return command_usage(&rules_command, "rules explain takes the number of an alert");
    struct sqlite3 *db = command_store(o, &why);
    if (!db)
        return command_fail(&rules_command, &why);
    const bool found = shown_read(&alert, db, id, &why);
    sqlite3_close(db);
    int result = EXIT_DONE;
    if (found) {
        const char *text = json_string_value(json_object_get(json_object_get(alert.alert, "why"), "rule"));
        result = explain(o, &alert, text ? text : "");
    }
    shown_free(&alert);
    return found ? result : command_fail(&rules_command, &why);
}
