/* The driver's table, and the calls that only ask. */
#include "drivers/sim/sim.h"

#include "drivers/sim/internal.h"

enum { DEFAULT_TIMEOUT_MS = 30000 };

static GwHost *sim_open(const char *host_name, const char *uri, const GwDriverSettings *settings, GError **error)
{
    g_autofree char *world_name = NULL;
    g_autofree char *name = NULL;
    g_auto(GwSimSpec) spec = {0};
    if (!gw_sim_uri_parse(uri, &world_name, &name, &spec, error))
        return NULL;
    GwHost *handle = g_new0(GwHost, 1);
    handle->name = g_strdup(host_name);
    handle->timeout_ms = settings && settings->call_timeout_ms ? settings->call_timeout_ms : DEFAULT_TIMEOUT_MS;
    handle->world = gw_sim_world_ref(gw_sim_world_get(world_name));
    gw_sim_world_lock(handle->world);
    handle->host = gw_sim_host_ensure(handle->world, name, &spec);
    gw_sim_world_unlock(handle->world);
    if (spec.speed)
        gw_sim_world_set_speed(handle->world, (double)spec.speed);
    return handle;
}

static void sim_close(GwHost *handle)
{
    gw_sim_world_lock(handle->world);
    gw_sim_unwatch(handle);
    gw_sim_world_unlock(handle->world);
    gw_sim_world_unref(handle->world);
    g_free(handle->name);
    g_free(handle);
}

static gboolean sim_watch(GwHost *handle, GwHostEvent event, void *data, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "watch", handle, NULL, error))
        return FALSE;
    gw_sim_watch(handle, event, data);
    return gw_sim_call_end(&call, TRUE, error);
}

static GwHostFacts *sim_facts(GwHost *handle, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "facts", handle, NULL, error))
        return NULL;
    GwHostFacts *facts = gw_sim_host_facts(handle->host);
    gw_sim_call_end(&call, TRUE, NULL);
    return facts;
}

/* As published; with the CPU time of this moment, where it says. */
static GwInstance *look_at(const GwSimDomain *domain)
{
    if (domain->cpus <= 0)
        return gw_instance_ref(domain->value);
    GwInstance *value = gw_sim_instance_copy(domain->value);
    value->cpu_time_ns = (guint64)(domain->cpus * 1000 * (double)gw_sim_now(domain->host->world));
    return value;
}

static gboolean sim_instances(GwHost *handle, GPtrArray **ret_instances, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "instances", handle, NULL, error))
        return FALSE;
    GPtrArray *instances = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_unref);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, handle->host->domains);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(instances, look_at(value));
    *ret_instances = instances;
    return gw_sim_call_end(&call, TRUE, error);
}

static GwInstance *sim_describe(GwHost *handle, const char *uuid, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "describe", handle, NULL, error))
        return NULL;
    GwSimDomain *domain = gw_sim_host_require(handle->host, uuid, error);
    GwInstance *instance = domain ? gw_instance_ref(domain->value) : NULL;
    gw_sim_call_end(&call, TRUE, NULL);
    return instance;
}

static GwSight sight_of(const GwSimDomain *domain)
{
    GwSight sight = {.seen = domain->seen, .progress = domain->last, .halt = domain->halt};
    if (domain->copy) {
        sight.job = domain->copy->from == domain ? GW_JOB_OUTGOING : GW_JOB_INCOMING;
        sight.progress = gw_sim_copy_progress(domain->copy);
    }
    if (sight.halt != GW_HALT_NONE)
        g_strlcpy(sight.halted_disk, "vda", sizeof sight.halted_disk);
    return sight;
}

static gboolean sim_sight(GwHost *handle, const char *uuid, GwSight *ret_sight, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "sight", handle, NULL, error))
        return FALSE;
    const GwSimDomain *domain = gw_sim_host_domain(handle->host, uuid);
    *ret_sight = domain ? sight_of(domain) : (GwSight){.seen = GW_SEEN_ABSENT};
    return gw_sim_call_end(&call, TRUE, error);
}

static const char *const schemes[] = {"sim", NULL};

const GwDriver gw_sim_driver = {
    .name = "sim",
    .schemes = schemes,
    .hypervisor_type = "sim",
    .revive = "add it to another host by hand",
    .open = sim_open,
    .close = sim_close,
    .watch = sim_watch,
    .facts = sim_facts,
    .instances = sim_instances,
    .describe = sim_describe,
    .sight = sim_sight,
    .examine = gw_sim_examine,
    .measure = gw_sim_measure,
    .definition = gw_sim_definition,
    .examine_evacuation = gw_sim_examine_evacuation,
    .prepare = gw_sim_prepare,
    .migrate = gw_sim_migrate,
    .recover = gw_sim_recover,
    .abort = gw_sim_abort,
    .force_complete = gw_sim_force_complete,
    .set_pause = gw_sim_set_pause,
    .set_bandwidth = gw_sim_set_bandwidth,
    .stop = gw_sim_stop,
    .start = gw_sim_start,
    .resume = gw_sim_resume,
    .pause = gw_sim_pause,
    .suspend = gw_sim_suspend,
    .wake = gw_sim_wake_guest,
    .diagnostics = gw_sim_diagnostics,
    .adopt = gw_sim_adopt,
    .reshape = gw_sim_reshape,
    .settle = gw_sim_settle,
    .forget = gw_sim_forget,
    .create = gw_sim_create,
    .remove = gw_sim_remove,
    .remains = gw_sim_remains,
    .audit = gw_sim_audit,
    .probe = gw_sim_probe,
    .measure_link = gw_sim_measure_link,
};
