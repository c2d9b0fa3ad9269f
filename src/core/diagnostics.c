#include "core/diagnostics.h"

#define NOT GW_NOT_COUNTED

static void disk_free(gpointer data)
{
    GwDiskCounters *disk = data;
    g_free(disk->target);
    g_free(disk);
}

static void nic_free(gpointer data)
{
    GwNicCounters *nic = data;
    g_free(nic->name);
    g_free(nic->mac);
    g_free(nic);
}

GwDiagnostics *gw_diagnostics_new(GwPower power)
{
    GwDiagnostics *diagnostics = g_new0(GwDiagnostics, 1);
    *diagnostics = (GwDiagnostics){
        .power = power,
        .uptime_s = NOT,
        .memory_kib = NOT,
        .memory_used_kib = NOT,
        .cpus = g_array_new(FALSE, FALSE, sizeof(GwCpuCounters)),
        .disks = g_ptr_array_new_with_free_func(disk_free),
        .nics = g_ptr_array_new_with_free_func(nic_free),
    };
    return diagnostics;
}

void gw_diagnostics_free(GwDiagnostics *diagnostics)
{
    if (!diagnostics)
        return;
    g_array_unref(diagnostics->cpus);
    g_ptr_array_unref(diagnostics->disks);
    g_ptr_array_unref(diagnostics->nics);
    g_free(diagnostics);
}

GwDiskCounters *gw_diagnostics_add_disk(GwDiagnostics *diagnostics, const char *target)
{
    GwDiskCounters *disk = g_new0(GwDiskCounters, 1);
    *disk = (GwDiskCounters){g_strdup(target), NOT, NOT, NOT, NOT, NOT};
    g_ptr_array_add(diagnostics->disks, disk);
    return disk;
}

GwNicCounters *gw_diagnostics_add_nic(GwDiagnostics *diagnostics, const char *mac)
{
    GwNicCounters *nic = g_new0(GwNicCounters, 1);
    *nic = (GwNicCounters){NULL, g_strdup(mac), NOT, NOT, NOT, NOT, NOT, NOT, NOT, NOT};
    g_ptr_array_add(diagnostics->nics, nic);
    return nic;
}

void gw_diagnostics_add_cpu(GwDiagnostics *diagnostics, guint id, gint64 time_ns)
{
    GwCpuCounters cpu = {id, time_ns};
    g_array_append_val(diagnostics->cpus, cpu);
}
