/*
 * A layer y = x that misbehaves while it runs: its setting says how.
 */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/layer.h>

struct faulty {
  int32_t how;
  int32_t reserved;
};

static const struct lamina_setting settings[] = {
    LAMINA_CHOICE(struct faulty, how, "crash", "crash|exit|abort|hang|fail|odd|nan",
                  "what it does"),
};
enum { CRASH, EXIT, ABORT, HANG, FAIL, ODD, NOT_A_NUMBER };

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct faulty *faulty = self;
  while (faulty->how == HANG) {
    (void)raise(SIGCONT);
  }
  return lamina_out_like(plan, 0, lamina_in(plan, 0));
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct faulty *faulty = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  memcpy(y->data, x->data, (size_t)lamina_type_count(&x->type) * sizeof(float));
  switch (faulty->how) {
    case CRASH:
      return (int32_t)raise(SIGSEGV);
    case EXIT:
      exit(0);
    case ABORT:
      abort();
    case FAIL:
      return lamina_fail(call, LAMINA_E_UNSUPPORTED, "it does not feel like it");
    case NOT_A_NUMBER:
      *(float *)y->data = NAN;
      return LAMINA_OK;
    default:
      return 12345; /* no status */
  }
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  (void)self;
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (dx == NULL || dy == NULL || request == LAMINA_ADD) {
    return LAMINA_E_PLUGIN;
  }
  memcpy(dx->data, dy->data, (size_t)lamina_type_count(&dy->type) * sizeof(float));
  return LAMINA_OK;
}

LAMINA_LAYER(faulty, "1.0.0", "a layer that misbehaves while it runs", struct faulty,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
