/*
 * rules/anomalies.rules: one rule per row of the catalogue, sid 9,000,000 + its number, so that each can be silenced or
 * graded like any other. What is only our own limit (undecoded) is said once an hour for a pair of hosts: off, a person
 * would not know what was not looked at; unlimited, one-sided mirrors would say nothing else.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "detect/rule.h"

enum { ANOMALY_SID_BASE = 9000000, RULE_BYTES = 1024, FILE_BYTES = 4096 };

static const char *classtype_of(enum anomaly_class class)
{
    switch (class) {
    case CLASS_MALFORMED:
    case CLASS_VIOLATION:
        return "protocol-command-decode";
    case CLASS_UNUSUAL:
        return "misc-activity";
    case CLASS_UNDECODED:
    case ANOMALY_CLASSES:
        break;
    }
    return "not-suspicious";
}

/* tcp and engine anomalies belong to connections whose protocol may not be known. */
static const char *proto_of(const struct anomaly_row *row)
{
    if (row->protocol != PROTOCOL_NONE)
        return protocol_name(row->protocol);
    return strncmp(row->name, "db.", 3) == 0 || strncmp(row->name, "habits.", 7) == 0 ? "db" : "tcp";
}

static void print_escaped(const char *text, struct text *out)
{
    for (; *text; text++)
        text_add(out, "%s%c", strchr("\";\\:", *text) ? "\\" : "", *text);
}

static void print_row(const struct anomaly_row *row, struct text *out)
{
    text_add(out, "alert %s any any -> any any (msg:\"", proto_of(row));
    print_escaped(row->title, out);
    text_add(out, "\"; anomaly:%s; ", row->name);
    /* What dbhound itself cannot do is the same for all clients of a server. */
    if (strncmp(row->name, "engine.", 7) == 0)
        text_add(out, "threshold:type limit, track by_server, count 1, seconds 3600; ");
    else if (row->class == CLASS_UNDECODED)
        text_add(out, "threshold:type limit, track by_both, count 1, seconds 3600; ");
    /* What is new is new again and again: some of it an hour is enough to look. */
    if (strncmp(row->name, "habits.", 7) == 0)
        text_add(out, "threshold:type limit, track by_both, count 10, seconds 3600; ");
    text_add(out, "classtype:%s; metadata:dbhound_class %s; priority:%u; sid:%" PRIu32 "; rev:1;)\n",
             classtype_of(row->class), anomaly_class_name(row->class), row->severity, ANOMALY_SID_BASE + row->number);
}

static void print_group(enum protocol protocol, struct text *out)
{
    bool any = false;
    for (unsigned i = 1; i < ANOMALIES; i++) {
        const struct anomaly_row *row = anomaly_row((enum anomaly)i);
        if (row->protocol != protocol)
            continue;
        if (!any)
            text_add(out, "\n# ---- %s\n", protocol == PROTOCOL_NONE ? "every protocol" : protocol_title(protocol));
        any = true;
        print_row(row, out);
    }
}

void rules_print_anomalies(struct text *out)
{
    text_add(out, "# One rule for each anomaly that a decoder reports, printed from the catalogue by dbhound: edit a copy.\n"
                  "# The sid is 9000000 plus the anomaly's permanent number; priority is its severity, 1 high to 4 information.\n"
                  "# not-suspicious rules tell what was not looked at: once an hour for each pair of hosts, or for each server.\n");
    for (unsigned i = 0; i < PROTOCOLS; i++)
        print_group((enum protocol)i, out);
}

void rules_add_anomalies(struct rule_set *set)
{
    const size_t size = (size_t)ANOMALIES * RULE_BYTES + FILE_BYTES;
    char *memory = malloc(size);
    if (!memory) {
        set->out_of_memory = true;
        return;
    }
    struct text text = text_in(memory, size);
    rules_print_anomalies(&text);
    rules_add_text(set, "anomalies.rules", view_of(text.chars, text.length));
    free(memory);
}
