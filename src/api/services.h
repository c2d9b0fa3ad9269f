/* What the two files of os-services share. */
#ifndef GW_API_SERVICES_H
#define GW_API_SERVICES_H

#include "api/view.h"

extern const char gw_service_binary[]; /* every host is this one service */
/* The whole service of that host; 404 when it has gone. */
void gw_service_reply(GwRequest *request, const char *host);

#endif
