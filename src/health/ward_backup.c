/* Where the clients of an incident go, and whether the suspect's message goes with them. */
#include "health/ward_state.h"

#include <string.h>

/* Who comes to another server so long after has not come because of it. */
static const int64_t BACKUP_REACH_NS = SECONDS(120);

static bool concerns(const struct ward *w, const struct patient_incident *p, const struct chart *c, int64_t now_ns)
{
    (void)w;
    return p->chart && p->chart != c && p->told.protocol == c->protocol && now_ns - p->told.began_ns < BACKUP_REACH_NS &&
           (p->told.kind == INCIDENT_DEATH || p->told.kind == INCIDENT_STOP || p->told.kind == INCIDENT_SILENCE);
}

static void note_wait(struct patient_incident *p, int64_t wait_ns)
{
    if (p->waits_used == WAITS_KEPT)
        return;
    uint32_t at = p->waits_used++;
    for (; at > 0 && p->waits_ns[at - 1] > wait_ns; at--)
        p->waits_ns[at] = p->waits_ns[at - 1];
    p->waits_ns[at] = wait_ns;
    p->told.without_ns = p->waits_ns[p->waits_used / 2];
}

static bool is_told_by_shape(const struct suspect *s)
{
    return s->word.flags & (WORD_ANOMALY | WORD_UNUSUAL | WORD_PARTIAL);
}

void backup_opened(struct ward *w, struct chart *c, const struct sign *sign)
{
    for (unsigned n = 0; n < INCIDENTS_OPEN; n++) {
        struct patient_incident *p = &w->incidents[n];
        if (!concerns(w, p, c, sign->time_ns))
            continue;
        struct seen_client *client = chart_client(p->chart, sign->client.address);
        const struct seen_client *here = chart_client(c, sign->client.address);
        /* It was here before: that it comes again says nothing. */
        if (!client || !client->lost || client->moved || !here || here->first_ns < p->told.began_ns)
            continue;
        client->moved = true;
        p->told.moved++;
        if (!p->told.has_backup) {
            p->told.has_backup = true;
            p->told.backup = c->server;
        }
        note_wait(p, sign->time_ns - p->told.began_ns);
        p->dirty = true;
    }
}

void backup_shape(struct ward *w, const struct chart *c, uint32_t shape)
{
    for (unsigned n = 0; n < INCIDENTS_OPEN; n++) {
        struct patient_incident *p = &w->incidents[n];
        if (!p->chart || !p->told.has_backup || !p->told.suspects_used || !is_told_by_shape(&p->told.suspects[0]) ||
            p->told.suspects[0].word.shape != shape || p->told.backup.port != c->server.port || !same_address(&p->told.backup, &c->server))
            continue;
        p->told.suspect_followed = true;
        p->dirty = true;
    }
}
