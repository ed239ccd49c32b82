/*
 * The leaf of a TLS 1.2 certificate message (RFC 5246 7.4.2): whose it is, who signed it, until when. DER (X.690, RFC 5280 4.1)
 * is walked one level at a time, each value inside its parent; what does not fit is left unread and nothing is said of it.
 */
#include "proto/tls.h"

enum {
    DER_INTEGER = 0x02, DER_OCTETS = 0x04, DER_OID = 0x06, DER_BOOLEAN = 0x01, DER_UTC_TIME = 0x17, DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30, DER_SET = 0x31, DER_VERSION = 0xa0, DER_EXTENSIONS = 0xa3, DER_DNS_NAME = 0x82,
    NAMES_NOTED = 16,
};

static const uint8_t COMMON_NAME[] = {0x55, 0x04, 0x03}, SUBJECT_ALT_NAME[] = {0x55, 0x1d, 0x11};

struct certificate {
    struct findings *out;
    const uint8_t *start; /* of the message */
};

/* The next value, whatever it is. */
static struct cursor der_next(struct cursor *c, uint8_t *tag)
{
    *tag = take_u8(c);
    uint32_t length = take_u8(c);
    if (length > 0x80 && length <= 0x83) {
        unsigned bytes = length & 0x7f;
        for (length = 0; bytes; bytes--)
            length = length << 8 | take_u8(c);
    } else if (length >= 0x80) {
        take_skip(c, UINT64_MAX); /* without end, or longer than any message */
    }
    return cursor_over(take_view(c, length));
}

/* The next value, which must be this. */
static struct cursor der_take(struct cursor *c, uint8_t wanted)
{
    uint8_t tag;
    struct cursor found = der_next(c, &tag);
    if (tag == wanted)
        return found;
    take_skip(c, UINT64_MAX);
    return cursor_over(view_of(NULL, 0));
}

static bool is_oid(struct cursor oid, const uint8_t *bytes, size_t length)
{
    return view_equal(cursor_all(&oid), view_of(bytes, length));
}

static void note(struct certificate *x, enum field field, struct view bytes, uint64_t value)
{
    if (bytes.length)
        note_field(x->out, field, (uint32_t)(bytes.bytes - x->start), (uint32_t)bytes.length, value);
}

/* Name: the last common name is the most specific one. */
static void common_name(struct certificate *x, struct cursor name, enum field field)
{
    struct view found = view_of(NULL, 0);
    while (cursor_left(&name)) {
        struct cursor set = der_take(&name, DER_SET);
        struct cursor pair = der_take(&set, DER_SEQUENCE);
        struct cursor oid = der_take(&pair, DER_OID);
        uint8_t tag;
        struct cursor value = der_next(&pair, &tag);
        if (!pair.failed && is_oid(oid, COMMON_NAME, sizeof COMMON_NAME))
            found = cursor_all(&value);
    }
    note(x, field, found, 0);
}

static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t of_era = year % 400, of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return year / 400 * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Seconds since 1970 of a time in the only form that RFC 5280 4.1.2.5 allows; false for others. */
static bool read_time(struct view text, bool utc, int64_t *seconds)
{
    int64_t part[6] = {0};
    size_t year_digits = utc ? 2 : 4;
    if (text.length != year_digits + 11 || text.bytes[text.length - 1] != 'Z')
        return false;
    for (size_t i = 0; i + 1 < text.length; i++) {
        uint8_t digit = text.bytes[i];
        size_t at = i < year_digits ? 0 : 1 + (i - year_digits) / 2;
        if (digit < '0' || digit > '9')
            return false;
        part[at] = part[at] * 10 + digit - '0';
    }
    if (utc)
        part[0] += part[0] < 50 ? 2000 : 1900;
    if (part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 60)
        return false;
    *seconds = days_since_1970(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 + part[5];
    return true;
}

static bool note_time(struct certificate *x, struct cursor *validity, enum field field, int64_t *seconds)
{
    uint8_t tag;
    struct cursor time = der_next(validity, &tag);
    if (validity->failed || (tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME) ||
        !read_time(cursor_all(&time), tag == DER_UTC_TIME, seconds))
        return false;
    note(x, field, cursor_all(&time), *seconds < 0 ? 0 : (uint64_t)*seconds);
    return true;
}

static void validity(struct certificate *x, struct cursor times, int64_t now_s)
{
    int64_t before, after;
    if (!note_time(x, &times, FIELD_TLS_NOT_BEFORE, &before))
        return;
    uint32_t at = (uint32_t)(cursor_ahead(&times).bytes - x->start);
    if (!note_time(x, &times, FIELD_TLS_NOT_AFTER, &after) || now_s <= after || now_s <= 0)
        return;
    report(x->out, (struct report){.anomaly = ANOMALY_TLS_CERTIFICATE_EXPIRED, .field = FIELD_TLS_NOT_AFTER, .relation = MUST_REACH,
                                   .offset = at, .length = (uint32_t)(cursor_ahead(&times).bytes - x->start) - at,
                                   .got = after < 0 ? 0 : (uint64_t)after, .expected = (uint64_t)now_s, .note = "the packet's time"});
}

static void alternative_names(struct certificate *x, struct cursor octets)
{
    struct cursor names = der_take(&octets, DER_SEQUENCE);
    for (unsigned noted = 0; cursor_left(&names) && noted < NAMES_NOTED;) {
        uint8_t tag;
        struct cursor name = der_next(&names, &tag);
        if (names.failed || tag != DER_DNS_NAME)
            continue;
        note(x, FIELD_TLS_CERTIFICATE_NAMES, cursor_all(&name), 0);
        noted++;
    }
}

static void extensions(struct certificate *x, struct cursor all)
{
    while (cursor_left(&all)) {
        struct cursor one = der_take(&all, DER_SEQUENCE);
        struct cursor oid = der_take(&one, DER_OID);
        struct view rest = cursor_ahead(&one);
        if (rest.length && rest.bytes[0] == DER_BOOLEAN)
            der_take(&one, DER_BOOLEAN);
        struct cursor value = der_take(&one, DER_OCTETS);
        if (!one.failed && is_oid(oid, SUBJECT_ALT_NAME, sizeof SUBJECT_ALT_NAME)) {
            alternative_names(x, value);
            return;
        }
    }
}

static void read_certificate(struct certificate *x, struct cursor der, int64_t now_s)
{
    struct cursor outer = der_take(&der, DER_SEQUENCE);
    struct cursor body = der_take(&outer, DER_SEQUENCE);
    if (peek_u8(&body) == DER_VERSION)
        der_take(&body, DER_VERSION);
    der_take(&body, DER_INTEGER);
    der_take(&body, DER_SEQUENCE);
    struct cursor issuer = der_take(&body, DER_SEQUENCE), times = der_take(&body, DER_SEQUENCE), subject = der_take(&body, DER_SEQUENCE);
    if (body.failed)
        return;
    common_name(x, subject, FIELD_TLS_CERTIFICATE_SUBJECT);
    common_name(x, issuer, FIELD_TLS_CERTIFICATE_ISSUER);
    validity(x, times, now_s);
    while (cursor_left(&body)) {
        uint8_t tag;
        struct cursor part = der_next(&body, &tag);
        if (tag == DER_EXTENSIONS && !body.failed)
            extensions(x, der_take(&part, DER_SEQUENCE));
    }
}

void tls_certificate(struct view message, int64_t now_s, struct findings *out)
{
    struct certificate x = {out, message.bytes};
    struct cursor c = cursor_over(message);
    take_skip(&c, TLS_MESSAGE_HEADER);
    take_skip(&c, 3); /* length of the chain: the leaf comes first */
    uint32_t length = (uint32_t)take_u8(&c) << 16;
    length |= take_u16be(&c);
    struct view leaf = take_view(&c, length);
    if (!c.failed)
        read_certificate(&x, cursor_over(leaf), now_s);
}
