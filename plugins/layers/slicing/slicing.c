/*
 * Positions that are neighbours are one run of memory: with step 1 a row is one copy.
 */
#include "slicing.h"

#include <string.h>

#include <lamina/math.h>

enum { CHUNK = 65536 }; /* elements a chunk */

int32_t lm_slice_axis(struct lamina_call *call, const struct lamina_type *x, int64_t axis,
                      uint32_t *number, struct lm_slice *slice)
{
  char text[LAMINA_SHAPE_TEXT];
  int64_t rank = (int64_t)x->rank, at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) {
    return lamina_failf(call, LAMINA_E_SHAPE, "the input is %s and has no axis %lld",
                        lamina_shape_text(x, text), (long long)axis);
  }
  if (at == 0) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "axis %lld of the input %s is the batch, which cannot be cut",
                        (long long)axis, lamina_shape_text(x, text));
  }
  *number = (uint32_t)at;
  slice->rows = lamina_type_product(x, 0, *number);
  slice->length = x->dims[at];
  slice->inner = lamina_type_product(x, *number + 1, x->rank);
  slice->step = 1;
  return LAMINA_OK;
}

int32_t lm_slice_out(struct lamina_plan *plan, uint32_t index, const struct lamina_type *x,
                     uint32_t axis, const struct lm_slice *slice)
{
  int64_t dims[LAMINA_MAX_RANK];
  struct lamina_type y = *x;
  for (uint32_t i = 0; i < x->rank; i++) {
    dims[i] = i == axis ? slice->count : x->dims[i];
  }
  y.dims = dims;
  return lamina_out(plan, index, &y);
}

struct job {
  const struct lm_slice *slice;
  const float *from;
  float *to;
  int64_t run, runs, stride; /* of a row: elements a run, runs, elements from one to the next */
  uint32_t request;
  int32_t alone;
};

static struct job job_of(const struct lm_slice *slice, const float *from, float *to)
{
  int is_one = slice->step == 1;
  return (struct job){.slice = slice,
                      .from = from,
                      .to = to,
                      .run = is_one ? slice->count * slice->inner : slice->inner,
                      .runs = is_one ? 1 : slice->count,
                      .stride = slice->step * slice->inner};
}

static int32_t run_rows(struct lamina_call *call, struct job *job, lamina_body_fn body)
{
  const struct lm_slice *slice = job->slice;
  int64_t row = slice->length * slice->inner;
  if (slice->count * slice->inner == 0 && !job->alone) {
    return LAMINA_OK;
  }
  return lamina_parallel_for(call, slice->rows, row < CHUNK ? CHUNK / (row > 0 ? row : 1) : 1, body,
                             job);
}

static int32_t take_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct lm_slice *slice = job->slice;
  (void)lane;
  for (int64_t r = begin; r < end; r++) {
    const float *x = job->from + (r * slice->length + slice->first) * slice->inner;
    float *y = job->to + r * slice->count * slice->inner;
    for (int64_t k = 0; k < job->runs; k++, x += job->stride, y += job->run) {
      memcpy(y, x, (size_t)job->run * sizeof *y);
    }
  }
  return LAMINA_OK;
}

int32_t lm_slice_take(struct lamina_call *call, const struct lm_slice *slice, const float *x,
                      float *y)
{
  struct job job = job_of(slice, x, y);
  return run_rows(call, &job, take_rows);
}

LAMINA_CLONES
static void add_run(float *restrict sum, const float *restrict x, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    sum[i] += x[i];
  }
}

static int32_t give_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct lm_slice *slice = job->slice;
  int64_t row = slice->length * slice->inner;
  (void)lane;
  for (int64_t r = begin; r < end; r++) {
    const float *dy = job->from + r * slice->count * slice->inner;
    float *dx = job->to + r * row;
    if (job->request == LAMINA_WRITE && job->alone) {
      memset(dx, 0, (size_t)row * sizeof *dx);
    }
    dx += slice->first * slice->inner;
    for (int64_t k = 0; k < job->runs; k++, dx += job->stride, dy += job->run) {
      if (job->request == LAMINA_ADD) {
        add_run(dx, dy, job->run);
      } else {
        memcpy(dx, dy, (size_t)job->run * sizeof *dx);
      }
    }
  }
  return LAMINA_OK;
}

int32_t lm_slice_give(struct lamina_call *call, const struct lm_slice *slice, const float *dy,
                      float *dx, uint32_t request, int32_t alone)
{
  struct job job = job_of(slice, dy, dx);
  job.request = request;
  job.alone = alone;
  return run_rows(call, &job, give_rows);
}
