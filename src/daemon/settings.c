#include "daemon/settings.h"

#include "base/error.h"
#include "daemon/ini.h"
#include "daemon/options.h"

#include <string.h>

/* What the file says of one option. */
typedef struct {
    const GwIniItem *item; /* NULL: it says nothing */
    gboolean expanding; /* its substitutions are being made: seen again, it refers to itself */
} Given;

typedef struct {
    GwProblems problems;
    Given *given; /* one for each of gw_options */
} Reader;

static Given *given_of(Reader *reader, const GwOption *option)
{
    return &reader->given[option - gw_options];
}

static guint line_of(Reader *reader, const GwOption *option)
{
    const GwIniItem *item = given_of(reader, option)->item;
    return item ? item->line : 0;
}

/* ---- Which option a line means */

/* The address of a database may hold a password, though it should not; no message repeats it. */
static const char *shown(const GwOption *option, const char *value)
{
    return option->type == GW_OPTION_DATABASE && strchr(value, '@') ? "…" : value;
}

static void take_item(Reader *reader, const GwIniItem *item)
{
    const GwOption *option = gw_option_find(item->section, item->name);
    if (!option) {
        g_autofree char *advice = gw_option_advice(item->section, item->name);
        gw_problems_add(&reader->problems, item->line, "%s: %s", item->name, advice);
        return;
    }
    Given *given = given_of(reader, option);
    if (given->item && strcmp(given->item->value, item->value) != 0)
        gw_problems_add(&reader->problems, item->line,
                        "%s: '%s': is not what line %u says, [%s] %s = '%s'; keep one of the two", item->name,
                        shown(option, item->value), given->item->line, given->item->section, given->item->name,
                        shown(option, given->item->value));
    else
        given->item = item;
}

/* ---- Substitution: $name, ${name}, ${section.name}; $$ is a dollar */

static gboolean append_value(Reader *reader, GString *out, const GwOption *option, const GwOption *into,
                             GError **error);

static gboolean is_name_char(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* Cuts the reference that begins after the dollar at *at out of the text: its name, or NULL when it is none. */
static char *take_reference(const char **at)
{
    const char *begin = *at, *end = begin;
    if (*begin == '{') {
        end = strchr(begin, '}');
        if (!end || end == begin + 1)
            return NULL;
        *at = end + 1;
        return g_strndup(begin + 1, (gsize)(end - begin - 1));
    }
    while (is_name_char(*end))
        end++;
    *at = end;
    return end == begin ? NULL : g_strndup(begin, (gsize)(end - begin));
}

static const GwOption *find_reference(const char *reference)
{
    const char *dot = strchr(reference, '.');
    if (!dot)
        return gw_option_find(NULL, reference);
    g_autofree char *section = g_strndup(reference, (gsize)(dot - reference));
    return gw_option_find(section, dot + 1);
}

static gboolean append_reference(Reader *reader, GString *out, const char **at, const GwOption *into, GError **error)
{
    const char *dollar = *at - 1;
    g_autofree char *reference = take_reference(at);
    if (!reference)
        return gw_option_refuse(error, "'%s' names no option after its $; write $name, or $$ for a dollar", dollar);
    const GwOption *option = find_reference(reference);
    if (!option)
        return gw_option_refuse(error, "$%s is no option that Godwit has; write the value itself", reference);
    if (given_of(reader, option)->expanding)
        return gw_option_refuse(error, "refers to itself through $%s; write the value itself", reference);
    return append_value(reader, out, option, into, error);
}

/* The value of option, every reference in it replaced. into: the option whose value that is for, for messages. */
static gboolean append_value(Reader *reader, GString *out, const GwOption *option, const GwOption *into, GError **error)
{
    Given *given = given_of(reader, option);
    const char *at = given->item ? given->item->value : option->initial;
    gboolean ok = TRUE;
    given->expanding = TRUE;
    if (option->type == GW_OPTION_SECRET) {
        if (into != option)
            ok = gw_option_refuse(error, "refers to a secret through $%s; write the value itself", option->name);
        g_string_append(out, ok ? at : "");
        at = "";
    }
    while (ok && *at) {
        if (out->len > 65536)
            ok = gw_option_refuse(error, "%s becomes too long; write the value itself", into->name);
        else if (*at != '$')
            g_string_append_c(out, *at++);
        else if (at[1] == '$') {
            g_string_append_c(out, '$');
            at += 2;
        } else {
            at++;
            ok = append_reference(reader, out, &at, into, error);
        }
    }
    given->expanding = FALSE;
    return ok;
}

/* ---- The whole */

static void read_option(Reader *reader, const GwOption *option, GwSettings *settings)
{
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    const GwIniItem *item = given_of(reader, option)->item;
    if (!append_value(reader, text, option, option, &error))
        g_string_free(text, TRUE);
    else if (gw_option_convert(option, g_string_free(text, FALSE), (char *)settings + option->offset, &error))
        return;
    if (!item && reader->problems.text->len)
        return; /* a default that refers to an option above it, whose mistake has been reported */
    const char *value = shown(option, item ? item->value : option->initial);
    gw_problems_add(&reader->problems, line_of(reader, option), "%s: '%s': %s%s", item ? item->name : option->name,
                    value, error->message, strchr(value, '#') ? " (a comment stands on a line of its own)" : "");
}

static gboolean check_text(const char *text, GwProblems *problems)
{
    const char *end;
    if (g_utf8_validate(text, -1, &end))
        return TRUE;
    guint line = 1;
    for (const char *at = text; at < end; at++)
        line += *at == '\n';
    gw_problems_add(problems, line, "is not UTF-8 text; save the file as such");
    return FALSE;
}

GwSettings *gw_settings_parse(const char *text, const char *file, GError **error)
{
    g_autoptr(GString) problems = g_string_new(NULL);
    g_autofree Given *given = g_new0(Given, gw_option_count);
    g_autoptr(GwSettings) settings = g_new0(GwSettings, 1);
    g_autoptr(GPtrArray) items = NULL;
    Reader reader = {{file, problems}, given};
    if (check_text(text, &reader.problems)) {
        items = gw_ini_parse(text, &reader.problems);
        for (guint i = 0; i < items->len; i++)
            take_item(&reader, items->pdata[i]);
        for (guint i = 0; i < gw_option_count; i++)
            read_option(&reader, &gw_options[i], settings);
    }
    if (problems->len == 0)
        return g_steal_pointer(&settings);
    g_set_error_literal(error, GW_ERROR, GW_ERROR_INVALID, problems->str);
    return NULL;
}

GwSettings *gw_settings_load(const char *path, GError **error)
{
    if (!path && !g_file_test(GW_SETTINGS_PATH, G_FILE_TEST_EXISTS))
        return gw_settings_parse("", GW_SETTINGS_PATH, error);
    const char *file = path ? path : GW_SETTINGS_PATH;
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    gsize length;
    if (!g_file_get_contents(file, &text, &length, &why)) {
        gboolean absent = g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        g_set_error(error, GW_ERROR, absent ? GW_ERROR_NOT_FOUND : GW_ERROR_INVALID,
                    "%s; name a file that can be read, or none for the defaults", why->message);
        return NULL;
    }
    if (strlen(text) != length) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s: holds a NUL byte; save it as UTF-8 text", file);
        return NULL;
    }
    return gw_settings_parse(text, file, error);
}

static gboolean is_text(GwOptionType type)
{
    switch (type) {
    case GW_OPTION_SWITCH:
    case GW_OPTION_NUMBER:
    case GW_OPTION_FLAGS:
    case GW_OPTION_CHOICE:
        return FALSE;
    case GW_OPTION_PATH:
    case GW_OPTION_INBOUND:
    case GW_OPTION_TEMPLATE:
    case GW_OPTION_ADDRESS:
    case GW_OPTION_HOST:
    case GW_OPTION_SR_FILTER:
    case GW_OPTION_DATABASE:
    case GW_OPTION_FILE:
    case GW_OPTION_TEXT:
    case GW_OPTION_SECRET:
        return TRUE;
    }
    return FALSE;
}

void gw_settings_free(GwSettings *settings)
{
    if (!settings)
        return;
    for (guint i = 0; i < gw_option_count; i++)
        if (is_text(gw_options[i].type))
            g_free(*(char **)(void *)((char *)settings + gw_options[i].offset));
    g_free(settings);
}

const char *gw_settings_database_path(const GwSettings *settings)
{
    return g_str_has_prefix(settings->database, GW_OPTION_SQLITE) ? settings->database + strlen(GW_OPTION_SQLITE) : NULL;
}
