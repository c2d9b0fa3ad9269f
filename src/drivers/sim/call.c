/* What every driver call meets first: latency, hosts that are down or hang, and the faults that a test has ordered. */
#include "drivers/sim/internal.h"

#include <string.h>

static void take_time(GwHost *handle)
{
    GwSimWorld *world = handle->world;
    g_mutex_lock(&world->lock);
    gboolean manual = world->manual;
    double us = (double)handle->host->latency_ms * 1000 / world->speed;
    g_mutex_unlock(&world->lock);
    if (us > 0 && !manual)
        g_usleep((gulong)us);
}

/* With the lock held. A host that hangs is waited for as long as its caller waits, in real time. */
static gboolean answers(GwHost *handle, GError **error)
{
    GwSimHost *host = handle->host;
    gint64 now = g_get_monotonic_time(), deadline = now + (gint64)handle->timeout_ms * 1000;
    if (host->hangs_at_us && now >= host->hangs_at_us) {
        host->hangs_at_us = 0;
        host->state = GW_SIM_HANGS;
    }
    while (host->state == GW_SIM_HANGS)
        if (!g_cond_wait_until(&host->state_changed, &handle->world->lock, deadline))
            break;
    switch (host->state) {
    case GW_SIM_UP:
        return TRUE;
    case GW_SIM_DOWN:
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "%s: connection refused", handle->name);
        return FALSE;
    case GW_SIM_HANGS:
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "%s: no answer within %u ms", handle->name,
                    handle->timeout_ms);
        return FALSE;
    }
    return FALSE;
}

/* The fault that is due for this call, taken out of the host's list, as an error; or NULL. */
static GError *due_fault(GwSimHost *host, const char *function, GwSimWhen *ret_when)
{
    for (guint i = 0; i < host->faults->len; i++) {
        GwSimFault *fault = host->faults->pdata[i];
        if (strcmp(fault->function, function) != 0 || --fault->left)
            continue;
        *ret_when = fault->when;
        GError *error = g_error_new(GW_ERROR, (gint)fault->code, "%s: simulated failure of %s", host->name, function);
        g_ptr_array_remove_index(host->faults, i);
        return error;
    }
    return NULL;
}

static gboolean passes_faults(GwSimCall *call, GwSimDeed deed, const char *function, GError **error)
{
    GwHost *hosts[] = {call->first, call->second};
    for (guint i = 0; i < G_N_ELEMENTS(hosts) && hosts[i]; i++) {
        GwSimWhen when = GW_SIM_BEFORE;
        GError *fault = call->late ? NULL : due_fault(hosts[i]->host, function, &when);
        if (!fault)
            continue;
        if (deed == GW_SIM_ASK || when == GW_SIM_BEFORE) {
            g_propagate_error(error, fault);
            return FALSE;
        }
        call->late = fault;
        call->early = when == GW_SIM_DURING;
    }
    return TRUE;
}

/* function: of static storage. */
static void count(GwSimHost *host, const char *function)
{
    guint before = GPOINTER_TO_UINT(g_hash_table_lookup(host->calls, function));
    g_hash_table_insert(host->calls, (gpointer)function, GUINT_TO_POINTER(before + 1));
}

gboolean gw_sim_call_begin(GwSimCall *call, GwSimDeed deed, const char *function, GwHost *first, GwHost *second,
                           GError **error)
{
    *call = (GwSimCall){.first = first, .second = second};
    if (second && second->world != first->world) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s and %s are in different worlds", first->name,
                    second->name);
        return FALSE;
    }
    take_time(first);
    gw_sim_world_lock(first->world);
    if (answers(first, error) && (!second || answers(second, error)) && passes_faults(call, deed, function, error)) {
        count(first->host, function);
        if (second)
            count(second->host, function);
        gw_sim_copies_advance(first->world); /* time may have gone by while a host hung */
        return TRUE;
    }
    gw_sim_world_unlock(first->world);
    g_clear_error(&call->late);
    return FALSE;
}

gboolean gw_sim_call_end(GwSimCall *call, gboolean ok, GError **error)
{
    gw_sim_world_unlock(call->first->world);
    if (ok && call->late) {
        g_propagate_error(error, g_steal_pointer(&call->late));
        return FALSE;
    }
    g_clear_error(&call->late);
    return ok;
}
