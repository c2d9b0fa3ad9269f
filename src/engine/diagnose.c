/* Questions to a host about one instance that somebody waits for. */
#include "engine/internal.h"

typedef struct {
    GwHostEntry *entry; /* reference */
    char uuid[GW_UUID_SIZE];
    GwDiagnosed done;
    gpointer data;
} Question;

static void question_free(Question *question)
{
    gw_host_entry_unref(question->entry);
    g_free(question);
}

void gw_diagnose_work(gpointer data, gpointer engine)
{
    Question *question = data;
    g_autoptr(GError) error = NULL;
    GwDiagnostics *found = gw_node_diagnostics(question->entry->node, question->uuid, &error);
    question->done(question->data, found, error);
    question_free(question);
}

/* Nova's sentence: nothing counts for an instance that does not run. */
static gboolean check(const GwInstanceView *view, GError **error)
{
    GwPower power = view->instance->power;
    if (power != GW_POWER_RUNNING && power != GW_POWER_PAUSED)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot 'get_diagnostics' instance %s while it is in power_state %s",
                    view->instance->uuid, gw_power_name(power));
    else if (!view->host_up || view->host_forced_down)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Service is unavailable at this time. Host %s does not answer.", view->host);
    else
        return TRUE;
    return FALSE;
}

gboolean gw_engine_diagnose(GwEngine *engine, const char *uuid, GwDiagnosed done, gpointer data, GError **error)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, uuid);
    if (!view) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", uuid);
        return FALSE;
    }
    g_autoptr(GwHostEntry) entry = check(view, error) ? gw_engine_find_host(engine, view->host) : NULL;
    if (!entry) {
        if (error && !*error)
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Host %s is there no more.", view->host);
        return FALSE;
    }
    Question *question = g_new0(Question, 1);
    *question = (Question){.entry = g_steal_pointer(&entry), .done = done, .data = data};
    g_strlcpy(question->uuid, uuid, sizeof question->uuid);
    g_thread_pool_push(engine->questions, question, NULL);
    return TRUE;
}
