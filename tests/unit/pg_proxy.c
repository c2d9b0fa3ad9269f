#include "pg_proxy.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct Proxy {
    char *server;
    char *path;
    int listener;
    int mode; /* atomic: ProxyMode */
    int stop; /* atomic */
    GThread *thread;
    GPtrArray *threads; /* of GThread *: one for each connection */
};

typedef struct {
    Proxy *proxy;
    int client, server;
} Pair;

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_assert_cmpuint(strlen(path), <, sizeof address.sun_path);
    strcpy(address.sun_path, path);
    return address;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static gboolean write_all(int fd, const char *bytes, gssize count)
{
    while (count > 0) {
        gssize done = send(fd, bytes, (gsize)count, MSG_NOSIGNAL);
        if (done <= 0)
            return FALSE;
        bytes += done;
        count -= done;
    }
    return TRUE;
}

static gboolean take_mode(Proxy *proxy, ProxyMode mode)
{
    return g_atomic_int_compare_and_exchange(&proxy->mode, (int)mode, PROXY_PASS);
}

/* FALSE: the connection ends. */
static gboolean pass_commit(Pair *pair, const char *bytes, gssize count)
{
    char answer[4096];
    if (take_mode(pair->proxy, PROXY_LOSE_COMMIT))
        return FALSE;
    if (take_mode(pair->proxy, PROXY_LOSE_ANSWER)) {
        write_all(pair->server, bytes, count);
        g_assert_cmpint(read(pair->server, answer, sizeof answer), >, 0); /* it has been carried out */
        return FALSE;
    }
    if (take_mode(pair->proxy, PROXY_DELAY_COMMIT)) {
        shutdown(pair->client, SHUT_RDWR);
        g_usleep(G_USEC_PER_SEC);
        write_all(pair->server, bytes, count);
        g_assert_cmpint(read(pair->server, answer, sizeof answer), >, 0);
        return FALSE;
    }
    return write_all(pair->server, bytes, count);
}

static gboolean pass(Pair *pair, int from, int to)
{
    char bytes[65536];
    gssize count = read(from, bytes, sizeof bytes);
    if (count <= 0)
        return FALSE;
    if (from == pair->client && memmem(bytes, (gsize)count, "COMMIT", 6))
        return pass_commit(pair, bytes, count);
    return write_all(to, bytes, count);
}

static gpointer serve(gpointer data)
{
    g_autofree Pair *pair = data;
    struct pollfd fds[] = {{pair->client, POLLIN, 0}, {pair->server, POLLIN, 0}};
    gboolean open = TRUE;
    while (open && !g_atomic_int_get(&pair->proxy->stop)) {
        if (g_atomic_int_get(&pair->proxy->mode) == PROXY_MUTE) {
            g_usleep(10000);
            continue;
        }
        if (poll(fds, 2, 50) <= 0)
            continue;
        for (guint i = 0; open && i < 2; i++)
            if (fds[i].revents)
                open = pass(pair, fds[i].fd, fds[1 - i].fd);
    }
    close(pair->client);
    close(pair->server);
    return NULL;
}

static gpointer accept_all(gpointer data)
{
    Proxy *proxy = data;
    struct pollfd fd = {proxy->listener, POLLIN, 0};
    while (!g_atomic_int_get(&proxy->stop)) {
        if (poll(&fd, 1, 50) <= 0)
            continue;
        Pair *pair = g_new0(Pair, 1);
        *pair = (Pair){proxy, accept(proxy->listener, NULL, NULL), connect_to(proxy->server)};
        g_ptr_array_add(proxy->threads, g_thread_new("door", serve, pair));
    }
    return NULL;
}

Proxy *proxy_new(const char *folder, const char *server)
{
    Proxy *proxy = g_new0(Proxy, 1);
    proxy->server = g_build_filename(server, ".s.PGSQL.5432", NULL);
    proxy->path = g_build_filename(folder, ".s.PGSQL.5432", NULL);
    proxy->threads = g_ptr_array_new();
    proxy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = address_of(proxy->path);
    g_assert_cmpint(bind(proxy->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(proxy->listener, 16), ==, 0);
    proxy->thread = g_thread_new("doors", accept_all, proxy);
    return proxy;
}

void proxy_set(Proxy *proxy, ProxyMode mode)
{
    g_atomic_int_set(&proxy->mode, (int)mode);
}

void proxy_free(Proxy *proxy)
{
    g_atomic_int_set(&proxy->stop, 1);
    g_thread_join(proxy->thread);
    for (guint i = 0; i < proxy->threads->len; i++)
        g_thread_join(proxy->threads->pdata[i]);
    g_ptr_array_unref(proxy->threads);
    close(proxy->listener);
    unlink(proxy->path);
    g_free(proxy->path);
    g_free(proxy->server);
    g_free(proxy);
}
