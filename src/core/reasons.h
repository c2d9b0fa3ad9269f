/* Why hosts were passed over. Pure. */
#ifndef GW_CORE_REASONS_H
#define GW_CORE_REASONS_H

#include <glib.h>

GPtrArray *gw_reasons_new(void);
/* host NULL: the text names it. text is taken. */
void gw_reasons_add(GPtrArray *reasons, const char *host, char *text);
/* "HostA, HostB: it runs another hypervisor | HostC is disabled": what is the same of several hosts is said once. Owned by the caller. */
char *gw_reasons_to_text(const GPtrArray *reasons);

#endif
