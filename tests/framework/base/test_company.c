/* Threads that another keeps off their CPU are brought to a free one, and go back where they could
 * run before. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/company.h"

static const int64_t PATIENCE = 30000000000; /* nanoseconds; a machine may be very busy */

/* A thread that computes, or sleeps, until it is told to end. */
struct partner {
  pthread_t thread;
  struct lm_company company;
  atomic_bool settles, ends;
  bool sleeps;
};

static void doze(void)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void *be_partner(void *arg)
{
  struct partner *partner = arg;
  lm_company_enter(&partner->company);
  while (!atomic_load(&partner->ends)) {
    if (partner->sleeps) {
      doze();
    }
    if (atomic_load(&partner->settles)) {
      lm_company_settle(&partner->company);
    }
  }
  return NULL;
}

static void start(struct partner *partner)
{
  cr_assert_eq(pthread_create(&partner->thread, NULL, be_partner, partner), 0);
  while (atomic_load(&partner->company.thread) == 0) {
    doze();
  }
}

static void end(struct partner *partner)
{
  atomic_store(&partner->ends, true);
  cr_assert_eq(pthread_join(partner->thread, NULL), 0);
}

static void bind_to(pthread_t thread, const int *cpus, int count)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int i = 0; i < count; i++) {
    CPU_SET((size_t)cpus[i], &set);
  }
  cr_assert_eq(pthread_setaffinity_np(thread, sizeof set, &set), 0);
}

static bool may_run_on(pthread_t thread, const int *cpus, int count)
{
  cpu_set_t set;
  cr_assert_eq(pthread_getaffinity_np(thread, sizeof set, &set), 0);
  bool all = CPU_COUNT(&set) == count;
  for (int i = 0; i < count; i++) {
    all = all && CPU_ISSET((size_t)cpus[i], &set);
  }
  return all;
}

static bool two_cpus(int cpus[2])
{
  cpu_set_t set;
  int count = 0;
  cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
  for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++) {
    if (CPU_ISSET((size_t)cpu, &set)) {
      cpus[count++] = cpu;
    }
  }
  return count == 2;
}

/* Three threads that compute on two CPUs, this one on the second: one is kept off before long. */
static bool bring(struct partner *victim, bool stays)
{
  int64_t until = lm_clock_ns() + PATIENCE;
  while (lm_clock_ns() < until) {
    if (lm_company_bring(&victim->company, stays)) {
      return true;
    }
  }
  return false;
}

static void wait_for(struct partner *partner, const int *cpus, int count, const char *what)
{
  int64_t until = lm_clock_ns() + PATIENCE;
  while (!may_run_on(partner->thread, cpus, count) && lm_clock_ns() < until) {
    doze();
  }
  cr_expect(may_run_on(partner->thread, cpus, count), "%s", what);
}

Test(company, who_is_kept_off_comes_here_leaves_and_is_free_again_later)
{
  struct partner busy = {0}, victim = {0};
  int cpus[2];
  if (!two_cpus(cpus)) {
    return; /* there is nowhere to go */
  }
  bind_to(pthread_self(), &cpus[1], 1);
  start(&busy);
  start(&victim);
  bind_to(busy.thread, &cpus[0], 1);
  bind_to(victim.thread, cpus, 2);
  cr_assert(bring(&victim, true), "nobody was brought");
  cr_expect(may_run_on(victim.thread, &cpus[1], 1), "it is bound to this CPU");
  cr_expect(!lm_company_bring(&victim.company, true), "it is not brought twice");
  atomic_store(&victim.settles, true);
  wait_for(&victim, &cpus[0], 1, "it leaves for the other CPU");
  wait_for(&victim, cpus, 2, "some time later it may run on both");
  end(&victim);
  end(&busy);
}

Test(company, who_is_brought_for_a_moment_may_run_where_it_could)
{
  struct partner busy = {0}, victim = {0};
  int cpus[2];
  if (!two_cpus(cpus)) {
    return;
  }
  bind_to(pthread_self(), &cpus[1], 1);
  start(&busy);
  start(&victim);
  bind_to(busy.thread, &cpus[0], 1);
  bind_to(victim.thread, cpus, 2);
  cr_assert(bring(&victim, false), "nobody was brought");
  cr_expect(may_run_on(victim.thread, cpus, 2));
  cr_expect(!atomic_load(&victim.company.brought));
  end(&victim);
  end(&busy);
}

Test(company, who_sleeps_or_is_gone_is_left_alone)
{
  struct partner sleeper = {.sleeps = true};
  struct lm_company nobody = {0};
  cpu_set_t before, after;
  start(&sleeper);
  cr_assert_eq(pthread_getaffinity_np(sleeper.thread, sizeof before, &before), 0);
  int brought = 0;
  for (int i = 0; i < 50; i++) {
    doze();
    brought += lm_company_bring(&sleeper.company, false);
  }
  /* It is ready for a moment each time it wakes up, and may be met then. */
  cr_expect_lt(brought, 50);
  cr_assert_eq(pthread_getaffinity_np(sleeper.thread, sizeof after, &after), 0);
  cr_expect(CPU_EQUAL(&before, &after));
  end(&sleeper);
  cr_expect(!lm_company_bring(&sleeper.company, true), "its thread has ended");
  cr_expect(!lm_company_bring(&nobody, true), "there is no thread yet");
}
