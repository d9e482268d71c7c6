/* The share of predictions that are within a distance of the target. */
#include <lamina/loss.h>
#include <lamina/metric.h>

struct close {
  double within;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct close, within, "2", "[0, inf)", "distance"),
};

enum { HITS = 0, SEEN = 1, PARTS = 2 };

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_accumulators(plan, PARTS);
}

static int32_t update(void *self, struct lamina_call *call, double *part)
{
  const struct close *close = self;
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, 1);
  if (p == NULL || t == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < lamina_type_count(&p->type); i++) {
    double d = (double)((const float *)p->data)[i] - (double)((const float *)t->data)[i];
    part[HITS] += d <= close->within && d >= -close->within ? 1.0 : 0.0;
    part[SEEN] += 1.0;
  }
  return LAMINA_OK;
}

static void merge(const void *self, double *part, const double *other)
{
  (void)self;
  part[HITS] += other[HITS];
  part[SEEN] += other[SEEN];
}

static double value(const void *self, const double *part)
{
  (void)self;
  return part[HITS] / part[SEEN];
}

static int32_t direction(const void *self)
{
  (void)self;
  return 1;
}

LAMINA_METRIC(close, "1.0.0", "share of close predictions", struct close, LAMINA_SETTINGS(settings),
              .infer = infer, .update = update, .merge = merge, .value = value,
              .direction = direction);
