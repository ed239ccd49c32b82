/* dbhound explain NAME: what an anomaly, a field or a counter means, from the tables. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/render.h"
#include "app/suggest.h"
#include "model/anomaly.h"
#include "model/counter.h"
#include "model/field.h"

enum { ANOMALY_SIDS = 9000000 };

static const char *kind_name(enum field field)
{
    static const char *const names[] = {"number", "name", "bytes", "yes or no", "address"};
    return names[field_kind(field)];
}

static json_t *anomaly_json(enum anomaly which)
{
    const struct anomaly_row *row = anomaly_row(which);
    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "kind", "anomaly", "name", row->name, "number",
                     (json_int_t)row->number, "sid", (json_int_t)(ANOMALY_SIDS + row->number), "proto",
                     protocol_name(row->protocol), "class", anomaly_class_name(row->class), "severity", row->severity,
                     "title", row->title, "meaning", row->meaning, "legal", row->legal, "spec", row->spec, "benign", row->benign);
}

static json_t *field_json(enum field which)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "kind", "field", "name", field_name(which), "proto",
                            protocol_name(field_protocol(which)), "type", kind_name(which), "secret", field_is_secret(which),
                            "help", field_help(which));
    json_t *values = json_object();
    uint64_t value;
    const char *text;
    for (unsigned i = 0; (text = name_at(field_names(which), i, &value)); i++)
        json_object_set_new(values, text, json_integer((json_int_t)value));
    json_object_set_new(row, "names", values);
    return row;
}

static json_t *counter_json(enum counter which)
{
    return json_pack("{s:s, s:s, s:s}", "kind", "counter", "name", counter_name(which), "help", counter_help(which));
}

static void print_part(const struct screen *s, const char *title, const char *words)
{
    fprintf(s->out, "\n%s%s%s\n  ", paint(s, PAINT_BOLD), title, paint(s, PAINT_NONE));
    print_wrapped(s->out, words, 2, paragraph_width(s));
}

static void print_anomaly(enum anomaly which, const struct screen *s)
{
    const struct anomaly_row *row = anomaly_row(which);
    fprintf(s->out, "%s%s%s: %s\n\n", paint(s, PAINT_BOLD), row->name, paint(s, PAINT_NONE), row->title);
    fprintf(s->out, "  anomaly %u, rule %u, %s, severity %d (%s%s%s), protocol %s\n", row->number, ANOMALY_SIDS + row->number,
            anomaly_class_name(row->class), row->severity, paint(s, severity_paint(row->severity)),
            severity_word(row->severity), paint(s, PAINT_NONE),
            row->protocol == PROTOCOL_NONE ? "any" : protocol_name(row->protocol));
    print_part(s, "What it means", row->meaning);
    print_part(s, "What is legal", row->legal);
    print_part(s, "Specification", row->spec);
    print_part(s, "Harmless causes", row->benign);
}

static void print_field(enum field which, const struct screen *s)
{
    uint64_t value;
    const char *text = name_at(field_names(which), 0, &value);
    fprintf(s->out, "%s%s%s: ", paint(s, PAINT_BOLD), field_name(which), paint(s, PAINT_NONE));
    print_wrapped(s->out, field_help(which), 2, paragraph_width(s));
    fprintf(s->out, "\n  field, %s, protocol %s%s; a keyword of rules\n", kind_name(which),
            field_protocol(which) == PROTOCOL_NONE ? "any" : protocol_name(field_protocol(which)),
            field_is_secret(which) ? ", secret: never written" : "");
    if (text)
        fprintf(s->out, "\n%sNames%s\n", paint(s, PAINT_BOLD), paint(s, PAINT_NONE));
    for (unsigned i = 1; text; i++) {
        fprintf(s->out, "  %8" PRIu64 "  %s\n", value, text);
        text = name_at(field_names(which), i, &value);
    }
}

static int list(const struct options *o, const struct screen *s)
{
    static const char *const titles[] = {"KIND", "NAME", "MEANING", NULL};
    json_t *all = json_array();
    struct listing t;
    listing_open(&t, titles);
    for (unsigned i = 1; i < ANOMALIES; i++) {
        json_array_append_new(all, anomaly_json((enum anomaly)i));
        listing_add(&t, "anomaly", PAINT_DIM);
        listing_add(&t, anomaly_row((enum anomaly)i)->name, severity_paint(anomaly_row((enum anomaly)i)->severity));
        listing_add(&t, anomaly_row((enum anomaly)i)->title, PAINT_NONE);
    }
    for (unsigned i = 1; i < FIELDS; i++) {
        json_array_append_new(all, field_json((enum field)i));
        listing_add(&t, "field", PAINT_DIM);
        listing_add(&t, field_name((enum field)i), PAINT_NONE);
        listing_add(&t, field_help((enum field)i), PAINT_NONE);
    }
    for (unsigned i = 0; i < COUNTERS; i++) {
        json_array_append_new(all, counter_json((enum counter)i));
        listing_add(&t, "counter", PAINT_DIM);
        listing_add(&t, counter_name((enum counter)i), PAINT_NONE);
        listing_add(&t, counter_help((enum counter)i), PAINT_NONE);
    }
    if (options_have(o, OPTION_JSON)) {
        json_dumpf(all, s->out, JSON_INDENT(1));
        fputc('\n', s->out);
        listing_free(&t);
    } else {
        listing_print(&t, s);
    }
    json_decref(all);
    return EXIT_DONE;
}

/* A name, an anomaly's number, or the number of its rule. */
static enum anomaly find_anomaly(const char *name)
{
    unsigned long number = name[0] >= '0' && name[0] <= '9' ? strtoul(name, NULL, 10) : 0;
    for (unsigned i = 1; number && i < ANOMALIES; i++)
        if (anomaly_row((enum anomaly)i)->number == number || anomaly_row((enum anomaly)i)->number + ANOMALY_SIDS == number)
            return (enum anomaly)i;
    return anomaly_by_name(name);
}

static int unknown(const char *name)
{
    struct error why;
    struct suggestion nearest = suggest_for(name);
    TEXT_ON_STACK(shown, 96);
    text_add_escaped(&shown, view_text(name));
    for (unsigned i = 1; i < ANOMALIES; i++)
        suggest_offer(&nearest, anomaly_row((enum anomaly)i)->name);
    for (unsigned i = 1; i < FIELDS; i++)
        suggest_offer(&nearest, field_name((enum field)i));
    for (unsigned i = 0; i < COUNTERS; i++)
        suggest_offer(&nearest, counter_name((enum counter)i));
    error_set(&why, EXIT_USAGE, "'%s' is no anomaly, field or counter", shown.chars);
    suggest_add(&nearest, "", &why);
    return command_fail(&explain_command, &why);
}

static int run(const struct options *o)
{
    struct error why;
    struct screen screen;
    if (!screen_open(&screen, stdout, o, &why))
        return command_fail(&explain_command, &why);
    if (o->operand_count > 1)
        return command_usage(&explain_command, "takes one %s", "name");
    if (o->operand_count == 0)
        return list(o, &screen);
    const char *name = o->operands[0];
    enum anomaly anomaly = find_anomaly(name);
    enum field field = field_by_name(name);
    enum counter counter = counter_by_name(name);
    json_t *row = anomaly != ANOMALY_NONE ? anomaly_json(anomaly) : field != FIELD_NONE ? field_json(field)
                : counter != COUNTERS     ? counter_json(counter) : NULL;
    if (!row)
        return unknown(name);
    if (options_have(o, OPTION_JSON)) {
        json_dumpf(row, stdout, JSON_INDENT(1));
        fputc('\n', stdout);
    } else if (anomaly != ANOMALY_NONE) {
        print_anomaly(anomaly, &screen);
    } else if (field != FIELD_NONE) {
        print_field(field, &screen);
    } else {
        printf("%s%s%s: ", paint(&screen, PAINT_BOLD), counter_name(counter), paint(&screen, PAINT_NONE));
        print_wrapped(stdout, counter_help(counter), 2, paragraph_width(&screen));
        puts("\n  counter, in the summary of a run and in v_run_counters");
    }
    json_decref(row);
    return EXIT_DONE;
}

const struct command explain_command = {
    .name = "explain",
    .usage = "[NAME] [--json]",
    .summary = "explain an anomaly, field or counter; without a name list them all",
    .examples = "dbhound explain mysql.incomplete-message\n"
                "dbhound explain 9002001                      the same by the number of its rule\n"
                "dbhound explain | grep tcp\n",
    .exits = "0 done; 64 wrong usage or no such name",
    .takes = TAKES(JSON),
    .run = run,
};
