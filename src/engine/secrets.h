/* Passwords that were given with addresses; inside the engine only. */
#ifndef GW_ENGINE_SECRETS_H
#define GW_ENGINE_SECRETS_H

#include "engine/engine.h"

/* The file for the password of hosts at this address. Owned by the caller; NULL: they take none. */
char *gw_secrets_path(GwEngine *engine, const char *uri);
/* *ret_before: what was kept until now, or NULL; owned by the caller, for gw_secrets_restore when the host is not added after all. */
gboolean gw_secrets_keep(GwEngine *engine, const char *uri, const char *password, char **ret_before, GError **error);
/* For a host that gets another address and keeps its password. What is kept for `to` is replaced; nothing is done where none is kept for `from`. */
gboolean gw_secrets_copy(GwEngine *engine, const char *from, const char *to, GError **error);
void gw_secrets_restore(GwEngine *engine, const char *uri, const char *before);
void gw_secrets_drop(GwEngine *engine, const char *uri); /* unless another host needs it */

#endif
