/* Findings of the daemon's checks, for people. */
#ifndef GW_CLI_FINDINGS_H
#define GW_CLI_FINDINGS_H

#include "base/json.h"
#include "cli/command.h"

/* Each with why it matters and its remedy, indented below what it is about. */
void gw_findings_print(const GwCli *cli, const json_t *findings);

#endif
