/* What a client says: commands, their parameters and their order, and the data that belongs to them (DDM volume 3; DRDA volume
 * 1, rules; DRDAConnThread.java of Derby 10.14). */
#include "proto/drda.h"

enum { RDBNAM_MAX = 1024, NAME_BYTES_MAX = 255, PRDID_MAX = 8, SQL_NULL = 0x80, EBCDIC_DOT = 0x4B, EBCDIC_COLON = 0x7A, TRIPLET_HEADER = 3, ROW_LAYOUT = 0x71 };

/* A parameter and how many bytes its data may have; `seen` is its bit. */
struct shape {
    uint16_t code_point;
    uint16_t least, most;
    uint16_t step; /* a list of values of so many bytes */
    enum field field;
};

static const struct shape shapes[] = {
    {CP_EXTNAM, 0, NAME_BYTES_MAX, 1, FIELD_DRDA_PROGRAM},
    {CP_MGRLVLLS, 0, UINT16_MAX, 4, FIELD_NONE},
    {CP_SRVCLSNM, 0, NAME_BYTES_MAX, 1, FIELD_DRDA_CLASS_NAME},
    {CP_SRVRLSLV, 0, NAME_BYTES_MAX, 1, FIELD_DRDA_SERVER_RELEASE},
    {CP_SRVNAM, 0, NAME_BYTES_MAX, 1, FIELD_NONE},
    {CP_SECMEC, 2, UINT16_MAX, 2, FIELD_NONE},
    {CP_RDBNAM, 1, RDBNAM_MAX, 1, FIELD_DRDA_DATABASE},
    {CP_USRID, 1, NAME_BYTES_MAX, 1, FIELD_DRDA_USER},
    {CP_PASSWORD, 0, UINT16_MAX, 1, FIELD_DRDA_PASSWORD},
    {CP_NEWPASSWORD, 0, UINT16_MAX, 1, FIELD_DRDA_PASSWORD},
    {CP_SECTKN, 0, UINT16_MAX, 1, FIELD_DRDA_PASSWORD},
    {CP_RDBACCCL, 2, 2, 1, FIELD_NONE},
    {CP_PRDID, 1, PRDID_MAX, 1, FIELD_DRDA_PRODUCT},
    {CP_CRRTKN, 0, NAME_BYTES_MAX, 1, FIELD_DRDA_TOKEN},
    {DRDA_TYPDEFNAM, 1, NAME_BYTES_MAX, 1, FIELD_DRDA_TYPES},
    {DRDA_TYPDEFOVR, 0, UINT16_MAX, 1, FIELD_NONE},
    {CP_PKGNAMCSN, 10, UINT16_MAX, 1, FIELD_DRDA_PACKAGE},
    {CP_PKGSN, 2, 2, 1, FIELD_NONE},
    {CP_QRYBLKSZ, 4, 4, 1, FIELD_NONE},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static unsigned shape_of(uint16_t code_point)
{
    unsigned i = 0;
    while (i < SHAPES && shapes[i].code_point != code_point)
        i++;
    return i;
}

/* What a command cannot do without: bits by place in `shapes`; of the packages one of two. */
struct command {
    uint16_t code_point;
    bool data;          /* command data objects may follow */
    bool package;
    uint16_t needs[6];
};

static const struct command commands[] = {
    {DRDA_EXCSAT, false, false, {0}},
    {DRDA_ACCSEC, false, false, {CP_SECMEC}},
    {DRDA_SECCHK, true, false, {CP_SECMEC}},
    {DRDA_ACCRDB, true, false, {CP_RDBNAM, CP_RDBACCCL, CP_PRDID, DRDA_TYPDEFNAM, DRDA_TYPDEFOVR}},
    {DRDA_SYNCCTL, true, false, {0}},
    {DRDA_SYNCRSY, true, false, {0}},
    {DRDA_SYNCLOG, true, false, {0}},
    {DRDA_INTRDBRQS, false, false, {0}},
    {DRDA_BGNBND, true, false, {0}},
    {DRDA_BNDSQLSTT, true, true, {0}},
    {DRDA_ENDBND, true, false, {0}},
    {DRDA_CLSQRY, false, true, {0}},
    {DRDA_CNTQRY, true, true, {CP_QRYBLKSZ}},
    {DRDA_DRPPKG, true, false, {0}},
    {DRDA_DSCSQLSTT, true, true, {0}},
    {DRDA_EXCSQLIMM, true, true, {0}},
    {DRDA_EXCSQLSTT, true, true, {0}},
    {DRDA_OPNQRY, true, true, {CP_QRYBLKSZ}},
    {DRDA_PRPSQLSTT, true, true, {0}},
    {DRDA_EXCSQLSET, true, false, {0}},
    {DRDA_DSCRDBTBL, true, false, {0}},
    {DRDA_RDBCMM, false, false, {0}},
    {DRDA_RDBRLLBCK, false, false, {0}},
    {DRDA_REBIND, true, false, {0}},
    {DRDA_BNDCPY, true, false, {0}},
};

static const struct command *command_of(uint16_t code_point)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (commands[i].code_point == code_point)
            return &commands[i];
    return NULL;
}

static bool fits(const struct shape *shape, uint64_t length)
{
    return length >= shape->least && length <= shape->most && length % shape->step == 0;
}

static void parameter_length(struct drda_reading *r, const struct drda_object *p, const struct shape *shape)
{
    bool listed = p->length % shape->step;
    drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_PARAMETER_SIZE, .field = FIELD_DRDA_OBJECT_LENGTH,
                                   .relation = listed ? MUST_BE : p->length < shape->least ? MUST_REACH : MUST_NOT_EXCEED, .offset = p->at,
                                   .length = 2, .got = p->length + OBJECT_HEADER,
                                   .expected = (p->length < shape->least ? shape->least : shape->most) + (uint64_t)OBJECT_HEADER,
                                   .note = listed ? "whole entries" : "with its header"});
}

/* DB2 of 9.1 and 9.5 stumbled over an IPv6 address where the application identifier has an IPv4 one (CVE-2009-1906). It stands
 * before the first dot; what is behind the last one may be any bytes. */
static void token(struct drda_reading *r, const struct drda_object *p)
{
    unsigned colons = 0;
    for (size_t i = 0; i < p->body.length && i < NAME_BYTES_MAX; i++) {
        uint8_t byte = p->body.bytes[i];
        if (byte == '.' || byte == EBCDIC_DOT)
            break;
        colons += byte == ':' || byte == EBCDIC_COLON;
    }
    if (colons >= 2)
        drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_TOKEN_ADDRESS, .field = FIELD_DRDA_TOKEN, .relation = MUST_BE,
                                       .offset = p->offset, .length = (uint32_t)p->body.length, .note = "an address without colons"});
}

static void remember(const struct drda_state *s, struct view bytes, char *into, uint8_t *length)
{
    *length = drda_text(s, bytes, into, SESSION_TEXT_MAX);
}

static void noted(struct drda_reading *r, const struct drda_object *p, const struct shape *shape)
{
    struct session *session = r->out->session;
    if (shape->field)
        note_field(r->out, shape->field, p->offset, (uint32_t)p->body.length, 0);
    switch (p->code_point) {
    case CP_SECMEC: {
        struct cursor c = cursor_over(p->body);
        note_field(r->out, FIELD_DRDA_SECURITY, p->offset, 2, take_u16be(&c));
        return;
    }
    case CP_USRID:
        remember(r->s, p->body, session->user, &session->user_length);
        return;
    case CP_RDBNAM:
        remember(r->s, p->body, session->database, &session->database_length);
        return;
    case CP_CRRTKN:
        token(r, p);
        return;
    case CP_EXTNAM:
        if (!r->s->text_length)
            r->s->text_length = drda_text(r->s, p->body, r->s->text, sizeof r->s->text);
        return;
    default:
        return;
    }
}

/* Once for each parameter of a command. What was seen is in the findings: its bit among the shapes, kept in the reading. */
static void take_parameter(struct drda_reading *r, const struct drda_object *p)
{
    unsigned i = shape_of(p->code_point);
    if (i == SHAPES)
        return;
    if (!fits(&shapes[i], p->length)) {
        parameter_length(r, p, &shapes[i]);
        return;
    }
    if (r->seen & UINT32_C(1) << i && p->code_point != CP_SECTKN && p->code_point != CP_RDBNAM)
        drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_DUPLICATE, .field = FIELD_DRDA_PARAMETER, .relation = MUST_BE, .offset = p->at + 2,
                                       .length = 2, .got = p->code_point, .note = "there once"});
    r->seen |= UINT32_C(1) << i;
    noted(r, p, &shapes[i]);
}

static bool has(const struct drda_reading *r, uint16_t code_point)
{
    return r->seen & UINT32_C(1) << shape_of(code_point);
}

static void missing(struct drda_reading *r, const struct drda_object *o, uint16_t code_point, const char *note)
{
    drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_MISSING, .field = FIELD_DRDA_PARAMETER, .relation = MUST_BE,
                                   .offset = o->offset + (uint32_t)o->body.length, .length = 0, .got = code_point, .note = note});
}

static void requirements(struct drda_reading *r, const struct drda_object *o, const struct command *command)
{
    for (size_t i = 0; i < sizeof command->needs / sizeof command->needs[0] && command->needs[i]; i++)
        if (!has(r, command->needs[i])) {
            missing(r, o, command->needs[i], "the parameters that the command needs");
            return;
        }
    if (command->package && !has(r, CP_PKGNAMCSN) && !has(r, CP_PKGSN))
        missing(r, o, CP_PKGNAMCSN, "a package or a section of it");
}

static void disorder(struct drda_reading *r, enum anomaly anomaly, const struct drda_object *o, const char *note)
{
    if (r->s->order_told || r->s->joined)
        return;
    r->s->order_told = true;
    drda_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_DRDA_CODE_POINT, .relation = MUST_BE, .offset = o->at + 2,
                                   .length = 2, .got = o->code_point, .note = note});
}

static void log_in(struct drda_reading *r)
{
    struct session *session = r->out->session;
    observe(r->out, (struct fact){.kind = FACT_LOGIN, .text = view_of(session->user, session->user_length),
                                  .more = view_of(session->database, session->database_length)});
}

/* EXCSAT, ACCSEC, SECCHK, ACCRDB, then the rest (DRDA volume 1, connection rules). A later EXCSAT begins anew. */
static void order(struct drda_reading *r, const struct drda_object *o)
{
    struct drda_state *s = r->s;
    bool named = has(r, CP_RDBNAM);
    switch (o->code_point) {
    case DRDA_EXCSAT:
        if (s->stage < DRDA_CHECKED)
            s->stage = DRDA_ATTRIBUTES;
        observe(r->out, (struct fact){.kind = FACT_CLIENT, .text = view_of(s->text, s->text_length)});
        return;
    case DRDA_ACCSEC:
        if (s->stage == DRDA_CONNECTED)
            disorder(r, ANOMALY_DRDA_ORDER, o, "EXCSAT first");
        if (s->stage == DRDA_MECHANISM && s->accsec_without_database && named)
            disorder(r, ANOMALY_DRDA_ACCSEC_AGAIN, o, "SECCHK");
        s->accsec_without_database = !named;
        s->stage = DRDA_MECHANISM;
        return;
    case DRDA_SECCHK:
        if (s->stage == DRDA_CONNECTED || s->stage == DRDA_ATTRIBUTES)
            disorder(r, s->stage == DRDA_CONNECTED ? ANOMALY_DRDA_ORDER : ANOMALY_DRDA_SECCHK_FIRST, o, "ACCSEC before it");
        s->stage = DRDA_CHECKED;
        log_in(r);
        return;
    case DRDA_ACCRDB:
        if (s->stage < DRDA_CHECKED)
            disorder(r, ANOMALY_DRDA_ORDER, o, "EXCSAT, ACCSEC and SECCHK before it");
        else if (s->stage == DRDA_ACCESSED)
            disorder(r, ANOMALY_DRDA_ORDER, o, "one ACCRDB for a login");
        s->stage = DRDA_ACCESSED;
        return;
    case DRDA_INTRDBRQS: case DRDA_SYNCCTL: case DRDA_SYNCRSY: case DRDA_SYNCLOG:
        if (s->stage == DRDA_CONNECTED)
            disorder(r, ANOMALY_DRDA_ORDER, o, "EXCSAT first");
        return;
    default:
        if (s->stage < DRDA_ACCESSED)
            disorder(r, ANOMALY_DRDA_ORDER, o, s->stage == DRDA_CONNECTED ? "EXCSAT first" : "a command of the login");
    }
}

bool drda_command(struct drda_reading *r, const struct drda_object *o)
{
    const struct command *command = command_of(o->code_point);
    r->seen = 0;
    r->s->text_length = 0;
    r->side->carries_objects = command ? command->data : true;
    if (!command) {
        bool data = o->code_point >> 8 == 0x24 || o->code_point == DRDA_EXTDTA;
        drda_defect(r, (struct report){.anomaly = data ? ANOMALY_DRDA_OBJECT_AS_COMMAND : ANOMALY_DRDA_COMMAND, .field = FIELD_DRDA_CODE_POINT,
                                       .relation = MUST_BE, .offset = o->at + 2, .length = 2, .got = o->code_point,
                                       .note = data ? "a command: data comes in an object DSS" : "a command that this build knows"});
        return true;
    }
    bool sound = drda_parameters(r, o, take_parameter);
    if (sound && o->body.length == o->length)
        requirements(r, o, command);
    order(r, o);
    return true;
}

static void statement_ends(struct drda_reading *r, const struct drda_object *o, uint32_t at, unsigned parts)
{
    uint64_t left = o->length - at;
    if (o->body.length == o->length && (left || parts < 2))
        drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_SQL_LENGTH, .field = FIELD_DRDA_SQL_LENGTH, .relation = MUST_BE, .offset = o->offset + at,
                                       .length = (uint32_t)left, .got = left, .note = "the end of the object behind two texts"});
}

/* Before SQLAM level 7: two lengths of two bytes, each with its text. */
static bool is_old_statement(const struct drda_object *o)
{
    struct cursor c = cursor_over(o->body);
    for (unsigned part = 0; part < 2; part++)
        take_skip(&c, take_u16be(&c));
    return !c.failed && cursor_left(&c) == 0;
}

/* SQLSTT: twice a flag, a length and text; a flag below zero has no text (FD:OCA, SQLSTTGRP). */
static void statement(struct drda_reading *r, const struct drda_object *o)
{
    struct cursor c = cursor_over(o->body);
    unsigned part = 0;
    if (is_old_statement(o))
        return;
    for (; part < 2 && cursor_left(&c); part++) {
        uint32_t at = o->offset + cursor_offset(&c);
        uint8_t flag = take_u8(&c);
        if (flag & SQL_NULL)
            continue;
        uint32_t length = take_u32be(&c);
        uint64_t left = o->length - cursor_offset(&c);
        if (c.failed)
            break;
        note_field(r->out, FIELD_DRDA_SQL_LENGTH, at + 1, 4, length);
        if (length > left) {
            drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_SQL_LENGTH, .field = FIELD_DRDA_SQL_LENGTH, .relation = MUST_NOT_EXCEED,
                                           .offset = at + 1, .length = 4, .got = length, .expected = left, .note = "left in the object"});
            return;
        }
        struct view text = view_head(cursor_ahead(&c), length);
        note_field(r->out, FIELD_DRDA_SQL, o->offset + cursor_offset(&c), (uint32_t)text.length, 0);
        if (text.length < length)
            return;
        take_skip(&c, length);
    }
    statement_ends(r, o, cursor_offset(&c), part);
}

/* Descriptions are triplets of FD:OCA: a length that counts itself, a type, an identifier, and what the type has. Servers read no
 * further than the layout of the row. */
static void triplets(struct drda_reading *r, const struct drda_object *o)
{
    struct cursor c = cursor_over(o->body);
    while (cursor_left(&c)) {
        uint32_t at = cursor_offset(&c);
        uint64_t left = o->length - at;
        uint32_t length = take_u8(&c);
        if (length >= TRIPLET_HEADER && take_u8(&c) == ROW_LAYOUT)
            return;
        if (length < TRIPLET_HEADER || length > left) {
            drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_PARAMETER_LENGTH, .field = FIELD_DRDA_OBJECT_LENGTH,
                                           .relation = length < TRIPLET_HEADER ? MUST_REACH : MUST_NOT_EXCEED, .offset = o->offset + at, .length = 1,
                                           .got = length, .expected = length < TRIPLET_HEADER ? (uint64_t)TRIPLET_HEADER : left,
                                           .note = "of a triplet"});
            return;
        }
        take_skip(&c, length - 2);
    }
}

static void take_description(struct drda_reading *r, const struct drda_object *p)
{
    if (p->code_point == CP_FDODSC)
        triplets(r, p);
}

bool drda_command_data(struct drda_reading *r, const struct drda_object *o)
{
    struct drda_direction *side = r->side;
    if (command_of(o->code_point) && o->at == DSS_HEADER)
        disorder(r, ANOMALY_DRDA_COMMAND_AS_OBJECT, o, "data: a command comes in a request DSS");
    else if (o->at == DSS_HEADER && !r->s->joined && (!side->chained_same || !side->carries_objects))
        disorder(r, ANOMALY_DRDA_OBJECT_UNEXPECTED, o, "after a command that takes data, chained with it");
    if (o->code_point == DRDA_SQLSTT || o->code_point == DRDA_SQLATTR)
        statement(r, o);
    else if (o->code_point == DRDA_OUTOVR)
        triplets(r, o);
    else if (o->code_point == DRDA_SQLDTA)
        drda_parameters(r, o, take_description);
    return true;
}

/* A request begins with its own DSS; data that belongs to it has its correlator. */
void drda_requested(struct drda_reading *r)
{
    struct drda_state *s = r->s;
    if (r->type != DRDA_RQSDSS)
        return;
    observe(r->out, (struct fact){.kind = FACT_REQUEST, .number = r->out->message});
    if (!r->side->chained)
        s->open_used = 0; /* a chain that the server broke off leaves requests without a reply */
    if (s->open_used == DRDA_OPEN_MAX)
        s->untracked = true;
    else
        s->open[s->open_used++] = r->correlator;
}
