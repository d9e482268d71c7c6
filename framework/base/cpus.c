/*
 * The affinity mask comes from the kernel; the quota from the files of control groups, of both
 * versions. A limit may be set on any ancestor, so the path is walked up to the mount; inside a
 * container the path may be the host's, and then only the mount itself exists.
 */
#include "base/cpus.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_PATH = 1024, LONGEST_LINE = 512 };

uint32_t lm_cpus_affinity(void)
{
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) == 0 && CPU_COUNT(&mask) > 0) {
    return (uint32_t)CPU_COUNT(&mask);
  }
  /* More CPUs than the mask holds. */
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (uint32_t)online : 1;
}

static bool read_line(const char *folder, const char *name, char *line)
{
  char path[LONGEST_PATH];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path) {
    return false;
  }
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    return false;
  }
  bool got = fgets(line, LONGEST_LINE, file) != NULL;
  (void)fclose(file);
  return got;
}

static uint32_t whole_cpus(long long quota, long long period)
{
  if (quota <= 0 || period <= 0) {
    return UINT32_MAX;
  }
  long long cpus = quota / period + (quota % period != 0);
  return cpus < UINT32_MAX ? (uint32_t)cpus : UINT32_MAX;
}

/* The limit set in one folder. */
static uint32_t folder_quota(const char *folder)
{
  char line[LONGEST_LINE];
  long long quota = 0;
  long long period = 0;
  if (read_line(folder, "cpu.max", line)) {
    /* "max 100000" has no number in front and sets no limit. */
    return sscanf(line, "%lld %lld", &quota, &period) == 2 ? whole_cpus(quota, period) : UINT32_MAX;
  }
  if (!read_line(folder, "cpu.cfs_quota_us", line) || sscanf(line, "%lld", &quota) != 1 ||
      !read_line(folder, "cpu.cfs_period_us", line) || sscanf(line, "%lld", &period) != 1) {
    return UINT32_MAX;
  }
  return whole_cpus(quota, period);
}

/* The least limit of base/group, its parents and base itself. */
static uint32_t branch_quota(const char *base, const char *group)
{
  char folder[LONGEST_PATH];
  int length = snprintf(folder, sizeof folder, "%s%s", base, group);
  if (length < 0 || (size_t)length >= sizeof folder) {
    return UINT32_MAX;
  }
  uint32_t least = UINT32_MAX;
  size_t stop = strlen(base);
  for (;;) {
    uint32_t quota = folder_quota(folder);
    least = quota < least ? quota : least;
    char *slash = strrchr(folder + stop, '/');
    if (slash == NULL) {
      return least;
    }
    *slash = '\0';
  }
}

static bool has_word(const char *list, const char *word)
{
  size_t length = strlen(word);
  for (const char *at = list; at != NULL; at = strchr(at, ',')) {
    at += *at == ',' ? 1 : 0;
    if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
      return true;
    }
  }
  return false;
}

static uint32_t mount_quota(const char *root, const char *mount, const char *group)
{
  char base[LONGEST_PATH];
  int length = snprintf(base, sizeof base, "%s%s", root, mount);
  bool fits = length >= 0 && (size_t)length < sizeof base;
  return fits ? branch_quota(base, group) : UINT32_MAX;
}

/* One line "4:cpu,cpuacct:/path" of version 1, or "0::/path" of version 2. */
static uint32_t line_quota(char *line, const char *root)
{
  line[strcspn(line, "\n")] = '\0';
  char *controllers = strchr(line, ':');
  char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
  if (group == NULL) {
    return UINT32_MAX;
  }
  *controllers++ = '\0';
  *group++ = '\0';
  const char *mounts[2];
  if (controllers[0] == '\0') {
    mounts[0] = "";
    mounts[1] = "/unified";
  } else if (has_word(controllers, "cpu")) {
    mounts[0] = "/cpu";
    mounts[1] = "/cpu,cpuacct";
  } else {
    return UINT32_MAX;
  }
  uint32_t first = mount_quota(root, mounts[0], group);
  uint32_t second = mount_quota(root, mounts[1], group);
  return first < second ? first : second;
}

uint32_t lm_cpus_quota(const char *groups, const char *root)
{
  FILE *file = fopen(groups, "re");
  if (file == NULL) {
    return UINT32_MAX;
  }
  uint32_t least = UINT32_MAX;
  char line[LONGEST_LINE];
  while (fgets(line, sizeof line, file) != NULL) {
    uint32_t quota = line_quota(line, root);
    least = quota < least ? quota : least;
  }
  (void)fclose(file);
  return least;
}
