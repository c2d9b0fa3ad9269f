/* What standard output and standard error are, and Ctrl-C while a move is followed. */
#ifndef GW_CLI_TERMINAL_H
#define GW_CLI_TERMINAL_H

#include "base/error.h"

#include <glib.h>
#include <stdio.h>

typedef struct {
    FILE *stream;
    gboolean live; /* a terminal on which a line can be drawn again */
    gboolean colour; /* live, and NO_COLOR (no-color.org) is not set */
} GwTerminal;

GwTerminal gw_terminal_of(FILE *stream);
guint gw_terminal_columns(const GwTerminal *terminal); /* now: it may have been resized */
void gw_terminal_draw(const GwTerminal *terminal, const char *line); /* in place of the line drawn before */
void gw_terminal_erase(const GwTerminal *terminal);

/* Asks on the terminal of the session, whatever standard input is; what is typed is not shown. Owned by the caller. */
char *gw_terminal_ask_secret(const char *prompt, GError **error);

/* From here on Ctrl-C (and SIGTERM) raises the flag instead of ending the program; a second one ends it. */
void gw_interrupt_catch(void);
/* Not 0 once it happened. Lives as long as the program. */
const gint *gw_interrupt_flag(void);
/* Returns early when it happens. */
void gw_interrupt_sleep(guint ms);

#endif
