/*
 * Tensors as they cross the plugin boundary: a type (element, shape, layout) and a view of
 * memory that the host owns.
 *
 * Both structs are frozen: they never grow, in any version. All sizes are counts of elements.
 * Memory behind a view is aligned to LAMINA_ALIGNMENT bytes. In LAMINA_LAYOUT_DENSE, the only
 * layout that a plugin sees unless it asks for another by an extension, elements lie row-major
 * without gaps and strides is NULL.
 *
 * Dimension letters, the same everywhere: N batch, C channel, H height, W width, T time,
 * D feature, K class.
 */
#ifndef LAMINA_TENSOR_H
#define LAMINA_TENSOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LAMINA_ALIGNMENT = 64, LAMINA_MAX_RANK = 8 };

/** Element kinds, numbered as in DLPack; with dt_bits they name an element type. */
enum { LAMINA_DT_INT = 0, LAMINA_DT_UINT = 1, LAMINA_DT_FLOAT = 2 };

enum { LAMINA_LAYOUT_DENSE = 0 };
enum { LAMINA_DEVICE_CPU = 0 };

/** The type of a tensor. Frozen. dims is borrowed and holds rank values, each >= 0. */
struct lamina_type {
  const int64_t *dims;
  uint32_t rank;     /* 0 (one element) to LAMINA_MAX_RANK */
  uint32_t layout;   /* LAMINA_LAYOUT_* */
  uint8_t dt_code;   /* LAMINA_DT_* */
  uint8_t dt_bits;   /* 8, 16, 32 or 64 */
  uint16_t dt_lanes; /* 1 */
  uint32_t device;   /* LAMINA_DEVICE_* */
};

/** A tensor's memory, borrowed for the length of one call. Frozen. */
struct lamina_view {
  void *data;             /* may be NULL when the tensor has no elements */
  const int64_t *strides; /* NULL: dense row-major */
  struct lamina_type type;
};

/** The type with the given element and shape; dims is borrowed, not copied. */
static inline struct lamina_type lamina_type_make(uint8_t code, uint8_t bits, uint32_t rank,
                                                  const int64_t *dims)
{
  struct lamina_type type;
  type.dims = dims;
  type.rank = rank;
  type.layout = LAMINA_LAYOUT_DENSE;
  type.dt_code = code;
  type.dt_bits = bits;
  type.dt_lanes = 1;
  type.device = LAMINA_DEVICE_CPU;
  return type;
}

static inline struct lamina_type lamina_type_f32(uint32_t rank, const int64_t *dims)
{
  return lamina_type_make(LAMINA_DT_FLOAT, 32, rank, dims);
}

static inline struct lamina_type lamina_type_i32(uint32_t rank, const int64_t *dims)
{
  return lamina_type_make(LAMINA_DT_INT, 32, rank, dims);
}

static inline int lamina_type_is(const struct lamina_type *type, uint8_t code, uint8_t bits)
{
  return type->dt_code == code && type->dt_bits == bits && type->dt_lanes == 1;
}

static inline int lamina_type_is_f32(const struct lamina_type *type)
{
  return lamina_type_is(type, LAMINA_DT_FLOAT, 32);
}

static inline int lamina_type_is_i32(const struct lamina_type *type)
{
  return lamina_type_is(type, LAMINA_DT_INT, 32);
}

/** Whether two shapes are equal, whatever their element types. */
static inline int lamina_shape_equal(const struct lamina_type *a, const struct lamina_type *b)
{
  if (a->rank != b->rank) {
    return 0;
  }
  for (uint32_t i = 0; i < a->rank; i++) {
    if (a->dims[i] != b->dims[i]) {
      return 0;
    }
  }
  return 1;
}

/**
 * Product of the dimensions from first (included) to end (excluded). The host refuses types
 * whose whole product overflows before any plugin sees them.
 */
static inline int64_t lamina_type_product(const struct lamina_type *type, uint32_t first,
                                          uint32_t end)
{
  int64_t product = 1;
  for (uint32_t i = first; i < end && i < type->rank; i++) {
    product *= type->dims[i];
  }
  return product;
}

/** Number of elements. */
static inline int64_t lamina_type_count(const struct lamina_type *type)
{
  return lamina_type_product(type, 0, type->rank);
}

/** Number of rows when all dimensions but the last are folded into one; 1 for rank 0. */
static inline int64_t lamina_type_rows(const struct lamina_type *type)
{
  return type->rank == 0 ? 1 : lamina_type_product(type, 0, type->rank - 1);
}

/** The last dimension; 1 for rank 0. */
static inline int64_t lamina_type_columns(const struct lamina_type *type)
{
  return type->rank == 0 ? 1 : type->dims[type->rank - 1];
}

#ifdef __cplusplus
}
#endif
#endif
