/*
 * Everything that can be refused before a file is loaded, cheapest first: what kind of file it
 * is, who can write to it, whether it is complete, and what its marker says: ABI, kind, name,
 * instruction set. No code of the plugin has run when this refuses.
 *
 * The dynamic linker's own words are added where the linker refuses without harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "registry/registry_internal.h"

static bool runs_v2(void)
{
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
         __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
#else
  return false;
#endif
}

static bool runs_v3(void)
{
#if defined(__x86_64__) || defined(__i386__)
  return runs_v2() && __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") &&
         __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

static bool runs_v4(void)
{
#if defined(__x86_64__) || defined(__i386__)
  return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

bool lm_isa_runs(const char *isa)
{
  /* The machine itself was checked in the ELF header. An old marker may have no isa. */
  if (isa[0] == '\0' || strcmp(isa, "generic") == 0 || strcmp(isa, "x86-64") == 0 ||
      strcmp(isa, "aarch64") == 0) {
    return true;
  }
  return (strcmp(isa, "x86-64-v2") == 0 && runs_v2()) ||
         (strcmp(isa, "x86-64-v3") == 0 && runs_v3()) ||
         (strcmp(isa, "x86-64-v4") == 0 && runs_v4());
}

static enum lamina_status check_version(const struct lm_marker *marker, struct lm_error *error)
{
  if (marker->major != LAMINA_ABI_MAJOR) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "it is for Lamina ABI %u.%u, this runtime has %d.%d; rebuild it with the "
                   "headers of this Lamina",
                   marker->major, marker->needs_minor, LAMINA_ABI_MAJOR, LAMINA_ABI_MINOR);
  }
  if (marker->needs_minor > LAMINA_ABI_MINOR) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "it needs Lamina ABI %u.%u, this runtime has %d.%d; rebuild it with "
                   "LAMINA_TARGET_MINOR=%d or upgrade Lamina",
                   marker->major, marker->needs_minor, LAMINA_ABI_MAJOR, LAMINA_ABI_MINOR,
                   LAMINA_ABI_MINOR);
  }
  return LAMINA_OK;
}

static enum lamina_status check_marker(const struct lm_candidate *candidate,
                                       const struct lm_marker *marker, struct lm_error *error)
{
  LM_TRY(check_version(marker, error));
  if (strcmp(marker->kind, lm_kind_name(candidate->kind)) != 0) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the plugin in it is of kind '%s', the file's name says '%s'; the file must "
                   "be named %s_%s.so",
                   marker->kind, lm_kind_name(candidate->kind), marker->kind, marker->name);
  }
  if (strcmp(marker->name, candidate->name) != 0) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the plugin in it is named '%s'; a plugin's file must be named after it, "
                   "%s_%s.so",
                   marker->name, marker->kind, marker->name);
  }
  if (!lm_isa_runs(marker->isa)) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "it is compiled for %s processors and this one is not; rebuild it on this "
                   "machine or without -march",
                   marker->isa);
  }
  return LAMINA_OK;
}

/* Opens a regular file that can be trusted; *fd is -1 on failure. */
static enum lamina_status open_file(const char *path, int *fd, struct stat *status,
                                    struct lm_error *error)
{
  *fd = -1;
  if (stat(path, status) != 0) {
    return lm_fail(error, errno == ENOENT ? LAMINA_E_MISSING : LAMINA_E_INVALID,
                   "the file cannot be found: %s", strerror(errno));
  }
  if (S_ISDIR(status->st_mode)) {
    (void)lm_fail(error, LAMINA_E_INVALID, "it is a directory, not a file");
    lm_module_add_reason(path, error);
    return LAMINA_E_INVALID;
  }
  if (!S_ISREG(status->st_mode)) {
    return lm_fail(error, LAMINA_E_INVALID, "it is not a regular file");
  }
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0 || fstat(*fd, status) != 0) {
    return lm_fail(error, LAMINA_E_INVALID, "the file cannot be read: %s", strerror(errno));
  }
  return lm_policy_check(status, "file", path, error);
}

static enum lamina_status examine(const struct lm_candidate *candidate, int *fd,
                                  struct lm_marker *marker, struct lm_error *error)
{
  struct stat status;
  struct lm_elf elf;
  bool ask_linker;
  LM_TRY(open_file(candidate->path, fd, &status, error));
  enum lamina_status result = lm_elf_check(*fd, (uint64_t)status.st_size, &elf, &ask_linker, error);
  if (result != LAMINA_OK) {
    if (ask_linker && !candidate->alone) {
      lm_module_add_reason(candidate->path, error);
    }
    return result;
  }
  LM_TRY(lm_marker_read(*fd, &elf, marker, error));
  return check_marker(candidate, marker, error);
}

enum lamina_status lm_refuse(const struct lm_candidate *candidate, struct lm_error *error)
{
  lm_error_prefix(error, "refused %s '%s' from %s", lm_kind_name(candidate->kind), candidate->name,
                  candidate->path);
  return error->status;
}

enum lamina_status lm_examine(const struct lm_candidate *candidate, struct lm_marker *marker,
                              struct lm_error *error)
{
  struct lm_error local = {0};
  int fd = -1;
  *marker = (struct lm_marker){0};
  enum lamina_status status = examine(candidate, &fd, marker, &local);
  if (fd >= 0) {
    (void)close(fd);
  }
  if (status == LAMINA_OK || error == NULL) {
    return status;
  }
  *error = local;
  error->status = status;
  return lm_refuse(candidate, error);
}
