/* Opening a connection. virConnectOpenAuth has no deadline and hangs for minutes on a host that drops packets, so it runs
 * on a thread of its own; when that is late the caller leaves, and the thread closes what it opens after all. */
#include "drivers/libvirt/internal.h"

#include <string.h>

/* A host that does not answer for 15 s has its connections closed, and calls on them return errors. */
enum { KEEPALIVE_SECONDS = 5, KEEPALIVE_COUNT = 3 };
/* Attempts that hang on a dead host; more would only pile up threads. */
enum { MAX_LATE_CONNECTS = 4 };

typedef struct {
    gatomicrefcount refs;
    GwHost *host;
    GMutex lock;
    GCond ended_cond;
    gboolean ended, abandoned;
    virConnectPtr conn;
    GError *error;
} Attempt;

static gpointer loop(gpointer unused)
{
    for (;;)
        if (virEventRunDefaultImpl() < 0)
            g_usleep(G_USEC_PER_SEC / 10); /* a passing failure of poll must not spin */
    return NULL;
}

static void quiet(void *unused, virErrorPtr error)
{
}

/* libvirt 9 dispatches on GLib's default main context, so another thread that iterates that context may deliver events
 * too: callbacks only take their own locks. */
void gw_virt_loop_start(void)
{
    static gsize started;
    if (!g_once_init_enter(&started))
        return;
    virInitialize();
    virSetErrorFunc(NULL, quiet); /* errors are returned, not printed */
    virEventRegisterDefaultImpl();
    g_thread_unref(g_thread_new("libvirt-events", loop, NULL));
    g_once_init_leave(&started, 1);
}

static void attempt_unref(Attempt *attempt)
{
    if (!g_atomic_ref_count_dec(&attempt->refs))
        return;
    if (attempt->conn)
        virConnectClose(attempt->conn);
    g_clear_error(&attempt->error);
    gw_virt_host_unref(attempt->host);
    g_mutex_clear(&attempt->lock);
    g_cond_clear(&attempt->ended_cond);
    g_free(attempt);
}

/* ssh must not ask at the terminal that the daemon was started from, if it was. */
static char *silent_uri(const char *uri)
{
    const char *scheme_end = strstr(uri, "://");
    const char *plus = strstr(uri, "+ssh");
    if (!scheme_end || !plus || plus > scheme_end || strstr(uri, "no_tty="))
        return g_strdup(uri);
    return g_strdup_printf("%s%sno_tty=1", uri, strchr(uri, '?') ? "&" : "?");
}

static virConnectPtr open_now(const GwHost *host, GError **error)
{
    /* All of these may be in libvirt's auth.conf; nobody is asked for what is not: a daemon has nobody to ask. */
    static int kinds[] = {VIR_CRED_AUTHNAME, VIR_CRED_ECHOPROMPT, VIR_CRED_REALM, VIR_CRED_PASSPHRASE, VIR_CRED_NOECHOPROMPT};
    virConnectAuth auth = {.credtype = kinds, .ncredtype = G_N_ELEMENTS(kinds)};
    if (!gw_virt_reach(host, host->call_timeout_ms, error))
        return NULL;
    g_autofree char *uri = silent_uri(host->uri);
    virConnectPtr conn = virConnectOpenAuth(uri, &auth, 0);
    if (!conn) {
        gw_virt_fail(host, GW_VIRT_ASK, error, "connecting");
        return NULL;
    }
    /* test:///default and the like have no keepalive and need none */
    virConnectSetKeepAlive(conn, KEEPALIVE_SECONDS, KEEPALIVE_COUNT);
    return conn;
}

static gpointer attempt_thread(gpointer data)
{
    Attempt *attempt = data;
    GError *error = NULL;
    virConnectPtr conn = open_now(attempt->host, &error);
    g_mutex_lock(&attempt->lock);
    attempt->conn = conn;
    attempt->error = error;
    attempt->ended = TRUE;
    gboolean abandoned = attempt->abandoned;
    g_cond_signal(&attempt->ended_cond);
    g_mutex_unlock(&attempt->lock);
    if (abandoned) {
        g_mutex_lock(&attempt->host->lock);
        attempt->host->late_connects--;
        g_mutex_unlock(&attempt->host->lock);
    }
    attempt_unref(attempt);
    return NULL;
}

static Attempt *attempt_start(GwHost *host)
{
    Attempt *attempt = g_new0(Attempt, 1);
    g_atomic_ref_count_init(&attempt->refs);
    g_atomic_ref_count_inc(&attempt->refs);
    attempt->host = gw_virt_host_ref(host);
    g_mutex_init(&attempt->lock);
    g_cond_init(&attempt->ended_cond);
    g_thread_unref(g_thread_new("libvirt-open", attempt_thread, attempt));
    return attempt;
}

/* libvirt's own keepalive begins once a connection is open: without this an attempt would hang for ever on a host that lost its power
 * in the midst of it. Names may resolve slowly, hence the thread. */
static gpointer watch_late(gpointer data)
{
    g_autoptr(GwHost) host = data;
    gw_virt_reach_watch(host);
    return NULL;
}

static void give_up(Attempt *attempt, guint timeout_ms, GError **error)
{
    GwHost *host = attempt->host;
    attempt->abandoned = TRUE;
    g_mutex_lock(&host->lock);
    host->late_connects++;
    g_mutex_unlock(&host->lock);
    g_thread_unref(g_thread_new("libvirt-watch", watch_late, gw_virt_host_ref(host)));
    g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE,
                "%s (%s) did not answer within %u ms; check that the host is up and its libvirtd listens there",
                host->name, host->uri, timeout_ms);
}

static gboolean is_hopeless(GwHost *host, GError **error)
{
    g_mutex_lock(&host->lock);
    guint late = host->late_connects;
    g_mutex_unlock(&host->lock);
    if (late < MAX_LATE_CONNECTS)
        return FALSE;
    g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "%s (%s) does not answer: %u attempts to connect still hang",
                host->name, host->uri, late);
    return TRUE;
}

virConnectPtr gw_virt_connect(GwHost *host, guint timeout_ms, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    gw_virt_loop_start();
    if (is_hopeless(host, error))
        return NULL;
    Attempt *attempt = attempt_start(host);
    g_mutex_lock(&attempt->lock);
    while (!attempt->ended && g_cond_wait_until(&attempt->ended_cond, &attempt->lock, deadline))
        ;
    virConnectPtr conn = g_steal_pointer(&attempt->conn);
    if (!attempt->ended)
        give_up(attempt, timeout_ms, error);
    else if (attempt->error)
        g_propagate_error(error, g_steal_pointer(&attempt->error));
    g_mutex_unlock(&attempt->lock);
    attempt_unref(attempt);
    return conn;
}
