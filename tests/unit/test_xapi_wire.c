/* XAPI's wire forms: what odd servers say is read, and what is no answer is known to be none. */
#include "drivers/xapi/wire.h"

#include <string.h>

static json_t *json(const char *text, GError **error)
{
    return gw_xapi_json_response(text, strlen(text), error);
}

static json_t *xml(const char *value, GError **error)
{
    g_autofree char *text = g_strdup_printf("<?xml version='1.0'?><methodResponse><params><param><value><struct>%s</struct></value>"
                                            "</param></params></methodResponse>", value);
    return gw_xapi_xml_response(text, strlen(text), error);
}

static void test_numbers(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) result = json("{\"result\":{\"nan\":NaN,\"inf\":-Infinity,\"word\":\"+Infinity NaN 12\",\"far\":1e999,"
                                    "\"most\":9223372036854775807,\"huge\":92233720368547758079,\"some\":-1.5e3}}", &error);
    g_assert_no_error(error);
    g_assert_true(json_is_null(json_object_get(result, "nan")));
    g_assert_true(json_is_null(json_object_get(result, "inf")));
    g_assert_true(json_is_null(json_object_get(result, "far")));
    g_assert_cmpstr(json_string_value(json_object_get(result, "word")), ==, "+Infinity NaN 12");
    g_assert_cmpint(json_integer_value(json_object_get(result, "most")), ==, G_MAXINT64);
    g_assert_cmpstr(json_string_value(json_object_get(result, "huge")), ==, "92233720368547758079");
    g_assert_cmpfloat(json_real_value(json_object_get(result, "some")), ==, -1500.0);
}

static void test_failures(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"{\"error\":{\"code\":1,\"message\":\"HANDLE_INVALID\",\"data\":[\"VM\",\"OpaqueRef:1\"]}}", "HANDLE_INVALID: VM, OpaqueRef:1"},
        {"{\"result\":\"\",\"id\":0,\"error\":[\"HOST_IS_SLAVE\",\"10.0.0.1\"]}", "HOST_IS_SLAVE: 10.0.0.1"},
        {"{\"error\":{\"message\":\"HANDLE_INVALID\",\"data\":\"OpaqueRef:1\"}}", "HANDLE_INVALID: OpaqueRef:1"},
        {"{\"result\":{},\"error\":{\"code\":\"abcd\",\"message\":123456,\"data\":2.0}}", "UNKNOWN"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(json(rows[i].text, &error));
        g_assert_true(error->domain == GW_XAPI_FAULT);
        g_assert_cmpstr(error->message, ==, rows[i].message);
    }
    g_autoptr(GError) slave = NULL;
    g_assert_null(json(rows[1].text, &slave));
    g_assert_true(gw_xapi_is_fault(slave, "HOST_IS_SLAVE"));
    g_assert_false(gw_xapi_is_fault(slave, "HOST_IS"));
    g_autofree char *detail = gw_xapi_fault_detail(slave);
    g_assert_cmpstr(detail, ==, "10.0.0.1");
}

/* Whether the call had its effect is not known then. */
static void test_no_answers(void)
{
    static const char *const texts[] = {"", "<html>500</html>", "{\"jsonrpc\":\"2.0\",\"result\":[1,", "[]", "{\"id\":1}", "\xff\xfe"};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GError) other = NULL;
        g_assert_null(json(texts[i], &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_LOST);
        g_assert_null(gw_xapi_xml_response(texts[i], strlen(texts[i]), &other));
        g_assert_error(other, GW_ERROR, GW_ERROR_LOST);
    }
}

static void test_xml(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) result = xml("<member><name>Status</name><value>Success</value></member><member><name>Value</name><value><struct>"
                                   "<member><name>n</name><value>42</value></member><member><name>b</name><value><boolean>1</boolean>"
                                   "</value></member><member><name>l</name><value><array><data><value>a &amp; b</value></data></array>"
                                   "</value></member></struct></value></member>", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(json_string_value(json_object_get(result, "n")), ==, "42");
    g_assert_true(json_is_true(json_object_get(result, "b")));
    g_assert_cmpstr(json_string_value(json_array_get(json_object_get(result, "l"), 0)), ==, "a & b");
    g_assert_null(xml("<member><name>Status</name><value>Failure</value></member><member><name>ErrorDescription</name><value><array><data>"
                      "<value>SESSION_INVALID</value><value>OpaqueRef:1</value></data></array></value></member>", &error));
    g_assert_true(gw_xapi_is_fault(error, "SESSION_INVALID"));
}

static void test_requests(void)
{
    g_autoptr(json_t) params = json_pack("[s,b,f,{s:s},[s]]", "a<b", TRUE, 5.0, "k", "v", "x");
    g_autofree char *text = gw_xapi_xml_request("VM.start", params);
    g_assert_nonnull(strstr(text, "<string>a&lt;b</string>"));
    g_assert_nonnull(strstr(text, "<boolean>1</boolean>"));
    g_assert_nonnull(strstr(text, "<double>5</double>"));
    char *request = gw_xapi_json_request("VM.start", params);
    g_autoptr(json_t) again = json_loads(request, 0, NULL);
    g_assert_true(json_equal(json_object_get(again, "params"), params));
    free(request);
}

static void test_task_results(void)
{
    g_autofree char *wrapped = gw_xapi_task_result("<value>OpaqueRef:1</value>");
    g_autofree char *bare = gw_xapi_task_result("OpaqueRef:2");
    g_autofree char *none = gw_xapi_task_result("");
    g_assert_cmpstr(wrapped, ==, "OpaqueRef:1");
    g_assert_cmpstr(bare, ==, "OpaqueRef:2");
    g_assert_cmpstr(none, ==, "");
}

/* 16 MB, as a large pool's get_all_records may give. */
static void test_large(void)
{
    g_autoptr(GString) text = g_string_new("{\"result\":{");
    for (guint i = 0; text->len < 16 << 20; i++)
        g_string_append_printf(text, "%s\"OpaqueRef:%u\":{\"name_label\":\"vm \\\"%u\\\" -12\",\"memory\":%u,\"load\":NaN}", i ? "," : "", i, i, i);
    g_string_append(text, "}}");
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) result = gw_xapi_json_response(text->str, text->len, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(result, "OpaqueRef:7"), "name_label")), ==, "vm \"7\" -12");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xapi/wire/numbers", test_numbers);
    g_test_add_func("/xapi/wire/failures", test_failures);
    g_test_add_func("/xapi/wire/no-answers", test_no_answers);
    g_test_add_func("/xapi/wire/xml", test_xml);
    g_test_add_func("/xapi/wire/requests", test_requests);
    g_test_add_func("/xapi/wire/task-results", test_task_results);
    g_test_add_func("/xapi/wire/large", test_large);
    return g_test_run();
}
