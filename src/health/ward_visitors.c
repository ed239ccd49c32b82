/* Who comes to a server: users, as far as the protocol shows their names, and monitors, of which only health checks come. */
#include "health/ward_state.h"

#include <string.h>

#include "base/text.h"

bool client_is_monitor(const struct seen_client *client)
{
    return client->checks >= MONITOR_CHECKS && !client->worked;
}

uint32_t chart_workers(const struct chart *c, bool lost)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->clients_used; i++)
        count += (!lost || c->clients[i].lost) && !client_is_monitor(&c->clients[i]);
    return count;
}

static struct seen_user *user_of(struct chart *c, const char *name)
{
    for (uint32_t i = 0; i < c->users_used; i++)
        if (strcmp(c->users[i].name, name) == 0)
            return &c->users[i];
    return NULL;
}

/* Sprayed names push each other out, not those that log in every day: of who was never let in the one that came least goes first. */
static struct seen_user *room_for_user(struct chart *c)
{
    if (c->users_used < CHART_USERS)
        return &c->users[c->users_used++];
    struct seen_user *least = &c->users[0];
    for (uint32_t i = 1; i < CHART_USERS; i++) {
        struct seen_user *u = &c->users[i];
        uint64_t had = least->logins - least->refused, has = u->logins - u->refused;
        if (has < had || (has == had && u->logins < least->logins) || (has == had && u->logins == least->logins && u->last_ns < least->last_ns))
            least = u;
    }
    return least;
}

void visitor_user(struct chart *c, const struct sign *sign)
{
    char name[SIGN_USER_MAX];
    memcpy(name, sign->user.user, sizeof name);
    name[sizeof name - 1] = 0;
    struct seen_user *u = user_of(c, name);
    if (!u) {
        u = room_for_user(c);
        *u = (struct seen_user){.first_ns = sign->time_ns};
        memcpy(u->name, name, sizeof u->name);
    }
    u->logins++;
    u->refused += sign->manner;
    u->last_ns = sign->time_ns;
    u->told = false;
}

void visitor_closed(struct chart *c, const struct sign *sign)
{
    struct seen_client *client = chart_client(c, sign->client.address);
    if (!client)
        return;
    if (!sign->ending.check)
        client->worked++;
    else if (sign->from == FROM_CLIENT)
        client->checks++;
    client->told = false;
}

void visitor_lost(struct chart *c, const char *name)
{
    struct seen_user *u = *name ? user_of(c, name) : NULL;
    if (u)
        u->lost = true;
}

void visitors_forget_lost(struct chart *c)
{
    for (uint32_t i = 0; i < c->users_used; i++)
        c->users[i].lost = false;
}

uint32_t visitors_lost(const struct chart *c)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < c->users_used; i++)
        lost += c->users[i].lost;
    return lost;
}

void visitors_tell(struct ward *w, struct chart *c)
{
    struct visitor told = {.server = c->server, .protocol = c->protocol};
    for (uint32_t i = 0; w->sink.visitor && i < c->users_used; i++) {
        struct seen_user *u = &c->users[i];
        if (u->told)
            continue;
        u->told = true;
        memcpy(told.name, u->name, sizeof told.name);
        told.connections = u->logins;
        told.refused = u->refused;
        told.first_ns = u->first_ns;
        told.last_ns = u->last_ns;
        w->sink.visitor(w->sink.context, &told);
    }
    told.is_monitor = true;
    told.refused = 0;
    for (uint32_t i = 0; w->sink.visitor && i < c->clients_used; i++) {
        struct seen_client *client = &c->clients[i];
        if (client->told || !client_is_monitor(client))
            continue;
        client->told = true;
        struct text name = text_in(told.name, sizeof told.name);
        text_add_address(&name, client->address);
        told.connections = client->checks;
        told.first_ns = client->first_ns;
        told.last_ns = client->last_ns;
        w->sink.visitor(w->sink.context, &told);
    }
}
