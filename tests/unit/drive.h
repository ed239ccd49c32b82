/*
 * Drives the proto room without packets: bytes, gaps and ends of one connection go in as the net room would give them,
 * and every report comes out as one line "anomaly side stream-offset+offset field", in order.
 */
#ifndef DBHOUND_TESTS_DRIVE_H
#define DBHOUND_TESTS_DRIVE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/conversation.h"

enum { DRIVE_LINES_MAX = 256, DRIVE_LINE = 160 };

struct drive {
    struct arena arena;
    struct dialogue *dialogue;
    struct stream_sink sink;
    struct counters counters;
    struct flow flow;
    uint64_t offset[2];
    int64_t now_ns;
    uint64_t packet;
    unsigned messages, decrypted;
    unsigned lines_used;
    char lines[DRIVE_LINES_MAX][DRIVE_LINE];
};

static void drive_message(void *context, const struct message *message)
{
    struct drive *d = context;
    d->messages++;
    d->decrypted += message->decrypted;
    for (unsigned i = 0; i < message->findings->reports_used && d->lines_used < DRIVE_LINES_MAX; i++) {
        const struct report *r = &message->findings->reports[i];
        snprintf(d->lines[d->lines_used++], DRIVE_LINE, "%s %s %llu+%u %s", anomaly_row((enum anomaly)r->anomaly)->name,
                 message->from == FROM_CLIENT ? "client" : "server", (unsigned long long)message->stream_offset, r->offset,
                 field_name((enum field)r->field));
    }
}

static bool drive_wants(void *context, enum protocol protocol, enum side from)
{
    (void)context;
    (void)protocol;
    (void)from;
    return true;
}

static void drive_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    (void)context;
    (void)flow;
    (void)end;
    (void)by;
    (void)where;
}

/* Opens the room once; drive_start begins a new connection in it. `keylog`: of TLS sessions, or NULL. */
static inline bool drive_open_as(struct drive *d, struct keylog *keylog, bool classify)
{
    struct error why;
    struct message_sink sink = {.context = d, .facts = UINT32_MAX, .wants = drive_wants, .message = drive_message, .closed = drive_closed};
    struct dialogue_options options = {.conversations = 4, .message_buffers = 8, .note_blocks = 1024, .inflaters = 4, .servers = 16, .classify = classify,
                                       .incomplete_ns = INT64_C(30000000000), .keylog = keylog, .tls_sessions = 4, .tls_records = 4};
    memset(d, 0, sizeof *d);
    if (!arena_open(&d->arena, 16 << 20, &why) || !(d->dialogue = dialogue_open(&d->arena, &options, &sink, &d->counters)))
        return false;
    d->sink = dialogue_sink(d->dialogue);
    return true;
}

static inline bool drive_open(struct drive *d)
{
    return drive_open_as(d, NULL, false);
}

static inline bool drive_open_keyed(struct drive *d, struct keylog *keylog)
{
    return drive_open_as(d, keylog, false);
}

static inline bool drive_open_with(struct drive *d, bool classify)
{
    return drive_open_as(d, NULL, classify);
}

static inline void drive_close(struct drive *d)
{
    dialogue_close(d->dialogue);
    arena_close(&d->arena);
}

static inline void drive_start(struct drive *d, uint16_t server_port, bool midstream)
{
    memset(&d->flow, 0, sizeof d->flow);
    d->flow.client.address[15] = 1;
    d->flow.client.port = 40000;
    d->flow.server.address[15] = 2;
    d->flow.server.port = server_port;
    d->flow.midstream = midstream;
    d->flow.packets[0] = d->flow.packets[1] = 1;
    d->offset[0] = d->offset[1] = 0;
    d->messages = d->decrypted = d->lines_used = 0;
    d->packet = 0;
}

static inline struct segment drive_where(struct drive *d, enum side from)
{
    d->now_ns += 1000;
    return (struct segment){.ticket = ++d->packet, .packet_number = d->packet, .time_ns = d->now_ns, .stream_offset = d->offset[from]};
}

static inline void drive_bytes(struct drive *d, enum side from, struct view bytes)
{
    if (bytes.length == 0)
        return;
    struct segment where = drive_where(d, from);
    uint8_t *exact = malloc(bytes.length);
    memcpy(exact, bytes.bytes, bytes.length);
    d->sink.bytes(d->sink.context, &d->flow, from, view_of(exact, bytes.length), &where);
    free(exact);
    d->offset[from] += bytes.length;
}

static inline void drive_gap(struct drive *d, enum side from, uint64_t lost)
{
    struct segment where = drive_where(d, from);
    d->sink.gap(d->sink.context, &d->flow, from, lost, &where);
    d->offset[from] += lost;
}

static inline void drive_end(struct drive *d, enum flow_end end, enum side by)
{
    struct segment where = drive_where(d, by);
    if (end == END_FIN)
        d->sink.finished(d->sink.context, &d->flow, by, &where);
    d->sink.closed(d->sink.context, &d->flow, end, by, &where);
}

#endif
