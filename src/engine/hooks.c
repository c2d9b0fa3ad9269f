#include "engine/hooks.h"

#include "base/error.h"
#include "base/http.h"
#include "base/json.h"

#include <string.h>

enum { LATER_STATUS = 202 };

struct GwHooks {
    char *folder, *state_folder;
    guint timeout_s;
    GMutex lock;
    GCond idle;
    guint threads; /* [lock] */
    gboolean stopping; /* [lock] */
    GHashTable *calls; /* [lock] key → Call *, references */
};

typedef struct {
    GwHooks *hooks;
    char *key, *hook, *phase, *host;
    gint64 rolling_id, drain_id;
    gint wish; /* atomic, a GwHookWish */
    GwHookState state; /* [lock], as is the message */
    char *message;
} Call;

static void call_clear(gpointer data)
{
    Call *call = data;
    g_free(call->key);
    g_free(call->hook);
    g_free(call->phase);
    g_free(call->host);
    g_free(call->message);
}

static void call_unref(gpointer call)
{
    g_atomic_rc_box_release_full(call, call_clear);
}

GwHooks *gw_hooks_new(const char *folder, const char *state_path, guint timeout_s)
{
    GwHooks *hooks = g_new0(GwHooks, 1);
    g_mutex_init(&hooks->lock);
    g_cond_init(&hooks->idle);
    hooks->folder = g_strdup(folder ? folder : "");
    hooks->state_folder = g_build_filename(state_path ? state_path : g_get_tmp_dir(), "hook-calls", NULL);
    hooks->timeout_s = MAX(1, timeout_s);
    hooks->calls = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, call_unref);
    gw_hook_files_sweep(hooks->state_folder);
    return hooks;
}

/* [lock] */
static void tell_all(GwHooks *hooks, GwHookWish wish)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, hooks->calls);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_atomic_int_set(&((Call *)value)->wish, (gint)wish);
}

void gw_hooks_stop(GwHooks *hooks, GwHookWish wish)
{
    g_mutex_lock(&hooks->lock);
    hooks->stopping = TRUE;
    tell_all(hooks, wish);
    while (hooks->threads)
        g_cond_wait(&hooks->idle, &hooks->lock);
    g_mutex_unlock(&hooks->lock);
}

void gw_hooks_drop(GwHooks *hooks)
{
    g_mutex_lock(&hooks->lock);
    if (!hooks->stopping) {
        tell_all(hooks, GW_HOOK_END);
        g_hash_table_remove_all(hooks->calls);
    }
    g_mutex_unlock(&hooks->lock);
}

void gw_hooks_free(GwHooks *hooks)
{
    gw_hooks_stop(hooks, GW_HOOK_LEAVE);
    g_hash_table_unref(hooks->calls);
    g_mutex_clear(&hooks->lock);
    g_cond_clear(&hooks->idle);
    g_free(hooks->folder);
    g_free(hooks->state_folder);
    g_free(hooks);
}

/* ---- which there are */

static gboolean is_url(const char *hook)
{
    return g_str_has_prefix(hook, "http://") || g_str_has_prefix(hook, "https://");
}

gboolean gw_hooks_check(const GwHooks *hooks, const char *hook, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (!is_url(hook))
        return gw_hook_file_check(hooks->folder, hook, error);
    if (g_uri_is_valid(hook, G_URI_FLAGS_NONE, &why))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hook: '%s' is no URL: %s", hook, why->message);
    return FALSE;
}

/* ---- a URL */

static GwHookState call_url(Call *call, char **ret_message)
{
    g_autoptr(json_t) body = json_pack("{s:s,s:s,s:I,s:I}", "phase", call->phase, "host", call->host, "rolling",
                                       (json_int_t)call->rolling_id, "drain", (json_int_t)call->drain_id);
    g_autofree char *text = json_dumps(body, JSON_COMPACT);
    const char *const headers[] = {"Content-Type: application/json", NULL};
    GwHttpSettings settings = {
        .base_url = call->hook, .timeout_ms = call->hooks->timeout_s * 1000, .cancel = &call->wish};
    g_autoptr(GwHttp) http = gw_http_new(&settings);
    GwHttpRequest request = {.method = "POST", .path = "", .headers = headers, .body = text, .body_size = strlen(text)};
    g_autoptr(GwHttpResponse) response = NULL;
    g_autoptr(GError) error = NULL;
    if (!gw_http_send(http, &request, &response, &error))
        *ret_message =
            g_strdup_printf("the hook %s (%s %s): %s", gw_http_address(http), call->phase, call->host, error->message);
    else if (response->status == LATER_STATUS)
        return GW_HOOK_LATER;
    else if (response->status / 100 == 2)
        return GW_HOOK_DONE;
    else
        *ret_message = g_strdup_printf("the hook %s (%s %s) answered %u", gw_http_address(http), call->phase,
                                       call->host, response->status);
    return GW_HOOK_BROKEN;
}

static GwHookState call_file(Call *call, char **ret_message)
{
    GwHookFile file = {.folder = call->hooks->folder,
                       .state_folder = call->hooks->state_folder,
                       .timeout_s = call->hooks->timeout_s,
                       .hook = call->hook,
                       .phase = call->phase,
                       .host = call->host,
                       .rolling_id = call->rolling_id,
                       .drain_id = call->drain_id,
                       .wish = &call->wish};
    g_mkdir_with_parents(call->hooks->state_folder, 0700); /* that it failed is told by what is to be made in there */
    return gw_hook_file_run(&file, ret_message);
}

/* ---- calling */

static gpointer call_thread(gpointer data)
{
    Call *call = data;
    GwHooks *hooks = call->hooks;
    char *message = NULL;
    GwHookState state = is_url(call->hook) ? call_url(call, &message) : call_file(call, &message);
    g_mutex_lock(&hooks->lock);
    call->state = state;
    call->message = message;
    call_unref(call);
    hooks->threads--;
    g_cond_signal(&hooks->idle);
    g_mutex_unlock(&hooks->lock);
    return NULL;
}

static char *key_of(const GwHookCall *what)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " %s %s", what->rolling_id, what->phase, what->host);
}

/* [lock] */
static void begin(GwHooks *hooks, const GwHookCall *what, char *key /* taken */)
{
    Call *call = g_atomic_rc_box_new0(Call);
    *call = (Call){.hooks = hooks,
                   .key = key,
                   .hook = g_strdup(what->hook),
                   .phase = g_strdup(what->phase),
                   .host = g_strdup(what->host),
                   .rolling_id = what->rolling_id,
                   .drain_id = what->drain_id,
                   .state = GW_HOOK_RUNNING};
    g_hash_table_insert(hooks->calls, call->key, call);
    hooks->threads++;
    g_thread_unref(g_thread_new("hook", call_thread, g_atomic_rc_box_acquire(call)));
}

/* While it stops nothing is told: a call that is broken off has not failed. */
GwHookState gw_hooks_call(GwHooks *hooks, const GwHookCall *what, char **ret_message)
{
    g_autofree char *key = key_of(what);
    GwHookState state = GW_HOOK_RUNNING;
    *ret_message = NULL;
    g_mutex_lock(&hooks->lock);
    const Call *call = g_hash_table_lookup(hooks->calls, key);
    if (!call && !hooks->stopping) {
        begin(hooks, what, g_steal_pointer(&key));
    } else if (call && !hooks->stopping) {
        state = call->state;
        *ret_message = g_strdup(call->message);
    }
    g_mutex_unlock(&hooks->lock);
    return state;
}

void gw_hooks_forget(GwHooks *hooks, const GwHookCall *what)
{
    g_autofree char *key = key_of(what);
    g_mutex_lock(&hooks->lock);
    g_hash_table_remove(hooks->calls, key);
    g_mutex_unlock(&hooks->lock);
}
