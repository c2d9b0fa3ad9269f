/* Who asks: what the command tells the daemon of its user. */
#ifndef GW_CLI_CREDENTIALS_H
#define GW_CLI_CREDENTIALS_H

#include "cli/command.h"

#define GW_ADMIN_PASSWORD_FILE "/var/lib/godwit/admin-password" /* where godwitd leaves it by default */

/* The address with user and password in it: those of OS_USERNAME and OS_PASSWORD, else the admin's from the file that
 * GODWIT_PASSWORD_FILE names, else, for a daemon on this machine only, from the default file when it can be read. An address that
 * names a user already, or for which none is known, comes back as it is. INVALID: the file that was named cannot be read.
 * Owned by the caller. */
char *gw_credentials_add(const char *url, GError **error);

/* A token of Keystone for OS_USERNAME's password; where: as the daemon says, told when something is missing, and never sent a
 * password to. Owned by the caller. */
char *gw_credentials_token(const GwCli *cli, const char *where, GError **error);

#endif
