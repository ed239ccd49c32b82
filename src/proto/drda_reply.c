/* What a server says: reply messages and data, errors, and which request they belong to (DDM volume 3; DRDA volume 1). */
#include "proto/drda.h"

enum { SQLCARD_HEAD = 10, SVRCOD_ERROR = 8 };

static void take_parameter(struct drda_reading *r, const struct drda_object *p)
{
    struct cursor c = cursor_over(p->body);
    struct drda_state *s = r->s;
    switch (p->code_point) {
    case CP_SVRCOD:
        r->severity = take_u16be(&c);
        note_field(r->out, FIELD_DRDA_SEVERITY, p->offset, (uint32_t)p->body.length, r->severity);
        return;
    case CP_SECCHKCD:
        r->code = take_u8(&c);
        note_field(r->out, FIELD_DRDA_SECURITY_CODE, p->offset, (uint32_t)p->body.length, r->code);
        return;
    case CP_SYNERRCD:
        r->code = take_u8(&c);
        note_field(r->out, FIELD_DRDA_SYNTAX_ERROR, p->offset, (uint32_t)p->body.length, r->code);
        return;
    case CP_SECMEC:
        note_field(r->out, FIELD_DRDA_SECURITY, p->offset, p->body.length < 2 ? 0 : 2, take_u16be(&c));
        return;
    case CP_SECTKN:
        note_field(r->out, FIELD_DRDA_PASSWORD, p->offset, (uint32_t)p->body.length, 0);
        return;
    case CP_SRVRLSLV:
        note_field(r->out, FIELD_DRDA_SERVER_RELEASE, p->offset, (uint32_t)p->body.length, 0);
        s->text_length = drda_text(s, p->body, s->text, sizeof s->text);
        return;
    case CP_SRVCLSNM:
        note_field(r->out, FIELD_DRDA_CLASS_NAME, p->offset, (uint32_t)p->body.length, 0);
        return;
    case CP_EXTNAM:
        note_field(r->out, FIELD_DRDA_PROGRAM, p->offset, (uint32_t)p->body.length, 0);
        return;
    case CP_PRDID:
        note_field(r->out, FIELD_DRDA_PRODUCT, p->offset, (uint32_t)p->body.length, 0);
        return;
    case CP_MGRLVLLS:
        while (cursor_left(&c) >= 4) {
            uint16_t manager = take_u16be(&c), level = take_u16be(&c);
            s->utf8_agreed |= manager == CP_UNICODEMGR && level == 1208;
        }
        return;
    case DRDA_TYPDEFNAM: {
        char types[12];
        uint8_t length = drda_text(s, p->body, types, sizeof types);
        note_field(r->out, FIELD_DRDA_TYPES, p->offset, (uint32_t)p->body.length, 0);
        s->little_endian = length >= 9 && memcmp(types, "QTDSQLX86", 9) == 0;
        return;
    }
    default:
        return;
    }
}

static void rejected(struct drda_reading *r, const struct drda_object *o, enum anomaly anomaly)
{
    struct drda_state *s = r->s;
    s->farewell = true;
    observe(r->out, (struct fact){.kind = FACT_VERDICT, .number = o->code_point});
    report(r->out, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_DRDA_CODE_POINT, .relation = MUST_BE, .offset = o->at + 2,
                                   .length = 2, .got = o->code_point, .note = "a reply to what was asked"});
}

static void security_checked(struct drda_reading *r)
{
    struct session *session = r->out->session;
    if (r->code == 0) {
        session->phase = PHASE_AUTHENTICATED;
        observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
        return;
    }
    observe(r->out, (struct fact){.kind = FACT_LOGIN_FAILED, .number = r->code});
    r->s->farewell = true;
}

void drda_reply(struct drda_reading *r, const struct drda_object *o)
{
    struct drda_state *s = r->s;
    if (o->code_point == DRDA_SQLCARD) { /* Derby puts it behind a reply message */
        drda_reply_data(r, o);
        return;
    }
    s->text_length = 0;
    if (!drda_parameters(r, o, take_parameter))
        return;
    switch (o->code_point) {
    case DRDA_EXCSATRD:
        observe(r->out, (struct fact){.kind = FACT_SERVER_HELLO, .text = view_of(s->text, s->text_length)});
        return;
    case DRDA_SECCHKRM:
        security_checked(r);
        return;
    case DRDA_ACCRDBRM:
        r->out->session->phase = PHASE_AUTHENTICATED;
        return;
    case DRDA_SYNTAXRM: case DRDA_PRCCNVRM: case DRDA_DTAMCHRM: case DRDA_OBJNSPRM:
        rejected(r, o, ANOMALY_DRDA_REJECTED);
        return;
    case DRDA_CMDNSPRM: case DRDA_PRMNSPRM: case DRDA_VALNSPRM: case DRDA_TRGNSPRM:
        rejected(r, o, ANOMALY_DRDA_NOT_SUPPORTED);
        return;
    case DRDA_RDBNFNRM: case DRDA_RDBAFLRM: case DRDA_RDBATHRM: case DRDA_AGNPRMRM: case DRDA_MGRDEPRM: case DRDA_CMDATHRM:
        observe(r->out, (struct fact){.kind = FACT_ERROR, .number = o->code_point});
        s->farewell = true;
        return;
    case DRDA_SQLERRRM: case DRDA_OPNQFLRM: case DRDA_ENDQRYRM:
        return; /* a SQLCARD says what it is */
    default:
        if (r->severity >= SVRCOD_ERROR)
            observe(r->out, (struct fact){.kind = FACT_ERROR, .number = o->code_point});
    }
}

/* SQLCARD: a flag, SQLCODE, SQLSTATE; numbers as the server writes them (FD:OCA, SQLCAGRP). */
static void sqlcard(struct drda_reading *r, const struct drda_object *o)
{
    struct cursor c = cursor_over(o->body);
    if (o->body.length < SQLCARD_HEAD || take_u8(&c) != 0)
        return;
    uint32_t raw = r->s->little_endian ? take_u32le(&c) : take_u32be(&c);
    struct view state = take_view(&c, 5);
    int64_t code = (int32_t)raw;
    note_field(r->out, FIELD_DRDA_SQLCODE, o->offset + 1, 4, (uint64_t)(code < 0 ? -code : code));
    note_field(r->out, FIELD_DRDA_SQLSTATE, o->offset + 5, 5, 0);
    if (code < 0)
        observe(r->out, (struct fact){.kind = FACT_ERROR, .number = (uint64_t)-code, .more = state});
}

void drda_reply_data(struct drda_reading *r, const struct drda_object *o)
{
    switch (o->code_point) {
    case DRDA_SQLCARD:
        sqlcard(r, o);
        return;
    case DRDA_EXCSATRD: case DRDA_ACCSECRD: /* DB2 sends them as objects */
        drda_reply(r, o);
        return;
    case DRDA_TYPDEFNAM:
        take_parameter(r, o);
        return;
    default:
        return;
    }
}

/* All DSSs of a reply carry the correlator of the request. */
void drda_reply_begins(struct drda_reading *r)
{
    struct drda_state *s = r->s;
    if (s->untracked || s->reported || r->side->doubt)
        return;
    for (unsigned i = 0; i < s->open_used; i++)
        if (s->open[i] == r->correlator)
            return;
    if (s->replying_known && s->replying == r->correlator)
        return;
    if (!s->unrequested_told)
        report(r->out, (struct report){.anomaly = ANOMALY_DRDA_UNREQUESTED, .field = FIELD_DRDA_CORRELATOR, .relation = MUST_BE, .offset = 4,
                                       .length = 2, .got = r->correlator, .note = "of a request that is open"});
    s->unrequested_told = true;
}

void drda_replied(struct drda_reading *r)
{
    struct drda_state *s = r->s;
    s->replying = r->side->correlator;
    s->replying_known = true;
    if (r->side->chained_same)
        return;
    unsigned kept = 0;
    bool answered = s->untracked;
    for (unsigned i = 0; i < s->open_used; i++)
        if (s->open[i] == r->side->correlator && !answered)
            answered = true;
        else
            s->open[kept++] = s->open[i];
    s->open_used = (uint8_t)kept;
    if (answered)
        observe(r->out, (struct fact){.kind = FACT_REPLY});
}
