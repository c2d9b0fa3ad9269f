/* A member of a pool that is lost. The pool's database still says that its VMs run there, and XAPI starts none of them until it is told otherwise:
 * VM.power_state_reset, which is believed without proof. Two vouch for it: the administrator who has forced the host down (the engine asks for that
 * before it adopts), and the pool's master, which must have given the host up, too. */
#include "drivers/xapi/internal.h"

#include <string.h>

/* ---- beforehand */

/* Everything else is in the pool's database, which outlives its members. No call is made: every instance is asked for. */
char *gw_xapi_definition(GwHost *host, const char *uuid, GError **error)
{
    g_autofree char *host_uuid = gw_xapi_host_uuid(host, error);
    g_autofree char *pool = gw_xapi_pool_uuid(host->pool);
    GwXapiMove move = {host_uuid, "", pool, ""};
    return host_uuid ? gw_xapi_move_write(&move) : NULL;
}

/* ---- checks */

static void examine_disk(GwMoveFacts *facts, const json_t *tables, const char *dest_ref, const GwDisk *disk)
{
    GwDiskFacts *found = gw_move_facts_add_disk(facts);
    g_autofree char *uuid = NULL;
    found->target = g_strdup(disk->target);
    if ((disk->flags & GW_DISK_EMPTY) || !gw_xapi_path_split(disk->path, &uuid, NULL))
        return;
    g_autofree char *sr = gw_xapi_find(tables, "SR", "uuid", uuid);
    gboolean shared = sr && gw_xapi_sr_attached(tables, sr, dest_ref);
    if (!shared && (disk->flags & GW_DISK_REMOVABLE))
        g_ptr_array_add(facts->missing_files, g_strdup_printf("medium %s", disk->path));
    else
        found->shared = shared ? GW_FACT_YES : GW_FACT_NO;
}

static void examine_record(GwMoveFacts *facts, const json_t *tables, const char *vm, const char *dest_ref)
{
    const json_t *record = gw_xapi_record(tables, "VM", vm);
    json_t *vifs = gw_xapi_vif_map(tables, record, tables, dest_ref, facts->missing_networks);
    json_decref(vifs);
    if (facts->dest->closed)
        g_ptr_array_add(facts->obstacles, g_strdup_printf("%s: %s", facts->dest_name, facts->dest->closed));
}

static char *definition_for(const char *definition, const GwHostFacts *dest, GError **error)
{
    GwPlan plan = {.name = "the instance", .definition = (char *)definition};
    g_auto(GwXapiMove) move = {0};
    if (!gw_xapi_move_read(&plan, &move, error))
        return NULL;
    GwXapiMove whole = {move.source_host, dest->host_uuid, move.source_pool, move.source_pool};
    return gw_xapi_move_write(&whole);
}

gboolean gw_xapi_examine_evacuation(GwHost *dest, GwInstance *instance, const char *definition, GwMoveFacts **ret_facts, GError **error)
{
    g_autofree char *vm = NULL;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GwMoveFacts) facts = gw_move_facts_new();
    g_autoptr(json_t) tables = gw_xapi_vm_tables(dest->pool, instance->uuid, &vm, &failure);
    if (gw_xapi_is_fault(failure, "UUID_INVALID")) /* no remedy: a repository that two pools attach is destroyed */
        g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "a host of another pool cannot take %s: only the pool that it belongs to can start it",
                    instance->name);
    else if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    g_autofree char *ref = tables ? gw_xapi_host_ref(dest, tables, error) : NULL;
    facts->dest_name = g_strdup(dest->name);
    facts->instance = gw_instance_ref(instance);
    facts->uuid_taken = facts->name_taken = GW_FACT_NO; /* it is the pool's own record */
    facts->dest = ref ? gw_xapi_host_facts(dest, tables, ref, error) : NULL;
    facts->definition = facts->dest ? definition_for(definition, facts->dest, error) : NULL;
    if (!facts->definition)
        return FALSE;
    for (guint i = 0; i < instance->disks->len; i++)
        examine_disk(facts, tables, ref, instance->disks->pdata[i]);
    examine_record(facts, tables, vm, ref);
    *ret_facts = g_steal_pointer(&facts);
    return TRUE;
}

/* ---- the act */

/* FALSE also when the pool does not say. */
static gboolean is_given_up(const json_t *tables, const char *host)
{
    const char *metrics = gw_xapi_text(gw_xapi_record(tables, "host", host), "metrics");
    const json_t *record = gw_xapi_record(tables, "host_metrics", metrics);
    return record && !gw_xapi_bool(record, "live");
}

gboolean gw_xapi_release(GwHost *dest, const GwPlan *plan, GError **error)
{
    g_auto(GwXapiMove) move = {0};
    g_autofree char *vm = NULL;
    g_autoptr(json_t) tables = gw_xapi_move_read(plan, &move, error) ? gw_xapi_vm_tables(dest->pool, plan->uuid, &vm, error) : NULL;
    if (!tables)
        return FALSE;
    const json_t *record = gw_xapi_record(tables, "VM", vm);
    const char *resident = gw_xapi_text(record, "resident_on");
    g_autofree char *lost = gw_xapi_find(tables, "host", "uuid", move.source_host);
    gboolean active = !gw_xapi_is_null(resident);
    if (active && (g_strcmp0(resident, lost) != 0 || !is_given_up(tables, lost))) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "the pool says that %s runs on %s, and has not given that host up: it is not started a second time", plan->name,
                    gw_xapi_text(gw_xapi_record(tables, "host", resident), "name_label"));
        return FALSE;
    }
    return (!active || gw_xapi_do(dest->pool, "VM.power_state_reset", json_pack("[s]", vm), error)) &&
           gw_xapi_mark(dest->pool, vm, GW_XAPI_HOME, move.dest_host, error);
}
