/* Everything that concerns moving one instance from one host to another. XAPI does not check the room on the destination's storage and, between
 * pools, its memory: core/checks.c does, from the facts found here. */
#include "drivers/xapi/internal.h"

#include <string.h>

typedef struct {
    GwHost *source, *dest;
    json_t *tables, *dest_tables; /* the same when the pool is */
    char *vm, *source_ref, *dest_ref;
    const json_t *record; /* of the VM, borrowed */
    guint64 local_bytes;  /* of copies of disks from local repositories */
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

/* ---- storage, as the facts of both hosts have it */

static char *sr_of(const GwDisk *disk)
{
    char *sr = NULL;
    return gw_xapi_path_split(disk->path, &sr, NULL) ? sr : NULL;
}

/* The repository that it is on; NULL: its host has it not attached. */
static const GwPool *pool_of(const Exam *exam, const GwDisk *disk)
{
    g_autofree char *sr = sr_of(disk);
    return sr ? gw_host_facts_pool_at(exam->facts->source, sr) : NULL;
}

static gboolean is_shared(const Exam *exam, const GwDisk *disk)
{
    g_autofree char *sr = sr_of(disk);
    return sr && gw_host_facts_share(exam->facts->source, exam->facts->dest, sr);
}

/* ---- disks */

/* Those from local repositories go together, so that what they need there is known before one is chosen. */
static guint64 bytes_from_local(const Exam *exam)
{
    const GwMoveFacts *facts = exam->facts;
    guint64 bytes = 0;
    for (guint i = 0; i < facts->instance->disks->len; i++) {
        const GwDisk *disk = facts->instance->disks->pdata[i];
        const GwPool *pool = pool_of(exam, disk);
        if (pool && pool->local && !is_shared(exam, disk) && !(disk->flags & GW_DISK_REMOVABLE))
            bytes += MAX(disk->capacity_bytes, disk->allocation_bytes);
    }
    return bytes;
}

static void check_live_copy(const GwPool *pool, GwDiskFacts *disk)
{
    if (!pool || !pool->no_mirror)
        return;
    disk->live_problem = g_strdup_printf("it is on the storage repository %s of type %s", pool->name, pool->type);
    disk->live_rule = g_strdup(GW_XAPI_MIRROR_RULE);
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
static char *place_of(const char *label, const char *uuid)
{
    return g_strdup_printf("%s (%.8s)", label, uuid);
}

static void examine_copy(Exam *exam, const GwDisk *disk, const char *vdi_uuid, GwDiskFacts *facts)
{
    const GwPool *from = pool_of(exam, disk), *to = gw_host_facts_pool_for(exam->facts->dest, from, exam->local_bytes);
    exam->copies = TRUE;
    facts->problem = g_strdup(disk->no_copy);
    check_live_copy(from, facts);
    if (!to && !facts->problem)
        facts->problem = g_strdup_printf("%s has no storage repository for it: none is default and attached there, none is local of type ext "
                                         "(see sr_matching_filter)", exam->dest->name);
    if (!to)
        return;
    facts->folder = GW_FACT_YES;
    facts->taken = fact(has_copy(exam, vdi_uuid));
    facts->dest_path = g_strdup_printf("%s/copy-of-%s", to->path, vdi_uuid);
    facts->place = place_of(to->name, to->path);
    facts->dest_pool_path = g_strdup_printf("the storage repository %s", to->name);
    facts->available_bytes = MAX(to->available_bytes, 1); /* 0 would mean unknown */
}

static void examine_disk(Exam *exam, const GwDisk *disk, const json_t *vbd)
{
    GwDiskFacts *facts = gw_move_facts_add_disk(exam->facts);
    const json_t *vdi = gw_xapi_record(exam->tables, "VDI", gw_xapi_text(vbd, "VDI"));
    facts->target = g_strdup(disk->target);
    if (!vdi)
        return; /* an empty drive */
    gboolean shared = is_shared(exam, disk);
    facts->shared = fact(shared);
    if (shared) {
        const json_t *sr = gw_xapi_record(exam->tables, "SR", gw_xapi_text(vdi, "SR"));
        facts->place = place_of(gw_xapi_text(sr, "name_label"), gw_xapi_text(sr, "uuid"));
        return;
    }
    if (disk->flags & GW_DISK_REMOVABLE)
        g_ptr_array_add(exam->facts->missing_files, g_strdup_printf("medium %s", gw_xapi_text(vdi, "name_label")));
    else
        examine_copy(exam, disk, gw_xapi_text(vdi, "uuid"), facts);
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

/* Where each disk is to be: what stays where it is is in the map as well. */
static json_t *vdi_map(const Exam *exam)
{
    json_t *map = json_object();
    for (guint i = 0; i < exam->facts->disks->len; i++) {
        const GwDisk *disk = exam->facts->instance->disks->pdata[i];
        const GwDiskFacts *facts = exam->facts->disks->pdata[i];
        const char *to = facts->shared == GW_FACT_YES ? disk->path : facts->dest_path;
        g_autofree char *sr = NULL;
        g_autofree char *vdi = NULL;
        if (disk->flags & GW_DISK_REMOVABLE || !gw_xapi_path_split(disk->path, &sr, &vdi))
            continue;
        g_autofree char *ref = gw_xapi_find(exam->tables, "VDI", "uuid", vdi);
        g_autofree char *dest = NULL;
        g_autofree char *dest_ref = gw_xapi_path_split(to, &dest, NULL) ? gw_xapi_find(exam->dest_tables, "SR", "uuid", dest) : NULL;
        if (ref && dest_ref)
            json_object_set_new(map, ref, json_string(dest_ref));
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
        g_ptr_array_add(exam->facts->obstacles, g_strdup_printf("it is paused, and XenServer moves only running instances live: resume it first "
                                                                "(godwit unpause %s), or stop it", exam->facts->instance->name));
    if (exam->facts->instance->power == GW_POWER_SUSPENDED)
        g_ptr_array_add(exam->facts->obstacles, g_strdup("it is suspended to disk: resume it first"));
    if (!is_one_pool(exam) && json_array_size(gw_xapi_list(exam->record, "snapshots")) > 0)
        g_ptr_array_add(exam->facts->cold_obstacles,
                        g_strdup("it has snapshots, which a cold move to another pool would not take along: delete them, or move it live"));
    if (json_object_size(json_object_get(exam->record, "current_operations")) > 0)
        g_ptr_array_add(exam->facts->obstacles, g_strdup("another operation on it is under way"));
    if (exam->facts->dest->closed)
        g_ptr_array_add(exam->facts->obstacles, g_strdup_printf("%s: %s", exam->dest->name, exam->facts->dest->closed));
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
    exam.facts->source = gw_xapi_host_facts(source, exam.tables, exam.source_ref, error);
    exam.facts->dest = exam.facts->source ? gw_xapi_host_facts(dest, exam.dest_tables, exam.dest_ref, error) : NULL;
    if (!exam.facts->dest)
        return FALSE;
    exam.facts->new_uuid = !is_one_pool(&exam);
    exam.local_bytes = bytes_from_local(&exam);
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
