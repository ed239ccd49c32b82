/*
 * Redaction of statements: a machine that is fed byte by byte, so that a packet may end anywhere, even inside a keyword.
 * It knows just enough of SQL (MySQL 8.0 reference 13.7.1, MariaDB CREATE USER, PostgreSQL 15 CREATE ROLE and libpq
 * connection strings) to find where a password's literal begins and ends. Bounded work and memory per byte.
 */
#include "store/redact.h"

#include <string.h>

enum redact_state {
    IN_TEXT,       /* nothing to hide */
    AFTER_KEY,     /* "password" in quotes was read: a value follows only after = or : */
    AFTER_PASSWORD,/* a literal that comes now, or after =, is a secret */
    AFTER_FOR,     /* SET PASSWORD FOR account: wait for = */
    AFTER_IDENTIFIED, /* the next literal is one, whatever words come before it */
    AFTER_SECRET,  /* a literal ended: BY, AS, USING, REPLACE bring another one */
    AT_VALUE,      /* after = or : */
    IN_BARE,       /* a value without quotes */
    AT_OPENING,    /* right after the opening quote */
    AT_EMPTY,      /* after an opening quote and the same again: empty, or a quote written twice */
    IN_QUOTES,
    AT_CLOSING,    /* after the closing quote: the end, unless it comes again */
    IN_TWICE,      /* between quotes that are written twice because they are inside a literal */
    AT_TWICE,
    IN_TAG,        /* $tag$ of a dollar quote */
    IN_DOLLARS,
};

enum { NEAR = 64, FAR = 192 }; /* bytes after a keyword in which its literal must begin */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_quote(uint8_t c)
{
    return c == '\'' || c == '"';
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* The last bytes of a word are enough: a keyword is never longer. */
static void word_add(struct redact_text *t, uint8_t c)
{
    if (t->word_length == sizeof t->word) {
        memmove(t->word, t->word + 1, sizeof t->word - 1);
        t->word_length--;
    }
    t->word[t->word_length++] = (char)lower(c);
}

static bool word_is(const struct redact_text *t, const char *text)
{
    return t->word_length == strlen(text) && memcmp(t->word, text, t->word_length) == 0;
}

static bool word_ends(const struct redact_text *t, const char *text)
{
    size_t length = strlen(text);
    return t->word_length >= length && memcmp(t->word + t->word_length - length, text, length) == 0;
}

static void enter(struct redact_text *t, enum redact_state state, uint16_t left)
{
    t->state = (uint8_t)state;
    t->left = left;
}

/* Before a literal: N'...', E'...', X'...', U&'...', _utf8mb4'...'. */
static bool is_prefix(const struct redact_text *t)
{
    return (t->word_length == 1 && strchr("enxbu", t->word[0])) || (t->word_length && t->word[0] == '_') ||
           word_is(t, "u&");
}

/* A word is over; `c` is the byte after it. */
static void word_done(struct redact_text *t, uint8_t c)
{
    if (word_is(t, "identified")) {
        enter(t, AFTER_IDENTIFIED, FAR);
    } else if (t->state == AFTER_IDENTIFIED) {
        return; /* a plugin may be called mysql_native_password */
    } else if (word_ends(t, "password") || word_ends(t, "passwd") || word_ends(t, "pwd")) {
        bool quoted = (is_quote(t->before_word) || t->before_word == '`') && c == t->before_word;
        enter(t, quoted ? AFTER_KEY : AFTER_PASSWORD, NEAR);
    } else if (t->state == AFTER_PASSWORD) {
        if (word_is(t, "for"))
            enter(t, AFTER_FOR, FAR);
        else if (!word_is(t, "to") && !is_prefix(t))
            enter(t, IN_TEXT, 0);
    } else if (t->state == AFTER_SECRET) {
        if (word_is(t, "as") || word_is(t, "by") || word_is(t, "using") || word_is(t, "replace") || word_is(t, "or"))
            enter(t, AFTER_IDENTIFIED, NEAR);
    }
}

static void open_literal(struct redact_text *t, uint8_t quote)
{
    t->quote = quote;
    t->escaped = false;
    t->word_length = 0;
    enter(t, AT_OPENING, 0);
}

/* Text around literals. True: mask the byte. */
static bool feed_text(struct redact_text *t, uint8_t c)
{
    if (is_word(c)) {
        if (t->word_length == 0)
            t->before_word = t->previous;
        word_add(t, c);
        /* A hash written as a number: IDENTIFIED WITH x AS 0x2441... */
        return t->state == AFTER_IDENTIFIED && t->word_length > 2 && memcmp(t->word, "0x", 2) == 0;
    }
    if (t->word_length) {
        word_done(t, c);
        t->word_length = 0;
        if (t->state == AFTER_KEY && c == t->before_word)
            return false;
    }
    if (t->state == IN_TEXT)
        return false;
    if (c == 0 || c == ';' || t->left == 0) {
        enter(t, IN_TEXT, 0);
        return false;
    }
    t->left--;
    bool ready = t->state == AFTER_PASSWORD || t->state == AFTER_IDENTIFIED;
    if ((c == '=' && t->state != AFTER_SECRET) || (c == ':' && t->state == AFTER_KEY)) {
        enter(t, AT_VALUE, NEAR);
    } else if (ready && is_quote(c)) {
        open_literal(t, c);
    } else if (ready && c == '$') {
        t->word_length = 0;
        enter(t, IN_TAG, sizeof t->word);
    } else if (c == ',' && t->state != AFTER_FOR && t->state != AFTER_IDENTIFIED) {
        enter(t, IN_TEXT, 0);
    }
    return false;
}

static bool feed_value(struct redact_text *t, uint8_t c)
{
    if (c == 0 || t->left == 0) {
        enter(t, IN_TEXT, 0);
    } else if (is_space(c) || c == '>') {
        t->left--;
    } else if (is_quote(c)) {
        open_literal(t, c);
    } else if (c == '$') {
        t->word_length = 0;
        enter(t, IN_TAG, sizeof t->word);
    } else {
        t->word_length = 0;
        word_add(t, c);
        t->escaped = c == '\\';
        enter(t, IN_BARE, 0);
        return true;
    }
    return false;
}

/* A bare value ends at a space or a quote only: connection strings allow everything else in it. */
static bool feed_bare(struct redact_text *t, uint8_t c)
{
    if (t->escaped && c) {
        t->escaped = false;
        return true;
    }
    if (is_quote(c)) {
        if (t->previous == '(' || is_prefix(t))
            open_literal(t, c);
        else
            enter(t, IN_TEXT, 0);
    } else if (c == 0 || is_space(c)) {
        enter(t, t->previous == '(' && c ? AFTER_IDENTIFIED : IN_TEXT, NEAR);
    } else {
        word_add(t, c);
        t->escaped = c == '\\';
        return true;
    }
    t->word_length = 0;
    return false;
}

static bool feed_quotes(struct redact_text *t, uint8_t c)
{
    if (c == 0) {
        enter(t, IN_TEXT, 0);
        return false;
    }
    if (!t->escaped && c == t->quote) {
        enter(t, AT_CLOSING, 0);
        return false;
    }
    t->escaped = !t->escaped && c == '\\';
    return true;
}

/* A literal is over and `c` is no part of it. */
static bool feed_behind(struct redact_text *t, uint8_t c)
{
    t->word_length = 0;
    enter(t, AFTER_SECRET, NEAR);
    return feed_text(t, c);
}

static bool feed_twice(struct redact_text *t, uint8_t c)
{
    if (t->state == IN_TWICE && c != t->quote && c) {
        return true;
    } else if (t->state == IN_TWICE && c) {
        enter(t, AT_TWICE, 0);
        return false;
    }
    if (c == t->quote) {
        enter(t, AFTER_SECRET, NEAR);
        return false;
    }
    return feed_behind(t, c);
}

/* The tag of a dollar quote, or a parameter ($1): then there is no literal. */
static bool feed_tag(struct redact_text *t, uint8_t c)
{
    if (c == '$') {
        t->matched = 0;
        enter(t, IN_DOLLARS, 0);
    } else if (is_word(c) && t->left > 0 && !(t->word_length == 0 && c >= '0' && c <= '9')) {
        t->left--;
        t->word[t->word_length++] = (char)c;
    } else {
        return feed_behind(t, c);
    }
    return false;
}

/* Everything up to and with the closing $tag$ is masked. */
static bool feed_dollars(struct redact_text *t, uint8_t c)
{
    if (c == 0) {
        enter(t, IN_TEXT, 0);
        return false;
    }
    if (c == '$' && t->matched == t->word_length + 1) {
        t->word_length = 0;
        enter(t, AFTER_SECRET, NEAR);
        return true;
    }
    if (t->matched && t->matched <= t->word_length && (char)c == t->word[t->matched - 1])
        t->matched++;
    else
        t->matched = c == '$';
    return true;
}

static bool feed(struct redact_text *t, uint8_t c)
{
    switch ((enum redact_state)t->state) {
    case AT_VALUE:
        return feed_value(t, c);
    case IN_BARE:
        return feed_bare(t, c);
    case AT_OPENING:
        if (c == t->quote) {
            enter(t, AT_EMPTY, 0);
            return false;
        }
        enter(t, IN_QUOTES, 0);
        return feed_quotes(t, c);
    case AT_EMPTY:
        if (c == 0 || is_space(c) || strchr(",);@}]", c) || (is_quote(c) && c != t->quote))
            return feed_behind(t, c);
        enter(t, c == t->quote ? IN_QUOTES : IN_TWICE, 0);
        return true;
    case IN_QUOTES:
        return feed_quotes(t, c);
    case AT_CLOSING:
        if (c != t->quote)
            return feed_behind(t, c);
        enter(t, IN_QUOTES, 0);
        return true;
    case IN_TWICE:
    case AT_TWICE:
        return feed_twice(t, c);
    case IN_TAG:
        return feed_tag(t, c);
    case IN_DOLLARS:
        return feed_dollars(t, c);
    default:
        return feed_text(t, c);
    }
}

bool redact_statement(struct redact_text *carry, uint8_t *payload, size_t size)
{
    bool masked = false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = payload[i];
        if (feed(carry, c)) {
            payload[i] = '*';
            masked = true;
        }
        carry->previous = c;
    }
    return masked;
}

bool redact_range(uint8_t *payload, size_t size, int64_t begins, uint64_t length)
{
    uint64_t from = begins > 0 ? (uint64_t)begins : 0;
    uint64_t before = begins < 0 ? (uint64_t)0 - (uint64_t)begins : 0;
    if (length <= before || from >= size)
        return false;
    length -= before;
    memset(payload + from, '*', length < size - from ? (size_t)length : size - (size_t)from);
    return true;
}
