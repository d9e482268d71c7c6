/*
 * lamina outliers: normal records set a threshold on the model's loss of a record, and the records
 * of a data set are judged by it. What is computed is in analysis/.
 *
 * The model is opened twice, once for each of the two data sets, since an experiment has one.
 */
#include <math.h>

#include "analysis/judgement.h"
#include "analysis/pairs.h"
#include "analysis/scores.h"
#include "base/memory.h"
#include "cli/opened.h"
#include "io/files.h"

enum { MOST_PICTURES = 32 };

/** A run of the command. */
struct work {
  struct lm_cli *cli;
  struct lm_threshold_options options;
  double *normals; /* sorted */
  int64_t n_normals;
  struct lm_opened opened; /* with the records to judge */
  double *scores;
  int32_t *labels; /* NULL: the data has none */
  int64_t count;
  struct lm_threshold threshold;
  struct lm_judgement judgement;
};

static void release(struct work *work)
{
  lm_opened_close(&work->opened);
  lm_judgement_release(&work->judgement);
  lm_free(work->normals);
  lm_free(work->scores);
  lm_free(work->labels);
}

/* ---- scores ---- */

/* Opens the model with a data set; data NULL: its own. */
static enum lamina_status open_with(struct work *work, const char *data, const char *option,
                                    struct lm_opened *opened, struct lm_error *error)
{
  LM_TRY(lm_opened_read(work->cli, work->cli->args[0], opened, error));
  if (data != NULL) {
    LM_TRY(lm_opened_take_input(opened, data, option, error));
  }
  return lm_opened_build(work->cli, opened, false, error);
}

static enum lamina_status score_portion(const struct lm_opened *opened,
                                        const struct lm_portion *portion, double **scores,
                                        int32_t **labels, struct lm_error *error)
{
  size_t count = (size_t)portion->count;
  int32_t field = labels == NULL ? -1 : lm_scores_label_field(portion->dataset);
  *scores = lm_alloc(count, sizeof **scores);
  if (field >= 0) {
    *labels = lm_alloc(count, sizeof **labels);
  }
  if (*scores == NULL || (field >= 0 && *labels == NULL)) {
    return lm_fail_memory(error, count * sizeof **scores);
  }
  return lm_scores_compute(opened->engine, portion, *scores, field < 0 ? NULL : *labels, field,
                           error);
}

static enum lamina_status score_normals(struct work *work, struct lm_error *error)
{
  struct lm_opened opened = {0};
  const char *normal = work->cli->normal;
  enum lamina_status status = open_with(work, normal, "--normal", &opened, error);
  if (status == LAMINA_OK) {
    const struct lm_portion *portion =
        normal == NULL ? &opened.engine->test : &opened.engine->train;
    if (portion->dataset == NULL) {
      status =
          lm_fail(error, LAMINA_E_USAGE,
                  "%s: its experiment has no evaluation data to take normal records from: name "
                  "some by --normal",
                  opened.path);
    } else {
      work->n_normals = portion->count;
      status = score_portion(&opened, portion, &work->normals, NULL, error);
    }
  }
  lm_opened_close(&opened);
  if (status == LAMINA_OK) {
    lm_scores_sort(work->normals, work->n_normals);
    status =
        lm_threshold_set(work->normals, work->n_normals, &work->options, &work->threshold, error);
  }
  return status;
}

static enum lamina_status judge_records(struct work *work, struct lm_error *error)
{
  LM_TRY(open_with(work, work->cli->data, "--data", &work->opened, error));
  const struct lm_portion *portion = &work->opened.engine->train;
  work->count = portion->count;
  LM_TRY(score_portion(&work->opened, portion, &work->scores, &work->labels, error));
  const struct lm_case subject = {.scores = work->scores,
                                  .labels = work->labels,
                                  .count = work->count,
                                  .normals = work->normals,
                                  .n_normals = work->n_normals,
                                  .threshold = work->threshold.value,
                                  .confidence = work->options.confidence};
  return lm_judge(&subject, &work->judgement, error);
}

/* ---- what is said ---- */

static void warn(const struct work *work)
{
  struct lm_error sentence = {0};
  double first = work->normals[0], last = work->normals[work->n_normals - 1];
  if (work->judgement.flat) {
    (void)lm_fail(&sentence, LAMINA_OK,
                  "every record scores %g, so nothing is told apart: a model that can copy its "
                  "input finds no outliers; it needs a narrow code, noise, or a penalty",
                  first);
  } else if (first == last) {
    (void)lm_fail(&sentence, LAMINA_OK,
                  "all normal records score %g, so the threshold says little: are they different "
                  "records, and none that the model was trained with?",
                  first);
  } else if (isinf(work->threshold.interval.low) || isinf(work->threshold.interval.high)) {
    (void)lm_fail(
        &sentence, LAMINA_OK,
        "%lld normal records are too few for both ends of the threshold's interval, which "
        "take %lld",
        (long long)work->n_normals, (long long)lm_normals_needed_for_interval(&work->options));
  }
  if (sentence.text[0] != '\0') {
    lm_cli_log(work->cli, LAMINA_LOG_WARNING, sentence.text);
  }
}

static void add_text(const struct work *work, struct lm_text *out)
{
  const struct lm_threshold *threshold = &work->threshold;
  const struct lm_judgement *judgement = &work->judgement;
  double percent = 100.0 * work->options.confidence;
  lm_text_addf(out, "normal     %lld records, scores %.6g to %.6g\n", (long long)work->n_normals,
               work->normals[0], work->normals[work->n_normals - 1]);
  lm_text_addf(out, "threshold  %.6g for a rate of false alarms of %g\n", threshold->value,
               work->options.rate);
  lm_text_addf(out, "           %g %% intervals: %.6g to %.6g, with rates of %.4g to %.4g\n",
               percent, threshold->interval.low, threshold->interval.high, threshold->rates.low,
               threshold->rates.high);
  lm_text_addf(out, "outliers   %lld of %lld records: %.4g (%.4g to %.4g)\n",
               (long long)judgement->flagged, (long long)work->count,
               (double)judgement->flagged / (double)work->count, judgement->share.low,
               judgement->share.high);
  if (judgement->n_classes > 0) {
    lm_text_addf(out, "\n%8s %8s %8s %8s   %-16s %s\n", "class", "records", "outliers", "share",
                 "interval", "AUC against normal");
  }
  for (size_t i = 0; i < judgement->n_classes; i++) {
    const struct lm_judged_class *class = &judgement->classes[i];
    lm_text_addf(out, "%8d %8lld %8lld %8.4f   %.4f to %.4f %.4f\n", class->label,
                 (long long)class->count, (long long)class->flagged,
                 (double)class->flagged / (double)class->count, class->share.low, class->share.high,
                 class->auc);
  }
}

static void add_pair(struct lm_text *out, const char *name, const struct lm_interval *interval)
{
  lm_text_addf(out, ", \"%s\": [", name);
  lm_text_add_json_number(out, interval->low);
  lm_text_add(out, ", ");
  lm_text_add_json_number(out, interval->high);
  lm_text_add(out, "]");
}

static void add_count(struct lm_text *out, int64_t count, int64_t flagged,
                      const struct lm_interval *share)
{
  lm_text_addf(out, "\"records\": %lld, \"outliers\": %lld, \"share\": ", (long long)count,
               (long long)flagged);
  lm_text_add_json_number(out, (double)flagged / (double)count);
  add_pair(out, "share_interval", share);
}

/* Infinite ends are null. */
static void add_json(const struct work *work, struct lm_text *out)
{
  const struct lm_judgement *judgement = &work->judgement;
  lm_text_addf(out, "{\"normal\": %lld, \"false_alarms\": ", (long long)work->n_normals);
  lm_text_add_json_number(out, work->options.rate);
  lm_text_add(out, ", \"confidence\": ");
  lm_text_add_json_number(out, work->options.confidence);
  lm_text_add(out, ", \"threshold\": ");
  lm_text_add_json_number(out, work->threshold.value);
  add_pair(out, "threshold_interval", &work->threshold.interval);
  add_pair(out, "false_alarms_interval", &work->threshold.rates);
  lm_text_add(out, ", ");
  add_count(out, work->count, judgement->flagged, &judgement->share);
  lm_text_add(out, ", \"classes\": [");
  for (size_t i = 0; i < judgement->n_classes; i++) {
    const struct lm_judged_class *class = &judgement->classes[i];
    lm_text_addf(out, "%s{\"label\": %d, ", i == 0 ? "" : ", ", class->label);
    add_count(out, class->count, class->flagged, &class->share);
    lm_text_add(out, ", \"auc\": ");
    lm_text_add_json_number(out, class->auc);
    lm_text_add(out, "}");
  }
  lm_text_add(out, "]}\n");
}

/* ---- files ---- */

static enum lamina_status write_scores(const struct work *work, struct lm_error *error)
{
  struct lm_text text = {0};
  const struct lm_portion *portion = &work->opened.engine->train;
  lm_text_addf(&text, "record,score,p,rank,outlier%s\n", work->labels == NULL ? "" : ",label");
  for (int64_t i = 0; i < work->count; i++) {
    double score = work->scores[i];
    lm_text_addf(&text, "%lld,%.9g,%.6g,%lld,%d", (long long)portion->index[i], score,
                 lm_outlier_chance(work->normals, work->n_normals, score),
                 (long long)work->judgement.ranks[i], score > work->threshold.value);
    if (work->labels != NULL) {
      lm_text_addf(&text, ",%d", work->labels[i]);
    }
    lm_text_add(&text, "\n");
  }
  const struct lm_piece piece = {lm_text_get(&text), text.length};
  enum lamina_status status = lm_text_ok(&text)
                                  ? lm_file_replace(work->cli->out, NULL, &piece, 1, error)
                                  : lm_fail_memory(error, 0);
  lm_text_release(&text);
  return status;
}

static int64_t at_most(int64_t count)
{
  return count < MOST_PICTURES ? count : MOST_PICTURES;
}

static enum lamina_status write_pictures(const struct work *work, struct lm_error *error)
{
  struct lm_pixels pixels;
  const struct lm_judgement *judgement = &work->judgement;
  const struct lm_pairs pairs = {
      .groups = {judgement->order, judgement->order + judgement->flagged},
      .counts = {at_most(judgement->flagged), at_most(work->count - judgement->flagged)}};
  enum lamina_status status =
      lm_pairs_draw(work->opened.engine, &work->opened.engine->train, &pairs, &pixels, error);
  if (status == LAMINA_OK) {
    status = lm_png_write(work->cli->pictures, &pixels, error);
  } else {
    lm_error_prefix(error, "--pictures");
  }
  lm_free(pixels.bytes);
  return status;
}

static enum lamina_status report(const struct work *work, struct lm_error *error)
{
  struct lm_text text = {0};
  warn(work);
  if (work->cli->out != NULL) {
    LM_TRY(write_scores(work, error));
  }
  if (work->cli->pictures != NULL) {
    LM_TRY(write_pictures(work, error));
  }
  if (work->cli->json) {
    add_json(work, &text);
  } else {
    add_text(work, &text);
  }
  return lm_cli_print(&text, error);
}

enum lamina_status lm_command_outliers(struct lm_cli *cli, struct lm_error *error)
{
  struct work work = {.cli = cli,
                      .options = {.rate = cli->false_alarms > 0.0 ? cli->false_alarms : 0.01,
                                  .confidence = cli->confidence > 0.0 ? cli->confidence : 0.95}};
  LM_TRY(lm_cli_want_args(cli, 1, 1, "a model file", error));
  if (cli->data == NULL) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "lamina outliers needs --data: a CSV or IDX file, or a data set such as "
                   "'csv: {file: x.csv}'");
  }
  enum lamina_status status = score_normals(&work, error);
  if (status == LAMINA_OK) {
    status = judge_records(&work, error);
  }
  if (status == LAMINA_OK) {
    status = report(&work, error);
  }
  release(&work);
  return status;
}
