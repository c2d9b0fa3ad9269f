/* Who may call: a file of users as htpasswd makes it (bcrypt only), one a line: USER:HASH; and beside it FILE.roles, whose lines USER:ROLE
 * say of those who are no administrators what they may: reader looks, none may only get a token. Not in one file: htpasswd writes
 * a whole line anew, and would make an administrator of a reader whose password changes. Both are read again when one changes.
 * Thread-safe. */
#ifndef GW_API_USERS_H
#define GW_API_USERS_H

#include "api/routes.h"

typedef struct GwUsers GwUsers;

/* Makes the file with one user, admin, when it is not there, and writes his random password to password_file; both are readable by
 * their owner alone. GW_ERROR_INVALID: the file makes no sense, or one of the two cannot be read or written. */
GwUsers *gw_users_open(const char *file, const char *password_file, GError **error);
void gw_users_free(GwUsers *users);

typedef struct {
    char *name;
    GwRole role;
    char stamp[17]; /* changes with the password */
    guint generation; /* of the file that he was found in */
} GwUser;
void gw_user_free(GwUser *user);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwUser, gw_user_free)

GwUser *gw_users_find(GwUsers *users, const char *name); /* NULL when there is none */
/* NULL: no such user, or not his password; that takes as long in both cases, whatever the cost of his hash: as long as the costliest of the
 * file takes. Tens of milliseconds of processor time as Godwit and htpasswd make hashes. */
GwUser *gw_users_verify(GwUsers *users, const char *name, const char *password);
/* GW_ERROR_INVALID when others than its owner and group may read the file. */
gboolean gw_users_check_private(const char *file, GError **error);
guint gw_users_generation(GwUsers *users); /* rises when the file has changed; looks at it once a second at most */

/* Equal in a time that depends on the lengths alone. */
gboolean gw_equal_secret(const char *a, const char *b);
/* Bytes that nobody can guess; ends the program when the kernel has none. */
void gw_random_bytes(void *bytes, gsize size);
char *gw_random_text(gsize bytes); /* base64url of so many of them; owned by the caller */

#endif
