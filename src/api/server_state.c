#include "api/server_state.h"

static GwServerState power_state(GwPower power)
{
    switch (power) {
    case GW_POWER_RUNNING:
        return (GwServerState){"ACTIVE", "active", NULL};
    case GW_POWER_PAUSED:
        return (GwServerState){"PAUSED", "paused", NULL};
    case GW_POWER_SHUTDOWN:
        return (GwServerState){"SHUTOFF", "stopped", NULL};
    case GW_POWER_SUSPENDED:
        return (GwServerState){"SUSPENDED", "suspended", NULL};
    case GW_POWER_CRASHED:
        return (GwServerState){"ERROR", "error", NULL};
    case GW_POWER_NOSTATE:
        break;
    }
    return (GwServerState){"UNKNOWN", "active", NULL};
}

/* The guest's own pause and that of a switchover look alike from outside; only before the copy is it the guest's for
 * sure. */
static GwServerState live_state(const GwInstanceView *view)
{
    gboolean early = (gw_migration_state_traits(view->migration_state) & GW_TRAIT_EARLY) != 0;
    gboolean paused = early && view->instance->power == GW_POWER_PAUSED;
    return (GwServerState){"MIGRATING", paused ? "paused" : "active", "migrating"};
}

/* While a cold migration stops the guest its vm_state stays what it was; which of the two that was the view does not
 * say. */
static GwServerState cold_state(const GwInstanceView *view, const char *vm_state)
{
    switch (view->migration_state) {
    case GW_MIGRATION_ACCEPTED:
    case GW_MIGRATION_QUEUED:
    case GW_MIGRATION_PREPARING:
        return (GwServerState){"RESIZE", vm_state, "resize_prep"};
    case GW_MIGRATION_PLACING:
    case GW_MIGRATION_STARTING:
        return (GwServerState){"RESIZE", vm_state, "resize_finish"};
    case GW_MIGRATION_FINISHED:
    case GW_MIGRATION_CONFIRMING: /* Nova too shows a server being confirmed as VERIFY_RESIZE */
        return (GwServerState){"VERIFY_RESIZE", "resized", NULL};
    case GW_MIGRATION_REVERTING:
        return (GwServerState){"REVERT_RESIZE", "resized", "resize_reverting"};
    case GW_MIGRATION_RUNNING:
    case GW_MIGRATION_POSTCOPY:
    case GW_MIGRATION_SETTLING:
    case GW_MIGRATION_COMPLETED:
    case GW_MIGRATION_STOPPING:
    case GW_MIGRATION_MOVING:
    case GW_MIGRATION_CONFIRMED:
    case GW_MIGRATION_REVERTED:
    case GW_MIGRATION_UNDOING:
    case GW_MIGRATION_CANCELLED:
    case GW_MIGRATION_FAILED:
    case GW_MIGRATION_ERROR:
    case GW_MIGRATION_EVACUATED:
    case GW_MIGRATION_STATE_COUNT:
        break;
    }
    return (GwServerState){"RESIZE", vm_state, "resize_migrating"};
}

/* Of one that Godwit is making, failed to make, or takes away while no host shows it. */
static gboolean unfinished_state(const GwInstanceView *view, GwServerState *ret_state)
{
    static const GwServerState error = {"ERROR", "error", NULL};
    if (!view->server)
        return FALSE;
    switch (view->server->phase) {
    case GW_SERVER_PLACING:
        *ret_state = (GwServerState){"BUILD", "building", "scheduling"};
        return TRUE;
    case GW_SERVER_CREATING:
    case GW_SERVER_STARTING:
        *ret_state = (GwServerState){"BUILD", "building", "spawning"};
        return TRUE;
    case GW_SERVER_UNDOING:
    case GW_SERVER_FAILED:
        *ret_state = error;
        return TRUE;
    case GW_SERVER_DELETING:
        if (view->on_host)
            return FALSE;
        *ret_state = view->server->reason ? error : (GwServerState){"BUILD", "building", NULL};
        return TRUE;
    case GW_SERVER_BUILT:
    case GW_SERVER_PHASE_COUNT:
        break;
    }
    return FALSE;
}

GwServerState gw_server_state(const GwInstanceView *view)
{
    GwServerState unfinished;
    if (unfinished_state(view, &unfinished)) {
        if (view->operating)
            unfinished.task_state = gw_operation_task_state(view->operation);
        return unfinished;
    }
    GwServerState plain = power_state(view->instance->power);
    if (view->operating) {
        const char *status = view->operation == GW_OPERATION_REBOOT_SOFT   ? "REBOOT"
                             : view->operation == GW_OPERATION_REBOOT_HARD ? "HARD_REBOOT"
                                                                           : plain.status;
        return (GwServerState){status, plain.vm_state, gw_operation_task_state(view->operation)};
    }
    if (!view->migration_id)
        return view->card && view->card->in_error ? (GwServerState){"ERROR", "error", NULL} : plain;
    if (view->migration_kind == GW_MOVE_EVACUATE)
        return (GwServerState){"REBUILD", plain.vm_state, "rebuilding"};
    return view->migration_kind == GW_MOVE_LIVE ? live_state(view) : cold_state(view, plain.vm_state);
}

static const char *const statuses[] = {
    "ACTIVE",        "BUILD",    "DELETED", "ERROR",   "HARD_REBOOT",       "MIGRATING", "PASSWORD",
    "PAUSED",        "REBOOT",   "REBUILD", "RESCUE",  "RESIZE",            "SHELVED",   "SHELVED_OFFLOADED",
    "REVERT_RESIZE", "SHUTOFF",  "UNKNOWN", "SUSPENDED", "SOFT_DELETED",    "VERIFY_RESIZE", NULL};

gboolean gw_server_status_is_known(const char *status)
{
    g_autofree char *upper = g_ascii_strup(status, -1);
    return g_strv_contains(statuses, upper);
}

char *gw_server_status_words(void)
{
    return g_strjoinv(", ", (char **)statuses);
}
