/*
 * Lists are read strictly: a CPU that is named twice, or that the process may not use, is more
 * likely a mistake than a wish, and threads on a wrong CPU show only in that all is slow.
 *
 * To spread, each CPU gets three numbers: which hardware thread of its core it is, which core of
 * its package, and its package. In this order of weight they sort the CPUs.
 */
#include "base/affinity.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_PATH = 512, LONGEST_LIST = 160 };

/** Where a CPU is. */
struct seat {
  uint32_t thread, core, package; /* core: counted from 0 in the package */
  long core_id;                   /* as the system numbers it */
  uint16_t cpu;
};

/* ---- lists ---- */

/* "0-3,8" for messages; what does not fit ends in dots. */
static void describe(const cpu_set_t *allowed, char out[LONGEST_LIST])
{
  size_t length = 0;
  out[0] = '\0';
  for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    size_t first = cpu;
    while (cpu < CPU_SETSIZE && CPU_ISSET(cpu, allowed)) {
      cpu++;
    }
    if (cpu == first) {
      continue;
    }
    const char *comma = length == 0 ? "" : ",";
    int wrote =
        cpu - first == 1
            ? snprintf(out + length, LONGEST_LIST - length, "%s%zu", comma, first)
            : snprintf(out + length, LONGEST_LIST - length, "%s%zu-%zu", comma, first, cpu - 1);
    if (wrote < 0 || (size_t)wrote >= LONGEST_LIST - length) {
      (void)snprintf(out + LONGEST_LIST - 4, 4, "...");
      return;
    }
    length += (size_t)wrote;
  }
}

/* A CPU's number at *at, which moves behind it; false when there is none. */
static bool read_number(const char **at, uint32_t *number)
{
  size_t digits = strspn(*at, "0123456789");
  if (digits == 0 || digits > 6) {
    return false;
  }
  *number = (uint32_t)strtoul(*at, NULL, 10);
  *at += digits;
  return true;
}

/** A part of a list: first to last in steps. */
struct range {
  uint32_t first, last, step;
};

static bool read_range(const char **at, struct range *range)
{
  if (!read_number(at, &range->first)) {
    return false;
  }
  range->last = range->first;
  range->step = 1;
  if (**at == '-') {
    ++*at;
    if (!read_number(at, &range->last)) {
      return false;
    }
    if (**at == ':') {
      ++*at;
      if (!read_number(at, &range->step)) {
        return false;
      }
    }
  }
  return range->last >= range->first && range->step > 0;
}

static enum lamina_status add_range(const struct range *range, const cpu_set_t *allowed,
                                    cpu_set_t *named, struct lm_affinity *out,
                                    struct lm_error *error)
{
  for (uint32_t cpu = range->first; cpu <= range->last; cpu += range->step) {
    char list[LONGEST_LIST];
    if (cpu >= LM_AFFINITY_CPUS || !CPU_ISSET(cpu, allowed)) {
      describe(allowed, list);
      return lm_fail(error, LAMINA_E_USAGE,
                     "the affinity names CPU %u, which this process may not use; it may use %s",
                     cpu, list);
    }
    if (CPU_ISSET(cpu, named)) {
      return lm_fail(error, LAMINA_E_USAGE, "the affinity names CPU %u twice", cpu);
    }
    CPU_SET(cpu, named);
    out->cpu[out->count++] = (uint16_t)cpu;
  }
  return LAMINA_OK;
}

static enum lamina_status parse_list(const char *text, const cpu_set_t *allowed,
                                     struct lm_affinity *out, struct lm_error *error)
{
  const char *at = text;
  cpu_set_t named;
  struct range range;
  CPU_ZERO(&named);
  for (;;) {
    if (!read_range(&at, &range) || (*at != ',' && *at != '\0')) {
      return lm_fail(error, LAMINA_E_USAGE,
                     "the affinity is '%s', expected none, spread, or a list of CPUs such as "
                     "0,2,4-7 or 0-14:2",
                     text);
    }
    LM_TRY(add_range(&range, allowed, &named, out, error));
    if (*at == '\0') {
      return LAMINA_OK;
    }
    at++;
  }
}

/* ---- spreading ---- */

/* A number from a file of the system; -1 where it tells none. */
static long read_topology(const char *system, uint16_t cpu, const char *name)
{
  char path[LONGEST_PATH];
  long number = 0;
  int length = snprintf(path, sizeof path, "%s/cpu%u/topology/%s", system, cpu, name);
  FILE *file = length < 0 || (size_t)length >= sizeof path ? NULL : fopen(path, "re");
  if (file == NULL) {
    return -1;
  }
  bool got = fscanf(file, "%ld", &number) == 1;
  (void)fclose(file);
  return got ? number : -1;
}

/* The seat of a CPU behind those that have theirs. Where the system does not tell, each CPU
 * counts as a core. */
static void find_seat(const char *system, struct seat *seats, uint32_t count)
{
  struct seat *seat = &seats[count];
  long package = read_topology(system, seat->cpu, "physical_package_id");
  seat->package = package < 0 ? 0 : (uint32_t)package;
  seat->core_id = read_topology(system, seat->cpu, "core_id");
  for (uint32_t i = 0; i < count; i++) {
    if (seats[i].package == seat->package && seats[i].thread == 0) {
      seat->core++;
    }
  }
  for (uint32_t i = 0; i < count && seat->core_id >= 0; i++) {
    if (seats[i].package == seat->package && seats[i].core_id == seat->core_id) {
      seat->thread++;
      seat->core = seats[i].core;
    }
  }
}

static int compare(const void *one, const void *two)
{
  const struct seat *a = one;
  const struct seat *b = two;
  uint32_t left[] = {a->thread, a->core, a->package, a->cpu};
  uint32_t right[] = {b->thread, b->core, b->package, b->cpu};
  for (int i = 0; i < 4; i++) {
    if (left[i] != right[i]) {
      return left[i] < right[i] ? -1 : 1;
    }
  }
  return 0;
}

static void spread(const char *system, const cpu_set_t *allowed, struct lm_affinity *out)
{
  static const struct seat nowhere;
  struct seat seats[LM_AFFINITY_CPUS];
  for (uint16_t cpu = 0; cpu < LM_AFFINITY_CPUS; cpu++) {
    if (CPU_ISSET(cpu, allowed)) {
      seats[out->count] = nowhere;
      seats[out->count].cpu = cpu;
      find_seat(system, seats, out->count++);
    }
  }
  qsort(seats, out->count, sizeof seats[0], compare);
  for (uint32_t i = 0; i < out->count; i++) {
    out->cpu[i] = seats[i].cpu;
  }
}

enum lamina_status lm_affinity_choose(const char *text, const cpu_set_t *allowed,
                                      const char *system, struct lm_affinity *out,
                                      struct lm_error *error)
{
  out->count = 0;
  if (strcmp(text, "none") == 0) {
    return LAMINA_OK;
  }
  if (strcmp(text, "spread") == 0) {
    spread(system, allowed, out);
    return LAMINA_OK;
  }
  return parse_list(text, allowed, out, error);
}

enum lamina_status lm_affinity_parse(const char *text, struct lm_affinity *out,
                                     struct lm_error *error)
{
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 && strcmp(text, "none") != 0) {
    return lm_fail(
        error, LAMINA_E_USAGE,
        "the system does not tell which CPUs may be used (%s), the affinity must be none",
        strerror(errno));
  }
  return lm_affinity_choose(text, &allowed, "/sys/devices/system/cpu", out, error);
}
