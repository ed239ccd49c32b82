/* The databases of --geoip, and that they may be replaced while a watch runs. */
#ifndef DBHOUND_SRC_APP_PLACES_H
#define DBHOUND_SRC_APP_PLACES_H

#include "app/options.h"
#include "app/pipeline.h"
#include "detect/geo.h"

struct places;

/* NULL: no --geoip, or no memory. What cannot be read is a warning: clients are then somewhere unknown. */
struct places *places_open(const struct options *o);
const struct geo *places_geo(const struct places *p);
/* Between two reads: files that were replaced are opened again. */
void places_look(struct places *p, struct pipeline *pipeline);
void places_close(struct places *p);

#endif
