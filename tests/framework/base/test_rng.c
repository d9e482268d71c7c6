/* Philox against published vectors; streams against one block at a time. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/rng.h"

/* From the authors' own list of known answers (Random123, kat_vectors). */
static const struct {
  uint32_t counter[4], key[2], out[4];
} known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

enum { LONGEST = 200 };

/* The word as the header defines it. */
static uint32_t word_at(const struct lm_stream *stream, uint64_t step, uint32_t purpose,
                        uint64_t word)
{
  uint64_t block = word / 4;
  const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)step,
                               (uint32_t)(step >> 32) << 8 | purpose};
  uint32_t out[4];
  lm_philox4x32(counter, stream->key, out);
  return out[word % 4];
}

static void check_range(uint64_t step, uint32_t purpose, uint64_t first, uint64_t n)
{
  const struct lm_stream stream = {.key = {0x12345678, 0x9abcdef0}};
  uint32_t words[LONGEST + 2];
  memset(words, 0xee, sizeof words);
  lm_stream_fill(&stream, step, purpose, first, n, words + 1);
  cr_assert_eq(words[0], 0xeeeeeeee);
  cr_assert_eq(words[n + 1], 0xeeeeeeee, "wrote beyond %d words", (int)n);
  for (uint64_t i = 0; i < n; i++) {
    cr_assert_eq(words[i + 1], word_at(&stream, step, purpose, first + i),
                 "word %llu of %llu from %llu", (unsigned long long)i, (unsigned long long)n,
                 (unsigned long long)first);
  }
}

Test(rng, philox_gives_the_known_answers)
{
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    uint32_t out[4];
    lm_philox4x32(known[i].counter, known[i].key, out);
    cr_assert_arr_eq(out, known[i].out, sizeof out, "vector %d", (int)i);
  }
}

Test(rng, a_run_of_words_is_the_same_from_any_start)
{
  for (uint64_t first = 0; first < 9; first++) {
    for (uint64_t n = 0; n < LONGEST; n += n < 40 ? 1 : 13) {
      check_range(3, 7, first, n);
    }
  }
}

Test(rng, the_counter_carries_into_its_second_word)
{
  static const uint64_t starts[] = {(1ull << 34) - 70, (1ull << 34) - 1, (1ull << 50) + 3};
  for (int i = 0; i < 3; i++) {
    check_range((1ull << 56) - 1, 255, starts[i], LONGEST);
  }
}

Test(rng, streams_differ_by_seed_name_step_and_purpose)
{
  const struct lm_stream streams[] = {
      lm_stream_make(0, "a"),  lm_stream_make(UINT64_MAX, "a"),   lm_stream_make(0, "b"),
      lm_stream_make(0, ""),   lm_stream_make(1ull << 32, "a"),   lm_stream_make(1, "a"),
      lm_stream_make(0, "ab"), lm_stream_make(0, "node/dropout"),
  };
  enum { STREAMS = sizeof streams / sizeof streams[0], PLACES = 4, COUNT = STREAMS * PLACES };
  static const struct {
    uint64_t step;
    uint32_t purpose;
  } places[PLACES] = {{0, 0}, {1, 0}, {0, 1}, {1ull << 32, 0}};
  uint32_t words[COUNT][4];
  for (int i = 0; i < COUNT; i++) {
    lm_stream_fill(&streams[i / PLACES], places[i % PLACES].step, places[i % PLACES].purpose, 0, 4,
                   words[i]);
    for (int j = 0; j < i; j++) {
      cr_assert(memcmp(words[i], words[j], sizeof words[i]) != 0, "%d equals %d", i, j);
    }
  }
}

Test(rng, a_stream_is_a_pure_function_of_seed_and_name)
{
  struct lm_stream a = lm_stream_make(42, "shuffle");
  struct lm_stream b = lm_stream_make(42, "shuffle");
  cr_assert_arr_eq(a.key, b.key, sizeof a.key);
}

Test(rng, below_stays_below_and_is_even)
{
  struct lm_stream stream = lm_stream_make(5, "below");
  static const uint64_t bounds[] = {1, 2, 3, 6, 1000, 1ull << 40, (1ull << 63) + 1, UINT64_MAX};
  for (int b = 0; b < 8; b++) {
    for (uint64_t word = 0; word < 2000; word += 2) {
      cr_assert(lm_stream_below(&stream, 1, word, bounds[b]) < bounds[b]);
    }
  }
  int hits[6] = {0};
  for (uint64_t i = 0; i < 60000; i++) {
    hits[lm_stream_below(&stream, 2, 2 * i, 6)]++;
  }
  for (int i = 0; i < 6; i++) {
    /* Five standard deviations around 10000. */
    cr_assert(hits[i] > 9543 && hits[i] < 10457, "%d came %d times", i, hits[i]);
  }
}

Test(rng, below_rejects_with_the_next_purpose)
{
  /* Nearly half of all draws are rejected for this bound. */
  const uint64_t bound = (1ull << 63) + 1;
  struct lm_stream stream = lm_stream_make(6, "reject");
  int rejected = 0;
  for (uint64_t word = 0; word < 400; word += 2) {
    uint64_t draw = 0;
    for (uint32_t purpose = 0; purpose < 256; purpose++) {
      draw = (uint64_t)word_at(&stream, 0, purpose, word + 1) << 32 |
             word_at(&stream, 0, purpose, word);
      rejected += draw >= bound ? 1 : 0;
      if (draw < bound) {
        break;
      }
    }
    cr_assert_eq(lm_stream_below(&stream, 0, word, bound), draw);
  }
  cr_assert_gt(rejected, 50);
}
