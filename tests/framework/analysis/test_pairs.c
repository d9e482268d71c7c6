/*
 * Sheets of inputs beside outputs: which pixels are where, and what has no picture.
 */
#include "analysis/pairs.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define NET(width, rest)                                                                           \
  "data: {train: {two_fields: {samples: 40, width: " width ", values: [0, 1, 0.5, 0.25]}}}\n" rest \
  "optimizer: sgd\ntrain: {epochs: 1, batch: 4}\n"
#define HALVED "model: [{dense: {units: 4}, name: a}]\nloss: {mse: {}, inputs: [a, input]}\n"

/* The shade in the middle of a cell; a picture has two by two elements of 32 pixels. */
static unsigned char shade(const struct lm_pixels *pixels, int64_t row, int64_t cell, int element)
{
  enum { ZOOM = 32, SIDE = 3 * ZOOM };
  int64_t x = ZOOM + cell * SIDE + element % 2 * ZOOM + ZOOM / 2;
  int64_t y = ZOOM + row * SIDE + element / 2 * ZOOM + ZOOM / 2;
  return pixels->bytes[y * pixels->width + x];
}

/* Outputs are half of the inputs; inputs are 0, 1, 0.5, 0.25. */
Test(pairs, are_an_input_and_its_output_side_by_side_in_two_groups)
{
  static const float half[16] = {0.5f, 0, 0, 0, 0, 0.5f, 0, 0, 0, 0, 0.5f, 0, 0, 0, 0, 0.5f};
  static const unsigned char input[] = {0, 255, 128, 64}, output[] = {0, 128, 64, 32};
  struct ls_net net = {0};
  int64_t places[12];
  ls_net_open(&net, NET("4", HALVED), 1);
  memcpy(ls_weights(&net, "a/weight"), half, sizeof half);
  for (int64_t i = 0; i < 12; i++) {
    places[i] = i * 3;
  }
  static const struct {
    int64_t first, second, rows;
  } cases[] = {{9, 2, 4}, {8, 3, 3}, {0, 8, 1}, {3, 0, 1}, {9, 0, 2}, {1, 1, 3}};
  for (size_t c = 0; c < COUNT_OF(cases); c++) {
    struct lm_pairs pairs = {{places, places}, {cases[c].first, cases[c].second}};
    struct lm_pixels pixels;
    struct lm_error error = {0};
    cr_assert(lm_pairs_draw(net.engine, &net.engine->train, &pairs, &pixels, &error) == LAMINA_OK,
              "%s", error.text);
    cr_assert_eq(pixels.height, cases[c].rows * 96 + 32, "case %zu: %lld high", c,
                 (long long)pixels.height);
    int64_t last = cases[c].second > 0 ? cases[c].rows - 1 : 0;
    for (int k = 0; k < 4; k++) {
      cr_expect_eq(shade(&pixels, last, 0, k), input[k]);
      cr_expect_eq(shade(&pixels, last, 1, k), output[k]);
    }
    for (int64_t cell = 2 * (cases[c].first % 8); cases[c].first > 0 && cell < 16; cell++) {
      int64_t row = cases[c].first / 8;
      if (cases[c].second > 0 && cell < pixels.width / 96) {
        cr_expect_eq(shade(&pixels, row, cell, 3), LM_SHEET_GRAY, "case %zu, cell %d", c,
                     (int)cell);
      }
    }
    lm_free(pixels.bytes);
  }
  ls_net_release(&net);
}

Test(pairs, of_what_is_no_picture_are_refused)
{
  static const struct {
    const char *yaml, *words;
  } cases[] = {
      {NET("3", "model: [{dense: {units: 3}, name: a}]\nloss: {mse: {}, inputs: [a, input]}\n"),
       "the field 'input' is [3] float32, expected pictures"},
      {NET("4", "model: [{dense: {units: 3}, name: a}, {dense: {units: 4}, name: b},\n"
                "  {dense: {units: 1}, name: c}]\nloss: {mse: {}, inputs: [b, input]}\n"),
       "no output of 4 elements"},
  };
  for (size_t c = 0; c < COUNT_OF(cases); c++) {
    struct ls_net net = {0};
    const int64_t place = 0;
    const struct lm_pairs pairs = {{&place, &place}, {1, 1}};
    struct lm_pixels pixels;
    struct lm_error error = {0};
    ls_net_open(&net, cases[c].yaml, 1);
    cr_expect_eq(lm_pairs_draw(net.engine, &net.engine->train, &pairs, &pixels, &error),
                 LAMINA_E_INVALID);
    cr_expect(strstr(error.text, cases[c].words) != NULL, "%s", error.text);
    cr_expect_null(pixels.bytes);
    ls_net_release(&net);
  }
}
