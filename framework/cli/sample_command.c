/*
 * lamina sample: what a decoder makes of codes: of draws, of a grid, or of the way between two.
 */
#include <stdlib.h>

#include "analysis/codes.h"
#include "analysis/picture.h"
#include "base/memory.h"
#include "cli/opened.h"
#include "io/npy.h"

enum { USUAL_COUNT = 64, MOST_SAMPLES = 1000000, MOST_SIDE = 1000 };

/* One run of the command. */
struct work {
  struct lm_cli *cli;
  struct lm_opened decoder;
  struct lm_output output;
  int64_t width, count, columns; /* of a code; of codes; of the sheet, 0: any */
  float *codes, *samples;
};

/* "A,B": two numbers from 0 to most. */
static enum lamina_status read_pair(const char *option, const char *text, long long most,
                                    long long pair[2], struct lm_error *error)
{
  char *end;
  pair[0] = strtoll(text, &end, 10);
  bool good = end != text && *end == ',';
  const char *second = end + good;
  pair[1] = strtoll(second, &end, 10);
  good = good && end != second && *end == '\0';
  if (!good || pair[0] < 0 || pair[1] < 0 || pair[0] > most || pair[1] > most) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "%s is '%s', expected two numbers such as 0,1, from 0 to %lld", option, text,
                   most);
  }
  return LAMINA_OK;
}

/* ---- codes ---- */

static enum lamina_status make_room(struct work *work, int64_t count, struct lm_error *error)
{
  size_t numbers;
  work->count = count;
  if (lm_mul_size((size_t)count, (size_t)work->width, &numbers)) {
    work->codes = lm_alloc(numbers, sizeof *work->codes);
  }
  return work->codes == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

static enum lamina_status draw(struct work *work, struct lm_error *error)
{
  long long count = USUAL_COUNT;
  if (work->cli->count != NULL) {
    LM_TRY(lm_cli_number("--count", work->cli->count, 1, MOST_SAMPLES, &count, error));
  }
  LM_TRY(make_room(work, count, error));
  lm_codes_draw((uint64_t)work->decoder.experiment->train.seed, count, work->width, work->codes);
  return LAMINA_OK;
}

static enum lamina_status make_grid(struct work *work, struct lm_error *error)
{
  long long side, plane[2] = {0, 1};
  LM_TRY(lm_cli_number("--grid", work->cli->grid, 1, MOST_SIDE, &side, error));
  if (work->cli->dimensions != NULL) {
    LM_TRY(read_pair("--dimensions", work->cli->dimensions, work->width - 1, plane, error));
  }
  if (work->width < 2 || plane[0] == plane[1]) {
    return lm_fail(error, LAMINA_E_INVALID, "a grid needs two dimensions, but %s",
                   work->width < 2 ? "a code is one number" : "--dimensions names one twice");
  }
  if (work->width > 2 && work->cli->dimensions == NULL) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "a code is %lld numbers: say which two a grid goes along by --dimensions, such "
                   "as 0,1; the others are 0",
                   (long long)work->width);
  }
  LM_TRY(make_room(work, side * side, error));
  work->columns = side;
  lm_codes_grid(side, (struct lm_plane){plane[0], plane[1]}, work->width, work->codes);
  return LAMINA_OK;
}

/* Codes of two samples of --input, by the part that encodes. */
static enum lamina_status encode_ends(struct work *work, struct lm_opened *encoder,
                                      struct lm_codes *ends, struct lm_error *error)
{
  struct lm_cli *cli = work->cli;
  const char *part = cli->encoder == NULL ? "encoder" : cli->encoder;
  long long pair[2] = {0, 1};
  LM_TRY(lm_opened_read(cli, cli->args[0], encoder, error));
  LM_TRY(lm_opened_take_input(encoder, cli->input, "--input", error));
  LM_TRY(lm_opened_build_part(cli, encoder, part, true, error));
  int64_t count = encoder->engine->train.count;
  pair[1] = count > 1 ? 1 : 0;
  if (cli->samples != NULL) {
    LM_TRY(read_pair("--samples", cli->samples, count - 1, pair, error));
  }
  const int64_t index[2] = {pair[0], pair[1]};
  for (int i = 0; i < 2; i++) { /* one at a time: a portion's batch may be one sample */
    struct lm_codes one = {0};
    enum lamina_status status = lm_part_encode(encoder->engine, &index[i], 1, &one, error);
    if (status == LAMINA_OK && one.width != work->width) {
      status =
          lm_fail(error, LAMINA_E_INVALID, "part '%s' makes codes of %lld numbers, expected %lld",
                  part, (long long)one.width, (long long)work->width);
    }
    for (int64_t k = 0; status == LAMINA_OK && k < one.width; k++) {
      ends->numbers[i * one.width + k] = one.numbers[k];
    }
    lm_codes_release(&one);
    LM_TRY(status);
  }
  return LAMINA_OK;
}

static enum lamina_status interpolate(struct work *work, struct lm_error *error)
{
  long long count;
  struct lm_opened encoder = {0};
  struct lm_codes ends = {.count = 2, .width = work->width};
  enum lamina_status status = LAMINA_OK;
  LM_TRY(lm_cli_number("--interpolate", work->cli->interpolate, 2, MOST_SAMPLES, &count, error));
  LM_TRY(make_room(work, count, error));
  ends.numbers = lm_alloc(2 * (size_t)work->width, sizeof *ends.numbers);
  if (ends.numbers == NULL) {
    return lm_fail_memory(error, 0);
  }
  if (work->cli->input != NULL) {
    status = encode_ends(work, &encoder, &ends, error);
  } else {
    uint64_t seed = (uint64_t)work->decoder.experiment->train.seed;
    lm_codes_draw(seed, 2, work->width, ends.numbers);
  }
  lm_opened_close(&encoder);
  if (status == LAMINA_OK) {
    lm_codes_line(ends.numbers, ends.numbers + work->width, count, work->width, work->codes);
    work->columns = count;
  }
  lm_codes_release(&ends);
  return status;
}

static enum lamina_status make_codes(struct work *work, struct lm_error *error)
{
  const struct lm_cli *cli = work->cli;
  if (cli->grid != NULL) {
    return make_grid(work, error);
  }
  return cli->interpolate != NULL ? interpolate(work, error) : draw(work, error);
}

/* ---- files ---- */

static enum lamina_status write_array(const struct work *work, struct lm_error *error)
{
  struct lm_npy npy;
  const struct lamina_type *record = &work->output.record.type;
  struct lm_npy_shape shape = {.type = LM_NPY_F32, .rank = record->rank + 1};
  shape.dims[0] = work->count;
  for (uint32_t d = 0; d < record->rank; d++) {
    shape.dims[d + 1] = record->dims[d];
  }
  LM_TRY(lm_npy_open(work->cli->out, &shape, &npy, error));
  enum lamina_status status =
      lm_npy_add(&npy, work->samples, work->count * work->output.width, error);
  if (status == LAMINA_OK) {
    status = lm_npy_commit(&npy, error);
  }
  lm_npy_discard(&npy);
  return status;
}

static enum lamina_status sample(struct work *work, struct lm_error *error)
{
  struct lm_cli *cli = work->cli;
  struct lm_opened *decoder = &work->decoder;
  struct lm_sheet sheet = {.stretched = cli->stretch};
  bool is_picture = lm_cli_ends_with(cli->out, ".png");
  size_t numbers;
  LM_TRY(lm_opened_read(cli, cli->args[0], decoder, error));
  LM_TRY(
      lm_opened_build_part(cli, decoder, cli->part == NULL ? "decoder" : cli->part, false, error));
  LM_TRY(lm_part_code_width(decoder->experiment, decoder->fields.items, decoder->fields.count,
                            &work->width, error));
  LM_TRY(lm_part_output(decoder->experiment, &work->output, error));
  if (is_picture) {
    LM_TRY(lm_picture_shape(&work->output, cli->shape, decoder->fields.items, decoder->fields.count,
                            &sheet, error));
  }
  LM_TRY(make_codes(work, error));
  if (lm_mul_size((size_t)work->count, (size_t)work->output.width, &numbers)) {
    work->samples = lm_alloc(numbers, sizeof *work->samples);
  }
  if (work->samples == NULL) {
    return lm_fail_memory(error, 0);
  }
  LM_TRY(lm_part_decode(decoder->engine, work->codes, work->count, work->samples, error));
  sheet.images = work->samples;
  sheet.count = work->count;
  sheet.columns = work->columns;
  return is_picture ? lm_picture_write(cli->out, &sheet, error) : write_array(work, error);
}

/* Options that contradict each other, or that mean nothing here. */
static enum lamina_status check_options(const struct lm_cli *cli, struct lm_error *error)
{
  int kinds = (cli->count != NULL) + (cli->grid != NULL) + (cli->interpolate != NULL);
  if (cli->out == NULL ||
      !(lm_cli_ends_with(cli->out, ".png") || lm_cli_ends_with(cli->out, ".npy"))) {
    return lm_fail(error, LAMINA_E_USAGE, "lamina sample needs --out FILE.png or --out FILE.npy");
  }
  if (kinds > 1) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "expected one of --count, --grid and --interpolate, found %d of them", kinds);
  }
  const struct {
    const char *option, *with;
    bool given, good;
  } rows[] = {
      {"--dimensions", "--grid", cli->dimensions != NULL, cli->grid != NULL},
      {"--input", "--interpolate", cli->input != NULL, cli->interpolate != NULL},
      {"--samples", "--input", cli->samples != NULL, cli->input != NULL},
      {"--encoder", "--input", cli->encoder != NULL, cli->input != NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].given && !rows[i].good) {
      return lm_fail(error, LAMINA_E_USAGE, "%s belongs to %s, which is not given", rows[i].option,
                     rows[i].with);
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_command_sample(struct lm_cli *cli, struct lm_error *error)
{
  struct work work = {.cli = cli};
  LM_TRY(lm_cli_want_args(cli, 1, 1, "a model file", error));
  LM_TRY(check_options(cli, error));
  enum lamina_status status = sample(&work, error);
  lm_free(work.codes);
  lm_free(work.samples);
  lm_opened_close(&work.decoder);
  return status;
}
