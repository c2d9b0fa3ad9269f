/* Long calls run as XAPI's tasks, and failures become Godwit's causes. */
#include "drivers/xapi/internal.h"

#include <string.h>

enum {
    FIRST_POLL_MS = 50,
    LONGEST_POLL_MS = 1000,
    SILENCE_LIMIT_MS = 60000, /* for so long the pool may be silent while a task runs */
};

/* What each failure is known to have done. What is not listed has had no effect: xapi checks before it acts.
 * Sources: xapi's api_errors.ml, xapi_vm_migrate.ml. */
static const struct {
    const char *code;
    GwErrorCode cause;
} causes[] = {
    {"SESSION_AUTHENTICATION_FAILED", GW_ERROR_DENIED},
    {"SESSION_AUTHORIZATION_FAILED", GW_ERROR_DENIED},
    {"RBAC_PERMISSION_DENIED", GW_ERROR_DENIED},
    {"HANDLE_INVALID", GW_ERROR_NOT_FOUND},
    {"UUID_INVALID", GW_ERROR_NOT_FOUND},
    {"HOST_STILL_BOOTING", GW_ERROR_UNREACHABLE},
    {"HOST_IS_SLAVE", GW_ERROR_UNREACHABLE},
    {"SESSION_INVALID", GW_ERROR_UNREACHABLE},
    {"OTHER_OPERATION_IN_PROGRESS", GW_ERROR_CONFLICT},
    {"VM_BAD_POWER_STATE", GW_ERROR_CONFLICT},
    {"TASK_CANCELLED", GW_ERROR_ABORTED},
    {"TASK_VANISHED", GW_ERROR_LOST},
    {"INTERNAL_ERROR", GW_ERROR_LOST}, /* of xenopsd: the guest may be on either side, or killed */
    {"VM_MIGRATE_FAILED", GW_ERROR_LOST},
    {"VDI_COPY_FAILED", GW_ERROR_FAILED},
};

gboolean gw_xapi_fail(GError **error, GError *failure)
{
    if (failure->domain != GW_XAPI_FAULT) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    GwErrorCode cause = GW_ERROR_FAILED;
    for (guint i = 0; i < G_N_ELEMENTS(causes); i++)
        if (gw_xapi_is_fault(failure, causes[i].code))
            cause = causes[i].cause;
    g_set_error(error, GW_ERROR, cause, "XenServer: %s", failure->message);
    g_error_free(failure);
    return FALSE;
}

gboolean gw_xapi_do(GwXapiPool *pool, const char *method, json_t *params, GError **error)
{
    g_autoptr(json_t) result = gw_xapi_call(pool, method, params, 0, error);
    return result != NULL;
}

char *gw_xapi_ask(GwXapiPool *pool, const char *method, json_t *params, GError **error)
{
    g_autoptr(json_t) result = gw_xapi_call(pool, method, params, 0, error);
    if (result && !json_is_string(result))
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "%s: no text was answered", method);
    return json_is_string(result) ? g_strdup(json_string_value(result)) : NULL;
}

/* FALSE with an error: it ended badly. *ret_ended: it ended. */
static gboolean read_task(const json_t *task, gboolean *ret_ended, char **ret_result, GError **error)
{
    const char *status = gw_xapi_text(task, "status");
    *ret_ended = strcmp(status, "pending") != 0 && strcmp(status, "cancelling") != 0;
    if (!*ret_ended)
        return TRUE;
    if (strcmp(status, "success") == 0) {
        if (ret_result)
            *ret_result = gw_xapi_task_result(gw_xapi_text(task, "result"));
        return TRUE;
    }
    g_autoptr(json_t) params = json_copy(gw_xapi_list(task, "error_info"));
    g_autofree char *code = g_strdup(json_string_value(json_array_get(params, 0)));
    json_array_remove(params, 0);
    gw_xapi_fault_set(error, code ? code : strcmp(status, "cancelled") == 0 ? "TASK_CANCELLED" : "TASK_VANISHED", params);
    return FALSE;
}

/* TRUE: ask again later. A task that is gone ended nobody knows how. */
static gboolean is_silence(GError **failure, gint64 *silent_since)
{
    if (gw_xapi_is_fault(*failure, "HANDLE_INVALID")) {
        g_clear_error(failure);
        gw_xapi_fault_set(failure, "TASK_VANISHED", NULL);
        return FALSE;
    }
    gint64 now = g_get_monotonic_time();
    *silent_since = *silent_since ? *silent_since : now;
    if (now - *silent_since < (gint64)SILENCE_LIMIT_MS * 1000) {
        g_clear_error(failure);
        return TRUE;
    }
    g_autoptr(GError) old = g_steal_pointer(failure);
    g_set_error(failure, GW_ERROR, GW_ERROR_LOST, "the pool fell silent during the task: %s", old->message);
    return FALSE;
}

static void cancel_task(GwXapiPool *pool, const char *task, gboolean *asked)
{
    g_autoptr(GError) ignored = NULL; /* too late to cancel: the end tells */
    *asked = gw_xapi_do(pool, "task.cancel", json_pack("[s]", task), &ignored) || ignored->domain == GW_XAPI_FAULT;
}

static gboolean is_stopped(const GwXapiStop *stop)
{
    return g_atomic_int_get(&stop->stopped) || (stop->deadline_us && g_get_monotonic_time() > stop->deadline_us);
}

static gboolean wait_task(GwXapiPool *pool, const char *task, const GwXapiStop *stop, char **ret_result, GError **error)
{
    gboolean ended = FALSE, asked = FALSE;
    gint64 silent_since = 0;
    guint poll_ms = FIRST_POLL_MS;
    while (!ended) {
        GError *failure = NULL;
        if (stop && !asked && is_stopped(stop))
            cancel_task(pool, task, &asked);
        g_autoptr(json_t) record = gw_xapi_call(pool, "task.get_record", json_pack("[s]", task), 0, &failure);
        silent_since = record ? 0 : silent_since;
        if (!record && gw_xapi_pool_is_stopping(pool)) {
            g_clear_error(&failure);
            g_set_error(error, GW_ERROR, GW_ERROR_LOST, "Godwit stopped while the task ran");
            return FALSE;
        }
        if (record ? !read_task(record, &ended, ret_result, &failure) : !is_silence(&failure, &silent_since)) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        if (ended)
            break;
        g_usleep(poll_ms * 1000);
        poll_ms = MIN(poll_ms * 3 / 2, stop ? 250 : LONGEST_POLL_MS);
    }
    return TRUE;
}

gboolean gw_xapi_run(GwXapiPool *pool, const char *method, json_t *params, const GwXapiStop *stop, char **ret_result, GError **error)
{
    g_autofree char *name = g_strconcat("Async.", method, NULL);
    GError *failure = NULL;
    g_autofree char *task = gw_xapi_ask(pool, name, params, &failure);
    gboolean ok = task && wait_task(pool, task, stop, ret_result, &failure);
    if (task) {
        g_autoptr(GError) ignored = NULL; /* the server forgets it by itself in an hour */
        gw_xapi_do(pool, "task.destroy", json_pack("[s]", task), &ignored);
    }
    if (failure && failure->domain == GW_XAPI_FAULT && stop && g_atomic_int_get(&stop->stopped) && strstr(failure->message, "ancelled"))
        gw_error_prefix(&failure, "TASK_CANCELLED"); /* some paths end so when they are cancelled */
    if (!ok)
        g_propagate_error(error, failure);
    return ok;
}
