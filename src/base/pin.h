/* Trust in a server by the fingerprint of its certificate, as XenServer's console and administrators write it down. */
#ifndef GW_BASE_PIN_H
#define GW_BASE_PIN_H

#include "base/error.h"

/* pem: the server's certificate. fingerprints: SHA-256 of certificates in hexadecimal, with or without colons, separated by commas.
 * *ret_key: the certificate's public key as CURLOPT_PINNEDPUBLICKEY takes it, owned by the caller. GW_ERROR_DENIED when none fits. */
gboolean gw_pin_check(const char *pem, const char *fingerprints, char **ret_key, GError **error);

#endif
