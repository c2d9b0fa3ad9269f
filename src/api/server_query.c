#include "api/server_query.h"

#include "api/query.h"
#include "api/server_order.h"
#include "api/server_state.h"
#include "api/shapes.h"

#include <string.h>

/* ---- filters. An adopted instance has no image, key, addresses or tags: asking for one of those finds none. */

typedef char *(*Text)(const GwInstanceView *view); /* owned; NULL: no value */

static char *name_of(const GwInstanceView *view)
{
    return g_strdup(gw_instance_view_name(view));
}

static char *uuid_of(const GwInstanceView *view)
{
    return g_strdup(view->instance->uuid);
}

static char *host_of(const GwInstanceView *view)
{
    return g_strdup(view->host);
}

static char *status_of(const GwInstanceView *view)
{
    return g_strdup(gw_server_state(view).status);
}

static char *vm_state_of(const GwInstanceView *view)
{
    return g_strdup(gw_server_state(view).vm_state);
}

static char *task_state_of(const GwInstanceView *view)
{
    return g_strdup(gw_server_state(view).task_state);
}

static char *power_of(const GwInstanceView *view)
{
    return g_strdup_printf("%d", view->instance->power);
}

static char *flavor_of(const GwInstanceView *view)
{
    return gw_shape_id_of(view);
}

static char *owner_of(const GwInstanceView *view)
{
    return g_strdup(view->server && view->server->project_id ? view->server->project_id : "admin");
}

static char *user_of(const GwInstanceView *view)
{
    return g_strdup(view->server && view->server->user_id ? view->server->user_id : "admin");
}

static char *image_of(const GwInstanceView *view)
{
    return g_strdup(view->server ? view->server->image_id : NULL);
}

static char *zone_of(const GwInstanceView *view)
{
    return g_strdup(view->zone);
}

static char *locked_of(const GwInstanceView *view)
{
    return g_strdup(view->card && view->card->locked ? "true" : "false");
}

/* Nova knows two kinds of people; here all who may lock are administrators. */
static char *locked_by_of(const GwInstanceView *view)
{
    return g_strdup(view->card && view->card->locked ? "admin" : NULL);
}

static char *description_of(const GwInstanceView *view)
{
    return g_strdup(gw_instance_view_description(view));
}

static char *access_ipv4_of(const GwInstanceView *view)
{
    return g_strdup(view->card ? view->card->access_ipv4 : NULL);
}

static char *access_ipv6_of(const GwInstanceView *view)
{
    return g_strdup(view->card ? view->card->access_ipv6 : NULL);
}

static char *false_of(const GwInstanceView *view)
{
    return g_strdup("false");
}

static char *zero_of(const GwInstanceView *view)
{
    return g_strdup("0");
}

static char *progress_of(const GwInstanceView *view)
{
    return g_strdup_printf("%u", view->progress);
}

static char *created_of(const GwInstanceView *view)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(view->first_seen_us / G_USEC_PER_SEC);
    return g_date_time_format(time, "%F %T");
}

static char *nothing_of(const GwInstanceView *view)
{
    return NULL;
}

typedef struct {
    const char *param;
    GwQueryKind kind;
    guint since;
    Text text;
} Filter;

static const Filter filters[] = {
    {"name", GW_QUERY_REGEX, 0, name_of},
    {"display_name", GW_QUERY_REGEX, 0, name_of},
    {"hostname", GW_QUERY_REGEX, 0, name_of},
    {"uuid", GW_QUERY_TEXT, 0, uuid_of},
    {"host", GW_QUERY_TEXT, 0, host_of},
    {"node", GW_QUERY_REGEX, 0, host_of},
    {"status", GW_QUERY_TEXT, 0, status_of},
    {"vm_state", GW_QUERY_TEXT, 0, vm_state_of},
    {"task_state", GW_QUERY_TEXT, 0, task_state_of},
    {"power_state", GW_QUERY_TEXT, 0, power_of},
    {"flavor", GW_QUERY_TEXT, 0, flavor_of},
    {"user_id", GW_QUERY_TEXT, 0, user_of},
    {"project_id", GW_QUERY_TEXT, 0, owner_of},
    {"tenant_id", GW_QUERY_TEXT, 0, owner_of},
    {"availability_zone", GW_QUERY_TEXT, 0, zone_of},
    {"locked", GW_QUERY_BOOLEAN, 73, locked_of},
    {"config_drive", GW_QUERY_BOOLEAN, 0, false_of},
    {"progress", GW_QUERY_TEXT, 0, progress_of},
    {"launch_index", GW_QUERY_TEXT, 0, zero_of},
    {"created_at", GW_QUERY_REGEX, 0, created_of},
    {"launched_at", GW_QUERY_REGEX, 0, created_of},
    {"terminated_at", GW_QUERY_REGEX, 0, nothing_of},
    {"locked_by", GW_QUERY_TEXT, 0, locked_by_of},
    {"image", GW_QUERY_TEXT, 0, image_of},
    {"image_ref", GW_QUERY_TEXT, 0, nothing_of},
    {"ip", GW_QUERY_REGEX, 0, nothing_of},
    {"ip6", GW_QUERY_REGEX, 0, nothing_of},
    {"access_ip_v4", GW_QUERY_REGEX, 0, access_ipv4_of},
    {"access_ip_v6", GW_QUERY_REGEX, 0, access_ipv6_of},
    {"key_name", GW_QUERY_REGEX, 0, nothing_of},
    {"kernel_id", GW_QUERY_REGEX, 0, nothing_of},
    {"ramdisk_id", GW_QUERY_REGEX, 0, nothing_of},
    {"reservation_id", GW_QUERY_REGEX, 0, nothing_of},
    {"description", GW_QUERY_REGEX, 0, description_of},
    {"display_description", GW_QUERY_REGEX, 0, description_of},
};

/* Parameters that are no filters by text, or that Nova knows and that say nothing of an adopted instance. */
static const GwQueryRule others[] = {
    {"limit", GW_QUERY_NUMBER},          {"marker", GW_QUERY_TEXT},           {"sort_key", GW_QUERY_TEXT},
    {"sort_dir", GW_QUERY_TEXT},         {"all_tenants", GW_QUERY_BOOLEAN},   {"deleted", GW_QUERY_BOOLEAN},
    {"soft_deleted", GW_QUERY_BOOLEAN},  {"changes-since", GW_QUERY_TIME},    {"changes-before", GW_QUERY_TIME, 66},
    {"tags", GW_QUERY_TEXT, 26},         {"tags-any", GW_QUERY_TEXT, 26},
    {"not-tags", GW_QUERY_TEXT, 26},     {"not-tags-any", GW_QUERY_TEXT, 26}, {"root_device_name", GW_QUERY_TEXT},
    {"auto_disk_config", GW_QUERY_TEXT},
};

static gboolean check_params(GwRequest *request)
{
    GwQueryRule rules[G_N_ELEMENTS(filters) + G_N_ELEMENTS(others)];
    for (guint i = 0; i < G_N_ELEMENTS(filters); i++)
        rules[i] = (GwQueryRule){filters[i].param, filters[i].kind, filters[i].since};
    memcpy(rules + G_N_ELEMENTS(filters), others, sizeof others);
    return GW_QUERY_CHECK(request, rules, 75) && gw_query_check_period(request);
}

static gboolean fits(const Filter *filter, GRegex *regex, const char *value, const char *text)
{
    gboolean wanted, is;
    if (regex)
        return g_regex_match(regex, text, 0, NULL);
    if (filter->kind == GW_QUERY_REGEX)
        return strstr(text, value) != NULL;
    if (filter->kind == GW_QUERY_BOOLEAN && gw_parse_boolean(value, &wanted) && gw_parse_boolean(text, &is))
        return wanted == is;
    return g_ascii_strcasecmp(text, value) == 0;
}

/* A filter that the request has. */
typedef struct {
    const Filter *filter;
    GRegex *regex; /* or NULL */
} Wanted;

static void wanted_clear(gpointer data)
{
    g_clear_pointer(&((Wanted *)data)->regex, g_regex_unref);
}

/* Clients look servers up by plain names: among thousands a regular expression would cost many times as much. */
static gboolean is_plain(const char *value)
{
    return !value[strcspn(value, "\\^$.|?*+()[]{}")];
}

static GArray *read_wanted(GwRequest *request)
{
    GArray *list = g_array_new(FALSE, TRUE, sizeof(Wanted));
    g_array_set_clear_func(list, wanted_clear);
    for (guint i = 0; i < G_N_ELEMENTS(filters); i++) {
        const char *value = gw_query_text(request, filters[i].param);
        gboolean pattern = value && filters[i].kind == GW_QUERY_REGEX && !is_plain(value);
        Wanted wanted = {&filters[i], pattern ? gw_parse_regex(value, NULL) : NULL};
        if (value)
            g_array_append_val(list, wanted);
    }
    return list;
}

/* Of several values of one filter (status=ACTIVE&status=ERROR) one must fit. */
static gboolean one_fits(GwRequest *request, const Wanted *wanted, const char *text)
{
    for (guint i = 0; i < request->params->len; i++) {
        const GwParam *param = request->params->pdata[i];
        if (strcmp(param->name, wanted->filter->param) == 0 && fits(wanted->filter, wanted->regex, param->value, text))
            return TRUE;
    }
    return FALSE;
}

static gboolean all_fit(GwRequest *request, const GArray *wanted, const GwInstanceView *view)
{
    for (guint i = 0; i < wanted->len; i++) {
        const Wanted *one = &g_array_index(wanted, Wanted, i);
        g_autofree char *text = one->filter->text(view);
        if (!text || !one_fits(request, one, text))
            return FALSE;
    }
    return TRUE;
}

/* The only value of a parameter; NULL: there are none or several. */
static const char *only_value(GwRequest *request, const char *name)
{
    const char *value = NULL;
    for (guint i = 0; i < request->params->len; i++) {
        const GwParam *param = request->params->pdata[i];
        if (strcmp(param->name, name) != 0)
            continue;
        if (value)
            return NULL;
        value = param->value;
    }
    return value;
}

/* ---- tags: lists with commas between (Nova's spec "tag instances") */

static guint count_tags(const GwInstanceView *view, GStrv wanted)
{
    const GPtrArray *tags = gw_instance_view_tags(view);
    guint count = 0;
    for (guint i = 0; tags && wanted[i]; i++)
        count += g_ptr_array_find_with_equal_func((GPtrArray *)tags, wanted[i], g_str_equal, NULL) ? 1 : 0;
    return count;
}

static const char *const tag_filters[] = {"tags", "tags-any", "not-tags", "not-tags-any"};

typedef struct {
    char **wanted; /* NULL: the request does not ask */
    guint all;
    gboolean any, without;
} TagWish;

typedef struct {
    TagWish wishes[G_N_ELEMENTS(tag_filters)];
} Tags;

static void tags_clear(Tags *tags)
{
    for (guint i = 0; i < G_N_ELEMENTS(tag_filters); i++)
        g_strfreev(tags->wishes[i].wanted);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Tags, tags_clear)

static void read_tags(GwRequest *request, Tags *tags)
{
    for (guint i = 0; i < G_N_ELEMENTS(tag_filters); i++) {
        const char *param = tag_filters[i], *value = gw_query_text(request, param);
        char **wanted = value ? g_strsplit(value, ",", -1) : NULL;
        tags->wishes[i] = (TagWish){wanted, wanted ? g_strv_length(wanted) : 0, g_str_has_suffix(param, "-any"), g_str_has_prefix(param, "not-")};
    }
}

static gboolean tags_fit(const Tags *tags, const GwInstanceView *view)
{
    for (guint i = 0; i < G_N_ELEMENTS(tag_filters); i++) {
        const TagWish *wish = &tags->wishes[i];
        guint count = wish->wanted ? count_tags(view, wish->wanted) : 0;
        gboolean has = wish->any ? count > 0 : count == wish->all;
        if (wish->wanted && has == wish->without)
            return FALSE;
    }
    return TRUE;
}

/* Until 2.37 an unknown status finds nothing, later it is refused (2.38 of the API history). */
static gboolean check_status(GwRequest *request)
{
    const char *status = gw_query_text(request, "status");
    if (!status || request->minor < 38 || gw_server_status_is_known(status))
        return TRUE;
    g_autofree char *words = gw_server_status_words();
    gw_reply_fault(request, 400, "Invalid status value: status is '%s', and must be one of %s", status, words);
    return FALSE;
}

/* ---- pages */

/* The marker need not fit the filters (any more): a client that pages through the active servers goes on where it was
 * although the last of its page is migrating by now. *ret: a reference; NULL when none was given. */
static gboolean find_marker(GwRequest *request, GwInstanceView **ret)
{
    const char *uuid = gw_query_text(request, "marker");
    *ret = uuid ? gw_engine_instance(request->engine, uuid) : NULL;
    if (!uuid || *ret)
        return TRUE;
    gw_reply_fault(request, 400, "marker [%s] not found", uuid);
    return FALSE;
}

/* ---- all together */

typedef struct {
    GwRequest *request;
    GArray *wanted; /* of Wanted */
    Tags tags;
    gint64 since_us, before_us; /* before_us 0: until now */
} Choice;

static gboolean is_chosen(const Choice *choice, const GwInstanceView *view)
{
    return view->changed_us >= choice->since_us && (!choice->before_us || view->changed_us <= choice->before_us) &&
           all_fit(choice->request, choice->wanted, view) && tags_fit(&choice->tags, view);
}

/* Those of one host are found without looking at the others. Whoever writes its name in other letters finds them by looking. FALSE: it is
 * not asked for, or has none. */
static gboolean choose_of_host(const Choice *choice, const GwInstanceView *after, GPtrArray *chosen)
{
    const char *host = only_value(choice->request, "host");
    g_autoptr(GPtrArray) views = host ? gw_engine_instances_of(choice->request->engine, host) : NULL;
    for (guint i = 0; views && i < views->len; i++)
        if ((!after || gw_view_order(after, views->pdata[i]) < 0) && is_chosen(choice, views->pdata[i]))
            g_ptr_array_add(chosen, gw_instance_view_ref(views->pdata[i]));
    return views && views->len;
}

static void choose(const Choice *choice, const GwViewList *all, const GwInstanceView *after, guint limit, GPtrArray *chosen)
{
    const char *name = only_value(choice->request, "name");
    GwViewIter iter;
    gw_view_iter_init(&iter, all, after, name && is_plain(name) ? name : NULL);
    for (GwInstanceView *view; chosen->len < limit && (view = gw_view_iter_next(&iter));)
        if (is_chosen(choice, view))
            g_ptr_array_add(chosen, gw_instance_view_ref(view));
}

GPtrArray *gw_server_query_page(GwRequest *request, const GwViewList *all)
{
    GwServerOrder order;
    g_autoptr(GwInstanceView) marker = NULL;
    if (!check_params(request) || !check_status(request) || !gw_server_order_read(request, &order) || !find_marker(request, &marker))
        return NULL;
    g_autoptr(GArray) wanted = read_wanted(request);
    g_auto(Tags) tags = {0};
    read_tags(request, &tags);
    Choice choice = {request, wanted, tags, gw_query_time(request, "changes-since"), gw_query_time(request, "changes-before")};
    GPtrArray *chosen = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref);
    guint limit = gw_query_limit(request);
    const GwInstanceView *after = order.compare ? NULL : marker;
    gboolean none = gw_query_is_true(request, "deleted") || gw_query_is_true(request, "soft_deleted"); /* no deleted server is remembered */
    if (!none && !choose_of_host(&choice, after, chosen))
        choose(&choice, all, after, order.compare ? G_MAXUINT : limit, chosen);
    gw_server_order_apply(&order, marker, chosen);
    if (chosen->len > limit)
        g_ptr_array_set_size(chosen, (gint)limit);
    return chosen;
}
