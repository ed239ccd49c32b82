/* A set of rules, one message to ask it about, and what it answers. The message's bytes are a heap block of exactly their
 * size. */
#ifndef DBHOUND_TESTS_RULES_BENCH_H
#define DBHOUND_TESTS_RULES_BENCH_H

#include <stdio.h>

#include "check.h"
#include "detect/detect.h"
#include "detect/rule.h"

struct bench {
    struct rule_set *set;
    struct detector *detector;
    struct arena arena;
    struct decoder decoders[PROTOCOLS]; /* only their protocol is set */
    struct flow flow;
    struct session session;
    struct findings findings;
    struct message message;
    struct segment first, last;
    struct view bytes;
    struct alert alert; /* the last that was raised */
    unsigned raised;
    uint32_t sids[64];
    struct alert alerts[4]; /* the first that were raised */
};

static inline struct bench *bench_open(void)
{
    struct bench *b = calloc(1, sizeof *b);
    b->set = rules_open();
    assert_non_null(b->set);
    for (unsigned i = 0; i < PROTOCOLS; i++)
        b->decoders[i].protocol = (enum protocol)i;
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, client[4] = {10, 0, 0, 5},
                         server[4] = {192, 168, 1, 20};
    memcpy(b->flow.client.address, mapped, 12);
    memcpy(b->flow.client.address + 12, client, 4);
    memcpy(b->flow.server.address, mapped, 12);
    memcpy(b->flow.server.address + 12, server, 4);
    b->flow.client.port = 40000;
    b->flow.server.port = 3306;
    b->flow.id = 77;
    return b;
}

static inline void bench_close(struct bench *b)
{
    rules_close(b->set);
    if (b->arena.memory)
        arena_close(&b->arena);
    if (b->bytes.bytes)
        hex_free(b->bytes);
    free(b);
}

/* No rule was refused; prints the first that was. */
static inline void bench_expect_clean(const struct bench *b)
{
    struct rule_problem problem;
    if (rules_problem(b->set, 0, &problem))
        print_error("%s:%u:%u: %s\n", problem.file, problem.line, problem.column, problem.text);
    assert_int_equal(rules_failed(b->set), 0);
}

static inline void bench_ready(struct bench *b)
{
    struct error why;
    assert_true(rules_ready(b->set, &why));
    assert_true(arena_open(&b->arena, 8 << 20, &why));
    b->detector = detector_open(b->set, &b->arena);
    assert_non_null(b->detector);
}

static inline void bench_rules(struct bench *b, const char *text)
{
    rules_add_text(b->set, "t.rules", view_text(text));
    bench_expect_clean(b);
    bench_ready(b);
}

/* A message of `written` bytes (see hex), without fields and reports. */
static inline void bench_message(struct bench *b, enum protocol protocol, enum side from, const char *written)
{
    if (b->bytes.bytes)
        hex_free(b->bytes);
    b->bytes = hex(written);
    memset(&b->findings, 0, sizeof b->findings);
    b->findings.session = &b->session;
    b->findings.message_length = b->bytes.length;
    b->first = b->last = (struct segment){.packet_number = 10, .time_ns = 1000, .stream_offset = 500};
    b->message = (struct message){.flow = &b->flow,
                                  .decoder = protocol == PROTOCOL_NONE ? NULL : &b->decoders[protocol],
                                  .from = from,
                                  .findings = &b->findings,
                                  .head = b->bytes,
                                  .stream_offset = 500,
                                  .first = &b->first,
                                  .last = &b->last,
                                  .confidence = 90};
}

static inline void bench_sink(void *context, const struct alert *alert, const struct message *message)
{
    struct bench *b = context;
    assert_ptr_equal(message, &b->message);
    b->alert = *alert;
    if (b->raised < 4)
        b->alerts[b->raised] = *alert;
    if (b->raised < 64)
        b->sids[b->raised] = alert->sid;
    b->raised++;
}

static inline unsigned bench_ask(struct bench *b)
{
    b->raised = 0;
    unsigned matched = (b->message.event ? detector_event : detector_message)(b->detector, &b->message, bench_sink, b);
    assert_int_equal(matched, b->raised);
    return matched;
}

static inline void bench_same_rule(const struct rule *a, const struct rule *b)
{
    char first[8192], second[8192];
    struct text one = text_in(first, sizeof first), two = text_in(second, sizeof second);
    rule_print(a, &one);
    rule_print(b, &two);
    assert_false(one.cut);
    assert_string_equal(first, second);
    assert_int_equal(a->severity, b->severity);
    assert_int_equal(a->class, b->class);
    assert_int_equal(a->protocols, b->protocols);
    assert_int_equal(a->sides, b->sides);
    assert_int_equal(a->evidence, b->evidence);
    assert_int_equal(a->never, b->never);
    assert_int_equal(a->event, b->event);
}

#endif
