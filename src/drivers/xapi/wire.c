#include "drivers/xapi/wire.h"

#include <math.h>
#include <string.h>

G_DEFINE_QUARK(gw-xapi-fault-quark, gw_xapi_fault)

gboolean gw_xapi_is_fault(const GError *error, const char *code)
{
    if (!error || error->domain != GW_XAPI_FAULT)
        return FALSE;
    gsize length = strlen(code);
    return strncmp(error->message, code, length) == 0 && (error->message[length] == '\0' || error->message[length] == ':');
}

char *gw_xapi_fault_detail(const GError *error)
{
    const char *colon = strstr(error->message, ": ");
    if (!colon)
        return g_strdup("");
    g_auto(GStrv) params = g_strsplit(colon + 2, ", ", 2);
    return g_strdup(params[0] ? params[0] : "");
}

void gw_xapi_fault_set(GError **error, const char *code, const json_t *params)
{
    g_autoptr(GString) text = g_string_new(code ? code : "UNKNOWN");
    gsize i;
    json_t *param;
    json_array_foreach((json_t *)params, i, param)
        g_string_append_printf(text, "%s%s", i ? ", " : ": ", json_is_string(param) ? json_string_value(param) : "?");
    if (json_is_string(params))
        g_string_append_printf(text, ": %s", json_string_value(params));
    g_autofree char *valid = g_utf8_make_valid(text->str, -1);
    g_set_error_literal(error, GW_XAPI_FAULT, 0, valid);
}

char *gw_xapi_json_request(const char *method, json_t *params)
{
    g_autoptr(json_t) call = json_pack("{s:s, s:s, s:O, s:i}", "jsonrpc", "2.0", "method", method, "params", params, "id", 1);
    return call ? json_dumps(call, JSON_COMPACT) : NULL;
}

/* ---- numbers that JSON or jansson does not know */

static gboolean fits_64_bits(const char *digits)
{
    char *end;
    errno = 0;
    (void)g_ascii_strtoll(digits, &end, 10);
    return errno == 0 && *end == '\0';
}

static void append_number(GString *out, const char *word, gsize length)
{
    g_autofree char *text = g_strndup(word, length);
    if (strpbrk(text, "INn")) /* NaN, Infinity, -Infinity */
        g_string_append(out, "null");
    else if (strpbrk(text, ".eE"))
        g_string_append(out, isfinite(g_ascii_strtod(text, NULL)) ? text : "null");
    else if (fits_64_bits(text))
        g_string_append(out, text);
    else
        g_string_append_printf(out, "\"%s\"", text);
}

/* Rewrites what stands outside of strings. */
static GString *tame(const char *text, gsize size)
{
    GString *out = g_string_sized_new(size + 1);
    const char *end = text + size;
    gboolean quoted = FALSE;
    for (const char *at = text; at < end;) {
        if (quoted && *at == '\\' && at + 1 < end) {
            g_string_append_len(out, at, 2);
            at += 2;
        } else if (!quoted && (g_ascii_isdigit(*at) || *at == '-' || *at == 'N' || *at == 'I')) {
            const char *start = at;
            while (at < end && (g_ascii_isalnum(*at) || *at == '.' || *at == '+' || *at == '-'))
                at++;
            append_number(out, start, (gsize)(at - start));
        } else {
            const char *start = at;
            quoted = *at == '"' ? !quoted : quoted;
            for (at++; at < end && (quoted ? *at != '"' && *at != '\\' : !strchr("0123456789-NI\"", *at) || !*at); at++)
                ;
            g_string_append_len(out, start, at - start);
        }
    }
    return out;
}

static json_t *no_answer(const char *why, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_LOST, "it answers what is no answer of XAPI: %s", why);
    return NULL;
}

/* An error is an object {code, message, data}, or (old servers, and one path of new ones) a list of code and parameters. */
static void read_error(const json_t *failure, GError **error)
{
    if (!json_is_array(failure)) {
        const char *code = json_string_value(json_object_get(failure, "message"));
        gw_xapi_fault_set(error, code, json_object_get(failure, "data"));
        return;
    }
    g_autoptr(json_t) params = json_copy((json_t *)failure);
    g_autofree char *code = g_strdup(json_string_value(json_array_get(params, 0)));
    json_array_remove(params, 0);
    gw_xapi_fault_set(error, code, params);
}

json_t *gw_xapi_json_response(const char *text, gsize size, GError **error)
{
    json_error_t why;
    GString *tamed = tame(text, size);
    g_autoptr(json_t) answer = json_loadb(tamed->str, tamed->len, JSON_ALLOW_NUL, &why);
    g_string_free(tamed, TRUE);
    if (!answer)
        return no_answer(why.text, error);
    json_t *failure = json_object_get(answer, "error");
    if (failure && !json_is_null(failure)) {
        read_error(failure, error);
        return NULL;
    }
    json_t *result = json_object_get(answer, "result");
    return result ? json_incref(result) : no_answer("it has neither result nor error", error);
}
