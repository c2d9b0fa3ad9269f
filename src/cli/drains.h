/* Shared by the commands about drains and rolling drains. */
#ifndef GW_CLI_DRAINS_H
#define GW_CLI_DRAINS_H

#include "cli/client.h"

/* What is followed until it has ended: a drain or a rolling drain. */
typedef struct {
    const char *what, *path, *member, *show; /* "drain", "/godwit/v1/drains/", "drain", "drain-show" */
    char *(*line)(const json_t *value); /* how it stands */
    char *(*short_line)(const json_t *value, guint columns); /* the same where it must fit; NULL: it is cut */
    char *(*key)(const json_t *value); /* of the line: told anew where lines stay when this changes */
    GwExit (*tell_end)(GwCli *cli, const json_t *value);
    void (*print)(const json_t *value); /* its table */
    char *(*end)(const json_t *value);  /* the sentence of one that has ended; owned by the caller */
} GwCourse;

/* Of that path; *ret borrowed from *ret_body. */
gboolean gw_course_get(GwCli *cli, const GwCourse *course, const char *id, json_t **ret_body, json_t **ret,
                       GError **error);
/* One as it is now, or with --follow until it has ended. */
GwExit gw_course_show(GwCli *cli, const GwCourse *course, const GwArguments *arguments, GError **error);
/* Until it has ended, or the user has seen enough. */
GwExit gw_course_follow(GwCli *cli, const GwCourse *course, const char *id, GError **error);

/* wish: the body's `rolling`; borrowed. Begins, or plans, and follows as the command line says. */
GwExit gw_rolling_begin(GwCli *cli, json_t *wish, GError **error);
/* deadline.c: --deadline, as the body's deadline_s. */
gboolean gw_take_deadline(const GwArguments *arguments, json_t *body, GError **error);

#endif
