/* What a XenServer host may answer: the first letter says in which form. Whatever comes, there is a result or an error, and a result can be
 * written again. */
#include "drivers/xapi/wire.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    g_autoptr(json_t) result = data[0] == 'X' ? gw_xapi_xml_response(text, size - 1, &error) : gw_xapi_json_response(text, size - 1, &error);
    if ((result != NULL) == (error != NULL))
        __builtin_trap();
    if (error && !g_utf8_validate(error->message, -1, NULL))
        __builtin_trap();
    if (error) {
        g_free(gw_xapi_fault_detail(error));
        return 0;
    }
    g_autoptr(json_t) params = json_array();
    json_array_append(params, result);
    char *request = gw_xapi_json_request("VM.get_record", params);
    g_free(gw_xapi_xml_request("VM.get_record", params));
    free(request);
    g_autofree char *copy = g_strndup(text, size - 1);
    g_free(gw_xapi_task_result(copy));
    return 0;
}
