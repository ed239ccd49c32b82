/*
 * Lines of the server in Memcached's text protocol. They say themselves what they are, whatever was asked; the queue of
 * requests only tells which of them ends an answer that is owed. The server is the judge: its ERROR and CLIENT_ERROR about
 * the form of a request are reported here when nothing was seen wrong in it before.
 */
#include "model/name.h"
#include "proto/memcached.h"

enum part { PART, LAST, LAST_META, LAST_BARRIER, LAST_ERROR };

static const struct reply {
    char word[14];
    uint8_t length, message, part;
} replies[] = {
#define ROW(word, message, part) {word, sizeof word - 1, message, part}
    ROW("VALUE", MEMCACHED_REPLY_VALUE, PART),
    ROW("END", MEMCACHED_REPLY_END, LAST),
    ROW("STORED", MEMCACHED_REPLY_STORED, LAST),
    ROW("HD", MEMCACHED_REPLY_HD, LAST_META),
    ROW("VA", MEMCACHED_REPLY_VA, LAST_META),
    ROW("EN", MEMCACHED_REPLY_EN, LAST_META),
    ROW("STAT", MEMCACHED_REPLY_STAT, PART),
    ROW("NOT_STORED", MEMCACHED_REPLY_NOT_STORED, LAST),
    ROW("EXISTS", MEMCACHED_REPLY_EXISTS, LAST),
    ROW("NOT_FOUND", MEMCACHED_REPLY_NOT_FOUND, LAST),
    ROW("DELETED", MEMCACHED_REPLY_DELETED, LAST),
    ROW("TOUCHED", MEMCACHED_REPLY_TOUCHED, LAST),
    ROW("NF", MEMCACHED_REPLY_NF, LAST_META),
    ROW("NS", MEMCACHED_REPLY_NS, LAST_META),
    ROW("EX", MEMCACHED_REPLY_EX, LAST_META),
    ROW("MN", MEMCACHED_REPLY_MN, LAST_BARRIER),
    ROW("ME", MEMCACHED_REPLY_ME, LAST_META),
    ROW("OK", MEMCACHED_REPLY_OK, LAST),
    ROW("RESET", MEMCACHED_REPLY_RESET, LAST),
    ROW("VERSION", MEMCACHED_REPLY_VERSION_IS, LAST),
    ROW("ERROR", MEMCACHED_REPLY_ERROR, LAST_ERROR),
    ROW("ERROR:", MEMCACHED_REPLY_ERROR, LAST_ERROR),
    ROW("CLIENT_ERROR", MEMCACHED_REPLY_CLIENT_ERROR, LAST_ERROR),
    ROW("SERVER_ERROR", MEMCACHED_REPLY_SERVER_ERROR, LAST_ERROR),
    ROW("ITEM", MEMCACHED_REPLY_ITEM, PART),
    ROW("PREFIX", MEMCACHED_REPLY_PREFIX, PART),
    ROW("mg", MEMCACHED_REPLY_LOG_LINE, PART), /* lru_crawler mgdump */
    ROW("BUSY", MEMCACHED_REPLY_OTHER, LAST),
    ROW("BADCLASS", MEMCACHED_REPLY_OTHER, LAST),
    ROW("NOSPARE", MEMCACHED_REPLY_OTHER, LAST),
    ROW("NOTFULL", MEMCACHED_REPLY_OTHER, LAST),
    ROW("UNSAFE", MEMCACHED_REPLY_OTHER, LAST),
    ROW("SAME", MEMCACHED_REPLY_OTHER, LAST),
    ROW("NOTSTARTED", MEMCACHED_REPLY_OTHER, LAST),
#undef ROW
};

/* Refusals of content or by configuration; all other words of CLIENT_ERROR are about the form. */
static const char *const ordinary[] = {
    "cannot increment or decrement", "watch commands not allowed", "flush_all not allowed", "stats cachedump not allowed",
    "metadump not allowed", "slab reassignment disabled", "lru crawler disabled", "unauthenticated", "authentication failure",
    "Illegal slab id", "sleep must be",
};

static struct view first_word(struct view line)
{
    const uint8_t *space = line.length ? memchr(line.bytes, ' ', line.length) : NULL;
    return view_head(line, space ? (size_t)(space - line.bytes) : line.length);
}

static const struct reply *find_reply(struct view word)
{
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
        if (word.length == replies[i].length && memcmp(word.bytes, replies[i].word, word.length) == 0)
            return &replies[i];
    return NULL;
}

static struct view words_behind(struct view line)
{
    return view_from(line, first_word(line).length + 1);
}

bool memcached_is_complaint(struct view line)
{
    struct view words = words_behind(line);
    if (memcached_begins(line, "CLIENT_ERROR")) {
        for (size_t i = 0; i < sizeof ordinary / sizeof ordinary[0]; i++)
            if (memcached_begins(words, ordinary[i]))
                return false;
        return true;
    }
    return view_equal(line, view_text("ERROR")) || memcached_begins(line, "ERROR cannot pipeline");
}

static void login_refused(struct memcached_reading *r, struct view words)
{
    if (memcached_begins(words, "unauthenticated"))
        r->state->login_wanted = true;
    if (memcached_begins(words, "authentication failure") || memcached_begins(words, "unauthenticated")) {
        r->state->login_wanted = true;
        memcached_login_ended(r, false, 0, words);
    }
}

static void error(struct memcached_reading *r, struct view line)
{
    struct memcached_state *s = r->state;
    struct view words = words_behind(line), kind = first_word(line);
    if (memcached_begins(line, "ERROR Too many open connections")) { /* said before anything was asked */
        s->farewell = true;
        observe(r->out, (struct fact){.kind = FACT_ERROR, .text = line, .more = kind});
        return;
    }
    unsigned flags = memcached_answered(r, ANSWER_ERROR);
    bool told = flags & REQUEST_LOST ? s->reported : (flags & REQUEST_REPORTED) != 0;
    note_field(r->out, FIELD_MEMCACHED_ERROR, 0, (uint32_t)line.length, 0);
    observe(r->out, (struct fact){.kind = FACT_ERROR, .text = words.length ? words : line, .more = kind});
    s->shutdown = false;
    if (memcached_begins(line, "CLIENT_ERROR"))
        login_refused(r, words);
    if (memcached_begins(words, "object too large"))
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_ITEM_REFUSED, .field = FIELD_MEMCACHED_ERROR,
                                            .relation = MUST_BE, .offset = 0, .length = (uint32_t)line.length,
                                            .note = "a value within item_size_max"});
    if (!memcached_is_complaint(line))
        return;
    observe(r->out, (struct fact){.kind = FACT_VERDICT, .text = words.length ? words : line, .more = kind});
    if (!told)
        memcached_remark(r, (struct report){.anomaly = ANOMALY_MEMCACHED_REJECTED, .field = FIELD_MEMCACHED_ERROR,
                                            .relation = MUST_BE, .offset = 0, .length = (uint32_t)line.length,
                                            .note = "no complaint about a request"});
}

static void value_defect(struct memcached_reading *r, enum anomaly anomaly, uint32_t word, const char *note)
{
    memcached_word_defect(r, anomaly, anomaly == ANOMALY_MEMCACHED_REPLY_VALUE ? FIELD_MEMCACHED_LINE : FIELD_MEMCACHED_VALUE_LENGTH,
                          word, note);
}

/* The word that is the length of the block that follows; false: none follows. */
static bool take_length(struct memcached_reading *r, uint32_t word)
{
    const struct memcached_word *at = &r->line.words[word];
    struct memcached_number n = memcached_strtoull(memcached_word(&r->line, word));
    if (!n.good) {
        value_defect(r, ANOMALY_MEMCACHED_REPLY_VALUE, word, "the length of the value");
        return false;
    }
    note_field(r->out, FIELD_MEMCACHED_VALUE_LENGTH, at->offset, at->length, n.value);
    if (n.value > MEMCACHED_ITEM_MAX) {
        value_defect(r, ANOMALY_MEMCACHED_REPLY_LENGTH, word, "at most 1 GB");
        return false;
    }
    memcached_block_expect(r, (uint32_t)n.value, 0);
    return true;
}

static void value(struct memcached_reading *r)
{
    const struct memcached_line *line = &r->line;
    if (line->used < 4 || line->used > 5 || line->rest) {
        value_defect(r, ANOMALY_MEMCACHED_REPLY_VALUE, 0, "VALUE, key, flags, length, perhaps a CAS number");
        return;
    }
    note_field(r->out, FIELD_MEMCACHED_KEY, line->words[1].offset, line->words[1].length, 0);
    if (take_length(r, 3))
        r->state->rows++;
}

static void stat(struct memcached_reading *r, struct view line)
{
    struct view rest = words_behind(line), name = first_word(rest), content = words_behind(rest);
    uint32_t name_at = (uint32_t)(rest.bytes - line.bytes), content_at = (uint32_t)(content.bytes - line.bytes);
    note_field(r->out, FIELD_MEMCACHED_STAT_NAME, name_at, (uint32_t)name.length, 0);
    note_field(r->out, FIELD_MEMCACHED_STAT_VALUE, content_at, (uint32_t)content.length, 0);
    if (view_equal(name, view_text("version")))
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .text = content});
    if (view_equal(name, view_text("item_size_max")) && memcached_strtoull(content).good)
        observe(r->out, (struct fact){.kind = FACT_LIMIT, .number = memcached_strtoull(content).value});
}

static void last(struct memcached_reading *r, enum memcached_answer answer, struct view line)
{
    struct memcached_state *s = r->state;
    bool known = !s->untracked && !s->loose && s->queue_used;
    uint8_t kind = memcached_oldest(s);
    unsigned flags = memcached_answered(r, answer);
    if (!(flags & REQUEST_QUIET))
        s->reported = false;
    if (r->out->message == MEMCACHED_REPLY_VERSION_IS) {
        struct view version = words_behind(line);
        note_field(r->out, FIELD_MEMCACHED_VERSION, (uint32_t)(line.length - version.length), (uint32_t)version.length, 0);
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .text = version});
    }
    if (r->out->message == MEMCACHED_REPLY_OK && known && kind == ASK_WATCH)
        s->watching = true;
    if (r->out->message == MEMCACHED_REPLY_STORED && known && kind == ASK_LOGIN) {
        s->login_wanted = false;
        memcached_login_ended(r, true, 0, line);
    }
}

static bool is_digits(struct view line)
{
    size_t at = 0;
    while (at < line.length && line.bytes[at] >= '0' && line.bytes[at] <= '9')
        at++;
    size_t digits = at;
    while (at < line.length && line.bytes[at] == ' ')
        at++;
    return digits && digits <= 20 && at == line.length;
}

static bool is_printable(uint8_t c)
{
    return c >= ' ' && c < 0x7f;
}

/* No word of the table: the result of incr, a line of a dump or of a log, or what nobody knows. */
static void without_word(struct memcached_reading *r, struct view line)
{
    struct memcached_state *s = r->state;
    if (is_digits(line)) {
        r->out->message = MEMCACHED_REPLY_NUMBER;
        note_field(r->out, FIELD_MEMCACHED_NUMBER, 0, (uint32_t)line.length, memcached_strtoull(line).value);
        last(r, ANSWER_PLAIN, line);
        return;
    }
    if (s->watching || memcached_begins(line, "key=") || memcached_begins(line, "ts=") || memcached_begins(line, "skipped=")) {
        r->out->message = MEMCACHED_REPLY_LOG_LINE;
        return;
    }
    if (memcached_begins(line, "MEMLIMIT_") || memcached_begins(line, "WATCHER_")) {
        r->out->message = MEMCACHED_REPLY_OTHER;
        last(r, ANSWER_PLAIN, line);
        return;
    }
    r->out->message = MEMCACHED_REPLY_OTHER;
    bool text = line.length == 0 || is_printable(line.bytes[0]);
    memcached_remark(r, (struct report){
                            .anomaly = text ? ANOMALY_MEMCACHED_REPLY_UNKNOWN : ANOMALY_MEMCACHED_REPLY_BYTES,
                            .field = FIELD_MEMCACHED_LINE,
                            .relation = MUST_BE,
                            .offset = 0,
                            .length = (uint32_t)line.length,
                            .note = "a line that the server may send",
                        });
}

void memcached_reply(struct memcached_reading *r)
{
    struct view line = r->line.text;
    const struct reply *reply = r->state->watching ? NULL : find_reply(first_word(line));
    if (!reply) {
        without_word(r, line);
        return;
    }
    r->out->message = reply->message;
    switch (reply->message) {
    case MEMCACHED_REPLY_VALUE:
        memcached_cut(&r->line, line);
        value(r);
        return;
    case MEMCACHED_REPLY_VA:
        memcached_cut(&r->line, line);
        (void)take_length(r, r->line.used > 1 ? 1 : 0);
        break;
    case MEMCACHED_REPLY_STAT:
        stat(r, line);
        return;
    default:
        break;
    }
    if (reply->part == LAST_ERROR)
        error(r, line);
    else if (reply->part != PART)
        last(r, reply->part == LAST ? ANSWER_PLAIN : reply->part == LAST_META ? ANSWER_META : ANSWER_BARRIER, line);
}

bool memcached_is_reply(struct view line, int64_t *block)
{
    struct memcached_line cut;
    const struct reply *reply = find_reply(first_word(line));
    *block = -1;
    if (!reply)
        return memcached_begins(line, "key=") || memcached_begins(line, "ts=");
    uint32_t word = reply->message == MEMCACHED_REPLY_VALUE ? 3 : reply->message == MEMCACHED_REPLY_VA ? 1 : 0;
    if (!word)
        return reply->message != MEMCACHED_REPLY_OTHER;
    memcached_cut(&cut, line);
    struct memcached_number n = memcached_strtoull(memcached_word(&cut, word));
    *block = n.good && n.value <= MEMCACHED_ITEM_MAX ? (int64_t)n.value : -1;
    return *block >= 0 && !cut.control;
}
