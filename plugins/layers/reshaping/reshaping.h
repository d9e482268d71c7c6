/*
 * Layers whose output has the elements of the input in their order: y = x, dx = dy. Rows are stored
 * without gaps, so it is a copy of memory, and none at all where the host lets both tensors share
 * it.
 */
#ifndef LM_RESHAPING_RESHAPING_H
#define LM_RESHAPING_RESHAPING_H

#include <lamina/expect.h>
#include <lamina/layer.h>

/** infer(): y is the output, with as many elements as the input. */
int32_t lm_reshaping_declare(struct lamina_plan *plan, const struct lamina_type *y);

int32_t lm_reshaping_forward(void *self, struct lamina_call *call);
int32_t lm_reshaping_backward(void *self, struct lamina_call *call);

#endif
