/* Cases of `rules test`: see rule_case.h. */
#include "app/rule_case.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/outline.h"
#include "base/text.h"

enum { FILE_MAX = 4 << 20 };

static const char *const keys[CASE_KEYS] = {
    [CASE_SID] = "alert.signature_id", [CASE_GID] = "alert.gid",   [CASE_REV] = "alert.rev",       [CASE_SEVERITY] = "alert.severity",
    [CASE_SIGNATURE] = "alert.signature", [CASE_CATEGORY] = "alert.category", [CASE_SRC_IP] = "src_ip",    [CASE_SRC_PORT] = "src_port",
    [CASE_DEST_IP] = "dest_ip",        [CASE_DEST_PORT] = "dest_port", [CASE_APP_PROTO] = "app_proto", [CASE_PACKET] = "pcap_cnt",
    [CASE_ANOMALY] = "anomaly",
};

struct reader {
    const char *path;
    void (*tell)(void *context, struct rule_case *c);
    void *context;
    struct rule_case *now;
    unsigned document;
};

static void clear(struct rule_case *c)
{
    if (c->has_captures)
        globfree(&c->captures);
    memset(c, 0, sizeof *c);
}

static bool beside(const struct rule_case *c, const char *name, char out[CASE_PATH_MAX], struct error *why)
{
    const int length = *name == '/' ? snprintf(out, CASE_PATH_MAX, "%s", name) : snprintf(out, CASE_PATH_MAX, "%s/%s", c->directory, name);
    return length < CASE_PATH_MAX || error_set(why, EXIT_DATA, "a path is too long");
}

static bool add_captures(struct rule_case *c, const char *pattern, struct error *why)
{
    char path[CASE_PATH_MAX];
    if (!beside(c, pattern, path, why))
        return false;
    const int result = glob(path, c->has_captures ? GLOB_APPEND : 0, NULL, &c->captures);
    c->has_captures |= result != GLOB_NOSPACE;
    return result == 0 || error_set(why, EXIT_NO_INPUT, "there is no capture %s", path);
}

static bool add_rules(struct rule_case *c, const char *name, struct error *why)
{
    if (c->rules_used == CASE_FILES_MAX)
        return error_set(why, EXIT_DATA, "more than %d rule files", CASE_FILES_MAX);
    return beside(c, name, c->rules[c->rules_used++], why);
}

static bool take_argument(struct rule_case *c, const char *text, struct error *why)
{
    char option[32] = "";
    const char *value = text + strcspn(text, " =");
    snprintf(option, sizeof option, "%.*s", (int)(value - text), text);
    value += strspn(value, " =");
    if (strcmp(option, "-k") == 0) {
        c->check_checksums = strcmp(value, "all") == 0;
        c->ignore_checksums = strcmp(value, "none") == 0;
        return true;
    }
    if (strcmp(option, "-S") == 0 || strcmp(option, "-s") == 0)
        return add_rules(c, value, why);
    if (strcmp(option, "--tuning") == 0)
        return beside(c, value, c->tuning, why);
    if (strcmp(option, "-f") == 0)
        return snprintf(c->filter, sizeof c->filter, "%s", value) > 0;
    return error_set(why, EXIT_DATA, "args: -k, -f, -s, -S and --tuning are read, not %.60s", text);
}

static bool take_count(struct case_check *check, const char *text, struct error *why)
{
    char *end = NULL;
    check->comparison = *text == '>' || *text == '<' ? *text++ : '=';
    errno = 0;
    check->wanted = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return error_set(why, EXIT_DATA, "count is a number, \">N\" or \"<N\"");
    return true;
}

static bool take_match(struct case_check *check, const char *name, const char *text, struct error *why)
{
    if (strcmp(name, "event_type") == 0)
        return strcmp(text, "alert") == 0 || error_set(why, EXIT_DATA, "event_type is alert: rules make nothing else");
    for (unsigned i = 0; i < CASE_KEYS; i++) {
        if (strcmp(name, keys[i]) != 0)
            continue;
        if (check->matches_used == CASE_MATCHES_MAX || strlen(text) >= CASE_TEXT_MAX)
            return error_set(why, EXIT_DATA, "a check with more than %d conditions, or a long one", CASE_MATCHES_MAX);
        struct case_match *m = &check->matches[check->matches_used++];
        m->key = (enum case_key)i;
        snprintf(m->value, sizeof m->value, "%s", text);
        return true;
    }
    return error_set(why, EXIT_DATA, "match: %.60s is no key that alerts of a test have", name);
}

static bool take_check(struct rule_case *c, const struct outline_value *v, struct error *why)
{
    char *end = NULL;
    const unsigned long number = strtoul(v->path + strlen("checks["), &end, 10);
    if (number >= CASE_CHECKS_MAX || strncmp(end, "].filter.", 9) != 0)
        return error_set(why, EXIT_DATA, "a check is a filter with count and match; at most %d", CASE_CHECKS_MAX);
    while (c->checks_used <= number)
        c->checks[c->checks_used++] = (struct case_check){.comparison = '=', .wanted = 1, .line = v->line};
    struct case_check *check = &c->checks[number];
    end += 9;
    if (strcmp(end, "count") == 0)
        return take_count(check, v->text, why);
    if (strncmp(end, "match.", 6) == 0)
        return take_match(check, end + 6, v->text, why);
    return error_set(why, EXIT_DATA, "a filter has count and match, not %.60s", end);
}

static bool take_value(struct rule_case *c, const struct outline_value *v, struct error *why)
{
    if (strcmp(v->path, "name") == 0)
        return snprintf(c->name, sizeof c->name, "%s", v->text) > 0;
    if (strcmp(v->path, "pcap") == 0 || strncmp(v->path, "pcap[", 5) == 0)
        return add_captures(c, v->text, why);
    if (strcmp(v->path, "rules") == 0 || strncmp(v->path, "rules[", 6) == 0)
        return add_rules(c, v->text, why);
    if (strncmp(v->path, "args[", 5) == 0)
        return take_argument(c, v->text, why);
    if (strncmp(v->path, "checks[", 7) == 0)
        return take_check(c, v, why);
    if (strncmp(v->path, "requires", 8) == 0 || strncmp(v->path, "skip", 4) == 0)
        return true; /* of Suricata's versions */
    return error_set(why, EXIT_DATA, "%.60s is no part of a case", v->path);
}

static bool finish(struct reader *r, struct error *why)
{
    struct rule_case *c = r->now;
    if (!c->checks_used)
        return error_set(why, EXIT_DATA, "%s: a case without checks", c->name);
    if (!c->rules_used && !add_rules(c, "test.rules", why))
        return false;
    if (!c->has_captures && !add_captures(c, "*.pcap*", why))
        return false;
    r->tell(r->context, c);
    return true;
}

static bool take(void *context, const struct outline_value *v, struct error *why)
{
    struct reader *r = context;
    struct rule_case *c = r->now;
    if (v->document != r->document) {
        if (r->document && !finish(r, why))
            return false;
        char path[CASE_PATH_MAX];
        clear(c);
        r->document = v->document;
        snprintf(path, sizeof path, "%s", r->path);
        snprintf(c->directory, sizeof c->directory, "%s", dirname(path));
        snprintf(path, sizeof path, "%s", c->directory);
        snprintf(c->name, sizeof c->name, "%.100s, case %u", basename(path), v->document);
    }
    return take_value(c, v, why) || error_add(why, "line %u", v->line);
}

bool rule_cases_read(const char *path, void (*tell)(void *context, struct rule_case *c), void *context, struct error *why)
{
    struct reader r = {.path = path, .tell = tell, .context = context, .now = calloc(1, sizeof *r.now)};
    char *text = calloc(1, FILE_MAX + 1);
    FILE *file = fopen(path, "re");
    bool good = r.now && text && file;
    if (!good)
        error_set(why, EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
    else if (fread(text, 1, FILE_MAX, file) == FILE_MAX)
        good = error_set(why, EXIT_DATA, "%s is too long", path);
    else if (!(good = outline_read(text, take, &r, why) && (!r.document || finish(&r, why))))
        error_add(why, "%s", path);
    if (file)
        fclose(file);
    free(text);
    if (r.now)
        clear(r.now);
    free(r.now);
    return good;
}

/* ---- checks */

static void add_value(struct text *t, enum case_key key, const struct alert *a, const struct rule_facts *rule)
{
    const bool client = a->from == FROM_CLIENT;
    const struct endpoint *source = client ? &a->client : &a->server, *target = client ? &a->server : &a->client;
    switch (key) {
    case CASE_SID:
        text_add(t, "%u", a->sid);
        break;
    case CASE_GID:
        text_add(t, "%u", a->gid);
        break;
    case CASE_REV:
        text_add(t, "%u", a->rev);
        break;
    case CASE_SEVERITY:
        text_add(t, "%u", a->severity);
        break;
    case CASE_SIGNATURE:
        text_add(t, "%s", rule->msg);
        break;
    case CASE_CATEGORY:
        text_add(t, "%s", rule->classtype);
        break;
    case CASE_SRC_IP:
        text_add_address(t, source->address);
        break;
    case CASE_DEST_IP:
        text_add_address(t, target->address);
        break;
    case CASE_SRC_PORT:
        text_add(t, "%u", source->port);
        break;
    case CASE_DEST_PORT:
        text_add(t, "%u", target->port);
        break;
    case CASE_APP_PROTO:
        text_add(t, "%s", protocol_name((enum protocol)a->protocol));
        break;
    case CASE_PACKET:
        text_add(t, "%llu", (unsigned long long)a->packet_number);
        break;
    case CASE_ANOMALY:
        text_add(t, "%s", a->anomaly ? anomaly_row((enum anomaly)a->anomaly)->name : "");
        break;
    case CASE_KEYS:
        break;
    }
}

void rule_case_alert(struct rule_case *c, const struct alert *alert, const struct rule_facts *rule)
{
    for (unsigned i = 0; i < c->checks_used; i++) {
        struct case_check *check = &c->checks[i];
        bool meant = true;
        for (unsigned k = 0; meant && k < check->matches_used; k++) {
            TEXT_ON_STACK(value, 512);
            add_value(&value, check->matches[k].key, alert, rule);
            meant = strcmp(value.chars, check->matches[k].value) == 0;
        }
        check->found += meant;
    }
}

bool case_check_holds(const struct case_check *check)
{
    return check->comparison == '>' ? check->found > check->wanted : check->comparison == '<' ? check->found < check->wanted : check->found == check->wanted;
}
