/* libvirt's errors in Godwit's words. The code alone does not tell what happened to an act: a broken connection means
 * UNREACHABLE to a question and LOST to an act. What is not in the table was refused by a libvirtd that answered, so the
 * call had no effect: FAILED. (A migration is judged by its hosts instead: migrate.c.) */
#include "drivers/libvirt/internal.h"

#include <string.h>

typedef struct {
    int virt; /* virErrorNumber */
    GwErrorCode ask, act;
    const char *remedy;
} Row;

#define CHECK_HOST "check that the host is up and its libvirtd listens there"
#define CHECK_KEYS "check the credentials that Godwit uses for this host"

static const Row rows[] = {
    {VIR_ERR_NO_CONNECT, GW_ERROR_UNREACHABLE, GW_ERROR_LOST, CHECK_HOST},
    {VIR_ERR_INVALID_CONN, GW_ERROR_UNREACHABLE, GW_ERROR_LOST, CHECK_HOST},
    {VIR_ERR_UNKNOWN_HOST, GW_ERROR_UNREACHABLE, GW_ERROR_UNREACHABLE, "check the host name in its address"},
    {VIR_ERR_SSH, GW_ERROR_UNREACHABLE, GW_ERROR_LOST, CHECK_HOST},
    {VIR_ERR_LIBSSH, GW_ERROR_UNREACHABLE, GW_ERROR_LOST, CHECK_HOST},
    {VIR_ERR_GNUTLS_ERROR, GW_ERROR_UNREACHABLE, GW_ERROR_LOST, "check the TLS certificates of both ends"},
    {VIR_ERR_RPC, GW_ERROR_UNREACHABLE, GW_ERROR_LOST, CHECK_HOST},
    {VIR_ERR_AUTH_FAILED, GW_ERROR_DENIED, GW_ERROR_DENIED, CHECK_KEYS},
    {VIR_ERR_AUTH_CANCELLED, GW_ERROR_DENIED, GW_ERROR_DENIED, CHECK_KEYS},
    {VIR_ERR_AUTH_UNAVAILABLE, GW_ERROR_DENIED, GW_ERROR_DENIED, CHECK_KEYS},
    {VIR_ERR_ACCESS_DENIED, GW_ERROR_DENIED, GW_ERROR_DENIED, "allow it in libvirt's access control there"},
    {VIR_ERR_OPERATION_DENIED, GW_ERROR_DENIED, GW_ERROR_DENIED, "use an address that is not read-only"},
    {VIR_ERR_NO_DOMAIN, GW_ERROR_NOT_FOUND, GW_ERROR_NOT_FOUND, NULL},
    {VIR_ERR_NO_SUPPORT, GW_ERROR_UNSUPPORTED, GW_ERROR_UNSUPPORTED, NULL},
    {VIR_ERR_OPERATION_UNSUPPORTED, GW_ERROR_UNSUPPORTED, GW_ERROR_UNSUPPORTED, NULL},
    {VIR_ERR_OPERATION_ABORTED, GW_ERROR_ABORTED, GW_ERROR_ABORTED, NULL},
    {VIR_ERR_OPERATION_TIMEOUT, GW_ERROR_FAILED, GW_ERROR_FAILED, "another operation holds the instance; try again later"},
    {VIR_ERR_RESOURCE_BUSY, GW_ERROR_FAILED, GW_ERROR_FAILED, "try again later"},
};

/* What ssh(1), the SASL library and libvirt's RPC say, whatever number libvirt gives it. */
static const struct {
    const char *says;
    GwErrorCode code;
    const char *remedy;
} sayings[] = {
    {"Host key verification failed", GW_ERROR_DENIED, "make its host key known to the user that godwitd runs as: ssh-keyscan HOST >> ~/.ssh/known_hosts, "
                                                      "once you have compared it"},
    {"Permission denied (", GW_ERROR_DENIED, "put the public key of the user that godwitd runs as into authorized_keys there (ssh-copy-id)"},
    {"authentication failed", GW_ERROR_DENIED, "check what godwitd logs in with: authname and password in /etc/libvirt/auth.conf, or a Kerberos ticket "
                                               "(kinit, or a client keytab)"},
    {"bytes received from server too large", GW_ERROR_UNREACHABLE, "something that is not libvirtd answers there: check the port of its address "
                                                                   "(libvirt's own are 16514 for qemu+tls, 16509 for qemu+tcp)"},
    {"Cannot read CA certificate", GW_ERROR_UNREACHABLE, "put the CA's certificate there on the machine that godwitd runs on, readable for its user"},
};

/* Errors of the transport itself: the socket broke, whatever number it was given. */
static gboolean is_transport(const virError *found)
{
    return found->domain == VIR_FROM_RPC || found->domain == VIR_FROM_REMOTE || found->domain == VIR_FROM_STREAMS;
}

static Row classify(const virError *found)
{
    for (guint i = 0; found && found->message && i < G_N_ELEMENTS(sayings); i++)
        if (strstr(found->message, sayings[i].says) && (is_transport(found) || found->code == VIR_ERR_AUTH_FAILED))
            return (Row){found->code, sayings[i].code, sayings[i].code == GW_ERROR_UNREACHABLE ? GW_ERROR_LOST : sayings[i].code,
                         sayings[i].remedy};
    for (guint i = 0; found && i < G_N_ELEMENTS(rows); i++)
        if (rows[i].virt == found->code)
            return rows[i];
    if (found && is_transport(found))
        return (Row){found->code, GW_ERROR_UNREACHABLE, GW_ERROR_LOST, CHECK_HOST};
    return (Row){0, GW_ERROR_FAILED, GW_ERROR_FAILED, NULL};
}

gboolean gw_virt_fail(const GwHost *host, GwVirtDeed deed, GError **error, const char *what, ...)
{
    const virError *found = virGetLastError();
    Row row = classify(found);
    va_list args;
    va_start(args, what);
    g_autofree char *tried = g_strdup_vprintf(what, args);
    va_end(args);
    g_set_error(error, GW_ERROR, deed == GW_VIRT_ACT ? row.act : row.ask, "%s (%s): %s: %s%s%s", host->name, host->uri,
                tried, found && found->message ? found->message : "libvirt gave no reason", row.remedy ? "; " : "",
                row.remedy ? row.remedy : "");
    return FALSE;
}

gboolean gw_virt_last_is(int code)
{
    const virError *found = virGetLastError();
    return found && found->code == code;
}

char *gw_virt_last_message(void)
{
    const virError *found = virGetLastError();
    return g_strdup(found && found->message ? found->message : "libvirt gave no reason");
}
