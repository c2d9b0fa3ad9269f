/* sim_world.h: what tests do to a world behind Godwit's back. */
#include "drivers/sim/internal.h"

static GwSimHost *need_host(GwSimWorld *world, const char *name)
{
    GwSimHost *host = gw_sim_host_find(world, name);
    if (!host)
        g_error("world %s has no host %s", world->name, name);
    return host;
}

/* Where it runs, else the first host that has it. */
static GwSimDomain *need_domain(GwSimWorld *world, const char *uuid)
{
    GwSimDomain *domain = g_hash_table_lookup(world->running, uuid);
    GHashTableIter iter;
    gpointer host;
    g_hash_table_iter_init(&iter, world->hosts);
    while (!domain && g_hash_table_iter_next(&iter, NULL, &host))
        domain = gw_sim_host_domain(host, uuid);
    if (!domain)
        g_error("world %s has no instance %s", world->name, uuid);
    return domain;
}

/* ---- looking */

GStrv gw_sim_world_violations(GwSimWorld *world)
{
    gw_sim_world_lock(world);
    GStrv copy = g_new0(char *, world->violations->len + 1);
    for (guint i = 0; i < world->violations->len; i++)
        copy[i] = g_strdup(world->violations->pdata[i]);
    gw_sim_world_unlock(world);
    return copy;
}

guint gw_sim_world_copies(GwSimWorld *world)
{
    gw_sim_world_lock(world);
    guint copies = world->copies->len;
    gw_sim_world_unlock(world);
    return copies;
}

guint gw_sim_world_homes(GwSimWorld *world, const char *uuid)
{
    guint homes = 0;
    GHashTableIter iter;
    gpointer host;
    gw_sim_world_lock(world);
    g_hash_table_iter_init(&iter, world->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &host))
        homes += gw_sim_host_domain(host, uuid) != NULL;
    gw_sim_world_unlock(world);
    return homes;
}

const char *gw_sim_world_runs_on(GwSimWorld *world, const char *uuid)
{
    gw_sim_world_lock(world);
    const GwSimDomain *domain = g_hash_table_lookup(world->running, uuid);
    const char *name = domain ? domain->host->name : NULL;
    gw_sim_world_unlock(world);
    return name;
}

/* ---- hosts */

gboolean gw_sim_world_add_host(GwSimWorld *world, const char *host, const char *parameters, GError **error)
{
    g_auto(GwSimSpec) spec = {0};
    if (!gw_sim_spec_parse(parameters, &spec, error))
        return FALSE;
    gw_sim_world_lock(world);
    gw_sim_host_ensure(world, host, &spec);
    gw_sim_world_unlock(world);
    return TRUE;
}

/* A copy of memory waits for its link; a guest in post-copy is cut in two. */
static void break_post_copies(GwSimWorld *world, const GwSimHost *host)
{
    for (guint i = world->copies->len; i > 0; i--) {
        GwSimCopy *copy = world->copies->pdata[i - 1];
        if (copy->phase == GW_SIM_POSTCOPY && (copy->source == host || copy->dest == host))
            gw_sim_copy_fail(copy, GW_ERROR_LOST, "the link was cut");
    }
}

void gw_sim_world_set_link(GwSimWorld *world, const char *host, guint mbps)
{
    gw_sim_world_lock(world);
    need_host(world, host)->link_bps = mbps * 1e6 / 8;
    gw_sim_copies_rerate(world);
    if (!mbps)
        break_post_copies(world, need_host(world, host));
    gw_sim_world_unlock(world);
}

void gw_sim_world_mount(GwSimWorld *world, const char *host, const char *path, const char *folder, guint64 gib)
{
    gw_sim_world_lock(world);
    gw_sim_mount(need_host(world, host), path, gw_sim_folder_ensure(world, folder, gib));
    gw_sim_world_unlock(world);
}

void gw_sim_world_unmount(GwSimWorld *world, const char *host, const char *path)
{
    gw_sim_world_lock(world);
    GPtrArray *mounts = need_host(world, host)->mounts;
    for (guint i = mounts->len; i-- > 0;)
        if (g_strcmp0(((const GwSimMount *)mounts->pdata[i])->path, path) == 0)
            g_ptr_array_remove_index(mounts, i);
    gw_sim_world_unlock(world);
}

void gw_sim_world_add_file(GwSimWorld *world, const char *host, const char *path, guint64 bytes)
{
    gw_sim_world_lock(world);
    GwSimFile *file = gw_sim_file_create(need_host(world, host), path, "", NULL);
    if (!file)
        g_error("%s on %s exists, or has no folder", path, host);
    file->capacity_bytes = bytes;
    gw_sim_file_complete(world, file, bytes);
    gw_sim_world_unlock(world);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

GStrv gw_sim_world_list(GwSimWorld *world, const char *host, const char *path)
{
    g_autofree char *any = g_strdup_printf("%s/", path);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;
    gw_sim_world_lock(world);
    const GwSimMount *mount = gw_sim_mount_of(need_host(world, host), any);
    if (!mount)
        g_error("%s mounts nothing at %s", host, path);
    g_hash_table_iter_init(&iter, mount->folder->files);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, g_strdup(name));
    gw_sim_world_unlock(world);
    g_ptr_array_sort(names, by_name);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

gboolean gw_sim_world_has_file(GwSimWorld *world, const char *host, const char *path)
{
    gw_sim_world_lock(world);
    gboolean has = gw_sim_file_find(need_host(world, host), path) != NULL;
    gw_sim_world_unlock(world);
    return has;
}

/* ---- instances */

const char *gw_sim_world_add_instance(GwSimWorld *world, const char *host, GwInstance *instance)
{
    gw_sim_world_lock(world);
    const GwSimDomain *domain = gw_sim_host_place(need_host(world, host), instance);
    const char *uuid = g_intern_string(domain->value->uuid);
    gw_sim_world_unlock(world);
    return uuid;
}

void gw_sim_world_set_dirty(GwSimWorld *world, const char *uuid, guint mbps)
{
    gw_sim_world_lock(world);
    gw_sim_copies_rerate(world); /* what was written until now was written at the old rate */
    need_domain(world, uuid)->dirty_bps = mbps * 1e6 / 8;
    gw_sim_world_unlock(world);
}

void gw_sim_world_set_disk_writes(GwSimWorld *world, const char *uuid, guint mbps)
{
    gw_sim_world_lock(world);
    gw_sim_copies_rerate(world);
    need_domain(world, uuid)->disk_write_bps = mbps * 1e6 / 8;
    gw_sim_world_unlock(world);
}

void gw_sim_world_set_shutdown(GwSimWorld *world, const char *uuid, guint ms)
{
    gw_sim_world_lock(world);
    need_domain(world, uuid)->shutdown_ms = ms;
    gw_sim_world_unlock(world);
}

void gw_sim_world_set_obstacle(GwSimWorld *world, const char *uuid, const char *obstacle)
{
    gw_sim_world_lock(world);
    GwSimDomain *domain = need_domain(world, uuid);
    g_free(domain->obstacle);
    domain->obstacle = g_strdup(obstacle);
    gw_sim_world_unlock(world);
}

/* ---- misfortune */

void gw_sim_world_stall(GwSimWorld *world, const char *uuid, GwHalt halt)
{
    gw_sim_world_lock(world);
    gw_sim_copies_rerate(world); /* what was written until now was written */
    g_hash_table_replace(world->stalls, g_strdup(uuid), GINT_TO_POINTER(halt));
    GwSimDomain *domain = g_hash_table_lookup(world->running, uuid);
    if (domain && domain->seen == GW_SEEN_RUNNING)
        gw_sim_domain_set(domain, GW_SEEN_RUNNING);
    gw_sim_copies_rerate(world);
    gw_sim_world_unlock(world);
}

/* Those who wait for copies through this host see that it changed; gone: their connections are lost. */
static void disturb_callers(GwSimHost *host, gboolean gone)
{
    for (guint i = 0; i < host->world->copies->len; i++) {
        GwSimCopy *copy = host->world->copies->pdata[i];
        if (copy->source != host)
            continue;
        copy->caller_gone = copy->caller_gone || gone;
        g_cond_broadcast(&copy->changed);
    }
}

static void set_state(GwSimHost *host, GwSimState state)
{
    host->state = state;
    g_cond_broadcast(&host->state_changed);
    disturb_callers(host, state == GW_SIM_DOWN);
    gw_sim_tell(host, NULL); /* the connection was lost, or came back */
}

void gw_sim_world_set_state(GwSimWorld *world, const char *host, GwSimState state)
{
    gw_sim_world_lock(world);
    set_state(need_host(world, host), state);
    gw_sim_world_unlock(world);
}

static GwSimCopy *any_copy_of(const GwSimHost *host)
{
    for (guint i = 0; i < host->world->copies->len; i++) {
        GwSimCopy *copy = host->world->copies->pdata[i];
        if ((copy->source == host || copy->dest == host) && copy->phase != GW_SIM_POSTCOPY)
            return copy;
    }
    return NULL;
}

void gw_sim_world_kill_daemon(GwSimWorld *world, const char *name)
{
    gw_sim_world_lock(world);
    GwSimHost *host = need_host(world, name);
    disturb_callers(host, TRUE);
    for (GwSimCopy *copy = any_copy_of(host); copy; copy = any_copy_of(host)) {
        if (copy->source == host)
            gw_sim_copy_interrupt(copy);
        else
            gw_sim_copy_fail(copy, GW_ERROR_FAILED, "the destination's management daemon went away");
    }
    gw_sim_tell(host, NULL);
    gw_sim_world_unlock(world);
}

static GPtrArray *domains_of(const GwSimHost *host)
{
    GPtrArray *domains = g_ptr_array_new();
    GHashTableIter iter;
    gpointer domain;
    g_hash_table_iter_init(&iter, host->domains);
    while (g_hash_table_iter_next(&iter, NULL, &domain))
        g_ptr_array_add(domains, domain);
    return domains;
}

static void fail_copies_of(GwSimHost *host)
{
    for (guint i = host->world->copies->len; i-- > 0;) {
        GwSimCopy *copy = host->world->copies->pdata[i];
        if (copy->source != host && copy->dest != host)
            continue;
        gw_sim_copy_fail(copy, copy->source == host ? GW_ERROR_LOST : GW_ERROR_FAILED, "a host lost power");
        i = host->world->copies->len; /* the order has changed */
    }
}

void gw_sim_world_crash(GwSimWorld *world, const char *name)
{
    gw_sim_world_lock(world);
    GwSimHost *host = need_host(world, name);
    set_state(host, GW_SIM_DOWN);
    fail_copies_of(host);
    g_autoptr(GPtrArray) domains = domains_of(host);
    for (guint i = 0; i < domains->len; i++)
        if (gw_sim_domain_is_active(domains->pdata[i]))
            gw_sim_domain_vanish(domains->pdata[i]);
    gw_sim_world_unlock(world);
}

void gw_sim_world_kill_guest(GwSimWorld *world, const char *host, const char *uuid)
{
    gw_sim_world_lock(world);
    gw_sim_pull_plug(need_host(world, host), uuid);
    gw_sim_world_unlock(world);
}

void gw_sim_world_set_storage(GwSimWorld *world, const char *host, const char *path, GwSimStorageState state)
{
    gw_sim_world_lock(world);
    GPtrArray *mounts = need_host(world, host)->mounts;
    for (guint i = 0; i < mounts->len; i++) {
        GwSimMount *mount = mounts->pdata[i];
        if (g_strcmp0(mount->path, path) == 0)
            mount->state = state;
    }
    gw_sim_world_unlock(world);
}

void gw_sim_world_boot(GwSimWorld *world, const char *name)
{
    gw_sim_world_lock(world);
    GwSimHost *host = need_host(world, name);
    set_state(host, GW_SIM_UP);
    g_autoptr(GPtrArray) domains = domains_of(host);
    for (guint i = 0; i < domains->len; i++) {
        GwSimDomain *domain = domains->pdata[i];
        if (domain->value->autostart && !gw_sim_domain_is_active(domain) && gw_sim_files_present(domain, NULL))
            gw_sim_domain_set(domain, GW_SEEN_RUNNING);
    }
    gw_sim_world_unlock(world);
}

guint gw_sim_world_calls(GwSimWorld *world, const char *host, const char *function)
{
    gw_sim_world_lock(world);
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(need_host(world, host)->calls, function));
    gw_sim_world_unlock(world);
    return count;
}

void gw_sim_world_fail(GwSimWorld *world, const char *host, const char *function, guint nth, GwErrorCode code,
                       GwSimWhen when)
{
    GwSimFault *fault = g_new0(GwSimFault, 1);
    fault->function = g_strdup(function);
    fault->left = MAX(1, nth);
    fault->code = code;
    fault->when = when;
    gw_sim_world_lock(world);
    g_ptr_array_add(need_host(world, host)->faults, fault);
    gw_sim_world_unlock(world);
}
