/*
 * The service "lamina.conv/1": convolutions of images in float32, with their gradients.
 *
 *   y[n, o, k] = b[k] + the sum over i and c of x[n, o stride - before + i dilation, c] W[i, c, k]
 *
 * o and i are positions on both axes; what lies outside of the image is 0. Channels are last:
 * x [N, H, W, C], y [N, OH, OW, K], W [KH, KW, C / groups, K], b [K]; the groups cut c and k into
 * as many parts that do not see each other. All tensors are dense, and none overlaps another.
 *
 * Nothing stands for this service unless an experiment says so, services: {conv: conv_onednn}:
 * the layers have convolutions of their own, and ask by lamina_chosen_service() (service.h).
 */
#ifndef LAMINA_CONV_H
#define LAMINA_CONV_H

#include <stddef.h>

#include <lamina/epilogue.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAMINA_CONV_ID "lamina.conv/1"

/** Flags of a task. */
enum {
  LAMINA_CONV_ADD = 1 /* add to y, dx or dw instead of overwriting it */
};

/** What a task computes. */
enum {
  LAMINA_CONV_FORWARD = 0,         /* y from x, w, b */
  LAMINA_CONV_INPUT_GRADIENT = 1,  /* dx from dy, w */
  LAMINA_CONV_WEIGHT_GRADIENT = 2, /* dw from x, dy */
  LAMINA_CONV_PASSES = 3
};

/** One axis. out = floor((in + before + after - (kernel - 1) dilation - 1) / stride) + 1 */
struct lamina_conv_axis {
  int64_t in, out;
  int64_t kernel, stride, dilation;
  int64_t before, after; /* zeros around the image */
};

/** A convolution over a batch; every size is at least 1. Grows at the end. */
struct lamina_conv_shape {
  uint32_t size, reserved;
  int64_t images, c, k, groups;
  struct lamina_conv_axis h, w;
};

/** One pass. Tensors that it does not name are not looked at. Grows at the end. */
struct lamina_conv_task {
  uint32_t size, flags;
  uint32_t pass, reserved;
  const struct lamina_conv_shape *shape;
  const float *x, *w, *b; /* b may be NULL */
  const float *dy;
  float *y, *dx, *dw;
  /* Where the service finds its part of the calling layer's scratch; multiples of 64. */
  uint64_t shared_offset, lane_offset;
  /* Applied to each run of elements of y, or of dx, once it is final; NULL for none. */
  const struct lamina_epilogue *epilogue;
};

/** Bytes of scratch that run() needs: add them to the layer's own in infer(). */
struct lamina_conv_scratch {
  uint64_t shared, per_lane;
};

/** The interface. Append-only. */
struct lamina_conv {
  uint32_t size, reserved;
  void *self;

  /** What a pass over a batch of up to shape->images needs, at most; pure. */
  void (*scratch)(void *self, uint32_t pass, const struct lamina_conv_shape *shape,
                  struct lamina_conv_scratch *out);

  /**
   * Computes. Uses lamina_parallel_for() and lamina_scratch() of the call, which must not be
   * inside the body of a parallel loop.
   */
  int32_t (*run)(void *self, struct lamina_call *call, const struct lamina_conv_task *task);

  const char *isa; /* what computes, for people; may be NULL */
};

static inline int32_t lamina_conv_axis_fits_(const struct lamina_conv_axis *axis)
{
  if (axis->in < 1 || axis->out < 1 || axis->kernel < 1 || axis->stride < 1 || axis->dilation < 1 ||
      axis->before < 0 || axis->after < 0) {
    return 0;
  }
  const int64_t room = axis->in + axis->before + axis->after - (axis->kernel - 1) * axis->dilation;
  return room >= 1 && (room - 1) / axis->stride + 1 == axis->out;
}

/** For services: refuses, with a sentence, a task of another version, or sizes that do not fit. */
static inline int32_t lamina_conv_check(struct lamina_call *call,
                                        const struct lamina_conv_task *task)
{
  if (task->size < sizeof *task || task->shape->size < sizeof *task->shape) {
    return lamina_failf(call, LAMINA_E_PLUGIN,
                        "a convolution of %lu bytes, its shape of %lu, expected at least %lu, %lu",
                        (unsigned long)task->size, (unsigned long)task->shape->size,
                        (unsigned long)sizeof *task, (unsigned long)sizeof *task->shape);
  }
  const struct lamina_conv_shape *v = task->shape;
  if (task->pass >= LAMINA_CONV_PASSES || v->images < 1 || v->c < 1 || v->k < 1 || v->groups < 1 ||
      v->c % v->groups != 0 || v->k % v->groups != 0 || !lamina_conv_axis_fits_(&v->h) ||
      !lamina_conv_axis_fits_(&v->w)) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "pass %lu of a convolution of [%lld, %lld, %lld, %lld] into [%lld, %lld, "
                        "%lld, %lld] in %lld groups",
                        (unsigned long)task->pass, (long long)v->images, (long long)v->h.in,
                        (long long)v->w.in, (long long)v->c, (long long)v->images,
                        (long long)v->h.out, (long long)v->w.out, (long long)v->k,
                        (long long)v->groups);
  }
  return LAMINA_OK;
}

#ifdef __cplusplus
}
#endif
#endif
