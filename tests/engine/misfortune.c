/* What users do, and what happens to them. */
#include "tests/engine/misfortune.h"

static const char *const hosts[] = {"HostA", "HostB", "HostC"};

guint misfortune_pick(Run *run, guint count)
{
    return (guint)g_rand_int_range(run->rand, 0, (gint32)count);
}

static guint pick(Run *run, guint count)
{
    return misfortune_pick(run, count);
}

const char *misfortune_host(Run *run)
{
    return hosts[pick(run, G_N_ELEMENTS(hosts))];
}

static const char *any_host(Run *run)
{
    return misfortune_host(run);
}

static Guest *any_guest(Run *run)
{
    return &run->guests[pick(run, GUESTS)];
}

/* ---- what users do */

static GwFlavor *any_flavor(Run *run)
{
    GwFlavor *flavor = gw_flavor_new();
    flavor->flavor_id = g_strdup("f");
    flavor->name = g_strdup("f");
    flavor->vcpus = 2;
    flavor->memory_mib = 300 + pick(run, 1000);
    flavor->disk_gib = pick(run, 2) ? 0 : 10 + pick(run, 3);
    return flavor;
}

/* More than its link carries, or nothing: what was sampled before says the other. */
static void change_writes(Run *run, const Guest *guest)
{
    gw_sim_world_set_disk_writes(run->f.world, guest->uuid, pick(run, 3) ? 20000 + pick(run, 20000) : 0);
}

static void write_disks(Run *run)
{
    change_writes(run, any_guest(run));
}

static void move(Run *run)
{
    Guest *guest = any_guest(run);
    const char *dest = pick(run, 3) ? any_host(run) : NULL;
    g_autoptr(GwFlavor) flavor = any_flavor(run);
    run->f.flavor = flavor;
    GwMoveKind kind = pick(run, 3) ? GW_MOVE_LIVE : pick(run, 2) ? GW_MOVE_COLD : GW_MOVE_RESIZE;
    gint64 id = fixture_move(&run->f, guest->uuid, dest, kind);
    if (id)
        guest->last = id;
    run->moves += id != 0;
    change_writes(run, guest);
}

static void steer(Run *run)
{
    Guest *guest = any_guest(run);
    GwMoveRequest request = {.instance_uuid = guest->uuid, .request_id = "req-steer"};
    g_autoptr(GError) ignored = NULL; /* mostly: there is nothing to steer */
    switch (pick(run, 4)) {
    case 0:
        gw_engine_abort(run->f.engine, &request, guest->last, &ignored);
        break;
    case 1:
        gw_engine_force_complete(run->f.engine, &request, guest->last, &ignored);
        break;
    case 2:
        gw_engine_confirm(run->f.engine, &request, &ignored);
        break;
    case 3:
        gw_engine_revert(run->f.engine, &request, &ignored);
        break;
    }
}

/* ---- what happens to them */

/* A driver keeps its promises also while it fails: only what is LOST may have happened. */
static void break_a_call(Run *run)
{
    static const char *const functions[] = {"prepare", "migrate", "recover", "sight",   "describe", "stop",     "start",
                                            "resume",  "adopt",   "settle",  "forget",   "abort",    "examine",
                                            "facts",   "force_complete", "instances", "reshape"};
    static const GwErrorCode codes[] = {GW_ERROR_UNREACHABLE, GW_ERROR_FAILED, GW_ERROR_LOST};
    static const GwSimWhen whens[] = {GW_SIM_BEFORE, GW_SIM_DURING, GW_SIM_AFTER};
    GwErrorCode code = codes[pick(run, 3)];
    GwSimWhen when = code == GW_ERROR_LOST ? whens[pick(run, 3)] : GW_SIM_BEFORE;
    gw_sim_world_fail(run->f.world, any_host(run), functions[pick(run, G_N_ELEMENTS(functions))], 1 + pick(run, 3), code,
                      when);
}

static void let_answer(Run *run, const char *host)
{
    gw_sim_world_set_state(run->f.world, host, GW_SIM_UP);
    gw_sim_world_set_link(run->f.world, host, 10000);
}

static void silence(Run *run)
{
    const char *host = any_host(run);
    if (host == run->lost)
        return;
    if (pick(run, 2))
        let_answer(run, host);
    else if (pick(run, 2))
        gw_sim_world_set_link(run->f.world, host, 0);
    else
        gw_sim_world_set_state(run->f.world, host, pick(run, 2) ? GW_SIM_DOWN : GW_SIM_HANGS);
}

/* The administrator takes his word back before the host is switched on: otherwise he would vouch for guests that may run. */
static void bring_back(Run *run)
{
    if (!run->lost)
        return;
    fixture_set_full(&run->f, FALSE);
    g_autoptr(GError) error = NULL;
    gw_engine_host_edit(run->f.engine, run->lost, &(GwHostEdit){.forced_down = GW_SWITCH_OFF}, &error);
    g_assert_no_error(error);
    gw_sim_world_boot(run->f.world, run->lost);
    run->lost = NULL;
}

/* A host loses power, for a moment or until it is brought back; then it is forced down, so that what it had can be evacuated. */
static void power_off(Run *run)
{
    const char *host = any_host(run);
    if (run->seed % 4 || run->lost)
        return;
    run->powered_off = TRUE;
    gw_sim_world_crash(run->f.world, host);
    if (pick(run, 3) == 0) {
        g_usleep(pick(run, 40000));
        gw_sim_world_boot(run->f.world, host);
        return;
    }
    run->lost = host;
    g_autoptr(GError) full = NULL; /* then nobody vouches */
    fixture_ask(&run->f, host);
    gw_engine_host_edit(run->f.engine, host, &(GwHostEdit){.forced_down = GW_SWITCH_ON}, &full);
}

static void evacuate(Run *run)
{
    for (guint i = 0; i < GUESTS && run->lost; i++) {
        gint64 id = pick(run, 2) ? fixture_move(&run->f, run->guests[i].uuid, pick(run, 2) ? any_host(run) : NULL, GW_MOVE_EVACUATE) : 0;
        if (id)
            run->guests[i].last = id;
        run->moves += id != 0;
    }
}

static void kill_guest(Run *run)
{
    Guest *guest = any_guest(run);
    guest->killed = TRUE;
    gw_sim_world_kill_guest(run->f.world, any_host(run), guest->uuid);
}

/* Its own storage is full, or has room again: then it is let run on, or not. */
static void halt_guest(Run *run)
{
    Guest *guest = any_guest(run);
    GwMoveRequest request = {.instance_uuid = guest->uuid, .request_id = "req-unpause"};
    g_autoptr(GError) ignored = NULL; /* mostly: it is not paused, or on its way */
    guest->halted = TRUE;
    gw_sim_world_stall(run->f.world, guest->uuid, pick(run, 2) ? GW_HALT_NO_ROOM : GW_HALT_NONE);
    if (pick(run, 2))
        gw_engine_operate(run->f.engine, &request, GW_OPERATION_UNPAUSE, &ignored);
}

static void harm_storage(Run *run)
{
    static const GwSimStorageState states[] = {GW_SIM_STORAGE_WELL, GW_SIM_STORAGE_WELL, GW_SIM_STORAGE_FULL, GW_SIM_STORAGE_FAILS};
    const char *path = pick(run, 2) ? "/sim/shared" : "/sim/local";
    gw_sim_world_set_storage(run->f.world, any_host(run), path, states[pick(run, G_N_ELEMENTS(states))]);
}

static void restart(Run *run)
{
    fixture_set_full(&run->f, FALSE); /* it would say so, and not start */
    fixture_stop(&run->f);
    fixture_start(&run->f);
}

static void fill_or_empty_the_store(Run *run)
{
    fixture_set_full(&run->f, pick(run, 2));
}

static void kill_a_daemon(Run *run)
{
    gw_sim_world_kill_daemon(run->f.world, any_host(run));
}

static void (*const events[])(Run *run) = {
    move,   move,   move,    move,    move,    move,         move,         steer,         steer,         steer,
    steer,  silence, silence, silence, restart, break_a_call, break_a_call, break_a_call, break_a_call,  kill_a_daemon,
    power_off, evacuate, bring_back, kill_guest, harm_storage, harm_storage, halt_guest, halt_guest, fill_or_empty_the_store,
    fill_or_empty_the_store, write_disks, write_disks, write_disks, write_disks,
};

void misfortune_happen(Run *run)
{
    events[pick(run, G_N_ELEMENTS(events))](run);
    g_usleep(pick(run, 4) ? pick(run, 4000) : pick(run, 40000));
}

void misfortune_end(Run *run)
{
    bring_back(run);
    fixture_set_full(&run->f, FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++) {
        let_answer(run, hosts[i]);
        gw_sim_world_set_storage(run->f.world, hosts[i], "/sim/shared", GW_SIM_STORAGE_WELL);
        gw_sim_world_set_storage(run->f.world, hosts[i], "/sim/local", GW_SIM_STORAGE_WELL);
    }
    for (guint i = 0; i < GUESTS; i++) {
        gw_sim_world_set_dirty(run->f.world, run->guests[i].uuid, 0);
        gw_sim_world_stall(run->f.world, run->guests[i].uuid, GW_HALT_NONE);
    }
}
