/* One instance at one moment: state, the reason of the state, and the migration job. */
#include "drivers/libvirt/internal.h"

#include <string.h>

GwSeen gw_virt_seen(int state, int reason)
{
    switch ((virDomainState)state) {
    case VIR_DOMAIN_RUNNING:
        return reason == VIR_DOMAIN_RUNNING_POSTCOPY          ? GW_SEEN_POSTCOPY
               : reason == VIR_DOMAIN_RUNNING_POSTCOPY_FAILED ? GW_SEEN_POSTCOPY_FAILED
                                                              : GW_SEEN_RUNNING;
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_SHUTDOWN:
    case VIR_DOMAIN_NOSTATE: /* alive, in a way that libvirt has no word for */
        return GW_SEEN_RUNNING;
    case VIR_DOMAIN_PAUSED:
        return reason == VIR_DOMAIN_PAUSED_MIGRATION         ? GW_SEEN_PAUSED_MIGRATING
               : reason == VIR_DOMAIN_PAUSED_STARTING_UP     ? GW_SEEN_PAUSED_MIGRATING
               : reason == VIR_DOMAIN_PAUSED_POSTCOPY        ? GW_SEEN_POSTCOPY
               : reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED ? GW_SEEN_POSTCOPY_FAILED
                                                             : GW_SEEN_PAUSED;
    case VIR_DOMAIN_PMSUSPENDED:
        return GW_SEEN_PAUSED;
    case VIR_DOMAIN_SHUTOFF:
    case VIR_DOMAIN_CRASHED:
#ifdef VIR_ENUM_SENTINELS
    case VIR_DOMAIN_LAST:
#endif
        return GW_SEEN_STOPPED;
    }
    return GW_SEEN_STOPPED;
}

static const struct {
    const char *name;
    size_t at; /* of the field in GwProgress */
} fields[] = {
    {VIR_DOMAIN_JOB_TIME_ELAPSED, offsetof(GwProgress, elapsed_ms)},
    {VIR_DOMAIN_JOB_DOWNTIME, offsetof(GwProgress, downtime_ms)},
    {VIR_DOMAIN_JOB_MEMORY_TOTAL, offsetof(GwProgress, memory_total)},
    {VIR_DOMAIN_JOB_MEMORY_PROCESSED, offsetof(GwProgress, memory_processed)},
    {VIR_DOMAIN_JOB_MEMORY_REMAINING, offsetof(GwProgress, memory_remaining)},
    {VIR_DOMAIN_JOB_DISK_TOTAL, offsetof(GwProgress, disk_total)},
    {VIR_DOMAIN_JOB_DISK_PROCESSED, offsetof(GwProgress, disk_processed)},
    {VIR_DOMAIN_JOB_DISK_REMAINING, offsetof(GwProgress, disk_remaining)},
    {VIR_DOMAIN_JOB_MEMORY_BPS, offsetof(GwProgress, memory_bps)},
    {VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, offsetof(GwProgress, dirty_bps)}, /* pages a second, multiplied below */
    {VIR_DOMAIN_JOB_MEMORY_ITERATION, offsetof(GwProgress, iteration)},
};

/* Pages whose differences would have been larger than themselves were sent whole, and are among the normal ones. */
static void read_deltas(virTypedParameter *params, int count, unsigned long long page_size, GwProgress *progress)
{
    unsigned long long pages = 0, bytes = 0, overflows = 0;
    virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_COMPRESSION_PAGES, &pages);
    virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_COMPRESSION_BYTES, &bytes);
    virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_COMPRESSION_OVERFLOW, &overflows);
    progress->memory_scanned += pages * page_size;
    progress->delta_of = (pages + overflows) * page_size;
    progress->delta_sent = bytes + overflows * page_size;
}

GwJob gw_virt_read_progress(virTypedParameter *params, int count, GwProgress *ret_progress)
{
    int throttle, operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;
    unsigned long long value, page_size = 4096;
    virTypedParamsGetInt(params, count, VIR_DOMAIN_JOB_OPERATION, &operation);
    if (operation != VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT && operation != VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN)
        return GW_JOB_NONE;
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        if (virTypedParamsGetULLong(params, count, fields[i].name, &value) == 1)
            *(guint64 *)((char *)ret_progress + fields[i].at) = value;
    if (virTypedParamsGetInt(params, count, VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, &throttle) == 1)
        ret_progress->throttle_percent = (guint64)throttle;
    virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, &page_size);
    ret_progress->dirty_bps *= page_size;
    if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_NORMAL, &value) == 1)
        ret_progress->memory_scanned = value * page_size;
    if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_CONSTANT, &value) == 1)
        ret_progress->memory_scanned += value * page_size;
    read_deltas(params, count, page_size, ret_progress);
    return operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT ? GW_JOB_OUTGOING : GW_JOB_INCOMING;
}

/* flags 0: the job of now; COMPLETED: the last one. A failure is not "no job": the caller would take the move for ended. */
static gboolean read_job(GwHost *host, virDomain *domain, unsigned flags, GwSight *sight, GError **error)
{
    virTypedParameter *params = NULL;
    int count = 0, type = VIR_DOMAIN_JOB_NONE;
    GwJob job = GW_JOB_NONE;
    if (virDomainGetJobStats(domain, &type, &params, &count, flags) != 0) {
        gboolean no_figures = gw_virt_last_is(VIR_ERR_OPERATION_UNSUPPORTED);
        if (!no_figures && !gw_virt_last_is(VIR_ERR_OPERATION_INVALID) && !gw_virt_last_is(VIR_ERR_NO_DOMAIN) &&
            !gw_virt_last_is(VIR_ERR_NO_SUPPORT))
            return gw_virt_fail(host, GW_VIRT_ASK, error, "asking for the job of an instance");
        /* libvirt 9.0 says so to the side that receives: "migration statistics are available only on the source host" */
        if (no_figures && !(flags & VIR_DOMAIN_JOB_STATS_COMPLETED))
            job = GW_JOB_INCOMING;
    } else if (type != VIR_DOMAIN_JOB_NONE) {
        job = gw_virt_read_progress(params, count, &sight->progress);
    }
    virTypedParamsFree(params, count);
    if (!(flags & VIR_DOMAIN_JOB_STATS_COMPLETED))
        sight->job = job;
    return TRUE;
}

void gw_virt_keep_progress(GwHost *host, const char *uuid, const GwProgress *progress)
{
    g_mutex_lock(&host->lock);
    g_hash_table_replace(host->completed, g_strdup(uuid), g_memdup2(progress, sizeof *progress));
    g_mutex_unlock(&host->lock);
}

static void take_kept_progress(GwHost *host, const char *uuid, GwProgress *progress)
{
    g_mutex_lock(&host->lock);
    const GwProgress *kept = g_hash_table_lookup(host->completed, uuid);
    if (kept)
        *progress = *kept;
    g_mutex_unlock(&host->lock);
}

/* QEMU halts a guest rather than tell it of a write that found no room (werror=enospc), or of any that failed (werror=stop). */
static void read_halt(virDomain *domain, GwSight *sight)
{
    virDomainDiskError errors[8] = {0};
    int count = virDomainGetDiskErrors(domain, errors, G_N_ELEMENTS(errors), 0);
    sight->halt = GW_HALT_IO_ERROR;
    for (int i = 0; i < count; i++) {
        gboolean no_room = errors[i].error == VIR_DOMAIN_DISK_ERROR_NO_SPACE;
        if (no_room || !*sight->halted_disk)
            g_strlcpy(sight->halted_disk, errors[i].disk, sizeof sight->halted_disk);
        if (no_room)
            sight->halt = GW_HALT_NO_ROOM;
        free(errors[i].disk);
    }
}

static gboolean look(GwVirtCall *call, virDomain *domain, GwSight *sight, GError **error)
{
    const unsigned completed = VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED;
    int state, reason;
    if (virDomainGetState(domain, &state, &reason, 0) != 0) {
        sight->seen = GW_SEEN_ABSENT; /* a transient one may end between the two calls */
        return gw_virt_last_is(VIR_ERR_NO_DOMAIN) ||
               gw_virt_fail(call->host, GW_VIRT_ASK, error, "looking at instance %s", call->uuid);
    }
    sight->seen = gw_virt_seen(state, reason);
    if (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_IOERROR)
        read_halt(domain, sight);
    if (sight->seen == GW_SEEN_STOPPED) {
        take_kept_progress(call->host, call->uuid, &sight->progress);
        return TRUE;
    }
    if (sight->seen == GW_SEEN_POSTCOPY_FAILED) /* libvirt keeps its job, which nobody works at */
        return TRUE;
    return read_job(call->host, domain, 0, sight, error) &&
           (sight->job != GW_JOB_NONE || read_job(call->host, domain, completed, sight, error));
}

gboolean gw_virt_sight(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(call->conn, call->uuid);
    if (domain)
        return look(call, domain, &call->sight, error);
    if (!gw_virt_last_is(VIR_ERR_NO_DOMAIN))
        return gw_virt_fail(call->host, GW_VIRT_ASK, error, "looking for instance %s", call->uuid);
    call->sight.seen = GW_SEEN_ABSENT;
    take_kept_progress(call->host, call->uuid, &call->sight.progress);
    return TRUE;
}
