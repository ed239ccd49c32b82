/* The table of advisories: see advisories.h. */
#include "store/advisories.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shipped file itself, so that the list is kept once. */
__asm__(".section .rodata\n"
        ".global advisories_table\n"
        "advisories_table:\n"
        ".incbin \"rules/advisories.tsv\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char advisories_table[];

enum { PARTS = 3, FIELDS = 6, FIELD_MAX = 256 };

struct version {
    unsigned long parts[PARTS];
};

/* "10.11.19" of "5.5.5-10.11.19-MariaDB": the numbers at the start, as many as there are. */
static const char *read_version(const char *text, struct version *v)
{
    *v = (struct version){0};
    for (int i = 0; i < PARTS && *text >= '0' && *text <= '9'; i++) {
        char *end;
        v->parts[i] = strtoul(text, &end, 10);
        text = end;
        if (*text != '.')
            break;
        text++;
    }
    return text;
}

static int compare(const struct version *a, const struct version *b)
{
    for (int i = 0; i < PARTS; i++)
        if (a->parts[i] != b->parts[i])
            return a->parts[i] < b->parts[i] ? -1 : 1;
    return 0;
}

/* Which of the products that speak a protocol it is, and where its version begins. */
static const char *product_of(enum protocol protocol, const char *version, const char **numbers)
{
    *numbers = version;
    if (protocol == PROTOCOL_MYSQL) {
        bool maria = strstr(version, "MariaDB") != NULL;
        if (maria && strncmp(version, "5.5.5-", 6) == 0) /* what MariaDB 10 and later say first, for old replicas */
            *numbers += 6;
        return maria ? "mariadb" : "mysql";
    }
    return protocol == PROTOCOL_PGSQL ? "postgresql" : protocol_name(protocol);
}

/* "9.0<9.0.13, 9.1<9.1.9": the first fixed version of the range that holds `v`, or NULL. */
static const char *fixed_in(const char *ranges, const struct version *v, char *fixed, size_t size)
{
    while (*ranges) {
        struct version from, until;
        const char *at = read_version(ranges, &from);
        if (*at != '<')
            return NULL;
        const char *begin = at + 1, *end = read_version(begin, &until);
        if (compare(v, &from) >= 0 && compare(v, &until) < 0) {
            snprintf(fixed, size, "%.*s", (int)(end - begin), begin);
            return fixed;
        }
        ranges = end + strspn(end, ", ");
    }
    return NULL;
}

/* The fields of one line; false for a comment. */
static bool read_row(const char *line, size_t length, char fields[FIELDS][FIELD_MAX])
{
    if (length == 0 || *line == '#')
        return false;
    for (int i = 0; i < FIELDS; i++) {
        size_t until = 0;
        while (until < length && line[until] != '\t')
            until++;
        snprintf(fields[i], FIELD_MAX, "%.*s", (int)until, line);
        line += until < length ? until + 1 : until;
        length -= until < length ? until + 1 : until;
    }
    return true;
}

static void add_row(struct text *out, char fields[FIELDS][FIELD_MAX], const char *fixed)
{
    TEXT_ON_STACK(row, 1024);
    text_add(&row, "%s{\"id\":\"%s\",\"allows\":\"%s\",\"fixed\":\"%s\",\"wire\":\"%s\",\"note\":\"banner in the range; a distribution may have patched it\"}",
             out->length > 1 ? "," : "", fields[0], fields[4], fixed, fields[5]);
    if (!row.cut && out->length + row.length + 2 < out->size)
        text_add(out, "%s", row.chars);
}

void advisories_of(enum protocol protocol, const char *version, struct text *out)
{
    const char *numbers, *product = product_of(protocol, version, &numbers);
    struct version v;
    text_add(out, "[");
    if (read_version(numbers, &v) != numbers)
        for (const char *line = advisories_table, *end; *line; line = *end ? end + 1 : end) {
            char fields[FIELDS][FIELD_MAX], fixed[32];
            end = strchrnul(line, '\n');
            if (read_row(line, (size_t)(end - line), fields) && strcmp(fields[1], protocol_name(protocol)) == 0 &&
                strcmp(fields[2], product) == 0 && fixed_in(fields[3], &v, fixed, sizeof fixed))
                add_row(out, fields, fixed);
        }
    text_add(out, "]");
}
