/* The pool's records, kept by its events: read once, then changed as event.from says. A snapshot is never changed, only replaced: readers keep theirs.
 *
 * Before a snapshot is given to somebody who asks now, event.inject makes an event of the pool itself, and what is given is newer than that event:
 * an answer never takes back what another call has told before. Where events are not followed everything is fetched, at most once a second. */
#include "drivers/xapi/internal.h"

#include <string.h>

enum { FRESH_US = 1000000, BARRIER_WAIT_US = 3000000, TRIES = 3 };

static const char *const classes[] = {"pool", "host", "host_metrics", "SR", "PBD", "network", "PIF", "VM", "VBD", "VDI", "VIF"};

/* "0000123,45": the generation is the first number. */
static guint64 generation_of(const char *token)
{
    return g_ascii_strtoull(token, NULL, 10);
}

void gw_xapi_mirror_clear(GwXapiMirror *mirror)
{
    g_clear_pointer(&mirror->tables, json_decref);
    g_clear_pointer(&mirror->token, g_free);
    mirror->followed = FALSE;
}

/* ---- everything anew */

/* All of it by one session: another one may be of another pool, which the host has joined or left meanwhile. */
static json_t *read_all(GwXapiPool *pool, json_t **ret_batch, guint *ret_session, GError **error)
{
    for (guint i = 0; i < TRIES; i++) {
        g_autoptr(json_t) batch = gw_xapi_call(pool, "event.from", json_pack("[[s],s,f]", "pool", "", 1.0), 0, error);
        *ret_session = gw_xapi_pool_session_number(pool);
        g_autoptr(json_t) tables = batch ? gw_xapi_fetch_tables(pool, classes, G_N_ELEMENTS(classes), error) : NULL;
        if (!tables)
            return NULL;
        if (*ret_session == gw_xapi_pool_session_number(pool)) {
            *ret_batch = g_steal_pointer(&batch);
            return g_steal_pointer(&tables);
        }
    }
    g_set_error(error, GW_ERROR, GW_ERROR_LOST, "the pool's sessions end one after the other");
    return NULL;
}

/* The token first: what changes while the records are read is heard of afterwards. [locked] */
static gboolean fetch(GwXapiPool *pool, GwXapiMirror *mirror, GError **error)
{
    gint64 begun_us = g_get_monotonic_time();
    guint session = 0;
    g_autoptr(json_t) batch = NULL;
    g_autoptr(json_t) tables = read_all(pool, &batch, &session, error);
    g_clear_pointer(&mirror->tables, json_decref); /* what follows the events goes on: they change these as well */
    if (!tables)
        return FALSE;
    mirror->tables = g_steal_pointer(&tables);
    g_free(mirror->token);
    mirror->token = g_strdup(gw_xapi_text(batch, "token"));
    mirror->followed &= mirror->session == session; /* what follows begins anew once it notices */
    mirror->session = session;
    mirror->asked_us = begun_us;
    mirror->ended_us = g_get_monotonic_time();
    return TRUE;
}

/* ---- events */

static const char *class_of(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(classes); i++)
        if (g_ascii_strcasecmp(classes[i], name) == 0)
            return classes[i];
    return NULL;
}

json_t *gw_xapi_mirror_classes(void)
{
    json_t *list = json_array();
    for (guint i = 0; i < G_N_ELEMENTS(classes); i++)
        json_array_append_new(list, json_string(classes[i]));
    return list;
}

/* A class's table is copied once per batch; its records are shared with older snapshots. */
static void apply(json_t *tables, GHashTable *copied, const json_t *event)
{
    const char *class = class_of(gw_xapi_text(event, "class")), *ref = gw_xapi_text(event, "ref");
    json_t *record = json_object_get(event, "snapshot");
    if (!class || !*ref)
        return;
    if (g_hash_table_add(copied, (gpointer)class)) {
        json_t *table = json_copy(gw_xapi_table(tables, class));
        json_object_set_new(tables, class, table);
    }
    if (json_is_object(record))
        json_object_set(gw_xapi_table(tables, class), ref, record);
    else
        json_object_del(gw_xapi_table(tables, class), ref);
}

void gw_xapi_mirror_apply(GwXapiPool *pool, guint session, const json_t *batch)
{
    GwXapiMirror *mirror = gw_xapi_pool_mirror(pool);
    g_autoptr(GHashTable) copied = g_hash_table_new(g_str_hash, g_str_equal);
    gsize i;
    json_t *event;
    g_mutex_lock(&mirror->lock);
    if (mirror->tables && mirror->session != session) { /* they are newer, and perhaps another pool's */
        g_mutex_unlock(&mirror->lock);
        return;
    }
    json_t *tables = mirror->tables ? json_copy(mirror->tables) : NULL; /* NULL: what is fetched next is newer than these */
    if (tables) {
        json_array_foreach(gw_xapi_list(batch, "events"), i, event)
            apply(tables, copied, event);
        if (g_hash_table_size(copied))
            json_object_del(tables, GW_XAPI_HOMES);
        json_decref(mirror->tables);
        mirror->tables = tables;
    }
    g_free(mirror->token);
    mirror->token = g_strdup(gw_xapi_text(batch, "token"));
    g_cond_broadcast(&mirror->moved);
    g_mutex_unlock(&mirror->lock);
}

gboolean gw_xapi_mirror_begin(GwXapiPool *pool, char **ret_token, guint *ret_session, GError **error)
{
    GwXapiMirror *mirror = gw_xapi_pool_mirror(pool);
    g_mutex_lock(&mirror->lock);
    gboolean known = mirror->tables && mirror->session == gw_xapi_pool_session_number(pool);
    gboolean ok = known || fetch(pool, mirror, error);
    mirror->followed = ok;
    if (ok) {
        *ret_token = g_strdup(mirror->token);
        *ret_session = mirror->session;
    }
    g_mutex_unlock(&mirror->lock);
    return ok;
}

void gw_xapi_mirror_end(GwXapiPool *pool)
{
    GwXapiMirror *mirror = gw_xapi_pool_mirror(pool);
    g_mutex_lock(&mirror->lock);
    gw_xapi_mirror_clear(mirror);
    g_cond_broadcast(&mirror->moved);
    g_mutex_unlock(&mirror->lock);
}

/* ---- asking */

/* Waits until the mirror has heard of everything up to now. [locked] FALSE: it has not; everything is to be fetched. */
static gboolean catch_up(GwXapiPool *pool, GwXapiMirror *mirror)
{
    gint64 begun_us = g_get_monotonic_time();
    g_autofree char *ref = g_strdup(json_object_iter_key(json_object_iter(gw_xapi_table(mirror->tables, "pool"))));
    g_mutex_unlock(&mirror->lock);
    g_autofree char *barrier = ref ? gw_xapi_ask(pool, "event.inject", json_pack("[s,s]", "pool", ref), NULL) : NULL;
    g_mutex_lock(&mirror->lock);
    gint64 until_us = begun_us + BARRIER_WAIT_US;
    while (barrier && mirror->followed && generation_of(mirror->token) < generation_of(barrier))
        if (!g_cond_wait_until(&mirror->moved, &mirror->lock, until_us))
            return FALSE;
    if (!barrier || !mirror->followed)
        return FALSE;
    mirror->asked_us = begun_us;
    mirror->ended_us = g_get_monotonic_time();
    return TRUE;
}

/* Which hosts show each VM, found out once for a snapshot: 64 hosts will ask. [locked] */
static void note_homes(GwXapiMirror *mirror)
{
    if (json_object_get(mirror->tables, GW_XAPI_HOMES))
        return;
    json_t *homes = json_object();
    const char *ref;
    json_t *vm;
    json_object_foreach(gw_xapi_table(mirror->tables, "VM"), ref, vm) {
        g_autofree char *of = gw_xapi_is_instance(mirror->tables, vm) ? gw_xapi_homes(mirror->tables, vm) : NULL;
        if (of)
            json_object_set_new(homes, ref, json_string(of));
    }
    json_t *tables = json_copy(mirror->tables); /* a reader may have the old one */
    json_object_set_new(tables, GW_XAPI_HOMES, homes);
    json_decref(mirror->tables);
    mirror->tables = tables;
}

json_t *gw_xapi_all_tables(GwXapiPool *pool, GError **error)
{
    GwXapiMirror *mirror = gw_xapi_pool_mirror(pool);
    g_mutex_lock(&mirror->lock);
    while (mirror->busy) /* somebody is asking: the answer may do */
        g_cond_wait(&mirror->moved, &mirror->lock);
    gint64 read_us = gw_xapi_pool_last_read(pool);
    gboolean known = mirror->tables && mirror->session == gw_xapi_pool_session_number(pool);
    gboolean fresh = known && mirror->asked_us > read_us && g_get_monotonic_time() - mirror->ended_us < FRESH_US;
    gboolean ok = fresh;
    if (!fresh) {
        mirror->busy = TRUE;
        ok = (known && mirror->followed && catch_up(pool, mirror)) || fetch(pool, mirror, error);
        mirror->busy = FALSE;
        g_cond_broadcast(&mirror->moved);
    }
    if (ok)
        note_homes(mirror);
    json_t *tables = ok ? json_incref(mirror->tables) : NULL;
    g_mutex_unlock(&mirror->lock);
    return tables;
}

json_t *gw_xapi_mirror_tables(GwXapiPool *pool)
{
    GwXapiMirror *mirror = gw_xapi_pool_mirror(pool);
    g_mutex_lock(&mirror->lock);
    json_t *tables = mirror->tables ? json_incref(mirror->tables) : NULL;
    g_mutex_unlock(&mirror->lock);
    return tables;
}
