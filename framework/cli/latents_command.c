/*
 * lamina latents: a map of the codes that an encoder makes of a data set, coloured by class.
 */
#include <string.h>

#include "analysis/latents.h"
#include "base/memory.h"
#include "cli/opened.h"
#include "io/files.h"

enum { USUAL_COUNT = 5000, MOST_COUNT = 1000000 };

/* Names of the classes, where the model's own data had such. */
static const char *const *class_names(const struct lm_opened *opened, int64_t classes)
{
  for (uint32_t i = 0; i < opened->fields.count; i++) {
    const struct lm_declared_field *field = &opened->fields.items[i];
    if (strcmp(field->name, "target") == 0 && field->classes == classes) {
      return (const char *const *)field->names;
    }
  }
  return NULL;
}

static enum lamina_status write_map(const struct lm_cli *cli, const struct lm_map *map,
                                    struct lm_error *error)
{
  struct lm_text text = {0};
  if (lm_cli_ends_with(cli->out, ".svg")) {
    lm_map_svg(map, &text);
  } else {
    lm_map_csv(map, &text);
  }
  const struct lm_piece piece = {lm_text_get(&text), text.length};
  enum lamina_status status = lm_text_ok(&text) ? lm_file_replace(cli->out, NULL, &piece, 1, error)
                                                : lm_fail_memory(error, 0);
  lm_text_release(&text);
  return status;
}

static enum lamina_status show(const struct lm_cli *cli, const struct lm_opened *opened,
                               const struct lm_codes *codes, struct lm_error *error)
{
  struct lm_output output;
  struct lm_latents latents;
  LM_TRY(lm_part_output(opened->experiment, &output, error));
  LM_TRY(lm_latents_make(codes, output.name, &latents, error));
  char *title = lm_format("%s, %lld samples", opened->path, (long long)codes->count);
  const struct lm_map map = {.points = latents.points,
                             .labels = codes->labels,
                             .count = codes->count,
                             .classes = codes->classes,
                             .names = class_names(opened, codes->classes),
                             .title = title,
                             .across = latents.across,
                             .up = latents.up};
  enum lamina_status status =
      title == NULL ? lm_fail_memory(error, 0) : write_map(cli, &map, error);
  if (status == LAMINA_OK && codes->width > 2 && !cli->quiet) {
    (void)fprintf(stderr, "lamina: across: %s; up: %s\n", latents.across, latents.up);
  }
  lm_free(title);
  lm_latents_release(&latents);
  return status;
}

static enum lamina_status encode(const struct lm_cli *cli, struct lm_opened *opened,
                                 struct lm_error *error)
{
  struct lm_codes codes = {0};
  long long wanted = lm_cli_ends_with(cli->out, ".svg") ? USUAL_COUNT : INT64_MAX;
  int64_t count = opened->engine->train.count;
  if (cli->count != NULL) {
    LM_TRY(lm_cli_number("--count", cli->count, 1, MOST_COUNT, &wanted, error));
  }
  int64_t *index = lm_alloc((size_t)count, sizeof *index);
  if (index == NULL) {
    return lm_fail_memory(error, (size_t)count * sizeof *index);
  }
  int64_t n = lm_latents_choose(count, wanted, index);
  for (int64_t i = 0; i < n; i++) {
    index[i] = opened->engine->train.index[index[i]];
  }
  enum lamina_status status = lm_part_encode(opened->engine, index, n, &codes, error);
  if (status == LAMINA_OK) {
    status = show(cli, opened, &codes, error);
  }
  lm_codes_release(&codes);
  lm_free(index);
  return status;
}

enum lamina_status lm_command_latents(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_opened opened = {0};
  enum lamina_status status;
  const char *part = cli->part == NULL ? "encoder" : cli->part;
  LM_TRY(lm_cli_want_args(cli, 1, 1, "a model file", error));
  if (cli->out == NULL ||
      !(lm_cli_ends_with(cli->out, ".svg") || lm_cli_ends_with(cli->out, ".csv"))) {
    return lm_fail(error, LAMINA_E_USAGE, "lamina latents needs --out FILE.svg or --out FILE.csv");
  }
  LM_TRY_OR(out, status, lm_opened_read(cli, cli->args[0], &opened, error));
  if (cli->input != NULL) {
    LM_TRY_OR(out, status, lm_opened_take_input(&opened, cli->input, "--input", error));
  }
  LM_TRY_OR(out, status, lm_opened_build_part(cli, &opened, part, true, error));
  status = encode(cli, &opened, error);

out:
  lm_opened_close(&opened);
  return status;
}
