/*
 * The server's certificate for HTTPS: ROOT/tls/certificate.pem and key.pem. The operator's own, or one made
 * at the first use, signed by itself: firmware and iPXE take it once its copy is enrolled there.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define CERTIFICATE_DIR  "tls"
#define CERTIFICATE_FILE CERTIFICATE_DIR "/certificate.pem"
#define CERTIFICATE_KEY  CERTIFICATE_DIR "/key.pem"

#define CERTIFICATE_PEM_MAX (256u << 10) /* bytes of both; a chain of a few certificates has 10 kB */

/*
 * Reads both as PEM, or makes them when there are none (RSA, for firmware that knows no other; 10 years; the
 * addresses as subject alternative names). One without the other, a pair that does not belong together, or
 * one that is out of date is an error that says so. *made tells that it is new; *warns is set ("" otherwise)
 * when an own one does not name all addresses.
 */
int certificate_get(int root_fd, const uint32_t *ips, size_t count, int64_t now_s, struct buf *certificate,
                    struct buf *key, bool *made, char warns[static 256], struct error *err);
