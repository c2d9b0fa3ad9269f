#include "core/overrides.h"

#include <stddef.h>
#include <string.h>

typedef enum { NUMBER, NUMBER64, SWITCH, ACTION, COMPRESSION, SYNC } Kind;

#define AT(member) offsetof(GwPlanSettings, member)
#define TO_MILLION "a whole number from 0 to 1000000"
#define YES_NO "true or false"

/* The options' own limits are those of daemon/option_table.c. */
static const struct {
    const char *key;
    Kind kind;
    gsize offset;
    guint64 min, max;
    const char *form;
} options[] = {
    {"live_migration_bandwidth", NUMBER64, AT(bandwidth_mibps), 0, 1000000, TO_MILLION},
    {"live_migration_completion_timeout", NUMBER64, AT(completion_timeout_s), 0, 1000000, TO_MILLION},
    {"live_migration_timeout_action", ACTION, AT(timeout_action), 0, 0, "policy, abort or force_complete"},
    {"live_migration_downtime", NUMBER, AT(pause_ms), 0, 1000000, TO_MILLION},
    {"live_migration_downtime_steps", NUMBER, AT(pause_steps), 0, 1000, "a whole number from 0 to 1000"},
    {"live_migration_downtime_delay", NUMBER, AT(pause_delay_s), 1, 1000000, "a whole number from 1 to 1000000"},
    {"live_migration_permit_post_copy", SWITCH, AT(permit_post_copy), 0, 0, YES_NO},
    {"live_migration_permit_auto_converge", SWITCH, AT(permit_auto_converge), 0, 0, YES_NO},
    {"live_migration_parallel_connections", NUMBER, AT(transfer.connections), 1, 255, "a whole number from 1 to 255"},
    {"live_migration_compression", COMPRESSION, AT(transfer.compression), 0, 0, "auto, none, xbzrle, zlib or zstd"},
    {"block_migration_synchronous_writes", SYNC, AT(transfer.sync_writes), 0, 0, "auto, always or never"},
};

static gboolean read_word(const char *text, const char *const *words, guint *ret)
{
    for (guint i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean read_switch(const char *text, gboolean *ret)
{
    static const char *const words[] = {"false", "true", "False", "True", NULL};
    guint word;
    if (!read_word(text, words, &word))
        return FALSE;
    *ret = word % 2 == 1;
    return TRUE;
}

static gboolean read_compression(const char *text, GwCompression *ret)
{
    for (guint i = 0; i < GW_COMPRESSION_COUNT; i++) {
        if (strcmp(gw_compression_name((GwCompression)i), text) == 0) {
            *ret = (GwCompression)i;
            return TRUE;
        }
    }
    return FALSE;
}

/* FALSE: the value does not suit, and nothing was set. */
static gboolean set(guint option, const char *text, GwPlanSettings *settings)
{
    static const char *const actions[] = {[GW_TIMEOUT_POLICY] = "policy", [GW_TIMEOUT_ABORT] = "abort",
                                          [GW_TIMEOUT_FORCE] = "force_complete", NULL};
    static const char *const syncs[] = {[GW_SYNC_AUTO] = "auto", [GW_SYNC_ALWAYS] = "always", [GW_SYNC_NEVER] = "never", NULL};
    gpointer place = (char *)settings + options[option].offset;
    guint64 number;
    guint word;
    switch (options[option].kind) {
    case NUMBER:
    case NUMBER64:
        if (!g_ascii_string_to_unsigned(text, 10, options[option].min, options[option].max, &number, NULL))
            return FALSE;
        if (options[option].kind == NUMBER)
            *(guint *)place = (guint)number;
        else
            *(guint64 *)place = number;
        return TRUE;
    case SWITCH:
        return read_switch(text, place);
    case ACTION:
        if (!read_word(text, actions, &word))
            return FALSE;
        *(GwTimeoutAction *)place = (GwTimeoutAction)word;
        return TRUE;
    case COMPRESSION:
        return read_compression(text, place);
    case SYNC:
        if (!read_word(text, syncs, &word))
            return FALSE;
        *(GwSyncWrites *)place = (GwSyncWrites)word;
        return TRUE;
    }
    return FALSE;
}

/* G_N_ELEMENTS(options) when there is none of that name. */
static guint find(const char *key)
{
    guint i = 0;
    while (i < G_N_ELEMENTS(options) && strcmp(options[i].key, key) != 0)
        i++;
    return i;
}

gboolean gw_override_is_known(const char *key)
{
    return find(key) < G_N_ELEMENTS(options);
}

char *gw_override_names(void)
{
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(options); i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", options[i].key);
    return g_string_free(names, FALSE);
}

const char *gw_override_objection(const char *key, const char *value)
{
    GwPlanSettings ignored = {0};
    guint option = find(key);
    return option == G_N_ELEMENTS(options) || set(option, value, &ignored) ? NULL : options[option].form;
}

void gw_overrides_apply(const GPtrArray *aggregates, GwPlanSettings *settings)
{
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        const char *value = NULL;
        for (guint j = 0; j < aggregates->len && !value; j++)
            value = gw_aggregate_get(aggregates->pdata[j], options[i].key);
        if (value)
            set(i, value, settings);
    }
}

/* ---- those of one request */

void gw_overrides_add(GString *own, const char *key, const char *value)
{
    g_string_append_printf(own, "%s%s=%s", own->len ? "," : "", key, value);
}

GPtrArray *gw_overrides_parse(const char *own)
{
    GPtrArray *pairs = gw_metadata_new();
    g_auto(GStrv) words = g_strsplit(own ? own : "", ",", -1);
    for (guint i = 0; words[i]; i++) {
        char *equals = strchr(words[i], '=');
        if (!equals)
            continue;
        *equals = '\0';
        gw_metadata_add(pairs, words[i], equals + 1);
    }
    return pairs;
}

void gw_overrides_apply_own(const char *own, GwPlanSettings *settings)
{
    g_autoptr(GPtrArray) pairs = gw_overrides_parse(own);
    for (guint i = 0; i < pairs->len; i++) {
        const GwMetadatum *pair = pairs->pdata[i];
        guint option = find(pair->key);
        if (option < G_N_ELEMENTS(options))
            set(option, pair->value, settings);
    }
}
