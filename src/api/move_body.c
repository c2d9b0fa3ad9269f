/* What a request may say of how its own live move is made: a policy, and options of godwit.conf. */
#include "api/body.h"
#include "api/repr.h"

#include "core/overrides.h"

gboolean gw_body_policy(GwRequest *request, const char *what, json_t *body, const GwPolicy **ret_policy)
{
    const char *name = gw_body_text(body, "policy");
    *ret_policy = name ? gw_policy_find(name) : NULL;
    if (!name || *ret_policy)
        return TRUE;
    g_autoptr(GString) known = g_string_new(NULL);
    for (const GwPolicy *policy = gw_policies; policy->name; policy++)
        g_string_append_printf(known, "%s%s", known->len ? ", " : "", policy->name);
    gw_reply_fault(request, 400, "Invalid input for field/attribute policy of %s. Value: %s. It must be one of %s.", what, name, known->str);
    return FALSE;
}

/* "5", 5 and true are the words that godwit.conf would have; of anything else "", which suits no option. Owned. */
static char *word_of(json_t *value)
{
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "true" : "false");
    const char *text = json_string_value(value);
    return g_strdup(text ? text : "");
}

static gboolean refuse_option(GwRequest *request, const char *what, const char *name, json_t *value, const char *form)
{
    g_autofree char *shown = gw_json_str(value);
    g_autofree char *known = form ? NULL : gw_override_names();
    gw_reply_fault(request, 400, "Invalid input for field/attribute options.%s of %s. Value: %s. %s %s.", name, what, shown,
                   form ? "It must be" : "There is no such option; one live migration may have", form ? form : known);
    return FALSE;
}

gboolean gw_body_options(GwRequest *request, const char *what, json_t *body, char **ret_options)
{
    g_autoptr(GString) own = g_string_new(NULL);
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(body, "options"), name, value) {
        g_autofree char *word = word_of(value);
        const char *form = gw_override_objection(name, word);
        if (form || !gw_override_is_known(name))
            return refuse_option(request, what, name, value, form);
        gw_overrides_add(own, name, word);
    }
    *ret_options = own->len ? g_strdup(own->str) : NULL;
    return TRUE;
}
