/* The search of contents against a slow and obvious one: random steps on short buffers of two letters, where everything
 * happens often. */
#include "check.h"

#include "detect/content.h"

struct story {
    struct rule rule;
    struct step steps[5];
    uint8_t bytes[64];
    struct test test;
    uint8_t seen[16], lower[16];
    struct buffer buffer;
};

static uint32_t next_random(uint32_t *random, uint32_t below)
{
    *random = *random * 1664525u + 1013904223u;
    return (*random >> 10) % below;
}

static bool occurs(const struct story *s, const struct step *step, size_t at)
{
    const uint8_t *bytes = step->nocase ? s->lower : s->seen;
    const size_t length = step->pattern.count;
    if (at + length > s->buffer.seen.length || memcmp(bytes + at, s->bytes + step->pattern.first, length) != 0)
        return false;
    return !step->ends || (at + length == s->buffer.size && s->buffer.size == s->buffer.seen.length);
}

/* Tries every way to satisfy the steps from `step` on. */
static bool slow(const struct story *s, unsigned number, int64_t previous)
{
    if (number == s->test.parts.count)
        return true;
    const struct step *step = &s->steps[number];
    if (step->kind == STEP_DATA_AT) {
        bool there = step->relative ? previous + step->at <= (int64_t)s->buffer.size : step->at < s->buffer.size;
        return there != step->negated && slow(s, number + 1, previous);
    }
    int64_t low = step->offset == STEP_UNSET ? 0 : step->offset, high = 1000;
    if (step->depth != STEP_UNSET)
        high = low + step->depth;
    if (step->starts)
        high = step->pattern.count;
    if (step->relative) {
        low = previous + (step->distance == STEP_UNSET ? 0 : step->distance);
        high = step->within == STEP_UNSET ? 1000 : low + step->within;
    }
    for (int64_t at = low < 0 ? 0 : low; at + step->pattern.count <= high && at < 16; at++) {
        if (!occurs(s, step, (size_t)at))
            continue;
        if (step->negated)
            return false;
        if (slow(s, number + 1, at + step->pattern.count))
            return true;
    }
    return step->negated && slow(s, number + 1, previous);
}

static void random_step(struct story *s, struct step *step, uint32_t *random, size_t *used)
{
    *step = (struct step){.kind = STEP_CONTENT, .offset = STEP_UNSET, .depth = STEP_UNSET, .distance = STEP_UNSET, .within = STEP_UNSET,
                          .negated = next_random(random, 4) == 0};
    if (next_random(random, 6) == 0) {
        step->kind = STEP_DATA_AT;
        step->relative = next_random(random, 2);
        step->at = next_random(random, 14);
        return;
    }
    step->nocase = next_random(random, 3) == 0;
    step->ends = next_random(random, 8) == 0;
    step->pattern = (struct span){(uint16_t)*used, (uint16_t)(1 + next_random(random, 3))};
    for (unsigned i = 0; i < step->pattern.count; i++)
        s->bytes[(*used)++] = step->nocase ? 'a' : next_random(random, 3) ? 'a' : 'A';
    switch (next_random(random, 5)) {
    case 0:
        step->offset = (int32_t)next_random(random, 9);
        break;
    case 1:
        step->offset = next_random(random, 2) ? (int32_t)next_random(random, 5) : STEP_UNSET;
        step->depth = step->pattern.count + (int32_t)next_random(random, 5);
        break;
    case 2:
        step->relative = true;
        step->distance = (int32_t)next_random(random, 9) - 4;
        break;
    case 3:
        step->relative = true;
        step->distance = next_random(random, 2) ? (int32_t)next_random(random, 5) - 2 : STEP_UNSET;
        step->within = step->pattern.count + (int32_t)next_random(random, 4);
        break;
    default:
        step->starts = next_random(random, 3) == 0;
    }
}

/* As the parser does it. */
static void chain(struct story *s)
{
    bool chained = false;
    for (unsigned i = s->test.parts.count; i-- > 0;) {
        s->steps[i].chained = chained;
        if (s->steps[i].relative)
            chained = true;
        else if (s->steps[i].kind == STEP_CONTENT && !s->steps[i].negated)
            chained = false;
    }
}

static void the_same_answer(void **state)
{
    (void)state;
    uint32_t random = 99;
    unsigned matches = 0;
    const unsigned rounds = 400000;
    struct search *search = malloc(sizeof *search);
    for (unsigned round = 0; round < rounds; round++) {
        struct story s = {.test.kind = TEST_BUFFER};
        size_t used = 0, length = next_random(&random, 15);
        struct place place;
        s.rule.bytes = s.bytes;
        s.rule.steps = s.steps;
        s.test.parts.count = (uint16_t)(1 + next_random(&random, 5));
        for (unsigned i = 0; i < s.test.parts.count; i++)
            random_step(&s, &s.steps[i], &random, &used);
        chain(&s);
        for (size_t i = 0; i < length; i++) {
            s.seen[i] = next_random(&random, 3) ? 'a' : next_random(&random, 2) ? 'A' : 'b';
            s.lower[i] = s.seen[i] | 0x20;
        }
        s.buffer = (struct buffer){view_of(s.seen, length), s.lower, length + (next_random(&random, 4) == 0)};
        bool expected = slow(&s, 0, 0), got = content_match(search, &s.rule, &s.test, &s.buffer, &place);
        if (expected != got) {
            print_error("round %u: %d instead of %d\n", round, got, expected);
            for (unsigned i = 0; i < s.test.parts.count; i++) {
                struct text out = text_in((char[256]){0}, 256);
                rule_print_step(&s.rule, &s.steps[i], &out);
                print_error("  %s\n", out.chars);
            }
            print_error("  in %.*s of %u\n", (int)length, (const char *)s.seen, (unsigned)s.buffer.size);
            fail();
        }
        matches += got;
        if (got && !place.whole)
            assert_true(place.offset + place.length <= length);
    }
    free(search);
    assert_true(matches > rounds / 20 && matches < rounds - rounds / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_answer),
    };
    return cmocka_run_group_tests_name("content search", tests, NULL, NULL);
}
