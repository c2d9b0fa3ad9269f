/* Storage repositories, as facts of the host that has them attached: what they share, where copies go, what leaves them live.
 *
 * Where copies go is [xenserver] sr_matching_filter, as in Nova, with one rule more: with the filter default-sr, a disk that was on a local
 * repository goes to the destination's own local one of type ext while it has room, so that it can move live again, and into the pool's
 * default one otherwise. */
#include "drivers/xapi/internal.h"

#include <string.h>

static gboolean fits_filter(const json_t *sr, const char *filter)
{
    g_autofree char *config = g_str_has_prefix(filter, "other-config:") ? g_strdup(filter + strlen("other-config:")) : NULL;
    char *equals = config ? strchr(config, '=') : NULL;
    if (!equals)
        return FALSE;
    *equals = '\0';
    return g_strcmp0(gw_xapi_in_map(sr, "other_config", config), equals + 1) == 0;
}

static gboolean is_local_ext(const json_t *sr)
{
    return !gw_xapi_bool(sr, "shared") && strcmp(gw_xapi_text(sr, "type"), "ext") == 0;
}

/* The pool's default one may be another host's own: only one that this host has attached will do. NULL: then local ones stand in for it. */
static const char *default_sr(const json_t *tables, const char *host)
{
    const char *ref = gw_xapi_text(gw_xapi_the_pool(tables), "default_SR");
    return gw_xapi_record(tables, "SR", ref) && gw_xapi_sr_attached(tables, ref, host) ? ref : NULL;
}

static unsigned takes(const char *filter, const char *ref, const json_t *sr, const char *the_default)
{
    if (filter && *filter && !g_str_has_prefix(filter, "default-sr"))
        return fits_filter(sr, filter) ? GW_POOL_TAKES : 0;
    if (is_local_ext(sr))
        return GW_POOL_TAKES_LOCAL | (!the_default || strcmp(ref, the_default) == 0 ? GW_POOL_TAKES : 0);
    return g_strcmp0(ref, the_default) == 0 ? GW_POOL_TAKES : 0;
}

/* The manual's rule for Storage XenMotion. A cold move copies any disk. */
static char *no_mirror(const json_t *sr)
{
    if (is_local_ext(sr))
        return NULL;
    return g_strdup_printf("it is of type %s%s, and " GW_XAPI_MIRROR_RULE, gw_xapi_text(sr, "type"), gw_xapi_bool(sr, "shared") ? ", shared" : "");
}

void gw_xapi_add_storage(const GwHost *host, GwHostFacts *facts, const json_t *tables, const char *host_ref)
{
    const char *ref, *the_default = default_sr(tables, host_ref);
    json_t *sr;
    facts->realm = g_strdup(gw_xapi_text(gw_xapi_the_pool(tables), "uuid"));
    json_object_foreach(gw_xapi_table(tables, "SR"), ref, sr) {
        if (!gw_xapi_sr_attached(tables, ref, host_ref))
            continue;
        GwPool *pool = gw_host_facts_add_pool(facts);
        pool->name = g_strdup(gw_xapi_text(sr, "name_label"));
        pool->path = g_strdup(gw_xapi_text(sr, "uuid"));
        pool->type = g_strdup(gw_xapi_text(sr, "type"));
        pool->active = TRUE;
        pool->capacity_bytes = (guint64)MAX(gw_xapi_int(sr, "physical_size"), 0);
        pool->available_bytes = (guint64)MAX(gw_xapi_int(sr, "physical_size") - gw_xapi_int(sr, "physical_utilisation"), 0);
        pool->local = !gw_xapi_bool(sr, "shared");
        pool->flags = takes(host->sr_filter, ref, sr, the_default);
        pool->no_mirror = no_mirror(sr);
    }
}

/* ---- disks */

enum { MOST_SNAPSHOTS = 1 }; /* Citrix: Storage XenMotion takes disks with at most one snapshot */

char *gw_xapi_no_copy(const json_t *vm, const json_t *vbd, const json_t *vdi)
{
    guint snapshots = (guint)json_array_size(gw_xapi_list(vm, "snapshots"));
    if (gw_xapi_in_map(vbd, "other_config", "osvol"))
        return g_strdup("it is an attached volume: detach it first");
    if (gw_xapi_bool(vdi, "cbt_enabled"))
        return g_strdup("changed block tracking is on: turn it off first (xe vdi-disable-cbt)");
    if (strcmp(gw_xapi_text(vdi, "on_boot"), "reset") == 0)
        return g_strdup("it is reset at every boot (on_boot=reset): set on-boot=persist first");
    if (snapshots > MOST_SNAPSHOTS)
        return g_strdup_printf("the instance has %u snapshots, and at most one can move along: delete the others", snapshots);
    return NULL;
}
