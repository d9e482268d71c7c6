/*
 * Trust: code from a plugin runs as the user, so it must come from a place that only the user
 * and root can write to.
 *
 * A group's right to write is refused too, unless the group has the number of the owner: on
 * systems where each user has a private group (and a umask of 002) that is how it looks. Group
 * data bases are not asked: they may be remote, and loading them loads further libraries.
 */
#include <unistd.h>

#include "registry/registry_internal.h"

enum lamina_status lm_policy_check(const struct stat *status, const char *what, const char *path,
                                   struct lm_error *error)
{
  unsigned mode = (unsigned)status->st_mode & 07777u;
  if (status->st_uid != 0 && status->st_uid != geteuid()) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the %s %s belongs to user %u, neither to root nor to the user %u who runs "
                   "this; copy it or change its owner",
                   what, path, (unsigned)status->st_uid, (unsigned)geteuid());
  }
  if ((mode & S_IWOTH) != 0) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "everybody can write to the %s %s (mode %04o); use chmod o-w", what, path, mode);
  }
  if ((mode & S_IWGRP) != 0 && status->st_gid != status->st_uid) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "group %u can write to the %s %s (mode %04o); use chmod g-w",
                   (unsigned)status->st_gid, what, path, mode);
  }
  return LAMINA_OK;
}
