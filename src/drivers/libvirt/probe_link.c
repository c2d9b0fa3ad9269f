/* What the way between two hosts carries: a guest (probe_guest.h) boots from a sector of ours, writes a word into each page of the most of its
 * memory, is paused, and is moved; what its copy sent in which time is the answer. Of x86-64 alone, as the sector is. */
#include "drivers/libvirt/probe_guest.h"

#include <string.h>

#include "core/calibrate.h"

#define MIB 1048576

enum {
    WRITTEN_MIB = 64,      /* from its second MiB on */
    MEMORY_KIB = 72 * 1024,
    BOOT_MS = 15000,       /* under emulation on a busy host, firmware included */
    PATIENCE_MS = 30000,   /* of the copy: what it sent until then says enough */
    SHORT_MS = 500,        /* a shorter copy hardly gets going */
    SECTOR = 512,
};

/* Loaded by the firmware at 0x7c00, in real mode. */
static const guint8 code[] = {
    0xfa,                                     /* cli */
    0x31, 0xc0,                               /* xor ax, ax */
    0x8e, 0xd8,                               /* mov ds, ax */
    0x0f, 0x01, 0x16, 0x38, 0x7c,             /* lgdt [0x7c38] */
    0x0f, 0x20, 0xc0,                         /* mov eax, cr0 */
    0x0c, 0x01,                               /* or al, 1 */
    0x0f, 0x22, 0xc0,                         /* mov cr0, eax */
    0xea, 0x17, 0x7c, 0x08, 0x00,             /* jmp 8:0x7c17 */
    /* 0x7c17, protected mode, flat: */
    0x66, 0xb8, 0x10, 0x00,                   /* mov ax, 16 */
    0x8e, 0xd8,                               /* mov ds, ax */
    0xbf, 0x00, 0x00, 0x10, 0x00,             /* mov edi, 1 MiB */
    0x89, 0x3f,                               /* next: mov [edi], edi */
    0x81, 0xc7, 0x00, 0x10, 0x00, 0x00,       /* add edi, 4096 */
    0x81, 0xff, 0x00, 0x00, 0x10, 0x04,       /* cmp edi, 65 MiB */
    0x72, 0xf0,                               /* jb next */
    0xf4,                                     /* hlt */
    0xeb, 0xfd,                               /* jmp to the hlt */
    0x00, 0x00, 0x00,
    /* 0x7c38, the table's size and place: */
    0x17, 0x00, 0x40, 0x7c, 0x00, 0x00, 0x00, 0x00,
    /* 0x7c40, the table: nothing, code, data, both of 4 GiB: */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xcf, 0x00,
    0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00,
};

static gboolean put_sector(GwVirtProbe *probe)
{
    guint8 sector[SECTOR] = {0};
    memcpy(sector, code, sizeof code);
    sector[SECTOR - 2] = 0x55;
    sector[SECTOR - 1] = 0xaa;
    return gw_virt_probe_boots(probe, sector, sizeof sector);
}

/* FALSE: it does not get there, or nobody can tell. */
static gboolean wait_until_written(virDomain *domain)
{
    enum { LOOK_MS = 50, FEWER_MIB = 2 };
    guint64 before = gw_virt_resident_bytes(domain), wanted = before + (guint64)(WRITTEN_MIB - FEWER_MIB) * MIB;
    if (!before || virDomainResume(domain) != 0)
        return FALSE;
    for (guint waited_ms = 0; waited_ms < BOOT_MS; waited_ms += LOOK_MS) {
        g_usleep(LOOK_MS * 1000);
        if (gw_virt_resident_bytes(domain) >= wanted)
            return virDomainSuspend(domain) == 0;
    }
    return FALSE;
}

/* What libvirt says of the copy: once it has ended its destination knows, before that its source. */
static gboolean read_copy(virDomain *domain, unsigned flags, GwProgress *ret_progress)
{
    virTypedParameter *params = NULL;
    int count = 0, type = VIR_DOMAIN_JOB_NONE;
    gboolean ok = virDomainGetJobStats(domain, &type, &params, &count, flags) == 0 && type != VIR_DOMAIN_JOB_NONE;
    if (ok)
        gw_virt_read_progress(params, count, ret_progress);
    virTypedParamsFree(params, count);
    return ok;
}

static gboolean take_rate(const GwVirtProbe *probe, gboolean late, GwLinkRate *rate)
{
    GwVirtCall *call = probe->call;
    GwProgress seen = {0};
    g_autoptr(virDomain) arrived = late ? NULL : virDomainLookupByUUIDString(call->peer_conn, call->plan->uuid);
    gboolean read = late ? read_copy(probe->domain, 0, &seen)
                         : arrived && read_copy(arrived, VIR_DOMAIN_JOB_STATS_COMPLETED, &seen);
    if (!read || !seen.elapsed_ms || !seen.memory_processed)
        return FALSE;
    rate->bps = MAX(seen.memory_bps, seen.memory_processed * 1000 / seen.elapsed_ms);
    rate->at_least = seen.elapsed_ms < SHORT_MS || gw_calibrate_is_held(call->plan, (double)rate->bps);
    return TRUE;
}

static gboolean fail(GError **error, const char *why)
{
    g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s", why);
    return FALSE;
}

static gboolean measure(GwVirtProbe *probe, GwLinkRate *rate, GError **error)
{
    if (strcmp(probe->arch, "x86_64") != 0)
        return fail(error, "hosts of other architectures than x86-64 have no guest that would fill its memory");
    if (!probe->path)
        return fail(error, "a disk for the probe could not be made in instances_path on both hosts");
    if (!put_sector(probe))
        return fail(error, "the probe's disk could not be written");
    g_autofree char *why = gw_virt_probe_start(probe);
    if (why)
        return fail(error, why);
    if (!wait_until_written(probe->domain))
        return fail(error, "the probe's guest did not fill its memory");
    gboolean late;
    why = gw_virt_probe_move(probe, PATIENCE_MS, &late);
    if (why && !late)
        return fail(error, why);
    return take_rate(probe, late, rate) || fail(error, "the hypervisor did not tell what the copy sent");
}

gboolean gw_virt_measure_link(GwVirtCall *call, GError **error)
{
    if (!gw_virt_caps_fresh(call->host, call->conn, error))
        return FALSE;
    g_autofree GwLinkRate *rate = g_new0(GwLinkRate, 1);
    GwVirtProbe probe;
    gw_virt_probe_init(&probe, call, MEMORY_KIB);
    gboolean ok = measure(&probe, rate, error);
    gw_virt_probe_clear(&probe);
    if (!ok)
        return FALSE;
    call->result = g_steal_pointer(&rate);
    call->free_result = g_free;
    return TRUE;
}
