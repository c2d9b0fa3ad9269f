/* Plans over a cluster in the text form of Ganeti's htools, without a daemon: for the benches, and for trying things.
 *   planctl balance FILE OBJECTIVE MAX_MOVES LEAST_STEP THRIFT [OUT]   prints one line of JSON; OUT: the cluster afterwards
 *   planctl drain INSTANCES HOSTS LEAVING SEED                         a cluster at random, LEAVING of its hosts emptied
 * MAX_MOVES 0: no limit. OBJECTIVE: cpu, memory, both, pack, hbal. Links have 10 Gbit/s. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/balance.h"
#include "core/drain.h"

static GStrv lines; /* the file's; those of instances are written back with another host */

static char *field(char **fields, guint index)
{
    if (g_strv_length(fields) <= index)
        g_error("a line has no field %u", index);
    return fields[index];
}

/* name|total_mem|node_mem|free_mem|total_disk|free_disk|cpus|offline|group|... */
static void add_node(GwCluster *cluster, GHashTable *names, const char *line)
{
    g_auto(GStrv) f = g_strsplit(line, "|", -1);
    GwClusterHost host = {.name = g_intern_string(field(f, 0)), .memory_mib = strtoull(field(f, 1), NULL, 10),
                          .reserved_mib = strtoull(field(f, 2), NULL, 10), .cpus = (guint)atoi(field(f, 6)), .zone = -1, .cpu_model = -1};
    g_hash_table_insert(names, (gpointer)host.name, GUINT_TO_POINTER(cluster->hosts->len));
    g_array_append_val(cluster->hosts, host);
}

/* name|mem|disk|vcpus|status|auto_balance|primary|secondary|... */
static void add_instance(GwCluster *cluster, GHashTable *names, const char *line)
{
    g_auto(GStrv) f = g_strsplit(line, "|", -1);
    GwClusterInstance instance = {.name = g_intern_string(field(f, 0)), .memory_mib = strtoull(field(f, 1), NULL, 10),
                                  .vcpus = (guint)atoi(field(f, 3)), .cpus_used = -1, .zone = -1, .group = -1,
                                  .host = GPOINTER_TO_UINT(g_hash_table_lookup(names, field(f, 6)))};
    g_array_append_val(cluster->instances, instance);
}

static GwCluster *read_cluster(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &text, NULL, &error))
        g_error("%s", error->message);
    lines = g_strsplit(text, "\n", -1);
    GwCluster *cluster = gw_cluster_new();
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    guint section = 0; /* groups, nodes, instances, tags, policies */
    for (char **line = lines; *line && section < 3; line++) {
        if (!**line)
            section++;
        else if (section == 1)
            add_node(cluster, names, *line);
        else if (section == 2)
            add_instance(cluster, names, *line);
    }
    return cluster;
}

static void write_cluster(const char *path, const GwCluster *cluster, const GwBalancePlan *plan)
{
    g_autoptr(GwOccupancy) now = gw_occupancy_new(cluster);
    GString *text = g_string_new(NULL);
    guint section = 0, node = 0, instance = 0;
    for (guint n = 0; n < plan->moves->len; n++)
        gw_occupancy_move(now, g_array_index(plan->moves, GwPlannedMove, n).instance, g_array_index(plan->moves, GwPlannedMove, n).dest);
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) f = g_strsplit(*line, "|", -1);
        if (!**line) {
            section++;
        } else if (section == 1) {
            const GwClusterHost *host = gw_cluster_host(cluster, node);
            g_free(f[3]);
            f[3] = g_strdup_printf("%" G_GUINT64_FORMAT, host->memory_mib - host->reserved_mib - now->memory_mib[node++]);
        } else if (section == 2) {
            g_free(f[6]);
            f[6] = g_strdup(gw_cluster_host(cluster, now->where[instance++])->name);
        }
        g_autofree char *joined = g_strjoinv("|", f);
        g_string_append_printf(text, "%s%s", joined, line[1] ? "\n" : "");
    }
    g_file_set_contents(path, text->str, (gssize)text->len, NULL);
    g_string_free(text, TRUE);
}

static int balance(char **argv)
{
    static const char *const words[] = {"cpu", "memory", "both", "pack", "hbal"};
    g_autoptr(GwCluster) cluster = read_cluster(argv[0]);
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    for (guint n = 0; n < G_N_ELEMENTS(words); n++)
        if (strcmp(argv[1], words[n]) == 0)
            wish.objective = (GwObjective)n;
    wish.max_moves = (guint)atoi(argv[2]);
    wish.least_step = atof(argv[3]);
    wish.thrift = atof(argv[4]);
    gint64 began = g_get_monotonic_time();
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(cluster, &wish);
    double seconds = (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC;
    printf("{\"seconds\": %.6f, \"moves\": %u, \"bytes\": %" G_GUINT64_FORMAT ", \"before\": %.8f, \"after\": %.8f, \"hosts_before\": %u, "
           "\"hosts_after\": %u, \"makespan_ms\": %" G_GUINT64_FORMAT ", \"bound_ms\": %" G_GUINT64_FORMAT "}\n",
           seconds, plan->moves->len, plan->bytes, plan->score_before, plan->score_after, plan->hosts_before, plan->hosts_after,
           plan->table.makespan_ms, plan->table.bound_ms);
    if (argv[5])
        write_cluster(argv[5], cluster, plan);
    return 0;
}

static int drain(char **argv)
{
    guint instances = (guint)atoi(argv[0]), hosts = (guint)atoi(argv[1]), leaving = (guint)atoi(argv[2]);
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)atoi(argv[3]));
    g_autoptr(GwCluster) cluster = gw_cluster_new();
    for (guint h = 0; h < hosts; h++) {
        GwClusterHost host = {.name = "H", .memory_mib = 512 * 1024, .cpus = 64, .zone = -1, .cpu_model = -1, .leaving = h < leaving};
        g_array_append_val(cluster->hosts, host);
    }
    for (guint i = 0; i < instances; i++) {
        GwClusterInstance instance = {.name = "vm", .host = i % leaving, .memory_mib = (guint64)512 << g_rand_int_range(rand, 0, 6), .vcpus = 2,
                                      .cpus_used = -1, .zone = -1, .group = -1, .dirty_bps = g_rand_int_range(rand, 0, 10) ? 0 : 50000000};
        g_array_append_val(cluster->instances, instance);
    }
    GwDrainWish wish = {.room = GW_ROOM_MAKE};
    gint64 began = g_get_monotonic_time();
    g_autoptr(GwDrainPlan) plan = gw_drain_plan(cluster, &wish);
    printf("{\"seconds\": %.6f, \"moves\": %u, \"stays\": %u, \"makespan_ms\": %" G_GUINT64_FORMAT ", \"bound_ms\": %" G_GUINT64_FORMAT "}\n",
           (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC, plan->moves->len, plan->stays->len, plan->table.makespan_ms,
           plan->table.bound_ms);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 7 && strcmp(argv[1], "balance") == 0)
        return balance(argv + 2);
    if (argc == 6 && strcmp(argv[1], "drain") == 0)
        return drain(argv + 2);
    fprintf(stderr, "usage: planctl balance FILE OBJECTIVE MAX_MOVES LEAST_STEP THRIFT [OUT] | drain INSTANCES HOSTS LEAVING SEED\n");
    return 2;
}
