/* What few connections need of a connection's state: see struct rare. Without memory for it dbhound knows less and goes on. */
#include "net/connection.h"

struct rare_half *rare_take(struct net *n, struct connection *c, enum side from)
{
    if (!c->rare)
        c->rare = pool_take(&n->held.segments);
    return c->rare ? &c->rare->half[from] : NULL;
}

void rare_drop(struct net *n, struct connection *c)
{
    if (c->rare)
        pool_give(&n->held.segments, c->rare);
    c->rare = NULL;
}

static bool rare_is_needed(const struct connection *c, enum side side)
{
    const struct rare_half *r = &c->rare->half[side];
    const struct half *h = &c->half[side];
    return r->doubt_first || r->sent > h->received || (r->urgent_known && r->urgent >= h->delivered) ||
           (r->acked_unseen > h->acked && r->unseen_packets == c->flow.packets[side]);
}

void rare_tidy(struct net *n, struct connection *c)
{
    if (c->rare && !rare_is_needed(c, FROM_CLIENT) && !rare_is_needed(c, FROM_SERVER))
        rare_drop(n, c);
}

void rare_note_sent(struct net *n, struct connection *c, enum side from, int64_t sent)
{
    if (sent <= connection_sent(c, from))
        return;
    struct rare_half *r = rare_take(n, c, from);
    if (r)
        r->sent = sent;
}

void rare_note_unseen(struct net *n, struct connection *c, enum side from, int64_t ack)
{
    struct rare_half *r = rare_take(n, c, from);
    if (!r || ack <= r->acked_unseen)
        return;
    r->acked_unseen = ack;
    r->unseen_packets = c->flow.packets[from];
}

/* tcp_check_urg: the reader does not find the byte before the pointer in the stream, unless a later pointer comes first. */
void rare_note_urgent(struct net *n, struct connection *c, enum side from, const struct net_packet *p, int64_t start)
{
    int64_t at = start + (p->urgent ? p->urgent - 1 : 0), received = c->half[from].received;
    struct rare_half *r = at < received ? NULL : rare_take(n, c, from);
    if (!r || (r->urgent_known && r->urgent >= received && at <= r->urgent))
        return;
    r->urgent_known = true;
    r->urgent = at;
}
