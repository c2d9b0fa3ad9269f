/* The JSON getters: what each accepts, and the words of each refusal. */
#include "base/json.h"

#include <string.h>

static json_t *sample(void)
{
    const char *text = "{\"name\":\"vm1\",\"none\":null,\"yes\":true,\"number\":42,\"negative\":-1,\"real\":1.5,"
                       "\"list\":[1],\"object\":{\"a\":1}}";
    g_autoptr(GError) error = NULL;
    json_t *value = gw_json_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    return value;
}

/* By address: the order in which arguments are evaluated is not defined. */
static void assert_refused(gboolean done, GError **error, const char *message)
{
    g_assert_false(done);
    g_assert_error(*error, GW_ERROR, GW_ERROR_INVALID);
    g_assert_cmpstr((*error)->message, ==, message);
    g_clear_error(error);
}

static void test_parse(void)
{
    GError *error = NULL;
    g_assert_null(gw_json_parse("{\"a\":1}x", 8, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_assert_true(g_str_has_prefix(error->message, "not JSON at line 1, column 8: "));
    g_clear_error(&error);
    g_assert_null(gw_json_parse(NULL, 0, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(gw_json_parse("\"a\\u0000b\"", 10, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(gw_json_parse("{\"a\":1,\"a\":2}", 13, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_clear_error(&error);
}

static void test_string(void)
{
    g_autoptr(json_t) object = sample();
    const char *value = "kept";
    GError *error = NULL;
    assert_refused(gw_json_string(object, "number", GW_JSON_REQUIRED, &value, &error), &error,
                   "field 'number': found 42, expected a string");
    assert_refused(gw_json_string(object, "absent", GW_JSON_REQUIRED, &value, &error), &error,
                   "field 'absent': found nothing, expected a string");
    assert_refused(gw_json_string(object, "none", GW_JSON_REQUIRED, &value, &error), &error,
                   "field 'none': found null, expected a string");
    g_assert_cmpstr(value, ==, "kept");
    g_assert_true(gw_json_string(object, "none", GW_JSON_OPTIONAL, &value, NULL));
    g_assert_true(gw_json_string(object, "absent", GW_JSON_OPTIONAL, &value, NULL));
    g_assert_cmpstr(value, ==, "kept");
    assert_refused(gw_json_string(object, "list", GW_JSON_OPTIONAL, &value, &error), &error,
                   "field 'list': found [1], expected a string");
    g_assert_true(gw_json_string(object, "name", GW_JSON_REQUIRED, &value, NULL));
    g_assert_cmpstr(value, ==, "vm1");
}

static void test_numbers(void)
{
    g_autoptr(json_t) object = sample();
    gint64 value = 7;
    GError *error = NULL;
    assert_refused(gw_json_int(object, "number", GW_JSON_REQUIRED, 0, 41, &value, &error), &error,
                   "field 'number': found 42, expected a whole number of 0 to 41");
    assert_refused(gw_json_int(object, "negative", GW_JSON_REQUIRED, 0, 41, &value, &error), &error,
                   "field 'negative': found -1, expected a whole number of 0 to 41");
    assert_refused(gw_json_int(object, "real", GW_JSON_REQUIRED, 0, 41, &value, &error), &error,
                   "field 'real': found 1.5, expected a whole number of 0 to 41");
    assert_refused(gw_json_int(object, "yes", GW_JSON_REQUIRED, 0, 41, &value, &error), &error,
                   "field 'yes': found true, expected a whole number of 0 to 41");
    g_assert_cmpint(value, ==, 7);
    g_assert_true(gw_json_int(object, "negative", GW_JSON_REQUIRED, -1, 0, &value, NULL));
    g_assert_cmpint(value, ==, -1);
    guint64 size = 7;
    g_assert_true(gw_json_uint64(object, "none", GW_JSON_OPTIONAL, &size, NULL));
    g_assert_cmpuint(size, ==, 7);
    g_assert_true(gw_json_uint64(object, "number", GW_JSON_REQUIRED, &size, NULL));
    g_assert_cmpuint(size, ==, 42);
    g_assert_false(gw_json_uint64(object, "negative", GW_JSON_REQUIRED, &size, NULL));
    g_assert_cmpuint(size, ==, 42);
}

static void test_kinds(void)
{
    g_autoptr(json_t) object = sample();
    gboolean yes = FALSE;
    json_t *value = NULL;
    GError *error = NULL;
    g_assert_true(gw_json_bool(object, "yes", GW_JSON_REQUIRED, &yes, NULL));
    g_assert_true(yes);
    assert_refused(gw_json_bool(object, "name", GW_JSON_OPTIONAL, &yes, &error), &error,
                   "field 'name': found \"vm1\", expected true or false");
    g_assert_true(gw_json_object(object, "object", GW_JSON_REQUIRED, &value, NULL));
    g_assert_true(json_is_object(value));
    assert_refused(gw_json_object(object, "list", GW_JSON_REQUIRED, &value, &error), &error,
                   "field 'list': found [1], expected an object");
    g_assert_true(gw_json_array(object, "list", GW_JSON_REQUIRED, &value, NULL));
    g_assert_true(json_is_array(value));
    assert_refused(gw_json_array(object, "object", GW_JSON_REQUIRED, &value, &error), &error,
                   "field 'object': found {\"a\":1}, expected a list");
    g_assert_true(gw_json_array(object, "absent", GW_JSON_OPTIONAL, &value, NULL));
    g_assert_true(json_is_array(value));
}

static void test_not_an_object(void)
{
    g_autoptr(json_t) list = json_array();
    const char *value = NULL;
    GError *error = NULL;
    assert_refused(gw_json_string(list, "host", GW_JSON_OPTIONAL, &value, &error), &error,
                   "found [], expected an object with the field 'host'");
    assert_refused(gw_json_string(NULL, "host", GW_JSON_OPTIONAL, &value, &error), &error,
                   "found nothing, expected an object with the field 'host'");
}

static void test_excerpt(void)
{
    g_autofree char *many = g_strnfill(100, 'x');
    g_autoptr(json_t) value = json_string(many);
    g_autofree char *excerpt = gw_json_excerpt(value);
    g_assert_cmpint(g_utf8_strlen(excerpt, -1), ==, 61);
    g_assert_true(g_str_has_suffix(excerpt, "x…"));
    GString *umlauts = g_string_new(NULL);
    for (guint i = 0; i < 100; i++)
        g_string_append(umlauts, "ä");
    g_autoptr(json_t) wide = json_string(umlauts->str);
    g_string_free(umlauts, TRUE);
    g_autofree char *cut = gw_json_excerpt(wide);
    g_assert_true(g_utf8_validate(cut, -1, NULL));
    g_assert_cmpint(g_utf8_strlen(cut, -1), ==, 61);
}

static void test_peek(void)
{
    g_autoptr(json_t) object = sample();
    g_assert_cmpstr(gw_json_peek(object, "name"), ==, "vm1");
    g_assert_null(gw_json_peek(object, "number"));
    g_assert_null(gw_json_peek(object, "absent"));
    g_assert_null(gw_json_peek(NULL, "name"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/parse", test_parse);
    g_test_add_func("/json/string", test_string);
    g_test_add_func("/json/numbers", test_numbers);
    g_test_add_func("/json/kinds", test_kinds);
    g_test_add_func("/json/not-an-object", test_not_an_object);
    g_test_add_func("/json/excerpt", test_excerpt);
    g_test_add_func("/json/peek", test_peek);
    return g_test_run();
}
