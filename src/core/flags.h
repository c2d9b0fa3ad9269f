/* Migration flags. The numbers are libvirt's virDomainMigrateFlags (libvirt-domain.h), so that the libvirt driver passes
 * them on; the names are those of live_migration_flag and block_migration_flag. */
#ifndef GW_CORE_FLAGS_H
#define GW_CORE_FLAGS_H

#include <glib.h>

#define GW_MIGRATE_FLAGS(X)                                                                                            \
    X(LIVE, 0) X(PEER2PEER, 1) X(TUNNELLED, 2) X(PERSIST_DEST, 3) X(UNDEFINE_SOURCE, 4) X(PAUSED, 5)                   \
    X(NON_SHARED_DISK, 6) X(NON_SHARED_INC, 7) X(CHANGE_PROTECTION, 8) X(UNSAFE, 9) X(OFFLINE, 10) X(COMPRESSED, 11)   \
    X(ABORT_ON_ERROR, 12) X(AUTO_CONVERGE, 13) X(RDMA_PIN_ALL, 14) X(POSTCOPY, 15) X(TLS, 16) X(PARALLEL, 17)          \
    X(NON_SHARED_SYNCHRONOUS_WRITES, 18) X(POSTCOPY_RESUME, 19) X(ZEROCOPY, 20)

enum {
#define X(NAME, bit) GW_FLAG_##NAME = 1 << bit,
    GW_MIGRATE_FLAGS(X)
#undef X
};

/* Parses "VIR_MIGRATE_LIVE, VIR_MIGRATE_PEER2PEER". Unknown names, and combinations that libvirt refuses, are
 * GW_ERROR_INVALID naming the word and the remedy. */
gboolean gw_flags_parse(const char *text, guint64 *ret_flags, GError **error);
char *gw_flags_to_string(guint64 flags); /* the same form; "" for none */

#endif
