/*
 * flatten: all axes but the first folded into one, in order. y = x, dx = dy, element by element.
 *
 * Shapes: x [N, A, B, ...], y [N, A * B * ...]; [N] becomes [N, 1]. Rows are stored without gaps,
 * so it is a copy of memory, and none at all where the host lets both tensors share it.
 */
#include <string.h>

#include <lamina/expect.h>
#include <lamina/layer.h>

enum { CHUNK = 32768 };

struct work {
  const float *from;
  float *to;
  int64_t add;
};

/* "28 * 28 = 784", the reason of the output's size. */
static int32_t note_shape(struct lamina_plan *plan, const struct lamina_type *x, int64_t features)
{
  char text[LAMINA_SHAPE_TEXT];
  size_t at = 0;
  if (x->rank < 3) {
    return LAMINA_OK;
  }
  for (uint32_t i = 1; i < x->rank; i++) {
    at += (size_t)snprintf(text + at, sizeof text - at, i == 1 ? "%lld" : " * %lld",
                           (long long)x->dims[i]);
  }
  return lamina_notef(plan, LAMINA_NOTE_SHAPE, "%s = %lld", text, (long long)features);
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (x->rank == 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE,
                       "the input is a single number, and must be [N, ...]");
  }
  int64_t dims[2] = {x->dims[0], lamina_type_product(x, 1, x->rank)};
  struct lamina_type y = lamina_type_f32(2, dims);
  LAMINA_TRY(note_shape(plan, x, dims[1]));
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, 0, 0));
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

static int32_t copy_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  if (!work->add) {
    memcpy(work->to + begin, work->from + begin, (size_t)(end - begin) * sizeof(float));
    return LAMINA_OK;
  }
  for (int64_t i = begin; i < end; i++) {
    work->to[i] += work->from[i];
  }
  return LAMINA_OK;
}

static int32_t copy(struct lamina_call *call, const struct lamina_view *from,
                    const struct lamina_view *to, int add)
{
  if (from == NULL || to == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {from->data, to->data, add};
  if (work.from == work.to && !add) {
    return LAMINA_OK;
  }
  return lamina_parallel_for(call, lamina_type_count(&to->type), CHUNK, copy_elements, &work);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  (void)self;
  return copy(call, lamina_get(call, LAMINA_IN, 0), lamina_get(call, LAMINA_OUT, 0), 0);
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  (void)self;
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  return copy(call, lamina_grad(call, LAMINA_OUT, 0, NULL), dx, request == LAMINA_ADD);
}

LAMINA_LAYER(flatten, "1.0.0", "folds all axes but the first into one", LAMINA_NOTHING,
             .infer = infer, .forward = forward, .backward = backward);
