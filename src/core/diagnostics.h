/* Counters of a running instance, as its hypervisor counts them. A value. */
#ifndef GW_CORE_DIAGNOSTICS_H
#define GW_CORE_DIAGNOSTICS_H

#include "core/instance.h"

/* A counter that the hypervisor does not keep is GW_NOT_COUNTED. */
enum { GW_NOT_COUNTED = -1 };

typedef struct {
    guint id;
    gint64 time_ns; /* it has run */
} GwCpuCounters;

typedef struct {
    char *target; /* "vda" */
    gint64 read_bytes, read_requests, write_bytes, write_requests, errors;
} GwDiskCounters;

typedef struct {
    char *name; /* the host's device, or NULL */
    char *mac;  /* or NULL */
    gint64 rx_bytes, rx_packets, rx_errors, rx_drop, tx_bytes, tx_packets, tx_errors, tx_drop;
} GwNicCounters;

typedef struct {
    GwPower power;
    gint64 uptime_s;
    gint64 memory_kib, memory_used_kib;
    GArray *cpus;      /* of GwCpuCounters */
    GPtrArray *disks;  /* of GwDiskCounters * */
    GPtrArray *nics;   /* of GwNicCounters * */
} GwDiagnostics;

GwDiagnostics *gw_diagnostics_new(GwPower power); /* lists empty, counters GW_NOT_COUNTED */
void gw_diagnostics_free(GwDiagnostics *diagnostics);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDiagnostics, gw_diagnostics_free)
/* Appends one whose counters are GW_NOT_COUNTED. */
GwDiskCounters *gw_diagnostics_add_disk(GwDiagnostics *diagnostics, const char *target);
GwNicCounters *gw_diagnostics_add_nic(GwDiagnostics *diagnostics, const char *mac);
void gw_diagnostics_add_cpu(GwDiagnostics *diagnostics, guint id, gint64 time_ns);

#endif
