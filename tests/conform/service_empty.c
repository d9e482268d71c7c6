/*
 * A test-only service that offers nothing.
 */
#include <stddef.h>

#include <lamina/service.h>

static const void *interface(void *self, const char *id)
{
  (void)self, (void)id;
  return NULL;
}

LAMINA_SERVICE(empty, "1.0.0", "offers nothing", LAMINA_NOTHING, .interface = interface);
