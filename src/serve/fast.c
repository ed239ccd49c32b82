/* The line of fast.log: see serve/fast.h. */
#include "serve/fast.h"

#include <string.h>
#include <time.h>

/* What Suricata's classification.config calls its classes. */
static const char *classification(const char *classtype)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"protocol-command-decode", "Generic Protocol Command Decode"},
        {"attempted-dos", "Attempted Denial of Service"},
        {"denial-of-service", "Detection of a Denial of Service Attack"},
        {"attempted-recon", "Attempted Information Leak"},
        {"attempted-user", "Attempted User Privilege Gain"},
        {"attempted-admin", "Attempted Administrator Privilege Gain"},
        {"non-standard-protocol", "Detection of a non-standard protocol or event"},
        {"suspicious-login", "An attempted login using a suspicious username was detected"},
        {"policy-violation", "Potential Corporate Privacy Violation"},
        {"misc-activity", "Misc activity"},
        {"misc-attack", "Misc Attack"},
        {"not-suspicious", "Not Suspicious Traffic"},
        {"bad-unknown", "Potentially Bad Traffic"},
    };
    for (size_t i = 0; classtype && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, classtype) == 0)
            return rows[i].text;
    return classtype && *classtype ? classtype : "(null)";
}

static void add_endpoint(struct text *out, const struct endpoint *e)
{
    TEXT_ON_STACK(address, 64);
    text_add_address(&address, e->address);
    text_add(out, strchr(address.chars, ':') ? "[%s]:%u" : "%s:%u", address.chars, e->port);
}

void fast_line(struct text *out, const struct alert *alert, const struct rule_facts *rule)
{
    int64_t seconds = alert->time_ns / 1000000000, rest = alert->time_ns % 1000000000;
    struct tm utc;
    if (rest < 0) {
        rest += 1000000000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    if (!gmtime_r(&when, &utc))
        memset(&utc, 0, sizeof utc);
    bool to_server = alert->from == FROM_CLIENT;
    text_add(out, "%02d/%02d/%04d-%02d:%02d:%02d.%06d  [**] [%u:%u:%u] ", utc.tm_mon + 1, utc.tm_mday, utc.tm_year + 1900, utc.tm_hour,
             utc.tm_min, utc.tm_sec, (int)(rest / 1000), rule->gid, rule->sid, rule->rev);
    text_add_escaped(out, view_text(rule->msg));
    text_add(out, " [**] [Classification: ");
    text_add_escaped(out, view_text(classification(rule->classtype)));
    text_add(out, "] [Priority: %u] {TCP} ", alert->severity);
    add_endpoint(out, to_server ? &alert->client : &alert->server);
    text_add(out, " -> ");
    add_endpoint(out, to_server ? &alert->server : &alert->client);
}
