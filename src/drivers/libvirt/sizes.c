/* What the guest sees of its disks' sizes. They hardly ever change, so each is asked once and remembered.
 *
 * Only QEMU can tell, and one that hangs never answers: a listing of the host must not hang with it. So a size is asked by a call of
 * its own with a short deadline; what comes late is there for the next listing. */
#include "drivers/libvirt/internal.h"

typedef struct {
    char uuid[GW_UUID_SIZE];
    GPtrArray *targets, *keys; /* of char *, owned; keys of GwHost.capacities */
} Question;

static void question_free(gpointer data)
{
    Question *question = data;
    g_ptr_array_unref(question->targets);
    g_ptr_array_unref(question->keys);
    g_free(question);
}

static char *key_of(const GwInstance *instance, const GwDisk *disk)
{
    return g_strdup_printf("%s %s", instance->uuid, disk->path);
}

static gboolean has_size(const GwDisk *disk)
{
    return disk->path && disk->target && !(disk->flags & GW_DISK_REMOVABLE) && disk->kind != GW_DISK_OTHER;
}

/* bytes 0: is being asked. */
static void remember(GwHost *host, const char *key, guint64 bytes)
{
    g_mutex_lock(&host->lock);
    g_hash_table_replace(host->capacities, g_strdup(key), g_memdup2(&bytes, sizeof bytes));
    g_mutex_unlock(&host->lock);
}

static gboolean recall(GwHost *host, const char *key, guint64 *ret_bytes)
{
    g_mutex_lock(&host->lock);
    const guint64 *known = g_hash_table_lookup(host->capacities, key);
    *ret_bytes = known ? *known : 0;
    g_mutex_unlock(&host->lock);
    return known != NULL;
}

static void forget_question(GwHost *host, const char *key)
{
    g_mutex_lock(&host->lock);
    g_hash_table_remove(host->capacities, key); /* the next listing asks again */
    g_mutex_unlock(&host->lock);
}

static gboolean answer(GwVirtCall *call, GError **error)
{
    const Question *question = call->result;
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(call->conn, question->uuid);
    for (guint i = 0; i < question->keys->len; i++) {
        virDomainBlockInfo info;
        if (domain && virDomainGetBlockInfo(domain, question->targets->pdata[i], &info, 0) == 0)
            remember(call->host, question->keys->pdata[i], info.capacity);
        else
            forget_question(call->host, question->keys->pdata[i]);
    }
    return TRUE;
}

static Question *find_unknown(GwHost *host, const GwInstance *instance)
{
    Question *question = g_new0(Question, 1);
    g_strlcpy(question->uuid, instance->uuid, sizeof question->uuid);
    question->targets = g_ptr_array_new_with_free_func(g_free);
    question->keys = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        guint64 bytes;
        g_autofree char *key = key_of(instance, disk);
        if (!has_size(disk) || recall(host, key, &bytes))
            continue;
        remember(host, key, 0);
        g_ptr_array_add(question->targets, g_strdup(disk->target));
        g_ptr_array_add(question->keys, g_steal_pointer(&key));
    }
    return question;
}

void gw_virt_read_sizes(GwHost *host, GwInstance *instance)
{
    g_autoptr(GwVirtCall) call = gw_virt_call_new(host, NULL, NULL, NULL);
    Question *question = find_unknown(host, instance);
    gboolean any = question->keys->len > 0;
    call->how = GW_VIRT_QUICK;
    call->result = question;
    call->free_result = question_free;
    if (any && !gw_virt_call_run(call, GW_VIRT_ASK, answer, NULL) && !call->conn)
        for (guint i = 0; i < question->keys->len; i++)
            forget_question(host, question->keys->pdata[i]); /* no connection: nobody will answer */
    for (guint i = 0; i < instance->disks->len; i++) {
        GwDisk *disk = instance->disks->pdata[i];
        g_autofree char *key = key_of(instance, disk);
        if (has_size(disk))
            recall(host, key, &disk->capacity_bytes);
    }
}
