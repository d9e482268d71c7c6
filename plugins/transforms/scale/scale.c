/*
 * y = x * by + offset, for each element: pixels from [0, 255] to [0, 1] with by: 1/255.
 *
 * shape: any, kept.
 */
#include <lamina/math.h>
#include <lamina/transform.h>

struct scale {
  double by, offset;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct scale, by, "1", "[-1e30, 1e30]", "factor on each element, such as 1/255"),
    LAMINA_F64(struct scale, offset, "0", "[-1e30, 1e30]", "added after the factor"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  return lamina_may_share(plan, LAMINA_FORWARD, 0, 0);
}

/* x and y may be the same memory. */
LAMINA_CLONES
static void scale_range(float *y, const float *x, int64_t n, float by, float offset)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    y[i] = x[i] * by + offset;
  }
}

static int32_t apply(void *self, struct lamina_call *call)
{
  const struct scale *scale = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  scale_range(y->data, x->data, lamina_type_count(&x->type), (float)scale->by,
              (float)scale->offset);
  return LAMINA_OK;
}

LAMINA_TRANSFORM(scale, "1.0.0", "each element times a factor, plus an offset", struct scale,
                 LAMINA_SETTINGS(settings), .infer = infer, .apply = apply);
