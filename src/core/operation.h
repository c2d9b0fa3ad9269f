/* What may be asked of a server beside moving it, and in which state. Pure.
 * Sources: the state decorators of nova/compute/api.py, the lists of nova/compute/vm_states.py and task_states.py.
 * Stricter than Nova in one point: one thing at a time per server, so that any task under way refuses everything (Nova
 * lets a hard reboot and a delete interrupt some). A server in GW_VM_RESIZED may be deleted, as in Nova: the caller
 * confirms its move first. */
#ifndef GW_CORE_OPERATION_H
#define GW_CORE_OPERATION_H

#include <glib.h>

typedef enum {
    GW_OPERATION_START,
    GW_OPERATION_STOP,
    GW_OPERATION_REBOOT_SOFT,
    GW_OPERATION_REBOOT_HARD,
    GW_OPERATION_PAUSE,
    GW_OPERATION_UNPAUSE,
    GW_OPERATION_SUSPEND,
    GW_OPERATION_RESUME,
    GW_OPERATION_DELETE,
    GW_OPERATION_COUNT, /* not an operation */
} GwOperation;

typedef enum {
    GW_VM_BUILDING,
    GW_VM_ACTIVE,
    GW_VM_PAUSED,
    GW_VM_SUSPENDED,
    GW_VM_STOPPED,
    GW_VM_RESIZED,
    GW_VM_ERROR,
    GW_VM_STATE_COUNT, /* not a state */
} GwVmState;

/* A server as far as the rules look at it; the strings are borrowed. */
typedef struct {
    const char *uuid;
    GwVmState vm_state;
    const char *task_state; /* what is being done to it ("migrating", "pausing"), or NULL */
    gboolean locked;
    gboolean by_admin; /* whoever asks may pass a lock */
} GwOperationCase;

const char *gw_operation_name(GwOperation operation);      /* as in Nova's messages: "reboot", "unpause" */
const char *gw_operation_task_state(GwOperation operation); /* shown while it is under way: "powering-off" */
const char *gw_vm_state_name(GwVmState state);             /* "active" */

/* GW_ERROR_CONFLICT with Nova's sentence and what it leaves out: the lock first, then vm_state, then task_state. */
gboolean gw_operation_check(GwOperation operation, const GwOperationCase *server, GError **error);

#endif
