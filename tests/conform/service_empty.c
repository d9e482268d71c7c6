/*
 * A test-only service that offers an interface of whatever id it is asked for.
 */
#include <stddef.h>

#include <lamina/service.h>

static const void *interface(void *self, const char *id)
{
  static const uint64_t size_and_more[] = {16, 0};
  (void)self, (void)id;
  return size_and_more;
}

LAMINA_SERVICE(empty, "1.0.0", "offers everything", LAMINA_NOTHING, .interface = interface);
