/* The text of an option becomes its value, or says what is wrong with it. */
#include "base/error.h"
#include "core/flags.h"
#include "core/inbound.h"
#include "daemon/options.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <string.h>

gboolean gw_option_refuse(GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, GW_ERROR, GW_ERROR_INVALID, what);
    return FALSE;
}

static gboolean parse_switch(const char *text, gboolean *ret, GError **error)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(words[i], text) == 0) {
            *ret = i % 2 == 1;
            return TRUE;
        }
    }
    return gw_option_refuse(error, "is neither true nor false; write one of the two");
}

static gboolean parse_number(const GwOption *option, const char *text, guint *ret, GError **error)
{
    guint64 number;
    if (g_ascii_string_to_unsigned(text, 10, option->min, option->max, &number, NULL)) {
        *ret = (guint)number;
        return TRUE;
    }
    return gw_option_refuse(error, "is not a whole number from %u to %u; write one%s%s", option->min, option->max,
                            option->unit ? " in " : "", option->unit ? option->unit : "");
}

static gboolean parse_choice(const GwOption *option, const char *text, guint *ret, GError **error)
{
    for (guint i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *ret = i;
            return TRUE;
        }
    }
    g_autofree char *all = g_strjoinv(", ", (char **)option->choices);
    return gw_option_refuse(error, "is none of the words that it may be; write one of: %s", all);
}

static gboolean check_template(const char *text, GError **error)
{
    const char *percent = strchr(text, '%');
    gboolean one = percent && percent[1] == 's' && !strchr(percent + 1, '%');
    if (*text && (!one || !strstr(text, "://")))
        return gw_option_refuse(
            error, "is not an address with exactly one %%s; write one such as qemu+tcp://%%s/system, or nothing");
    return TRUE;
}

static gboolean check_inbound(const char *text, GError **error)
{
    g_autofree char *problem = *text ? gw_inbound_problem(text) : NULL;
    return !problem || gw_option_refuse(error, "%s", problem);
}

static gboolean check_address(const char *text, GError **error)
{
    struct in6_addr ignored;
    if (inet_pton(AF_INET, text, &ignored) == 1 || inet_pton(AF_INET6, text, &ignored) == 1)
        return TRUE;
    return gw_option_refuse(error, "is not an IP address; write one such as 127.0.0.1 or ::");
}

static gboolean check_sr_filter(const char *text, GError **error)
{
    if (strcmp(text, "default-sr:true") == 0 || (g_str_has_prefix(text, "other-config:") && strchr(text, '=')))
        return TRUE;
    return gw_option_refuse(error, "names no storage repository; write default-sr:true or other-config:KEY=VALUE");
}

static gboolean check_host(const char *text, GError **error)
{
    for (const char *at = text; *at; at++)
        if (!g_ascii_isalnum(*at) && !strchr(".:-", *at))
            return gw_option_refuse(error, "is neither an IP address nor a host name; write one such as 0.0.0.0");
    return TRUE;
}

static gboolean check_database(const char *text, GError **error)
{
    if (g_str_has_prefix(text, GW_OPTION_SQLITE "/"))
        return TRUE;
    if (g_str_has_prefix(text, GW_OPTION_POSTGRES))
        return gw_store_check_postgres(text, error);
    return gw_option_refuse(error, "is not a database that Godwit knows; write " GW_OPTION_SQLITE
                                   " and an absolute path, or " GW_OPTION_POSTGRES "USER@HOST/DATABASE");
}

static gboolean store_text(char *text, gboolean ok, char **ret)
{
    if (ok)
        *ret = text;
    else
        g_free(text);
    return ok;
}

gboolean gw_option_convert(const GwOption *option, char *text, gpointer at, GError **error)
{
    gboolean ok = FALSE;
    switch (option->type) {
    case GW_OPTION_SWITCH:
        ok = parse_switch(text, at, error);
        break;
    case GW_OPTION_NUMBER:
        ok = parse_number(option, text, at, error);
        break;
    case GW_OPTION_FLAGS:
        ok = gw_flags_parse(text, at, error);
        break;
    case GW_OPTION_CHOICE:
        ok = parse_choice(option, text, at, error);
        break;
    case GW_OPTION_PATH:
        ok = *text == '/' || gw_option_refuse(error, "is not an absolute path; begin it with /");
        return store_text(text, ok, at);
    case GW_OPTION_FILE:
        ok = !*text || *text == '/' || gw_option_refuse(error, "is not an absolute path; begin it with /, or leave it empty");
        return store_text(text, ok, at);
    case GW_OPTION_INBOUND:
        return store_text(text, check_inbound(text, error), at);
    case GW_OPTION_TEMPLATE:
        return store_text(text, check_template(text, error), at);
    case GW_OPTION_ADDRESS:
        return store_text(text, check_address(text, error), at);
    case GW_OPTION_SR_FILTER:
        return store_text(text, check_sr_filter(text, error), at);
    case GW_OPTION_HOST:
        return store_text(text, check_host(text, error), at);
    case GW_OPTION_DATABASE:
        return store_text(text, check_database(text, error), at);
    case GW_OPTION_TEXT:
    case GW_OPTION_SECRET:
        return store_text(text, TRUE, at);
    }
    g_free(text);
    return ok;
}
