#include "fake_private.h"

#include "base/error.h"
#include "engine/view_list.h"

#include <string.h>

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
    row->created_us = row->started_us = fake_epoch_us + row->id * G_USEC_PER_SEC;
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
    view->first_seen_us = fake_epoch_us - engine->views->len * G_USEC_PER_SEC;
    view->changed_us = fake_epoch_us;
    view->serial = ++engine->serial;
    g_ptr_array_add(engine->views, view);
}

void fake_add_action(GwEngine *engine, const char *uuid, const char *request_id, const char *action)
{
    GwActionRow *row = g_new0(GwActionRow, 1);
    row->id = engine->actions->len + 1;
    g_strlcpy(row->instance_uuid, uuid, sizeof row->instance_uuid);
    row->request_id = g_strdup(request_id);
    row->action = g_strdup(action);
    row->user_id = g_strdup("admin");
    row->project_id = g_strdup("admin");
    row->start_us = fake_epoch_us + row->id * G_USEC_PER_SEC;
    row->updated_us = row->start_us;
    g_ptr_array_insert(engine->actions, 0, row);
}

/* ---- calls that end fake_later: on a thread of the pool, or never */

static void end_waiting(gpointer item, gpointer unused)
{
    FakeWaiting *waiting = item;
    g_usleep(waiting->delay_ms * 1000);
    if (waiting->checked)
        waiting->checked(waiting->data, waiting->id, waiting->error);
    if (waiting->done)
        waiting->done(waiting->data, waiting->error);
    g_clear_error(&waiting->error);
    g_free(waiting);
}

gint fake_silent_asked; /* atomic */

/* What becomes of a call that needs the host of that name. */
static GError *fate_of(const char *host)
{
    if (g_strcmp0(host, "HostFull") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_REFUSED,
                           "HostFull: it has 12 MiB free: vm-active needs 512 MiB; free memory");
    if (g_strcmp0(host, "HostDown") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_UNREACHABLE, "HostDown does not answer");
    if (g_strcmp0(host, "HostSilent") == 0 && !g_atomic_int_compare_and_exchange(&fake_silent_asked, 1, 0))
        return g_error_new(GW_ERROR, GW_ERROR_REFUSED, "HostSilent was not asked");
    if (g_strcmp0(host, "HostDenied") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_DENIED, "HostDenied refuses our certificate");
    if (g_strcmp0(host, "HostBroken") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_INTERNAL, "secret: assertion in choose.c");
    if (g_strcmp0(host, "HostStore") == 0)
        return g_error_new(GW_ERROR, GW_ERROR_STORE, "secret: /var/lib/godwit/godwit.db is full");
    return NULL;
}

gboolean fake_ends_badly(const char *host)
{
    g_autoptr(GError) error = fate_of(host);
    return error != NULL;
}

void fake_later(GwEngine *engine, const char *host, FakeWaiting waiting)
{
    FakeWaiting *copy = g_memdup2(&waiting, sizeof waiting);
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
        fake_add_action(engine, view->instance->uuid, "req-1", gw_move_kind_name(row->kind));
        if (gw_migration_state_traits(row->state) & GW_TRAIT_FINAL)
            continue;
        view->migration_id = row->id;
        view->migration_kind = row->kind;
        view->migration_state = row->state;
        view->progress = 60;
    }
    fake_add_action(engine, "10000000-0000-4000-8000-00000000dead", "req-gone", "live-migration");
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
GwInstanceView *fake_find_view(GwEngine *engine, const char *uuid, guint *ret_index)
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
    GwInstanceView *view = fake_find_view(engine, uuid, &index);
    if (view)
        gw_instance_view_ref(view);
    g_mutex_unlock(&engine->lock);
    return view;
}
