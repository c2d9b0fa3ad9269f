/* Actions of servers that are not in actions.c. body: the value of the action's one key. */
#ifndef GW_API_SERVER_ACTIONS_H
#define GW_API_SERVER_ACTIONS_H

#include "api/request.h"

void gw_server_lock(GwRequest *request, GwMoveRequest *move, json_t *body);
void gw_server_unlock(GwRequest *request, GwMoveRequest *move, json_t *body);
void gw_server_reset_state(GwRequest *request, GwMoveRequest *move, json_t *body);

/* Answers an action that Nova has and Godwit does not offer, in Nova's words where it has some; FALSE: Nova has no such action. */
gboolean gw_server_not_offered(GwRequest *request, const char *action);

#endif
