/* Images: the files of image_dir, read anew whenever they are asked for, so that a file put there is an image at once. */
#include "engine/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

GwImage *gw_image_ref(GwImage *image)
{
    g_atomic_ref_count_inc(&image->refs);
    return image;
}

void gw_image_unref(GwImage *image)
{
    if (!g_atomic_ref_count_dec(&image->refs))
        return;
    g_free(image->name);
    g_free(image->path);
    g_free(image->problem);
    g_free(image);
}

/* The same for the same file name, so that a folder may move (RFC 4122, version 5, of a name space of Godwit's own). */
static void make_id(const char *file, char *ret_id)
{
    g_autofree char *seed = g_strconcat("godwit image ", file, NULL);
    g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA1, seed, -1);
    hex[12] = '5';
    hex[16] = "89ab"[g_ascii_xdigit_value(hex[16]) & 3];
    g_snprintf(ret_id, GW_UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static guint64 big_endian(const guint8 *at, guint bytes)
{
    guint64 value = 0;
    while (bytes--)
        value = value << 8 | *at++;
    return value;
}

/* The header of qcow2 (docs/interop/qcow2.txt of QEMU): magic, version, offset and length of the backing file's name, cluster
 * bits, size, encryption method. */
static void read_qcow2(GwImage *image, const guint8 *header)
{
    image->format = "qcow2";
    image->virtual_bytes = big_endian(header + 24, 8);
    if (big_endian(header + 8, 8))
        image->problem = g_strdup("it is a layer upon another file: make it whole with qemu-img convert");
    else if (big_endian(header + 32, 4))
        image->problem = g_strdup("it is encrypted: Godwit has no key for it");
    else if (!image->virtual_bytes)
        image->problem = g_strdup("it is empty");
}

static void read_header(GwImage *image, const char *file)
{
    guint8 header[72] = {0};
    int fd = open(image->path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, header, sizeof header);
    int code = errno;
    if (fd >= 0)
        close(fd);
    gboolean named_qcow2 = g_str_has_suffix(file, ".qcow2");
    if (count < 0)
        image->problem = g_strdup_printf("%s cannot be read: %s", image->path, g_strerror(code));
    else if (!g_str_has_suffix(file, ".raw") && count == sizeof header && memcmp(header, "QFI\xfb", 4) == 0)
        read_qcow2(image, header);
    else if (named_qcow2)
        image->problem = g_strdup("its name says qcow2, and its contents do not");
    else if (!image->file_bytes)
        image->problem = g_strdup("it is empty");
}

static gboolean is_image(const char *file)
{
    static const char *const endings[] = {".qcow2", ".raw", ".img"};
    gboolean fits = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
        fits = fits || (g_str_has_suffix(file, endings[i]) && strlen(file) > strlen(endings[i]));
    return fits && *file != '.';
}

static GwImage *image_new(const char *folder, const char *file)
{
    struct stat info;
    g_autofree char *path = g_build_filename(folder, file, NULL);
    if (!is_image(file) || !g_utf8_validate(file, -1, NULL) || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return NULL;
    GwImage *image = g_new0(GwImage, 1);
    g_atomic_ref_count_init(&image->refs);
    make_id(file, image->id);
    image->name = g_strndup(file, (gsize)(strrchr(file, '.') - file));
    image->path = g_steal_pointer(&path);
    image->format = "raw";
    image->file_bytes = image->virtual_bytes = (guint64)info.st_size;
    image->updated_us = (gint64)info.st_mtime * G_USEC_PER_SEC;
    read_header(image, file);
    return image;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    const GwImage *x = *(GwImage *const *)a, *y = *(GwImage *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->id, y->id);
}

GPtrArray *gw_engine_images(GwEngine *engine)
{
    const char *folder = engine->settings.image_dir;
    GPtrArray *images = g_ptr_array_new_with_free_func((GDestroyNotify)gw_image_unref);
    GDir *dir = folder && *folder ? g_dir_open(folder, 0, NULL) : NULL;
    for (const char *file; dir && (file = g_dir_read_name(dir));) {
        GwImage *image = image_new(folder, file);
        if (image)
            g_ptr_array_add(images, image);
    }
    if (dir)
        g_dir_close(dir);
    g_ptr_array_sort(images, by_name);
    return images;
}

GwImage *gw_engine_image(GwEngine *engine, const char *id)
{
    g_autoptr(GPtrArray) images = gw_engine_images(engine);
    for (guint i = 0; i < images->len; i++) {
        GwImage *image = images->pdata[i];
        if (g_ascii_strcasecmp(image->id, id) == 0)
            return gw_image_ref(image);
    }
    return NULL;
}

/* ---- flavors: straight from the store */

gboolean gw_engine_flavors(GwEngine *engine, GPtrArray **ret_rows, GError **error)
{
    return gw_store_flavors(engine->store, ret_rows, error);
}

gboolean gw_engine_flavor_add(GwEngine *engine, GwFlavor *flavor, GError **error)
{
    return gw_store_flavor_add(engine->store, flavor, error);
}

gboolean gw_engine_flavor_update(GwEngine *engine, const GwFlavor *flavor, GError **error)
{
    return gw_store_flavor_update(engine->store, flavor, error);
}

gboolean gw_engine_flavor_remove(GwEngine *engine, const char *flavor_id, GError **error)
{
    return gw_store_flavor_remove(engine->store, flavor_id, error);
}
