#include "api/body.h"

#include "api/repr.h"

#include <string.h>

/* parameter_types.boolean of Nova takes these strings, not all that oslo.utils would. */
static const char *const yes[] = {"True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", NULL};
static const char *const no[] = {"False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", NULL};
#define BOOLEANS                                                                                                       \
    "True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', "                                       \
    "False, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'"

/* The whole body is no field: its faults stand alone. */
static gboolean refuse(GwRequest *request, const char *field, json_t *value, const char *why)
{
    g_autofree char *text = gw_json_str(value);
    if (strcmp(field, "body") == 0)
        gw_reply_fault(request, 400, "%s", why);
    else
        gw_reply_fault(request, 400, "Invalid input for field/attribute %s. Value: %s. %s", field, text, why);
    return FALSE;
}

/* Nova's words are those of a schema checker: "7 is not of type 'string'". */
static gboolean refuse_value(GwRequest *request, const char *field, json_t *value, const char *why)
{
    g_autofree char *text = gw_json_repr(value);
    g_autofree char *sentence = g_strdup_printf("%s %s", text, why);
    return refuse(request, field, value, sentence);
}

static gboolean is_boolean(json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_boolean(value) || (text && (g_strv_contains(yes, text) || g_strv_contains(no, text)));
}

static gboolean is_host(json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_null(value) ||
           (text && strlen(text) <= 255 && g_regex_match_simple("^[a-zA-Z0-9._-]+$", text, G_REGEX_DOLLAR_ENDONLY, 0));
}

static gboolean is_list_of_hosts(json_t *value)
{
    size_t index;
    json_t *name;
    json_array_foreach(value, index, name)
        if (json_is_null(name) || !is_host(name))
            return FALSE;
    return json_array_size(value) > 0;
}

static gboolean is_text_list(json_t *value)
{
    size_t index;
    json_t *text;
    json_array_foreach(value, index, text)
    {
        if (!json_string_length(text))
            return FALSE;
    }
    return json_is_array(value) || json_is_null(value);
}

static gboolean refuse_host(GwRequest *request, const char *field, json_t *value, const char *wrong_type)
{
    const char *text = json_string_value(value);
    const char *why = !text                ? wrong_type
                      : !*text             ? "is too short"
                      : strlen(text) > 255 ? "is too long"
                                           : "does not match '^[a-zA-Z0-9-._]*$'";
    return refuse_value(request, field, value, why);
}

static gboolean is_short(json_t *value)
{
    const char *text = json_string_value(value);
    return text && *text && g_utf8_strlen(text, -1) <= 255;
}

/* parameter_types.name of Nova. */
static gboolean is_name(json_t *value)
{
    const char *text = json_string_value(value);
    if (!is_short(value) || g_unichar_isspace(g_utf8_get_char(text)))
        return FALSE;
    gunichar c = 0;
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        c = g_utf8_get_char(at);
        if (!g_unichar_isprint(c))
            return FALSE;
    }
    return !g_unichar_isspace(c);
}

static gboolean is_zone(json_t *value)
{
    return json_is_null(value) || (is_name(value) && !strchr(json_string_value(value), ':'));
}

static gboolean check_value(GwRequest *request, const GwBodyRule *rule, json_t *value)
{
    switch (rule->kind) {
    case GW_BODY_TEXT:
        return json_string_length(value) || refuse(request, rule->name, value, "It must be a string that is not empty");
    case GW_BODY_TEXT_255:
        return is_short(value) || refuse(request, rule->name, value, "It must be a string of 1 to 255 characters");
    case GW_BODY_NAME:
        return is_name(value) || refuse(request, rule->name, value,
                                        "The name must be: 1 to 255 printable characters. Can not start or end with "
                                        "whitespace.");
    case GW_BODY_ZONE:
        return is_zone(value) || refuse(request, rule->name, value,
                                        "It must be null or 1 to 255 printable characters except :. Can not start or "
                                        "end with whitespace.");
    case GW_BODY_HOST_NAME:
        return (!json_is_null(value) && is_host(value)) ||
               refuse_host(request, rule->name, value, "is not of type 'string'");
    case GW_BODY_HOST:
        return is_host(value) || refuse_host(request, rule->name, value, "is not of type 'string', 'null'");
    case GW_BODY_BOOLEAN:
        return is_boolean(value) || refuse_value(request, rule->name, value, "is not one of [" BOOLEANS "]");
    case GW_BODY_BOOLEAN_OR_AUTO:
        return is_boolean(value) || g_strcmp0(json_string_value(value), "auto") == 0 ||
               refuse_value(request, rule->name, value, "is not one of [" BOOLEANS ", 'auto']");
    case GW_BODY_TEXT_LIST:
        return is_text_list(value) || refuse(request, rule->name, value, "It must be a list of strings that are not empty");
    case GW_BODY_COUNT:
        return (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= G_MAXINT32) ||
               refuse(request, rule->name, value, "It must be a whole number from 0 on");
    case GW_BODY_HOST_NAMES:
        return is_list_of_hosts(value) || refuse(request, rule->name, value, "It must be a list of host names, as in [\"HostB\"]");
    case GW_BODY_ANY:
        return TRUE;
    case GW_BODY_TEXT_OR_NULL:
        return json_is_string(value) || json_is_null(value) || refuse_value(request, rule->name, value, "is not of type 'string', 'null'");
    case GW_BODY_LIST:
        return json_is_array(value) || refuse_value(request, rule->name, value, "is not of type 'array'");
    case GW_BODY_OBJECT:
        return json_is_object(value) || refuse_value(request, rule->name, value, "is not of type 'object'");
    }
    return TRUE;
}

static gboolean is_in_range(const GwBodyRule *rule, guint minor)
{
    return minor >= rule->since && (!rule->until || minor <= rule->until);
}

static gboolean check_known(GwRequest *request, const char *what, json_t *object, const GwBodyRule *rules, gsize count)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        gboolean known = FALSE;
        for (gsize i = 0; i < count && !known; i++)
            known = is_in_range(&rules[i], request->minor) && strcmp(rules[i].name, key) == 0;
        if (!known) {
            g_autofree char *why = g_strdup_printf("Additional properties are not allowed ('%s' was unexpected)", key);
            return refuse(request, what, object, why);
        }
    }
    return TRUE;
}

gboolean gw_body_check(GwRequest *request, const char *what, json_t *object, const GwBodyRule *rules, gsize count)
{
    if (!json_is_object(object))
        return refuse_value(request, what, object ? object : json_null(), "is not of type 'object'");
    if (!check_known(request, what, object, rules, count))
        return FALSE;
    for (gsize i = 0; i < count; i++) {
        json_t *value = json_object_get(object, rules[i].name);
        if (!is_in_range(&rules[i], request->minor))
            continue;
        if (!value && rules[i].need == GW_BODY_REQUIRED) {
            g_autofree char *why = g_strdup_printf("'%s' is a required property", rules[i].name);
            return refuse(request, what, object, why);
        }
        if (value && !check_value(request, &rules[i], value))
            return FALSE;
    }
    return TRUE;
}

gboolean gw_body_is_true(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    return json_is_true(value) || (text && g_strv_contains(yes, text));
}

const char *gw_body_text(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

const char *gw_body_action(GwRequest *request, json_t **ret_value)
{
    void *first = json_object_iter(request->json);
    if (json_object_size(request->json) != 1) {
        gw_reply_fault(request, 400, "Malformed request body: one action is expected, %zu were given",
                       json_object_size(request->json));
        return NULL;
    }
    *ret_value = json_object_iter_value(first);
    return json_object_iter_key(first);
}
