/* Everything that `show` tells about one alert, read once from the store. */
#ifndef DBHOUND_APP_SHOW_H
#define DBHOUND_APP_SHOW_H

#include <jansson.h>

#include "app/render.h"
#include "model/alert.h"

struct sqlite3;

struct shown {
    const char *store; /* as given with -d, NULL: the default */
    json_t *alert;     /* a row of v_alerts */
    json_t *sample;    /* a row of v_samples, NULL: none */
    uint8_t head[ALERT_HEAD_MAX];
    size_t head_length;
    uint8_t *pcapng;
    size_t pcapng_length;
};

/* False: EXIT_NO_INPUT when there is no such alert, or reading failed. */
bool shown_read(struct shown *a, struct sqlite3 *db, int64_t alert_id, struct error *why) MUST_CHECK;
void shown_free(struct shown *a);
/* What is wrong in one sentence. */
void shown_sentence(const struct shown *a, struct text *out);
void shown_print(const struct shown *a, const struct screen *s);
void shown_print_json(const struct shown *a, FILE *out);
/* The packets before, at and after the alert: for people, and as an array. */
void shown_print_packets(const struct shown *a, const struct screen *s);
json_t *shown_packets(const struct shown *a);

/* Parts of the alert's row; "" and 0 when there is none. */
const char *shown_text(const struct shown *a, const char *column);
int64_t shown_number(const struct shown *a, const char *column);

#endif
