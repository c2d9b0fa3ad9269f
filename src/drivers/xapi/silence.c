/* Who answers. A machine that hangs takes connections and says nothing, so that every call costs its whole deadline: the first one that
 * meets this notes it, and until the thread of events has found a master again (gw_xapi_pool_seek) all others fail at once.
 *
 * One late answer is no silence: the thread of events is answered several times in a deadline, and whatever has answered since a call began
 * only takes long over that call. */
#include "drivers/xapi/pool.h"

#include <string.h>

typedef struct {
    char *name;       /* label, once it is known; or NULL */
    gint64 heard_us;  /* monotonic: when it last answered; 0: never */
    gint64 silent_us; /* monotonic: since when it does not; 0: it does */
} Contact;

static void contact_free(gpointer data)
{
    Contact *contact = data;
    g_free(contact->name);
    g_free(contact);
}

GHashTable *gw_xapi_contacts_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, contact_free);
}

/* [pool->lock] */
static Contact *contact_of(GwXapiPool *pool, const char *address)
{
    Contact *contact = g_hash_table_lookup(pool->contacts, address);
    if (!contact) {
        contact = g_new0(Contact, 1);
        g_hash_table_insert(pool->contacts, g_strdup(address), contact);
    }
    return contact;
}

void gw_xapi_contact_name(GwXapiPool *pool, const char *address, const char *name)
{
    Contact *contact = contact_of(pool, address);
    g_free(contact->name);
    contact->name = g_strdup(name);
}

void gw_xapi_contact_heard(GwXapiPool *pool, const char *address)
{
    g_mutex_lock(&pool->lock);
    Contact *contact = contact_of(pool, address);
    contact->heard_us = g_get_monotonic_time();
    contact->silent_us = 0;
    g_mutex_unlock(&pool->lock);
}

static const char *remedy_of(GwHttpFailure failure)
{
    switch (failure) {
    case GW_HTTP_UNRESOLVED:
        return "write an address that this machine resolves";
    case GW_HTTP_UNCONNECTED:
        return "no toolstack answers there: see that the address and the port are right and that this machine has a way there, or restart the "
               "toolstack (xe-toolstack-restart there)";
    case GW_HTTP_UNTRUSTED:
        return "write into the address which certificate is trusted: ?fingerprint=SHA256, which `openssl x509 -noout -fingerprint -sha256 -in "
               "/etc/xensource/xapi-ssl.pem` tells on the host itself, or ?cacert=FILE, the CA that has signed it";
    case GW_HTTP_FAILED_OTHERWISE:
        break;
    }
    return NULL;
}

void gw_xapi_contact_explain(const GwHttp *http, GError **failure)
{
    const char *what = failure && *failure ? remedy_of(gw_http_failure(http)) : NULL;
    if (!what)
        return;
    g_autoptr(GError) old = g_steal_pointer(failure);
    g_set_error(failure, old->domain, old->code, "%s: %s", old->message, what);
}

gboolean gw_xapi_contact_is_silent(GwXapiPool *pool, const char *address)
{
    g_mutex_lock(&pool->lock);
    const Contact *contact = g_hash_table_lookup(pool->contacts, address);
    gboolean silent = contact && contact->silent_us;
    g_mutex_unlock(&pool->lock);
    return silent;
}

char *gw_xapi_pool_master_title(GwXapiPool *pool)
{
    g_mutex_lock(&pool->lock);
    const char *name = contact_of(pool, pool->master)->name;
    gboolean alone = pool->members->len < 2 && !pool->address.host;
    char *title = alone ? NULL : name ? g_strdup_printf("%s (%s)", name, pool->master) : g_strdup(pool->master);
    g_mutex_unlock(&pool->lock);
    return title;
}

/* What to do about it is known of a master only: members are asked in passing. */
static const char *remedy(gboolean is_master, gboolean alone)
{
    if (!is_master)
        return "look at that machine, or restart its toolstack (xe-toolstack-restart there)";
    if (alone)
        return "nothing is known of its instances until it does: look at that machine, or restart its toolstack (xe-toolstack-restart there)";
    return "nothing is known of its pool until it does: look at that machine, or restart its toolstack (xe-toolstack-restart there); if it "
           "is lost, make another member the master (xe pool-emergency-transition-to-master there, then xe pool-recover-slaves)";
}

void gw_xapi_silence_set(GwXapiPool *pool, const char *address, GwErrorCode code, GError **error)
{
    g_mutex_lock(&pool->lock);
    const Contact *contact = contact_of(pool, address);
    g_autofree char *name = g_strdup(contact->name);
    gint64 now_us = g_get_monotonic_time(), since_us = contact->silent_us ? contact->silent_us : now_us;
    gboolean alone = pool->members->len < 2, is_master = strcmp(pool->master, address) == 0;
    g_mutex_unlock(&pool->lock);
    g_set_error(error, GW_ERROR, (gint)code, "%s%s%s%s%s has not answered for %" G_GINT64_FORMAT " s; %s", name ? name : "", name ? " (" : "",
                address, name ? ")" : "", is_master ? ", the master of its pool," : "", (now_us - since_us) / G_USEC_PER_SEC,
                remedy(is_master, alone));
}

/* begun_us: of the call that got no answer. */
void gw_xapi_contact_missed(GwXapiPool *pool, const char *address, gint64 begun_us, GError **failure)
{
    gint64 now_us = g_get_monotonic_time();
    gboolean waited = now_us - begun_us >= (gint64)pool->timeout_ms * 1000;
    gboolean unheard = failure && (g_error_matches(*failure, GW_ERROR, GW_ERROR_LOST) || g_error_matches(*failure, GW_ERROR, GW_ERROR_UNREACHABLE));
    if (!waited || !unheard)
        return;
    g_mutex_lock(&pool->lock);
    Contact *contact = contact_of(pool, address);
    gboolean silent = contact->heard_us < begun_us;
    if (silent && !contact->silent_us)
        contact->silent_us = begun_us;
    g_mutex_unlock(&pool->lock);
    if (!silent)
        return;
    GwErrorCode code = (GwErrorCode)(*failure)->code;
    g_clear_error(failure);
    gw_xapi_silence_set(pool, address, code, failure);
}
