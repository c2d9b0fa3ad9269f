/* The driver's table: each function runs its work through call.c, with a deadline. */
#include "drivers/libvirt/libvirt.h"

#include "drivers/libvirt/internal.h"

static gboolean watch(GwHost *host, GwHostEvent event, void *data, GError **error)
{
    gw_virt_watch(host, event, data);
    return TRUE;
}

/* Runs work and hands its result over. */
static gpointer ask(GwHost *host, GwHost *peer, const char *uuid, GwVirtWork work, GError **error)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, peer, uuid, NULL);
    return gw_virt_call_run(call, GW_VIRT_ASK, work, error) ? gw_virt_call_take(call) : NULL;
}

static GwHostFacts *facts(GwHost *host, GError **error)
{
    return ask(host, NULL, NULL, gw_virt_facts, error);
}

static gboolean instances(GwHost *host, GPtrArray **ret_instances, GError **error)
{
    GPtrArray *found = ask(host, NULL, NULL, gw_virt_instances, error);
    if (found)
        *ret_instances = found;
    return found != NULL;
}

static GwInstance *describe(GwHost *host, const char *uuid, GError **error)
{
    return ask(host, NULL, uuid, gw_virt_describe, error);
}

static gboolean sight(GwHost *host, const char *uuid, GwSight *ret_sight, GError **error)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, NULL, uuid, NULL);
    gboolean ok = gw_virt_call_run(call, GW_VIRT_ASK, gw_virt_sight, error);
    if (ok)
        *ret_sight = call->sight;
    return ok;
}

static gboolean examine(GwHost *source, GwHost *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error)
{
    GwMoveFacts *found = ask(source, dest, uuid, gw_virt_examine, error);
    if (found)
        *ret_facts = found;
    return found != NULL;
}

static gboolean measure(GwHost *host, const char *uuid, GwLoadHow how, GwLoad *ret_load, GError **error)
{
    enum { SAMPLES_MS = GW_LOAD_SHORT_MS + GW_LOAD_LONG_MS + 2000 }; /* beyond an ordinary call */
    /* not as a call about the instance: where a copy has just begun libvirt lets it wait, and that must not stand for a guest that hangs */
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, NULL, NULL, NULL);
    call->texts = g_strdupv((char *[]){(char *)uuid, NULL});
    call->how = (int)how;
    call->timeout_ms = how == GW_LOAD_SIZES ? 0 : SAMPLES_MS;
    if (!gw_virt_call_run(call, GW_VIRT_ASK, gw_virt_measure, error))
        return FALSE;
    g_autofree GwLoad *found = gw_virt_call_take(call);
    *ret_load = *found;
    return TRUE;
}

static char *definition(GwHost *host, const char *uuid, GError **error)
{
    return ask(host, NULL, uuid, gw_virt_definition, error);
}

static gboolean examine_evacuation(GwHost *dest, GwInstance *instance, const char *text, GwMoveFacts **ret_facts, GError **error)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(dest, dest, instance->uuid, NULL);
    call->instance = gw_instance_ref(instance);
    call->texts = g_strdupv((char *[]){(char *)text, NULL});
    gboolean ok = gw_virt_call_run(call, GW_VIRT_ASK, gw_virt_examine_evacuation, error);
    if (ok)
        *ret_facts = gw_virt_call_take(call);
    return ok;
}

static gboolean act(GwHost *host, GwHost *peer, const char *uuid, const GwPlan *plan, int how, guint timeout_ms, GwVirtWork work,
                    GError **error)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, peer, uuid, plan);
    call->how = how;
    call->timeout_ms = timeout_ms;
    return gw_virt_call_run(call, GW_VIRT_ACT, work, error);
}

static gboolean prepare(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    enum { BYTES_PER_MS = 4000, BASE_MS = 30000 }; /* beyond an ordinary call, where media are sent: over a slow link at worst */
    guint64 bytes = 0;
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        bytes += disk->fate == GW_FATE_SEND ? disk->capacity_bytes : 0;
    }
    guint timeout_ms = bytes ? BASE_MS + (guint)MIN(bytes / BYTES_PER_MS * 2, 24 * 3600 * 1000u) : 0;
    return act(source, dest, NULL, plan, 0, timeout_ms, gw_virt_prepare, error);
}

static gboolean abort_copy(GwHost *source, const char *uuid, gboolean quiesce, GError **error)
{
    return act(source, NULL, uuid, NULL, quiesce, 0, gw_virt_abort, error);
}

static gboolean force_complete(GwHost *source, const char *uuid, GwForceHow how, GError **error)
{
    return act(source, NULL, uuid, NULL, how, 0, gw_virt_force, error);
}

static gboolean set_pause(GwHost *source, const char *uuid, guint ms, GError **error)
{
    return act(source, NULL, uuid, NULL, (int)ms, 0, gw_virt_set_pause, error);
}

static gboolean set_bandwidth(GwHost *source, const char *uuid, guint64 mibps, GError **error)
{
    return act(source, NULL, uuid, NULL, (int)MIN(mibps, G_MAXINT), 0, gw_virt_set_bandwidth, error);
}

static gboolean stop(GwHost *host, const char *uuid, GwStopHow how, guint timeout_ms, GError **error)
{
    return act(host, NULL, uuid, NULL, how, timeout_ms, gw_virt_stop, error);
}

static gboolean start(GwHost *host, const char *uuid, GwStartHow how, GError **error)
{
    return act(host, NULL, uuid, NULL, how, 0, gw_virt_start, error);
}

static gboolean resume(GwHost *host, const char *uuid, GError **error)
{
    return act(host, NULL, uuid, NULL, 0, 0, gw_virt_resume, error);
}

static gboolean pause_guest(GwHost *host, const char *uuid, GError **error)
{
    return act(host, NULL, uuid, NULL, 0, 0, gw_virt_pause, error);
}

enum { SAVE_MS = 15 * 60 * 1000 }; /* beyond an ordinary call: the memory is written to the host's disk, or read */

static gboolean suspend(GwHost *host, const char *uuid, GError **error)
{
    return act(host, NULL, uuid, NULL, 0, SAVE_MS, gw_virt_suspend, error);
}

static gboolean wake(GwHost *host, const char *uuid, GError **error)
{
    return act(host, NULL, uuid, NULL, 0, SAVE_MS, gw_virt_wake, error);
}

static GwDiagnostics *diagnostics(GwHost *host, const char *uuid, GError **error)
{
    return ask(host, NULL, uuid, gw_virt_diagnostics, error);
}

static gboolean adopt(GwHost *dest, const GwPlan *plan, GError **error)
{
    return act(dest, NULL, NULL, plan, 0, 0, gw_virt_adopt, error);
}

static gboolean reshape(GwHost *dest, const GwPlan *plan, GError **error)
{
    return act(dest, NULL, NULL, plan, 0, 0, gw_virt_reshape, error);
}

static gboolean settle(GwHost *dest, const GwPlan *plan, GError **error)
{
    return act(dest, NULL, NULL, plan, 0, 0, gw_virt_settle, error);
}

static gboolean forget(GwHost *host, const GwPlan *plan, GwSide side, GError **error)
{
    return act(host, NULL, NULL, plan, side, 0, gw_virt_forget, error);
}

/* ---- servers */

static gboolean act_on(GwHost *host, const GwServer *server, guint timeout_ms, GwVirtWork work, GError **error)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, NULL, server->uuid, NULL);
    call->server = gw_server_copy(server);
    call->timeout_ms = timeout_ms;
    return gw_virt_call_run(call, GW_VIRT_ACT, work, error);
}

/* Beyond an ordinary call: the image is sent, over a slow link or to a slow disk at worst, and then resized. */
static gboolean create(GwHost *host, const GwServer *server, GError **error)
{
    enum { BASE_MS = 30000, BYTES_PER_MS = 4000 };
    return act_on(host, server, BASE_MS + (guint)MIN(server->image_bytes / BYTES_PER_MS, 24 * 3600 * 1000u), gw_virt_create, error);
}

static gboolean remove_server(GwHost *host, const GwServer *server, GError **error)
{
    enum { REMOVE_MS = 20000 };
    return act_on(host, server, REMOVE_MS, gw_virt_remove, error);
}

static gboolean remains(GwHost *host, GwHost *home, const GwPlan *plan, GwSide side, GPtrArray **ret_left, GError **error)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, home, NULL, plan);
    call->how = side;
    gboolean ok = gw_virt_call_run(call, GW_VIRT_ASK, gw_virt_remains, error);
    if (ok)
        *ret_left = gw_virt_call_take(call);
    return ok;
}

/* ---- examining hosts themselves */

static GwHostAudit *audit(GwHost *host, GError **error)
{
    return ask(host, NULL, NULL, gw_virt_audit, error);
}

static GwPairAudit *probe(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    enum { PROBE_MS = 45000 }; /* beyond an ordinary call: three times probe.c's own patience */
    g_autoptr(GwVirtCall) call = gw_virt_call_new(source, dest, NULL, plan);
    call->timeout_ms = PROBE_MS;
    return gw_virt_call_run(call, GW_VIRT_ACT, gw_virt_probe, error) ? gw_virt_call_take(call) : NULL;
}

static gboolean measure_link(GwHost *source, GwHost *dest, const GwPlan *plan, GwLinkRate *ret_rate, GError **error)
{
    enum { MEASURE_MS = 90000 }; /* beyond an ordinary call: twice probe_link.c's own patience */
    g_autoptr(GwVirtCall) call = gw_virt_call_new(source, dest, NULL, plan);
    call->timeout_ms = MEASURE_MS;
    if (!gw_virt_call_run(call, GW_VIRT_ACT, gw_virt_measure_link, error))
        return FALSE;
    g_autofree GwLinkRate *rate = gw_virt_call_take(call);
    *ret_rate = *rate;
    return TRUE;
}

static char *baseline(GwHost *host, const char *const *cpus, GError **error)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, NULL, NULL, NULL);
    call->texts = g_strdupv((GStrv)cpus);
    return gw_virt_call_run(call, GW_VIRT_ASK, gw_virt_baseline, error) ? gw_virt_call_take(call) : NULL;
}

static char *command(GwHost *host, const char *uuid, GwByHand act)
{
    static const char *const verbs[] = {[GW_BY_HAND_LOOK] = "dominfo", [GW_BY_HAND_STOP] = "destroy", [GW_BY_HAND_UNDEFINE] = "undefine"};
    return g_strdup_printf("`virsh -c '%s' %s %s`", host->uri, verbs[act], uuid);
}

static const char *const schemes[] = {"qemu", NULL};

const GwDriver gw_libvirt_driver = {
    .name = "libvirt",
    .schemes = schemes,
    .hypervisor_type = "QEMU",
    .revive = "define it by hand from a backup of its XML",
    .open = gw_virt_host_new,
    .close = gw_virt_host_close,
    .watch = watch,
    .facts = facts,
    .instances = instances,
    .describe = describe,
    .sight = sight,
    .examine = examine,
    .measure = measure,
    .definition = definition,
    .examine_evacuation = examine_evacuation,
    .prepare = prepare,
    .migrate = gw_virt_migrate,
    .recover = gw_virt_recover,
    .abort = abort_copy,
    .force_complete = force_complete,
    .set_pause = set_pause,
    .set_bandwidth = set_bandwidth,
    .stop = stop,
    .start = start,
    .resume = resume,
    .pause = pause_guest,
    .suspend = suspend,
    .wake = wake,
    .diagnostics = diagnostics,
    .command = command,
    .adopt = adopt,
    .reshape = reshape,
    .settle = settle,
    .forget = forget,
    .create = create,
    .remove = remove_server,
    .remains = remains,
    .audit = audit,
    .probe = probe,
    .measure_link = measure_link,
    .baseline = baseline,
};
