/* What the API shows of instances: one immutable view per UUID, made anew when something of it changes. */
#include "engine/internal.h"

#include <string.h>

GwInstanceView *gw_instance_view_ref(GwInstanceView *view)
{
    g_atomic_ref_count_inc(&view->refs);
    return view;
}

void gw_instance_view_unref(GwInstanceView *view)
{
    if (!g_atomic_ref_count_dec(&view->refs))
        return;
    gw_instance_unref(view->instance);
    g_free(view->host);
    g_free(view->zone);
    gw_server_free(view->server);
    if (view->card)
        gw_card_unref(view->card);
    g_free(view);
}

/* The side on which a migration says that the instance is. */
static const char *home_of(const GwMigration *row)
{
    switch (row->state) {
    case GW_MIGRATION_POSTCOPY:
    case GW_MIGRATION_SETTLING:
    case GW_MIGRATION_COMPLETED:
    case GW_MIGRATION_PLACING:
    case GW_MIGRATION_STARTING:
    case GW_MIGRATION_FINISHED:
    case GW_MIGRATION_CONFIRMING:
    case GW_MIGRATION_CONFIRMED:
    case GW_MIGRATION_EVACUATED:
        return row->dest;
    case GW_MIGRATION_ACCEPTED:
    case GW_MIGRATION_QUEUED:
    case GW_MIGRATION_PREPARING:
    case GW_MIGRATION_RUNNING:
    case GW_MIGRATION_STOPPING:
    case GW_MIGRATION_MOVING:
    case GW_MIGRATION_REVERTING:
    case GW_MIGRATION_REVERTED:
    case GW_MIGRATION_UNDOING:
    case GW_MIGRATION_CANCELLED:
    case GW_MIGRATION_FAILED:
    case GW_MIGRATION_ERROR:
    case GW_MIGRATION_STATE_COUNT:
        return row->source;
    }
    return row->source;
}

/* Where a move has left an instance, and since when; freed with g_free. */
typedef struct {
    gint64 since_us;
    char host[];
} Home;

typedef struct {
    const char *now;  /* where the move under way says that it is; or NULL */
    const Home *last; /* likewise its last move, which decides among equals: somebody else may have moved it since; or NULL */
} Homes;

static void set_last_home(GwEngine *engine, const char *uuid, const char *host, gint64 since_us)
{
    gsize size = strlen(host) + 1;
    Home *home = g_malloc(sizeof *home + size);
    home->since_us = since_us;
    g_strlcpy(home->host, host, size);
    g_hash_table_replace(engine->homes, g_strdup(uuid), home);
}

/* What a silent host said last counts for nothing once a move has left the instance on another, which has it: when that was later, or an
 * administrator vouches that nothing runs on the silent one. What it said later may be a move of somebody else's. */
static gboolean is_outdated(GwEngine *engine, const GwHostEntry *entry, const char *uuid, const Home *last)
{
    if (entry->up || !last || strcmp(last->host, entry->row->name) == 0)
        return FALSE;
    const GwHostEntry *home = g_hash_table_lookup(engine->hosts, last->host);
    return home && g_hash_table_contains(home->instances, uuid) && (entry->row->forced_down || entry->seen_us < last->since_us);
}

/* Higher is more likely to be where the instance is; negative: it is not, that is what an evacuation left behind. */
static int rank(GwEngine *engine, const GwHostEntry *entry, const GwInstance *instance, const Homes *homes)
{
    if (gw_remains_has(engine, instance->uuid, entry->row->name))
        return -1;
    int power = is_outdated(engine, entry, instance->uuid, homes->last)                               ? 0
                : instance->power == GW_POWER_RUNNING                                                 ? 4
                : instance->power == GW_POWER_PAUSED || instance->power == GW_POWER_SUSPENDED ? 2
                                                                                                      : 0;
    gboolean last = homes->last && strcmp(entry->row->name, homes->last->host) == 0;
    return (g_strcmp0(entry->row->name, homes->now) == 0 ? 10 : 0) + power + last;
}

/* Among equals the first host by name, so that the answer does not depend on the order of a hash table. */
static GwHostEntry *find_home(GwEngine *engine, const char *uuid, const Homes *homes)
{
    GPtrArray *places = g_hash_table_lookup(engine->where, uuid);
    GwHostEntry *best = NULL;
    int best_rank = -1;
    for (guint i = 0; places && i < places->len; i++) {
        GwHostEntry *entry = places->pdata[i];
        int entry_rank = rank(engine, entry, g_hash_table_lookup(entry->instances, uuid), homes);
        if (entry_rank < 0)
            continue;
        if (entry_rank > best_rank ||
            (entry_rank == best_rank && strcmp(entry->row->name, best->row->name) < 0)) {
            best = entry;
            best_rank = entry_rank;
        }
    }
    return best;
}

static guint8 percent_of(const GwProgress *progress)
{
    guint64 total = progress->memory_total + progress->disk_total;
    guint64 left = progress->memory_remaining + progress->disk_remaining;
    return total && left <= total ? (guint8)((total - left) * 100 / total) : 0;
}

/* As in Nova: once it is resized, and until that is taken back. */
static gboolean shows_new_shape(GwMigrationState state)
{
    return state == GW_MIGRATION_STARTING || state == GW_MIGRATION_FINISHED || state == GW_MIGRATION_CONFIRMING;
}

static void add_circumstances(GwEngine *engine, GwInstanceView *view, const char *uuid)
{
    const GwActive *active = gw_active_of(engine, uuid);
    if (active && !(gw_migration_state_traits(active->row->state) & GW_TRAIT_FINAL)) {
        view->migration_id = active->id;
        view->migration_kind = active->row->kind;
        view->migration_state = active->row->state;
        view->progress = percent_of(&active->row->progress);
    }
    gpointer operation = NULL;
    view->operating = g_hash_table_lookup_extended(engine->operating, uuid, NULL, &operation);
    view->operation = (GwOperation)GPOINTER_TO_INT(operation);
    GwCard *card = g_hash_table_lookup(engine->cards, uuid);
    view->card = card ? gw_card_ref(card) : NULL;
    const GwServer *server = gw_servers_row(engine, uuid);
    view->server = server ? gw_server_copy(server) : NULL;
    if (view->server && active && active->row->flavor && shows_new_shape(active->row->state)) {
        g_ptr_array_set_size(view->server->flavors, 0);
        g_ptr_array_add(view->server->flavors, gw_flavor_copy(active->row->flavor));
    }
    if (server && server->created_us && server->image_id)
        view->first_seen_us = server->created_us;
}

static GwInstanceView *view_new(GwEngine *engine, GwHostEntry *home, const char *uuid, const GwInstanceView *old)
{
    GwInstanceView *view = g_new0(GwInstanceView, 1);
    g_atomic_ref_count_init(&view->refs);
    view->instance = gw_instance_ref(g_hash_table_lookup(home->instances, uuid));
    view->host = g_strdup(home->row->name);
    view->seen_us = home->seen_us;
    view->first_seen_us = view->instance->created_at * G_USEC_PER_SEC;
    view->host_up = home->up;
    view->host_forced_down = home->row->forced_down;
    view->host_disabled = !home->row->enabled;
    view->zone = g_strdup(gw_aggregates_zone(home->aggregates));
    view->on_host = TRUE;
    add_circumstances(engine, view, uuid);
    view->changed_us = old ? old->changed_us : g_get_real_time();
    return view;
}

/* Of a server that no host shows: being made, failed, all but gone, or taken away behind our back. */
static GwInstanceView *sketch_new(GwEngine *engine, const GwServer *server, const GwInstanceView *old)
{
    GwInstanceView *view = g_new0(GwInstanceView, 1);
    g_atomic_ref_count_init(&view->refs);
    const GwHostEntry *entry = server->host ? g_hash_table_lookup(engine->hosts, server->host) : NULL;
    view->instance = gw_server_sketch(server);
    view->host = g_strdup(entry ? server->host : "");
    view->zone = g_strdup(entry ? gw_aggregates_zone(entry->aggregates) : server->wanted_zone ? server->wanted_zone : "");
    view->first_seen_us = server->created_us;
    add_circumstances(engine, view, server->uuid);
    view->changed_us = old ? old->changed_us : g_get_real_time();
    return view;
}

/* Of an instance that changes hosts just now: neither shows it, and yet it is somewhere. */
static GwInstanceView *kept_new(GwEngine *engine, const char *uuid, const GwInstanceView *old)
{
    GwInstanceView *view = g_new0(GwInstanceView, 1);
    g_atomic_ref_count_init(&view->refs);
    view->instance = gw_instance_ref(old->instance);
    view->host = g_strdup(old->host);
    view->zone = g_strdup(old->zone);
    view->seen_us = old->seen_us;
    view->first_seen_us = old->first_seen_us;
    view->host_up = old->host_up;
    view->host_forced_down = old->host_forced_down;
    view->host_disabled = old->host_disabled;
    view->on_host = old->on_host;
    add_circumstances(engine, view, uuid);
    view->changed_us = old->changed_us;
    return view;
}

static GwInstanceView *view_of(GwEngine *engine, GwHostEntry *home, const char *uuid, const GwInstanceView *old)
{
    const GwServer *server = gw_servers_row(engine, uuid);
    if (home)
        return view_new(engine, home, uuid, old);
    if (old && old->migration_id && gw_active_of(engine, uuid))
        return kept_new(engine, uuid, old);
    return server ? sketch_new(engine, server, old) : NULL; /* whoever had it made can delete it, at least */
}

static gboolean same_server(const GwServer *a, const GwServer *b)
{
    return a == b || (a && b && a->id == b->id && a->version == b->version);
}

static gboolean shows_same(const GwInstanceView *a, const GwInstanceView *b)
{
    return a->host_up == b->host_up && a->host_forced_down == b->host_forced_down && a->host_disabled == b->host_disabled &&
           strcmp(a->zone, b->zone) == 0 && a->migration_id == b->migration_id && a->operating == b->operating && a->operation == b->operation &&
           a->migration_state == b->migration_state && a->progress == b->progress && strcmp(a->host, b->host) == 0 &&
           a->on_host == b->on_host && a->card == b->card && same_server(a->server, b->server) && gw_instance_equal(a->instance, b->instance);
}

static void replace(GwEngine *engine, const char *uuid, GwInstanceView *old, GwInstanceView *view)
{
    gw_listing_change(engine->listing, old, view);
    if (view)
        g_hash_table_replace(engine->views, view->instance->uuid, view);
    else
        g_hash_table_remove(engine->views, uuid);
}

static Homes homes_of(GwEngine *engine, const char *uuid)
{
    const GwActive *active = gw_active_of(engine, uuid);
    const char *now = active ? home_of(active->row) : NULL;
    const Home *last = g_hash_table_lookup(engine->homes, uuid);
    if (now && (!last || strcmp(now, last->host) != 0))
        set_last_home(engine, uuid, now, active->row->state_since_us);
    return (Homes){now, g_hash_table_lookup(engine->homes, uuid)};
}

gboolean gw_views_take_home(GwEngine *engine, const char *uuid, const char *host, gint64 since_us)
{
    g_mutex_lock(&engine->lock);
    const GwHostEntry *entry = g_hash_table_lookup(engine->hosts, host);
    gboolean there = entry && g_hash_table_contains(entry->instances, uuid);
    if (there) {
        set_last_home(engine, uuid, host, since_us);
        gw_views_update(engine, uuid);
    }
    g_mutex_unlock(&engine->lock);
    return there;
}

gboolean gw_views_load_homes(GwEngine *engine, GError **error)
{
    GHashTableIter iter;
    gpointer uuid, places;
    g_autoptr(GPtrArray) doubtful = g_ptr_array_new_with_free_func(g_free);
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->where);
    while (g_hash_table_iter_next(&iter, &uuid, &places))
        if (((GPtrArray *)places)->len > 1)
            g_ptr_array_add(doubtful, g_strdup(uuid));
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < doubtful->len; i++) {
        g_autofree char *home = NULL;
        gint64 since_us;
        if (!gw_engine_last_home(engine, doubtful->pdata[i], NULL, &home, &since_us, error))
            return FALSE;
        if (home)
            gw_views_take_home(engine, doubtful->pdata[i], home, since_us);
    }
    return TRUE;
}

void gw_views_update(GwEngine *engine, const char *uuid)
{
    GwInstanceView *old = g_hash_table_lookup(engine->views, uuid);
    Homes homes = homes_of(engine, uuid);
    GwHostEntry *home = find_home(engine, uuid, &homes);
    GwInstanceView *view = view_of(engine, home, uuid, old);
    if (!view) {
        if (old) {
            replace(engine, uuid, old, NULL);
            gw_engine_serial_next(engine);
        }
        return;
    }
    if (old && shows_same(old, view)) {
        gw_instance_view_unref(view);
        return;
    }
    view->serial = (guint64)gw_engine_serial_next(engine);
    view->changed_us = g_get_real_time();
    replace(engine, uuid, old, view);
}

static void place(GwEngine *engine, GwHostEntry *entry, const char *uuid)
{
    GPtrArray *places = g_hash_table_lookup(engine->where, uuid);
    if (!places) {
        places = g_ptr_array_new();
        g_hash_table_replace(engine->where, g_strdup(uuid), places);
    }
    if (!g_ptr_array_find(places, entry, NULL))
        g_ptr_array_add(places, entry);
}

static void displace(GwEngine *engine, GwHostEntry *entry, const char *uuid)
{
    GPtrArray *places = g_hash_table_lookup(engine->where, uuid);
    if (!places)
        return;
    g_ptr_array_remove(places, entry);
    if (!places->len)
        g_hash_table_remove(engine->where, uuid);
}

void gw_views_set(GwEngine *engine, GwHostEntry *entry, const char *uuid, GwInstance *instance)
{
    gw_host_entry_changed(entry);
    const GwInstance *known = g_hash_table_lookup(entry->instances, uuid);
    if (instance && !entry->removed) {
        GwInstanceView *old = g_hash_table_lookup(engine->views, uuid);
        if (!instance->created_at) /* libvirt does not know: the time of adoption, carried along */
            instance->created_at = old ? old->instance->created_at : g_get_real_time() / G_USEC_PER_SEC;
        place(engine, entry, uuid);
        if (!known || !gw_instance_equal(known, instance))
            g_hash_table_add(entry->unsaved, g_strdup(uuid));
        g_hash_table_replace(entry->instances, instance->uuid, instance);
    } else {
        g_autofree char *key = g_strdup(uuid); /* uuid may be the key that goes away */
        g_clear_pointer(&instance, gw_instance_unref);
        displace(engine, entry, key);
        if (known)
            g_hash_table_add(entry->unsaved, g_strdup(key));
        g_hash_table_remove(entry->instances, key);
        gw_views_update(engine, key);
        return;
    }
    gw_views_update(engine, uuid);
}

void gw_views_update_host(GwEngine *engine, GwHostEntry *entry)
{
    gw_host_entry_changed(entry);
    g_autoptr(GList) uuids = g_hash_table_get_keys(entry->instances);
    for (GList *item = uuids; item; item = item->next) {
        if (entry->removed)
            displace(engine, entry, item->data);
        else
            place(engine, entry, item->data);
        gw_views_update(engine, item->data);
    }
    gw_engine_serial_next(engine);
}

/* ---- for those who look */

void gw_engine_ended_moves(GwEngine *engine, GwEndedMoves *ret_ended)
{
    g_mutex_lock(&engine->lock);
    *ret_ended = engine->ended;
    g_mutex_unlock(&engine->lock);
}

guint64 gw_engine_store_writes(GwEngine *engine)
{
    return gw_store_commits(engine->store);
}

GwInstanceView *gw_engine_instance(GwEngine *engine, const char *uuid)
{
    g_mutex_lock(&engine->lock);
    GwInstanceView *view = g_hash_table_lookup(engine->views, uuid);
    if (view)
        gw_instance_view_ref(view);
    g_mutex_unlock(&engine->lock);
    return view;
}
