/*
 * Records that are judged: ranks with ties, classes by label, what cannot be told apart.
 */
#include "analysis/judgement.h"

#include <criterion/criterion.h>

#include "base/memory.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const double normals[] = {1, 2, 3, 4};

Test(judgement, orders_ranks_and_counts)
{
  static const double scores[] = {5, 2, 9, 5, 4, 1, 5};
  static const int32_t labels[] = {-3, 7, 7, 100000, 7, -3, -3};
  static const int64_t order[] = {2, 0, 3, 6, 4, 1, 5}, ranks[] = {2, 6, 1, 2, 5, 7, 2};
  static const struct lm_judged_class classes[] = {
      {.label = -3, .count = 3, .flagged = 2, .auc = (4 + 4 + 0.5) / 12},
      {.label = 7, .count = 3, .flagged = 1, .auc = (1.5 + 4 + 3.5) / 12},
      {.label = 100000, .count = 1, .flagged = 1, .auc = 1},
  };
  const struct lm_case subject = {scores, labels, COUNT_OF(scores), normals, 4, 4.0, 0.95};
  struct lm_judgement found;
  cr_assert(lm_judge(&subject, &found, NULL) == LAMINA_OK);
  cr_expect_arr_eq(found.order, order, sizeof order);
  cr_expect_arr_eq(found.ranks, ranks, sizeof ranks);
  cr_expect_eq(found.flagged, 4);
  cr_expect_not(found.flat);
  struct lm_interval share = lm_share_interval(4, 7, 0.95);
  cr_expect(found.share.low == share.low && found.share.high == share.high);
  cr_assert_eq(found.n_classes, COUNT_OF(classes));
  for (size_t i = 0; i < COUNT_OF(classes); i++) {
    const struct lm_judged_class *one = &found.classes[i];
    cr_expect(one->label == classes[i].label && one->count == classes[i].count &&
                  one->flagged == classes[i].flagged && one->auc == classes[i].auc,
              "class %zu: %d, %lld, %lld, %g", i, one->label, (long long)one->count,
              (long long)one->flagged, one->auc);
    share = lm_share_interval(one->flagged, one->count, 0.95);
    cr_expect(one->share.low == share.low && one->share.high == share.high);
  }
  lm_judgement_release(&found);
}

Test(judgement, is_flat_when_nothing_can_be_told_apart)
{
  static const double zeros[] = {0, 0, 0}, odd[] = {0, 0, 1};
  static const struct {
    const double *scores, *normals;
    bool flat;
  } cases[] = {{zeros, zeros, true}, {odd, zeros, false}, {zeros, odd, false}, {odd, odd, false}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const struct lm_case subject = {cases[i].scores, NULL, 3, cases[i].normals, 3, 0.0, 0.95};
    struct lm_judgement found;
    cr_assert(lm_judge(&subject, &found, NULL) == LAMINA_OK);
    cr_expect_eq(found.flat, cases[i].flat, "case %zu", i);
    cr_expect_eq(found.n_classes, 0);
    lm_judgement_release(&found);
  }
}

Test(judgement, needs_memory_and_says_so)
{
  static const double scores[] = {5, 2, 9};
  static const int32_t labels[] = {0, 1, 2};
  const struct lm_case subject = {scores, labels, 3, normals, 4, 4.0, 0.95};
  enum lamina_status status = LAMINA_E_NOMEM;
  for (int64_t n = 0; status == LAMINA_E_NOMEM; n++) {
    struct lm_judgement found;
    struct lm_error error = {0};
    lm_alloc_fail_after(n, false);
    status = lm_judge(&subject, &found, &error);
    lm_alloc_fail_after(-1, false);
    cr_assert(status == LAMINA_OK || found.order == NULL);
    cr_assert(n < 20);
    lm_judgement_release(&found);
  }
  cr_expect_eq(status, LAMINA_OK);
}
