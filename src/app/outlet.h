/*
 * What a worker found, on its way to the recorder: flat records without pointers. Either into a ring that merge.h reads,
 * with the place in the run's order at which each arose, or, with a worker alone, straight to the recorder.
 */
#ifndef DBHOUND_SRC_APP_OUTLET_H
#define DBHOUND_SRC_APP_OUTLET_H

#include <stddef.h>

#include "base/ring.h"
#include "base/turns.h"
#include "app/recorder.h"

enum { VERDICT_MAX = 200, VERSION_MAX = 64 };

enum record_kind { RECORD_ALERT, RECORD_VERDICT, RECORD_SAMPLE, RECORD_SERVER, RECORD_SIGN, RECORD_MEMO };

/* Where in the run something arose. `when` is twice the packet's number, one more for what happened after it by time alone;
 * of the latter there may be several at once: first in the net, then in the dialogue, by connection. */
struct moment {
    uint64_t when, place;
};

struct record {
    struct moment moment;
    uint32_t kind;
    uint32_t reserved;
    uint64_t key;  /* the worker's number of the alert or sample */
    union {
        struct {
            struct alert alert;
        } alert;
        struct {
            char text[VERDICT_MAX];
        } verdict;
        struct {
            uint32_t packets, length;
            uint64_t redacted;
        } sample; /* its bytes follow */
        struct {
            struct endpoint endpoint;
            uint32_t protocol;
            int64_t time_ns;
            bool tls;
            char version[VERSION_MAX];
        } server;
        struct sign sign;
        struct memo memo;
    };
};

enum { RECORD_BYTES_AT = offsetof(struct record, sample) + sizeof((struct record *)0)->sample };

struct outlet {
    struct recorder *recorder; /* NULL: through the ring */
    struct ring *ring;
    struct turns *turns;
    unsigned worker;
    struct limiter *limiter;   /* with a ring: guesses what the recorder will not keep */
    struct moment moment;
    uint64_t latest;           /* number of the newest packet */
};

void outlet_alert(struct outlet *o, const struct alert *alert, uint64_t key);
/* Whether the recorder may keep this alert as a row of its own, so that it is worth a sample. Asked once per alert. */
bool outlet_may_store(struct outlet *o, const struct alert *alert);
void outlet_verdict(struct outlet *o, uint64_t key, const char *verdict);
/* `may` as outlet_may_store said for an alert of the sample. */
bool outlet_wants_sample(const struct outlet *o, uint64_t sample, bool may);
void outlet_sample(struct outlet *o, uint64_t sample, struct view pcapng, uint32_t packets, bool redacted);
void outlet_server(struct outlet *o, const struct endpoint *server, enum protocol protocol, const char *version, bool tls,
                   int64_t time_ns);
void outlet_memo(struct outlet *o, const struct memo *memo);
/* `length` as sign_length says: the rest of it is not sent. */
void outlet_sign(struct outlet *o, const struct sign *sign, size_t length);

#endif
