/* After a gap: where does a packet surely begin? Where headers follow each other to the end of the segment. */
#include "model/name.h"
#include "proto/tds.h"

enum { CANDIDATES = 4096, TLS_RECORD_MOST = 16384 + 2048 };

/* The start of a TLS record. */
bool tds_is_tls(struct view ahead)
{
    return ahead.length >= 3 && ahead.bytes[0] >= TLS_FIRST && ahead.bytes[0] <= TLS_LAST && ahead.bytes[1] == 3 && ahead.bytes[2] <= 4;
}

/* The length of the packet that may begin here; 0: none does. */
static uint32_t packet_length(enum side from, struct view bytes)
{
    if (bytes.length < TDS_HEADER)
        return 0;
    uint8_t type = bytes.bytes[0], status = bytes.bytes[1];
    uint32_t length = (uint32_t)bytes.bytes[2] << 8 | bytes.bytes[3];
    bool typed = from == FROM_SERVER ? type == TDS_RESPONSE || type == TDS_PRELOGIN
                                     : type == TDS_SQL_BATCH || type == TDS_RPC || type == TDS_ATTENTION || type == TDS_BULK_LOAD ||
                                           type == TDS_TRANSACTION_MANAGER || type == TDS_LOGIN7 || type == TDS_SSPI || type == TDS_PRELOGIN;
    bool plain = from == FROM_SERVER ? (status & ~STATUS_EOM) == 0 : (status & ~STATUS_KNOWN) == 0;
    return typed && plain && bytes.bytes[7] == 0 && length >= TDS_HEADER && length <= TDS_PACKET_MAX ? length : 0;
}

/* The same for a session header of MARS. */
static uint32_t session_length(struct view bytes)
{
    if (bytes.length < SMP_HEADER || bytes.bytes[0] != SMP_ID)
        return 0;
    struct cursor c = cursor_over(view_from(bytes, 1));
    uint8_t flags = take_u8(&c);
    take_skip(&c, 2);
    uint32_t length = take_u32le(&c);
    if (flags == 8)
        return length >= SMP_HEADER + TDS_HEADER && length <= TDS_PACKET_MAX + SMP_HEADER ? length : 0;
    return (flags == 1 || flags == 2 || flags == 4) && length == SMP_HEADER ? length : 0;
}

static uint32_t record_length(struct view bytes)
{
    if (!tds_is_tls(bytes) || bytes.length < TLS_HEADER)
        return 0;
    uint32_t length = (uint32_t)bytes.bytes[3] << 8 | bytes.bytes[4];
    return length && length <= TLS_RECORD_MOST ? TLS_HEADER + length : 0;
}

static uint32_t any_length(enum side from, struct view bytes)
{
    uint32_t length = packet_length(from, bytes);
    length = length ? length : session_length(bytes);
    return length ? length : record_length(bytes);
}

/* From here on packets follow each other; one that is longer than the segment is believed at its beginning, or behind another. */
static bool packets_follow(enum side from, struct view bytes, bool at_start)
{
    for (bool first = true;; first = false) {
        uint32_t length = any_length(from, bytes);
        if (!length)
            return !first && bytes.length < TDS_HEADER;
        if (length > bytes.length)
            return at_start || !first;
        bytes = view_from(bytes, length);
        if (!bytes.length)
            return true;
    }
}

bool tds_resync(const void *state, enum side from, struct cursor ahead, size_t *offset)
{
    struct view bytes = cursor_ahead(&ahead);
    (void)state;
    for (size_t at = 0; at < bytes.length && at < CANDIDATES; at++) {
        struct view here = view_from(bytes, at);
        if (any_length(from, here) && packets_follow(from, here, at == 0)) {
            *offset = at;
            return true;
        }
    }
    return false;
}
