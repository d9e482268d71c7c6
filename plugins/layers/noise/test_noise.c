/* noise: the general checklist for each kind, what is done word by word, and evaluation. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"

LAMINA_CONFORM(layer, noise)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, N = 40007 };

Test(noise, passes_the_checklist)
{
  static const char *const shapes[] = {"0x3", "1", "1x1", "7x13", "2x1x3x5", "50021", NULL};
  static const char *const settings[] = {NULL, "{std: 0}", "{kind: masking, rate: 0.4}",
                                         "{kind: salt_and_pepper, rate: 0.5, low: -2, high: 3}"};
  for (int i = 0; i < 4; i++) {
    const struct ls_layer noise = {
        .kind = "layer",
        .name = "noise",
        .settings = settings[i],
        .shapes = shapes,
        .declares = "forward:0>0 backward:0>0 random:0",
        .step = 0.5,
        .rounding = 16.0,
    };
    ls_layer_checklist(&noise);
  }
}

static struct lm_probe *open(const char *settings)
{
  struct lm_probe *probe = ls_open("layer", "noise", settings, "40007", 2);
  lm_probe_fill(probe, 3);
  for (int i = 0; i < N; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] += 8.0f; /* apart from what replaces it */
  }
  ls_forward(probe, TRAINING, 7);
  ls_backward(probe, TRAINING, 7);
  return probe;
}

static void fill_words(uint32_t words[N + 1])
{
  const struct lm_stream stream = lm_stream_make(LM_HOME_SEED, LM_HOME_STREAM);
  lm_stream_fill(&stream, 7, 0, 0, N + 1, words);
}

Test(noise, gaussian_adds_normal_numbers_and_passes_gradients)
{
  static uint32_t words[N + 1];
  struct lm_probe *probe = open("{std: 0.25}");
  const float *x = lm_probe_value(probe, LAMINA_IN, 0), *y = lm_probe_value(probe, LAMINA_OUT, 0);
  double sum = 0.0, squares = 0.0;
  fill_words(words);
  for (int i = 0; i < N; i++) {
    double radius = sqrt(-2.0 * log(((double)words[i - i % 2] + 0.5) * 0x1p-32));
    double angle = 6.283185307179586 * (((double)words[i - i % 2 + 1] + 0.5) * 0x1p-32);
    double noise = 0.25 * radius * (i % 2 == 0 ? cos(angle) : sin(angle));
    cr_assert(fabs((double)y[i] - ((double)x[i] + noise)) <= 0x1p-20, "element %d", i);
    sum += noise;
    squares += noise * noise;
  }
  /* Five standard deviations. */
  cr_assert(fabs(sum / N) <= 5 * 0.25 / sqrt(N));
  cr_assert(fabs(squares / N - 0.0625) <= 5 * 0.0625 * sqrt(2.0 / N));
  cr_assert_eq(memcmp(lm_probe_gradient(probe, LAMINA_IN, 0),
                      lm_probe_gradient(probe, LAMINA_OUT, 0), N * sizeof(float)),
               0);
  lm_probe_close(probe);
}

/* Below half the rate the low value, from there to the rate the high one, else what was there. */
static void check_lost(const char *settings, double rate, const float rest[2])
{
  static uint32_t words[N + 1];
  struct lm_probe *probe = open(settings);
  fill_words(words);
  for (int i = 0; i < N; i++) {
    double u = (double)words[i] / 4294967296.0;
    float y = u < rate ? rest[u >= rate / 2] : lm_probe_value(probe, LAMINA_IN, 0)[i];
    float dx = u < rate ? 0.0f : lm_probe_gradient(probe, LAMINA_OUT, 0)[i];
    cr_assert_eq(lm_probe_value(probe, LAMINA_OUT, 0)[i], y, "%s: element %d", settings, i);
    cr_assert_eq(lm_probe_gradient(probe, LAMINA_IN, 0)[i], dx, "%s: gradient %d", settings, i);
  }
  lm_probe_close(probe);
}

Test(noise, lost_elements_are_replaced_and_have_no_gradient)
{
  check_lost("{kind: masking, rate: 0.3}", 0.3, (const float[]){0.0f, 0.0f});
  check_lost("{kind: masking, low: 5, high: 6}", 0.1, (const float[]){0.0f, 0.0f});
  check_lost("{kind: salt_and_pepper, rate: 0.6}", 0.6, (const float[]){0.0f, 1.0f});
  check_lost("{kind: salt_and_pepper, low: -1, high: 2, rate: 0}", 0.0, (const float[]){0, 0});
}

Test(noise, evaluation_gives_the_bits_of_the_input)
{
  static const char *const settings[] = {"{std: 3}", "{kind: masking, rate: 0.5}",
                                         "{kind: salt_and_pepper, rate: 0.5}"};
  for (int s = 0; s < 3; s++) {
    struct lm_probe *probe = open(settings[s]);
    lm_probe_value(probe, LAMINA_IN, 0)[0] = -0.0f;
    lm_probe_value(probe, LAMINA_IN, 0)[1] = NAN;
    ls_forward(probe, LAMINA_MODE_KEEP, 1);
    ls_backward(probe, LAMINA_MODE_KEEP, 1);
    cr_assert_eq(memcmp(lm_probe_value(probe, LAMINA_OUT, 0), lm_probe_value(probe, LAMINA_IN, 0),
                        N * sizeof(float)),
                 0);
    cr_assert_eq(memcmp(lm_probe_gradient(probe, LAMINA_IN, 0),
                        lm_probe_gradient(probe, LAMINA_OUT, 0), N * sizeof(float)),
                 0);
    lm_probe_close(probe);
  }
}

Test(noise, refuses_settings_that_make_no_noise)
{
  ls_refuses("layer", "noise", "{kind: pink}", "5", LAMINA_E_INVALID, "kind|gaussian");
  ls_refuses("layer", "noise", "{rate: 1}", "5", LAMINA_E_INVALID, "rate|[0, 1)");
  ls_refuses("layer", "noise", "{std: -1}", "5", LAMINA_E_INVALID, "std");
  ls_refuses("layer", "noise", NULL, "5:2", LAMINA_E_SHAPE, "must be float32");
}
