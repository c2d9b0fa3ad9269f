/* What a guest does to its memory and disks, found out without disturbing it: QEMU takes samples of its pages, hashed, at the beginning and
 * at the end of a window (calc-dirty-rate, mode page-sampling; the mode dirty-bitmap ends QEMU 7.2 under TCG). It ends a window by itself,
 * and a migration that begins meanwhile neither waits for it nor ends it. */
#include "drivers/libvirt/internal.h"

enum {
    GRAIN_BYTES = 2097152,  /* QEMU samples 512 pages of each GiB (DIRTYRATE_DEFAULT_SAMPLE_PAGES) */
    DEVICE_BYTES = 200000,  /* of a small PC's devices */
    LOOK_MS = 50, PATIENCE_MS = 1000,
};

typedef struct {
    gboolean measured;
    guint64 mib_per_s, disk_written;
} Stats;

static void take(virDomainStatsRecordPtr record, Stats *stats)
{
    int status = -1;
    long long rate = 0;
    unsigned count = 0;
    virTypedParamsGetInt(record->params, record->nparams, "dirtyrate.calc_status", &status);
    virTypedParamsGetLLong(record->params, record->nparams, "dirtyrate.megabytes_per_second", &rate);
    virTypedParamsGetUInt(record->params, record->nparams, "block.count", &count);
    stats->measured = status == VIR_DOMAIN_DIRTYRATE_MEASURED;
    stats->mib_per_s = (guint64)MAX(rate, 0);
    for (unsigned i = 0; i < count; i++) {
        unsigned long long bytes = 0;
        g_autofree char *name = g_strdup_printf("block.%u.wr.bytes", i);
        virTypedParamsGetULLong(record->params, record->nparams, name, &bytes);
        stats->disk_written += bytes;
    }
}

static gboolean read_stats(virDomain *domain, unsigned what, Stats *ret_stats)
{
    virDomainStatsRecordPtr *records = NULL;
    virDomainPtr domains[] = {domain, NULL};
    *ret_stats = (Stats){0};
    int count = virDomainListGetStats(domains, what, &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    if (count > 0)
        take(records[0], ret_stats);
    virDomainStatsRecordListFree(records);
    return count > 0;
}

/* FALSE: this QEMU or libvirt cannot, or another sample is being taken. */
static gboolean sample(virDomain *domain, guint window_ms, guint64 *ret_bytes)
{
    Stats stats = {0};
    if (virDomainStartDirtyRateCalc(domain, (int)(window_ms / 1000), VIR_DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING) != 0)
        return FALSE;
    g_usleep(window_ms * 1000);
    for (guint waited = 0; waited < PATIENCE_MS && !stats.measured; waited += LOOK_MS) {
        if (!read_stats(domain, VIR_DOMAIN_STATS_DIRTYRATE, &stats))
            return FALSE;
        if (!stats.measured)
            g_usleep(LOOK_MS * 1000);
    }
    *ret_bytes = stats.mib_per_s * 1048576 * window_ms / 1000;
    return stats.measured;
}

guint64 gw_virt_resident_bytes(virDomain *domain)
{
    virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
    int count = virDomainMemoryStats(domain, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0);
    for (int i = 0; i < count; i++)
        if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_RSS)
            return stats[i].val * 1024;
    return 0;
}

static void measure_memory(virDomain *domain, GwLoadHow how, GwLoad *load)
{
    Stats before, after;
    gboolean counts = read_stats(domain, VIR_DOMAIN_STATS_BLOCK, &before);
    gint64 since = g_get_monotonic_time();
    if (how != GW_LOAD_SIZES && sample(domain, GW_LOAD_SHORT_MS, &load->short_bytes))
        load->how = GW_LOAD_BRIEF;
    if (load->how == GW_LOAD_BRIEF && how == GW_LOAD_FULL && sample(domain, GW_LOAD_LONG_MS, &load->long_bytes))
        load->how = GW_LOAD_FULL;
    gint64 us = g_get_monotonic_time() - since;
    if (load->how != GW_LOAD_SIZES && counts && read_stats(domain, VIR_DOMAIN_STATS_BLOCK, &after))
        load->disk_write_bps = (guint64)((double)(after.disk_written - MIN(before.disk_written, after.disk_written)) * 1e6 / (double)us);
}

gboolean gw_virt_measure(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->texts[0], error);
    int state, reason;
    if (!domain)
        return FALSE;
    if (virDomainGetState(domain, &state, &reason, 0) != 0)
        return gw_virt_fail(call->host, GW_VIRT_ASK, error, "looking at instance %s", call->texts[0]);
    GwLoad *load = g_new0(GwLoad, 1);
    call->result = load;
    call->free_result = g_free;
    load->pass_end = GW_PASS_EARLY;
    load->device_bytes = DEVICE_BYTES;
    if (state == VIR_DOMAIN_RUNNING) {
        load->grain_bytes = GRAIN_BYTES;
        measure_memory(domain, (GwLoadHow)call->how, load);
    } else {
        load->how = (GwLoadHow)call->how; /* it writes nothing, and that is known */
    }
    load->memory_bytes = gw_virt_resident_bytes(domain); /* pages that the guest never touched are not sent */
    return TRUE;
}
