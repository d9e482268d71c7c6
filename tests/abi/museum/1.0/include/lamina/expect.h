/*
 * What plugins expect of their inputs, with the sentences that refuse anything else.
 *
 * Nearly every infer() counts its inputs, wants float32 and compares shapes; with these, the
 * refusals read the same everywhere.
 */
#ifndef LAMINA_EXPECT_H
#define LAMINA_EXPECT_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Refuses, with a sentence, any other number of inputs. */
static inline int32_t lamina_expect_inputs(struct lamina_plan *plan, uint32_t count)
{
  uint32_t found = lamina_n_in(plan);
  if (found == count) {
    return LAMINA_OK;
  }
  return lamina_failf(plan->call, LAMINA_E_INVALID, "takes %u input%s, not %u", count,
                      count == 1 ? "" : "s", found);
}

/** lamina_in() for an input that must be float32; NULL, with a sentence, if it is not. */
static inline const struct lamina_type *lamina_in_f32(struct lamina_plan *plan, uint32_t index)
{
  const struct lamina_type *type = lamina_in(plan, index);
  if (type == NULL || lamina_type_is_f32(type)) {
    return type;
  }
  (void)lamina_failf(plan->call, LAMINA_E_SHAPE, "input %u is %s%d, and must be float32", index,
                     type->dt_code == LAMINA_DT_INT    ? "int"
                     : type->dt_code == LAMINA_DT_UINT ? "uint"
                                                       : "float",
                     type->dt_bits);
  return NULL;
}

/** Room for the text of any shape. */
enum { LAMINA_SHAPE_TEXT = 192 };

/** Writes a shape as people read it, "[64, 10]", for a sentence; returns text. */
static inline const char *lamina_shape_text(const struct lamina_type *type,
                                            char text[LAMINA_SHAPE_TEXT])
{
  size_t at = 0;
  text[at++] = '[';
  for (uint32_t i = 0; i < type->rank && i < LAMINA_MAX_RANK; i++) {
    at += (size_t)snprintf(text + at, LAMINA_SHAPE_TEXT - at, i == 0 ? "%lld" : ", %lld",
                           (long long)type->dims[i]);
  }
  text[at++] = ']';
  text[at] = '\0';
  return text;
}

/**
 * For infer(): refuses a target that has not one element for each of the prediction's: it must
 * be of the same shape, or lack a last axis of 1 ([N] for [N, 1]).
 */
static inline int32_t lamina_expect_alike(struct lamina_plan *plan,
                                          const struct lamina_type *prediction,
                                          const struct lamina_type *target)
{
  char text[LAMINA_SHAPE_TEXT], other[LAMINA_SHAPE_TEXT];
  struct lamina_type shorter = *prediction;
  if (shorter.rank > 1 && shorter.dims[shorter.rank - 1] == 1) {
    shorter.rank--;
  }
  if (lamina_shape_equal(prediction, target) || lamina_shape_equal(&shorter, target)) {
    return LAMINA_OK;
  }
  return lamina_failf(plan->call, LAMINA_E_SHAPE,
                      "the target is %s, and must be like the prediction, which is %s",
                      lamina_shape_text(target, text), lamina_shape_text(prediction, other));
}

/**
 * For infer(): refuses a target that has not as many samples as the prediction and as many elements
 * in each; the shapes may differ otherwise, as an image's and a row's do.
 */
static inline int32_t lamina_expect_as_many(struct lamina_plan *plan,
                                            const struct lamina_type *prediction,
                                            const struct lamina_type *target)
{
  char text[LAMINA_SHAPE_TEXT], other[LAMINA_SHAPE_TEXT];
  int has_batch = prediction->rank > 0 && target->rank > 0;
  if (has_batch && prediction->dims[0] == target->dims[0] &&
      lamina_type_product(prediction, 1, prediction->rank) ==
          lamina_type_product(target, 1, target->rank)) {
    return LAMINA_OK;
  }
  return lamina_failf(plan->call, LAMINA_E_SHAPE,
                      "the target is %s, and must have as many elements for each sample as the "
                      "prediction, which is %s",
                      lamina_shape_text(target, text), lamina_shape_text(prediction, other));
}

/** For infer(): refuses an input that is not float32 of the shape of input 0. */
static inline int32_t lamina_expect_like_first(struct lamina_plan *plan, uint32_t index)
{
  const struct lamina_type *first = lamina_in(plan, 0);
  const struct lamina_type *type = lamina_in_f32(plan, index);
  char text[LAMINA_SHAPE_TEXT], other[LAMINA_SHAPE_TEXT];
  if (first == NULL || type == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (lamina_shape_equal(first, type)) {
    return LAMINA_OK;
  }
  return lamina_failf(plan->call, LAMINA_E_SHAPE,
                      "input %u is %s, and must be like input 0, which is %s", index,
                      lamina_shape_text(type, text), lamina_shape_text(first, other));
}

/** Refuses a request for the gradient of an input that has none here. [backward] */
static inline int32_t lamina_expect_no_gradient(struct lamina_call *call, uint32_t index)
{
  uint32_t request = LAMINA_SKIP;
  (void)lamina_grad(call, LAMINA_IN, index, &request);
  return request == LAMINA_SKIP
             ? LAMINA_OK
             : lamina_failf(call, LAMINA_E_UNSUPPORTED, "there is no gradient of input %u", index);
}

#ifdef __cplusplus
}
#endif
#endif
