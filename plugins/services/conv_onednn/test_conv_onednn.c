/*
 * The service as the layers of convolutions see it: what they compute through it must be what
 * they compute without it. Direct sums in double precision over random shapes, the checklist of
 * layers, the layers' own kernels, and refusals.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/conv.h>
#include <lamina/testing.h>

#include "base/memory.h"
#include "conform/mock.h"
#include "tests/support/direct_sums.h"
#include "tests/support/layer_checklist.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(service, conv_onednn)

#define SERVED "{conv: conv_onednn}"

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

Test(conv_onednn, equals_the_direct_sum_over_random_shapes)
{
  ls_choose_services(SERVED);
  ls_check_convolutions("conv2d", 2, 120);
  ls_check_convolutions("conv1d", 1, 60);
  ls_check_convolutions("conv_transpose2d", 2, 60);
}

/* Adding, requests that are left out, epilogues, threads, borders of memory. */
Test(conv_onednn, lets_layers_pass_their_checklist)
{
  static const char *const shapes[] = {"0x5x4x2", "1x3x3x4", "2x5x7x6", NULL};
  static const char *const settings[] = {
      "{filters: 4}",
      "{filters: 2, kernel: [1, 2], padding: 1, stride: 2, bias: false}",
      "{filters: 4, kernel: 3, dilation: 2, same: true, groups: 2}",
  };
  ls_choose_services(SERVED);
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    const struct ls_layer layer = {.kind = "layer",
                                   .name = "conv2d",
                                   .settings = settings[i],
                                   .shapes = shapes,
                                   .declares = "reads:in0 reads:weight0 fuses:out0 fuses:in0",
                                   .step = 0.5,
                                   .rounding = 56 * 56,
                                   .adding = 8.0};
    ls_layer_checklist(&layer);
  }
}

/* ---- the layer's own kernels, at the sizes of real networks ---- */

enum { Y, DX, DW, RESULTS };

static const float *result_of(const struct lm_probe *probe, int which)
{
  return which == Y    ? lm_probe_value(probe, LAMINA_OUT, 0)
         : which == DX ? lm_probe_gradient(probe, LAMINA_IN, 0)
                       : lm_probe_gradient(probe, LAMINA_WEIGHT, 0);
}

static struct lm_probe *run_layer(const char *settings, const char *shapes, const char *services)
{
  ls_choose_services(services);
  struct lm_probe *probe = ls_open("layer", "conv2d", settings, shapes, 2);
  lm_probe_fill(probe, 3);
  lm_probe_roughen(probe, 4);
  ls_forward(probe, TRAINING, 0);
  ls_backward(probe, TRAINING, 0);
  return probe;
}

/* How far apart two results are, in parts of the largest element. */
static double distance(const float *a, const float *b, int64_t count)
{
  double most = 0.0, size = 1e-30;
  for (int64_t i = 0; i < count; i++) {
    most = fmax(most, fabs((double)a[i] - (double)b[i]));
    size = fmax(size, fabs((double)b[i]));
  }
  return most / size;
}

/* Winograd's algorithm among them, whose error is the largest. */
Test(conv_onednn, agrees_with_the_layers_own_kernels)
{
  static const struct {
    const char *settings, *shapes;
  } rows[] = {
      {"{filters: 20, kernel: 5}", "4x28x28x1"},
      {"{filters: 50, kernel: 5}", "4x12x12x20"},
      {"{filters: 64, padding: 1, bias: false}", "2x32x32x64"},
      {"{filters: 128, padding: 1, bias: false}", "2x8x8x64"},
      {"{filters: 32, padding: 1, stride: 2, bias: false}", "2x32x32x16"},
      {"{filters: 32, kernel: 1, stride: 2, bias: false}", "2x32x32x16"},
      {"{filters: 256, kernel: 1, bias: false}", "1x14x14x64"},
      {"{filters: 48, padding: 1, groups: 48}", "2x14x14x48"},
  };
  static const char *const names[RESULTS] = {"y", "dx", "dW"};
  int others = 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *own = run_layer(rows[i].settings, rows[i].shapes, NULL);
    struct lm_probe *served = run_layer(rows[i].settings, rows[i].shapes, SERVED);
    const int64_t counts[RESULTS] = {lm_probe_count(own, LAMINA_OUT, 0),
                                     lm_probe_count(own, LAMINA_IN, 0),
                                     lm_probe_count(own, LAMINA_WEIGHT, 0)};
    bool same = true;
    for (int which = 0; which < RESULTS; which++) {
      double apart = distance(result_of(served, which), result_of(own, which), counts[which]);
      cr_expect(apart < 2e-5, "%s on %s: %s differs by %g", rows[i].settings, rows[i].shapes,
                names[which], apart);
      same = same && memcmp(result_of(served, which), result_of(own, which),
                            (size_t)counts[which] * sizeof(float)) == 0;
    }
    others += !same;
    lm_probe_close(own);
    lm_probe_close(served);
  }
  cr_expect(others > 4, "the same bits, so the service was not asked");
}

/* What the service does not know is left to the layer, and no service is needed. */
Test(conv_onednn, leaves_circular_borders_to_the_layer)
{
  const char *settings = "{filters: 8, padding: 1, border: circular}";
  struct lm_probe *own = run_layer(settings, "2x9x7x8", NULL);
  struct lm_probe *served = run_layer(settings, "2x9x7x8", SERVED);
  const size_t bytes = (size_t)lm_probe_count(own, LAMINA_OUT, 0) * sizeof(float);
  cr_assert_eq(memcmp(result_of(own, Y), result_of(served, Y), bytes), 0);
  lm_probe_close(own);
  lm_probe_close(served);
}

Test(conv_onednn, refuses_tasks_that_make_no_sense)
{
  static float x[2 * 5 * 5 * 4], w[3 * 3 * 4 * 6], y[2 * 3 * 3 * 6];
  const struct lamina_conv_axis axis = {.in = 5, .out = 3, .kernel = 3, .stride = 1, .dilation = 1};
  struct lamina_conv_shape shapes[7];
  struct lamina_conv_task tasks[7];
  struct lm_mock host;
  struct probe probe;
  struct lm_instance *instance = NULL;
  cr_assert(lm_mock_init(&host, 1));
  probe_open(&probe, 1);
  cr_assert_eq(probe_try(&probe, LAMINA_KIND_SERVICE, "conv_onednn", &instance), LAMINA_OK);
  const struct lamina_conv *conv =
      instance->plugin->table.service.interface(instance->self, LAMINA_CONV_ID);
  cr_assert_not_null(conv);
  cr_assert_null(instance->plugin->table.service.interface(instance->self, "lamina.conv/2"));
  for (int i = 0; i < 7; i++) {
    shapes[i] = (struct lamina_conv_shape){
        .size = sizeof shapes[i], .images = 2, .c = 4, .k = 6, .groups = 1, .h = axis, .w = axis};
    tasks[i] = (struct lamina_conv_task){
        .size = sizeof tasks[i], .shape = &shapes[i], .x = x, .w = w, .y = y};
  }
  tasks[1].size = 8;
  tasks[2].pass = 3;
  shapes[3].images = 0;
  shapes[4].groups = 4;
  shapes[5].h.out = 4;
  shapes[6].w.stride = 0;
  for (int i = 0; i < 7; i++) {
    host.failed_text[0] = '\0';
    int32_t status = conv->run(conv->self, &host.call, &tasks[i]);
    int32_t expected = i == 0 ? LAMINA_OK : i == 1 ? LAMINA_E_PLUGIN : LAMINA_E_SHAPE;
    cr_expect_eq(status, expected, "task %d: %s", i, host.failed_text);
    cr_expect_eq(host.failed_text[0] == '\0', i == 0, "task %d", i);
  }
  probe_close(&probe);
  lm_mock_release(&host);
}
