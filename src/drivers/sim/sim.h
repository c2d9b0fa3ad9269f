/* The sim driver: hosts, links, instances, dirty rates, latencies and faults in memory, thousands of hosts in one
 * process. It ships, so that Godwit can be tried, measured and tested without a hypervisor. Addresses are
 *
 *   sim://WORLD/HOST?parameter=value&...
 *
 * All hosts of one WORLD in a process can exchange instances. The first open of HOST makes it, with its instances,
 * whose UUIDs follow from world, host and number; a later open finds it as it is and ignores the parameters. A world
 * outlives `close`, as hypervisors outlive Godwit. Tests change worlds through drivers/sim/sim_world.h.
 *
 * Parameters, all optional (see uri.c for the defaults):
 *   memory_mib, cpus, link_mbps, latency_ms, bridge    of the host; link_mbps in megabits per second, 0: cut off
 *   clock_ms, hostname, qemu_user                      what an audit finds: its clock ahead of others, its own name, QEMU's user
 *   hangs_after_s                                      it answers nothing any more so many seconds after it was made; its guests go on
 *   storage_gib                                        size of the host's own folder
 *   instances, instance_memory_mib, prefix             how many instances it has, and their names
 *   disk (shared, local, none), disk_gib, cpu_percent, dirty_mbps   of each of them; dirty_mbps in megabits per second
 *   speed                                              how many times faster than real time the world's clock goes */
#ifndef GW_DRIVERS_SIM_SIM_H
#define GW_DRIVERS_SIM_SIM_H

#include "drivers/driver.h"

extern const GwDriver gw_sim_driver;

#endif
