/* Leftovers: what migrations that ended badly have left on a host where the instance is not, and what nobody's journal explains. The
 * newest migration that concerns an instance and a host decides: an older one's files may be the instance's own again. */
#include "engine/internal.h"

#include <string.h>

typedef struct {
    GwEngine *engine; /* reference */
    GwOrphansHow how;
    GwOrphans found;
    GHashTable *seen; /* "uuid host" that a migration has explained */
    GwOrphansTold told;
    gpointer data;
} Search;

static void orphan_free(gpointer data)
{
    GwOrphan *orphan = data;
    g_free(orphan->host);
    g_free(orphan->home);
    g_free(orphan->name);
    g_free(orphan->obstacle);
    g_ptr_array_unref(orphan->left);
    g_free(orphan);
}

static GwOrphan *add(Search *search, const GwInstanceView *view, const char *host, const char *home, gint64 migration_id)
{
    GwOrphan *orphan = g_new0(GwOrphan, 1);
    orphan->host = g_strdup(host);
    orphan->home = g_strdup(home);
    g_strlcpy(orphan->uuid, view->instance->uuid, sizeof orphan->uuid);
    orphan->name = g_strdup(view->instance->name);
    orphan->migration_id = migration_id;
    orphan->left = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(search->found.orphans, orphan);
    return orphan;
}


/* ---- what migrations have left */

static GwMigration *read_whole(GwEngine *engine, gint64 id)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    gboolean ok = gw_store_migrations(engine->store, &query, &rows, NULL) && rows->len;
    return ok ? gw_migration_copy(rows->pdata[0]) : NULL;
}

static gboolean is_there(GwSeen seen)
{
    return seen == GW_SEEN_RUNNING || seen == GW_SEEN_PAUSED || seen == GW_SEEN_STOPPED;
}

static char *stop_one(const GwMigration *row, GwNode *node, GwNode *home, GwSeen seen)
{
    g_autofree char *here = gw_node_command(node, row->instance_uuid, GW_BY_HAND_STOP);
    g_autofree char *there = gw_node_command(home, row->instance_uuid, GW_BY_HAND_STOP);
    return g_strdup_printf("it is %s there: look which copy is good, and stop the other: on %s with %s, on %s with %s", gw_seen_name(seen),
                           gw_node_name(node), here, gw_node_name(home), there);
}

/* The proof. A migration that ended in error says nothing of which side is right: there the guest must be alive. */
static char *find_obstacle(const GwMigration *row, GwNode *node, GwNode *home)
{
    GwSight here = {0}, there = {0};
    g_autoptr(GError) error = NULL;
    if (!gw_node_sight(node, row->instance_uuid, &here, &error) || !gw_node_sight(home, row->instance_uuid, &there, &error))
        return g_strdup(error->message);
    if (here.seen != GW_SEEN_ABSENT && here.seen != GW_SEEN_STOPPED)
        return stop_one(row, node, home, here.seen);
    if (!is_there(there.seen))
        return g_strdup_printf("it is %s on %s", gw_seen_name(there.seen), gw_node_name(home));
    if (row->state == GW_MIGRATION_ERROR && there.seen == GW_SEEN_STOPPED)
        return g_strdup_printf("it is shut off in both places, and either may be the newer: decide with `godwit migration-resolve --keep "
                               "HOST %s %" G_GINT64_FORMAT "`", row->instance_name, row->id);
    return NULL;
}

static gboolean answer(GwEngine *engine, const GwHostEntry *a, const GwHostEntry *b)
{
    g_mutex_lock(&engine->lock);
    gboolean up = a->up && b->up;
    g_mutex_unlock(&engine->lock);
    return up;
}

static void examine(Search *search, const GwMigration *row, const GwInstanceView *view, const char *host, const char *home_name)
{
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(search->engine, host);
    g_autoptr(GwHostEntry) home = gw_engine_find_host(search->engine, home_name);
    if (!entry || !home || !answer(search->engine, entry, home))
        return; /* it is told that such a host was not asked */
    if (!gw_node_can_search(entry->node)) {
        if (!g_ptr_array_find_with_equal_func(search->found.unsearched, host, g_str_equal, NULL))
            g_ptr_array_add(search->found.unsearched, g_strdup(host));
        return;
    }
    GwSide side = g_strcmp0(host, row->source) == 0 ? GW_SIDE_SOURCE : GW_SIDE_DEST;
    g_autoptr(GPtrArray) left = NULL;
    g_autoptr(GError) error = NULL;
    gboolean known = gw_node_remains(entry->node, home->node, row->plan, side, &left, &error);
    if (known && !left->len)
        return;
    GwOrphan *orphan = add(search, view, host, home_name, row->id);
    if (!known) {
        orphan->obstacle = g_strdup(error->message);
        return;
    }
    g_ptr_array_unref(orphan->left);
    orphan->left = g_steal_pointer(&left);
    orphan->obstacle = find_obstacle(row, entry->node, home->node);
    if (!orphan->obstacle && strcmp(view->host, host) == 0 && gw_plan_copies_disks(row->plan))
        orphan->obstacle = g_strdup("it is shut off in both places, each with disks of its own: look which are good, and remove the other");
    if (search->how == GW_ORPHANS_LIST || orphan->obstacle)
        return;
    gboolean claimed = gw_peers_claim(search->engine, row->instance_uuid, &error); /* no other daemon may move it meanwhile */
    orphan->removed = claimed && gw_node_forget(entry->node, row->plan, side, &error);
    if (claimed)
        gw_peers_release(search->engine, row->instance_uuid);
    if (!orphan->removed)
        orphan->obstacle = g_strdup(error->message);
    gw_info("leftovers of migration %" G_GINT64_FORMAT " of %s on %s: %s", row->id, row->instance_name, host,
            orphan->removed ? "removed" : orphan->obstacle);
    gw_inventory_update(search->engine, entry, row->instance_uuid);
}

static gboolean has_instance(GwEngine *engine, const char *host, const char *uuid)
{
    g_autoptr(GwHostEntry) entry = host ? gw_engine_find_host(engine, host) : NULL;
    g_mutex_lock(&engine->lock);
    gboolean has = entry && entry->up && g_hash_table_contains(entry->instances, uuid);
    g_mutex_unlock(&engine->lock);
    return has;
}

/* Where the instance lives, if that is not on host. Shut off on two hosts it is shown on either of them: where a move was undone it is on
 * the source. */
static const char *home_beside(Search *search, const GwMigration *row, const GwInstanceView *view, const char *host)
{
    if (strcmp(view->host, host) != 0)
        return view->host;
    gboolean undone = row->state != GW_MIGRATION_ERROR && g_strcmp0(host, row->dest) == 0 && view->instance->power == GW_POWER_SHUTDOWN;
    return undone && has_instance(search->engine, row->source, row->instance_uuid) ? row->source : NULL;
}

static void consider(Search *search, const GwMigration *row, const char *host, gboolean may_have_left)
{
    g_autofree char *pair = host ? g_strconcat(row->instance_uuid, " ", host, NULL) : NULL;
    if (!host || g_hash_table_contains(search->seen, pair))
        return;
    g_autoptr(GwMigration) whole = may_have_left ? read_whole(search->engine, row->id) : NULL;
    if (may_have_left && (!whole || !whole->plan))
        return; /* refused before it had touched anything: what an older one has left is still there */
    g_hash_table_add(search->seen, g_steal_pointer(&pair));
    if (!whole)
        return;
    g_autoptr(GwInstanceView) view = gw_engine_instance(search->engine, row->instance_uuid);
    const char *home = view && !view->migration_id && !view->operating ? home_beside(search, whole, view, host) : NULL;
    if (home)
        examine(search, whole, view, host, home);
}

/* A migration that completed has removed what it left; one that was undone has too, unless its destination was lost. */
static gboolean search_journal(Search *search, GError **error)
{
    GwMigrationQuery query = {.without_plans = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(search->engine->store, &query, &rows, error))
        return FALSE;
    for (guint i = 0; i < rows->len; i++) {
        const GwMigration *row = rows->pdata[i];
        gboolean undone = row->state == GW_MIGRATION_FAILED || row->state == GW_MIGRATION_CANCELLED || row->state == GW_MIGRATION_REVERTED;
        consider(search, row, row->source, row->state == GW_MIGRATION_ERROR);
        consider(search, row, row->dest, row->state == GW_MIGRATION_ERROR || undone);
    }
    return TRUE;
}

/* ---- instances in two places that no migration explains */

typedef struct {
    char uuid[GW_UUID_SIZE];
    char *host;
} Place;

static void place_clear(gpointer data)
{
    g_free(((Place *)data)->host);
}

static GArray *list_doubles(Search *search)
{
    GwEngine *engine = search->engine;
    GArray *doubles = g_array_new(FALSE, TRUE, sizeof(Place));
    g_array_set_clear_func(doubles, place_clear);
    GHashTableIter iter;
    gpointer uuid, value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->where);
    while (g_hash_table_iter_next(&iter, &uuid, &value)) {
        const GPtrArray *places = value;
        const GwInstanceView *view = places->len > 1 ? g_hash_table_lookup(engine->views, uuid) : NULL;
        for (guint i = 0; view && !view->migration_id && i < places->len; i++) {
            const GwHostEntry *entry = places->pdata[i];
            const char *host = entry->row->name;
            if (!entry->up || strcmp(host, view->host) == 0 || gw_remains_has(engine, uuid, host))
                continue;
            Place place = {.host = g_strdup(host)};
            g_strlcpy(place.uuid, uuid, sizeof place.uuid);
            g_array_append_val(doubles, place);
        }
    }
    g_mutex_unlock(&engine->lock);
    return doubles;
}

static gboolean is_told(const Search *search, const Place *place)
{
    for (guint i = 0; i < search->found.orphans->len; i++) {
        const GwOrphan *orphan = search->found.orphans->pdata[i];
        if (strcmp(orphan->uuid, place->uuid) == 0 && strcmp(orphan->host, place->host) == 0)
            return TRUE;
    }
    return FALSE;
}

static char *undefine_one(GwEngine *engine, const Place *place)
{
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, place->host);
    g_autofree char *undefine = entry ? gw_node_command(entry->node, place->uuid, GW_BY_HAND_UNDEFINE) : NULL;
    return g_strdup_printf("no migration of Godwit's left it: look which one is stale, and undefine it by hand%s%s", undefine ? ": here with " : "",
                           undefine ? undefine : "");
}

static void search_doubles(Search *search)
{
    g_autoptr(GArray) doubles = list_doubles(search);
    for (guint i = 0; i < doubles->len; i++) {
        const Place *place = &g_array_index(doubles, Place, i);
        g_autoptr(GwInstanceView) view = gw_engine_instance(search->engine, place->uuid);
        if (!view || is_told(search, place))
            continue;
        GwOrphan *orphan = add(search, view, place->host, view->host, 0);
        g_ptr_array_add(orphan->left, g_strdup("definition"));
        orphan->obstacle = undefine_one(search->engine, place);
    }
}

/* Hosts that fall silent during the search are among them, too. */
static GPtrArray *list_silent(GwEngine *engine)
{
    GPtrArray *hosts = gw_engine_hosts(engine);
    for (guint i = hosts->len; i-- > 0;) {
        const GwHostView *view = hosts->pdata[i];
        g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, view->row->name);
        g_autofree char *silence = view->up && entry ? gw_node_silence(entry->node) : NULL;
        if (view->up && !silence)
            g_ptr_array_remove_index(hosts, i);
    }
    return hosts;
}

static gpointer search_thread(gpointer data)
{
    Search *search = data;
    g_autoptr(GError) error = NULL;
    gboolean ok = search_journal(search, &error);
    if (ok)
        search_doubles(search);
    search->found.not_asked = list_silent(search->engine);
    search->told(search->data, ok ? &search->found : NULL, error);
    g_ptr_array_unref(search->found.orphans);
    g_ptr_array_unref(search->found.unsearched);
    g_ptr_array_unref(search->found.not_asked);
    g_hash_table_unref(search->seen);
    gw_engine_unref(search->engine);
    g_free(search);
    return NULL;
}

void gw_engine_orphans(GwEngine *engine, GwOrphansHow how, GwOrphansTold told, gpointer data)
{
    Search *search = g_new0(Search, 1);
    *search = (Search){gw_engine_ref(engine),
                       how,
                       {g_ptr_array_new_with_free_func(orphan_free), g_ptr_array_new_with_free_func(g_free), NULL},
                       g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                       told,
                       data};
    g_thread_unref(g_thread_new("orphans", search_thread, search));
}
