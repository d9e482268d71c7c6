/*
 * A test-only layer: y = x, which counts its calls and goes wrong when it is told to.
 */
#include "probe.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <lamina/epilogue.h>
#include <lamina/expect.h>

static const struct lamina_setting settings[] = {
    LAMINA_CHOICE(struct probe, fault, "none",
                  "none|error|lie|silent|unknown|undeclared|nan|memory|random|service|keeps|"
                  "beyond|grows",
                  "what goes wrong"),
    LAMINA_I64(struct probe, at, "1", "[1, inf)", "forward in which it goes wrong"),
    LAMINA_BOOL(struct probe, pieces, "false", "hand the output over in pieces"),
    LAMINA_BOOL(struct probe, state, "false", "count the forwards in training in a state"),
};

enum { LANE_BYTES = 100, PIECE = 3 };

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct probe *probe = self;
  if (probe->fault == PROBE_SERVICE && lamina_service(call, "lamina.nothing/1") == NULL) {
    return LAMINA_E_MISSING;
  }
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct probe *probe = self;
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  const int64_t one = 1;
  struct lamina_type scalar = lamina_type_f32(1, &one);
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  if (probe->state) {
    LAMINA_TRY(lamina_state(plan, 0, "count", &scalar, 0.0));
  }
  if (probe->fault == PROBE_GROWS) {
    scalar.dims = x->dims;
    LAMINA_TRY(lamina_weight(plan, 0, "grown", "{constant: {value: 0}}", &scalar, 1, 1, 0));
  }
  if (probe->pieces) {
    LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  }
  return lamina_plan_scratch(plan, LAMINA_FORWARD, 0, LANE_BYTES);
}

static int32_t go_wrong(const struct probe *probe, struct lamina_call *call, float *y)
{
  uint32_t word;
  switch (probe->fault) {
    case PROBE_ERROR:
      return lamina_fail(call, LAMINA_E_INVALID, "was told to fail");
    case PROBE_LIE:
      (void)lamina_fail(call, LAMINA_E_INVALID, "was told to fail");
      return LAMINA_OK;
    case PROBE_SILENT:
      return LAMINA_E_INVALID;
    case PROBE_UNKNOWN:
      return 12345;
    case PROBE_NAN:
      y[0] = NAN;
      return LAMINA_OK;
    case PROBE_MEMORY:
      return lamina_memory(call, 8) == NULL ? LAMINA_E_NOMEM : LAMINA_OK;
    case PROBE_RANDOM:
      return lamina_random_u32(call, 3, 0, 1, &word);
    default:
      return LAMINA_OK;
  }
}

/* The last piece first. */
static int32_t hand_over(const struct probe *probe, struct lamina_call *call, int64_t count)
{
  const struct lamina_epilogue *epilogue = lamina_epilogue(call, LAMINA_OUT, 0);
  bool wrong = probe->forwards == probe->at;
  count -= wrong && probe->fault == PROBE_KEEPS ? 1 : 0;
  count += wrong && probe->fault == PROBE_BEYOND ? 1 : 0;
  while (count > 0) {
    int64_t piece = count % PIECE == 0 ? PIECE : count % PIECE;
    LAMINA_TRY(lamina_epilogue_apply(epilogue, count - piece, piece));
    count -= piece;
  }
  return LAMINA_OK;
}

static int32_t note_lane(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  struct lamina_call *call = arg;
  char *scratch = lamina_scratch(call, lane);
  memset(scratch, (int)lane, LANE_BYTES);
  return begin < end && scratch[LANE_BYTES - 1] == (char)lane ? LAMINA_OK : LAMINA_E_INTERNAL;
}

static int32_t forward(void *self, struct lamina_call *call)
{
  struct probe *probe = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  memcpy(y->data, x->data, (size_t)lamina_type_count(&x->type) * sizeof(float));
  probe->forwards++;
  probe->mode = lamina_mode(call);
  for (uint32_t lane = 0; lane < 8; lane++) {
    probe->scratch[lane] = lamina_scratch(call, lane);
  }
  LAMINA_TRY(lamina_parallel_for(call, 64, 1, note_lane, call));
  if (probe->state && (probe->mode & LAMINA_MODE_TRAIN) != 0) {
    *(float *)lamina_get(call, LAMINA_STATE, 0)->data += 1.0f;
  }
  bool wrong =
      probe->fault == PROBE_NAN ? probe->forwards >= probe->at : probe->forwards == probe->at;
  LAMINA_TRY(wrong ? go_wrong(probe, call, y->data) : LAMINA_OK);
  return hand_over(probe, call, lamina_type_count(&y->type));
}

static int32_t backward(void *self, struct lamina_call *call)
{
  struct probe *probe = self;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &probe->request);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  probe->backwards++;
  if (probe->fault == PROBE_UNDECLARED && lamina_get(call, LAMINA_IN, 0) == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t count = dx == NULL ? 0 : lamina_type_count(&dx->type);
  for (int64_t i = 0; i < count; i++) {
    float before = probe->request == LAMINA_ADD ? ((float *)dx->data)[i] : 0.0f;
    ((float *)dx->data)[i] = before + ((const float *)dy->data)[i];
  }
  return LAMINA_OK;
}

LAMINA_LAYER(probe, "1.0.0", "counts its calls and goes wrong on demand", struct probe,
             LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .forward = forward,
             .backward = backward);
