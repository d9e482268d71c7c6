/* Allocation: zeroed, aligned, checked, and failing when a test says so. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/memory.h"

static bool all_zero(const char *bytes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (bytes[i] != 0) {
      return false;
    }
  }
  return true;
}

Test(memory, allocations_are_zeroed_and_never_empty)
{
  char *plain = lm_alloc(10, 7);
  char *none = lm_alloc(0, 0);
  cr_assert(plain != NULL && none != NULL);
  cr_assert(all_zero(plain, 70));
  lm_free(plain);
  lm_free(none);
  lm_free(NULL);
}

Test(memory, aligned_allocations_are_aligned_and_zeroed)
{
  static const size_t sizes[] = {0, 1, 63, 64, 65, 4097};
  for (size_t alignment = 64; alignment <= 4096; alignment *= 8) {
    for (int i = 0; i < 6; i++) {
      char *memory = lm_alloc_aligned(sizes[i], alignment);
      cr_assert_not_null(memory);
      cr_assert_eq((uintptr_t)memory % alignment, 0);
      cr_assert(all_zero(memory, sizes[i]));
      lm_free(memory);
    }
  }
}

Test(memory, products_that_wrap_are_refused)
{
  volatile size_t half = SIZE_MAX / 2;
  cr_assert_null(lm_alloc(half, 3));
  cr_assert_null(lm_alloc_aligned(SIZE_MAX - 10, 64));
  void *items = NULL;
  size_t capacity = 0;
  cr_assert_not(lm_grow(&items, &capacity, half, 16));
  cr_assert_not(lm_grow(&items, &capacity, SIZE_MAX, 1));
  cr_assert(items == NULL && capacity == 0);
}

Test(memory, growing_keeps_what_is_there_and_zeroes_the_rest)
{
  void *items = NULL;
  size_t capacity = 0;
  for (size_t need = 1; need <= 1000; need++) {
    cr_assert(lm_grow(&items, &capacity, need, sizeof(int)));
    cr_assert_geq(capacity, need);
    int *numbers = items;
    cr_assert_eq(numbers[need - 1], 0);
    numbers[need - 1] = (int)need;
  }
  for (int i = 0; i < 1000; i++) {
    cr_assert_eq(((int *)items)[i], i + 1);
  }
  lm_alloc_fail_after(0, false);
  size_t before = capacity;
  cr_assert_not(lm_grow(&items, &capacity, capacity + 1, sizeof(int)));
  cr_assert_eq(capacity, before);
  cr_assert_eq(((int *)items)[999], 1000);
  lm_free(items);
}

Test(memory, copies_and_formats_are_texts_of_their_own)
{
  char *copy = lm_copy_text("abc");
  char *part = lm_copy_bytes("abcdef", 4);
  char *empty = lm_copy_bytes(NULL, 0);
  char *text = lm_format("%s-%d", "x", 12);
  cr_assert_str_eq(copy, "abc");
  cr_assert_str_eq(part, "abcd");
  cr_assert_str_eq(empty, "");
  cr_assert_str_eq(text, "x-12");
  lm_free(copy);
  lm_free(part);
  lm_free(empty);
  lm_free(text);
}

Test(memory, the_chosen_allocation_fails_once_or_from_then_on)
{
  lm_alloc_fail_after(2, false);
  bool got[5];
  for (int i = 0; i < 5; i++) {
    char *memory = lm_alloc(1, 1);
    got[i] = memory != NULL;
    lm_free(memory);
  }
  cr_assert(got[0] && got[1] && !got[2] && got[3] && got[4]);
  lm_alloc_fail_after(1, true);
  for (int i = 0; i < 5; i++) {
    char *memory = lm_alloc_aligned(1, 64);
    got[i] = memory != NULL;
    lm_free(memory);
  }
  lm_alloc_fail_after(-1, false);
  cr_assert(got[0] && !got[1] && !got[2] && !got[3] && !got[4]);
  lm_alloc_fail_after(0, true);
  char *copy = lm_copy_text("x");
  char *text = lm_format("x");
  lm_alloc_fail_after(-1, false);
  cr_assert(copy == NULL && text == NULL);
}

Test(memory, arithmetic_tells_when_it_would_wrap)
{
  int64_t i;
  size_t s;
  cr_assert(lm_add_i64(INT64_MAX - 1, 1, &i) && i == INT64_MAX);
  cr_assert_not(lm_add_i64(INT64_MAX, 1, &i));
  cr_assert(lm_mul_i64(1ll << 31, 1ll << 31, &i) && i == 1ll << 62);
  cr_assert_not(lm_mul_i64(1ll << 32, 1ll << 31, &i));
  cr_assert_not(lm_mul_i64(INT64_MIN, -1, &i));
  cr_assert(lm_add_size(SIZE_MAX - 1, 1, &s) && s == SIZE_MAX);
  cr_assert_not(lm_add_size(SIZE_MAX, 1, &s));
  cr_assert(lm_mul_size(1u << 31, 2, &s) && s == (size_t)1 << 32);
  cr_assert_not(lm_mul_size(SIZE_MAX, 2, &s));
  cr_assert_eq(lm_round_up(65, 64), 128);
  cr_assert_eq(lm_round_up(64, 64), 64);
  cr_assert_eq(lm_round_up(0, 64), 0);
}
