/* Text of TDS is UTF-16 in little-endian order; facts and sessions carry UTF-8. */
#include <string.h>

#include "proto/tds.h"

enum { KEY_TEXT = 1 };

struct unit {
    uint32_t point;
    uint32_t bytes;
};

static uint32_t half(struct view text, size_t at)
{
    return (uint32_t)text.bytes[at] | (uint32_t)text.bytes[at + 1] << 8;
}

static struct unit next_point(struct view text, size_t at)
{
    uint32_t first = half(text, at);
    if (first >= 0xd800 && first < 0xdc00 && text.length - at >= 4) {
        uint32_t second = half(text, at + 2);
        if (second >= 0xdc00 && second < 0xe000)
            return (struct unit){0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 4};
    }
    return (struct unit){first, 2};
}

static uint32_t write_point(uint32_t point, char *to, uint32_t room)
{
    uint32_t needs = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (needs > room)
        return 0;
    for (uint32_t i = needs; i-- > 1; point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)(lead[needs] | point);
    return needs;
}

uint32_t tds_utf8(struct view utf16, char *to, uint32_t most)
{
    uint32_t used = 0;
    for (size_t at = 0; utf16.length - at >= 2;) {
        struct unit unit = next_point(utf16, at);
        uint32_t wrote = write_point(unit.point, to + used, most - used);
        if (!wrote)
            break;
        used += wrote;
        at += unit.bytes;
    }
    return used;
}

struct view tds_readable(struct tds_reading *r, unsigned slot, struct view utf16)
{
    char *kept = note_keep(r->out, (uint64_t)KEY_TEXT << 56 | slot, TDS_TEXT);
    if (!kept)
        return view_of("", 0);
    return view_of(kept, tds_utf8(utf16, kept, TDS_TEXT));
}

void tds_session_text(char *to, uint8_t *length, struct view utf16)
{
    *length = (uint8_t)tds_utf8(utf16, to, SESSION_TEXT_MAX);
}
