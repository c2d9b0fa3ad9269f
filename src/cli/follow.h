/* Following a migration until it ends, is given up, or Ctrl-C detaches from it. The migration never notices. */
#ifndef GW_CLI_FOLLOW_H
#define GW_CLI_FOLLOW_H

#include "cli/move.h"

/* The migration's whole row from the daemon, as it is now. NULL and an error: NOT_FOUND, UNREACHABLE, … */
GwMove *gw_follow_once(GwCli *cli, gint64 id, GError **error);

/* Shows progress on standard error, its end on standard output (or, when it ended badly, why, on standard error). */
GwExit gw_follow(GwCli *cli, gint64 id, GwWanted wanted, GError **error);

/* NOT_FOUND when the migration is not the server's. */
gboolean gw_follow_check_owner(const GwMove *move, const char *uuid, const char *name, GError **error);

/* Whether it is an error that a daemon which is restarted gives for a while. */
gboolean gw_follow_may_pass(const GError *problem);

#endif
