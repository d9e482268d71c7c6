/*
 * Forward: the weights are transformed once a call. Then group of tiles by group: the inputs,
 * tile by tile; the products, place by place; the outputs, tile by tile. Each of the three is a
 * parallel loop, so that even one image keeps all threads busy.
 */
#include "winograd.h"

#include <string.h>

#include "winograd_tile.h"

/* Channels and tiles below which the transforms cost more than they save; floats of a group. */
enum { LEAST_CHANNELS = 16, LEAST_TILES = 8, GROUP_FLOATS = 8192, LEAST_GROUP = 112 };
enum { CHANNELS_A_CHUNK = 4, TILES_A_CHUNK = 4 };

LM_WINOGRAD_TRANSFORM(transform_weight, weight, 3, 6)
LM_WINOGRAD_TRANSFORM(transform_input, input, 6, 6)
LM_WINOGRAD_TRANSFORM(transform_output, output, 6, 4)

struct job {
  struct lm_winograd w;
  struct lamina_call *call;
  const struct lm_convolution_task *task;
  float *zeros, *weights, *inputs, *products;
  uint64_t zeros_bytes, weights_bytes, inputs_bytes, products_bytes;
  uint64_t lane_bytes;
  int64_t first, count; /* tiles of the present group */
};

bool lm_winograd_fits(const struct lm_convolution *v)
{
  bool shape = v->h.kernel == 3 && v->w.kernel == 3 && v->h.stride == 1 && v->w.stride == 1 &&
               v->h.dilation == 1 && v->w.dilation == 1 && v->groups == 1 && !v->circular;
  if (!shape || v->c < LEAST_CHANNELS || v->k < LEAST_CHANNELS) {
    return false;
  }
  struct lm_winograd w = lm_winograd_of(v);
  /* Tiles at the border are computed whole. */
  int64_t computed = w.tiles * LM_TILE_OUT * LM_TILE_OUT;
  return w.tiles >= LEAST_TILES && 3 * lm_convolution_pixels(v) >= 2 * computed;
}

struct lm_winograd lm_winograd_of(const struct lm_convolution *v)
{
  struct lm_winograd w = {.v = v,
                          .rows = (v->h.out + LM_TILE_OUT - 1) / LM_TILE_OUT,
                          .columns = (v->w.out + LM_TILE_OUT - 1) / LM_TILE_OUT,
                          .c_row = lm_patch_row(v->c),
                          .k_row = lm_patch_row(v->k)};
  int64_t group = GROUP_FLOATS / (v->c > v->k ? v->c : v->k);
  w.tiles = v->images * w.rows * w.columns;
  w.group = group < LEAST_GROUP ? LEAST_GROUP : group;
  w.group = w.group < w.tiles ? w.group : w.tiles;
  w.c_plane = w.group * w.c_row;
  w.k_plane = w.group * w.k_row;
  return w;
}

static struct job job_of(const struct lm_convolution *v)
{
  struct job job = {.w = lm_winograd_of(v)};
  job.zeros_bytes = lm_float_bytes(v->c);
  job.weights_bytes = lm_float_bytes(LM_PLACES * v->c * job.w.k_row);
  job.inputs_bytes = lm_float_bytes(LM_PLACES * job.w.c_plane);
  job.products_bytes = lm_float_bytes(LM_PLACES * job.w.k_plane);
  uint64_t tile = lm_float_bytes(LM_TILE_OUT * LM_TILE_OUT * job.w.k_row);
  uint64_t gemm = lm_gemm_alone_bytes(v->gemm, job.w.group, v->k, v->c);
  job.lane_bytes = tile > gemm ? tile : gemm;
  return job;
}

void lm_winograd_forward_scratch(const struct lm_convolution *v, struct lm_convolution_scratch *out)
{
  struct job job = job_of(v);
  out->shared = job.zeros_bytes + job.weights_bytes + job.inputs_bytes + job.products_bytes;
  out->lane = job.lane_bytes;
}

/* The weights of input channels begin .. end - 1, for all filters. */
LAMINA_CLONES
static void transform_weights(const struct job *job, int64_t begin, int64_t end)
{
  const struct lm_convolution *v = job->w.v;
  for (int64_t c = begin; c < end; c++) {
    const float *in[9];
    for (int64_t p = 0; p < 9; p++) {
      in[p] = job->task->w + (p * v->c + c) * v->k;
    }
    transform_weight(in, v->k, job->weights + c * job->w.k_row, v->c * job->w.k_row);
  }
}

static int32_t weights_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  transform_weights(arg, begin, end);
  return LAMINA_OK;
}

/* Where the pixels of a tile are; those outside of the image are zeros. */
LAMINA_INLINE void point_inputs(const struct lm_winograd *w,
                                const struct lm_winograd_inputs *inputs, int64_t tile,
                                const float *in[LM_PLACES])
{
  const struct lm_convolution *v = w->v;
  const float *image = inputs->x + tile / (w->rows * w->columns) * v->h.in * v->w.in * v->c;
  int64_t top = tile / w->columns % w->rows * LM_TILE_OUT - v->h.before;
  int64_t left = tile % w->columns * LM_TILE_OUT - v->w.before;
  for (int64_t i = 0; i < LM_TILE; i++) {
    for (int64_t j = 0; j < LM_TILE; j++) {
      bool inside = top + i >= 0 && top + i < v->h.in && left + j >= 0 && left + j < v->w.in;
      in[i * LM_TILE + j] =
          inside ? image + ((top + i) * v->w.in + left + j) * v->c : inputs->zeros;
    }
  }
}

LAMINA_CLONES
void lm_winograd_transform(const struct lm_winograd *w, const struct lm_winograd_inputs *inputs,
                           int64_t begin, int64_t end)
{
  for (int64_t t = begin; t < end; t++) {
    const float *in[LM_PLACES];
    point_inputs(w, inputs, inputs->first + t, in);
    transform_input(in, w->v->c, inputs->out + t * w->c_row, w->c_plane);
  }
}

static int32_t inputs_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  (void)lane;
  const struct lm_winograd_inputs inputs = {job->task->x, job->zeros, job->first, job->inputs};
  lm_winograd_transform(&job->w, &inputs, begin, end);
  return LAMINA_OK;
}

static int32_t products_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct lm_winograd *w = &job->w;
  const struct lamina_gemm *gemm = w->v->gemm;
  for (int64_t place = begin; place < end; place++) {
    struct lamina_gemm_task task = {.size = (uint32_t)sizeof task,
                                    .m = job->count,
                                    .n = w->v->k,
                                    .k = w->v->c,
                                    .a = job->inputs + place * w->c_plane,
                                    .a_row = w->c_row,
                                    .a_column = 1,
                                    .b = job->weights + place * w->v->c * w->k_row,
                                    .b_row = w->k_row,
                                    .b_column = 1,
                                    .c = job->products + place * w->k_plane,
                                    .c_row = w->k_row};
    LAMINA_TRY(gemm->run_alone(gemm->self, job->call, &task, lamina_scratch(job->call, lane)));
  }
  return LAMINA_OK;
}

/* A pixel of y: what was made of it, with the bias, or added to what is there. */
LAMINA_INLINE void put_pixel(const struct job *job, const float *made, float *y)
{
  int64_t k = job->w.v->k;
  const float *bias = job->task->b;
  if (job->task->request == LAMINA_ADD) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < k; i++) {
      y[i] += made[i];
    }
  } else if (bias != NULL) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < k; i++) {
      y[i] = made[i] + bias[i];
    }
  } else {
    memcpy(y, made, (size_t)k * sizeof *y);
  }
}

/** Where a tile lies in the output: its first pixel, and what is inside the image. */
struct place {
  int64_t pixel, rows, columns;
};

static struct place place_of(const struct job *job, int64_t tile)
{
  const struct lm_winograd *w = &job->w;
  const struct lm_convolution *v = w->v;
  int64_t image = tile / (w->rows * w->columns);
  int64_t top = tile / w->columns % w->rows * LM_TILE_OUT;
  int64_t left = tile % w->columns * LM_TILE_OUT;
  int64_t rows = v->h.out - top, columns = v->w.out - left;
  return (struct place){.pixel = (image * v->h.out + top) * v->w.out + left,
                        .rows = rows < LM_TILE_OUT ? rows : LM_TILE_OUT,
                        .columns = columns < LM_TILE_OUT ? columns : LM_TILE_OUT};
}

/* The pixels of a tile that lie in the output; made has all of them. */
LAMINA_INLINE void put_tile(const struct job *job, const struct place *place, const float *made)
{
  const struct lm_convolution *v = job->w.v;
  for (int64_t i = 0; i < place->rows; i++) {
    float *y = job->task->y + (place->pixel + i * v->w.out) * v->k;
    for (int64_t j = 0; j < place->columns; j++) {
      put_pixel(job, made + (i * LM_TILE_OUT + j) * job->w.k_row, y + j * v->k);
    }
  }
}

/* Hands over tiles first to last, which lie beside each other, row by row of their pixels. */
static int32_t hand_over(const struct job *job, int64_t first, int64_t last)
{
  const struct lm_convolution *v = job->w.v;
  if (job->task->epilogue == NULL) {
    return LAMINA_OK;
  }
  struct place left = place_of(job, first), right = place_of(job, last);
  int64_t count = right.pixel + right.columns - left.pixel;
  for (int64_t i = 0; i < left.rows; i++) {
    LAMINA_TRY(lamina_epilogue_apply(job->task->epilogue, (left.pixel + i * v->w.out) * v->k,
                                     count * v->k));
  }
  return LAMINA_OK;
}

LAMINA_CLONES
static int32_t put_tiles(const struct job *job, int64_t begin, int64_t end, float *made)
{
  const struct lm_winograd *w = &job->w;
  int64_t kept = job->first + begin; /* the first tile that is not handed over yet */
  for (int64_t t = begin; t < end; t++) {
    const float *in[LM_PLACES];
    const int64_t tile = job->first + t;
    const struct place place = place_of(job, tile);
    for (int64_t p = 0; p < LM_PLACES; p++) {
      in[p] = job->products + p * w->k_plane + t * w->k_row;
    }
    transform_output(in, w->v->k, made, w->k_row);
    put_tile(job, &place, made);
    if (t + 1 == end || (tile + 1) % w->columns == 0) {
      LAMINA_TRY(hand_over(job, kept, tile));
      kept = tile + 1;
    }
  }
  return LAMINA_OK;
}

static int32_t outputs_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  return put_tiles(job, begin, end, lamina_scratch(job->call, lane));
}

static int32_t run_groups(struct job *job)
{
  struct lamina_call *call = job->call;
  for (job->first = 0; job->first < job->w.tiles; job->first += job->w.group) {
    int64_t left = job->w.tiles - job->first;
    job->count = left < job->w.group ? left : job->w.group;
    LAMINA_TRY(lamina_parallel_for(call, job->count, TILES_A_CHUNK, inputs_body, job));
    LAMINA_TRY(lamina_parallel_for(call, LM_PLACES, 1, products_body, job));
    LAMINA_TRY(lamina_parallel_for(call, job->count, TILES_A_CHUNK, outputs_body, job));
  }
  return LAMINA_OK;
}

int32_t lm_winograd_forward(const struct lm_convolution *v, struct lamina_call *call,
                            const struct lm_convolution_task *task)
{
  struct job job = job_of(v);
  char *shared = lamina_scratch(call, LAMINA_SHARED);
  if (shared == NULL) {
    return LAMINA_E_PLUGIN;
  }
  shared += task->shared_offset;
  job.call = call;
  job.task = task;
  job.zeros = (float *)(void *)shared;
  job.weights = (float *)(void *)(shared += job.zeros_bytes);
  job.inputs = (float *)(void *)(shared += job.weights_bytes);
  job.products = (float *)(void *)(shared + job.inputs_bytes);
  memset(job.zeros, 0, job.zeros_bytes);
  LAMINA_TRY(lamina_parallel_for(call, v->c, CHANNELS_A_CHUNK, weights_body, &job));
  return run_groups(&job);
}
