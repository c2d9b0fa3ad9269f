#include "core/placement.h"

#include <string.h>

static void judge_forced_down(const GwCandidate *c, GPtrArray *findings)
{
    if (c->forced_down)
        gw_findings_add(findings, GW_FINDING_BLOCKS, "host-forced-down", c->host.name,
                        g_strdup_printf("%s is forced down", c->host.name),
                        g_strdup("an administrator has said that nothing runs there"),
                        g_strdup_printf("take that back with `godwit service-force-down --unset %s`, or name another host",
                                        c->host.name));
}

static void judge_disabled(const GwCandidate *c, GPtrArray *findings)
{
    if (!c->enabled)
        gw_findings_add(findings, GW_FINDING_BLOCKS, "host-disabled", c->host.name,
                        g_strdup_printf("%s is disabled%s%s", c->host.name, c->disabled_reason ? ": " : "",
                                        c->disabled_reason ? c->disabled_reason : ""),
                        g_strdup("it takes no new instances"),
                        g_strdup_printf("enable it with `godwit service-enable %s`, or name another host", c->host.name));
}

void gw_placement_judge_forced(const GwCandidate *candidate, GPtrArray *findings)
{
    judge_forced_down(candidate, findings);
}

void gw_placement_judge(const GwCandidate *candidate, const GwDemand *demand, GPtrArray *findings)
{
    judge_forced_down(candidate, findings);
    judge_disabled(candidate, findings);
    gw_limits_judge(&candidate->host, demand, findings);
}

gboolean gw_placement_leaves_out(const GwCandidate *candidate, const GwDemand *demand, GPtrArray *findings, char **ret_failure)
{
    *ret_failure = NULL;
    if (!candidate->same_kind)
        *ret_failure = g_strdup("it runs another hypervisor");
    else if (!candidate->up && !candidate->forced_down)
        *ret_failure = g_strdup_printf("it does not answer%s%s", candidate->down_reason ? ": " : "",
                                       candidate->down_reason ? candidate->down_reason : "");
    else
        gw_placement_judge(candidate, demand, findings);
    return *ret_failure || gw_findings_block(findings);
}

/* TRUE: something keeps the host from being tried. */
static gboolean objects(const GwCandidate *c, const GwDemand *demand, GPtrArray *reasons)
{
    char *failure = NULL;
    g_autoptr(GPtrArray) findings = gw_findings_new();
    if (!gw_placement_leaves_out(c, demand, findings, &failure))
        return FALSE;
    gw_reasons_add(reasons, failure ? c->host.name : NULL, failure ? failure : gw_findings_to_text(findings));
    return TRUE;
}

static gint64 usable_mib(const GwCandidate *c)
{
    return (gint64)c->memory_free_mib - (gint64)c->reserved_mib;
}

/* What a soft group wishes: more is better. */
static gint64 preference(const GwCandidate *c)
{
    const GwGroup *group = c->host.group;
    if (group && group->policy == GW_GROUP_SOFT_AFFINITY)
        return c->host.usage.members;
    return group && group->policy == GW_GROUP_SOFT_ANTI_AFFINITY ? -(gint64)c->host.usage.members : 0;
}

static gint best_first(gconstpointer a, gconstpointer b)
{
    const GwCandidate *x = *(const GwCandidate *const *)a;
    const GwCandidate *y = *(const GwCandidate *const *)b;
    if (preference(x) != preference(y))
        return preference(x) > preference(y) ? -1 : 1;
    if (usable_mib(x) != usable_mib(y))
        return usable_mib(x) > usable_mib(y) ? -1 : 1;
    return strcmp(x->host.name, y->host.name);
}

GPtrArray *gw_placement_order(const GwCandidate *candidates, guint count, const GwDemand *demand, GPtrArray *reasons)
{
    g_autoptr(GPtrArray) fit = g_ptr_array_new();
    for (guint i = 0; i < count; i++)
        if (!candidates[i].is_source && !objects(&candidates[i], demand, reasons))
            g_ptr_array_add(fit, (gpointer)&candidates[i]);
    g_ptr_array_sort(fit, best_first);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < fit->len; i++)
        g_ptr_array_add(names, g_strdup(((const GwCandidate *)fit->pdata[i])->host.name));
    return names;
}
