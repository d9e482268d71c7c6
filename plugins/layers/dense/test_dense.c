/* dense: the general checklist, PyTorch, plain sums in double, and a network of three. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/oracle/network.inc"
#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, dense)

enum { WEIGHT = 0, BIAS = 1, TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static const char *const shapes[] = {"0x3", "1x1", "1x7", "7x1", "5x13", "2x3x1x5", "3x0x2", NULL};
static const char *const large[] = {"67x131", "601x17", NULL};

/*
 * The rounding error of a sum of D products and a bias, all numbers at most 1: (D + 1) times the
 * sum of their sizes, D + 1. Differences of a linear function need no small step. Products of
 * many rows are added block by block, three at most, to partial sums that may be larger.
 */
static void check(const char *settings, const char *const *table, double rounding, double adding)
{
  const struct ls_layer dense = {
      .kind = "layer",
      .name = "dense",
      .settings = settings,
      .shapes = table,
      .declares = "reads:in0 reads:weight0 fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = rounding,
      .adding = adding,
  };
  ls_layer_checklist(&dense);
}

Test(dense, passes_the_checklist)
{
  check("{units: 1}", shapes, 14.0 * 14.0, 1.0);
  check("{units: 5}", shapes, 14.0 * 14.0, 1.0);
  check("{units: 7, bias: false}", shapes, 13.0 * 13.0, 1.0);
  check("{units: 33}", large, 132.0 * 132.0, 8.0);
}

/* The sums of the table are at most 10 (sizes of the terms added), of 6 terms. */
Test(dense, equals_pytorch)
{
  ls_check_oracle("layer", "dense", 0,
                  &(struct ls_tolerance){.value_absolute = 60, .gradient_absolute = 60});
}

/* ---- plain sums ---- */

/** c[i, j] = the sum over p of a[i, p] b[p, j], plus bias[j]; a and b with two strides each. */
struct product {
  const char *what;
  int64_t m, n, k;
  const float *c, *bias; /* bias may be NULL */
  const float *a;
  int64_t a_row, a_column;
  const float *b;
  int64_t b_row, b_column;
};

static void expect_element(const struct product *product, int64_t i, int64_t j)
{
  double sum = product->bias == NULL ? 0.0 : (double)product->bias[j], size = fabs(sum);
  for (int64_t p = 0; p < product->k; p++) {
    double term = (double)product->a[i * product->a_row + p * product->a_column] *
                  (double)product->b[p * product->b_row + j * product->b_column];
    sum += term;
    size += fabs(term);
  }
  double bound = ldexp((double)(product->k + 1) * size, -24);
  double found = (double)product->c[i * product->n + j];
  cr_assert(fabs(found - sum) <= bound, "%s[%lld, %lld] is %.9g, not %.9g (+- %.2g)", product->what,
            (long long)i, (long long)j, found, sum, bound);
}

/* The product is right, as far as rounding allows. */
static void expect_product(const struct product *product)
{
  for (int64_t i = 0; i < product->m; i++) {
    for (int64_t j = 0; j < product->n; j++) {
      expect_element(product, i, j);
    }
  }
}

Test(dense, equals_plain_sums_in_double)
{
  static const struct {
    const char *shapes, *settings;
    int64_t rows, d, k;
  } cases[] = {
      {"1x257", "{units: 64}", 1, 257, 64},     {"64x300", "{units: 33}", 64, 300, 33},
      {"613x31", "{units: 7}", 613, 31, 7},     {"3x2x2x50", "{units: 5}", 12, 50, 5},
      {"1031x3", "{units: 129}", 1031, 3, 129}, {"37x1", "{units: 1}", 37, 1, 1},
      {"0x4", "{units: 3}", 0, 4, 3},           {"259x2", "{units: 1031}", 259, 2, 1031},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_probe *probe = ls_open("layer", "dense", cases[i].settings, cases[i].shapes, 2);
    int64_t r = cases[i].rows, d = cases[i].d, k = cases[i].k;
    lm_probe_fill(probe, 5);
    ls_forward(probe, TRAINING, 0);
    ls_backward(probe, TRAINING, 0);
    const float *x = lm_probe_value(probe, LAMINA_IN, 0),
                *w = lm_probe_value(probe, LAMINA_WEIGHT, WEIGHT);
    const float *dy = lm_probe_gradient(probe, LAMINA_OUT, 0), one = 1.0f;
    const float *bias = lm_probe_value(probe, LAMINA_WEIGHT, BIAS);
    const struct product products[] = {
        {"y", r, k, d, lm_probe_value(probe, LAMINA_OUT, 0), bias, x, d, 1, w, k, 1},
        {"dx", r, d, k, lm_probe_gradient(probe, LAMINA_IN, 0), NULL, dy, k, 1, w, 1, k},
        {"dW", d, k, r, lm_probe_gradient(probe, LAMINA_WEIGHT, WEIGHT), NULL, x, 1, d, dy, k, 1},
        {"db", 1, k, r, lm_probe_gradient(probe, LAMINA_WEIGHT, BIAS), NULL, &one, 0, 0, dy, k, 1},
    };
    for (int p = 0; p < 4; p++) {
      expect_product(&products[p]);
    }
    lm_probe_close(probe);
  }
}

/* ---- a network ---- */

enum { LAYERS = 5 };

static void expect_near(const char *what, const float *found, const double *expected, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    double size = fmax(1.0, fabs(expected[i]));
    cr_assert(fabs((double)found[i] - expected[i]) <= 1e-6 * size, "%s[%lld] is %.9g, not %.9g",
              what, (long long)i, (double)found[i], expected[i]);
  }
}

static void run_network(struct lm_probe **net)
{
  for (int i = 0; i < LAYERS; i++) {
    if (i > 0) {
      ls_set(net[i], LAMINA_IN, 0, lm_probe_value(net[i - 1], LAMINA_OUT, 0));
    }
    ls_forward(net[i], TRAINING, 0);
  }
  for (int i = LAYERS - 1; i >= 0; i--) {
    ls_backward(net[i], TRAINING, 0);
    if (i > 0) {
      memcpy(lm_probe_gradient(net[i - 1], LAMINA_OUT, 0), lm_probe_gradient(net[i], LAMINA_IN, 0),
             net[i]->gradients[LAMINA_IN][0].zone.bytes);
    }
  }
}

static void set_doubles(float *to, const double *from, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    to[i] = (float)from[i];
  }
}

Test(dense, three_layers_and_two_activations_equal_pytorch)
{
  static const char *const parts[LAYERS][3] = {{"dense", "{units: 8}", "7x5"},
                                               {"tanh", NULL, "7x8"},
                                               {"dense", "{units: 6}", "7x8"},
                                               {"relu", NULL, "7x6"},
                                               {"dense", "{units: 3}", "7x6"}};
  struct lm_probe *net[LAYERS];
  for (int i = 0; i < LAYERS; i++) {
    net[i] = ls_open("layer", parts[i][0], parts[i][1], parts[i][2], 2);
    for (uint32_t w = 0; w < net[i]->count[LAMINA_WEIGHT]; w++) {
      set_doubles(lm_probe_value(net[i], LAMINA_WEIGHT, w), oracle_network_weights[i + (int)w],
                  lm_probe_count(net[i], LAMINA_WEIGHT, w));
    }
  }
  set_doubles(lm_probe_value(net[0], LAMINA_IN, 0), oracle_network_x, 7 * 5);
  set_doubles(lm_probe_gradient(net[4], LAMINA_OUT, 0), oracle_network_dy, 7 * 3);
  run_network(net);
  expect_near("y", lm_probe_value(net[4], LAMINA_OUT, 0), oracle_network_y, 7 * 3);
  expect_near("dx", lm_probe_gradient(net[0], LAMINA_IN, 0), oracle_network_dx, 7 * 5);
  for (int i = 0; i < LAYERS; i++) {
    for (uint32_t w = 0; w < net[i]->count[LAMINA_WEIGHT]; w++) {
      expect_near("a weight's gradient", lm_probe_gradient(net[i], LAMINA_WEIGHT, w),
                  oracle_network_gradients[i + (int)w], lm_probe_count(net[i], LAMINA_WEIGHT, w));
    }
    lm_probe_close(net[i]);
  }
}

/* ---- declarations and refusals ---- */

Test(dense, declares_its_weights_for_initializers_and_decay)
{
  struct lm_probe *probe = ls_open("layer", "dense", "{units: 10}", "2x64", 1);
  const struct lm_declared *weight = &probe->recording.weights[WEIGHT];
  const struct lm_declared *bias = &probe->recording.weights[BIAS];
  cr_assert_str_eq(weight->name, "weight");
  cr_assert_str_eq(weight->init, "he");
  cr_assert(weight->fan_in == 64 && weight->fan_out == 10 && weight->value == 1.0);
  cr_assert_eq(weight->flags, LAMINA_WEIGHT_DECAY);
  cr_assert(weight->shape.dims[0] == 64 && weight->shape.dims[1] == 10);
  cr_assert_str_eq(bias->name, "bias");
  cr_assert_str_eq(bias->init, "{constant: {value: 0}}");
  cr_assert(bias->flags == 0 && bias->shape.type.rank == 1 && bias->shape.dims[0] == 10);
  cr_assert_str_eq(probe->facts.notes[LAMINA_NOTE_PARAMETERS], "64 * 10 + 10");
  lm_probe_close(probe);
  probe = ls_open("layer", "dense", "{units: 10, bias: false}", "2x64", 1);
  cr_assert_eq(probe->recording.n_weights, 1);
  cr_assert_str_eq(probe->facts.notes[LAMINA_NOTE_PARAMETERS], "64 * 10");
  lm_probe_close(probe);
}

Test(dense, refuses_settings_and_shapes_that_make_no_layer)
{
  static const struct {
    const char *settings, *shapes;
    enum lamina_status status;
    const char *fragments;
  } cases[] = {
      {"{}", "4x3", LAMINA_E_INVALID, "units"},
      {"{units: 0}", "4x3", LAMINA_E_INVALID, "probe.yaml:1:16|units|0|[1, 2147483647]"},
      {"{units: 2147483648}", "4x3", LAMINA_E_INVALID, "units|2147483648"},
      {"{units: 2.5}", "4x3", LAMINA_E_INVALID, "units|2.5"},
      {"{units: ten}", "4x3", LAMINA_E_INVALID, "units|ten"},
      {"{units: 3, bias: maybe}", "4x3", LAMINA_E_INVALID, "bias|maybe"},
      {"{unit: 3}", "4x3", LAMINA_E_INVALID, "probe.yaml:1:9|'unit'|units"},
      {"{units: 3}", "4", LAMINA_E_SHAPE, "[4]|[N, ..., D]"},
      {"{units: 3}", "4x0", LAMINA_E_SHAPE, "[4, 0]|D >= 1"},
      {"{units: 3}", "4x3:2", LAMINA_E_SHAPE, "int32|float32"},
      {"{units: 3}", "4x3 4x3", LAMINA_E_INVALID, "takes 1 input, not 2"},
      {"{units: 2147483647}", "4000000000x1", LAMINA_E_SHAPE, "2147483647 units are too many"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_refuses("layer", "dense", cases[i].settings, cases[i].shapes, cases[i].status,
               cases[i].fragments);
  }
}
