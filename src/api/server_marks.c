/* Actions that no host hears of: a lock, and an administrator's word on the shown state (nova/api/openstack/compute: lock_server.py,
 * admin_actions.py). */
#include "api/body.h"
#include "api/server_actions.h"

#include "base/error.h"

#include <string.h>

/* Recorded as in Nova, as an action without an event: it is done at once. */
static void put_mark(GwRequest *request, const GwMoveRequest *move, const char *action, GwCardChange change, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    if (gw_engine_card_change(request->engine, move->instance_uuid, change, (gpointer)data, &error) &&
        gw_engine_note_action(request->engine, move, action, &error))
        gw_reply_empty(request, 202);
    else
        gw_reply_error(request, error);
}

/* ---- lock */

typedef struct {
    const char *user, *reason;
} Lock;

static gboolean lock(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    const Lock *wanted = data;
    g_free(card->locked_by);
    g_free(card->locked_reason);
    card->locked = TRUE;
    card->locked_by = g_strdup(wanted->user);
    card->locked_reason = g_strdup(wanted->reason);
    return TRUE;
}

static gboolean unlock(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    card->locked = FALSE;
    g_clear_pointer(&card->locked_by, g_free);
    g_clear_pointer(&card->locked_reason, g_free);
    return TRUE;
}

static const GwBodyRule lock_rules[] = {
    {"locked_reason", GW_BODY_TEXT_255, GW_BODY_OPTIONAL, 73},
};

/* Until 2.72 the value means nothing. */
void gw_server_lock(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    gboolean told = request->minor >= 73 && !json_is_null(body);
    if (told && !GW_BODY_CHECK(request, "lock", body, lock_rules))
        return;
    Lock wanted = {move->user_id, told ? gw_body_text(body, "locked_reason") : NULL};
    put_mark(request, move, "lock", lock, &wanted);
}

void gw_server_unlock(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    put_mark(request, move, "unlock", unlock, NULL);
}

/* ---- the shown state */

static gboolean set_error(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    card->in_error = TRUE;
    card->in_error_us = g_get_real_time();
    return TRUE;
}

static gboolean clear_error(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    card->in_error = FALSE;
    return TRUE;
}

static const GwBodyRule reset_rules[] = {
    {"state", GW_BODY_TEXT, GW_BODY_REQUIRED},
};

/* "active" takes an error back: then the state is again what the host says, as it is in all other cases. A move under way stays. */
void gw_server_reset_state(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    if (!GW_BODY_CHECK(request, "os-resetState", body, reset_rules))
        return;
    const char *state = gw_body_text(body, "state");
    gboolean error = strcmp(state, "error") == 0;
    if (error || strcmp(state, "active") == 0)
        put_mark(request, move, "reset-state", error ? set_error : clear_error, NULL);
    else
        gw_reply_fault(request, 400, "Invalid input for field/attribute state. Value: %s. '%s' is not one of ['active', 'error']", state, state);
}
