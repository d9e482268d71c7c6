/* Multiples of 1/8 from random bits. */
#include <lamina/initializer.h>

struct bits {
  int64_t range;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct bits, range, "8", "[1, 1024]", "values are below range / 8"),
};

static int32_t fill(void *self, struct lamina_call *call, const struct lamina_init *init)
{
  const struct bits *bits = self;
  for (int64_t i = 0; i < init->n; i++) {
    uint32_t word;
    LAMINA_TRY(lamina_random_u32(call, 0, (uint64_t)i, 1, &word));
    init->weight[i] =
        (float)(word % (uint32_t)(2 * bits->range)) / 8.0f - (float)bits->range / 8.0f;
  }
  return LAMINA_OK;
}

LAMINA_INITIALIZER(bits, "1.0.0", "multiples of 1/8", struct bits, LAMINA_SETTINGS(settings),
                   .fill = fill);
