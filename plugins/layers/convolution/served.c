/*
 * Convolutions that the service "lamina.conv/1" computes, in place of the code of this folder:
 * when the experiment chose a plugin for it, and the borders are zeros.
 */
#include "convolution.h"

static struct lamina_conv_axis axis_of(const struct lm_window *w)
{
  return (struct lamina_conv_axis){.in = w->in,
                                   .out = w->out,
                                   .kernel = w->kernel,
                                   .stride = w->stride,
                                   .dilation = w->dilation,
                                   .before = w->before,
                                   .after = w->after};
}

static struct lamina_conv_shape shape_of(const struct lm_convolution *v)
{
  return (struct lamina_conv_shape){.size = (uint32_t)sizeof(struct lamina_conv_shape),
                                    .images = v->images,
                                    .c = v->c,
                                    .k = v->k,
                                    .groups = v->groups,
                                    .h = axis_of(&v->h),
                                    .w = axis_of(&v->w)};
}

void lm_served_scratch(const struct lm_convolution *v, uint32_t pass,
                       struct lm_convolution_scratch *out)
{
  const struct lamina_conv_shape shape = shape_of(v);
  struct lamina_conv_scratch need = {0, 0};
  v->conv->scratch(v->conv->self, pass, &shape, &need);
  *out = (struct lm_convolution_scratch){need.shared, need.per_lane};
}

int32_t lm_served_run(const struct lm_convolution *v, struct lamina_call *call, uint32_t pass,
                      const struct lm_convolution_task *task)
{
  const struct lamina_conv_shape shape = shape_of(v);
  const struct lamina_conv_task served = {.size = (uint32_t)sizeof served,
                                          .flags =
                                              task->request == LAMINA_ADD ? LAMINA_CONV_ADD : 0,
                                          .pass = pass,
                                          .shape = &shape,
                                          .x = task->x,
                                          .w = task->w,
                                          .b = task->b,
                                          .dy = task->dy,
                                          .y = task->y,
                                          .dx = task->dx,
                                          .dw = task->dw,
                                          .shared_offset = task->shared_offset,
                                          .epilogue = task->epilogue};
  return v->conv->run(v->conv->self, call, &served);
}
