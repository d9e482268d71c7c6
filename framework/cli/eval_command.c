/*
 * lamina eval: loss and metrics of a model on its evaluation data, or on that of another file.
 */
#include "cli/opened.h"

static void add_eval_json(struct lm_text *text, const struct lm_experiment *experiment,
                          const struct lm_scores *scores, int64_t samples)
{
  lm_text_addf(text, "{\"samples\": %lld, \"loss\": ", (long long)samples);
  lm_text_add_json_number(text, scores->loss);
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    lm_text_add(text, ", ");
    lm_text_add_json_string(text, experiment->graph->nodes[experiment->metrics[i]]->name);
    lm_text_add(text, ": ");
    lm_text_add_json_number(text, scores->metrics[i]);
  }
  lm_text_add(text, "}\n");
}

static enum lamina_status evaluate(struct lm_cli *cli, struct lm_opened *opened,
                                   struct lm_error *error)
{
  struct lm_scores scores;
  struct lm_text text = {0};
  const struct lm_portion *portion = &opened->engine->test;
  if (portion->dataset == NULL) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "%s: its experiment has no evaluation data, expected data.test or "
                   "data.holdout; a second file may give it",
                   cli->args[0]);
  }
  LM_TRY(lm_engine_evaluate(opened->engine, portion, &scores, error));
  if (cli->json) {
    add_eval_json(&text, opened->experiment, &scores, portion->count);
  } else {
    lm_text_addf(&text, "samples %lld\nloss %.6g\n", (long long)portion->count, scores.loss);
    for (uint32_t i = 0; i < opened->experiment->n_metrics; i++) {
      uint32_t node = opened->experiment->metrics[i];
      lm_text_addf(&text, "%s %.6g\n", opened->experiment->graph->nodes[node]->name,
                   scores.metrics[i]);
    }
  }
  return lm_cli_print(&text, error);
}

enum lamina_status lm_command_eval(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_opened opened = {0};
  enum lamina_status status;
  LM_TRY(lm_cli_want_args(cli, 1, 2, "a model file", error));
  LM_TRY_OR(out, status, lm_opened_read(cli, cli->args[0], &opened, error));
  if (cli->n_args == 2) {
    LM_TRY_OR(out, status, lm_opened_take_data(&opened, cli->args[1], error));
  }
  LM_TRY_OR(out, status, lm_opened_build(cli, &opened, false, error));
  status = evaluate(cli, &opened, error);

out:
  lm_opened_close(&opened);
  return status;
}
