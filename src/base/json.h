/* Reading JSON with jansson: getters whose errors name the field, the value found, and what was expected.
 * All errors are GW_ERROR_INVALID; callers add whose text it was with gw_error_prefix(). */
#ifndef GW_BASE_JSON_H
#define GW_BASE_JSON_H

#include "base/error.h"

#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* An OPTIONAL field may be absent or null: the getter then returns TRUE and leaves *ret_… as it was. */
typedef enum { GW_JSON_REQUIRED, GW_JSON_OPTIONAL } GwJsonNeed;

/* One JSON value and nothing after it; the error says line and column. Duplicate keys are refused. Owned by the caller.
 */
json_t *gw_json_parse(const char *text, gsize size, GError **error);

/* What is returned is borrowed from `object`. On failure *ret_… is untouched. An `object` that is not a JSON object
 * (NULL included) is an error too. */
gboolean gw_json_string(const json_t *object, const char *field, GwJsonNeed need, const char **ret_value,
                        GError **error);
gboolean gw_json_bool(const json_t *object, const char *field, GwJsonNeed need, gboolean *ret_value, GError **error);
/* least and most are inclusive. */
gboolean gw_json_int(const json_t *object, const char *field, GwJsonNeed need, gint64 least, gint64 most,
                     gint64 *ret_value, GError **error);
/* Counts and sizes: 0 to G_MAXINT64. */
gboolean gw_json_uint64(const json_t *object, const char *field, GwJsonNeed need, guint64 *ret_value, GError **error);
gboolean gw_json_object(const json_t *object, const char *field, GwJsonNeed need, json_t **ret_value, GError **error);
gboolean gw_json_array(const json_t *object, const char *field, GwJsonNeed need, json_t **ret_value, GError **error);

/* For what is only shown: the string, or NULL when it is absent or anything else. Borrowed. */
const char *gw_json_peek(const json_t *object, const char *field);
/* Likewise a list of strings, "a, b"; what is no string shows as "?". Owned by the caller. */
char *gw_json_join(const json_t *strings);

/* A value as an error shows it: compact, cut at about 60 characters. Owned by the caller. */
char *gw_json_excerpt(const json_t *value);

#endif
