#include "core/operation.h"

#include "base/error.h"

#define IN(state) (1u << GW_VM_##state)

enum { ANYWHERE = (1u << GW_VM_STATE_COUNT) - 1 };

static const struct {
    const char *name, *task_state;
    unsigned states; /* in which it is allowed */
} rules[GW_OPERATION_COUNT] = {
    [GW_OPERATION_START] = {"start", "powering-on", IN(STOPPED)},
    [GW_OPERATION_STOP] = {"stop", "powering-off", IN(ACTIVE) | IN(ERROR)},
    [GW_OPERATION_REBOOT_SOFT] = {"reboot", "rebooting", IN(ACTIVE)},
    [GW_OPERATION_REBOOT_HARD] = {"reboot", "rebooting_hard",
                                  IN(ACTIVE) | IN(STOPPED) | IN(PAUSED) | IN(SUSPENDED) | IN(ERROR)},
    [GW_OPERATION_PAUSE] = {"pause", "pausing", IN(ACTIVE)},
    [GW_OPERATION_UNPAUSE] = {"unpause", "unpausing", IN(PAUSED)},
    [GW_OPERATION_SUSPEND] = {"suspend", "suspending", IN(ACTIVE)},
    [GW_OPERATION_RESUME] = {"resume", "resuming", IN(SUSPENDED)},
    [GW_OPERATION_DELETE] = {"delete", "deleting", ANYWHERE},
};

static const char *const state_names[GW_VM_STATE_COUNT] = {
    [GW_VM_BUILDING] = "building",   [GW_VM_ACTIVE] = "active",   [GW_VM_PAUSED] = "paused",
    [GW_VM_SUSPENDED] = "suspended", [GW_VM_STOPPED] = "stopped", [GW_VM_RESIZED] = "resized",
    [GW_VM_ERROR] = "error",
};

const char *gw_operation_name(GwOperation operation)
{
    return rules[operation].name;
}

const char *gw_operation_task_state(GwOperation operation)
{
    return rules[operation].task_state;
}

const char *gw_vm_state_name(GwVmState state)
{
    return state_names[state];
}

/* "active or error" */
static char *allowed_states(GwOperation operation)
{
    GString *text = g_string_new(NULL);
    for (guint state = 0; state < GW_VM_STATE_COUNT; state++)
        if (rules[operation].states & 1u << state)
            g_string_append_printf(text, "%s%s", text->len ? " or " : "", state_names[state]);
    return g_string_free(text, FALSE);
}

gboolean gw_operation_check(GwOperation operation, const GwOperationCase *server, GError **error)
{
    const char *name = rules[operation].name;
    if (server->locked && !server->by_admin) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Instance %s is locked: its owner or an administrator unlocks it",
                    server->uuid);
        return FALSE;
    }
    if (!(rules[operation].states & 1u << server->vm_state)) {
        g_autofree char *allowed = allowed_states(operation);
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot '%s' instance %s while it is in vm_state %s: it must be %s", name, server->uuid,
                    state_names[server->vm_state], allowed);
        return FALSE;
    }
    if (server->task_state) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot '%s' instance %s while it is in task_state %s: ask again when that has ended", name,
                    server->uuid, server->task_state);
        return FALSE;
    }
    return TRUE;
}
