/* What an instance's power and its migration make of Nova's three words for a server's state. */
#ifndef GW_API_SERVER_STATE_H
#define GW_API_SERVER_STATE_H

#include "engine/engine.h"

typedef struct {
    const char *status;     /* "ACTIVE", "MIGRATING", "VERIFY_RESIZE", … (nova/api/openstack/common.py, _STATE_MAP) */
    const char *vm_state;   /* "active", "resized", … (nova/compute/vm_states.py) */
    const char *task_state; /* "migrating", … (nova/compute/task_states.py), or NULL */
} GwServerState;

GwServerState gw_server_state(const GwInstanceView *view);
/* Whether status is one that some server could have. */
gboolean gw_server_status_is_known(const char *status);
char *gw_server_status_words(void); /* all of them, for people */

#endif
