/* live_migration_inbound_addr: where the copy goes, where that is not the address that the destination gives itself. Pure.
 * "HostB=10.1.0.2, HostC=10.1.0.3, %s.mig.example.org": pairs, and at most one name for all others, with the host's name for %s. */
#ifndef GW_CORE_INBOUND_H
#define GW_CORE_INBOUND_H

#include <glib.h>

/* Of that host; owned by the caller. NULL: its own. setting may be NULL or empty. */
char *gw_inbound_address(const char *setting, const char *host);
/* What is wrong with it, for people, or NULL. */
char *gw_inbound_problem(const char *setting);

#endif
