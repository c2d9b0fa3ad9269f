/* Folders and files of a world. Files are known by the truth about them (whose, whole or not, in use), which real
 * storage does not tell: breaches of it are recorded, never prevented, since a real hypervisor would not prevent them
 * either. */
#include "drivers/sim/internal.h"

#include <string.h>

static void file_free(gpointer data)
{
    GwSimFile *file = data;
    g_free(file->target);
    g_free(file);
}

GwSimFolder *gw_sim_folder_ensure(GwSimWorld *world, const char *name, guint64 gib)
{
    GwSimFolder *folder = g_hash_table_lookup(world->folders, name);
    if (folder)
        return folder;
    folder = g_new0(GwSimFolder, 1);
    folder->name = g_strdup(name);
    folder->capacity_bytes = gib << 30;
    folder->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
    g_hash_table_insert(world->folders, folder->name, folder);
    return folder;
}

void gw_sim_folder_free(GwSimFolder *folder)
{
    g_hash_table_unref(folder->files);
    g_free(folder->name);
    g_free(folder);
}

guint64 gw_sim_mount_available(const GwSimMount *mount)
{
    const GwSimFolder *folder = mount->folder;
    gboolean room = mount->state == GW_SIM_STORAGE_WELL && folder->used_bytes < folder->capacity_bytes;
    return room ? folder->capacity_bytes - folder->used_bytes : 0;
}

void gw_sim_mount(GwSimHost *host, const char *path, GwSimFolder *folder)
{
    GwSimMount *mount = g_new0(GwSimMount, 1);
    mount->path = g_strdup(path);
    mount->folder = folder;
    g_ptr_array_add(host->mounts, mount);
}

const GwSimMount *gw_sim_mount_of(const GwSimHost *host, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash)
        return NULL;
    size_t length = (size_t)(slash - path);
    for (guint i = 0; i < host->mounts->len; i++) {
        const GwSimMount *mount = host->mounts->pdata[i];
        if (strlen(mount->path) == length && strncmp(mount->path, path, length) == 0)
            return mount;
    }
    return NULL;
}

gboolean gw_sim_storage_fails(const GwSimHost *host, const char *path)
{
    const GwSimMount *mount = gw_sim_mount_of(host, path);
    return mount && mount->state == GW_SIM_STORAGE_FAILS;
}

GwSimFile *gw_sim_file_find(const GwSimHost *host, const char *path)
{
    const GwSimMount *mount = gw_sim_mount_of(host, path);
    return mount ? g_hash_table_lookup(mount->folder->files, strrchr(path, '/') + 1) : NULL;
}

/* Counts whole copies of one disk, so that the deletion of the last is noticed. Returns how many there are then. */
static guint count_whole(GwSimWorld *world, const GwSimFile *file, gint change)
{
    char *key = g_strdup_printf("%s %s", file->owner, file->target);
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(world->whole, key)) + (guint)change;
    if (count) {
        g_hash_table_replace(world->whole, key, GUINT_TO_POINTER(count));
    } else {
        g_hash_table_remove(world->whole, key);
        g_free(key);
    }
    return count;
}

GwSimFile *gw_sim_file_create(GwSimHost *host, const char *path, const char *owner, const char *target)
{
    const GwSimMount *mount = gw_sim_mount_of(host, path);
    if (!mount || mount->state == GW_SIM_STORAGE_FAILS || gw_sim_file_find(host, path))
        return NULL;
    GwSimFile *file = g_new0(GwSimFile, 1);
    g_strlcpy(file->owner, owner, sizeof file->owner);
    file->target = g_strdup(target);
    file->folder = mount->folder;
    g_hash_table_insert(mount->folder->files, g_strdup(strrchr(path, '/') + 1), file);
    return file;
}

void gw_sim_file_complete(GwSimWorld *world, GwSimFile *file, guint64 allocation_bytes)
{
    file->folder->used_bytes += allocation_bytes - file->allocation_bytes;
    file->allocation_bytes = allocation_bytes;
    if (!file->whole)
        count_whole(world, file, 1);
    file->whole = TRUE;
}

void gw_sim_file_delete(GwSimHost *host, const char *path)
{
    const GwSimMount *mount = gw_sim_mount_of(host, path);
    GwSimFile *file = gw_sim_file_find(host, path);
    if (!file)
        return;
    if (file->user) {
        gw_sim_violation(host->world, "%s on %s was deleted while %s on %s used it", path, host->name,
                         file->user->value->name, file->user->host->name);
        g_ptr_array_remove_fast(file->user->open, file);
    }
    if (file->whole && file->target && !count_whole(host->world, file, -1))
        gw_sim_violation(host->world, "%s on %s was deleted: it was the last whole copy of disk %s of %s", path,
                         host->name, file->target, file->owner);
    mount->folder->used_bytes -= file->allocation_bytes;
    g_hash_table_remove(mount->folder->files, strrchr(path, '/') + 1);
}

/* A file that someone wants gone: it need not live on anywhere else. */
static gboolean is_unwanted(const char *name, const GwSimFile *file, const GwSimMount *mount, const char *uuid, const GPtrArray *paths)
{
    g_autofree char *path = g_strdup_printf("%s/%s", mount->path, name);
    gboolean made = strcmp(file->owner, uuid) == 0 && g_str_has_prefix(name, uuid);
    return made || g_ptr_array_find_with_equal_func((GPtrArray *)paths, path, g_str_equal, NULL);
}

void gw_sim_files_discard(GwSimHost *host, const char *uuid, const GPtrArray *paths)
{
    for (guint i = 0; i < host->mounts->len; i++) {
        const GwSimMount *mount = host->mounts->pdata[i];
        GHashTableIter iter;
        gpointer name, value;
        g_hash_table_iter_init(&iter, mount->folder->files);
        while (g_hash_table_iter_next(&iter, &name, &value)) {
            GwSimFile *file = value;
            if (!is_unwanted(name, file, mount, uuid, paths))
                continue;
            if (file->user) {
                gw_sim_violation(host->world, "%s/%s on %s was deleted while %s used it", mount->path, (char *)name, host->name,
                                 file->user->value->name);
                g_ptr_array_remove_fast(file->user->open, file);
            }
            if (file->whole && file->target)
                count_whole(host->world, file, -1);
            mount->folder->used_bytes -= file->allocation_bytes;
            g_hash_table_iter_remove(&iter);
        }
    }
}

gboolean gw_sim_files_present(const GwSimDomain *domain, GError **error)
{
    for (guint i = 0; i < domain->value->disks->len; i++) {
        const GwDisk *disk = domain->value->disks->pdata[i];
        gboolean file = disk->kind == GW_DISK_FILE && disk->path;
        if (file && gw_sim_storage_fails(domain->host, disk->path)) {
            g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s cannot open %s: Input/output error", domain->host->name, disk->path);
            return FALSE;
        }
        if (!file || gw_sim_file_find(domain->host, disk->path))
            continue;
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s has no file %s, disk %s of %s", domain->host->name,
                    disk->path, disk->target, domain->value->name);
        return FALSE;
    }
    return TRUE;
}

static void open_file(GwSimDomain *domain, const GwDisk *disk, GwSimFile *file)
{
    GwSimWorld *world = domain->host->world;
    if (file->user == domain)
        return;
    if (file->user) {
        gw_sim_violation(world, "%s is written by %s on %s and %s on %s at once", disk->path, file->user->value->name,
                         file->user->host->name, domain->value->name, domain->host->name);
        g_ptr_array_remove_fast(file->user->open, file);
    }
    if (!file->whole)
        gw_sim_violation(world, "%s on %s uses %s, which is not whole", domain->value->name, domain->host->name,
                         disk->path);
    file->user = domain;
    g_ptr_array_add(domain->open, file);
}

void gw_sim_files_open(GwSimDomain *domain)
{
    for (guint i = 0; i < domain->value->disks->len; i++) {
        const GwDisk *disk = domain->value->disks->pdata[i];
        GwSimFile *file = gw_sim_file_find(domain->host, disk->path);
        if (disk->kind != GW_DISK_FILE || disk->flags & (GW_DISK_READONLY | GW_DISK_SHAREABLE | GW_DISK_EMPTY))
            continue;
        if (file)
            open_file(domain, disk, file);
        else
            gw_sim_violation(domain->host->world, "%s on %s uses %s, which is not there", domain->value->name,
                             domain->host->name, disk->path);
    }
}

void gw_sim_files_close(GwSimDomain *domain)
{
    for (guint i = 0; i < domain->open->len; i++)
        ((GwSimFile *)domain->open->pdata[i])->user = NULL;
    g_ptr_array_set_size(domain->open, 0);
}
