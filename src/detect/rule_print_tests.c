/* The conditions of a rule in canonical form: see rule_print.c. */
#include <inttypes.h>
#include <string.h>

#include "base/view.h"
#include "detect/where.h"
#include "model/fact.h"

/* A name stands for its value only when the same name gives the same value back. */
static const char *item_name(const struct item *item, enum field field)
{
    if (item->form != ITEM_IS || field == FIELD_NONE)
        return NULL;
    if (field == FIELD_DB_MESSAGE)
        return name_of(rule_message_names((enum protocol)item->protocol), item->low);
    if (field_kind(field) == KIND_BOOL && item->low <= 1)
        return item->low ? "yes" : "no";
    return field_names(field) == NAMES_NONE ? NULL : name_of(field_names(field), item->low);
}

void rule_print_items(const struct rule *r, struct span items, enum field field, const char *space, struct text *out)
{
    const char *last = "";
    for (unsigned i = 0; i < items.count; i++) {
        const struct item *item = &r->items[items.first + i];
        const char *name = item_name(item, field);
        /* One name of several protocols is one word of the rule. */
        if (name && item->protocol != PROTOCOL_NONE && strcmp(name, last) == 0)
            continue;
        last = name ? name : "";
        text_add(out, "%s%s%s", i ? "," : "", i ? space : "", item->negated ? "!" : "");
        switch ((enum item_form)item->form) {
        case ITEM_IS:
            name ? text_add(out, "%s", name) : text_add(out, "%" PRIu64, item->low);
            break;
        case ITEM_GREATER:
            text_add(out, ">%s%" PRIu64, space, item->low - 1);
            break;
        case ITEM_LESS:
            text_add(out, "<%s%" PRIu64, space, item->high + 1);
            break;
        case ITEM_AT_LEAST:
            text_add(out, ">=%s%" PRIu64, space, item->low);
            break;
        case ITEM_AT_MOST:
            text_add(out, "<=%s%" PRIu64, space, item->high);
            break;
        case ITEM_BETWEEN:
            text_add(out, "%" PRIu64 "<>%" PRIu64, item->low - 1, item->high + 1);
            break;
        }
    }
}

static void print_pattern(const struct rule *r, const struct step *s, struct text *out)
{
    bool bars = false;
    for (unsigned i = 0; i < s->pattern.count; i++) {
        uint8_t c = r->bytes[s->pattern.first + i];
        bool plain = c >= 0x20 && c < 0x7f && !strchr("\";\\:|", c);
        if (plain == bars) {
            text_add(out, "|");
            bars = !bars;
        } else if (bars) {
            text_add(out, " ");
        }
        plain ? text_add(out, "%c", c) : text_add(out, "%02x", c);
    }
    text_add(out, "%s", bars ? "|" : "");
}

static void print_place(const struct rule *r, const struct step *s, enum step_place which, const char *name, int32_t place,
                        struct text *out)
{
    if (s->named[which])
        text_add(out, " %s:%s;", name, r->variables[s->named[which] - 1].name);
    else if (place != STEP_UNSET)
        text_add(out, " %s:%" PRId32 ";", name, place);
}

static void print_content(const struct rule *r, const struct step *s, struct text *out)
{
    text_add(out, "content:%s\"", s->negated ? "!" : "");
    print_pattern(r, s, out);
    text_add(out, "\";%s%s%s", s->nocase ? " nocase;" : "", s->starts ? " startswith;" : "", s->ends ? " endswith;" : "");
    print_place(r, s, PLACE_OFFSET, "offset", s->offset, out);
    print_place(r, s, PLACE_DEPTH, "depth", s->depth, out);
    print_place(r, s, PLACE_DISTANCE, "distance", s->distance, out);
    print_place(r, s, PLACE_WITHIN, "within", s->within, out);
    if (s->fast == FAST_PART)
        text_add(out, " fast_pattern:%u,%u;", s->fast_offset, s->fast_length);
    else if (s->fast != FAST_NO)
        text_add(out, " fast_pattern%s;", s->fast == FAST_ONLY ? ":only" : "");
}

static void print_regex(const struct rule *r, const struct step *s, struct text *out)
{
    const uint8_t *text = r->bytes + s->pattern.first;
    /* The last slash ends the expression, so others may stand in it. */
    text_add(out, "pcre:%s\"/", s->negated ? "!" : "");
    for (unsigned i = 0; i < s->pattern.count; i++) {
        if (text[i] == '\\' && i + 1 < s->pattern.count)
            text_add(out, "\\%c", text[++i]);
        else
            text_add(out, "%s%c", text[i] == '"' || text[i] == ';' ? "\\" : "", text[i]);
    }
    text_add(out, "/");
    rule_print_regex_flags(s->flags, out);
    text_add(out, "\";");
}

static void print_named(const struct rule *r, uint8_t named, int64_t number, struct text *out)
{
    if (named)
        text_add(out, "%s", r->variables[named - 1].name);
    else
        text_add(out, "%" PRId64, number);
}

static void print_math(const struct rule *r, const struct step *s, const struct reading *n, struct text *out)
{
    static const char *const operators[] = {"+", "-", "*", "/", "<<", ">>"};
    text_add(out, "byte_math:bytes ");
    print_named(r, n->count_of, n->count, out);
    text_add(out, ",offset ");
    print_named(r, n->offset_of, n->offset, out);
    text_add(out, ",oper %s,rvalue ", operators[n->operator]);
    n->value_of ? print_named(r, n->value_of, 0, out) : text_add(out, "%" PRIu64, n->value);
    text_add(out, ",result %s%s%s%s", r->variables[n->result].name, s->relative ? ",relative" : "", n->little ? ",endian little" : "",
             n->base == 16 ? ",string hex" : n->base == 8 ? ",string oct" : n->base ? ",string dec" : "");
    if (n->mask)
        text_add(out, ",bitmask 0x%" PRIx64, n->mask);
    text_add(out, ";");
}

static void print_reading(const struct rule *r, const struct step *s, struct text *out)
{
    static const char *const operators[] = {"=", ">", "<", ">=", "<=", "&", "^"};
    static const char *const names[] = {"byte_test:", "byte_jump:", "byte_extract:"};
    const struct reading *n = &r->readings[s->at];
    if (s->kind == STEP_BYTE_MATH) {
        print_math(r, s, n, out);
        return;
    }
    text_add(out, "%s", names[s->kind - STEP_BYTE_TEST]);
    print_named(r, n->count_of, n->count, out);
    if (s->kind == STEP_BYTE_TEST) {
        text_add(out, ",%s%s,", n->negated ? "!" : "", operators[n->operator]);
        n->value_of ? print_named(r, n->value_of, 0, out) : text_add(out, "%" PRIu64, n->value);
    }
    text_add(out, ",");
    print_named(r, n->offset_of, n->offset, out);
    if (s->kind == STEP_BYTE_EXTRACT)
        text_add(out, ",%s", r->variables[n->result].name);
    text_add(out, "%s%s%s", s->relative ? ",relative" : "", n->little ? ",little" : "",
             n->base == 16 ? ",string,hex" : n->base == 8 ? ",string,oct" : n->base ? ",string,dec" : "");
    if (n->mask)
        text_add(out, ",bitmask 0x%" PRIx64, n->mask);
    if (n->multiplier != 1)
        text_add(out, ",multiplier %" PRIu32, n->multiplier);
    if (n->align)
        text_add(out, ",align %u", n->align);
    text_add(out, "%s%s", n->from_beginning ? ",from_beginning" : "", n->from_end ? ",from_end" : "");
    if (n->post)
        text_add(out, ",post_offset %" PRId32, n->post);
    text_add(out, ";");
}

void rule_print_step(const struct rule *r, const struct step *s, struct text *out)
{
    switch ((enum step_kind)s->kind) {
    case STEP_CONTENT:
        print_content(r, s, out);
        return;
    case STEP_SIZE:
        text_add(out, "bsize:");
        rule_print_items(r, s->items, FIELD_NONE, "", out);
        text_add(out, ";");
        return;
    case STEP_DATA_AT:
        text_add(out, "isdataat:%s", s->negated ? "!" : "");
        print_named(r, s->named[PLACE_AT], s->at, out);
        text_add(out, "%s;", s->relative ? ",relative" : "");
        return;
    case STEP_REGEX:
        print_regex(r, s, out);
        return;
    case STEP_BYTE_TEST:
    case STEP_BYTE_JUMP:
    case STEP_BYTE_EXTRACT:
    case STEP_BYTE_MATH:
        print_reading(r, s, out);
        return;
    }
}

void rule_print_bits(const struct rule *r, const char *verb, uint64_t bits, bool any, struct text *out)
{
    const char *between = "";
    if (!bits)
        return;
    text_add(out, " flowbits:%s,", verb);
    for (unsigned i = 0; i < FLOWBITS_MAX; i++) {
        if (!(bits >> i & 1))
            continue;
        text_add(out, "%s%s", between, r->set->bits[i]);
        between = any ? "|" : "&";
    }
    text_add(out, ";");
}

static void print_stream(const struct rule *r, const struct test *t, struct text *out)
{
    static const char *const sides[] = {"client", "server", "both", "either"};
    static const char *const operators[] = {"=", ">", "<", ">=", "<="};
    const struct item *item = &r->items[t->parts.first];
    const uint64_t value = item->form == ITEM_GREATER ? item->low - 1 : item->form == ITEM_LESS ? item->high + 1
                           : item->form == ITEM_AT_MOST ? item->high : item->low;
    text_add(out, " stream_size:%s,%s,%" PRIu64 ";", sides[t->wanted], item->negated ? "!=" : operators[item->form], value);
}

void rule_print_test(const struct rule *r, const struct test *t, struct text *out)
{
    static const char *const wanted[] = {"isset", "isset", "isnotset"};
    static const char *const absent[] = {"", " absent;", " absent:or_else;"};
    switch ((enum test_kind)t->kind) {
    case TEST_ANOMALY:
        for (unsigned i = 0; i < t->parts.count; i++)
            text_add(out, "%s%s", i ? "," : " anomaly:", anomaly_row((enum anomaly)r->names[t->parts.first + i])->name);
        text_add(out, ";");
        break;
    case TEST_NUMBER:
        text_add(out, " %s:", field_name((enum field)t->field));
        rule_print_items(r, t->parts, (enum field)t->field, "", out);
        text_add(out, ";");
        break;
    case TEST_ADDRESS:
        text_add(out, " %s:", field_name((enum field)t->field));
        rule_print_ranges(r, t->parts, out);
        text_add(out, ";");
        break;
    case TEST_FACTS:
        text_add(out, " on:%s;", rule_when_name(t->bits));
        break;
    case TEST_WHERE:
        text_add(out, " where:");
        rule_print_quoted(r->where_text, out);
        text_add(out, ";");
        break;
    case TEST_STREAM:
        print_stream(r, t, out);
        break;
    case TEST_BITS:
        rule_print_bits(r, wanted[t->wanted], t->bits, t->wanted == BITS_ANY, out);
        break;
    case TEST_BUFFER:
        text_add(out, " %s;%s", t->field == FIELD_NONE ? "pkt_data" : field_name((enum field)t->field), absent[t->absent]);
        for (unsigned i = 0; i < t->parts.count; i++) {
            text_add(out, " ");
            rule_print_step(r, &r->steps[t->parts.first + i], out);
        }
        break;
    }
}
