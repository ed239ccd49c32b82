/*
 * The clear part of a TLS handshake (RFC 8446, RFC 5246): records, hellos, the certificate of TLS 1.2, alerts. What comes after it
 * goes to the session, if its secret may be known (tls_session.h). Private.
 *
 * Bounded: one buffer of the large pool per direction, only while a handshake message is split over segments or records;
 * what is longer is read as far as it fits. A gap ends the reading.
 */
#ifndef DBHOUND_SRC_PROTO_TLS_H
#define DBHOUND_SRC_PROTO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"
#include "proto/decoder.h"

struct conversation;
struct segment;

enum {
    TLS_RECORD_HEADER_BYTES = 5,
    TLS_PLAINTEXT_MAX = 16384,         /* RFC 8446 5.1, RFC 5246 6.2.1 */
    TLS_CIPHERTEXT_MAX = 16384 + 2048, /* RFC 5246 6.2.3 */
    TLS_MESSAGE_HEADER = 4,
    TLS_PRINT_SIZE = 40,               /* of a fingerprint, with its NUL */
};

enum tls_content { CONTENT_CHANGE_CIPHER_SPEC = 20, CONTENT_ALERT = 21, CONTENT_HANDSHAKE = 22, CONTENT_APPLICATION_DATA = 23 };

enum tls_handshake { HANDSHAKE_CLIENT_HELLO = 1, HANDSHAKE_SERVER_HELLO = 2, HANDSHAKE_CERTIFICATE = 11 };

/* Where one direction stands in its records. */
struct tls_reading {
    uint32_t skip;        /* bytes of the handshake message that nobody wants to see */
    uint16_t record_left;
    uint8_t record_type;
    uint8_t how;          /* enum tls_how */
    uint8_t alert_level;
    uint8_t header_have;
    uint8_t header[TLS_RECORD_HEADER_BYTES];
    bool over;
};

/* Is this the head of a record? Messages after which TLS begins in the next byte are not. */
bool tls_is_record(struct view head);
void tls_read(struct conversation *c, enum side from, struct view bytes, const struct segment *where);
void tls_stop(struct conversation *c, enum side from);
void tls_tell_alert(struct conversation *c, enum side from, uint8_t level, uint8_t description, const struct segment *where);

/* One handshake message with its header, or as much of it as is there. `print` becomes the fingerprint (JA4 of a client, JA4S
 * of a server, specified by FoxIO), or "" when the message is not whole, is wrong, or lists more than is sorted here. */
void tls_client_hello(struct view message, bool whole, char print[TLS_PRINT_SIZE], struct findings *out);
void tls_server_hello(struct view message, bool whole, char print[TLS_PRINT_SIZE], struct findings *out);
/* Of the first certificate of the message. */
void tls_certificate(struct view message, int64_t now_s, struct findings *out);

#endif
