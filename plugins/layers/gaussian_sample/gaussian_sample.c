/*
 * gaussian_sample: a draw from a normal distribution that gradients pass through. Kingma and
 * Welling: "Auto-encoding variational Bayes", ICLR 2014.
 *
 *   training:    z = mu + s eps,  s = exp(v / 2),  v = min(log_var, log_var_max)
 *                dmu = dz,  dlog_var = dz eps s / 2, or 0 where the bound holds
 *   evaluation:  z = mu, dmu = dz, dlog_var = 0; or as in training
 *
 * eps_i is normal number i of a counter-based random stream, a function of seed, node, step and
 * place: nothing is saved, and backward makes the same numbers again.
 *
 * Shapes: mu, log_var and z [N, ...], all the same. z may take the memory of mu, dmu that of dz.
 */
#include <lamina/expect.h>
#include <lamina/layer.h>
#include <lamina/random.h>

enum { MU = 0, LOG_VAR = 1, TRAINING = 0, NONE = 32, CHUNK = 4096, BLOCK = 1024 };
enum { EVALUATION_MEAN = 0, EVALUATION_SAMPLE = 1 };

struct gaussian_sample {
  double log_var_max;
  int32_t evaluation, unused;
};

static const struct lamina_setting settings[] = {
    LAMINA_CHOICE(struct gaussian_sample, evaluation, "mean", "mean|sample",
                  "what is given in evaluation: mu, or a draw as in training"),
    LAMINA_F64(struct gaussian_sample, log_var_max, "20", "[-80, 80]",
               "larger logarithms of variances are taken for this one"),
};

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct gaussian_sample *self = instance;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in_f32(plan, MU)));
  LAMINA_TRY(lamina_expect_like_first(plan, LOG_VAR));
  LAMINA_TRY(lamina_random(plan, TRAINING));
  if (self->evaluation == EVALUATION_SAMPLE) {
    LAMINA_TRY(lamina_random(plan, LAMINA_RANDOM_EVALUATION));
  }
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, LOG_VAR));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, MU, 0));
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, MU);
}

/* The purpose of the words that this call draws; NONE: it gives the mean. */
static uint32_t purpose_of(const struct gaussian_sample *self, const struct lamina_call *call)
{
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) != 0) {
    return TRAINING;
  }
  return self->evaluation == EVALUATION_SAMPLE ? (uint32_t)LAMINA_RANDOM_EVALUATION : NONE;
}

struct work {
  struct lamina_call *call;
  const float *mu, *log_var, *dz;
  float *z, *dlog_var;
  float most;
  int32_t add;
  uint32_t purpose, unused;
};

LAMINA_CLONES
static void draw_block(const struct work *work, const uint32_t *words, int64_t at, int64_t n)
{
  const float *mu = work->mu + at, *log_var = work->log_var + at;
  float *z = work->z + at, most = work->most, eps[BLOCK];
  lamina_normals(words, n + n % 2, eps);
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    float v = lamina_selectf(log_var[i] > most, most, log_var[i]);
    z[i] = mu[i] + lamina_expf(0.5f * v) * eps[i];
  }
}

LAMINA_CLONES
static void gradient_block(const struct work *work, const uint32_t *words, int64_t at, int64_t n)
{
  const float *log_var = work->log_var + at, *dz = work->dz + at;
  float *dlog_var = work->dlog_var + at, most = work->most, eps[BLOCK];
  lamina_normals(words, n + n % 2, eps);
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    float slope = 0.5f * lamina_expf(0.5f * log_var[i]) * eps[i];
    eps[i] = lamina_selectf(log_var[i] > most, 0.0f, dz[i] * slope);
  }
  for (int64_t i = 0; i < n; i++) {
    dlog_var[i] = work->add ? dlog_var[i] + eps[i] : eps[i];
  }
}

static int32_t run_blocks(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  uint32_t words[BLOCK];
  (void)lane;
  for (int64_t at = begin; at < end; at += BLOCK) {
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    LAMINA_TRY(
        lamina_random_u32(work->call, work->purpose, (uint64_t)at, (uint64_t)(n + n % 2), words));
    (work->dz == NULL ? draw_block : gradient_block)(work, words, at, n);
  }
  return LAMINA_OK;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct gaussian_sample *self = instance;
  const struct lamina_view *mu = lamina_get(call, LAMINA_IN, MU);
  const struct lamina_view *log_var = lamina_get(call, LAMINA_IN, LOG_VAR);
  const struct lamina_view *z = lamina_get(call, LAMINA_OUT, 0);
  if (mu == NULL || log_var == NULL || z == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&z->type);
  uint32_t purpose = purpose_of(self, call);
  if (purpose == NONE) {
    if (n > 0 && z->data != mu->data) {
      memcpy(z->data, mu->data, (size_t)n * sizeof(float));
    }
    return LAMINA_OK;
  }
  struct work work = {.call = call,
                      .mu = mu->data,
                      .log_var = log_var->data,
                      .z = z->data,
                      .most = (float)self->log_var_max,
                      .purpose = purpose};
  return lamina_parallel_for(call, n, CHUNK, run_blocks, &work);
}

/* dmu = dz, or dmu += dz. The host may have made them one memory: then it is done. */
static int32_t pass_mean(struct lamina_call *call, const struct lamina_view *dz, int64_t n)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dmu = lamina_grad(call, LAMINA_IN, MU, &request);
  if (request == LAMINA_SKIP || n == 0) {
    return LAMINA_OK;
  }
  if (dmu == NULL) {
    return LAMINA_E_PLUGIN;
  }
  float *to = dmu->data;
  const float *from = dz->data;
  if (request == LAMINA_ADD) {
    for (int64_t i = 0; i < n; i++) {
      to[i] += from[i];
    }
  } else if (to != from) {
    memcpy(to, from, (size_t)n * sizeof *to);
  }
  return LAMINA_OK;
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct gaussian_sample *self = instance;
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dz = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *dlog_var = lamina_grad(call, LAMINA_IN, LOG_VAR, &request);
  if (dz == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&dz->type);
  LAMINA_TRY(pass_mean(call, dz, n)); /* first: mu and log_var may be one tensor */
  uint32_t purpose = purpose_of(self, call);
  if (request != LAMINA_SKIP && purpose != NONE) {
    const struct lamina_view *log_var = lamina_get(call, LAMINA_IN, LOG_VAR);
    if (log_var == NULL || dlog_var == NULL) {
      return LAMINA_E_PLUGIN;
    }
    struct work work = {.call = call,
                        .log_var = log_var->data,
                        .dz = dz->data,
                        .dlog_var = dlog_var->data,
                        .most = (float)self->log_var_max,
                        .add = request == LAMINA_ADD,
                        .purpose = purpose};
    LAMINA_TRY(lamina_parallel_for(call, n, CHUNK, run_blocks, &work));
  } else if (request == LAMINA_WRITE && n > 0) {
    memset(dlog_var->data, 0, (size_t)n * sizeof(float));
  }
  return LAMINA_OK;
}

LAMINA_LAYER(gaussian_sample, "1.0.0", "a draw from a normal distribution, differentiable",
             struct gaussian_sample, LAMINA_SETTINGS(settings), .infer = infer, .forward = forward,
             .backward = backward);
