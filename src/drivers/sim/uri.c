/* Addresses of simulated hosts, by table. */
#include "drivers/sim/internal.h"

#include <string.h>

static const struct {
    const char *name;
    size_t offset;
    guint64 initial, least, most;
} numbers[] = {
    {"memory_mib", offsetof(GwSimSpec, memory_mib), 65536, 1, 1 << 30},
    {"cpus", offsetof(GwSimSpec, cpus), 32, 1, 4096},
    {"link_mbps", offsetof(GwSimSpec, link_mbps), 1000, 0, 10000000},
    {"latency_ms", offsetof(GwSimSpec, latency_ms), 0, 0, 3600000},
    {"storage_gib", offsetof(GwSimSpec, storage_gib), 2000, 0, 1 << 30},
    {"instances", offsetof(GwSimSpec, instances), 0, 0, 100000},
    {"instance_memory_mib", offsetof(GwSimSpec, instance_memory_mib), 512, 1, 1 << 30},
    {"disk_gib", offsetof(GwSimSpec, disk_gib), 10, 1, 1 << 20},
    {"cpu_percent", offsetof(GwSimSpec, cpu_percent), 0, 0, 100}, /* of each vCPU; 0: the host does not say */
    {"dirty_mbps", offsetof(GwSimSpec, dirty_mbps), 0, 0, 10000000},
    {"hangs_after_s", offsetof(GwSimSpec, hangs_after_s), 0, 0, 86400},
    {"clock_ms", offsetof(GwSimSpec, clock_ms), 0, 0, 3600000},
    {"speed", offsetof(GwSimSpec, speed), 0, 0, 1000000}, /* 0: leave the world's as it is */
};

static const struct {
    const char *name;
    size_t offset;
    const char *initial;
    const char *const *choices; /* NULL: any */
} words[] = {
    {"prefix", offsetof(GwSimSpec, prefix), "vm", NULL},
    {"bridge", offsetof(GwSimSpec, bridge), "br0", NULL},
    {"hostname", offsetof(GwSimSpec, hostname), "", NULL}, /* "": its own name */
    {"qemu_user", offsetof(GwSimSpec, qemu_user), "+64055:+64055", NULL},
    {"hypervisor", offsetof(GwSimSpec, hypervisor), "sim", NULL}, /* what it says that it is: plans for "QEMU" ask for what QEMU can do */
    {"disk", offsetof(GwSimSpec, disk), "shared", (const char *const[]){"shared", "local", "none", NULL}},
};

static guint64 *number_at(GwSimSpec *spec, guint i)
{
    return (guint64 *)(void *)((char *)spec + numbers[i].offset);
}

static char **word_at(GwSimSpec *spec, guint i)
{
    return (char **)(void *)((char *)spec + words[i].offset);
}

void gw_sim_spec_clear(GwSimSpec *spec)
{
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        g_clear_pointer(word_at(spec, i), g_free);
}

static void set_defaults(GwSimSpec *spec)
{
    *spec = (GwSimSpec){0};
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        *number_at(spec, i) = numbers[i].initial;
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        *word_at(spec, i) = g_strdup(words[i].initial);
}

static gboolean set_number(GwSimSpec *spec, guint i, const char *value, GError **error)
{
    if (g_ascii_string_to_unsigned(value, 10, numbers[i].least, numbers[i].most, number_at(spec, i), NULL))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                "%s=%s: must be a whole number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, numbers[i].name,
                value, numbers[i].least, numbers[i].most);
    return FALSE;
}

static gboolean set_word(GwSimSpec *spec, guint i, const char *value, GError **error)
{
    if (!*value || (words[i].choices && !g_strv_contains(words[i].choices, value))) {
        g_autofree char *choices =
            words[i].choices ? g_strjoinv(", ", (char **)words[i].choices) : g_strdup("any word");
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s=%s: must be one of: %s", words[i].name, value, choices);
        return FALSE;
    }
    g_free(*word_at(spec, i));
    *word_at(spec, i) = g_strdup(value);
    return TRUE;
}

static gboolean set_parameter(GwSimSpec *spec, const char *name, const char *value, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        if (strcmp(numbers[i].name, name) == 0)
            return set_number(spec, i, value, error);
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(words[i].name, name) == 0)
            return set_word(spec, i, value, error);
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "unknown parameter '%s' of a sim:// address", name);
    return FALSE;
}

gboolean gw_sim_spec_parse(const char *parameters, GwSimSpec *ret_spec, GError **error)
{
    g_auto(GwSimSpec) spec = {0};
    set_defaults(&spec);
    GUriParamsIter iter;
    g_uri_params_iter_init(&iter, parameters ? parameters : "", -1, "&", G_URI_PARAMS_NONE);
    while (TRUE) {
        g_autofree char *name = NULL;
        g_autofree char *value = NULL;
        g_autoptr(GError) local = NULL;
        if (!g_uri_params_iter_next(&iter, &name, &value, &local)) {
            if (!local)
                break;
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "'%s': %s", parameters, local->message);
            return FALSE;
        }
        if (!set_parameter(&spec, name, value, error))
            return FALSE;
    }
    *ret_spec = spec;
    spec = (GwSimSpec){0};
    return TRUE;
}

gboolean gw_sim_uri_parse(const char *text, char **ret_world, char **ret_host, GwSimSpec *ret_spec, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_ENCODED_QUERY, &local);
    const char *path = uri ? g_uri_get_path(uri) : NULL;
    const char *world = uri ? g_uri_get_host(uri) : NULL;
    if (!uri || strcmp(g_uri_get_scheme(uri), "sim") != 0 || !world || !*world || path[0] != '/' || !path[1] ||
        strchr(path + 1, '/')) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "'%s': must have the form sim://WORLD/HOST?parameter=value%s%s",
                    text, local ? ": " : "", local ? local->message : "");
        return FALSE;
    }
    if (!gw_sim_spec_parse(g_uri_get_query(uri), ret_spec, error)) {
        gw_error_prefix(error, "'%s'", text);
        return FALSE;
    }
    *ret_world = g_strdup(world);
    *ret_host = g_strdup(path + 1);
    return TRUE;
}
