/*
 * lamina conform: checks a plugin's file against the numbered requirements.
 *
 * The exit status says whether it conforms (70 when not, also for what only --strict counts);
 * a file that cannot be loaded ends with the status that a training would end with.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "conform/conform.h"

static enum lamina_status print_rules(struct lm_error *error)
{
  struct lm_text text = {0};
  lm_requirements_page(&text);
  return lm_cli_print(&text, error);
}

static enum lamina_status read_format(const struct lm_cli *cli, enum lm_conform_format *format,
                                      struct lm_error *error)
{
  *format = cli->json ? LM_CONFORM_JSON : LM_CONFORM_TEXT;
  if (cli->format != NULL && !lm_conform_format_parse(cli->format, format)) {
    return lm_fail(error, LAMINA_E_USAGE, "--format is '%s', expected text, tap, junit or json",
                   cli->format);
  }
  return LAMINA_OK;
}

static enum lamina_status read_options(const struct lm_cli *cli, struct lm_conform_options *options,
                                       struct lm_error *error)
{
  const char *seed = strchr(cli->seed, '=');
  *options = (struct lm_conform_options){
      .file = cli->args[0],
      .settings = cli->settings,
      .shapes = cli->shapes,
      .only = cli->only,
      .skip = cli->skip,
      .seed = seed == NULL ? 1 : strtoull(seed + 1, NULL, 10),
      .quick = cli->quick,
      .in_process = cli->in_process,
      .registry = {.plugin_path = cli->plugin_path, .from_here = true},
  };
  if (cli->timeout != NULL) {
    long long seconds;
    LM_TRY(lm_cli_number("--timeout", cli->timeout, 1, 3600, &seconds, error));
    options->limit_ms = (uint32_t)seconds * 1000;
  }
  return LAMINA_OK;
}

/* What the exit status says beside the report. */
static enum lamina_status conclude(const struct lm_conform_report *report, bool strict,
                                   struct lm_error *error)
{
  size_t broken = lm_conform_broken(report, strict);
  if (report->load_status != LAMINA_OK) {
    const char *why = report->count > 0 && report->results[0].n_findings > 0
                          ? report->results[0].findings[0]
                          : "it cannot be loaded";
    return lm_fail(error, report->load_status, "%s", why);
  }
  return broken == 0 ? LAMINA_OK
                     : lm_fail(error, LAMINA_E_PLUGIN, "%s breaks %zu requirement%s",
                               report->plugin, broken, broken == 1 ? "" : "s");
}

enum lamina_status lm_command_conform(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_conform_options options;
  struct lm_conform_report report;
  enum lm_conform_format format;
  struct lm_text text = {0};
  if (cli->rules) {
    return print_rules(error);
  }
  LM_TRY(lm_cli_want_args(cli, 1, 1, "a plugin's file, such as layer_swish.so", error));
  LM_TRY(read_format(cli, &format, error));
  LM_TRY(read_options(cli, &options, error));
  enum lamina_status status = lm_conform(&options, &report, error);
  if (status == LAMINA_OK) {
    lm_conform_write(&report, format, cli->strict, &text);
    status = lm_cli_print(&text, error);
  }
  if (status == LAMINA_OK) {
    status = conclude(&report, cli->strict, error);
  }
  lm_conform_release(&report);
  return status;
}
