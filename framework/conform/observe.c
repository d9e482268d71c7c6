/*
 * What can be seen of a plugin from outside, as one number: declarations and results. Two
 * settings that give the same number did nothing different.
 */
#include <string.h>

#include "base/memory.h"
#include "conform/kind_step.h"

uint64_t lm_mix_bytes(uint64_t digest, const void *bytes, size_t size)
{
  const unsigned char *at = bytes;
  for (size_t i = 0; i < size; i++) {
    digest = (digest ^ at[i]) * 0x100000001b3u;
  }
  return digest;
}

static uint64_t mix_text(uint64_t digest, const char *text)
{
  return lm_mix_bytes(digest, text == NULL ? "" : text, text == NULL ? 1 : strlen(text) + 1);
}

static uint64_t mix_number(uint64_t digest, double number)
{
  return lm_mix_bytes(digest, &number, sizeof number);
}

static uint64_t mix_declared(uint64_t digest, const struct lm_declared *declared)
{
  digest = mix_text(digest, declared->name);
  digest = mix_text(digest, declared->init);
  digest = mix_number(digest, declared->value);
  digest = mix_number(digest, (double)declared->fan_in);
  digest = mix_number(digest, (double)declared->fan_out);
  digest = mix_number(digest, declared->flags);
  return lm_mix_bytes(digest, declared->shape.dims, sizeof declared->shape.dims);
}

static uint64_t mix_declarations(uint64_t digest, const struct lm_probe *probe)
{
  for (uint32_t i = 0; i < probe->recording.n_weights; i++) {
    digest = mix_declared(digest, &probe->recording.weights[i]);
  }
  for (uint32_t i = 0; i < probe->recording.n_states; i++) {
    digest = mix_declared(digest, &probe->recording.states[i]);
  }
  for (uint32_t i = 0; i < probe->facts.n_out; i++) {
    digest = lm_mix_bytes(digest, probe->facts.out[i]->shape.dims,
                          sizeof probe->facts.out[i]->shape.dims);
  }
  return digest;
}

static uint64_t mix_results(uint64_t digest, const struct lm_probe *probe)
{
  struct lm_result_bits bits;
  if (lm_bits_take(probe, &bits)) {
    digest = lm_mix_bytes(digest, bits.bytes == NULL ? "" : bits.bytes, bits.length);
  }
  lm_bits_release(&bits);
  if (probe->home->instance->plugin->info.kind == LAMINA_KIND_METRIC) {
    digest = mix_number(digest, lm_metric_number(probe));
  }
  return digest;
}

/* A number in an instance, and what it becomes; NULL: nothing does. */
struct changing {
  double *number;
  double before, after;
};

static void change(const struct changing *changing)
{
  if (changing->number != NULL) {
    *changing->number = changing->after;
  }
}

static void change_back(const struct changing *changing)
{
  if (changing->number != NULL) {
    *changing->number = changing->before;
  }
}

/* A few steps, so that what is remembered shows, and an evaluation. */
static bool observe_layer(struct lm_trial *trial, const struct lm_case *item, struct lm_home *home,
                          const struct changing *changing, uint64_t *digest)
{
  struct lm_probe *probe = NULL;
  struct lm_error error = {0};
  char *shapes = lm_pattern_shapes(item->pattern, item->batch);
  enum lamina_status status =
      lm_probe_open_at(home, shapes == NULL ? "" : shapes, NULL, &probe, &error);
  lm_free(shapes);
  if (status != LAMINA_OK) {
    *digest = mix_number(*digest, status);
    return false;
  }
  *digest = mix_declarations(*digest, probe);
  change(changing);
  lm_case_fill(trial, item, probe, 0);
  for (uint64_t step = 1; step < 3; step++) {
    *digest = mix_number(*digest, lm_probe_forward(probe, LM_TRAINING, step));
    if ((item->flags & LM_CASE_FORWARD) == 0) {
      *digest = mix_number(*digest, lm_probe_backward(probe, LM_TRAINING, step));
    }
    *digest = mix_results(*digest, probe);
  }
  *digest = mix_number(*digest, lm_probe_forward(probe, 0, 3));
  *digest = mix_results(*digest, probe);
  change_back(changing);
  lm_probe_close(probe);
  return true;
}

/* Whether a probe runs it: layers, losses, metrics, transforms. */
static bool has_probe(const struct lm_trial *trial)
{
  return trial->n_cases > 0 && trial->cases[0].pattern[0] != '\0';
}

bool lm_can_observe(const struct lm_trial *trial)
{
  return trial->n_cases > 0 && trial->plugin->info.kind != LAMINA_KIND_SERVICE;
}

/* The value is that of an instance of which it was asked for. */
static bool make_changing(struct lm_trial *trial, const char *settings,
                          const struct lm_change *wanted, struct lm_home *home,
                          struct changing *changing)
{
  struct lm_home *other = NULL;
  struct lm_error error = {0};
  *changing = (struct changing){0};
  if (wanted == NULL) {
    return true;
  }
  bool made =
      lm_trial_home_with(trial, settings, &wanted->override, 1, &other, &error) == LAMINA_OK;
  if (made) {
    changing->number = (double *)(void *)((char *)home->instance->self + wanted->row->offset);
    changing->before = *changing->number;
    changing->after =
        *(const double *)(const void *)((char *)other->instance->self + wanted->row->offset);
  }
  lm_home_free(other);
  return made;
}

/* Of a plugin that no probe runs. That a data set does not open with a setting is an effect. */
static bool exercise(struct lm_trial *trial, struct lm_home *home, const struct changing *changing,
                     uint64_t *digest)
{
  change(changing);
  bool any = lm_kind_exercise(trial, home, digest);
  change_back(changing);
  return any || trial->plugin->info.kind == LAMINA_KIND_DATASET;
}

bool lm_observe(struct lm_trial *trial, const char *settings, const char *const *overrides,
                size_t count, const struct lm_change *change, uint64_t *digest)
{
  struct lm_home *home = NULL;
  struct lm_error error = {0};
  struct changing changing;
  bool any = false;
  *digest = 0xcbf29ce484222325u;
  if (lm_trial_home_with(trial, settings, overrides, count, &home, &error) != LAMINA_OK) {
    return false;
  }
  if (!make_changing(trial, settings, change, home, &changing)) {
    lm_home_free(home);
    return false;
  }
  if (!has_probe(trial)) {
    any = exercise(trial, home, &changing, digest);
  }
  for (size_t i = 0; i < trial->n_cases; i++) {
    const struct lm_case *item = &trial->cases[i];
    bool fits =
        (item->flags & LM_CASE_LARGE) == 0 && strcmp(item->settings, trial->cases[0].settings) == 0;
    if (has_probe(trial) && fits) {
      any |= observe_layer(trial, item, home, &changing, digest);
    }
  }
  lm_home_free(home);
  return any;
}
