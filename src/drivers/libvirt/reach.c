/* Whether a host's control port accepts connections, before libvirt is asked to connect. libvirt waits for a host that drops packets as
 * long as the kernel does, two minutes, and a host that comes back meanwhile would be taken for dead until all such waits are over. */
#include "drivers/libvirt/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a connection that hangs: a host that is gone is noticed within half a minute, one that came back within ALIVE_AFTER_S. */
enum { ALIVE_AFTER_S = 10, ALIVE_EVERY_S = 5, ALIVE_TIMES = 4 };

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

/* NULL: nobody can tell; libvirt says it better. Free with freeaddrinfo. */
static struct addrinfo *addresses(const GwHost *host)
{
    g_autoptr(GUri) uri = g_uri_parse(host->uri, G_URI_FLAGS_PARSE_RELAXED, NULL);
    const char *name = uri ? g_uri_get_host(uri) : NULL;
    int port = uri ? default_port(g_uri_get_scheme(uri)) : 0;
    if (!name || !*name || !port)
        return NULL;
    g_autofree char *service = g_strdup_printf("%d", g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    return getaddrinfo(name, service, &hints, &list) == 0 ? list : NULL;
}

gboolean gw_virt_reach(const GwHost *host, guint timeout_ms, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    struct addrinfo *list = addresses(host);
    if (!list)
        return TRUE;
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

/* ---- connections that hang */

static gboolean leads_to(int fd, const struct addrinfo *list)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0)
        return FALSE; /* no socket, or connected to nobody */
    for (; list; list = list->ai_next)
        if (size == list->ai_addrlen && memcmp(&peer, list->ai_addr, size) == 0)
            return TRUE;
    return FALSE;
}

static void keep_alive(int fd)
{
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ALIVE_AFTER_S}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ALIVE_EVERY_S}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ALIVE_TIMES}, sizeof(int));
}

/* libvirt shows nobody its sockets: every one that leads to that port of that host is meant. One that is closed meanwhile, and its
 * number given to another, gets a keepalive that does no harm. */
void gw_virt_reach_watch(const GwHost *host)
{
    struct addrinfo *list = addresses(host);
    GDir *open_files = list ? g_dir_open("/proc/self/fd", 0, NULL) : NULL;
    for (const char *name = open_files ? g_dir_read_name(open_files) : NULL; name; name = g_dir_read_name(open_files)) {
        int fd = atoi(name);
        if (leads_to(fd, list))
            keep_alive(fd);
    }
    g_clear_pointer(&open_files, g_dir_close);
    g_clear_pointer(&list, freeaddrinfo);
}
