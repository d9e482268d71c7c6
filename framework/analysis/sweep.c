/*
 * A line of metrics.jsonl is JSON, which YAML reads as well.
 */
#include "analysis/sweep.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "io/files.h"

static const size_t file_limit = (size_t)1 << 30;

void lm_sweep_release(struct lm_sweep *sweep)
{
  for (size_t i = 0; i < sweep->count; i++) {
    for (size_t k = 0; k < sweep->items[i].count; k++) {
      lm_free(sweep->items[i].values[k]);
    }
    lm_free(sweep->items[i].values);
    lm_free(sweep->items[i].key);
  }
  *sweep = (struct lm_sweep){0};
}

/* ---- variations ---- */

/* Length of the value that text begins with: up to a comma that is not within anything. */
static size_t value_length(const char *text)
{
  int depth = 0;
  char quote = '\0';
  size_t at = 0;
  for (; text[at] != '\0'; at++) {
    char c = text[at];
    if (quote != '\0') {
      quote = c == quote ? '\0' : quote;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == ',' && depth == 0) {
      break;
    } else {
      depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    }
  }
  return at;
}

static enum lamina_status refuse(const char *text, const char *what, struct lm_error *error)
{
  return lm_fail(error, LAMINA_E_USAGE, "--vary %s: %s, expected KEY=VALUE,VALUE,...", text, what);
}

static enum lamina_status read_values(struct lm_variation *item, const char *text,
                                      const char *values, struct lm_error *error)
{
  for (const char *at = values;; at++) {
    size_t length = value_length(at);
    if (length == 0) {
      return refuse(text, "a value is empty", error);
    }
    if (!lm_grow((void **)&item->values, &item->capacity, item->count + 1, sizeof *item->values)) {
      return lm_fail_memory(error, 0);
    }
    item->values[item->count] = lm_copy_bytes(at, length);
    if (item->values[item->count++] == NULL) {
      return lm_fail_memory(error, 0);
    }
    at += length;
    if (*at == '\0') {
      return LAMINA_OK;
    }
  }
}

enum lamina_status lm_sweep_add(struct lm_sweep *sweep, const char *text, struct lm_error *error)
{
  const char *equals = strchr(text, '=');
  if (equals == NULL || equals == text) {
    return refuse(text, equals == NULL ? "there is no '='" : "there is no key", error);
  }
  if (sweep->count == LM_SWEEP_VARIED) {
    return lm_fail(error, LAMINA_E_USAGE, "--vary is given more than %d times", LM_SWEEP_VARIED);
  }
  struct lm_variation *item = &sweep->items[sweep->count++];
  item->key = lm_copy_bytes(text, (size_t)(equals - text));
  if (item->key == NULL) {
    return lm_fail_memory(error, 0);
  }
  LM_TRY(read_values(item, text, equals + 1, error));
  sweep->runs = (sweep->count == 1 ? 1 : sweep->runs) * item->count;
  if (sweep->runs > LM_SWEEP_RUNS) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "--vary %s: there are %zu combinations, at most %d can be", text, sweep->runs,
                   LM_SWEEP_RUNS);
  }
  return LAMINA_OK;
}

size_t lm_sweep_choice(const struct lm_sweep *sweep, size_t run, size_t item)
{
  for (size_t i = sweep->count - 1; i > item; i--) {
    run /= sweep->items[i].count;
  }
  return run % sweep->items[item].count;
}

char *lm_sweep_override(const struct lm_sweep *sweep, size_t run, size_t item)
{
  const struct lm_variation *variation = &sweep->items[item];
  return lm_format("%s=%s", variation->key, variation->values[lm_sweep_choice(sweep, run, item)]);
}

char *lm_sweep_name(const struct lm_sweep *sweep, size_t run)
{
  struct lm_text name = {0};
  for (size_t i = 0; i < sweep->count; i++) {
    char *part = lm_sweep_override(sweep, run, i);
    lm_text_addf(&name, "%s%s", i == 0 ? "" : ",", part == NULL ? "" : part);
    name.failed = name.failed || part == NULL;
    lm_free(part);
  }
  char *text = lm_text_take(&name);
  for (char *at = text; at != NULL && (at = strchr(at, '/')) != NULL;) {
    *at = '_';
  }
  return text;
}

/* ---- results ---- */

static double number_in(const struct lm_value *map, const char *key)
{
  double number = (double)NAN;
  const struct lm_value *value = map == NULL ? NULL : lm_value_get(map, key);
  if (!lm_value_is_null(value) && lm_value_f64(value, key, &number, NULL) != LAMINA_OK) {
    return (double)NAN;
  }
  return number;
}

static void take_line(const struct lm_value *line, const struct lm_experiment *experiment,
                      struct lm_run_summary *out)
{
  const struct lm_value *train = lm_value_get(line, "train");
  const struct lm_value *eval = lm_value_get(line, "eval");
  out->epochs++;
  out->train_loss = number_in(train, "loss");
  out->eval_loss = number_in(eval, "loss");
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    const char *name = experiment->graph->nodes[experiment->metrics[i]]->name;
    out->metrics[i] = number_in(eval == NULL ? train : eval, name);
  }
  double seconds = number_in(line, "seconds");
  out->seconds += isfinite(seconds) ? seconds : 0.0;
}

enum lamina_status lm_run_summary_read(const char *path, const struct lm_experiment *experiment,
                                       struct lm_run_summary *out, struct lm_error *error)
{
  struct lm_bytes content = {0};
  *out = (struct lm_run_summary){.train_loss = (double)NAN, .eval_loss = (double)NAN};
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    out->metrics[i] = (double)NAN;
  }
  LM_TRY(lm_file_read(path, LM_READ_PLAIN, file_limit, &content, error));
  enum lamina_status status = LAMINA_OK;
  const char *at = (const char *)content.bytes, *end = at + content.size;
  while (status == LAMINA_OK && at < end) {
    struct lm_config *line = NULL;
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t length = stop == NULL ? (size_t)(end - at) : (size_t)(stop - at);
    status = lm_config_parse(at, length, path, NULL, 0, &line, error);
    if (status == LAMINA_OK) {
      take_line(lm_config_root(line), experiment, out);
    }
    lm_config_free(line);
    at += length + 1;
  }
  lm_bytes_release(&content);
  return status;
}
