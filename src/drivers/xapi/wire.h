/* XAPI's two wire forms, as pure functions from text to values. What a server sends is never trusted to have its form.
 *
 * A failure that the server reports is a GError of the domain GW_XAPI_FAULT with the message "CODE" or "CODE: parameter, parameter";
 * a text that is no answer is GW_ERROR_LOST, since the call may have had its effect. Sources: xapi's wire-protocol.md. */
#ifndef GW_XAPI_WIRE_H
#define GW_XAPI_WIRE_H

#include "base/json.h"

#define GW_XAPI_FAULT (gw_xapi_fault_quark())
GQuark gw_xapi_fault_quark(void);
gboolean gw_xapi_is_fault(const GError *error, const char *code);
/* The first parameter, or "". Owned by the caller. */
char *gw_xapi_fault_detail(const GError *error);
void gw_xapi_fault_set(GError **error, const char *code, const json_t *params);

/* Owned by the caller. params: a list, borrowed. */
char *gw_xapi_json_request(const char *method, json_t *params);
char *gw_xapi_xml_request(const char *method, json_t *params);

/* The result, owned by the caller. NaN and infinities become null, integers beyond 64 bits strings of their digits. */
json_t *gw_xapi_json_response(const char *text, gsize size, GError **error);
json_t *gw_xapi_xml_response(const char *text, gsize size, GError **error);
/* A task's result is XML whatever the wire: "<value>OpaqueRef:…</value>" or bare text. Its text, owned by the caller. */
char *gw_xapi_task_result(const char *text);

#endif
