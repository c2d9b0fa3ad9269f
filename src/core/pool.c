#include "core/pool.h"

#include "base/error.h"

#include <string.h>

enum { CODE_LENGTH = 8 };

const char *const gw_pool_state_names[GW_POOL_STATE_COUNT] = {"created", "changing", "active", "error"};

static const char *const verbs[GW_POOL_CHANGE_COUNT] = {"found", "join", "join_force", "eject", "disband"};

gboolean gw_pool_is(const GwAggregate *aggregate)
{
    return gw_aggregate_get(aggregate, GW_POOL_KEY) != NULL;
}

GwPoolState gw_pool_state(const GwAggregate *aggregate)
{
    const char *word = gw_aggregate_get(aggregate, GW_POOL_STATE_KEY);
    if (!word)
        return GW_POOL_CREATED;
    for (guint i = 0; i < GW_POOL_STATE_COUNT; i++)
        if (strcmp(word, gw_pool_state_names[i]) == 0)
            return (GwPoolState)i;
    return GW_POOL_ERROR;
}

/* ---- the change under way: "VERB HOST wanted|called SECONDS [CODE]" */

const char *gw_pool_change_verb(GwPoolChangeKind kind)
{
    return verbs[kind];
}

char *gw_pool_change_write(const GwPoolChange *change)
{
    return g_strdup_printf("%s %s %s %" G_GINT64_FORMAT "%s%s", verbs[change->kind], change->host, change->called ? "called" : "wanted",
                           change->since_s, change->confirmed ? " " : "", change->confirmed ? change->confirmed : "");
}

static gboolean read_kind(const char *word, GwPoolChangeKind *ret_kind)
{
    for (guint i = 0; i < GW_POOL_CHANGE_COUNT; i++) {
        if (strcmp(word, verbs[i]) == 0) {
            *ret_kind = (GwPoolChangeKind)i;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean gw_pool_change_read(const char *text, GwPoolChange *ret_change)
{
    g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);
    guint count = g_strv_length(words);
    GwPoolChange change = {0};
    if (count < 4 || count > 5 || !read_kind(words[0], &change.kind) || !*words[1])
        return FALSE;
    change.called = strcmp(words[2], "called") == 0;
    if ((!change.called && strcmp(words[2], "wanted") != 0) ||
        !g_ascii_string_to_signed(words[3], 10, 0, G_MAXINT64, &change.since_s, NULL))
        return FALSE;
    change.host = g_strdup(words[1]);
    change.confirmed = g_strdup(words[4]);
    *ret_change = change;
    return TRUE;
}

void gw_pool_change_clear(GwPoolChange *change)
{
    g_clear_pointer(&change->host, g_free);
    g_clear_pointer(&change->confirmed, g_free);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *gw_pool_losses_code(const GPtrArray *losses)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (guint i = 0; i < losses->len; i++)
        g_ptr_array_add(sorted, losses->pdata[i]);
    g_ptr_array_sort(sorted, by_text);
    for (guint i = 0; i < sorted->len; i++) /* with the ends of the texts, so that no two lists are one */
        g_checksum_update(sum, sorted->pdata[i], (gssize)strlen(sorted->pdata[i]) + 1);
    return g_strndup(g_checksum_get_string(sum), CODE_LENGTH);
}

/* ---- what comes next */

static gboolean is_over(const GwPoolSight *sight, const GwPoolTimes *times)
{
    return sight->waited_s >= times->limit_s;
}

/* Before the call nothing can have happened; after it, nobody knows. */
static GwPoolAct wait_or_end(const GwPoolChange *change, const GwPoolSight *sight, const GwPoolTimes *times)
{
    if (!is_over(sight, times))
        return GW_POOL_WAIT;
    return change->called ? GW_POOL_GIVE_UP : GW_POOL_UNDO;
}

/* The hypervisor has to be asked, has been, or has forgotten that it was. */
static GwPoolAct ask(const GwPoolChange *change, const GwPoolSight *sight, const GwPoolTimes *times)
{
    if (!change->called)
        return is_over(sight, times) ? GW_POOL_UNDO : GW_POOL_CALL;
    if (sight->refused || sight->task == GW_POOL_TASK_FAILED)
        return GW_POOL_UNDO;
    if (is_over(sight, times))
        return GW_POOL_GIVE_UP;
    return sight->task == GW_POOL_TASK_NONE && sight->lasts ? GW_POOL_CALL : GW_POOL_WAIT;
}

static GwPoolAct next_of_join(const GwPoolChange *change, const GwPoolSight *sight, const GwPoolTimes *times)
{
    switch (sight->member) {
    case GW_MEMBER_OUTSIDE:
        return ask(change, sight, times);
    case GW_MEMBER_ELSEWHERE:
        return GW_POOL_UNDO;
    case GW_MEMBER_COMING:
        return is_over(sight, times) ? GW_POOL_GIVE_UP : GW_POOL_WAIT;
    case GW_MEMBER_UP:
        return sight->waited_s >= times->grace_s ? GW_POOL_FINISH : GW_POOL_WAIT;
    case GW_MEMBER_READY:
        return GW_POOL_FINISH;
    case GW_MEMBER_UNKNOWN:
    case GW_MEMBER_ABSENT:
    case GW_MEMBER_COUNT:
        break;
    }
    return wait_or_end(change, sight, times);
}

static GwPoolAct next_of_eject(const GwPoolChange *change, const GwPoolSight *sight, const GwPoolTimes *times)
{
    switch (sight->member) {
    case GW_MEMBER_ABSENT:
    case GW_MEMBER_OUTSIDE:
    case GW_MEMBER_ELSEWHERE:
        return GW_POOL_FINISH;
    case GW_MEMBER_COMING:
    case GW_MEMBER_UP:
    case GW_MEMBER_READY:
        return ask(change, sight, times);
    case GW_MEMBER_UNKNOWN:
    case GW_MEMBER_COUNT:
        break;
    }
    return wait_or_end(change, sight, times);
}

/* A name that is set: once more does no harm, and there is nothing to see but the answer. */
static GwPoolAct next_of_name(const GwPoolChange *change, const GwPoolSight *sight, const GwPoolTimes *times)
{
    if (change->called && sight->refused)
        return GW_POOL_UNDO;
    if (change->called && sight->task == GW_POOL_TASK_DONE)
        return GW_POOL_FINISH;
    return is_over(sight, times) ? GW_POOL_UNDO : GW_POOL_CALL;
}

GwPoolAct gw_pool_next(const GwPoolChange *change, const GwPoolSight *sight, const GwPoolTimes *times)
{
    switch (change->kind) {
    case GW_POOL_FOUND:
    case GW_POOL_DISBAND:
        return next_of_name(change, sight, times);
    case GW_POOL_JOIN:
    case GW_POOL_JOIN_FORCE:
        return next_of_join(change, sight, times);
    case GW_POOL_EJECT:
        return next_of_eject(change, sight, times);
    case GW_POOL_CHANGE_COUNT:
        break;
    }
    return GW_POOL_WAIT;
}

/* ---- what may be asked for */

static gboolean is_own_key(const char *key)
{
    static const char *const keys[] = {GW_POOL_KEY,        GW_POOL_STATE_KEY,  GW_POOL_MASTER_KEY,
                                       GW_POOL_CHANGE_KEY, GW_POOL_REASON_KEY, GW_ZONE_KEY, NULL};
    return g_strv_contains(keys, key);
}

gboolean gw_pool_check_add(const GwAggregate *aggregate, const char *host, GError **error)
{
    if (is_own_key(host) || gw_aggregate_get(aggregate, host))
        return gw_aggregate_refuse(GW_AGGREGATE_ADD_HOST, aggregate->id, error,
                                   "the name of host %s is a key of the aggregate's metadata, where its UUID is to be kept: give the host "
                                   "another name, or remove the key", host);
    switch (gw_pool_state(aggregate)) {
    case GW_POOL_CHANGING:
        return gw_aggregate_refuse(GW_AGGREGATE_ADD_HOST, aggregate->id, error, "setup in progress");
    case GW_POOL_ERROR:
        return gw_aggregate_refuse(GW_AGGREGATE_ADD_HOST, aggregate->id, error,
                                   "aggregate in error: mend what its pool_reason tells, then set operational_state=active, and it is "
                                   "looked at again");
    case GW_POOL_CREATED:
    case GW_POOL_ACTIVE:
    case GW_POOL_STATE_COUNT:
        break;
    }
    return TRUE;
}

static gboolean refuse_removal(const GwAggregate *aggregate, const char *reason, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot remove host from aggregate %" G_GINT64_FORMAT ". Reason: %s.", aggregate->id,
                reason);
    return FALSE;
}

gboolean gw_pool_check_remove(const GwAggregate *aggregate, const char *host, GError **error)
{
    if (gw_pool_state(aggregate) == GW_POOL_CREATED)
        return refuse_removal(aggregate, "no hosts to remove", error);
    if (gw_pool_state(aggregate) == GW_POOL_CHANGING)
        return refuse_removal(aggregate, "setup in progress", error);
    if (gw_aggregate_has_host(aggregate, host))
        return TRUE;
    return gw_aggregate_refuse_stranger(aggregate, host, error);
}

static const GwMetadatum *find_change(const GPtrArray *changes, const char *key)
{
    for (guint i = 0; i < changes->len; i++)
        if (strcmp(((const GwMetadatum *)changes->pdata[i])->key, key) == 0)
            return changes->pdata[i];
    return NULL;
}

#define REFUSE(...) gw_aggregate_refuse(GW_AGGREGATE_SET_METADATA, aggregate->id, error, __VA_ARGS__)

static gboolean check_key(const GwAggregate *aggregate, const GwMetadatum *datum, GError **error)
{
    static const char *const kept[] = {GW_POOL_MASTER_KEY, GW_POOL_CHANGE_KEY, GW_POOL_REASON_KEY, NULL};
    gboolean created = g_strcmp0(datum->value, gw_pool_state_names[GW_POOL_CREATED]) == 0;
    if (g_strv_contains(kept, datum->key) || gw_aggregate_has_host(aggregate, datum->key))
        return REFUSE("%s is kept by Godwit while the aggregate is a pool", datum->key);
    if (strcmp(datum->key, GW_POOL_STATE_KEY) == 0 && (!created || aggregate->hosts->len))
        return REFUSE("operational_state is kept by Godwit: set it to created while the pool has no hosts, or, alone, to active to have a pool "
                      "in error looked at again");
    return TRUE;
}

static gboolean check_keys(const GwAggregate *aggregate, const GPtrArray *changes, GError **error)
{
    for (guint i = 0; i < changes->len; i++)
        if (!check_key(aggregate, changes->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* The pool is let go as it is: nobody leaves it. */
static void drop_keys(const GwAggregate *aggregate, GPtrArray *changes)
{
    static const char *const keys[] = {GW_POOL_STATE_KEY, GW_POOL_MASTER_KEY, GW_POOL_REASON_KEY};
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        gw_metadata_add(changes, keys[i], NULL);
    for (guint i = 0; i < aggregate->hosts->len; i++)
        gw_metadata_add(changes, aggregate->hosts->pdata[i], NULL);
}

gboolean gw_pool_check_metadata(const GwAggregate *aggregate, GPtrArray *changes, GError **error)
{
    const GwMetadatum *pool = find_change(changes, GW_POOL_KEY);
    gboolean was = gw_pool_is(aggregate), will = pool ? pool->value != NULL : was;
    if (!was && !will)
        return TRUE; /* its keys are the administrator's own */
    if (will && !was && aggregate->hosts->len)
        return REFUSE("hypervisor_pool is set before hosts are added, since each is made a member of the pool when it is: it has %u",
                      aggregate->hosts->len);
    if (was && gw_pool_state(aggregate) == GW_POOL_CHANGING && (!will || find_change(changes, GW_POOL_STATE_KEY)))
        return REFUSE("setup in progress");
    if (!check_keys(aggregate, changes, error))
        return FALSE;
    if (!will)
        drop_keys(aggregate, changes);
    else if (!was && !find_change(changes, GW_POOL_STATE_KEY))
        gw_metadata_add(changes, GW_POOL_STATE_KEY, gw_pool_state_names[GW_POOL_CREATED]);
    return TRUE;
}

gboolean gw_pool_asks_look(const GwAggregate *aggregate, const GPtrArray *changes)
{
    const GwMetadatum *state = changes->len == 1 ? find_change(changes, GW_POOL_STATE_KEY) : NULL;
    return state && gw_pool_is(aggregate) && aggregate->hosts->len && gw_pool_state(aggregate) != GW_POOL_CHANGING &&
           g_strcmp0(state->value, gw_pool_state_names[GW_POOL_ACTIVE]) == 0;
}
