/* What was not a database, for the sum of a run: see summary.h. */
#include "app/summary_others.h"

#include <stdlib.h>

#include "base/text.h"

enum { WORDS_SHOWN = 8, SERVERS_SHOWN = 8 };

struct spoken_count {
    uint16_t spoken;
    uint64_t count;
};

static int more_words(const void *a, const void *b)
{
    const struct spoken_count *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : (x->spoken > y->spoken) - (x->spoken < y->spoken);
}

static size_t words_of(const struct summary *s, struct spoken_count words[SPOKEN_WORDS])
{
    size_t used = 0;
    for (uint16_t i = 0; i < SPOKEN_WORDS; i++)
        if (s->spoken[i])
            words[used++] = (struct spoken_count){i, s->spoken[i]};
    qsort(words, used, sizeof *words, more_words);
    return used;
}

static const char *word_name(uint16_t spoken)
{
    return spoken ? name_of(NAMES_spoken, spoken) : "unknown";
}

static int more_servers(const void *a, const void *b)
{
    const struct other_server *x = *(const struct other_server *const *)a, *y = *(const struct other_server *const *)b;
    if (!x->spoken != !y->spoken)
        return x->spoken ? -1 : 1;
    return x->connections != y->connections ? (x->connections < y->connections ? 1 : -1) : (x > y) - (x < y);
}

/* Those worth a look: named as a database first, then by connections. The caller frees. */
static const struct other_server **servers_of(const struct summary *s, size_t *used)
{
    const struct other_server **list = calloc(s->others->used + 1, sizeof *list);
    *used = 0;
    for (size_t i = 0; list && i < s->others->used; i++)
        if (others_may_be_database(s->others->servers[i].spoken))
            list[(*used)++] = &s->others->servers[i];
    if (list)
        qsort(list, *used, sizeof *list, more_servers);
    return list;
}

void summary_print_others(FILE *out, const struct summary *s)
{
    struct spoken_count words[SPOKEN_WORDS];
    size_t used = words_of(s, words);
    if (!used)
        return;
    fprintf(out, "others    not a database:");
    for (size_t i = 0; i < used && i < WORDS_SHOWN; i++) {
        TEXT_ON_STACK(count, 32);
        text_add_number(&count, words[i].count);
        fprintf(out, "%s %s %s", i ? "," : "", word_name(words[i].spoken), count.chars);
    }
    fprintf(out, "%s\n", used > WORDS_SHOWN ? ", and more" : "");
    const struct other_server **list = servers_of(s, &used);
    for (size_t i = 0; list && i < used && i < SERVERS_SHOWN; i++) {
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        const struct endpoint *e = &list[i]->endpoint;
        bool ipv4 = memcmp(e->address, mapped, sizeof mapped) == 0;
        TEXT_ON_STACK(where, 64);
        TEXT_ON_STACK(count, 32);
        text_add_address(&where, e->address);
        text_add_number(&count, list[i]->connections);
        fprintf(out, "          %s%s%s:%u %s: %s connection%s%s\n", ipv4 ? "" : "[", where.chars, ipv4 ? "" : "]", e->port,
                list[i]->spoken ? word_name(list[i]->spoken) : "speaks what nobody knows", count.chars, list[i]->connections == 1 ? "" : "s",
                list[i]->spoken ? " joined in the middle or not understood" : "");
    }
    if (list && used > SERVERS_SHOWN)
        fprintf(out, "          and %zu more ports like these\n", used - SERVERS_SHOWN);
    free(list);
}

json_t *summary_others_json(const struct summary *s)
{
    struct spoken_count words[SPOKEN_WORDS];
    size_t used = words_of(s, words);
    json_t *by_name = json_object(), *servers = json_array();
    for (size_t i = 0; i < used; i++)
        json_object_set_new(by_name, word_name(words[i].spoken), json_integer((json_int_t)words[i].count));
    const struct other_server **list = servers_of(s, &used);
    for (size_t i = 0; list && i < used; i++) {
        TEXT_ON_STACK(address, 48);
        text_add_address(&address, list[i]->endpoint.address);
        json_array_append_new(servers, json_pack("{s:s, s:i, s:s, s:I}", "server_ip", address.chars, "server_port", (int)list[i]->endpoint.port,
                                                 "spoken", word_name(list[i]->spoken), "connections", (json_int_t)list[i]->connections));
    }
    free(list);
    return json_pack("{s:o, s:o}", "connections", by_name, "unknown_ports", servers);
}
