#include "store/pg_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { RETRY_MS = 1000, IDLE_MS = 5000 }; /* a connection that has been silent for so long is tried */

struct GwPgWatch {
    GwStore *store;
    char *uri, *name, *self;
    GwChanged changed;
    gpointer data;
    int wake[2]; /* a pipe: closed at its writing end to stop */
    GThread *thread;
};

char *gw_pg_watch_tell(const char *self, unsigned changed)
{
    return g_strdup_printf("NOTIFY godwit, '%s %u'", self, changed);
}

/* TRUE: stop. */
static gboolean wait_on(GwPgWatch *watch, int socket, int ms)
{
    struct pollfd fds[] = {{watch->wake[0], POLLIN, 0}, {socket, POLLIN, 0}};
    poll(fds, socket < 0 ? 1 : 2, ms);
    return fds[0].revents != 0;
}

static unsigned take_notices(GwPgWatch *watch, PGconn *pg)
{
    unsigned changed = 0;
    PGnotify *notice;
    while ((notice = PQnotifies(pg))) {
        const char *number = strchr(notice->extra, ' ');
        gsize length = strlen(watch->self);
        gboolean own = strncmp(notice->extra, watch->self, length) == 0 && notice->extra[length] == ' ';
        if (!own)
            changed |= number ? (unsigned)g_ascii_strtoull(number, NULL, 10) & GW_CHANGED_ANYTHING : GW_CHANGED_ANYTHING;
        PQfreemem(notice);
    }
    return changed;
}

static void report(GwPgWatch *watch, unsigned changed)
{
    if (changed)
        watch->changed(watch->data, changed);
}

/* TRUE: stop; FALSE: the connection broke. */
static gboolean listen_on(GwPgWatch *watch, GwPgConnection *connection)
{
    if (!gw_pg_connection_execute(connection, "LISTEN godwit", NULL))
        return FALSE;
    report(watch, GW_CHANGED_ANYTHING);
    gint64 heard_us = g_get_monotonic_time();
    for (;;) {
        if (wait_on(watch, PQsocket(connection->pg), IDLE_MS))
            return TRUE;
        if (!PQconsumeInput(connection->pg) || PQstatus(connection->pg) != CONNECTION_OK)
            return FALSE;
        report(watch, take_notices(watch, connection->pg));
        if (g_get_monotonic_time() - heard_us < IDLE_MS * 1000)
            continue;
        if (!gw_pg_connection_execute(connection, "", NULL))
            return FALSE;
        heard_us = g_get_monotonic_time();
    }
}

static gpointer run(gpointer data)
{
    GwPgWatch *watch = data;
    gboolean stop = FALSE;
    while (!stop) {
        g_autoptr(GwPgConnection) connection = gw_pg_connection_open(watch->store, watch->uri, watch->name, NULL);
        stop = connection && listen_on(watch, connection);
        stop = stop || wait_on(watch, -1, RETRY_MS);
    }
    return NULL;
}

GwPgWatch *gw_pg_watch_new(GwStore *store, const char *uri, const char *name, const char *self, GwChanged changed, gpointer data)
{
    GwPgWatch *watch = g_new0(GwPgWatch, 1);
    watch->store = store;
    watch->uri = g_strdup(uri);
    watch->name = g_strdup(name);
    watch->self = g_strdup(self);
    watch->changed = changed;
    watch->data = data;
    if (pipe2(watch->wake, O_CLOEXEC) != 0)
        g_error("no pipe: %s", g_strerror(errno));
    watch->thread = g_thread_new("watch", run, watch);
    return watch;
}

void gw_pg_watch_free(GwPgWatch *watch)
{
    if (!watch)
        return;
    close(watch->wake[1]);
    g_thread_join(watch->thread);
    close(watch->wake[0]);
    g_free(watch->uri);
    g_free(watch->name);
    g_free(watch->self);
    g_free(watch);
}
