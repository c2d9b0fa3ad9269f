/* The contract against the XAPI simulator (tests/xapi): a fresh pool of two hosts, in a process of its own, for each promise. */
#include "base/json.h"
#include "drivers/xapi/xapi.h"
#include "tests/contract/contract.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

static GSubprocess *simulator;
static json_t *world;
static char *password_file;

static GwNode *open_host(const char *name)
{
    GwDriverSettings settings = {.call_timeout_ms = 5000, .xapi_password_file = password_file};
    g_autoptr(GError) error = NULL;
    const char *address = gw_json_peek(json_object_get(json_object_get(world, "hosts"), "HostA"), "address");
    g_autofree char *uri = g_strdup_printf("xapi+http://root@%s:18444/%s?insecure=1", address, name);
    GwNode *node = gw_node_open(&gw_xapi_driver, name, uri, &settings, &error);
    g_assert_no_error(error);
    return node;
}

static char *uuid_of(const char *name)
{
    return g_strdup(gw_json_peek(json_object_get(world, "vms"), name));
}

static void start_simulator(void)
{
    g_autoptr(GError) error = NULL;
    simulator = g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "/usr/bin/python3",
                                 g_getenv("GODWIT_XAPI_SIM"), "--port", "18444", NULL);
    g_assert_no_error(error);
    g_autoptr(GDataInputStream) out = g_data_input_stream_new(g_subprocess_get_stdout_pipe(simulator));
    g_autofree char *line = g_data_input_stream_read_line(out, NULL, NULL, &error);
    g_assert_nonnull(line);
    world = gw_json_parse(line, strlen(line), &error);
    g_assert_no_error(error);
    int file = g_file_open_tmp("godwit-xapi-XXXXXX", &password_file, &error);
    g_assert_no_error(error);
    g_close(file, NULL);
    g_file_set_contents(password_file, "secret\n", -1, &error);
    g_assert_no_error(error);
}

static void open_stage(ContractStage *stage)
{
    start_simulator();
    stage->a = open_host("HostA");
    stage->b = open_host("HostB");
    stage->shared = uuid_of("shared");
    stage->local = uuid_of("local");
    stage->stopped = uuid_of("stopped");
}

static void close_stage(ContractStage *stage)
{
    gw_node_unref(stage->a);
    gw_node_unref(stage->b);
    g_subprocess_force_exit(simulator);
    g_subprocess_wait(simulator, NULL, NULL);
    g_clear_object(&simulator);
    g_clear_pointer(&world, json_decref);
    g_remove(password_file);
    g_clear_pointer(&password_file, g_free);
    g_free(stage->shared);
    g_free(stage->local);
    g_free(stage->stopped);
}

int main(int argc, char **argv)
{
    static const ContractBackend backend = {open_stage, NULL, close_stage, CONTRACT_OWN_VOLUMES | CONTRACT_RUNNING_ONLY | CONTRACT_ADOPTS_ONLY};
    return contract_main(argc, argv, &backend);
}
