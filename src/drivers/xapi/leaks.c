/* Disks that XAPI leaves on the destination when Storage XenMotion fails: it removes them as well as it can, and tells nobody when it cannot. A name
 * is no proof of whose they are: they are named in the log, and left to people. */
#include "base/log.h"
#include "drivers/xapi/internal.h"

#include <string.h>

/* Owned by the caller; NULL: it is not known any more. */
static char *label_of(GwXapiPool *pool, const char *vdi_uuid)
{
    g_autofree char *ref = gw_xapi_ask(pool, "VDI.get_by_uuid", json_pack("[s]", vdi_uuid), NULL);
    return ref ? gw_xapi_ask(pool, "VDI.get_name_label", json_pack("[s]", ref), NULL) : NULL;
}

static void tell_of(const GwPlan *plan, const json_t *tables, const char *sr, const char *original, const char *label)
{
    const char *ref;
    json_t *vdi;
    json_object_foreach(gw_xapi_table(tables, "VDI"), ref, vdi) {
        const json_t *record = gw_xapi_record(tables, "SR", gw_xapi_text(vdi, "SR"));
        const char *uuid = gw_xapi_text(vdi, "uuid");
        if (strcmp(gw_xapi_text(record, "uuid"), sr) == 0 && strcmp(gw_xapi_text(vdi, "name_label"), label) == 0 &&
            json_array_size(gw_xapi_list(vdi, "VBDs")) == 0 && strcmp(uuid, original) != 0 &&
            !gw_xapi_in_map(vdi, "other_config", GW_XAPI_COPY_FOR))
            gw_warning("the disk '%s' (%s) on %s has the name of one of %s and no VM: the failed move may have left it there. When it is "
                       "nobody's, remove it: xe vdi-destroy uuid=%s",
                       label, uuid, gw_xapi_text(record, "name_label"), plan->name, uuid);
    }
}

void gw_xapi_tell_leaks(GwHost *dest, const GwPlan *plan, const GwXapiMove *move)
{
    GwXapiPool *source = gw_xapi_pool_find(move->source_pool);
    g_autoptr(json_t) tables = source ? gw_xapi_all_tables(dest->pool, NULL) : NULL;
    for (guint i = 0; tables && i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        g_autofree char *sr = NULL;
        g_autofree char *original = NULL;
        g_autofree char *dest_sr = NULL;
        if (disk->fate != GW_FATE_COPY || !gw_xapi_path_split(disk->path, &sr, &original) || !gw_xapi_path_split(disk->dest_path, &dest_sr, NULL))
            continue;
        g_autofree char *label = label_of(source, original);
        if (label && *label)
            tell_of(plan, tables, dest_sr, original, label);
    }
    if (source)
        gw_xapi_pool_unref(source);
}
