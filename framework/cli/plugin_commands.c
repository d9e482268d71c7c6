/*
 * lamina list, lamina inspect and lamina schema.
 */
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/plugins.h"
#include "cli/schema.h"

enum lamina_status lm_cli_kind(const char *word, uint32_t *kind, struct lm_error *error)
{
  const char *names[LM_KINDS];
  *kind = lm_kind_parse(word);
  if (*kind != LAMINA_KIND_NONE) {
    return LAMINA_OK;
  }
  size_t count = 0;
  for (uint32_t i = 1; i < LM_KINDS; i++) {
    names[count++] = lm_kind_name(i);
  }
  const char *nearest = lm_spelling_nearest(word, names, count, sizeof names[0]);
  (void)lm_fail(error, LAMINA_E_USAGE, "there is no kind '%s'", word);
  if (nearest != NULL) {
    lm_error_suffix(error, ", did you mean '%s'?", nearest);
  } else {
    lm_error_suffix(error, "; kinds are");
    for (size_t i = 0; i < count; i++) {
      lm_error_suffix(error, "%s %s", i == 0 ? "" : ",", names[i]);
    }
  }
  return LAMINA_E_USAGE;
}

enum lamina_status lm_command_list(struct lm_cli *cli, struct lm_error *error)
{
  uint32_t kind = LAMINA_KIND_NONE;
  struct lm_text text = {0};
  LM_TRY(lm_cli_want_args(cli, 0, 1, "a kind", error));
  if (cli->n_args == 1) {
    LM_TRY(lm_cli_kind(cli->args[0], &kind, error));
  }
  enum lamina_status status = lm_cli_list(cli->registry, kind, cli->json, &text, error);
  if (status != LAMINA_OK) {
    lm_text_release(&text);
    return status;
  }
  return lm_cli_print(&text, error);
}

static enum lamina_status inspect_all(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_text text = {0};
  size_t faulty = 0;
  uint32_t limit_ms = cli->load_seconds == 0 ? LM_CLI_LOAD_MS : cli->load_seconds * 1000;
  enum lamina_status status = lm_cli_inspect_all(cli->registry, limit_ms, &text, &faulty, error);
  enum lamina_status printed = lm_cli_print(&text, error);
  if (status == LAMINA_OK && printed == LAMINA_OK && faulty > 0) {
    return lm_fail(error, LAMINA_E_PLUGIN, "%zu plugin%s cannot be used", faulty,
                   faulty == 1 ? "" : "s");
  }
  return status != LAMINA_OK ? status : printed;
}

enum lamina_status lm_command_inspect(struct lm_cli *cli, struct lm_error *error)
{
  uint32_t kind;
  const struct lm_plugin *plugin;
  struct lm_text text = {0};
  enum lm_cli_format format = cli->json       ? LM_CLI_JSON
                              : cli->yaml     ? LM_CLI_YAML
                              : cli->markdown ? LM_CLI_MARKDOWN
                                              : LM_CLI_TABLE;
  if (cli->all) {
    return inspect_all(cli, error);
  }
  LM_TRY(lm_cli_want_args(cli, 2, 2, "a kind and a name, such as: layer dense", error));
  LM_TRY(lm_cli_kind(cli->args[0], &kind, error));
  lm_guard_watch(cli->load_seconds == 0 ? LM_CLI_BUILD_SECONDS : cli->load_seconds);
  enum lamina_status status = lm_registry_find(cli->registry, kind, cli->args[1], &plugin, error);
  lm_guard_watch(0);
  LM_TRY(status);
  LM_TRY(lm_cli_inspect(plugin, format, &text, error));
  return lm_cli_print(&text, error);
}

struct lm_catalog_options lm_cli_catalog_options(struct lm_cli *cli)
{
  return (struct lm_catalog_options){.registry = cli->registry,
                                     .limit_ms = cli->load_seconds == 0 ? LM_CLI_LOAD_MS
                                                                        : cli->load_seconds * 1000,
                                     .log = lm_cli_log,
                                     .log_arg = cli};
}

enum lamina_status lm_command_schema(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_catalog catalog;
  struct lm_text text = {0};
  const struct lm_catalog_options options = lm_cli_catalog_options(cli);
  LM_TRY(lm_cli_want_args(cli, 0, 0, "nothing else", error));
  LM_TRY(lm_catalog_make(&options, &catalog, error));
  enum lamina_status status = lm_cli_schema(&catalog, &text, error);
  lm_free(catalog.items);
  if (status != LAMINA_OK) {
    lm_text_release(&text);
    return status;
  }
  return lm_cli_print(&text, error);
}
