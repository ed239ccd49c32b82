/* Descriptors: trees of (keyword=value), as text (Oracle Net Services Reference, Syntax Rules; node-oracledb
 * sqlnet/nvStrToNvPair.js). Read once, byte by byte, with two counters for the depth; no tree is made. */
#include "proto/tns.h"

enum { PRINTABLE = 0x20, VERSION_DIGITS_MAX = 10 };

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

void tns_descriptor_begin(struct tns_reading *r)
{
    r->s->descriptor = (struct tns_descriptor){0};
}

/* Only what a client says is judged: an answer may have its parts apart from each other by NULs. */
static void wrong(struct tns_reading *r, enum anomaly anomaly, uint32_t offset, uint64_t got, const char *note)
{
    struct tns_descriptor *d = &r->s->descriptor;
    if (d->told || r->from == FROM_SERVER || r->s->redirected)
        return;
    d->told = true;
    tns_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_TNS_DESCRIPTOR, .relation = MUST_BE, .offset = offset,
                                  .length = 1, .got = got, .note = note});
}

static bool keyword_is(const struct tns_descriptor *d, const char *name)
{
    return strlen(name) == d->keyword_length && memcmp(d->keyword, name, d->keyword_length) == 0;
}

static uint64_t decimal(struct view digits)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.length && i < VERSION_DIGITS_MAX; i++) {
        if (digits.bytes[i] < '0' || digits.bytes[i] > '9')
            return 0;
        value = value * 10 + (uint64_t)(digits.bytes[i] - '0');
    }
    return digits.length > VERSION_DIGITS_MAX ? 0 : value;
}

static void remember_database(struct session *session, struct view name)
{
    size_t length = name.length < SESSION_TEXT_MAX ? name.length : SESSION_TEXT_MAX;
    memcpy(session->database, name.bytes, length);
    session->database_length = (uint8_t)length;
}

static void take_answer(struct tns_reading *r, struct view value, uint32_t offset)
{
    const struct tns_descriptor *d = &r->s->descriptor;
    uint64_t number = decimal(value);
    if (keyword_is(d, "ERR") && number && number <= UINT32_MAX && !r->s->error) {
        r->s->error = (uint32_t)number;
        r->s->error_at = offset;
        r->s->error_length = (uint32_t)value.length;
        note_field(r->out, FIELD_TNS_ERROR, offset, (uint32_t)value.length, number);
    } else if (keyword_is(d, "VSNNUM"))
        tns_server_version(r, number, offset, (uint32_t)value.length);
}

static void take_value(struct tns_reading *r, struct view value, uint32_t offset)
{
    static const struct {
        const char *keyword;
        enum field field;
        bool of_client; /* counts only inside CID */
    } known[] = {
        {"SERVICE_NAME", FIELD_TNS_SERVICE_NAME, false}, {"SID", FIELD_TNS_SID, false},     {"COMMAND", FIELD_TNS_COMMAND, false},
        {"PROGRAM", FIELD_TNS_PROGRAM, true},            {"HOST", FIELD_TNS_CLIENT_HOST, true}, {"USER", FIELD_TNS_OS_USER, false},
    };
    const struct tns_descriptor *d = &r->s->descriptor;
    if (r->from == FROM_SERVER) {
        take_answer(r, value, offset);
        return;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!keyword_is(d, known[i].keyword) || (known[i].of_client && !d->client_id))
            continue;
        note_field(r->out, known[i].field, offset, (uint32_t)value.length, 0);
        if (known[i].field == FIELD_TNS_SERVICE_NAME || known[i].field == FIELD_TNS_SID)
            remember_database(r->out->session, value);
        else if (known[i].field == FIELD_TNS_PROGRAM && value.length)
            observe(r->out, (struct fact){.kind = FACT_CLIENT, .text = value});
    }
}

/* The other way to read it: quotes and backslashes take the meaning from parentheses. */
static void count_quoted(struct tns_descriptor *d, uint8_t byte, bool value_begins)
{
    if (d->escaped) {
        d->escaped = false;
    } else if (byte == '\\') {
        d->escaped = true;
    } else if (d->quoted) {
        d->quoted = byte != '"';
    } else if (byte == '"' && value_begins) {
        d->quoted = true;
    } else if (byte == '(') {
        d->quoted_depth++;
    } else if (byte == ')') {
        d->quoted_stray |= d->quoted_depth == 0;
        d->quoted_depth -= d->quoted_depth > 0;
    }
}

static void opens(struct tns_reading *r, uint32_t at)
{
    struct tns_descriptor *d = &r->s->descriptor;
    d->depth++;
    d->in_keyword = true;
    d->in_value = false;
    d->keyword_length = 0;
    if (d->depth == TNS_DEPTH_MAX + 1)
        wrong(r, ANOMALY_TNS_DEPTH, at, d->depth, "at most 32 deep");
}

static void closes(struct tns_reading *r, struct view value, uint32_t value_at, uint32_t at)
{
    struct tns_descriptor *d = &r->s->descriptor;
    if (d->in_keyword && d->keyword_length == 0)
        wrong(r, ANOMALY_TNS_FORM, at, ')', "a keyword");
    if (d->in_value && value.bytes)
        take_value(r, value, value_at);
    d->stray |= d->depth == 0;
    d->depth -= d->depth > 0;
    d->in_keyword = d->in_value = false;
}

static void spells(struct tns_descriptor *d, uint8_t byte)
{
    if (is_blank(byte))
        return;
    if (d->keyword_length < TNS_KEYWORD_MAX)
        d->keyword[d->keyword_length++] = (char)(byte >= 'a' && byte <= 'z' ? byte - 'a' + 'A' : byte);
}

/* Text; a NUL may end it, but not stand in it. */
static bool is_text(struct tns_reading *r, uint8_t byte, uint32_t at)
{
    struct tns_descriptor *d = &r->s->descriptor;
    if (byte == 0) {
        d->zero_seen = true;
        return false;
    }
    if (d->zero_seen || (byte < PRINTABLE && !is_blank(byte)))
        wrong(r, ANOMALY_TNS_CONTROL_BYTE, at, byte, d->zero_seen ? "nothing behind a NUL" : "text");
    if (!d->begun && !is_blank(byte)) {
        d->begun = true;
        if (byte != '(')
            wrong(r, ANOMALY_TNS_FORM, at, byte, "an opening parenthesis");
    }
    return true;
}

void tns_descriptor_piece(struct tns_reading *r, struct view piece, uint32_t offset)
{
    struct tns_descriptor *d = &r->s->descriptor;
    size_t value_from = piece.length;
    bool value_begins = false;
    for (size_t i = 0; i < piece.length; i++) {
        uint8_t byte = piece.bytes[i];
        uint32_t at = offset + (uint32_t)i;
        if (!is_text(r, byte, at))
            continue;
        count_quoted(d, byte, value_begins);
        value_begins = false;
        if (byte == '(') {
            opens(r, at);
            value_from = piece.length;
        } else if (byte == ')') {
            struct view value = value_from <= i ? view_of(piece.bytes + value_from, i - value_from) : view_of(NULL, 0);
            closes(r, value, offset + (uint32_t)value_from, at);
        } else if (byte == '=' && d->in_keyword) {
            if (d->keyword_length == 0)
                wrong(r, ANOMALY_TNS_FORM, at, byte, "a keyword");
            d->client_id |= keyword_is(d, "CID");
            d->in_keyword = false;
            d->in_value = value_begins = true;
            value_from = i + 1;
        } else if (d->in_keyword)
            spells(d, byte);
    }
}

void tns_descriptor_end(struct tns_reading *r, uint32_t offset)
{
    struct tns_descriptor *d = &r->s->descriptor;
    if ((d->stray || d->depth) && (d->quoted_stray || d->quoted_depth || d->quoted || d->escaped))
        wrong(r, ANOMALY_TNS_UNBALANCED, offset, d->depth, d->stray ? "no parenthesis that closes too much" : "as many parentheses closed as opened");
}
