/*
 * global_avg_pool: y = the mean of x over all pixels, channel by channel. Lin, Chen, Yan: "Network
 * in network", ICLR 2014. dx = dy / R at each of the R pixels.
 *
 * Shapes: x [N, ..., C], at least one axis in between; y [N, C]. Pixels are added in blocks, so
 * that large images lose no digits, and images are apart, so bits do not depend on threads.
 */
#include <string.h>

#include <lamina/epilogue.h>
#include <lamina/expect.h>
#include <lamina/layer.h>
#include <lamina/math.h>

enum { BLOCK = 64, CHUNK = 32768 }; /* pixels; elements a chunk */

struct job {
  struct lamina_call *call;
  int64_t pixels, c;
  uint32_t request;
  const float *x, *dy;
  float *y, *dx;
  const struct lamina_epilogue *epilogue;
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  char text[LAMINA_SHAPE_TEXT];
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  int64_t pixels = x->rank < 3 ? 0 : lamina_type_product(x, 1, x->rank - 1);
  if (pixels == 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the input is %s, and must be [N, ..., C] with pixels in between",
                        lamina_shape_text(x, text));
  }
  int64_t dims[2] = {x->dims[0], x->dims[x->rank - 1]};
  struct lamina_type y = lamina_type_f32(2, dims);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(lamina_notef(plan, LAMINA_NOTE_SHAPE, "means of %lld", (long long)pixels));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, 0, (uint64_t)dims[1] * sizeof(float)));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  return lamina_may_fuse(plan, LAMINA_BACKWARD, 0);
}

static struct job job_of(struct lamina_call *call, const struct lamina_type *x)
{
  return (struct job){
      .call = call, .pixels = lamina_type_product(x, 1, x->rank - 1), .c = x->dims[x->rank - 1]};
}

static int64_t images_a_chunk(const struct job *job)
{
  int64_t image = job->pixels * job->c;
  return image >= CHUNK || image == 0 ? 1 : CHUNK / image;
}

LAMINA_CLONES
static void average(const struct job *job, const float *x, float *sum, float *y)
{
  int64_t c = job->c;
  float count = (float)job->pixels;
  memset(y, 0, (size_t)c * sizeof *y);
  for (int64_t first = 0; first < job->pixels; first += BLOCK) {
    int64_t last = first + BLOCK < job->pixels ? first + BLOCK : job->pixels;
    memset(sum, 0, (size_t)c * sizeof *sum);
    for (int64_t p = first; p < last; p++) {
      LAMINA_INDEPENDENT
      for (int64_t i = 0; i < c; i++) {
        sum[i] += x[p * c + i];
      }
    }
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
      y[i] += sum[i];
    }
  }
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < c; i++) {
    y[i] /= count;
  }
}

static int32_t average_images(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  float *sum = lamina_scratch(job->call, lane);
  for (int64_t n = begin; n < end && job->c > 0; n++) {
    average(job, job->x + n * job->pixels * job->c, sum, job->y + n * job->c);
  }
  return lamina_epilogue_apply(job->epilogue, begin * job->c, (end - begin) * job->c);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  (void)self;
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = job_of(call, &x->type);
  job.x = x->data;
  job.y = y->data;
  job.epilogue = lamina_epilogue(call, LAMINA_OUT, 0);
  return lamina_parallel_for(call, x->type.dims[0], images_a_chunk(&job), average_images, &job);
}

LAMINA_CLONES
static void spread(const struct job *job, const float *dy, float *dx)
{
  float count = (float)job->pixels;
  for (int64_t p = 0; p < job->pixels; p++, dx += job->c) {
    if (job->request == LAMINA_ADD) {
      LAMINA_INDEPENDENT
      for (int64_t i = 0; i < job->c; i++) {
        dx[i] += dy[i] / count;
      }
    } else {
      LAMINA_INDEPENDENT
      for (int64_t i = 0; i < job->c; i++) {
        dx[i] = dy[i] / count;
      }
    }
  }
}

static int32_t spread_images(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t image = job->pixels * job->c;
  (void)lane;
  for (int64_t n = begin; n < end; n++) {
    spread(job, job->dy + n * job->c, job->dx + n * image);
  }
  return lamina_epilogue_apply(job->epilogue, begin * image, (end - begin) * image);
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  (void)self;
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dx == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = job_of(call, &dx->type);
  job.dy = dy->data;
  job.dx = dx->data;
  job.request = request;
  job.epilogue = lamina_epilogue(call, LAMINA_IN, 0);
  return lamina_parallel_for(call, dx->type.dims[0], images_a_chunk(&job), spread_images, &job);
}

LAMINA_LAYER(global_avg_pool, "1.0.0", "the mean of each channel over all pixels", LAMINA_NOTHING,
             .infer = infer, .forward = forward, .backward = backward);
