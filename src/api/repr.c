#include "api/repr.h"

#include <string.h>

/* Double quotes where that spares a backslash, as Python does. */
static void append_string(GString *out, const char *text)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    g_string_append_c(out, quote);
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == '\n')
            g_string_append(out, "\\n");
        else if (c == '\t')
            g_string_append(out, "\\t");
        else if (c == '\r')
            g_string_append(out, "\\r");
        else if (c == '\\' || c == (gunichar)quote)
            g_string_append_printf(out, "\\%c", (char)c);
        else if (g_unichar_isprint(c))
            g_string_append_unichar(out, c);
        else
            g_string_append_printf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
    g_string_append_c(out, quote);
}

static void append_value(GString *out, json_t *value);

static void append_object(GString *out, json_t *object)
{
    const char *key;
    json_t *value;
    const char *separator = "";
    g_string_append_c(out, '{');
    json_object_foreach(object, key, value)
    {
        g_string_append(out, separator);
        append_string(out, key);
        g_string_append(out, ": ");
        append_value(out, value);
        separator = ", ";
    }
    g_string_append_c(out, '}');
}

static void append_array(GString *out, json_t *array)
{
    gsize i;
    json_t *value;
    g_string_append_c(out, '[');
    json_array_foreach(array, i, value)
    {
        g_string_append(out, i ? ", " : "");
        append_value(out, value);
    }
    g_string_append_c(out, ']');
}

static void append_real(GString *out, double number)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_dtostr(text, sizeof text, number);
    g_string_append(out, text);
    if (!strpbrk(text, ".en")) /* 1.0 is not 1 */
        g_string_append(out, ".0");
}

static void append_value(GString *out, json_t *value)
{
    if (!value) {
        g_string_append(out, "None");
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        append_object(out, value);
        break;
    case JSON_ARRAY:
        append_array(out, value);
        break;
    case JSON_STRING:
        append_string(out, json_string_value(value));
        break;
    case JSON_INTEGER:
        g_string_append_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        append_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        g_string_append(out, "True");
        break;
    case JSON_FALSE:
        g_string_append(out, "False");
        break;
    case JSON_NULL:
        g_string_append(out, "None");
        break;
    }
}

char *gw_json_repr(json_t *value)
{
    GString *out = g_string_new(NULL);
    append_value(out, value);
    return g_string_free(out, FALSE);
}

char *gw_json_str(json_t *value)
{
    return json_is_string(value) ? g_strdup(json_string_value(value)) : gw_json_repr(value);
}
