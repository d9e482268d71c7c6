/*
 * What the plugins that only test the loader have in common: a layer that does nothing. FIXTURE
 * is the layer's name, given by the build.
 */
#ifndef TESTS_PLUGINS_FIXTURE_H
#define TESTS_PLUGINS_FIXTURE_H

#include <lamina/layer.h>

static inline int32_t fixture_infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_out_like(plan, 0, lamina_in(plan, 0));
}

static inline int32_t fixture_forward(void *self, struct lamina_call *call)
{
  (void)self;
  (void)call;
  return LAMINA_OK;
}

#endif
