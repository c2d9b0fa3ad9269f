/* The causes of failure that a caller of Godwit can act on. One GError domain; the message is for people and names
 * the field, host or file, the value found, and the remedy. Each error is reported once, by whoever decides. */
#ifndef GW_BASE_ERROR_H
#define GW_BASE_ERROR_H

#include <glib.h>

#define GW_ERROR (gw_error_quark())
GQuark gw_error_quark(void);

typedef enum {
    GW_ERROR_INVALID,     /* the caller's input is wrong: fix it and ask again (HTTP 400) */
    GW_ERROR_NOT_FOUND,   /* no such server, host, migration (404) */
    GW_ERROR_CONFLICT,    /* exists, but its state forbids it now (409) */
    GW_ERROR_REFUSED,     /* the checks refuse; the message lists every reason (400) */
    GW_ERROR_UNSUPPORTED, /* this hypervisor or driver cannot do that (501, or 400 for one instance) */
    GW_ERROR_UNREACHABLE, /* the host did not answer; nothing was done (503) */
    GW_ERROR_DENIED,      /* the host refused our credentials; nothing was done */
    GW_ERROR_FAILED,      /* the call failed and is known to have had no effect */
    GW_ERROR_LOST,        /* nobody knows whether the call had its effect: ask the hosts before anything else */
    GW_ERROR_ABORTED,     /* ended because someone asked for it; no effect remains */
    GW_ERROR_STORE,       /* the store failed; the intent was not recorded */
    GW_ERROR_STALE,       /* compare-and-set lost: someone else changed the row first; read it again */
    GW_ERROR_INTERNAL,    /* a defect of Godwit */
} GwErrorCode;

/* Puts "format: " in front of *error's message, keeping domain and code. error may be NULL or hold NULL. */
void gw_error_prefix(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
