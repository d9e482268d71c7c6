/* One value in every element: biases, and the scales of normalizations. */
#include <lamina/initializer.h>

struct constant {
  double value;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct constant, value, "0", "[-3.4e38, 3.4e38]", "value of every element"),
};

static int32_t fill(void *self, struct lamina_call *call, const struct lamina_init *init)
{
  const struct constant *constant = self;
  (void)call;
  for (int64_t i = 0; i < init->n; i++) {
    init->weight[i] = (float)constant->value;
  }
  return LAMINA_OK;
}

LAMINA_INITIALIZER(constant, "1.0.0", "one value in every element", struct constant,
                   LAMINA_SETTINGS(settings), .fill = fill);
