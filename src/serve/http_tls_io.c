#include "serve/http_tls_io.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

struct http_tls_server {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
};

struct http_tls_session {
    gnutls_session_t session;
    bool held; /* a record waits in GnuTLS for the socket */
};

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)};
}

int http_tls_server_new(const struct http_tls *pem, struct http_tls_server **out, struct error *err)
{
    struct http_tls_server *server = calloc(1, sizeof *server);
    gnutls_datum_t certificate = datum(pem->certificate), key = datum(pem->key);
    if (!server)
        return error_errno(err, ENOMEM, "TLS");
    int r = gnutls_certificate_allocate_credentials(&server->credentials);
    if (r >= 0)
        r = gnutls_certificate_set_x509_key_mem(server->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
    if (r >= 0)
        r = gnutls_priority_init(&server->priorities, "NORMAL", NULL);
    if (r < 0) {
        http_tls_server_free(server);
        return error_set(err, "certificate and key: %s", gnutls_strerror(r));
    }
    *out = server;
    return 0;
}

void http_tls_server_free(struct http_tls_server *server)
{
    if (!server)
        return;
    if (server->priorities)
        gnutls_priority_deinit(server->priorities);
    if (server->credentials)
        gnutls_certificate_free_credentials(server->credentials);
    free(server);
}

struct http_tls_session *http_tls_session_new(const struct http_tls_server *server, int fd)
{
    struct http_tls_session *s = calloc(1, sizeof *s);
    if (!s || gnutls_init(&s->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
        free(s);
        return NULL;
    }
    if (gnutls_priority_set(s->session, server->priorities) < 0 ||
        gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, server->credentials) < 0) {
        http_tls_session_free(s);
        return NULL;
    }
    gnutls_transport_set_int(s->session, fd);
    return s;
}

void http_tls_session_end(struct http_tls_session *s)
{
    gnutls_bye(s->session, GNUTLS_SHUT_WR);
}

void http_tls_session_free(struct http_tls_session *s)
{
    if (!s)
        return;
    gnutls_deinit(s->session);
    free(s);
}

/* The socket's own errors are errno already; those of TLS are one to us. */
static int fail(int code)
{
    errno = code == GNUTLS_E_AGAIN ? EAGAIN : code == GNUTLS_E_MEMORY_ERROR ? ENOMEM : EPROTO;
    return -1;
}

/* A signal came, or a warning of the other side, which is no more than that. */
static bool goes_on(int code)
{
    return code == GNUTLS_E_INTERRUPTED || code == GNUTLS_E_WARNING_ALERT_RECEIVED;
}

int http_tls_session_handshake(struct http_tls_session *s)
{
    int r;
    do
        r = gnutls_handshake(s->session);
    while (goes_on(r));
    return r < 0 ? fail(r) : 0;
}

ssize_t http_tls_session_recv(struct http_tls_session *s, void *out, size_t size)
{
    ssize_t n;
    do
        n = gnutls_record_recv(s->session, out, size);
    while (n < 0 && goes_on((int)n));
    if (n == GNUTLS_E_PREMATURE_TERMINATION) /* without a word, as many clients do */
        return 0;
    return n < 0 ? fail((int)n) : n;
}

ssize_t http_tls_session_send(struct http_tls_session *s, const void *data, size_t size)
{
    ssize_t n;
    do
        n = gnutls_record_send(s->session, s->held ? NULL : data, s->held ? 0 : size);
    while (n < 0 && goes_on((int)n));
    s->held = n == GNUTLS_E_AGAIN;
    return n < 0 ? fail((int)n) : n;
}
