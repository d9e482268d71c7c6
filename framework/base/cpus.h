/*
 * How many CPUs this process may use. Internal to base: pool.c and its tests. Floor 0.
 */
#ifndef LM_BASE_CPUS_H
#define LM_BASE_CPUS_H

#include <stdint.h>

/** CPUs in the calling thread's affinity mask; at least 1. */
uint32_t lm_cpus_affinity(void);

/**
 * The quota of the process's control groups in CPUs, rounded up.
 * @param groups  a file such as /proc/self/cgroup
 * @param root    where control groups are mounted, such as /sys/fs/cgroup
 * @return at least 1; UINT32_MAX when nothing limits it
 */
uint32_t lm_cpus_quota(const char *groups, const char *root);

#endif
