/* Inside the engine: servers that are made or taken away. */
#ifndef GW_ENGINE_SERVERS_H
#define GW_ENGINE_SERVERS_H

#include "engine/internal.h"

/* One row, as long as it is in the store. Lives in engine->servers; one worker at a time steps it. */
typedef struct {
    char uuid[GW_UUID_SIZE];
    GwServer *row;           /* [lock] as last journalled; replaced by the worker alone */
    gboolean delete_asked;   /* [lock] */
    char *delete_request;    /* [lock] */
    gboolean stepping, again; /* [lock] */
    /* the worker's own */
    gboolean cleared;        /* [step] of the present phase */
    guint failures;          /* [step] of acts in a row */
    gint64 silent_since;     /* [step] monotonic us; 0: its host answers */
    gint64 token;            /* [step] of the lease under which the step is done */
    const char *event;       /* [step] the action event now open, or NULL */
    char *event_request;     /* [step] of which request */
} GwServerRun;

void gw_server_run_free(GwServerRun *run);
GwServerRun *gw_server_run_add(GwEngine *engine, GwServer *row /* taken */); /* [locked] */
void gw_server_run_drop(GwEngine *engine, const char *uuid); /* it is gone from the store; frees the run [locked] */
gboolean gw_servers_lead(GwEngine *engine); /* [locked] this daemon is the one that carries them */
void gw_server_run_wake(GwEngine *engine, const char *uuid);
void gw_server_run_wake_after(GwEngine *engine, const char *uuid, guint ms);

/* server_loop.c */
void gw_server_step(gpointer run, gpointer engine);
/* Where it was when a host last showed it; ret_host: owned by the caller, NULL when it never was anywhere. */
gboolean gw_server_last_home(GwEngine *engine, const GwServer *row, char **ret_host, GError **error);
/* server_place.c: fills server->host. GW_ERROR_REFUSED with every reason. */
gboolean gw_server_place(GwEngine *engine, GwServer *server, GError **error);
/* The same reasons against a request, before anything is recorded: a zone or host that is not there. */
gboolean gw_server_check_place(GwEngine *engine, const char *zone, const char *host, GError **error);

#endif
