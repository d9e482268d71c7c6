/*
 * Records that are left out by their labels. The numbers of the digits are those that `sort |
 * uniq -c` counts in the file.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "tests/support/net.h"
#include "tests/support/support.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define NET(units)                                                                     \
  "model: [{dense: {units: " units "}}]\nloss: cross_entropy\noptimizer: {adam: {}}\n" \
  "train: {epochs: 1, batch: 50}\n"

static const int64_t digits[10] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};

static char *digits_yaml(const char *keys)
{
  return lm_format(
      "data: {train: {csv: {file: %s/data/digits.csv.gz, target: last%s}}, %s}\n" NET("10"),
      ls_environment("LAMINA_TEST_SOURCE"), keys[0] == '!' ? ", classes: 10" : "",
      keys + (keys[0] == '!'));
}

/* Counts the labels of a portion and marks its records, which must come once and ascend. */
static void count_labels(const struct lm_portion *portion, int64_t counts[10], bool *seen)
{
  struct lm_error error = {0};
  for (int64_t i = 0; i < portion->count; i++) {
    int64_t record = portion->index[i];
    cr_assert(lm_loader_fill(portion->loader, &record, 1, false, 0, &error) == LAMINA_OK);
    uint32_t field = (uint32_t)lm_dataset_field(portion->dataset, "target");
    counts[*(const int32_t *)lm_loader_data(portion->loader, field)]++;
    cr_assert_not(seen[record]);
    cr_assert(i == 0 || record > portion->index[i - 1]);
    seen[record] = true;
  }
}

Test(selection, leaves_out_labels_or_keeps_them_alone)
{
  static const struct {
    const char *keys;
    const char *stay; /* digits */
  } cases[] = {
      {"without: {target: [7]}", "012345689"},
      {"without: {target: 7}", "012345689"},
      {"without: {target: [9, 0, 9]}, holdout: 0.25", "12345678"},
      {"only: {target: [3, 5]}, holdout: 0.5", "35"},
      {"only: {target: [1, 2, 4]}, without: {target: [2]}", "14"},
      {"!holdout: 0.2", "0123456789"},
  };
  for (size_t c = 0; c < COUNT_OF(cases); c++) {
    struct ls_net net = {0};
    int64_t counts[10] = {0}, stay = 0;
    static bool seen[1797];
    memset(seen, 0, sizeof seen);
    char *yaml = digits_yaml(cases[c].keys);
    ls_net_open(&net, yaml, 2);
    count_labels(&net.engine->train, counts, seen);
    if (net.engine->test.dataset != NULL) {
      count_labels(&net.engine->test, counts, seen);
    }
    for (int k = 0; k < 10; k++) {
      int64_t expected = strchr(cases[c].stay, '0' + k) == NULL ? 0 : digits[k];
      cr_expect_eq(counts[k], expected, "%s: %lld of %d", cases[c].keys, (long long)counts[k], k);
      stay += expected;
    }
    double share = net.experiment->holdout;
    int64_t held = (int64_t)((double)stay * share + 0.5);
    cr_expect_eq(net.engine->test.count, held, "%s: %lld", cases[c].keys,
                 (long long)net.engine->test.count);
    lm_free(yaml);
    ls_net_release(&net);
  }
}

Test(selection, is_that_of_the_test_data_too)
{
  struct ls_net net = {0};
  ls_net_open(&net,
              "data:\n  train: {moons: {samples: 30}}\n  test: {moons: {samples: 50}}\n"
              "  without: {target: 1}\n" NET("2"),
              1);
  cr_expect_eq(net.engine->train.count, 15);
  cr_expect_eq(net.engine->test.count, 25);
  ls_net_release(&net);
}

#define MOONS(keys) "data:\n  train: {moons: {samples: 30}}\n  " keys "\n" NET("2")

Test(selection, refuses_what_cannot_be_meant)
{
  static const struct ls_refusal rows[] = {
      {MOONS("without: {traget: [1]}"),
       LAMINA_E_INVALID,
       {"net.yaml:3:13: data.without: the data has no field 'traget', did you mean 'target'?"}},
      {MOONS("only: {label: [1]}"),
       LAMINA_E_INVALID,
       {"net.yaml:3:10: data.only: the data has no field 'label'; it has 'input', 'target'"}},
      {MOONS("without: {input: [1]}"),
       LAMINA_E_INVALID,
       {"net.yaml:3:13: ", "field 'input' is [2] float32, expected one class label (int32)"}},
      {MOONS("without: {target: [0, 2]}"),
       LAMINA_E_INVALID,
       {"net.yaml:3:13: ", "no record has label 2 in field 'target'", "from 0 to 1"}},
      {MOONS("without: {target: -1}"), LAMINA_E_INVALID, {"net.yaml:3:13: ", "no record", "-1"}},
      {MOONS("without: {target: [0, 1]}"),
       LAMINA_E_INVALID,
       {"net.yaml:3:13: data.without leaves nothing of the 30 records of"}},
      {MOONS("without: {target: one}"),
       LAMINA_E_INVALID,
       {"net.yaml:3:21: data.without: expected an integer, found text 'one'"}},
      {MOONS("only: {target: []}"), LAMINA_E_INVALID, {"net.yaml:3:18: ", "has no labels"}},
      {MOONS("without: [7]"),
       LAMINA_E_INVALID,
       {"net.yaml:3:12: data.without is a list, expected a map such as {target: [7]}"}},
      {"data: {train: {moons: {samples: 3}}, without: {target: [0]}, holdout: 0.5}\n" NET("2"),
       LAMINA_E_INVALID,
       {"net.yaml:1:", "has one record that is not left out, of which nothing can be held out"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), true);
}

/* How many classes there are may be known only when the records have been read. */
Test(selection, refuses_labels_that_no_record_has)
{
  struct ls_net net = {0};
  struct lm_error error = {0};
  char *yaml = digits_yaml("without: {target: 10}");
  cr_assert_eq(ls_net_build(&net, yaml, 1), LAMINA_OK, "%s", net.error.text);
  cr_assert_eq(lm_experiment_open_data(net.experiment, &error), LAMINA_OK);
  cr_assert_eq(lm_engine_create(net.experiment, LM_TO_TRAIN, &net.engine, &error),
               LAMINA_E_INVALID);
  cr_expect(strstr(error.text, "no record has label 10 in field 'target', expected labels from 0 "
                               "to 9") != NULL,
            "%s", error.text);
  lm_free(yaml);
  ls_net_release(&net);
}
