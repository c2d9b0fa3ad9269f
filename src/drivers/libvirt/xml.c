#include "drivers/libvirt/xml.h"

#include <libxml/parser.h>
#include <string.h>

#include "base/error.h"

#define X(text) ((const xmlChar *)(text))

static char *take(xmlChar *text)
{
    char *copy = text ? g_strdup((const char *)text) : NULL;
    xmlFree(text);
    return copy;
}

xmlDoc *gw_xml_parse(const char *text, const char *root, GError **error)
{
    g_autoptr(xmlDoc) doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL,
                                          XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS);
    const xmlNode *top = doc ? xmlDocGetRootElement(doc) : NULL;
    if (!top || strcmp((const char *)top->name, root) != 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "not a <%s> document: %.60s", root, text);
        return NULL;
    }
    return g_steal_pointer(&doc);
}

char *gw_xml_to_text(xmlNode *node)
{
    xmlBuffer *buffer = xmlBufferCreate();
    xmlNodeDump(buffer, node->doc, node, 0, 1);
    char *text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

static xmlNode *first_named(xmlNode *node, const char *name)
{
    while (node && (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, name) != 0))
        node = node->next;
    return node;
}

xmlNode *gw_xml_child(const xmlNode *parent, const char *name)
{
    return parent ? first_named(parent->children, name) : NULL;
}

xmlNode *gw_xml_next(const xmlNode *node, const char *name)
{
    return first_named(node->next, name);
}

xmlNode *gw_xml_at(const xmlNode *node, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    xmlNode *at = gw_xml_child(node, names[0]);
    for (guint i = 1; at && names[i]; i++)
        at = gw_xml_child(at, names[i]);
    return at;
}

char *gw_xml_attr(const xmlNode *node, const char *name)
{
    return node ? take(xmlGetProp(node, X(name))) : NULL;
}

gboolean gw_xml_attr_is(const xmlNode *node, const char *name, const char *value)
{
    g_autofree char *found = gw_xml_attr(node, name);
    return g_strcmp0(found, value) == 0;
}

char *gw_xml_text(const xmlNode *node)
{
    char *text = node ? take(xmlNodeGetContent(node)) : NULL;
    if (!text || *g_strstrip(text))
        return text;
    g_free(text);
    return NULL;
}

guint64 gw_xml_number(const xmlNode *node)
{
    g_autofree char *text = gw_xml_text(node);
    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

void gw_xml_set_attr(xmlNode *node, const char *name, const char *value)
{
    if (value)
        xmlSetProp(node, X(name), X(value));
    else
        xmlUnsetProp(node, X(name));
}

void gw_xml_remove_children(xmlNode *parent, const char *name)
{
    for (xmlNode *child = gw_xml_child(parent, name); child; child = gw_xml_child(parent, name)) {
        xmlUnlinkNode(child);
        xmlFreeNode(child);
    }
}

char *gw_xml_escape(const char *text)
{
    return g_markup_escape_text(text, -1);
}
