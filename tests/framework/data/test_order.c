/*
 * Orders: permutations that depend on seed and epoch alone, without a favourite place; parts
 * that are held out.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "data/order.h"

enum { N = 200 };

static void shuffled(uint64_t seed, uint64_t epoch, int64_t n, int64_t *index)
{
  struct lm_stream stream = lm_stream_make(seed, "shuffle");
  for (int64_t i = 0; i < n; i++) {
    index[i] = i;
  }
  lm_order_shuffle(index, n, &stream, epoch);
}

static bool is_permutation(const int64_t *index, int64_t n)
{
  bool seen[N] = {false};
  for (int64_t i = 0; i < n; i++) {
    if (index[i] < 0 || index[i] >= n || seen[index[i]]) {
      return false;
    }
    seen[index[i]] = true;
  }
  return true;
}

Test(order, a_shuffle_of_any_size_is_a_permutation)
{
  int64_t index[N];
  for (int64_t n = 0; n <= N; n++) {
    shuffled(3, 1, n, index);
    cr_assert(is_permutation(index, n), "%d records", (int)n);
  }
}

Test(order, a_shuffle_depends_on_seed_and_epoch_alone)
{
  int64_t first[N], again[N], epoch[N], seed[N];
  shuffled(3, 1, N, first);
  shuffled(3, 1, N, again);
  shuffled(3, 2, N, epoch);
  shuffled(4, 1, N, seed);
  cr_assert_arr_eq(first, again, sizeof first);
  cr_assert(memcmp(first, epoch, sizeof first) != 0, "two epochs have one order");
  cr_assert(memcmp(first, seed, sizeof first) != 0, "two seeds have one order");
}

/* 24 orders of 4 records, 24000 epochs: chi-square of 23 degrees of freedom is below 49.7 in
 * 999 of 1000 cases. */
Test(order, every_order_is_as_likely_as_any_other)
{
  int count[256] = {0};
  double chi = 0.0;
  int orders = 0;
  for (uint64_t epoch = 0; epoch < 24000; epoch++) {
    int64_t index[4];
    shuffled(1, epoch, 4, index);
    count[index[0] << 6 | index[1] << 4 | index[2] << 2 | index[3]]++;
  }
  for (int i = 0; i < 256; i++) {
    orders += count[i] > 0;
    chi += count[i] > 0 ? (count[i] - 1000.0) * (count[i] - 1000.0) / 1000.0 : 0.0;
  }
  cr_assert_eq(orders, 24);
  cr_assert(chi < 49.7, "chi-square %g", chi);
}

static bool ascends(const int64_t *index, int64_t n)
{
  for (int64_t i = 1; i < n; i++) {
    if (index[i - 1] >= index[i]) {
      return false;
    }
  }
  return true;
}

static int64_t hold_out(int64_t *index, int64_t n, double fraction, uint64_t seed)
{
  for (int64_t i = 0; i < n; i++) {
    index[i] = i;
  }
  return lm_order_hold_out(index, n, fraction, seed);
}

Test(order, the_part_held_out_has_the_size_asked_for)
{
  static const struct {
    int64_t n;
    double fraction;
    int64_t held;
  } cases[] = {{100, 0.2, 20}, {10, 0.25, 3}, {10, 0.24, 2},   {3, 0.5, 2},       {2, 0.5, 1},
               {2, 0.99, 1},   {2, 0.001, 1}, {200, 0.001, 1}, {200, 0.999, 199}, {7, 1.0 / 3, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t index[N];
    int64_t kept = hold_out(index, cases[i].n, cases[i].fraction, 1);
    cr_assert_eq(cases[i].n - kept, cases[i].held, "%g of %d: %d", cases[i].fraction,
                 (int)cases[i].n, (int)(cases[i].n - kept));
    cr_assert(is_permutation(index, cases[i].n), "the parts overlap");
    cr_assert(ascends(index, kept) && ascends(index + kept, cases[i].n - kept));
  }
}

Test(order, the_part_held_out_depends_on_the_seed)
{
  int64_t first[N], again[N], other[N];
  int64_t kept = hold_out(first, N, 0.3, 1);
  (void)hold_out(again, N, 0.3, 1);
  (void)hold_out(other, N, 0.3, 2);
  cr_assert_arr_eq(first, again, sizeof first);
  cr_assert(memcmp(first + kept, other + kept, (size_t)(N - kept) * sizeof *first) != 0);
}

/* Of 400 seeds each record is held out in 120, give or take sqrt(400 0.3 0.7) = 9.2. */
Test(order, every_record_is_held_out_as_often_as_any_other)
{
  int held[N] = {0};
  for (uint64_t seed = 0; seed < 400; seed++) {
    int64_t index[N];
    for (int64_t i = hold_out(index, N, 0.3, seed); i < N; i++) {
      held[index[i]]++;
    }
  }
  for (int i = 0; i < N; i++) {
    cr_assert(held[i] > 70 && held[i] < 170, "record %d was held out %d times", i, held[i]);
  }
}
