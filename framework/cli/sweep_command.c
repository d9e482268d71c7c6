/*
 * lamina sweep: trains an experiment once for each combination of values, each in a run folder of
 * its own, and shows what they came to.
 *
 * What is in a folder decides how a run goes on: with a model it is done, with a checkpoint it is
 * resumed. So the same command may be given again after a stop, or with more values.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "analysis/chart.h"
#include "analysis/sweep.h"
#include "base/memory.h"
#include "cli/display.h"
#include "io/files.h"

/** What a run came to. */
struct outcome {
  int64_t parameters;
  struct lm_run_summary summary;
};

/** A run of the command. */
struct work {
  struct lm_cli *cli;
  struct lm_sweep sweep;
  char *folder;
  struct outcome *outcomes; /* [sweep.runs] */
  char **metrics;           /* [n_metrics]: names, those of the first run */
  uint32_t n_metrics;
  bool judged; /* there is evaluation data */
};

/* ---- one run ---- */

static enum lamina_status build(struct work *work, size_t run, struct lm_experiment **out,
                                struct lm_error *error)
{
  struct lm_config *config = NULL;
  struct lm_cli *cli = work->cli;
  const char *sets[LM_CLI_SETS + LM_SWEEP_VARIED];
  char *varied[LM_SWEEP_VARIED] = {NULL};
  enum lamina_status status = LAMINA_OK;
  memcpy(sets, cli->sets, cli->n_sets * sizeof *sets);
  for (size_t i = 0; i < work->sweep.count && status == LAMINA_OK; i++) {
    varied[i] = lm_sweep_override(&work->sweep, run, i);
    sets[cli->n_sets + i] = varied[i];
    status = varied[i] == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
  }
  if (status == LAMINA_OK) {
    status = lm_config_load(cli->args[0], sets, cli->n_sets + work->sweep.count, &config, error);
  }
  if (status == LAMINA_OK) {
    status = lm_cli_build(cli, config, false, out, error);
  }
  for (size_t i = 0; i < work->sweep.count; i++) {
    lm_free(varied[i]);
  }
  return status;
}

static bool holds(const char *folder, const char *name)
{
  char *path = lm_format("%s/%s", folder, name);
  bool found = path != NULL && access(path, F_OK) == 0;
  lm_free(path);
  return found;
}

/* A run is only gone on with if it is of the very same experiment. */
static enum lamina_status check_same(const struct lm_experiment *experiment, const char *folder,
                                     struct lm_error *error)
{
  enum { MOST = 16 << 20 };
  struct lm_text text = {0};
  struct lm_bytes kept = {0};
  char *path = lm_format("%s/experiment.yaml", folder);
  enum lamina_status status = path == NULL ? lm_fail_memory(error, 0)
                                           : lm_file_read(path, LM_READ_PLAIN, MOST, &kept, error);
  lm_value_write(lm_config_root(experiment->config), &text);
  if (status == LAMINA_OK &&
      (kept.size != text.length || memcmp(kept.bytes, lm_text_get(&text), kept.size) != 0)) {
    status = lm_fail(error, LAMINA_E_USAGE,
                     "%s: holds a run of another experiment, or of this one before it was changed; "
                     "name another folder with --run-dir",
                     folder);
  }
  lm_bytes_release(&kept);
  lm_text_release(&text);
  lm_free(path);
  return status;
}

static enum lamina_status train(struct work *work, struct lm_experiment *experiment,
                                const char *folder, bool resume, struct lm_error *error)
{
  struct lm_display display;
  struct lm_train_result result;
  lm_display_init(&display, work->cli);
  const struct lm_train_options options = {.run_dir = folder,
                                           .resume = resume,
                                           .stop = lm_stop_install(),
                                           .observer = lm_display_observer(&display)};
  LM_TRY(lm_experiment_open_data(experiment, error));
  enum lamina_status status = lm_train(experiment, &options, &result, error);
  lm_cli_clear_line(work->cli);
  if (status == LAMINA_E_STOPPED) {
    (void)lm_fail(error, status, "stopped in %s; the same command goes on from there", folder);
  }
  return status;
}

static enum lamina_status keep_metrics(struct work *work, const struct lm_experiment *experiment,
                                       struct lm_error *error)
{
  work->judged = experiment->test_data != NULL || experiment->holdout > 0.0;
  work->metrics = lm_alloc(experiment->n_metrics, sizeof *work->metrics);
  if (work->metrics == NULL) {
    return lm_fail_memory(error, 0);
  }
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    const struct lm_node *node = experiment->graph->nodes[experiment->metrics[i]];
    work->metrics[work->n_metrics] = lm_copy_text(node->name);
    if (work->metrics[work->n_metrics++] == NULL) {
      return lm_fail_memory(error, 0);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status run_in(struct work *work, size_t run, struct lm_experiment *experiment,
                                 const char *folder, struct lm_error *error)
{
  bool done = holds(folder, "model.safetensors");
  bool begun = done || holds(folder, "checkpoint.safetensors");
  const struct lm_graph *graph = experiment->graph;
  if (!work->cli->quiet) {
    (void)fprintf(stderr, "%s%s\n", folder, done ? ": done already" : begun ? ": goes on" : "");
  }
  if (run == 0) {
    LM_TRY(keep_metrics(work, experiment, error));
  }
  if (begun) {
    LM_TRY(check_same(experiment, folder, error));
  }
  if (!done) {
    LM_TRY(train(work, experiment, folder, begun, error));
  }
  char *path = lm_format("%s/metrics.jsonl", folder);
  if (path == NULL) {
    return lm_fail_memory(error, 0);
  }
  work->outcomes[run].parameters = lm_cli_parameters(graph, true);
  enum lamina_status status =
      lm_run_summary_read(path, experiment, &work->outcomes[run].summary, error);
  lm_free(path);
  return status;
}

static enum lamina_status do_run(struct work *work, size_t run, struct lm_error *error)
{
  struct lm_experiment *experiment = NULL;
  char *name = lm_sweep_name(&work->sweep, run);
  char *folder = name == NULL ? NULL : lm_format("%s/%s", work->folder, name);
  enum lamina_status status = folder == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
  if (status == LAMINA_OK) {
    status = build(work, run, &experiment, error);
  }
  if (status == LAMINA_OK) {
    status = run_in(work, run, experiment, folder, error);
  }
  lm_experiment_free(experiment);
  lm_free(folder);
  lm_free(name);
  return status;
}

/* ---- what they came to ---- */

static const char *value_of(const struct work *work, size_t run, size_t item)
{
  return work->sweep.items[item].values[lm_sweep_choice(&work->sweep, run, item)];
}

/* "vars.latent" is headed "latent". */
static const char *short_key(const struct lm_variation *variation)
{
  const char *dot = strrchr(variation->key, '.');
  return dot == NULL ? variation->key : dot + 1;
}

static int column_width(const struct work *work, size_t item)
{
  size_t most = strlen(short_key(&work->sweep.items[item]));
  for (size_t k = 0; k < work->sweep.items[item].count; k++) {
    size_t length = strlen(work->sweep.items[item].values[k]);
    most = length > most ? length : most;
  }
  return (int)most;
}

static void add_table(const struct work *work, struct lm_text *out)
{
  for (size_t i = 0; i < work->sweep.count; i++) {
    lm_text_addf(out, "%*s  ", column_width(work, i), short_key(&work->sweep.items[i]));
  }
  lm_text_addf(out, "%10s  %10s", "parameters", "train loss");
  lm_text_add(out, work->judged ? "   eval loss" : "");
  for (uint32_t k = 0; k < work->n_metrics; k++) {
    lm_text_addf(out, "  %10s", work->metrics[k]);
  }
  lm_text_addf(out, "  %8s\n", "seconds");
  for (size_t run = 0; run < work->sweep.runs; run++) {
    const struct outcome *outcome = &work->outcomes[run];
    for (size_t i = 0; i < work->sweep.count; i++) {
      lm_text_addf(out, "%*s  ", column_width(work, i), value_of(work, run, i));
    }
    lm_text_addf(out, "%10lld  %10.5g", (long long)outcome->parameters,
                 outcome->summary.train_loss);
    if (work->judged) {
      lm_text_addf(out, "  %10.5g", outcome->summary.eval_loss);
    }
    for (uint32_t k = 0; k < work->n_metrics; k++) {
      lm_text_addf(out, "  %10.5g", outcome->summary.metrics[k]);
    }
    lm_text_addf(out, "  %8.2f\n", outcome->summary.seconds);
  }
}

/* A cell of CSV: with quotes if it needs them. */
static void add_cell(struct lm_text *out, const char *text)
{
  bool quoted = strpbrk(text, ",\"\n") != NULL;
  lm_text_add(out, quoted ? "\"" : "");
  for (; *text != '\0'; text++) {
    lm_text_add(out, *text == '"' ? "\"" : "");
    lm_text_add_bytes(out, text, 1);
  }
  lm_text_add(out, quoted ? "\"," : ",");
}

static void add_number(struct lm_text *out, double number)
{
  lm_text_addf(out, isfinite(number) ? ",%.9g" : ",", number);
}

static void add_csv(const struct work *work, struct lm_text *out)
{
  for (size_t i = 0; i < work->sweep.count; i++) {
    add_cell(out, work->sweep.items[i].key);
  }
  lm_text_add(out, "parameters,train_loss,eval_loss");
  for (uint32_t k = 0; k < work->n_metrics; k++) {
    lm_text_addf(out, ",%s", work->metrics[k]);
  }
  lm_text_add(out, ",epochs,seconds\n");
  for (size_t run = 0; run < work->sweep.runs; run++) {
    const struct lm_run_summary *summary = &work->outcomes[run].summary;
    for (size_t i = 0; i < work->sweep.count; i++) {
      add_cell(out, value_of(work, run, i));
    }
    lm_text_addf(out, "%lld", (long long)work->outcomes[run].parameters);
    add_number(out, summary->train_loss);
    add_number(out, summary->eval_loss);
    for (uint32_t k = 0; k < work->n_metrics; k++) {
      add_number(out, summary->metrics[k]);
    }
    lm_text_addf(out, ",%lld", (long long)summary->epochs);
    add_number(out, summary->seconds);
    lm_text_add(out, "\n");
  }
}

/* The first variation is the x axis; each combination of the others is a line. */
static enum lamina_status add_chart(const struct work *work, struct lm_text *out,
                                    struct lm_error *error)
{
  const struct lm_variation *first = &work->sweep.items[0];
  size_t n_lines = work->sweep.runs / first->count;
  struct lm_chart_line *lines = lm_alloc(n_lines, sizeof *lines);
  double *values = lm_alloc(work->sweep.runs, sizeof *values);
  char **names = lm_alloc(n_lines, sizeof *names);
  bool done = lines != NULL && values != NULL && names != NULL;
  for (size_t line = 0; done && line < n_lines; line++) {
    struct lm_text name = {0};
    for (size_t i = 1; i < work->sweep.count; i++) {
      lm_text_addf(&name, "%s%s=%s", i == 1 ? "" : ", ", short_key(&work->sweep.items[i]),
                   value_of(work, line, i));
    }
    for (size_t k = 0; k < first->count; k++) {
      const struct lm_run_summary *summary = &work->outcomes[k * n_lines + line].summary;
      values[line * first->count + k] = work->judged ? summary->eval_loss : summary->train_loss;
    }
    lm_text_add(&name, ""); /* a text, though it be empty */
    names[line] = lm_text_take(&name);
    done = names[line] != NULL || work->sweep.count == 1;
    lines[line] = (struct lm_chart_line){names[line], values + line * first->count};
  }
  if (done) {
    const struct lm_chart chart = {.x_label = short_key(first),
                                   .y_label = work->judged ? "loss on the evaluation data" : "loss",
                                   .places = (const char *const *)first->values,
                                   .n_places = first->count,
                                   .lines = lines,
                                   .n_lines = n_lines};
    lm_chart_svg(&chart, out);
  }
  for (size_t line = 0; names != NULL && line < n_lines; line++) {
    lm_free(names[line]);
  }
  lm_free(names);
  lm_free(values);
  lm_free(lines);
  return done ? LAMINA_OK : lm_fail_memory(error, 0);
}

static bool wants_chart(const struct lm_cli *cli)
{
  const char *dot = cli->out == NULL ? NULL : strrchr(cli->out, '.');
  return dot != NULL && strcmp(dot, ".svg") == 0;
}

static enum lamina_status write_out(const struct work *work, struct lm_error *error)
{
  struct lm_text text = {0};
  enum lamina_status status = LAMINA_OK;
  if (wants_chart(work->cli)) {
    status = add_chart(work, &text, error);
  } else {
    add_csv(work, &text);
  }
  const struct lm_piece piece = {lm_text_get(&text), text.length};
  if (status == LAMINA_OK) {
    status = lm_text_ok(&text) ? lm_file_replace(work->cli->out, NULL, &piece, 1, error)
                               : lm_fail_memory(error, 0);
  }
  lm_text_release(&text);
  return status;
}

/* ---- the command ---- */

static enum lamina_status prepare(struct work *work, struct lm_error *error)
{
  struct lm_cli *cli = work->cli;
  LM_TRY(lm_cli_want_args(cli, 1, 1, "an experiment file", error));
  if (cli->n_varied == 0) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "lamina sweep needs --vary, such as --vary vars.latent=2,4,8");
  }
  for (size_t i = 0; i < cli->n_varied; i++) {
    LM_TRY(lm_sweep_add(&work->sweep, cli->varied[i], error));
  }
  char *stem = lm_cli_stem(cli->args[0]);
  if (cli->run_dir != NULL) {
    work->folder = lm_copy_text(cli->run_dir);
  } else if (stem != NULL) {
    work->folder = lm_format("runs/%s-sweep", stem);
  }
  lm_free(stem);
  work->outcomes = lm_alloc(work->sweep.runs, sizeof *work->outcomes);
  return work->folder == NULL || work->outcomes == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

static enum lamina_status sweep(struct work *work, struct lm_error *error)
{
  struct lm_text text = {0};
  LM_TRY(prepare(work, error));
  for (size_t run = 0; run < work->sweep.runs; run++) {
    LM_TRY(do_run(work, run, error));
  }
  if (work->cli->out != NULL) {
    LM_TRY(write_out(work, error));
  }
  add_table(work, &text);
  return lm_cli_print(&text, error);
}

enum lamina_status lm_command_sweep(struct lm_cli *cli, struct lm_error *error)
{
  struct work work = {.cli = cli};
  enum lamina_status status = sweep(&work, error);
  for (uint32_t i = 0; i < work.n_metrics; i++) {
    lm_free(work.metrics[i]);
  }
  lm_free(work.metrics);
  lm_free(work.outcomes);
  lm_free(work.folder);
  lm_sweep_release(&work.sweep);
  return status;
}
