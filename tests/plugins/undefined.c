/*
 * Layers that refer to a function or a variable that nobody defines: they link, because
 * nothing forbids it here, and must not load.
 */
#include "fixture.h"

#ifdef UNDEFINED_VARIABLE
extern int32_t lamina_test_no_such_variable;

static int32_t forward(void *self, struct lamina_call *call)
{
  return fixture_forward(self, call) + lamina_test_no_such_variable;
}
#else
int32_t lamina_test_no_such_function(void);

static int32_t forward(void *self, struct lamina_call *call)
{
  return fixture_forward(self, call) + lamina_test_no_such_function();
}
#endif

LAMINA_LAYER(FIXTURE, "1.0.0", "a layer that needs what does not exist", LAMINA_NOTHING,
             .infer = fixture_infer, .forward = forward);
