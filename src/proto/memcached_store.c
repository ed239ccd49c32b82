/*
 * Storage commands of Memcached's text protocol, and data blocks of both sides. A block is counted, never searched for its
 * end: only the two bytes behind it are looked at (complete_nread_ascii in proto_text.c).
 */
#include "model/name.h"
#include "proto/memcached.h"

/* The block belongs to the line that was just read, and is answered with it. */
void memcached_block_expect(struct memcached_reading *r, uint32_t length, uint8_t kind)
{
    struct memcached_state *s = r->state;
    s->blocks[r->from] = (struct memcached_block){.length = length, .due = true};
    if (r->from == FROM_SERVER)
        return;
    s->block_kind = kind;
    s->block_noreply = r->noreply;
    s->block_reported = r->bad;
    s->block_answered = false;
    s->block_message = r->out->message;
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

/* Flags, expiration time and length: all must be numbers before any of them counts. */
static bool take_numbers(struct memcached_reading *r, bool cas, int32_t *length)
{
    struct memcached_number flags = memcached_strtoul(memcached_word(&r->line, 2));
    struct memcached_number exptime = memcached_strtol(memcached_word(&r->line, 3));
    struct memcached_number bytes = memcached_strtol(memcached_word(&r->line, 4));
    struct memcached_number unique = cas ? memcached_strtoull(memcached_word(&r->line, 5)) : (struct memcached_number){0, true, false};
    if (!flags.good)
        wrong_number(r, 2, FIELD_MEMCACHED_CLIENT_FLAGS);
    else if (!exptime.good)
        wrong_number(r, 3, FIELD_MEMCACHED_EXPTIME);
    else if (!bytes.good)
        wrong_number(r, 4, FIELD_MEMCACHED_VALUE_LENGTH);
    else if (!unique.good)
        wrong_number(r, 5, FIELD_MEMCACHED_CAS);
    if (r->bad)
        return false;
    note_number(r, 2, FIELD_MEMCACHED_CLIENT_FLAGS, flags);
    note_number(r, 3, FIELD_MEMCACHED_EXPTIME, exptime);
    note_number(r, 4, FIELD_MEMCACHED_VALUE_LENGTH, bytes);
    if (cas)
        note_number(r, 5, FIELD_MEMCACHED_CAS, unique);
    *length = (int32_t)(uint32_t)bytes.value;
    return true;
}

static bool length_fits(struct memcached_reading *r, int32_t length)
{
    const struct memcached_word *word = &r->line.words[4];
    if (length >= 0 && length <= INT32_MAX - 2)
        return true;
    memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_VALUE_LENGTH, .field = FIELD_MEMCACHED_VALUE_LENGTH,
                                        .relation = MUST_BE, .offset = word->offset, .length = word->length,
                                        .got = (uint32_t)length, .note = "0 to 2147483645"});
    return false;
}

static void store_block(struct memcached_reading *r, uint32_t length)
{
    struct memcached_state *s = r->state;
    const struct memcached_word *word = &r->line.words[4];
    bool first = !s->begun && !s->joined && r->out->message == MEMCACHED_SET;
    if (length > MEMCACHED_ITEM_MAX)
        memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_ITEM_TOO_LARGE, .field = FIELD_MEMCACHED_VALUE_LENGTH,
                                            .relation = MUST_NOT_EXCEED, .offset = word->offset, .length = word->length,
                                            .got = length, .expected = MEMCACHED_ITEM_MAX});
    else if (s->login_wanted && length > MEMCACHED_CREDENTIALS_MAX)
        memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_CREDENTIALS_TOO_LONG, .relation = MUST_NOT_EXCEED,
                                            .field = FIELD_MEMCACHED_VALUE_LENGTH, .offset = word->offset, .length = word->length,
                                            .got = length, .expected = MEMCACHED_CREDENTIALS_MAX});
    memcached_block_expect(r, length, s->login_wanted ? ASK_LOGIN : ASK_LINE);
    s->blocks[FROM_CLIENT].secret = first || s->login_wanted;
}

/* Too few or too many words were seen before, and a key that is too long. */
void memcached_store(struct memcached_reading *r, bool cas)
{
    uint32_t most = cas ? 7 : 6;
    int32_t length = 0;
    if (take_numbers(r, cas, &length) && length_fits(r, length)) {
        store_block(r, (uint32_t)length);
        if (r->line.used == most && !r->noreply && !r->state->ignored_told) {
            r->state->ignored_told = true;
            memcached_word_remark(r, ANOMALY_MEMCACHED_IGNORED_ARGUMENT, FIELD_MEMCACHED_ARGUMENT, most - 1, "noreply, or nothing");
        }
    } else if (!r->noreply) {
        memcached_request(r, ASK_LINE, false);
    }
}

enum framing memcached_block_frame(const struct memcached_state *s, enum side from, struct cursor ahead, struct frame *out)
{
    const struct memcached_block *b = &s->blocks[from];
    uint32_t total = b->due ? b->length : 0;
    if (total <= MEMCACHED_SMALL_BLOCK)
        total += 2; /* the end with it */
    out->total = total;
    out->wanted = total <= MEMCACHED_SMALL_BLOCK + 2 ? total : MEMCACHED_SMALL_BLOCK;
    return cursor_left(&ahead) ? FRAME_READY : FRAME_NEEDS_MORE;
}

/* A login is a set whose data block is a user, a space and a password. Where it is not known that the server wants one,
 * only the first set of a connection can be one; then it is masked, and nothing is concluded. */
static bool is_credentials(struct view value)
{
    const uint8_t *space = value.length ? memchr(value.bytes, ' ', value.length) : NULL;
    return space && space > value.bytes && space + 1 < value.bytes + value.length && !memchr(value.bytes, '\n', value.length);
}

static void login(struct memcached_reading *r, struct view value)
{
    struct memcached_state *s = r->state;
    struct cursor c = cursor_over(value);
    struct view user = take_until(&c, ' ');
    s->user_length = (uint8_t)(user.length < SESSION_TEXT_MAX ? user.length : SESSION_TEXT_MAX);
    memcpy(s->user, user.bytes, s->user_length);
    if (s->login_wanted)
        observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = user});
}

static void wrong_end(struct memcached_reading *r, uint32_t offset, struct view end)
{
    bool client = r->from == FROM_CLIENT;
    memcached_defect(r, (struct report){
                            .anomaly = client ? ANOMALY_MEMCACHED_DATA_TERMINATOR : ANOMALY_MEMCACHED_REPLY_DATA_END,
                            .field = FIELD_MEMCACHED_DATA_END,
                            .relation = MUST_BE,
                            .offset = offset,
                            .length = 2,
                            .got = (uint64_t)end.bytes[0] << 8 | end.bytes[1],
                            .note = "0d 0a behind the declared number of bytes",
                        });
}

/* The last bytes of the block are here: it is whole. */
static void block_ends(struct memcached_reading *r, struct view end, uint32_t offset)
{
    struct memcached_state *s = r->state;
    if (end.bytes[0] != '\r' || end.bytes[1] != '\n')
        wrong_end(r, offset, end);
    s->blocks[r->from] = (struct memcached_block){0};
    if (r->from == FROM_SERVER)
        return;
    r->bad |= s->block_reported;
    bool quiet = s->block_kind == ASK_META && s->block_noreply;
    if (!s->block_answered && (quiet || !s->block_noreply))
        memcached_request(r, s->block_kind, quiet);
}

void memcached_block(struct memcached_reading *r)
{
    struct memcached_state *s = r->state;
    struct memcached_block *b = &s->blocks[r->from];
    bool client = r->from == FROM_CLIENT;
    bool with_end = b->end_due || b->length <= MEMCACHED_SMALL_BLOCK;
    struct view value = take_view(&r->c, b->end_due || !with_end ? 0 : b->length);
    if (!with_end)
        value = take_rest(&r->c);
    uint32_t offset = cursor_offset(&r->c);
    r->out->message = b->end_due ? (client ? MEMCACHED_DATA_END : MEMCACHED_REPLY_VALUE_END)
                                 : (client ? MEMCACHED_DATA : MEMCACHED_REPLY_VALUE_DATA);
    if (!b->end_due && b->length) {
        bool secret = b->secret && (is_credentials(value) || s->login_wanted);
        note_field(r->out, secret ? FIELD_MEMCACHED_CREDENTIALS : FIELD_MEMCACHED_VALUE, 0, b->length, 0);
        if (secret)
            login(r, value);
    }
    if (!with_end) {
        b->due = false;
        b->end_due = true;
        return;
    }
    struct view end = take_view(&r->c, 2);
    if (!r->c.failed)
        block_ends(r, end, offset);
}
