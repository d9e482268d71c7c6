/*
 * A test-only service that asks for itself while it is made, which never ends unless the host
 * notices.
 */
#include <lamina/service.h>

static int32_t setup(void *self, struct lamina_call *call)
{
  (void)self;
  return lamina_service(call, "lamina.mirror/1") == NULL ? LAMINA_E_MISSING : LAMINA_OK;
}

static const void *interface(void *self, const char *id)
{
  (void)id;
  return self;
}

LAMINA_SERVICE(mirror, "1.0.0", "a service that needs itself", LAMINA_NOTHING, .setup = setup,
               .interface = interface);
