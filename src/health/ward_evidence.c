/* Sentences with numbers, for and against. */
#include "health/ward_state.h"

#include <stdarg.h>
#include <stdio.h>

void evidence_say(struct incident *i, enum evidence_about about, bool against, const char *format, ...)
{
    va_list arguments;
    if (i->evidence_used == EVIDENCE_MAX)
        return;
    i->evidence[i->evidence_used].about = (uint8_t)about;
    i->evidence[i->evidence_used].against = against;
    va_start(arguments, format);
    vsnprintf(i->evidence[i->evidence_used].text, EVIDENCE_TEXT_MAX, format, arguments);
    va_end(arguments);
    i->evidence_used++;
}

void evidence_before(const struct chart *c, int64_t from_ns, int64_t to_ns, struct incident *i)
{
    uint64_t requests = 0, replies = 0, repeated = 0, slow_us = 0, spread_us = 0;
    int64_t first_ns = to_ns;
    for (uint32_t n = 0; n < c->past_used; n++) {
        int64_t at = c->past[n].time_ns;
        if (at < from_ns || at - BEAT_NS > to_ns)
            continue;
        if (at - BEAT_NS < first_ns)
            first_ns = at - BEAT_NS;
        requests += c->past[n].requests;
        replies += c->past[n].replies;
        repeated += c->past[n].repeated;
        if (c->past[n].mean_us > slow_us)
            slow_us = c->past[n].mean_us;
        if (c->past[n].spread_us > spread_us)
            spread_us = c->past[n].spread_us;
    }
    double seconds = (double)(to_ns - first_ns) / 1e9;
    if (seconds <= 0 || !requests)
        return;
    evidence_say(i, ABOUT_NETWORK, repeated * 100 <= requests, "%llu segments were sent again in the last %.1f s before, of %llu requests",
                 (unsigned long long)repeated, seconds, (unsigned long long)requests);
    evidence_say(i, ABOUT_WORKLOAD, slow_us < 4 * c->usual_us + 1000,
                 "%llu of %llu requests were answered in the last %.1f s before; the mean time of a reply was at most %.1f ms (usually %.1f ms)",
                 (unsigned long long)replies, (unsigned long long)requests, seconds, (double)slow_us / 1e3, (double)c->usual_us / 1e3);
    evidence_say(i, ABOUT_NETWORK, spread_us < 4 * c->usual_spread_us + 1000,
                 "of that time at most %.1f ms lay between the first and the last segment of a request or a reply (usually %.1f ms); the rest was the server's",
                 (double)spread_us / 1e3, (double)c->usual_spread_us / 1e3);
}
