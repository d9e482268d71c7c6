/*
 * The service "lamina.conv/1" through oneDNN: to compare with, and to check results against.
 *
 * Images stay as they are, channels last. Weights go into the layout that oneDNN likes best, and
 * their gradient comes out of it, by a reorder beside each convolution. All objects are made and
 * destroyed in each run: what is costly about them, the generated code, is in oneDNN's own cache,
 * which is the process's. What oneDNN cannot add to, it writes beside, and the sum is made here.
 */
#define LAMINA_LICENSE "MIT"
#define LAMINA_ORIGIN "Lamina"
#include <stdbool.h>
#include <string.h>

#include <dnnl.h>
#include <dnnl_debug.h>

#include <lamina/conv.h>
#include <lamina/math.h>
#include <lamina/service.h>

/* OpenMP's, of the calling thread alone; GCC's omp.h is not clang's. */
int omp_get_max_threads(void);
void omp_set_num_threads(int count);

enum { GRAIN = 16384, AXES = 2, IMAGE = 4 };

struct conv_onednn {
  int64_t threads;
  struct lamina_conv interface;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct conv_onednn, threads, "1", "[1, 1024]",
               "threads that oneDNN may use; beyond 1 they are its own"),
};

/** What one run works with; what is not there is NULL. */
struct work {
  struct lamina_call *call;
  const struct lamina_conv_task *task;
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_memory_desc_t image, result, bias;
  dnnl_memory_desc_t ours, best; /* layouts of the weights; best: oneDNN chooses */
  dnnl_primitive_attr_t adding;  /* NULL: overwrite */
  dnnl_primitive_desc_t hint, about, about_order;
  dnnl_primitive_t convolve, order;
  dnnl_memory_t x, y, b, w, ordered; /* x, y: or their gradients; w, ordered: as ours, best */
};

#define TRY_DNNL(work, step)                                                                     \
  do {                                                                                           \
    dnnl_status_t status_ = (step);                                                              \
    if (status_ != dnnl_success) {                                                               \
      return lamina_failf((work)->call, status_of(status_), "oneDNN says '%s' to a convolution", \
                          dnnl_status2str(status_));                                             \
    }                                                                                            \
  } while (0)

static int32_t status_of(dnnl_status_t status)
{
  if (status == dnnl_out_of_memory) {
    return LAMINA_E_NOMEM;
  }
  return status == dnnl_unimplemented ? LAMINA_E_UNSUPPORTED : LAMINA_E_PLUGIN;
}

/* ---- layouts ---- */

static int32_t describe(struct work *work)
{
  const struct lamina_conv_shape *v = work->task->shape;
  const int64_t groups = v->groups;
  const dnnl_dims_t x = {v->images, v->c, v->h.in, v->w.in};
  const dnnl_dims_t y = {v->images, v->k, v->h.out, v->w.out};
  const dnnl_dims_t b = {v->k};
  const dnnl_dims_t w = {v->k, v->c, v->h.kernel, v->w.kernel};
  const dnnl_dims_t parts = {groups, v->k / groups, v->c / groups, v->h.kernel, v->w.kernel};
  const int rank = groups == 1 ? IMAGE : IMAGE + 1;
  const int64_t *weights = groups == 1 ? w : parts;
  TRY_DNNL(work, dnnl_memory_desc_init_by_tag(&work->image, IMAGE, x, dnnl_f32, dnnl_nhwc));
  TRY_DNNL(work, dnnl_memory_desc_init_by_tag(&work->result, IMAGE, y, dnnl_f32, dnnl_nhwc));
  TRY_DNNL(work, dnnl_memory_desc_init_by_tag(&work->bias, 1, b, dnnl_f32, dnnl_a));
  TRY_DNNL(work, dnnl_memory_desc_init_by_tag(&work->ours, rank, weights, dnnl_f32,
                                              groups == 1 ? dnnl_hwio : dnnl_hwigo));
  TRY_DNNL(work,
           dnnl_memory_desc_init_by_tag(&work->best, rank, weights, dnnl_f32, dnnl_format_tag_any));
  return LAMINA_OK;
}

static int32_t make_adding(struct work *work)
{
  dnnl_post_ops_t sum = NULL;
  TRY_DNNL(work, dnnl_primitive_attr_create(&work->adding));
  TRY_DNNL(work, dnnl_post_ops_create(&sum));
  dnnl_status_t status = dnnl_post_ops_append_sum(sum, 1.0f);
  if (status == dnnl_success) {
    status = dnnl_primitive_attr_set_post_ops(work->adding, sum);
  }
  (void)dnnl_post_ops_destroy(sum);
  TRY_DNNL(work, status);
  return LAMINA_OK;
}

/* ---- the convolution ---- */

/* Fills work->hint, the forward convolution, and work->about, which is that or a gradient. */
static int32_t plan(struct work *work)
{
  const struct lamina_conv_shape *v = work->task->shape;
  const uint32_t pass = work->task->pass;
  const dnnl_dims_t strides = {v->h.stride, v->w.stride};
  const dnnl_dims_t holes = {v->h.dilation - 1, v->w.dilation - 1};
  const dnnl_dims_t before = {v->h.before, v->w.before}, after = {v->h.after, v->w.after};
  const bool forward = pass == LAMINA_CONV_FORWARD;
  const dnnl_memory_desc_t *bias = forward && work->task->b != NULL ? &work->bias : NULL;
  dnnl_convolution_desc_t wish;
  TRY_DNNL(work, dnnl_dilated_convolution_forward_desc_init(
                     &wish, dnnl_forward_training, dnnl_convolution_direct, &work->image,
                     &work->best, bias, &work->result, strides, holes, before, after));
  TRY_DNNL(work, dnnl_primitive_desc_create(&work->hint, &wish, forward ? work->adding : NULL,
                                            work->engine, NULL));
  if (forward) {
    return LAMINA_OK;
  }
  if (pass == LAMINA_CONV_INPUT_GRADIENT) {
    TRY_DNNL(work, dnnl_dilated_convolution_backward_data_desc_init(
                       &wish, dnnl_convolution_direct, &work->image, &work->best, &work->result,
                       strides, holes, before, after));
  } else {
    TRY_DNNL(work, dnnl_dilated_convolution_backward_weights_desc_init(
                       &wish, dnnl_convolution_direct, &work->image, &work->best, NULL,
                       &work->result, strides, holes, before, after));
  }
  TRY_DNNL(work, dnnl_primitive_desc_create(&work->about, &wish, NULL, work->engine, work->hint));
  return LAMINA_OK;
}

/* The convolution itself, and the reorder of the weights before it or behind it. */
static int32_t make_primitives(struct work *work)
{
  const bool of_weights = work->task->pass == LAMINA_CONV_WEIGHT_GRADIENT;
  const dnnl_primitive_desc_t about = work->about == NULL ? work->hint : work->about;
  const dnnl_memory_desc_t *best = dnnl_primitive_desc_query_md(
      about, of_weights ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
  TRY_DNNL(work, dnnl_primitive_create(&work->convolve, about));
  TRY_DNNL(work,
           dnnl_reorder_primitive_desc_create(&work->about_order, of_weights ? best : &work->ours,
                                              work->engine, of_weights ? &work->ours : best,
                                              work->engine, of_weights ? work->adding : NULL));
  TRY_DNNL(work, dnnl_primitive_create(&work->order, work->about_order));
  TRY_DNNL(work, dnnl_memory_create(&work->ordered, best, work->engine, DNNL_MEMORY_ALLOCATE));
  return LAMINA_OK;
}

/* oneDNN has one type for what it reads and what it writes. */
static void *handle(const float *data)
{
  void *out;
  memcpy(&out, &data, sizeof out);
  return out;
}

/* Memory of ours as oneDNN's; dx that is added to gets memory of its own. */
static int32_t make_memory(struct work *work)
{
  const struct lamina_conv_task *task = work->task;
  const bool of_input = task->pass == LAMINA_CONV_INPUT_GRADIENT;
  const bool of_weights = task->pass == LAMINA_CONV_WEIGHT_GRADIENT;
  const bool forward = task->pass == LAMINA_CONV_FORWARD;
  void *x = of_input ? task->dx : handle(task->x);
  void *y = forward ? task->y : handle(task->dy);
  if (of_input && work->adding != NULL) {
    x = DNNL_MEMORY_ALLOCATE;
  }
  TRY_DNNL(work, dnnl_memory_create(&work->x, &work->image, work->engine, x));
  TRY_DNNL(work, dnnl_memory_create(&work->y, &work->result, work->engine, y));
  TRY_DNNL(work, dnnl_memory_create(&work->w, &work->ours, work->engine,
                                    of_weights ? task->dw : handle(task->w)));
  if (forward && task->b != NULL) {
    TRY_DNNL(work, dnnl_memory_create(&work->b, &work->bias, work->engine, handle(task->b)));
  }
  return LAMINA_OK;
}

static int32_t reorder(const struct work *work, dnnl_memory_t from, dnnl_memory_t to)
{
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  TRY_DNNL(work, dnnl_primitive_execute(work->order, work->stream, 2, args));
  return LAMINA_OK;
}

static int32_t execute(const struct work *work)
{
  static const int names[LAMINA_CONV_PASSES][3] = {
      {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
      {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
      {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST},
  };
  const int *name = names[work->task->pass];
  const bool of_weights = work->task->pass == LAMINA_CONV_WEIGHT_GRADIENT;
  const dnnl_exec_arg_t args[] = {
      {name[0], work->x}, {name[1], work->ordered}, {name[2], work->y}, {DNNL_ARG_BIAS, work->b}};
  if (!of_weights) {
    LAMINA_TRY(reorder(work, work->w, work->ordered));
  }
  TRY_DNNL(work,
           dnnl_primitive_execute(work->convolve, work->stream, work->b == NULL ? 3 : 4, args));
  if (of_weights) {
    LAMINA_TRY(reorder(work, work->ordered, work->w));
  }
  TRY_DNNL(work, dnnl_stream_wait(work->stream));
  return LAMINA_OK;
}

/* ---- behind it ---- */

struct sum {
  float *to;
  const float *more;
};

LAMINA_CLONES
static int32_t add(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct sum *sum = arg;
  (void)lane;
  LAMINA_INDEPENDENT
  for (int64_t i = begin; i < end; i++) {
    sum->to[i] += sum->more[i];
  }
  return LAMINA_OK;
}

static int32_t finish(const struct work *work)
{
  const struct lamina_conv_task *task = work->task;
  const struct lamina_conv_shape *v = task->shape;
  const bool of_input = task->pass == LAMINA_CONV_INPUT_GRADIENT;
  const struct lamina_conv_axis *h = &v->h, *w = &v->w;
  const int64_t count = of_input ? v->images * h->in * w->in * v->c : //
                            v->images * h->out * w->out * v->k;
  if (task->pass == LAMINA_CONV_WEIGHT_GRADIENT) {
    return LAMINA_OK;
  }
  if (of_input && work->adding != NULL) {
    void *more = NULL;
    TRY_DNNL(work, dnnl_memory_get_data_handle(work->x, &more));
    struct sum sum = {task->dx, more};
    LAMINA_TRY(lamina_parallel_for(work->call, count, GRAIN, add, &sum));
  }
  return lamina_epilogue_all(work->call, task->epilogue, count);
}

static int32_t compute(struct work *work)
{
  TRY_DNNL(work, dnnl_engine_create(&work->engine, dnnl_cpu, 0));
  TRY_DNNL(work, dnnl_stream_create(&work->stream, work->engine, dnnl_stream_default_flags));
  LAMINA_TRY(describe(work));
  if ((work->task->flags & LAMINA_CONV_ADD) != 0) {
    LAMINA_TRY(make_adding(work));
  }
  LAMINA_TRY(plan(work));
  LAMINA_TRY(make_primitives(work));
  LAMINA_TRY(make_memory(work));
  return execute(work);
}

static void release(struct work *work)
{
  const dnnl_memory_t memories[] = {work->x, work->y, work->b, work->w, work->ordered};
  for (size_t i = 0; i < sizeof memories / sizeof memories[0]; i++) {
    (void)dnnl_memory_destroy(memories[i]);
  }
  (void)dnnl_primitive_destroy(work->convolve);
  (void)dnnl_primitive_destroy(work->order);
  (void)dnnl_primitive_desc_destroy(work->about_order);
  (void)dnnl_primitive_desc_destroy(work->about);
  (void)dnnl_primitive_desc_destroy(work->hint);
  (void)dnnl_primitive_attr_destroy(work->adding);
  (void)dnnl_stream_destroy(work->stream);
  (void)dnnl_engine_destroy(work->engine);
}

static int32_t run(void *self, struct lamina_call *call, const struct lamina_conv_task *task)
{
  const struct conv_onednn *conv = self;
  struct work work = {.call = call, .task = task};
  LAMINA_TRY(lamina_conv_check(call, task));
  const int before = omp_get_max_threads();
  omp_set_num_threads((int)conv->threads);
  int32_t status = compute(&work);
  omp_set_num_threads(before);
  if (status == LAMINA_OK) {
    status = finish(&work);
  }
  release(&work);
  return status;
}

/* oneDNN has memory of its own. */
static void scratch(void *self, uint32_t pass, const struct lamina_conv_shape *shape,
                    struct lamina_conv_scratch *out)
{
  (void)self, (void)pass, (void)shape;
  *out = (struct lamina_conv_scratch){0, 0};
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct conv_onednn *conv = self;
  (void)call;
  conv->interface = (struct lamina_conv){.size = sizeof conv->interface,
                                         .self = conv,
                                         .scratch = scratch,
                                         .run = run,
                                         .isa = "oneDNN"};
  return LAMINA_OK;
}

static const void *interface(void *self, const char *id)
{
  const struct conv_onednn *conv = self;
  return strcmp(id, LAMINA_CONV_ID) == 0 ? &conv->interface : NULL;
}

LAMINA_SERVICE(conv_onednn, "1.0.0", "convolutions in float32 by oneDNN", struct conv_onednn,
               LAMINA_SETTINGS(settings), .setup = setup, .interface = interface);
