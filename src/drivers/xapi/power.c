/* What one host says of one instance, and starting and stopping it there. */
#include "drivers/xapi/internal.h"

#include <string.h>

typedef struct {
    char *vm, *host, *uuid; /* refs, and the host's UUID */
    json_t *record;
} Place;

static void place_clear(Place *place)
{
    g_free(place->vm);
    g_free(place->host);
    g_free(place->uuid);
    if (place->record)
        json_decref(place->record);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

/* FALSE with UUID_INVALID: the pool has no such VM. */
static gboolean find_place(GwHost *host, const char *uuid, Place *place, GError **error)
{
    place->uuid = gw_xapi_host_uuid(host, error);
    if (!place->uuid)
        return FALSE;
    place->host = gw_xapi_ask(host->pool, "host.get_by_uuid", json_pack("[s]", place->uuid), error);
    if (!place->host)
        return FALSE;
    place->vm = gw_xapi_find_vm(host->pool, uuid, error);
    place->record = place->vm ? gw_xapi_call(host->pool, "VM.get_record", json_pack("[s]", place->vm), 0, error) : NULL;
    if (!place->record || gw_xapi_is_called(place->record, uuid))
        return place->record != NULL;
    g_clear_pointer(&place->vm, g_free);
    gw_xapi_fault_set(error, "UUID_INVALID", NULL);
    return FALSE;
}

static gboolean is_state(const Place *place, const char *state)
{
    return strcmp(gw_xapi_text(place->record, "power_state"), state) == 0;
}

static gboolean is_resident(const Place *place)
{
    return strcmp(gw_xapi_text(place->record, "resident_on"), place->host) == 0;
}

/* A dead host of a pool whose master answers is as unreachable as one that does not answer itself. */
gboolean gw_xapi_check_live(GwHost *host, const json_t *tables, const char *ref, GError **error)
{
    const json_t *record = gw_xapi_record(tables, "host", ref);
    const json_t *metrics = gw_xapi_record(tables, "host_metrics", gw_xapi_text(record, "metrics"));
    gboolean lost = metrics && !gw_xapi_bool(metrics, "live");
    g_atomic_int_set(&host->lost, lost);
    if (!lost)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "the pool's master says that host %s is not alive", host->name);
    return FALSE;
}

/* ---- sight */

/* What the pool says of a guest on a member that is lost is its last word, and no sign of life. */
static gboolean check_witness(GwHost *host, const Place *place, GError **error)
{
    static const char *const classes[] = {"host", "host_metrics"};
    g_autoptr(json_t) tables = gw_xapi_fetch_tables(host->pool, classes, G_N_ELEMENTS(classes), error);
    return tables && gw_xapi_check_live(host, tables, place->host, error);
}

/* A VDI of a halted VM that is being copied: a cold move under way. The task's ref, owned; or NULL. */
static char *copying_task(const json_t *tables)
{
    const char *ref, *task;
    json_t *vdi, *operation;
    json_object_foreach(gw_xapi_table(tables, "VDI"), ref, vdi)
        json_object_foreach(json_object_get(vdi, "current_operations"), task, operation)
            if (g_strcmp0(json_string_value(operation), "copy") == 0)
                return g_strdup(task);
    return NULL;
}

static char *moving_task(const json_t *vm)
{
    const char *task;
    json_t *operation;
    json_object_foreach(json_object_get(vm, "current_operations"), task, operation) {
        const char *name = json_string_value(operation);
        if (g_strcmp0(name, "pool_migrate") == 0 || g_strcmp0(name, "migrate_send") == 0)
            return g_strdup(task);
    }
    return NULL;
}

/* XAPI says one fraction; it is shown as that of the memory, or of the disks when those travel. */
static void read_progress(GwHost *host, const char *task, const json_t *vm, GwProgress *progress)
{
    g_autoptr(GError) ignored = NULL;
    g_autoptr(json_t) record = gw_xapi_call(host->pool, "task.get_record", json_pack("[s]", task), 0, &ignored);
    const json_t *value = json_object_get(record, "progress");
    double done = CLAMP(json_is_number(value) ? json_number_value(value) : 0, 0, 1);
    guint64 total = (guint64)MAX(gw_xapi_int(vm, "memory_dynamic_max"), 0);
    progress->elapsed_ms = 1; /* its clock is the server's */
    progress->memory_total = total;
    progress->memory_processed = (guint64)(done * (double)total);
    progress->memory_remaining = total - progress->memory_processed;
}

static GwSeen seen_of(const Place *place)
{
    return is_state(place, "Running")                                    ? GW_SEEN_RUNNING
           : is_state(place, "Paused") || is_state(place, "Suspended") ? GW_SEEN_PAUSED
                                                                          : GW_SEEN_STOPPED;
}

/* Not resident: it may belong here all the same. */
static gboolean look_closer(GwHost *host, const char *uuid, const Place *place, GwSight *sight, GError **error)
{
    g_autofree char *vm = NULL;
    g_autoptr(json_t) tables = gw_xapi_vm_tables(host->pool, uuid, &vm, error);
    if (!tables)
        return FALSE;
    const json_t *record = gw_xapi_record(tables, "VM", vm);
    if (!gw_xapi_is_here(tables, record, place->uuid))
        return TRUE;
    g_autofree char *task = copying_task(tables);
    sight->seen = gw_xapi_is_null(gw_xapi_text(record, "resident_on")) ? seen_of(place) : GW_SEEN_STOPPED;
    sight->job = task ? GW_JOB_OUTGOING : GW_JOB_NONE;
    if (task)
        read_progress(host, task, record, &sight->progress);
    return TRUE;
}

gboolean gw_xapi_sight(GwHost *host, const char *uuid, GwSight *ret_sight, GError **error)
{
    g_auto(Place) place = {0};
    GwSight sight = {.seen = GW_SEEN_ABSENT};
    g_autoptr(GError) failure = NULL;
    if (!find_place(host, uuid, &place, &failure)) {
        gboolean absent = !place.vm && place.host && gw_xapi_is_fault(failure, "UUID_INVALID");
        if (absent || gw_xapi_is_fault(failure, "HANDLE_INVALID"))
            *ret_sight = sight;
        else
            g_propagate_error(error, g_steal_pointer(&failure));
        return error == NULL || *error == NULL;
    }
    gboolean ok = TRUE;
    g_autofree char *task = moving_task(place.record);
    if (is_resident(&place) && !check_witness(host, &place, error))
        return FALSE;
    if (is_resident(&place))
        sight.seen = seen_of(&place);
    else
        ok = look_closer(host, uuid, &place, &sight, error);
    if (ok && task && sight.seen != GW_SEEN_ABSENT) {
        sight.job = GW_JOB_OUTGOING;
        read_progress(host, task, place.record, &sight.progress);
    }
    if (ok)
        *ret_sight = sight;
    return ok;
}

/* ---- abort */

gboolean gw_xapi_abort(GwHost *source, const char *uuid, GError **error)
{
    g_mutex_lock(&source->lock);
    GwXapiStop *stop = g_hash_table_lookup(source->copies, uuid);
    if (stop)
        g_atomic_int_set(&stop->stopped, TRUE); /* its own thread cancels the task */
    g_mutex_unlock(&source->lock);
    if (stop)
        return TRUE;
    g_autofree char *vm = NULL;
    g_autoptr(json_t) tables = gw_xapi_vm_tables(source->pool, uuid, &vm, error);
    if (!tables)
        return FALSE;
    g_autofree char *moving = moving_task(gw_xapi_record(tables, "VM", vm));
    g_autofree char *copying = moving ? NULL : copying_task(tables);
    const char *task = moving ? moving : copying;
    return !task || gw_xapi_do(source->pool, "task.cancel", json_pack("[s]", task), error);
}

/* ---- power */

gboolean gw_xapi_mark(GwXapiPool *pool, const char *vm, const char *key, const char *value, GError **error)
{
    return gw_xapi_do(pool, "VM.remove_from_other_config", json_pack("[s,s]", vm, key), error) &&
           (!value || gw_xapi_do(pool, "VM.add_to_other_config", json_pack("[s,s,s]", vm, key, value), error));
}

/* A suspended VM is on no host: is it this one's? */
static gboolean is_asleep_here(GwHost *host, const char *uuid, const Place *place, gboolean *ret_here, GError **error)
{
    g_autofree char *vm = NULL;
    *ret_here = FALSE;
    if (!is_state(place, "Suspended"))
        return TRUE;
    g_autoptr(json_t) tables = gw_xapi_vm_tables(host->pool, uuid, &vm, error);
    *ret_here = tables && gw_xapi_is_here(tables, gw_xapi_record(tables, "VM", vm), place->uuid);
    return tables != NULL;
}

gboolean gw_xapi_stop(GwHost *host, const char *uuid, GwStopHow how, guint timeout_ms, GError **error)
{
    g_auto(Place) place = {0};
    if (!find_place(host, uuid, &place, error))
        return FALSE;
    gboolean asleep;
    if (!is_asleep_here(host, uuid, &place, &asleep, error))
        return FALSE;
    if (is_state(&place, "Halted") || (!is_resident(&place) && !asleep))
        return TRUE;
    if (!gw_xapi_mark(host->pool, place.vm, GW_XAPI_HOME, place.uuid, error)) /* so that it stays this host's */
        return FALSE;
    if (how == GW_STOP_GRACEFUL && is_state(&place, "Running")) {
        g_autoptr(GError) ignored = NULL; /* the guest did not do it: the plug is pulled */
        GwXapiStop stop = {.deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000};
        if (gw_xapi_run(host->pool, "VM.clean_shutdown", json_pack("[s]", place.vm), &stop, NULL, &ignored))
            return TRUE;
    }
    g_autoptr(GError) failure = NULL;
    if (gw_xapi_run(host->pool, "VM.hard_shutdown", json_pack("[s]", place.vm), NULL, NULL, &failure))
        return TRUE;
    if (gw_xapi_is_fault(failure, "VM_BAD_POWER_STATE") && strstr(failure->message, ", halted"))
        return TRUE; /* it stopped meanwhile */
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean conflict(const Place *place, const char *wish, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "it is %s%s: it cannot be %s here", gw_xapi_text(place->record, "power_state"),
                is_resident(place) || is_state(place, "Halted") ? "" : ", not on this host", wish);
    return FALSE;
}

gboolean gw_xapi_start(GwHost *host, const char *uuid, GwStartHow how, GError **error)
{
    g_auto(Place) place = {0};
    if (!find_place(host, uuid, &place, error))
        return FALSE;
    if (is_resident(&place) && is_state(&place, how == GW_START_PAUSED ? "Paused" : "Running"))
        return TRUE;
    if (is_resident(&place) && is_state(&place, "Paused"))
        return gw_xapi_run(host->pool, "VM.unpause", json_pack("[s]", place.vm), NULL, NULL, error);
    if (!is_state(&place, "Halted"))
        return conflict(&place, "started", error);
    return gw_xapi_run(host->pool, "VM.start_on", json_pack("[s,s,b,b]", place.vm, place.host, how == GW_START_PAUSED, FALSE), NULL, NULL,
                       error);
}

gboolean gw_xapi_pause(GwHost *host, const char *uuid, GError **error)
{
    g_auto(Place) place = {0};
    if (!find_place(host, uuid, &place, error))
        return FALSE;
    if (is_resident(&place) && is_state(&place, "Paused"))
        return TRUE;
    if (!is_resident(&place) || !is_state(&place, "Running"))
        return conflict(&place, "paused", error);
    return gw_xapi_run(host->pool, "VM.pause", json_pack("[s]", place.vm), NULL, NULL, error);
}

gboolean gw_xapi_resume(GwHost *host, const char *uuid, GError **error)
{
    g_auto(Place) place = {0};
    if (!find_place(host, uuid, &place, error))
        return FALSE;
    if (is_resident(&place) && is_state(&place, "Running"))
        return TRUE;
    if (!is_resident(&place) || !is_state(&place, "Paused"))
        return conflict(&place, "resumed", error);
    return gw_xapi_run(host->pool, "VM.unpause", json_pack("[s]", place.vm), NULL, NULL, error);
}

/* ---- suspend: the memory goes to the pool's SR for suspended VMs */

gboolean gw_xapi_suspend(GwHost *host, const char *uuid, GError **error)
{
    g_auto(Place) place = {0};
    if (!find_place(host, uuid, &place, error))
        return FALSE;
    if (is_state(&place, "Suspended"))
        return TRUE;
    if (!is_resident(&place) || !is_state(&place, "Running"))
        return conflict(&place, "suspended", error);
    return gw_xapi_mark(host->pool, place.vm, GW_XAPI_HOME, place.uuid, error) && /* so that it stays this host's */
           gw_xapi_run(host->pool, "VM.suspend", json_pack("[s]", place.vm), NULL, NULL, error);
}

gboolean gw_xapi_wake(GwHost *host, const char *uuid, GError **error)
{
    g_auto(Place) place = {0};
    if (!find_place(host, uuid, &place, error))
        return FALSE;
    if (is_resident(&place) && is_state(&place, "Running"))
        return TRUE;
    if (!is_state(&place, "Suspended"))
        return conflict(&place, "resumed", error);
    return gw_xapi_run(host->pool, "VM.resume_on", json_pack("[s,s,b,b]", place.vm, place.host, FALSE, FALSE), NULL, NULL, error);
}
