#include "core/checkup.h"

#include <string.h>

static void host_free(gpointer data)
{
    GwHostCheckup *host = data;
    g_free(host->name);
    g_free(host->uri);
    gw_host_audit_free(host->audit);
    g_free(host->failure);
    g_ptr_array_unref(host->findings);
    g_free(host);
}

void gw_pair_checkup_free(GwPairCheckup *pair)
{
    gw_pair_audit_free(pair->audit);
    g_ptr_array_unref(pair->findings);
    g_free(pair);
}

GwCheckup *gw_checkup_new(void)
{
    GwCheckup *checkup = g_new0(GwCheckup, 1);
    checkup->hosts = g_ptr_array_new_with_free_func(host_free);
    checkup->pairs = g_ptr_array_new_with_free_func((GDestroyNotify)gw_pair_checkup_free);
    return checkup;
}

void gw_checkup_free(GwCheckup *checkup)
{
    if (!checkup)
        return;
    g_ptr_array_unref(checkup->pairs); /* they point to the hosts */
    g_ptr_array_unref(checkup->hosts);
    g_free(checkup->cpu);
    g_free(checkup);
}

GwHostCheckup *gw_checkup_add_host(GwCheckup *checkup, const char *name, const char *uri)
{
    GwHostCheckup *host = g_new0(GwHostCheckup, 1);
    host->name = g_strdup(name);
    host->uri = g_strdup(uri);
    host->findings = gw_findings_new();
    for (guint i = 0; i < GW_HOST_CHECK_COUNT; i++)
        host->states[i] = GW_CHECK_UNKNOWN;
    g_ptr_array_add(checkup->hosts, host);
    return host;
}

static GwPatient patient_of(const GwHostCheckup *host)
{
    return (GwPatient){host->name, host->uri, host->audit, host->failure};
}

void gw_checkup_judge_host(GwHostCheckup *host, const GwDoctorSettings *settings)
{
    GwPatient patient = patient_of(host);
    gw_doctor_host(&patient, settings, host->findings, host->states);
}

GwPairCheckup *gw_checkup_judge_pair(const GwHostCheckup *source, const GwHostCheckup *dest, GwPairAudit *audit)
{
    GwPatient from = patient_of(source), to = patient_of(dest);
    GwPairCheckup *pair = g_new0(GwPairCheckup, 1);
    pair->source = source;
    pair->dest = dest;
    pair->audit = audit;
    pair->findings = gw_findings_new();
    gw_doctor_pair(&from, &to, audit, pair->findings, pair->states);
    return pair;
}

/* Of the two pools that the hosts are in, whatever the direction; NULL: it is one, or they are in none. */
static char *pools_of(const GwPairCheckup *pair)
{
    const char *from = pair->source->audit->facts->realm, *to = pair->dest->audit->facts->realm;
    if (!from || !to || strcmp(from, to) == 0)
        return NULL;
    return strcmp(from, to) < 0 ? g_strconcat(from, " ", to, NULL) : g_strconcat(to, " ", from, NULL);
}

void gw_checkup_tell_pools_once(GwCheckup *checkup)
{
    g_autoptr(GHashTable) told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < checkup->pairs->len; i++) {
        const GwPairCheckup *pair = checkup->pairs->pdata[i];
        for (guint k = pair->findings->len; k--;) {
            const GwFinding *finding = pair->findings->pdata[k];
            char *pools = strcmp(finding->code, "no-shared-storage") == 0 ? pools_of(pair) : NULL;
            if (pools && !g_hash_table_add(told, pools))
                g_ptr_array_remove_index(pair->findings, k);
        }
    }
}

static GwCheckState worst_of(const GwCheckState *states, guint count, GwCheckState worst)
{
    for (guint i = 0; i < count; i++)
        if (states[i] > worst && states[i] != GW_CHECK_UNKNOWN)
            worst = states[i];
    return worst;
}

GwCheckState gw_pair_checkup_state(const GwPairCheckup *pair)
{
    return worst_of(pair->states, GW_PAIR_CHECK_COUNT, GW_CHECK_OK);
}

GwCheckState gw_checkup_verdict(const GwCheckup *checkup)
{
    GwCheckState worst = GW_CHECK_OK;
    for (guint i = 0; i < checkup->hosts->len; i++)
        worst = worst_of(((const GwHostCheckup *)checkup->hosts->pdata[i])->states, GW_HOST_CHECK_COUNT, worst);
    for (guint i = 0; i < checkup->pairs->len; i++)
        worst = worst_of(((const GwPairCheckup *)checkup->pairs->pdata[i])->states, GW_PAIR_CHECK_COUNT, worst);
    return worst;
}
