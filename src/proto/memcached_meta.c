/*
 * Meta commands of Memcached's text protocol (doc/protocol.txt, Meta Commands; proto_text.c, _meta_flag_preparse and
 * process_m*_command). Flags and modes that only servers after 1.6.18 know are left to the server's answer.
 */
#include "model/name.h"
#include "proto/memcached.h"

static const char KNOWN_FLAGS[] = "bNTRlOPLkstcfvhuqFCMJDI";
static const char NEWER_FLAGS[] = "ESxz";
static const char STORE_MODES[] = "EAPRSeaprs";
static const char ARITHMETIC_MODES[] = "I+D-id";

static bool holds(const char *letters, uint8_t letter)
{
    return letter && memchr(letters, letter, strlen(letters));
}

static void request(struct memcached_reading *r, bool quiet)
{
    memcached_request(r, ASK_META, quiet);
}

static bool token_is_good(uint8_t flag, struct view token)
{
    switch (flag) {
    case 'N':
    case 'T':
    case 'R':
        return memcached_strtol(token).good;
    case 'F':
        return memcached_strtoul(token).good;
    case 'C':
    case 'J':
    case 'D':
        return memcached_strtoull(token).good;
    case 'M':
        return token.length == 1;
    default:
        return true;
    }
}

static const char *token_wanted(uint8_t flag)
{
    return flag == 'M' ? "one letter" : "a decimal number";
}

static void key_encoding(struct memcached_reading *r)
{
    memcached_word_defect(r, ANOMALY_MEMCACHED_META_KEY, FIELD_MEMCACHED_KEY, 1, "base64");
}

/* The first defect counts, as all are refused alike. Notes the mode and whether an answer is wanted. */
static void take_flags(struct memcached_reading *r, uint32_t first, uint8_t *mode)
{
    uint8_t seen[128] = {0};
    for (uint32_t word = first; word < r->line.used && !r->bad; word++) {
        struct view text = memcached_word(&r->line, word);
        uint8_t flag = text.bytes[0];
        if (word < first + 6)
            note_field(r->out, flag == 'O' ? FIELD_MEMCACHED_OPAQUE : FIELD_MEMCACHED_META_FLAG, r->line.words[word].offset,
                       r->line.words[word].length, 0);
        if (flag >= 127 || seen[flag])
            memcached_word_defect(r, ANOMALY_MEMCACHED_META_FLAG, FIELD_MEMCACHED_META_FLAG, word, "each flag once");
        else if (!holds(KNOWN_FLAGS, flag) && !holds(NEWER_FLAGS, flag))
            memcached_word_defect(r, ANOMALY_MEMCACHED_META_FLAG, FIELD_MEMCACHED_META_FLAG, word, "a flag of this command");
        else if (!token_is_good(flag, view_from(text, 1)))
            memcached_word_defect(r, ANOMALY_MEMCACHED_META_TOKEN, FIELD_MEMCACHED_META_FLAG, word, token_wanted(flag));
        else if (flag == 'b' && !memcached_base64(memcached_word(&r->line, 1)))
            key_encoding(r);
        else if (flag == 'O' && text.length > MEMCACHED_OPAQUE_MAX)
            memcached_word_defect(r, ANOMALY_MEMCACHED_OPAQUE_TOO_LONG, FIELD_MEMCACHED_OPAQUE, word, "at most 31 bytes behind the O");
        seen[flag & 127] = 1;
        r->noreply |= flag == 'q';
        *mode = flag == 'M' && text.length > 1 ? text.bytes[1] : *mode;
    }
}

static void mode_fits(struct memcached_reading *r, const char *modes, uint8_t mode)
{
    for (uint32_t word = 2; word < r->line.used && mode && !r->bad && !holds(modes, mode); word++)
        if (memcached_word(&r->line, word).bytes[0] == 'M')
            memcached_word_defect(r, ANOMALY_MEMCACHED_META_TOKEN, FIELD_MEMCACHED_META_FLAG, word, "a mode of this command");
}

static void too_many(struct memcached_reading *r)
{
    uint32_t at = MEMCACHED_META_WORDS_MAX;
    memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_META_FLAG_COUNT, .field = FIELD_MEMCACHED_META_FLAGS,
                                        .relation = MUST_NOT_EXCEED, .offset = r->line.words[at].offset,
                                        .length = r->line.words[at].length, .got = r->line.used - 2,
                                        .expected = MEMCACHED_META_WORDS_MAX - 2});
}

/* Key and number of words, which all have in common. */
static bool take_key(struct memcached_reading *r, bool limited)
{
    const struct memcached_word *key = &r->line.words[1];
    if (r->line.used < 2) {
        memcached_word_defect(r, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_KEY, 1, "a key");
        return false;
    }
    note_field(r->out, FIELD_MEMCACHED_KEY, key->offset, key->length, 0);
    if (key->length > MEMCACHED_KEY_MAX)
        memcached_defect(r, (struct report){.anomaly = ANOMALY_MEMCACHED_KEY_TOO_LONG, .field = FIELD_MEMCACHED_KEY,
                                            .relation = MUST_NOT_EXCEED, .offset = key->offset, .length = key->length,
                                            .got = key->length, .expected = MEMCACHED_KEY_MAX});
    else if (limited && r->line.used > MEMCACHED_META_WORDS_MAX)
        too_many(r);
    return !r->bad;
}

/* Errors of flags are told although the client asks for quiet. */
static void simple(struct memcached_reading *r, const char *modes)
{
    uint8_t mode = 0;
    if (take_key(r, true))
        take_flags(r, 2, &mode);
    if (modes)
        mode_fits(r, modes, mode);
    request(r, r->noreply && !r->bad);
}

/* Once the length is understood the data block is read or swallowed, whatever is wrong behind it. */
static void store(struct memcached_reading *r)
{
    uint8_t mode = 0;
    if (!take_key(r, false) || r->line.used < 3) {
        if (!r->bad)
            memcached_word_defect(r, ANOMALY_MEMCACHED_ARGUMENT_COUNT, FIELD_MEMCACHED_VALUE_LENGTH, 2, "a length");
        request(r, false);
        return;
    }
    struct memcached_number n = memcached_strtol(memcached_word(&r->line, 2));
    if (r->line.used > MEMCACHED_META_WORDS_MAX)
        too_many(r);
    else if (!n.good)
        memcached_word_defect(r, ANOMALY_MEMCACHED_NUMBER, FIELD_MEMCACHED_VALUE_LENGTH, 2, "a decimal number");
    else if ((int64_t)n.value < 0 || (int64_t)n.value > INT32_MAX - 2)
        memcached_word_defect(r, ANOMALY_MEMCACHED_VALUE_LENGTH, FIELD_MEMCACHED_VALUE_LENGTH, 2, "0 to 2147483645");
    if (r->bad) {
        request(r, false);
        return;
    }
    note_field(r->out, FIELD_MEMCACHED_VALUE_LENGTH, r->line.words[2].offset, r->line.words[2].length, n.value);
    if (n.truncated)
        memcached_word_remark(r, ANOMALY_MEMCACHED_NUMBER_TRUNCATED, FIELD_MEMCACHED_VALUE_LENGTH, 2, "a number of 32 bits");
    if (n.value > MEMCACHED_ITEM_MAX)
        memcached_word_defect(r, ANOMALY_MEMCACHED_ITEM_TOO_LARGE, FIELD_MEMCACHED_VALUE_LENGTH, 2, "at most 1 GB");
    take_flags(r, 3, &mode);
    mode_fits(r, STORE_MODES, mode);
    r->noreply = r->noreply && !r->bad;
    memcached_block_expect(r, (uint32_t)n.value, ASK_META);
}

/* Only a flag b right behind the key is looked at. */
static void debug(struct memcached_reading *r)
{
    if (take_key(r, false) && memcached_is(&r->line, 2, "b") && !memcached_base64(memcached_word(&r->line, 1)))
        key_encoding(r);
    request(r, false);
}

void memcached_meta(struct memcached_reading *r, uint8_t letter)
{
    switch (letter) {
    case 'g':
        r->out->message = MEMCACHED_MG;
        simple(r, NULL);
        break;
    case 's':
        r->out->message = MEMCACHED_MS;
        store(r);
        break;
    case 'd':
        r->out->message = MEMCACHED_MD;
        simple(r, NULL);
        break;
    case 'a':
        r->out->message = MEMCACHED_MA;
        simple(r, ARITHMETIC_MODES);
        break;
    case 'e':
        r->out->message = MEMCACHED_ME;
        debug(r);
        break;
    case 'n':
        r->out->message = MEMCACHED_MN;
        memcached_request(r, ASK_BARRIER, false);
        break;
    default:
        r->out->message = MEMCACHED_UNKNOWN_COMMAND;
        memcached_word_defect(r, ANOMALY_MEMCACHED_UNKNOWN_COMMAND, FIELD_MEMCACHED_COMMAND, 0, "mg, ms, md, ma, me or mn");
        memcached_request(r, ASK_LINE, false);
        break;
    }
}
