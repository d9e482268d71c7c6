/*
 * A test-only initializer whose numbers depend on how many weights were filled before.
 */
#include <lamina/initializer.h>

static int32_t fill(void *self, struct lamina_call *call, const struct lamina_init *init)
{
  static float filled;
  (void)self, (void)call;
  filled += 1.0f;
  for (int64_t i = 0; i < init->n; i++) {
    init->weight[i] = filled;
  }
  return LAMINA_OK;
}

LAMINA_INITIALIZER(counting, "1.0.0", "counts weights", LAMINA_NOTHING, .fill = fill);
