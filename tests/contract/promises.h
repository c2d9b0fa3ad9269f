/* What the promises of the contract are written with. */
#ifndef GW_TESTS_CONTRACT_PROMISES_H
#define GW_TESTS_CONTRACT_PROMISES_H

#include "base/error.h"
#include "core/flags.h"
#include "tests/contract/contract.h"

enum { SHARED = 1 << 0, LOCAL = 1 << 1, STOPPED = 1 << 2 }; /* instances */

typedef struct {
    const char *name; /* NULL ends a table */
    void (*run)(ContractStage *stage);
    unsigned needs;  /* of those */
    unsigned unlike; /* ways of hypervisors of which it is not asked */
} Promise;

extern const Promise contract_asking[], contract_moves[], contract_servers[];
extern const ContractBackend *contract_backend; /* that is under test */

#define UNKNOWN "00000000-0000-4000-8000-00000000dead"

enum {
    PATIENCE_MS = 60000,
    LOOK_MS = 10,
    SLOW_MIBPS = 1, /* so that a copy can be caught under way */
};

typedef struct {
    GwNode *from, *to;
    const char *uuid;
} ContractMove;

#define ACT(call)                                                                                                      \
    do {                                                                                                               \
        g_autoptr(GError) error = NULL;                                                                                \
        gboolean ok = call;                                                                                            \
        g_assert_no_error(error);                                                                                      \
        g_assert_true(ok);                                                                                             \
    } while (0)

#define REFUSES(call, code)                                                                                            \
    do {                                                                                                               \
        g_autoptr(GError) error = NULL;                                                                                \
        gboolean ok = call;                                                                                            \
        g_assert_error(error, GW_ERROR, code);                                                                         \
        g_assert_false(ok);                                                                                            \
    } while (0)

GwSight contract_sight(GwNode *node, const char *uuid);
void contract_wait_seen(GwNode *node, const char *uuid, GwSeen seen);
/* From where the instance is to the other host. It is on one of them, never on both. */
ContractMove contract_move_of(const ContractStage *stage, const char *uuid);
GwMoveFacts *contract_examine(const ContractMove *move);
GwInstance *contract_describe(GwNode *node, const char *uuid);
GwPlan *contract_plan(const ContractMove *move, GwMoveKind kind);
void contract_prepare_and_migrate(const ContractMove *move, const GwPlan *plan);
void contract_settle_and_forget(const ContractMove *move, const GwPlan *plan);
void contract_live_move(ContractStage *stage, const char *uuid); /* whole */
/* How many disks that would travel along `move` have a file in their way. */
guint contract_files_in_the_way(const ContractMove *move);
guint contract_disks_with(const GwMoveFacts *facts, GwFact shared);

#endif
