/* First bytes of somebody else: see stranger.h. The frequent ones and those that scanners send; libndpi knows the rest. */
#include "proto/stranger.h"

#include <string.h>

/* A sign that is not sure only names bytes that the server's own decoder refuses. */
static const struct sign {
    uint16_t spoken;
    uint8_t offset, length;
    bool sure;
    const char *start;
} signs[] = {
    {SPOKEN_TLS, 0, 2, false, "\x16\x03"},
    {SPOKEN_HTTP, 0, 4, false, "GET "},
    {SPOKEN_HTTP, 0, 5, false, "POST "},
    {SPOKEN_HTTP, 0, 5, false, "HEAD "},
    {SPOKEN_HTTP, 0, 4, false, "PUT "},
    {SPOKEN_HTTP, 0, 7, false, "DELETE "},
    {SPOKEN_HTTP, 0, 8, false, "CONNECT "},
    {SPOKEN_HTTP, 0, 6, true, "PRI * "},
    {SPOKEN_HTTP, 0, 7, true, "HTTP/1."},
    {SPOKEN_SIP, 0, 12, true, "OPTIONS sip:"},
    {SPOKEN_SIP, 0, 11, true, "INVITE sip:"},
    {SPOKEN_HTTP, 0, 8, false, "OPTIONS "},
    {SPOKEN_SSH, 0, 6, true, "SSH-2."},
    {SPOKEN_SSH, 0, 6, true, "SSH-1."},
    {SPOKEN_SSH, 0, 4, false, "SSH-"},
    {SPOKEN_SMBV1, 4, 4, true, "\xffSMB"},
    {SPOKEN_SMBV23, 4, 4, true, "\xfeSMB"},
    {SPOKEN_NETBIOS, 0, 5, true, "\x81\x00\x00\x44\x20"},
    {SPOKEN_RDP, 0, 3, false, "\x03\x00\x00"},
    {SPOKEN_AMQP, 0, 5, true, "AMQP\0"},
    {SPOKEN_AMQP, 0, 4, false, "AMQP"},
    {SPOKEN_BITTORRENT, 0, 20, true, "\x13" "BitTorrent protocol"},
    {SPOKEN_VNC, 0, 7, true, "RFB 003"},
    {SPOKEN_SMTP, 0, 5, false, "EHLO "},
    {SPOKEN_SMTP, 0, 5, false, "HELO "},
    {SPOKEN_MEMCACHED, 0, 7, true, "stats\r\n"},
    {SPOKEN_MEMCACHED, 0, 9, true, "version\r\n"},
    {SPOKEN_MEMCACHED, 0, 5, true, "gets "},
};

static bool starts(const struct sign *s, struct view bytes)
{
    return bytes.length >= (size_t)s->offset + s->length && memcmp(bytes.bytes + s->offset, s->start, s->length) == 0;
}

static size_t first_line(struct view bytes)
{
    const uint8_t *end = bytes.length ? memchr(bytes.bytes, '\n', bytes.length) : NULL;
    return end ? (size_t)(end - bytes.bytes) + 1 : bytes.length;
}

/* A method, a target, and the version at the end of the first line (RFC 9112 3). */
static bool is_http_request(struct view bytes)
{
    enum { LINE_MAX_SEEN = 2048, METHOD_MAX = 20 };
    size_t line = first_line(view_head(bytes, LINE_MAX_SEEN)), method = 0;
    while (method < line && method < METHOD_MAX && bytes.bytes[method] >= 'A' && bytes.bytes[method] <= 'Z')
        method++;
    if (method < 3 || method == line || bytes.bytes[method] != ' ')
        return false;
    return memmem(bytes.bytes + method, line - method, " HTTP/", 6) || memmem(bytes.bytes + method, line - method, " RTSP/", 6);
}

/* A record of version 3.x with a ClientHello (RFC 8446 5.1). */
static bool is_client_hello(struct view b)
{
    enum { RECORD_HEADER = 5, RECORD_MAX = 16384 + 256, CLIENT_HELLO = 1 };
    if (b.length <= RECORD_HEADER || b.bytes[0] != 0x16 || b.bytes[1] != 3 || b.bytes[RECORD_HEADER] != CLIENT_HELLO)
        return false;
    unsigned length = (unsigned)b.bytes[3] << 8 | b.bytes[4];
    return length >= 4 && length <= RECORD_MAX;
}

/* TPKT with an X.224 connection request (RFC 1006, ISO 8073). */
static bool is_desktop(struct view b)
{
    enum { CONNECTION_REQUEST = 0xe0, TPKT_HEADER = 4 };
    if (b.length < 6 || b.bytes[0] != 3 || b.bytes[1] != 0 || b.bytes[5] != CONNECTION_REQUEST)
        return false;
    unsigned length = (unsigned)b.bytes[2] << 8 | b.bytes[3];
    return length >= TPKT_HEADER + 1u + b.bytes[4];
}

uint16_t stranger_sign(struct view bytes, bool *sure)
{
    *sure = true;
    if (is_http_request(bytes))
        return memmem(bytes.bytes, first_line(bytes), "RTSP/", 5) ? SPOKEN_RTSP : SPOKEN_HTTP;
    if (is_client_hello(bytes))
        return SPOKEN_TLS;
    if (is_desktop(bytes))
        return SPOKEN_RDP;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (starts(&signs[i], bytes)) {
            *sure = signs[i].sure;
            return signs[i].spoken;
        }
    }
    *sure = false;
    return SPOKEN_UNKNOWN;
}

const struct decoder *stranger_probe(enum side from, struct view bytes)
{
    for (unsigned p = 1; p < PROTOCOLS; p++)
        if (decoder_of((enum protocol)p)->probe(from, cursor_over(bytes)) == MATCH_YES)
            return decoder_of((enum protocol)p);
    return NULL;
}

enum protocol stranger_database(uint16_t spoken)
{
    for (unsigned p = 1; p < PROTOCOLS; p++)
        if (decoder_of((enum protocol)p)->spoken == spoken)
            return (enum protocol)p;
    return PROTOCOL_NONE;
}

/* Words are what several text protocols have in common: only bytes that no line has tell a database from another that may be
 * meant as well. */
static bool is_line(struct view bytes)
{
    enum { LOOKED_AT = 8 };
    for (size_t i = 0; i < bytes.length && i < LOOKED_AT; i++)
        if ((bytes.bytes[i] < ' ' || bytes.bytes[i] > '~') && bytes.bytes[i] != '\r' && bytes.bytes[i] != '\n')
            return false;
    return bytes.bytes[0] != '*'; /* RESP */
}

uint16_t stranger_on(const struct decoder *expected, enum side from, struct view bytes)
{
    enum match own = bytes.length ? expected->probe(from, cursor_over(bytes)) : MATCH_YES;
    if (own == MATCH_YES)
        return SPOKEN_UNKNOWN;
    bool sure;
    uint16_t spoken = stranger_sign(bytes, &sure);
    /* Who may begin with TLS has said so by the probe. */
    if (spoken == SPOKEN_TLS && own == MATCH_MAYBE)
        return expected->server_first && sure ? spoken : SPOKEN_UNKNOWN;
    if (spoken && spoken != expected->spoken && (own == MATCH_NO || sure))
        return spoken;
    const struct decoder *other = stranger_probe(from, bytes);
    if (other && other != expected && (own == MATCH_NO || !is_line(bytes)))
        return other->spoken;
    return SPOKEN_UNKNOWN;
}

size_t stranger_shown(uint16_t spoken, struct view bytes)
{
    enum { FEW = 8 };
    switch (spoken) {
    case SPOKEN_HTTP:
    case SPOKEN_RTSP:
    case SPOKEN_SIP:
        return first_line(bytes);
    case SPOKEN_TLS:
    case SPOKEN_SSH:
    case SPOKEN_RDP:
    case SPOKEN_SMBV1:
    case SPOKEN_SMBV23:
        return bytes.length;
    default:
        return bytes.length < FEW ? bytes.length : FEW;
    }
}
