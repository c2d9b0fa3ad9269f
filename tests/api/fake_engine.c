#include "fake_engine.h"

#include "base/error.h"
#include "engine/view_list.h"
#include "fake_aggregates.h"

#include <string.h>

struct GwEngine {
    GMutex lock;
    GPtrArray *views;      /* of GwInstanceView *, newest first */
    GPtrArray *hosts;      /* of char *: names */
    GHashTable *disabled;  /* name -> reason */
    GHashTable *forced_down; /* set of names */
    FakeAggregates *aggregates;
    GPtrArray *migrations; /* of GwMigration *, newest first */
    GPtrArray *actions;    /* of GwActionRow *, newest first */
    GPtrArray *waiting;    /* of Waiting * */
    GThreadPool *pool;
    gint64 next_id;
    volatile guint64 serial;
};

/* 2026-01-02T03:04:05.000678Z */
enum { MICROS = 678 };
static const gint64 epoch_us = G_GINT64_CONSTANT(1767323045) * G_USEC_PER_SEC + MICROS;

static const struct {
    const char *name, *host;
    GwPower power;
    int kind; /* -1: no migration */
    GwMigrationState state;
} fixed[] = {
    {"vm-active", "HostA", GW_POWER_RUNNING, -1, 0},
    {"vm-stopped", "HostA", GW_POWER_SHUTDOWN, -1, 0},
    {"vm-paused", "HostA", GW_POWER_PAUSED, -1, 0},
    {"vm-suspended", "HostA", GW_POWER_SUSPENDED, -1, 0},
    {"vm-crashed", "HostA", GW_POWER_CRASHED, -1, 0},
    {"vm-nostate", "HostA", GW_POWER_NOSTATE, -1, 0},
    {"vm-down", "HostDown", GW_POWER_RUNNING, -1, 0},
    {"vm-queued", "HostA", GW_POWER_RUNNING, GW_MOVE_LIVE, GW_MIGRATION_QUEUED},
    {"vm-paused-queued", "HostA", GW_POWER_PAUSED, GW_MOVE_LIVE, GW_MIGRATION_QUEUED},
    {"vm-running", "HostA", GW_POWER_RUNNING, GW_MOVE_LIVE, GW_MIGRATION_RUNNING},
    {"vm-postcopy", "HostB", GW_POWER_RUNNING, GW_MOVE_LIVE, GW_MIGRATION_POSTCOPY},
    {"vm-prep", "HostA", GW_POWER_RUNNING, GW_MOVE_COLD, GW_MIGRATION_PREPARING},
    {"vm-moving", "HostA", GW_POWER_SHUTDOWN, GW_MOVE_COLD, GW_MIGRATION_MOVING},
    {"vm-starting", "HostB", GW_POWER_SHUTDOWN, GW_MOVE_COLD, GW_MIGRATION_STARTING},
    {"vm-verify", "HostB", GW_POWER_RUNNING, GW_MOVE_COLD, GW_MIGRATION_FINISHED},
    {"vm-reverting", "HostB", GW_POWER_RUNNING, GW_MOVE_COLD, GW_MIGRATION_REVERTING},
    {"vm-done", "HostB", GW_POWER_RUNNING, GW_MOVE_LIVE, GW_MIGRATION_COMPLETED},
};

/* ---- values */

void gw_instance_view_unref(GwInstanceView *view)
{
    if (!g_atomic_ref_count_dec(&view->refs))
        return;
    gw_instance_unref(view->instance);
    g_free(view->host);
    g_free(view->zone);
    g_free(view);
}

GwInstanceView *gw_instance_view_ref(GwInstanceView *view)
{
    g_atomic_ref_count_inc(&view->refs);
    return view;
}

void gw_host_view_unref(GwHostView *view)
{
    if (!g_atomic_ref_count_dec(&view->refs))
        return;
    gw_host_row_free(view->row);
    g_clear_pointer(&view->facts, gw_host_facts_unref);
    g_free(view->down_reason);
    g_ptr_array_unref(view->aggregates);
    g_free(view);
}

static GwInstance *instance_new(guint number, const char *name, GwPower power)
{
    GwInstance *instance = gw_instance_new();
    g_snprintf(instance->uuid, sizeof instance->uuid, "10000000-0000-4000-8000-%012u", number);
    instance->name = g_strdup(name);
    instance->power = power;
    instance->persistent = TRUE;
    instance->vcpus = 2;
    instance->memory_mib = instance->max_memory_mib = 512;
    GwDisk *disk = gw_instance_add_disk(instance);
    disk->target = g_strdup("vda");
    disk->kind = GW_DISK_NETWORK;
    disk->path = g_strdup_printf("iscsi://HostA:3260/iqn.x/%u", number);
    disk->capacity_bytes = 10ull << 30;
    GwNic *nic = gw_instance_add_nic(instance);
    nic->kind = GW_NIC_BRIDGE;
    nic->source = g_strdup("br0");
    nic->mac = g_strdup_printf("52:54:00:00:00:%02x", number & 0xff);
    return instance;
}

static GwMigration *migration_new(GwEngine *engine, const GwInstance *instance, GwMoveKind kind, GwMigrationState state)
{
    GwMigration *row = gw_migration_new();
    row->id = ++engine->next_id;
    g_snprintf(row->uuid, sizeof row->uuid, "20000000-0000-4000-8000-%012" G_GINT64_FORMAT, row->id);
    g_strlcpy(row->instance_uuid, instance->uuid, sizeof row->instance_uuid);
    row->instance_name = g_strdup(instance->name);
    row->kind = kind;
    row->state = state;
    row->source = g_strdup("HostA");
    row->dest = g_strdup("HostB");
    row->request_id = g_strdup("req-1");
    row->user_id = g_strdup("admin");
    row->project_id = g_strdup("admin");
    row->created_us = row->started_us = epoch_us + row->id * G_USEC_PER_SEC;
    row->updated_us = row->created_us + G_USEC_PER_SEC;
    if (gw_migration_state_traits(state) & GW_TRAIT_FINAL)
        row->ended_us = row->updated_us;
    row->progress = (GwProgress){.memory_total = 1000,
                                 .memory_processed = 600,
                                 .memory_remaining = 400,
                                 .disk_total = 50,
                                 .elapsed_ms = 1234,
                                 .iteration = 3};
    g_ptr_array_insert(engine->migrations, 0, row);
    return row;
}

static void add_instance(GwEngine *engine, const char *name, const char *host, GwPower power)
{
    GwInstanceView *view = g_new0(GwInstanceView, 1);
    g_atomic_ref_count_init(&view->refs);
    view->instance = instance_new(engine->views->len + 1, name, power);
    view->host = g_strdup(host);
    view->host_up = strcmp(host, "HostDown") != 0;
    view->zone = g_strdup(GW_DEFAULT_ZONE);
    view->first_seen_us = epoch_us - engine->views->len * G_USEC_PER_SEC;
    view->changed_us = epoch_us;
    view->serial = ++engine->serial;
    g_ptr_array_add(engine->views, view);
}

static void add_action(GwEngine *engine, const char *uuid, const char *request_id, const char *action)
{
    GwActionRow *row = g_new0(GwActionRow, 1);
    row->id = engine->actions->len + 1;
    g_strlcpy(row->instance_uuid, uuid, sizeof row->instance_uuid);
    row->request_id = g_strdup(request_id);
    row->action = g_strdup(action);
    row->user_id = g_strdup("admin");
    row->project_id = g_strdup("admin");
    row->start_us = epoch_us + row->id * G_USEC_PER_SEC;
    row->updated_us = row->start_us;
    g_ptr_array_insert(engine->actions, 0, row);
}

/* ---- calls that end later: on a thread of the pool, or never */

typedef struct {
    GwDone done;
    GwChecked checked;
    gpointer data;
    gint64 id;
    GError *error;
    guint delay_ms;
} Waiting;

static void end_waiting(gpointer item, gpointer unused)
{
    Waiting *waiting = item;
    g_usleep(waiting->delay_ms * 1000);
    if (waiting->checked)
        waiting->checked(waiting->data, waiting->id, waiting->error);
    if (waiting->done)
        waiting->done(waiting->data, waiting->error);
    g_clear_error(&waiting->error);
    g_free(waiting);
}

static gint host_silent_asked; /* atomic */

/* What becomes of a call that needs the host of that name. */
static GError *fate_of(const char *host)
{
    if (g_strcmp0(host, "HostFull") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_REFUSED,
                           "HostFull: it has 12 MiB free: vm-active needs 512 MiB; free memory");
    if (g_strcmp0(host, "HostDown") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_UNREACHABLE, "HostDown does not answer");
    if (g_strcmp0(host, "HostSilent") == 0 && !g_atomic_int_compare_and_exchange(&host_silent_asked, 1, 0))
        return g_error_new(GW_ERROR, GW_ERROR_REFUSED, "HostSilent was not asked");
    if (g_strcmp0(host, "HostDenied") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_DENIED, "HostDenied refuses our certificate");
    if (g_strcmp0(host, "HostBroken") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_INTERNAL, "secret: assertion in choose.c");
    if (g_strcmp0(host, "HostStore") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_STORE, "secret: /var/lib/godwit/godwit.db is full");
    return NULL;
}

static gboolean ends_badly(const char *host)
{
    g_autoptr(GError) error = fate_of(host);
    return error != NULL;
}

static void later(GwEngine *engine, const char *host, Waiting waiting)
{
    Waiting *copy = g_memdup2(&waiting, sizeof waiting);
    copy->error = fate_of(host);
    copy->delay_ms = g_strcmp0(host, "HostLate") == 0 ? 300 : 5;
    if (!waiting.done && !waiting.checked) {
        g_clear_error(&copy->error);
        g_free(copy);
    } else if (g_strcmp0(host, "HostNever") == 0) {
        g_mutex_lock(&engine->lock);
        g_ptr_array_add(engine->waiting, copy);
        g_mutex_unlock(&engine->lock);
    } else if (g_strcmp0(host, "HostAtOnce") == 0) {
        copy->delay_ms = 0;
        end_waiting(copy, NULL);
    } else {
        g_thread_pool_push(engine->pool, copy, NULL);
    }
}

void fake_engine_end_waiting(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    g_autoptr(GPtrArray) all = engine->waiting;
    engine->waiting = g_ptr_array_new();
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < all->len; i++)
        end_waiting(all->pdata[i], NULL);
}

/* ---- life */

GwEngine *fake_engine_new(guint more)
{
    static const char *const hosts[] = {"HostA", "HostB", "HostDown"};
    GwEngine *engine = g_new0(GwEngine, 1);
    g_mutex_init(&engine->lock);
    engine->views = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref);
    engine->hosts = g_ptr_array_new_with_free_func(g_free);
    engine->disabled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    engine->forced_down = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    engine->aggregates = fake_aggregates_new();
    engine->migrations = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    engine->actions = g_ptr_array_new_with_free_func((GDestroyNotify)gw_action_row_free);
    engine->waiting = g_ptr_array_new();
    engine->pool = g_thread_pool_new(end_waiting, NULL, 8, FALSE, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++)
        g_ptr_array_add(engine->hosts, g_strdup(hosts[i]));
    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++) {
        add_instance(engine, fixed[i].name, fixed[i].host, fixed[i].power);
        GwInstanceView *view = engine->views->pdata[i];
        if (fixed[i].kind < 0)
            continue;
        const GwMigration *row = migration_new(engine, view->instance, (GwMoveKind)fixed[i].kind, fixed[i].state);
        add_action(engine, view->instance->uuid, "req-1", gw_move_kind_name(row->kind));
        if (gw_migration_state_traits(row->state) & GW_TRAIT_FINAL)
            continue;
        view->migration_id = row->id;
        view->migration_kind = row->kind;
        view->migration_state = row->state;
        view->progress = 60;
    }
    add_action(engine, "10000000-0000-4000-8000-00000000dead", "req-gone", "live-migration");
    for (guint i = 0; i < more; i++) {
        g_autofree char *name = g_strdup_printf("plain-%04u", i);
        add_instance(engine, name, "HostB", GW_POWER_RUNNING);
    }
    return engine;
}

void fake_engine_free(GwEngine *engine)
{
    g_thread_pool_free(engine->pool, FALSE, TRUE);
    fake_engine_end_waiting(engine);
    g_ptr_array_unref(engine->waiting);
    g_ptr_array_unref(engine->views);
    g_ptr_array_unref(engine->hosts);
    g_hash_table_unref(engine->disabled);
    g_hash_table_unref(engine->forced_down);
    fake_aggregates_free(engine->aggregates);
    g_ptr_array_unref(engine->migrations);
    g_ptr_array_unref(engine->actions);
    g_mutex_clear(&engine->lock);
    g_free(engine);
}

/* ---- hosts */

static GwHostView *host_view(GwEngine *engine, guint index)
{
    const char *name = engine->hosts->pdata[index];
    GwHostView *view = g_new0(GwHostView, 1);
    g_atomic_ref_count_init(&view->refs);
    view->row = g_new0(GwHostRow, 1);
    view->row->id = index + 1;
    g_snprintf(view->row->uuid, sizeof view->row->uuid, "30000000-0000-4000-8000-%012u", index + 1);
    view->row->name = g_strdup(name);
    view->row->uri = g_strdup_printf("sim://%s", name);
    view->row->enabled = !g_hash_table_contains(engine->disabled, name);
    view->row->disabled_reason = g_strdup(g_hash_table_lookup(engine->disabled, name));
    view->row->forced_down = g_hash_table_contains(engine->forced_down, name);
    view->aggregates = fake_aggregates_of_host(engine->aggregates, name);
    view->up = strcmp(name, "HostDown") != 0;
    view->down_reason = view->up ? NULL : g_strdup("no route to host");
    view->seen_us = view->up ? epoch_us : 0;
    for (guint i = 0; i < engine->views->len; i++) {
        const GwInstanceView *instance = engine->views->pdata[i];
        if (strcmp(instance->host, name) == 0) {
            view->instances++;
            view->running += instance->instance->power == GW_POWER_RUNNING;
            view->vcpus_used += instance->instance->power == GW_POWER_SHUTDOWN ? 0 : instance->instance->vcpus;
        }
    }
    if (!view->up)
        return view;
    view->facts = gw_host_facts_new();
    view->facts->hostname = g_strdup(name);
    view->facts->hypervisor_type = g_strdup("QEMU");
    view->facts->hypervisor_version = 7002022;
    view->facts->library_version = 9000000;
    view->facts->arch = g_strdup("x86_64");
    view->facts->cpus = 4;
    view->facts->memory_mib = 8192;
    view->facts->memory_free_mib = 4096;
    GwPool *pool = gw_host_facts_add_pool(view->facts);
    pool->name = g_strdup("instances");
    pool->capacity_bytes = 100ull << 30;
    pool->available_bytes = 60ull << 30;
    return view;
}

GPtrArray *gw_engine_hosts(GwEngine *engine)
{
    GPtrArray *views = g_ptr_array_new_with_free_func((GDestroyNotify)gw_host_view_unref);
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < engine->hosts->len; i++)
        g_ptr_array_add(views, host_view(engine, i));
    g_mutex_unlock(&engine->lock);
    return views;
}

static gboolean find_host(GwEngine *engine, const char *name, guint *ret_index)
{
    return g_ptr_array_find_with_equal_func(engine->hosts, name, g_str_equal, ret_index);
}

GwHostView *gw_engine_host(GwEngine *engine, const char *name)
{
    guint index;
    g_mutex_lock(&engine->lock);
    GwHostView *view = find_host(engine, name, &index) ? host_view(engine, index) : NULL;
    g_mutex_unlock(&engine->lock);
    return view;
}

GwHostView *gw_engine_host_by_uuid(GwEngine *engine, const char *uuid)
{
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(engine);
    for (guint i = 0; i < hosts->len; i++)
        if (g_ascii_strcasecmp(((const GwHostView *)hosts->pdata[i])->row->uuid, uuid) == 0)
            return g_ptr_array_steal_index(hosts, i);
    return NULL;
}

void gw_engine_host_add(GwEngine *engine, const char *name, const char *uri, const char *password, GwDone done, gpointer data)
{
    guint index;
    g_mutex_lock(&engine->lock);
    gboolean taken = find_host(engine, name, &index);
    if (!taken && !ends_badly(name))
        g_ptr_array_add(engine->hosts, g_strdup(name));
    g_mutex_unlock(&engine->lock);
    if (taken) {
        g_autoptr(GError) error =
            g_error_new(GW_ERROR, GW_ERROR_CONFLICT, "host %s is already there, at %s", name, uri);
        done(data, error);
    } else {
        later(engine, name, (Waiting){.done = done, .data = data});
    }
}

gboolean gw_engine_host_remove(GwEngine *engine, const char *name, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    gboolean found = find_host(engine, name, &index);
    gboolean busy = found && index == 0;
    if (found && !busy)
        g_ptr_array_remove_index(engine->hosts, index);
    g_mutex_unlock(&engine->lock);
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", name);
    else if (busy)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "host %s: migration 1 is under way", name);
    return found && !busy;
}

gboolean gw_engine_host_withdraw(GwEngine *engine, const char *name, GError **error)
{
    return gw_engine_host_remove(engine, name, error);
}

gboolean gw_engine_host_edit(GwEngine *engine, const char *name, const GwHostEdit *edit, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    gboolean found = find_host(engine, name, &index);
    if (found && edit->enabled != GW_SWITCH_KEEP)
        g_hash_table_remove(engine->disabled, name);
    if (found && edit->enabled == GW_SWITCH_OFF)
        g_hash_table_insert(engine->disabled, g_strdup(name), g_strdup(edit->disabled_reason));
    if (found && edit->forced_down == GW_SWITCH_OFF)
        g_hash_table_remove(engine->forced_down, name);
    if (found && edit->forced_down == GW_SWITCH_ON)
        g_hash_table_add(engine->forced_down, g_strdup(name));
    g_mutex_unlock(&engine->lock);
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", name);
    return found;
}

FakeAggregates *fake_engine_aggregates(GwEngine *engine)
{
    return engine->aggregates;
}

void gw_engine_refresh(GwEngine *engine, const char *host, GwDone done, gpointer data)
{
    later(engine, host, (Waiting){.done = done, .data = data});
}

/* HostSilent is back, and takes its time to say so. */
gboolean gw_engine_ask_anew(GwEngine *engine, const char *host, GwDone done, gpointer data)
{
    if (strcmp(host, "HostSilent") != 0)
        return FALSE;
    g_atomic_int_set(&host_silent_asked, 1);
    later(engine, "HostLate", (Waiting){.done = done, .data = data});
    return TRUE;
}

/* ---- instances */

guint64 gw_engine_serial(GwEngine *engine)
{
    return __atomic_load_n(&engine->serial, __ATOMIC_ACQUIRE);
}

GwViewList *gw_engine_instances(GwEngine *engine, guint64 *ret_serial)
{
    GwViewList *views = gw_view_list_new();
    g_mutex_lock(&engine->lock);
    if (ret_serial)
        *ret_serial = engine->serial;
    for (guint i = 0; i < engine->views->len; i++)
        gw_view_list_change(&views, NULL, engine->views->pdata[i]);
    g_mutex_unlock(&engine->lock);
    return views;
}

GPtrArray *gw_engine_instances_of(GwEngine *engine, const char *host)
{
    GPtrArray *views = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref);
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < engine->views->len; i++) {
        GwInstanceView *view = engine->views->pdata[i];
        if (strcmp(view->host, host) == 0)
            g_ptr_array_add(views, gw_instance_view_ref(view));
    }
    g_mutex_unlock(&engine->lock);
    return views;
}

/* [locked] */
static GwInstanceView *find_view(GwEngine *engine, const char *uuid, guint *ret_index)
{
    for (guint i = 0; i < engine->views->len; i++) {
        GwInstanceView *view = engine->views->pdata[i];
        if (strcmp(view->instance->uuid, uuid) == 0) {
            *ret_index = i;
            return view;
        }
    }
    return NULL;
}

GwInstanceView *gw_engine_instance(GwEngine *engine, const char *uuid)
{
    guint index;
    g_mutex_lock(&engine->lock);
    GwInstanceView *view = find_view(engine, uuid, &index);
    if (view)
        gw_instance_view_ref(view);
    g_mutex_unlock(&engine->lock);
    return view;
}

/* ---- moves */

static gboolean check(GwEngine *engine, const GwMoveRequest *request, const GwInstanceView *view, GError **error)
{
    guint index;
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", request->instance_uuid);
    else if (view->migration_id)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot 'os-migrateLive' instance %s while it is in task_state migrating", request->instance_uuid);
    else if (request->host && !find_host(engine, request->host, &index) &&
             !g_str_has_prefix(request->host, "Host"))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute host %s could not be found.", request->host);
    else
        return TRUE;
    return FALSE;
}

/* The instance itself stays as it is, so that tests do not depend on each other; the request is remembered as an action
 * whose name says what was asked. */
static gboolean submit(GwEngine *engine, const GwMoveRequest *request, const char *kind, gint64 *ret_id,
                       GwChecked checked, gpointer data, GError **error)
{
    static const char *const block[] = {[GW_BLOCK_NO] = "no", [GW_BLOCK_YES] = "yes", [GW_BLOCK_AUTO] = "auto"};
    guint index;
    g_mutex_lock(&engine->lock);
    gboolean ok = check(engine, request, find_view(engine, request->instance_uuid, &index), error);
    if (ok) {
        *ret_id = ++engine->next_id;
        g_autofree char *text =
            g_strdup_printf("%s host=%s block=%s over=%d", kind, request->host ? request->host : "-",
                            block[request->block], request->disk_over_commit);
        add_action(engine, request->instance_uuid, request->request_id, text);
    }
    g_mutex_unlock(&engine->lock);
    if (ok)
        later(engine, request->host, (Waiting){.checked = checked, .data = data, .id = *ret_id});
    return ok;
}

gboolean gw_engine_live_migrate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked,
                                gpointer data, GError **error)
{
    return submit(engine, request, "live-migration", ret_id, checked, data, error);
}

gboolean gw_engine_cold_migrate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked,
                                gpointer data, GError **error)
{
    return submit(engine, request, "migrate", ret_id, checked, data, error);
}

gboolean gw_engine_resize(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked, gpointer data, GError **error)
{
    return submit(engine, request, "resize", ret_id, checked, data, error);
}

gboolean gw_engine_evacuate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked, gpointer data,
                            GError **error)
{
    return submit(engine, request, "evacuate", ret_id, checked, data, error);
}

gboolean gw_engine_operate(GwEngine *engine, const GwMoveRequest *request, GwOperation operation, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    const GwInstanceView *view = find_view(engine, request->instance_uuid, &index);
    GwPower power = view ? view->instance->power : GW_POWER_NOSTATE;
    GwOperationCase asked = {request->instance_uuid, power == GW_POWER_SHUTDOWN ? GW_VM_STOPPED : power == GW_POWER_PAUSED ? GW_VM_PAUSED : GW_VM_ACTIVE,
                             view && view->migration_id ? "migrating" : NULL, FALSE, TRUE};
    gboolean ok = view && gw_operation_check(operation, &asked, error);
    g_mutex_unlock(&engine->lock);
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", request->instance_uuid);
    return ok;
}

/* Confirming and reverting change what is shown: the one view is replaced, and both serials rise. */
static gboolean settle(GwEngine *engine, const GwMoveRequest *request, GwMigrationState state, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    const GwInstanceView *view = find_view(engine, request->instance_uuid, &index);
    gboolean ok = view && view->migration_state == GW_MIGRATION_FINISHED && view->migration_id;
    if (ok) {
        GwInstanceView *copy = g_memdup2(view, sizeof *view);
        g_atomic_ref_count_init(&copy->refs);
        gw_instance_ref(copy->instance);
        copy->host = g_strdup(view->host);
        copy->zone = g_strdup(view->zone);
        copy->migration_state = state;
        copy->serial = __atomic_add_fetch(&engine->serial, 1, __ATOMIC_RELEASE);
        gw_instance_view_unref(engine->views->pdata[index]);
        engine->views->pdata[index] = copy;
    } else {
        g_set_error(error, GW_ERROR, view ? GW_ERROR_INVALID : GW_ERROR_NOT_FOUND,
                    view ? "Instance has not been resized." : "Instance could not be found.");
    }
    g_mutex_unlock(&engine->lock);
    return ok;
}

gboolean gw_engine_confirm(GwEngine *engine, const GwMoveRequest *request, GError **error)
{
    return settle(engine, request, GW_MIGRATION_CONFIRMING, error);
}

gboolean gw_engine_revert(GwEngine *engine, const GwMoveRequest *request, GError **error)
{
    return settle(engine, request, GW_MIGRATION_REVERTING, error);
}

static gboolean steer(GwEngine *engine, const GwMoveRequest *request, gint64 id, const char *what, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    const GwInstanceView *view = find_view(engine, request->instance_uuid, &index);
    gboolean ok = view->migration_state != GW_MIGRATION_POSTCOPY;
    if (ok)
        add_action(engine, request->instance_uuid, request->request_id, what);
    g_mutex_unlock(&engine->lock);
    if (!ok)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Migration %" G_GINT64_FORMAT " is running (post-copy).", id);
    return ok;
}

gboolean gw_engine_abort(GwEngine *engine, const GwMoveRequest *request, gint64 id, GError **error)
{
    return steer(engine, request, id, "live_migration_cancel", error);
}

gboolean gw_engine_force_complete(GwEngine *engine, const GwMoveRequest *request, gint64 id, GError **error)
{
    return steer(engine, request, id, "live_migration_force_complete", error);
}

/* ---- history */

static gboolean fits(const GwMigrationQuery *query, const GwMigration *row)
{
    const char *status = gw_migration_state_status(row->state, row->kind);
    return (!query->id || query->id == row->id) && (!query->uuid || strcmp(query->uuid, row->uuid) == 0) &&
           (!query->instance_uuid || strcmp(query->instance_uuid, row->instance_uuid) == 0) &&
           (!query->host || strcmp(query->host, row->source) == 0 || strcmp(query->host, row->dest) == 0) &&
           (!query->source || strcmp(query->source, row->source) == 0) &&
           (!query->status || strcmp(query->status, status) == 0) &&
           (!query->kind || strcmp(query->kind, gw_move_kind_name(row->kind)) == 0) &&
           (!query->user_id || g_strcmp0(query->user_id, row->user_id) == 0) &&
           (!query->project_id || g_strcmp0(query->project_id, row->project_id) == 0) &&
           (!query->unfinished_only || !(gw_migration_state_traits(row->state) & GW_TRAIT_FINAL)) &&
           (!query->changes_since_us || row->updated_us >= query->changes_since_us) &&
           (!query->changes_before_us || row->updated_us <= query->changes_before_us) &&
           (!query->after_id || row->id < query->after_id);
}

gboolean gw_engine_migrations(GwEngine *engine, const GwMigrationQuery *query, GPtrArray **ret_rows, GError **error)
{
    if (g_strcmp0(query->status, "broken") == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_STORE, "secret: database is malformed");
        return FALSE;
    }
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < engine->migrations->len && (!query->limit || rows->len < query->limit); i++)
        if (fits(query, engine->migrations->pdata[i]))
            g_ptr_array_add(rows, gw_migration_copy(engine->migrations->pdata[i]));
    g_mutex_unlock(&engine->lock);
    *ret_rows = rows;
    return TRUE;
}

void gw_engine_ended_moves(GwEngine *engine, GwEndedMoves *ret_ended)
{
    *ret_ended = (GwEndedMoves){.total_ms = 2500, .downtime_ms = 90, .bytes = 1000};
    ret_ended->count[GW_MOVE_LIVE][GW_MIGRATION_COMPLETED] = 2;
}

guint64 gw_engine_store_writes(GwEngine *engine)
{
    return 7;
}

static GwActionRow *action_copy(const GwActionRow *row)
{
    GwActionRow *copy = g_memdup2(row, sizeof *row);
    copy->request_id = g_strdup(row->request_id);
    copy->action = g_strdup(row->action);
    copy->user_id = g_strdup(row->user_id);
    copy->project_id = g_strdup(row->project_id);
    copy->message = g_strdup(row->message);
    return copy;
}

gboolean gw_engine_actions(GwEngine *engine, const char *instance_uuid, const char *request_id, GPtrArray **ret_rows,
                           GError **error)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_action_row_free);
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < engine->actions->len; i++) {
        const GwActionRow *row = engine->actions->pdata[i];
        if (strcmp(row->instance_uuid, instance_uuid) == 0 && (!request_id || strcmp(row->request_id, request_id) == 0))
            g_ptr_array_add(rows, action_copy(row));
    }
    g_mutex_unlock(&engine->lock);
    *ret_rows = rows;
    return TRUE;
}

gboolean gw_engine_events(GwEngine *engine, gint64 action_id, GPtrArray **ret_rows, GError **error)
{
    GwEventRow *row = g_new0(GwEventRow, 1);
    row->id = 1;
    row->action_id = action_id;
    row->event = g_strdup("compute_live_migration");
    row->host = g_strdup("HostA");
    row->result = g_strdup("Error");
    row->details = g_strdup("HostFull: it has 12 MiB free");
    row->start_us = epoch_us;
    row->finish_us = epoch_us + 5;
    *ret_rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_event_row_free);
    g_ptr_array_add(*ret_rows, row);
    return TRUE;
}
