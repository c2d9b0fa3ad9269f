#include "api/query.h"

#include <string.h>

gboolean gw_parse_boolean(const char *text, gboolean *ret)
{
    static const char *const yes[] = {"1", "t", "true", "on", "y", "yes", NULL};
    static const char *const no[] = {"0", "f", "false", "off", "n", "no", NULL};
    g_autofree char *lower = g_ascii_strdown(text, -1);
    *ret = g_strv_contains(yes, g_strstrip(lower));
    return *ret || g_strv_contains(no, lower);
}

/* What Nova's parser takes beyond GLib's: a day alone, minutes without seconds, a blank for the "T". */
static char *complete_time(const char *text)
{
    static const char pattern[] =
        "^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(:[0-9.,]+)?)?(Z|[+-][0-9:]+)?$";
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_DOLLAR_ENDONLY, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(regex, text, 0, &match))
        return g_strdup(text); /* it may be of another form of ISO 8601 */
    g_autofree char *day = g_match_info_fetch(match, 1);
    g_autofree char *minutes = g_match_info_fetch(match, 2);
    g_autofree char *seconds = g_match_info_fetch(match, 3);
    g_autofree char *zone = g_match_info_fetch(match, 4);
    return g_strconcat(day, "T", minutes && *minutes ? minutes : "00:00", seconds && *seconds ? seconds : ":00", zone,
                       NULL);
}

gboolean gw_parse_time(const char *text, gint64 *ret_us)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autofree char *whole = complete_time(text);
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(whole, utc);
    if (!time)
        return FALSE;
    *ret_us = g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time);
    return TRUE;
}

GRegex *gw_parse_regex(const char *text, GError **error)
{
    g_autofree char *limited = g_strconcat("(*LIMIT_MATCH=5000)", text, NULL);
    return g_regex_new(limited, 0, 0, error);
}

/* ---- checking */

static gboolean refuse(GwRequest *request, const GwParam *param, const char *format, ...) G_GNUC_PRINTF(3, 4);
static gboolean refuse(GwRequest *request, const GwParam *param, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *why = g_strdup_vprintf(format, args);
    va_end(args);
    gw_reply_fault(request, 400, "Invalid input for query parameters %s. Value: %s. %s", param->name, param->value,
                   why);
    return FALSE;
}

static gboolean check_kind(GwRequest *request, const GwParam *param, GwQueryKind kind)
{
    gint64 us;
    gboolean is_true;
    switch (kind) {
    case GW_QUERY_TEXT:
        return TRUE;
    case GW_QUERY_NUMBER:
        return g_regex_match_simple("^[0-9]{1,18}$", param->value, G_REGEX_DOLLAR_ENDONLY, 0) ||
               refuse(request, param, "'%s' does not match '^[0-9]*$'", param->value);
    case GW_QUERY_TIME:
        return gw_parse_time(param->value, &us) || refuse(request, param, "'%s' is not a 'date-time'", param->value);
    case GW_QUERY_BOOLEAN:
        return !*param->value || gw_parse_boolean(param->value, &is_true) ||
               refuse(request, param,
                      "Unrecognized value '%s', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', "
                      "'t', 'true', 'y', 'yes'",
                      param->value);
    case GW_QUERY_REGEX: {
        g_autoptr(GRegex) regex = gw_parse_regex(param->value, NULL);
        return regex || refuse(request, param, "'%s' is not a 'regex'", param->value);
    }
    }
    return TRUE;
}

static const GwQueryRule *find_rule(const GwRequest *request, const GwQueryRule *rules, gsize count, const char *name)
{
    for (gsize i = 0; i < count; i++)
        if (request->minor >= rules[i].since && strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

gboolean gw_query_check(GwRequest *request, const GwQueryRule *rules, gsize count, guint strict)
{
    guint i = 0;
    while (i < request->params->len) {
        const GwParam *param = request->params->pdata[i];
        const GwQueryRule *rule = find_rule(request, rules, count, param->name);
        if (!rule && strict && request->minor >= strict) {
            gw_reply_fault(request, 400, "Additional properties are not allowed ('%s' was unexpected)", param->name);
            return FALSE;
        }
        if (!rule) {
            g_ptr_array_remove_index(request->params, i);
            continue;
        }
        if (!check_kind(request, param, rule->kind))
            return FALSE;
        i++;
    }
    return TRUE;
}

/* ---- reading */

const char *gw_query_text(const GwRequest *request, const char *name)
{
    for (guint i = request->params->len; i > 0; i--) {
        const GwParam *param = request->params->pdata[i - 1];
        if (strcmp(param->name, name) == 0)
            return param->value;
    }
    return NULL;
}

gint64 gw_query_time(const GwRequest *request, const char *name)
{
    gint64 us;
    const char *text = gw_query_text(request, name);
    return text && gw_parse_time(text, &us) ? us : 0;
}

gboolean gw_query_is_true(const GwRequest *request, const char *name)
{
    gboolean is_true;
    const char *text = gw_query_text(request, name);
    return text && gw_parse_boolean(text, &is_true) && is_true;
}

gboolean gw_query_check_period(GwRequest *request)
{
    gint64 since = gw_query_time(request, "changes-since");
    gint64 before = gw_query_time(request, "changes-before");
    if (!since || !before || since <= before)
        return TRUE;
    gw_reply_fault(request, 400, "The value of changes-since must be less than or equal to changes-before.");
    return FALSE;
}

/* ---- pages */

guint gw_query_limit(const GwRequest *request)
{
    const char *text = gw_query_text(request, "limit");
    guint64 limit = text ? g_ascii_strtoull(text, NULL, 10) : request->shared->max_limit;
    return (guint)MIN(limit, request->shared->max_limit);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(GwParam *const *)a)->name, (*(GwParam *const *)b)->name);
}

static void append_param(GString *query, const char *name, const char *value)
{
    g_autofree char *escaped_name = g_uri_escape_string(name, NULL, FALSE);
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(query, "%s%s=%s", query->len ? "&" : "", escaped_name, escaped);
}

json_t *gw_query_next(GwRequest *request, const char *path, const char *marker)
{
    g_autoptr(GString) query = g_string_new(NULL);
    g_ptr_array_sort(request->params, by_name); /* stable for equal names is not needed: it is one query all the same */
    for (guint i = 0; i < request->params->len; i++) {
        const GwParam *param = request->params->pdata[i];
        if (strcmp(param->name, "marker") != 0)
            append_param(query, param->name, param->value);
    }
    append_param(query, "marker", marker);
    g_autofree char *href = g_strdup_printf("%s/%s?%s", gw_request_root(request), path, query->str);
    return json_pack("[{s:s,s:s}]", "rel", "next", "href", href);
}
