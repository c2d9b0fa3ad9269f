/* The Authorization header of HTTP basic (RFC 7617). */
#ifndef GW_API_BASIC_H
#define GW_API_BASIC_H

#include <glib.h>

/* FALSE: it is none, or holds what can be nobody's (not UTF-8, NUL). Both are owned by the caller. */
gboolean gw_basic_split(const char *header, char **ret_user, char **ret_password);

#endif
