/* Telling what went wrong: a sentence, every reason on its own line, and how things stand now. */
#ifndef GW_CLI_REPORT_H
#define GW_CLI_REPORT_H

#include "cli/command.h"

typedef struct {
    GwExit code;
    const char *sentence;
    const char *reasons; /* of the daemon, still in one text; or NULL */
    const char *now; /* "vm1 is on HostB (running)."; or NULL */
} GwReport;

/* On standard error; {"error": {"exit_status", "message", "reasons", "now"}} with --json. Returns the code. */
GwExit gw_report(const GwCli *cli, const GwReport *report);
/* The same for an error: sentence and reasons are found in its message, the status by its cause. now may be NULL. */
GwExit gw_report_error(const GwCli *cli, const GError *error, const char *now);

#endif
