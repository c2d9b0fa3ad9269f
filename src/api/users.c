#include "api/users.h"

#include "base/error.h"
#include "base/log.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COST = 10, LEAST_COST = 4, MOST_COST = 17 /* as htpasswd: some ten seconds */, PASSWORD_BYTES = 18, LOOK_S = 1 };

typedef struct {
    char *hash;
    GwRole role;
} Entry;

struct GwUsers {
    char *file, *roles_file;
    GMutex lock;          /* of all below */
    GHashTable *entries;  /* name → Entry * */
    struct stat seen, roles_seen; /* of the files when they were read */
    gint64 looked_us;
    guint generation;
    guint cost; /* the highest of all */
};

/* ---- secrets */

gboolean gw_equal_secret(const char *a, const char *b)
{
    gsize length = strlen(a);
    if (length != strlen(b))
        return FALSE;
    volatile unsigned char difference = 0;
    for (gsize i = 0; i < length; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

void gw_random_bytes(void *bytes, gsize size)
{
    if (getrandom(bytes, size, 0) != (ssize_t)size)
        g_error("the kernel gives no random bytes: %s", g_strerror(errno));
}

char *gw_random_text(gsize bytes)
{
    guchar raw[64];
    g_assert(bytes <= sizeof raw);
    gw_random_bytes(raw, bytes);
    char *text = g_base64_encode(raw, bytes);
    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    g_strdelimit(text, "=", '\0');
    return text;
}

static char *hash_password(const char *password)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE], random[16];
    g_autofree struct crypt_data *data = g_new0(struct crypt_data, 1);
    gw_random_bytes(random, sizeof random);
    if (!crypt_gensalt_rn("$2b$", COST, random, sizeof random, salt, sizeof salt))
        return NULL;
    return g_strdup(crypt_r(password, salt, data));
}

static gboolean fits(const char *password, const char *hash)
{
    g_autofree struct crypt_data *data = g_new0(struct crypt_data, 1);
    const char *found = crypt_r(password, hash, data);
    return found && *found != '*' && gw_equal_secret(found, hash);
}

/* ---- the file */

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_free(entry->hash);
    g_free(entry);
}

static gboolean refuse(const char *file, guint line, GError **error, const char *why)
{
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s:%u: %s", file, line, why);
    return FALSE;
}

static gboolean is_bcrypt(const char *hash)
{
    return strlen(hash) == 60 && (g_str_has_prefix(hash, "$2y$") || g_str_has_prefix(hash, "$2b$") || g_str_has_prefix(hash, "$2a$"));
}

/* "$2y$10$…": two to the power of it is the work of one try. */
static guint cost_of(const char *hash)
{
    return (guint)g_ascii_strtoull(hash + strlen("$2y$"), NULL, 10);
}

static gboolean read_line(GHashTable *entries, const char *file, guint number, const char *line, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(line, ":", 2);
    if (g_strv_length(parts) < 2 || !*parts[0])
        return refuse(file, number, error, "is not USER:HASH; make users with: htpasswd -B FILE USER");
    if (!is_bcrypt(parts[1]))
        return refuse(file, number, error, "is not a bcrypt hash ($2y$…); make one with: htpasswd -B FILE USER");
    if (cost_of(parts[1]) < LEAST_COST || cost_of(parts[1]) > MOST_COST)
        return refuse(file, number, error, "has a bcrypt cost out of 4 to 17; make the hash anew with: htpasswd -B -C 10 FILE USER");
    Entry *entry = g_new0(Entry, 1);
    entry->hash = g_strdup(parts[1]);
    entry->role = GW_ROLE_ADMIN;
    g_hash_table_replace(entries, g_strdup(parts[0]), entry);
    return TRUE;
}

static gboolean read_role(GHashTable *entries, const char *file, guint number, const char *line, GError **error)
{
    static const struct {
        const char *word;
        GwRole role;
    } words[] = {{"admin", GW_ROLE_ADMIN}, {"reader", GW_ROLE_READER}, {"none", GW_ROLE_KNOWN}};
    g_auto(GStrv) parts = g_strsplit(line, ":", 2);
    for (guint i = 0; i < G_N_ELEMENTS(words) && parts[0] && parts[1]; i++) {
        if (strcmp(parts[1], words[i].word) != 0)
            continue;
        Entry *entry = g_hash_table_lookup(entries, parts[0]);
        if (entry) /* or of a user who is gone */
            entry->role = words[i].role;
        return TRUE;
    }
    return refuse(file, number, error, "is not USER:ROLE, where the role is one of admin, reader, none");
}

gboolean gw_users_check_private(const char *file, GError **error)
{
    struct stat seen;
    if (stat(file, &seen) != 0 || !(seen.st_mode & S_IRWXO))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s: everyone may read it (mode %03o): chmod 600 %s", file,
                (unsigned)seen.st_mode & 0777, file);
    return FALSE;
}

typedef gboolean (*ReadLine)(GHashTable *entries, const char *file, guint number, const char *line, GError **error);

static gboolean read_lines(GHashTable *entries, const char *file, struct stat *ret_seen, ReadLine read, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    if (stat(file, ret_seen) != 0 || !g_file_get_contents(file, &text, NULL, &why)) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s: cannot be read: %s", file, why ? why->message : g_strerror(errno));
        return FALSE;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        const char *line = g_strstrip(lines[i]);
        if (*line && *line != '#' && !read(entries, file, i + 1, line, error))
            return FALSE;
    }
    return TRUE;
}

/* Without the second file all are administrators. */
static GHashTable *read_files(const char *file, const char *roles_file, struct stat *ret_seen, struct stat *ret_roles_seen, GError **error)
{
    g_autoptr(GHashTable) entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    memset(ret_roles_seen, 0, sizeof *ret_roles_seen);
    if (!read_lines(entries, file, ret_seen, read_line, error))
        return NULL;
    if (g_file_test(roles_file, G_FILE_TEST_EXISTS) && !read_lines(entries, roles_file, ret_roles_seen, read_role, error))
        return NULL;
    return g_steal_pointer(&entries);
}

static gboolean write_secret(const char *file, const char *text, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_DURABLE, 0600, &why))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s: cannot be written: %s", file, why->message);
    return FALSE;
}

static gboolean make_admin(const char *file, const char *password_file, GError **error)
{
    g_autofree char *password = gw_random_text(PASSWORD_BYTES);
    g_autofree char *hash = hash_password(password);
    g_autofree char *line = g_strdup_printf("admin:%s\n", hash ? hash : "");
    g_autofree char *told = g_strconcat(password, "\n", NULL);
    if (!hash) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "this system's libcrypt knows no bcrypt");
        return FALSE;
    }
    if (!write_secret(password_file, told, error) || !write_secret(file, line, error))
        return FALSE;
    gw_info("the user admin was made; his password is in %s, which only its owner can read", password_file);
    return TRUE;
}

static guint highest_cost(GHashTable *entries)
{
    GHashTableIter iter;
    gpointer entry;
    guint cost = COST;
    g_hash_table_iter_init(&iter, entries);
    while (g_hash_table_iter_next(&iter, NULL, &entry))
        cost = MAX(cost, cost_of(((const Entry *)entry)->hash));
    return cost;
}

GwUsers *gw_users_open(const char *file, const char *password_file, GError **error)
{
    struct stat seen, roles_seen;
    g_autofree char *roles_file = g_strconcat(file, ".roles", NULL);
    if (!g_file_test(file, G_FILE_TEST_EXISTS) && !make_admin(file, password_file, error))
        return NULL;
    GHashTable *entries = gw_users_check_private(file, error) ? read_files(file, roles_file, &seen, &roles_seen, error) : NULL;
    if (!entries)
        return NULL;
    GwUsers *users = g_new0(GwUsers, 1);
    g_mutex_init(&users->lock);
    users->file = g_strdup(file);
    users->entries = entries;
    users->cost = highest_cost(entries);
    users->roles_file = g_steal_pointer(&roles_file);
    users->seen = seen;
    users->roles_seen = roles_seen;
    users->looked_us = g_get_monotonic_time();
    return users;
}

void gw_users_free(GwUsers *users)
{
    if (!users)
        return;
    g_hash_table_unref(users->entries);
    g_mutex_clear(&users->lock);
    g_free(users->file);
    g_free(users->roles_file);
    g_free(users);
}

static gboolean is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* [locked] A file that makes no sense any more leaves the users as they were: a slip locks nobody out. */
static void look(GwUsers *users)
{
    gint64 now = g_get_monotonic_time();
    struct stat seen, roles = {0};
    if (now - users->looked_us < LOOK_S * G_USEC_PER_SEC)
        return;
    users->looked_us = now;
    if (stat(users->roles_file, &roles) != 0)
        memset(&roles, 0, sizeof roles);
    if (stat(users->file, &seen) != 0 || (is_same(&seen, &users->seen) && is_same(&roles, &users->roles_seen)))
        return;
    g_autoptr(GError) error = NULL;
    GHashTable *entries = read_files(users->file, users->roles_file, &users->seen, &users->roles_seen, &error);
    if (error) {
        gw_warning("the users stay as they were: %s", error->message);
        return;
    }
    g_hash_table_unref(users->entries);
    users->entries = entries;
    users->cost = highest_cost(entries);
    users->generation++;
    gw_info("%s has changed: %u users", users->file, g_hash_table_size(entries));
}

guint gw_users_generation(GwUsers *users)
{
    g_mutex_lock(&users->lock);
    look(users);
    guint generation = users->generation;
    g_mutex_unlock(&users->lock);
    return generation;
}

/* ---- users */

void gw_user_free(GwUser *user)
{
    if (!user)
        return;
    g_free(user->name);
    g_free(user);
}

static GwUser *user_new(const char *name, const Entry *entry)
{
    GwUser *user = g_new0(GwUser, 1);
    user->name = g_strdup(name);
    user->role = entry->role;
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, entry->hash, -1);
    g_strlcpy(user->stamp, sum, sizeof user->stamp);
    return user;
}

/* *ret_hash: owned by the caller; NULL when there is no such user. */
static GwUser *find(GwUsers *users, const char *name, char **ret_hash, guint *ret_highest_cost)
{
    g_mutex_lock(&users->lock);
    look(users);
    const Entry *entry = g_hash_table_lookup(users->entries, name);
    GwUser *user = entry ? user_new(name, entry) : NULL;
    if (user)
        user->generation = users->generation;
    *ret_hash = entry ? g_strdup(entry->hash) : NULL;
    *ret_highest_cost = users->cost;
    g_mutex_unlock(&users->lock);
    return user;
}

GwUser *gw_users_find(GwUsers *users, const char *name)
{
    guint cost;
    g_autofree char *hash = NULL;
    return find(users, name, &hash, &cost);
}

/* A try of a password that is nobody's. */
static void waste(const char *password, guint cost)
{
    g_autofree char *decoy = g_strdup_printf("$2b$%02u$7EqJtq98hPqEX7fNZaFWoOhi5BWbP8kNyWzPlm5Np2vA1Xx6p0l4S", cost);
    fits(password, decoy);
}

/* A cost of c is 2^c of work: with a try of each cost from c to below the highest one h it comes to 2^h, for all users and for none. */
GwUser *gw_users_verify(GwUsers *users, const char *name, const char *password)
{
    guint highest;
    g_autofree char *hash = NULL;
    g_autoptr(GwUser) user = find(users, name, &hash, &highest);
    if (user && fits(password, hash))
        return g_steal_pointer(&user);
    if (!user)
        waste(password, highest);
    for (guint cost = user ? cost_of(hash) : highest; cost < highest; cost++)
        waste(password, cost);
    return NULL;
}
