/*
 * Two layers whose files both export a function of the same name, which each calls: a loader
 * that shares names between plugins makes one of them call the other's.
 */
#include <string.h>

#include "fixture.h"

__attribute__((visibility("default"))) int32_t shared_name(void);

int32_t shared_name(void)
{
  return HELPER;
}

static const void *extension(const char *id)
{
  static int32_t answer;
  answer = shared_name();
  return strcmp(id, "test.helper/1") == 0 ? &answer : NULL;
}

LAMINA_LAYER(FIXTURE, "1.0.0", "a layer with a helper of a common name", LAMINA_NOTHING,
             .infer = fixture_infer, .forward = fixture_forward, .extension = extension);
