/* The hosts of the engine of memory: three at first, of which one does not answer. */
#include "fake_private.h"

#include "base/error.h"

#include <string.h>

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
    view->seen_us = view->up ? fake_epoch_us : 0;
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

gboolean fake_find_host(GwEngine *engine, const char *name, guint *ret_index)
{
    return g_ptr_array_find_with_equal_func(engine->hosts, name, g_str_equal, ret_index);
}

GwHostView *gw_engine_host(GwEngine *engine, const char *name)
{
    guint index;
    g_mutex_lock(&engine->lock);
    GwHostView *view = fake_find_host(engine, name, &index) ? host_view(engine, index) : NULL;
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
    gboolean taken = fake_find_host(engine, name, &index);
    if (!taken && !fake_ends_badly(name))
        g_ptr_array_add(engine->hosts, g_strdup(name));
    g_mutex_unlock(&engine->lock);
    if (taken) {
        g_autoptr(GError) error =
            g_error_new(GW_ERROR, GW_ERROR_CONFLICT, "host %s is already there, at %s", name, uri);
        done(data, error);
    } else {
        fake_later(engine, name, (FakeWaiting){.done = done, .data = data});
    }
}

gboolean gw_engine_host_remove(GwEngine *engine, const char *name, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    gboolean found = fake_find_host(engine, name, &index);
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
    gboolean found = fake_find_host(engine, name, &index);
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
    fake_later(engine, host, (FakeWaiting){.done = done, .data = data});
}

/* HostSilent is back, and takes its time to say so. */
gboolean gw_engine_ask_anew(GwEngine *engine, const char *host, GwDone done, gpointer data)
{
    if (strcmp(host, "HostSilent") != 0)
        return FALSE;
    g_atomic_int_set(&fake_silent_asked, 1);
    fake_later(engine, "HostLate", (FakeWaiting){.done = done, .data = data});
    return TRUE;
}
