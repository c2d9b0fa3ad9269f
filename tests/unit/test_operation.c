/* Which operation in which state: the whole table, written out a second time and independently as pictures. */
#include "base/error.h"
#include "core/operation.h"

#include <string.h>

#define UUID "6c3ab51a-0a4c-4a4b-9a41-1f2a8f9f7c11"

/* One column per GwVmState, in its order: building active paused suspended stopped resized error */
static const struct {
    const char *name, *task_state, *picture;
} expected[GW_OPERATION_COUNT] = {
    [GW_OPERATION_START] = {"start", "powering-on", "....+.."},
    [GW_OPERATION_STOP] = {"stop", "powering-off", ".+....+"},
    [GW_OPERATION_REBOOT_SOFT] = {"reboot", "rebooting", ".+....."},
    [GW_OPERATION_REBOOT_HARD] = {"reboot", "rebooting_hard", ".++++.+"},
    [GW_OPERATION_PAUSE] = {"pause", "pausing", ".+....."},
    [GW_OPERATION_UNPAUSE] = {"unpause", "unpausing", "..+...."},
    [GW_OPERATION_SUSPEND] = {"suspend", "suspending", ".+....."},
    [GW_OPERATION_RESUME] = {"resume", "resuming", "...+..."},
    [GW_OPERATION_DELETE] = {"delete", "deleting", "+++++++"},
};

static const char *const tasks[] = {NULL, "migrating", "resize_migrating", "pausing", "deleting"};

static void refused(GwOperation operation, const GwOperationCase *server, const char *sentence)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_operation_check(operation, server, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_CONFLICT);
    g_assert_true(g_str_has_prefix(error->message, sentence));
}

static void check_one(GwOperation operation, GwVmState state, const char *task)
{
    GwOperationCase server = {UUID, state, task, FALSE, FALSE};
    gboolean fits = expected[operation].picture[state] == '+';
    g_autofree char *sentence =
        g_strdup_printf("Cannot '%s' instance " UUID " while it is in %s %s: ", expected[operation].name,
                        fits ? "task_state" : "vm_state", fits ? task : gw_vm_state_name(state));
    g_autoptr(GError) error = NULL;
    if (fits && !task) {
        g_assert_true(gw_operation_check(operation, &server, &error));
        g_assert_no_error(error);
    } else
        refused(operation, &server, sentence);
    server.locked = TRUE;
    refused(operation, &server, "Instance " UUID " is locked");
    server.by_admin = TRUE;
    g_assert_cmpint(gw_operation_check(operation, &server, NULL), ==, fits && !task);
}

static void every_operation_in_every_state(void)
{
    for (guint operation = 0; operation < GW_OPERATION_COUNT; operation++) {
        g_assert_cmpuint(strlen(expected[operation].picture), ==, GW_VM_STATE_COUNT);
        for (guint state = 0; state < GW_VM_STATE_COUNT; state++)
            for (guint task = 0; task < G_N_ELEMENTS(tasks); task++)
                check_one(operation, state, tasks[task]);
    }
}

static void names_are_novas(void)
{
    static const char *const states[] = {"building", "active", "paused", "suspended", "stopped", "resized", "error"};
    g_assert_cmpuint(G_N_ELEMENTS(states), ==, GW_VM_STATE_COUNT);
    for (guint state = 0; state < GW_VM_STATE_COUNT; state++)
        g_assert_cmpstr(gw_vm_state_name(state), ==, states[state]);
    for (guint operation = 0; operation < GW_OPERATION_COUNT; operation++) {
        g_assert_cmpstr(gw_operation_name(operation), ==, expected[operation].name);
        g_assert_cmpstr(gw_operation_task_state(operation), ==, expected[operation].task_state);
    }
}

static void refusals_name_the_remedy(void)
{
    GwOperationCase server = {UUID, GW_VM_PAUSED, NULL, FALSE, FALSE};
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_operation_check(GW_OPERATION_STOP, &server, &error));
    g_assert_cmpstr(error->message, ==,
                    "Cannot 'stop' instance " UUID " while it is in vm_state paused: it must be active or error");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/operation/every operation in every state", every_operation_in_every_state);
    g_test_add_func("/operation/names are Nova's", names_are_novas);
    g_test_add_func("/operation/refusals name the remedy", refusals_name_the_remedy);
    return g_test_run();
}
