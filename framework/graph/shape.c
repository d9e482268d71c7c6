/*
 * Shapes: the one place where declared sizes are multiplied, so that everything behind it can
 * rely on products that fit.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "graph/graph.h"

/* Half of the address space is left for sums of sizes. */
static const int64_t LARGEST_BYTES = INT64_C(1) << 46;

static enum lamina_status check_element(const struct lamina_type *type, struct lm_error *error)
{
  bool sized =
      type->dt_bits == 8 || type->dt_bits == 16 || type->dt_bits == 32 || type->dt_bits == 64;
  if (type->dt_code > LAMINA_DT_FLOAT || !sized || type->dt_lanes != 1) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "element type of code %d with %d bits and %d lanes is not known", type->dt_code,
                   type->dt_bits, type->dt_lanes);
  }
  if (type->layout != LAMINA_LAYOUT_DENSE || type->device != LAMINA_DEVICE_CPU) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "layout %u on device %u is not known, only dense tensors of the CPU are",
                   type->layout, type->device);
  }
  return LAMINA_OK;
}

enum lamina_status lm_shape_copy(struct lm_shape *shape, const struct lamina_type *type,
                                 struct lm_error *error)
{
  LM_TRY(check_element(type, error));
  if (type->rank > LAMINA_MAX_RANK || (type->rank > 0 && type->dims == NULL)) {
    return lm_fail(error, LAMINA_E_SHAPE, "%u dimensions were given, at most %d are possible",
                   type->rank, LAMINA_MAX_RANK);
  }
  int64_t bytes = type->dt_bits / 8;
  char text[160];
  bool empty = false;
  for (uint32_t i = 0; i < type->rank; i++) {
    if (type->dims[i] < 0) {
      return lm_fail(error, LAMINA_E_SHAPE, "shape %s has a negative dimension",
                     lm_shape_format(type, -1, text, sizeof text));
    }
    empty = empty || type->dims[i] == 0;
  }
  for (uint32_t i = 0; i < type->rank && !empty; i++) {
    if (!lm_mul_i64(bytes, type->dims[i], &bytes) || bytes > LARGEST_BYTES) {
      return lm_fail(error, LAMINA_E_SHAPE, "shape %s is too large",
                     lm_shape_format(type, -1, text, sizeof text));
    }
  }
  int64_t dims[LAMINA_MAX_RANK] = {0};
  if (type->rank > 0) {
    memcpy(dims, type->dims, type->rank * sizeof dims[0]);
  }
  shape->type = *type;
  memcpy(shape->dims, dims, sizeof dims);
  shape->type.dims = shape->dims;
  return LAMINA_OK;
}

enum lamina_status lm_shape_batched(struct lm_shape *shape, int64_t batch,
                                    const struct lm_shape *record, struct lm_error *error)
{
  int64_t dims[LAMINA_MAX_RANK] = {batch};
  if (record->type.rank >= LAMINA_MAX_RANK) {
    return lm_fail(error, LAMINA_E_SHAPE, "records of %u dimensions leave no room for the batch",
                   record->type.rank);
  }
  memcpy(dims + 1, record->dims, record->type.rank * sizeof dims[0]);
  struct lamina_type type = record->type;
  type.rank++;
  type.dims = dims;
  return lm_shape_copy(shape, &type, error);
}

size_t lm_shape_bytes(const struct lm_shape *shape)
{
  struct lamina_type type = shape->type;
  type.dims = shape->dims;
  return (size_t)lamina_type_count(&type) * (type.dt_bits / 8u);
}

bool lm_shape_equal(const struct lm_shape *a, const struct lm_shape *b)
{
  return a->type.dt_code == b->type.dt_code && a->type.dt_bits == b->type.dt_bits &&
         lamina_shape_equal(&a->type, &b->type) != 0;
}

const char *lm_shape_format(const struct lamina_type *type, int64_t batch, char *out, size_t size)
{
  static const char *const codes[] = {"int", "uint", "float"};
  size_t used = (size_t)snprintf(out, size, "[");
  for (uint32_t i = 0; i < type->rank && used < size; i++) {
    const char *comma = i == 0 ? "" : ", ";
    int wrote = i == 0 && batch >= 0 && type->dims[0] == batch
                    ? snprintf(out + used, size - used, "N")
                    : snprintf(out + used, size - used, "%s%lld", comma, (long long)type->dims[i]);
    used += wrote < 0 ? 0 : (size_t)wrote;
  }
  if (used < size) {
    const char *code = type->dt_code <= LAMINA_DT_FLOAT ? codes[type->dt_code] : "type";
    (void)snprintf(out + used, size - used, "] %s%d", code, type->dt_bits);
  }
  return out;
}

void lm_view_fill(const struct lamina_view *view, double value)
{
  int64_t count = lamina_type_count(&view->type);
  for (int64_t i = 0; i < count; i++) {
    if (lamina_type_is(&view->type, LAMINA_DT_FLOAT, 64)) {
      ((double *)view->data)[i] = value;
    } else if (lamina_type_is_f32(&view->type)) {
      ((float *)view->data)[i] = (float)value;
    }
  }
}
