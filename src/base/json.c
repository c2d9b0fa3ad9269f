#include "base/json.h"

enum { EXCERPT_CHARACTERS = 60 };

json_t *gw_json_parse(const char *text, gsize size, GError **error)
{
    json_error_t why;
    /* without JSON_ALLOW_NUL: a "\u0000" would cut a text short for everyone who reads it as a C string */
    json_t *value = json_loadb(text ? text : "", size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!value)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "not JSON at line %d, column %d: %s", why.line, why.column,
                    why.text);
    return value;
}

char *gw_json_excerpt(const json_t *value)
{
    if (!value)
        return g_strdup("nothing");
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    g_autofree char *copy = g_utf8_make_valid(text ? text : "?", -1);
    free(text);
    if (g_utf8_strlen(copy, -1) <= EXCERPT_CHARACTERS)
        return g_steal_pointer(&copy);
    *g_utf8_offset_to_pointer(copy, EXCERPT_CHARACTERS) = '\0';
    return g_strconcat(copy, "…", NULL);
}

static gboolean refuse(const char *field, const json_t *found, const char *expected, GError **error)
{
    g_autofree char *excerpt = gw_json_excerpt(found);
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "field '%s': found %s, expected %s", field, excerpt, expected);
    return FALSE;
}

/* *ret_found is NULL when an optional field is absent or null. */
static gboolean find(const json_t *object, const char *field, GwJsonNeed need, const char *expected, json_t **ret_found,
                     GError **error)
{
    if (!json_is_object(object)) {
        g_autofree char *excerpt = gw_json_excerpt(object);
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "found %s, expected an object with the field '%s'", excerpt,
                    field);
        return FALSE;
    }
    json_t *found = json_object_get(object, field);
    if (need == GW_JSON_OPTIONAL && json_is_null(found))
        found = NULL;
    if (!found && need == GW_JSON_REQUIRED)
        return refuse(field, NULL, expected, error);
    *ret_found = found;
    return TRUE;
}

gboolean gw_json_string(const json_t *object, const char *field, GwJsonNeed need, const char **ret_value,
                        GError **error)
{
    json_t *found;
    if (!find(object, field, need, "a string", &found, error))
        return FALSE;
    if (!found)
        return TRUE;
    if (!json_is_string(found))
        return refuse(field, found, "a string", error);
    *ret_value = json_string_value(found);
    return TRUE;
}

gboolean gw_json_bool(const json_t *object, const char *field, GwJsonNeed need, gboolean *ret_value, GError **error)
{
    json_t *found;
    if (!find(object, field, need, "true or false", &found, error))
        return FALSE;
    if (!found)
        return TRUE;
    if (!json_is_boolean(found))
        return refuse(field, found, "true or false", error);
    *ret_value = json_is_true(found);
    return TRUE;
}

gboolean gw_json_int(const json_t *object, const char *field, GwJsonNeed need, gint64 least, gint64 most,
                     gint64 *ret_value, GError **error)
{
    g_autofree char *expected =
        g_strdup_printf("a whole number of %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, least, most);
    json_t *found;
    if (!find(object, field, need, expected, &found, error))
        return FALSE;
    if (!found)
        return TRUE;
    if (!json_is_integer(found) || json_integer_value(found) < least || json_integer_value(found) > most)
        return refuse(field, found, expected, error);
    *ret_value = json_integer_value(found);
    return TRUE;
}

gboolean gw_json_uint64(const json_t *object, const char *field, GwJsonNeed need, guint64 *ret_value, GError **error)
{
    gint64 value = -1;
    if (!gw_json_int(object, field, need, 0, G_MAXINT64, &value, error))
        return FALSE;
    if (value >= 0)
        *ret_value = (guint64)value;
    return TRUE;
}

gboolean gw_json_object(const json_t *object, const char *field, GwJsonNeed need, json_t **ret_value, GError **error)
{
    json_t *found;
    if (!find(object, field, need, "an object", &found, error))
        return FALSE;
    if (found && !json_is_object(found))
        return refuse(field, found, "an object", error);
    if (found)
        *ret_value = found;
    return TRUE;
}

gboolean gw_json_array(const json_t *object, const char *field, GwJsonNeed need, json_t **ret_value, GError **error)
{
    json_t *found;
    if (!find(object, field, need, "a list", &found, error))
        return FALSE;
    if (found && !json_is_array(found))
        return refuse(field, found, "a list", error);
    if (found)
        *ret_value = found;
    return TRUE;
}

const char *gw_json_peek(const json_t *object, const char *field)
{
    return json_string_value(json_object_get(object, field));
}

char *gw_json_join(const json_t *strings)
{
    GString *text = g_string_new(NULL);
    size_t index;
    json_t *one;
    json_array_foreach(strings, index, one)
        g_string_append_printf(text, "%s%s", index ? ", " : "", json_is_string(one) ? json_string_value(one) : "?");
    return g_string_free(text, FALSE);
}
