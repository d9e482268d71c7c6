/*
 * What commands have in common: the registry, the pool, building an experiment.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"

void lm_cli_log(void *arg, int32_t level, const char *sentence)
{
  struct lm_cli *cli = arg;
  flockfile(stderr);
  lm_cli_clear_line(cli);
  if (level == LAMINA_LOG_DEBUG || !cli->quiet || level == LAMINA_LOG_WARNING) {
    (void)fprintf(stderr, "lamina: %s%s\n", level == LAMINA_LOG_WARNING ? "warning: " : "",
                  sentence);
  }
  funlockfile(stderr);
}

static enum lamina_status read_load_seconds(struct lm_cli *cli, struct lm_error *error)
{
  const char *text = getenv("LAMINA_LOAD_SECONDS");
  long long seconds;
  if (text == NULL || text[0] == '\0') {
    return LAMINA_OK;
  }
  LM_TRY(lm_cli_number("LAMINA_LOAD_SECONDS", text, 1, 86400, &seconds, error));
  cli->load_seconds = (uint32_t)seconds;
  return LAMINA_OK;
}

enum lamina_status lm_cli_start(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_registry_options options = {
      .plugin_path = cli->plugin_path, .from_here = true, .log = lm_cli_log, .log_arg = cli};
  LM_TRY(read_load_seconds(cli, error));
  return lm_registry_create(&options, &cli->registry, error);
}

/* As many as were asked for, or else one for each CPU, of those to stay on if some were named. */
static uint32_t choose_threads(const struct lm_cli *cli)
{
  uint32_t usual = lm_pool_default_threads();
  uint32_t named = cli->affinity.count;
  if (cli->threads != 0) {
    return cli->threads;
  }
  return named > 0 && named < usual ? named : usual;
}

enum lamina_status lm_cli_build_as(struct lm_cli *cli, struct lm_config *config,
                                   struct lm_experiment_options options, struct lm_experiment **out,
                                   struct lm_error *error)
{
  enum lamina_status status = LAMINA_OK;
  if (cli->pool == NULL) {
    status = lm_pool_create_on(choose_threads(cli), &cli->affinity, &cli->pool, error);
  }
  if (status != LAMINA_OK) {
    lm_config_free(config);
    return status;
  }
  options.registry = cli->registry;
  options.pool = cli->pool;
  options.log = lm_cli_log;
  options.log_arg = cli;
  lm_guard_watch(cli->load_seconds == 0 ? LM_CLI_BUILD_SECONDS : cli->load_seconds);
  status = lm_experiment_create(config, &options, out, error);
  lm_guard_watch(0);
  return status;
}

enum lamina_status lm_cli_build(struct lm_cli *cli, struct lm_config *config, bool predict_only,
                                struct lm_experiment **out, struct lm_error *error)
{
  const struct lm_experiment_options options = {.predict_only = predict_only};
  return lm_cli_build_as(cli, config, options, out, error);
}

enum lamina_status lm_cli_experiment(struct lm_cli *cli, struct lm_experiment **out,
                                     struct lm_error *error)
{
  struct lm_config *config = NULL;
  LM_TRY(lm_cli_want_args(cli, 1, 1, "an experiment file", error));
  LM_TRY(lm_config_load(cli->args[0], cli->sets, cli->n_sets, &config, error));
  return lm_cli_build(cli, config, false, out, error);
}

char *lm_cli_stem(const char *path)
{
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  const char *dot = strrchr(name, '.');
  size_t length = dot == NULL || dot == name ? strlen(name) : (size_t)(dot - name);
  return strcmp(path, "-") == 0 ? lm_copy_text("run") : lm_copy_bytes(name, length);
}

enum lamina_status lm_cli_print(struct lm_text *text, struct lm_error *error)
{
  enum lamina_status status = LAMINA_OK;
  if (!lm_text_ok(text)) {
    status = lm_fail_memory(error, 0);
  } else if (fwrite(lm_text_get(text), 1, text->length, stdout) != text->length) {
    status = lm_fail(error, LAMINA_E_IO, "standard output cannot be written");
  }
  lm_text_release(text);
  return status;
}

enum lamina_status lm_cli_want_args(const struct lm_cli *cli, size_t least, size_t most,
                                    const char *what, struct lm_error *error)
{
  if (cli->n_args < least) {
    return lm_fail(error, LAMINA_E_USAGE, "lamina %s needs %s", cli->command, what);
  }
  if (cli->n_args > most) {
    return lm_fail(error, LAMINA_E_USAGE, "lamina %s: '%s' is one argument too many", cli->command,
                   cli->args[most]);
  }
  return LAMINA_OK;
}
