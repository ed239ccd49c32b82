/*
 * Preloaded into clients that write no key log of their own (mariadb, psql, redis-cli): makes OpenSSL write one to $SSLKEYLOGFILE.
 * $KEYLOG_CIPHERS and $KEYLOG_SUITES choose what is offered up to TLS 1.2 and in TLS 1.3; with $KEYLOG_OLD there is no TLS 1.3, with
 * $KEYLOG_UPDATE=N both sides change their
 * keys after every N writes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

static void write_line(const SSL *ssl, const char *line)
{
    (void)ssl;
    FILE *out = fopen(getenv("SSLKEYLOGFILE"), "a");
    if (!out)
        return;
    fprintf(out, "%s\n", line);
    fclose(out);
}

SSL *SSL_new(SSL_CTX *context)
{
    SSL *(*real)(SSL_CTX *) = (SSL * (*)(SSL_CTX *)) dlsym(RTLD_NEXT, "SSL_new");
    if (getenv("SSLKEYLOGFILE"))
        SSL_CTX_set_keylog_callback(context, write_line);
    SSL *ssl = real(context);
    if (ssl && getenv("KEYLOG_CIPHERS"))
        SSL_set_cipher_list(ssl, getenv("KEYLOG_CIPHERS"));
    if (ssl && getenv("KEYLOG_SUITES"))
        SSL_set_ciphersuites(ssl, getenv("KEYLOG_SUITES"));
    if (ssl && getenv("KEYLOG_OLD"))
        SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    return ssl;
}

int SSL_write(SSL *ssl, const void *bytes, int length)
{
    static int writes;
    int (*real)(SSL *, const void *, int) = (int (*)(SSL *, const void *, int))dlsym(RTLD_NEXT, "SSL_write");
    int written = real(ssl, bytes, length), every = getenv("KEYLOG_UPDATE") ? atoi(getenv("KEYLOG_UPDATE")) : 0;
    if (every && ++writes % every == 0 && SSL_version(ssl) == TLS1_3_VERSION)
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
    return written;
}
