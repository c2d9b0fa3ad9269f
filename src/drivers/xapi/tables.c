/* Records, as XAPI gives them: fields may be missing, of another type, or refer to what is gone. */
#include "drivers/xapi/internal.h"

#include <string.h>

static const char *const static_classes[] = {"pool", "host", "host_metrics", "SR", "PBD", "network", "PIF"};

static gboolean fetch(GwXapiPool *pool, json_t *tables, const char *class, GError **error)
{
    g_autofree char *method = g_strconcat(class, ".get_all_records", NULL);
    json_t *records = gw_xapi_call(pool, method, json_array(), 0, error);
    if (!records)
        return FALSE;
    if (!json_is_object(records)) { /* an empty map may come as an empty list */
        json_decref(records);
        records = json_object();
    }
    json_object_set_new(tables, class, records);
    return TRUE;
}

json_t *gw_xapi_fetch_tables(GwXapiPool *pool, const char *const *classes, guint count, GError **error)
{
    g_autoptr(json_t) tables = json_object();
    for (guint i = 0; i < count; i++)
        if (!fetch(pool, tables, classes[i], error))
            return NULL;
    return g_steal_pointer(&tables);
}

json_t *gw_xapi_static_tables(GwXapiPool *pool, GError **error)
{
    return gw_xapi_fetch_tables(pool, static_classes, G_N_ELEMENTS(static_classes), error);
}

/* One record into its table; what is gone meanwhile is left out. */
static gboolean fetch_one(GwXapiPool *pool, json_t *tables, const char *class, const char *ref, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (gw_xapi_is_null(ref))
        return TRUE;
    g_autofree char *method = g_strconcat(class, ".get_record", NULL);
    json_t *record = gw_xapi_call(pool, method, json_pack("[s]", ref), 0, &failure);
    if (!record && !gw_xapi_is_fault(failure, "HANDLE_INVALID")) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!json_object_get(tables, class))
        json_object_set_new(tables, class, json_object());
    if (record)
        json_object_set_new(json_object_get(tables, class), ref, record);
    return TRUE;
}

static gboolean fetch_devices(GwXapiPool *pool, json_t *tables, const json_t *vm, GError **error)
{
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(vm, "VBDs"), i, ref) {
        const char *vbd = json_string_value(ref);
        if (!vbd || !fetch_one(pool, tables, "VBD", vbd, error) ||
            !fetch_one(pool, tables, "VDI", gw_xapi_text(gw_xapi_record(tables, "VBD", vbd), "VDI"), error))
            return FALSE;
    }
    json_array_foreach(gw_xapi_list(vm, "VIFs"), i, ref)
        if (json_is_string(ref) && !fetch_one(pool, tables, "VIF", json_string_value(ref), error))
            return FALSE;
    return TRUE;
}

static json_t *fetch_vm(GwXapiPool *pool, const char *uuid, char **ret_vm, GError **error)
{
    g_autofree char *vm = gw_xapi_find_vm(pool, uuid, error);
    g_autoptr(json_t) tables = vm ? gw_xapi_static_tables(pool, error) : NULL;
    if (!tables || !fetch_one(pool, tables, "VM", vm, error))
        return NULL;
    const json_t *record = gw_xapi_record(tables, "VM", vm);
    if (!record || !gw_xapi_is_called(record, uuid)) {
        gw_xapi_fault_set(error, record ? "UUID_INVALID" : "HANDLE_INVALID", NULL);
        return NULL;
    }
    if (!fetch_devices(pool, tables, record, error))
        return NULL;
    *ret_vm = g_steal_pointer(&vm);
    return g_steal_pointer(&tables);
}

json_t *gw_xapi_vm_tables(GwXapiPool *pool, const char *uuid, char **ret_vm, GError **error)
{
    json_t *tables = fetch_vm(pool, uuid, ret_vm, error);
    gw_xapi_pool_has_read(pool);
    return tables;
}

/* ---- reading */

json_t *gw_xapi_table(const json_t *tables, const char *class)
{
    static json_t *nothing;
    if (g_once_init_enter(&nothing))
        g_once_init_leave(&nothing, json_object());
    json_t *table = json_object_get(tables, class);
    return json_is_object(table) ? table : nothing;
}

json_t *gw_xapi_record(const json_t *tables, const char *class, const char *ref)
{
    json_t *record = ref ? json_object_get(gw_xapi_table(tables, class), ref) : NULL;
    return json_is_object(record) ? record : NULL;
}

const char *gw_xapi_text(const json_t *record, const char *field)
{
    const char *text = json_string_value(json_object_get(record, field));
    return text ? text : "";
}

const char *gw_xapi_in_map(const json_t *record, const char *field, const char *key)
{
    return json_string_value(json_object_get(json_object_get(record, field), key));
}

gint64 gw_xapi_int(const json_t *record, const char *field)
{
    const json_t *value = json_object_get(record, field);
    if (json_is_integer(value))
        return json_integer_value(value);
    return json_is_string(value) ? g_ascii_strtoll(json_string_value(value), NULL, 10) : 0;
}

gboolean gw_xapi_bool(const json_t *record, const char *field)
{
    return json_is_true(json_object_get(record, field));
}

json_t *gw_xapi_list(const json_t *record, const char *field)
{
    static json_t *nothing;
    if (g_once_init_enter(&nothing))
        g_once_init_leave(&nothing, json_array());
    json_t *list = json_object_get(record, field);
    return json_is_array(list) ? list : nothing;
}

gboolean gw_xapi_is_null(const char *ref)
{
    return !ref || !*ref || strcmp(ref, GW_XAPI_NULL) == 0 || strcmp(ref, "NULL") == 0;
}

char *gw_xapi_find(const json_t *tables, const char *class, const char *field, const char *value)
{
    const char *ref;
    json_t *record;
    json_object_foreach(gw_xapi_table(tables, class), ref, record)
        if (strcmp(gw_xapi_text(record, field), value) == 0)
            return g_strdup(ref);
    return NULL;
}

const json_t *gw_xapi_the_pool(const json_t *tables)
{
    return json_object_iter_value(json_object_iter(gw_xapi_table(tables, "pool")));
}

/* The shared flag alone proves nothing: the host must have it attached. */
gboolean gw_xapi_sr_attached(const json_t *tables, const char *sr, const char *host)
{
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(gw_xapi_record(tables, "SR", sr), "PBDs"), i, ref) {
        const json_t *pbd = gw_xapi_record(tables, "PBD", json_string_value(ref));
        if (strcmp(gw_xapi_text(pbd, "host"), host) == 0 && gw_xapi_bool(pbd, "currently_attached"))
            return TRUE;
    }
    return FALSE;
}

/* A network without any PIF is inside of hosts, and every host makes it when it is needed. */
gboolean gw_xapi_network_reaches(const json_t *tables, const char *network, const char *host)
{
    gboolean any = FALSE;
    const char *ref;
    json_t *pif;
    json_object_foreach(gw_xapi_table(tables, "PIF"), ref, pif) {
        if (strcmp(gw_xapi_text(pif, "network"), network) != 0)
            continue;
        any = TRUE;
        if (strcmp(gw_xapi_text(pif, "host"), host) == 0)
            return TRUE;
    }
    return !any;
}
