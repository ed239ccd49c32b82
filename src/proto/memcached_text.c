/*
 * Command lines of Memcached's text protocol (doc/protocol.txt), checked as process_command_ascii in proto_text.c checks
 * them and in its order. Words are counted without the end that the server counts, too.
 */
#include "model/name.h"
#include "proto/memcached.h"

enum handler {
    HANDLE_GET, HANDLE_GET_AND_TOUCH, HANDLE_STORE, HANDLE_CAS, HANDLE_DELETE, HANDLE_ARITHMETIC, HANDLE_TOUCH, HANDLE_STATS,
    HANDLE_SLABS, HANDLE_LRU, HANDLE_LRU_CRAWLER, HANDLE_MEMORY_LIMIT, HANDLE_FLUSH, HANDLE_VERBOSITY, HANDLE_QUIT,
    HANDLE_SHUTDOWN, HANDLE_WATCH, HANDLE_NOTHING,
};

/* How many words a line of this command has, the command included; most 0: any number. */
static const struct command {
    char word[15];
    uint8_t length, handler, least, most, message;
} commands[] = {
#define ROW(word, handler, least, most, message) {word, sizeof word - 1, handler, least, most, message}
    ROW("get", HANDLE_GET, 2, 0, MEMCACHED_GET),
    ROW("set", HANDLE_STORE, 5, 6, MEMCACHED_SET),
    ROW("gets", HANDLE_GET, 2, 0, MEMCACHED_GETS),
    ROW("delete", HANDLE_DELETE, 2, 4, MEMCACHED_DELETE),
    ROW("incr", HANDLE_ARITHMETIC, 3, 4, MEMCACHED_INCR),
    ROW("decr", HANDLE_ARITHMETIC, 3, 4, MEMCACHED_DECR),
    ROW("add", HANDLE_STORE, 5, 6, MEMCACHED_ADD),
    ROW("cas", HANDLE_CAS, 6, 7, MEMCACHED_CAS),
    ROW("touch", HANDLE_TOUCH, 3, 4, MEMCACHED_TOUCH),
    ROW("gat", HANDLE_GET_AND_TOUCH, 2, 0, MEMCACHED_GAT),
    ROW("gats", HANDLE_GET_AND_TOUCH, 2, 0, MEMCACHED_GATS),
    ROW("replace", HANDLE_STORE, 5, 6, MEMCACHED_REPLACE),
    ROW("append", HANDLE_STORE, 5, 6, MEMCACHED_APPEND),
    ROW("prepend", HANDLE_STORE, 5, 6, MEMCACHED_PREPEND),
    ROW("stats", HANDLE_STATS, 1, 0, MEMCACHED_STATS),
    ROW("version", HANDLE_NOTHING, 1, 0, MEMCACHED_VERSION),
    ROW("quit", HANDLE_QUIT, 1, 0, MEMCACHED_QUIT),
    ROW("flush_all", HANDLE_FLUSH, 1, 3, MEMCACHED_FLUSH_ALL),
    ROW("verbosity", HANDLE_VERBOSITY, 2, 3, MEMCACHED_VERBOSITY),
    ROW("cache_memlimit", HANDLE_MEMORY_LIMIT, 2, 3, MEMCACHED_CACHE_MEMLIMIT),
    ROW("bget", HANDLE_GET, 2, 0, MEMCACHED_BGET),
    ROW("slabs", HANDLE_SLABS, 1, 0, MEMCACHED_SLABS),
    ROW("lru", HANDLE_LRU, 2, 0, MEMCACHED_LRU),
    ROW("lru_crawler", HANDLE_LRU_CRAWLER, 1, 0, MEMCACHED_LRU_CRAWLER),
    ROW("watch", HANDLE_WATCH, 1, 0, MEMCACHED_WATCH),
    ROW("shutdown", HANDLE_SHUTDOWN, 1, 0, MEMCACHED_SHUTDOWN),
    /* Known to some servers only, which say so. */
    ROW("extstore", HANDLE_NOTHING, 1, 0, MEMCACHED_EXTSTORE),
    ROW("refresh_certs", HANDLE_NOTHING, 1, 0, MEMCACHED_REFRESH_CERTS),
    ROW("misbehave", HANDLE_NOTHING, 1, 0, MEMCACHED_MISBEHAVE),
    ROW("debugtime", HANDLE_NOTHING, 1, 0, MEMCACHED_DEBUGTIME),
#undef ROW
};

static const struct command *find_command(struct view word)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (word.length == commands[i].length && memcmp(word.bytes, commands[i].word, word.length) == 0)
            return &commands[i];
    return NULL;
}

static void word_report(struct memcached_reading *r, enum anomaly anomaly, enum field field, uint32_t word, const char *note,
                        void (*tell)(struct memcached_reading *, struct report))
{
    bool there = word < r->line.used;
    uint32_t offset = there ? r->line.words[word].offset : (uint32_t)r->line.text.length;
    tell(r, (struct report){.anomaly = (uint16_t)anomaly, .field = (uint16_t)field, .relation = MUST_BE, .offset = offset,
                            .length = there ? r->line.words[word].length : 0, .note = note});
}

void memcached_word_defect(struct memcached_reading *r, enum anomaly anomaly, enum field field, uint32_t word, const char *note)
{
    word_report(r, anomaly, field, word, note, memcached_defect);
}

void memcached_word_remark(struct memcached_reading *r, enum anomaly anomaly, enum field field, uint32_t word, const char *note)
{
    word_report(r, anomaly, field, word, note, memcached_remark);
}

static bool key_fits(struct memcached_reading *r, uint32_t word)
{
    const struct memcached_word *key = &r->line.words[word];
    if (key->length <= MEMCACHED_KEY_MAX)
        return true;
    memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_KEY_TOO_LONG, .field = FIELD_MEMCACHED_KEY,
                                        .relation = MUST_NOT_EXCEED, .offset = key->offset, .length = key->length,
                                        .got = key->length, .expected = MEMCACHED_KEY_MAX});
    return false;
}

static void note_key(struct memcached_reading *r, uint32_t word)
{
    note_field(r->out, FIELD_MEMCACHED_KEY, r->line.words[word].offset, r->line.words[word].length, 0);
}

/* The last word, whatever it stands for. */
static bool find_noreply(struct memcached_reading *r)
{
    r->noreply = memcached_is(&r->line, r->line.used - 1, "noreply");
    return r->noreply;
}

static void wrong_number(struct memcached_reading *r, uint32_t word, enum field field)
{
    memcached_word_defect(r, ANOMALY_MEMCACHED_NUMBER, field, word, "a decimal number");
}

static void note_number(struct memcached_reading *r, uint32_t word, enum field field, struct memcached_number n)
{
    note_field(r->out, field, r->line.words[word].offset, r->line.words[word].length, n.value);
    if (n.truncated)
        memcached_word_remark(r, ANOMALY_MEMCACHED_NUMBER_TRUNCATED, field, word, "a number of 32 bits");
}

static bool take_exptime(struct memcached_reading *r, uint32_t word)
{
    struct memcached_number n = memcached_strtol(memcached_word(&r->line, word));
    if (!n.good)
        wrong_number(r, word, FIELD_MEMCACHED_EXPTIME);
    else
        note_number(r, word, FIELD_MEMCACHED_EXPTIME, n);
    return n.good;
}

static void ignored_word(struct memcached_reading *r, uint32_t word)
{
    if (r->state->ignored_told || r->bad)
        return;
    r->state->ignored_told = true;
    memcached_word_remark(r, ANOMALY_MEMCACHED_IGNORED_ARGUMENT, FIELD_MEMCACHED_ARGUMENT, word, "noreply, or nothing");
}

/* Keys beyond the words that were cut are looked at in place. */
static bool further_keys_fit(struct memcached_reading *r, uint32_t *keys)
{
    struct view text = r->line.text;
    uint32_t start = r->line.rest;
    for (uint32_t at = start; start && at <= text.length; at++) {
        bool end = at == text.length || text.bytes[at] == 0;
        if (!end && text.bytes[at] != ' ')
            continue;
        *keys += at > start;
        if (at - start > MEMCACHED_KEY_MAX) {
            memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_KEY_TOO_LONG, .field = FIELD_MEMCACHED_KEY,
                                                .relation = MUST_NOT_EXCEED, .offset = start, .length = at - start,
                                                .got = at - start, .expected = MEMCACHED_KEY_MAX});
            return false;
        }
        if (end)
            break;
        start = at + 1;
    }
    return true;
}

static void get(struct memcached_reading *r, uint32_t first)
{
    uint32_t keys = r->line.used - first;
    if (r->line.spaces > MEMCACHED_PROXY_SPACES)
        memcached_word_remark(r, ANOMALY_MEMCACHED_MANY_SPACES, FIELD_MEMCACHED_KEY, first, "one space between words");
    for (uint32_t word = first; word < r->line.used; word++) {
        if (word < first + 8)
            note_key(r, word);
        if (!key_fits(r, word))
            break;
    }
    if (!r->bad && r->line.rest)
        (void)further_keys_fit(r, &keys);
    memcached_request(r, ASK_LINE, false);
}

static void get_and_touch(struct memcached_reading *r)
{
    if (!take_exptime(r, 1))
        memcached_request(r, ASK_LINE, false);
    else if (r->line.used == 2)
        ignored_word(r, 2), memcached_request(r, ASK_LINE, false);
    else
        get(r, 2);
}

static void finish(struct memcached_reading *r, uint8_t kind)
{
    if (!r->noreply)
        memcached_request(r, kind, false);
}

static void arithmetic(struct memcached_reading *r)
{
    (void)find_noreply(r);
    note_key(r, 1);
    if (key_fits(r, 1)) {
        struct memcached_number delta = memcached_strtoull(memcached_word(&r->line, 2));
        if (delta.good)
            note_number(r, 2, FIELD_MEMCACHED_DELTA, delta);
        else
            wrong_number(r, 2, FIELD_MEMCACHED_DELTA);
    }
    if (r->line.used == 4 && !r->noreply)
        ignored_word(r, 3);
    finish(r, ASK_LINE);
}

static void touch(struct memcached_reading *r)
{
    (void)find_noreply(r);
    note_key(r, 1);
    if (key_fits(r, 1))
        (void)take_exptime(r, 2);
    if (r->line.used == 4 && !r->noreply)
        ignored_word(r, 3);
    finish(r, ASK_LINE);
}

/* An old form has a time behind the key, which must be 0. */
static void delete(struct memcached_reading *r)
{
    uint32_t words = r->line.used;
    bool good = true;
    if (words > 2) {
        bool zero = memcached_is(&r->line, 2, "0"), noreply = find_noreply(r);
        good = (words == 3 && (zero || noreply)) || (words == 4 && zero && noreply);
    }
    note_key(r, 1);
    if (!good)
        memcached_word_defect(r, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_ARGUMENT, 2, "nothing, 0 or noreply");
    else
        (void)key_fits(r, 1);
    finish(r, ASK_LINE);
}

static void flush_all(struct memcached_reading *r)
{
    bool noreply = find_noreply(r);
    if (r->line.used != (noreply ? 2u : 1u))
        (void)take_exptime(r, 1);
    finish(r, ASK_LINE);
}

static void one_number(struct memcached_reading *r)
{
    (void)find_noreply(r);
    if (!memcached_strtoul(memcached_word(&r->line, 1)).good)
        wrong_number(r, 1, FIELD_MEMCACHED_ARGUMENT);
    else if (r->line.used == 3 && !r->noreply)
        ignored_word(r, 2);
    finish(r, ASK_LINE);
}

static void watch(struct memcached_reading *r)
{
    if (!find_noreply(r)) /* which is no log to watch: an error that is not sent */
        memcached_request(r, ASK_WATCH, false);
}

static void quit(struct memcached_reading *r)
{
    r->state->quit = true;
    r->out->session->phase = PHASE_CLOSED;
    observe(r->out, (struct fact){.kind = FACT_QUIT});
}

static void handle(struct memcached_reading *r, uint8_t handler)
{
    switch (handler) {
    case HANDLE_GET:
        get(r, 1);
        break;
    case HANDLE_GET_AND_TOUCH:
        get_and_touch(r);
        break;
    case HANDLE_STORE:
    case HANDLE_CAS:
        note_key(r, 1);
        (void)find_noreply(r);
        if (key_fits(r, 1))
            memcached_store(r, handler == HANDLE_CAS);
        else
            finish(r, ASK_LINE);
        break;
    case HANDLE_DELETE:
        delete(r);
        break;
    case HANDLE_ARITHMETIC:
        arithmetic(r);
        break;
    case HANDLE_TOUCH:
        touch(r);
        break;
    case HANDLE_STATS:
        memcached_stats(r);
        memcached_request(r, ASK_LINE, false);
        break;
    case HANDLE_SLABS:
        memcached_slabs(r);
        finish(r, ASK_LINE);
        break;
    case HANDLE_LRU:
        (void)find_noreply(r);
        memcached_lru(r);
        finish(r, ASK_LINE);
        break;
    case HANDLE_LRU_CRAWLER:
        memcached_lru_crawler(r);
        memcached_request(r, ASK_LINE, false);
        break;
    case HANDLE_FLUSH:
        flush_all(r);
        break;
    case HANDLE_VERBOSITY:
    case HANDLE_MEMORY_LIMIT:
        one_number(r);
        break;
    case HANDLE_QUIT:
        quit(r);
        break;
    case HANDLE_SHUTDOWN:
        r->state->shutdown = true;
        memcached_request(r, ASK_LINE, false);
        break;
    case HANDLE_WATCH:
        watch(r);
        break;
    default:
        memcached_request(r, ASK_LINE, false);
        break;
    }
}

/* The server looks for HTTP behind words that begin like none of its most common commands. */
static bool looks_for_http(struct view word)
{
    return word.length >= 2 && !memchr("gsacidt", word.bytes[0], 7);
}

static void unknown(struct memcached_reading *r)
{
    struct view word = memcached_word(&r->line, 0);
    r->out->message = MEMCACHED_UNKNOWN_COMMAND;
    if (!r->line.used) {
        memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_EMPTY_LINE, .field = FIELD_MEMCACHED_COMMAND,
                                            .relation = MUST_BE, .offset = 0, .length = 0, .note = "a command"});
    } else if (memcached_begins(memcached_word(&r->line, r->line.used - 1), "HTTP/") && looks_for_http(word)) {
        r->state->quit = r->state->stray_told = true; /* it closes; the header's lines are never read */
        memcached_word_defect(r, ANOMALY_MEMCACHED_HTTP_REQUEST, FIELD_MEMCACHED_LINE, r->line.used - 1, "a command of Memcached");
    } else if (r->line.text.bytes[0] == PROTOCOL_BINARY_REQ) {
        memcached_word_defect(r, ANOMALY_MEMCACHED_PROTOCOL_CHANGE, FIELD_MEMCACHED_COMMAND, 0, "a command in text");
    } else {
        memcached_word_defect(r, ANOMALY_MEMCACHED_UNKNOWN_COMMAND, FIELD_MEMCACHED_COMMAND, 0, "a command");
    }
    memcached_request(r, ASK_LINE, false);
}

static void curious(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    if (r->line.bare && !s->line_feed_told) {
        s->line_feed_told = true;
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_BARE_LINE_FEED, .field = FIELD_MEMCACHED_LINE,
                                            .relation = MUST_BE, .offset = (uint32_t)r->line.text.length, .length = 1,
                                            .got = '\n', .note = "carriage return and line feed"});
    }
    if (r->line.control && !s->control_told) {
        s->control_told = true;
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_CONTROL_CHARACTER, .field = FIELD_MEMCACHED_LINE,
                                            .relation = MUST_BE, .offset = 0, .length = (uint32_t)r->line.text.length,
                                            .note = "printable characters"});
    }
}

static bool count_fits(struct memcached_reading *r, const struct command *command)
{
    uint32_t words = r->line.used;
    if (words >= command->least && (!command->most || (words <= command->most && !r->line.rest)))
        return true;
    bool few = words < command->least;
    uint32_t at = few ? words : command->most;
    memcached_defect(r, (struct report){
                            .anomaly = ANOMALY_MEMCACHED_ARGUMENT_COUNT,
                            .field = FIELD_MEMCACHED_ARGUMENTS,
                            .relation = few ? MUST_REACH : MUST_NOT_EXCEED,
                            .offset = few ? (uint32_t)r->line.text.length : r->line.words[at].offset,
                            .length = few ? 0 : r->line.words[at].length,
                            .got = words - 1,
                            .expected = (few ? command->least : command->most) - 1u,
                            .note = "words behind the command",
                        });
    memcached_request(r, ASK_LINE, false);
    return false;
}

void memcached_command(struct memcached_reading *r)
{
    struct view word = memcached_word(&r->line, 0);
    if (r->line.bare | r->line.control)
        curious(r);
    if (r->line.used)
        note_field(r->out, FIELD_MEMCACHED_COMMAND, r->line.words[0].offset, r->line.words[0].length, 0);
    if (word.length == 2 && word.bytes[0] == 'm') {
        memcached_meta(r, word.bytes[1]);
        return;
    }
    const struct command *command = find_command(word);
    if (!command) {
        unknown(r);
        return;
    }
    r->out->message = command->message;
    if (count_fits(r, command))
        handle(r, command->handler);
}

/* One piece of a get that is longer than the limit: its keys may be cut anywhere. */
void memcached_get_piece(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    struct view piece = take_rest(&r->c);
    bool last = piece.length && piece.bytes[piece.length - 1] == '\n';
    r->out->message = MEMCACHED_LONG_LINE;
    for (uint32_t at = 0; at < piece.length; at++) {
        uint8_t c = piece.bytes[at];
        if (c != ' ' && c != '\n' && c != '\r') {
            s->key_sum = (s->key_sum ^ c) * UINT32_C(16777619);
            s->key_run = (uint16_t)(s->key_run + (s->key_run < UINT16_MAX));
            continue;
        }
        if (s->key_run > MEMCACHED_KEY_MAX && !s->key_too_long) {
            s->key_too_long = true;
            uint32_t here = s->key_run < at ? s->key_run : at;
            memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_KEY_TOO_LONG, .field = FIELD_MEMCACHED_KEY,
                                                .relation = MUST_NOT_EXCEED, .offset = at - here, .length = here,
                                                .got = s->key_run, .expected = MEMCACHED_KEY_MAX});
        }
        if (s->key_run) {
            s->repeats = s->key_sum == s->key_before ? s->repeats + 1 : 1;
            s->key_before = s->key_sum;
        }
        s->key_sum = s->key_run = 0;
        if (s->repeats > MEMCACHED_REPEATS_MAX && !s->repeated_told) {
            s->repeated_told = true;
            memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_KEY_REPEATED, .field = FIELD_MEMCACHED_KEY,
                                                .relation = MUST_NOT_EXCEED, .offset = at, .length = 0, .got = s->repeats,
                                                .expected = MEMCACHED_REPEATS_MAX, .note = "times the same key"});
        }
    }
    s->long_get = !last;
    if (!last)
        return;
    r->bad |= s->key_too_long;
    s->key_too_long = false;
    s->repeats = s->key_before = 0;
    memcached_request(r, ASK_LINE, false);
}

bool memcached_is_command(struct view text, int64_t *block)
{
    struct memcached_line line;
    *block = -1;
    memcached_cut(&line, text);
    struct view word = memcached_word(&line, 0);
    if (line.control || !line.used || line.words[0].offset)
        return false;
    if (word.length == 2 && word.bytes[0] == 'm') {
        bool store = word.bytes[1] == 's';
        struct memcached_number n = memcached_strtol(memcached_word(&line, 2));
        if (store && (line.used < 3 || !n.good || (int64_t)n.value < 0))
            return false;
        *block = store ? (int64_t)n.value : -1;
        return (line.used >= 2 && memchr("gsdae", word.bytes[1], 5)) || (line.used == 1 && word.bytes[1] == 'n');
    }
    const struct command *command = find_command(word);
    if (!command || line.used < command->least || (command->most && line.used > command->most))
        return false;
    if (command->handler != HANDLE_STORE && command->handler != HANDLE_CAS)
        return true;
    struct memcached_number n = memcached_strtol(memcached_word(&line, 4));
    *block = (int64_t)n.value;
    return n.good && (int64_t)n.value >= 0 && memcached_strtoul(memcached_word(&line, 2)).good &&
           memcached_strtol(memcached_word(&line, 3)).good;
}
