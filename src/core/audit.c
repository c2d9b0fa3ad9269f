#include "core/audit.h"

#include <string.h>

char *gw_probe_name(gint64 now_s, guint32 random)
{
    return g_strdup_printf(GW_PROBE_PREFIX "%" G_GINT64_FORMAT "-%08x", now_s, random);
}

gboolean gw_probe_is_name(const char *name)
{
    return name && g_str_has_prefix(name, GW_PROBE_PREFIX);
}

gboolean gw_probe_is_left_over(const char *name, gint64 now_s)
{
    if (!gw_probe_is_name(name))
        return FALSE;
    gint64 made_s = g_ascii_strtoll(name + strlen(GW_PROBE_PREFIX), NULL, 10);
    return now_s - made_s > GW_PROBE_LEFT_S;
}

GwHostAudit *gw_host_audit_new(void)
{
    GwHostAudit *audit = g_new0(GwHostAudit, 1);
    audit->clock_ahead_ms = audit->certificate_left_s = G_MININT64;
    audit->folder.mode = -1;
    audit->folder.owner = audit->folder.group = -1;
    audit->left_over = g_ptr_array_new_with_free_func(g_free);
    return audit;
}

void gw_host_audit_free(GwHostAudit *audit)
{
    if (!audit)
        return;
    g_clear_pointer(&audit->facts, gw_host_facts_unref);
    g_free(audit->transport);
    g_free(audit->folder.path);
    g_free(audit->folder.problem);
    g_ptr_array_unref(audit->left_over);
    g_free(audit->cpu);
    g_free(audit);
}

GwPairAudit *gw_pair_audit_new(void)
{
    return g_new0(GwPairAudit, 1);
}

void gw_pair_audit_free(GwPairAudit *audit)
{
    if (!audit)
        return;
    g_free(audit->cpu_problem);
    g_free(audit->error);
    g_free(audit->link_problem);
    g_free(audit);
}
