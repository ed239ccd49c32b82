/*
 * A rule while it is read: fixed arrays, so that parsing allocates nothing and every text is bounded; an accepted rule is
 * copied into one block. The first complaint stays and refuses the rule.
 */
#ifndef DBHOUND_DETECT_DRAFT_H
#define DBHOUND_DETECT_DRAFT_H

#include "detect/where.h"

enum {
    RULE_TEXT_MAX = 65536,
    DRAFT_RANGES_MAX = 2048,
    DRAFT_TESTS_MAX = 64,
    DRAFT_STEPS_MAX = 128,
    DRAFT_ITEMS_MAX = 512,
    DRAFT_NAMES_MAX = 256,
    DRAFT_BYTES_MAX = 16384,
    DRAFT_READINGS_MAX = 64,
    DRAFT_STRING_MAX = 4096
};

/* A text being read. Offsets are into `text`; the anchor makes lines cheap to count. */
struct source {
    const char *file;
    struct view text;
    size_t anchor;
    unsigned anchor_line;
};

/* One option: `name: value;`. Both are views of the source (value trimmed, empty when there is none). */
struct option {
    struct view name, value;
    bool has_value;
};

struct draft {
    struct rule_set *set;
    struct source *source;
    bool refused;
    size_t complaint_at;
    char complaint[512];

    struct rule rule; /* its pointers point into this draft */
    bool has_sid, has_gid, has_rev, has_msg, has_on;
    size_t on_at;         /* where `on` is written */
    bool proto_later;     /* a protocol of a later build: loads, never matches */
    uint16_t buffer;      /* the sticky buffer that content looks at */
    int open_test;        /* the buffer test that takes more steps, or -1 */
    int last_content;     /* the step that modifiers change, or -1 */
    const char *class_word; /* metadata dbhound_class */
    size_t regexes_before;  /* the set's, when this rule began: a refused rule takes its own back */
    unsigned bits_before, xbits_before;

    struct wide_range ranges[DRAFT_RANGES_MAX];
    size_t ranges_used;
    struct test tests[DRAFT_TESTS_MAX];
    size_t buffer_at[DRAFT_TESTS_MAX];   /* where each test is written */
    struct step steps[DRAFT_STEPS_MAX];
    size_t steps_used;
    size_t content_at[DRAFT_STEPS_MAX];  /* and each step */
    struct item items[DRAFT_ITEMS_MAX];
    size_t items_used;
    uint16_t names[DRAFT_NAMES_MAX];
    size_t names_used;
    uint8_t bytes[DRAFT_BYTES_MAX];
    size_t bytes_used;
    struct reading readings[DRAFT_READINGS_MAX];
    size_t readings_used;
    struct value_name variables[VARIABLES_MAX];
    unsigned variables_used;
    char packet[512];
    struct where_step where[WHERE_STEPS_MAX];
    size_t where_used;
    char where_text[WHERE_TEXT_MAX + 1];
    const void *stand_in; /* complaints are about this place: what is read is not in the source */
    char proto[32], msg[DRAFT_STRING_MAX], classtype[128], references[DRAFT_STRING_MAX], metadata[DRAFT_STRING_MAX];
};

/* Refuses the rule, `at` being where in the source; returns false. The first complaint stays. */
bool draft_refuse(struct draft *d, const void *at, const char *format, ...) PRINTF_LIKE(3, 4);
/* Notes the refusal among the set's problems. */
void draft_note(struct draft *d);
void draft_warn(struct draft *d, const void *at, const char *format, ...) PRINTF_LIKE(3, 4);
void source_place(const struct source *s, size_t offset, unsigned *line, unsigned *column);
/* The text around a place, escaped; returns how much of it stands before the place. */
unsigned source_excerpt(const struct source *s, size_t offset, struct text *out);

/* ---- text */

bool is_space(uint8_t c);
struct view view_trim(struct view text);
bool view_is(struct view text, const char *word); /* ignores case */
bool view_is_name(struct view word, const char *name); /* the same, of a value's name */
/* Takes the text before the next `separator` off the front of `rest`; false when nothing is left. */
bool view_split(struct view *rest, char separator, struct view *part);
/* "quoted", with \" \; \\ \: and joined lines: the text between. */
bool draft_quoted(struct draft *d, struct view value, char *out, size_t size);
/* Decimal or 0x; the whole view. */
bool view_number(struct view text, uint64_t *out);
/* The same with KiB MiB GiB KB MB GB (all powers of 1024). */
bool view_size(struct view text, uint64_t *out);

/* A number from `least` to `most` as the whole value of an option. */
bool option_number(struct draft *d, const struct option *o, uint64_t least, uint64_t most, uint64_t *out);
/* A value kept as it is written, on one line. */
bool draft_plain(struct draft *d, struct view from, char *to);

/* ---- suggestions */

/* Remembers the nearest of the words offered. */
struct nearest {
    struct view wanted;
    const char *best;
    unsigned distance;
};
void nearest_offer(struct nearest *n, const char *word);
/* ", did you mean X?" or "". */
const char *nearest_hint(const struct nearest *n, char *out, size_t size);

/* ---- parts of the language */

/* Addresses or ports of one end of the header. */
bool draft_addresses(struct draft *d, struct view text, enum rule_end end);
bool draft_ports(struct draft *d, struct view text, enum rule_end end);
/* A list of either that is put together, not written so; count 0: any. */
bool draft_range_list(struct draft *d, struct view text, bool ports, struct span *out);
/* One option, by the table of keywords or the registry of fields. */
bool draft_option(struct draft *d, const struct option *o);
/* A comma list of values of a field; FIELD_NONE: plain numbers. */
bool draft_items(struct draft *d, struct view text, enum field field, struct span *out);
/* A step at the end of the open buffer; the option is where it is written. */
struct step *draft_add_step(struct draft *d, enum step_kind kind, const struct option *o);
/* The bits of protocols that go by this name or service name; false: none that this build decodes. */
bool protocols_named(struct view name, uint32_t *bits);
/* Keeps an option that asks nothing, for printing. */
bool draft_keep_words(struct draft *d, const struct option *o, const char *keyword);
bool draft_track(struct draft *d, struct view value, uint8_t *out);
/* The variable of this name + 1, or 0. */
unsigned draft_variable(const struct draft *d, struct view name);
/* One value behind an operator that stands apart ("" or "=": the value itself). */
bool draft_compared(struct draft *d, struct view number, const char *operator, bool negated, struct span *out);
struct test *draft_add_test(struct draft *d, enum test_kind kind, enum field field, const void *at);
/* What can only be judged when all options are read. */
bool draft_content_good(struct draft *d);
bool draft_event_good(struct draft *d);
/* Forgets what a refused rule brought to the set. */
void draft_forget(struct draft *d);

/* ---- keywords: one function each, see keywords.def */
#define KEYWORD(name, function, needs, help) bool keyword_##function(struct draft *d, const struct option *o);
#define KEYWORD_LATER(name, why)
#include "detect/keywords.def"
#undef KEYWORD
#undef KEYWORD_LATER

/* What a classtype means (classification.config). NULL: unknown. */
struct classtype {
    const char *name;
    uint8_t priority;
};
const struct classtype *classtype_find(const char *name);

#endif
