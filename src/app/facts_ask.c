/* Rules about kept facts: see facts_ask.h. */
#include "app/facts_ask.h"

#include <stdlib.h>
#include <string.h>

#include "app/query.h"

struct facts_asker {
    const struct rule_set *rules;
    struct arena arena;
    struct detector *detector;
    struct explainer *explainer;
    struct limiter *limiter;
    struct rule_needs *needs; /* by rule */
    uint64_t *unknown;
    /* of the message that is asked about */
    void (*told)(void *context, const struct alert *alert, uint64_t place);
    void *context;
    uint64_t place;
    bool cut;
    enum { PASS_NOT_ASKED, PASS_NO, PASS_YES, PASS_UNKNOWN } pass;
    struct alert alert;
};

enum { DETECTOR_BYTES = 64 << 20 };

struct facts_asker *facts_asker_open(const struct rule_set *rules, struct error *why)
{
    const size_t count = rules_loaded(rules);
    struct facts_asker *a = calloc(1, sizeof *a);
    if (!a || !arena_open(&a->arena, DETECTOR_BYTES, why)) {
        free(a);
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    a->rules = rules;
    a->detector = detector_open(rules, &a->arena);
    a->explainer = explainer_open(rules);
    a->limiter = limiter_open(rules);
    a->needs = calloc(count + 1, sizeof *a->needs);
    a->unknown = calloc(count + 1, sizeof *a->unknown);
    if (!a->detector || !a->explainer || !a->limiter || !a->needs || !a->unknown) {
        error_set(why, EXIT_INTERNAL, "out of memory");
        facts_asker_close(a);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        rules_needs(rules, i, &a->needs[i]);
    return a;
}

void facts_asker_close(struct facts_asker *a)
{
    if (!a)
        return;
    explainer_close(a->explainer);
    if (a->limiter)
        limiter_close(a->limiter);
    arena_close(&a->arena);
    free(a->needs);
    free(a->unknown);
    free(a);
}

/* Thresholds are not for a sample: only what hides alerts whatever came before. */
static void keep(struct facts_asker *a, const struct alert *alert)
{
    uint64_t earlier;
    const enum limited limited = limiter_alert(a->limiter, alert, 1, &earlier);
    if (limited != LIMIT_SUPPRESSED && limited != LIMIT_EXCEPTED && limited != LIMIT_XBITS)
        a->told(a->context, alert, a->place);
}

static void take_alert(void *context, const struct alert *alert, const struct message *message)
{
    struct facts_asker *a = context;
    const struct rule_needs *needs = &a->needs[alert->rule];
    if (needs->more || (a->cut && needs->bytes))
        return;
    a->alert = *alert;
    a->alert.time_ns = message->first->time_ns;
    keep(a, &a->alert);
}

/* What pass rules say: no matter which of them, one that is true silences the message. */
static void ask_passes(struct facts_asker *a, const struct message *message)
{
    a->pass = PASS_NO;
    for (uint32_t i = 0; i < rules_loaded(a->rules) && a->pass != PASS_YES; i++) {
        const enum term_truth truth = a->needs[i].pass ? explainer_truth(a->explainer, i, message) : TERM_FALSE;
        if (truth != TERM_FALSE)
            a->pass = truth == TERM_TRUE ? PASS_YES : PASS_UNKNOWN;
    }
}

/* Some bytes are missing: the rules that look at bytes are asked one by one, whether they can tell. */
static void ask_cut(struct facts_asker *a, const struct kept_message *kept)
{
    const struct message *message = &kept->message;
    for (uint32_t i = 0; i < rules_loaded(a->rules); i++) {
        const struct rule_needs *needs = &a->needs[i];
        if (needs->more || !needs->bytes || needs->pass || needs->never)
            continue;
        enum term_truth truth = explainer_truth(a->explainer, i, message);
        if (truth == TERM_FALSE)
            continue;
        if (a->pass == PASS_NOT_ASKED)
            ask_passes(a, message);
        if (truth == TERM_UNKNOWN || a->pass == PASS_UNKNOWN) {
            a->unknown[i]++;
        } else if (a->pass == PASS_NO) {
            struct rule_facts facts;
            rules_facts(a->rules, i, &facts);
            memset(&a->alert, 0, offsetof(struct alert, fields));
            a->alert.gid = facts.gid;
            a->alert.sid = facts.sid;
            a->alert.rule = i;
            a->alert.from = (uint8_t)message->from;
            a->alert.client = kept->flow.client;
            a->alert.server = kept->flow.server;
            a->alert.flow_id = kept->flow.id;
            a->alert.time_ns = kept->segment.time_ns;
            a->alert.exception = explainer_exception(a->explainer, i, message, a->alert.time_ns);
            keep(a, &a->alert);
        }
    }
}

void facts_ask(struct facts_asker *a, const struct kept_message *kept, void (*told)(void *, const struct alert *, uint64_t), void *context,
               uint64_t place)
{
    a->told = told;
    a->context = context;
    a->place = place;
    a->cut = kept->findings.fields_cut || kept->findings.message_length > kept->message.head.length;
    for (unsigned i = 0; i < kept->findings.fields_used; i++) /* masked bytes are as good as missing */
        a->cut |= field_is_secret((enum field)kept->findings.fields[i].field);
    a->pass = PASS_NOT_ASKED;
    detector_message(a->detector, &kept->message, take_alert, a);
    if (a->cut)
        ask_cut(a, kept);
}

const char *facts_asker_limit(const struct facts_asker *a, uint32_t rule, uint64_t *unknown)
{
    *unknown = a->unknown[rule];
    return a->needs[rule].more;
}

/* ---- a row */

static void read_anomalies(struct findings *f, const char *text)
{
    size_t i;
    json_t *name, *all = json_loads(text, 0, NULL);
    json_array_foreach(all, i, name) {
        const enum anomaly anomaly = json_is_string(name) ? anomaly_by_name(json_string_value(name)) : ANOMALY_NONE;
        if (anomaly != ANOMALY_NONE)
            report(f, (struct report){.anomaly = (uint16_t)anomaly});
    }
    json_decref(all);
}

static uint8_t read_name(char *to, const char *text)
{
    const size_t length = strlen(text) < SESSION_TEXT_MAX ? strlen(text) : SESSION_TEXT_MAX;
    memcpy(to, text, length);
    return (uint8_t)length;
}

static void read_session(struct session *s, sqlite3_stmt *row)
{
    uint64_t value = 0;
    if (name_value(NAMES_phase, query_text(row, 13), &value))
        s->phase = (uint8_t)value;
    s->tls = sqlite3_column_int(row, 14);
    if (name_value(NAMES_compression, query_text(row, 15), &value))
        s->compression = (uint8_t)value;
    s->midstream = sqlite3_column_int(row, 16);
    s->user_length = read_name(s->user, query_text(row, 17));
    s->database_length = read_name(s->database, query_text(row, 18));
    s->placed = true;
    if (strlen(query_text(row, 25)) == sizeof s->country)
        memcpy(s->country, query_text(row, 25), sizeof s->country);
    s->asn = (uint32_t)sqlite3_column_int64(row, 26);
}

/* What else the facts say (names, words) no rule asks about. */
static void read_facts(struct findings *f, sqlite3_stmt *row)
{
    const uint32_t says = (uint32_t)sqlite3_column_int64(row, 27);
    for (unsigned kind = FACT_SERVER_HELLO; kind <= FACT_QUIT; kind++) {
        if (!(says >> kind & 1))
            continue;
        const bool error = kind == FACT_ERROR || kind == FACT_LOGIN_FAILED || kind == FACT_VERDICT;
        observe(f, (struct fact){.kind = (enum fact_kind)kind,
                                 .number = error ? (uint64_t)sqlite3_column_int64(row, 19) : kind == FACT_REPLY ? (uint64_t)sqlite3_column_int64(row, 20) : 0});
    }
}

void facts_rebuild(struct kept_message *k, sqlite3_stmt *row)
{
    const enum protocol protocol = protocol_by_name(query_text(row, 7));
    const struct decoder *decoder = protocol < PROTOCOLS ? decoder_of(protocol) : NULL;
    uint64_t kind = 0;
    *k = (struct kept_message){.segment = {.time_ns = sqlite3_column_int64(row, 1), .packet_number = (uint64_t)sqlite3_column_int64(row, 12)}};
    k->decoder.protocol = decoder ? protocol : PROTOCOL_NONE;
    k->flow.id = (uint64_t)sqlite3_column_int64(row, 2);
    kept_address(query_text(row, 3), &k->flow.client);
    kept_address(query_text(row, 5), &k->flow.server);
    k->flow.client.port = (uint16_t)sqlite3_column_int(row, 4);
    k->flow.server.port = (uint16_t)sqlite3_column_int(row, 6);
    read_session(&k->session, row);
    k->findings.session = &k->session;
    k->findings.message_length = (uint64_t)sqlite3_column_int64(row, 10);
    if (decoder && name_value(decoder->messages, query_text(row, 9), &kind))
        k->findings.message = (uint16_t)kind;
    json_t *fields = json_loads(query_text(row, 22), 0, NULL);
    kept_fields(&k->findings, fields);
    json_decref(fields);
    k->findings.fields_cut |= sqlite3_column_int(row, 23) != 0;
    read_anomalies(&k->findings, query_text(row, 21));
    read_facts(&k->findings, row);
    const void *head = sqlite3_column_blob(row, 24);
    k->message = (struct message){.flow = &k->flow, .decoder = decoder ? &k->decoder : NULL,
                                  .from = strcmp(query_text(row, 8), "to_client") == 0 ? FROM_SERVER : FROM_CLIENT,
                                  .findings = &k->findings, .head = view_of(head ? head : "", (size_t)sqlite3_column_bytes(row, 24)),
                                  .stream_offset = (uint64_t)sqlite3_column_int64(row, 11), .first = &k->segment, .last = &k->segment};
}
