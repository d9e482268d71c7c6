/*
 * lamina train, and lamina check, which does the same short of training.
 */
#include <string.h>

#include "base/memory.h"
#include "cli/display.h"
#include "cli/watch.h"
#include "trainer/profile.h"
#include "trainer/run_folder.h"

static char *choose_run_dir(const struct lm_cli *cli)
{
  if (cli->run_dir != NULL) {
    return lm_copy_text(cli->run_dir);
  }
  char *stem = lm_cli_stem(cli->args[0]);
  char *path = stem == NULL ? NULL : lm_run_folder_choose("runs", stem, cli->resume);
  lm_free(stem);
  return path;
}

static void print_result(const struct lm_train_result *result, const char *run_dir)
{
  struct lm_text text = {0};
  if (result->last.epoch > 0) {
    const struct lm_scores *scores =
        result->last.has_eval ? &result->last.eval : &result->last.train;
    lm_display_scores(&text, &result->last, scores);
    (void)printf("%s%s, ", result->last.has_eval ? "eval " : "", lm_text_get(&text));
  }
  if (result->best_epoch > 0) {
    (void)printf("best in epoch %lld, ", (long long)result->best_epoch);
  }
  (void)printf("model: %s/model.safetensors\n", run_dir);
  lm_text_release(&text);
}

static void print_profile(const struct lm_profile *profile)
{
  struct lm_text text = {0};
  lm_profile_text(profile, &text);
  (void)fprintf(stderr, "%s", lm_text_get(&text));
  lm_text_release(&text);
}

enum lamina_status lm_cli_train(struct lm_cli *cli, struct lm_experiment *experiment,
                                struct lm_train_options *options, struct lm_error *error)
{
  struct lm_display display;
  struct lm_train_result result;
  lm_display_init(&display, cli);
  options->observer = lm_display_observer(&display);
  enum lamina_status status = lm_experiment_open_data(experiment, error);
  if (status == LAMINA_OK) {
    status = lm_train(experiment, options, &result, error);
  }
  lm_cli_clear_line(cli);
  if (status == LAMINA_OK && !cli->json) {
    print_result(&result, options->run_dir);
  }
  if (status == LAMINA_OK && options->profile != NULL) {
    print_profile(options->profile);
  }
  return status;
}

static enum lamina_status train_here(struct lm_cli *cli, const char *run_dir,
                                     struct lm_error *error)
{
  struct lm_experiment *experiment = NULL;
  struct lm_profile *profile = NULL;
  LM_TRY(lm_cli_experiment(cli, &experiment, error));
  enum lamina_status status =
      cli->profile ? lm_profile_create(experiment, &profile, error) : LAMINA_OK;
  if (status == LAMINA_OK) {
    struct lm_train_options options = {
        .run_dir = run_dir, .resume = cli->resume, .stop = lm_stop_install(), .profile = profile};
    status = lm_cli_train(cli, experiment, &options, error);
  }
  lm_profile_free(profile);
  lm_experiment_free(experiment);
  return status;
}

enum lamina_status lm_command_train(struct lm_cli *cli, struct lm_error *error)
{
  LM_TRY(lm_cli_want_args(cli, 1, 1, "an experiment file", error));
  if (cli->watch && cli->profile) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "--profile measures one process from its start to its end, and --watch trains "
                   "in several: leave out one of them");
  }
  char *run_dir = choose_run_dir(cli);
  if (run_dir == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status =
      cli->watch ? lm_watch_train(cli, run_dir, error) : train_here(cli, run_dir, error);
  lm_free(run_dir);
  return status;
}

enum lamina_status lm_command_check(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_experiment *experiment = NULL;
  struct lm_engine *engine = NULL;
  LM_TRY(lm_cli_experiment(cli, &experiment, error));
  enum lamina_status status = lm_experiment_open_data(experiment, error);
  if (status == LAMINA_OK) {
    status = lm_engine_create(experiment, LM_TO_TRAIN, &engine, error);
  }
  if (status == LAMINA_OK) {
    (void)printf("%s: good: %u nodes, %lld trained parameters, %lld training samples, "
                 "%lld for evaluation\n",
                 cli->args[0], experiment->graph->n_nodes,
                 (long long)lm_cli_parameters(experiment->graph, true),
                 (long long)engine->train.count, (long long)engine->test.count);
  }
  lm_engine_free(engine);
  lm_experiment_free(experiment);
  return status;
}
