/* Calls the libvirt driver from the command line, without daemon or store: for trying it on the lab, and for timing it.
 *   driverctl facts URI | instances URI | describe URI UUID | sight URI UUID
 *   driverctl examine SOURCE DEST UUID        findings and plan, and how long examining took, three times
 *   driverctl storm A B UUID_ON_A UUID_ON_B   examines in both directions at once, on 16 threads
 *   driverctl move SOURCE DEST UUID [block|inc|cold]   examine, prepare, migrate, settle, forget, each timed
 * It keeps no journal: what breaks in the middle stays broken. */
#include <stdio.h>
#include <string.h>

#include "core/flags.h"
#include "drivers/libvirt/libvirt.h"

static const GwDriver *driver = &gw_libvirt_driver;
static const GwDriverSettings settings = {.call_timeout_ms = 30000};

static GwHost *open_host(const char *uri)
{
    g_autoptr(GError) error = NULL;
    GwHost *host = driver->open(uri, uri, &settings, &error);
    if (!host)
        g_error("%s", error->message);
    return host;
}

static gint64 step_since;

/* Ends a step: says how long it took, or ends the program. */
static void step(const char *name, gboolean ok, GError *error)
{
    printf("%-10s %8.1f ms  %s\n", name, (double)(g_get_monotonic_time() - step_since) / 1000,
           ok ? "" : error ? error->message : "failed without an error");
    if (!ok && error)
        printf("           error code %d\n", error->code);
    if (!ok)
        exit(1);
    step_since = g_get_monotonic_time();
}

/* call first, then the error that it set */
#define STEP(name, call)                                                                                               \
    do {                                                                                                               \
        gboolean step_ok = (call);                                                                                     \
        step(name, step_ok, error);                                                                                    \
    } while (0)

static void show_instance(const GwInstance *instance)
{
    printf("%s %s %s: %u vcpus, %" G_GUINT64_FORMAT " MiB, %s %s %s%s%s\n", instance->uuid, instance->name,
           gw_power_name(instance->power), instance->vcpus, instance->memory_mib, instance->virt_type, instance->machine,
           instance->graphics_listen ? instance->graphics_listen : "no console", instance->persistent ? " persistent" : "",
           instance->autostart ? " autostart" : "");
    for (guint i = 0; i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        g_autofree char *chain = disk->backing ? g_strjoinv(" <- ", disk->backing) : g_strdup("");
        printf("  %s kind %d %s %s pool %s flags %u capacity %" G_GUINT64_FORMAT " allocation %" G_GUINT64_FORMAT " %s\n",
               disk->target, disk->kind, disk->path, disk->format, disk->pool, disk->flags, disk->capacity_bytes,
               disk->allocation_bytes, chain);
    }
    for (guint i = 0; i < instance->files->len; i++)
        printf("  file %s\n", (const char *)instance->files->pdata[i]);
}

static void do_facts(GwHost *host)
{
    g_autoptr(GError) error = NULL;
    GwHostFacts *facts = driver->facts(host, &error);
    step("facts", facts != NULL, error);
    printf("%s %s libvirt %" G_GUINT64_FORMAT " qemu %" G_GUINT64_FORMAT " %s %s cpus %u memory %" G_GUINT64_FORMAT
           " free %" G_GUINT64_FORMAT " user %s\n", facts->hostname, facts->host_uuid, facts->library_version,
           facts->hypervisor_version, facts->arch, facts->cpu_model, facts->cpus, facts->memory_mib, facts->memory_free_mib,
           facts->qemu_user);
    gw_host_facts_unref(facts);
}

static void do_instances(GwHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) instances = NULL;
    gboolean ok = driver->instances(host, &instances, &error);
    step("instances", ok, error);
    for (guint i = 0; i < instances->len; i++)
        show_instance(instances->pdata[i]);
}

static void do_describe(GwHost *host, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstance) instance = driver->describe(host, uuid, &error);
    step("describe", instance != NULL, error);
    show_instance(instance);
}

static void do_sight(GwHost *host, const char *uuid)
{
    GwSight sight = {0};
    g_autoptr(GError) error = NULL;
    gboolean ok = driver->sight(host, uuid, &sight, &error);
    step("sight", ok, error);
    printf("seen %d job %d elapsed %" G_GUINT64_FORMAT " downtime %" G_GUINT64_FORMAT " disk %" G_GUINT64_FORMAT "\n", sight.seen,
           sight.job, sight.progress.elapsed_ms, sight.progress.downtime_ms, sight.progress.disk_total);
}

static GwPlan *make_plan(GwHost *source, GwHost *dest, const char *uuid, const char *mode)
{
    enum { FLAGS = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_PERSIST_DEST };
    static const GwPlanSettings wishes = {.live_flags = FLAGS, .block_flags = FLAGS | GW_FLAG_NON_SHARED_DISK};
    static const GwPlanSettings incremental = {.live_flags = FLAGS, .block_flags = FLAGS | GW_FLAG_NON_SHARED_INC};
    const GwMoveWish wish = {.kind = strcmp(mode, "cold") == 0 ? GW_MOVE_COLD : GW_MOVE_LIVE, .block = GW_BLOCK_AUTO};
    g_autoptr(GError) error = NULL;
    g_autoptr(GwMoveFacts) facts = NULL;
    gboolean ok = driver->examine(source, dest, uuid, &facts, &error);
    step("examine", ok, error);
    GwPlan *plan = NULL;
    g_autoptr(GPtrArray) findings =
        gw_checks_plan(facts, &wish, strcmp(mode, "inc") == 0 ? &incremental : &wishes, "unused", &plan);
    g_autofree char *text = gw_findings_to_text(findings);
    if (*text)
        printf("%s\n", text);
    if (plan)
        g_clear_pointer(&plan->destination_uri, g_free);
    return plan;
}

static void show_plan(const GwPlan *plan)
{
    g_autofree char *flags = gw_flags_to_string(plan->flags);
    printf("%s\n", flags);
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        printf("  %s fate %d %s -> %s%s%s\n", disk->target, disk->fate, disk->path, disk->dest_path,
               disk->backing ? " upon " : "", disk->backing ? disk->backing[0] : "");
    }
}

static void do_examine(GwHost *source, GwHost *dest, const char *uuid)
{
    for (guint i = 0; i < 3; i++) {
        g_autoptr(GwPlan) plan = make_plan(source, dest, uuid, "live");
        if (plan && i == 2)
            show_plan(plan);
    }
}

static void carry(GwHost *source, GwHost *dest, const GwPlan *plan)
{
    g_autoptr(GError) error = NULL;
    gboolean cold = plan->kind == GW_MOVE_COLD;
    if (cold && gw_plan_copies_disks(plan))
        STEP("start", driver->start(source, plan->uuid, GW_START_PAUSED, &error));
    if (!cold || gw_plan_copies_disks(plan))
        STEP("migrate", driver->migrate(source, dest, plan, &error));
    if (cold && gw_plan_copies_disks(plan))
        STEP("stop dest", driver->stop(dest, plan->uuid, GW_STOP_HARD, 0, &error));
    if (cold)
        STEP("adopt", driver->adopt(dest, plan, &error));
    if (cold && plan->power_before == GW_POWER_RUNNING)
        STEP("start dest", driver->start(dest, plan->uuid, GW_START_RUNNING, &error));
}

static void do_move(GwHost *source, GwHost *dest, const char *uuid, const char *mode)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwPlan) plan = make_plan(source, dest, uuid, mode);
    if (!plan)
        exit(2);
    show_plan(plan);
    step_since = g_get_monotonic_time();
    if (plan->kind == GW_MOVE_COLD)
        STEP("stop", driver->stop(source, uuid, GW_STOP_HARD, 0, &error));
    STEP("prepare", driver->prepare(source, dest, plan, &error));
    carry(source, dest, plan);
    do_sight(dest, uuid);
    STEP("settle", driver->settle(dest, plan, &error));
    STEP("forget", driver->forget(source, plan, GW_SIDE_SOURCE, &error));
}

typedef struct {
    GwHost *source, *dest;
    const char *uuid;
} Direction;

enum { STORM_THREADS = 16, STORM_ROUNDS = 20 };

static gpointer storm_thread(gpointer data)
{
    const Direction *direction = data;
    guint failures = 0, unknown = 0;
    for (guint i = 0; i < STORM_ROUNDS; i++) {
        g_autoptr(GwMoveFacts) facts = NULL;
        g_autoptr(GError) error = NULL;
        if (!driver->examine(direction->source, direction->dest, direction->uuid, &facts, &error)) {
            printf("%s\n", error->message);
            failures++;
        }
        for (guint d = 0; facts && d < facts->disks->len; d++)
            unknown += ((const GwDiskFacts *)facts->disks->pdata[d])->shared == GW_FACT_UNKNOWN;
    }
    return GUINT_TO_POINTER(failures + unknown);
}

static void do_storm(GwHost *a, GwHost *b, const char *on_a, const char *on_b)
{
    Direction directions[] = {{a, b, on_a}, {b, a, on_b}};
    GThread *threads[STORM_THREADS];
    guint wrong = 0;
    for (guint i = 0; i < STORM_THREADS; i++)
        threads[i] = g_thread_new("storm", storm_thread, &directions[i % 2]);
    for (guint i = 0; i < STORM_THREADS; i++)
        wrong += GPOINTER_TO_UINT(g_thread_join(threads[i]));
    printf("%u of %u examinations failed or could not tell\n", wrong, STORM_THREADS * STORM_ROUNDS);
    step("storm", wrong == 0, NULL);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[1] : "";
    gboolean two = strcmp(verb, "examine") == 0 || strcmp(verb, "move") == 0 || (strcmp(verb, "storm") == 0 && argc > 5);
    if (argc < (two ? 5 : 3) || ((strcmp(verb, "describe") == 0 || strcmp(verb, "sight") == 0) && argc < 4)) {
        fputs("usage: driverctl facts|instances URI | describe|sight URI UUID | examine|move SOURCE DEST UUID [MODE]\n", stderr);
        return 64;
    }
    GwHost *host = open_host(argv[2]);
    GwHost *dest = two ? open_host(argv[3]) : NULL;
    step_since = g_get_monotonic_time();
    if (strcmp(verb, "facts") == 0)
        do_facts(host);
    else if (strcmp(verb, "instances") == 0)
        do_instances(host);
    else if (strcmp(verb, "describe") == 0)
        do_describe(host, argv[3]);
    else if (strcmp(verb, "sight") == 0)
        do_sight(host, argv[3]);
    else if (strcmp(verb, "examine") == 0)
        do_examine(host, dest, argv[4]);
    else if (strcmp(verb, "storm") == 0 && two)
        do_storm(host, dest, argv[4], argv[5]);
    else if (strcmp(verb, "move") == 0)
        do_move(host, dest, argv[4], argc > 5 ? argv[5] : "live");
    driver->close(host);
    if (dest)
        driver->close(dest);
    return 0;
}
