#include "drivers/libvirt/internal.h"

#include "base/guard.h"

/* A call and its bookkeeping between caller and helper; `call` comes first, so that the two convert. */
typedef struct {
    GwVirtCall call;
    gatomicrefcount refs;
    GwVirtWork work;
    GMutex lock; /* of the fields below */
    GCond ended_cond;
    gboolean ended, abandoned, ok;
    GError *error;
} Run;

GwVirtCall *gw_virt_call_new(GwHost *host, GwHost *peer, const char *uuid, const GwPlan *plan)
{
    Run *run = g_new0(Run, 1);
    g_atomic_ref_count_init(&run->refs);
    g_mutex_init(&run->lock);
    g_cond_init(&run->ended_cond);
    run->call.host = gw_virt_host_ref(host);
    run->call.peer = peer ? gw_virt_host_ref(peer) : NULL;
    run->call.plan = gw_plan_copy(plan);
    run->call.uuid = g_strdup(plan ? plan->uuid : uuid);
    return &run->call;
}

void gw_virt_call_unref(GwVirtCall *call)
{
    Run *run = (Run *)call;
    if (!g_atomic_ref_count_dec(&run->refs))
        return;
    gw_virt_give_back(call->host, call->conn);
    if (call->peer) {
        gw_virt_give_back(call->peer, call->peer_conn);
        gw_virt_host_unref(call->peer);
    }
    gw_virt_host_unref(call->host);
    if (call->result && call->free_result)
        call->free_result(call->result);
    gw_plan_free(call->plan);
    gw_server_free(call->server);
    g_free(call->uuid);
    g_strfreev(call->texts);
    g_clear_pointer(&call->instance, gw_instance_unref);
    g_clear_error(&run->error);
    g_mutex_clear(&run->lock);
    g_cond_clear(&run->ended_cond);
    g_free(run);
}

gpointer gw_virt_call_take(GwVirtCall *call)
{
    return g_steal_pointer(&call->result);
}

/* Adds to the number of calls about uuid that hang; ret: how many there are. */
static guint count_stuck(GwHost *host, const char *uuid, int add)
{
    if (!uuid)
        return 0;
    g_mutex_lock(&host->lock);
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(host->stuck, uuid)) + (guint)add;
    if (!count)
        g_hash_table_remove(host->stuck, uuid);
    else if (add)
        g_hash_table_insert(host->stuck, g_strdup(uuid), GUINT_TO_POINTER(count));
    g_mutex_unlock(&host->lock);
    return count;
}

static void help(gpointer data, gpointer unused)
{
    Run *run = data;
    GError *error = NULL;
    gboolean ok = run->work(&run->call, &error);
    g_mutex_lock(&run->lock);
    run->ok = ok;
    run->error = error;
    run->ended = TRUE;
    gboolean abandoned = run->abandoned;
    g_cond_signal(&run->ended_cond);
    g_mutex_unlock(&run->lock);
    if (abandoned)
        count_stuck(run->call.host, run->call.uuid, -1);
    gw_virt_call_unref(&run->call);
}

static GThreadPool *helpers(void)
{
    static gsize pool;
    if (g_once_init_enter(&pool))
        g_once_init_leave(&pool, (gsize)g_thread_pool_new(help, NULL, -1, FALSE, NULL));
    return (GThreadPool *)pool;
}

static gboolean ping(GwVirtCall *call, GError **error)
{
    unsigned long version;
    return virConnectGetLibVersion(call->conn, &version) == 0 || gw_virt_fail(call->host, GW_VIRT_ASK, error, "ping");
}

/* A question about one guest that is not answered may mean a dead host, or a guest whose QEMU hangs: which? */
static gboolean host_answers(GwHost *host)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, NULL, NULL, NULL);
    call->how = GW_VIRT_QUICK;
    return gw_virt_call_run(call, GW_VIRT_ASK, ping, NULL);
}

static gboolean fail_late(GwVirtCall *call, GwVirtDeed deed, guint timeout_ms, GError **error)
{
    GwErrorCode code = GW_ERROR_UNREACHABLE;
    if (deed == GW_VIRT_ACT)
        code = GW_ERROR_LOST;
    else if (call->uuid && host_answers(call->host))
        code = GW_ERROR_FAILED;
    g_set_error(error, GW_ERROR, code, "%s (%s) did not answer within %u ms%s%s%s; %s", call->host->name,
                call->host->uri, timeout_ms, call->uuid ? " about instance " : "", call->uuid ? call->uuid : "",
                code == GW_ERROR_FAILED ? ", though it answers otherwise" : "",
                code == GW_ERROR_FAILED ? "look at that instance's QEMU process there"
                                        : "check the host and its network");
    return FALSE;
}

/* One hanging call about a guest is enough: more would use up the threads and connections of the host. */
static gboolean is_stuck(GwVirtCall *call, GError **error)
{
    if (!call->uuid || !count_stuck(call->host, call->uuid, 0))
        return FALSE;
    g_set_error(error, GW_ERROR, GW_ERROR_FAILED,
                "an earlier call about instance %s still hangs on %s; look at its QEMU process there", call->uuid,
                call->host->name);
    return TRUE;
}

static gboolean lend_all(GwVirtCall *call, GError **error)
{
    if (!(call->conn = gw_virt_lend(call->host, error)))
        return FALSE;
    return !call->peer || (call->peer_conn = gw_virt_lend(call->peer, error)) != NULL;
}

gboolean gw_virt_call_run(GwVirtCall *call, GwVirtDeed deed, GwVirtWork work, GError **error)
{
    Run *run = (Run *)call;
    guint timeout_ms = call->how == GW_VIRT_QUICK ? 1000 : call->host->call_timeout_ms + call->timeout_ms;
    if (!gw_guard_allows(error) || is_stuck(call, error) || !lend_all(call, error))
        return FALSE;
    run->work = work;
    g_atomic_ref_count_inc(&run->refs);
    gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    g_thread_pool_push(helpers(), run, NULL);
    g_mutex_lock(&run->lock);
    while (!run->ended && g_cond_wait_until(&run->ended_cond, &run->lock, deadline))
        ;
    gboolean ok = run->ended && run->ok;
    if (run->ended && run->error)
        g_propagate_error(error, g_steal_pointer(&run->error));
    if (!run->ended) {
        run->abandoned = TRUE;
        count_stuck(call->host, call->uuid, 1);
    }
    gboolean late = run->abandoned;
    g_mutex_unlock(&run->lock);
    return late ? fail_late(call, deed, timeout_ms, error) : ok;
}
