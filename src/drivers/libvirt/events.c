/* Events, on a connection of their own. When it breaks it is opened again by the next call that reaches the host, and everything
 * is reported as possibly changed. */
#include "drivers/libvirt/internal.h"

static void report(GwHost *host, const char *uuid)
{
    g_mutex_lock(&host->event_lock);
    if (host->event)
        host->event(host->event_data, host->name, uuid);
    g_mutex_unlock(&host->event_lock);
}

static void report_domain(GwHost *host, virDomain *domain)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    if (virDomainGetUUIDString(domain, uuid) == 0)
        report(host, uuid);
}

static int on_lifecycle(virConnectPtr conn, virDomain *domain, int event, int detail, void *data)
{
    report_domain(data, domain);
    return 0;
}

static void on_job_completed(virConnectPtr conn, virDomain *domain, virTypedParameter *params, int count, void *data)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    GwProgress progress = {0};
    if (virDomainGetUUIDString(domain, uuid) == 0 && gw_virt_read_progress(params, count, &progress) == GW_JOB_OUTGOING)
        gw_virt_keep_progress(data, uuid, &progress);
    report_domain(data, domain);
}

/* A pass over the memory has ended: the moment at which is decided how the copy goes on. */
static int on_iteration(virConnectPtr conn, virDomain *domain, int iteration, void *data)
{
    report_domain(data, domain);
    return 0;
}

static void on_closed(virConnectPtr conn, int reason, void *data)
{
    report(data, NULL);
}

static void drop_reference(void *host)
{
    gw_virt_host_unref(host);
}

static void subscribe(GwHost *host, virConnectPtr conn)
{
    const struct {
        int id;
        virConnectDomainEventGenericCallback call;
    } events[] = {{VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
                  {VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, VIR_DOMAIN_EVENT_CALLBACK(on_iteration)},
                  {VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, VIR_DOMAIN_EVENT_CALLBACK(on_job_completed)}};
    for (guint i = 0; i < G_N_ELEMENTS(events); i++)
        if (virConnectDomainEventRegisterAny(conn, NULL, events[i].id, events[i].call, gw_virt_host_ref(host), drop_reference) < 0)
            gw_virt_host_unref(host);
    if (virConnectRegisterCloseCallback(conn, on_closed, gw_virt_host_ref(host), drop_reference) < 0)
        gw_virt_host_unref(host);
}

static gpointer attach(gpointer data)
{
    GwHost *host = data;
    virConnectPtr conn = gw_virt_connect(host, host->call_timeout_ms, NULL);
    if (conn)
        subscribe(host, conn);
    g_mutex_lock(&host->event_lock);
    virConnectPtr old = host->monitor;
    host->attaching = FALSE;
    gboolean wanted = host->event != NULL;
    host->monitor = wanted ? conn : NULL;
    g_mutex_unlock(&host->event_lock);
    if (old)
        virConnectClose(old);
    if (!wanted && conn)
        virConnectClose(conn);
    else if (conn)
        report(host, NULL); /* what happened before is not known */
    gw_virt_host_unref(host);
    return NULL;
}

/* The event thread may be inside a callback that waits for event_lock, and closing waits for nothing: no lock is held. */
void gw_virt_events_attach(GwHost *host)
{
    g_mutex_lock(&host->event_lock);
    gboolean needed = host->event && !host->attaching && !(host->monitor && virConnectIsAlive(host->monitor) == 1);
    host->attaching = host->attaching || needed;
    g_mutex_unlock(&host->event_lock);
    if (needed)
        g_thread_unref(g_thread_new("libvirt-attach", attach, gw_virt_host_ref(host)));
}

void gw_virt_watch(GwHost *host, GwHostEvent event, void *data)
{
    g_mutex_lock(&host->event_lock);
    host->event = event;
    host->event_data = data;
    g_mutex_unlock(&host->event_lock);
    gw_virt_events_attach(host);
}

void gw_virt_events_detach(GwHost *host)
{
    g_mutex_lock(&host->event_lock);
    host->event = NULL;
    virConnectPtr conn = g_steal_pointer(&host->monitor);
    g_mutex_unlock(&host->event_lock);
    if (conn) {
        virConnectUnregisterCloseCallback(conn, on_closed);
        virConnectClose(conn);
    }
}
