/* A struct described as a table of its fields, once: from it come the columns of its row (fields.c) and the members
 * of its JSON text (json.c), so that a field cannot be written and then forgotten when reading. */
#ifndef GW_STORE_FIELDS_H
#define GW_STORE_FIELDS_H

#include "store/database.h"

#include <stddef.h>

typedef enum {
    GW_FIELD_INT64,   /* gint64 or guint64 (kept bit by bit) */
    GW_FIELD_UINT,    /* guint or unsigned */
    GW_FIELD_BOOL,    /* gboolean */
    GW_FIELD_TEXT,    /* char *, owned; may be NULL */
    GW_FIELD_UUID,    /* char[GW_UUID_SIZE] */
    GW_FIELD_WORD,    /* an enum, stored as its word, so that its numbers may change */
    GW_FIELD_STRV,    /* GStrv or NULL; JSON only, as are those below */
    GW_FIELD_STRINGS, /* GPtrArray of char * */
    GW_FIELD_LIST,    /* GPtrArray of structs */
} GwFieldType;

typedef struct GwField GwField;
struct GwField {
    const char *name;
    GwFieldType type;
    gsize offset;
    const char *const *words; /* GW_FIELD_WORD: by the enum's number; NULL where the enum has a hole */
    const GwField *fields;    /* GW_FIELD_LIST: of one element */
    guint count;              /* of words or fields */
    gpointer (*append)(gpointer owner); /* GW_FIELD_LIST: adds a zeroed element to the struct that holds the list */
};

#define GW_FIELD(TYPE, type, member) {#member, GW_FIELD_##type, offsetof(TYPE, member)}
#define GW_FIELD_NAMED(TYPE, type, member, name) {name, GW_FIELD_##type, offsetof(TYPE, member)}
#define GW_FIELD_WORDS(TYPE, member, name, words)                                                                      \
    {name, GW_FIELD_WORD, offsetof(TYPE, member), words, NULL, G_N_ELEMENTS(words)}
#define GW_FIELD_LIST_OF(TYPE, member, fields, append)                                                                 \
    {#member, GW_FIELD_LIST, offsetof(TYPE, member), NULL, fields, G_N_ELEMENTS(fields), append}

/* The place of a field in a struct. */
static inline gpointer gw_field_of(const GwField *field, gconstpointer value)
{
    return (char *)value + field->offset;
}

/* The number of a word; FALSE when there is no such word. */
gboolean gw_field_word(const GwField *field, const char *word, int *ret_number);
/* The word of the field in value; never NULL for a value that Godwit made. */
const char *gw_field_word_of(const GwField *field, gconstpointer value);

/* Appends the columns: "a, b" with prefix "", "m.a, m.b" with prefix "m."; "$1, $2"; "a = $1, b = $2". */
void gw_fields_append_names(GString *sql, const GwField *fields, guint count, const char *prefix);
void gw_fields_append_params(GString *sql, guint count);
void gw_fields_append_settings(GString *sql, const GwField *fields, guint count);
/* Fills params[0 … count - 1]; texts stay borrowed from value. */
void gw_fields_bind(const GwField *fields, guint count, gconstpointer value, GwParam *params);
/* Reads the columns 0 … count - 1 of the present row into value, whose texts must be NULL. */
gboolean gw_fields_read(const GwField *fields, guint count, GwResult *result, gpointer value, GError **error);

/* The struct as JSON text with its format's number, and back into a struct that is empty. GW_ERROR_STORE names the
 * member and what is wrong with it; value may be half filled then. */
char *gw_fields_to_text(const GwField *fields, guint count, gconstpointer value);
gboolean gw_fields_from_text(const GwField *fields, guint count, const char *text, gpointer value, GError **error);

/* A number that is another one, as good as surely, when anything of the struct is. */
guint64 gw_fields_hash(const GwField *fields, guint count, gconstpointer value);

#endif
