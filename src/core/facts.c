/* The values of core/checks.h: facts and findings. */
#include "core/checks.h"

#include <string.h>

static void disk_facts_free(gpointer data)
{
    GwDiskFacts *facts = data;
    g_free(facts->target);
    g_free(facts->dest_path);
    g_free(facts->dest_pool_path);
    g_free(facts->place);
    g_free(facts->problem);
    g_free(facts->live_problem);
    g_free(facts->live_rule);
    g_free(facts);
}

GwMoveFacts *gw_move_facts_new(void)
{
    GwMoveFacts *facts = g_new0(GwMoveFacts, 1);
    facts->disks = g_ptr_array_new_with_free_func(disk_facts_free);
    facts->missing_files = g_ptr_array_new_with_free_func(g_free);
    facts->missing_networks = g_ptr_array_new_with_free_func(g_free);
    facts->obstacles = g_ptr_array_new_with_free_func(g_free);
    facts->live_obstacles = g_ptr_array_new_with_free_func(g_free);
    facts->cold_obstacles = g_ptr_array_new_with_free_func(g_free);
    return facts;
}

void gw_move_facts_free(GwMoveFacts *facts)
{
    if (!facts)
        return;
    g_clear_pointer(&facts->instance, gw_instance_unref);
    g_clear_pointer(&facts->source, gw_host_facts_unref);
    g_clear_pointer(&facts->dest, gw_host_facts_unref);
    g_free(facts->source_name);
    g_free(facts->dest_name);
    g_ptr_array_unref(facts->disks);
    g_ptr_array_unref(facts->missing_files);
    g_ptr_array_unref(facts->missing_networks);
    g_ptr_array_unref(facts->obstacles);
    g_ptr_array_unref(facts->live_obstacles);
    g_ptr_array_unref(facts->cold_obstacles);
    g_free(facts->look_at_taken);
    g_free(facts->undefine_taken);
    g_free(facts->rigid);
    g_free(facts->cpu_problem);
    g_free(facts->live_calls);
    g_free(facts->cold_calls);
    g_free(facts->definition);
    g_free(facts);
}

GwDiskFacts *gw_move_facts_add_disk(GwMoveFacts *facts)
{
    GwDiskFacts *disk = g_new0(GwDiskFacts, 1);
    g_ptr_array_add(facts->disks, disk);
    return disk;
}

void gw_finding_free(GwFinding *finding)
{
    g_free(finding->host);
    g_free(finding->fact);
    g_free(finding->why);
    g_free(finding->remedy);
    g_free(finding->commands);
    g_free(finding);
}

GPtrArray *gw_findings_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)gw_finding_free);
}

GwFinding *gw_findings_add(GPtrArray *findings, GwSeverity severity, const char *code, const char *host, char *fact,
                           char *why, char *remedy)
{
    GwFinding *finding = g_new0(GwFinding, 1);
    finding->severity = severity;
    finding->code = code;
    finding->host = g_strdup(host);
    finding->fact = fact;
    finding->why = why;
    finding->remedy = remedy;
    g_ptr_array_add(findings, finding);
    return finding;
}

const char *gw_severity_name(GwSeverity severity)
{
    switch (severity) {
    case GW_FINDING_WARNS:
        return "warning";
    case GW_FINDING_BLOCKS:
        return "blocks";
    }
    return "blocks";
}

gboolean gw_findings_block(const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++)
        if (((const GwFinding *)findings->pdata[i])->severity == GW_FINDING_BLOCKS)
            return TRUE;
    return FALSE;
}

char *gw_findings_to_text(const GPtrArray *findings)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < findings->len; i++) {
        const GwFinding *finding = findings->pdata[i];
        if (finding->severity != GW_FINDING_BLOCKS)
            continue;
        gboolean named = !finding->host || strstr(finding->fact, finding->host);
        g_string_append_printf(text, "%s%s%s%s (%s); remedy: %s.", text->len ? " " : "", named ? "" : finding->host,
                               named ? "" : ": ", finding->fact, finding->why, finding->remedy);
    }
    return g_string_free(text, FALSE);
}
