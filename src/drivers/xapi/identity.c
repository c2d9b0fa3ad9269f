/* Which VM is which instance. An instance is known by the UUID that it had when Godwit met it. A copy that a cold move made in another pool has a UUID
 * of its own there, since XAPI restores none (xapi's import.ml), and the mark GW_XAPI_ALIAS says whose it is. The mark names the copy, too: a
 * clone that somebody makes of it inherits the mark, and is an instance of its own. */
#include "drivers/xapi/internal.h"

#include <string.h>

enum { UUID_LENGTH = GW_UUID_SIZE - 1, READ_EVERY_US = 1000000 };

void gw_xapi_uuid(const json_t *vm, char ret_uuid[GW_UUID_SIZE])
{
    const char *own = gw_xapi_text(vm, "uuid"), *mark = gw_xapi_in_map(vm, "other_config", GW_XAPI_ALIAS);
    gboolean marked = mark && strlen(mark) > UUID_LENGTH && mark[UUID_LENGTH] == ' ' && strcmp(mark + UUID_LENGTH + 1, own) == 0;
    g_strlcpy(ret_uuid, marked ? mark : own, GW_UUID_SIZE);
}

gboolean gw_xapi_is_called(const json_t *vm, const char *uuid)
{
    char theirs[GW_UUID_SIZE];
    gw_xapi_uuid(vm, theirs);
    return strcmp(theirs, uuid) == 0;
}

/* A copy whose making has not ended is nobody's instance yet. */
static gboolean is_half_made(const json_t *tables, const json_t *vm)
{
    const char *mark = gw_xapi_in_map(vm, "other_config", GW_XAPI_MOVE);
    g_auto(GStrv) words = g_strsplit(mark ? mark : "", ",", -1);
    if (g_strv_length(words) != 3 || gw_xapi_is_called(vm, words[0]))
        return FALSE;
    g_autofree char *dest = gw_xapi_find(tables, "host", "uuid", words[2]);
    return dest != NULL;
}

gboolean gw_xapi_is_instance(const json_t *tables, const json_t *vm)
{
    return vm && !gw_xapi_bool(vm, "is_a_template") && !gw_xapi_bool(vm, "is_a_snapshot") && !gw_xapi_bool(vm, "is_control_domain") &&
           gw_uuid_is_valid(gw_xapi_text(vm, "uuid")) && !is_half_made(tables, vm);
}

/* ---- finding one */

void gw_xapi_aliases_learn(GwXapiPool *pool, const char *uuid, const char *vm)
{
    GwXapiAliases *aliases = gw_xapi_pool_aliases(pool);
    g_mutex_lock(&aliases->lock);
    if (!aliases->vms)
        aliases->vms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_replace(aliases->vms, g_strdup(uuid), g_strdup(vm));
    g_mutex_unlock(&aliases->lock);
}

static gboolean read_aliases(GwXapiPool *pool, GError **error)
{
    g_autoptr(json_t) vms = gw_xapi_call(pool, "VM.get_all_records", json_array(), 0, error);
    const char *ref;
    json_t *vm;
    char uuid[GW_UUID_SIZE];
    json_object_foreach(vms, ref, vm) {
        gw_xapi_uuid(vm, uuid);
        if (strcmp(uuid, gw_xapi_text(vm, "uuid")) != 0 && !gw_xapi_bool(vm, "is_a_snapshot") && !gw_xapi_bool(vm, "is_a_template"))
            gw_xapi_aliases_learn(pool, uuid, ref);
    }
    return vms != NULL;
}

/* *ret_vm: its ref, owned; NULL when there is none that is known. */
static gboolean known_alias(GwXapiPool *pool, const char *uuid, char **ret_vm, GError **error)
{
    GwXapiAliases *aliases = gw_xapi_pool_aliases(pool);
    g_mutex_lock(&aliases->lock);
    g_autofree char *vm = aliases->vms ? g_strdup(g_hash_table_lookup(aliases->vms, uuid)) : NULL;
    g_mutex_unlock(&aliases->lock);
    *ret_vm = NULL;
    if (!vm)
        return TRUE;
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) record = gw_xapi_call(pool, "VM.get_record", json_pack("[s]", vm), 0, &failure);
    if (record && gw_xapi_is_called(record, uuid)) {
        *ret_vm = g_steal_pointer(&vm);
        return TRUE;
    }
    if (!record && !gw_xapi_is_fault(failure, "HANDLE_INVALID")) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_mutex_lock(&aliases->lock);
    g_hash_table_remove(aliases->vms, uuid);
    g_mutex_unlock(&aliases->lock);
    return TRUE;
}

/* All records are read at most once a second, since a move asks again and again for what has not come yet. */
static gboolean is_time_to_read(GwXapiPool *pool)
{
    GwXapiAliases *aliases = gw_xapi_pool_aliases(pool);
    gint64 now_us = g_get_monotonic_time();
    g_mutex_lock(&aliases->lock);
    gboolean yes = now_us - aliases->read_us > READ_EVERY_US;
    if (yes)
        aliases->read_us = now_us;
    g_mutex_unlock(&aliases->lock);
    return yes;
}

static char *find_alias(GwXapiPool *pool, const char *uuid, GError **error)
{
    char *vm = NULL;
    if (!known_alias(pool, uuid, &vm, error) || vm)
        return vm;
    if (is_time_to_read(pool) && (!read_aliases(pool, error) || !known_alias(pool, uuid, &vm, error)))
        return NULL;
    if (!vm)
        gw_xapi_fault_set(error, "UUID_INVALID", NULL);
    return vm;
}

char *gw_xapi_find_vm(GwXapiPool *pool, const char *uuid, GError **error)
{
    g_autoptr(GError) failure = NULL;
    char *vm = gw_xapi_ask(pool, "VM.get_by_uuid", json_pack("[s]", uuid), &failure);
    if (vm)
        return vm;
    if (gw_xapi_is_fault(failure, "UUID_INVALID"))
        return find_alias(pool, uuid, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* What the pool calls it: a copy has another UUID there than in Godwit. */
static char *own_uuid(GwXapiPool *pool, const char *uuid)
{
    g_autoptr(GError) ignored = NULL;
    g_autofree char *vm = gw_xapi_find_vm(pool, uuid, &ignored);
    g_autoptr(json_t) record = vm ? gw_xapi_call(pool, "VM.get_record", json_pack("[s]", vm), 0, &ignored) : NULL;
    return g_strdup(record ? gw_xapi_text(record, "uuid") : uuid);
}

char *gw_xapi_command(GwHost *host, const char *uuid, GwByHand act)
{
    static const struct {
        const char *verb, *rest;
    } commands[] = {
        [GW_BY_HAND_LOOK] = {"vm-list", " params=name-label,power-state,resident-on"},
        [GW_BY_HAND_STOP] = {"vm-shutdown", " force=true"},
        [GW_BY_HAND_UNDEFINE] = {"vm-destroy", ""}, /* its disks stay */
    };
    g_autofree char *known = own_uuid(host->pool, uuid), *master = gw_xapi_pool_master(host->pool);
    return g_strdup_printf("`xe %s uuid=%s%s` on %s, the master of its pool", commands[act].verb, known, commands[act].rest, master);
}
