/* Multiplies by a power of two, which it keeps in memory of the host. */
#include <string.h>

#include <lamina/service.h>

#include "museum.h"

struct scale {
  double by;
  struct museum_scale *table;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct scale, by, "1/2", "(0, inf)", "factor"),
};

static float scale(void *self, float x)
{
  return (float)((struct scale *)self)->by * x;
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct scale *instance = self;
  instance->table = lamina_memory(call, sizeof *instance->table);
  if (instance->table == NULL) {
    return LAMINA_E_NOMEM;
  }
  *instance->table = (struct museum_scale){sizeof *instance->table, 0, self, scale};
  return LAMINA_OK;
}

static const void *interface(void *self, const char *id)
{
  return strcmp(id, MUSEUM_SCALE_ID) == 0 ? ((struct scale *)self)->table : NULL;
}

LAMINA_SERVICE(scale, "1.0.0", "multiplies", struct scale, LAMINA_SETTINGS(settings),
               .setup = setup, .interface = interface);
