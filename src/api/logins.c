#include "api/logins.h"

#include "api/auth.h"
#include "api/parking.h"
#include "base/log.h"

#include <string.h>
#include <sys/resource.h>

enum {
    MOST_FAILURES = 5,  /* of one user from one address, or ten times as many of one address, */
    FAILURES_S = 60,    /* within this time; then neither is heard for the rest of it */
    MOST_FAILING = 10000,
    THREADS = 2,        /* that hash, */
    NICENESS = 10,      /* behind those that serve */
    MOST_WAITING = 128, /* for them; */
    MOST_WAITING_OF_ONE = 32, /* from one address */
};

typedef struct {
    guint count;
    gint64 since_us;
} Failures;

struct GwLogins {
    GwUsers *users;
    GThreadPool *pool;
    GMutex lock;         /* of all below */
    GHashTable *failing; /* "address", "address user" → Failures * */
    GHashTable *waiting; /* address → how many of it */
    guint all_waiting;
};

typedef enum { LOGGED_IN, WRONG, TOO_MANY } Outcome;

/* One attempt: first the question, then the answer to it. */
typedef struct {
    GwDeferred *deferred;
    char *name, *password, *address, *pair; /* pair: "address user" */
    Outcome outcome;
    guint locked_s; /* TOO_MANY: for how long */
    GwUser *user;
    GwLoggedIn then;
} Attempt;

static void attempt_free(gpointer data)
{
    Attempt *attempt = data;
    explicit_bzero(attempt->password, strlen(attempt->password));
    g_free(attempt->password);
    g_free(attempt->name);
    g_free(attempt->address);
    g_free(attempt->pair);
    gw_user_free(attempt->user);
    g_free(attempt);
}

/* ---- failed attempts. All [locked] */

static guint failures_of(GwLogins *logins, const char *key)
{
    const Failures *failures = g_hash_table_lookup(logins->failing, key);
    gboolean fresh = failures && g_get_monotonic_time() - failures->since_us < FAILURES_S * G_USEC_PER_SEC;
    return fresh ? failures->count : 0;
}

static void count_failure(GwLogins *logins, const char *key)
{
    if (failures_of(logins, key) == 0) {
        if (g_hash_table_size(logins->failing) >= MOST_FAILING)
            g_hash_table_remove_all(logins->failing);
        Failures *failures = g_new0(Failures, 1);
        failures->since_us = g_get_monotonic_time();
        g_hash_table_replace(logins->failing, g_strdup(key), failures);
    }
    ((Failures *)g_hash_table_lookup(logins->failing, key))->count++;
}

static guint seconds_left(GwLogins *logins, const char *key)
{
    const Failures *failures = g_hash_table_lookup(logins->failing, key);
    gint64 left_us = failures ? failures->since_us + FAILURES_S * G_USEC_PER_SEC - g_get_monotonic_time() : 0;
    return left_us > 0 ? (guint)((left_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC) : 1;
}

/* For how many seconds nothing more is heard of them; 0: they are heard. */
static guint locked_for(GwLogins *logins, const char *address, const char *pair)
{
    guint of_pair = failures_of(logins, pair) >= MOST_FAILURES ? seconds_left(logins, pair) : 0;
    guint of_address = failures_of(logins, address) >= 10 * MOST_FAILURES ? seconds_left(logins, address) : 0;
    return MAX(of_pair, of_address);
}

/* ---- those that wait. All [locked] */

static gboolean enter(GwLogins *logins, const char *address)
{
    guint of_it = GPOINTER_TO_UINT(g_hash_table_lookup(logins->waiting, address));
    if (logins->all_waiting >= MOST_WAITING || of_it >= MOST_WAITING_OF_ONE)
        return FALSE;
    logins->all_waiting++;
    g_hash_table_replace(logins->waiting, g_strdup(address), GUINT_TO_POINTER(of_it + 1));
    return TRUE;
}

static void leave(GwLogins *logins, const char *address)
{
    guint of_it = GPOINTER_TO_UINT(g_hash_table_lookup(logins->waiting, address));
    logins->all_waiting--;
    if (of_it > 1)
        g_hash_table_replace(logins->waiting, g_strdup(address), GUINT_TO_POINTER(of_it - 1));
    else
        g_hash_table_remove(logins->waiting, address);
}

/* ---- answers */

static void too_many(GwRequest *request, guint seconds, const char *why)
{
    g_autofree char *wait = g_strdup_printf("%u", seconds);
    gw_reply_header(request, "Retry-After", wait);
    gw_reply_fault(request, 429, "%s Try again in %u s.", why, seconds);
}

static void too_many_failed(GwRequest *request, guint seconds)
{
    too_many(request, seconds, "Too many failed attempts to log in: until then the right password is refused, too.");
}

static void too_many_waiting(GwRequest *request)
{
    too_many(request, 1, "Too many are logging in.");
}

static void deliver(GwRequest *request, gpointer data)
{
    const Attempt *attempt = data;
    switch (attempt->outcome) {
    case LOGGED_IN:
        attempt->then(request, attempt->user);
        return;
    case WRONG:
        gw_reply_wrong_password(request);
        return;
    case TOO_MANY:
        too_many_failed(request, attempt->locked_s);
        return;
    }
}

/* ---- hashing */

/* What failed while it waited counts: a burst of guesses is heard no longer than one after the other. */
static Outcome judge(GwLogins *logins, Attempt *attempt)
{
    g_mutex_lock(&logins->lock);
    attempt->locked_s = locked_for(logins, attempt->address, attempt->pair);
    g_mutex_unlock(&logins->lock);
    if (attempt->locked_s)
        return TOO_MANY;
    attempt->user = gw_users_verify(logins->users, attempt->name, attempt->password);
    g_mutex_lock(&logins->lock);
    if (attempt->user) {
        g_hash_table_remove(logins->failing, attempt->pair);
    } else {
        count_failure(logins, attempt->pair);
        count_failure(logins, attempt->address);
        gboolean just_now = failures_of(logins, attempt->pair) == MOST_FAILURES || failures_of(logins, attempt->address) == 10 * MOST_FAILURES;
        attempt->locked_s = just_now ? locked_for(logins, attempt->address, attempt->pair) : 0; /* to be logged, once */
    }
    g_mutex_unlock(&logins->lock);
    return attempt->user ? LOGGED_IN : WRONG;
}

static void work(gpointer data, gpointer user_data)
{
    GwLogins *logins = user_data;
    Attempt *attempt = data;
    setpriority(PRIO_PROCESS, 0, NICENESS); /* on Linux, of this thread alone; the pool's threads do nothing else */
    attempt->outcome = judge(logins, attempt);
    if (attempt->outcome == WRONG) {
        g_autofree char *shown = g_strescape(attempt->name, NULL);
        gw_info("a log-in as '%.80s' from %s failed", shown, attempt->address);
        if (attempt->locked_s)
            gw_warning("too many failed log-ins as '%.80s' from %s: neither is heard for %u s", shown, attempt->address, attempt->locked_s);
    }
    g_mutex_lock(&logins->lock);
    leave(logins, attempt->address);
    g_mutex_unlock(&logins->lock);
    gw_deferred_continue(g_steal_pointer(&attempt->deferred), deliver, attempt, attempt_free);
}

void gw_logins_try(GwLogins *logins, GwRequest *request, const char *name, const char *password, GwLoggedIn then)
{
    g_autofree char *pair = g_strdup_printf("%s %s", request->address, name);
    g_mutex_lock(&logins->lock);
    guint locked_s = locked_for(logins, request->address, pair);
    gboolean entered = !locked_s && enter(logins, request->address);
    g_mutex_unlock(&logins->lock);
    if (locked_s) {
        too_many_failed(request, locked_s);
        return;
    }
    if (!entered) {
        too_many_waiting(request);
        return;
    }
    Attempt *attempt = g_new0(Attempt, 1);
    attempt->name = g_strdup(name);
    attempt->password = g_strdup(password);
    attempt->address = g_strdup(request->address);
    attempt->pair = g_steal_pointer(&pair);
    attempt->then = then;
    attempt->deferred = gw_request_defer(request, NULL, too_many_waiting);
    g_thread_pool_push(logins->pool, attempt, NULL);
}

GwLogins *gw_logins_new(GwUsers *users)
{
    GwLogins *logins = g_new0(GwLogins, 1);
    g_mutex_init(&logins->lock);
    logins->users = users;
    logins->failing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    logins->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    logins->pool = g_thread_pool_new(work, logins, THREADS, TRUE, NULL);
    return logins;
}

void gw_logins_free(GwLogins *logins)
{
    if (!logins)
        return;
    g_thread_pool_free(logins->pool, FALSE, TRUE);
    g_hash_table_unref(logins->failing);
    g_hash_table_unref(logins->waiting);
    g_mutex_clear(&logins->lock);
    g_free(logins);
}
