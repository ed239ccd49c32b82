/* Incidents, their suspects and last words become rows. An incident is written again when it changes. */
#include <stdlib.h>

#include <jansson.h>

#include "base/text.h"
#include "model/name.h"
#include "proto/decoder.h"
#include "store/connection.h"

void store_bind_end(sqlite3_stmt *statement, int column, const struct endpoint *end)
{
    TEXT_ON_STACK(address, 64);
    text_add_address(&address, end->address);
    sqlite3_bind_text(statement, column, address.chars, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int(statement, column + 1, end->port);
}

static const char *message_name(enum protocol protocol, const struct word *word)
{
    const struct decoder *decoder = decoder_of(protocol);
    const char *name = decoder && word->type ? name_of(decoder->messages, word->type) : NULL;
    return name ? name : word->flags & WORD_LOST ? "lost" : word->flags & WORD_PARTIAL ? "unfinished" : NULL;
}

static void bind_shape(sqlite3_stmt *statement, int column, uint32_t shape)
{
    char text[16];
    snprintf(text, sizeof text, "%08x", (unsigned)shape);
    sqlite3_bind_text(statement, column, text, -1, SQLITE_TRANSIENT);
}

bool store_bind_json(sqlite3_stmt *statement, int column, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    return text && sqlite3_bind_text(statement, column, text, -1, free) == SQLITE_OK;
}

static json_t *evidence_json(const struct incident *i)
{
    json_t *all = json_array();
    for (unsigned n = 0; n < i->evidence_used; n++)
        json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "about", evidence_about_name((enum evidence_about)i->evidence[n].about), "weighs",
                                             i->evidence[n].against ? "against" : "for", "text", i->evidence[n].text));
    return all;
}

static json_t *reasons_json(const struct suspect *s)
{
    json_t *all = json_array();
    for (unsigned n = 0; n < s->reasons_used; n++)
        json_array_append_new(all, json_string(s->reasons[n]));
    return all;
}

static bool suspect_row(struct store *s, const struct incident *i, unsigned n, struct error *why)
{
    const struct suspect *suspect = &i->suspects[n];
    sqlite3_stmt *add = store_ready(s, DO_ADD_SUSPECT, why);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, s->run_id);
    sqlite3_bind_int64(add, 2, (int64_t)i->number);
    sqlite3_bind_int(add, 3, (int)n + 1);
    store_bind_end(add, 4, &suspect->client);
    sqlite3_bind_int64(add, 6, suspect->word.time_ns);
    store_bind_text(add, 7, message_name(i->protocol, &suspect->word), true);
    bind_shape(add, 8, suspect->word.shape);
    sqlite3_bind_int(add, 9, suspect->score);
    if (!store_bind_json(add, 10, reasons_json(suspect)))
        return error_set(why, EXIT_INTERNAL, "no memory to describe a suspect");
    if (suspect->word.alert)
        sqlite3_bind_int64(add, 11, (int64_t)suspect->word.alert);
    store_bind_text(add, 12, suspect->user, true);
    sqlite3_bind_int64(add, 13, suspect->word.length);
    sqlite3_bind_int64(add, 14, (int64_t)suspect->word.packet);
    sqlite3_bind_int64(add, 15, (int64_t)suspect->flow_id);
    return store_run(s, add, why);
}

static bool words_row(struct store *s, const struct incident *i, unsigned n, unsigned back, struct error *why)
{
    static const char *const manners[] = {"fin", "reset"};
    const struct last_words *w = &i->words[n];
    const struct word *word = &w->words[back];
    sqlite3_stmt *add = store_ready(s, DO_ADD_WORDS, why);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, s->run_id);
    sqlite3_bind_int64(add, 2, (int64_t)i->number);
    store_bind_end(add, 3, &w->client);
    store_bind_text(add, 5, w->user, true);
    sqlite3_bind_int(add, 6, (int)back + 1);
    sqlite3_bind_int64(add, 7, word->time_ns);
    store_bind_text(add, 8, message_name(i->protocol, word), true);
    bind_shape(add, 9, word->shape);
    sqlite3_bind_int64(add, 10, word->length);
    sqlite3_bind_int64(add, 11, (int64_t)word->packet);
    sqlite3_bind_int(add, 12, word->flags & WORD_OPEN ? 0 : 1);
    store_bind_text(add, 13, w->ended ? manners[w->manner & 1] : "waits", false);
    sqlite3_bind_int64(add, 14, w->time_ns);
    if (word->alert)
        sqlite3_bind_int64(add, 15, (int64_t)word->alert);
    return store_run(s, add, why);
}

static bool incident_row(struct store *s, const struct incident *i, struct error *why)
{
    sqlite3_stmt *add = store_ready(s, DO_SET_INCIDENT, why);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, s->run_id);
    sqlite3_bind_int64(add, 2, (int64_t)i->number);
    store_bind_end(add, 3, &i->server);
    store_bind_text(add, 5, protocol_name(i->protocol), false);
    store_bind_text(add, 6, incident_kind_name(i->kind), false);
    sqlite3_bind_int64(add, 7, i->began_ns);
    if (i->ended_ns)
        sqlite3_bind_int64(add, 8, i->ended_ns);
    sqlite3_bind_int(add, 9, (int)i->clients);
    sqlite3_bind_int(add, 10, (int)i->clients_affected);
    store_bind_text(add, 11, incident_verdict_name(i->verdict), false);
    sqlite3_bind_int(add, 12, i->confidence);
    if (i->has_backup)
        store_bind_end(add, 13, &i->backup);
    store_bind_text(add, 15, i->summary, false);
    sqlite3_bind_int64(add, 16, i->connections);
    sqlite3_bind_int64(add, 17, i->connections_lost);
    sqlite3_bind_int64(add, 18, i->requests_lost);
    sqlite3_bind_int64(add, 19, i->refused);
    if (i->last_reply_ns)
        sqlite3_bind_int64(add, 20, i->last_reply_ns);
    if (!store_bind_json(add, 21, evidence_json(i)))
        return error_set(why, EXIT_INTERNAL, "no memory to describe an incident");
    sqlite3_bind_int64(add, 22, (int64_t)i->packet);
    if (i->has_backup) {
        sqlite3_bind_int64(add, 23, i->without_ns);
        sqlite3_bind_int64(add, 24, i->moved);
        sqlite3_bind_int(add, 25, i->suspect_followed);
    }
    sqlite3_bind_int64(add, 26, i->users);
    sqlite3_bind_int64(add, 27, i->users_affected);
    sqlite3_bind_int64(add, 28, (int64_t)i->requests_before);
    return store_run(s, add, why);
}

bool store_set_incident(struct store *s, const struct incident *i, struct error *why)
{
    bool done = incident_row(s, i, why);
    for (enum statement which = DO_DROP_SUSPECTS; done && which <= DO_DROP_WORDS; which++) {
        sqlite3_stmt *drop = store_ready(s, which, why);
        if (!drop)
            return false;
        sqlite3_bind_int64(drop, 1, s->run_id);
        sqlite3_bind_int64(drop, 2, (int64_t)i->number);
        done = store_run(s, drop, why);
    }
    for (unsigned n = 0; done && n < i->suspects_used; n++)
        done = suspect_row(s, i, n, why);
    for (unsigned n = 0; done && n < i->words_used; n++)
        for (unsigned back = 0; done && back < i->words[n].words_used; back++)
            done = words_row(s, i, n, back, why);
    return done && store_row_done(s, why);
}
