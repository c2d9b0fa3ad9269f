/* Tokens: who, until when, signed. Nothing is stored but what was revoked, which a restart forgets (a new password ends tokens for
 * good). The key is a file of its own, so that tokens outlive the daemon. Thread-safe. */
#ifndef GW_API_TOKENS_H
#define GW_API_TOKENS_H

#include "api/users.h"

typedef struct GwTokens GwTokens;

/* Makes the key's file, readable by its owner alone, when it is not there. GW_ERROR_INVALID: it cannot be read or written. */
GwTokens *gw_tokens_open(const char *key_file, guint lifetime_s, GError **error);
void gw_tokens_free(GwTokens *tokens);

typedef struct {
    char *text;            /* what the client sends */
    char *user, *id;       /* id: of the token */
    char stamp[17];        /* of the user's password */
    gint64 issued_s, expires_s; /* since the epoch */
} GwToken;
void gw_token_free(GwToken *token);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwToken, gw_token_free)

/* parent: the token that it is given for, whose end and revocation it shares; NULL: it is given for the password. */
GwToken *gw_tokens_issue(GwTokens *tokens, const GwUser *user, const GwToken *parent);
/* NULL: not ours, expired, or revoked. Whether the user still has that password is for the caller to see. */
GwToken *gw_tokens_read(GwTokens *tokens, const char *text);
void gw_tokens_revoke(GwTokens *tokens, const GwToken *token);

#endif
