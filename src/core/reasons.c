#include "core/reasons.h"

typedef struct {
    GString *hosts; /* or NULL */
    char *text;
} Reason;

static void reason_free(gpointer data)
{
    Reason *reason = data;
    if (reason->hosts)
        g_string_free(reason->hosts, TRUE);
    g_free(reason->text);
    g_free(reason);
}

GPtrArray *gw_reasons_new(void)
{
    return g_ptr_array_new_with_free_func(reason_free);
}

static Reason *find(const GPtrArray *reasons, const char *text)
{
    for (guint i = 0; i < reasons->len; i++) {
        Reason *reason = reasons->pdata[i];
        if (reason->hosts && g_str_equal(reason->text, text))
            return reason;
    }
    return NULL;
}

void gw_reasons_add(GPtrArray *reasons, const char *host, char *text)
{
    Reason *same = host ? find(reasons, text) : NULL;
    if (same) {
        g_string_append_printf(same->hosts, ", %s", host);
        g_free(text);
        return;
    }
    Reason *reason = g_new0(Reason, 1);
    reason->hosts = host ? g_string_new(host) : NULL;
    reason->text = text;
    g_ptr_array_add(reasons, reason);
}

char *gw_reasons_to_text(const GPtrArray *reasons)
{
    GString *all = g_string_new(NULL);
    for (guint i = 0; i < reasons->len; i++) {
        const Reason *reason = reasons->pdata[i];
        g_string_append_printf(all, "%s%s%s%s", i ? " | " : "", reason->hosts ? reason->hosts->str : "", reason->hosts ? ": " : "",
                               reason->text);
    }
    return g_string_free(all, FALSE);
}
