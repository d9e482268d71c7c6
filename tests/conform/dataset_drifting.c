/*
 * A test-only data set of ten records that changes a little whenever it is read.
 */
#include <lamina/dataset.h>

struct drifting {
  double read;
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const int64_t dims[1] = {2};
  const struct lamina_type record = lamina_type_f32(1, dims);
  (void)self;
  return lamina_field(plan, 0, "input", &record, 0, 0);
}

static int32_t open_data(void *self, struct lamina_call *call)
{
  (void)self, (void)call;
  return LAMINA_OK;
}

static int64_t count(const void *self)
{
  (void)self;
  return 10;
}

static int32_t read_data(void *instance, struct lamina_call *call, const int64_t *index, int64_t n)
{
  struct drifting *self = instance;
  const struct lamina_view *out = lamina_get(call, LAMINA_OUT, 0);
  if (out == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < 2 * n; i++) {
    ((float *)out->data)[i] = (float)((double)index[i / 2] + self->read);
  }
  self->read += 0.01;
  return LAMINA_OK;
}

LAMINA_DATASET(drifting, "1.0.0", "ten records that drift", struct drifting, LAMINA_NO_SETTINGS,
               .infer = infer, .open = open_data, .count = count, .read = read_data);
