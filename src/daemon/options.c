/* Finding options, and talking of them. */
#include "daemon/options.h"

#include <string.h>

/* Options of nova.conf that people will bring along, and what Godwit has in their place. */
static const struct {
    const char *name, *instead;
} elsewhere[] = {
    {"live_migration_progress_timeout", "use live_migration_completion_timeout"},
    {"live_migration_tunnelled", "put VIR_MIGRATE_TUNNELLED into live_migration_flag"},
    {"live_migration_scheme", "write the scheme into live_migration_uri, or into the address of the host"},
    {"resize_confirm_window", "a cold migration waits until it is confirmed or reverted"},
    {"auth_type", "Godwit logs in to Keystone by password"},
    {"memcached_servers", "Godwit remembers Keystone's answers itself: token_cache_time"},
    {"libvirt_type", "the hypervisor is asked"},
    {"libvirt_uri", "add each host by its address: godwit host-add"},
    {"connection_uri", "add each host by its address: godwit host-add"},
    {"compute_driver", "add each host by its address: godwit host-add"},
    {"xenapi_connection_url", "add the pool by its address: godwit host-add"},
    {"xenapi_connection_username", "add the pool by its address: godwit host-add"},
    {"xenapi_connection_password", "add the pool by its address: godwit host-add"},
};

static gboolean is_named(const char *own_section, const char *own_name, const char *section, const char *name)
{
    return strcmp(own_name, name) == 0 && (!section || strcmp(own_section, section) == 0);
}

const GwOption *gw_option_find(const char *section, const char *name)
{
    for (guint i = 0; i < gw_option_count; i++) {
        const GwOption *option = &gw_options[i];
        if (is_named(option->section, option->name, section, name))
            return option;
        for (guint j = 0; j < GW_OPTION_ALIASES_MAX && option->aliases[j].name; j++)
            if (is_named(option->aliases[j].section, option->aliases[j].name, section, name))
                return option;
    }
    return NULL;
}

static void append_kind(GString *text, const GwOption *option)
{
    static const char *const kinds[] = {
        [GW_OPTION_SWITCH] = "true or false",
        [GW_OPTION_NUMBER] = "whole number",
        [GW_OPTION_PATH] = "absolute path",
        [GW_OPTION_FLAGS] = "migration flags",
        [GW_OPTION_INBOUND] = "HOST=ADDRESS, ..., a name with %s, or empty",
        [GW_OPTION_TEMPLATE] = "URI with one %s, or empty",
        [GW_OPTION_ADDRESS] = "IP address",
        [GW_OPTION_SR_FILTER] = "default-sr:true or other-config:KEY=VALUE",
        [GW_OPTION_HOST] = "IP address, host name, or empty",
        [GW_OPTION_DATABASE] = "sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        [GW_OPTION_CHOICE] = "one of ",
        [GW_OPTION_FILE] = "absolute path, or empty",
        [GW_OPTION_TEXT] = "text",
        [GW_OPTION_SECRET] = "secret text",
    };
    g_string_append(text, kinds[option->type]);
    if (option->type == GW_OPTION_CHOICE) {
        g_autofree char *words = g_strjoinv(", ", (char **)option->choices);
        g_string_append(text, words);
    }
    if (option->type != GW_OPTION_NUMBER)
        return;
    if (option->unit)
        g_string_append_printf(text, ", %s", option->unit);
    g_string_append_printf(text, ", %u to %u", option->min, option->max);
}

char *gw_option_summary(const GwOption *option)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "In [%s]", option->section);
    for (guint i = 0; i < GW_OPTION_ALIASES_MAX && option->aliases[i].name; i++)
        g_string_append_printf(text, ", or as [%s] %s", option->aliases[i].section, option->aliases[i].name);
    g_string_append(text, "; ");
    append_kind(text, option);
    g_string_append_printf(text, "; default: %s", *option->initial ? option->initial : "empty");
    return g_string_free(text, FALSE);
}

/* ---- Advice */

/* Levenshtein's distance: letters to be put in, taken out or changed. Names are short. */
static guint distance(const char *a, const char *b)
{
    gsize columns = strlen(b) + 1;
    g_autofree guint *row = g_new(guint, columns);
    for (guint j = 0; j < columns; j++)
        row[j] = j;
    for (guint i = 1; *a; a++, i++) {
        guint diagonal = row[0];
        row[0] = i;
        for (guint j = 1; j < columns; j++) {
            guint changed = diagonal + (g_ascii_tolower(*a) != g_ascii_tolower(b[j - 1]));
            diagonal = row[j];
            row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[columns - 1];
}

static const GwOption *nearest(const char *name)
{
    const GwOption *best = NULL;
    guint best_distance = MIN(4, (guint)strlen(name) / 3 + 1); /* farther ones are no typing errors */
    for (guint i = 0; i < gw_option_count && strlen(name) < 100; i++) {
        guint far = distance(name, gw_options[i].name);
        if (far < best_distance) {
            best = &gw_options[i];
            best_distance = far;
        }
    }
    return best;
}

/* The section that may have been meant by one that is not there; NULL. */
static const char *nearest_section(const char *section)
{
    const char *best = NULL;
    guint best_distance = MIN(4, (guint)strlen(section) / 3 + 1);
    for (guint i = 0; i < gw_option_count && strlen(section) < 100; i++) {
        guint far = distance(section, gw_options[i].section);
        if (g_ascii_strcasecmp(section, gw_options[i].section) == 0)
            return NULL;
        if (far < best_distance) {
            best = gw_options[i].section;
            best_distance = far;
        }
    }
    return best;
}

char *gw_option_advice(const char *section, const char *name)
{
    const char *meant = nearest_section(section);
    if (meant)
        return g_strdup_printf("stands in [%s], which is no section that Godwit reads; did you mean [%s]?", section, meant);
    const GwOption *option = gw_option_find(NULL, name);
    if (option)
        return g_strdup_printf("is no option of [%s]; move it to [%s]", section, option->section);
    for (guint i = 0; i < G_N_ELEMENTS(elsewhere); i++)
        if (strcmp(elsewhere[i].name, name) == 0)
            return g_strdup_printf("is an option of nova.conf that Godwit does not have; remove it: %s",
                                   elsewhere[i].instead);
    option = nearest(name);
    if (option)
        return g_strdup_printf("is no option; did you mean [%s] %s?", option->section, option->name);
    return g_strdup("is no option; godwitd --sample-config lists those there are");
}
