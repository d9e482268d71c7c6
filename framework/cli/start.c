/*
 * What commands have in common: the registry, the pool, building an experiment.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "io/files.h"

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

/* Folders with ':' between them, those that are relative counted from here. */
static char *absolute_list(const char *list)
{
  struct lm_text out = {0};
  while (*list != '\0') {
    size_t length = strcspn(list, ":");
    char *folder = length == 0 ? NULL : lm_copy_bytes(list, length);
    char *path = folder == NULL ? NULL : lm_path_absolute(folder, NULL);
    bool failed = length > 0 && path == NULL;
    if (path != NULL) {
      lm_text_addf(&out, "%s%s", out.length == 0 ? "" : ":", path);
    }
    lm_free(folder);
    lm_free(path);
    if (failed) {
      lm_text_release(&out);
      return NULL;
    }
    list += length;
    list += *list == ':' ? 1 : 0;
  }
  lm_text_add(&out, "");
  return lm_text_take(&out);
}

/* The registry wants absolute folders, since it does not know whose working directory counts. */
static enum lamina_status make_environment_absolute(struct lm_error *error)
{
  const char *list = getenv("LAMINA_PLUGIN_PATH");
  if (list == NULL || list[0] == '\0') {
    return LAMINA_OK;
  }
  char *absolute = absolute_list(list);
  bool done = absolute != NULL && setenv("LAMINA_PLUGIN_PATH", absolute, 1) == 0;
  lm_free(absolute);
  return done ? LAMINA_OK : lm_fail_memory(error, 0);
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
  struct lm_registry_options options = {.log = lm_cli_log, .log_arg = cli};
  char *path = NULL;
  LM_TRY(read_load_seconds(cli, error));
  LM_TRY(make_environment_absolute(error));
  if (cli->plugin_path != NULL && (path = absolute_list(cli->plugin_path)) == NULL) {
    return lm_fail_memory(error, 0);
  }
  options.plugin_path = cli->plugin_path_absolute = path;
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

enum lamina_status lm_cli_build(struct lm_cli *cli, struct lm_config *config, bool predict_only,
                                struct lm_experiment **out, struct lm_error *error)
{
  struct lm_experiment_options options = {.registry = cli->registry,
                                          .pool = cli->pool,
                                          .log = lm_cli_log,
                                          .log_arg = cli,
                                          .predict_only = predict_only};
  enum lamina_status status = LAMINA_OK;
  if (cli->pool == NULL) {
    status = lm_pool_create_on(choose_threads(cli), &cli->affinity, &cli->pool, error);
    options.pool = cli->pool;
  }
  if (status != LAMINA_OK) {
    lm_config_free(config);
    return status;
  }
  lm_guard_watch(cli->load_seconds == 0 ? LM_CLI_BUILD_SECONDS : cli->load_seconds);
  status = lm_experiment_create(config, &options, out, error);
  lm_guard_watch(0);
  return status;
}

enum lamina_status lm_cli_experiment(struct lm_cli *cli, struct lm_experiment **out,
                                     struct lm_error *error)
{
  struct lm_config *config = NULL;
  LM_TRY(lm_cli_want_args(cli, 1, 1, "an experiment file", error));
  LM_TRY(lm_config_load(cli->args[0], cli->sets, cli->n_sets, &config, error));
  return lm_cli_build(cli, config, false, out, error);
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
