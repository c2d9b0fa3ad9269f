/* Hooks: what an administrator wants done to a host at a certain moment, by a URL that is called or by an executable file of hook_dir. Each call
 * runs beside the rest. A call that a former process began is not known here and is made again: a hook must see what is done already. */
#ifndef GW_ENGINE_HOOKS_H
#define GW_ENGINE_HOOKS_H

#include "core/rolling.h"

typedef struct GwHooks GwHooks;

/* folder NULL or "": only URLs can be called. */
GwHooks *gw_hooks_new(const char *folder, guint timeout_s);
/* Ends the waiting, and begins nothing more; what was begun by a file goes on by itself. */
void gw_hooks_stop(GwHooks *hooks);
void gw_hooks_free(GwHooks *hooks);

/* Whether it could be called. INVALID: no URL and no executable file of hook_dir that its owner alone can change. */
gboolean gw_hooks_check(const GwHooks *hooks, const char *hook, GError **error);

typedef struct {
    const char *hook, *phase, *host;
    gint64 rolling_id, drain_id; /* 0: none */
} GwHookCall;

/* How the call stands; the first time it begins. Never GW_HOOK_NONE. *ret_message: when it is BROKEN, why; owned by the caller. A call that
 * is over is forgotten once it has been told. */
GwHookState gw_hooks_call(GwHooks *hooks, const GwHookCall *call, char **ret_message);

#endif
