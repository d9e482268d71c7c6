/*
 * One training step of a layer as the unit of comparison: most checks repeat it with one thing
 * changed and compare what comes out, bit for bit, with what came out at first.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

bool lm_case_has_gradient(const struct lm_case *item, const struct lm_probe *probe, uint32_t role,
                          uint32_t index)
{
  return (item->flags & LM_CASE_FORWARD) == 0 && role != LAMINA_OUT && role <= LAMINA_WEIGHT &&
         lm_probe_is_float(probe, role, index) &&
         (role != LAMINA_IN || (item->constant & (1u << index)) == 0);
}

void lm_case_request(const struct lm_case *item, struct lm_probe *probe, uint32_t request)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      bool wanted = lm_case_has_gradient(item, probe, role, i);
      probe->requests[role][i] = wanted ? request : LAMINA_SKIP;
    }
  }
}

void lm_case_fill(const struct lm_trial *trial, const struct lm_case *item, struct lm_probe *probe,
                  uint64_t seed)
{
  lm_probe_fill(probe, trial->seed + seed);
  if ((item->flags & LM_CASE_LARGE) != 0) {
    lm_probe_roughen(probe, seed);
  }
  (void)lm_probe_learn(probe, true, true);
  lm_case_request(item, probe, LAMINA_WRITE);
}

bool lm_case_run(struct lm_trial *trial, const struct lm_case *item, struct lm_probe *probe,
                 const char *id)
{
  const char *pass = "forward";
  enum lamina_status status = lm_probe_forward(probe, LM_TRAINING, LM_STEP);
  if (status == LAMINA_OK && (item->flags & LM_CASE_FORWARD) == 0) {
    pass = "backward";
    status = lm_probe_backward(probe, LM_TRAINING, LM_STEP);
  }
  if (status == LAMINA_OK) {
    return true;
  }
  bool undeclared = strstr(probe->error.text, "which infer() did not declare") != NULL;
  lm_judge_refusal(trial, status, &probe->error);
  lm_find(trial, undeclared ? "L07" : id, "%s fails, %s: %s", pass, probe->label,
          probe->error.text);
  return false;
}

bool lm_case_step(struct lm_trial *trial, const struct lm_case *item, struct lm_probe *probe,
                  const char *id)
{
  lm_case_fill(trial, item, probe, 0);
  return lm_case_run(trial, item, probe, id);
}

/* ---- results ---- */

/* Where tensor number `at` of a result is; false after the last one. */
static bool result_tensor(const struct lm_probe *probe, uint32_t at, uint32_t *role,
                          uint32_t *index, const struct lm_probe_tensor **tensor)
{
  static const uint32_t roles[] = {LAMINA_OUT, LAMINA_IN, LAMINA_WEIGHT, LAMINA_STATE};
  for (int r = 0; r < 4; r++) {
    uint32_t count = probe->count[roles[r]];
    if (at < count) {
      bool is_value = roles[r] == LAMINA_OUT || roles[r] == LAMINA_STATE;
      *role = roles[r];
      *index = at;
      *tensor = is_value ? &probe->tensors[roles[r]][at] : &probe->gradients[roles[r]][at];
      return true;
    }
    at -= count;
  }
  return false;
}

bool lm_bits_take(const struct lm_probe *probe, struct lm_result_bits *out)
{
  uint32_t role = 0, index = 0;
  const struct lm_probe_tensor *tensor = NULL;
  size_t capacity = 0;
  *out = (struct lm_result_bits){0};
  for (uint32_t i = 0; result_tensor(probe, i, &role, &index, &tensor); i++) {
    size_t bytes = tensor->zone.bytes;
    if (!lm_grow((void **)&out->bytes, &capacity, out->length + bytes + 1, 1)) {
      return false;
    }
    if (bytes > 0) {
      memcpy(out->bytes + out->length, tensor->view.data, bytes);
    }
    out->length += bytes;
  }
  return true;
}

void lm_bits_release(struct lm_result_bits *bits)
{
  lm_free(bits->bytes);
  *bits = (struct lm_result_bits){0};
}

const float *lm_bits_output(const struct lm_probe *probe, const struct lm_result_bits *bits,
                            uint32_t index)
{
  size_t at = 0;
  for (uint32_t i = 0; i < index; i++) {
    at += probe->tensors[LAMINA_OUT][i].zone.bytes;
  }
  return (const float *)(const void *)(bits->bytes + at);
}

const float *lm_bits_gradient(const struct lm_probe *probe, const struct lm_result_bits *bits,
                              uint32_t role, uint32_t index)
{
  uint32_t r = 0, i = 0;
  const struct lm_probe_tensor *tensor = NULL;
  size_t at = 0;
  for (uint32_t n = 0; result_tensor(probe, n, &r, &i, &tensor); n++) {
    if (r == role && i == index) {
      return (const float *)(const void *)(bits->bytes + at);
    }
    at += tensor->zone.bytes;
  }
  return NULL;
}

static bool is_compared(const struct lm_probe *probe, enum lm_compared compared, uint32_t role,
                        uint32_t index)
{
  bool is_gradient = role == LAMINA_IN || role == LAMINA_WEIGHT;
  if (is_gradient) {
    return compared != LM_OUTPUTS && probe->requests[role][index] == LAMINA_WRITE;
  }
  return role == LAMINA_OUT ? compared != LM_GRADIENTS : compared == LM_EVERYTHING;
}

/** What is to be said of the first difference. */
struct difference {
  const char *id, *when;
  uint32_t role, index;
};

/* A float32 or a float64. */
static double read_number(const char *bytes, size_t size)
{
  float single = 0.0f;
  double number = 0.0;
  if (size == sizeof number) {
    memcpy(&number, bytes, sizeof number);
    return number;
  }
  memcpy(&single, bytes, sizeof single < size ? sizeof single : size);
  return (double)single;
}

/* trial NULL: nothing is said. */
static bool compare_tensor(struct lm_trial *trial, const struct lm_probe *probe,
                           const struct lm_probe_tensor *tensor, const char *expected,
                           const struct difference *difference)
{
  const char *found = tensor->view.data;
  size_t size = tensor->shape.type.dt_bits / 8, at = 0;
  if (tensor->zone.bytes == 0 || memcmp(found, expected, tensor->zone.bytes) == 0) {
    return true;
  }
  if (trial == NULL) {
    return false;
  }
  while (memcmp(found + at, expected + at, size) == 0) {
    at += size;
  }
  bool is_gradient = difference->role == LAMINA_IN || difference->role == LAMINA_WEIGHT;
  double now = read_number(found + at, size), before = read_number(expected + at, size);
  lm_find(trial, difference->id, "%s: %s, element %zu of %s%s %u is %.9g, and was %.9g",
          probe->label, difference->when, at / size, is_gradient ? "the gradient of " : "",
          lm_role_name(difference->role), difference->index, now, before);
  return false;
}

bool lm_bits_compare(struct lm_trial *trial, const struct lm_probe *probe,
                     const struct lm_result_bits *bits, enum lm_compared compared, const char *id,
                     const char *when)
{
  const struct lm_probe_tensor *tensor = NULL;
  struct difference difference = {.id = id, .when = when};
  size_t at = 0;
  bool same = true;
  for (uint32_t i = 0;
       same && result_tensor(probe, i, &difference.role, &difference.index, &tensor); i++) {
    if (is_compared(probe, compared, difference.role, difference.index)) {
      same = compare_tensor(trial, probe, tensor, bits->bytes + at, &difference);
    }
    at += tensor->zone.bytes;
  }
  return same;
}

/* ---- cases ---- */

/* Whether the step gives the same again: if not, nothing else can be said of it. */
static bool is_steady(struct lm_bout *bout)
{
  return lm_case_step(bout->trial, bout->item, bout->probe, "L18") &&
         lm_bits_compare(NULL, bout->probe, &bout->step, LM_EVERYTHING, "", "");
}

void lm_each_case(struct lm_trial *trial, uint32_t without, const char *id,
                  void (*check)(struct lm_bout *bout))
{
  const struct lm_opening usual = {.threads = 1, .batch = -1};
  size_t done = 0, unsteady = 0;
  for (size_t i = 0; i < trial->n_cases; i++) {
    struct lm_bout bout = {.trial = trial, .item = &trial->cases[i]};
    if ((bout.item->flags & without) != 0) {
      continue;
    }
    bout.probe = lm_trial_open(trial, bout.item, &usual);
    if (bout.probe != NULL && lm_case_step(trial, bout.item, bout.probe, id) &&
        lm_bits_take(bout.probe, &bout.step)) {
      bool fit = (without & LM_CASE_UNSTEADY) == 0 || is_steady(&bout);
      if (fit) {
        check(&bout);
      }
      done += fit;
      unsteady += !fit;
    }
    lm_bits_release(&bout.step);
    lm_probe_close(bout.probe);
  }
  if (done == 0) {
    bool no_backward = (without & LM_CASE_FORWARD) != 0 && trial->n_cases > 0;
    lm_skip(trial, "%s",
            unsteady > 0  ? "results differ from run to run, see L10"
            : no_backward ? "there is no backward"
                          : "nothing was found that it takes");
  }
}
