/* The hosts of a drain: taken out of use when it begins, named for what became of it when it ends, and given back as they were. */
#include "engine/drain.h"

#include "core/drain_reason.h"

static gboolean describe(GwEngine *engine, const char *name, gint64 id, GwDrained how, GError **error)
{
    g_autoptr(GwHostView) view = gw_engine_host(engine, name);
    if (!view)
        return TRUE; /* removed meanwhile */
    g_autofree char *reason =
        gw_drain_reason(id, how, view->row->enabled ? GW_BEFORE_ENABLED : GW_BEFORE_DISABLED, view->row->disabled_reason);
    if (!view->row->enabled && g_strcmp0(reason, view->row->disabled_reason) == 0)
        return TRUE;
    GwHostEdit edit = {.enabled = GW_SWITCH_OFF, .disabled_reason = reason};
    return gw_engine_host_edit(engine, name, &edit, error);
}

gboolean gw_drain_close_hosts(GwEngine *engine, const GwDrain *drain, GError **error)
{
    g_auto(GStrv) names = g_strsplit(drain->hosts ? drain->hosts : "", " ", -1);
    for (char **name = names; drain->kind == GW_DRAIN_EMPTY && *name; name++)
        if (!describe(engine, *name, drain->id, GW_DRAINED, error))
            return FALSE;
    return TRUE;
}

void gw_drain_mark_hosts(GwEngine *engine, const GwDrain *drain)
{
    g_auto(GStrv) names = g_strsplit(drain->hosts ? drain->hosts : "", " ", -1);
    GwDrained how = drain->state == GW_DRAIN_CANCELLED ? GW_DRAINED_NO_FURTHER : GW_DRAINED_IN_PART;
    gboolean in_part = drain->state == GW_DRAIN_CANCELLED || drain->state == GW_DRAIN_INCOMPLETE;
    for (char **name = names; in_part && drain->kind == GW_DRAIN_EMPTY && *name; name++) {
        g_autoptr(GwHostView) view = gw_engine_host(engine, *name);
        g_autoptr(GError) error = NULL;
        if (view && !view->row->enabled && gw_drain_reason_is_of(view->row->disabled_reason, drain->id) &&
            !describe(engine, *name, drain->id, how, &error))
            gw_warning("drain %" G_GINT64_FORMAT ": %s still says that it is drained: %s", drain->id, *name, error->message);
    }
}

gboolean gw_drain_open_host(GwEngine *engine, const char *name, const char *only_reason, GError **error)
{
    g_autoptr(GwHostView) view = gw_engine_host(engine, name);
    g_autofree char *reason = NULL;
    gboolean stays = view && !view->row->enabled && gw_drain_reason_before(view->row->disabled_reason, &reason) == GW_BEFORE_DISABLED;
    GwHostEdit edit = {.enabled = stays ? GW_SWITCH_OFF : GW_SWITCH_ON, .disabled_reason = reason, .only_reason = stays ? NULL : only_reason};
    return gw_engine_host_edit(engine, name, &edit, error);
}

/* A host is forced down when it is dead. One that nobody speaks for may be well, and its instances run. */
static void refuse_silent(GwEngine *engine, const GwHostView *view, GError **error)
{
    const char *name = view->row->name, *reason = view->down_reason ? view->down_reason : "why is not known";
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, name);
    g_autofree char *master = entry ? gw_node_silent_master(entry->node) : NULL;
    if (master)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Host %s may be well, and yet nothing can be moved away from it: %s, the master of its pool, does not answer. %s", name,
                    master, reason);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Host %s does not answer: %s: nothing can be moved away from it. See godwit doctor %s; when it is dead for certain, "
                    "godwit service-force-down %s and godwit host-evacuate %s", name, reason, name, name, name);
}

gboolean gw_drain_check_answers(GwEngine *engine, const char *name, GError **error)
{
    g_autoptr(GwHostView) view = gw_engine_host(engine, name);
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", name);
    else if (view->row->forced_down)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Host %s is forced down: nothing can be moved away from it. Evacuate its servers (godwit host-evacuate %s), or, if it "
                    "is well, godwit service-force-down --unset %s", name, name, name);
    else if (!view->up)
        refuse_silent(engine, view, error);
    else
        return TRUE;
    return FALSE;
}
