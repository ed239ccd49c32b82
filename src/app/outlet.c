/* From a worker to the recorder: see outlet.h. A full ring is waited for: nothing that was found is lost. */
#include "app/outlet.h"

#include <string.h>

static struct record *record_begin(struct outlet *o, enum record_kind kind, uint64_t key, size_t length)
{
    struct record *r = ring_reserve(o->ring, length);
    if (!r) {
        /* The recorder may be waiting to hear that nothing earlier comes from here. */
        turns_pass(o->turns, o->worker, o->moment.when - 1);
        for (unsigned round = 0; !(r = ring_reserve(o->ring, length)); round++)
            wait_a_little(round);
    }
    r->moment = o->moment;
    r->kind = kind;
    r->key = key;
    return r;
}

#define LENGTH_WITH(part) (offsetof(struct record, part) + sizeof((struct record *)0)->part)

void outlet_alert(struct outlet *o, const struct alert *alert, uint64_t key)
{
    if (o->recorder) {
        recorder_alert(o->recorder, alert, key);
        return;
    }
    struct record *r = record_begin(o, RECORD_ALERT, key, LENGTH_WITH(alert));
    r->alert.alert = *alert;
    ring_commit(o->ring, LENGTH_WITH(alert));
}

bool outlet_may_store(struct outlet *o, const struct alert *alert)
{
    return !o->limiter || limiter_may_store(o->limiter, alert);
}

void outlet_verdict(struct outlet *o, uint64_t key, const char *verdict)
{
    if (o->recorder) {
        recorder_verdict(o->recorder, key, verdict);
        return;
    }
    struct record *r = record_begin(o, RECORD_VERDICT, key, LENGTH_WITH(verdict));
    struct text text = text_in(r->verdict.text, sizeof r->verdict.text);
    text_add(&text, "%s", verdict);
    ring_commit(o->ring, LENGTH_WITH(verdict));
}

bool outlet_wants_sample(const struct outlet *o, uint64_t sample, bool may)
{
    return o->recorder ? recorder_wants_sample(o->recorder, sample) : may;
}

void outlet_sample(struct outlet *o, uint64_t sample, struct view pcapng, uint32_t packets, bool redacted)
{
    if (o->recorder) {
        recorder_sample(o->recorder, sample, pcapng, packets, redacted);
        return;
    }
    size_t length = RECORD_BYTES_AT + pcapng.length;
    struct record *r = record_begin(o, RECORD_SAMPLE, sample, length);
    r->sample.packets = packets;
    r->sample.redacted = redacted;
    r->sample.length = (uint32_t)pcapng.length;
    memcpy((uint8_t *)r + RECORD_BYTES_AT, pcapng.bytes, pcapng.length);
    ring_commit(o->ring, length);
}

void outlet_sign(struct outlet *o, const struct sign *sign, size_t length)
{
    if (o->recorder) {
        recorder_sign(o->recorder, sign);
        return;
    }
    struct record *r = record_begin(o, RECORD_SIGN, 0, offsetof(struct record, sign) + length);
    memcpy(&r->sign, sign, length);
    ring_commit(o->ring, offsetof(struct record, sign) + length);
}

void outlet_memo(struct outlet *o, const struct memo *memo)
{
    const size_t length = memo_length(memo);
    if (o->recorder) {
        recorder_memo(o->recorder, memo);
        return;
    }
    struct record *r = record_begin(o, RECORD_MEMO, 0, offsetof(struct record, memo) + length);
    memcpy(&r->memo, memo, length);
    ring_commit(o->ring, offsetof(struct record, memo) + length);
}

void outlet_server(struct outlet *o, const struct endpoint *server, enum protocol protocol, const char *version, bool tls,
                   int64_t time_ns)
{
    if (o->recorder) {
        recorder_server(o->recorder, server, protocol, version, tls, time_ns);
        return;
    }
    struct record *r = record_begin(o, RECORD_SERVER, 0, LENGTH_WITH(server));
    r->server.endpoint = *server;
    r->server.protocol = protocol;
    r->server.time_ns = time_ns;
    r->server.tls = tls;
    struct text text = text_in(r->server.version, sizeof r->server.version);
    text_add(&text, "%s", version);
    ring_commit(o->ring, LENGTH_WITH(server));
}
