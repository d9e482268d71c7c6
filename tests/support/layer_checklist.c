/*
 * Every check repeats one training step of a probe (fill, forward, backward) with one thing
 * changed and compares what comes out, bit for bit, with what came out at first.
 */
#include "tests/support/layer_checklist.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, STEP = 3, SEED = 2024 };

/** A copy of all outputs and gradients, one after the other. */
struct result {
  char *bytes;
  size_t length;
};

/** A row of the table that is being checked. */
struct check {
  const struct ls_layer *layer;
  struct lm_probe *probe;
  const char *shapes, *others; /* this row, and another one */
  struct result step;          /* of a plain training step */
};

bool ls_has_gradient(const struct ls_layer *layer, const struct lm_probe *probe, uint32_t role,
                     uint32_t index)
{
  return role != LAMINA_OUT && lm_probe_is_float(probe, role, index) &&
         (role != LAMINA_IN || (layer->constant & (1u << index)) == 0);
}

static void request(const struct ls_layer *layer, struct lm_probe *probe, uint32_t request)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      probe->requests[role][i] = ls_has_gradient(layer, probe, role, i) ? request : LAMINA_SKIP;
    }
  }
}

void ls_layer_fill(const struct ls_layer *layer, struct lm_probe *probe, uint64_t seed)
{
  lm_probe_fill(probe, seed);
  if (layer->fill != NULL) {
    layer->fill(probe, seed);
  }
  request(layer, probe, LAMINA_WRITE);
}

/* ---- results ---- */

/* Where tensor number `at` of a result is; false after the last one. */
static bool result_tensor(const struct lm_probe *probe, uint32_t at, uint32_t *role,
                          uint32_t *index, const struct lm_probe_tensor **tensor)
{
  static const uint32_t roles[] = {LAMINA_OUT, LAMINA_IN, LAMINA_WEIGHT};
  for (int r = 0; r < 3; r++) {
    uint32_t count = probe->count[roles[r]];
    if (at < count) {
      *role = roles[r];
      *index = at;
      *tensor = r == 0 ? &probe->tensors[LAMINA_OUT][at] : &probe->gradients[roles[r]][at];
      return true;
    }
    at -= count;
  }
  return false;
}

static void capture(const struct lm_probe *probe, struct result *result)
{
  uint32_t role = 0, index = 0;
  const struct lm_probe_tensor *tensor = NULL;
  size_t capacity = 0;
  *result = (struct result){0};
  for (uint32_t i = 0; result_tensor(probe, i, &role, &index, &tensor); i++) {
    size_t bytes = tensor->zone.bytes;
    cr_assert(lm_grow((void **)&result->bytes, &capacity, result->length + bytes + 1, 1));
    if (bytes > 0) {
      memcpy(result->bytes + result->length, tensor->view.data, bytes);
    }
    result->length += bytes;
  }
}

/* The outputs and all gradients that are not skipped are as captured, bit for bit. */
static void expect_same(const struct lm_probe *probe, const struct result *result, const char *when)
{
  uint32_t role = 0, index = 0;
  const struct lm_probe_tensor *tensor = NULL;
  size_t at = 0;
  for (uint32_t i = 0; result_tensor(probe, i, &role, &index, &tensor); i++) {
    bool skipped = role != LAMINA_OUT && probe->requests[role][index] == LAMINA_SKIP;
    const char *found = tensor->view.data, *expected = result->bytes + at;
    for (size_t b = 0; !skipped && b < tensor->zone.bytes; b++) {
      cr_assert_eq(found[b], expected[b], "%s: %s, element %zu of the %s %u of role %u differs",
                   probe->label, when, b / sizeof(float),
                   role == LAMINA_OUT ? "tensor" : "gradient", index, role);
    }
    at += tensor->zone.bytes;
  }
}

/* ---- declarations ---- */

static void list_reads(const struct lm_facts *facts, struct lm_text *text)
{
  static const char *const roles[] = {"in", "out", "weight", "state"};
  for (uint32_t role = 0; role < 4; role++) {
    for (uint32_t i = 0; i < LM_MAX_FACTS; i++) {
      if ((facts->reads[role] & (1u << i)) != 0) {
        lm_text_addf(text, "reads:%s%u ", roles[role], i);
      }
    }
  }
}

static void list_fusing(const struct lm_facts *facts, struct lm_text *text)
{
  for (uint32_t pass = LAMINA_FORWARD; pass <= LAMINA_BACKWARD; pass++) {
    for (uint32_t i = 0; i < LM_MAX_FACTS; i++) {
      if ((facts->may_fuse[pass] & (1u << i)) != 0) {
        lm_text_addf(text, "fuses:%s%u ", pass == LAMINA_FORWARD ? "out" : "in", i);
      }
    }
  }
}

/* For tests of this checklist; "any": what is wrong with declarations must show in what follows;
 * "list": infer() is run, and nothing else. */
static bool is_chosen(const char *word)
{
  const char *chosen = getenv("LAMINA_TEST_DECLARATIONS");
  return chosen != NULL && strcmp(chosen, word) == 0;
}

static void check_declarations(const struct check *check)
{
  const struct lm_facts *facts = &check->probe->facts;
  if (is_chosen("any")) {
    return;
  }
  struct lm_text text = {0};
  list_reads(facts, &text);
  for (uint32_t i = 0; i < facts->n_save; i++) {
    lm_text_addf(&text, "save:%u ", i);
  }
  for (uint32_t i = 0; i < facts->n_sharing; i++) {
    const struct lm_sharing *sharing = &facts->sharing[i];
    lm_text_addf(&text, "%s:%u>%u ", sharing->pass == LAMINA_FORWARD ? "forward" : "backward",
                 sharing->from, sharing->to);
  }
  list_fusing(facts, &text);
  for (uint32_t i = 0; i < 32; i++) {
    if ((facts->purposes & (1u << i)) != 0) {
      lm_text_addf(&text, "random:%u ", i);
    }
  }
  cr_assert(lm_text_ok(&text));
  char *found = lm_text_take(&text);
  size_t length = found == NULL ? 0 : strlen(found);
  cr_assert(length == 0 ? *check->layer->declares == '\0'
                        : strncmp(found, check->layer->declares, length - 1) == 0 &&
                              check->layer->declares[length - 1] == '\0',
            "%s: infer() declares '%s', expected '%s'", check->probe->label,
            found == NULL ? "" : found, check->layer->declares);
  lm_free(found);
}

/* No declared tensor can be done without: backward asks for each, and is told so. */
static void check_reads_are_needed(const struct check *check)
{
  struct lm_probe *probe = check->probe;
  for (uint32_t role = LAMINA_IN; role <= LAMINA_STATE; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      uint32_t all = probe->facts.reads[role];
      if ((all & (1u << i)) == 0) {
        continue;
      }
      ls_layer_fill(check->layer, probe, SEED);
      ls_forward(probe, TRAINING, STEP);
      probe->facts.reads[role] = all & ~(1u << i);
      cr_assert_eq(lm_probe_backward(probe, TRAINING, STEP), LAMINA_E_PLUGIN,
                   "%s: backward does not need tensor %u of role %u", probe->label, i, role);
      ls_contains(probe->error.text, "infer() did not declare");
      probe->facts.reads[role] = all;
    }
  }
}

/* ---- memory ---- */

static void step_of(const struct ls_layer *layer, struct lm_probe *probe)
{
  ls_layer_fill(layer, probe, SEED);
  ls_forward(probe, TRAINING, STEP);
  ls_backward(probe, TRAINING, STEP);
}

static void check_old_content(const struct check *check)
{
  static const int poisons[] = {0x00, 0x7f, 0x3c};
  for (int i = 0; i < 3; i++) {
    check->probe->poison = poisons[i];
    step_of(check->layer, check->probe);
    expect_same(check->probe, &check->step, "with other content in memory");
  }
  check->probe->poison = 0xff;
}

/* Applies the declared sharings that are chosen by a bit each. */
static void share(struct lm_probe *probe, uint32_t chosen, uint32_t pass)
{
  for (uint32_t i = 0; i < probe->facts.n_sharing; i++) {
    if ((chosen & (1u << i)) != 0 && probe->facts.sharing[i].pass == pass) {
      ls_share(probe, &probe->facts.sharing[i]);
    }
  }
}

static void check_sharing(const struct check *check)
{
  struct lm_probe *probe = check->probe;
  cr_assert_lt(probe->facts.n_sharing, 6);
  for (uint32_t chosen = 1; chosen < 1u << probe->facts.n_sharing; chosen++) {
    ls_layer_fill(check->layer, probe, SEED);
    share(probe, chosen, LAMINA_FORWARD);
    ls_forward(probe, TRAINING, STEP);
    share(probe, chosen, LAMINA_BACKWARD);
    ls_backward(probe, TRAINING, STEP);
    expect_same(probe, &check->step, "in place");
    lm_probe_unshare(probe);
  }
}

/* With another layer fused into one of its passes, which takes a tensor's pieces away. */
static void check_fusing(const struct check *check)
{
  struct lm_probe *probe = check->probe;
  for (uint32_t i = 0; i < 2 * LM_MAX_FACTS; i++) {
    uint32_t pass = i % 2, index = i / 2;
    if ((probe->facts.may_fuse[pass] & (1u << index)) == 0) {
      continue;
    }
    ls_layer_fill(check->layer, probe, SEED);
    struct ls_witness *witness = NULL;
    witness = pass == LAMINA_FORWARD ? ls_witness_open(probe, pass, index) : NULL;
    ls_forward(probe, TRAINING, STEP);
    if (pass == LAMINA_FORWARD) {
      ls_witness_close(probe, witness);
    } else {
      witness = ls_witness_open(probe, pass, index);
    }
    ls_backward(probe, TRAINING, STEP);
    if (pass == LAMINA_BACKWARD) {
      ls_witness_close(probe, witness);
    }
    expect_same(probe, &check->step, "with a layer fused into it");
  }
}

/* ---- honesty ---- */

/* Spoils (byte >= 0) or forbids and allows everything that backward has no right to. */
static void withdraw(struct lm_probe *probe, int byte, bool forbidden)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_STATE; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      struct lm_zone *zone = &probe->tensors[role][i].zone;
      if ((probe->facts.reads[role] & (1u << i)) == 0 && byte >= 0) {
        lm_zone_fill(zone, byte);
      } else if ((probe->facts.reads[role] & (1u << i)) == 0) {
        lm_zone_forbid(zone, forbidden);
      }
    }
  }
  if (byte < 0) {
    lm_zone_forbid(&probe->scratch[LAMINA_FORWARD], forbidden);
    lm_zone_forbid(&probe->lanes[LAMINA_FORWARD], forbidden);
  }
}

/* Outputs are spoilt, too, so only gradients are compared: from a captured step on. */
static void expect_same_gradients(struct lm_probe *probe, const struct result *result,
                                  const char *when)
{
  size_t at = 0;
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    struct lm_probe_tensor *out = &probe->tensors[LAMINA_OUT][i];
    if (out->zone.bytes > 0) {
      memcpy(out->zone.data, result->bytes + at, out->zone.bytes);
    }
    at += out->zone.bytes;
  }
  expect_same(probe, result, when);
}

/* What a fault is told with: backward has touched memory that it has no right to. */
static const struct lm_probe *watched;
static struct sigaction ordinary;

static void tell_fault(int number)
{
  static const char text[] = ": backward touched a tensor that it may not read\n";
  ssize_t written = write(STDERR_FILENO, watched->label, strlen(watched->label));
  written += write(STDERR_FILENO, text, sizeof text - 1);
  (void)written;
  (void)sigaction(number, &ordinary, NULL); /* the fault comes again, and ends the test */
}

static void backward_under_watch(struct lm_probe *probe)
{
  struct sigaction watch = {.sa_handler = tell_fault};
  watched = probe;
  cr_assert_eq(sigaction(SIGSEGV, &watch, &ordinary), 0);
  withdraw(probe, -1, true);
  ls_backward(probe, TRAINING, STEP);
  withdraw(probe, -1, false);
  cr_assert_eq(sigaction(SIGSEGV, &ordinary, NULL), 0);
}

static void check_honesty(const struct check *check)
{
  struct lm_probe *probe = check->probe;
  ls_layer_fill(check->layer, probe, SEED);
  ls_forward(probe, TRAINING, STEP);
  withdraw(probe, 0xff, false);
  ls_backward(probe, TRAINING, STEP);
  expect_same_gradients(probe, &check->step, "with spoilt tensors that backward may not read");
  ls_layer_fill(check->layer, probe, SEED);
  ls_forward(probe, TRAINING, STEP);
  backward_under_watch(probe);
  expect_same_gradients(probe, &check->step, "with unreachable tensors");
}

/* ---- requests ---- */

/* Puts old values into a gradient; returns the copy, to be released. */
static float *fill_gradient(struct lm_probe *probe, uint32_t role, uint32_t index)
{
  uint64_t seed = 7;
  int64_t n = lm_probe_count(probe, role, index);
  float *old = lm_alloc((size_t)n, sizeof *old), *gradient = lm_probe_gradient(probe, role, index);
  cr_assert_not_null(old);
  for (int64_t i = 0; i < n; i++) {
    old[i] = gradient[i] = (float)((int64_t)lm_draw(&seed, 4001) - 2000) / 1000.0f;
  }
  return old;
}

/*
 * One tensor by ADD: old + g, where g is what WRITE gives, within 1 ulp of the largest number
 * involved: what adds once rounds by half of that. A plugin may say that it adds more often.
 */
static void expect_added(const struct check *check, uint32_t role, uint32_t index, const float *old,
                         const float *written)
{
  const float *found = lm_probe_gradient(check->probe, role, index);
  double ulps = check->layer->adding > 0.0 ? check->layer->adding : 1.0;
  for (int64_t i = 0; i < lm_probe_count(check->probe, role, index); i++) {
    double exact = (double)old[i] + (double)written[i];
    double size = fmax(fmax(fabs((double)old[i]), fabs((double)written[i])), fabs(exact));
    cr_assert(fabs((double)found[i] - exact) <= ldexp(ulps * size, -23),
              "%s: element %lld of gradient %u of role %u was %.9g, adding %.9g gave %.9g",
              check->probe->label, (long long)i, index, role, (double)old[i], (double)written[i],
              (double)found[i]);
  }
}

/* The gradient of one tensor in the captured step. */
static const float *written_gradient(const struct check *check, uint32_t role, uint32_t index)
{
  uint32_t r = 0, i = 0;
  const struct lm_probe_tensor *tensor = NULL;
  size_t at = 0;
  for (uint32_t n = 0; result_tensor(check->probe, n, &r, &i, &tensor); n++) {
    if (r == role && i == index) {
      return (const float *)(const void *)(check->step.bytes + at);
    }
    at += tensor->zone.bytes;
  }
  return NULL;
}

static void check_request(const struct check *check, uint32_t role, uint32_t index)
{
  struct lm_probe *probe = check->probe;
  uint64_t skipped = 0;
  ls_layer_fill(check->layer, probe, SEED);
  ls_forward(probe, TRAINING, STEP);
  probe->requests[role][index] = LAMINA_ADD;
  float *old = fill_gradient(probe, role, index);
  ls_backward(probe, TRAINING, STEP);
  expect_added(check, role, index, old, written_gradient(check, role, index));
  probe->requests[role][index] = LAMINA_SKIP;
  ls_backward(probe, TRAINING, STEP);
  expect_same(probe, &check->step, "without one gradient");
  request(check->layer, probe, LAMINA_SKIP);
  probe->requests[role][index] = LAMINA_WRITE;
  ls_backward(probe, TRAINING, STEP);
  expect_same(probe, &check->step, "with one gradient alone");
  probe->requests[role][index] = LAMINA_SKIP;
  lm_zone_fill(&probe->gradients[role][index].zone, probe->poison);
  skipped = lm_zone_digest(&probe->gradients[role][index].zone);
  ls_backward(probe, TRAINING, STEP);
  cr_assert_eq(lm_zone_digest(&probe->gradients[role][index].zone), skipped,
               "%s: a gradient that was to be skipped is written", probe->label);
  lm_free(old);
}

static void check_requests(const struct check *check)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; i < check->probe->count[role]; i++) {
      if (ls_has_gradient(check->layer, check->probe, role, i)) {
        check_request(check, role, i);
      }
    }
  }
}

/* ---- company ---- */

static struct lm_probe *open_layer(const struct ls_layer *layer, const char *shapes,
                                   uint32_t threads)
{
  return ls_open(layer->kind, layer->name, layer->settings, shapes, threads);
}

static void check_threads(const struct check *check)
{
  static const uint32_t threads[] = {1, 7};
  for (int i = 0; i < 2; i++) {
    struct lm_probe *probe = open_layer(check->layer, check->shapes, threads[i]);
    step_of(check->layer, probe);
    expect_same(probe, &check->step, "with another number of threads");
    lm_probe_close(probe);
  }
}

/* Another use of the same instance, and another instance, between forward and backward. */
static void check_interleaved(const struct check *check)
{
  struct lm_probe *beside = ls_open_beside(check->probe, check->others);
  struct lm_probe *other = open_layer(check->layer, check->shapes, 1);
  struct lm_probe *between[] = {beside, other};
  for (int i = 0; i < 2; i++) {
    ls_layer_fill(check->layer, check->probe, SEED);
    ls_layer_fill(check->layer, between[i], SEED + 1);
    ls_forward(check->probe, TRAINING, STEP);
    ls_forward(between[i], TRAINING, STEP + 1);
    ls_backward(check->probe, TRAINING, STEP);
    ls_backward(between[i], TRAINING, STEP + 1);
    expect_same(check->probe, &check->step, "with another use in between");
  }
  lm_probe_close(beside);
  lm_probe_close(other);
}

/* ---- evaluation ---- */

static void check_evaluation(const struct check *check)
{
  struct lm_probe *probe = check->probe;
  struct result evaluated;
  ls_layer_fill(check->layer, probe, SEED);
  request(check->layer, probe, LAMINA_SKIP);
  ls_forward(probe, 0, STEP);
  capture(probe, &evaluated);
  bool draws = (probe->facts.purposes >> LAMINA_RANDOM_EVALUATION & 1) != 0;
  ls_forward(probe, 0, draws ? STEP : STEP + 1);
  expect_same(probe, &evaluated, "evaluated at another step");
  ls_forward(probe, LAMINA_MODE_KEEP, STEP);
  expect_same(probe, &evaluated, "evaluated with a backward to follow");
  lm_free(evaluated.bytes);
  ls_forward(probe, LAMINA_MODE_TRAIN, STEP);
  expect_same(probe, &check->step, "trained without a backward to follow");
}

static void check_all(struct check *check)
{
  const struct ls_layer *layer = check->layer;
  check_declarations(check);
  step_of(layer, check->probe);
  capture(check->probe, &check->step);
  step_of(layer, check->probe);
  expect_same(check->probe, &check->step, "the second time");
  check_reads_are_needed(check);
  check_old_content(check);
  check_requests(check);
  check_sharing(check);
  check_fusing(check);
  check_honesty(check);
  check_threads(check);
  check_interleaved(check);
  check_evaluation(check);
  ls_check_gradients(layer, check->probe, SEED);
  lm_free(check->step.bytes);
}

void ls_layer_checklist(const struct ls_layer *layer)
{
  for (size_t i = 0; layer->shapes[i] != NULL; i++) {
    const char *next = layer->shapes[i + 1] != NULL ? layer->shapes[i + 1] : layer->shapes[0];
    struct check check = {.layer = layer, .shapes = layer->shapes[i], .others = next};
    check.probe = open_layer(layer, check.shapes, 2);
    if (!is_chosen("list")) {
      check_all(&check);
    }
    lm_probe_close(check.probe);
  }
}

void ls_check_threads(const struct ls_layer *layer)
{
  for (size_t i = 0; layer->shapes[i] != NULL; i++) {
    struct result first = {0};
    for (uint32_t threads = 1; threads <= 8; threads++) {
      struct lm_probe *probe = open_layer(layer, layer->shapes[i], threads);
      step_of(layer, probe);
      if (threads == 1) {
        capture(probe, &first);
      } else {
        expect_same(probe, &first, "with another number of threads");
      }
      lm_probe_close(probe);
    }
    lm_free(first.bytes);
  }
}
