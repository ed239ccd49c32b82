/* Alerts made by hand, for the tests of the store and of the commands that read it. */
#ifndef DBHOUND_TESTS_FABRICATE_H
#define DBHOUND_TESTS_FABRICATE_H

#include <stdio.h>

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

#endif
