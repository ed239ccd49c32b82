/*
 * What DATA packets carry: TTC messages, function calls and the login (python-oracledb impl/thin/messages, node-oracledb
 * protocol/messages). TTC is private and its numbers are written as both sides agreed, so that what is looked for is found
 * by what proves itself: a length that is there twice in front of its text.
 */
#include "proto/tns.h"

enum {
    KIND_PROTOCOL = 1,
    KIND_FUNCTION = 3,
    KIND_ERROR = 4,
    KIND_PIGGYBACK = 17,
    KIND_FAST_AUTH = 34,
    CODE_LOGOFF = 9,
    CODE_EXECUTE = 94,
    CODE_CLOSE_CURSORS = 105,
    CODE_AUTH_TWO = 115,
    CODE_AUTH_ONE = 118,
    KEY_LENGTH_MAX = 40,
    PAIRS_MAX = 48,
    SHORT_LENGTH_MAX = 252,
    LONG_LENGTH = 254,
    SESSION_KEY_MAX = 96,
    USER_LENGTH_MAX = 128,
    BANNER_MAX = 48,
    SQL_SEARCHED = 96,     /* bytes between the length of a statement and its text */
    ERROR_SEARCHED = 512,
    END_OF_RESPONSE = 29,
    ERROR_NO_DATA = 1403,  /* the end of a result, not an error */
};

/* How numbers are written. */
enum form { FORM_NONE, FORM_PACKED, FORM_LITTLE, FORM_BIG };

static uint32_t take_number(struct cursor *c, enum form form)
{
    if (form == FORM_LITTLE)
        return take_u32le(c);
    if (form == FORM_BIG)
        return take_u32be(c);
    uint8_t bytes = take_u8(c);
    uint32_t value = 0;
    if (bytes > 4) {
        (void)cursor_fail(c);
        return 0;
    }
    while (bytes--)
        value = value << 8 | take_u8(c);
    return value;
}

static const uint8_t *find(struct view all, const char *what)
{
    size_t length = strlen(what);
    for (size_t at = 0; at + length <= all.length; at++) {
        const uint8_t *here = memchr(all.bytes + at, what[0], all.length - at - length + 1);
        if (!here)
            return NULL;
        if (memcmp(here, what, length) == 0)
            return here;
        at = (size_t)(here - all.bytes);
    }
    return NULL;
}

static bool is_key_byte(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == 0;
}

static bool is_printable(struct view text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] < ' ' || text.bytes[i] == 0x7F)
            return false;
    return true;
}

/* Where the pair begins whose key is at `key`, and how its numbers are written. */
static enum form pair_begins(struct view all, size_t key, size_t *begin)
{
    if (key < 3)
        return FORM_NONE;
    const uint8_t *k = all.bytes + key;
    uint8_t length = k[-1];
    if (length < 5 || length > KEY_LENGTH_MAX || length > all.length - key)
        return FORM_NONE;
    for (uint8_t i = 0; i < length; i++)
        if (!is_key_byte(k[i]))
            return FORM_NONE;
    if (k[-2] == length && k[-3] == 1) {
        *begin = key - 3;
        return FORM_PACKED;
    }
    if (key >= 5 && k[-5] == length && k[-4] == 0 && k[-3] == 0 && k[-2] == 0) {
        *begin = key - 5;
        return FORM_LITTLE;
    }
    if (key >= 5 && k[-2] == length && k[-5] == 0 && k[-4] == 0 && k[-3] == 0) {
        *begin = key - 5;
        return FORM_BIG;
    }
    return FORM_NONE;
}

/* A key and its value. `cut`: the value goes on in the next packet. */
struct pair {
    struct view key, value;
    uint32_t length, length_at, value_at;
    bool cut;
};

/* Text behind its length: short, or in pieces, each behind its own. */
static bool take_text(struct cursor *c, enum form form, uint32_t length, struct pair *p)
{
    uint8_t marker = take_u8(c);
    p->value_at = cursor_offset(c);
    if (marker == LONG_LENGTH) {
        for (uint32_t pieces = length + 1; pieces && !c->failed; pieces--) {
            uint32_t piece = take_number(c, form);
            if (piece == 0)
                break;
            p->cut |= piece > cursor_left(c);
            take_skip(c, piece < cursor_left(c) ? piece : cursor_left(c));
        }
        p->value = view_of(NULL, cursor_offset(c) - p->value_at);
        return !c->failed || p->cut;
    }
    if (marker != length)
        return false;
    p->cut = length > cursor_left(c);
    p->value = take_view(c, p->cut ? cursor_left(c) : length);
    return true;
}

static bool take_pair(struct cursor *c, enum form form, struct pair *p)
{
    *p = (struct pair){.cut = false};
    uint32_t length = take_number(c, form);
    if (c->failed || length < 3 || length > KEY_LENGTH_MAX || take_u8(c) != length)
        return false;
    p->key = take_view(c, length);
    if (c->failed || !is_key_byte(p->key.bytes[0]))
        return false;
    p->length_at = cursor_offset(c);
    p->length = take_number(c, form);
    if (c->failed)
        return false;
    if (p->length && !take_text(c, form, p->length, p))
        return false;
    if (!p->cut)
        (void)take_number(c, form);
    return true;
}

static bool key_is(const struct pair *p, const char *name)
{
    return view_equal(p->key, view_text(name));
}

/* What a key means. */
static const struct known_key {
    const char *name;
    enum field text;   /* the value; FIELD_TNS_SECRET: masked */
    enum field length;
} known_keys[] = {
    {"AUTH_SESSKEY", FIELD_TNS_SECRET, FIELD_TNS_SESSION_KEY_LENGTH},
    {"AUTH_VFR_DATA", FIELD_TNS_SECRET, FIELD_TNS_VERIFIER_LENGTH},
    {"AUTH_PASSWORD", FIELD_TNS_SECRET, FIELD_TNS_PASSWORD_LENGTH},
    {"AUTH_NEWPASSWORD", FIELD_TNS_SECRET, FIELD_NONE},
    {"AUTH_PBKDF2_SPEEDY_KEY", FIELD_TNS_SECRET, FIELD_NONE},
    {"AUTH_PBKDF2_CSK_SALT", FIELD_TNS_SECRET, FIELD_NONE},
    {"AUTH_SVR_RESPONSE", FIELD_TNS_SECRET, FIELD_NONE},
    {"AUTH_TOKEN", FIELD_TNS_SECRET, FIELD_NONE},
    {"AUTH_HEADER", FIELD_TNS_SECRET, FIELD_NONE},
    {"AUTH_SIGNATURE", FIELD_TNS_SECRET, FIELD_NONE},
    {"AUTH_ORA_DEBUG_JDWP", FIELD_TNS_SECRET, FIELD_NONE},
    {"AUTH_PROGRAM_NM", FIELD_TNS_PROGRAM, FIELD_NONE},
    {"AUTH_MACHINE", FIELD_TNS_CLIENT_HOST, FIELD_NONE},
    {"AUTH_SID", FIELD_TNS_OS_USER, FIELD_NONE},
    {"AUTH_TERMINAL", FIELD_TNS_TERMINAL, FIELD_NONE},
    {"SESSION_CLIENT_DRIVER_NAME", FIELD_TNS_DRIVER, FIELD_NONE},
};

static void note_pair(struct tns_reading *r, const struct pair *p)
{
    for (size_t i = 0; i < sizeof known_keys / sizeof known_keys[0]; i++) {
        if (!key_is(p, known_keys[i].name))
            continue;
        if (known_keys[i].length)
            note_field(r->out, known_keys[i].length, p->length_at, p->value_at > p->length_at ? p->value_at - p->length_at : 1, p->length);
        if (p->value.length)
            note_field(r->out, known_keys[i].text, p->value_at, (uint32_t)p->value.length, 0);
    }
    if (key_is(p, "AUTH_SESSKEY") && r->from == FROM_CLIENT && p->length > SESSION_KEY_MAX)
        tns_defect(r, (struct report){.anomaly = ANOMALY_TNS_SESSION_KEY, .field = FIELD_TNS_SESSION_KEY_LENGTH, .relation = MUST_NOT_EXCEED,
                                      .offset = p->length_at, .length = 1, .got = p->length, .expected = SESSION_KEY_MAX});
}

static uint64_t decimal(struct view digits)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.length && i < 10 && digits.bytes; i++)
        value = value * 10 + (digits.bytes[i] >= '0' && digits.bytes[i] <= '9' ? (uint64_t)(digits.bytes[i] - '0') : 0);
    return value;
}

/* What the pairs of a server mean for the login. */
static void answer_pair(struct tns_reading *r, const struct pair *p)
{
    struct tns_state *s = r->s;
    if (key_is(p, "AUTH_VFR_DATA") && s->login == TNS_LOGIN_ASKED)
        s->login = TNS_LOGIN_CHALLENGED;
    if (key_is(p, "AUTH_VERSION_NO"))
        tns_server_version(r, decimal(p->value), p->value_at, (uint32_t)p->value.length);
    if ((key_is(p, "AUTH_SVR_RESPONSE") || key_is(p, "AUTH_VERSION_NO")) && s->login != TNS_LOGIN_DONE) {
        s->login = TNS_LOGIN_DONE;
        s->asking_login = false;
        r->out->session->phase = PHASE_AUTHENTICATED;
        observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
    }
}

static void mask_rest(struct tns_reading *r, uint32_t at)
{
    uint32_t end = (uint32_t)cursor_all(&r->c).length;
    if (at < end)
        note_field(r->out, FIELD_TNS_SECRET, at, end - at, 0);
}

/* The pairs from the first key on. Whatever of a login is not understood may be a password. */
static size_t login_pairs(struct tns_reading *r)
{
    struct view all = cursor_all(&r->c);
    struct view body = view_from(all, TNS_DATA_AT);
    const uint8_t *first = find(body, "AUTH_");
    if (!first)
        return 0;
    size_t begin = 0;
    enum form form = pair_begins(all, (size_t)(first - all.bytes), &begin);
    if (form == FORM_NONE) {
        mask_rest(r, (uint32_t)(first - all.bytes));
        return 0;
    }
    struct cursor c = cursor_over(all);
    take_skip(&c, begin);
    for (unsigned i = 0; i < PAIRS_MAX; i++) {
        struct pair p;
        uint32_t at = cursor_offset(&c);
        if (!take_pair(&c, form, &p)) {
            if (r->from == FROM_CLIENT || p.key.length)
                mask_rest(r, at);
            return begin;
        }
        note_pair(r, &p);
        if (r->from == FROM_SERVER)
            answer_pair(r, &p);
    }
    mask_rest(r, cursor_offset(&c));
    return begin;
}

/* The user's name is what stands in front of the first pair, behind its length. */
static void login_user(struct tns_reading *r, size_t pairs)
{
    struct view all = cursor_all(&r->c);
    struct session *session = r->out->session;
    for (size_t length = 1; length <= USER_LENGTH_MAX && length + TNS_DATA_AT + 2 <= pairs; length++) {
        struct view name = view_of(all.bytes + pairs - length, length);
        if (name.bytes[-1] != length || !is_printable(name))
            continue;
        session->user_length = (uint8_t)(length < SESSION_TEXT_MAX ? length : SESSION_TEXT_MAX);
        memcpy(session->user, name.bytes, session->user_length);
        note_field(r->out, FIELD_TNS_USER, (uint32_t)(pairs - length), (uint32_t)length, 0);
        return;
    }
}

static void log_in(struct tns_reading *r, bool second)
{
    struct tns_state *s = r->s;
    bool news = !second || s->login == TNS_LOGIN_NONE;
    size_t pairs = login_pairs(r);
    s->asking_login = true;
    if (s->login == TNS_LOGIN_DONE)
        return; /* a change of the password */
    if (news && pairs)
        login_user(r, pairs);
    s->login = second ? TNS_LOGIN_PROVED : TNS_LOGIN_ASKED;
    const struct session *session = r->out->session;
    if (news)
        observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = view_of(session->user, session->user_length),
                                      .more = view_of(session->database, session->database_length)});
}

void tns_login_more(struct tns_reading *r)
{
    mask_rest(r, TNS_DATA_AT);
}

/* The text of a statement: its length stands at a place that is known, the text behind that length again. */
static void statement(struct tns_reading *r, struct cursor c)
{
    struct cursor with_token = c;
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        struct cursor k = attempt ? with_token : c;
        if (attempt)
            (void)take_number(&k, FORM_PACKED); /* the token of a pipeline */
        (void)take_number(&k, FORM_PACKED);     /* options */
        (void)take_number(&k, FORM_PACKED);     /* cursor */
        uint8_t there = take_u8(&k);
        uint32_t length = take_number(&k, FORM_PACKED);
        if (k.failed || there != 1 || length == 0)
            continue;
        struct view left = cursor_ahead(&k);
        uint32_t base = cursor_offset(&k);
        for (size_t at = 0; length <= SHORT_LENGTH_MAX && at < SQL_SEARCHED && at + 1 + length <= left.length; at++) {
            struct view text = view_of(left.bytes + at + 1, length);
            if (left.bytes[at] == length && text.bytes[0] > ' ' && is_printable(view_head(text, 4))) {
                note_field(r->out, FIELD_TNS_SQL, base + (uint32_t)at + 1, length, 0);
                return;
            }
        }
    }
}

/* Cursors that are closed on the way to the next call. */
static bool skip_piggyback(struct cursor *c)
{
    struct cursor k = *c;
    take_skip(&k, 3);
    if (peek_u8(&k) == 0)
        take_skip(&k, 1); /* a token */
    if (take_u8(&k) != 1)
        return false;
    uint32_t cursors = take_number(&k, FORM_PACKED);
    for (uint32_t i = 0; i < cursors && !k.failed; i++)
        (void)take_number(&k, FORM_PACKED);
    if (k.failed || peek_u8(&k) != KIND_FUNCTION)
        return false;
    *c = k;
    return true;
}

static void call(struct tns_reading *r, struct cursor c)
{
    uint32_t at = cursor_offset(&c) + 1;
    take_skip(&c, 1);
    uint8_t code = take_u8(&c);
    take_skip(&c, 1); /* a sequence number */
    if (c.failed)
        return;
    r->out->message = (uint16_t)(0x300 + code);
    note_field(r->out, FIELD_TNS_FUNCTION, at, 1, code);
    if (code == CODE_AUTH_ONE || code == CODE_AUTH_TWO) {
        log_in(r, code == CODE_AUTH_TWO);
        return;
    }
    if (r->s->login == TNS_LOGIN_PROVED) {
        r->s->login = TNS_LOGIN_DONE;
        r->out->session->phase = PHASE_AUTHENTICATED;
    }
    if (code == CODE_EXECUTE)
        statement(r, c);
    if (code == CODE_LOGOFF)
        r->side->farewell = true;
}

/* The first packet of what a client sends. */
void tns_request(struct tns_reading *r)
{
    struct cursor c = r->c;
    uint8_t kind = peek_u8(&c);
    note_field(r->out, FIELD_TNS_TTC, TNS_DATA_AT, 1, kind);
    r->out->message = (uint16_t)(0x200 + kind);
    r->s->asking_login = false;
    if (kind == KIND_PIGGYBACK && cursor_left(&c) > 2 && cursor_ahead(&c).bytes[1] == CODE_CLOSE_CURSORS && skip_piggyback(&c))
        kind = KIND_FUNCTION;
    if (kind == KIND_FUNCTION)
        call(r, c);
    else if (kind == KIND_FAST_AUTH)
        log_in(r, false);
    observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
}

/* The words of an error end the answer, behind their length; or the answer begins with an error, and they are in it. */
static struct view error_words(struct view body, bool error_first)
{
    struct view tail = body.length > ERROR_SEARCHED ? view_from(body, body.length - ERROR_SEARCHED) : body;
    for (const uint8_t *here; (here = find(tail, "ORA-")) != NULL; tail = view_from(tail, (size_t)(here - tail.bytes) + 1)) {
        size_t left = tail.length - (size_t)(here - tail.bytes);
        uint8_t length = here > body.bytes ? here[-1] : 0;
        bool ends = length == left || (length + 1U == left && here[length] == END_OF_RESPONSE);
        if (length >= 10 && (ends || (error_first && length < left)))
            return view_of(here, length);
    }
    return view_of(body.bytes, 0);
}

static uint32_t error_number(struct view words)
{
    uint32_t number = 0;
    for (size_t i = 4; i < 9 && i < words.length; i++) {
        if (words.bytes[i] < '0' || words.bytes[i] > '9')
            return 0;
        number = number * 10 + (uint32_t)(words.bytes[i] - '0');
    }
    return number;
}

/* Errors that say that the server did not understand the client (ORA-, Oracle Database Error Messages). */
static bool is_about_form(uint32_t number)
{
    return number == 3106 || number == 3120 || number == 3137 || number == 3146;
}

static void failed(struct tns_reading *r, uint32_t number, struct view words, uint32_t at)
{
    struct tns_state *s = r->s;
    note_field(r->out, FIELD_TNS_ERROR, at + 4, 5, number);
    if (s->asking_login && s->login != TNS_LOGIN_DONE) {
        s->login = TNS_LOGIN_NONE;
        observe(r->out, (struct fact){.kind = FACT_LOGIN_FAILED, .number = number, .text = words});
        return;
    }
    observe(r->out, (struct fact){.kind = is_about_form(number) ? FACT_VERDICT : FACT_ERROR, .number = number, .text = words});
    if (is_about_form(number))
        report(r->out, (struct report){.anomaly = ANOMALY_TNS_REJECTED, .field = FIELD_TNS_ERROR, .relation = MUST_BE, .offset = at + 4,
                                       .length = 5, .got = number, .note = "an answer that is not about the form"});
}

static void banner(struct tns_reading *r, struct view body)
{
    size_t length = 0;
    if (body.length < 4 || body.bytes[2] != 0)
        return;
    while (length < BANNER_MAX && 3 + length < body.length && body.bytes[3 + length] >= ' ' && body.bytes[3 + length] < 0x7F)
        length++;
    note_field(r->out, FIELD_TNS_BANNER, TNS_DATA_AT + 3, (uint32_t)length, 0);
}

void tns_answer(struct tns_reading *r, bool first)
{
    struct tns_state *s = r->s;
    struct view body = cursor_ahead(&r->c);
    uint8_t kind = peek_u8(&r->c);
    if (first) {
        note_field(r->out, FIELD_TNS_TTC, TNS_DATA_AT, 1, kind);
        r->out->message = (uint16_t)(0x200 + kind);
        if (kind == KIND_PROTOCOL)
            banner(r, body);
    }
    if (s->login != TNS_LOGIN_DONE && s->asking_login)
        (void)login_pairs(r);
    if (body.length < r->total - TNS_DATA_AT)
        return;
    struct view words = error_words(body, first && kind == KIND_ERROR);
    uint32_t number = error_number(words);
    if (number && number != ERROR_NO_DATA)
        failed(r, number, words, (uint32_t)(words.bytes - cursor_all(&r->c).bytes));
}
