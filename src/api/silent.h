/* Requests about hosts that do not answer: those are asked once more, before anybody is refused for their silence. */
#ifndef GW_API_SILENT_H
#define GW_API_SILENT_H

#include "api/request.h"

/* TRUE: a host that the request concerns is being asked; the request is parked until that has ended, for GW_ASK_ANEW_MS at most, and its
 * handler is called then. FALSE: it may be called now. */
gboolean gw_silent_ask(GwRequest *request);

#endif
