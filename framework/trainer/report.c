/*
 * The line that an epoch leaves in metrics.jsonl.
 */
#include "trainer/train.h"

static void add_scores(struct lm_text *out, const struct lm_experiment *experiment,
                       const struct lm_scores *scores, bool with_penalty)
{
  lm_text_add(out, "{\"loss\": ");
  lm_text_add_json_number(out, scores->loss + (with_penalty ? scores->penalty : 0.0));
  if (with_penalty) {
    lm_text_add(out, ", \"data_loss\": ");
    lm_text_add_json_number(out, scores->loss);
    lm_text_add(out, ", \"penalty\": ");
    lm_text_add_json_number(out, scores->penalty);
  }
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    lm_text_add(out, ", ");
    lm_text_add_json_string(out, experiment->graph->nodes[experiment->metrics[i]]->name);
    lm_text_add(out, ": ");
    lm_text_add_json_number(out, scores->metrics[i]);
  }
  lm_text_add(out, "}");
}

void lm_epoch_report_json(const struct lm_epoch_report *report, struct lm_text *out)
{
  lm_text_addf(out, "{\"epoch\": %lld, \"step\": %llu, \"train\": ", (long long)report->epoch,
               (unsigned long long)report->step);
  add_scores(out, report->experiment, &report->train, report->experiment->n_regularizers > 0);
  if (report->has_eval) {
    lm_text_add(out, ", \"eval\": ");
    add_scores(out, report->experiment, &report->eval, false);
  }
  lm_text_add(out, ", \"rate\": ");
  lm_text_add_json_number(out, report->rate);
  lm_text_addf(out, ", \"seconds\": %.6g, \"samples_per_s\": %.6g}", report->seconds,
               report->samples_per_s);
}
