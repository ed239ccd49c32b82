/* What the rooms of a worker say, and where it goes: alerts, samples, verdicts, the health of servers. See worker.h. */
#include "app/worker_state.h"

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
    struct worker *w = context;
    struct alert alert = *found;
    struct rule_facts rule;
    TEXT_ON_STACK(comment, 400);
    const struct segment *where = message_segment(message, alert.message_offset);
    alert.packet_number = where->packet_number;
    alert.time_ns = where->time_ns;
    alert.first_packet = message->first->packet_number;
    rules_facts(w->now.rules, alert.rule, &rule);
    sentence_of(&comment, &alert, &rule);
    uint64_t key = ++w->alerts;
    bool may_store = outlet_may_store(&w->outlet, &alert);
    /* Secrets are masked by their place in a stream: a datagram has none. */
    if (!message->bare && !alert.quiet && (!message->datagram || !message->findings->secret))
        alert.sample = evidence_alert(w->evidence, message->flow, key, where->ticket, comment.chars, may_store);
    outlet_alert(&w->outlet, &alert, key);
    if (w->memos && !alert.quiet)
        memos_alert(w->memos, message->flow);
    if (alert.event == EVENT_MESSAGE && !alert.quiet)
        pulse_alert(w->pulse, message, key, alert.severity);
}

static void say_verdict(struct worker *w, const struct message *message, const struct fact *fact)
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
    evidence_verdict(w->evidence, message->flow, verdict.chars);
}

static void take_facts(struct worker *w, const struct message *message)
{
    const struct findings *f = message->findings;
    for (unsigned i = 0; i < f->facts_used; i++) {
        const struct fact *fact = &f->facts[i];
        if (fact->kind == FACT_SERVER_HELLO) {
            TEXT_ON_STACK(version, 64);
            text_add_escaped(&version, fact->text);
            outlet_server(&w->outlet, &message->flow->server, message->decoder->protocol, version.chars, false,
                            message->first->time_ns);
        } else if (fact->kind == FACT_TLS) {
            outlet_server(&w->outlet, &message->flow->server, message->decoder->protocol, "", true, message->first->time_ns);
        } else if (fact->kind != FACT_REQUEST && message->flow->sample) {
            say_verdict(w, message, fact);
        }
    }
}

/* By time alone, things happen to several connections at once: each in its place. */
static void worker_place(struct worker *w, const struct flow *flow)
{
    w->outlet.moment.place = w->by_time ? w->by_time << BY_TIME_SHIFT | flow->id : 0;
}

static void take_message(void *context, const struct message *message)
{
    struct worker *w = context;
    worker_place(w, message->flow);
    if (message->findings->facts_used)
        take_facts(w, message);
    if (w->habits && message->decoder)
        habits_message(w->habits, w->known, message);
    if (w->memos)
        memos_message(w->memos, message);
    detector_message(w->now.detector, message, raise_alert, w);
}

void worker_hears_memo(void *context, const struct memo *memo)
{
    struct worker *w = context;
    outlet_memo(&w->outlet, memo);
}

static void take_pulse(void *context, const struct utterance *heard)
{
    struct worker *w = context;
    pulse_message(w->pulse, heard);
}

static bool wants_messages(void *context, enum protocol protocol, enum side from)
{
    struct worker *w = context;
    return ((w->habits || w->memos) && protocol != PROTOCOL_NONE) || detector_wants(w->now.detector, protocol, from);
}

static void take_opened(void *context, struct flow *flow, const struct segment *where)
{
    struct worker *w = context;
    if (!detector_asks(w->now.detector, EVENT_FLOW_START))
        return;
    worker_place(w, flow);
    detector_event(w->now.detector, event_flow_start(&w->event, flow, where), raise_alert, w);
}

static void take_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    struct worker *w = context;
    worker_place(w, flow);
    if (detector_asks(w->now.detector, EVENT_FLOW_END) && dialogue_decoder(flow))
        detector_event(w->now.detector, event_flow_end(&w->event, flow, end, where), raise_alert, w);
    pulse_closed(w->pulse, flow, end, by, where);
    const struct decoder *decoder = dialogue_decoder(flow);
    if (decoder)
        sides_note(&w->sides, flow, decoder->protocol, dialogue_sight(flow));
    if (!flow->sample)
        return;
    if (by == FROM_SERVER && (end == END_RESET || end == END_FIN))
        evidence_verdict(w->evidence, flow, end == END_RESET ? "reset the connection" : "closed the connection without an answer");
    evidence_close(w->evidence, flow, where->ticket);
}

static void take_unclaimed(void *context, struct flow *flow, uint16_t spoken)
{
    struct worker *w = context;
    others_note(&w->others, &flow->server, spoken, 1);
}

static void take_finished(void *context, struct flow *flow, enum side from, const struct segment *where)
{
    struct worker *w = context;
    worker_place(w, flow);
    pulse_finished(w->pulse, flow, from, where);
}

static void take_gap(void *context, struct flow *flow, enum side from, const struct segment *where)
{
    struct worker *w = context;
    pulse_gap(w->pulse, flow, from, where);
}

void worker_hears_segment(void *context, struct flow *flow, enum side from, enum segment_sign sign, const struct segment *where)
{
    struct worker *w = context;
    pulse_segment(w->pulse, flow, from, sign, where);
}

/* Of the workers' beats of one moment all come before the one that tells the time. */
void worker_hears_sign(void *context, const struct sign *sign, size_t length)
{
    struct worker *w = context;
    if (sign->kind == SIGN_TIME)
        w->outlet.moment.place = (uint64_t)BY_TIME_TOLD << BY_TIME_SHIFT;
    else if (sign->flow_id && sign->kind != SIGN_WAITS) /* that is told with the beat */
        w->outlet.moment.place = w->by_time ? w->by_time << BY_TIME_SHIFT | sign->flow_id : 0;
    outlet_sign(&w->outlet, sign, length);
}

struct message_sink worker_ears(struct worker *w)
{
    return (struct message_sink){
        .context = w,
        .facts = 1u << FACT_SERVER_HELLO | 1u << FACT_TLS,
        .pulse_facts = pulse_facts(),
        .pulse = take_pulse,
        .wants = wants_messages,
        .message = take_message,
        .unclaimed = take_unclaimed,
        .opened = take_opened,
        .closed = take_closed,
        .finished = take_finished,
        .gap = take_gap,
    };
}
