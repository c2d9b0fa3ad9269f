/* Structs as JSON text: {"format": 1, member: value, …}. What is NULL is left out, what is missing reads as zero, and
 * what is unknown is passed over, so that fields can be added without a new format; a new format means that the old
 * meaning has changed. */
#include "store/fields.h"

#include "base/error.h"

#include <jansson.h>
#include <string.h>

enum { FORMAT = 1 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* ---- Writing */

/* JSON is UTF-8. Hypervisors speak XML or JSON, hence UTF-8 too; should one not, its odd bytes become U+FFFD. */
static json_t *text_to_json(const char *text)
{
    if (!text)
        return NULL;
    json_t *json = json_string(text);
    if (json)
        return json;
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return json_string(valid);
}

static json_t *texts_to_json(char *const *texts, guint count)
{
    json_t *array = json_array();
    for (guint i = 0; i < count; i++)
        json_array_append_new(array, text_to_json(texts[i]));
    return array;
}

static json_t *object_to_json(const GwField *fields, guint count, gconstpointer value);

static json_t *list_to_json(const GwField *field, const GPtrArray *list)
{
    json_t *array = json_array();
    for (guint i = 0; i < list->len; i++)
        json_array_append_new(array, object_to_json(field->fields, field->count, list->pdata[i]));
    return array;
}

static json_t *field_to_json(const GwField *field, gconstpointer value)
{
    gconstpointer at = gw_field_of(field, value);
    switch (field->type) {
    case GW_FIELD_INT64:
        return json_integer(*(const gint64 *)at);
    case GW_FIELD_UINT:
        return json_integer(*(const guint *)at);
    case GW_FIELD_BOOL:
        return json_boolean(*(const gboolean *)at);
    case GW_FIELD_TEXT:
        return text_to_json(*(char *const *)at);
    case GW_FIELD_UUID:
        return text_to_json(at);
    case GW_FIELD_WORD:
        return json_string(gw_field_word_of(field, value));
    case GW_FIELD_STRV: {
        GStrv texts = *(const GStrv *)at;
        return texts ? texts_to_json(texts, g_strv_length(texts)) : NULL;
    }
    case GW_FIELD_STRINGS: {
        const GPtrArray *texts = *(GPtrArray *const *)at;
        return texts_to_json((char **)texts->pdata, texts->len);
    }
    case GW_FIELD_LIST:
        return list_to_json(field, *(GPtrArray *const *)at);
    }
    g_assert_not_reached();
}

static json_t *object_to_json(const GwField *fields, guint count, gconstpointer value)
{
    json_t *object = json_object();
    for (guint i = 0; i < count; i++) {
        json_t *member = field_to_json(&fields[i], value);
        if (member)
            json_object_set_new(object, fields[i].name, member);
    }
    return object;
}

char *gw_fields_to_text(const GwField *fields, guint count, gconstpointer value)
{
    g_autoptr(json_t) object = object_to_json(fields, count, value);
    json_object_set_new(object, "format", json_integer(FORMAT));
    char *dumped = json_dumps(object, JSON_COMPACT);
    char *text = g_strdup(dumped);
    free(dumped);
    return text;
}

/* ---- Reading */

G_GNUC_PRINTF(2, 3) static gboolean refuse(GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s", what);
    return FALSE;
}

static gboolean int64_from_json(const json_t *json, gint64 *ret, GError **error)
{
    if (!json_is_integer(json))
        return refuse(error, "an integer was expected");
    *ret = json_integer_value(json);
    return TRUE;
}

static gboolean uint_from_json(const json_t *json, guint *ret, GError **error)
{
    gint64 integer = 0;
    if (!int64_from_json(json, &integer, error))
        return FALSE;
    if (integer < 0 || integer > G_MAXUINT)
        return refuse(error, "%" G_GINT64_FORMAT " is out of range", integer);
    *ret = (guint)integer;
    return TRUE;
}

static gboolean bool_from_json(const json_t *json, gboolean *ret, GError **error)
{
    if (!json_is_boolean(json))
        return refuse(error, "true or false was expected");
    *ret = json_is_true(json);
    return TRUE;
}

static gboolean text_from_json(const json_t *json, char **ret, GError **error)
{
    if (!json_is_string(json))
        return refuse(error, "a string was expected");
    g_free(*ret); /* a hostile text may list a member twice */
    *ret = g_strdup(json_string_value(json));
    return TRUE;
}

static gboolean uuid_from_json(const json_t *json, char *ret, GError **error)
{
    const char *text = json_string_value(json);
    if (!text || strlen(text) >= GW_UUID_SIZE)
        return refuse(error, "a UUID was expected");
    g_strlcpy(ret, text, GW_UUID_SIZE);
    return TRUE;
}

static gboolean word_from_json(const GwField *field, const json_t *json, int *ret, GError **error)
{
    const char *word = json_string_value(json);
    if (!word)
        return refuse(error, "a string was expected");
    return gw_field_word(field, word, ret) || refuse(error, "'%s' is not known to this Godwit", word);
}

static gboolean strings_from_json(const json_t *json, GPtrArray *texts, GError **error)
{
    if (!json_is_array(json))
        return refuse(error, "a list was expected");
    for (size_t i = 0; i < json_array_size(json); i++) {
        char *text = NULL;
        if (!text_from_json(json_array_get(json, i), &text, error)) {
            gw_error_prefix(error, "[%zu]", i);
            return FALSE;
        }
        g_ptr_array_add(texts, text);
    }
    return TRUE;
}

static gboolean strv_from_json(const json_t *json, GStrv *ret, GError **error)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    if (!strings_from_json(json, texts, error))
        return FALSE;
    g_ptr_array_add(texts, NULL);
    *ret = (GStrv)g_ptr_array_steal(texts, NULL);
    return TRUE;
}

static gboolean object_from_json(const GwField *fields, guint count, const json_t *json, gpointer value,
                                 GError **error);

static gboolean list_from_json(const GwField *field, const json_t *json, gpointer owner, GError **error)
{
    if (!json_is_array(json))
        return refuse(error, "a list was expected");
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (!object_from_json(field->fields, field->count, json_array_get(json, i), field->append(owner), error)) {
            gw_error_prefix(error, "[%zu]", i);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean field_from_json(const GwField *field, const json_t *json, gpointer value, GError **error)
{
    gpointer at = gw_field_of(field, value);
    switch (field->type) {
    case GW_FIELD_INT64:
        return int64_from_json(json, at, error);
    case GW_FIELD_UINT:
        return uint_from_json(json, at, error);
    case GW_FIELD_BOOL:
        return bool_from_json(json, at, error);
    case GW_FIELD_TEXT:
        return text_from_json(json, at, error);
    case GW_FIELD_UUID:
        return uuid_from_json(json, at, error);
    case GW_FIELD_WORD:
        return word_from_json(field, json, at, error);
    case GW_FIELD_STRV:
        return strv_from_json(json, at, error);
    case GW_FIELD_STRINGS:
        return strings_from_json(json, *(GPtrArray **)at, error);
    case GW_FIELD_LIST:
        return list_from_json(field, json, value, error);
    }
    g_assert_not_reached();
}

static gboolean object_from_json(const GwField *fields, guint count, const json_t *json, gpointer value, GError **error)
{
    if (!json_is_object(json))
        return refuse(error, "an object was expected");
    for (guint i = 0; i < count; i++) {
        const json_t *member = json_object_get(json, fields[i].name);
        if (member && !field_from_json(&fields[i], member, value, error)) {
            gw_error_prefix(error, "%s", fields[i].name);
            return FALSE;
        }
    }
    return TRUE;
}

/* What has a UUID is nothing without it. */
static gboolean check_identity(const GwField *fields, guint count, const json_t *json, GError **error)
{
    for (guint i = 0; i < count; i++)
        if (fields[i].type == GW_FIELD_UUID && !json_object_get(json, fields[i].name))
            return refuse(error, "it has no %s", fields[i].name);
    return TRUE;
}

static gboolean check_format(const GwField *fields, guint count, const json_t *json, GError **error)
{
    const json_t *format = json_object_get(json, "format");
    if (!json_is_integer(format))
        return refuse(error, "it does not say its format");
    if (json_integer_value(format) != FORMAT)
        return refuse(error, "it has format %lld, and this Godwit reads format %d: run the Godwit that wrote it",
                      (long long)json_integer_value(format), FORMAT);
    return check_identity(fields, count, json, error);
}

gboolean gw_fields_from_text(const GwField *fields, guint count, const char *text, gpointer value, GError **error)
{
    json_error_t where;
    g_autoptr(json_t) json = json_loads(text, 0, &where);
    if (!json)
        return refuse(error, "not JSON: %s at line %d, column %d", where.text, where.line, where.column);
    return check_format(fields, count, json, error) && object_from_json(fields, count, json, value, error);
}
