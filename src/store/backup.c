/* A copy of the embedded database while a daemon uses it. */
#include "store/schema.h"
#include "store/sqlite_schema.h"
#include "store/store.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

typedef sqlite3 Database;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Database, sqlite3_close)

enum { BUSY_TIMEOUT_MS = 10000 };

static gboolean refuse(const char *file, const char *what, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s: %s: %s; name a new file in a folder that can be written", file, what, g_strerror(errno));
    return FALSE;
}

static gboolean open_database(const char *path, Database **ret, GError **error)
{
    if (sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        gw_sqlite_set_error(error, *ret, path);
        return FALSE;
    }
    sqlite3_busy_timeout(*ret, BUSY_TIMEOUT_MS);
    return TRUE;
}

/* All pages in one step: one snapshot, which keeps no writer waiting. */
static gboolean copy_pages(Database *from, Database *to, const char *copy, GError **error)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (backup)
        sqlite3_backup_step(backup, -1);
    if (backup && sqlite3_backup_finish(backup) == SQLITE_OK)
        return TRUE;
    gw_sqlite_set_error(error, to, copy);
    return FALSE;
}

/* One file, without a log beside it. */
static gboolean fill(const char *path, const char *copy, GError **error)
{
    g_autoptr(Database) from = NULL;
    g_autoptr(Database) to = NULL;
    if (!open_database(path, &from, error) || !gw_schema_check(from, path, gw_schema_count, error) ||
        !open_database(copy, &to, error) || !copy_pages(from, to, copy, error))
        return FALSE;
    if (sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK) {
        gw_sqlite_set_error(error, to, copy);
        return FALSE;
    }
    return gw_schema_check(to, copy, gw_schema_count, error);
}

static gboolean sync_file(const char *file, GError **error)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    gboolean ok = (fd >= 0 && fsync(fd) == 0) || refuse(file, "cannot be written", error);
    if (fd >= 0)
        close(fd);
    return ok;
}

gboolean gw_store_backup_sqlite(const char *path, const char *copy, GError **error)
{
    g_autofree char *part = g_strconcat(copy, ".part", NULL);
    if (g_file_test(copy, G_FILE_TEST_EXISTS)) {
        errno = EEXIST;
        return refuse(copy, "is not overwritten", error);
    }
    int fd = open(part, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse(part, "cannot be made", error);
    close(fd);
    if (fill(path, part, error) && sync_file(part, error) &&
        (g_rename(part, copy) == 0 || refuse(copy, "cannot be made", error)))
        return TRUE;
    g_unlink(part);
    return FALSE;
}
