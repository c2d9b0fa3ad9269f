#include "engine/hooks.h"

#include "base/error.h"
#include "base/http.h"
#include "base/json.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    POLL_US = 50000,
    GRACE_S = 5,      /* between asking a hook that takes too long to end, and making it */
    LATER_EXIT = 75,  /* EX_TEMPFAIL of sysexits.h */
    LATER_STATUS = 202,
    LINE_LENGTH = 200,
};

struct GwHooks {
    char *folder;
    guint timeout_s;
    GMutex lock;
    GCond idle;
    guint threads;       /* [lock] */
    gint stopping;       /* atomic; also what requests under way look at */
    GHashTable *calls;   /* [lock] key → Call * */
};

typedef struct {
    GwHooks *hooks;
    char *key, *hook, *phase, *host;
    gint64 rolling_id, drain_id;
    GwHookState state; /* [lock], as is the message */
    char *message;
} Call;

static void call_free(gpointer data)
{
    Call *call = data;
    g_free(call->key);
    g_free(call->hook);
    g_free(call->phase);
    g_free(call->host);
    g_free(call->message);
    g_free(call);
}

GwHooks *gw_hooks_new(const char *folder, guint timeout_s)
{
    GwHooks *hooks = g_new0(GwHooks, 1);
    g_mutex_init(&hooks->lock);
    g_cond_init(&hooks->idle);
    hooks->folder = g_strdup(folder ? folder : "");
    hooks->timeout_s = MAX(1, timeout_s);
    hooks->calls = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, call_free);
    return hooks;
}

void gw_hooks_stop(GwHooks *hooks)
{
    g_atomic_int_set(&hooks->stopping, 1);
    g_mutex_lock(&hooks->lock);
    while (hooks->threads)
        g_cond_wait(&hooks->idle, &hooks->lock);
    g_mutex_unlock(&hooks->lock);
}

void gw_hooks_free(GwHooks *hooks)
{
    gw_hooks_stop(hooks);
    g_hash_table_unref(hooks->calls);
    g_mutex_clear(&hooks->lock);
    g_cond_clear(&hooks->idle);
    g_free(hooks->folder);
    g_free(hooks);
}

/* ---- which there are */

static gboolean is_url(const char *hook)
{
    return g_str_has_prefix(hook, "http://") || g_str_has_prefix(hook, "https://");
}

static gboolean check_url(const char *hook, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (g_uri_is_valid(hook, G_URI_FLAGS_NONE, &why))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hook: '%s' is no URL: %s", hook, why->message);
    return FALSE;
}

gboolean gw_hooks_check(const GwHooks *hooks, const char *hook, GError **error)
{
    g_autofree char *path = g_build_filename(*hooks->folder ? hooks->folder : "/", hook, NULL);
    struct stat info;
    if (is_url(hook))
        return check_url(hook, error);
    if (!*hooks->folder || !*hook || *hook == '.' || strchr(hook, '/'))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hook: '%s' is neither a URL (http://, https://) nor the name of a file in hook_dir (%s)",
                    hook, *hooks->folder ? hooks->folder : "not set");
    else if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || access(path, X_OK) != 0)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hook: %s is no file that Godwit may execute: put it there, and chmod 0755 it", path);
    else if ((info.st_uid != 0 && info.st_uid != geteuid()) || info.st_mode & (S_IWGRP | S_IWOTH))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "hook: %s can be changed by others than its owner, or its owner is neither root nor Godwit's user: chown and chmod 0755 it",
                    path);
    else
        return TRUE;
    return FALSE;
}

/* ---- a file */

static void lead_group(gpointer data)
{
    setsid();
}

static char **environment_of(const Call *call)
{
    g_autofree char *rolling = g_strdup_printf("%" G_GINT64_FORMAT, call->rolling_id);
    g_autofree char *drain = g_strdup_printf("%" G_GINT64_FORMAT, call->drain_id);
    char **list = g_get_environ();
    list = g_environ_setenv(list, "GODWIT_PHASE", call->phase, TRUE);
    list = g_environ_setenv(list, "GODWIT_HOST", call->host, TRUE);
    list = g_environ_setenv(list, "GODWIT_ROLLING", rolling, TRUE);
    return g_environ_setenv(list, "GODWIT_DRAIN", drain, TRUE);
}

/* The last line that it said. */
static char *last_line(int output)
{
    char buffer[4096] = {0};
    off_t size = lseek(output, 0, SEEK_END);
    off_t from = size > (off_t)sizeof buffer - 1 ? size - (off_t)sizeof buffer + 1 : 0;
    ssize_t got = pread(output, buffer, sizeof buffer - 1, from);
    g_autofree char *text = g_utf8_make_valid(buffer, MAX(got, 0));
    const char *line = strrchr(g_strchomp(text), '\n');
    return g_utf8_substring(line ? line + 1 : text, 0, MIN(LINE_LENGTH, g_utf8_strlen(line ? line + 1 : text, -1)));
}

/* TRUE: it has ended, with *ret_status. FALSE: it takes too long and was ended, or the daemon stops and leaves it alone. */
static gboolean await(const Call *call, pid_t child, int *ret_status)
{
    gint64 due_us = g_get_monotonic_time() + (gint64)call->hooks->timeout_s * G_USEC_PER_SEC;
    gboolean asked = FALSE;
    while (waitpid(child, ret_status, WNOHANG) == 0) {
        if (g_atomic_int_get(&call->hooks->stopping))
            return FALSE;
        if (g_get_monotonic_time() > due_us) {
            kill(-child, asked ? SIGKILL : SIGTERM);
            due_us = g_get_monotonic_time() + (gint64)GRACE_S * G_USEC_PER_SEC;
            asked = TRUE;
        }
        g_usleep(POLL_US);
    }
    return !asked;
}

static GwHookState judge_exit(const Call *call, int status, int output, char **ret_message)
{
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == LATER_EXIT))
        return WEXITSTATUS(status) == 0 ? GW_HOOK_DONE : GW_HOOK_LATER;
    g_autofree char *line = last_line(output);
    *ret_message = g_strdup_printf("the hook %s %s %s ended with %s %d%s%s", call->hook, call->phase, call->host,
                                   WIFEXITED(status) ? "status" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                                   *line ? ": " : "", line);
    return GW_HOOK_BROKEN;
}

static GwHookState run_file(Call *call, char **ret_message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(call->hooks->folder, call->hook, NULL);
    g_auto(GStrv) environment = environment_of(call);
    const char *const words[] = {path, call->phase, call->host, NULL};
    int status = 0, output = memfd_create("hook", MFD_CLOEXEC);
    GPid child;
    if (!gw_hooks_check(call->hooks, call->hook, &error) || /* it may have changed since it was named */
        !g_spawn_async_with_pipes_and_fds("/", words, (const char *const *)environment, G_SPAWN_DO_NOT_REAP_CHILD, lead_group, NULL, -1, output,
                                          output, NULL, NULL, 0, &child, NULL, NULL, NULL, &error)) {
        *ret_message = g_strdup(error->message);
        close(output);
        return GW_HOOK_BROKEN;
    }
    gboolean ended = await(call, child, &status);
    GwHookState state = ended ? judge_exit(call, status, output, ret_message) : GW_HOOK_BROKEN;
    if (!ended)
        *ret_message = g_strdup_printf("the hook %s %s %s did not end within %u s (hook_timeout)", call->hook, call->phase, call->host,
                                       call->hooks->timeout_s);
    close(output);
    return state;
}

/* ---- a URL */

static GwHookState call_url(Call *call, char **ret_message)
{
    g_autoptr(json_t) body = json_pack("{s:s,s:s,s:I,s:I}", "phase", call->phase, "host", call->host, "rolling", (json_int_t)call->rolling_id,
                                       "drain", (json_int_t)call->drain_id);
    g_autofree char *text = json_dumps(body, JSON_COMPACT);
    const char *const headers[] = {"Content-Type: application/json", NULL};
    GwHttpSettings settings = {.base_url = call->hook, .timeout_ms = call->hooks->timeout_s * 1000, .cancel = &call->hooks->stopping};
    g_autoptr(GwHttp) http = gw_http_new(&settings);
    GwHttpRequest request = {.method = "POST", .path = "", .headers = headers, .body = text, .body_size = strlen(text)};
    g_autoptr(GwHttpResponse) response = NULL;
    g_autoptr(GError) error = NULL;
    if (!gw_http_send(http, &request, &response, &error))
        *ret_message = g_strdup_printf("the hook %s (%s %s): %s", gw_http_address(http), call->phase, call->host, error->message);
    else if (response->status == LATER_STATUS)
        return GW_HOOK_LATER;
    else if (response->status / 100 == 2)
        return GW_HOOK_DONE;
    else
        *ret_message = g_strdup_printf("the hook %s (%s %s) answered %u", gw_http_address(http), call->phase, call->host, response->status);
    return GW_HOOK_BROKEN;
}

/* ---- calling */

static gpointer call_thread(gpointer data)
{
    Call *call = data;
    GwHooks *hooks = call->hooks;
    char *message = NULL;
    GwHookState state = is_url(call->hook) ? call_url(call, &message) : run_file(call, &message);
    g_mutex_lock(&hooks->lock);
    call->state = state;
    call->message = message;
    hooks->threads--;
    g_cond_signal(&hooks->idle);
    g_mutex_unlock(&hooks->lock);
    return NULL;
}

/* [lock] */
static void begin(GwHooks *hooks, const GwHookCall *what, char *key /* taken */)
{
    Call *call = g_new0(Call, 1);
    *call = (Call){.hooks = hooks, .key = key, .hook = g_strdup(what->hook), .phase = g_strdup(what->phase), .host = g_strdup(what->host),
                   .rolling_id = what->rolling_id, .drain_id = what->drain_id, .state = GW_HOOK_RUNNING};
    g_hash_table_insert(hooks->calls, call->key, call);
    hooks->threads++;
    g_thread_unref(g_thread_new("hook", call_thread, call));
}

GwHookState gw_hooks_call(GwHooks *hooks, const GwHookCall *what, char **ret_message)
{
    g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT " %s %s", what->rolling_id, what->phase, what->host);
    GwHookState state = GW_HOOK_RUNNING;
    *ret_message = NULL;
    g_mutex_lock(&hooks->lock);
    Call *call = g_hash_table_lookup(hooks->calls, key);
    gboolean stopping = g_atomic_int_get(&hooks->stopping);
    if (!call && !stopping) {
        begin(hooks, what, g_steal_pointer(&key));
    } else if (call && call->state != GW_HOOK_RUNNING && !stopping) {
        state = call->state;
        *ret_message = g_steal_pointer(&call->message);
        g_hash_table_remove(hooks->calls, key);
    }
    g_mutex_unlock(&hooks->lock);
    return state;
}
