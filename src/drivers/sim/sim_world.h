/* Direct control of a simulated world, for tests and demonstrations: what happens to hosts behind Godwit's back.
 * Thread-safe. Hosts and instances are named as in the driver's addresses; naming an unknown one is a defect of the
 * test and aborts. Times are the world's own unless said otherwise. */
#ifndef GW_DRIVERS_SIM_SIM_WORLD_H
#define GW_DRIVERS_SIM_SIM_WORLD_H

#include "base/error.h"
#include "core/instance.h"
#include "core/sight.h"

typedef struct GwSimWorld GwSimWorld;

/* The world of that name, made when there is none. Borrowed: valid until gw_sim_world_free. */
GwSimWorld *gw_sim_world_get(const char *name);
/* Forgets the world; its memory goes when the last open host of it is closed. No world: nothing. */
void gw_sim_world_free(const char *name);

/* ---- Clock: real time at first */
void gw_sim_world_set_speed(GwSimWorld *world, double factor); /* so many times faster than real time */
/* Stops the clock; it moves by gw_sim_world_step alone. Latencies and the time of a guest's shutdown count for nothing
 * then, since whoever steps would wait for himself. */
void gw_sim_world_set_manual(GwSimWorld *world);
void gw_sim_world_step(GwSimWorld *world, guint64 ms);
guint64 gw_sim_world_now_ms(GwSimWorld *world);

/* ---- What must never happen: an instance that runs in two places, a file in use deleted or opened twice, the last
 * whole copy of a disk deleted, a guest started on half a disk, a copy begun over one, a guest's writes not halted for the abort of a copy
 * that they wait for. Sentences, oldest first; empty when all is well. Owned
 * by the caller. */
GStrv gw_sim_world_violations(GwSimWorld *world);
guint gw_sim_world_copies(GwSimWorld *world); /* copies under way */

/* ---- Hosts. `parameters` as in an address, "memory_mib=4096&instances=3", or NULL. No effect on a host that exists.
 */
gboolean gw_sim_world_add_host(GwSimWorld *world, const char *host, const char *parameters, GError **error);
/* Megabits per second; 0: cut off: what is copied waits, and post-copies break, to be resumed. */
void gw_sim_world_set_link(GwSimWorld *world, const char *host, guint mbps);
/* Folders of one name hold the same bytes on every host that mounts them. Every host has "shared" at /sim/shared and a
 * folder of its own at /sim/local. */
void gw_sim_world_mount(GwSimWorld *world, const char *host, const char *path, const char *folder, guint64 gib);
void gw_sim_world_unmount(GwSimWorld *world, const char *host, const char *path);
/* A file of nobody's that Godwit has not made; its folder must be mounted. */
void gw_sim_world_add_file(GwSimWorld *world, const char *host, const char *path, guint64 bytes);
/* Names of the files in the folder mounted at path, in order. Owned by the caller. */
GStrv gw_sim_world_list(GwSimWorld *world, const char *host, const char *path);
gboolean gw_sim_world_has_file(GwSimWorld *world, const char *host, const char *path);

/* ---- Instances */
typedef enum { GW_SIM_SHARED, GW_SIM_LOCAL } GwSimStorage;

/* A running, persistent instance with one bridge nic (br0) and no disk yet; to be changed at will and then added. */
GwInstance *gw_sim_instance_new(const char *name, guint64 memory_mib);
/* Adds vda, vdb, ...: a tenth of it allocated. Its path is set by gw_sim_world_add_instance when it is NULL. */
GwDisk *gw_sim_instance_add_disk(GwInstance *instance, GwSimStorage storage, guint64 gib);
/* Puts it on the host, in the state that instance->power says, with its disks' files. instance is taken. An empty uuid
 * is derived from world, host and name. Returns the uuid, valid as long as the world. */
const char *gw_sim_world_add_instance(GwSimWorld *world, const char *host, GwInstance *instance);
void gw_sim_world_set_dirty(GwSimWorld *world, const char *uuid, guint mbps);
void gw_sim_world_set_disk_writes(GwSimWorld *world, const char *uuid, guint mbps); /* all over its disks */
void gw_sim_world_set_shutdown(GwSimWorld *world, const char *uuid, guint ms); /* what the guest takes to shut down */
void gw_sim_world_set_obstacle(GwSimWorld *world, const char *uuid, const char *obstacle); /* NULL: none */
/* Its storage takes no more of its writes, wherever it is: the hypervisor halts it as soon as its CPUs run. NONE: they are taken again,
 * and it runs on when it is resumed. */
void gw_sim_world_stall(GwSimWorld *world, const char *uuid, GwHalt halt);
/* Name of the host where its CPUs run, or NULL; valid as long as the world. */
const char *gw_sim_world_runs_on(GwSimWorld *world, const char *uuid);
/* Number of hosts that have it, in whatever state. */
guint gw_sim_world_homes(GwSimWorld *world, const char *uuid);

/* ---- Calls */
guint gw_sim_world_calls(GwSimWorld *world, const char *host, const char *function); /* answered ones; named as in gw_sim_world_fail */

/* ---- Misfortune */
typedef enum {
    GW_SIM_UP,
    GW_SIM_DOWN, /* refuses connections; guests and copies go on */
    GW_SIM_HANGS, /* accepts calls and does not answer before the caller's deadline; guests and copies go on */
} GwSimState;
void gw_sim_world_set_state(GwSimWorld *world, const char *host, GwSimState state);

/* The host's management daemon is killed and restarted at once. As libvirt: `migrate` calls through it are lost,
 * pre-copy from or to it is undone, a source in its last pause stays paused, post-copy goes on. */
void gw_sim_world_kill_daemon(GwSimWorld *world, const char *host);
/* The whole host loses power: its guests stop, copies from and to it fail, post-copy is broken; it is down until it
 * boots. */
void gw_sim_world_crash(GwSimWorld *world, const char *host);
void gw_sim_world_boot(GwSimWorld *world, const char *host); /* starts the instances that are set to autostart */
/* Its hypervisor process on that host ends: a copy from or to it fails (post-copy is broken). No such process: nothing. */
void gw_sim_world_kill_guest(GwSimWorld *world, const char *host, const char *uuid);

typedef enum {
    GW_SIM_STORAGE_WELL,
    GW_SIM_STORAGE_FULL,  /* what is copied there does not arrive; empty files can be made */
    GW_SIM_STORAGE_FAILS, /* gone, or read-only: nothing there can be made, opened or removed; who has it open goes on */
} GwSimStorageState;
/* Of what the host mounts at path: other hosts that mount the same folder are as they were. */
void gw_sim_world_set_storage(GwSimWorld *world, const char *host, const char *path, GwSimStorageState state);

typedef enum {
    GW_SIM_BEFORE, /* nothing happens */
    GW_SIM_DURING, /* migrate: the caller is told at once, the copy goes on; other acts: as GW_SIM_AFTER */
    GW_SIM_AFTER, /* it happens, and the caller is told that it did not; asking calls: as GW_SIM_BEFORE */
} GwSimWhen;
/* The nth (from 1) next call of a driver function ("prepare", "sight", ...) that concerns host fails with code. Calls
 * that concern two hosts count for both. */
void gw_sim_world_fail(GwSimWorld *world, const char *host, const char *function, guint nth, GwErrorCode code,
                       GwSimWhen when);

#endif
