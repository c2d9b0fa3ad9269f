/* Figures for Prometheus, in its text format (prometheus.io/docs/instrumenting/exposition_formats, 0.0.4). docs/metrics.md tells what each
 * means; a test compares the two. */
#include "api/handlers.h"

#include "base/error.h"

typedef struct {
    GString *text;
    const char *name; /* of the family being written */
} Page;

static void begin(Page *page, const char *name, const char *type, const char *help)
{
    page->name = name;
    g_string_append_printf(page->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void append_escaped(GString *text, const char *value)
{
    for (const char *at = value ? value : ""; *at; at++) {
        if (*at == '\\' || *at == '"')
            g_string_append_c(text, '\\');
        if (*at == '\n')
            g_string_append(text, "\\n");
        else
            g_string_append_c(text, *at);
    }
}

/* labels: name, value, name, value, ... NULL. */
static void put(Page *page, double value, const char *const *labels)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(page->text, page->name);
    for (guint i = 0; labels && labels[i]; i += 2) {
        g_string_append_printf(page->text, "%s%s=\"", i ? "," : "{", labels[i]);
        append_escaped(page->text, labels[i + 1]);
        g_string_append_c(page->text, '"');
    }
    g_string_append_printf(page->text, "%s %s\n", labels && labels[0] ? "}" : "",
                           g_ascii_dtostr(number, sizeof number, value));
}

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- hosts */

static double is_up(const GwHostView *host)
{
    return host->up && !host->row->forced_down;
}

static double is_enabled(const GwHostView *host)
{
    return host->row->enabled;
}

static double instances(const GwHostView *host)
{
    return host->instances;
}

static double running(const GwHostView *host)
{
    return host->running;
}

static double cpus_busy(const GwHostView *host)
{
    return host->cpus_busy;
}

static double memory(const GwHostView *host)
{
    return host->facts ? (double)host->facts->memory_mib * 1048576 : 0;
}

static double memory_free(const GwHostView *host)
{
    return host->facts ? (double)host->facts->memory_free_mib * 1048576 : 0;
}

static double seen(const GwHostView *host)
{
    return (double)host->seen_us / 1e6;
}

static const struct {
    const char *name, *help;
    double (*value)(const GwHostView *host);
} host_gauges[] = {
    {"godwit_host_up", "Whether the host answers and is not forced down.", is_up},
    {"godwit_host_enabled", "Whether the host takes new instances.", is_enabled},
    {"godwit_host_instances", "Instances on the host.", instances},
    {"godwit_host_running_instances", "Running instances on the host.", running},
    {"godwit_host_busy_cpus", "CPUs' worth of work that its instances do, as far as the hypervisor tells.", cpus_busy},
    {"godwit_host_memory_bytes", "Memory of the host.", memory},
    {"godwit_host_free_memory_bytes", "Free memory of the host.", memory_free},
    {"godwit_host_last_seen_timestamp_seconds", "When the host last answered, in seconds since the epoch.", seen},
};

static void put_hosts(Page *page, GwEngine *engine)
{
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(engine);
    for (guint i = 0; i < G_N_ELEMENTS(host_gauges); i++) {
        begin(page, host_gauges[i].name, "gauge", host_gauges[i].help);
        for (guint k = 0; k < hosts->len; k++) {
            const GwHostView *host = hosts->pdata[k];
            put(page, host_gauges[i].value(host), LABELS("host", host->row->name));
        }
    }
}

/* ---- what the last audit found on them */

static void put_finding_counts(Page *page, const GwHostCheckup *host)
{
    guint counts[] = {[GW_FINDING_WARNS] = 0, [GW_FINDING_BLOCKS] = 0};
    for (guint i = 0; i < host->findings->len; i++)
        counts[((const GwFinding *)host->findings->pdata[i])->severity]++;
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
        put(page, counts[i], LABELS("host", host->name, "severity", gw_severity_name((GwSeverity)i)));
}

static void put_audit(gpointer data, const GwCheckup *checkup)
{
    for (guint i = 0; i < checkup->hosts->len; i++)
        put_finding_counts(data, checkup->hosts->pdata[i]);
}

static void put_audit_time(gpointer data, const GwCheckup *checkup)
{
    put(data, (double)checkup->ended_us / 1e6, NULL);
}

/* Nothing but the names before the first audit. */
static void put_findings(Page *page, GwEngine *engine)
{
    begin(page, "godwit_host_findings", "gauge", "What the last audit found on the host, by severity.");
    gw_engine_checkup_read(engine, GW_CHECKUP_OWN, put_audit, page, NULL);
    begin(page, "godwit_audit_timestamp_seconds", "gauge", "When the last audit of all hosts ended, in seconds since the epoch.");
    gw_engine_checkup_read(engine, GW_CHECKUP_OWN, put_audit_time, page, NULL);
}

/* ---- how unevenly the hosts are loaded */

static void put_unevenness(Page *page, GwEngine *engine)
{
    double score;
    begin(page, "godwit_balance_score", "gauge", "How uneven the hosts were when the automatic balance last looked: a standard deviation.");
    if (gw_engine_unevenness(engine, &score))
        put(page, score, NULL);
}

/* ---- migrations under way */

#define FIGURE(function, member, scale)                                                                                \
    static double function(const GwProgress *progress)                                                                 \
    {                                                                                                                  \
        return (double)progress->member / (scale);                                                                     \
    }

FIGURE(elapsed, elapsed_ms, 1000)
FIGURE(memory_left, memory_remaining, 1)
FIGURE(memory_sent, memory_processed, 1)
FIGURE(disk_left, disk_remaining, 1)
FIGURE(disk_sent, disk_processed, 1)
FIGURE(rate, memory_bps, 1)
FIGURE(dirty_rate, dirty_bps, 1)
FIGURE(iteration, iteration, 1)
FIGURE(throttle, throttle_percent, 100)

static const struct {
    const char *name, *help;
    double (*value)(const GwProgress *progress);
} copy_gauges[] = {
    {"godwit_migration_elapsed_seconds", "How long the copy has lasted.", elapsed},
    {"godwit_migration_memory_remaining_bytes", "Memory that is still to be copied.", memory_left},
    {"godwit_migration_memory_processed_bytes", "Memory that was copied, again and again too.", memory_sent},
    {"godwit_migration_disk_remaining_bytes", "Bytes of disks that are still to be copied.", disk_left},
    {"godwit_migration_disk_processed_bytes", "Bytes of disks that were copied.", disk_sent},
    {"godwit_migration_memory_bytes_per_second", "Rate at which memory is copied.", rate},
    {"godwit_migration_dirty_bytes_per_second", "Rate at which the guest writes memory.", dirty_rate},
    {"godwit_migration_iteration", "Pass over the memory.", iteration},
    {"godwit_migration_throttle_ratio", "Share of its time that is taken from the guest, 0 to 1.", throttle},
};

static void put_copy(Page *page, const GwMigration *row, double value)
{
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, row->id);
    put(page, value,
        LABELS("migration", id, "server", row->instance_name ? row->instance_name : row->instance_uuid, "source",
               row->source, "destination", row->dest));
}

static void put_states(Page *page, const GPtrArray *rows)
{
    guint counts[GW_MIGRATION_STATE_COUNT] = {0};
    for (guint i = 0; i < rows->len; i++)
        counts[((const GwMigration *)rows->pdata[i])->state]++;
    begin(page, "godwit_migrations", "gauge", "Migrations that have not ended, by state.");
    for (guint i = 0; i < GW_MIGRATION_STATE_COUNT; i++)
        if (!(gw_migration_state_traits((GwMigrationState)i) & GW_TRAIT_FINAL))
            put(page, counts[i], LABELS("state", gw_migration_state_name((GwMigrationState)i)));
}

static gboolean put_migrations(Page *page, GwEngine *engine, GError **error)
{
    g_autoptr(GPtrArray) rows = NULL;
    GwMigrationQuery query = {.unfinished_only = TRUE};
    if (!gw_engine_migrations(engine, &query, &rows, error))
        return FALSE;
    put_states(page, rows);
    for (guint i = 0; i < G_N_ELEMENTS(copy_gauges); i++) {
        begin(page, copy_gauges[i].name, "gauge", copy_gauges[i].help);
        for (guint k = 0; k < rows->len; k++) {
            const GwMigration *row = rows->pdata[k];
            if (row->progress.elapsed_ms)
                put_copy(page, row, copy_gauges[i].value(&row->progress));
        }
    }
    return TRUE;
}

/* ---- migrations that ended since the daemon began */

static void put_ended(Page *page, const GwEndedMoves *ended)
{
    begin(page, "godwit_migrations_ended_total", "counter", "Migrations that ended since the daemon began, by kind and how they ended.");
    for (guint kind = 0; kind < GW_MOVE_KINDS; kind++)
        for (guint i = 0; i < GW_MIGRATION_STATE_COUNT; i++)
            if (gw_migration_state_traits((GwMigrationState)i) & GW_TRAIT_FINAL)
                put(page, (double)ended->count[kind][i],
                    LABELS("kind", gw_move_kind_name((GwMoveKind)kind), "end", gw_migration_state_name((GwMigrationState)i)));
    const struct {
        const char *name, *help;
        double value;
    } totals[] = {
        {"godwit_live_migration_seconds_total", "Time from request to end of the live migrations that completed.",
         (double)ended->total_ms / 1000},
        {"godwit_live_migration_downtime_seconds_total", "Measured pauses of the guests that were migrated live.",
         (double)ended->downtime_ms / 1000},
        {"godwit_live_migration_bytes_total", "Memory and disk bytes copied by the live migrations that completed.",
         (double)ended->bytes},
        {"godwit_predicted_migrations_total", "Live migrations that completed and had been predicted.", (double)ended->predicted},
        {"godwit_predicted_time_met_total", "Those of them that took as long as the predicted interval says.", (double)ended->time_within},
        {"godwit_predicted_pause_met_total", "Those of them whose pause was within the predicted interval.", (double)ended->pause_within},
    };
    for (guint i = 0; i < G_N_ELEMENTS(totals); i++) {
        begin(page, totals[i].name, "counter", totals[i].help);
        put(page, totals[i].value, NULL);
    }
}

void gw_metrics_show(GwRequest *request)
{
    Page page = {.text = g_string_sized_new(16 * 1024)};
    g_autoptr(GError) error = NULL;
    begin(&page, "godwit_build_info", "gauge", "Always 1; the version is a label.");
    put(&page, 1, LABELS("version", GW_VERSION));
    put_hosts(&page, request->engine);
    put_findings(&page, request->engine);
    put_unevenness(&page, request->engine);
    GwEndedMoves ended;
    gw_engine_ended_moves(request->engine, &ended);
    put_ended(&page, &ended);
    begin(&page, "godwit_store_writes_total", "counter", "Transactions that the database was asked to keep since the daemon began.");
    put(&page, (double)gw_engine_store_writes(request->engine), NULL);
    if (!put_migrations(&page, request->engine, &error)) {
        g_string_free(page.text, TRUE);
        gw_reply_error(request, error);
        return;
    }
    gw_reply_bytes(request, 200, g_string_free_to_bytes(page.text));
    request->content_type = "text/plain; version=0.0.4; charset=utf-8";
}
