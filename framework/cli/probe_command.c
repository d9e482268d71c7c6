/*
 * lamina probe: how far each layer of a model is equivariant and invariant, on data of the user's.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/symmetry.h"
#include "base/memory.h"
#include "cli/opened.h"
#include "io/files.h"

enum { MOST_MOTIONS = 4 };

struct motions {
  struct lm_motion items[MOST_MOTIONS];
  uint32_t count;
};

/* ---- the command line ---- */

static enum lamina_status read_pixels(const char *whole, const char *text, char **end, int64_t *out,
                                      struct lm_error *error)
{
  errno = 0;
  *out = strtoll(text, end, 10);
  if (*end == text || errno != 0 || *out > INT32_MAX || *out < -INT32_MAX) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "--shift is '%s', expected a number of pixels, such as 2, or two, such as 1,-3 "
                   "(1 right and 3 up)",
                   whole);
  }
  return LAMINA_OK;
}

static enum lamina_status read_shift(const struct lm_cli *cli, struct motions *motions,
                                     struct lm_error *error)
{
  struct lm_motion *shift = &motions->items[motions->count];
  const char *edge = cli->edge == NULL ? "circular" : cli->edge;
  char *end;
  *shift = (struct lm_motion){.kind = LM_MOTION_SHIFT, .zeros = strcmp(edge, "zeros") == 0};
  if (!shift->zeros && strcmp(edge, "circular") != 0) {
    return lm_fail(error, LAMINA_E_USAGE, "--edge is '%s', expected circular or zeros", edge);
  }
  if (cli->shift == NULL) {
    return cli->edge == NULL ? LAMINA_OK
                             : lm_fail(error, LAMINA_E_USAGE, "--edge belongs to --shift");
  }
  LM_TRY(read_pixels(cli->shift, cli->shift, &end, &shift->right, error));
  shift->down = shift->right;
  shift->pair = *end == ',';
  if (shift->pair) {
    LM_TRY(read_pixels(cli->shift, end + 1, &end, &shift->down, error));
  }
  if (*end != '\0' || (shift->right == 0 && shift->down == 0)) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "--shift is '%s', expected N or DX,DY, whole numbers that are not both 0",
                   cli->shift);
  }
  motions->count++;
  return LAMINA_OK;
}

/* A turn or a gain, if it was given. senseless: the number that changes nothing. */
static enum lamina_status read_amount(const char *name, const char *text, double senseless,
                                      struct lm_motion motion, struct motions *motions,
                                      struct lm_error *error)
{
  char *end;
  if (text == NULL) {
    return LAMINA_OK;
  }
  motion.amount = strtod(text, &end);
  bool good = end != text && *end == '\0' && isfinite(motion.amount) && fabs(motion.amount) < 1e6;
  if (!good || motion.amount == senseless || motion.amount == 0.0) {
    return lm_fail(error, LAMINA_E_USAGE, "%s is '%s', expected a number other than %s", name, text,
                   senseless == 0.0 ? "0, in degrees" : "0 and 1");
  }
  motions->items[motions->count++] = motion;
  return LAMINA_OK;
}

static enum lamina_status read_motions(const struct lm_cli *cli, struct motions *motions,
                                       struct lm_error *error)
{
  struct lm_motion turn = {.kind = LM_MOTION_TURN}, gain = {.kind = LM_MOTION_GAIN};
  LM_TRY(read_shift(cli, motions, error));
  LM_TRY(read_amount("--rotate", cli->rotate, 0.0, turn, motions, error));
  if (cli->flip) {
    motions->items[motions->count++] = (struct lm_motion){.kind = LM_MOTION_FLIP};
  }
  LM_TRY(read_amount("--gain", cli->gain, 1.0, gain, motions, error));
  if (motions->count == 0) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "lamina probe needs --shift, --rotate, --flip or --gain, or several of them");
  }
  size_t length = cli->out == NULL ? 4 : strlen(cli->out);
  if (cli->out != NULL && (length < 5 || strcmp(cli->out + length - 4, ".svg") != 0)) {
    return lm_fail(error, LAMINA_E_USAGE, "--out is '%s', expected a file whose name ends in .svg",
                   cli->out);
  }
  return LAMINA_OK;
}

/* ---- the model ---- */

static enum lamina_status open_model(struct lm_cli *cli, struct lm_opened *opened,
                                     bool predict_only, struct lm_error *error)
{
  LM_TRY(lm_opened_read(cli, cli->args[0], opened, error));
  LM_TRY(lm_opened_take_input(opened, cli->input, "--input", error));
  return lm_opened_build(cli, opened, predict_only, error);
}

/* With losses and metrics where the data has what they read, or else without, and saying so. */
static enum lamina_status open_with_scores(struct lm_cli *cli, struct lm_opened *opened,
                                           struct lm_error *error)
{
  struct lm_error first = {0};
  if (open_model(cli, opened, false, &first) == LAMINA_OK) {
    return LAMINA_OK;
  }
  lm_opened_close(opened);
  LM_TRY(open_model(cli, opened, true, error));
  lm_error_prefix(&first, "without loss and metrics");
  lm_cli_log(cli, LAMINA_LOG_INFO, first.text);
  return LAMINA_OK;
}

/* ---- what comes of it ---- */

static enum lamina_status write_picture(const struct lm_cli *cli,
                                        const struct lm_symmetry_report *report,
                                        struct lm_error *error)
{
  struct lm_text text = {0};
  lm_symmetry_report_svg(report, cli->args[0], &text);
  struct lm_piece piece = {lm_text_get(&text), text.length};
  enum lamina_status status = lm_text_ok(&text) ? lm_file_replace(cli->out, NULL, &piece, 1, error)
                                                : lm_fail_memory(error, 0);
  lm_text_release(&text);
  return status;
}

static enum lamina_status show(const struct lm_cli *cli, const struct lm_symmetry_report *report,
                               struct lm_error *error)
{
  struct lm_text text = {0};
  if (cli->out != NULL) {
    LM_TRY(write_picture(cli, report, error));
  }
  if (cli->json) {
    lm_symmetry_report_json(report, cli->args[0], &text);
  } else {
    lm_symmetry_report_text(report, &text);
  }
  return lm_cli_print(&text, error);
}

enum lamina_status lm_command_probe(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_opened opened = {0};
  struct motions motions = {0};
  struct lm_symmetry_report *report = NULL;
  enum lamina_status status;
  LM_TRY(lm_cli_want_args(cli, 1, 1, "a model file", error));
  LM_TRY(lm_opened_want_input(cli, error));
  LM_TRY(read_motions(cli, &motions, error));
  LM_TRY_OR(out, status, open_with_scores(cli, &opened, error));
  LM_TRY_OR(out, status,
            lm_symmetry_measure(opened.engine, motions.items, motions.count, &report, error));
  status = show(cli, report, error);

out:
  lm_symmetry_report_free(report);
  lm_opened_close(&opened);
  return status;
}
