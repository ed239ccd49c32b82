/* The wiring of the rooms: see pipeline.h. */
#include "app/pipeline.h"

#include <stdlib.h>

#include "proto/conversation.h"

enum { BATCH = 32, PROGRESS_EVERY = 1 << 16, IDLE_SECONDS = 3600, INCOMPLETE_SECONDS = 30 };

struct pipeline {
    struct arena arena;
    struct counters *counters;
    struct flight *flight;
    struct net *net;
    struct dialogue *dialogue;
    struct detector *detector;
    struct evidence *evidence;
    struct recorder *recorder;
    const struct rule_set *rules;
    uint64_t alerts; /* the last alert's key */
    struct raw_packet raw[BATCH];
    struct net_packet packets[BATCH];
    bool decoded[BATCH];
};

/* ---- what the rooms say */

static void sentence_of(struct text *t, const struct alert *alert, const struct rule_facts *rule)
{
    text_add(t, "ALERT %u r%u sev%u: %s @ message+%u len %u", rule->sid, rule->rev, alert->severity, rule->msg,
             alert->message_offset, alert->field_length);
    if (alert->field != FIELD_NONE)
        text_add(t, " %s", field_name((enum field)alert->field));
    if (alert->got[0])
        text_add(t, " read=%s", alert->got);
    if (alert->expected[0])
        text_add(t, " expected=%s", alert->expected);
}

static void raise_alert(void *context, const struct alert *found, const struct message *message)
{
    struct pipeline *p = context;
    struct alert alert = *found;
    struct rule_facts rule;
    TEXT_ON_STACK(comment, 400);
    const struct segment *where = message_segment(message, alert.message_offset);
    alert.packet_number = where->packet_number;
    alert.time_ns = where->time_ns;
    alert.first_packet = message->first->packet_number;
    rules_facts(p->rules, alert.rule, &rule);
    sentence_of(&comment, &alert, &rule);
    uint64_t key = ++p->alerts;
    alert.sample = evidence_alert(p->evidence, message->flow, key, where->ticket, comment.chars);
    recorder_alert(p->recorder, &alert, key);
}

static void say_verdict(struct pipeline *p, const struct message *message, const struct fact *fact)
{
    TEXT_ON_STACK(verdict, 200);
    if (!message->flow->sample || message->from != FROM_SERVER)
        return;
    switch (fact->kind) {
    case FACT_VERDICT:
    case FACT_ERROR:
    case FACT_LOGIN_FAILED:
        text_add(&verdict, "error ");
        if (fact->number)
            text_add(&verdict, "%llu ", (unsigned long long)fact->number);
        if (fact->more.length) {
            text_add(&verdict, "(");
            text_add_escaped(&verdict, view_head(fact->more, 8));
            text_add(&verdict, ") ");
        }
        text_add_escaped(&verdict, view_head(fact->text, 140));
        break;
    case FACT_REPLY:
    case FACT_LOGIN_OK:
        text_add(&verdict, "accepted");
        break;
    default:
        return;
    }
    evidence_verdict(p->evidence, message->flow, verdict.chars);
}

static void take_facts(struct pipeline *p, const struct message *message)
{
    const struct findings *f = message->findings;
    for (unsigned i = 0; i < f->facts_used; i++) {
        const struct fact *fact = &f->facts[i];
        if (fact->kind == FACT_SERVER_HELLO) {
            TEXT_ON_STACK(version, 64);
            text_add_escaped(&version, fact->text);
            recorder_server(p->recorder, &message->flow->server, message->decoder->protocol, version.chars, false,
                            message->first->time_ns);
        } else if (fact->kind == FACT_TLS) {
            recorder_server(p->recorder, &message->flow->server, message->decoder->protocol, "", true, message->first->time_ns);
        } else if (fact->kind != FACT_REQUEST) {
            say_verdict(p, message, fact);
        }
    }
}

static void take_message(void *context, const struct message *message)
{
    struct pipeline *p = context;
    if (message->findings->facts_used)
        take_facts(p, message);
    detector_message(p->detector, message, raise_alert, p);
}

static bool wants_messages(void *context, enum protocol protocol, enum side from)
{
    struct pipeline *p = context;
    return detector_wants(p->detector, protocol, from);
}

static void take_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    struct pipeline *p = context;
    if (!flow->sample)
        return;
    if (by == FROM_SERVER && (end == END_RESET || end == END_FIN))
        evidence_verdict(p->evidence, flow, end == END_RESET ? "reset the connection" : "closed the connection without an answer");
    evidence_close(p->evidence, flow, where->ticket);
}

/* ---- opening: one budget, split by what each room is worth */

struct pipeline *pipeline_open(const struct pipeline_options *options, const struct rule_set *rules, struct recorder *recorder,
                               struct counters *counters, struct error *why)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) {
        error_set(why, EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    size_t budget = options->memory_bytes;
    if (!arena_open(&p->arena, budget, why)) {
        free(p);
        return NULL;
    }
    p->counters = counters;
    p->recorder = recorder;
    p->rules = rules;
    struct message_sink messages = {
        .context = p,
        .facts = 1u << FACT_SERVER_HELLO | 1u << FACT_TLS,
        .wants = wants_messages,
        .message = take_message,
        .closed = take_closed,
    };
    struct dialogue_options dialogue = {
        .conversations = budget / 8192,
        .message_buffers = budget / (128 * 1024),
        .note_blocks = budget / 4096,
        .inflaters = budget / (16 * 1024 * 1024) + 4,
        .servers = 4096,
        .incomplete_ns = INCOMPLETE_SECONDS * INT64_C(1000000000),
    };
    struct net_options net = {
        .flows = budget / 4096,
        .held_bytes = budget / 16,
        .check_checksums = options->check_checksums,
        .idle_ns = IDLE_SECONDS * INT64_C(1000000000),
    };
    struct evidence_options evidence = options->evidence;
    if (!evidence.samples)
        evidence.samples = budget / (4 * 1024 * 1024) + 4;
    bool fits = (p->flight = flight_open(&p->arena, budget / 4096, budget / 16)) &&
                (p->detector = detector_open(rules, &p->arena)) && (p->dialogue = dialogue_open(&p->arena, &dialogue, &messages, counters));
    if (fits) {
        struct stream_sink streams = dialogue_sink(p->dialogue);
        fits = (p->net = net_open(&p->arena, &net, &streams, counters)) &&
               (p->evidence = evidence_open(&p->arena, &evidence, p->flight, recorder, counters));
    }
    if (!fits) {
        error_set(why, EXIT_USAGE, "--memory %zu MiB is too small; 64 MiB is the least that works", budget >> 20);
        pipeline_close(p);
        return NULL;
    }
    return p;
}

void pipeline_close(struct pipeline *p)
{
    if (!p)
        return;
    arena_close(&p->arena);
    free(p);
}

/* ---- the loop */

static void process(struct pipeline *p, const struct net_packet *packet, bool stable)
{
    /* Before the packet: what stood still until now is incomplete, whatever comes, so that no alert depends on the other
     * connections of the capture. */
    dialogue_tick(p->dialogue, packet->raw->time_ns);
    struct flow *flow = net_flow(p->net, packet);
    if (!flow)
        return;
    flow->ticket = flight_note(p->flight, packet->raw, flow->ticket, stable);
    net_segment(p->net, flow, packet);
    if (flow->sample)
        evidence_packet(p->evidence, flow, packet->raw, flow->ticket);
}

void pipeline_run(struct pipeline *p, struct source *source, const volatile bool *stop, void (*progress)(void *), void *context)
{
    size_t got;
    uint64_t until_progress = PROGRESS_EVERY;
    while (!*stop && (got = source_read(source, p->raw, BATCH)) > 0) {
        bool stable = source_is_stable(source);
        for (size_t i = 0; i < got; i++) {
            enum counter skipped;
            p->decoded[i] = net_decode(&p->raw[i], &p->packets[i], &skipped);
            if (p->decoded[i])
                net_prefetch(p->net, &p->packets[i]);
            else
                count(p->counters, skipped);
        }
        for (size_t i = 0; i < got; i++)
            if (p->decoded[i])
                process(p, &p->packets[i], stable);
        until_progress -= got < until_progress ? got : until_progress;
        if (until_progress == 0) {
            until_progress = PROGRESS_EVERY;
            if (progress)
                progress(context);
        }
    }
}

void pipeline_finish(struct pipeline *p)
{
    net_finish(p->net);
}

uint64_t pipeline_flows(const struct pipeline *p, enum protocol protocol)
{
    return dialogue_flows(p->dialogue, protocol);
}

uint64_t pipeline_messages(const struct pipeline *p, enum protocol protocol)
{
    return dialogue_messages(p->dialogue, protocol);
}
