/*
 * Batches made ahead: by another thread, with the same records and the same refusals, and
 * nothing that runs on behind the caller's back.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "tests/support/part_probe.h"

enum { RECORDS = 40, BATCH = 4, SLOW_NANOSECONDS = 200000 };

static const int64_t pair[] = {2};

/* What reads of the data set leave behind, and what they are to do. */
static struct {
  int32_t (*read)(void *self, struct lamina_call *call, const int64_t *index, int64_t n);
  struct lm_plugin plugin;
  atomic_int reads, elsewhere, inside, faults;
  pthread_t caller;
  atomic_int hold;    /* reads wait until it is 0 */
  atomic_int quick;   /* reads are not slow after all */
  int64_t bad_record; /* is refused; -1: none */
} slow;

/* The reads of arrays, so slow that they are worth handing over. */
static int32_t read_slowly(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  int64_t end = lm_clock_ns() + (atomic_load(&slow.quick) != 0 ? 0 : SLOW_NANOSECONDS);
  int32_t status = LAMINA_OK;
  atomic_fetch_add(&slow.faults, atomic_fetch_add(&slow.inside, 1) == 0 ? 0 : 1);
  atomic_fetch_add(&slow.elsewhere, pthread_equal(pthread_self(), slow.caller) != 0 ? 0 : 1);
  while (lm_clock_ns() < end || atomic_load(&slow.hold) != 0) {
    (void)sched_yield();
  }
  for (int64_t i = 0; i < n && status == LAMINA_OK; i++) {
    if (index[i] == slow.bad_record) {
      lamina_fail(call, LAMINA_E_INVALID, "record 17 is broken");
      status = LAMINA_E_INVALID;
    }
  }
  if (status == LAMINA_OK) {
    status = slow.read(self, call, index, n);
  }
  atomic_fetch_sub(&slow.inside, 1);
  atomic_fetch_add(&slow.reads, 1);
  return status;
}

static uint8_t bytes[2 * RECORDS];
static int32_t labels[2 * RECORDS];
static int64_t order[RECORDS];

static void open_slow(struct probe *probe, struct probe_data *data, uint32_t threads)
{
  static struct probe_field fields[2];
  for (int i = 0; i < 2 * RECORDS; i++) {
    bytes[i] = (uint8_t)(3 * i);
    labels[i] = 1000 + i;
    order[i / 2] = (i / 2 * 7 + 3) % RECORDS;
  }
  fields[0] = (struct probe_field){
      "input",
      {.dims = pair, .rank = 1, .dt_code = LAMINA_DT_UINT, .dt_bits = 8, .dt_lanes = 1},
      bytes};
  fields[1] = (struct probe_field){"target", lamina_type_i32(1, pair), labels};
  probe_open(probe, 1);
  lm_pool_free(probe->host.pool);
  cr_assert_eq(lm_pool_create(threads, &probe->host.pool, &probe->error), LAMINA_OK);
  probe_data_of(probe, fields, 2, RECORDS, data);
  slow.plugin = *data->dataset->instance->plugin;
  slow.read = slow.plugin.table.dataset.read;
  slow.plugin.table.dataset.read = read_slowly;
  data->dataset->instance->plugin = &slow.plugin;
  atomic_store(&slow.reads, 0);
  atomic_store(&slow.elsewhere, 0);
  slow.caller = pthread_self();
  atomic_store(&slow.quick, 0);
  slow.bad_record = -1;
  probe_expect(probe, probe_data_transform(data, "{scale: {by: 2}}", "input"), LAMINA_OK, "");
  probe_data_load(data, BATCH);
}

static void close_slow(struct probe *probe, struct probe_data *data)
{
  probe_data_close(data);
  probe_close(probe);
  cr_expect_eq(atomic_load(&slow.faults), 0, "an instance was entered twice at once");
}

static enum lamina_status fill(struct probe_data *data, int64_t first, int64_t n)
{
  data->probe->error = (struct lm_error){0};
  return lm_loader_fill(data->loader, order + first, n, true, 0, &data->probe->error);
}

static void announce(struct probe_data *data, int64_t first, int64_t n)
{
  lm_loader_announce(data->loader, order + first, n, true, 0);
}

static void expect_batch(struct probe_data *data, int64_t first, int64_t n)
{
  const float *input = lm_loader_data(data->loader, 0);
  const int32_t *target = lm_loader_data(data->loader, 1);
  for (int64_t i = 0; i < 2 * n; i++) {
    int64_t at = 2 * order[first + i / 2] + i % 2;
    cr_assert_eq(input[i], 2.0f * (float)bytes[at], "record %d of batch %d", (int)i / 2,
                 (int)first / BATCH);
    cr_assert_eq(target[i], labels[at]);
  }
}

static void wait_for_reads(int count)
{
  while (atomic_load(&slow.reads) < count) {
    (void)sched_yield();
  }
}

static void fill_well(struct probe_data *data, int64_t first, int64_t n)
{
  probe_expect(data->probe, fill(data, first, n), LAMINA_OK, "");
  expect_batch(data, first, n);
}

Test(ahead, a_batch_is_made_in_another_thread_while_the_one_before_is_in_use, .timeout = 60)
{
  struct probe probe;
  struct probe_data data;
  open_slow(&probe, &data, 2);
  fill_well(&data, 0, BATCH);
  for (int i = 1; i < RECORDS / BATCH; i++) {
    int64_t n = i % 3 == 0 ? 1 : BATCH;
    announce(&data, i * BATCH, n);
    wait_for_reads(i + 1);
    expect_batch(&data, (i - 1) * BATCH, (i - 1) % 3 == 0 && i > 1 ? 1 : BATCH);
    fill_well(&data, i * BATCH, n);
    cr_assert_eq(atomic_load(&slow.reads), i + 1, "a batch was made twice");
    cr_assert_eq(atomic_load(&slow.elsewhere), i);
  }
  close_slow(&probe, &data);
}

Test(ahead, an_epoch_is_the_same_with_any_number_of_threads)
{
  for (uint32_t threads = 1; threads <= 3; threads++) {
    struct probe probe;
    struct probe_data data;
    open_slow(&probe, &data, threads);
    for (int64_t first = 0; first < RECORDS; first += 3) {
      int64_t next = first + 3;
      fill_well(&data, first, RECORDS - first < 3 ? RECORDS - first : 3);
      if (next < RECORDS) {
        announce(&data, next, RECORDS - next < 3 ? RECORDS - next : 3);
      }
    }
    cr_expect_eq(atomic_load(&slow.reads), (RECORDS + 2) / 3, "%u threads", threads);
    cr_expect(threads > 1 || atomic_load(&slow.elsewhere) == 0, "there is no other thread");
    cr_expect_gt(lm_loader_waited(data.loader), 0.0);
    close_slow(&probe, &data);
  }
}

Test(ahead, a_refusal_arrives_with_the_batch_that_is_refused, .timeout = 60)
{
  char sentence[sizeof((struct lm_error *)NULL)->text] = "";
  for (uint32_t threads = 1; threads <= 2; threads++) {
    struct probe probe;
    struct probe_data data;
    open_slow(&probe, &data, threads);
    slow.bad_record = order[2 * BATCH + 1];
    fill_well(&data, 0, BATCH);
    announce(&data, BATCH, BATCH);
    fill_well(&data, BATCH, BATCH);
    announce(&data, 2 * BATCH, BATCH);
    if (threads > 1) {
      wait_for_reads(3);
    }
    expect_batch(&data, BATCH, BATCH);
    probe_expect(&probe, fill(&data, 2 * BATCH, BATCH), LAMINA_E_INVALID, "record 17 is broken");
    cr_expect(threads == 1 || strcmp(probe.error.text, sentence) == 0, "%s\n%s", probe.error.text,
              sentence);
    (void)snprintf(sentence, sizeof sentence, "%s", probe.error.text);
    fill_well(&data, 3 * BATCH, BATCH);
    close_slow(&probe, &data);
  }
}

Test(ahead, what_was_announced_may_be_dropped, .timeout = 60)
{
  struct probe probe;
  struct probe_data data;
  open_slow(&probe, &data, 2);
  fill_well(&data, 0, BATCH);
  for (int i = 0; i < 20; i++) {
    int reads = atomic_load(&slow.reads);
    announce(&data, 4, BATCH);
    wait_for_reads(i % 2 == 0 ? reads + 1 : 0);
    switch (i % 5) {
      case 0: /* other records, less of them, or in another mode */
        fill_well(&data, 8, BATCH);
        break;
      case 1:
        fill_well(&data, 4, BATCH - 1);
        break;
      case 2:
        announce(&data, 12, BATCH);
        fill_well(&data, 12, BATCH);
        break;
      case 3:
        lm_loader_settle(data.loader);
        cr_assert_eq(atomic_load(&slow.inside), 0);
        fill_well(&data, 4, BATCH);
        break;
      default: /* fitting goes through the data itself */
        probe_expect(&probe, probe_data_fit(&data, 8), LAMINA_OK, "");
        break;
    }
  }
  announce(&data, 4, BATCH); /* and the loader goes with that on the way */
  close_slow(&probe, &data);
  cr_expect_eq(atomic_load(&slow.inside), 0);
}

Test(ahead, a_batch_that_turns_out_quick_is_made_once_all_the_same, .timeout = 60)
{
  const struct timespec pause = {.tv_nsec = 2000000};
  struct probe probe;
  struct probe_data data;
  open_slow(&probe, &data, 2);
  for (int i = 0; i < 5; i++) {
    atomic_store(&slow.quick, 0);
    fill_well(&data, 0, BATCH); /* a loader's first batch is timed */
    atomic_store(&slow.quick, 1);
    announce(&data, BATCH, BATCH);
    wait_for_reads(2 * i + 2);
    (void)nanosleep(&pause, NULL); /* so that its time is known */
    fill_well(&data, BATCH, BATCH);
    cr_assert_eq(atomic_load(&slow.reads), 2 * i + 2, "the batch was made twice");
    lm_loader_free(data.loader);
    probe_data_load(&data, BATCH);
  }
  close_slow(&probe, &data);
}

static void *release_later(void *arg)
{
  (void)arg;
  int64_t end = lm_clock_ns() + 50000000;
  while (lm_clock_ns() < end) {
    (void)sched_yield();
  }
  atomic_store(&slow.hold, 0);
  return NULL;
}

/* The caller sleeps here, longer than it spins. */
Test(ahead, the_caller_waits_for_a_batch_that_is_late, .timeout = 60)
{
  struct probe probe;
  struct probe_data data;
  pthread_t thread;
  open_slow(&probe, &data, 2);
  fill_well(&data, 0, BATCH);
  atomic_store(&slow.hold, 1);
  announce(&data, BATCH, BATCH);
  while (atomic_load(&slow.inside) == 0) {
    (void)sched_yield();
  }
  double before = lm_loader_waited(data.loader);
  cr_assert_eq(pthread_create(&thread, NULL, release_later, NULL), 0);
  fill_well(&data, BATCH, BATCH);
  cr_expect_gt(lm_loader_waited(data.loader) - before, 0.005);
  cr_assert_eq(pthread_join(thread, NULL), 0);
  close_slow(&probe, &data);
}

Test(ahead, making_batches_allocates_nothing, .timeout = 60)
{
  struct probe probe;
  struct probe_data data;
  open_slow(&probe, &data, 2);
  lm_alloc_fail_after(0, true);
  for (int64_t first = 0; first < RECORDS; first += BATCH) {
    fill_well(&data, first, BATCH);
    if (first + BATCH < RECORDS) {
      announce(&data, first + BATCH, BATCH);
    }
  }
  lm_alloc_fail_after(-1, false);
  close_slow(&probe, &data);
}

Test(ahead, a_lack_of_memory_for_the_second_batch_is_a_sentence)
{
  struct probe probe;
  struct probe_data data;
  open_slow(&probe, &data, 2);
  lm_loader_free(data.loader);
  data.loader = NULL;
  enum lamina_status status = LAMINA_E_NOMEM;
  for (int64_t n = 0; status == LAMINA_E_NOMEM; n++) {
    cr_assert_lt(n, 100);
    lm_alloc_fail_after(n, false);
    status = lm_loader_create(data.dataset, &data.transforms, BATCH, &data.loader, &probe.error);
    lm_alloc_fail_after(-1, false);
  }
  probe_expect(&probe, status, LAMINA_OK, "");
  fill_well(&data, 0, BATCH);
  close_slow(&probe, &data);
}
