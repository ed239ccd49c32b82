/* The set of rules: see detect/rules.h. Owns every rule's memory, the problems and the variables. */
#include "detect/tuning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/view.h"

enum { RULE_FILE_MAX = 64 << 20 };

/* What public rule sets name, with values that let them load. Ports as in Suricata's own configuration. */
static const struct {
    const char *name, *value;
} default_variables[] = {
    {"HOME_NET", "any"},        {"EXTERNAL_NET", "any"},  {"DB_SERVERS", "any"},     {"SQL_SERVERS", "any"},
    {"HTTP_SERVERS", "any"},    {"SMTP_SERVERS", "any"},  {"DNS_SERVERS", "any"},    {"TELNET_SERVERS", "any"},
    {"AIM_SERVERS", "any"},     {"DC_SERVERS", "any"},    {"FTP_SERVERS", "any"},    {"SSH_SERVERS", "any"},
    {"SIP_SERVERS", "any"},     {"DNP3_SERVER", "any"},   {"DNP3_CLIENT", "any"},    {"MODBUS_SERVER", "any"},
    {"MODBUS_CLIENT", "any"},   {"ENIP_SERVER", "any"},   {"ENIP_CLIENT", "any"},    {"HTTP_PORTS", "80"},
    {"SHELLCODE_PORTS", "!80"}, {"ORACLE_PORTS", "1521"}, {"SSH_PORTS", "22"},       {"DNP3_PORTS", "20000"},
    {"MODBUS_PORTS", "502"},    {"FTP_PORTS", "21"},      {"FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"},
    {"POP_SERVERS", "any"},     {"IMAP_SERVERS", "any"},  {"SNMP_SERVERS", "any"},   {"MYSQL_SERVERS", "any"},
    {"PGSQL_SERVERS", "any"},   {"ORACLE_SERVERS", "any"}, {"MSSQL_SERVERS", "any"}, {"SIP_PORTS", "any"},
    {"MYSQL_PORTS", "3306"},    {"PGSQL_PORTS", "5432"},  {"POSTGRESQL_PORTS", "5432"}, {"MSSQL_PORTS", "1433"},
    {"SQL_PORTS", "any"},       {"DB_PORTS", "any"},      {"DATABASE_PORTS", "any"}, {"MONGODB_PORTS", "27017"},
    {"REDIS_PORTS", "6379"},    {"MEMCACHED_PORTS", "11211"}, {"DB2_PORTS", "50000"}, {"SMTP_PORTS", "25"},
    {"POP_PORTS", "110"},       {"IMAP_PORTS", "143"},    {"RPC_PORTS", "any"},      {"SMB_PORTS", "[139,445]"},
    {"GENEVE_PORTS", "6081"},   {"VXLAN_PORTS", "4789"},  {"TEREDO_PORTS", "3544"},
    {"POSTGRES_SERVERS", "any"}, {"POSTGRES_PORTS", "5432"}, {"REDIS_SERVERS", "any"}, {"MONGO_SERVERS", "any"},
    {"MONGODB_SERVERS", "any"}, {"MONGO_PORTS", "27017"}, {"MEMCACHED_SERVERS", "any"}, {"CASSANDRA_PORTS", "9042"},
    {"CASSANDRA_SERVERS", "any"}, {"DB2_SERVERS", "any"}, {"DATABASE_SERVERS", "any"}, {"MARIADB_PORTS", "3306"},
    {"RPC_SERVERS", "any"},     {"FINGER_SERVERS", "any"}, {"SNMP_PORTS", "[161,162]"}, {"DNS_PORTS", "53"},
    {"TELNET_PORTS", "23"},     {"SSL_PORTS", "443"},     {"HTTPS_PORTS", "443"},    {"MAIL_PORTS", "[110,143]"},
    {"FTP_DATA_PORTS", "20"},   {"GTP_PORTS", "[2123,2152,3386]"}, {"NETBIOS_PORTS", "[137,138,139]"}, {"LDAP_SERVERS", "any"},
    {"INTERNAL_NET", "any"},    {"ENIP_PORTS", "44818"},  {"S7_PORTS", "102"},       {"NTP_SERVERS", "any"},
};

struct rule_set *rules_open(void)
{
    return calloc(1, sizeof(struct rule_set));
}

static void note_free(struct rule_note *note)
{
    free(note->file);
    free(note->text);
    free(note->excerpt);
}

static void notes_free(struct note_list *list)
{
    for (size_t i = 0; i < list->used; i++)
        note_free(&list->notes[i]);
    free(list->notes);
}

void rules_close(struct rule_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->rules_used; i++) {
        free(set->rules[i].block);
        free(set->rules[i].tuned);
    }
    tuning_free(set);
    for (size_t i = 0; i < set->variables_used; i++) {
        free(set->variables[i].name);
        free(set->variables[i].value);
    }
    notes_free(&set->problems);
    notes_free(&set->warnings);
    index_free(set->passes);
    index_free(set->alerts);
    index_free(set->readers);
    free(set->event_list);
    regexes_free(&set->regexes);
    free(set->variables);
    free(set->rules);
    free(set->ids);
    free(set);
}

char *rule_copy_text(struct rule_set *set, const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (!copy) {
        set->out_of_memory = true;
        return NULL;
    }
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

void rule_note(struct rule_set *set, struct note_list *list, const struct rule_problem *problem)
{
    if (list->used == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        struct rule_note *grown = realloc(list->notes, room * sizeof *grown);
        if (!grown) {
            set->out_of_memory = true;
            return;
        }
        list->notes = grown;
        list->room = room;
    }
    struct rule_note note = {
        .file = rule_copy_text(set, problem->file, strlen(problem->file)),
        .text = rule_copy_text(set, problem->text, strlen(problem->text)),
        .excerpt = rule_copy_text(set, problem->excerpt, strlen(problem->excerpt)),
        .line = problem->line,
        .column = problem->column,
        .caret = problem->caret,
    };
    if (note.file && note.text && note.excerpt)
        list->notes[list->used++] = note;
    else
        note_free(&note);
}

static bool note_get(const struct note_list *list, size_t i, struct rule_problem *out)
{
    if (i >= list->used)
        return false;
    const struct rule_note *note = &list->notes[i];
    *out = (struct rule_problem){note->file, note->line, note->column, note->text, note->excerpt, note->caret};
    return true;
}

bool rules_problem(const struct rule_set *set, size_t i, struct rule_problem *out)
{
    return note_get(&set->problems, i, out);
}

bool rules_warning(const struct rule_set *set, size_t i, struct rule_problem *out)
{
    return note_get(&set->warnings, i, out);
}

size_t rules_loaded(const struct rule_set *set)
{
    return set->rules_used;
}

size_t rules_failed(const struct rule_set *set)
{
    return set->problems.used;
}

/* ---- variables */

bool rules_set_variable(struct rule_set *set, const char *name, const char *value)
{
    for (size_t i = 0; i < set->variables_used; i++) {
        if (strcmp(set->variables[i].name, name) == 0) {
            char *copy = rule_copy_text(set, value, strlen(value));
            if (!copy)
                return false;
            free(set->variables[i].value);
            set->variables[i].value = copy;
            return true;
        }
    }
    struct variable *grown = realloc(set->variables, (set->variables_used + 1) * sizeof *grown);
    if (!grown) {
        set->out_of_memory = true;
        return false;
    }
    set->variables = grown;
    struct variable new = {rule_copy_text(set, name, strlen(name)), rule_copy_text(set, value, strlen(value))};
    if (!new.name || !new.value) {
        free(new.name);
        free(new.value);
        return false;
    }
    grown[set->variables_used++] = new;
    return true;
}

const char *rule_variable(const struct rule_set *set, const char *name, size_t length)
{
    for (size_t i = 0; i < set->variables_used; i++)
        if (strlen(set->variables[i].name) == length && memcmp(set->variables[i].name, name, length) == 0)
            return set->variables[i].value;
    for (size_t i = 0; i < sizeof default_variables / sizeof default_variables[0]; i++)
        if (strlen(default_variables[i].name) == length && memcmp(default_variables[i].name, name, length) == 0)
            return default_variables[i].value;
    return NULL;
}

/* ---- rules */

static size_t id_slot(const struct rule_set *set, uint32_t gid, uint32_t sid)
{
    uint64_t mixed = ((uint64_t)gid << 32 | sid) * UINT64_C(0x9e3779b97f4a7c15);
    size_t slot = (size_t)(mixed >> 20) & (set->ids_room - 1);
    while (set->ids[slot]) {
        const struct rule *r = &set->rules[set->ids[slot] - 1];
        if (r->gid == gid && r->sid == sid)
            break;
        slot = (slot + 1) & (set->ids_room - 1);
    }
    return slot;
}

const struct rule *rule_find(const struct rule_set *set, uint32_t gid, uint32_t sid)
{
    size_t slot = set->ids_room ? id_slot(set, gid, sid) : 0;
    return set->ids_room && set->ids[slot] ? &set->rules[set->ids[slot] - 1] : NULL;
}

static bool rules_grow(struct rule_set *set)
{
    size_t room = set->rules_room ? set->rules_room * 2 : 64;
    struct rule *grown = realloc(set->rules, room * sizeof *grown);
    if (!grown)
        return false;
    set->rules = grown;
    uint32_t *ids = calloc(room * 4, sizeof *ids);
    if (!ids)
        return false;
    free(set->ids);
    set->ids = ids;
    set->ids_room = room * 4;
    set->rules_room = room;
    for (size_t i = 0; i < set->rules_used; i++)
        set->ids[id_slot(set, set->rules[i].gid, set->rules[i].sid)] = (uint32_t)i + 1;
    return true;
}

bool rule_keep(struct rule_set *set, const struct rule *rule)
{
    if (set->rules_used == set->rules_room && !rules_grow(set)) {
        set->out_of_memory = true;
        return false;
    }
    size_t slot = id_slot(set, rule->gid, rule->sid);
    if (set->ids[slot]) {
        struct rule *earlier = &set->rules[set->ids[slot] - 1];
        if (earlier->rev >= rule->rev)
            return false;
        free(earlier->block);
        *earlier = *rule;
        return true;
    }
    set->rules[set->rules_used++] = *rule;
    set->ids[slot] = (uint32_t)set->rules_used;
    return true;
}

static char *read_whole(FILE *in, const char *path, size_t *length, struct error *why)
{
    size_t room = 65536, used = 0;
    char *memory = malloc(room);
    while (memory) {
        used += fread(memory + used, 1, room - used, in);
        if (used < room)
            break;
        char *grown = room < RULE_FILE_MAX ? realloc(memory, room * 2) : NULL;
        if (!grown) {
            free(memory);
            error_set(why, EXIT_DATA, "%s: more than %d bytes of rules", path, RULE_FILE_MAX);
            return NULL;
        }
        memory = grown;
        room *= 2;
    }
    if (!memory || ferror(in)) {
        error_set(why, memory ? EXIT_IO : EXIT_INTERNAL, "cannot read %s: %s", path, strerror(errno));
        free(memory);
        return NULL;
    }
    *length = used;
    return memory;
}

static char *read_file(const char *path, size_t *length, struct error *why)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        error_set(why, errno == EACCES ? EXIT_NO_PERMISSION : EXIT_NO_INPUT, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = read_whole(in, path, length, why);
    fclose(in);
    return text;
}

bool rules_add_file(struct rule_set *set, const char *path, struct error *why)
{
    size_t length = 0;
    char *text = read_file(path, &length, why);
    if (text)
        rules_add_text(set, path, view_of(text, length));
    bool good = text != NULL;
    free(text);
    return good;
}

bool rules_add_tuning_file(struct rule_set *set, const char *path, struct error *why)
{
    size_t length = 0;
    char *text = read_file(path, &length, why);
    if (text)
        rules_add_tuning_text(set, path, view_of(text, length));
    bool good = text != NULL;
    free(text);
    return good;
}

bool rules_ready(struct rule_set *set, struct error *why)
{
    if (set->out_of_memory || !tuning_apply(set) || !index_build(set))
        return error_set(why, EXIT_INTERNAL, "not enough memory for the rules");
    return true;
}

bool rules_find(const struct rule_set *set, uint32_t gid, uint32_t sid, uint32_t *rule)
{
    const struct rule *found = rule_find(set, gid, sid);
    if (found)
        *rule = (uint32_t)(found - set->rules);
    return found != NULL;
}

void rules_facts(const struct rule_set *set, uint32_t rule, struct rule_facts *out)
{
    static const struct rule none = {.msg = "", .classtype = "", .text = "", .references = ""};
    const struct rule *r = rule < set->rules_used ? &set->rules[rule] : &none;
    *out = (struct rule_facts){.gid = r->gid,
                               .sid = r->sid,
                               .rev = r->rev,
                               .msg = r->msg,
                               .classtype = r->classtype,
                               .text = r->text,
                               .references = r->references,
                               .severity = r->severity,
                               .quiet = r->quiet};
}
