/* Adding a host: on a worker, since the host must be asked first. */
#include "engine/internal.h"
#include "engine/secrets.h"

#include "base/uri.h"

#include <string.h>

typedef struct {
    GwEngine *engine;
    char *name, *uri, *password; /* password: or NULL */
    GwDone done;
    gpointer data;
} Addition;

static gboolean check_name(const char *name, GError **error)
{
    /* Nova's rule for host names (api/validation/parameter_types.py) */
    if (name && *name && strlen(name) <= 255 && g_regex_match_simple("^[a-zA-Z0-9._-]+$", name, 0, 0))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                "host name '%s': use 1 to 255 letters, digits, '.', '_' and '-', as in HostB", name ? name : "");
    return FALSE;
}

/* [locked] The same machine under another address; NULL: there is none. */
static const GwHostEntry *find_twin(GwEngine *engine, const GwHostFacts *facts)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->hosts);
    while (facts && facts->host_uuid && g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwHostEntry *other = value;
        if (other->facts && g_strcmp0(facts->host_uuid, other->facts->host_uuid) == 0)
            return other;
    }
    return NULL;
}

/* [locked] Name, address and identity must all be new. */
static gboolean check_new(GwEngine *engine, const Addition *addition, const GwHostFacts *facts, GError **error)
{
    g_autofree char *uri = gw_uri_short(addition->uri);
    const GwHostEntry *named = g_hash_table_lookup(engine->hosts, addition->name);
    const GwHostEntry *there = g_hash_table_lookup(engine->host_uris, addition->uri);
    const GwHostEntry *twin = named || there ? NULL : find_twin(engine, facts);
    g_autofree char *at = named ? gw_uri_short(named->row->uri) : NULL;
    if (named)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "host %s is already there, at %s: remove it first, or choose another name",
                    addition->name, at);
    else if (there)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "address %s already belongs to host %s", uri, there->row->name);
    else if (twin)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "%s has the same host UUID %s as host %s: it is the same machine under another address, or %s", uri,
                    facts->host_uuid, twin->row->name,
                    g_strcmp0(facts->hypervisor_type, "QEMU") == 0 ? "one of the two needs its own host_uuid in /etc/libvirt/libvirtd.conf"
                                                                   : "a clone of it, which has to be installed anew");
    return !named && !there && !twin;
}

static gboolean enter_host(Addition *addition, GwNode *node, const GwHostFacts *facts, GwHostEntry **ret_entry, GError **error)
{
    GwEngine *engine = addition->engine;
    g_mutex_lock(&engine->lock);
    gboolean ok = check_new(engine, addition, facts, error);
    g_mutex_unlock(&engine->lock);
    if (!ok)
        return FALSE;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    g_autoptr(GwHostRow) row = g_new0(GwHostRow, 1);
    row->name = g_strdup(addition->name);
    row->uri = g_strdup(addition->uri);
    row->enabled = TRUE;
    if (!gw_store_host_add(engine->store, row, error)) /* unique there too: two additions at once cannot both win */
        return FALSE;
    GwHostEntry *entry = gw_host_entry_new(gw_node_ref(node), g_steal_pointer(&row));
    g_mutex_lock(&engine->lock);
    gw_host_enter(engine, entry);
    *ret_entry = gw_host_entry_ref(entry);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

static gboolean ask_and_enter(Addition *addition, GError **error)
{
    g_autoptr(GwNode) node = gw_host_open_node(addition->engine, addition->name, addition->uri, error);
    if (!node)
        return FALSE;
    g_autoptr(GwHostFacts) facts = gw_node_facts(node, error);
    if (!facts)
        return FALSE;
    g_autoptr(GPtrArray) instances = NULL;
    if (!gw_node_instances(node, &instances, error))
        return FALSE;
    g_autoptr(GwHostEntry) entry = NULL;
    if (!enter_host(addition, node, facts, &entry, error))
        return FALSE;
    gw_inventory_publish(addition->engine, entry, g_steal_pointer(&facts), g_steal_pointer(&instances), 0);
    gw_info("host %s added at %s", addition->name, addition->uri);
    return TRUE;
}

/* Before its password is judged: opening asks no host anything. */
static gboolean check_address(const Addition *addition, GError **error)
{
    g_autoptr(GwNode) node = gw_host_open_node(addition->engine, addition->name, addition->uri, error);
    return node != NULL;
}

/* The file is gone again: what is to be done is another thing. Owned by the caller. */
static char *without_file(const Addition *addition, const GError *failure)
{
    g_autofree char *path = gw_secrets_path(addition->engine, addition->uri);
    g_autofree char *place = g_strconcat(" in ", path, NULL);
    g_autoptr(GString) text = g_string_new(failure->message);
    if (!g_error_matches(failure, GW_ERROR, GW_ERROR_DENIED) || !path || !g_str_has_suffix(text->str, GW_PASSWORD_REMEDY))
        return g_string_free(g_steal_pointer(&text), FALSE);
    g_string_truncate(text, text->len - strlen(GW_PASSWORD_REMEDY));
    g_string_replace(text, place, " that was given", 1);
    g_string_append(text, "; it was not kept: add the host again with the right one (--ask-password)");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean add_with_password(Addition *addition, GError **error)
{
    g_autofree char *before = NULL;
    GError *failure = NULL;
    if (!check_address(addition, error) ||
        !gw_secrets_keep(addition->engine, addition->uri, addition->password, &before, error))
        return FALSE;
    if (ask_and_enter(addition, &failure))
        return TRUE;
    gw_secrets_restore(addition->engine, addition->uri, before);
    g_autofree char *text = without_file(addition, failure);
    g_set_error_literal(error, failure->domain, failure->code, text);
    g_error_free(failure);
    return FALSE;
}

static gboolean add_host(Addition *addition, GError **error)
{
    gboolean ok = addition->password ? add_with_password(addition, error) : ask_and_enter(addition, error);
    if (error && (g_error_matches(*error, GW_ERROR, GW_ERROR_UNREACHABLE) || g_error_matches(*error, GW_ERROR, GW_ERROR_DENIED)))
        gw_error_prefix(error, "host %s is not added", addition->name);
    return ok;
}

static gpointer add_thread(gpointer data)
{
    Addition *addition = data;
    g_autoptr(GError) error = NULL;
    add_host(addition, &error);
    addition->done(addition->data, error);
    gw_engine_unref(addition->engine);
    g_free(addition->name);
    g_free(addition->uri);
    if (addition->password)
        memset(addition->password, 0, strlen(addition->password));
    g_free(addition->password);
    g_free(addition);
    return NULL;
}

void gw_engine_host_add(GwEngine *engine, const char *name, const char *uri, const char *password, GwDone done, gpointer data)
{
    Addition early = {engine, (char *)name, (char *)uri, NULL, done, data};
    g_autoptr(GError) error = NULL;
    gboolean ok = check_name(name, &error);
    if (ok) {
        g_mutex_lock(&engine->lock);
        ok = check_new(engine, &early, NULL, &error);
        g_mutex_unlock(&engine->lock);
    }
    if (!ok) {
        done(data, error);
        return;
    }
    Addition *addition = g_new0(Addition, 1);
    *addition = early;
    addition->engine = gw_engine_ref(engine);
    addition->name = g_strdup(name);
    addition->uri = g_strdup(uri);
    addition->password = g_strdup(password);
    g_thread_unref(g_thread_new("host-add", add_thread, addition));
}
