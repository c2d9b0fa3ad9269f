/* The table of options: from it come reading (settings.c), the sample configuration, and the check that
 * docs/configuration.md leaves nothing out. */
#ifndef GW_DAEMON_OPTIONS_H
#define GW_DAEMON_OPTIONS_H

#include <glib.h>

typedef enum {
    GW_OPTION_SWITCH,   /* gboolean */
    GW_OPTION_NUMBER,   /* guint within min … max */
    GW_OPTION_PATH,     /* char *: an absolute path */
    GW_OPTION_FLAGS,    /* guint64: migration flags (core/flags.h) */
    GW_OPTION_INBOUND,  /* char *: empty, or as core/inbound.h has it */
    GW_OPTION_TEMPLATE, /* char *: empty, or a URI with one %s */
    GW_OPTION_ADDRESS,  /* char *: an IP address */
    GW_OPTION_SR_FILTER, /* char *: default-sr:true or other-config:KEY=VALUE */
    GW_OPTION_HOST,     /* char *: empty, or an IP address or host name */
    GW_OPTION_DATABASE, /* char *: sqlite:///PATH or postgresql://… */
    GW_OPTION_CHOICE,   /* guint: which of `choices` */
    GW_OPTION_FILE,     /* char *: empty, or an absolute path */
    GW_OPTION_TEXT,     /* char *: anything */
    GW_OPTION_SECRET,   /* char *: anything, as it stands: no $ means anything, and no message repeats it */
} GwOptionType;

enum { GW_OPTION_ALIASES_MAX = 3 };

typedef struct {
    const char *section, *name; /* where it is documented */
    struct {
        const char *section, *name;
    } aliases[GW_OPTION_ALIASES_MAX]; /* the same option under another Nova's name; NULL after the last */
    GwOptionType type;
    gsize offset;        /* in GwSettings */
    const char *initial; /* the default as it would be written, before substitution */
    guint min, max;      /* GW_OPTION_NUMBER */
    const char *unit;    /* "s", "MiB/s"; NULL: a plain number */
    const char *help;    /* sentences */
    const char *const *choices; /* GW_OPTION_CHOICE: words, NULL-terminated */
} GwOption;

extern const GwOption gw_options[];
extern const guint gw_option_count;

/* The option that section and name mean; section NULL: any. NULL when there is none. */
const GwOption *gw_option_find(const char *section, const char *name);
/* One line: places, kind, bounds and default; as in the sample and in docs/configuration.md. Owned by the caller. */
char *gw_option_summary(const GwOption *option);
/* Why there is no such option and what to do instead: a section that is wrong, a typing error, or an option of
 * nova.conf that has no meaning here. Owned by the caller. */
char *gw_option_advice(const char *section, const char *name);

#define GW_OPTION_SQLITE "sqlite:///" /* what a database begins with, */
#define GW_OPTION_POSTGRES "postgresql://" /* or with this */

/* Writes the value that text (taken) stands for to the option's place in a GwSettings. GW_ERROR_INVALID says what is
 * wrong and what to write. */
gboolean gw_option_convert(const GwOption *option, char *text, gpointer at, GError **error);
/* FALSE, with a GW_ERROR_INVALID of that message. */
gboolean gw_option_refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
