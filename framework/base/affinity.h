/*
 * Which CPUs threads are to stay on, from what the user writes. Only CPUs that the process may
 * use come into question: the mask of its affinity, which control groups narrow too. Floor 0.
 */
#ifndef LM_BASE_AFFINITY_H
#define LM_BASE_AFFINITY_H

#include <sched.h>
#include <stdint.h>

#include "base/error.h"

enum { LM_AFFINITY_CPUS = 1024 };

/** Thread i goes to cpu[i % count]; count 0: threads go where the system puts them. */
struct lm_affinity {
  uint32_t count;
  uint16_t cpu[LM_AFFINITY_CPUS];
};

/**
 * Reads `none`; `spread`, one CPU of each core first and then their further hardware threads,
 * packages by turns; or a list as taskset and cpusets write it, `0,2,4-7` or `0-14:2`.
 * @return LAMINA_E_USAGE for other texts, and for CPUs that the process may not use
 */
enum lamina_status lm_affinity_parse(const char *text, struct lm_affinity *out,
                                     struct lm_error *error) LM_MUST_CHECK;

/**
 * The same for other CPUs than those of this process.
 * @param system  where the system tells of its CPUs, such as /sys/devices/system/cpu
 */
enum lamina_status lm_affinity_choose(const char *text, const cpu_set_t *allowed,
                                      const char *system, struct lm_affinity *out,
                                      struct lm_error *error) LM_MUST_CHECK;

#endif
