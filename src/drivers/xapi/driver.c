/* The driver's table, and hosts. Below, failures are XAPI's; here they become Godwit's causes. */
#include "drivers/xapi/internal.h"
#include "drivers/xapi/xapi.h"

#include <string.h>

/* ---- hosts */

/* The hosts of one pool share its password. */
static char *secret_name(const char *uri)
{
    GwXapiAddress address;
    if (!gw_xapi_address_parse(uri, NULL, &address, NULL))
        return NULL;
    g_autofree char *text = address.password_file ? NULL : g_strdup_printf("xenserver-%s@%s:%u.password", address.user, address.master, address.port);
    gw_xapi_address_clear(&address);
    return text ? g_uri_escape_string(text, "@:[]", FALSE) : NULL;
}

/* The address's own file, else what was given with it, else the file of all. Owned by the caller. */
static char *password_file(const char *uri, const GwDriverSettings *settings)
{
    g_autofree char *name = settings->secrets_path ? secret_name(uri) : NULL;
    g_autofree char *kept = name ? g_build_filename(settings->secrets_path, name, NULL) : NULL;
    return kept && g_file_test(kept, G_FILE_TEST_EXISTS) ? g_steal_pointer(&kept) : g_strdup(settings->xapi_password_file);
}

static GwHost *host_open(const char *host_name, const char *uri, const GwDriverSettings *settings, GError **error)
{
    GwXapiAddress address;
    g_autofree char *file = password_file(uri, settings);
    if (!gw_xapi_address_parse(uri, file, &address, error))
        return NULL;
    GwHost *host = g_new0(GwHost, 1);
    g_mutex_init(&host->lock);
    host->name = g_strdup(host_name);
    host->uri = g_strdup(uri);
    host->sr_filter = g_strdup(settings->xapi_sr_filter);
    host->address = address;
    host->copies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    host->pool = gw_xapi_pool_get(uri, &host->address, settings->call_timeout_ms);
    return host;
}

static void host_close(GwHost *host)
{
    gw_xapi_pool_unwatch(host->pool, host);
    gw_xapi_pool_unref(host->pool);
    gw_xapi_address_clear(&host->address);
    g_hash_table_unref(host->copies);
    g_mutex_clear(&host->lock);
    g_free(host->sr_filter);
    g_free(host->name);
    g_free(host->uri);
    g_free(host->uuid);
    g_free(host);
}

static gboolean is_named(const json_t *record, const char *name)
{
    static const char *const fields[] = {"uuid", "name_label", "hostname", "address"};
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        if (g_ascii_strcasecmp(gw_xapi_text(record, fields[i]), name) == 0)
            return TRUE;
    return FALSE;
}

/* The member that the address names. Where it names none: the one at that address, or the only one. */
static char *find_member(GwHost *host, const json_t *tables, GError **error)
{
    const char *name = host->address.host ? host->address.host : host->address.master;
    g_autofree char *found = NULL;
    g_autoptr(GString) members = g_string_new(NULL);
    const char *ref;
    json_t *record;
    json_object_foreach(gw_xapi_table(tables, "host"), ref, record) {
        g_string_append_printf(members, "%s%s", members->len ? ", " : "", gw_xapi_text(record, "name_label"));
        if (!is_named(record, name))
            continue;
        if (found) {
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "the pool has several hosts called %s: name the one by its UUID", name);
            return NULL;
        }
        found = g_strdup(ref);
    }
    if (!found && !host->address.host && json_object_size(gw_xapi_table(tables, "host")) == 1)
        found = g_strdup(json_object_iter_key(json_object_iter(gw_xapi_table(tables, "host"))));
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "the pool has no host %s: write xapi://%s@%s/HOST with one of %s", name,
                    host->address.user, host->address.master, members->str);
    return g_steal_pointer(&found);
}

char *gw_xapi_host_ref(GwHost *host, const json_t *tables, GError **error)
{
    g_mutex_lock(&host->lock);
    g_autofree char *uuid = g_strdup(host->uuid);
    g_mutex_unlock(&host->lock);
    g_autofree char *ref = uuid ? gw_xapi_find(tables, "host", "uuid", uuid) : find_member(host, tables, error);
    if (!ref && uuid) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "host %s (%s) is no member of its pool any more", host->name, uuid);
        gw_xapi_pool_reconsider(host->pool);
    }
    if (!ref || uuid)
        return g_steal_pointer(&ref);
    g_mutex_lock(&host->lock);
    g_free(host->uuid);
    host->uuid = g_strdup(gw_xapi_text(gw_xapi_record(tables, "host", ref), "uuid"));
    g_mutex_unlock(&host->lock);
    return g_steal_pointer(&ref);
}

char *gw_xapi_host_uuid(GwHost *host, GError **error)
{
    g_mutex_lock(&host->lock);
    char *uuid = g_strdup(host->uuid);
    g_mutex_unlock(&host->lock);
    if (uuid)
        return uuid;
    g_autoptr(json_t) tables = gw_xapi_static_tables(host->pool, error);
    g_autofree char *ref = tables ? gw_xapi_host_ref(host, tables, error) : NULL;
    return ref ? g_strdup(gw_xapi_text(gw_xapi_record(tables, "host", ref), "uuid")) : NULL;
}

/* ---- asking */

static gboolean watch(GwHost *host, GwHostEvent event, void *data, GError **error)
{
    host->event = event;
    host->event_data = data;
    gw_xapi_pool_watch(host->pool, host);
    return TRUE;
}

static GwHostFacts *ask_facts(GwHost *host, GError **error)
{
    g_autoptr(json_t) tables = gw_xapi_all_tables(host->pool, error); /* shared with what asks for instances next */
    g_autofree char *ref = tables ? gw_xapi_host_ref(host, tables, error) : NULL;
    return ref && gw_xapi_check_live(host, tables, ref, error) ? gw_xapi_host_facts(host, tables, ref, error) : NULL;
}

/* Seen from one host: what runs on the other side of an unconfirmed move is stopped here. */
static GwInstance *view(const json_t *tables, const json_t *vm, const char *host)
{
    GwInstance *instance = gw_xapi_instance(tables, vm);
    const char *resident = gw_xapi_text(vm, "resident_on");
    if (!gw_xapi_is_null(resident) && strcmp(resident, host) != 0)
        instance->power = GW_POWER_SHUTDOWN;
    return instance;
}

static gboolean ask_instances(GwHost *host, GPtrArray **ret_instances, GError **error)
{
    g_autoptr(json_t) tables = gw_xapi_all_tables(host->pool, error);
    g_autofree char *ref = tables ? gw_xapi_host_ref(host, tables, error) : NULL;
    if (!ref || !gw_xapi_check_live(host, tables, ref, error))
        return FALSE;
    const char *host_uuid = gw_xapi_text(gw_xapi_record(tables, "host", ref), "uuid");
    GPtrArray *instances = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_unref);
    const char *vm;
    json_t *homes;
    json_object_foreach(gw_xapi_table(tables, GW_XAPI_HOMES), vm, homes) {
        const json_t *record = gw_xapi_record(tables, "VM", vm);
        if (record && strstr(json_string_value(homes), host_uuid))
            g_ptr_array_add(instances, view(tables, record, ref));
    }
    *ret_instances = instances;
    return TRUE;
}

/* Also where the pool has no such instance: what its database says, or does not, is no sign that this member lives. */
static GwInstance *ask_describe(GwHost *host, const char *uuid, GError **error)
{
    g_autofree char *vm = NULL;
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) tables = gw_xapi_vm_tables(host->pool, uuid, &vm, &failure);
    if (gw_xapi_is_fault(failure, "UUID_INVALID") || gw_xapi_is_fault(failure, "HANDLE_INVALID"))
        tables = gw_xapi_static_tables(host->pool, error);
    else if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    g_autofree char *ref = tables ? gw_xapi_host_ref(host, tables, error) : NULL;
    if (!ref || !gw_xapi_check_live(host, tables, ref, error))
        return NULL;
    const json_t *record = gw_xapi_record(tables, "VM", vm);
    const char *host_uuid = gw_xapi_text(gw_xapi_record(tables, "host", ref), "uuid");
    if (gw_xapi_is_instance(tables, record) && gw_xapi_is_here(tables, record, host_uuid))
        return view(tables, record, ref);
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "host %s has no instance %s", host->name, uuid);
    return NULL;
}

static char *silent_master(GwHost *host)
{
    return g_atomic_int_get(&host->lost) ? NULL : gw_xapi_pool_master_title(host->pool);
}

/* ---- the boundary */

static GwHostFacts *facts(GwHost *host, GError **error)
{
    GError *failure = NULL;
    GwHostFacts *found = ask_facts(host, &failure);
    if (!found)
        gw_xapi_fail(error, failure);
    return found;
}

static GwInstance *describe(GwHost *host, const char *uuid, GError **error)
{
    GError *failure = NULL;
    GwInstance *found = ask_describe(host, uuid, &failure);
    if (!found)
        gw_xapi_fail(error, failure);
    return found;
}

#define BOUNDARY(name, parameters, call)                                                                               \
    static gboolean name parameters                                                                                    \
    {                                                                                                                  \
        GError *failure = NULL;                                                                                        \
        return call || gw_xapi_fail(error, failure);                                                                   \
    }

BOUNDARY(instances, (GwHost * host, GPtrArray **ret, GError **error), ask_instances(host, ret, &failure))
BOUNDARY(sight, (GwHost * host, const char *uuid, GwSight *ret, GError **error), gw_xapi_sight(host, uuid, ret, &failure))
BOUNDARY(examine, (GwHost * source, GwHost *dest, const char *uuid, GwMoveFacts **ret, GError **error),
         gw_xapi_examine(source, dest, uuid, ret, &failure))
BOUNDARY(prepare, (GwHost * source, GwHost *dest, const GwPlan *plan, GError **error), gw_xapi_prepare(source, dest, plan, &failure))
BOUNDARY(migrate, (GwHost * source, GwHost *dest, const GwPlan *plan, GError **error), gw_xapi_migrate(source, dest, plan, &failure))
BOUNDARY(abort_copy, (GwHost * source, const char *uuid, G_GNUC_UNUSED gboolean quiesce, GError **error), gw_xapi_abort(source, uuid, &failure))
BOUNDARY(stop, (GwHost * host, const char *uuid, GwStopHow how, guint timeout_ms, GError **error),
         gw_xapi_stop(host, uuid, how, timeout_ms, &failure))
BOUNDARY(start, (GwHost * host, const char *uuid, GwStartHow how, GError **error), gw_xapi_start(host, uuid, how, &failure))
BOUNDARY(resume, (GwHost * host, const char *uuid, GError **error), gw_xapi_resume(host, uuid, &failure))
BOUNDARY(pause_guest, (GwHost * host, const char *uuid, GError **error), gw_xapi_pause(host, uuid, &failure))
BOUNDARY(suspend, (GwHost * host, const char *uuid, GError **error), gw_xapi_suspend(host, uuid, &failure))
BOUNDARY(wake, (GwHost * host, const char *uuid, GError **error), gw_xapi_wake(host, uuid, &failure))
BOUNDARY(adopt, (GwHost * dest, const GwPlan *plan, GError **error), gw_xapi_adopt(dest, plan, &failure))
BOUNDARY(settle, (GwHost * dest, const GwPlan *plan, GError **error), gw_xapi_settle(dest, plan, &failure))
BOUNDARY(forget, (GwHost * host, const GwPlan *plan, GwSide side, GError **error), gw_xapi_forget(host, plan, side, &failure))

static char *definition(GwHost *host, const char *uuid, GError **error)
{
    GError *failure = NULL;
    char *text = gw_xapi_definition(host, uuid, &failure);
    if (!text)
        gw_xapi_fail(error, failure);
    return text;
}

BOUNDARY(examine_evacuation, (GwHost * dest, GwInstance *instance, const char *text, GwMoveFacts **ret, GError **error),
         gw_xapi_examine_evacuation(dest, instance, text, ret, &failure))

static const char *const schemes[] = {"xapi", NULL};

const GwDriver gw_xapi_driver = {
    .name = "xapi",
    .schemes = schemes,
    .hypervisor_type = "XenServer",
    .revive = "once its pool's master has given that host up, xe vm-reset-powerstate --force and xe vm-start by hand",
    .paused_stay = TRUE,
    .secret_name = secret_name,
    .open = host_open,
    .close = host_close,
    .watch = watch,
    .facts = facts,
    .instances = instances,
    .describe = describe,
    .silent_master = silent_master,
    .sight = sight,
    .examine = examine,
    .definition = definition,
    .examine_evacuation = examine_evacuation,
    .prepare = prepare,
    .migrate = migrate,
    .abort = abort_copy,
    .stop = stop,
    .start = start,
    .resume = resume,
    .pause = pause_guest,
    .command = gw_xapi_command,
    .suspend = suspend,
    .wake = wake,
    .adopt = adopt,
    .settle = settle,
    .forget = forget,
    .pools = &gw_xapi_pool_ops,
};
