/* Shared by the commands about drains and rolling drains. */
#ifndef GW_CLI_DRAINS_H
#define GW_CLI_DRAINS_H

#include "cli/client.h"

/* wish: the body's `rolling`; borrowed. Begins, or plans, and follows as the command line says. */
GwExit gw_rolling_begin(GwCli *cli, json_t *wish, GError **error);
/* deadline.c: --deadline, as the body's deadline_s. */
gboolean gw_take_deadline(const GwArguments *arguments, json_t *body, GError **error);

#endif
