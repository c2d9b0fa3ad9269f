/* The test vectors of XAPI's own SDK, through the driver's reading and writing of both wire forms. Skipped where they are not at hand
 * (GODWIT_XAPI_VECTORS names their folder). */
#include "drivers/xapi/wire.h"

#include <string.h>

/* A file holds {name: {method: […], params: {method: […]}, expected_result: {method: answer}}}, with bare NaN and Infinity. */
static json_t *read_vector(const char *file)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_get_contents(file, &text, NULL, &error));
    g_autofree char *answer = g_strdup_printf("{\"result\":%s}", text);
    g_autoptr(json_t) whole = gw_xapi_json_response(answer, strlen(answer), &error);
    g_assert_no_error(error);
    return json_incref(json_object_iter_value(json_object_iter(whole)));
}

/* As XML-RPC has it: numbers are text, and what JSON does not know is gone. */
static json_t *as_text(json_t *value)
{
    if (json_is_object(value)) {
        json_t *object = json_object();
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
            json_object_set_new(object, key, as_text(member));
        return object;
    }
    if (json_is_array(value)) {
        json_t *array = json_array();
        for (gsize i = 0; i < json_array_size(value); i++)
            json_array_append_new(array, as_text(json_array_get(value, i)));
        return array;
    }
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    if (json_is_integer(value))
        return json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_real(value))
        return json_string(g_ascii_dtostr(number, sizeof number, json_real_value(value)));
    return json_is_null(value) ? json_string("") : json_incref(value);
}

static void check_fault(const GError *error, const json_t *failure)
{
    g_assert_true(error->domain == GW_XAPI_FAULT);
    const char *code = json_string_value(json_object_get(failure, "message"));
    g_assert_true(g_str_has_prefix(error->message, code ? code : "UNKNOWN")); /* one vector has a number there */
}

static void check_json(json_t *answer)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = json_dumps(answer, JSON_COMPACT);
    g_autoptr(json_t) result = gw_xapi_json_response(text, strlen(text), &error);
    if (json_object_get(answer, "error"))
        check_fault(error, json_object_get(answer, "error"));
    else
        g_assert_true(json_equal(result, json_object_get(answer, "result")));
}

static void check_xml(json_t *answer)
{
    json_t *expected = json_object_get(answer, "result");
    if (json_object_get(answer, "error") || !expected)
        return; /* XML-RPC's failures have no such form */
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) params = json_pack("[{s:s, s:O}]", "Status", "Success", "Value", expected);
    g_autofree char *text = gw_xapi_xml_request("any", params);
    g_autoptr(json_t) result = gw_xapi_xml_response(text, strlen(text), &error);
    g_assert_no_error(error);
    g_autoptr(json_t) same = as_text(expected);
    g_assert_true(json_equal(result, same));
}

/* What is sent is what the vector has, in both forms. */
static void check_request(const char *method, json_t *params)
{
    g_autofree char *text = gw_xapi_json_request(method, params);
    g_autoptr(json_t) call = json_loads(text, 0, NULL);
    g_assert_cmpstr(json_string_value(json_object_get(call, "method")), ==, method);
    g_assert_true(json_equal(json_object_get(call, "params"), params));
    g_assert_true(json_is_integer(json_object_get(call, "id")));
    g_autofree char *xml = gw_xapi_xml_request(method, params);
    g_assert_nonnull(strstr(xml, method));
}

static void test_vector(gconstpointer file)
{
    g_autoptr(json_t) vector = read_vector(file);
    const char *method;
    json_t *value;
    guint checked = 0;
    json_object_foreach(json_object_get(vector, "expected_result"), method, value) {
        check_json(value);
        check_xml(value);
        checked++;
    }
    json_object_foreach(json_object_get(vector, "params"), method, value)
        check_request(method, value);
    g_assert_cmpuint(checked, >, 0);
}

static void test_absent(void)
{
    g_test_skip("GODWIT_XAPI_VECTORS names no folder with the SDK's vectors");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    const char *folder = g_getenv("GODWIT_XAPI_VECTORS"), *name;
    g_autoptr(GDir) files = folder ? g_dir_open(folder, 0, NULL) : NULL;
    if (!files)
        g_test_add_func("/xapi-vectors/absent", test_absent);
    while (files && (name = g_dir_read_name(files))) {
        g_autofree char *path = g_strconcat("/xapi-vectors/", name, NULL);
        if (g_str_has_suffix(name, ".json"))
            g_test_add_data_func_full(path, g_build_filename(folder, name, NULL), test_vector, g_free);
    }
    return g_test_run();
}
