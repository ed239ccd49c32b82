/* The databases of --geoip: see places.h. */
#include "app/places.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"

enum { LOOKS_PER_STAT = 5 };

struct places {
    const char *paths[GEO_FILES_MAX];
    struct stat seen[GEO_FILES_MAX];
    size_t used;
    struct geo *geo;
    unsigned looks;
};

static void warn(const char *path, const char *reason)
{
    TEXT_ON_STACK(safe, 1024);
    text_add_escaped(&safe, view_text(path));
    log_warning("--geoip %s: %s; it says nothing of where clients are", safe.chars, reason);
}

static void note_files(struct places *p)
{
    for (size_t i = 0; i < p->used; i++)
        if (stat(p->paths[i], &p->seen[i]) != 0)
            p->seen[i] = (struct stat){0};
}

struct places *places_open(const struct options *o)
{
    struct places *p = options_text(o, OPTION_GEOIP) ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    for (size_t i = 0; options_nth(o, OPTION_GEOIP, i); i++) {
        if (i < GEO_FILES_MAX)
            p->paths[p->used++] = options_nth(o, OPTION_GEOIP, i);
        else
            warn(options_nth(o, OPTION_GEOIP, i), "too many databases");
    }
    note_files(p);
    p->geo = geo_open(p->paths, p->used, warn);
    return p;
}

const struct geo *places_geo(const struct places *p)
{
    return p ? p->geo : NULL;
}

static bool is_replaced(const struct places *p)
{
    for (size_t i = 0; i < p->used; i++) {
        struct stat now;
        if (stat(p->paths[i], &now) == 0 && (now.st_ino != p->seen[i].st_ino || now.st_dev != p->seen[i].st_dev ||
                                             now.st_mtim.tv_sec != p->seen[i].st_mtim.tv_sec || now.st_mtim.tv_nsec != p->seen[i].st_mtim.tv_nsec))
            return true;
    }
    return false;
}

void places_look(struct places *p, struct pipeline *pipeline)
{
    if (!p || ++p->looks < LOOKS_PER_STAT)
        return;
    p->looks = 0;
    if (!is_replaced(p))
        return;
    note_files(p);
    struct geo *new = geo_open(p->paths, p->used, warn);
    if (!new)
        return; /* what was known stays */
    pipeline_set_geo(pipeline, new);
    geo_close(p->geo);
    p->geo = new;
    log_notice("--geoip: read again");
}

void places_close(struct places *p)
{
    if (!p)
        return;
    geo_close(p->geo);
    free(p);
}
