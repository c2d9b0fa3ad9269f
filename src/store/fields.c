#include "store/fields.h"

#include "base/error.h"

#include <string.h>

_Static_assert(sizeof(GwMigrationState) == sizeof(int) && sizeof(GwPower) == sizeof(int), "words are kept as int");

gboolean gw_field_word(const GwField *field, const char *word, int *ret_number)
{
    for (guint i = 0; i < field->count; i++) {
        if (g_strcmp0(field->words[i], word) == 0 && word) {
            *ret_number = (int)i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *gw_field_word_of(const GwField *field, gconstpointer value)
{
    int number = *(const int *)gw_field_of(field, value);
    g_assert(number >= 0 && (guint)number < field->count && field->words[number]);
    return field->words[number];
}

void gw_fields_append_names(GString *sql, const GwField *fields, guint count, const char *prefix)
{
    for (guint i = 0; i < count; i++)
        g_string_append_printf(sql, "%s%s%s", i ? ", " : "", prefix, fields[i].name);
}

void gw_fields_append_params(GString *sql, guint count)
{
    for (guint i = 0; i < count; i++)
        g_string_append_printf(sql, "%s$%u", i ? ", " : "", i + 1);
}

void gw_fields_append_settings(GString *sql, const GwField *fields, guint count)
{
    for (guint i = 0; i < count; i++)
        g_string_append_printf(sql, "%s%s = $%u", i ? ", " : "", fields[i].name, i + 1);
}

static GwParam bind(const GwField *field, gconstpointer value)
{
    gconstpointer at = gw_field_of(field, value);
    switch (field->type) {
    case GW_FIELD_INT64:
        return gw_param_integer(*(const gint64 *)at);
    case GW_FIELD_UINT:
        return gw_param_integer(*(const guint *)at);
    case GW_FIELD_BOOL:
        return gw_param_integer(*(const gboolean *)at ? 1 : 0);
    case GW_FIELD_TEXT:
        return gw_param_text(*(char *const *)at);
    case GW_FIELD_UUID:
        return gw_param_text(at);
    case GW_FIELD_WORD:
        return gw_param_text(gw_field_word_of(field, value));
    case GW_FIELD_STRV:
    case GW_FIELD_STRINGS:
    case GW_FIELD_LIST:
        break;
    }
    g_assert_not_reached(); /* a table of columns holds none of these */
}

void gw_fields_bind(const GwField *fields, guint count, gconstpointer value, GwParam *params)
{
    for (guint i = 0; i < count; i++)
        params[i] = bind(&fields[i], value);
}

static gboolean read_word(const GwField *field, const char *word, int *ret_number, GError **error)
{
    if (gw_field_word(field, word, ret_number))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                "column %s holds '%s', which this Godwit does not know: restore the database, or run the Godwit that "
                "wrote it",
                field->name, word ? word : "nothing");
    return FALSE;
}

static gboolean read_field(const GwField *field, GwResult *result, guint column, gpointer value, GError **error)
{
    gpointer at = gw_field_of(field, value);
    switch (field->type) {
    case GW_FIELD_INT64:
        *(gint64 *)at = gw_result_integer(result, column);
        return TRUE;
    case GW_FIELD_UINT:
        *(guint *)at = (guint)gw_result_integer(result, column);
        return TRUE;
    case GW_FIELD_BOOL:
        *(gboolean *)at = gw_result_integer(result, column) != 0;
        return TRUE;
    case GW_FIELD_TEXT:
        *(char **)at = g_strdup(gw_result_text(result, column));
        return TRUE;
    case GW_FIELD_UUID: {
        const char *text = gw_result_text(result, column);
        g_strlcpy(at, text ? text : "", GW_UUID_SIZE);
        return TRUE;
    }
    case GW_FIELD_WORD:
        return read_word(field, gw_result_text(result, column), at, error);
    case GW_FIELD_STRV:
    case GW_FIELD_STRINGS:
    case GW_FIELD_LIST:
        break;
    }
    g_assert_not_reached();
}

gboolean gw_fields_read(const GwField *fields, guint count, GwResult *result, gpointer value, GError **error)
{
    for (guint i = 0; i < count; i++)
        if (!read_field(&fields[i], result, i, value, error))
            return FALSE;
    return TRUE;
}

/* ---- One number for all fields: FNV-1a */

static guint64 hash_bytes(guint64 hash, gconstpointer bytes, gsize size)
{
    for (gsize i = 0; i < size; i++)
        hash = (hash ^ ((const guchar *)bytes)[i]) * 1099511628211u;
    return hash;
}

/* With its end, so that "a", "b" is not "ab"; and what is not there is not empty. */
static guint64 hash_text(guint64 hash, const char *text)
{
    return text ? hash_bytes(hash, text, strlen(text) + 1) : hash_bytes(hash, "\xff", 1);
}

static guint64 hash_texts(guint64 hash, char *const *texts, guint count)
{
    hash = hash_bytes(hash, &count, sizeof count);
    for (guint i = 0; i < count; i++)
        hash = hash_text(hash, texts[i]);
    return hash;
}

static guint64 hash_struct(guint64 hash, const GwField *fields, guint count, gconstpointer value);

static guint64 hash_list(guint64 hash, const GwField *field, const GPtrArray *list)
{
    hash = hash_bytes(hash, &list->len, sizeof list->len);
    for (guint i = 0; i < list->len; i++)
        hash = hash_struct(hash, field->fields, field->count, list->pdata[i]);
    return hash;
}

static guint64 hash_field(guint64 hash, const GwField *field, gconstpointer value)
{
    gconstpointer at = gw_field_of(field, value);
    switch (field->type) {
    case GW_FIELD_INT64:
        return hash_bytes(hash, at, sizeof(gint64));
    case GW_FIELD_UINT:
    case GW_FIELD_BOOL:
        return hash_bytes(hash, at, sizeof(guint));
    case GW_FIELD_TEXT:
        return hash_text(hash, *(char *const *)at);
    case GW_FIELD_UUID:
        return hash_text(hash, at);
    case GW_FIELD_WORD: /* its number may be another's in the next version */
        return hash_text(hash, gw_field_word_of(field, value));
    case GW_FIELD_STRV: {
        GStrv texts = *(const GStrv *)at;
        return hash_texts(hash, texts, texts ? g_strv_length(texts) : 0);
    }
    case GW_FIELD_STRINGS: {
        const GPtrArray *texts = *(GPtrArray *const *)at;
        return hash_texts(hash, (char *const *)texts->pdata, texts->len);
    }
    case GW_FIELD_LIST:
        return hash_list(hash, field, *(GPtrArray *const *)at);
    }
    g_assert_not_reached();
}

static guint64 hash_struct(guint64 hash, const GwField *fields, guint count, gconstpointer value)
{
    for (guint i = 0; i < count; i++)
        hash = hash_field(hash, &fields[i], value);
    return hash;
}

guint64 gw_fields_hash(const GwField *fields, guint count, gconstpointer value)
{
    return hash_struct(14695981039346656037u, fields, count, value);
}
