/* Bounded text: see base/text.h. */
#include "base/text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct text text_in(char *memory, size_t size)
{
    memory[0] = 0;
    return (struct text){memory, size, 0, false};
}

/* The end becomes "..." and stays: later additions are dropped, so a cut text never looks whole. */
static void text_cut(struct text *t)
{
    size_t end = t->size - 1;
    if (t->length < end - 3 || t->length > end)
        t->length = t->length > end ? end : t->length;
    size_t dots_at = t->length > end - 3 ? end - 3 : t->length;
    memcpy(t->chars + dots_at, "...", 4);
    t->length = dots_at + 3;
    t->cut = true;
}

static void text_put(struct text *t, const char *chars, size_t length)
{
    if (t->cut)
        return;
    if (length > t->size - 1 - t->length) {
        text_cut(t);
        return;
    }
    memcpy(t->chars + t->length, chars, length);
    t->length += length;
    t->chars[t->length] = 0;
}

void text_add(struct text *t, const char *format, ...)
{
    va_list arguments;
    if (t->cut)
        return;
    va_start(arguments, format);
    int wanted = vsnprintf(t->chars + t->length, t->size - t->length, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    if ((size_t)wanted >= t->size - t->length) {
        t->length = t->size - 1;
        text_cut(t);
    } else {
        t->length += (size_t)wanted;
    }
}

/* Characters that reorder or hide text on a terminal, or that some renderers treat as a line end. */
static bool is_hidden(uint32_t point)
{
    return point < 0xa0 || point == 0xad || point == 0x61c || point == 0x180e || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
           (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xd800 && point <= 0xf8ff) || point >= 0xe0000;
}

/* Length of the valid, printable UTF-8 sequence at the start of `bytes`, or 0. */
static size_t printable_utf8(struct view bytes)
{
    uint8_t first = bytes.bytes[0];
    size_t length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc2 && first < 0xe0 ? 2 : 0;
    if (length == 0 || length > bytes.length)
        return 0;
    uint32_t point = first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes.bytes[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (bytes.bytes[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return point < least[length] || point > 0x10ffff || is_hidden(point) ? 0 : length;
}

void text_add_escaped(struct text *t, struct view bytes)
{
    for (size_t i = 0; i < bytes.length && !t->cut;) {
        uint8_t byte = bytes.bytes[i];
        size_t length = byte >= 0x20 && byte < 0x7f && byte != '\\' ? 1 : byte < 0x80 ? 0 : printable_utf8(view_from(bytes, i));
        if (length) {
            text_put(t, (const char *)bytes.bytes + i, length);
            i += length;
        } else {
            char escaped[5];
            snprintf(escaped, sizeof escaped, "\\x%02x", byte);
            text_put(t, escaped, 4);
            i++;
        }
    }
}

void text_add_hex(struct text *t, struct view bytes, size_t most)
{
    for (size_t i = 0; i < bytes.length && i < most; i++)
        text_add(t, "%s%02x", i ? " " : "", bytes.bytes[i]);
    if (bytes.length > most)
        text_add(t, " ...");
}

void text_add_number(struct text *t, uint64_t value)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, value);
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            text_put(t, ",", 1);
        text_put(t, digits + i, 1);
    }
}

/* Without the C library's zones, which are read from files when they are first asked for. Years are counted from March on, so
 * that the leap day is the last one; 400 years have 146,097 days. */
void text_add_time(struct text *t, int64_t time_ns)
{
    enum { DAY = 86400, DAYS_OF_400_YEARS = 146097, DAYS_BEFORE_1970 = 719468 /* from March of year 0 */ };
    int64_t seconds = time_ns / 1000000000, rest = time_ns % 1000000000;
    if (rest < 0) {
        rest += 1000000000;
        seconds--;
    }
    int64_t days = seconds / DAY - (seconds % DAY < 0) + DAYS_BEFORE_1970; /* above zero for all 64-bit nanoseconds */
    int64_t of_day = seconds - (days - DAYS_BEFORE_1970) * DAY;
    int64_t era = days / DAYS_OF_400_YEARS, day = days % DAYS_OF_400_YEARS;
    int64_t year = (day - day / 1460 + day / 36524 - day / (DAYS_OF_400_YEARS - 1)) / 365;
    day -= year * 365 + year / 4 - year / 100;
    int64_t month = (day * 5 + 2) / 153; /* 0 is March */
    day -= (month * 153 + 2) / 5;
    year += era * 400 + (month >= 10);
    text_add(t, "%04d-%02d-%02dT%02d:%02d:%02d.%06d+0000", (int)year, (int)(month < 10 ? month + 3 : month - 9), (int)day + 1,
             (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), (int)(rest / 1000));
}

void text_add_address(struct text *t, const uint8_t address[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char written[INET6_ADDRSTRLEN];
    if (memcmp(address, mapped, sizeof mapped) == 0)
        inet_ntop(AF_INET, address + 12, written, sizeof written);
    else
        inet_ntop(AF_INET6, address, written, sizeof written);
    text_put(t, written, strlen(written));
}
