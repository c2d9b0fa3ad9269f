#include "core/transfer.h"

#include "core/flags.h"

/* Versions, in libvirt's form. */
enum {
    STREAMS_AND_POSTCOPY = 10001000, /* QEMU: before 10.1 a guest moved with both was seen to be lost (Nova, conf/libvirt.py) */
    COMPRESSED_STREAMS = 9004000,    /* libvirt's zlib and zstd (NEWS, 9.4.0); QEMU has them since 5.0 */
};

static const guint64 UNKNOWN_LINK_BPS = 125000000; /* 1 Gbit/s: the least that hosts have */
static const guint64 XBZRLE_BPS = 250000000;       /* one thread encodes about so much: a faster link only waits for it */
static const guint64 ZSTD_STREAM_BPS = 250000000;  /* likewise one stream, at zstd's first level */

/* What the copy can count on. */
static guint64 link_of(const GwPlan *plan, const GwTraffic *traffic)
{
    guint64 limit = plan->bandwidth_mibps << 20;
    guint64 link = traffic->link_bps ? traffic->link_bps : UNKNOWN_LINK_BPS;
    return limit ? MIN(limit, link) : link;
}

/* A mirror that copies behind the guest's back never comes to an end when the guest writes as fast as the link carries; one that lets each
 * write wait for the destination always does, but a failure in its midst may cost the guest (gw_transfer_quiesces): only where it is needed. */
static gboolean wants_sync(const GwPlan *plan, GwSyncWrites how, const GwTraffic *traffic)
{
    enum { MUCH = 2 }; /* of the link, that part: the copy takes twice as long as without, and a burst may keep it from its end */
    switch (how) {
    case GW_SYNC_ALWAYS:
        return TRUE;
    case GW_SYNC_NEVER:
        return FALSE;
    case GW_SYNC_AUTO:
        break;
    }
    return plan->power_before == GW_POWER_RUNNING && traffic->sampled && traffic->disk_write_bps >= link_of(plan, traffic) / MUCH;
}

/* Nobody knew that it writes so much: then the copy itself shows it. */
static gboolean may_try_again(const GwPlan *plan, GwSyncWrites how, const GwAbilities *can)
{
    gboolean waits = (plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES) != 0;
    return how == GW_SYNC_AUTO && can->qemu && gw_plan_copies_disks(plan) && !waits && plan->power_before == GW_POWER_RUNNING;
}

/* post-copy ends a copy where streams only hurry it: where the two exclude each other, post-copy stays. */
static gboolean can_have_streams(const GwPlan *plan, const GwAbilities *can)
{
    if (!can->qemu || (plan->flags & GW_FLAG_TUNNELLED))
        return FALSE;
    return !(plan->flags & GW_FLAG_POSTCOPY) || can->hypervisor >= STREAMS_AND_POSTCOPY;
}

static void plan_streams(GwPlan *plan, guint connections, const GwAbilities *can)
{
    if (connections > 1)
        plan->flags |= GW_FLAG_PARALLEL;
    if (!can_have_streams(plan, can))
        plan->flags &= ~(guint64)(GW_FLAG_PARALLEL | GW_FLAG_ZEROCOPY);
    plan->connections = (plan->flags & GW_FLAG_PARALLEL) && connections > 1 ? connections : 0;
}

/* Deltas of pages that are written again and again: of use only while passes are repeated, over a link that is slower than the encoder, and for
 * pages that are not written from end to end. */
static gboolean xbzrle_pays(const GwPlan *plan, const GwTraffic *traffic)
{
    const double most = 0.8; /* of a page */
    guint64 link = link_of(plan, traffic);
    gboolean known = traffic->link_bps || plan->bandwidth_mibps;
    return known && link < XBZRLE_BPS && traffic->write_bps > link / 4 && traffic->delta_part < most;
}

static gboolean zstd_pays(const GwPlan *plan, const GwTraffic *traffic)
{
    gboolean known = traffic->link_bps || plan->bandwidth_mibps;
    return known && link_of(plan, traffic) < ZSTD_STREAM_BPS * MAX(plan->connections, 2);
}

/* What was asked for, where it can be had; xbzrle is for one stream, the others are for several. */
static GwCompression compression_of(const GwPlan *plan, GwCompression wish, const GwTraffic *traffic, const GwAbilities *can)
{
    gboolean streams = (plan->flags & GW_FLAG_PARALLEL) != 0;
    gboolean packs_streams = streams && can->library >= COMPRESSED_STREAMS;
    if (!can->qemu)
        return GW_COMPRESSION_NONE;
    switch (wish) {
    case GW_COMPRESSION_AUTO:
        if (streams)
            return packs_streams && zstd_pays(plan, traffic) ? GW_COMPRESSION_ZSTD : GW_COMPRESSION_NONE;
        return xbzrle_pays(plan, traffic) ? GW_COMPRESSION_XBZRLE : GW_COMPRESSION_NONE;
    case GW_COMPRESSION_XBZRLE:
        return streams ? GW_COMPRESSION_NONE : wish;
    case GW_COMPRESSION_ZLIB:
    case GW_COMPRESSION_ZSTD:
        return packs_streams ? wish : GW_COMPRESSION_NONE;
    case GW_COMPRESSION_NONE:
    case GW_COMPRESSION_COUNT:
        break;
    }
    return GW_COMPRESSION_NONE;
}

void gw_transfer_plan(GwPlan *plan, const GwTransferSettings *settings, const GwTraffic *traffic, const GwAbilities *can)
{
    if (can->qemu && gw_plan_copies_disks(plan) && wants_sync(plan, settings->sync_writes, traffic))
        plan->flags |= GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES;
    if (!gw_plan_copies_disks(plan)) /* libvirt refuses it without a disk to copy */
        plan->flags &= ~(guint64)GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES;
    plan->second_try = may_try_again(plan, settings->sync_writes, can);
    plan_streams(plan, settings->connections, can);
    plan->compression = compression_of(plan, settings->compression, traffic, can);
    if (plan->compression != GW_COMPRESSION_NONE)
        plan->flags |= GW_FLAG_COMPRESSED;
}

void gw_transfer_plan_again(GwPlan *plan, guint64 spent_ms)
{
    plan->flags |= GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES;
    plan->second_try = FALSE;
    if (plan->timeout_ms) /* 0 would be none */
        plan->timeout_ms = MAX(1, plan->timeout_ms - MIN(spent_ms, plan->timeout_ms));
}

gboolean gw_transfer_quiesces(const GwPlan *plan)
{
    return (plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES) != 0 && plan->power_before == GW_POWER_RUNNING;
}

guint64 gw_transfer_cache_bytes(guint64 memory_mib)
{
    guint64 bytes = 64ull << 20;
    while (bytes < (memory_mib << 20) / 8)
        bytes <<= 1;
    return bytes;
}

guint64 gw_transfer_share_mibps(guint64 link_mibps, guint copies, guint64 own_mibps)
{
    if (!link_mibps)
        return own_mibps;
    guint64 share = MAX(1, link_mibps / MAX(copies, 1));
    return own_mibps ? MIN(own_mibps, share) : share;
}
