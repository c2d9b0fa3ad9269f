/* Hooks: what an administrator wants done to a host at a certain moment, by a URL that is called or by an executable
 * file of hook_dir (hook_files.h). Each call runs beside the rest. What came of a call that a former process began is
 * not known here, and the call is made again: a hook must see what is done already. */
#ifndef GW_ENGINE_HOOKS_H
#define GW_ENGINE_HOOKS_H

#include "core/rolling.h"
#include "engine/hook_files.h"

typedef struct GwHooks GwHooks;

/* folder NULL or "": only URLs can be called. state_path: a folder "hook-calls" in there says which files are being
 * called. */
GwHooks *gw_hooks_new(const char *folder, const char *state_path, guint timeout_s);
/* Begins nothing more, and waits for what watches; wish: what becomes of files under way. Calls of URLs are broken off.
 */
void gw_hooks_stop(GwHooks *hooks, GwHookWish wish);
void gw_hooks_free(GwHooks *hooks);

/* Whether it could be called: INVALID otherwise. */
gboolean gw_hooks_check(const GwHooks *hooks, const char *hook, GError **error);

typedef struct {
    const char *hook, *phase, *host;
    gint64 rolling_id, drain_id; /* 0: none */
} GwHookCall;

/* How the call stands; the first time it begins. Never GW_HOOK_NONE. *ret_message: when it is BROKEN, why; owned by the
 * caller. The answer stays the same until the call is forgotten. */
GwHookState gw_hooks_call(GwHooks *hooks, const GwHookCall *call, char **ret_message);
/* Once what it came to is recorded. */
void gw_hooks_forget(GwHooks *hooks, const GwHookCall *call);
/* The work is another daemon's now: ends all that is under way, without waiting for it, and forgets everything. */
void gw_hooks_drop(GwHooks *hooks);

#endif
