/*
 * A test-only layer: y = x, which helps itself to what the host should give: memory or threads.
 * It does so in each forward, and gives it back at once.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <lamina/expect.h>
#include <lamina/layer.h>

enum takes { TAKES_NOTHING = 0, TAKES_HEAP, TAKES_PAGES, TAKES_THREAD };

struct greedy {
  int32_t takes;
};

static const struct lamina_setting settings[] = {
    LAMINA_CHOICE(struct greedy, takes, "nothing", "nothing|heap|pages|thread", "what it takes"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_out_like(plan, 0, lamina_in_f32(plan, 0));
}

static void *rest(void *arg)
{
  return arg;
}

static bool take(int32_t takes)
{
  enum { BYTES = 4096 };
  void *volatile memory; /* or the compiler would see through it */
  pthread_t thread;
  switch (takes) {
    case TAKES_HEAP:
      memory = malloc(BYTES);
      free(memory);
      return true;
    case TAKES_PAGES:
      memory = mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      return memory != MAP_FAILED && munmap(memory, BYTES) == 0;
    case TAKES_THREAD:
      return pthread_create(&thread, NULL, rest, NULL) == 0 && pthread_join(thread, NULL) == 0;
    default:
      return true;
  }
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct greedy *greedy = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL || !take(greedy->takes)) {
    return LAMINA_E_PLUGIN;
  }
  memcpy(y->data, x->data, (size_t)lamina_type_count(&x->type) * sizeof(float));
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  (void)self;
  if (request == LAMINA_WRITE && dx != NULL && dy != NULL) {
    memcpy(dx->data, dy->data, (size_t)lamina_type_count(&dx->type) * sizeof(float));
  }
  return LAMINA_OK;
}

LAMINA_LAYER(greedy, "1.0.0", "takes memory or threads that the host did not give", struct greedy,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
