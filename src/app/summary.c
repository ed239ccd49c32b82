/* The sum of a run: see summary.h. */
#include "app/summary.h"

#include "app/query.h"
#include "app/summary_others.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { TOP_RULES = 5, SIDED_SHOWN = 5 };

static uint64_t sum_of(const struct counters *c, const char *prefix)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < COUNTERS; i++)
        if (strncmp(counter_name((enum counter)i), prefix, strlen(prefix)) == 0)
            sum += c->value[i];
    return sum;
}

bool summary_packets_balance(const struct counters *c)
{
    return c->value[COUNT_PACKETS_RECEIVED] == c->value[COUNT_PACKETS_DECODED] + sum_of(c, "packets.skipped.");
}

bool summary_alerts_balance(const struct counters *c)
{
    return c->value[COUNT_ALERTS_RAISED] ==
           c->value[COUNT_ALERTS_STORED] + c->value[COUNT_ALERTS_FOLDED] + sum_of(c, "alerts.dropped.");
}

static const char *grouped(uint64_t value, char memory[32])
{
    struct text t = text_in(memory, 32);
    text_add_number(&t, value);
    return t.chars;
}

struct top_rule {
    uint32_t rule;
    uint64_t count;
};

static int more_first(const void *a, const void *b)
{
    const struct top_rule *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : (x->rule > y->rule) - (x->rule < y->rule);
}

/* Rules that matched, most often first; the caller frees. */
static struct top_rule *matched_rules(const struct summary *s, size_t *used)
{
    size_t all = rules_loaded(s->rules);
    struct top_rule *top = calloc(all + 1, sizeof *top);
    *used = 0;
    for (uint32_t i = 0; top && i < all; i++)
        if (recorder_rule_count(s->recorder, i))
            top[(*used)++] = (struct top_rule){i, recorder_rule_count(s->recorder, i)};
    if (top)
        qsort(top, *used, sizeof *top, more_first);
    return top;
}

static void print_packets(FILE *out, const struct counters *c)
{
    char a[32], b[32];
    fprintf(out, "packets   %s received = %s decoded", grouped(c->value[COUNT_PACKETS_RECEIVED], a),
            grouped(c->value[COUNT_PACKETS_DECODED], b));
    for (unsigned i = 0; i < COUNTERS; i++)
        if (strncmp(counter_name((enum counter)i), "packets.skipped.", 16) == 0 && c->value[i])
            fprintf(out, " + %s %s", grouped(c->value[i], a), counter_name((enum counter)i) + 16);
    fprintf(out, "%s\n", summary_packets_balance(c) ? "" : "   (DOES NOT ADD UP: please report this)");
    if (c->value[COUNT_PACKETS_CUT])
        fprintf(out, "          %s captured shorter than on the wire (raise the snapshot length)\n",
                grouped(c->value[COUNT_PACKETS_CUT], a));
    if (c->value[COUNT_TCP_LOST_BYTES])
        fprintf(out, "lost      %s bytes in %s gaps were never captured; nothing about them is alerted\n",
                grouped(c->value[COUNT_TCP_LOST_BYTES], a), grouped(c->value[COUNT_TCP_GAPS], b));
}

static void print_protocols(FILE *out, const struct summary *s)
{
    char a[32], b[32];
    bool any = false;
    for (unsigned p = 1; p < PROTOCOLS; p++) {
        if (!s->flows[p])
            continue;
        fprintf(out, "%-9s %s connections, %s messages\n", protocol_name((enum protocol)p), grouped(s->flows[p], a),
                grouped(s->messages[p], b));
        any = true;
    }
    if (!any)
        fprintf(out, "databases none: no connection spoke a protocol that dbhound decodes\n");
    uint64_t encrypted = s->counters->value[COUNT_BYTES_ENCRYPTED], sessions = s->counters->value[COUNT_TLS_DECRYPTED];
    if (encrypted && sessions)
        fprintf(out, "tls       %s bytes were encrypted; the key log opens %s session%s\n", grouped(encrypted, a), grouped(sessions, b), sessions == 1 ? "" : "s");
    else if (encrypted)
        fprintf(out, "tls       %s bytes were encrypted and only counted\n", grouped(encrypted, a));
}

static void add_endpoint(struct text *t, const struct endpoint *e)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool ipv4 = memcmp(e->address, mapped, sizeof mapped) == 0;
    text_add(t, ipv4 ? "" : "[");
    text_add_address(t, e->address);
    text_add(t, ipv4 ? ":%u" : "]:%u", e->port);
}

/* What a mirror leaves out is not there to be missed. */
static void print_one_sided(FILE *out, const struct summary *s)
{
    char a[32];
    size_t found = 0;
    for (size_t i = 0; i < s->sides->used; i++) {
        const struct sided_server *server = &s->sides->servers[i];
        enum side seen;
        if (!sides_is_one_sided(server, &seen) || ++found > SIDED_SHOWN)
            continue;
        TEXT_ON_STACK(where, 64);
        add_endpoint(&where, &server->endpoint);
        fprintf(out, "one-sided only the %s side of %s (%s) is on this mirror: %s of its %s connections\n", seen == FROM_CLIENT ? "clients'" : "server's",
                where.chars, protocol_name(server->protocol), grouped(server->only[seen], a), grouped(server->connections, (char[32]){0}));
    }
    if (found > SIDED_SHOWN)
        fprintf(out, "          and of %zu more servers\n", found - SIDED_SHOWN);
}

/* What nobody looked at, of database connections that are over. */
static void print_unread(FILE *out, const struct summary *s)
{
    char a[32], b[32], d[32];
    struct sight all = {0};
    size_t servers = 0;
    for (size_t i = 0; i < s->sides->used; i++) {
        const struct sight *one = &s->sides->servers[i].sight;
        servers += one->passed || one->lost || one->unsupported;
        all.passed += one->passed;
        all.lost += one->lost;
        all.unsupported += one->unsupported;
        all.blind_ns += one->blind_ns;
    }
    if (servers)
        fprintf(out, "unread    %s bytes lost + %s passed over + %s not supported, of %zu server%s; connections were blind for %.1f s\n", grouped(all.lost, a),
                grouped(all.passed, b), grouped(all.unsupported, d), servers, servers == 1 ? "" : "s", (double)all.blind_ns / 1e9);
}

static void print_alerts(FILE *out, const struct summary *s)
{
    char a[32], b[32], d[32];
    const struct counters *c = s->counters;
    const struct alert_sums *sums = recorder_sums(s->recorder);
    fprintf(out, "alerts    %s raised = %s stored + %s folded", grouped(c->value[COUNT_ALERTS_RAISED], a),
            grouped(c->value[COUNT_ALERTS_STORED], b), grouped(c->value[COUNT_ALERTS_FOLDED], d));
    for (unsigned i = 0; i < COUNTERS; i++)
        if (strncmp(counter_name((enum counter)i), "alerts.dropped.", 15) == 0 && c->value[i])
            fprintf(out, " + %s dropped (%s)", grouped(c->value[i], a), counter_name((enum counter)i) + 15);
    if (c->value[COUNT_ALERTS_PASSED])
        fprintf(out, "; pass rules silenced %s more", grouped(c->value[COUNT_ALERTS_PASSED], a));
    fprintf(out, "%s\n", summary_alerts_balance(c) ? "" : "   (DOES NOT ADD UP: please report this)");
    for (unsigned severity = 1; severity <= 4; severity++)
        if (sums->by_severity[severity])
            fprintf(out, "          severity %u: %s\n", severity, grouped(sums->by_severity[severity], a));
    size_t used;
    struct top_rule *top = matched_rules(s, &used);
    for (size_t i = 0; i < used && i < TOP_RULES; i++) {
        struct rule_facts rule;
        rules_facts(s->rules, top[i].rule, &rule);
        fprintf(out, "  %8s  [%u:%u] %s\n", grouped(top[i].count, a), rule.gid, rule.sid, rule.msg);
    }
    if (used > TOP_RULES)
        fprintf(out, "            and %zu more rules\n", used - TOP_RULES);
    free(top);
}

/* What threshold.config hid, line by line: nothing is silent without a word. */
static void print_hidden(FILE *out, const struct summary *s)
{
    char a[32];
    struct tuning_facts line;
    for (size_t i = 0; i < rules_tunings(s->rules); i++) {
        rules_tuning(s->rules, i, &line);
        if (!recorder_hidden(s->recorder, i))
            continue;
        TEXT_ON_STACK(shown, 400);
        text_add_escaped(&shown, view_head(view_text(line.text), 90));
        fprintf(out, "hidden    %s by %s:%u: %s\n", grouped(recorder_hidden(s->recorder, i), a), line.file, line.line, shown.chars);
    }
}

static void print_damages(FILE *out, const struct summary *s)
{
    for (size_t i = 0; i < s->damages_used; i++)
        fprintf(out, "damaged   %s at byte %" PRIu64 ": %s; what came before it was used\n", s->damages[i].path,
                s->damages[i].offset, s->damages[i].reason);
}

void summary_print(FILE *out, const struct summary *s)
{
    print_packets(out, s->counters);
    print_protocols(out, s);
    print_one_sided(out, s);
    summary_print_others(out, s);
    print_unread(out, s);
    print_alerts(out, s);
    print_hidden(out, s);
    print_damages(out, s);
    fprintf(out, "time      %.2f s, %zu rules\n", s->seconds, rules_loaded(s->rules));
    if (!s->store_path)
        return;
    const char *db = strcmp(s->store_path, "dbhound.db") == 0 ? "" : " -d ";
    const char *path = *db ? s->store_path : "";
    fprintf(out, "stored    run %" PRId64 " in %s\n", s->run_id, s->store_path);
    int64_t worst = recorder_worst(s->recorder);
    if (worst)
        fprintf(out,
                "\nnext      dbhound alerts%s%s\n          dbhound show %" PRId64 "%s%s\n          dbhound sample %" PRId64
                "%s%s -w sample.pcapng\n",
                db, path, worst, db, path, worst, db, path);
}

/* ---- JSON */

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *by_prefix(const struct counters *c, const char *prefix)
{
    json_t *all = json_object();
    for (unsigned i = 0; i < COUNTERS; i++)
        if (strncmp(counter_name((enum counter)i), prefix, strlen(prefix)) == 0)
            json_object_set_new(all, counter_name((enum counter)i) + strlen(prefix), integer(c->value[i]));
    return all;
}

static json_t *alerts_json(const struct summary *s)
{
    const struct counters *c = s->counters;
    const struct alert_sums *sums = recorder_sums(s->recorder);
    json_t *by_class = json_object(), *by_severity = json_object(), *by_sid = json_object();
    for (unsigned i = 0; i < ANOMALY_CLASSES; i++)
        json_object_set_new(by_class, anomaly_class_name((enum anomaly_class)i), integer(sums->by_class[i]));
    for (unsigned i = 1; i <= 4; i++) {
        char name[2] = {(char)('0' + i), 0};
        json_object_set_new(by_severity, name, integer(sums->by_severity[i]));
    }
    size_t used;
    struct top_rule *top = matched_rules(s, &used);
    for (size_t i = 0; i < used; i++) {
        struct rule_facts rule;
        char sid[16];
        rules_facts(s->rules, top[i].rule, &rule);
        snprintf(sid, sizeof sid, "%u", rule.sid);
        json_object_set_new(by_sid, sid, integer(top[i].count));
    }
    free(top);
    json_t *hidden = json_array();
    for (size_t i = 0; i < rules_tunings(s->rules); i++) {
        struct tuning_facts line;
        rules_tuning(s->rules, i, &line);
        if (line.hides)
            json_array_append_new(hidden, json_pack("{s:o, s:i, s:o, s:o, s:o}", "file", query_json_text(line.file), "line", (int)line.line,
                                                    "text", query_json_text(line.text), "reason", query_json_text(line.reason), "count",
                                                    integer(recorder_hidden(s->recorder, i))));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "passed", integer(c->value[COUNT_ALERTS_PASSED]), "hidden", hidden, "raised", integer(c->value[COUNT_ALERTS_RAISED]), "stored",
                     integer(c->value[COUNT_ALERTS_STORED]), "folded", integer(c->value[COUNT_ALERTS_FOLDED]), "dropped",
                     integer(sum_of(c, "alerts.dropped.")), "dropped_by", by_prefix(c, "alerts.dropped."), "by_class", by_class,
                     "by_severity", by_severity, "by_sid", by_sid);
}

static json_t *one_sided_json(const struct summary *s)
{
    json_t *all = json_array();
    for (size_t i = 0; i < s->sides->used; i++) {
        const struct sided_server *server = &s->sides->servers[i];
        enum side seen;
        if (!sides_is_one_sided(server, &seen))
            continue;
        TEXT_ON_STACK(address, 48);
        text_add_address(&address, server->endpoint.address);
        json_array_append_new(all, json_pack("{s:s, s:i, s:s, s:s, s:o, s:o}", "server_ip", address.chars, "server_port", (int)server->endpoint.port,
                                             "proto", protocol_name(server->protocol), "seen", seen == FROM_CLIENT ? "clients" : "server",
                                             "connections", integer(server->connections), "one_sided", integer(server->only[seen])));
    }
    return all;
}

void summary_print_json(FILE *out, const struct summary *s)
{
    const struct counters *c = s->counters;
    json_t *flows = json_object(), *messages = json_object(), *damaged = json_array(), *others = json_object();
    for (unsigned p = 1; p < PROTOCOLS; p++) {
        json_object_set_new(flows, protocol_name((enum protocol)p), integer(s->flows[p]));
        json_object_set_new(messages, protocol_name((enum protocol)p), integer(s->messages[p]));
    }
    for (size_t i = 0; i < s->damages_used; i++)
        json_array_append_new(damaged, json_pack("{s:s, s:o, s:s}", "path", s->damages[i].path, "offset",
                                                 integer(s->damages[i].offset), "reason", s->damages[i].reason));
    for (unsigned i = 0; i < COUNTERS; i++)
        json_object_set_new(others, counter_name((enum counter)i), integer(c->value[i]));
    json_t *all = json_pack("{s:{s:o, s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:f, s:I, s:{s:I, s:I}, s:o, s:o, s:o, s:o}", "packets", "received",
                            integer(c->value[COUNT_PACKETS_RECEIVED]), "decoded", integer(c->value[COUNT_PACKETS_DECODED]),
                            "skipped", by_prefix(c, "packets.skipped."), "kernel_drops",
                            integer(c->value[COUNT_PACKETS_KERNEL_DROPS]), "bytes", integer(c->value[COUNT_BYTES_RECEIVED]),
                            "flows", flows, "messages", messages, "alerts", alerts_json(s), "seconds", s->seconds, "run_id",
                            (json_int_t)s->run_id, "rules", "loaded", (json_int_t)rules_loaded(s->rules), "failed",
                            (json_int_t)rules_failed(s->rules), "damaged", damaged, "counters", others, "one_sided", one_sided_json(s), "others", summary_others_json(s));
    json_dumpf(all, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(all);
}
