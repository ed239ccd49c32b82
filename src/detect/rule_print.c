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

void rule_print_ranges(const struct rule *r, struct span ranges, struct text *out)
{
    text_add(out, "[");
    for (unsigned i = 0; i < ranges.count; i++) {
        const struct wide_range *range = &r->ranges[ranges.first + i];
        bool low = is_ipv4(range->low), high = is_ipv4(range->high);
        text_add(out, "%s", i ? "," : "");
        print_wide_address(range->low, low && !high, out);
        text_add(out, "-");
        print_wide_address(range->high, high && !low, out);
    }
    text_add(out, "]");
}

static void print_end(const struct rule *r, enum rule_end end, struct text *out)
{
    const struct span *addresses = &r->addresses[end], *ports = &r->ports[end];
    text_add(out, " ");
    if (addresses->count)
        rule_print_ranges(r, *addresses, out);
    else
        text_add(out, "any");
    text_add(out, " %s", ports->count ? "[" : "any");
    for (unsigned i = 0; i < ports->count; i++) {
        const struct wide_range *range = &r->ranges[ports->first + i];
        text_add(out, "%s%" PRIu64 ":%" PRIu64, i ? "," : "", range->low.low, range->high.low);
    }
    text_add(out, "%s", ports->count ? "]" : "");
}

void rule_print_quoted(const char *text, struct text *out)
{
    text_add(out, "\"");
    for (; *text; text++)
        text_add(out, "%s%c", strchr("\";\\:", *text) ? "\\" : "", *text);
    text_add(out, "\"");
}

static void print_flow(const struct rule *r, struct text *out)
{
    static const char *const words[] = {"to_server", "to_client", "established", "not_established", "stateless",
                                        "only_stream", "no_stream"};
    const char *before = " flow:";
    for (unsigned i = 0; i < 7; i++) {
        if (r->flow & 1u << i) {
            text_add(out, "%s%s", before, words[i]);
            before = ",";
        }
    }
    text_add(out, "%s", r->flow ? ";" : "");
}

static void print_threshold(const struct threshold *t, struct text *out)
{
    static const char *const types[] = {"", "type limit, ", "type threshold, ", "type both, ", "type backoff, ", ""};
    if (t->type == THRESHOLD_NONE)
        return;
    text_add(out, " %s:%strack %s, count %" PRIu32 ", %s %" PRIu32 ";", t->type == THRESHOLD_AFTER ? "detection_filter" : "threshold",
             types[t->type], threshold_tracks[t->track], t->count, t->type == THRESHOLD_BACKOFF ? "multiplier" : "seconds",
             t->type == THRESHOLD_BACKOFF ? t->multiplier : t->seconds);
}

static void print_rate(const struct rate *rate, struct text *out)
{
    static const char *const kinds[] = {"", "count", "sum ", "distinct "};
    if (rate->kind != RATE_NONE)
        text_add(out, " rate:%s%s >= %" PRIu64 ", seconds %" PRIu32 ", track %s;", kinds[rate->kind],
                 rate->kind == RATE_COUNT ? "" : field_name((enum field)rate->field), rate->least, rate->seconds,
                 threshold_tracks[rate->track]);
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
        rule_print_quoted(r->msg, out);
        text_add(out, ";");
    }
    print_flow(r, out);
    if (r->event != EVENT_MESSAGE)
        text_add(out, " on:%s;", event_name((enum event)r->event));
    for (unsigned i = 0; i < r->tests.count; i++)
        rule_print_test(r, &r->all_tests[i], out);
    rule_print_bits(r, "set", r->bits.set, false, out);
    rule_print_bits(r, "unset", r->bits.unset, false, out);
    rule_print_bits(r, "toggle", r->bits.toggle, false, out);
    for (unsigned i = 0; i < r->xbits_used; i++) {
        text_add(out, " ");
        rule_print_xbit(r, &r->xbits[i], out);
    }
    text_add(out, "%s%s%s%s", r->packet, r->quiet ? " noalert;" : "", r->raw ? " raw;" : "", r->gap_ok ? " gap:ok;" : "");
    print_rate(&r->rate, out);
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
