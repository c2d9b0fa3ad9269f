/* The line that shows a migration under way. Pure: the same values give the same line. */
#ifndef GW_CLI_BAR_H
#define GW_CLI_BAR_H

#include "cli/move.h"

typedef struct {
    guint columns; /* of the terminal; the line takes one less, so that it never wraps */
    gboolean colour;
    guint64 waited_ms; /* since following began, for as long as the daemon counts nothing itself */
} GwBarLook;

/* Fits its terminal by leaving out what matters least. Owned by the caller. */
char *gw_bar_line(const GwMove *move, const GwBarLook *look);

#endif
