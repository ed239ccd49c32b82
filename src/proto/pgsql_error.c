/*
 * PostgreSQL ErrorResponse and NoticeResponse, and the old form that answers protocol 2. The server is the judge: its
 * protocol violations (08P01) are reported here when nothing was seen wrong in the client's messages before.
 */
#include "model/name.h"
#include "proto/pgsql.h"

struct complaint {
    struct view severity, code, text;
    uint32_t code_at;
    bool fatal;
    bool source; /* the server names its own source file: not a pooler's error */
};

static enum field field_of(uint8_t code)
{
    return code == 'S'   ? FIELD_PGSQL_SEVERITY
           : code == 'C' ? FIELD_PGSQL_SQLSTATE
           : code == 'M' ? FIELD_PGSQL_MESSAGE
                         : FIELD_PGSQL_ERROR_VALUE;
}

static void keep(struct complaint *c, uint8_t code, struct view value, uint32_t at)
{
    if (code == 'S')
        c->severity = value;
    if (code == 'S' || code == 'V')
        c->fatal |= view_equal(value, view_text("FATAL")) || view_equal(value, view_text("PANIC"));
    if (code == 'C') {
        c->code = value;
        c->code_at = at;
    }
    if (code == 'M')
        c->text = value;
    c->source |= code == 'R';
}

static void take_fields(struct pgsql_reading *r, struct complaint *c)
{
    while (!pgsql_stop(r)) {
        if (cursor_left(&r->c) == 0) {
            if (!pgsql_cut(r))
                pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_ERROR_FIELDS, .field = FIELD_PGSQL_ERROR_CODE,
                                                .relation = MUST_BE, .offset = cursor_offset(&r->c), .length = 0,
                                                .note = "a zero byte after the last field"});
            return;
        }
        uint8_t code = take_u8(&r->c);
        if (code == 0)
            return;
        enum field field = field_of(code);
        if (field == FIELD_PGSQL_ERROR_VALUE)
            note_field(r->out, FIELD_PGSQL_ERROR_CODE, cursor_offset(&r->c) - 1, 1, code);
        r->out->depth = field == FIELD_PGSQL_ERROR_VALUE;
        uint32_t at = cursor_offset(&r->c);
        struct view value = pgsql_string(r, field);
        r->out->depth = 0;
        if (!pgsql_stop(r))
            keep(c, code, value, at);
    }
}

static bool is_sqlstate(struct view code)
{
    for (size_t i = 0; i < code.length; i++)
        if (!((code.bytes[i] >= '0' && code.bytes[i] <= '9') || (code.bytes[i] >= 'A' && code.bytes[i] <= 'Z')))
            return false;
    return code.length == 5;
}

static bool code_is(const struct complaint *c, const char *code)
{
    return view_equal(c->code, view_text(code));
}

static void check_fields(struct pgsql_reading *r, const struct complaint *c)
{
    if (!c->severity.length || !c->text.bytes || !c->code.length)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_ERROR_FIELDS,
                                        .field = (uint16_t)(!c->severity.length ? FIELD_PGSQL_SEVERITY
                                                            : !c->code.length   ? FIELD_PGSQL_SQLSTATE
                                                                                : FIELD_PGSQL_MESSAGE),
                                        .relation = MUST_BE, .offset = PGSQL_HEADER, .length = 0,
                                        .note = "the fields S, C and M"});
    else if (!is_sqlstate(c->code))
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_SQLSTATE_FORM, .field = FIELD_PGSQL_SQLSTATE,
                                        .relation = MUST_BE, .offset = c->code_at, .length = (uint32_t)c->code.length,
                                        .got = c->code.length, .note = "five digits and capital letters"});
}

static bool begins(struct view text, const char *with)
{
    return view_equal(view_head(text, strlen(with)), view_text(with));
}

/* PgBouncer gives most of its errors the code 08P01, also that a database is unknown or a server cannot be reached.
 * Only these speak of the client's messages. */
static bool pooler_complains(struct view text)
{
    static const char *const texts[] = {
        "bad packet", "bad startup", "bad password packet", "client re-sent startup", "client password pkt before",
        "SSL req inside SSL", "GSS req inside", "old V2 protocol", "unsupported protocol version", "unknown pkt",
        "unexpected", "invalid", "broken", "malformed", "unsupported startup packet",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (begins(text, texts[i]))
            return true;
    return false;
}

/* 08P01, or a refused protocol version. */
static bool is_verdict(const struct pgsql_state *s, const struct complaint *c)
{
    if (code_is(c, "08P01"))
        return c->source || pooler_complains(c->text);
    return s->stage == STAGE_AUTHENTICATION && code_is(c, "0A000") && c->fatal;
}

static void judge(struct pgsql_reading *r, const struct complaint *c)
{
    struct pgsql_state *s = r->state;
    if (!is_verdict(s, c))
        return;
    observe(r->out, (struct fact){.kind = FACT_VERDICT, .text = c->text, .more = c->code});
    if (s->reported)
        return;
    s->reported = true;
    report(r->out, (struct report){.anomaly = ANOMALY_PGSQL_REJECTED, .field = FIELD_PGSQL_SQLSTATE, .relation = MUST_BE,
                                   .offset = c->code_at, .length = (uint32_t)c->code.length,
                                   .note = "an answer that is no protocol violation"});
}

static void tell(struct pgsql_reading *r, const struct complaint *c, bool notice)
{
    struct pgsql_state *s = r->state;
    bool leaving = code_is(c, "57P01") || code_is(c, "57P02");
    s->farewell |= c->fatal || leaving;
    if (leaving)
        observe(r->out, (struct fact){.kind = FACT_SHUTDOWN, .text = c->text, .more = c->code});
    if (notice)
        return;
    bool refused = s->stage == STAGE_AUTHENTICATION && begins(c->code, "28");
    observe(r->out, (struct fact){.kind = refused ? FACT_LOGIN_FAILED : FACT_ERROR, .text = c->text, .more = c->code});
    judge(r, c);
}

void pgsql_error(struct pgsql_reading *r, bool notice)
{
    struct complaint c = {0};
    take_fields(r, &c);
    if (r->c.failed && !r->bad) { /* longer than what was wanted: the required fields come first */
        r->c.failed = false;
    } else {
        pgsql_end(r);
        if (!r->bad)
            check_fields(r, &c);
    }
    tell(r, &c, notice);
    if (!notice)
        pgsql_answer_error(r);
}

/* 'E' and a text: what PostgreSQL 14 and later say to a major version below 3. */
void pgsql_old_error(struct pgsql_reading *r)
{
    r->out->message = PGSQL_OLD_ERROR;
    note_field(r->out, FIELD_PGSQL_TYPE, 0, 1, 'E');
    take_skip(&r->c, 1);
    struct view text = pgsql_string(r, FIELD_PGSQL_MESSAGE);
    r->state->farewell = true;
    observe(r->out, (struct fact){.kind = FACT_ERROR, .text = text});
    observe(r->out, (struct fact){.kind = FACT_VERDICT, .text = text});
}
