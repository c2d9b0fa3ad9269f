/* The address of a PostgreSQL database, as libpq reads it. No message repeats it: it may hold a password. */
#include "store/pg_connection.h"

#include "base/error.h"

#include <string.h>

typedef PQconninfoOption Conninfo;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Conninfo, PQconninfoFree)

static const char *conninfo_get(const Conninfo *info, const char *key)
{
    for (; info->keyword; info++)
        if (strcmp(info->keyword, key) == 0)
            return info->val;
    return NULL;
}

gboolean gw_store_check_postgres(const char *uri, GError **error)
{
    char *message = NULL;
    g_autoptr(Conninfo) info = PQconninfoParse(uri, &message);
    gboolean password = info && conninfo_get(info, "password");
    if (!info)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "is not an address of PostgreSQL; write postgresql://USER@HOST[:PORT]/DATABASE, with several HOST:PORT if there are "
                    "standbys");
    else if (password)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "holds a password; write it into a file of mode 0600 as HOST:PORT:DATABASE:USER:PASSWORD and append "
                    "?passfile=FILE to the address (or use ~/.pgpass)");
    PQfreemem(message);
    return info && !password;
}

char *gw_pg_describe(const char *uri)
{
    g_autoptr(Conninfo) info = PQconninfoParse(uri, NULL);
    const char *database = info ? conninfo_get(info, "dbname") : NULL, *host = info ? conninfo_get(info, "host") : NULL;
    return g_strdup_printf("PostgreSQL database %s%s%s", database ? database : "of Godwit's user", host ? " at " : "", host ? host : "");
}
