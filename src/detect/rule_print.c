/* A rule in canonical form, made from what was understood and not from what was written: parsing it gives the same rule. */
#include <inttypes.h>
#include <string.h>

#include "base/view.h"
#include "detect/rule.h"

static void print_address(struct wide value, struct text *out)
{
    uint8_t address[16];
    for (unsigned i = 0; i < 8; i++) {
        address[i] = (uint8_t)(value.high >> (56 - 8 * i));
        address[i + 8] = (uint8_t)(value.low >> (56 - 8 * i));
    }
    text_add_address(out, address);
}

/* IPv4 is written mapped (::ffff:a.b.c.d) where a range leaves it: A-B needs both ends of one family. */
static void print_wide_address(struct wide value, bool mapped, struct text *out)
{
    if (mapped)
        text_add(out, "::ffff:%x:%x", (unsigned)(value.low >> 16 & 0xffff), (unsigned)(value.low & 0xffff));
    else
        print_address(value, out);
}

static bool is_ipv4(struct wide value)
{
    return value.high == 0 && value.low >> 32 == 0xffff;
}

static void print_end(const struct rule *r, enum rule_end end, struct text *out)
{
    const struct span *addresses = &r->addresses[end], *ports = &r->ports[end];
    text_add(out, " %s", addresses->count ? "[" : "any");
    for (unsigned i = 0; i < addresses->count; i++) {
        const struct wide_range *range = &r->ranges[addresses->first + i];
        bool low = is_ipv4(range->low), high = is_ipv4(range->high);
        text_add(out, "%s", i ? "," : "");
        print_wide_address(range->low, low && !high, out);
        text_add(out, "-");
        print_wide_address(range->high, high && !low, out);
    }
    text_add(out, "%s %s", addresses->count ? "]" : "", ports->count ? "[" : "any");
    for (unsigned i = 0; i < ports->count; i++) {
        const struct wide_range *range = &r->ranges[ports->first + i];
        text_add(out, "%s%" PRIu64 ":%" PRIu64, i ? "," : "", range->low.low, range->high.low);
    }
    text_add(out, "%s", ports->count ? "]" : "");
}

static void print_quoted(const char *text, struct text *out)
{
    text_add(out, "\"");
    for (; *text; text++)
        text_add(out, "%s%c", strchr("\";\\:", *text) ? "\\" : "", *text);
    text_add(out, "\"");
}

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

static void print_place(const char *name, int32_t place, struct text *out)
{
    if (place != STEP_UNSET)
        text_add(out, " %s:%" PRId32 ";", name, place);
}

void rule_print_step(const struct rule *r, const struct step *s, struct text *out)
{
    if (s->kind == STEP_SIZE) {
        text_add(out, "bsize:");
        rule_print_items(r, s->items, FIELD_NONE, "", out);
        text_add(out, ";");
        return;
    }
    if (s->kind == STEP_DATA_AT) {
        text_add(out, "isdataat:%s%" PRIu32 "%s;", s->negated ? "!" : "", s->at, s->relative ? ",relative" : "");
        return;
    }
    text_add(out, "content:%s\"", s->negated ? "!" : "");
    print_pattern(r, s, out);
    text_add(out, "\";%s%s%s", s->nocase ? " nocase;" : "", s->starts ? " startswith;" : "", s->ends ? " endswith;" : "");
    print_place("offset", s->offset, out);
    print_place("depth", s->depth, out);
    print_place("distance", s->distance, out);
    print_place("within", s->within, out);
    if (s->fast == FAST_PART)
        text_add(out, " fast_pattern:%u,%u;", s->fast_offset, s->fast_length);
    else if (s->fast != FAST_NO)
        text_add(out, " fast_pattern%s;", s->fast == FAST_ONLY ? ":only" : "");
}

static void print_test(const struct rule *r, const struct test *t, struct text *out)
{
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
    case TEST_BUFFER:
        text_add(out, " %s;", t->field == FIELD_NONE ? "pkt_data" : field_name((enum field)t->field));
        for (unsigned i = 0; i < t->parts.count; i++) {
            text_add(out, " ");
            rule_print_step(r, &r->steps[t->parts.first + i], out);
        }
        break;
    }
}

static void print_flow(const struct rule *r, struct text *out)
{
    static const char *const words[] = {"to_server", "to_client", "established", "not_established", "stateless"};
    const char *before = " flow:";
    for (unsigned i = 0; i < 5; i++) {
        if (r->flow & 1u << i) {
            text_add(out, "%s%s", before, words[i]);
            before = ",";
        }
    }
    text_add(out, "%s", r->flow ? ";" : "");
}

static void print_threshold(const struct threshold *t, struct text *out)
{
    static const char *const types[] = {"", "type limit, ", "type threshold, ", "type both, ", ""};
    static const char *const tracks[] = {"by_src", "by_dst", "by_rule", "by_both", "by_flow", "by_client", "by_server"};
    if (t->type != THRESHOLD_NONE)
        text_add(out, " %s:%strack %s, count %" PRIu32 ", seconds %" PRIu32 ";",
                 t->type == THRESHOLD_AFTER ? "detection_filter" : "threshold", types[t->type], tracks[t->track], t->count,
                 t->seconds);
}

/* "type,value,type,value": the value runs to the comma before the next type, and holds none itself when it was joined. */
static void print_references(const char *references, struct text *out)
{
    if (*references)
        text_add(out, " reference:%s;", references);
}

void rule_print(const struct rule *r, struct text *out)
{
    static const char *const actions[] = {"alert", "pass", "log"};
    static const char *const targets[] = {"", " target:src_ip;", " target:dest_ip;"};
    text_add(out, "%s %s", actions[r->action], r->proto);
    print_end(r, RULE_SOURCE, out);
    text_add(out, " %s", r->both_ways ? "<>" : "->");
    print_end(r, RULE_TARGET, out);
    text_add(out, " (");
    if (*r->msg) {
        text_add(out, "msg:");
        print_quoted(r->msg, out);
        text_add(out, ";");
    }
    print_flow(r, out);
    for (unsigned i = 0; i < r->tests.count; i++)
        print_test(r, &r->all_tests[i], out);
    print_threshold(&r->threshold, out);
    print_references(r->references, out);
    if (*r->classtype)
        text_add(out, " classtype:%s;", r->classtype);
    if (*r->metadata)
        text_add(out, " metadata:%s;", r->metadata);
    if (r->priority)
        text_add(out, " priority:%u;", r->priority);
    text_add(out, "%s gid:%" PRIu32 "; sid:%" PRIu32 "; rev:%" PRIu32 ";)", targets[r->target], r->gid, r->sid, r->rev);
}
