/* Passwords that were given with a host's address: each in a file of its own that only the daemon reads, under the name that the driver gives it, since
 * the hosts of one pool share one. None is in the store, in a view or in the log. */
#include "engine/internal.h"
#include "engine/secrets.h"

#include <glib/gstdio.h>
#include <string.h>

char *gw_secrets_path(GwEngine *engine, const char *uri)
{
    const GwDriver *driver = gw_driver_for_uri(engine->drivers, uri, NULL);
    g_autofree char *name = driver ? gw_driver_secret_name(driver, uri) : NULL;
    const char *folder = engine->settings.driver.secrets_path;
    return name && folder ? g_build_filename(folder, name, NULL) : NULL;
}

static gboolean write_secret(const char *path, const char *password, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autofree char *line = g_strconcat(password, "\n", NULL);
    gboolean ok = g_file_set_contents_full(path, line, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &why);
    memset(line, 0, strlen(line));
    if (!ok)
        g_set_error(error, GW_ERROR, GW_ERROR_INTERNAL, "the password cannot be kept: %s", why->message);
    return ok;
}

static gboolean is_needed(GwEngine *engine, const char *path)
{
    gboolean needed = FALSE;
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->hosts);
    while (!needed && g_hash_table_iter_next(&iter, NULL, &value)) {
        g_autofree char *other = gw_secrets_path(engine, ((const GwHostEntry *)value)->row->uri);
        needed = g_strcmp0(path, other) == 0;
    }
    g_mutex_unlock(&engine->lock);
    return needed;
}

/* The address is a sound one, and takes no password. */
static gboolean refuse_place(GwEngine *engine, const char *uri, GError **error)
{
    const GwDriver *driver = gw_driver_for_uri(engine->drivers, uri, NULL);
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "a password was given with %s, %s", uri,
                driver && driver->secret_name
                    ? "which names a password_file: leave out the one or the other"
                    : "but only hosts at xapi:// addresses take one: leave it out (libvirt finds credentials by itself)");
    return FALSE;
}

gboolean gw_secrets_keep(GwEngine *engine, const char *uri, const char *password, char **ret_before, GError **error)
{
    g_autofree char *path = gw_secrets_path(engine, uri);
    if (!path)
        return refuse_place(engine, uri, error);
    if (!*password || strpbrk(password, "\r\n")) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, *password ? "the password is more than one line: give one line"
                                                                 : "the password is empty: give that of the user in the host's address");
        return FALSE;
    }
    *ret_before = NULL;
    g_file_get_contents(path, ret_before, NULL, NULL);
    if (*ret_before)
        (*ret_before)[strcspn(*ret_before, "\r\n")] = '\0';
    if (*ret_before && strcmp(*ret_before, password) != 0 && is_needed(engine, path)) { /* a session is open: nobody would try this one */
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "hosts of this pool are there with another password: leave it away; if the pool's has changed, write it into %s", path);
        return FALSE;
    }
    return write_secret(path, password, error);
}

void gw_secrets_restore(GwEngine *engine, const char *uri, const char *before)
{
    g_autofree char *path = gw_secrets_path(engine, uri);
    g_autoptr(GError) error = NULL;
    if (path && before && !write_secret(path, before, &error))
        gw_warning("%s", error->message);
    if (path && !before)
        g_unlink(path);
}

gboolean gw_secrets_copy(GwEngine *engine, const char *from, const char *to, GError **error)
{
    g_autofree char *from_path = gw_secrets_path(engine, from), *to_path = gw_secrets_path(engine, to), *password = NULL;
    if (!from_path || !to_path || strcmp(from_path, to_path) == 0 || !g_file_get_contents(from_path, &password, NULL, NULL))
        return TRUE; /* none was given with that address */
    password[strcspn(password, "\r\n")] = '\0';
    gboolean ok = write_secret(to_path, password, error);
    memset(password, 0, strlen(password));
    return ok;
}

void gw_secrets_drop(GwEngine *engine, const char *uri)
{
    g_autofree char *path = gw_secrets_path(engine, uri);
    if (path && !is_needed(engine, path) && g_unlink(path) != 0 && errno != ENOENT)
        gw_warning("the password in %s could not be removed: %s", path, g_strerror(errno));
}
