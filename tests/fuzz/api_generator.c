#include "api_generator.h"

#include "api/routes.h"

#include <string.h>

static gboolean reached[512];

static const char *pick(GRand *random, const char *const *words, guint count)
{
    return words[g_rand_int_range(random, 0, (gint32)count)];
}
#define PICK(random, words) pick(random, words, G_N_ELEMENTS(words))

static gboolean one_in(GRand *random, gint32 n)
{
    return g_rand_int_range(random, 0, n) == 0;
}

/* ---- paths */

/* Instances and migrations of the engine of memory (tests/api/fake_engine.c), names, and what is neither. */
static const char *const ids[] = {
    "10000000-0000-4000-8000-000000000001",
    "10000000-0000-4000-8000-000000000008",
    "10000000-0000-4000-8000-00000000000a",
    "10000000-0000-4000-8000-00000000000b",
    "10000000-0000-4000-8000-00000000000f",
    "20000000-0000-4000-8000-000000000003",
    "30000000-0000-4000-8000-000000000001",
    "1",
    "3",
    "4",
    "10",
    "0",
    "-1",
    "18446744073709551616",
    "HostA",
    "HostDown",
    "Host",
    "req-1",
    "req-gone",
    "2c-512m-10g",
    "admin",
    "os-migrations",
    "52:54:00:00:00:01",
    "statistics",
    "detail",
    "enable",
    "x",
    "%00",
    "%ff",
    "%2e%2e",
    "a%20b",
    "'",
};

static void append_path(GRand *random, GString *out, const GwRoute *route)
{
    static const char *const roots[] = {"/", "/v2.1/", "/godwit/v1/"};
    g_string_append(out, roots[route->root]);
    if (route->root == GW_ROOT_COMPUTE && one_in(random, 8))
        g_string_append(out, "project/");
    for (const char *c = route->path; *c; c++) {
        if (strncmp(c, "{}", 2) != 0) {
            g_string_append_c(out, *c);
            continue;
        }
        g_string_append(out, PICK(random, ids));
        c++;
    }
    if (one_in(random, 20))
        g_string_append(out, "/more");
}

static const char *const parameters[] = {
    "limit",
    "marker",
    "name",
    "status",
    "host",
    "sort_key",
    "sort_dir",
    "changes-since",
    "changes-before",
    "uuid",
    "ip",
    "all_tenants",
    "deleted",
    "with_servers",
    "hypervisor_hostname_pattern",
    "migration_type",
    "instance_uuid",
    "user_id",
    "is_public",
    "minRam",
    "detailed",
    "start",
    "end",
    "offset",
    "locked",
    "config_drive",
    "flying",
    "zone",
    "binary",
    "progress",
    "created_at",
    "tags",
};

static const char *const parameter_values[] = {
    "1",
    "0",
    "1000000",
    "-1",
    "x",
    "",
    "True",
    "none",
    "display_name",
    "asc",
    "running",
    "ACTIVE",
    "HostA",
    "%5B",
    "(a*)*$",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "10000000-0000-4000-8000-000000000001",
    "20000000-0000-4000-8000-000000000003",
    "req-1",
    "99999999999999999999",
    "%ff%fe",
    "%F0%9F%90%A6",
};

static void append_query(GRand *random, GString *out)
{
    for (char separator = '?'; !one_in(random, 2); separator = '&')
        g_string_append_printf(out, "%c%s=%s", separator, PICK(random, parameters), PICK(random, parameter_values));
}

/* ---- bodies */

static void append_value(GRand *random, GString *out, int depth);

/* Of one live migration: mostly each with a value that may suit it. */
static void append_options(GRand *random, GString *out, int depth)
{
    static const char *const options[] = {
        "live_migration_bandwidth",           "live_migration_completion_timeout",   "live_migration_timeout_action",
        "live_migration_downtime",            "live_migration_downtime_steps",       "live_migration_downtime_delay",
        "live_migration_permit_post_copy",    "live_migration_permit_auto_converge", "live_migration_parallel_connections",
        "live_migration_compression",         "block_migration_synchronous_writes",  "migration_policy",
        "live_migration_bandwidth,",          "",
    };
    static const char *const suiting[] = {
        "1", "\"800\"", "true", "\"False\"", "\"abort\"", "\"force_complete\"", "\"zstd\"", "\"auto\"", "\"never\"", "\"7,live_migration_downtime=1\"",
    };
    g_string_append_c(out, '{');
    for (gboolean first = TRUE; !one_in(random, 3); first = FALSE) {
        g_string_append_printf(out, "%s\"%s\":", first ? "" : ",", PICK(random, options));
        if (one_in(random, 4))
            append_value(random, out, depth + 1);
        else
            g_string_append(out, PICK(random, suiting));
    }
    g_string_append_c(out, '}');
}

/* What Nova's action has no words for. */
static void append_own_move(GRand *random, GString *out)
{
    static const char *const policies[] = {"fast", "never-pause", "reckless", ""};
    g_string_append_printf(out, "{\"%s\":{\"server\":\"%s\"", one_in(random, 2) ? "migration" : "plan", PICK(random, ids));
    if (one_in(random, 2))
        g_string_append_printf(out, ",\"policy\":\"%s\"", PICK(random, policies));
    if (one_in(random, 2))
        g_string_append(out, ",\"host\":\"HostB\"");
    if (one_in(random, 8))
        g_string_append(out, ",\"cold\":true");
    g_string_append(out, ",\"options\":");
    if (one_in(random, 8))
        append_value(random, out, 1);
    else
        append_options(random, out, 1);
    g_string_append(out, "}}");
}

static void append_object(GRand *random, GString *out, int depth)
{
    static const char *const keys[] = {
        "host",
        "block_migration",
        "disk_over_commit",
        "force",
        "name",
        "uri",
        "status",
        "disabled_reason",
        "forced_down",
        "availability_zone",
        "metadata",
        "aggregate",
        "state",
        "type",
        "flavorRef",
        "imageRef",
        "networks",
        "onSharedStorage",
        "locked_reason",
        "binary",
        "maintenance_mode",
        "server",
        "flavor",
        "ram",
        "vcpus",
        "disk",
        "id",
        "extra",
        "auth",
        "identity",
        "methods",
        "password",
        "user",
        "scope",
        "cache",
    };
    g_string_append_c(out, '{');
    for (gboolean first = TRUE; !one_in(random, 3); first = FALSE) {
        g_string_append_printf(out, "%s\"%s\":", first ? "" : ",", PICK(random, keys));
        append_value(random, out, depth + 1);
    }
    g_string_append_c(out, '}');
}

static void append_value(GRand *random, GString *out, int depth)
{
    static const char *const values[] = {
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "1e400",
        "9223372036854775808",
        "\"auto\"",
        "\"\"",
        "\"HostA\"",
        "\"HostB\"",
        "\"HostZ\"",
        "\"sim://w/h\"",
        "\"enabled\"",
        "\"disabled\"",
        "\"active\"",
        "\"SOFT\"",
        "\"True\"",
        "\"a b\"",
        "\"\\u0000\"",
        "\"\\ud83d\\udc26\"",
        "\"2c-512m-10g\"",
        "[]",
        "[1,2]",
        "\"10000000-0000-4000-8000-000000000001\"",
    };
    if (depth < 5 && one_in(random, 4))
        append_object(random, out, depth);
    else
        g_string_append(out, PICK(random, values));
}

static void append_body(GRand *random, GString *out)
{
    static const char *const whole[] = {
        "{\"os-migrateLive\":{\"host\":null,\"block_migration\":\"auto\"}}",
        "{\"os-migrateLive\":{\"host\":\"HostB\",\"block_migration\":false,\"disk_over_commit\":false}}",
        "{\"os-migrateLive\":{\"host\":\"HostB\",\"block_migration\":\"auto\",\"force\":true}}",
        "{\"migrate\":null}",
        "{\"migrate\":{\"host\":\"HostB\"}}",
        "{\"confirmResize\":null}",
        "{\"revertResize\":null}",
        "{\"force_complete\":null}",
        "{\"host\":{\"name\":\"HostX\",\"uri\":\"sim://w/x\"}}",
        "{}",
        "[]",
        "",
        "null",
        "{\"a\":",
    };
    static const char *const actions[] = {
        "os-migrateLive", "migrate", "confirmResize",  "revertResize", "resize",      "evacuate",     "os-resetState",
        "os-start",       "os-stop", "reboot",         "pause",        "unpause",     "suspend",      "resume",
        "lock",           "unlock",  "force_complete", "add_host",     "remove_host", "set_metadata", "aggregate",
        "host",           "server",  "flavor",         "auth",         "status",
    };
    if (one_in(random, 6)) {
        append_own_move(random, out);
    } else if (one_in(random, 3)) {
        g_string_append(out, PICK(random, whole));
    } else if (one_in(random, 2)) {
        g_string_append_printf(out, "{\"%s\":", PICK(random, actions));
        append_value(random, out, 0);
        g_string_append_c(out, '}');
    } else {
        append_object(random, out, 0);
    }
}

/* ---- requests */

/* A microversion that has the route, mostly. */
static guint choose_minor(GRand *random, const GwRoute *route)
{
    guint most = route->until ? route->until : GW_API_MAX_MINOR;
    if (one_in(random, 10))
        return (guint)g_rand_int_range(random, 0, GW_API_MAX_MINOR + 3);
    return (guint)g_rand_int_range(random, (gint32)MAX(route->since, GW_API_MIN_MINOR), (gint32)most + 1);
}

char *api_generate(guint32 seed)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    static const char *const odd[] = {"latest", "", "2", "x", "2.1, 2.30", "999.1"};
    GRand *random = g_rand_new_with_seed(seed);
    GString *out = g_string_new(NULL);
    gsize row = (gsize)g_rand_int_range(random, 0, (gint32)gw_route_count);
    const GwRoute *route = &gw_routes[row];
    gboolean wrong = one_in(random, 20);
    guint minor = choose_minor(random, route);
    gboolean known = minor >= route->since && (!route->until || minor <= route->until);
    g_string_append(out, wrong ? PICK(random, methods) : route->method);
    if (one_in(random, 30))
        g_string_append_printf(out, " %s\n", PICK(random, odd));
    else
        g_string_append_printf(out, " 2.%u\n", minor);
    append_path(random, out, route);
    append_query(random, out);
    g_string_append_c(out, '\n');
    if (route->flags & GW_ROUTE_BODY)
        append_body(random, out);
    g_rand_free(random);
    g_assert(row < G_N_ELEMENTS(reached));
    reached[row] |= !wrong && known;
    return g_string_free(out, FALSE);
}

const char *api_generator_missed(void)
{
    for (gsize i = 0; i < gw_route_count; i++)
        if (!reached[i])
            return gw_routes[i].path;
    return NULL;
}
