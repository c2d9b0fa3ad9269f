/* A hook that is a file: whether it may be executed, and one call of it. */
#ifndef GW_ENGINE_HOOK_FILES_H
#define GW_ENGINE_HOOK_FILES_H

#include "core/rolling.h"

typedef enum {
    GW_HOOK_WATCH,
    GW_HOOK_LEAVE, /* this process ends, the call goes on, and the next process waits for it */
    GW_HOOK_END, /* another daemon does the work now: the call is ended */
} GwHookWish;

typedef struct {
    const char *folder; /* hook_dir */
    const char *state_folder; /* where a call under way is known by */
    guint timeout_s;
    const char *hook, *phase, *host;
    gint64 rolling_id, drain_id;
    const gint *wish; /* atomic, a GwHookWish: looked at while the call is under way */
} GwHookFile;

/* INVALID: no executable file in the folder that root or Godwit's user alone can change. */
gboolean gw_hook_file_check(const char *folder, const char *hook, GError **error);
/* Calls it and waits for its end; first for that of the same call by a process that is gone. */
GwHookState gw_hook_file_run(const GwHookFile *file, char **ret_message);
/* Takes away what calls have left there that are over. */
void gw_hook_files_sweep(const char *state_folder);

#endif
