/* event.from, in a thread per pool: says which host's view of which instance changed. */
#include "base/log.h"
#include "drivers/xapi/internal.h"

#include <string.h>

enum { WAIT_S = 20, MARGIN_MS = 10000, PAUSE_US = 2000000, SLICE_US = 100000 };

typedef struct {
    GwXapiPool *pool;
    GHashTable *last; /* ref of a VM -> "VM-UUID resident_on", as last heard */
    char *token;
    gboolean primed; /* the first batch tells what there is, not what changed */
} Ear;

/* Every host that may have had it or has it now is told; which those are, the refs alone do not say. */
static void hear(Ear *ear, const json_t *event)
{
    const char *ref = gw_xapi_text(event, "ref");
    const json_t *vm = json_object_get(event, "snapshot");
    char uuid[GW_UUID_SIZE];
    gw_xapi_uuid(vm, uuid);
    if (strcmp(gw_xapi_text(event, "class"), "vm") != 0)
        return;
    g_autofree char *known = g_strdup(g_hash_table_lookup(ear->last, ref));
    if (gw_uuid_is_valid(uuid))
        g_hash_table_replace(ear->last, g_strdup(ref), g_strdup(uuid));
    else
        g_hash_table_remove(ear->last, ref);
    const char *named = known ? known : uuid;
    if (ear->primed && gw_uuid_is_valid(named))
        gw_xapi_pool_tell(ear->pool, NULL, named);
}

static gboolean listen(Ear *ear, GError **error)
{
    json_t *params = json_pack("[[s],s,f]", "vm", ear->token ? ear->token : "", (double)(ear->token ? WAIT_S : 1));
    g_autoptr(json_t) batch = gw_xapi_call(ear->pool, "event.from", params, WAIT_S * 1000 + MARGIN_MS, error);
    if (!batch)
        return FALSE;
    gsize i;
    json_t *event;
    json_array_foreach(gw_xapi_list(batch, "events"), i, event)
        hear(ear, event);
    g_free(ear->token);
    ear->token = g_strdup(gw_xapi_text(batch, "token"));
    ear->primed = TRUE;
    return TRUE;
}

/* The stream broke: what was missed is anything. */
static void start_anew(Ear *ear)
{
    g_clear_pointer(&ear->token, g_free);
    g_hash_table_remove_all(ear->last);
    ear->primed = FALSE;
    for (guint us = 0; us < PAUSE_US && !gw_xapi_pool_is_stopping(ear->pool); us += SLICE_US)
        g_usleep(SLICE_US);
}

gpointer gw_xapi_events_thread(gpointer pool)
{
    Ear ear = {.pool = pool, .last = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    gboolean broken = FALSE;
    while (!gw_xapi_pool_is_stopping(pool)) {
        g_autoptr(GError) error = NULL;
        gboolean ok = listen(&ear, &error);
        if (ok && broken)
            gw_xapi_pool_tell(pool, NULL, NULL);
        if (!ok && !gw_xapi_pool_is_stopping(pool)) {
            gw_debug("xapi events: %s", error->message);
            if (!broken)
                gw_xapi_pool_tell(pool, NULL, NULL);
            start_anew(&ear);
        }
        broken = !ok;
    }
    g_hash_table_unref(ear.last);
    g_free(ear.token);
    return NULL;
}
