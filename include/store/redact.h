/*
 * Redaction: secrets are overwritten with '*', byte for byte, before anything is written. Lengths, offsets and all other
 * bytes stay, so evidence stays evidence; TCP checksums are left as captured and no longer fit.
 *
 * Rather one literal too many than one secret: what looks like a password is masked, whether it is one or not. Not
 * seen: values bound to prepared statements, and statements inside compressed or encrypted connections.
 */
#ifndef DBHOUND_STORE_REDACT_H
#define DBHOUND_STORE_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Masks the bytes of a range that lie in the payload. `begins` may be before it or behind it. True: something was masked. */
bool redact_range(uint8_t *payload, size_t size, int64_t begins, uint64_t length);

/* What is remembered between the packets of one direction; begin with zeros. */
struct redact_text {
    uint8_t state;
    uint8_t quote;         /* that ends the literal */
    uint8_t before_word;   /* the byte before the word that is being read */
    uint8_t previous;      /* the byte before this one */
    uint8_t word_length;   /* of word, at most its size; the word itself may be longer */
    uint8_t matched;       /* of a dollar quote's end */
    bool escaped;
    uint16_t left;         /* bytes until the state gives up */
    char word[16];         /* end of the word that is being read, lower case; the tag of a dollar quote */
};

/* Masks the literals of passwords in statements and connection strings: after IDENTIFIED, PASSWORD, passwd, pwd, with BY,
 * AS, USING, FOR ... =, = or : between, in quotes of every kind or bare; also when the literal runs on into the next
 * payload of the same direction. True: something was masked. */
bool redact_statement(struct redact_text *carry, uint8_t *payload, size_t size);

#endif
