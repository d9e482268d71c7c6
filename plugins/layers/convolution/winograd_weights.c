/*
 * The gradient of the weights: the transpose of the forward computation. With D = B' d B of the
 * inputs and E = A dy A' of the outputs' gradients, tile by tile,
 *
 *   dg = G' [the sum over tiles of D * E, element by element] G
 *
 * so that again there are 36 matrix products, each a sum over the tiles of a group, and groups
 * are added in their order.
 */
#include <string.h>

#include "winograd.h"
#include "winograd_tile.h"

enum { LEAST_GROUP = 224, CHANNELS_A_CHUNK = 4, TILES_A_CHUNK = 4 };

LM_WINOGRAD_TRANSFORM(transform_back, back, 4, 6)
LM_WINOGRAD_TRANSFORM(transform_gradient, gradient, 6, 3)

struct job {
  struct lm_winograd w;
  struct lamina_call *call;
  const struct lm_convolution_task *task;
  float *zeros, *sums, *inputs, *gradients; /* sums [36, C, K]; the others are planes */
  uint64_t zeros_bytes, sums_bytes, inputs_bytes, gradients_bytes;
  uint64_t lane_bytes;
  int64_t first, count; /* tiles of the present group */
};

static struct job job_of(const struct lm_convolution *v)
{
  struct job job = {.w = lm_winograd_of(v)};
  struct lm_winograd *w = &job.w;
  w->group = w->group < LEAST_GROUP ? LEAST_GROUP : w->group;
  w->group = w->group < w->tiles ? w->group : w->tiles;
  w->c_plane = w->group * w->c_row;
  w->k_plane = w->group * w->k_row;
  uint64_t window = lm_float_bytes(9 * w->k_row);
  uint64_t gemm = lm_gemm_alone_bytes(v->gemm, v->c, v->k, w->group);
  job.zeros_bytes = lm_float_bytes(w->c_row > w->k_row ? w->c_row : w->k_row);
  job.sums_bytes = lm_float_bytes(LM_PLACES * v->c * w->k_row);
  job.inputs_bytes = lm_float_bytes(LM_PLACES * w->c_plane);
  job.gradients_bytes = lm_float_bytes(LM_PLACES * w->k_plane);
  job.lane_bytes = window > gemm ? window : gemm;
  return job;
}

void lm_winograd_weight_scratch(const struct lm_convolution *v, struct lm_convolution_scratch *out)
{
  struct job job = job_of(v);
  out->shared = job.zeros_bytes + job.sums_bytes + job.inputs_bytes + job.gradients_bytes;
  out->lane = job.lane_bytes;
}

static int32_t inputs_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  (void)lane;
  const struct lm_winograd_inputs inputs = {job->task->x, job->zeros, job->first, job->inputs};
  lm_winograd_transform(&job->w, &inputs, begin, end);
  return LAMINA_OK;
}

/* Where the gradients of a tile's outputs are; those beyond the border are zeros. */
LAMINA_INLINE void point_outputs(const struct job *job, int64_t tile, const float *in[])
{
  const struct lm_winograd *w = &job->w;
  const struct lm_convolution *v = w->v;
  int64_t image = tile / (w->rows * w->columns);
  int64_t top = tile / w->columns % w->rows * LM_TILE_OUT;
  int64_t left = tile % w->columns * LM_TILE_OUT;
  for (int64_t i = 0; i < LM_TILE_OUT; i++) {
    for (int64_t j = 0; j < LM_TILE_OUT; j++) {
      int64_t pixel = (image * v->h.out + top + i) * v->w.out + left + j;
      bool inside = top + i < v->h.out && left + j < v->w.out;
      in[i * LM_TILE_OUT + j] = inside ? job->task->dy + pixel * v->k : job->zeros;
    }
  }
}

LAMINA_CLONES
static void transform_outputs(const struct job *job, int64_t begin, int64_t end)
{
  const struct lm_winograd *w = &job->w;
  for (int64_t t = begin; t < end; t++) {
    const float *in[LM_TILE_OUT * LM_TILE_OUT];
    point_outputs(job, job->first + t, in);
    transform_back(in, w->v->k, job->gradients + t * w->k_row, w->k_plane);
  }
}

static int32_t outputs_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  transform_outputs(arg, begin, end);
  return LAMINA_OK;
}

static int32_t products_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct lm_winograd *w = &job->w;
  const struct lamina_gemm *gemm = w->v->gemm;
  for (int64_t place = begin; place < end; place++) {
    struct lamina_gemm_task task = {.size = (uint32_t)sizeof task,
                                    .flags = job->first > 0 ? LAMINA_GEMM_ADD : 0,
                                    .m = w->v->c,
                                    .n = w->v->k,
                                    .k = job->count,
                                    .a = job->inputs + place * w->c_plane,
                                    .a_row = 1,
                                    .a_column = w->c_row,
                                    .b = job->gradients + place * w->k_plane,
                                    .b_row = w->k_row,
                                    .b_column = 1,
                                    .c = job->sums + place * w->v->c * w->k_row,
                                    .c_row = w->k_row};
    LAMINA_TRY(gemm->run_alone(gemm->self, job->call, &task, lamina_scratch(job->call, lane)));
  }
  return LAMINA_OK;
}

/* dw of input channels begin .. end - 1, for all filters. */
LAMINA_CLONES
static void finish_channels(const struct job *job, int64_t begin, int64_t end, float *window)
{
  const struct lm_winograd *w = &job->w;
  const struct lm_convolution *v = w->v;
  for (int64_t c = begin; c < end; c++) {
    const float *in[LM_PLACES];
    for (int64_t p = 0; p < LM_PLACES; p++) {
      in[p] = job->sums + (p * v->c + c) * w->k_row;
    }
    transform_gradient(in, v->k, window, w->k_row);
    for (int64_t p = 0; p < 9; p++) {
      float *dw = job->task->dw + (p * v->c + c) * v->k;
      const float *made = window + p * w->k_row;
      for (int64_t k = 0; k < v->k; k++) {
        dw[k] = job->task->request == LAMINA_ADD ? dw[k] + made[k] : made[k];
      }
    }
  }
}

static int32_t finish_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  finish_channels(job, begin, end, lamina_scratch(job->call, lane));
  return LAMINA_OK;
}

static int32_t add_groups(struct job *job)
{
  struct lamina_call *call = job->call;
  for (job->first = 0; job->first < job->w.tiles; job->first += job->w.group) {
    int64_t left = job->w.tiles - job->first;
    job->count = left < job->w.group ? left : job->w.group;
    LAMINA_TRY(lamina_parallel_for(call, job->count, TILES_A_CHUNK, inputs_body, job));
    LAMINA_TRY(lamina_parallel_for(call, job->count, TILES_A_CHUNK, outputs_body, job));
    LAMINA_TRY(lamina_parallel_for(call, LM_PLACES, 1, products_body, job));
  }
  return LAMINA_OK;
}

int32_t lm_winograd_weight_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                    const struct lm_convolution_task *task)
{
  struct job job = job_of(v);
  char *shared = lamina_scratch(call, LAMINA_SHARED);
  if (shared == NULL) {
    return LAMINA_E_PLUGIN;
  }
  job.call = call;
  job.task = task;
  job.zeros = (float *)(void *)shared;
  job.sums = (float *)(void *)(shared += job.zeros_bytes);
  job.inputs = (float *)(void *)(shared += job.sums_bytes);
  job.gradients = (float *)(void *)(shared + job.inputs_bytes);
  memset(job.zeros, 0, job.zeros_bytes);
  LAMINA_TRY(add_groups(&job));
  return lamina_parallel_for(call, v->c, CHANNELS_A_CHUNK, finish_body, &job);
}
