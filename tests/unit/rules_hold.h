/* What holds for any text given as rules: it ends, nothing outside it is read, every rule that loaded prints and reads
 * back as itself, and every message can be asked about. Aborts when it does not hold. */
#ifndef DBHOUND_TESTS_RULES_HOLD_H
#define DBHOUND_TESTS_RULES_HOLD_H

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "detect/detect.h"
#include "detect/rule.h"

enum { PRINTED_MAX = 1 << 18 };

static inline void rules_hold_reprint(const struct rule *rule)
{
    static char first[PRINTED_MAX], second[PRINTED_MAX];
    struct text one = text_in(first, PRINTED_MAX), two = text_in(second, PRINTED_MAX);
    struct rule_set *again = rules_open();
    rule_print(rule, &one);
    if (!one.cut && one.length <= 60000) {
        rules_add_text(again, "again", view_of(first, one.length));
        struct rule_problem problem;
        if (rules_loaded(again) != 1) {
            if (rules_problem(again, 0, &problem))
                fprintf(stderr, "%u:%u: %s\n%s\n%s\n", problem.line, problem.column, problem.text, rule->text, first);
            abort();
        }
        rule_print(&again->rules[0], &two);
        if (strcmp(first, second) != 0) {
            fprintf(stderr, "%s\n%s\n%s\n", rule->text, first, second);
            abort();
        }
        assert(again->rules[0].severity == rule->severity && again->rules[0].protocols == rule->protocols);
    }
    rules_close(again);
}

static inline void rules_hold_sink(void *context, const struct alert *alert, const struct message *message)
{
    struct rule_facts facts;
    const struct rule_set *set = context;
    rules_facts(set, alert->rule, &facts);
    assert(facts.sid == alert->sid && facts.gid == alert->gid);
    assert(alert->severity >= 1 && alert->severity <= 4 && alert->class < ANOMALY_CLASSES);
    assert(message->findings->fields_used >= alert->fields_used);
}

/* The text itself is the message, with every kind of field noted somewhere in it. */
static inline void rules_hold_ask(struct rule_set *set, struct view text)
{
    struct arena arena;
    struct error why;
    struct decoder decoders[PROTOCOLS] = {0};
    struct session session = {.phase = PHASE_PRE_AUTH, .user_length = 4, .user = "root"};
    struct flow flow = {.id = 1, .client.port = 4000, .server.port = 3306};
    struct segment segment = {.packet_number = 5, .time_ns = 1};
    assert(rules_ready(set, &why));
    assert(arena_open(&arena, 16 << 20, &why));
    struct detector *d = detector_open(set, &arena);
    assert(d);
    for (unsigned i = 0; i < PROTOCOLS * 2; i++) {
        struct findings f = {.session = &session, .message = (uint16_t)(text.length % 600), .message_length = text.length + i % 3};
        struct message m = {.flow = &flow, .from = (enum side)(i % 2), .findings = &f, .head = view_head(text, MESSAGE_BYTES_MAX),
                            .first = &segment, .last = &segment};
        decoders[i / 2].protocol = (enum protocol)(i / 2);
        m.decoder = i < 2 ? NULL : &decoders[i / 2];
        for (unsigned field = 1; field < FIELDS; field++) {
            if (field_protocol((enum field)field) == PROTOCOL_NONE || field_protocol((enum field)field) == (enum protocol)(i / 2))
                note_field(&f, (enum field)field, field * 3 % ((uint32_t)m.head.length + 1), field, field);
        }
        for (unsigned anomaly = 1; anomaly < ANOMALIES; anomaly++)
            report(&f, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)(anomaly % FIELDS), .relation = anomaly % 4,
                                       .offset = anomaly, .length = anomaly % 3, .got = UINT64_MAX >> anomaly % 64});
        (void)detector_message(d, &m, rules_hold_sink, set);
    }
    arena_close(&arena);
}

static inline void rules_hold(struct view text)
{
    struct rule_set *set = rules_open();
    struct rule_problem problem;
    uint8_t *exact = malloc(text.length ? text.length : 1);
    memcpy(exact, text.bytes, text.length);
    rules_add_text(set, "text", view_of(exact, text.length));
    for (size_t i = 0; rules_problem(set, i, &problem); i++)
        assert(problem.line >= 1 && problem.column >= 1 && problem.column <= text.length + 1 && *problem.text);
    for (size_t i = 0; i < rules_loaded(set); i++)
        rules_hold_reprint(&set->rules[i]);
    rules_hold_ask(set, view_of(exact, text.length));
    free(exact);
    rules_close(set);
}

#endif
