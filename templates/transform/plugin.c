/*
 * @NAME@: adds Gaussian noise to the training data (Bishop, "Training with noise is equivalent to
 * Tikhonov regularization", 1995), and nothing in evaluation.
 *
 *   y = x + deviation * normal
 *
 * The noise of a sample comes from the words of its record, found by its number: it does not
 * depend on the batch it is in, nor on the threads, and a resumed training draws the same.
 *
 * Shape: [N, ...], kept. y may be the memory of x.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <lamina/expect.h>
#include <lamina/random.h>
#include <lamina/transform.h>

enum { NOISE = 0, BLOCK = 256 };

struct @NAME@ {
  double deviation;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct @NAME@, deviation, "0.1", "[0, 1e6]", "deviation of the noise"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  (void)self;
  if (x == NULL || x->rank == 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "the field has to be float32 [N, ...]");
  }
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  LAMINA_TRY(lamina_random(plan, NOISE));
  return lamina_may_share(plan, LAMINA_FORWARD, 0, 0);
}

/* Adds the noise of one record of d numbers, a block at a time. */
static int32_t add_noise(struct lamina_call *call, double deviation, int64_t record, int64_t d,
                         float *y)
{
  float noise[BLOCK];
  for (int64_t done = 0; done < d; done += BLOCK) {
    int64_t n = d - done < BLOCK ? d - done : BLOCK;
    uint64_t first = (uint64_t)record * (uint64_t)d + (uint64_t)done;
    LAMINA_TRY(lamina_random_normal(call, NOISE, first, (uint64_t)n, deviation, noise));
    for (int64_t j = 0; j < n; j++) {
      y[done + j] += noise[j];
    }
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  const struct @NAME@ *own = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *records = lamina_get(call, LAMINA_RECORDS, 0);
  if (x == NULL || y == NULL || records == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t rows = x->type.dims[0], d = lamina_type_product(&x->type, 1, x->type.rank);
  float *to = y->data;
  const float *from = x->data;
  for (int64_t i = 0; i < rows * d; i++) {
    to[i] = from[i];
  }
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) == 0 || !(own->deviation > 0.0)) {
    return LAMINA_OK;
  }
  for (int64_t r = 0; r < rows; r++) {
    LAMINA_TRY(add_noise(call, own->deviation, ((const int64_t *)records->data)[r], d, to + r * d));
  }
  return LAMINA_OK;
}

LAMINA_TRANSFORM(@NAME@, "1.0.0", "adds noise to the training data", struct @NAME@,
                 LAMINA_SETTINGS(settings), .infer = infer, .apply = apply);
