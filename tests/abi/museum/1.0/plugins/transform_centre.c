/* Subtracts the mean over the training data, and in training adds a sign drawn per record. */
#include <lamina/transform.h>

struct centre {
  double jitter;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct centre, jitter, "1/8", "[0, 1]", "size of what is added in training"),
};

enum { SUM = 0, ROWS = 1, JITTER = 3 };

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const int64_t one = 1;
  struct lamina_type number = lamina_type_make(LAMINA_DT_FLOAT, 64, 1, &one);
  (void)self;
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  LAMINA_TRY(lamina_state(plan, SUM, "sum", &number, 0.0));
  LAMINA_TRY(lamina_state(plan, ROWS, "rows", &number, 0.0));
  LAMINA_TRY(lamina_random(plan, JITTER));
  return lamina_may_share(plan, LAMINA_FORWARD, 0, 0);
}

static int32_t fit(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *sum = lamina_get(call, LAMINA_STATE, SUM);
  const struct lamina_view *rows = lamina_get(call, LAMINA_STATE, ROWS);
  (void)self;
  if (x == NULL || sum == NULL || rows == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < lamina_type_count(&x->type); i++) {
    *(double *)sum->data += (double)((const float *)x->data)[i];
    *(double *)rows->data += 1.0;
  }
  return LAMINA_OK;
}

static int32_t fit_end(void *self, struct lamina_call *call)
{
  const struct lamina_view *sum = lamina_get(call, LAMINA_STATE, SUM);
  const struct lamina_view *rows = lamina_get(call, LAMINA_STATE, ROWS);
  (void)self;
  if (sum == NULL || rows == NULL) {
    return LAMINA_E_PLUGIN;
  }
  *(double *)sum->data /= *(double *)rows->data;
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  const struct centre *centre = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *mean = lamina_get(call, LAMINA_STATE, SUM);
  const struct lamina_view *records = lamina_get(call, LAMINA_RECORDS, 0);
  if (x == NULL || y == NULL || mean == NULL || records == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t columns = lamina_type_product(&x->type, 1, x->type.rank);
  for (int64_t i = 0; i < lamina_type_count(&x->type); i++) {
    float jitter = 0.0f;
    if ((lamina_mode(call) & LAMINA_MODE_TRAIN) != 0) {
      uint32_t word;
      uint64_t record = (uint64_t)((const int64_t *)records->data)[i / columns];
      LAMINA_TRY(lamina_random_u32(call, JITTER, record, 1, &word));
      jitter = (float)((word & 1) != 0 ? centre->jitter : -centre->jitter);
    }
    ((float *)y->data)[i] =
        (float)((double)((const float *)x->data)[i] - *(const double *)mean->data) + jitter;
  }
  return LAMINA_OK;
}

LAMINA_TRANSFORM(centre, "1.0.0", "takes the mean off", struct centre, LAMINA_SETTINGS(settings),
                 .infer = infer, .fit = fit, .fit_end = fit_end, .apply = apply);
