/* The few verbs that reading and editing libvirt's XML needs, over libxml2's tree. Strings returned are new. */
#ifndef GW_DRIVERS_LIBVIRT_XML_H
#define GW_DRIVERS_LIBVIRT_XML_H

#include <glib.h>
#include <libxml/tree.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/* The document and its root, which must be called `root`; GW_ERROR_INVALID otherwise. No network, no entities. */
xmlDoc *gw_xml_parse(const char *text, const char *root, GError **error);
char *gw_xml_to_text(xmlNode *node);

xmlNode *gw_xml_child(const xmlNode *parent, const char *name); /* first of that name; NULL parent gives NULL */
xmlNode *gw_xml_next(const xmlNode *node, const char *name);    /* next sibling of that name */
xmlNode *gw_xml_at(const xmlNode *node, const char *path);      /* "os/type": first child of first child */
#define GW_XML_EACH(node, parent, name)                                                                                \
    for (xmlNode *node = gw_xml_child(parent, name); node; node = gw_xml_next(node, name))

char *gw_xml_attr(const xmlNode *node, const char *name); /* NULL when absent, or node is NULL */
gboolean gw_xml_attr_is(const xmlNode *node, const char *name, const char *value);
char *gw_xml_text(const xmlNode *node); /* content, stripped; NULL when node is NULL or empty */
guint64 gw_xml_number(const xmlNode *node); /* 0 when there is none */
void gw_xml_set_attr(xmlNode *node, const char *name, const char *value); /* NULL removes it */
void gw_xml_remove_children(xmlNode *parent, const char *name);
char *gw_xml_escape(const char *text);

#endif
