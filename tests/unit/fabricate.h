/* Alerts made by hand, for the tests of the store and of the commands that read it. */
#ifndef DBHOUND_TESTS_FABRICATE_H
#define DBHOUND_TESTS_FABRICATE_H

#include <stdio.h>

#include "capture/pcapng.h"
#include "check.h"
#include "store/store.h"

static inline struct endpoint end_v4(unsigned a, unsigned b, unsigned c, unsigned d, uint16_t port)
{
    struct endpoint e = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}, port};
    return e;
}

/* A login whose length byte runs over the end of the message. */
static inline struct alert fabricated_alert(void)
{
    struct alert a = {.packet_number = 9, .first_packet = 9, .time_ns = INT64_C(1795499519123456789), .flow_id = 77,
                      .gid = 1, .sid = 9002001, .rev = 1, .class = CLASS_MALFORMED, .severity = 1, .confidence = 100,
                      .from = FROM_CLIENT, .protocol = PROTOCOL_MYSQL, .anomaly = ANOMALY_MYSQL_INCOMPLETE_MESSAGE,
                      .field = FIELD_MYSQL_LENGTH, .message = MYSQL_GREETING, .message_length = 77, .message_offset = 41,
                      .field_length = 1, .got = "254", .expected = "at most 35 (the bytes left in the message)",
                      .user = "root", .database = "shop", .sample = 5};
    struct view head = hex("49000001 85a63f20 00000001 2d 0000000000000000000000000000000000000000000000 'root' 00 fe"
                           "2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a 'mysql_nat' 1b '[31m' 00");
    a.client = end_v4(10, 0, 0, 9, 51544);
    a.server = end_v4(10, 0, 0, 5, 3306);
    a.head_length = (uint16_t)head.length;
    memcpy(a.head, head.bytes, head.length);
    hex_free(head);
    a.fields[0] = (struct field_value){.field = FIELD_MYSQL_LENGTH, .value = 73, .offset = 0, .length = 3};
    a.fields[1] = (struct field_value){.field = FIELD_DB_MESSAGE, .value = MYSQL_GREETING};
    a.fields[2] = (struct field_value){.field = FIELD_DB_USER, .offset = 36, .length = 4};
    a.fields[3] = (struct field_value){.field = FIELD_DB_NAME, .offset = 62, .length = 14, .depth = 1};
    a.fields_used = 4;
    return a;
}

static inline struct rule_facts fabricated_rule(void)
{
    return (struct rule_facts){.gid = 1, .sid = 9002001, .rev = 1, .severity = 1, .classtype = "protocol-command-decode",
                               .msg = "A message never completed",
                               .text = "alert mysql any any -> any any (msg:\"A message never completed\"; "
                                       "anomaly:mysql.incomplete-message; sid:9002001; rev:1;)",
                               .references = "cve,2017-3599"};
}

/* An Ethernet frame with a TCP segment between the ends of fabricated_alert. Returns its length. */
static inline uint32_t fabricated_frame(uint8_t frame[2048], bool from_server, uint8_t flags, struct view payload)
{
    static const uint8_t ends[2][6] = {{10, 0, 0, 9, 51544 >> 8, 51544 & 255}, {10, 0, 0, 5, 3306 >> 8, 3306 & 255}};
    const uint8_t *source = ends[from_server], *target = ends[!from_server];
    uint32_t ip_length = 40 + (uint32_t)payload.length;
    memset(frame, 0, 54);
    frame[12] = 8;
    frame[14] = 0x45;
    frame[16] = (uint8_t)(ip_length >> 8);
    frame[17] = (uint8_t)ip_length;
    frame[22] = 64;
    frame[23] = 6;
    memcpy(frame + 26, source, 4);
    memcpy(frame + 30, target, 4);
    memcpy(frame + 34, source + 4, 2);
    memcpy(frame + 36, target + 4, 2);
    frame[46] = 0x50;
    frame[47] = flags;
    if (payload.length)
        memcpy(frame + 54, payload.bytes, payload.length);
    return 54 + (uint32_t)payload.length;
}

/* The handshake, a greeting, the login of fabricated_alert, and the server that goes away. */
static inline struct view fabricated_sample(uint8_t *memory, size_t size)
{
    struct alert alert = fabricated_alert();
    struct view none = {NULL, 0}, greeting = hex("4a000000 0a '5.5.5-10.11.6-MariaDB-log' 00 0b000000");
    const struct {
        bool from_server;
        uint8_t flags;
        struct view payload;
        int64_t after_ns;
    } packets[] = {
        {false, 0x02, none, -812345}, {true, 0x12, none, -612345}, {false, 0x10, none, -600000}, {true, 0x18, greeting, -312000},
        {false, 0x18, view_of(alert.head, alert.head_length), 0}, {true, 0x04, none, 2104000},
    };
    struct pcapng_writer w;
    pcapng_begin(&w, memory, size, "dbhound", "dbhound sample; secrets are masked with '*'");
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        uint8_t frame[2048];
        uint32_t length = fabricated_frame(frame, packets[i].from_server, packets[i].flags, packets[i].payload);
        struct raw_packet raw = {.bytes = frame, .captured = length, .length = length, .link_type = 1,
                                 .time_ns = alert.time_ns + packets[i].after_ns};
        pcapng_add(&w, &raw, 0, packets[i].after_ns == 0 ? "ALERT 9002001" : NULL);
    }
    hex_free(greeting);
    return view_of(w.bytes, w.length);
}

#endif
