/* Addresses of hosts, as they are shown. */
#ifndef GW_BASE_URI_H
#define GW_BASE_URI_H

#include <glib.h>

/* Of each list of fingerprints only the first digits, so that an address fits into a line: "xapi://root@MASTER/HostA?fingerprint=5337BC98…".
 * Owned by the caller; NULL gives NULL. */
char *gw_uri_short(const char *uri);

#endif
