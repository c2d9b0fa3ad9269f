/* Making servers and taking them away: what may be asked for, and the table of those under way. */
#include "engine/servers.h"

#include <string.h>

/* ---- the table */

void gw_server_run_free(GwServerRun *run)
{
    gw_server_free(run->row);
    g_free(run->delete_request);
    g_free(run->event_request);
    g_free(run);
}

GwServerRun *gw_server_run_add(GwEngine *engine, GwServer *row)
{
    GwServerRun *run = g_new0(GwServerRun, 1);
    g_strlcpy(run->uuid, row->uuid, sizeof run->uuid);
    run->row = row;
    run->delete_asked = row->delete_asked;
    run->delete_request = g_strdup(row->delete_request);
    g_hash_table_replace(engine->servers, run->uuid, run);
    return run;
}

/* Under another daemon's change of the row: read again, and once more by the caller. */
gboolean gw_servers_set_flavor(GwEngine *engine, const char *uuid, const GwFlavor *flavor, GError **error)
{
    g_autoptr(GwServer) row = NULL;
    g_mutex_lock(&engine->lock);
    GwServerRun *run = g_hash_table_lookup(engine->servers, uuid);
    gboolean busy = run && run->stepping;
    if (run && !busy && run->row->image_id)
        row = gw_server_copy(run->row);
    g_mutex_unlock(&engine->lock);
    if (busy)
        g_set_error(error, GW_ERROR, GW_ERROR_STALE, "something is being done to server %s", uuid);
    if (!row)
        return !busy;
    g_autoptr(GError) local = NULL;
    g_ptr_array_set_size(row->flavors, 0);
    g_ptr_array_add(row->flavors, gw_flavor_copy(flavor));
    if (!gw_store_server_update(engine->store, row, &local)) {
        gboolean stale = g_error_matches(local, GW_ERROR, GW_ERROR_STALE);
        g_propagate_error(error, g_steal_pointer(&local));
        if (stale)
            gw_engine_load_servers(engine, NULL);
        return FALSE;
    }
    g_mutex_lock(&engine->lock);
    run = g_hash_table_lookup(engine->servers, uuid);
    if (run) {
        gw_server_free(run->row);
        run->row = g_steal_pointer(&row);
        gw_views_update(engine, uuid);
    }
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

/* Of several daemons on one database the one that leads the drains makes and takes away servers, whoever was asked. */
gboolean gw_servers_lead(GwEngine *engine)
{
    return gw_peers_lead_drains(engine, gw_peers_drains_token(engine));
}

void gw_server_run_wake(GwEngine *engine, const char *uuid)
{
    g_mutex_lock(&engine->lock);
    GwServerRun *run = g_hash_table_lookup(engine->servers, uuid);
    gboolean push = run && !run->stepping && !engine->stopping && engine->started && gw_servers_lead(engine);
    if (run)
        run->again = run->stepping;
    if (push) { /* under the lock: the pool goes away when stopping is set */
        run->stepping = TRUE;
        g_thread_pool_push(engine->server_steps, run, NULL);
    }
    g_mutex_unlock(&engine->lock);
}

/* Holds no reference to the engine: timers run in its loop alone, and go with its context. */
typedef struct {
    GwEngine *engine;
    char uuid[GW_UUID_SIZE];
} Alarm;

static gboolean on_alarm(gpointer data)
{
    const Alarm *alarm = data;
    gw_server_run_wake(alarm->engine, alarm->uuid);
    return G_SOURCE_REMOVE;
}

void gw_server_run_wake_after(GwEngine *engine, const char *uuid, guint ms)
{
    Alarm *alarm = g_new0(Alarm, 1);
    alarm->engine = engine;
    g_strlcpy(alarm->uuid, uuid, sizeof alarm->uuid);
    GSource *timer = g_timeout_source_new(ms);
    g_source_set_callback(timer, on_alarm, alarm, g_free);
    g_source_attach(timer, engine->context);
    g_source_unref(timer);
}

/* ---- what the store says */

static gboolean is_deleted(const GwServer *row)
{
    return row->delete_asked || row->phase == GW_SERVER_DELETING;
}

static gboolean rests(const GwServerRun *run)
{
    return !run->delete_asked && (run->row->phase == GW_SERVER_BUILT || run->row->phase == GW_SERVER_FAILED);
}

/* [locked] One that is in a step knows the rest better. TRUE: something is to be done. */
static gboolean take_row(GwEngine *engine, const GwServer *row)
{
    GwServerRun *run = g_hash_table_lookup(engine->servers, row->uuid);
    gboolean deletes = run && row->delete_asked && (!run->delete_asked || (row->delete_request && !run->delete_request));
    if (deletes) {
        run->delete_asked = TRUE;
        g_free(run->delete_request);
        run->delete_request = g_strdup(row->delete_request);
    }
    if (!run) {
        run = gw_server_run_add(engine, gw_server_copy(row));
    } else if (!run->stepping && run->row->version != row->version) {
        gw_server_free(run->row);
        run->row = gw_server_copy(row);
        run->cleared = FALSE;
    } else if (!deletes) {
        return FALSE;
    }
    if (is_deleted(row))
        g_hash_table_replace(engine->operating, g_strdup(row->uuid), GINT_TO_POINTER((int)GW_OPERATION_DELETE));
    gw_views_update(engine, row->uuid);
    return !rests(run);
}

/* [locked] Those that another daemon has taken away. */
static void drop_gone(GwEngine *engine, const GPtrArray *rows)
{
    g_autoptr(GHashTable) there = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GList) uuids = g_hash_table_get_keys(engine->servers);
    for (guint i = 0; i < rows->len; i++)
        g_hash_table_add(there, ((GwServer *)rows->pdata[i])->uuid);
    for (GList *item = uuids; item; item = item->next) {
        GwServerRun *run = g_hash_table_lookup(engine->servers, item->data);
        if (run->stepping || g_hash_table_contains(there, run->uuid))
            continue;
        g_autofree char *uuid = g_strdup(run->uuid); /* the run's own goes with it */
        gw_server_run_drop(engine, uuid);
        gw_inventory_gone(engine, uuid); /* or it would be shown as one that nobody made, until its host is asked again */
    }
}

void gw_server_run_drop(GwEngine *engine, const char *uuid)
{
    g_autofree char *key = g_strdup(uuid); /* it may be the run's */
    g_hash_table_remove(engine->operating, key);
    gw_cards_drop(engine, key);
    g_hash_table_remove(engine->servers, key);
    gw_views_update(engine, key);
}

gboolean gw_engine_load_servers(GwEngine *engine, GError **error)
{
    g_autoptr(GPtrArray) rows = NULL, due = g_ptr_array_new();
    {
        G_GNUC_UNUSED g_autoptr(GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new(&engine->adopt_lock);
        if (!gw_store_servers(engine->store, &rows, error))
            return FALSE;
        g_mutex_lock(&engine->lock);
        for (guint i = 0; i < rows->len; i++) {
            GwServer *row = rows->pdata[i];
            if (take_row(engine, row))
                g_ptr_array_add(due, row->uuid);
        }
        drop_gone(engine, rows);
        g_mutex_unlock(&engine->lock);
    }
    for (guint i = 0; i < due->len; i++)
        gw_server_run_wake(engine, due->pdata[i]);
    return TRUE;
}

static void add_due(gpointer uuid, gpointer run, gpointer due)
{
    if (!rests(run))
        g_ptr_array_add(due, g_strdup(uuid));
}

void gw_servers_start(GwEngine *engine)
{
    g_autoptr(GPtrArray) due = g_ptr_array_new_with_free_func(g_free);
    g_mutex_lock(&engine->lock);
    g_hash_table_foreach(engine->servers, add_due, due);
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < due->len; i++)
        gw_server_run_wake(engine, due->pdata[i]);
}

gboolean gw_servers_need(GwEngine *engine, const char *host)
{
    GHashTableIter iter;
    gpointer value;
    gboolean need = FALSE;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->servers);
    while (!need && g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwServer *row = ((const GwServerRun *)value)->row;
        need = row->phase != GW_SERVER_BUILT && row->phase != GW_SERVER_FAILED && g_strcmp0(row->host, host) == 0;
    }
    g_mutex_unlock(&engine->lock);
    return need;
}

void gw_servers_promised(GwEngine *engine, void (*each)(gpointer data, const char *host, guint64 memory_mib), gpointer data)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->servers);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwServer *row = ((const GwServerRun *)value)->row;
        gboolean coming = row->phase == GW_SERVER_CREATING || row->phase == GW_SERVER_STARTING;
        if (coming && row->host && gw_server_flavor(row))
            each(data, row->host, gw_server_flavor(row)->memory_mib);
    }
}

typedef struct {
    const char *host;
    guint64 memory_mib;
} Promise;

static void add_promise(gpointer data, const char *host, guint64 memory_mib)
{
    Promise *promise = data;
    promise->memory_mib += strcmp(promise->host, host) == 0 ? memory_mib : 0;
}

guint64 gw_servers_promised_mib(GwEngine *engine, const char *host)
{
    Promise promise = {host, 0};
    gw_servers_promised(engine, add_promise, &promise);
    return promise.memory_mib;
}

const GwServer *gw_servers_row(GwEngine *engine, const char *uuid)
{
    const GwServerRun *run = g_hash_table_lookup(engine->servers, uuid);
    return run ? run->row : NULL;
}

/* ---- making */

static void copy_texts(GPtrArray *to, const GPtrArray *from)
{
    for (guint i = 0; from && i < from->len; i++)
        g_ptr_array_add(to, g_strdup(from->pdata[i]));
}

static guint64 disk_bytes_of(const GwFlavor *flavor, const GwImage *image)
{
    return flavor->disk_gib ? flavor->disk_gib << 30 : image->virtual_bytes;
}

/* Nova's words (nova/exception.py: ImageNotActive, FlavorDiskSmallerThanImage). */
static gboolean check_image(const GwImage *image, const GwFlavor *flavor, GError **error)
{
    guint64 disk_bytes = disk_bytes_of(flavor, image);
    if (image->problem)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Image %s is not active: %s", image->id, image->problem);
    else if (disk_bytes < image->virtual_bytes)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "Flavor's disk is too small for requested image. Flavor disk is %" G_GUINT64_FORMAT
                    " bytes, image is %" G_GUINT64_FORMAT " bytes.",
                    disk_bytes, image->virtual_bytes);
    else
        return TRUE;
    return FALSE;
}

static GwServer *row_of(const GwBootRequest *request, const GwImage *image, guint index)
{
    GwServer *row = gw_server_new();
    g_autofree char *uuid = g_uuid_string_random();
    g_strlcpy(row->uuid, uuid, sizeof row->uuid);
    row->name = request->count > 1 ? g_strdup_printf("%s-%u", request->name, index + 1) : g_strdup(request->name);
    row->domain_name = gw_server_domain_name(row->name, uuid);
    row->phase = GW_SERVER_PLACING;
    row->wanted_zone = g_strdup(request->zone);
    row->wanted_host = g_strdup(request->host);
    row->host_forced = request->host_forced;
    row->image_id = g_strdup(image->id);
    row->image_path = g_strdup(image->path);
    row->image_format = g_strdup(image->format);
    row->image_bytes = image->file_bytes;
    g_ptr_array_add(row->flavors, gw_flavor_copy(request->flavor));
    row->disk_bytes = disk_bytes_of(request->flavor, image);
    copy_texts(row->networks, request->networks);
    copy_texts(row->tags, request->tags);
    g_ptr_array_unref(row->metadata);
    row->metadata = gw_metadata_copy(request->metadata);
    row->description = g_strdup(request->description);
    row->disk_config = g_strdup(request->disk_config);
    row->reservation_id = g_strdup(request->reservation_id);
    row->launch_index = index;
    row->request_id = g_strdup(request->request_id);
    row->user_id = g_strdup(request->user_id);
    row->project_id = g_strdup(request->project_id);
    return row;
}

static gboolean record(GwEngine *engine, const GwServer *row, const char *action, const GwMoveRequest *who, GError **error)
{
    GwMoveRequest request = {.instance_uuid = row->uuid, .request_id = who->request_id, .user_id = who->user_id, .project_id = who->project_id};
    return gw_submit_record(engine, &request, action, error);
}

/* In its group before it is recorded: it may be placed at once. */
static gboolean join(GwEngine *engine, const GwServer *row, const char *group, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (!group || gw_engine_group_join(engine, group, row->uuid, &local))
        return TRUE;
    if (g_error_matches(local, GW_ERROR, GW_ERROR_NOT_FOUND))
        local->code = GW_ERROR_INVALID; /* of the request, not of its address */
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

static void enter(GwEngine *engine, GwServer *row /* taken */)
{
    g_mutex_lock(&engine->lock);
    gw_server_run_add(engine, row);
    gw_views_update(engine, row->uuid);
    g_mutex_unlock(&engine->lock);
}

static gboolean begin(GwEngine *engine, GwServer *row /* taken */, const char *group, GError **error)
{
    GwMoveRequest who = {.request_id = row->request_id, .user_id = row->user_id, .project_id = row->project_id};
    g_autoptr(GwServer) mine = row;
    char uuid[GW_UUID_SIZE];
    g_strlcpy(uuid, mine->uuid, sizeof uuid);
    if (!join(engine, mine, group, error))
        return FALSE;
    g_rw_lock_reader_lock(&engine->adopt_lock);
    gboolean ok = gw_store_server_add(engine->store, mine, error);
    gboolean recorded = ok && record(engine, mine, "create", &who, error);
    if (ok)
        enter(engine, g_steal_pointer(&mine));
    g_rw_lock_reader_unlock(&engine->adopt_lock);
    gw_server_run_wake(engine, uuid);
    return recorded;
}

gboolean gw_engine_boot(GwEngine *engine, const GwBootRequest *request, GPtrArray **ret_uuids, GError **error)
{
    g_autoptr(GwImage) image = gw_engine_image(engine, request->image_id);
    if (!image) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Can not find requested image: %s is not in image_dir", request->image_id);
        return FALSE;
    }
    if (!check_image(image, request->flavor, error) || !gw_server_check_place(engine, request->zone, request->host, error))
        return FALSE;
    g_autoptr(GPtrArray) uuids = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < request->count; i++) {
        GwServer *row = row_of(request, image, i);
        g_ptr_array_add(uuids, g_strdup(row->uuid));
        if (!begin(engine, row, request->group, error))
            return FALSE;
    }
    *ret_uuids = g_steal_pointer(&uuids);
    return TRUE;
}

/* ---- taking away */

/* What no host shows yet, or any more, and adopted instances, too: each has its row then. */
static gboolean ensure_row(GwEngine *engine, const GwInstanceView *view, const GwMoveRequest *request, GError **error)
{
    if (view->server)
        return gw_store_server_ask_delete(engine->store, view->instance->uuid, request->request_id, error);
    g_autoptr(GwServer) row = gw_server_new();
    g_strlcpy(row->uuid, view->instance->uuid, sizeof row->uuid);
    row->name = g_strdup(view->instance->name);
    row->domain_name = g_strdup(view->instance->name);
    row->host = *view->host ? g_strdup(view->host) : NULL; /* which cannot be removed until it is deleted there */
    row->phase = GW_SERVER_DELETING;
    row->delete_asked = TRUE;
    row->delete_request = g_strdup(request->request_id);
    row->user_id = g_strdup(request->user_id);
    row->project_id = g_strdup(request->project_id);
    G_GNUC_UNUSED g_autoptr(GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new(&engine->adopt_lock);
    if (!gw_store_server_add(engine->store, row, error))
        return FALSE;
    enter(engine, g_steal_pointer(&row));
    return TRUE;
}

static void mark(GwEngine *engine, const char *uuid, const char *request_id)
{
    g_mutex_lock(&engine->lock);
    GwServerRun *run = g_hash_table_lookup(engine->servers, uuid);
    if (run) {
        run->delete_asked = TRUE;
        g_free(run->delete_request);
        run->delete_request = g_strdup(request_id);
    }
    gw_views_update(engine, uuid);
    g_mutex_unlock(&engine->lock);
    gw_server_run_wake(engine, uuid);
}

/* As in Nova: what waits for its user's confirmation is confirmed by being deleted. */
static gboolean confirm_first(GwEngine *engine, const GwInstanceView *view, const GwMoveRequest *request, GError **error)
{
    gboolean resting = view->migration_id && gw_move_kind_is_cold(view->migration_kind) && view->migration_state == GW_MIGRATION_FINISHED;
    GwMoveRequest silent = {.instance_uuid = request->instance_uuid};
    return !resting || gw_engine_confirm(engine, &silent, error);
}

/* A server that was built, and whose host was removed, runs on there unseen: it is not forgotten. */
static gboolean check_host_known(GwEngine *engine, const GwInstanceView *view, GError **error)
{
    const GwServer *server = view->server;
    g_autofree char *host = NULL;
    if (view->on_host || !server || !server->built_us)
        return TRUE;
    if (!gw_server_last_home(engine, server, &host, error))
        return FALSE;
    g_autoptr(GwHostEntry) entry = host ? gw_engine_find_host(engine, host) : NULL;
    if (entry || !host)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                "Server %s (%s) was last on %s, which Godwit does not know any more: it may still run there, so it is not deleted. Add the "
                "host again (godwit host-add %s URI), or another machine under its name when it is gone for good, and delete the server then",
                server->name, server->uuid, host, host);
    return FALSE;
}

gboolean gw_engine_delete(GwEngine *engine, const GwMoveRequest *request, GError **error)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, request->instance_uuid);
    if (!view) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", request->instance_uuid);
        return FALSE;
    }
    if (view->operating && view->operation == GW_OPERATION_DELETE)
        return TRUE; /* asked for already */
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, view->host);
    if (entry && !gw_node_can_create(entry->node)) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "deleting a server is not offered by the %s driver, which %s is reached by",
                    gw_node_driver(entry->node)->name, view->host);
        return FALSE;
    }
    if (!check_host_known(engine, view, error))
        return FALSE;
    if (!gw_operate_check_delete(view, request->by_admin, error) || !gw_operate_take(engine, view->instance->uuid, GW_OPERATION_DELETE, error))
        return FALSE;
    gboolean claimed = confirm_first(engine, view, request, error) && gw_peers_claim(engine, view->instance->uuid, error);
    gboolean asked = claimed && gw_submit_record(engine, request, "delete", error) && ensure_row(engine, view, request, error);
    if (claimed) /* from now on its row keeps others away, whoever carries it */
        gw_peers_release(engine, view->instance->uuid);
    if (asked)
        mark(engine, view->instance->uuid, request->request_id);
    else
        gw_operate_release(engine, view->instance->uuid);
    return asked;
}
