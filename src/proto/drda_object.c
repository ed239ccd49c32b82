/* The objects of a DSS and the parameters of an object (DDM volume 3: length, code point, data; extended lengths). */
#include "proto/drda.h"

/* Whether a code point has a name as the first of a DSS. */
static bool is_named(uint16_t code_point)
{
    switch (code_point) {
#define NAME_SET(set)
#define NAME(set, SYMBOL, value, text) NAMED_##set(value)
#define NAMED_drda_message(value) case value:
#define NAMED_drda_dss_type(value)
#define NAMED_drda_security(value)
#include "model/names/drda.def"
#undef NAME
#undef NAME_SET
        return true;
    default:
        return false;
    }
}

/* The header of an object; false: too short to tell. `extended` is how many bytes the extended length has, -1 none. */
struct header {
    uint32_t declared;
    uint16_t code_point;
    int extended;
    uint64_t length; /* with the header */
    uint32_t size;   /* of the header */
};

static bool take_header(struct cursor *c, struct header *h)
{
    *h = (struct header){.extended = -1, .size = OBJECT_HEADER};
    h->declared = take_u16be(c);
    h->code_point = take_u16be(c);
    h->length = h->declared;
    if (!c->failed && h->declared & OBJECT_EXTENDED) {
        h->extended = (int)(h->declared & ~(uint32_t)OBJECT_EXTENDED) - OBJECT_HEADER;
        uint64_t length = 0;
        for (int i = 0; i < h->extended && i < 8; i++)
            length = length << 8 | take_u8(c);
        h->size += h->extended > 0 && h->extended <= 8 ? (uint32_t)h->extended : 0;
        h->length = length > INT64_MAX ? INT64_MAX : length + h->size;
    }
    return !c->failed;
}

static bool may_stream(uint16_t code_point)
{
    return code_point == DRDA_EXTDTA || code_point == DRDA_QRYDTA;
}

/* Whether the header itself is sound; what is wrong is reported. */
static bool header_is_sound(struct drda_reading *r, const struct header *h, uint32_t at)
{
    bool extended = h->declared & OBJECT_EXTENDED;
    bool streamed = extended && h->extended == 0 && may_stream(h->code_point);
    if (extended && !streamed && h->extended != 4 && h->extended != 6 && h->extended != 8) {
        drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_EXTENDED_LENGTH, .field = FIELD_DRDA_OBJECT_LENGTH, .relation = MUST_BE,
                                       .offset = at, .length = 2, .got = h->declared, .note = "0x8008, 0x800a or 0x800c"});
        return false;
    }
    if (!extended && h->declared < OBJECT_HEADER) {
        drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_OBJECT_LENGTH, .field = FIELD_DRDA_OBJECT_LENGTH, .relation = MUST_REACH,
                                       .offset = at, .length = 2, .got = h->declared, .expected = OBJECT_HEADER, .note = "its own header"});
        return false;
    }
    return true;
}

static void overrun(struct drda_reading *r, enum anomaly anomaly, uint32_t at, uint64_t got, uint64_t left, const char *note)
{
    drda_defect(r, (struct report){.anomaly = (uint16_t)anomaly, .field = FIELD_DRDA_OBJECT_LENGTH, .relation = MUST_NOT_EXCEED, .offset = at,
                                   .length = 2, .got = got, .expected = left, .note = note});
}

static bool object_means(struct drda_reading *r, const struct drda_object *o)
{
    if (r->from == FROM_SERVER) {
        if (r->type == DRDA_RPYDSS)
            drda_reply(r, o);
        else
            drda_reply_data(r, o);
        return true;
    }
    return r->type == DRDA_OBJDSS ? drda_command_data(r, o) : drda_command(r, o);
}

/* Objects from the cursor on, up to the end of this segment. */
enum verdict drda_objects(struct drda_reading *r)
{
    struct cursor *c = &r->c;
    struct drda_direction *side = r->side;
    while (cursor_offset(c) < r->total) {
        uint32_t at = cursor_offset(c);
        uint64_t left = r->total - at;
        struct header h;
        if (!take_header(c, &h)) {
            bool here = cursor_all(c).length == r->total; /* all of the segment was given */
            side->unsure = true;
            if (here && !side->continued)
                overrun(r, ANOMALY_DRDA_TRAILING, at, left, 0, "bytes that make no object");
            return VERDICT_OK;
        }
        if (at == DSS_HEADER) {
            r->out->message = is_named(h.code_point) ? h.code_point : DRDA_OTHER;
            note_field(r->out, FIELD_DRDA_CODE_POINT, at + 2, 2, h.code_point);
        }
        if (!header_is_sound(r, &h, at)) {
            side->unsure = true;
            return VERDICT_OK;
        }
        bool streamed = h.extended == 0;
        uint64_t body = streamed ? left - h.size : h.length - h.size;
        if (!streamed && h.length > left && !side->continued) {
            overrun(r, ANOMALY_DRDA_OBJECT_OVERRUN, at, h.length, left, "left in the DSS");
            return VERDICT_BROKEN;
        }
        struct drda_object o = {.code_point = h.code_point, .length = body, .at = at, .offset = cursor_offset(c)};
        o.body = view_head(cursor_ahead(c), body < UINT32_MAX ? (size_t)body : UINT32_MAX);
        if (!object_means(r, &o))
            return VERDICT_OK;
        if (r->type != DRDA_OBJDSS && r->from == FROM_CLIENT && !side->continued && h.length < left) {
            overrun(r, ANOMALY_DRDA_TRAILING, at, left - h.length, 0, "one command in a request");
            return VERDICT_OK;
        }
        if (streamed || h.length >= left) {
            side->code_point = h.code_point;
            side->streamed = streamed;
            side->object_left = streamed ? 0 : h.length - left;
            return VERDICT_OK;
        }
        if (body > cursor_left(c)) /* the rest of the segment was not asked for */
            return VERDICT_OK;
        take_skip(c, body);
    }
    return VERDICT_OK;
}

enum verdict drda_continuation(struct drda_reading *r)
{
    struct cursor *c = &r->c;
    struct drda_direction *side = r->side;
    uint32_t length = take_u16be(c);
    r->out->message = DRDA_CONTINUATION;
    r->type = DRDA_OBJDSS;
    r->correlator = side->correlator;
    note_field(r->out, FIELD_DRDA_LENGTH, 0, 2, length);
    if (!(length & DSS_CONTINUED) && length <= DSS_CONTINUATION_HEADER) {
        side->continued = false;
        drda_defect(r, (struct report){.anomaly = ANOMALY_DRDA_CONTINUATION, .field = FIELD_DRDA_LENGTH, .relation = MUST_REACH, .length = 2,
                                       .got = length, .expected = DSS_CONTINUATION_HEADER + 1, .note = "a header and data"});
        return VERDICT_BROKEN;
    }
    side->continued = length & DSS_CONTINUED;
    uint64_t here = r->total - DSS_CONTINUATION_HEADER;
    if (side->streamed || side->unsure)
        return VERDICT_OK;
    if (side->object_left > here && !side->continued) {
        overrun(r, ANOMALY_DRDA_OBJECT_OVERRUN, 0, side->object_left, here, "left in the DSS");
        return VERDICT_BROKEN;
    }
    if (side->object_left >= here) {
        side->object_left -= here;
        return VERDICT_OK;
    }
    uint64_t passed = side->object_left;
    side->object_left = 0;
    if (passed > cursor_left(c)) {
        side->unsure = true;
        return VERDICT_OK;
    }
    take_skip(c, passed);
    return drda_objects(r);
}

bool drda_parameters(struct drda_reading *r, const struct drda_object *o, void (*take)(struct drda_reading *, const struct drda_object *))
{
    struct cursor c = cursor_over(o->body);
    bool whole = o->body.length == o->length;
    while (cursor_left(&c)) {
        uint32_t at = cursor_offset(&c);
        uint64_t left = o->length - at;
        struct header h;
        if (!take_header(&c, &h)) {
            if (whole)
                overrun(r, ANOMALY_DRDA_PARAMETER_LENGTH, o->offset + at, left, 0, "bytes that make no parameter");
            return !whole;
        }
        if (!header_is_sound(r, &h, o->offset + at))
            return false;
        if (h.length > left) {
            overrun(r, ANOMALY_DRDA_PARAMETER_LENGTH, o->offset + at, h.length, left, "left in the object");
            return false;
        }
        struct drda_object p = {.code_point = h.code_point, .length = h.length - h.size, .at = o->offset + at,
                                .offset = o->offset + cursor_offset(&c)};
        if (p.length > cursor_left(&c))
            return true; /* beyond what is here */
        p.body = take_view(&c, p.length);
        note_field(r->out, FIELD_DRDA_PARAMETER, p.at + 2, 2, p.code_point);
        take(r, &p);
    }
    return true;
}
