/* The instance's definition as the destination gets it: where its copied disks will be, and where its console listens. Everything
 * that the guest can see stays as it is. */
#include "drivers/libvirt/internal.h"

#include <string.h>

/* ---- the text that plans carry: both definitions in one document */

char *gw_virt_definition_pack(const char *live_xml, const char *inactive_xml)
{
    return g_strdup_printf("<godwit><live>%s</live><inactive>%s</inactive></godwit>", live_xml ? live_xml : "",
                           inactive_xml ? inactive_xml : "");
}

static const GwPlanDisk *find(const GwPlan *plan, const char *target)
{
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (g_strcmp0(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}

/* The copy is complete in itself. What runs must be told so, or it would look for the source's chain; a definition says nothing,
 * and libvirt reads the image when it starts. */
static void forget_chain(xmlNode *node, gboolean is_live)
{
    gw_xml_remove_children(node, "backingStore");
    if (is_live)
        xmlNewChild(node, NULL, (const xmlChar *)"backingStore", NULL);
}

static void rewrite_disk(xmlNode *node, const GwPlanDisk *disk, gboolean is_live)
{
    xmlNode *source = gw_xml_child(node, "source");
    if (disk->fate != GW_FATE_COPY || !source)
        return;
    if (gw_xml_attr_is(node, "type", "volume")) { /* the copy is a file of the same folder; its pool may have another name */
        gw_xml_set_attr(node, "type", "file");
        gw_xml_set_attr(source, "pool", NULL);
        gw_xml_set_attr(source, "volume", NULL);
    }
    gw_xml_set_attr(source, "file", disk->dest_path);
    gw_xml_remove_children(source, "privateData");
    if (!disk->backing)
        forget_chain(node, is_live);
}

static void rewrite_graphics(xmlNode *graphics, const char *listen)
{
    gw_xml_set_attr(graphics, "listen", listen);
    GW_XML_EACH(node, graphics, "listen")
        if (gw_xml_attr_is(node, "type", "address"))
            gw_xml_set_attr(node, "address", listen);
}

static void rewrite(xmlNode *domain, const GwPlan *plan, gboolean is_live)
{
    xmlNode *devices = gw_xml_child(domain, "devices");
    GW_XML_EACH(node, devices, "disk") {
        g_autofree char *target = gw_xml_attr(gw_xml_child(node, "target"), "dev");
        const GwPlanDisk *disk = find(plan, target);
        if (disk)
            rewrite_disk(node, disk, is_live);
    }
    if (!plan->listen)
        return;
    GW_XML_EACH(node, devices, "graphics")
        rewrite_graphics(node, plan->listen);
}

static char *unpack(const GwPlan *plan, const char *which, GError **error)
{
    g_autoptr(xmlDoc) doc = gw_xml_parse(plan->definition ? plan->definition : "", "godwit", error);
    xmlNode *domain = doc ? gw_xml_child(gw_xml_child(xmlDocGetRootElement(doc), which), "domain") : NULL;
    if (!domain) {
        if (doc)
            g_set_error(error, GW_ERROR, GW_ERROR_INTERNAL, "the plan of %s holds no %s definition", plan->name, which);
        return NULL;
    }
    rewrite(domain, plan, strcmp(which, "live") == 0);
    return gw_xml_to_text(domain);
}

char *gw_virt_definition_live(const GwPlan *plan, GError **error)
{
    return unpack(plan, "live", error);
}

char *gw_virt_definition_inactive(const GwPlan *plan, GError **error)
{
    return unpack(plan, "inactive", error);
}

static char *format_in_chain(const xmlNode *disk, const char *path)
{
    for (xmlNode *below = gw_xml_child(disk, "backingStore"); below; below = gw_xml_child(below, "backingStore"))
        if (gw_xml_attr_is(gw_xml_child(below, "source"), "file", path) ||
            gw_xml_attr_is(gw_xml_child(below, "source"), "dev", path))
            return gw_xml_attr(gw_xml_child(below, "format"), "type");
    return NULL;
}

static char *format_in_domain(const xmlNode *domain, const char *target, const char *path)
{
    GW_XML_EACH(node, gw_xml_child(domain, "devices"), "disk")
        if (gw_xml_attr_is(gw_xml_child(node, "target"), "dev", target))
            return format_in_chain(node, path);
    return NULL;
}

char *gw_virt_definition_backing_format(const GwPlan *plan, const char *target, const char *path)
{
    g_autoptr(xmlDoc) doc = plan->definition ? gw_xml_parse(plan->definition, "godwit", NULL) : NULL;
    const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    char *format = format_in_domain(gw_xml_at(root, "live/domain"), target, path);
    return format ? format : format_in_domain(gw_xml_at(root, "inactive/domain"), target, path);
}
