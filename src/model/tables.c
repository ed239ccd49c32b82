/* The shared words as tables: anomalies, fields, names, protocols, counters. Each list is the .def file, nowhere else. */
#include <string.h>
#include <strings.h>

#include "model/anomaly.h"
#include "model/counter.h"
#include "model/event.h"
#include "model/field.h"
#include "model/name.h"
#include "model/protocol.h"

static const struct {
    const char *name, *title;
} protocols[] = {
    {"none", "not a database"},
#define DECODER(name, SYMBOL, title) {#name, title},
#include "model/decoders.def"
#undef DECODER
};

const char *protocol_name(enum protocol protocol)
{
    return protocol < PROTOCOLS ? protocols[protocol].name : "none";
}

const char *protocol_title(enum protocol protocol)
{
    return protocol < PROTOCOLS ? protocols[protocol].title : "none";
}

enum protocol protocol_by_name(const char *name)
{
    for (unsigned i = 0; i < PROTOCOLS; i++)
        if (strcmp(protocols[i].name, name) == 0)
            return (enum protocol)i;
    return PROTOCOLS;
}

static const char *const event_names[EVENTS] = {"message", "flow_start", "flow_end", "second"};

const char *event_name(enum event event)
{
    return event_names[event < EVENTS ? event : EVENT_MESSAGE];
}

enum event event_by_name(const char *name)
{
    unsigned i = 0;
    while (i < EVENTS && strcmp(event_names[i], name) != 0)
        i++;
    return (enum event)i;
}

static const struct {
    uint16_t set;
    uint64_t value;
    const char *text;
} names[] = {
#define NAME_SET(set)
#define NAME(set, SYMBOL, value, text) {NAMES_##set, value, text},
#include "model/names.def"
#undef NAME_SET
#undef NAME
};

#define LENGTH_OF(table) (sizeof(table) / sizeof(table)[0])

const char *name_of(enum name_set set, uint64_t value)
{
    for (size_t i = 0; i < LENGTH_OF(names); i++)
        if (names[i].set == set && names[i].value == value)
            return names[i].text;
    return NULL;
}

bool name_value(enum name_set set, const char *text, uint64_t *value)
{
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (names[i].set == set && strcasecmp(names[i].text, text) == 0) {
            *value = names[i].value;
            return true;
        }
    }
    return false;
}

const char *name_at(enum name_set set, unsigned which, uint64_t *value)
{
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (names[i].set == set && which-- == 0) {
            *value = names[i].value;
            return names[i].text;
        }
    }
    return NULL;
}

static const struct {
    const char *name, *help;
    uint8_t kind, protocol;
    uint16_t names;
} fields[] = {
    {"none", "", KIND_UINT, PROTOCOL_NONE, NAMES_NONE},
#define FIELD(SYMBOL, owner, kind, names, flags, name, help) {name, help, kind, PROTOCOL_##owner, NAMES_##names},
#include "model/fields.def"
#undef FIELD
};

const char *field_name(enum field field)
{
    return field < FIELDS ? fields[field].name : "none";
}

const char *field_help(enum field field)
{
    return field < FIELDS ? fields[field].help : "";
}

enum field_kind field_kind(enum field field)
{
    return field < FIELDS ? (enum field_kind)fields[field].kind : KIND_UINT;
}

enum name_set field_names(enum field field)
{
    return field < FIELDS ? (enum name_set)fields[field].names : NAMES_NONE;
}

bool field_is_secret(enum field field)
{
    return field < FIELDS && (field_flags_of[field] & FIELD_SECRET);
}

enum protocol field_protocol(enum field field)
{
    return field < FIELDS ? (enum protocol)fields[field].protocol : PROTOCOL_NONE;
}

enum field field_by_name(const char *name)
{
    for (unsigned i = 1; i < FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0)
            return (enum field)i;
    return FIELD_NONE;
}

static const struct anomaly_row anomalies[] = {
    {0, PROTOCOL_NONE, CLASS_UNDECODED, 4, "none", "", "", "", "", ""},
#define ANOMALY(number, SYMBOL, owner, class, severity, name, title, meaning, legal, spec, benign)                        \
    {number, PROTOCOL_##owner, class, severity, name, title, meaning, legal, spec, benign},
#include "model/anomalies.def"
#undef ANOMALY
};

/* Two rows with the same permanent number are the same case label twice, and do not compile. */
__attribute__((unused)) static void numbers_are_unique(unsigned number)
{
    switch (number) {
#define ANOMALY(number, SYMBOL, owner, class, severity, name, title, meaning, legal, spec, benign) case number:
#include "model/anomalies.def"
#undef ANOMALY
    default:
        break;
    }
}

const struct anomaly_row *anomaly_row(enum anomaly anomaly)
{
    return &anomalies[anomaly < ANOMALIES ? anomaly : ANOMALY_NONE];
}

enum anomaly anomaly_by_name(const char *name)
{
    for (unsigned i = 1; i < ANOMALIES; i++)
        if (strcmp(anomalies[i].name, name) == 0)
            return (enum anomaly)i;
    return ANOMALY_NONE;
}

static const char *const classes[] = {"malformed", "violation", "unusual", "undecoded"};

const char *anomaly_class_name(enum anomaly_class class)
{
    return class < ANOMALY_CLASSES ? classes[class] : "undecoded";
}

enum anomaly_class anomaly_class_by_name(const char *name)
{
    for (unsigned i = 0; i < ANOMALY_CLASSES; i++)
        if (strcmp(classes[i], name) == 0)
            return (enum anomaly_class)i;
    return ANOMALY_CLASSES;
}

static const struct {
    const char *name, *help;
} counters[] = {
#define COUNTER(SYMBOL, name, help) {name, help},
#include "model/counters.def"
#undef COUNTER
};

const char *counter_name(enum counter counter)
{
    return counters[counter].name;
}

const char *counter_help(enum counter counter)
{
    return counters[counter].help;
}

enum counter counter_by_name(const char *name)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        if (strcmp(counters[i].name, name) == 0)
            return (enum counter)i;
    return COUNTERS;
}
