/* GET /godwit/v1/events: what happens to migrations, as it happens. */
#include "api/events.h"
#include "api/handlers.h"
#include "api/migration_view.h"

void gw_own_events_listen(GwRequest *request)
{
    GwEvents *events = request->shared->events;
    request->listener = events ? gw_events_enter(events, request->headers[GW_HEADER_LAST_EVENT_ID]) : NULL;
    if (!request->listener) {
        gw_reply_fault(request, 503, "There are %d listeners already, or Godwit is stopping: ask again later, or read "
                       "/godwit/v1/migrations.", GW_EVENTS_LISTENERS);
        return;
    }
    request->status = 200;
    request->content_type = "text/event-stream";
    gw_reply_header(request, "Cache-Control", "no-store");
}

static char *text_of(gconstpointer row)
{
    GwRequest nobody = {.minor = GW_API_MAX_MINOR};
    json_t *json = gw_own_migration_row(&nobody, row);
    char *dumped = json_dumps(json, JSON_COMPACT), *text = g_strdup(dumped);
    json_decref(json);
    free(dumped);
    return text;
}

void gw_own_events_heard(gpointer data, const GwMigration *row)
{
    gw_events_publish(data, "migration", gw_migration_copy(row), text_of, (GDestroyNotify)gw_migration_free);
}
