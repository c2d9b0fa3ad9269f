/* Reading the command line. Options may stand anywhere; "--" ends them; "_" in an option's name is read as "-", since
 * nova takes both. */
#include "cli/command.h"
#include "cli/text.h"

#include <string.h>

static const GwOption *find_in(const GwOption *options, const char *name)
{
    for (; options && options->name; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

static const GwOption *find_option(const GwCommand *command, const char *name)
{
    const GwOption *option = command ? find_in(command->options, name) : NULL;
    return option ? option : find_in(gw_global_options, name);
}

static gboolean refuse_option(const GwCommand *command, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const GwOption *option = command ? command->options : NULL; option && option->name; option++)
        g_ptr_array_add(names, (gpointer)option->name);
    for (const GwOption *option = gw_global_options; option->name; option++)
        g_ptr_array_add(names, (gpointer)option->name);
    g_ptr_array_add(names, NULL);
    const char *near = gw_text_nearest(name, (const char *const *)names->pdata);
    g_autofree char *hint = near ? g_strdup_printf(" Did you mean --%s?", near) : g_strdup("");
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "There is no option --%s%s%s.%s", name, command ? " of " : "",
                command ? command->name : "", hint);
    return FALSE;
}

static void keep(GwArguments *arguments, const GwOption *option, const char *value)
{
    GPtrArray *values = g_hash_table_lookup(arguments->options, option->name);
    if (!values) {
        values = g_ptr_array_new();
        g_hash_table_insert(arguments->options, (gpointer)option->name, values);
    }
    g_ptr_array_add(values, (gpointer)value);
}

/* *argv stands on the option and is left on its last word. */
static gboolean take_option(GwArguments *arguments, char ***argv, GError **error)
{
    const char *word = strcmp(**argv, "-h") == 0 ? "--help" : **argv;
    const char *equals = strchr(word, '=');
    g_autofree char *name = equals ? g_strndup(word + 2, (gsize)(equals - word - 2)) : g_strdup(word + 2);
    g_strdelimit(name, "_", '-');
    const GwOption *option = word[1] == '-' ? find_option(arguments->command, name) : NULL;
    if (!option)
        return refuse_option(arguments->command, word[1] == '-' ? name : word + 1, error);
    const char *value = equals ? equals + 1 : "";
    if (!option->value && equals) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Option --%s takes no value, but got '%s'.", name, value);
        return FALSE;
    }
    if (option->value && !equals) {
        value = (*argv)[1];
        if (!value) {
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Option --%s needs a value: --%s %s.", name, name,
                        option->value);
            return FALSE;
        }
        (*argv)++;
    }
    keep(arguments, option, value);
    return TRUE;
}

const GwCommand *gw_command_require(const char *word, GError **error)
{
    const GwCommand *found = gw_command_find(word);
    if (found)
        return found;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const GwCommand *command = gw_commands; command->name; command++)
        if (command->group)
            g_ptr_array_add(names, (gpointer)command->name);
    g_ptr_array_add(names, NULL);
    const char *near = gw_text_nearest(word, (const char *const *)names->pdata);
    g_autofree char *hint =
        near ? g_strdup_printf("Did you mean 'godwit %s'?", near) : g_strdup("'godwit help' lists the commands.");
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "There is no command '%s'. %s", word, hint);
    return NULL;
}

static gboolean check_count(const GwArguments *arguments, GError **error)
{
    const GwCommand *command = arguments->command;
    g_auto(GStrv) names = g_strsplit(command->arguments, " ", -1);
    guint most = *command->arguments ? g_strv_length(names) : 0;
    guint have = arguments->words->len;
    gboolean open = most > 0 && strstr(names[most - 1], "...");
    g_autofree char *problem = NULL;
    if (have < most && *names[have] != '[')
        problem = g_strdup_printf("%s is missing", names[have]);
    else if (have > most && !open)
        problem = g_strdup_printf("'%s' is one word too many", (const char *)arguments->words->pdata[most]);
    if (!problem)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s: %s.\nUsage: godwit %s%s%s\nExample: godwit %s", command->name,
                problem, command->name, *command->arguments ? " " : "", command->arguments, command->example);
    return FALSE;
}

/* JSON and the addresses of the API hold UTF-8 only. */
static gboolean check_text(const char *word, GError **error)
{
    if (g_utf8_validate(word, -1, NULL))
        return TRUE;
    g_autofree char *shown = g_utf8_make_valid(word, -1);
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "'%s' is not UTF-8 text.", shown);
    return FALSE;
}

gboolean gw_arguments_parse(GwArguments *arguments, char **argv, GError **error)
{
    gboolean options_ended = FALSE;
    arguments->command = NULL;
    arguments->words = g_ptr_array_new();
    arguments->options = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    for (argv++; *argv; argv++) {
        if (!check_text(*argv, error))
            return FALSE;
        if (!options_ended && strcmp(*argv, "--") == 0)
            options_ended = TRUE;
        else if (!options_ended && (*argv)[0] == '-' && (*argv)[1]) {
            if (!take_option(arguments, &argv, error))
                return FALSE;
        } else if (!arguments->command) {
            arguments->command = gw_command_require(*argv, error);
            if (!arguments->command)
                return FALSE;
        } else {
            g_ptr_array_add(arguments->words, *argv);
        }
    }
    if (!arguments->command || gw_arguments_option(arguments, "help"))
        return TRUE;
    return check_count(arguments, error);
}

void gw_arguments_clear(GwArguments *arguments)
{
    g_clear_pointer(&arguments->words, g_ptr_array_unref);
    g_clear_pointer(&arguments->options, g_hash_table_unref);
}

const char *gw_arguments_word(const GwArguments *arguments, guint index)
{
    return index < arguments->words->len ? arguments->words->pdata[index] : NULL;
}

const char *gw_arguments_option(const GwArguments *arguments, const char *name)
{
    const GPtrArray *values = g_hash_table_lookup(arguments->options, name);
    return values ? values->pdata[values->len - 1] : NULL;
}

gboolean gw_arguments_pairs(const GwArguments *arguments, const char *name, json_t **ret_object, GError **error)
{
    const GPtrArray *values = g_hash_table_lookup(arguments->options, name);
    g_autoptr(json_t) object = values ? json_object() : NULL;
    for (guint i = 0; values && i < values->len; i++) {
        const char *pair = values->pdata[i], *equals = strchr(pair, '=');
        if (!equals || equals == pair) {
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "--%s is '%s', but must be NAME=VALUE; give it once for each.", name, pair);
            return FALSE;
        }
        g_autofree char *key = g_strndup(pair, (gsize)(equals - pair));
        if (json_object_get(object, key)) {
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "--%s gives %s twice: '%s=%s' and '%s'; leave one of them out.", name, key, key,
                        json_string_value(json_object_get(object, key)), pair);
            return FALSE;
        }
        json_object_set_new(object, key, json_string(equals + 1));
    }
    *ret_object = g_steal_pointer(&object);
    return TRUE;
}

gboolean gw_arguments_number(const char *text, const char *what, gint64 *ret_value, GError **error)
{
    guint64 value;
    if (g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, &value, NULL)) {
        *ret_value = (gint64)value;
        return TRUE;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s is '%s', but must be a whole number from 1 on, as in 7.", what, text);
    return FALSE;
}
