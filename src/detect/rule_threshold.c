/* threshold, detection_filter: how many matches become alerts. */
#include "detect/draft.h"

const char *const threshold_tracks[TRACKS] = {"by_src", "by_dst", "by_rule", "by_both", "by_flow", "by_client", "by_server", "by_user"};

static bool threshold_type(struct draft *d, struct view value)
{
    static const char *const types[] = {"limit", "threshold", "both", "backoff"};
    for (uint8_t i = 0; i < 4; i++) {
        if (view_is(value, types[i])) {
            d->rule.threshold.type = (uint8_t)(THRESHOLD_LIMIT + i);
            return true;
        }
    }
    return draft_refuse(d, value.bytes, "type is limit, threshold, both or backoff");
}

bool draft_track(struct draft *d, struct view value, uint8_t *out)
{
    for (uint8_t i = 0; i < TRACKS; i++) {
        if (view_is(value, threshold_tracks[i])) {
            *out = i;
            return true;
        }
    }
    return draft_refuse(d, value.bytes, "track is by_src, by_dst, by_rule, by_both, by_flow, by_client, by_server or by_user");
}

static bool threshold_number(struct draft *d, struct view value, uint32_t *out)
{
    uint64_t number;
    if (!view_number(value, &number) || number == 0 || number > UINT32_MAX)
        return draft_refuse(d, value.bytes, "expected a number from 1 to %u", UINT32_MAX);
    *out = (uint32_t)number;
    return true;
}

enum { KEY_TYPE = 1, KEY_TRACK = 2, KEY_COUNT = 4, KEY_SECONDS = 8, KEY_MULTIPLIER = 16 };

static bool threshold_part(struct draft *d, struct view part, bool filter, struct threshold *t, unsigned *seen)
{
    static const char *const names[] = {"type", "track", "count", "seconds", "multiplier"};
    struct view value = part, key;
    unsigned what = 0;
    if (!view_split(&value, ' ', &key) || !value.bytes)
        return draft_refuse(d, part.bytes, "expected: key value, key value");
    value = view_trim(value);
    for (unsigned i = 0; i < 5; i++)
        what |= view_is(key, names[i]) ? 1u << i : 0;
    if (!what || (filter && (what == KEY_TYPE || what == KEY_MULTIPLIER)))
        return draft_refuse(d, key.bytes, "\"%.*s\" is not one of %strack, count, seconds",
                            (int)(key.length > 60 ? 60 : key.length), (const char *)key.bytes, filter ? "" : "type, ");
    if (*seen & what)
        return draft_refuse(d, key.bytes, "%.*s stands twice", (int)key.length, (const char *)key.bytes);
    *seen |= what;
    if (what == KEY_TYPE)
        return threshold_type(d, value);
    if (what == KEY_TRACK)
        return draft_track(d, value, &t->track);
    return threshold_number(d, value, what == KEY_COUNT ? &t->count : what == KEY_SECONDS ? &t->seconds : &t->multiplier);
}

static bool option_threshold(struct draft *d, const struct option *o, bool filter)
{
    struct view rest = o->value, part;
    struct threshold *t = &d->rule.threshold;
    unsigned seen = filter ? KEY_TYPE : 0;
    if (t->type)
        return draft_refuse(d, o->name.bytes, "a rule has one threshold or detection_filter");
    if (filter)
        t->type = THRESHOLD_AFTER;
    while (view_split(&rest, ',', &part))
        if (!threshold_part(d, part, filter, t, &seen))
            return false;
    if (t->type == THRESHOLD_BACKOFF && seen == (KEY_TYPE | KEY_TRACK | KEY_COUNT | KEY_MULTIPLIER) && t->multiplier > 1)
        return true;
    if (t->type == THRESHOLD_BACKOFF)
        return draft_refuse(d, o->value.bytes, "backoff needs track, count and a multiplier of at least 2");
    if (seen != (KEY_TYPE | KEY_TRACK | KEY_COUNT | KEY_SECONDS))
        return draft_refuse(d, o->value.bytes, "%s", filter ? "detection_filter needs track, count and seconds"
                                                            : "threshold needs type, track, count and seconds");
    return true;
}

bool keyword_threshold(struct draft *d, const struct option *o)
{
    return option_threshold(d, o, false);
}

bool keyword_detection_filter(struct draft *d, const struct option *o)
{
    return option_threshold(d, o, true);
}

