/* Words and figures for people: pure functions from values to text. Everything returned is owned by the caller. */
#ifndef GW_CLI_TEXT_H
#define GW_CLI_TEXT_H

#include <glib.h>

/* What came from elsewhere, made safe to print on one line: valid UTF-8 without control characters, so that a name
 * cannot steer the terminal. NULL gives "-". */
char *gw_text_clean(const char *text);
extern const char gw_text_no_hosts[]; /* what to do first */

/* Columns that clean text takes on a terminal: wide characters two, combining ones none. */
guint gw_text_width(const char *text);
/* Cut to at most `columns`. */
char *gw_text_fit(const char *text, guint columns);

char *gw_text_bytes(guint64 bytes); /* "0 B", "52.8 MiB", "310 MiB" */
char *gw_text_duration(guint64 ms); /* "0.09 s", "1.24 s", "12.3 s", "3 min 05 s", "2 h 05 min" */
char *gw_text_ago(const char *iso);  /* of UTC: "12.0 s ago", "2 h 05 min ago", "3 days ago"; NULL as "never" */
char *gw_text_time(const char *iso); /* "2026-11-23T05:18:50.123456" as "2026-11-23 05:18:50"; NULL as "-" */

/* A name as it is typed in a shell: quoted where it must be. */
char *gw_text_word(const char *name);

/* Splits a refusal of Godwit into its sentence and its reasons, one per line (core/checks.h and engine/choose.c say how
 * they are written; other texts stay whole, lines apart). *ret_reasons is empty, never NULL. */
char *gw_text_refusal(const char *text, GStrv *ret_reasons);

/* The candidate most like a mistyped word, or NULL when none is. candidates: NULL-terminated. Borrowed. */
const char *gw_text_nearest(const char *word, const char *const *candidates);

#endif
