#include "base/pin.h"

#include <string.h>

enum { DER_CONTEXT_0 = 0xa0, FIELDS_BEFORE_KEY = 5 /* serial, algorithm, issuer, validity, subject (RFC 5280, 4.1) */ };

typedef struct {
    const guint8 *at, *end;
} Der;

/* Steps over one element: *ret_inside is its content, *ret_whole all of it. FALSE when the text is no DER. */
static gboolean der_next(Der *der, guint8 *ret_tag, Der *ret_inside, Der *ret_whole)
{
    const guint8 *start = der->at;
    if (der->end - der->at < 2)
        return FALSE;
    *ret_tag = der->at[0];
    gsize length = der->at[1];
    der->at += 2;
    if (length & 0x80) {
        guint bytes = length & 0x7f;
        if (bytes == 0 || bytes > 4 || der->end - der->at < (gssize)bytes)
            return FALSE;
        for (length = 0; bytes; bytes--)
            length = length << 8 | *der->at++;
    }
    if ((gsize)(der->end - der->at) < length)
        return FALSE;
    *ret_inside = (Der){der->at, der->at + length};
    der->at += length;
    *ret_whole = (Der){start, der->at};
    return TRUE;
}

static gboolean find_key(const guint8 *certificate, gsize size, Der *ret_key)
{
    Der rest = {certificate, certificate + size}, inside, whole;
    guint8 tag;
    if (!der_next(&rest, &tag, &inside, &whole))
        return FALSE;
    rest = inside;
    if (!der_next(&rest, &tag, &inside, &whole))
        return FALSE;
    rest = inside; /* the part that is signed */
    Der before = rest;
    if (der_next(&rest, &tag, &inside, &whole) && tag != DER_CONTEXT_0)
        rest = before; /* version 1 has no version field */
    for (guint i = 0; i < FIELDS_BEFORE_KEY; i++)
        if (!der_next(&rest, &tag, &inside, &whole))
            return FALSE;
    return der_next(&rest, &tag, &inside, ret_key);
}

static guchar *decode(const char *pem, gsize *ret_size)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    const char *start = strstr(pem, begin);
    const char *end = start ? strstr(start, "-----END") : NULL;
    if (!end)
        return NULL;
    start += sizeof begin - 1;
    g_autofree char *base64 = g_strndup(start, (gsize)(end - start));
    return g_base64_decode(base64, ret_size);
}

static gboolean is_listed(const char *fingerprint, const char *list)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);
    for (guint i = 0; words[i]; i++) {
        g_auto(GStrv) pairs = g_strsplit(g_strstrip(words[i]), ":", -1);
        g_autofree char *plain = g_strjoinv("", pairs);
        if (g_ascii_strcasecmp(plain, fingerprint) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean gw_pin_check(const char *pem, const char *fingerprints, char **ret_key, GError **error)
{
    gsize size = 0;
    Der key = {0};
    g_autofree guchar *der = decode(pem, &size);
    if (!der || !find_key(der, size, &key)) {
        g_set_error(error, GW_ERROR, GW_ERROR_DENIED, "its certificate cannot be read");
        return FALSE;
    }
    g_autofree char *fingerprint = g_compute_checksum_for_data(G_CHECKSUM_SHA256, der, size);
    if (!is_listed(fingerprint, fingerprints)) {
        g_set_error(error, GW_ERROR, GW_ERROR_DENIED,
                    "its certificate has the fingerprint %s, which is not the one given: if that is the host's own, write it into its "
                    "address",
                    fingerprint);
        return FALSE;
    }
    guint8 digest[32];
    gsize digest_size = sizeof digest;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, key.at, key.end - key.at);
    g_checksum_get_digest(sum, digest, &digest_size);
    g_autofree char *base64 = g_base64_encode(digest, digest_size);
    *ret_key = g_strconcat("sha256//", base64, NULL);
    return TRUE;
}
