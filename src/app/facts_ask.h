/*
 * A rule set asked about the facts in the store (--facts): what it would say of each message that was kept. Rules that need more than
 * a message are named, not asked; bytes that were not kept make an answer unknown, and are counted.
 */
#ifndef DBHOUND_SRC_APP_FACTS_ASK_H
#define DBHOUND_SRC_APP_FACTS_ASK_H

#include <sqlite3.h>

#include "app/kept.h"
#include "detect/detect.h"
#include "detect/explain.h"

struct facts_asker;

struct facts_asker *facts_asker_open(const struct rule_set *rules, struct error *why);
void facts_asker_close(struct facts_asker *a);
/* Tells each alert that threshold.config does not hide. */
void facts_ask(struct facts_asker *a, const struct kept_message *kept, void (*told)(void *context, const struct alert *alert, uint64_t place),
               void *context, uint64_t place);
/* Why the rule cannot be judged on facts: NULL, it can. *unknown: on how many messages it could not. */
const char *facts_asker_limit(const struct facts_asker *a, uint32_t rule, uint64_t *unknown);

/* A row of v_facts, as FACTS_COLUMNS selects it, made into a message again. The row must live as long as it is used. */
#define FACTS_COLUMNS                                                                                                                        \
    "fact_id, time_ns, flow_id, client_ip, client_port, server_ip, server_port, proto, direction, message_type, length, stream_offset, "    \
    "packet_number, phase, tls, compression, midstream, user_name, database_name, error_code, rows, anomalies, fields, fields_cut, head, " \
    "client_country, client_asn, says"
void facts_rebuild(struct kept_message *k, sqlite3_stmt *row);

#endif
