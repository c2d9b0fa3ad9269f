#include "core/flags.h"

#include "base/error.h"

#include <string.h>

static const struct {
    const char *name;
    guint64 flag;
} names[] = {
#define X(NAME, bit) {"VIR_MIGRATE_" #NAME, (guint64)1 << (bit)},
    GW_MIGRATE_FLAGS(X)
#undef X
};

/* Pairs that libvirt refuses once the copy begins (peers: qemu_migration.c, libvirt-domain.h); saying so when the
 * settings are read is kinder. */
static const struct {
    guint64 both;
    const char *why;
} conflicts[] = {
    {GW_FLAG_NON_SHARED_DISK | GW_FLAG_NON_SHARED_INC, "copy either the whole disk or its top layer: keep one of the two"},
    {GW_FLAG_TUNNELLED | GW_FLAG_PARALLEL, "a tunnelled migration has one stream: remove one of the two"},
    {GW_FLAG_TUNNELLED | GW_FLAG_POSTCOPY, "a tunnelled migration cannot go on in post-copy: remove one of the two"},
    {GW_FLAG_TUNNELLED | GW_FLAG_NON_SHARED_DISK, "disks cannot travel through the tunnel: remove VIR_MIGRATE_TUNNELLED"},
    {GW_FLAG_TUNNELLED | GW_FLAG_NON_SHARED_INC, "disks cannot travel through the tunnel: remove VIR_MIGRATE_TUNNELLED"},
    {GW_FLAG_PAUSED | GW_FLAG_POSTCOPY, "post-copy needs a running guest: remove one of the two"},
};

static gboolean lookup(const char *word, guint64 *ret_flag)
{
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i].name, word) == 0) {
            *ret_flag = names[i].flag;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean check_combination(guint64 flags, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(conflicts); i++) {
        if ((flags & conflicts[i].both) == conflicts[i].both) {
            g_autofree char *both = gw_flags_to_string(conflicts[i].both);
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s exclude each other: %s", both, conflicts[i].why);
            return FALSE;
        }
    }
    if ((flags & GW_FLAG_TUNNELLED) && !(flags & GW_FLAG_PEER2PEER)) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "VIR_MIGRATE_TUNNELLED needs VIR_MIGRATE_PEER2PEER: add it");
        return FALSE;
    }
    if (flags & GW_FLAG_OFFLINE) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "VIR_MIGRATE_OFFLINE moves a definition without its disks: remove it (use `godwit migrate`)");
        return FALSE;
    }
    return TRUE;
}

gboolean gw_flags_parse(const char *text, guint64 *ret_flags, GError **error)
{
    guint64 flags = 0;
    g_auto(GStrv) words = g_strsplit_set(text, ", \t", -1);
    for (guint i = 0; words[i]; i++) {
        guint64 flag;
        if (!*words[i])
            continue;
        if (!lookup(words[i], &flag)) {
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                        "'%s' is no migration flag: use libvirt's names, such as VIR_MIGRATE_LIVE", words[i]);
            return FALSE;
        }
        flags |= flag;
    }
    if (!check_combination(flags, error))
        return FALSE;
    *ret_flags = flags;
    return TRUE;
}

char *gw_flags_to_string(guint64 flags)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (flags & names[i].flag)
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", names[i].name);
    return g_string_free(text, FALSE);
}
