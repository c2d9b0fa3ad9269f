/* Query parameters: which are known at which microversion, what they must look like, and pages. */
#ifndef GW_API_QUERY_H
#define GW_API_QUERY_H

#include "api/request.h"

typedef enum { GW_QUERY_TEXT, GW_QUERY_NUMBER, GW_QUERY_TIME, GW_QUERY_REGEX, GW_QUERY_BOOLEAN } GwQueryKind;

typedef struct {
    const char *name;
    GwQueryKind kind;
    guint since; /* microversion 2.since; 0: always */
} GwQueryRule;

/* Removes parameters that this microversion does not know, or answers 400 for them from 2.strict on (0: never). FALSE:
 * a fault has been answered, in Nova's words (nova/api/validation/validators.py). */
gboolean gw_query_check(GwRequest *request, const GwQueryRule *rules, gsize count, guint strict);
#define GW_QUERY_CHECK(request, rules, strict) gw_query_check(request, rules, G_N_ELEMENTS(rules), strict)

/* What follows is for parameters that were checked. Of several with one name the last counts. NULL, 0 or FALSE when
 * absent. */
const char *gw_query_text(const GwRequest *request, const char *name);
gint64 gw_query_time(const GwRequest *request, const char *name); /* microseconds */
gboolean gw_query_is_true(const GwRequest *request, const char *name);

/* "limit", at most the setting max_limit, which is also its default. */
guint gw_query_limit(const GwRequest *request);
/* The array of links to the next page: the same query with another marker. path is below the root. */
json_t *gw_query_next(GwRequest *request, const char *path, const char *marker);
/* changes-since after changes-before is 400. */
gboolean gw_query_check_period(GwRequest *request);

/* The strings that OpenStack takes for true and false (oslo.utils, strutils). */
gboolean gw_parse_boolean(const char *text, gboolean *ret);
gboolean gw_parse_time(const char *text, gint64 *ret_us); /* ISO 8601; without a zone it is UTC */
/* A pattern that costs little whatever it is: a list is matched against it while others wait. */
GRegex *gw_parse_regex(const char *text, GError **error);

#endif
