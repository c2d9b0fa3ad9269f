/* event.from, in a thread per pool: keeps the mirror, and says which hosts' view of which instance changed. Only those hosts are told: where the VM
 * was, and where it is. */
#include "base/log.h"
#include "drivers/xapi/internal.h"

#include <string.h>

enum {
    FIRST_WAIT_MS = 2000,
    WAITS = 3, /* in the time that a call may take: so soon it is noticed that the master hangs */
    PAUSE_US = 2000000,
    SLICE_US = 100000,
};

typedef struct {
    char uuid[GW_UUID_SIZE];
    char *homes; /* of gw_xapi_homes */
} Known;

typedef struct {
    GwXapiPool *pool;
    GHashTable *last; /* ref of a VM -> Known *, as last heard */
    GHashTable *members; /* refs of hosts */
    GHashTable *dead; /* UUIDs of hosts that the master has given up */
    char *token;      /* NULL: it has not begun */
    guint session;    /* whose token it is */
    gboolean settled; /* what was read before it began has been read again */
} Ear;

static void known_free(gpointer data)
{
    Known *known = data;
    g_free(known->homes);
    g_free(known);
}

static void learn(Ear *ear, const char *ref, const json_t *vm, char *homes /* taken */)
{
    Known *known = g_new0(Known, 1);
    gw_xapi_uuid(vm, known->uuid);
    known->homes = homes;
    g_hash_table_replace(ear->last, g_strdup(ref), known);
}

static gboolean begin(Ear *ear, GError **error)
{
    if (!gw_xapi_mirror_begin(ear->pool, &ear->token, &ear->session, error))
        return FALSE;
    g_autoptr(json_t) tables = gw_xapi_mirror_tables(ear->pool);
    const char *ref;
    json_t *vm;
    json_object_foreach(gw_xapi_table(tables, "VM"), ref, vm)
        if (gw_xapi_is_instance(tables, vm))
            learn(ear, ref, vm, gw_xapi_homes(tables, vm));
    json_t *host;
    json_object_foreach(gw_xapi_table(tables, "host"), ref, host)
        g_hash_table_add(ear->members, g_strdup(ref));
    return TRUE;
}

/* ---- one event */

static void hear(Ear *ear, const json_t *tables, const json_t *event)
{
    const char *ref = gw_xapi_text(event, "ref");
    const json_t *vm = gw_xapi_record(tables, "VM", ref);
    const Known *known = g_hash_table_lookup(ear->last, ref);
    gboolean is = gw_xapi_is_instance(tables, vm);
    if (g_ascii_strcasecmp(gw_xapi_text(event, "class"), "VM") != 0 || (!known && !is))
        return;
    char uuid[GW_UUID_SIZE];
    g_strlcpy(uuid, known ? known->uuid : "", sizeof uuid);
    g_autofree char *homes = is ? gw_xapi_homes(tables, vm) : g_strdup("");
    g_autofree char *concerned = g_strdup_printf("%s %s", known ? known->homes : "", homes);
    if (is) {
        gw_xapi_uuid(vm, uuid);
        learn(ear, ref, vm, g_steal_pointer(&homes));
    } else {
        g_hash_table_remove(ear->last, ref);
    }
    gw_xapi_pool_tell(ear->pool, concerned, uuid);
}

/* A member is lost, or back: everything of it is asked for. Other news of a host's metrics are those of every minute. */
static void hear_life(Ear *ear, const json_t *tables, const json_t *event)
{
    if (g_ascii_strcasecmp(gw_xapi_text(event, "class"), "host_metrics") != 0)
        return;
    g_autofree char *host = gw_xapi_find(tables, "host", "metrics", gw_xapi_text(event, "ref"));
    const char *uuid = gw_xapi_text(gw_xapi_record(tables, "host", host), "uuid");
    gboolean live = gw_xapi_bool(gw_xapi_record(tables, "host_metrics", gw_xapi_text(event, "ref")), "live");
    gboolean changed = live ? g_hash_table_remove(ear->dead, uuid) : g_hash_table_add(ear->dead, g_strdup(uuid));
    if (host && changed)
        gw_xapi_pool_tell(ear->pool, uuid, NULL);
}

/* A member came or went: instances are at home elsewhere without an event of their own. */
static gboolean hear_member(Ear *ear, const json_t *tables, const json_t *event)
{
    const char *ref = gw_xapi_text(event, "ref");
    if (g_ascii_strcasecmp(gw_xapi_text(event, "class"), "host") != 0)
        return FALSE;
    return gw_xapi_record(tables, "host", ref) ? g_hash_table_add(ear->members, g_strdup(ref)) : g_hash_table_remove(ear->members, ref);
}

/* ---- listening */

static gboolean listen(Ear *ear, GError **error)
{
    if (!ear->token && (!gw_xapi_pool_seek(ear->pool, error) || !begin(ear, error)))
        return FALSE;
    guint timeout_ms = gw_xapi_pool_timeout_ms(ear->pool), wait_ms = timeout_ms / WAITS;
    if (!ear->settled)
        wait_ms = MIN(wait_ms, FIRST_WAIT_MS);
    json_t *params = json_pack("[o,s,f]", gw_xapi_mirror_classes(), ear->token, wait_ms / 1000.0);
    g_autoptr(json_t) batch = gw_xapi_call_in(ear->pool, ear->session, "event.from", params, wait_ms + timeout_ms, error);
    if (!batch)
        return FALSE;
    gw_xapi_mirror_apply(ear->pool, ear->session, batch);
    g_autoptr(json_t) tables = gw_xapi_mirror_tables(ear->pool);
    gsize i;
    json_t *event;
    gboolean others = FALSE;
    json_array_foreach(gw_xapi_list(batch, "events"), i, event) {
        hear(ear, tables, event);
        hear_life(ear, tables, event);
        others |= hear_member(ear, tables, event);
    }
    if (others)
        gw_xapi_pool_tell(ear->pool, NULL, NULL);
    g_free(ear->token);
    ear->token = g_strdup(gw_xapi_text(batch, "token"));
    return TRUE;
}

/* The stream broke: what was missed is anything. */
static void start_anew(Ear *ear)
{
    gw_xapi_mirror_end(ear->pool);
    g_clear_pointer(&ear->token, g_free);
    g_hash_table_remove_all(ear->last);
    g_hash_table_remove_all(ear->members);
    ear->settled = FALSE;
}

static void pause_ear(const Ear *ear)
{
    for (guint us = 0; us < PAUSE_US && !gw_xapi_pool_is_stopping(ear->pool); us += SLICE_US)
        g_usleep(SLICE_US);
}

gpointer gw_xapi_events_thread(gpointer pool)
{
    Ear ear = {.pool = pool, .last = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free),
               .members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
               .dead = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    gboolean broken = FALSE;
    while (!gw_xapi_pool_is_stopping(pool)) {
        g_autoptr(GError) error = NULL;
        gboolean ok = listen(&ear, &error), first = ok && !ear.settled;
        ear.settled |= ok;
        if (!ok && !gw_xapi_pool_is_stopping(pool)) {
            gw_debug("xapi events: %s", error->message);
            start_anew(&ear);
        }
        if (first || (!ok && !broken)) /* what was read before it began to listen, or is told no more */
            gw_xapi_pool_tell(pool, NULL, NULL);
        broken = !ok;
        if (broken)
            pause_ear(&ear);
    }
    g_hash_table_unref(ear.last);
    g_hash_table_unref(ear.members);
    g_hash_table_unref(ear.dead);
    g_free(ear.token);
    return NULL;
}
