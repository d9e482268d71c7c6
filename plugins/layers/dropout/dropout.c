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
#include <lamina/pointwise.h>
#include <lamina/random.h>

enum { MASK = 0 };     /* purpose of the random words */
enum { BLOCK = 1024 }; /* words on the stack */

struct dropout {
  double rate;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE(struct dropout, rate, "0.5", "[0, 1)",
                           "probability that an element is dropped"),
};

/* Elements i .. i + n - 1 of the run. */
LAMINA_CLONES
static void mask_block(const struct dropout *self, const struct lamina_span *span,
                       const uint32_t *words, int64_t i, int64_t n)
{
  const float *x = span->from + i;
  float *y = span->to + i;
  uint32_t limit = lamina_random_limit(self->rate);
  float scale = (float)(1.0 / (1.0 - self->rate));
  if (span->add) {
    LAMINA_INDEPENDENT
    for (int64_t j = 0; j < n; j++) {
      y[j] += lamina_selectf(words[j] >= limit, x[j] * scale, 0.0f);
    }
  } else {
    LAMINA_INDEPENDENT
    for (int64_t j = 0; j < n; j++) {
      y[j] = lamina_selectf(words[j] >= limit, x[j] * scale, 0.0f);
    }
  }
}

static int32_t mask(const struct dropout *self, struct lamina_call *call,
                    const struct lamina_span *span)
{
  uint32_t words[BLOCK];
  for (int64_t i = 0; i < span->count; i += BLOCK) {
    int64_t n = span->count - i < BLOCK ? span->count - i : BLOCK;
    LAMINA_TRY(lamina_random_u32(call, MASK, (uint64_t)(span->first + i), (uint64_t)n, words));
    mask_block(self, span, words, i, n);
  }
  return LAMINA_OK;
}

/* The function of x that gives y is the function of dy that gives dx. */
static int32_t apply(const void *instance, struct lamina_call *call, const struct lamina_span *span)
{
  const struct dropout *self = instance;
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) != 0 && self->rate > 0.0) {
    return mask(self, call, span);
  }
  lamina_span_pass(span);
  return LAMINA_OK;
}

static const struct lamina_pointwise pointwise = {
    .size = sizeof pointwise, .reads = LAMINA_READS_NOTHING, .value = apply, .gradient = apply};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_random(plan, MASK));
  return lamina_pointwise_infer(&pointwise, plan);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  return lamina_pointwise_forward(&pointwise, self, call);
}

static int32_t backward(void *self, struct lamina_call *call)
{
  return lamina_pointwise_backward(&pointwise, self, call);
}

static const void *extension(const char *id)
{
  return strcmp(id, LAMINA_POINTWISE_ID) == 0 ? &pointwise : NULL;
}

LAMINA_LAYER(dropout, "1.0.0", "drops elements at random while training", struct dropout,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward,
             .extension = extension);
