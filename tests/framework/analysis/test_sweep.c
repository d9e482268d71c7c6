/*
 * Sweeps: which combinations there are, what runs left behind, and the chart of it.
 */
#include "analysis/sweep.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "analysis/chart.h"
#include "base/memory.h"
#include "tests/framework/trainer/runs.h"

Test(sweep, goes_through_all_combinations_the_last_one_fastest)
{
  static const char *const expected[] = {
      "vars.latent=2,optimizer={sgd: {rate: 0.1, momentum: [1, 2]}}",
      "vars.latent=2,optimizer=\"a, b\"",
      "vars.latent=2,optimizer=1_16",
      "vars.latent=8,optimizer={sgd: {rate: 0.1, momentum: [1, 2]}}",
      "vars.latent=8,optimizer=\"a, b\"",
      "vars.latent=8,optimizer=1_16",
  };
  struct lm_sweep sweep = {0};
  struct lm_error error = {0};
  cr_assert(lm_sweep_add(&sweep, "vars.latent=2,8", &error) == LAMINA_OK);
  cr_assert(lm_sweep_add(&sweep, "optimizer={sgd: {rate: 0.1, momentum: [1, 2]}},\"a, b\",1/16",
                         &error) == LAMINA_OK);
  cr_assert_eq(sweep.runs, COUNT_OF(expected));
  for (size_t run = 0; run < sweep.runs; run++) {
    char *name = lm_sweep_name(&sweep, run);
    cr_expect_str_eq(name, expected[run]);
    lm_free(name);
  }
  char *override = lm_sweep_override(&sweep, 5, 1);
  cr_expect_str_eq(override, "optimizer=1/16");
  lm_free(override);
  lm_sweep_release(&sweep);
}

Test(sweep, refuses_what_are_no_variations)
{
  static const struct {
    const char *text, *words;
  } cases[] = {{"vars.latent", "there is no '='"},
               {"=1", "there is no key"},
               {"a=", "a value is empty"},
               {"a=1,", "a value is empty"},
               {"a=,1", "a value is empty"}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct lm_sweep sweep = {0};
    struct lm_error error = {0};
    cr_expect_eq(lm_sweep_add(&sweep, cases[i].text, &error), LAMINA_E_USAGE);
    cr_expect(strstr(error.text, cases[i].words) != NULL, "%s", error.text);
    lm_sweep_release(&sweep);
  }
  struct lm_sweep sweep = {0};
  for (int i = 0; i < LM_SWEEP_VARIED; i++) {
    cr_assert(lm_sweep_add(&sweep, i < 3 ? "a=1,2,3,4,5,6,7,8,9,10" : "a=1", NULL) == LAMINA_OK);
  }
  cr_expect_eq(sweep.runs, LM_SWEEP_RUNS);
  cr_expect_eq(lm_sweep_add(&sweep, "a=1", NULL), LAMINA_E_USAGE);
  sweep.count--;
  lm_free(sweep.items[sweep.count].values[0]);
  lm_free(sweep.items[sweep.count].values);
  lm_free(sweep.items[sweep.count].key);
  sweep.items[sweep.count] = (struct lm_variation){0};
  cr_expect_eq(lm_sweep_add(&sweep, "a=1,2", NULL), LAMINA_E_USAGE);
  lm_sweep_release(&sweep);
}

/* What lm_train() has written is what is read. */
Test(sweep, reads_the_last_epoch_of_a_run)
{
  char *folder = ls_folder_make();
  struct lm_train_result result = train_in(folder, "run", SMALL, 1);
  struct ls_net net = {0};
  struct lm_run_summary found;
  struct lm_error error = {0};
  char *path = in_folder(folder, "run/metrics.jsonl");
  cr_assert_eq(ls_net_build(&net, SMALL, 1), LAMINA_OK);
  expect_status(lm_run_summary_read(path, net.experiment, &found, &error), LAMINA_OK, &error);
  cr_expect_eq(found.epochs, 4);
  cr_expect_float_eq(found.train_loss, result.last.train.loss + result.last.train.penalty, 1e-12);
  cr_expect_float_eq(found.eval_loss, result.last.eval.loss, 1e-12);
  cr_expect_float_eq(found.metrics[0], result.last.eval.metrics[0], 1e-12);
  cr_expect(found.seconds >= result.last.seconds * 0.99);
  write_bytes(path, "{\"epoch\": 1, \"train\": {\"loss\": null}}\n{\"epoch\"", 47);
  cr_expect_eq(lm_run_summary_read(path, net.experiment, &found, &error), LAMINA_E_INVALID);
  cr_expect(isnan(found.train_loss) && isnan(found.eval_loss) && isnan(found.metrics[0]));
  lm_free(path);
  path = in_folder(folder, "run/nothing");
  cr_expect_eq(lm_run_summary_read(path, net.experiment, &found, &error), LAMINA_E_MISSING);
  lm_free(path);
  ls_net_release(&net);
  ls_folder_remove(folder);
}

static size_t count_of(const char *text, const char *part)
{
  size_t count = 0;
  for (; (text = strstr(text, part)) != NULL; text += strlen(part)) {
    count++;
  }
  return count;
}

/* The frame is 440 by 280 pixels from (72, 16); places are from 0.05 to 0.95 of it. */
Test(chart, puts_numbers_where_they_belong)
{
  static const char *const doubling[] = {"1", "2", "4", "16"}, *const even[] = {"10", "20", "40"};
  static const char *const words[] = {"sgd", "a<b&c", "adam"};
  static const double values[] = {1.0, 0.5, 0.25, 0.0}, gap[] = {0.9, NAN, -0.1};
  const struct lm_chart_line line = {"", values}, two[] = {{"x", values}, {"y<z", gap}};
  static const struct {
    double x, y;
  } logarithmic[] = {{94, 16}, {193, 156}, {292, 226}, {490, 296}};
  struct lm_text out = {0};
  char text[64];
  lm_chart_svg(&(struct lm_chart){"n", "loss", doubling, 4, &line, 1}, &out);
  for (int i = 0; i < 4; i++) {
    (void)snprintf(text, sizeof text, "<circle cx=\"%.1f\" cy=\"%.1f\"", logarithmic[i].x,
                   logarithmic[i].y);
    cr_expect(strstr(lm_text_get(&out), text) != NULL, "%s in %s", text, lm_text_get(&out));
  }
  lm_text_clear(&out);
  lm_chart_svg(&(struct lm_chart){"n", "loss", even, 3, &line, 1}, &out);
  cr_expect(strstr(lm_text_get(&out), "<circle cx=\"226.0\"") != NULL, "a third of the way");
  lm_text_clear(&out);
  lm_chart_svg(&(struct lm_chart){"n", "loss", words, 3, two, 2}, &out);
  const char *svg = lm_text_get(&out);
  cr_expect(strstr(svg, "<circle cx=\"292.0\"") != NULL, "words are as far apart as any");
  cr_expect(strstr(svg, ">a&lt;b&amp;c<") != NULL && strstr(svg, ">y&lt;z<") != NULL, "%s", svg);
  cr_expect_eq(count_of(svg, "<circle"), 5, "no point where there is no number");
  cr_expect(strstr(svg, ">-0.2<") != NULL || strstr(svg, ">-0.5<") != NULL, "%s", svg);
  lm_text_release(&out);
}
