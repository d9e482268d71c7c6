/* Every chunk exactly once, at any number of threads, and what comes back from it. */
#include <criterion/criterion.h>
#include <fenv.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/memory.h"
#include "base/pool.h"

enum { MOST = 5000, LANES = 64 };

static const uint32_t thread_counts[] = {1, 2, 4, 8, 33};
enum { COUNTS = sizeof thread_counts / sizeof thread_counts[0] };

/* What a loop's bodies leave behind. */
struct record {
  struct lm_pool *pool;
  atomic_int visits[MOST];
  atomic_int in_lane[LANES]; /* bodies running in a lane now */
  atomic_int faults;
  int64_t n, grain;
  int64_t fails_from; /* chunks from here on fail with -100 - chunk */
};

static struct lm_pool *pool_of(uint32_t threads)
{
  struct lm_pool *pool;
  struct lm_error error = {0};
  cr_assert_eq(lm_pool_create(threads, &pool, &error), LAMINA_OK, "%s", error.text);
  cr_assert_eq(lm_pool_threads(pool), threads);
  return pool;
}

static int32_t visit(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  struct record *record = arg;
  bool shape = begin % record->grain == 0 && end - begin <= record->grain && end > begin &&
               (end == record->n || end - begin == record->grain);
  bool lane_free = lane < LANES && atomic_fetch_add(&record->in_lane[lane], 1) == 0;
  atomic_fetch_add(&record->faults, shape && lane_free ? 0 : 1);
  for (int64_t i = begin; i < end; i++) {
    atomic_fetch_add(&record->visits[i], 1);
  }
  atomic_fetch_sub(&record->in_lane[lane], 1);
  int64_t chunk = begin / record->grain;
  return chunk >= record->fails_from ? -100 - (int32_t)chunk : LAMINA_OK;
}

static struct record *record_of(struct lm_pool *pool, int64_t n, int64_t grain)
{
  struct record *record = lm_alloc(1, sizeof *record);
  *record = (struct record){.pool = pool, .n = n, .grain = grain, .fails_from = INT64_MAX};
  return record;
}

Test(pool, every_index_is_visited_once_in_chunks_of_the_grain)
{
  static const int64_t loops[][2] = {{1, 1},   {2, 1},    {7, 3},      {1000, 1},
                                     {64, 8},  {65, 8},   {MOST, 17},  {MOST, MOST},
                                     {10, 99}, {MOST, 1}, {MOST, 1024}};
  for (int t = 0; t < COUNTS; t++) {
    struct lm_pool *pool = pool_of(thread_counts[t]);
    for (size_t l = 0; l < sizeof loops / sizeof loops[0]; l++) {
      struct record *record = record_of(pool, loops[l][0], loops[l][1]);
      cr_assert_eq(lm_pool_run(pool, record->n, record->grain, visit, record), LAMINA_OK);
      for (int64_t i = 0; i < MOST; i++) {
        cr_assert_eq(atomic_load(&record->visits[i]), i < record->n ? 1 : 0);
      }
      cr_assert_eq(atomic_load(&record->faults), 0);
      lm_free(record);
    }
    lm_pool_free(pool);
  }
}

static int32_t count(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  atomic_fetch_add((atomic_llong *)arg, end - begin);
  return LAMINA_OK;
}

Test(pool, many_short_loops_in_a_row_lose_nothing)
{
  for (int t = 0; t < COUNTS; t++) {
    struct lm_pool *pool = pool_of(thread_counts[t]);
    for (int round = 0; round < 3000; round++) {
      atomic_llong sum = 0;
      int64_t n = 1 + round % 9;
      cr_assert_eq(lm_pool_run(pool, n, 1, count, &sum), LAMINA_OK);
      cr_assert_eq(atomic_load(&sum), n);
    }
    lm_pool_free(pool);
  }
}

Test(pool, sleeping_workers_wake_up)
{
  struct lm_pool *pool = pool_of(3);
  for (int round = 0; round < 20; round++) {
    atomic_llong sum = 0;
    const struct timespec pause = {.tv_nsec = 1000000};
    (void)nanosleep(&pause, NULL);
    cr_assert_eq(lm_pool_run(pool, 50, 1, count, &sum), LAMINA_OK);
    cr_assert_eq(atomic_load(&sum), 50);
  }
  lm_pool_free(pool);
}

Test(pool, an_empty_loop_does_nothing_and_a_grain_of_zero_is_one)
{
  struct lm_pool *pool = pool_of(2);
  atomic_llong sum = 0;
  cr_assert_eq(lm_pool_run(pool, 0, 1, count, &sum), LAMINA_OK);
  cr_assert_eq(lm_pool_run(pool, -5, 1, count, &sum), LAMINA_OK);
  cr_assert_eq(atomic_load(&sum), 0);
  cr_assert_eq(lm_pool_run(pool, 3, 0, count, &sum), LAMINA_OK);
  cr_assert_eq(atomic_load(&sum), 3);
  lm_pool_free(pool);
}

Test(pool, the_lowest_failed_chunk_gives_the_status)
{
  for (int t = 0; t < COUNTS; t++) {
    struct lm_pool *pool = pool_of(thread_counts[t]);
    for (int round = 0; round < 300; round++) {
      struct record *record = record_of(pool, 400, 2);
      record->fails_from = round % 200;
      int32_t status = lm_pool_run(pool, record->n, record->grain, visit, record);
      cr_assert_eq(status, -100 - round % 200, "%d threads gave %d", (int)thread_counts[t],
                   (int)status);
      for (int64_t i = 0; i < 2 * record->fails_from; i++) {
        cr_assert_eq(atomic_load(&record->visits[i]), 1, "a chunk before the failure");
      }
      /* The failure does not stay. */
      record->fails_from = INT64_MAX;
      cr_assert_eq(lm_pool_run(pool, record->n, record->grain, visit, record), LAMINA_OK);
      lm_free(record);
    }
    lm_pool_free(pool);
  }
}

struct nest {
  struct lm_pool *pool;
  uint32_t lane;
  atomic_llong *sum;
  atomic_int *faults;
};

static int32_t inner(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct nest *nest = arg;
  atomic_fetch_add(nest->faults, lane == nest->lane ? 0 : 1);
  atomic_fetch_add(nest->sum, end - begin);
  return LAMINA_OK;
}

static int32_t outer(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)begin, (void)end;
  struct nest nest = *(struct nest *)arg;
  nest.lane = lane;
  return lm_pool_run(nest.pool, 10, 1, inner, &nest);
}

Test(pool, a_loop_inside_a_loop_stays_in_its_lane)
{
  for (int t = 0; t < COUNTS; t++) {
    for (int64_t n = 1; n < 200; n += 66) {
      struct lm_pool *pool = pool_of(thread_counts[t]);
      atomic_llong sum = 0;
      atomic_int faults = 0;
      struct nest nest = {.pool = pool, .sum = &sum, .faults = &faults};
      cr_assert_eq(lm_pool_run(pool, n, 1, outer, &nest), LAMINA_OK);
      cr_assert_eq(atomic_load(&sum), 10 * n);
      cr_assert_eq(atomic_load(&faults), 0);
      lm_pool_free(pool);
    }
  }
}

static int32_t check_rounding(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)begin, (void)end, (void)lane;
  volatile float one = 1.0f;
  volatile float tiny = 1e-20f;
  bool up = one + tiny > 1.0f;
  const struct timespec pause = {.tv_nsec = 100000};
  (void)nanosleep(&pause, NULL); /* so that every thread gets a chunk */
  return up == *(const bool *)arg ? LAMINA_OK : LAMINA_E_INTERNAL;
}

Test(pool, every_thread_rounds_as_the_caller_does)
{
  struct lm_pool *pool = pool_of(4);
  for (int round = 0; round < 6; round++) {
    bool up = round % 2 == 0;
    cr_assert_eq(fesetround(up ? FE_UPWARD : FE_TONEAREST), 0);
    int32_t status = lm_pool_run(pool, 20, 1, check_rounding, &up);
    (void)fesetround(FE_TONEAREST);
    cr_assert_eq(status, LAMINA_OK);
  }
  lm_pool_free(pool);
}

/* ---- work beside the loops ---- */

/* What the work finds. */
struct aside {
  struct lm_pool *pool;
  atomic_int runs, faults;
  atomic_bool wait, ran;
};

static int32_t count_here(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)begin, (void)end;
  return lane == *(uint32_t *)arg ? LAMINA_OK : LAMINA_E_INTERNAL;
}

static void beside(void *arg, uint32_t lane)
{
  struct aside *aside = arg;
  bool nested = lm_pool_run(aside->pool, 10, 1, count_here, &lane) == LAMINA_OK;
  volatile float one = 1.0f;
  volatile float tiny = 1e-20f;
  while (atomic_load(&aside->wait)) {
    (void)sched_yield();
  }
  atomic_fetch_add(&aside->faults, nested && lane > 0 && one + tiny > 1.0f ? 0 : 1);
  atomic_fetch_add(&aside->runs, 1);
  atomic_store(&aside->ran, true);
}

Test(pool, work_beside_the_loops_runs_once_or_is_taken_back)
{
  cr_assert_eq(fesetround(FE_UPWARD), 0);
  for (int t = 0; t < COUNTS; t++) {
    struct aside aside = {.pool = pool_of(thread_counts[t])};
    int taken_back = 0;
    for (int64_t i = 0; i < 2000; i++) {
      atomic_llong sum = 0;
      bool offered = lm_pool_offer(aside.pool, beside, &aside, i % 3 == 0);
      cr_assert_eq(offered, thread_counts[t] > 1);
      cr_assert_not(lm_pool_offer(aside.pool, beside, &aside, true), "two at once");
      cr_assert_eq(lm_pool_run(aside.pool, i % 9, 1, count, &sum), LAMINA_OK);
      taken_back += offered && lm_pool_take_back(aside.pool) ? 1 : 0;
    }
    cr_assert_eq(atomic_load(&aside.runs) + taken_back, thread_counts[t] > 1 ? 2000 : 0);
    cr_assert_eq(atomic_load(&aside.faults), 0);
    lm_pool_free(aside.pool);
  }
  (void)fesetround(FE_TONEAREST);
}

Test(pool, loops_go_on_while_a_worker_is_busy_beside_them, .timeout = 60)
{
  struct aside aside = {.pool = pool_of(3), .wait = true};
  const struct timespec pause = {.tv_nsec = 2000000};
  cr_assert_eq(fesetround(FE_UPWARD), 0);
  for (int i = 0; i < 20; i++) {
    atomic_llong sum = 0;
    atomic_store(&aside.wait, true);
    atomic_store(&aside.ran, false);
    (void)nanosleep(&pause, NULL); /* so that the workers sleep, and one is woken */
    cr_assert(lm_pool_offer(aside.pool, beside, &aside, true));
    cr_assert_eq(lm_pool_run(aside.pool, 1000, 1, count, &sum), LAMINA_OK);
    cr_assert_eq(atomic_load(&sum), 1000);
    atomic_store(&aside.wait, false);
    while (i % 2 == 0 && !atomic_load(&aside.ran)) {
      (void)sched_yield();
    }
    bool taken_back = lm_pool_take_back(aside.pool);
    cr_assert_eq(taken_back, !atomic_load(&aside.ran));
  }
  cr_assert_eq(atomic_load(&aside.faults), 0);
  (void)fesetround(FE_TONEAREST);
  lm_pool_free(aside.pool);
}

Test(pool, a_loop_allocates_nothing)
{
  struct lm_pool *pool = pool_of(4);
  atomic_llong sum = 0;
  lm_alloc_fail_after(0, true);
  int32_t status = lm_pool_run(pool, 1000, 1, count, &sum);
  lm_alloc_fail_after(-1, false);
  cr_assert_eq(status, LAMINA_OK);
  lm_pool_free(pool);
}

Test(pool, wrong_sizes_and_lack_of_memory_are_sentences)
{
  static const uint32_t wrong[] = {0, 1025, UINT32_MAX};
  for (int i = 0; i < 3; i++) {
    struct lm_pool *pool = (struct lm_pool *)1;
    struct lm_error error = {0};
    cr_assert_eq(lm_pool_create(wrong[i], &pool, &error), LAMINA_E_USAGE);
    cr_assert_null(pool);
    cr_assert_not_null(strstr(error.text, "1 to 1024"));
  }
  for (int64_t i = 0; i < 2; i++) {
    struct lm_pool *pool;
    struct lm_error error = {0};
    lm_alloc_fail_after(i, false);
    enum lamina_status status = lm_pool_create(2, &pool, &error);
    lm_alloc_fail_after(-1, false);
    cr_assert_eq(status, LAMINA_E_NOMEM);
    cr_assert_null(pool);
  }
  lm_pool_free(NULL);
}

Test(pool, default_threads_follow_the_affinity_mask)
{
  cpu_set_t before;
  cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
  cr_assert(lm_pool_default_threads() >= 1);
  cr_assert(lm_pool_default_threads() <= (uint32_t)CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++) {
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
    }
  }
  cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
  cr_assert_eq(lm_cpus_affinity(), 1);
  cr_assert_eq(lm_pool_default_threads(), 1);
}

/* ---- CPUs ---- */

static int32_t note_cpu(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  atomic_int *seen = arg;
  const struct timespec pause = {.tv_nsec = 1000000};
  (void)end;
  atomic_store(&seen[lane], sched_getcpu() + 1);
  (void)nanosleep(&pause, NULL); /* so that every thread gets a chunk */
  return begin < 0 ? LAMINA_E_INTERNAL : LAMINA_OK;
}

Test(pool, each_thread_stays_on_its_cpu)
{
  cpu_set_t before;
  cpu_set_t after;
  struct lm_affinity all;
  struct lm_error error = {0};
  cr_assert_eq(lm_affinity_parse("spread", &all, &error), LAMINA_OK, "%s", error.text);
  cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
  cr_assert_eq(all.count, (uint32_t)CPU_COUNT(&before));
  for (uint32_t shift = 0; shift < 2; shift++) {
    struct lm_affinity affinity = {.count = all.count};
    atomic_int seen[5] = {0};
    struct lm_pool *pool;
    for (uint32_t i = 0; i < all.count; i++) {
      affinity.cpu[i] = all.cpu[(i + shift) % all.count];
    }
    cr_assert_eq(lm_pool_create_on(5, &affinity, &pool, &error), LAMINA_OK, "%s", error.text);
    cr_assert_eq(lm_pool_run(pool, 200, 1, note_cpu, seen), LAMINA_OK);
    for (uint32_t lane = 0; lane < 5; lane++) {
      int cpu = atomic_load(&seen[lane]) - 1;
      cr_expect(cpu == -1 || cpu == affinity.cpu[lane % affinity.count], "lane %u on CPU %d", lane,
                cpu);
    }
    cr_expect_neq(atomic_load(&seen[0]), 0);
    cr_expect_neq(atomic_load(&seen[1]), 0);
    lm_pool_free(pool);
    cr_assert_eq(sched_getaffinity(0, sizeof after, &after), 0);
    cr_expect(CPU_EQUAL(&before, &after), "the caller has lost its CPUs");
  }
}

/* Notes which lanes had a chunk, and lets other threads run meanwhile. */
static int32_t note_lane(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  atomic_uint *lanes = arg;
  (void)begin, (void)end;
  atomic_fetch_or(lanes, 1u << lane);
  (void)usleep(20);
  return LAMINA_OK;
}

/* With one CPU for six threads, loops are the caller's alone once the others have gone to sleep. */
Test(pool, threads_without_a_cpu_are_left_asleep)
{
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET((size_t)sched_getcpu(), &one);
  cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
  struct lm_pool *pool = pool_of(6);
  int alone = 0;
  for (int round = 0; round < 2000 && alone < 20; round++) {
    atomic_uint lanes = 0;
    cr_assert_eq(lm_pool_run(pool, 50, 1, note_lane, &lanes), LAMINA_OK);
    alone = lanes == 1 ? alone + 1 : 0;
  }
  cr_expect_eq(alone, 20, "others were woken again and again");
  lm_pool_free(pool);
}

/* Control groups as files below a folder of the test's own. */
struct tree {
  char root[64];
};

static void put(const struct tree *tree, const char *name, const char *content)
{
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", tree->root, name);
  for (char *slash = strchr(path + strlen(tree->root) + 1, '/'); slash != NULL;
       slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    (void)mkdir(path, 0700);
    *slash = '/';
  }
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file);
  cr_assert_geq(fputs(content, file), 0);
  cr_assert_eq(fclose(file), 0);
}

static const struct {
  const char *groups;
  const char *files[6]; /* name and content by turns */
  uint32_t quota;
} limits[] = {
    {"0::/a/b\n", {"a/b/cpu.max", "150000 100000\n"}, 2},
    {"0::/a/b\n", {"a/b/cpu.max", "max 100000\n", "a/cpu.max", "300000 100000\n"}, 3},
    {"0::/a/b\n", {"a/b/cpu.max", "max 100000\n"}, UINT32_MAX},
    {"0::/not/here\n", {"cpu.max", "100000 100000\n"}, 1},
    {"0::/\n", {"unified/cpu.max", "50000 100000\n"}, 1},
    {"3:cpu,cpuacct:/x\n",
     {"cpu/x/cpu.cfs_quota_us", "400000\n", "cpu/x/cpu.cfs_period_us", "100000\n"},
     4},
    {"3:cpuacct,cpu:/x\n",
     {"cpu,cpuacct/cpu.cfs_quota_us", "250000\n", "cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
     3},
    {"3:cpu:/x\n",
     {"cpu/x/cpu.cfs_quota_us", "-1\n", "cpu/x/cpu.cfs_period_us", "100000\n"},
     UINT32_MAX},
    {"3:cpuset:/x\n", {"cpu/x/cpu.max", "100000 100000\n"}, UINT32_MAX},
    {"nonsense\n", {"cpu.max", "nonsense\n"}, UINT32_MAX},
};

Test(pool, control_group_quotas_of_both_versions_are_read)
{
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    struct tree tree = {"/tmp/lamina-cpus-XXXXXX"};
    cr_assert_not_null(mkdtemp(tree.root));
    put(&tree, "groups", limits[i].groups);
    for (int f = 0; f < 6 && limits[i].files[f] != NULL; f += 2) {
      put(&tree, limits[i].files[f], limits[i].files[f + 1]);
    }
    char groups[128];
    char command[128];
    (void)snprintf(groups, sizeof groups, "%s/groups", tree.root);
    uint32_t quota = lm_cpus_quota(groups, tree.root);
    (void)snprintf(command, sizeof command, "rm -r %s", tree.root);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(quota, limits[i].quota, "case %d: %u", (int)i, quota);
  }
  cr_assert_eq(lm_cpus_quota("/no/such/file", "/"), UINT32_MAX);
}

/* Which chunk ran when, and in which lane. */
struct order {
  int64_t chunks[97];
  uint32_t lanes[97];
  int64_t count, fails_from;
};

static int32_t note_order(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  struct order *order = arg;
  (void)end;
  order->chunks[order->count] = begin / 3;
  order->lanes[order->count++] = lane;
  return begin / 3 >= order->fails_from ? -1 - (int32_t)(begin / 3) : LAMINA_OK;
}

Test(pool, a_shuffled_pool_runs_each_chunk_once_out_of_order_on_its_lanes)
{
  for (uint64_t seed = 0; seed < 8; seed++) {
    struct order order = {.fails_from = INT64_MAX};
    struct lm_pool *pool;
    bool seen[97] = {false};
    uint32_t lanes = 0;
    int64_t inversions = 0;
    cr_assert_eq(lm_pool_create_shuffled(8, seed, &pool, NULL), LAMINA_OK);
    cr_assert_eq(lm_pool_run(pool, 97 * 3 - 1, 3, note_order, &order), LAMINA_OK);
    cr_assert_eq(order.count, 97);
    for (int i = 0; i < 97; i++) {
      cr_assert_not(seen[order.chunks[i]]);
      cr_assert_lt(order.lanes[i], 8);
      seen[order.chunks[i]] = true;
      lanes |= 1u << order.lanes[i];
      inversions += i > 0 && order.chunks[i] < order.chunks[i - 1];
    }
    cr_expect_gt(inversions, 0);
    cr_expect_eq(lanes, 0xff);
    order.count = 0;
    order.fails_from = 5;
    cr_expect_eq(lm_pool_run(pool, 97 * 3, 3, note_order, &order), -6, "the lowest one counts");
    lm_pool_free(pool);
  }
}
