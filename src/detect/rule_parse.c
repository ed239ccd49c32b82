/* A rule's text becomes a rule: the header, the options in order, then what can only be judged with all of them read.
 * The first complaint refuses the rule; the others load. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/rule_lex.h"

bool draft_refuse(struct draft *d, const void *at, const char *format, ...)
{
    va_list arguments;
    if (d->refused)
        return false;
    at = d->stand_in ? d->stand_in : at;
    d->refused = true;
    d->complaint_at = (size_t)((const uint8_t *)at - d->source->text.bytes);
    va_start(arguments, format);
    vsnprintf(d->complaint, sizeof d->complaint, format, arguments);
    va_end(arguments);
    return false;
}

static void note_place(struct rule_set *set, struct note_list *list, const struct source *source, size_t at, const char *said)
{
    char excerpt[512];
    struct text t = text_in(excerpt, sizeof excerpt);
    struct rule_problem problem = {.file = source->file, .text = said, .excerpt = excerpt};
    source_place(source, at, &problem.line, &problem.column);
    problem.caret = source_excerpt(source, at, &t);
    rule_note(set, list, &problem);
}

void draft_note(struct draft *d)
{
    note_place(d->set, &d->set->problems, d->source, d->complaint_at, d->complaint);
}

void draft_warn(struct draft *d, const void *at, const char *format, ...)
{
    char said[512];
    va_list arguments;
    at = d->stand_in ? d->stand_in : at;
    va_start(arguments, format);
    vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    note_place(d->set, &d->set->warnings, d->source, (size_t)((const uint8_t *)at - d->source->text.bytes), said);
}

static void draft_clear(struct draft *d)
{
    d->refused = false;
    d->rule = (struct rule){.gid = 1, .severity = 3, .class = CLASS_UNUSUAL, .sides = 1 << FROM_CLIENT | 1 << FROM_SERVER};
    d->has_on = d->has_sid = d->has_gid = d->has_rev = d->has_msg = d->proto_later = false;
    d->buffer = FIELD_NONE;
    d->open_test = d->last_content = -1;
    d->class_word = NULL;
    d->ranges_used = d->steps_used = d->items_used = d->names_used = d->bytes_used = 0;
    d->readings_used = 0;
    d->variables_used = 0;
    d->where_used = 0;
    d->where_text[0] = d->packet[0] = 0;
    d->stand_in = NULL;
    d->proto[0] = d->msg[0] = d->classtype[0] = d->references[0] = d->metadata[0] = 0;
}

/* ---- header */

static bool parse_action(struct draft *d, struct view word)
{
    static const struct {
        const char *name;
        uint8_t action;
        bool blocks;
    } actions[] = {
        {"alert", ACTION_ALERT, false},    {"pass", ACTION_PASS, false},       {"log", ACTION_LOG, false},
        {"drop", ACTION_ALERT, true},      {"reject", ACTION_ALERT, true},     {"rejectsrc", ACTION_ALERT, true},
        {"rejectdst", ACTION_ALERT, true}, {"rejectboth", ACTION_ALERT, true}, {"sdrop", ACTION_ALERT, true},
        {"block", ACTION_ALERT, true},     {"react", ACTION_ALERT, true},
    };
    struct nearest near = {.wanted = word};
    char hint[96];
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (view_equal(word, view_text(actions[i].name))) {
            d->rule.action = actions[i].action;
            if (actions[i].blocks)
                draft_warn(d, word.bytes, "%s acts as alert: nothing is blocked", actions[i].name);
            return true;
        }
        nearest_offer(&near, actions[i].name);
    }
    return draft_refuse(d, word.bytes, "unknown action \"%.*s\"%s", (int)(word.length > 40 ? 40 : word.length),
                        (const char *)word.bytes, nearest_hint(&near, hint, sizeof hint));
}

/* Application protocols of Suricata and Snort 3 that no database speaks: such a rule loads and never matches. */
static bool protocol_of_others(struct view word)
{
    static const char *const names[] = {
        "http",  "http1", "http2", "http3", "doh2",  "tls",  "ssl",    "ssh",    "smtp",  "imap", "pop3",  "dns",  "mdns",      "ftp",
        "ftp-data", "smb", "nfs", "dcerpc", "tftp", "krb5", "ntp",  "dhcp",   "ike",    "snmp",  "sip",  "rdp",   "rfb",  "mqtt",      "modbus",
        "dnp3",  "enip",  "telnet", "websocket", "quic", "bittorrent-dht", "ldap", "rtmp", "msn",   "jabber", "irc", "netflow", "arp", "ether",
        "sunrpc", "netbios", "radius", "template",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (view_equal(word, view_text(names[i])))
            return true;
    return false;
}

static bool parse_proto(struct draft *d, struct view word)
{
    static const char *const later[] = {"redis", "memcached", "mongodb", "tds", "tns", "cql", "drda", "icmp", "sctp", "oracle",
                                        "mssql", "mongo", "cassandra", "memcache"};
    const uint32_t all = (uint32_t)((UINT64_C(1) << PROTOCOLS) - 1);
    struct nearest near = {.wanted = word};
    char hint[96];
    if (word.length < sizeof d->proto)
        memcpy(d->proto, word.bytes, word.length);
    d->proto[word.length < sizeof d->proto ? word.length : 0] = 0;
    static const char *const wide[] = {"tcp", "ip", "tcp-pkt", "tcp-stream", "pkthdr", "ipv4", "ip4", "ipv6", "ip6"};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (view_equal(word, view_text(wide[i])))
            d->rule.protocols = all;
    d->rule.only_udp = view_equal(word, view_text("udp"));
    d->rule.only_tcp = word.length >= 3 && memcmp(word.bytes, "tcp", 3) == 0;
    if (d->rule.only_udp || view_equal(word, view_text("db")))
        d->rule.protocols = all & ~(UINT32_C(1) << PROTOCOL_NONE);
    for (unsigned i = PROTOCOL_NONE + 1; i < PROTOCOLS; i++)
        nearest_offer(&near, protocol_name((enum protocol)i));
    if (!d->rule.protocols)
        (void)protocols_named(word, &d->rule.protocols);
    for (size_t i = 0; i < sizeof later / sizeof later[0] && !d->rule.protocols; i++) {
        d->proto_later |= view_equal(word, view_text(later[i]));
        nearest_offer(&near, later[i]);
    }
    if (!d->rule.protocols)
        d->proto_later |= protocol_of_others(word);
    nearest_offer(&near, "tcp");
    nearest_offer(&near, "udp");
    nearest_offer(&near, "db");
    if (d->rule.protocols || d->proto_later)
        return true;
    return draft_refuse(d, word.bytes, "unknown protocol \"%.*s\"%s", (int)(word.length > 40 ? 40 : word.length),
                        (const char *)word.bytes, nearest_hint(&near, hint, sizeof hint));
}

static bool parse_header(struct draft *d, struct lexer *l)
{
    enum { ACTION, PROTO, SOURCE, SOURCE_PORT, DIRECTION, TARGET, TARGET_PORT, WORDS };
    struct view words[WORDS], extra;
    for (unsigned i = 0; i < WORDS; i++) {
        enum lexed got = lex_word(l, &words[i]);
        const uint8_t *text = l->source->text.bytes;
        if (i == 1 && !parse_action(d, words[ACTION]))
            return false;
        if (i == SOURCE && got == LEX_END) /* Snort 3: alert mysql (...) */
            return parse_proto(d, words[PROTO]);
        if (got == LEX_END)
            return draft_refuse(d, text + l->at - 1, "%s", lex_header_ends);
        if (got == LEX_BROKEN)
            return draft_refuse(d, text + l->wrong_at, "%s", l->wrong);
    }
    enum lexed end = lex_word(l, &extra);
    if (!parse_proto(d, words[PROTO]) || !draft_addresses(d, words[SOURCE], RULE_SOURCE) ||
        !draft_ports(d, words[SOURCE_PORT], RULE_SOURCE))
        return false;
    d->rule.both_ways = view_equal(words[DIRECTION], view_text("<>"));
    if (!d->rule.both_ways && !view_equal(words[DIRECTION], view_text("->")))
        return draft_refuse(d, words[DIRECTION].bytes, "expected -> or <> between the addresses");
    if (!draft_addresses(d, words[TARGET], RULE_TARGET) || !draft_ports(d, words[TARGET_PORT], RULE_TARGET))
        return false;
    if (end != LEX_END)
        return draft_refuse(d, extra.bytes, "expected ( after the header");
    return true;
}

/* ---- after the options */

/* Severity and class from priority, classtype and the catalogue, in this order of weight. */
static void draft_grade(struct draft *d, const uint8_t *start)
{
    struct rule *r = &d->rule;
    const struct classtype *type = d->classtype[0] ? classtype_find(d->classtype) : NULL;
    bool anomaly = false;
    if (type)
        r->severity = type->priority;
    for (unsigned i = 0; i < r->tests.count; i++) {
        const struct test *t = &d->tests[i];
        for (unsigned n = 0; t->kind == TEST_ANOMALY && n < t->parts.count; n++) {
            const struct anomaly_row *row = anomaly_row((enum anomaly)d->names[t->parts.first + n]);
            if (!anomaly || row->severity < r->severity)
                r->severity = row->severity;
            if (!anomaly)
                r->class = (uint8_t)row->class;
            anomaly = true;
        }
    }
    if (d->class_word) {
        enum anomaly_class class = anomaly_class_by_name(d->class_word);
        if (anomaly && class != (enum anomaly_class)r->class)
            draft_warn(d, start, "dbhound_class %s is ignored: the catalogue classes this anomaly as %s", d->class_word,
                       anomaly_class_name((enum anomaly_class)r->class));
        else
            r->class = (uint8_t)class;
    }
    if (r->action == ACTION_LOG)
        r->severity = 4;
    if (r->priority)
        r->severity = r->priority > 4 ? 4 : r->priority;
}

/* The test that explains a match: the first on something in the message, else the first at all. */
static void draft_choose_evidence(struct draft *d)
{
    struct rule *r = &d->rule;
    for (unsigned i = 0; i < r->tests.count; i++) {
        if (d->tests[i].kind != TEST_ANOMALY && d->tests[i].kind != TEST_BITS && d->tests[i].kind != TEST_STREAM &&
            d->tests[i].kind != TEST_FACTS && d->tests[i].kind != TEST_ADDRESS &&
            d->tests[i].absent != ABSENT_MUST && !rule_field_is_derived((enum field)d->tests[i].field)) {
            r->evidence = (uint8_t)i;
            return;
        }
    }
}

static bool draft_finish(struct draft *d, const uint8_t *start)
{
    struct rule *r = &d->rule;
    if (!draft_content_good(d))
        return false;
    if (!d->has_sid)
        return draft_refuse(d, start, "the rule has no sid");
    const unsigned to_server = r->flow & FLOW_TO_SERVER, to_client = r->flow & FLOW_TO_CLIENT;
    if (to_server || to_client)
        r->sides = to_server ? 1 << FROM_CLIENT : 1 << FROM_SERVER;
    r->never |= d->proto_later || (r->flow & FLOW_NOT_ESTABLISHED);
    if (d->proto_later)
        draft_warn(d, start, "never matches: %s is not decoded by this build", d->proto);
    else if (r->flow & FLOW_NOT_ESTABLISHED)
        draft_warn(d, start, "never matches: messages are only seen on established connections");
    if (!draft_event_good(d))
        return false;
    draft_grade(d, start);
    draft_choose_evidence(d);
    const struct rule *earlier = rule_find(d->set, r->gid, r->sid);
    if (earlier && earlier->rev >= r->rev)
        return draft_refuse(d, start, "sid %u is taken by an earlier rule (gid %u, revision %u)", r->sid, r->gid, earlier->rev);
    if (earlier)
        draft_warn(d, start, "sid %u: this revision %u replaces revision %u", r->sid, r->rev, earlier->rev);
    return true;
}

/* The text of the rule on one line: joined lines and line ends become one space. */
static size_t draft_text(const struct view text, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < text.length; i++) {
        size_t next = i + 1;
        if (text.bytes[i] == '\\' && next < text.length && text.bytes[next] == '\r')
            next++;
        bool joined = text.bytes[i] == '\\' && next < text.length && text.bytes[next] == '\n';
        if (joined || text.bytes[i] == '\n' || text.bytes[i] == '\r') {
            while (next < text.length && is_space(text.bytes[next]))
                next++;
            i = next - 1;
            out[used++] = ' ';
        } else {
            out[used++] = text.bytes[i] ? (char)text.bytes[i] : ' ';
        }
    }
    out[used] = 0;
    return used;
}

static size_t round_up(size_t bytes)
{
    return (bytes + 15) & ~(size_t)15;
}

struct block {
    uint8_t *memory;
    size_t used;
};

static const void *block_add(struct block *b, const void *from, size_t bytes)
{
    uint8_t *to = b->memory ? b->memory + b->used : NULL;
    if (to && bytes)
        memcpy(to, from, bytes);
    b->used += round_up(bytes);
    return to;
}

static void block_fill(struct block *b, const struct draft *d, struct rule *r, const char *text, size_t length)
{
    r->ranges = block_add(b, d->ranges, d->ranges_used * sizeof d->ranges[0]);
    r->all_tests = block_add(b, d->tests, r->tests.count * sizeof d->tests[0]);
    r->items_used = (uint16_t)d->items_used;
    r->items = block_add(b, d->items, d->items_used * sizeof d->items[0]);
    r->steps = block_add(b, d->steps, d->steps_used * sizeof d->steps[0]);
    r->names = block_add(b, d->names, d->names_used * sizeof d->names[0]);
    r->bytes = block_add(b, d->bytes, d->bytes_used);
    r->readings = block_add(b, d->readings, d->readings_used * sizeof d->readings[0]);
    r->variables = block_add(b, d->variables, d->variables_used * sizeof d->variables[0]);
    r->where = block_add(b, d->where, d->where_used * sizeof d->where[0]);
    r->where_text = block_add(b, d->where_text, strlen(d->where_text) + 1);
    r->packet = block_add(b, d->packet, strlen(d->packet) + 1);
    r->proto = block_add(b, d->proto, strlen(d->proto) + 1);
    r->msg = block_add(b, d->msg, strlen(d->msg) + 1);
    r->classtype = block_add(b, d->classtype, strlen(d->classtype) + 1);
    r->references = block_add(b, d->references, strlen(d->references) + 1);
    r->metadata = block_add(b, d->metadata, strlen(d->metadata) + 1);
    r->text = block_add(b, text, length + 1);
    r->file = block_add(b, d->source->file, strlen(d->source->file) + 1);
}

/* Copies the draft into one block and gives it to the set: measured first, then filled. */
static bool draft_commit(struct draft *d, struct view text)
{
    struct rule r = d->rule;
    struct block b = {NULL, 0};
    char *line = malloc(text.length + 1);
    size_t length = line ? draft_text(text, line) : 0;
    block_fill(&b, d, &r, line, length);
    b.memory = line ? calloc(1, b.used) : NULL;
    b.used = 0;
    if (b.memory)
        block_fill(&b, d, &r, line, length);
    free(line);
    r.block = b.memory;
    if (b.memory && rule_keep(d->set, &r))
        return true;
    free(b.memory);
    return draft_refuse(d, text.bytes, "out of memory");
}

/* ---- the loop */

static bool parse_rule(struct draft *d, struct lexer *l)
{
    const uint8_t *text = l->source->text.bytes;
    const size_t start = l->at;
    struct option option;
    enum lexed got;
    if (!parse_header(d, l))
        return false;
    while ((got = lex_option(l, &option)) == LEX_OK)
        if (!draft_option(d, &option))
            return false;
    if (got == LEX_BROKEN)
        return draft_refuse(d, text + l->wrong_at, "%s", l->wrong);
    size_t end = l->at;
    if (!lex_rest_of_line(l))
        return draft_refuse(d, text + l->wrong_at, "there is text after the rule's closing parenthesis");
    if (end - start > RULE_TEXT_MAX)
        return draft_refuse(d, text + start, "the rule is longer than %d bytes", RULE_TEXT_MAX);
    unsigned column;
    source_place(l->source, start, &d->rule.line, &column);
    return draft_finish(d, text + start) && draft_commit(d, view_of(text + start, end - start));
}

/* Goes to the end of a refused rule, so that the next one is read from its beginning. */
static void pass_over(struct lexer *l, size_t start)
{
    struct view text = l->source->text;
    struct option option;
    enum lexed got = LEX_OK;
    l->at = start;
    while (l->at < l->limit && text.bytes[l->at] != '(' && text.bytes[l->at] != '\n')
        l->at += text.bytes[l->at] == '\\' && l->at + 1 < l->limit ? 2 : 1;
    if (l->at < l->limit && text.bytes[l->at] == '(') {
        l->at++;
        while (got == LEX_OK)
            got = lex_option(l, &option);
        if (got == LEX_BROKEN)
            l->at = l->limit;
    }
    if (l->at < l->limit)
        (void)lex_rest_of_line(l);
}

void rules_add_text(struct rule_set *set, const char *file, struct view text)
{
    struct source source = {.file = file, .text = text, .anchor_line = 1};
    struct lexer lexer = {.source = &source};
    struct draft *d = malloc(sizeof *d);
    if (!d) {
        set->out_of_memory = true;
        return;
    }
    if (text.length >= 3 && memcmp(text.bytes, "\xef\xbb\xbf", 3) == 0)
        lexer.at = source.anchor = 3; /* a byte order mark */
    while (lex_rule(&lexer) == LEX_OK) {
        const size_t start = lexer.at;
        draft_clear(d);
        d->set = set;
        d->rule.set = set;
        d->source = &source;
        d->regexes_before = set->regexes.used;
        d->bits_before = set->bits_used;
        d->xbits_before = set->xbits_used;
        if (!parse_rule(d, &lexer)) {
            draft_note(d);
            draft_forget(d);
            pass_over(&lexer, start);
        }
    }
    free(d);
}
