/* Loops over pixels with the channels innermost. */
#include "bias.h"

#include <lamina/math.h>

LAMINA_CLONES
static void add_bias(const struct lm_bias_finish *finish, int64_t first, int64_t count)
{
  const float *bias = finish->bias;
  int64_t k = finish->k, end = first + count;
  for (int64_t at = first; at < end;) {
    int64_t from = at % k, n = k - from < end - at ? k - from : end - at;
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
      finish->y[at + i] += bias[from + i];
    }
    at += n;
  }
}

static int32_t finish_piece(void *self, int64_t first, int64_t count)
{
  const struct lm_bias_finish *finish = self;
  add_bias(finish, first, count);
  return lamina_epilogue_apply(finish->next, first, count);
}

const struct lamina_epilogue *lm_bias_finish(struct lm_bias_finish *finish, const float *bias,
                                             const struct lamina_view *y,
                                             const struct lamina_epilogue *next)
{
  *finish = (struct lm_bias_finish){
      .next = next, .bias = bias, .y = y->data, .k = lamina_type_columns(&y->type)};
  finish->epilogue = (struct lamina_epilogue){
      .size = (uint32_t)sizeof finish->epilogue, .self = finish, .apply = finish_piece};
  return &finish->epilogue;
}
