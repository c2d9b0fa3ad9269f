/* Whether a host's control port accepts connections, before libvirt is asked to connect. libvirt waits for a host that drops packets as
 * long as the kernel does, two minutes, and a host that comes back meanwhile would be taken for dead until all such waits are over. */
#include "drivers/libvirt/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Defaults of libvirt's remote driver (remote_driver.c). Of other transports (unix, ssh with its own configuration) nobody can tell. */
static const struct {
    const char *scheme;
    int port;
} transports[] = {{"qemu+tcp", 16509}, {"qemu+tls", 16514}, {"qemu", 16514}};

static int default_port(const char *scheme)
{
    for (guint i = 0; i < G_N_ELEMENTS(transports); i++)
        if (g_ascii_strcasecmp(scheme, transports[i].scheme) == 0)
            return transports[i].port;
    return 0;
}

/* An errno, or 0. */
static int wait_for(int fd, gint64 deadline)
{
    struct pollfd entry = {.fd = fd, .events = POLLOUT};
    int result = 0;
    socklen_t size = sizeof result;
    for (;;) {
        gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;
        int ready = left_ms > 0 ? poll(&entry, 1, (int)left_ms) : 0;
        if (ready == 0)
            return ETIMEDOUT;
        if (ready > 0)
            return getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size) == 0 ? result : errno;
        if (errno != EINTR)
            return errno;
    }
}

static int try_address(const struct addrinfo *address, gint64 deadline)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0)
        return errno;
    int result = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (result == EINPROGRESS)
        result = wait_for(fd, deadline);
    close(fd);
    return result;
}

gboolean gw_virt_reach(const GwHost *host, guint timeout_ms, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    g_autoptr(GUri) uri = g_uri_parse(host->uri, G_URI_FLAGS_PARSE_RELAXED, NULL);
    const char *name = uri ? g_uri_get_host(uri) : NULL;
    int port = uri ? default_port(g_uri_get_scheme(uri)) : 0;
    if (!name || !*name || !port)
        return TRUE;
    g_autofree char *service = g_strdup_printf("%d", g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(name, service, &hints, &list) != 0)
        return TRUE; /* libvirt says it better */
    int result = ETIMEDOUT;
    for (struct addrinfo *address = list; address && result; address = address->ai_next)
        result = try_address(address, deadline);
    freeaddrinfo(list);
    if (result == ETIMEDOUT)
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE,
                    "%s (%s) did not answer within %u ms; check that the host is up and its libvirtd listens there", host->name,
                    host->uri, timeout_ms);
    return result != ETIMEDOUT; /* a refusal comes at once: libvirt tells of it */
}
