/* XML-RPC, for hosts that know no JSON (XenServer before 7), and for the results of tasks. */
#include "drivers/xapi/wire.h"

#include <libxml/parser.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

enum { DEPTH_LIMIT = 64, OPTIONS = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING };

/* ---- writing */

static void append_value(GString *out, json_t *value)
{
    g_string_append(out, "<value>");
    if (json_is_object(value)) {
        const char *key;
        json_t *member;
        g_string_append(out, "<struct>");
        json_object_foreach(value, key, member) {
            g_autofree char *name = g_markup_escape_text(key, -1);
            g_string_append_printf(out, "<member><name>%s</name>", name);
            append_value(out, member);
            g_string_append(out, "</member>");
        }
        g_string_append(out, "</struct>");
    } else if (json_is_array(value)) {
        g_string_append(out, "<array><data>");
        for (gsize i = 0; i < json_array_size(value); i++)
            append_value(out, json_array_get(value, i));
        g_string_append(out, "</data></array>");
    } else if (json_is_boolean(value)) {
        g_string_append_printf(out, "<boolean>%d</boolean>", json_is_true(value));
    } else if (json_is_real(value)) {
        char number[G_ASCII_DTOSTR_BUF_SIZE];
        g_string_append_printf(out, "<double>%s</double>", g_ascii_dtostr(number, sizeof number, json_real_value(value)));
    } else if (json_is_integer(value)) {
        g_string_append_printf(out, "<string>%" JSON_INTEGER_FORMAT "</string>", json_integer_value(value));
    } else {
        g_autofree char *text = g_markup_escape_text(json_is_string(value) ? json_string_value(value) : "", -1);
        g_string_append_printf(out, "<string>%s</string>", text);
    }
    g_string_append(out, "</value>");
}

char *gw_xapi_xml_request(const char *method, json_t *params)
{
    GString *out = g_string_new("<?xml version=\"1.0\"?><methodCall><methodName>");
    g_string_append_printf(out, "%s</methodName><params>", method);
    for (gsize i = 0; i < json_array_size(params); i++) {
        g_string_append(out, "<param>");
        append_value(out, json_array_get(params, i));
        g_string_append(out, "</param>");
    }
    g_string_append(out, "</params></methodCall>");
    return g_string_free(out, FALSE);
}

/* ---- reading */

static gboolean is(const xmlNode *node, const char *name)
{
    return node && node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static xmlNode *child(const xmlNode *node, const char *name)
{
    for (xmlNode *at = node ? node->children : NULL; at; at = at->next)
        if (is(at, name))
            return at;
    return NULL;
}

static json_t *text_of(xmlNode *node)
{
    xmlChar *content = xmlNodeGetContent(node);
    json_t *text = json_string(content ? (const char *)content : "");
    xmlFree(content);
    return text ? text : json_string("");
}

static json_t *read_value(xmlNode *value, guint depth);

static json_t *read_struct(const xmlNode *node, guint depth)
{
    json_t *object = json_object();
    for (xmlNode *member = node->children; member; member = member->next) {
        xmlNode *name = child(member, "name");
        if (!is(member, "member") || !name)
            continue;
        g_autoptr(json_t) key = text_of(name);
        json_object_set_new(object, json_string_value(key), read_value(child(member, "value"), depth + 1));
    }
    return object;
}

static json_t *read_array(const xmlNode *node, guint depth)
{
    json_t *array = json_array();
    const xmlNode *data = child(node, "data");
    for (xmlNode *at = data ? data->children : NULL; at; at = at->next)
        if (is(at, "value"))
            json_array_append_new(array, read_value(at, depth + 1));
    return array;
}

/* Integers are bare text there: the readers of fields take both. */
static json_t *read_value(xmlNode *value, guint depth)
{
    if (!value || depth > DEPTH_LIMIT)
        return json_null();
    for (xmlNode *at = value->children; at; at = at->next) {
        if (is(at, "struct"))
            return read_struct(at, depth);
        if (is(at, "array"))
            return read_array(at, depth);
        if (is(at, "boolean")) {
            g_autoptr(json_t) text = text_of(at);
            return json_boolean(strcmp(json_string_value(text), "1") == 0);
        }
    }
    return text_of(value);
}

json_t *gw_xapi_xml_response(const char *text, gsize size, GError **error)
{
    g_autoptr(xmlDoc) document = size <= G_MAXINT ? xmlReadMemory(text, (int)size, NULL, NULL, OPTIONS) : NULL;
    const xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
    g_autoptr(json_t) answer = read_value(child(child(child(root, "params"), "param"), "value"), 0);
    const char *status = json_string_value(json_object_get(answer, "Status"));
    json_t *value = json_object_get(answer, "Value");
    if (g_strcmp0(status, "Success") == 0 && value)
        return json_incref(value);
    json_t *description = json_object_get(answer, "ErrorDescription");
    if (!json_is_array(description) || !json_is_string(json_array_get(description, 0))) {
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "it answers what is no answer of XAPI");
        return NULL;
    }
    g_autofree char *code = g_strdup(json_string_value(json_array_get(description, 0)));
    json_array_remove(description, 0);
    gw_xapi_fault_set(error, code, description);
    return NULL;
}

char *gw_xapi_task_result(const char *text)
{
    if (!text || *text != '<')
        return g_strdup(text ? text : "");
    gsize size = strlen(text);
    g_autoptr(xmlDoc) document = size <= G_MAXINT ? xmlReadMemory(text, (int)size, NULL, NULL, OPTIONS) : NULL;
    xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
    g_autoptr(json_t) value = root ? text_of(root) : json_string("");
    return g_strdup(json_string_value(value));
}
