/*
 * Linux has no call that says whether a thread runs at this moment. But the clock of its CPU time
 * stands still when it does not, and /proc tells whether it is ready to. A thread that waits in
 * line is moved by narrowing its affinity, which costs some microseconds and needs no help from
 * the CPU where it waits.
 */
#include "base/company.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

enum { LOOK_NANOSECONDS = 3000, APART_NANOSECONDS = 100000000 };

static _Thread_local int32_t own_number __attribute__((tls_model("initial-exec")));

void lm_company_enter(struct lm_company *own)
{
  if (own_number == 0) {
    own_number = (int32_t)syscall(SYS_gettid);
  }
  if (atomic_load_explicit(&own->thread, memory_order_relaxed) != own_number) {
    atomic_store_explicit(&own->thread, own_number, memory_order_relaxed);
  }
}

/* CPU time of a thread of this process in nanoseconds; -1: there is no such thread. */
static int64_t cpu_time(int32_t thread)
{
  /* The number of a thread's clock, as the system makes it: CPUCLOCK_PERTHREAD, CPUCLOCK_SCHED. */
  clockid_t clock = (clockid_t)(~(uint32_t)thread << 3 | 6u);
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) {
    return -1;
  }
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Whether a thread is ready to run, or runs: its state is an R behind its name in brackets. */
static bool is_ready(int32_t thread)
{
  char path[64], text[128];
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return false;
  }
  ssize_t length = read(file, text, sizeof text - 1);
  (void)close(file);
  text[length < 0 ? 0 : length] = '\0';
  const char *bracket = strrchr(text, ')');
  return bracket != NULL && strncmp(bracket, ") R", 3) == 0;
}

static bool is_kept_off(int32_t thread)
{
  int64_t before = cpu_time(thread);
  int64_t end = lm_clock_ns() + LOOK_NANOSECONDS;
  while (lm_clock_ns() < end) {
    lm_relax();
  }
  return before >= 0 && cpu_time(thread) == before && is_ready(thread);
}

bool lm_company_bring(struct lm_company *other, bool stays)
{
  cpu_set_t usual, here;
  int32_t thread = atomic_load(&other->thread);
  int cpu = sched_getcpu();
  if (thread == 0 || cpu < 0 || cpu >= CPU_SETSIZE || atomic_load(&other->brought) ||
      !is_kept_off(thread) || sched_getaffinity(thread, sizeof usual, &usual) != 0) {
    return false;
  }
  CPU_ZERO(&here);
  CPU_SET((size_t)cpu, &here);
  if (sched_setaffinity(thread, sizeof here, &here) != 0) {
    return false;
  }
  if (!stays) {
    return sched_setaffinity(thread, sizeof usual, &usual) == 0;
  }
  if (!atomic_load(&other->apart)) {
    other->usual = usual;
  }
  atomic_store(&other->brought, true);
  return true;
}

void lm_company_leave(struct lm_company *own)
{
  bool was_brought = atomic_load(&own->brought);
  int cpu = sched_getcpu();
  if (!was_brought && !atomic_load(&own->apart) &&
      sched_getaffinity(0, sizeof own->usual, &own->usual) != 0) {
    return;
  }
  cpu_set_t others = own->usual;
  if (cpu >= 0 && cpu < CPU_SETSIZE) {
    CPU_CLR((size_t)cpu, &others);
  }
  own->since = lm_clock_ns();
  atomic_store(&own->apart, CPU_COUNT(&others) > 0);
  (void)sched_setaffinity(0, sizeof others, CPU_COUNT(&others) > 0 ? &others : &own->usual);
  atomic_store(&own->brought, false);
}

void lm_company_settle(struct lm_company *own)
{
  if (atomic_load_explicit(&own->brought, memory_order_relaxed)) {
    lm_company_leave(own);
  } else if (atomic_load_explicit(&own->apart, memory_order_relaxed) &&
             lm_clock_ns() - own->since > APART_NANOSECONDS) {
    (void)sched_setaffinity(0, sizeof own->usual, &own->usual);
    atomic_store(&own->apart, false);
  }
}
