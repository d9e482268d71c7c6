/*
 * rms_norm: y = gain x / r along the last axis, r the root mean square of the row (Zhang and
 * Sennrich, "Root mean square layer normalization", NeurIPS 2019), in C++17.
 *
 *   r = sqrt(mean of x^2 + epsilon)     h = 1 / r, kept for each row from forward to backward
 *   dx = h gain dy - x h^3 (sum of gain dy x) / D     dgain = sum over the rows of dy x h
 *
 * Shapes: x and y [N, ..., D], gain [D], h [N, ...]; R = N * ... rows of D features. The plugin
 * interface is C's: what it sees are functions that throw nothing and one constant. Templates and
 * lambdas stay inside.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <cmath>

#include <lamina/expect.h>
#include <lamina/layer.h>

namespace {

constexpr uint32_t GAIN = 0, INVERSE = 0;
constexpr int64_t ROWS_A_CHUNK = 32, FEATURES_A_CHUNK = 16;

struct rms_norm {
  double epsilon;
};

/* The YAML keys: the host checks them and fills them in. */
const lamina_setting settings[] = {
    LAMINA_F64(rms_norm, epsilon, "1e-6", "[1e-30, inf)", "added to the mean square"),
};

/* Runs body(i) for 0 <= i < n on the host's threads. */
template <class Body>
int32_t for_each(lamina_call *call, int64_t n, int64_t grain, Body &body)
{
  auto chunk = [](void *arg, int64_t begin, int64_t end, uint32_t) -> int32_t {
    for (int64_t i = begin; i < end; i++) {
      (*static_cast<Body *>(arg))(i);
    }
    return LAMINA_OK;
  };
  return lamina_parallel_for(call, n, grain, chunk, &body);
}

const float *numbers(const lamina_view *view)
{
  return static_cast<const float *>(view->data);
}

float *room(const lamina_view *view)
{
  return static_cast<float *>(view->data);
}

/* Declares everything, for any batch size. What is not declared cannot be reached later. */
int32_t infer(void *, lamina_plan *plan)
{
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const lamina_type *x = lamina_in_f32(plan, 0);
  char text[LAMINA_SHAPE_TEXT];
  if (x == nullptr) {
    return LAMINA_E_SHAPE;
  }
  const int64_t d = lamina_type_columns(x);
  if (x->rank < 2 || d == 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the input is %s, and must be [N, ..., D] with D >= 1 features",
                        lamina_shape_text(x, text));
  }
  const lamina_type gain = lamina_type_f32(1, &d);
  const lamina_type inverse = lamina_type_f32(x->rank - 1, x->dims);
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  LAMINA_TRY(lamina_weight(plan, GAIN, "gain", "{constant: {value: 1}}", &gain, d, d, 0));
  LAMINA_TRY(lamina_notef(plan, LAMINA_NOTE_PARAMETERS, "%lld", static_cast<long long>(d)));
  LAMINA_TRY(lamina_save(plan, INVERSE, &inverse));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  return lamina_bwd_reads(plan, LAMINA_WEIGHT, GAIN);
}

int32_t forward(void *self, lamina_call *call)
{
  const double epsilon = static_cast<const rms_norm *>(self)->epsilon;
  const lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const lamina_view *gain = lamina_get(call, LAMINA_WEIGHT, GAIN);
  if (x == nullptr || y == nullptr || gain == nullptr) {
    return LAMINA_E_PLUGIN;
  }
  float *kept = nullptr;
  if ((lamina_mode(call) & LAMINA_MODE_KEEP) != 0) {
    const lamina_view *inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
    if (inverse == nullptr) {
      return LAMINA_E_PLUGIN;
    }
    kept = room(inverse);
  }
  const int64_t d = lamina_type_columns(&x->type);
  auto row = [=](int64_t r) {
    const float *in = numbers(x) + r * d, *g = numbers(gain);
    float *out = room(y) + r * d;
    double squares = 0.0;
    for (int64_t j = 0; j < d; j++) {
      squares += static_cast<double>(in[j]) * static_cast<double>(in[j]);
    }
    const float h = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(d) + epsilon));
    for (int64_t j = 0; j < d; j++) {
      out[j] = g[j] * (in[j] * h);
    }
    if (kept != nullptr) {
      kept[r] = h;
    }
  };
  return for_each(call, lamina_type_rows(&x->type), ROWS_A_CHUNK, row);
}

/* What both gradients read. */
struct tensors {
  const lamina_view *x, *dy, *gain, *inverse;
  int64_t rows, d;
};

/* dx, row by row. */
int32_t input_gradient(lamina_call *call, const tensors &t)
{
  uint32_t request = LAMINA_SKIP;
  const lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (dx == nullptr) {
    return LAMINA_E_PLUGIN;
  }
  auto row = [=, &t](int64_t r) {
    const float *x = numbers(t.x) + r * t.d, *dy = numbers(t.dy) + r * t.d, *g = numbers(t.gain);
    const double h = static_cast<double>(numbers(t.inverse)[r]);
    float *to = room(dx) + r * t.d;
    double dot = 0.0;
    for (int64_t j = 0; j < t.d; j++) {
      dot += static_cast<double>(g[j]) * static_cast<double>(dy[j]) * static_cast<double>(x[j]);
    }
    const double back = dot * h * h * h / static_cast<double>(t.d);
    for (int64_t j = 0; j < t.d; j++) {
      const double slope = h * static_cast<double>(g[j]) * static_cast<double>(dy[j]) -
                           back * static_cast<double>(x[j]);
      to[j] = static_cast<float>(request == LAMINA_ADD ? static_cast<double>(to[j]) + slope : slope);
    }
  };
  return for_each(call, t.rows, ROWS_A_CHUNK, row);
}

/* dgain, feature by feature, so that its bits do not depend on the threads. */
int32_t gain_gradient(lamina_call *call, const tensors &t)
{
  uint32_t request = LAMINA_SKIP;
  const lamina_view *dgain = lamina_grad(call, LAMINA_WEIGHT, GAIN, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (dgain == nullptr) {
    return LAMINA_E_PLUGIN;
  }
  auto feature = [=, &t](int64_t j) {
    double sum = request == LAMINA_ADD ? static_cast<double>(room(dgain)[j]) : 0.0;
    for (int64_t r = 0; r < t.rows; r++) {
      sum += static_cast<double>(numbers(t.dy)[r * t.d + j]) *
             static_cast<double>(numbers(t.x)[r * t.d + j]) *
             static_cast<double>(numbers(t.inverse)[r]);
    }
    room(dgain)[j] = static_cast<float>(sum);
  };
  return for_each(call, t.d, FEATURES_A_CHUNK, feature);
}

int32_t backward(void *, lamina_call *call)
{
  tensors t = {};
  t.x = lamina_get(call, LAMINA_IN, 0);
  t.dy = lamina_grad(call, LAMINA_OUT, 0, nullptr);
  t.gain = lamina_get(call, LAMINA_WEIGHT, GAIN);
  t.inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
  if (t.x == nullptr || t.dy == nullptr || t.gain == nullptr || t.inverse == nullptr) {
    return LAMINA_E_PLUGIN;
  }
  t.rows = lamina_type_rows(&t.x->type);
  t.d = lamina_type_columns(&t.x->type);
  LAMINA_TRY(gain_gradient(call, t));
  return input_gradient(call, t);
}

/* C++17 has no initializers by name: size, caps, setup, infer, forward, backward, extension. */
const lamina_layer table = {sizeof table, 0, nullptr, infer, forward, backward, nullptr};

} // namespace

LAMINA_PLUGIN(LAYER, layer, rms_norm, "1.0.0", "x over its row's root mean square, times a gain",
              rms_norm, LAMINA_SETTINGS(settings), &table);
