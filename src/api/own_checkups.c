/* Checkups: whether hosts are ready to exchange instances. One is begun, and then read until it has ended. */
#include "api/body.h"
#include "api/findings.h"
#include "api/handlers.h"
#include "api/view.h"

#include <string.h>

/* ---- hosts */

static json_t *states_json(const GwCheckState *states, guint count, const char *(*name_of)(guint))
{
    json_t *out = json_object();
    for (guint i = 0; i < count; i++)
        json_object_set_new(out, name_of(i), json_string(gw_check_state_name(states[i])));
    return out;
}

static json_t *version_json(guint64 version)
{
    if (!version)
        return json_null();
    return json_sprintf("%u.%u.%u", (guint)(version / 1000000), (guint)(version / 1000 % 1000), (guint)(version % 1000));
}

static json_t *fact_json(GwFact fact)
{
    return fact == GW_FACT_UNKNOWN ? json_null() : json_boolean(fact == GW_FACT_YES);
}

static json_t *folder_json(const GwFolderAudit *folder)
{
    json_t *out = json_object();
    json_object_set_new(out, "path", gw_json_text(folder->path));
    json_object_set_new(out, "there", fact_json(folder->there));
    json_object_set_new(out, "writable", fact_json(folder->writable));
    json_object_set_new(out, "mode", folder->mode < 0 ? json_null() : json_sprintf("%04o", (guint)folder->mode));
    json_object_set_new(out, "owner", folder->owner < 0 ? json_null() : json_integer(folder->owner));
    json_object_set_new(out, "group", folder->group < 0 ? json_null() : json_integer(folder->group));
    json_object_set_new(out, "available_bytes", gw_json_count(folder->available_bytes));
    return out;
}

static json_t *audit_json(const GwHostAudit *audit)
{
    if (!audit)
        return json_null();
    json_t *out = json_object();
    json_object_set_new(out, "hostname", gw_json_text(audit->facts->hostname));
    json_object_set_new(out, "hypervisor_version", version_json(audit->facts->hypervisor_version));
    json_object_set_new(out, "library_version", version_json(audit->facts->library_version));
    json_object_set_new(out, "qemu_user", gw_json_text(audit->facts->qemu_user));
    json_object_set_new(out, "transport", gw_json_text(audit->transport));
    json_object_set_new(out, "secure", fact_json(audit->secure));
    json_object_set_new(out, "kvm", fact_json(audit->kvm));
    json_object_set_new(out, "clock_ahead_ms",
                        audit->clock_ahead_ms == G_MININT64 ? json_null() : json_integer(audit->clock_ahead_ms));
    json_object_set_new(out, "folder", folder_json(&audit->folder));
    return out;
}

static json_t *host_json(const GwHostCheckup *host)
{
    json_t *out = json_object();
    json_object_set_new(out, "host", gw_json_text(host->name));
    json_object_set_new(out, "asked_at", gw_json_time_micro(host->asked_us));
    json_object_set_new(out, "failure", gw_json_text(host->failure));
    json_object_set_new(out, "checks", states_json(host->states, GW_HOST_CHECK_COUNT, gw_host_check_name));
    json_object_set_new(out, "facts", audit_json(host->audit));
    json_object_set_new(out, "findings", gw_json_findings(host->findings));
    return out;
}

/* ---- pairs */

static json_t *probe_json(const GwPairAudit *audit)
{
    static const char *const steps[] = {[GW_PROBE_NONE] = "none", [GW_PROBE_CREATE] = "create", [GW_PROBE_MIGRATE] = "migrate",
                                        [GW_PROBE_DONE] = "done"};
    if (!audit)
        return json_null();
    json_t *out = json_object();
    json_object_set_new(out, "step", json_string(steps[audit->step]));
    json_object_set_new(out, "error", gw_json_text(audit->error));
    json_object_set_new(out, "took_ms", json_integer(audit->took_ms));
    json_object_set_new(out, "disk", fact_json(audit->disk));
    json_object_set_new(out, "shared", fact_json(audit->shared));
    json_object_set_new(out, "link_bps", json_integer((json_int_t)audit->link.bps));
    json_object_set_new(out, "link_at_least", json_boolean(audit->link.at_least));
    json_object_set_new(out, "link_problem", gw_json_text(audit->link_problem));
    return out;
}

static json_t *pair_json(const GwPairCheckup *pair)
{
    json_t *out = json_object();
    json_object_set_new(out, "source", gw_json_text(pair->source->name));
    json_object_set_new(out, "dest", gw_json_text(pair->dest->name));
    json_object_set_new(out, "checks", states_json(pair->states, GW_PAIR_CHECK_COUNT, gw_pair_check_name));
    json_object_set_new(out, "probe", probe_json(pair->audit));
    json_object_set_new(out, "findings", gw_json_findings(pair->findings));
    return out;
}

static void render(gpointer data, const GwCheckup *checkup)
{
    json_t *out = json_object(), *hosts = json_array(), *pairs = json_array();
    gboolean ended = checkup->ended_us != 0;
    for (guint i = 0; ended && i < checkup->hosts->len; i++)
        json_array_append_new(hosts, host_json(checkup->hosts->pdata[i]));
    for (guint i = 0; ended && i < checkup->pairs->len; i++)
        json_array_append_new(pairs, pair_json(checkup->pairs->pdata[i]));
    json_object_set_new(out, "id", json_integer(checkup->id));
    json_object_set_new(out, "status", json_string(ended ? "done" : "running"));
    json_object_set_new(out, "probe", json_boolean(checkup->depth == GW_CHECKUP_PROBE));
    json_object_set_new(out, "steps", json_integer(checkup->total));
    json_object_set_new(out, "steps_done", json_integer(checkup->done));
    json_object_set_new(out, "began_at", gw_json_time_micro(checkup->begun_us));
    json_object_set_new(out, "ended_at", gw_json_time_micro(checkup->ended_us));
    json_object_set_new(out, "verdict", ended ? json_string(gw_check_state_name(gw_checkup_verdict(checkup))) : json_null());
    json_object_set_new(out, "cpu_baseline", gw_json_text(checkup->cpu));
    json_object_set_new(out, "hosts", hosts);
    json_object_set_new(out, "pairs", pairs);
    *(json_t **)data = out;
}

/* ---- handlers */

static void reply(GwRequest *request, guint status, gint64 id)
{
    g_autoptr(GError) error = NULL;
    json_t *out = NULL;
    if (gw_engine_checkup_read(request->engine, id, render, &out, &error))
        gw_reply_named(request, status, "checkup", out);
    else
        gw_reply_error(request, error);
}

static GPtrArray *names_of(json_t *list)
{
    GPtrArray *names = g_ptr_array_new();
    size_t index;
    json_t *name;
    json_array_foreach(list, index, name)
    {
        g_ptr_array_add(names, (gpointer)json_string_value(name));
    }
    g_ptr_array_add(names, NULL);
    return names;
}

void gw_own_checkups_begin(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"checkup", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"hosts", GW_BODY_TEXT_LIST}, {"probe", GW_BODY_BOOLEAN}};
    json_t *checkup = json_object_get(request->json, "checkup");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "checkup", checkup, inner))
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = names_of(json_object_get(checkup, "hosts"));
    gint64 id = 0;
    GwCheckupDepth depth = gw_body_is_true(checkup, "probe") ? GW_CHECKUP_PROBE : GW_CHECKUP_FACTS;
    if (gw_engine_checkup_begin(request->engine, (const char *const *)names->pdata, depth, &id, &error))
        reply(request, 202, id);
    else
        gw_reply_error(request, error);
}

void gw_own_checkups_show(GwRequest *request)
{
    guint64 id = 0;
    if (strcmp(request->args[0], "latest") == 0)
        reply(request, 200, GW_CHECKUP_OWN);
    else if (g_ascii_string_to_unsigned(request->args[0], 10, 1, G_MAXINT64, &id, NULL))
        reply(request, 200, (gint64)id);
    else
        gw_reply_fault(request, 404, "Checkup %s could not be found.", request->args[0]);
}
