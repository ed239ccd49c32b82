/*
 * What must not matter: how a stream is cut into segments, their order within a few packets, copies of them; and what must
 * only cost sight: a lost packet, a lost beginning, a lost side. Each capture is played again and again through the net and
 * proto rooms in this process, changed in such a way, and what is reported is compared.
 *
 *     properties [--rounds N] [--seed N] FILE...        one line "ok - ..." or "not ok - ..." for each property and file
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "capture/source.h"
#include "net/tcp_header.h"
#include "proto/conversation.h"

#define APART_NS INT64_C(90000000) /* packets further apart come in order: the net waits 100 ms for what was acknowledged */

enum { HEADER_LEAST = 20, HEADER_MOST = 60, HEADERS_MOST = 1 << 21, PACKETS_MAX = 100000, LINES_MAX = 4096, LINE_BYTES = 224, EACH_ONE_MAX = 400, SAMPLED = 200, BYTEWISE_MAX = 30000, WINDOW = 4 };
enum { TRIES_LEAST = 4, PACKETS_PER_ROUND = 25000 };

struct packet {
    struct raw_packet raw;
    struct net_packet net;
    uint8_t from_server;
};

struct tape {
    struct packet *packets;
    size_t used, size;
};

struct lines {
    unsigned used, bad; /* bad: malformed or violation */
    char at[LINES_MAX][LINE_BYTES];
};

static struct lines wanted, got;
static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t random_below(size_t most)
{
    return most ? (size_t)(random_next() % most) : 0;
}

/* ---- tapes */

static struct packet *tape_add(struct tape *t, const struct packet *p)
{
    if (t->used == t->size) {
        t->size = t->size ? t->size * 2 : 1024;
        t->packets = realloc(t->packets, t->size * sizeof *t->packets);
        if (!t->packets)
            abort();
    }
    t->packets[t->used] = *p;
    return &t->packets[t->used++];
}

static bool server_port(uint16_t port)
{
    static const uint16_t known[] = {3306, 5432, 6432, 5433};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (port == known[i])
            return true;
    return false;
}

static bool tape_read(struct tape *t, const char *path, struct source **source)
{
    static struct counters counters;
    struct raw_packet batch[32];
    struct error why;
    size_t count;
    const struct source_options options = {.counters = &counters};
    t->used = 0;
    *source = source_open_files(&path, 1, &options, &why);
    if (!*source) {
        printf("not ok - %s: %s\n", path, why.text);
        return false;
    }
    while ((count = source_read(*source, batch, 32)) > 0) {
        for (size_t i = 0; i < count && t->used < PACKETS_MAX; i++) {
            struct packet p = {.raw = batch[i]};
            enum counter skipped;
            uint8_t *copy = malloc(batch[i].captured + 1);
            memcpy(copy, batch[i].bytes, batch[i].captured);
            p.raw.bytes = copy;
            if (!net_decode(&p.raw, &p.net, &skipped)) {
                free(copy);
                continue;
            }
            p.from_server = server_port(p.net.source.port) && !server_port(p.net.target.port);
            tape_add(t, &p);
        }
    }
    return true;
}

static void tape_forget(struct tape *t)
{
    for (size_t i = 0; i < t->used; i++)
        free((void *)(uintptr_t)t->packets[i].raw.bytes);
    t->used = 0;
}

/* ---- playing */

static void take_message(void *context, const struct message *message)
{
    struct lines *lines = context;
    for (unsigned i = 0; i < message->findings->reports_used && lines->used < LINES_MAX; i++) {
        const struct report *r = &message->findings->reports[i];
        const struct anomaly_row *row = anomaly_row((enum anomaly)r->anomaly);
        /* Said of the engine, not of the bytes: how much is read past before a boundary is sure depends on the pieces. */
        if (r->anomaly == ANOMALY_ENGINE_BLIND)
            continue;
        TEXT_ON_STACK(client, 64);
        text_add_address(&client, message->flow->client.address);
        snprintf(lines->at[lines->used++], LINE_BYTES, "%s:%u %s %s %s %" PRIu64 "+%u %s", client.chars, message->flow->client.port,
                 anomaly_class_name((enum anomaly_class)row->class), row->name, message->from == FROM_CLIENT ? "to_server" : "to_client",
                 message->stream_offset, r->offset, field_name((enum field)r->field));
        lines->bad += row->class == CLASS_MALFORMED || row->class == CLASS_VIOLATION;
    }
}

static void take_closed(void *context, struct flow *flow, enum flow_end end, enum side by, const struct segment *where)
{
    (void)context;
    (void)flow;
    (void)end;
    (void)by;
    (void)where;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void play(const struct tape *t, struct lines *lines)
{
    struct arena arena;
    struct error why;
    struct counters counters;
    struct message_sink sink = {.context = lines, .facts = 0, .message = take_message, .closed = take_closed};
    const struct dialogue_options options = {.conversations = 256, .message_buffers = 32, .note_blocks = 4096, .inflaters = 8,
                                             .servers = 64, .incomplete_ns = INT64_C(30000000000)};
    const struct net_options net_options = {.flows = 256, .held_bytes = 1 << 20, .idle_ns = INT64_C(3600000000000)};
    memset(&counters, 0, sizeof counters);
    lines->used = lines->bad = 0;
    if (!arena_open(&arena, 48 << 20, &why))
        abort();
    struct dialogue *dialogue = dialogue_open(&arena, &options, &sink, &counters);
    struct stream_sink streams = dialogue_sink(dialogue);
    struct net *net = net_open(&arena, &net_options, &streams, &counters);
    if (!net)
        abort();
    for (size_t i = 0; i < t->used; i++) {
        struct packet *p = &t->packets[i];
        p->raw.number = i + 1;
        p->net.raw = &p->raw;
        dialogue_tick(dialogue, p->raw.time_ns);
        struct flow *flow = net_flow(net, &p->net);
        if (flow) {
            flow->ticket = i + 1;
            net_segment(net, flow, &p->net);
        }
        net_tick(net);
    }
    net_finish(net);
    arena_close(&arena);
    qsort(lines->at, lines->used, LINE_BYTES, by_text);
}

/* ---- changes */

/* A header of its own for a piece, with a checksum that is as right as the whole segment's: a server drops wrong ones. */
static void seal(struct packet *piece, bool right)
{
    static uint8_t (*headers)[HEADER_MOST];
    static size_t used;
    struct net_packet *p = &piece->net;
    size_t length = HEADER_LEAST + p->options.length;
    if (!headers && !(headers = malloc(HEADERS_MOST * sizeof *headers)))
        abort();
    uint8_t *header = headers[used++ % HEADERS_MOST];
    memcpy(header, p->options.bytes - HEADER_LEAST, length);
    for (unsigned i = 0; i < 4; i++)
        header[4 + i] = (uint8_t)(p->seq >> (24 - 8 * i));
    header[13] = p->flags;
    p->options.bytes = header + HEADER_LEAST;
    uint32_t sum = IPPROTO_TCP + (uint32_t)length + p->payload_length;
    header[16] = header[17] = 0;
    const struct view parts[] = {view_of(p->source.address, 16), view_of(p->target.address, 16), view_of(header, length), p->payload};
    for (unsigned i = 0; i < 4; i++)
        for (size_t k = 0; k < parts[i].length; k++)
            sum += k % 2 ? parts[i].bytes[k] : (uint32_t)parts[i].bytes[k] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum ^ (right ? 0 : 0x5555);
    header[16] = (uint8_t)(sum >> 8);
    header[17] = (uint8_t)sum;
}

static bool any_sum_wrong(const struct tape *t)
{
    for (size_t i = 0; i < t->used; i++)
        if (tcp_checksum(&t->packets[i].net) == CHECKSUM_WRONG)
            return true;
    return false;
}

/* Each payload in pieces of 1 to `most` bytes. Where cards filled checksums in later, those of what they cut are unknown. */
static void cut(const struct tape *from, struct tape *to, size_t most)
{
    bool left_to_cards = any_sum_wrong(from);
    to->used = 0;
    for (size_t i = 0; i < from->used; i++) {
        const struct packet *p = &from->packets[i];
        enum checksum sum = tcp_checksum(&p->net);
        size_t at = 0, all = p->net.payload.length;
        if (all < 2 || p->net.payload_length != all || p->net.flags & (TCP_SYN | TCP_URG)) {
            tape_add(to, p);
            continue;
        }
        while (at < all) {
            size_t piece = 1 + random_below(most);
            piece = piece > all - at ? all - at : piece;
            struct packet *next = tape_add(to, p);
            next->net.seq += (uint32_t)at;
            next->net.payload = view_of(p->net.payload.bytes + at, piece);
            next->net.payload_length = (uint32_t)piece;
            if (at + piece < all)
                next->net.flags &= (uint8_t)~(TCP_FIN | TCP_PSH | TCP_RST);
            seal(next, sum == CHECKSUM_RIGHT || (sum == CHECKSUM_UNKNOWN && !left_to_cards));
            at += piece;
        }
    }
}

static void exchange(struct packet *a, struct packet *b)
{
    struct packet kept = *a;
    int64_t time_ns = a->raw.time_ns;
    *a = *b;
    a->raw.time_ns = time_ns;
    time_ns = b->raw.time_ns;
    *b = kept;
    b->raw.time_ns = time_ns;
}

/* Packets change places within groups of WINDOW; times stay where they were. What begins or resets a connection stays in its
 * place: for these the order is the meaning. */
static void shuffle(const struct tape *from, struct tape *to)
{
    to->used = 0;
    for (size_t i = 0; i < from->used; i++)
        tape_add(to, &from->packets[i]);
    for (size_t first = random_below(WINDOW), end; first < to->used; first = end) {
        for (end = first; end < to->used && end < first + WINDOW; end++)
            if (to->packets[end].net.flags & (TCP_RST | TCP_SYN) || to->packets[end].raw.time_ns - to->packets[first].raw.time_ns > APART_NS)
                break;
        for (size_t i = first; i + 1 < end; i++)
            exchange(&to->packets[i], &to->packets[i + random_below(end - i)]);
        end += end == first;
    }
}

static void duplicate(const struct tape *from, struct tape *to)
{
    to->used = 0;
    for (size_t i = 0; i < from->used; i++) {
        tape_add(to, &from->packets[i]);
        if (random_below(3) == 0)
            tape_add(to, &from->packets[i]);
        if (i >= WINDOW && random_below(3) == 0 && !(from->packets[i - WINDOW].net.flags & (TCP_RST | TCP_SYN)))
            tape_add(to, &from->packets[i - WINDOW])->raw.time_ns = from->packets[i].raw.time_ns;
    }
}

/* ---- comparing */

static void say_difference(const struct lines *a, const struct lines *b, const char *sign)
{
    unsigned said = 0;
    for (unsigned i = 0, k = 0; i < a->used && said < 4; i++) {
        while (k < b->used && strcmp(b->at[k], a->at[i]) < 0)
            k++;
        if (k < b->used && strcmp(b->at[k], a->at[i]) == 0) {
            k++;
            continue;
        }
        printf("    %s %s\n", sign, a->at[i]);
        said++;
    }
}

static bool same(void)
{
    if (wanted.used != got.used)
        return false;
    for (unsigned i = 0; i < wanted.used; i++)
        if (strcmp(wanted.at[i], got.at[i]) != 0)
            return false;
    return true;
}

/* The first malformed or violation line of a connection of which nothing was wanted; NULL: none. */
static const char *added(void)
{
    for (unsigned i = 0; i < got.used; i++) {
        size_t client = strcspn(got.at[i], " ");
        bool known = strncmp(got.at[i] + client, " malformed", 10) != 0 && strncmp(got.at[i] + client, " violation", 10) != 0;
        for (unsigned k = 0; !known && k < wanted.used; k++)
            known = strncmp(wanted.at[k], got.at[i], client + 1) == 0;
        if (!known)
            return got.at[i];
    }
    return NULL;
}

struct verdict_of {
    const char *file, *property;
    unsigned rounds, tried, failed;
    size_t played;
};

/* A large capture is tried less often: what a property may play of one is so many packets for each round. */
static bool enough(const struct verdict_of *v)
{
    return v->tried >= TRIES_LEAST && v->played >= (size_t)v->rounds * PACKETS_PER_ROUND;
}

/* With PROPERTIES_DUMP set: the packets of a failed try, to find out which change it was. */
static void dump(const struct tape *t)
{
    for (size_t i = 0; i < t->used; i++) {
        const struct net_packet *p = &t->packets[i].net;
        printf("      %4zu %" PRId64 " %5u > %5u seq %u ack %u flags %02x length %u\n", i + 1, t->packets[i].raw.time_ns % 1000000000000 / 1000,
               p->source.port, p->target.port, p->seq, p->ack, p->flags, p->payload_length);
    }
}

static void count_try(struct verdict_of *v, const struct tape *t, bool good, size_t position, const char *word)
{
    v->tried++;
    v->played += t->used;
    if (good)
        return;
    if (v->failed++ < 3) {
        printf("  %s: %s %zu\n", v->property, word, position);
        say_difference(&wanted, &got, "-");
        say_difference(&got, &wanted, "+");
        if (v->failed == 1 && getenv("PROPERTIES_DUMP"))
            dump(t);
    }
}

static unsigned tell(const struct verdict_of *v)
{
    if (v->failed)
        printf("not ok - %s: %s (%u of %u)\n", v->file, v->property, v->failed, v->tried);
    else
        printf("ok - %s: %s (%u)\n", v->file, v->property, v->tried);
    return v->failed;
}

/* ---- properties */

static size_t payload_bytes(const struct tape *t)
{
    size_t sum = 0;
    for (size_t i = 0; i < t->used; i++)
        sum += t->packets[i].net.payload.length;
    return sum;
}

static unsigned any_segmentation(const char *file, const struct tape *t, struct tape *changed, unsigned rounds)
{
    static const size_t most[] = {3, 17, 200, 1400};
    struct verdict_of v = {file, "any segmentation says the same", rounds, 0, 0, 0};
    if (payload_bytes(t) <= BYTEWISE_MAX) {
        cut(t, changed, 1);
        play(changed, &got);
        count_try(&v, changed, same(), 1, "single bytes,");
    }
    for (unsigned round = 0; round < rounds * 4 && !enough(&v); round++) {
        cut(t, changed, most[round % 4]);
        play(changed, &got);
        count_try(&v, changed, same(), most[round % 4], "pieces of at most");
    }
    return tell(&v);
}

static unsigned any_order(const char *file, const struct tape *t, struct tape *changed, unsigned rounds)
{
    struct verdict_of v = {file, "any order within a few packets says the same", rounds, 0, 0, 0};
    for (unsigned round = 0; round < rounds * 4 && !enough(&v); round++) {
        shuffle(t, changed);
        play(changed, &got);
        count_try(&v, changed, same(), round, "round");
    }
    return tell(&v);
}

static unsigned copies(const char *file, const struct tape *t, struct tape *changed, unsigned rounds)
{
    struct verdict_of v = {file, "copies of packets change nothing", rounds, 0, 0, 0};
    for (unsigned round = 0; round < rounds * 2 && !enough(&v); round++) {
        duplicate(t, changed);
        play(changed, &got);
        count_try(&v, changed, same(), round, "round");
    }
    return tell(&v);
}

static unsigned one_lost(const char *file, const struct tape *t, struct tape *changed, unsigned rounds)
{
    struct verdict_of v = {file, "one lost packet adds nothing wrong", rounds, 0, 0, 0};
    size_t tries = t->used <= EACH_ONE_MAX ? t->used : SAMPLED * rounds;
    for (size_t i = 0; i < tries && (t->used <= EACH_ONE_MAX || !enough(&v)); i++) {
        size_t lost = t->used <= EACH_ONE_MAX ? i : random_below(t->used);
        changed->used = 0;
        for (size_t k = 0; k < t->used; k++)
            if (k != lost)
                tape_add(changed, &t->packets[k]);
        play(changed, &got);
        count_try(&v, changed, added() == NULL, lost + 1, "without packet");
    }
    return tell(&v);
}

/* In small pieces, so that a loss hits any place of a message. */
static unsigned some_lost(const char *file, const struct tape *t, struct tape *changed, struct tape *left, unsigned rounds)
{
    struct verdict_of v = {file, "lost pieces add nothing wrong", rounds, 0, 0, 0};
    for (unsigned round = 0; round < rounds * 25 && !enough(&v); round++) {
        cut(t, changed, round % 2 ? 20 : 300);
        left->used = 0;
        size_t first = random_below(changed->used), many = 1 + random_below(3);
        for (size_t k = 0; k < changed->used; k++)
            if ((k < first || k >= first + many) && (k + 40 < first || random_below(60)))
                tape_add(left, &changed->packets[k]);
        play(left, &got);
        count_try(&v, left, added() == NULL, first, "lost piece");
    }
    return tell(&v);
}

static unsigned any_beginning(const char *file, const struct tape *t, unsigned rounds)
{
    struct verdict_of v = {file, "a lost beginning adds nothing wrong", rounds, 0, 0, 0};
    size_t tries = t->used <= EACH_ONE_MAX ? t->used : SAMPLED * rounds;
    for (size_t i = 0; i < tries && (t->used <= EACH_ONE_MAX || !enough(&v)); i++) {
        size_t first = t->used <= EACH_ONE_MAX ? i : random_below(t->used);
        const struct tape rest = {t->packets + first, t->used - first, 0};
        play(&rest, &got);
        count_try(&v, &rest, added() == NULL, first + 1, "from packet");
    }
    return tell(&v);
}

static unsigned one_side(const char *file, const struct tape *t, struct tape *changed)
{
    struct verdict_of v = {file, "one side alone adds nothing wrong", 1, 0, 0, 0};
    for (unsigned side = 0; side < 2; side++) {
        changed->used = 0;
        for (size_t k = 0; k < t->used; k++)
            if (t->packets[k].from_server == side)
                tape_add(changed, &t->packets[k]);
        play(changed, &got);
        count_try(&v, changed, added() == NULL, side, "side");
    }
    return tell(&v);
}

static unsigned check(const char *file, unsigned rounds)
{
    static struct tape tape, changed, left;
    struct source *source;
    const char *slash = strrchr(file, '/');
    bool clean = strncmp(slash ? slash + 1 : file, "clean-", 6) == 0;
    if (!tape_read(&tape, file, &source))
        return 1;
    play(&tape, &wanted);
    unsigned failed = any_segmentation(file, &tape, &changed, rounds);
    failed += any_order(file, &tape, &changed, rounds);
    failed += copies(file, &tape, &changed, rounds);
    failed += one_lost(file, &tape, &changed, rounds);
    if (clean) {
        failed += some_lost(file, &tape, &changed, &left, rounds);
        failed += any_beginning(file, &tape, rounds);
        failed += one_side(file, &tape, &changed);
    }
    tape_forget(&tape);
    source_close(source);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned rounds = 1, failed = 0;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else {
            random_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
            failed += check(argv[i], rounds);
            fflush(stdout);
        }
    }
    return failed ? 1 : 0;
}
