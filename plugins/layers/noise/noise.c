/*
 * noise: spoils its input while training, for models that learn to undo it. Vincent et al.:
 * "Stacked denoising autoencoders", JMLR 11, 2010.
 *
 *   gaussian:         y = x + std eps, eps standard normal      dx = dy
 *   masking:          y = 0 with probability rate, else x       dx = 0 there, else dy
 *   salt_and_pepper:  y = low or high, each with half of rate   dx = 0 there, else dy
 *   otherwise, in evaluation:  y = x, bit for bit
 *
 * What happens to element i is decided by word i, or eps by normal number i, of a counter-based
 * random stream: a function of seed, node and step, so nothing is saved, and backward reads the
 * same words again. Shape: any, kept. May work in place.
 */
#include <lamina/pointwise.h>
#include <lamina/random.h>

enum { NOISE = 0 };    /* purpose of the random words */
enum { BLOCK = 1024 }; /* elements at a time, on the stack */
enum { GAUSSIAN = 0, MASKING = 1, SALT_AND_PEPPER = 2 };

struct noise {
  double std, rate, low, high;
  int32_t kind, unused;
};

static const struct lamina_setting settings[] = {
    LAMINA_CHOICE(struct noise, kind, "gaussian", "gaussian|masking|salt_and_pepper",
                  "what is done to an element"),
    LAMINA_F64_SCHEDULABLE(struct noise, std, "0.1", "[0, 1e30]",
                           "gaussian: standard deviation of what is added"),
    LAMINA_F64_SCHEDULABLE(struct noise, rate, "0.1", "[0, 1)",
                           "the others: share of elements that are lost"),
    LAMINA_F64(struct noise, low, "0", "[-1e30, 1e30]", "salt_and_pepper: the one value"),
    LAMINA_F64(struct noise, high, "1", "[-1e30, 1e30]", "salt_and_pepper: the other value"),
};

/* What a lost element is replaced by: one of two values, as often. */
struct rest {
  uint32_t limit, half; /* words below are lost, below half of it to low */
  float low, high;
};

LAMINA_CLONES
static void add_normals(float *restrict y, const float *eps, float std, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    y[i] += std * eps[i];
  }
}

LAMINA_CLONES
static void make_normals(const uint32_t *words, int64_t n, float *eps)
{
  lamina_normals(words, n, eps);
}

/* y holds x already. */
static int32_t add_noise(const struct noise *self, struct lamina_call *call, int64_t first,
                         int64_t count, float *y)
{
  uint32_t words[BLOCK + 2];
  float eps[BLOCK + 2];
  for (int64_t i = 0; i < count; i += BLOCK) {
    int64_t n = count - i < BLOCK ? count - i : BLOCK, taken = 0;
    uint64_t at = (uint64_t)(first + i);
    LAMINA_TRY(lamina_normal_words(call, NOISE, at, (uint64_t)n, words, &taken));
    make_normals(words, taken, eps);
    add_normals(y + i, eps + at % 2, (float)self->std, n);
  }
  return LAMINA_OK;
}

/* Elements i .. i + n - 1 of the run: those that are lost are replaced. */
LAMINA_CLONES
static void lose_block(const struct rest *rest, const struct lamina_span *span,
                       const uint32_t *words, int64_t i, int64_t n)
{
  const float *x = span->from + i;
  float *y = span->to + i, low = rest->low, high = rest->high;
  uint32_t limit = rest->limit, half = rest->half;
  LAMINA_INDEPENDENT
  for (int64_t j = 0; j < n; j++) {
    float other = lamina_selectf(words[j] < half, low, high);
    float kept = lamina_selectf(words[j] >= limit, x[j], other);
    y[j] = span->add ? y[j] + kept : kept;
  }
}

static int32_t lose(const struct rest *rest, struct lamina_call *call,
                    const struct lamina_span *span)
{
  uint32_t words[BLOCK];
  for (int64_t i = 0; i < span->count; i += BLOCK) {
    int64_t n = span->count - i < BLOCK ? span->count - i : BLOCK;
    LAMINA_TRY(lamina_random_u32(call, NOISE, (uint64_t)(span->first + i), (uint64_t)n, words));
    lose_block(rest, span, words, i, n);
  }
  return LAMINA_OK;
}

static int is_training(const struct lamina_call *call)
{
  return (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0;
}

static int32_t value(const void *instance, struct lamina_call *call, const struct lamina_span *span)
{
  const struct noise *self = instance;
  struct rest rest = {lamina_random_limit(self->rate), lamina_random_limit(0.5 * self->rate), 0.0f,
                      0.0f};
  if (is_training(call) && self->kind != GAUSSIAN) {
    if (self->kind == SALT_AND_PEPPER) {
      rest.low = (float)self->low;
      rest.high = (float)self->high;
    }
    return lose(&rest, call, span);
  }
  lamina_span_pass(span);
  return is_training(call) ? add_noise(self, call, span->first, span->count, span->to) : LAMINA_OK;
}

static int32_t gradient(const void *instance, struct lamina_call *call,
                        const struct lamina_span *span)
{
  const struct noise *self = instance;
  const struct rest rest = {lamina_random_limit(self->rate), 0, 0.0f, 0.0f};
  if (is_training(call) && self->kind != GAUSSIAN) {
    return lose(&rest, call, span);
  }
  lamina_span_pass(span);
  return LAMINA_OK;
}

static const struct lamina_pointwise pointwise = {
    .size = sizeof pointwise, .reads = LAMINA_READS_NOTHING, .value = value, .gradient = gradient};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_random(plan, NOISE));
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

LAMINA_LAYER(noise, "1.0.0", "spoils elements at random while training", struct noise,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward,
             .extension = extension);
