/* A server that the command line named. */
#ifndef GW_CLI_SERVER_H
#define GW_CLI_SERVER_H

#include "cli/client.h"

typedef struct {
    json_t *json; /* the server as the daemon shows it; owned */
    /* borrowed from json; NULL when it does not say */
    const char *uuid, *name, *host, *status;
} GwServer;

void gw_server_free(GwServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwServer, gw_server_free)

/* In errors that are told from now on: the daemon's are Nova's, which name servers by their UUIDs. */
void gw_server_call_by_name(GwCli *cli, const GwServer *server);

/* By UUID or exact name; one that is found by name is called by it. NOT_FOUND when there is none, or more than one: the message then lists
 * their UUIDs. */
GwServer *gw_server_find(GwCli *cli, const char *which, GError **error);

/* "vm1 is on HostB (running)." as seen now, or why that is not known. Owned by the caller. */
char *gw_server_place(GwCli *cli, const char *uuid, const char *name);

/* boot.c: the id of a flavor that is named by id or name; owned by the caller. NOT_FOUND, with those that there are. */
char *gw_find_flavor(GwCli *cli, const char *which, GError **error);

/* groups.c: the UUID of a server group, likewise. */
char *gw_find_group(GwCli *cli, const char *which, GError **error);

/* power_state's number in words: "running". */
const char *gw_server_power(const json_t *server);

#endif
