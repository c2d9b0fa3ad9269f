/* What godwit says about itself. */
#ifndef GW_CLI_HELP_H
#define GW_CLI_HELP_H

#include "cli/command.h"

void gw_help_guide(void); /* the first steps: what `godwit` alone prints */
void gw_help_overview(void); /* every command, every global option, every exit status */
void gw_help_command(const GwCommand *command);
void gw_help_json(const GwCommand *only); /* NULL: every command */

#endif
