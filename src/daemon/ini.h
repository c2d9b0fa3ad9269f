/* The syntax of nova.conf (oslo.config): [SECTION], name = value or name: value, # and ; comments on lines of their
 * own, continuation lines that begin with a blank, quotes around a whole value. Knows no option. */
#ifndef GW_DAEMON_INI_H
#define GW_DAEMON_INI_H

#include <glib.h>

/* What is wrong with a file, all of it, so that one reading mends it. */
typedef struct {
    const char *file; /* borrowed: what messages call it */
    GString *text;    /* "FILE:LINE: what", one per line */
} GwProblems;

void gw_problems_add(GwProblems *problems, guint line, const char *format, ...) G_GNUC_PRINTF(3, 4);

typedef struct {
    char *section, *name;
    char *value; /* continuation lines joined by blanks; without the quotes */
    guint line;  /* where it begins, from 1 */
} GwIniItem;

/* In the file's order: of GwIniItem *, owned by the caller. Lines that cannot be understood go to problems. */
GPtrArray *gw_ini_parse(const char *text, GwProblems *problems);

#endif
