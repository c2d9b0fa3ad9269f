/* The contract of drivers/driver.h as one suite of promises, run against any driver. A back-end supplies two hosts and
 * instances on them; the promises find out for themselves on which of the two an instance is, and may leave it on the
 * other, running. */
#ifndef GW_TESTS_CONTRACT_H
#define GW_TESTS_CONTRACT_H

#include "drivers/driver.h"

typedef struct {
    GwNode *a, *b;
    /* UUIDs of persistent instances, each on one of the two hosts; NULL: promises that need one are skipped. */
    char *shared; /* runs; its disks are on storage that both hosts reach */
    char *local; /* runs; has at least one disk on its host's own storage */
    char *stopped; /* shut off; its disks are shared */
} ContractStage;

/* What a hypervisor's own ways leave no room for; the promises about it are skipped. */
enum {
    CONTRACT_OWN_VOLUMES = 1 << 0, /* it makes and removes the volumes of a live move itself: a move leaves none on the source */
    CONTRACT_RUNNING_ONLY = 1 << 1, /* paused instances do not move live */
    CONTRACT_ADOPTS_ONLY = 1 << 2, /* servers are neither made nor deleted there: saying so is what is promised */
};

typedef struct {
    void (*open)(ContractStage *stage); /* before each promise */
    void (*check)(ContractStage *stage); /* after it, what no driver can tell; or NULL */
    void (*close)(ContractStage *stage);
    unsigned ways; /* CONTRACT_* */
} ContractBackend;

int contract_main(int argc, char **argv, const ContractBackend *backend);

#endif
