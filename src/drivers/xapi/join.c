/* Hosts that join a pool and leave it. Both calls are begun as tasks and nothing is waited for: what the pool's database and the host itself
 * say, asked at its own address, tells how far it is. A joining host's toolstack restarts some seconds after its task has ended; its sessions
 * die, and from then on it answers HOST_IS_SLAVE. A task is known again by a mark in its other_config, also by another process.
 * Source: xapi_pool.ml. */
#include "drivers/xapi/internal.h"

#include <string.h>

#define MARK "godwit_pool"

/* ---- what a host says of itself, at its own address */

typedef struct {
    gboolean answers, is_slave;
    char *master;        /* of a slave: whose */
    char *pool_uuid;     /* of a master, as are the next two */
    guint members;
    json_t *tasks;
} Voice;

static void voice_clear(Voice *voice)
{
    g_free(voice->master);
    g_free(voice->pool_uuid);
    if (voice->tasks)
        json_decref(voice->tasks);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Voice, voice_clear)

static json_t *ask_at(GwHost *host, const char *to, const char *session, const char *method, GError **error)
{
    return gw_xapi_call_at(host->pool, to, session, method, json_array(), error);
}

static gboolean hear_master(GwHost *host, const char *to, const char *session, Voice *voice, GError **error)
{
    g_autoptr(json_t) pools = ask_at(host, to, session, "pool.get_all_records", error);
    g_autoptr(json_t) hosts = pools ? ask_at(host, to, session, "host.get_all", error) : NULL;
    if (!hosts)
        return FALSE;
    voice->tasks = ask_at(host, to, session, "task.get_all_records", error);
    voice->pool_uuid = g_strdup(gw_xapi_text(json_object_iter_value(json_object_iter(pools)), "uuid"));
    voice->members = (guint)json_array_size(hosts);
    voice->answers = voice->tasks != NULL;
    return voice->answers;
}

static void logout_at(GwHost *host, const char *to, const char *session)
{
    g_autoptr(GError) ignored = NULL; /* it restarts, perhaps */
    json_decref(ask_at(host, to, session, "session.logout", &ignored));
}

/* FALSE with *error: it is silent, or does not let us in. */
static gboolean listen_at(GwHost *host, const char *to, Voice *voice, GError **error)
{
    GError *failure = NULL;
    g_autofree char *session = gw_xapi_login_at(host->pool, to, &failure);
    if (session) {
        gboolean ok = hear_master(host, to, session, voice, error);
        logout_at(host, to, session);
        return ok;
    }
    if (!gw_xapi_is_fault(failure, "HOST_IS_SLAVE")) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    voice->answers = voice->is_slave = TRUE;
    voice->master = gw_xapi_fault_detail(failure);
    g_error_free(failure);
    return TRUE;
}

/* ---- what the pool says */

static const char *pool_uuid_of(const json_t *tables)
{
    return gw_xapi_text(gw_xapi_the_pool(tables), "uuid");
}

static gboolean has_address(const json_t *tables, const char *address)
{
    g_autofree char *ref = gw_xapi_find(tables, "host", "address", address);
    return ref != NULL;
}

/* The storage that the member has not attached, by name; NULL: none. */
static char *unattached(const json_t *tables, const char *host)
{
    g_autoptr(GString) names = g_string_new(NULL);
    const char *ref;
    json_t *pbd;
    json_object_foreach(gw_xapi_table(tables, "PBD"), ref, pbd)
        if (strcmp(gw_xapi_text(pbd, "host"), host) == 0 && !gw_xapi_bool(pbd, "currently_attached"))
            g_string_append_printf(names, "%s%s", names->len ? ", " : "",
                                   gw_xapi_text(gw_xapi_record(tables, "SR", gw_xapi_text(pbd, "SR")), "name_label"));
    return names->len ? g_string_free(g_steal_pointer(&names), FALSE) : NULL;
}

static void set_words(char **ret_words, char *words)
{
    g_free(*ret_words);
    *ret_words = words;
}

static GwMembership member_of(const json_t *tables, const char *ref, char **ret_words)
{
    const json_t *record = gw_xapi_record(tables, "host", ref);
    const json_t *metrics = gw_xapi_record(tables, "host_metrics", gw_xapi_text(record, "metrics"));
    if (!metrics || !gw_xapi_bool(metrics, "live")) {
        set_words(ret_words, g_strdup("it is in the pool, but its toolstack has not come back"));
        return GW_MEMBER_COMING;
    }
    if (!gw_xapi_bool(record, "enabled")) {
        set_words(ret_words, g_strdup("it is in the pool, but not enabled"));
        return GW_MEMBER_COMING;
    }
    g_autofree char *missing = unattached(tables, ref);
    if (!missing)
        return GW_MEMBER_READY;
    set_words(ret_words, g_strdup_printf("its storage is not attached there: %s", missing));
    return GW_MEMBER_UP;
}

/* ---- tasks */

/* One that has our mark; else one that runs and does the like: it may be ours, from before it got its mark. */
static const json_t *find_task(const json_t *tasks, const char *mark, const char *method)
{
    const char *ref;
    json_t *task;
    const json_t *running = NULL;
    json_object_foreach((json_t *)tasks, ref, task) {
        if (g_strcmp0(gw_xapi_in_map(task, "other_config", MARK), mark) == 0)
            return task;
        if (g_str_has_prefix(gw_xapi_text(task, "name_label"), method) && strcmp(gw_xapi_text(task, "status"), "pending") == 0)
            running = task;
    }
    return running;
}

static void read_task(const json_t *tasks, const char *mark, const char *method, GwPoolSight *sight, char **ret_words)
{
    const json_t *task = find_task(tasks, mark, method);
    const char *status = gw_xapi_text(task, "status");
    if (!task)
        return;
    if (strcmp(status, "pending") == 0 || strcmp(status, "cancelling") == 0) {
        sight->task = GW_POOL_TASK_RUNNING;
    } else if (strcmp(status, "success") == 0) {
        sight->task = GW_POOL_TASK_DONE;
    } else {
        g_autoptr(GError) failure = NULL;
        g_autoptr(json_t) params = json_copy(gw_xapi_list(task, "error_info"));
        g_autofree char *code = g_strdup(json_string_value(json_array_get(params, 0)));
        json_array_remove(params, 0);
        gw_xapi_fault_set(&failure, code ? code : "TASK_CANCELLED", params);
        set_words(ret_words, g_strdup_printf("XenServer: %s", failure->message));
        sight->task = GW_POOL_TASK_FAILED;
    }
}

/* The host is out: nobody needs the task's word. One that is not destroyed is forgotten by the server an hour after its end. */
static void forget_ejection(GwHost *master, const json_t *tasks, const char *mark)
{
    const char *ref;
    json_t *task;
    json_object_foreach((json_t *)tasks, ref, task) {
        g_autoptr(GError) ignored = NULL;
        const char *status = gw_xapi_text(task, "status");
        if (g_strcmp0(gw_xapi_in_map(task, "other_config", MARK), mark) == 0 && strcmp(status, "pending") != 0 &&
            strcmp(status, "cancelling") != 0)
            gw_xapi_do(master->pool, "task.destroy", json_pack("[s]", ref), &ignored);
    }
}

/* ---- looking */

/* Where the host itself is asked: the pool knows its address once it is a member. */
static char *address_of(GwHost *host, const json_t *tables, const char *ref)
{
    const char *known = ref ? gw_xapi_text(gw_xapi_record(tables, "host", ref), "address") : "";
    return g_strdup(*known ? known : host->address.master);
}

/* What it is by its own words; FALSE: they leave it to the pool's. */
static gboolean believe(const Voice *voice, const json_t *tables, const GwPoolCall *call, GwPoolSight *sight, char **ret_words)
{
    if (voice->is_slave && !has_address(tables, voice->master)) {
        set_words(ret_words, g_strdup_printf("it is a member of another pool, whose master is %s", voice->master));
        sight->member = GW_MEMBER_ELSEWHERE;
        return TRUE;
    }
    if (voice->is_slave || strcmp(voice->pool_uuid, pool_uuid_of(tables)) == 0)
        return FALSE;
    sight->member = voice->members > 1 ? GW_MEMBER_ELSEWHERE : GW_MEMBER_OUTSIDE;
    set_words(ret_words, g_strdup(voice->members > 1 ? "it is the master of another pool of several hosts" : "it answers as a host of its own"));
    read_task(voice->tasks, call->mark, "Async.pool.join", sight, ret_words);
    return TRUE;
}

static gboolean look(GwHost *master, GwHost *host, const GwPoolCall *call, GwPoolSight *sight, char **ret_words, GError **error)
{
    g_autoptr(json_t) tables = gw_xapi_static_tables(master->pool, error);
    g_autoptr(json_t) tasks = tables ? gw_xapi_call(master->pool, "task.get_all_records", json_array(), 0, error) : NULL;
    if (!tasks)
        return FALSE;
    g_autofree char *ref = gw_xapi_find(tables, "host", "uuid", call->uuid), *to = address_of(host, tables, ref);
    g_auto(Voice) voice = {0};
    g_autoptr(GError) silence = NULL;
    listen_at(host, to, &voice, &silence);
    if (voice.answers && believe(&voice, tables, call, sight, ret_words)) {
        if (sight->member == GW_MEMBER_OUTSIDE)
            forget_ejection(master, tasks, call->mark);
        return TRUE;
    }
    if (ref) {
        sight->member = member_of(tables, ref, ret_words);
        read_task(tasks, call->mark, "Async.pool.eject", sight, ret_words);
        return TRUE;
    }
    sight->member = GW_MEMBER_ABSENT;
    set_words(ret_words, silence ? g_strdup_printf("%s does not answer: %s", to, silence->message)
                                 : g_strdup_printf("%s calls itself a member of the pool, which does not know it", to));
    return TRUE;
}

static gboolean about(GwHost *host, GwPoolAbout *ret_about, GError **error)
{
    g_autoptr(json_t) tables = gw_xapi_static_tables(host->pool, error);
    g_autofree char *ref = tables ? gw_xapi_host_ref(host, tables, error) : NULL;
    if (!ref)
        return FALSE;
    ret_about->uuid = g_strdup(gw_xapi_text(gw_xapi_record(tables, "host", ref), "uuid"));
    ret_about->pool_uuid = g_strdup(pool_uuid_of(tables));
    const json_t *master = gw_xapi_record(tables, "host", gw_xapi_text(gw_xapi_the_pool(tables), "master"));
    ret_about->is_master = strcmp(gw_xapi_text(gw_xapi_the_pool(tables), "master"), ref) == 0;
    ret_about->master = g_strdup_printf("%s (%s)", gw_xapi_text(master, "name_label"), gw_xapi_text(master, "address"));
    ret_about->members = (guint)json_object_size(gw_xapi_table(tables, "host"));
    return TRUE;
}

/* ---- acting */

static gboolean set_name(GwHost *master, const char *name, GError **error)
{
    g_autoptr(json_t) tables = gw_xapi_static_tables(master->pool, error);
    const char *pool = tables ? json_object_iter_key(json_object_iter(gw_xapi_table(tables, "pool"))) : NULL;
    if (tables && !pool)
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "%s has no pool record", master->address.master);
    return pool && gw_xapi_do(master->pool, "pool.set_name_label", json_pack("[s,s]", pool, name), error);
}

/* Too late for a mark: the task has ended and is gone. */
static void put_mark(GwHost *host, const char *to, const char *session, const json_t *task, const char *mark)
{
    g_autoptr(GError) ignored = NULL;
    const char *ref = json_string_value(task);
    json_t *params = json_pack("[s,s,s]", ref ? ref : "", MARK, mark);
    json_decref(gw_xapi_call_at(host->pool, to, session, "task.add_to_other_config", params, &ignored));
}

/* The call goes to the host itself, which must be alone: carried out by the pool's master, it would be a join of that. */
static gboolean check_alone(GwHost *host, const char *to, const char *session, const json_t *tables, GError **error)
{
    g_auto(Voice) voice = {0};
    if (!hear_master(host, to, session, &voice, error))
        return FALSE;
    if (strcmp(voice.pool_uuid, pool_uuid_of(tables)) != 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_LOST, "%s is a member of the pool already", to);
    return FALSE;
}

static gboolean call_join(GwHost *master, GwHost *host, const char *to, const char *session, const json_t *tables, const GwPoolCall *call,
                          GError **error)
{
    const json_t *record = gw_xapi_record(tables, "host", gw_xapi_text(gw_xapi_the_pool(tables), "master"));
    g_autofree char *password = gw_xapi_pool_password(master->pool, error);
    if (!password || !check_alone(host, to, session, tables, error))
        return FALSE;
    json_t *params = json_pack("[s,s,s]", gw_xapi_text(record, "address"), master->address.user, password);
    memset(password, 0, strlen(password));
    const char *method = call->how == GW_JOIN_FORCE ? "Async.pool.join_force" : "Async.pool.join";
    g_autoptr(json_t) task = gw_xapi_call_at(host->pool, to, session, method, params, error);
    if (task)
        put_mark(host, to, session, task, call->mark);
    return task != NULL;
}

static gboolean join(GwHost *master, GwHost *host, const GwPoolCall *call, GError **error)
{
    g_autoptr(json_t) tables = gw_xapi_static_tables(master->pool, error);
    if (!tables)
        return FALSE;
    g_autofree char *ref = gw_xapi_find(tables, "host", "uuid", call->uuid), *to = address_of(host, tables, ref);
    g_autofree char *session = gw_xapi_login_at(host->pool, to, error);
    if (!session)
        return FALSE;
    gboolean ok = call_join(master, host, to, session, tables, call, error);
    if (!ok)
        logout_at(host, to, session); /* else it stays for the task's sake, and dies with the toolstack */
    return ok;
}

static gboolean eject(GwHost *master, const GwPoolCall *call, GError **error)
{
    g_autofree char *ref = gw_xapi_ask(master->pool, "host.get_by_uuid", json_pack("[s]", call->uuid), error);
    g_autofree char *task = ref ? gw_xapi_ask(master->pool, "Async.pool.eject", json_pack("[s]", ref), error) : NULL;
    g_autoptr(GError) ignored = NULL; /* as put_mark */
    if (task)
        gw_xapi_do(master->pool, "task.add_to_other_config", json_pack("[s,s,s]", task, MARK, call->mark), &ignored);
    return task != NULL;
}

/* ---- the boundary */

#define BOUNDARY(name, parameters, call)                                                                               \
    static gboolean do_##name parameters                                                                               \
    {                                                                                                                  \
        GError *failure = NULL;                                                                                        \
        return call || gw_xapi_fail(error, failure);                                                                   \
    }

BOUNDARY(about, (GwHost * host, GwPoolAbout *ret, GError **error), about(host, ret, &failure))
BOUNDARY(set_name, (GwHost * master, const char *name, GError **error), set_name(master, name, &failure))
BOUNDARY(qualify, (GwHost * master, GwHost *host, GwJoinHow how, GPtrArray *findings, GError **error),
         gw_xapi_pool_qualify(master, host, how, findings, &failure))
BOUNDARY(losses, (GwHost * master, const char *uuid, GwPoolLosses *losses, GError **error),
         gw_xapi_pool_losses(master, uuid, losses, &failure))
BOUNDARY(look, (GwHost * master, GwHost *host, const GwPoolCall *call, GwPoolSight *ret, char **ret_words, GError **error),
         look(master, host, call, ret, ret_words, &failure))
BOUNDARY(join, (GwHost * master, GwHost *host, const GwPoolCall *call, GError **error), join(master, host, call, &failure))
BOUNDARY(eject, (GwHost * master, const GwPoolCall *call, GError **error), eject(master, call, &failure))
BOUNDARY(address, (GwHost * master, GwHost *const *members, guint count, const char *uuid, char **ret, GError **error),
         gw_xapi_pool_address(master, members, count, uuid, ret, &failure))
BOUNDARY(own_address, (GwHost * master, GwHost *host, const char *uuid, char **ret, GError **error),
         gw_xapi_pool_own_address(master, host, uuid, ret, &failure))

const GwPoolOps gw_xapi_pool_ops = {
    .about = do_about,
    .set_name = do_set_name,
    .qualify = do_qualify,
    .losses = do_losses,
    .look = do_look,
    .join = do_join,
    .eject = do_eject,
    .address = do_address,
    .own_address = do_own_address,
};
