/* Everything that concerns moving one instance from one host to another. XAPI does not check the room on the destination's storage and, between
 * pools, its memory: core/checks.c does, from the facts found here. */
#include "drivers/xapi/internal.h"

#include <string.h>

enum { MOST_SNAPSHOTS = 1 }; /* Citrix: Storage XenMotion takes disks with at most one snapshot */

typedef struct {
    GwHost *source, *dest;
    json_t *tables, *dest_tables; /* the same when the pool is */
    char *vm, *source_ref, *dest_ref;
    const json_t *record; /* of the VM, borrowed */
    const char *sr;       /* where copies go; NULL: nowhere. Borrowed */
    gboolean copies;
    GwMoveFacts *facts;
} Exam;

static void exam_clear(Exam *exam)
{
    if (exam->tables)
        json_decref(exam->tables);
    if (exam->dest_tables)
        json_decref(exam->dest_tables);
    g_free(exam->vm);
    g_free(exam->source_ref);
    g_free(exam->dest_ref);
    g_clear_pointer(&exam->facts, gw_move_facts_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Exam, exam_clear)

static GwFact fact(gboolean yes)
{
    return yes ? GW_FACT_YES : GW_FACT_NO;
}

static gboolean is_one_pool(const Exam *exam)
{
    return strcmp(gw_xapi_text(gw_xapi_the_pool(exam->tables), "uuid"), gw_xapi_text(gw_xapi_the_pool(exam->dest_tables), "uuid")) == 0;
}

/* ---- where copies go: sr_matching_filter, as in Nova */

static guint64 free_bytes(const json_t *sr)
{
    return (guint64)MAX(gw_xapi_int(sr, "physical_size") - gw_xapi_int(sr, "physical_utilisation"), 0);
}

static gboolean fits_filter(const json_t *sr, const char *filter)
{
    g_autofree char *config = g_str_has_prefix(filter, "other-config:") ? g_strdup(filter + strlen("other-config:")) : NULL;
    char *equals = config ? strchr(config, '=') : NULL;
    if (!equals)
        return FALSE;
    *equals = '\0';
    return g_strcmp0(gw_xapi_in_map(sr, "other_config", config), equals + 1) == 0;
}

/* The pool's default SR may be another host's own: only one that this host has attached will do. Else its roomiest local one. */
static const char *choose_sr(const Exam *exam)
{
    const char *filter = exam->dest->sr_filter && *exam->dest->sr_filter ? exam->dest->sr_filter : "default-sr:true";
    const char *first = gw_xapi_text(gw_xapi_the_pool(exam->dest_tables), "default_SR");
    if (g_str_has_prefix(filter, "default-sr") && gw_xapi_record(exam->dest_tables, "SR", first) &&
        gw_xapi_sr_attached(exam->dest_tables, first, exam->dest_ref))
        return first;
    const char *best = NULL, *ref;
    json_t *sr;
    json_object_foreach(gw_xapi_table(exam->dest_tables, "SR"), ref, sr) {
        if (!gw_xapi_sr_attached(exam->dest_tables, ref, exam->dest_ref))
            continue;
        gboolean suits = g_str_has_prefix(filter, "default-sr")
                             ? !gw_xapi_bool(sr, "shared") && strcmp(gw_xapi_text(sr, "type"), "ext") == 0
                             : fits_filter(sr, filter);
        if (suits && (!best || free_bytes(sr) > free_bytes(gw_xapi_record(exam->dest_tables, "SR", best))))
            best = ref;
    }
    return best;
}

/* ---- disks */

/* What is against moving the disk at all. NULL: nothing. */
static char *copy_problem(const Exam *exam, const json_t *vbd, const json_t *vdi)
{
    if (gw_xapi_in_map(vbd, "other_config", "osvol"))
        return g_strdup("it is an attached volume: detach it first");
    if (gw_xapi_bool(vdi, "cbt_enabled"))
        return g_strdup("changed block tracking is on: turn it off first (xe vdi-disable-cbt)");
    if (strcmp(gw_xapi_text(vdi, "on_boot"), "reset") == 0)
        return g_strdup("it is reset at every boot (on_boot=reset)");
    if (json_array_size(gw_xapi_list(exam->record, "snapshots")) > MOST_SNAPSHOTS)
        return g_strdup_printf("the instance has %u snapshots, and at most one can move along: delete the others",
                               (guint)json_array_size(gw_xapi_list(exam->record, "snapshots")));
    if (!exam->sr)
        return g_strdup_printf("%s has no storage repository for it: none is default and attached there, none is local of type ext",
                               exam->dest->name);
    return NULL;
}

/* The manual's rule for Storage XenMotion. A cold move copies any disk. */
static void check_live_copy(Exam *exam, const GwDiskFacts *disk, const json_t *sr)
{
    if (strcmp(gw_xapi_text(sr, "type"), "ext") == 0 && !gw_xapi_bool(sr, "shared"))
        return;
    g_ptr_array_add(exam->facts->live_obstacles,
                    g_strdup_printf("disk %s is on the storage repository %s of type %s: disks are moved live from local ones of type ext",
                                    disk->target, gw_xapi_text(sr, "name_label"), gw_xapi_text(sr, "type")));
}

static gboolean has_copy(const Exam *exam, const char *vdi_uuid)
{
    const char *ref;
    json_t *vdi;
    json_object_foreach(gw_xapi_table(exam->dest_tables, "VDI"), ref, vdi)
        if (g_strcmp0(gw_xapi_in_map(vdi, "other_config", GW_XAPI_COPY_FOR), exam->facts->instance->uuid) == 0 &&
            g_strcmp0(gw_xapi_in_map(vdi, "other_config", "godwit_copy_of"), vdi_uuid) == 0)
            return TRUE;
    return FALSE;
}

/* Labels need not be unique: the first digits of the UUID go with them. */
static char *place_of(const json_t *sr)
{
    return g_strdup_printf("%s (%.8s)", gw_xapi_text(sr, "name_label"), gw_xapi_text(sr, "uuid"));
}

static void examine_copy(Exam *exam, const json_t *vbd, const json_t *vdi, const json_t *sr, GwDiskFacts *disk)
{
    const json_t *target = gw_xapi_record(exam->dest_tables, "SR", exam->sr);
    exam->copies = TRUE;
    disk->problem = copy_problem(exam, vbd, vdi);
    check_live_copy(exam, disk, sr);
    if (!target)
        return;
    disk->folder = GW_FACT_YES;
    disk->taken = fact(has_copy(exam, gw_xapi_text(vdi, "uuid")));
    disk->dest_path = g_strdup_printf("%s/copy-of-%s", gw_xapi_text(target, "uuid"), gw_xapi_text(vdi, "uuid"));
    disk->place = place_of(target);
    disk->dest_pool_path = g_strdup_printf("the storage repository %s", gw_xapi_text(target, "name_label"));
    disk->available_bytes = MAX(free_bytes(target), 1); /* 0 would mean unknown */
}

static void examine_disk(Exam *exam, const GwDisk *disk, const json_t *vbd)
{
    GwDiskFacts *facts = gw_move_facts_add_disk(exam->facts);
    const json_t *vdi = gw_xapi_record(exam->tables, "VDI", gw_xapi_text(vbd, "VDI"));
    const char *sr = gw_xapi_text(vdi, "SR");
    facts->target = g_strdup(disk->target);
    if (!vdi)
        return; /* an empty drive */
    gboolean shared = is_one_pool(exam) && gw_xapi_sr_attached(exam->dest_tables, sr, exam->dest_ref);
    facts->shared = fact(shared);
    facts->place = shared ? place_of(gw_xapi_record(exam->tables, "SR", sr)) : NULL;
    if (shared)
        return;
    if (disk->flags & GW_DISK_REMOVABLE)
        g_ptr_array_add(exam->facts->missing_files, g_strdup_printf("medium %s", gw_xapi_text(vdi, "name_label")));
    else
        examine_copy(exam, vbd, vdi, gw_xapi_record(exam->tables, "SR", sr), facts);
}

static void examine_disks(Exam *exam)
{
    gsize i;
    json_t *ref;
    guint at = 0;
    json_array_foreach(gw_xapi_list(exam->record, "VBDs"), i, ref) {
        const json_t *vbd = gw_xapi_record(exam->tables, "VBD", json_string_value(ref));
        if (vbd && at < exam->facts->instance->disks->len)
            examine_disk(exam, exam->facts->instance->disks->pdata[at++], vbd);
    }
}

/* ---- what the hypervisor says */

/* Refusals that other facts explain better are left to them. */
static void take_refusal(Exam *exam, const GError *refusal)
{
    static const char *const known[] = {"HOST_NOT_ENOUGH_FREE_MEMORY", "VM_REQUIRES_SR", "VM_REQUIRES_NETWORK", "VDI_NOT_IN_MAP",
                                        "VIF_NOT_IN_MAP", "VM_BAD_POWER_STATE"};
    for (guint i = 0; i < G_N_ELEMENTS(known); i++)
        if (gw_xapi_is_fault(refusal, known[i]))
            return;
    if (gw_xapi_is_fault(refusal, "VM_INCOMPATIBLE_WITH_THIS_HOST"))
        exam->facts->cpu_problem = g_strdup(refusal->message);
    else
        g_ptr_array_add(exam->facts->live_obstacles, g_strdup_printf("XenServer: %s", refusal->message));
}

static json_t *vdi_map(const Exam *exam)
{
    json_t *map = json_object();
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(exam->record, "VBDs"), i, ref) {
        const json_t *vbd = gw_xapi_record(exam->tables, "VBD", json_string_value(ref));
        const char *vdi = gw_xapi_text(vbd, "VDI");
        const char *sr = gw_xapi_text(gw_xapi_record(exam->tables, "VDI", vdi), "SR");
        gboolean shared = is_one_pool(exam) && gw_xapi_sr_attached(exam->dest_tables, sr, exam->dest_ref);
        if (gw_xapi_is_disk(exam->tables, vbd) && (shared || exam->sr))
            json_object_set_new(map, vdi, json_string(shared ? sr : exam->sr));
    }
    return map;
}

static gboolean ask_send(Exam *exam, GError **error)
{
    g_autoptr(json_t) token = NULL;
    if (!gw_xapi_receive(exam->dest, exam->dest_tables, exam->dest_ref, &token, error))
        return FALSE;
    json_t *vifs = gw_xapi_vif_map(exam->tables, exam->record, exam->dest_tables, exam->dest_ref, NULL);
    json_t *params = json_pack("[s,O,b,o,o,{}]", exam->vm, token, TRUE, vdi_map(exam), vifs);
    gboolean ok = gw_xapi_do(exam->source->pool, "VM.assert_can_migrate", params, error);
    gw_xapi_receive_end(exam->dest, token);
    return ok;
}

static gboolean ask_hypervisor(Exam *exam, GError **error)
{
    g_autoptr(GError) refusal = NULL;
    if (exam->facts->instance->power != GW_POWER_RUNNING)
        return TRUE;
    gboolean ok = exam->copies || !is_one_pool(exam)
                      ? ask_send(exam, &refusal)
                      : gw_xapi_do(exam->source->pool, "VM.assert_can_boot_here", json_pack("[s,s]", exam->vm, exam->dest_ref), &refusal);
    if (ok)
        return TRUE;
    if (refusal->domain == GW_XAPI_FAULT || g_error_matches(refusal, GW_ERROR, GW_ERROR_FAILED)) {
        take_refusal(exam, refusal);
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&refusal));
    return FALSE;
}

static void find_obstacles(Exam *exam)
{
    static const char *const operations[] = {"pool_migrate", "migrate_send"};
    const char *reason = gw_xapi_in_map(exam->record, "blocked_operations", operations[exam->copies || !is_one_pool(exam)]);
    if (reason)
        g_ptr_array_add(exam->facts->live_obstacles, g_strdup_printf("its live migration is blocked: %s", reason));
    if (exam->facts->instance->power == GW_POWER_PAUSED)
        g_ptr_array_add(exam->facts->live_obstacles, g_strdup("it is paused, and XenServer moves only running instances live"));
    if (exam->facts->instance->power == GW_POWER_SUSPENDED)
        g_ptr_array_add(exam->facts->obstacles, g_strdup("it is suspended to disk: resume it first"));
    if (!is_one_pool(exam) && json_array_size(gw_xapi_list(exam->record, "snapshots")) > 0)
        g_ptr_array_add(exam->facts->cold_obstacles,
                        g_strdup("it has snapshots, which a cold move to another pool would not take along: delete them, or move it live"));
    if (json_object_size(json_object_get(exam->record, "current_operations")) > 0)
        g_ptr_array_add(exam->facts->obstacles, g_strdup("another operation on it is under way"));
    if (!gw_xapi_bool(gw_xapi_record(exam->dest_tables, "host", exam->dest_ref), "enabled"))
        g_ptr_array_add(exam->facts->obstacles, g_strdup_printf("%s is disabled (in maintenance) in its pool", exam->dest->name));
}

/* ---- the whole */

static gboolean is_taken(Exam *exam, const char *uuid, gboolean *ret_taken, GError **error)
{
    *ret_taken = FALSE;
    if (is_one_pool(exam))
        return TRUE;
    g_autoptr(GError) failure = NULL;
    g_autofree char *vm = gw_xapi_find_vm(exam->dest->pool, uuid, &failure);
    *ret_taken = vm != NULL;
    if (vm || gw_xapi_is_fault(failure, "UUID_INVALID"))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean open_exam(Exam *exam, const char *uuid, GError **error)
{
    exam->tables = gw_xapi_vm_tables(exam->source->pool, uuid, &exam->vm, error);
    exam->source_ref = exam->tables ? gw_xapi_host_ref(exam->source, exam->tables, error) : NULL;
    if (!exam->source_ref)
        return FALSE;
    exam->record = gw_xapi_record(exam->tables, "VM", exam->vm);
    const char *host_uuid = gw_xapi_text(gw_xapi_record(exam->tables, "host", exam->source_ref), "uuid");
    if (!gw_xapi_is_instance(exam->tables, exam->record) || !gw_xapi_is_here(exam->tables, exam->record, host_uuid)) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "host %s has no instance %s", exam->source->name, uuid);
        return FALSE;
    }
    exam->dest_tables = gw_xapi_static_tables(exam->dest->pool, error);
    json_t *vdis = exam->dest_tables ? gw_xapi_call(exam->dest->pool, "VDI.get_all_records", json_array(), 0, error) : NULL;
    if (!vdis)
        return FALSE;
    json_object_set_new(exam->dest_tables, "VDI", vdis);
    exam->dest_ref = gw_xapi_host_ref(exam->dest, exam->dest_tables, error);
    return exam->dest_ref != NULL;
}

static void tell_calls(Exam *exam)
{
    gboolean one = is_one_pool(exam);
    exam->facts->live_calls = g_strdup(exam->copies || !one ? "VM.migrate_send (Storage XenMotion)" : "VM.pool_migrate");
    exam->facts->cold_calls = g_strdup(!one           ? "VM.migrate_send with copy=true, once it is shut down"
                                       : exam->copies ? "VDI.copy, once it is shut down, and VM.start_on"
                                                      : "VM.start_on, once it is shut down");
}

static char *definition(const Exam *exam)
{
    GwXapiMove move = {exam->facts->source->host_uuid, exam->facts->dest->host_uuid,
                       (char *)gw_xapi_text(gw_xapi_the_pool(exam->tables), "uuid"),
                       (char *)gw_xapi_text(gw_xapi_the_pool(exam->dest_tables), "uuid")};
    return gw_xapi_move_write(&move);
}

gboolean gw_xapi_examine(GwHost *source, GwHost *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error)
{
    g_auto(Exam) exam = {.source = source, .dest = dest};
    gboolean taken;
    if (!open_exam(&exam, uuid, error) || !is_taken(&exam, uuid, &taken, error))
        return FALSE;
    exam.facts = gw_move_facts_new();
    exam.facts->instance = gw_xapi_instance(exam.tables, exam.record);
    exam.facts->source_name = g_strdup(source->name);
    exam.facts->dest_name = g_strdup(dest->name);
    exam.facts->uuid_taken = taken ? GW_FACT_YES : GW_FACT_NO;
    exam.facts->name_taken = GW_FACT_NO; /* names need not be unique there */
    exam.facts->source = gw_xapi_host_facts(source->pool, exam.tables, exam.source_ref, error);
    exam.facts->dest = exam.facts->source ? gw_xapi_host_facts(dest->pool, exam.dest_tables, exam.dest_ref, error) : NULL;
    if (!exam.facts->dest)
        return FALSE;
    exam.sr = choose_sr(&exam);
    examine_disks(&exam);
    json_t *vifs = gw_xapi_vif_map(exam.tables, exam.record, exam.dest_tables, exam.dest_ref, exam.facts->missing_networks);
    json_decref(vifs);
    find_obstacles(&exam);
    if (!ask_hypervisor(&exam, error))
        return FALSE;
    exam.facts->definition = definition(&exam);
    tell_calls(&exam);
    *ret_facts = g_steal_pointer(&exam.facts);
    return TRUE;
}
