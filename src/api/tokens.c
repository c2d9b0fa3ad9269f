#include "api/tokens.h"

#include "base/error.h"

#include <string.h>

enum { KEY_BYTES = 32, ID_BYTES = 12 };

#define PREFIX "gwt1."

struct GwTokens {
    guint lifetime_s;
    char *key;
    gsize key_size;
    GMutex lock;
    GHashTable *revoked; /* [lock] id → when it expires, gint64 * */
};

static char *read_key(const char *file, gsize *ret_size, GError **error)
{
    g_autoptr(GError) why = NULL;
    char *key = NULL;
    if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
        g_autofree char *fresh = gw_random_text(KEY_BYTES);
        g_file_set_contents_full(file, fresh, -1, G_FILE_SET_CONTENTS_DURABLE, 0600, &why);
    }
    if (!why && !gw_users_check_private(file, error))
        return NULL;
    if (!why && g_file_get_contents(file, &key, ret_size, &why) && *ret_size >= KEY_BYTES)
        return key;
    g_free(key);
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s: cannot serve as the key of tokens: %s", file,
                why ? why->message : "it is too short; remove it, and another one is made");
    return NULL;
}

GwTokens *gw_tokens_open(const char *key_file, guint lifetime_s, GError **error)
{
    gsize size;
    char *key = read_key(key_file, &size, error);
    if (!key)
        return NULL;
    GwTokens *tokens = g_new0(GwTokens, 1);
    g_mutex_init(&tokens->lock);
    tokens->lifetime_s = lifetime_s;
    tokens->key = key;
    tokens->key_size = size;
    tokens->revoked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return tokens;
}

void gw_tokens_free(GwTokens *tokens)
{
    if (!tokens)
        return;
    g_hash_table_unref(tokens->revoked);
    g_mutex_clear(&tokens->lock);
    g_free(tokens->key);
    g_free(tokens);
}

void gw_token_free(GwToken *token)
{
    if (!token)
        return;
    g_free(token->text);
    g_free(token->user);
    g_free(token->id);
    g_free(token);
}

static char *sign(const GwTokens *tokens, const char *payload)
{
    return g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)tokens->key, tokens->key_size, payload, -1);
}

/* The user comes last: his name may hold anything but a line's end. */
GwToken *gw_tokens_issue(GwTokens *tokens, const GwUser *user, const GwToken *parent)
{
    GwToken *token = g_new0(GwToken, 1);
    token->user = g_strdup(user->name);
    token->id = parent ? g_strdup(parent->id) : gw_random_text(ID_BYTES);
    g_strlcpy(token->stamp, user->stamp, sizeof token->stamp);
    token->issued_s = g_get_real_time() / G_USEC_PER_SEC;
    token->expires_s = parent ? parent->expires_s : token->issued_s + tokens->lifetime_s;
    g_autofree char *plain = g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s", token->id, token->issued_s,
                                             token->expires_s, token->stamp, token->user);
    g_autofree char *payload = g_base64_encode((const guchar *)plain, strlen(plain));
    g_strdelimit(payload, "+", '-');
    g_strdelimit(payload, "/", '_');
    g_autofree char *signature = sign(tokens, payload);
    token->text = g_strconcat(PREFIX, payload, ".", signature, NULL);
    return token;
}

static gboolean is_revoked(GwTokens *tokens, const GwToken *token)
{
    g_mutex_lock(&tokens->lock);
    gboolean revoked = g_hash_table_contains(tokens->revoked, token->id);
    g_mutex_unlock(&tokens->lock);
    return revoked;
}

static GwToken *parse(const char *payload)
{
    gsize size;
    g_autofree char *standard = g_strdup(payload);
    g_strdelimit(standard, "-", '+');
    g_strdelimit(standard, "_", '/');
    g_autofree guchar *plain = g_base64_decode(standard, &size);
    g_autofree char *text = g_strndup((const char *)plain, size);
    g_auto(GStrv) parts = g_strsplit(text, " ", 5);
    if (g_strv_length(parts) != 5)
        return NULL;
    GwToken *token = g_new0(GwToken, 1);
    token->id = g_strdup(parts[0]);
    token->issued_s = g_ascii_strtoll(parts[1], NULL, 10);
    token->expires_s = g_ascii_strtoll(parts[2], NULL, 10);
    g_strlcpy(token->stamp, parts[3], sizeof token->stamp);
    token->user = g_strdup(parts[4]);
    return token;
}

GwToken *gw_tokens_read(GwTokens *tokens, const char *text)
{
    const char *dot = g_str_has_prefix(text, PREFIX) ? strrchr(text + strlen(PREFIX), '.') : NULL;
    if (!dot)
        return NULL;
    g_autofree char *payload = g_strndup(text + strlen(PREFIX), (gsize)(dot - text) - strlen(PREFIX));
    g_autofree char *signature = sign(tokens, payload);
    if (!gw_equal_secret(signature, dot + 1))
        return NULL;
    g_autoptr(GwToken) token = parse(payload);
    if (!token || token->expires_s <= g_get_real_time() / G_USEC_PER_SEC || is_revoked(tokens, token))
        return NULL;
    token->text = g_strdup(text);
    return g_steal_pointer(&token);
}

static gboolean is_over(gpointer id, gpointer expires, gpointer now)
{
    return *(gint64 *)expires <= *(gint64 *)now;
}

void gw_tokens_revoke(GwTokens *tokens, const GwToken *token)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_mutex_lock(&tokens->lock);
    g_hash_table_foreach_remove(tokens->revoked, is_over, &now);
    g_hash_table_replace(tokens->revoked, g_strdup(token->id), g_memdup2(&token->expires_s, sizeof token->expires_s));
    g_mutex_unlock(&tokens->lock);
}
