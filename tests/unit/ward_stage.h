/* A server, its clients and what the workers tell of them, for the tests of the ward; and what it says. */
#ifndef DBHOUND_TESTS_WARD_STAGE_H
#define DBHOUND_TESTS_WARD_STAGE_H

#include <stdio.h>

#include "check.h"

#include "health/ward.h"
#include "net/stream.h"

#define MS(n) ((int64_t)(n) * 1000000)

static struct incident told[256];
static unsigned told_used, times_told, vitals_told;
static uint64_t requests_told;

static inline void keep_incident(void *context, const struct incident *i)
{
    (void)context;
    times_told++;
    for (unsigned n = 0; n < told_used; n++) {
        if (told[n].number == i->number) {
            told[n] = *i;
            return;
        }
    }
    if (told_used < sizeof told / sizeof told[0])
        told[told_used++] = *i;
}

static struct vitals minute; /* the last one that was told */
static struct visitor visitors[128];
static unsigned visitors_told, seconds_told;

static inline void keep_vitals(void *context, const struct vitals *v)
{
    (void)context;
    minute = *v;
    vitals_told++;
    requests_told += v->sum.requests;
}

static inline void keep_second(void *context, const struct vitals *v, int64_t time_ns)
{
    (void)context;
    (void)v;
    (void)time_ns;
    seconds_told++;
}

static inline void keep_visitor(void *context, const struct visitor *v)
{
    (void)context;
    for (unsigned i = 0; i < visitors_told; i++) {
        if (strcmp(visitors[i].name, v->name) == 0 && visitors[i].is_monitor == v->is_monitor) {
            visitors[i] = *v;
            return;
        }
    }
    if (visitors_told < sizeof visitors / sizeof visitors[0])
        visitors[visitors_told++] = *v;
}

/* ---- a server and its clients */

struct stage {
    struct ward *ward;
    int64_t now_ns;
    uint64_t packet;
    enum protocol protocol;
    unsigned open, replies; /* per beat */
};

static inline struct endpoint end_of(unsigned host, unsigned port)
{
    struct endpoint e = {.address = {[10] = 0xff, [11] = 0xff, [12] = 10, [14] = (uint8_t)(host >> 8), [15] = (uint8_t)host}, .port = (uint16_t)port};
    return e;
}

static inline struct sign sign_of(struct stage *s, enum sign_kind kind, unsigned client)
{
    struct sign sign;
    memset(&sign, 0, sizeof sign);
    sign.kind = (uint8_t)kind;
    sign.protocol = (uint8_t)s->protocol;
    sign.server = end_of(1, 3306);
    sign.client = end_of(100 + client, 40000 + client);
    sign.time_ns = s->now_ns;
    sign.packet = ++s->packet;
    sign.flow_id = client + 1;
    return sign;
}

static inline void open_connections(struct stage *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct sign sign = sign_of(s, SIGN_OPENED, s->open++);
        ward_take(s->ward, &sign);
    }
}

static inline void tell_time(struct stage *s, bool over)
{
    struct sign sign = sign_of(s, SIGN_TIME, 0);
    sign.manner = over;
    ward_take(s->ward, &sign);
}

static inline void beat(struct stage *s, const struct beat *b)
{
    struct sign sign = sign_of(s, SIGN_BEAT, 0);
    s->now_ns += BEAT_NS;
    sign.time_ns = s->now_ns;
    sign.beat = *b;
    ward_take(s->ward, &sign);
    tell_time(s, false);
}

static inline void work(struct stage *s, unsigned beats)
{
    for (unsigned i = 0; i < beats; i++) {
        struct beat b = {.requests = s->replies, .replies = s->replies, .sum_us = s->replies * UINT64_C(300), .connections = s->open,
                         .last_reply_ns = s->now_ns + BEAT_NS - MS(1), .last_request_ns = s->now_ns + BEAT_NS - MS(1)};
        beat(s, &b);
    }
}

static inline void pass(struct stage *s, unsigned beats)
{
    for (unsigned i = 0; i < beats; i++) {
        s->now_ns += BEAT_NS;
        tell_time(s, false);
    }
}

static inline void end_one(struct stage *s, unsigned client, enum ending_manner manner, bool open, enum farewell farewell, const struct word *word)
{
    struct sign sign = sign_of(s, SIGN_ENDING, client);
    sign.from = FROM_SERVER;
    sign.manner = (uint8_t)manner;
    sign.ending.requests = 10;
    sign.ending.open = open;
    sign.ending.open_since_ns = open ? s->now_ns - MS(1) : 0;
    sign.ending.opened_ns = 1;
    sign.ending.last_reply_ns = s->now_ns - MS(8);
    sign.ending.farewell = (uint8_t)farewell;
    sign.ending.words_used = 1;
    sign.ending.words[0] = word ? *word : (struct word){.time_ns = s->now_ns - MS(2), .packet = s->packet, .shape = 7, .length = 30, .type = 103,
                                                        .flags = (uint8_t)(WORD_REQUEST | (open ? WORD_OPEN : 0))};
    ward_take(s->ward, &sign);
    s->now_ns += MS(1) / 10;
}

static inline void doors(struct stage *s, unsigned asked, unsigned accepted, unsigned refused)
{
    struct sign sign = sign_of(s, SIGN_DOOR, 0);
    sign.door.asked = asked;
    sign.door.accepted = accepted;
    sign.door.refused = refused;
    ward_take(s->ward, &sign);
}

static inline void hello(struct stage *s, uint64_t number, uint32_t version)
{
    struct sign sign = sign_of(s, SIGN_HELLO, 50);
    sign.flow_id = s->packet; /* each of a newer connection */
    sign.hello.number = number;
    sign.hello.version = version;
    ward_take(s->ward, &sign);
}

static inline void farewell(struct stage *s, enum farewell kind, const char *text)
{
    struct sign sign = sign_of(s, SIGN_FAREWELL, 0);
    sign.manner = (uint8_t)kind;
    snprintf(sign.farewell.text, sizeof sign.farewell.text, "%s", text);
    ward_take(s->ward, &sign);
}

static inline struct stage begin(enum protocol protocol, unsigned connections, unsigned replies)
{
    static const struct ward_sink sink = {.incident = keep_incident, .vitals = keep_vitals, .now = keep_second, .visitor = keep_visitor};
    struct stage s = {.ward = ward_open(&sink), .now_ns = INT64_C(1700000000000000000), .protocol = protocol, .replies = replies};
    assert_non_null(s.ward);
    told_used = times_told = vitals_told = visitors_told = seconds_told = 0;
    requests_told = 0;
    hello(&s, 100, 1);
    open_connections(&s, connections);
    work(&s, 15);
    return s;
}

static inline void finish(struct stage *s)
{
    tell_time(s, true);
    ward_close(s->ward);
}

#endif
