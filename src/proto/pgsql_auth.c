/*
 * PostgreSQL authentication: the server's requests (R) and the client's answers, which all have type p and mean what the
 * last request asked for. As src/backend/libpq/auth.c and auth-sasl.c.
 */
#include "model/name.h"
#include "proto/pgsql.h"

static void wrong_body(struct pgsql_reading *r, uint64_t expected)
{
    pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_AUTHENTICATION_BODY, .field = FIELD_PGSQL_LENGTH,
                                    .relation = MUST_EQUAL, .offset = 1, .length = 4, .got = r->out->message_length - 1,
                                    .expected = expected, .note = "for this kind of request"});
}

static void take_mechanisms(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    struct view list = view_head(cursor_ahead(&r->c), PGSQL_MECHANISMS);
    s->mechanisms_length = (uint8_t)list.length;
    memcpy(s->mechanisms, list.bytes, list.length);
    while (!pgsql_stop(r) && cursor_left(&r->c) && peek_u8(&r->c))
        (void)pgsql_string(r, FIELD_PGSQL_MECHANISM);
    (void)pgsql_u8(r, FIELD_NONE);
    pgsql_end(r);
}

static void accepted(struct pgsql_reading *r)
{
    r->state->stage = STAGE_SESSION;
    r->out->session->phase = PHASE_AUTHENTICATED;
    observe(r->out, (struct fact){.kind = FACT_LOGIN_OK});
}

static uint8_t awaited_after(uint32_t type)
{
    switch (type) {
    case PGSQL_AUTH_KERBEROS_V5:
    case PGSQL_AUTH_GSS:
    case PGSQL_AUTH_GSS_CONTINUE:
    case PGSQL_AUTH_SSPI:
        return AWAIT_TOKEN;
    case PGSQL_AUTH_CLEARTEXT:
    case PGSQL_AUTH_CRYPT:
    case PGSQL_AUTH_MD5:
        return AWAIT_PASSWORD;
    case PGSQL_AUTH_SASL:
        return AWAIT_SASL_INITIAL;
    case PGSQL_AUTH_SASL_CONTINUE:
        return AWAIT_SASL;
    default:
        return AWAIT_NOTHING;
    }
}

static void sasl_data(struct pgsql_reading *r)
{
    struct view data = take_rest(&r->c);
    note_bytes(r->out, FIELD_PGSQL_SASL_DATA, data, &r->c);
    if (r->state->mechanism != MECHANISM_OTHER && data.length && !pgsql_cut(r))
        pgsql_scram_server(r, data);
}

enum verdict pgsql_authentication(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint32_t type = pgsql_u32(r, FIELD_PGSQL_AUTHENTICATION_TYPE);
    if (pgsql_stop(r))
        return VERDICT_OK;
    if (type > PGSQL_AUTH_SASL_FINAL) {
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_AUTHENTICATION_TYPE, .field = FIELD_PGSQL_AUTHENTICATION_TYPE,
                                        .relation = MUST_NOT_EXCEED, .offset = PGSQL_HEADER, .length = 4, .got = type,
                                        .expected = PGSQL_AUTH_SASL_FINAL});
        return VERDICT_OK;
    }
    s->awaited = awaited_after(type);
    /* GSS and SSPI: the server's part may be the last one, then AuthenticationOk follows at once. */
    uint32_t left = (uint32_t)cursor_left(&r->c);
    switch (type) {
    case PGSQL_AUTH_MD5:
        if (left != 4)
            wrong_body(r, 12);
        else
            note_bytes(r->out, FIELD_PGSQL_SALT, take_view(&r->c, 4), &r->c);
        break;
    case PGSQL_AUTH_CRYPT:
        if (left != 2)
            wrong_body(r, 10);
        break;
    case PGSQL_AUTH_SASL:
        take_mechanisms(r);
        break;
    case PGSQL_AUTH_GSS_CONTINUE:
    case PGSQL_AUTH_SASL_CONTINUE:
    case PGSQL_AUTH_SASL_FINAL:
        sasl_data(r);
        break;
    default:
        if (left)
            wrong_body(r, 8);
        break;
    }
    if (type == PGSQL_AUTH_OK)
        accepted(r);
    return VERDICT_OK;
}

uint32_t pgsql_password_limit(const struct pgsql_state *s)
{
    bool scram = s->awaited == AWAIT_SASL ? s->mechanism != MECHANISM_OTHER : s->awaited == AWAIT_SASL_INITIAL;
    /* A server that offers something else than SCRAM may take longer messages (OAUTHBEARER: tokens). */
    if (s->awaited == AWAIT_SASL_INITIAL && s->mechanisms_length >= 5)
        scram = memcmp(s->mechanisms, "SCRAM", 5) == 0;
    return scram ? PGSQL_SASL_MESSAGE_MAX : PGSQL_AUTH_TOKEN_MAX;
}

static void take_password(struct pgsql_reading *r)
{
    uint32_t at = cursor_offset(&r->c);
    struct view all = cursor_ahead(&r->c);
    note_field(r->out, FIELD_PGSQL_PASSWORD_DATA, at, (uint32_t)(r->out->message_length - at), 0);
    struct view text = take_until(&r->c, 0);
    if (r->c.failed && pgsql_cut(r))
        return;
    bool one_string = !r->c.failed && cursor_offset(&r->c) == r->out->message_length;
    if (!one_string)
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_PASSWORD_FORMAT, .field = FIELD_PGSQL_PASSWORD_DATA,
                                        .relation = MUST_BE, .offset = at, .length = (uint32_t)all.length,
                                        .got = text.length, .note = "one string that ends with the message"});
    else if (text.length == 0)
        pgsql_remark(r, (struct report){.anomaly = ANOMALY_PGSQL_PASSWORD_EMPTY, .field = FIELD_PGSQL_PASSWORD_DATA,
                                        .relation = MUST_REACH, .offset = at, .length = 1, .got = 0, .expected = 1});
}

static bool offered(const struct pgsql_state *s, struct view name)
{
    struct cursor c = cursor_over(view_of(s->mechanisms, s->mechanisms_length));
    while (cursor_left(&c)) {
        if (view_equal(take_until(&c, 0), name))
            return true;
        if (c.failed)
            return true; /* the list was longer than what was kept */
    }
    return s->mechanisms_length == 0;
}

static void take_sasl_initial(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    r->out->message = PGSQL_SASL_INITIAL_RESPONSE;
    s->scram_step = 0;
    struct view name = pgsql_string(r, FIELD_PGSQL_MECHANISM);
    if (pgsql_stop(r))
        return;
    s->mechanism = view_equal(name, view_text("SCRAM-SHA-256"))        ? MECHANISM_SCRAM
                   : view_equal(name, view_text("SCRAM-SHA-256-PLUS")) ? MECHANISM_SCRAM_PLUS
                                                                       : MECHANISM_OTHER;
    if (name.length == 0 || !offered(s, name)) {
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_SASL_MECHANISM, .field = FIELD_PGSQL_MECHANISM,
                                        .relation = MUST_BE, .offset = PGSQL_HEADER, .length = (uint32_t)name.length,
                                        .note = "one of the mechanisms that the server offered"});
        return;
    }
    uint32_t at = cursor_offset(&r->c);
    uint32_t length = pgsql_u32(r, FIELD_PGSQL_SASL_LENGTH);
    if (pgsql_stop(r))
        return;
    uint64_t left = r->out->message_length - cursor_offset(&r->c);
    if (length == PGSQL_NULL ? left != 0 : length != left) {
        if (left <= UINT32_MAX)
            note_field(r->out, FIELD_PGSQL_SASL_DATA, cursor_offset(&r->c), (uint32_t)left, 0);
        pgsql_defect(r, (struct report){.anomaly = ANOMALY_PGSQL_SASL_LENGTH, .field = FIELD_PGSQL_SASL_LENGTH,
                                        .relation = MUST_EQUAL, .offset = at, .length = 4, .got = length,
                                        .expected = left, .note = "the bytes that follow"});
        return;
    }
    struct view data = take_rest(&r->c);
    note_bytes(r->out, FIELD_PGSQL_SASL_DATA, data, &r->c);
    if (length != PGSQL_NULL && s->mechanism != MECHANISM_OTHER && !pgsql_cut(r))
        pgsql_scram_client(r, data);
}

void pgsql_password(struct pgsql_reading *r)
{
    struct pgsql_state *s = r->state;
    uint8_t awaited = s->awaited;
    s->awaited = AWAIT_NOTHING;
    switch (awaited) {
    case AWAIT_PASSWORD:
        take_password(r);
        return;
    case AWAIT_SASL_INITIAL:
        take_sasl_initial(r);
        return;
    default: {
        r->out->message = awaited == AWAIT_SASL    ? PGSQL_SASL_RESPONSE
                          : awaited == AWAIT_TOKEN ? PGSQL_GSS_RESPONSE
                                                   : PGSQL_PASSWORD;
        uint32_t at = cursor_offset(&r->c);
        struct view data = take_rest(&r->c);
        note_field(r->out, FIELD_PGSQL_SASL_DATA, at, (uint32_t)(r->out->message_length - at), 0);
        if (awaited == AWAIT_SASL && s->mechanism != MECHANISM_OTHER && !pgsql_cut(r))
            pgsql_scram_client(r, data);
        return;
    }
    }
}
