/* The functions of max_pool1d and max_pool2d; setup sets the number of axes. */
#ifndef LM_POOLING_MAX_H
#define LM_POOLING_MAX_H

#include "pooling.h"

int32_t lm_max_pool_infer(void *instance, struct lamina_plan *plan);
int32_t lm_max_pool_forward(void *instance, struct lamina_call *call);
int32_t lm_max_pool_backward(void *instance, struct lamina_call *call);

#endif
