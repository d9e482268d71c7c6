/*
 * dropout: inverted dropout. Srivastava et al.: "Dropout: a simple way to prevent neural
 * networks from overfitting", JMLR 15, 2014.
 *
 *   training:   y_i = x_i / (1 - rate) if u_i >= rate, else 0;   dx_i likewise from dy_i
 *   otherwise:  y = x, bit for bit
 *
 * u_i in [0, 1) is word i of a counter-based random stream, divided by 2^32. The stream is a
 * function of seed, node and step, so nothing is saved: backward reads the same words again,
 * and the mask is the same at any number of threads. Shape: any, kept. May work in place.
 */
#include <lamina/expect.h>
#include <lamina/layer.h>
#include <lamina/math.h>

enum { MASK = 0 };                    /* purpose of the random words */
enum { CHUNK = 16384, BLOCK = 1024 }; /* elements; BLOCK words lie on the stack */

struct dropout {
  double rate;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct dropout, rate, "0.5", "[0, 1)", "probability that an element is dropped"),
};

struct work {
  struct lamina_call *call;
  const float *x;
  float *y;
  uint32_t threshold, add;
  float scale;
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in_f32(plan, 0)));
  LAMINA_TRY(lamina_random(plan, MASK));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, 0, 0));
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

/*
 * The words below this are dropped: word / 2^32 < rate. So rate 0 drops nothing. (Rounding up
 * to an integer changes no comparison; only a rate above 1 - 2^-32 meets the limit.)
 */
static uint32_t threshold_of(double rate)
{
  double words = rate * 4294967296.0;
  uint32_t whole = words < 4294967295.0 ? (uint32_t)words : UINT32_MAX;
  return whole + ((double)whole < words && whole < UINT32_MAX);
}

LAMINA_CLONES
static void mask_block(const struct work *work, const uint32_t *words, int64_t first, int64_t n)
{
  const float *x = work->x + first;
  float *y = work->y + first;
  uint32_t threshold = work->threshold;
  float scale = work->scale;
  if (work->add) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
      y[i] += lamina_selectf(words[i] >= threshold, x[i] * scale, 0.0f);
    }
  } else {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
      y[i] = lamina_selectf(words[i] >= threshold, x[i] * scale, 0.0f);
    }
  }
}

static int32_t mask_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  uint32_t words[BLOCK];
  (void)lane;
  for (int64_t i = begin; i < end; i += BLOCK) {
    int64_t n = end - i < BLOCK ? end - i : BLOCK;
    LAMINA_TRY(lamina_random_u32(work->call, MASK, (uint64_t)i, (uint64_t)n, words));
    mask_block(work, words, i, n);
  }
  return LAMINA_OK;
}

static int32_t pass_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  if (!work->add) {
    memcpy(work->y + begin, work->x + begin, (size_t)(end - begin) * sizeof(float));
    return LAMINA_OK;
  }
  for (int64_t i = begin; i < end; i++) {
    work->y[i] += work->x[i];
  }
  return LAMINA_OK;
}

/* y = x or y += x, through the mask if this is training. Both passes do this. */
static int32_t apply(const struct dropout *self, struct lamina_call *call,
                     const struct lamina_view *x, const struct lamina_view *y, uint32_t add)
{
  struct work work = {
      call, x->data, y->data, threshold_of(self->rate), add, (float)(1.0 / (1.0 - self->rate))};
  int64_t n = lamina_type_count(&y->type);
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) != 0 && work.threshold > 0) {
    return lamina_parallel_for(call, n, CHUNK, mask_elements, &work);
  }
  if (work.x == work.y) {
    return LAMINA_OK;
  }
  return lamina_parallel_for(call, n, CHUNK, pass_elements, &work);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  return apply(self, call, x, y, 0);
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dx == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  return apply(self, call, dy, dx, request == LAMINA_ADD);
}

LAMINA_LAYER(dropout, "1.0.0", "drops elements at random while training", struct dropout,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
