/* Distances by hand, and which word is meant. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"

static const struct {
  const char *a, *b;
  int distance;
} pairs[] = {
    {"", "", 0},           {"abc", "abc", 0},   {"", "abc", 3},       {"abc", "abd", 1},
    {"abc", "ab", 1},      {"abc", "acb", 1},   {"ca", "abc", 3},     {"kitten", "sitting", 3},
    {"units", "untis", 1}, {"relu", "rleu", 1}, {"dense", "dens", 1}, {"momentum", "mometnum", 1},
};

Test(spelling, distances_count_edits_and_swaps)
{
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    cr_assert_eq(lm_spelling_distance(pairs[i].a, pairs[i].b), pairs[i].distance, "%s %s",
                 pairs[i].a, pairs[i].b);
    cr_assert_eq(lm_spelling_distance(pairs[i].b, pairs[i].a), pairs[i].distance);
  }
}

Test(spelling, long_words_are_compared_by_their_beginning)
{
  char a[200];
  char b[200];
  memset(a, 'x', sizeof a);
  memset(b, 'x', sizeof b);
  a[199] = b[199] = '\0';
  b[100] = 'y';
  cr_assert_eq(lm_spelling_distance(a, b), 0);
  b[62] = 'y';
  cr_assert_eq(lm_spelling_distance(a, b), 1);
}

struct entry {
  const char *name;
  int other;
};

Test(spelling, the_nearest_word_is_offered_only_when_it_can_be_meant)
{
  static const struct entry words[] = {
      {"units", 1}, {"bias", 2}, {"activation", 3}, {"rate", 4}, {"momentum", 5}};
  static const char *const rows[][2] = {
      {"unit", "units"},           {"untis", "units"}, {"moment", "momentum"}, {"bais", "bias"},
      {"activaton", "activation"}, {"xyz", NULL},      {"learning", NULL},     {"", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *found =
        lm_spelling_nearest(rows[i][0], words, sizeof words / sizeof words[0], sizeof words[0]);
    bool same =
        found == NULL ? rows[i][1] == NULL : rows[i][1] != NULL && strcmp(found, rows[i][1]) == 0;
    cr_assert(same, "%s gave %s", rows[i][0], found == NULL ? "nothing" : found);
  }
  cr_assert_null(lm_spelling_nearest("units", words, 0, sizeof words[0]));
}
