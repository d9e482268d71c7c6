/*
 * The scout: finds settings, input shapes and contents that a plugin accepts, by trying.
 *
 * Settings: what the experiment beside the plugin uses; what the table asks for, drawn from its
 * ranges; then each setting in turn at other values. Shapes: patterns that layers and losses
 * usually take, then patterns drawn at random. Contents: numbers of either sign, else from 0 to
 * 1, else probabilities, until forward accepts them. What is found goes as text through the
 * ledger to the processes of the checks, a case a line.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "conform/conform_internal.h"

enum {
  TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP,
  MOST_SETTINGS = 48,
  SIGNATURES = 4, /* kinds of shapes with the first settings */
  VARIATIONS = 10,
  RANDOM_PATTERNS = 1500,
  ATTEMPTS = 400, /* of forward, for want of better contents */
  PATTERN = 200,
  LARGE_ELEMENTS = 50021,
  QUICK_CASES = 3
};

/** Settings to try, in order. */
struct wishes {
  char *items[MOST_SETTINGS];
  size_t count;
};

/** What a search has found so far. */
struct search {
  struct lm_trial *trial;
  size_t found, length; /* lines and bytes in the ledger */
  uint32_t attempts;
  char first[PATTERN]; /* the pattern of the first case */
  char refusal[600];   /* what forward said of shapes that infer() accepted */
};

/* ---- settings ---- */

static void wish(struct wishes *wishes, const char *text)
{
  for (size_t i = 0; i < wishes->count; i++) {
    if (strcmp(wishes->items[i], text) == 0) {
      return;
    }
  }
  char *copy = wishes->count == MOST_SETTINGS ? NULL : lm_copy_text(text);
  if (copy != NULL) {
    wishes->items[wishes->count++] = copy;
  }
}

static struct lm_settings table_of(const struct lm_plugin *plugin)
{
  const struct lamina_plugin *info = &plugin->info;
  return (struct lm_settings){"the plugin", info->settings, info->n_settings, info->setting_stride};
}

bool lm_settings_wish(const struct lm_plugin *plugin, uint32_t round, const char *key,
                      const char *value, struct lm_text *out)
{
  const struct lm_settings table = table_of(plugin);
  struct lm_text sample = {0};
  bool possible = true;
  lm_text_clear(out);
  lm_text_add(out, "{");
  for (size_t i = 0; i < table.count && possible; i++) {
    const struct lamina_setting *row = lm_settings_row(&table, i);
    bool chosen = key != NULL && strcmp(row->name, key) == 0;
    bool required = (row->flags & LAMINA_SETTING_REQUIRED) != 0;
    if (!chosen && required) {
      possible = lm_setting_sample(row, LM_SAMPLE_INSIDE, round, &sample) ||
                 lm_setting_sample(row, LM_SAMPLE_INSIDE, 0, &sample);
    }
    if (chosen || required) {
      lm_text_addf(out, "%s%s: %s", out->length == 1 ? "" : ", ", row->name,
                   chosen ? value : lm_text_get(&sample));
    }
  }
  lm_text_add(out, "}");
  lm_text_release(&sample);
  return possible && lm_text_ok(out);
}

/* Every setting in turn at other values. Values of words and switches first: they change most. */
static void wish_variations(const struct lm_plugin *plugin, struct wishes *wishes)
{
  const struct lm_settings table = table_of(plugin);
  struct lm_text sample = {0}, text = {0};
  for (uint32_t i = 0; i < 6; i++) {
    for (size_t r = 0; r < table.count; r++) {
      const struct lamina_setting *row = lm_settings_row(&table, r);
      if (lm_setting_sample(row, LM_SAMPLE_INSIDE, i, &sample) &&
          lm_settings_wish(plugin, 0, row->name, lm_text_get(&sample), &text)) {
        wish(wishes, lm_text_get(&text));
      }
    }
  }
  lm_text_release(&sample);
  lm_text_release(&text);
}

static void make_wishes(struct lm_trial *trial, struct wishes *wishes)
{
  struct lm_text text = {0};
  if (trial->options->settings != NULL) {
    wish(wishes, trial->options->settings);
    return;
  }
  lm_example_settings(trial, &text);
  for (const char *line = lm_text_get(&text); *line != '\0';) {
    size_t length = strcspn(line, "\n");
    char *copy = lm_copy_bytes(line, length);
    if (copy != NULL) {
      wish(wishes, copy);
    }
    lm_free(copy);
    line += length + (line[length] == '\n');
  }
  for (uint32_t round = 0; round < 4; round++) {
    if (lm_settings_wish(trial->plugin, round, NULL, NULL, &text)) {
      wish(wishes, lm_text_get(&text));
    }
  }
  lm_text_release(&text);
  wish_variations(trial->plugin, wishes);
}

/* ---- shapes ---- */

static const char *const usual_patterns[] = {
    "Nx5",
    "Nx7x8",
    "Nx3x8x8",
    "N",
    "Nx16",
    "Nx6",
    "Nx4x6",
    "Nx1x9x7",
    "Nx8x8x8",
    "Nx4x4x4x4",
    "Nx2x3x4x5",
    "N:5",
    "Nx7:11",
    "Nx5 N:5",
    "Nx5 Nx5",
    "N N:2",
    "Nx1 N:2",
    "Nx1 Nx1",
    "N N",
    "Nx5 Nx5u",
    "Nx5 Nx5p",
    "Nx1 N",
    "Nx7x5 Nx7:5",
    "Nx7x5 Nx7x5",
    "Nx7x8 Nx7x8",
    "Nx3x8x8 Nx3x8x8",
    "Nx3x4 Nx4x5",
    "Nx5 Nx6",
    "Nx5 N",
    "Nx7x8 Nx8",
    "Nx5 Nx5:2",
    "Nx5 Nx5 Nx5",
    "Nx7x8 Nx7x8 Nx7x8",
    "Nx7x8 Nx8 Nx8",
    "Nx5 N:5 N",
    "Nx5 Nx5 N",
    "Nx1 N:2 N",
};

/* One word of a random pattern. */
static void draw_word(uint64_t *seed, struct lm_text *out)
{
  static const int sizes[] = {5, 8, 1, 4, 3, 16, 6, 2, 7, 9, 12};
  uint64_t rank = lm_draw(seed, 5);
  lm_text_add(out, "N");
  for (uint64_t d = 0; d < rank; d++) {
    lm_text_addf(out, "x%d", sizes[lm_draw(seed, sizeof sizes / sizeof sizes[0])]);
  }
  if (lm_draw(seed, 4) == 0) {
    lm_text_addf(out, ":%d", sizes[lm_draw(seed, 3)]);
  }
}

static void draw_pattern(uint64_t *seed, char out[PATTERN])
{
  struct lm_text text = {0};
  uint64_t inputs = 1 + lm_draw(seed, 3);
  for (uint64_t i = 0; i < inputs; i++) {
    lm_text_add(&text, i == 0 ? "" : " ");
    draw_word(seed, &text);
  }
  (void)snprintf(out, PATTERN, "%s", lm_text_get(&text));
  lm_text_release(&text);
}

/* Shapes as a user gives them: their first dimension, where all agree on it, is the batch. */
static void pattern_of(const char *shapes, char out[PATTERN])
{
  size_t first = strspn(shapes, "0123456789"), length = 0;
  for (const char *at = shapes; *at != '\0' && length + 1 < PATTERN;) {
    bool starts = at == shapes || at[-1] == ' ';
    size_t digits = strspn(at, "0123456789");
    if (starts && first > 0 && digits == first && strncmp(at, shapes, first) == 0) {
      out[length++] = 'N';
      at += digits;
    } else {
      out[length++] = *at++;
    }
  }
  out[length] = '\0';
}

/* A pattern without its sizes: "Nx:" of "Nx7:11". Two of one kind teach little. */
static bool same_kind(const char *a, const char *b)
{
  static const char digits[] = "0123456789up";
  while (*a != '\0' || *b != '\0') {
    a += strspn(a, digits);
    b += strspn(b, digits);
    if (*a != *b) {
      return false;
    }
    a += *a != '\0';
    b += *b != '\0';
  }
  return true;
}

/* ---- contents ---- */

/* What is not written at all is another matter than a number that is not finite. */
static bool is_acceptable(float y)
{
  uint32_t bits;
  memcpy(&bits, &y, sizeof bits);
  return isfinite(y) || bits == 0xffffffffu;
}

static bool all_finite(const struct lm_probe *probe)
{
  for (uint32_t o = 0; o < probe->count[LAMINA_OUT]; o++) {
    const float *y = lm_probe_value(probe, LAMINA_OUT, o);
    for (int64_t i = 0;
         lm_probe_is_float(probe, LAMINA_OUT, o) && i < lm_probe_count(probe, LAMINA_OUT, o); i++) {
      if (!is_acceptable(y[i])) {
        return false;
      }
    }
  }
  return true;
}

/* Inputs whose gradient the plugin says there is none of, bit by bit. */
static uint32_t find_constants(struct lm_probe *probe)
{
  uint32_t constant = 0;
  for (uint32_t i = 0; i < probe->count[LAMINA_IN]; i++) {
    lm_probe_request(probe, LAMINA_SKIP);
    probe->requests[LAMINA_IN][i] = LAMINA_WRITE;
    if (!lm_probe_is_float(probe, LAMINA_IN, i) ||
        lm_probe_backward(probe, TRAINING, 1) == LAMINA_E_UNSUPPORTED) {
      constant |= 1u << i;
    }
  }
  return constant;
}

/* Whether a pattern computes with its contents; fills the case in. */
static bool try_contents(struct search *search, struct lm_home *home, struct lm_case *item)
{
  struct lm_trial *trial = search->trial;
  struct lm_probe *probe = NULL;
  struct lm_error error = {0};
  char *shapes = lm_pattern_shapes(item->pattern, 7);
  bool good = shapes != NULL && lm_probe_open_at(home, shapes, NULL, &probe, &error) == LAMINA_OK;
  lm_free(shapes);
  if (!good) {
    return false;
  }
  lm_probe_fill(probe, trial->seed);
  enum lamina_status status = lm_probe_learn(probe, true, true);
  status = status == LAMINA_OK ? lm_probe_forward(probe, TRAINING, 1) : status;
  search->attempts++;
  good = status == LAMINA_OK && all_finite(probe);
  lm_judge_refusal(trial, status, &probe->error);
  if (!good) {
    (void)snprintf(search->refusal, sizeof search->refusal, "%s: %.300s", item->pattern,
                   probe->error.text[0] == '\0' ? "numbers that are not finite"
                                                : probe->error.text);
  } else if (!lm_probe_differentiates(trial->plugin)) {
    item->flags |= LM_CASE_FORWARD;
  } else {
    item->constant = find_constants(probe);
  }
  lm_probe_close(probe);
  return good;
}

/* The pattern with contents chosen: digit i of `choice`, in base 3, is that of float input i. */
static void choose_contents(const char *pattern, uint32_t choice, char out[PATTERN])
{
  static const char suffixes[][2] = {"", "u", "p"};
  size_t length = 0;
  for (const char *word = pattern; *word != '\0';) {
    size_t n = strcspn(word, " ");
    bool is_open = memchr(word, ':', n) == NULL && word[n - 1] != 'u' && word[n - 1] != 'p';
    length += (size_t)snprintf(out + length, PATTERN - length, "%s%.*s%s", length == 0 ? "" : " ",
                               (int)n, word, is_open ? suffixes[choice % 3] : "");
    choice = is_open ? choice / 3 : choice;
    word += n + (word[n] == ' ');
  }
}

static bool find_contents(struct search *search, struct lm_home *home, const char *pattern,
                          char settled[PATTERN], struct lm_case *item)
{
  for (uint32_t choice = 0; choice < 27 && search->attempts < ATTEMPTS; choice++) {
    choose_contents(pattern, choice, settled);
    item->pattern = settled;
    if (try_contents(search, home, item)) {
      return true;
    }
  }
  return false;
}

/* ---- cases ---- */

/* Straight into the ledger: a crash on the next one does not lose it. */
static void add_case(struct search *search, const struct lm_case *item, int64_t batch,
                     uint32_t flags)
{
  char *out = search->trial->ledger->cases + search->length;
  size_t room = sizeof search->trial->ledger->cases - search->length;
  int length = snprintf(out, room, "%s\t%s\t%lld\t%u\t%u\n", item->settings, item->pattern,
                        (long long)batch, item->constant, item->flags | flags);
  if (search->found == LM_CASES || length < 0 || (size_t)length >= room) {
    *out = '\0';
    return;
  }
  search->length += (size_t)length;
  search->found++;
}

/* Samples that make many chunks of work and take no more than a moment. */
static int64_t large_batch(struct search *search, struct lm_home *home, const struct lm_case *item)
{
  struct lm_probe *probe = NULL;
  struct lm_error error = {0};
  char *shapes = lm_pattern_shapes(item->pattern, 16);
  int64_t elements = 1, ns = 1;
  if (shapes != NULL && lm_probe_open_at(home, shapes, NULL, &probe, &error) == LAMINA_OK) {
    lm_probe_fill(probe, search->trial->seed);
    elements = lm_probe_count(probe, LAMINA_IN, 0) / 16;
    int64_t begin = lm_clock_ns();
    (void)lm_probe_forward(probe, TRAINING, 1);
    ns = lm_clock_ns() - begin;
  }
  lm_probe_close(probe);
  lm_free(shapes);
  int64_t batch = LARGE_ELEMENTS / (elements < 1 ? 1 : elements);
  int64_t affordable = 16 * (int64_t)30000000 / (ns < 1 ? 1 : ns);
  batch = batch < affordable ? batch : affordable;
  return batch < 17 ? 17 : batch;
}

/* Tries one pattern with settings; true when it gave cases. */
static bool take_pattern(struct search *search, struct lm_home *home, const char *settings,
                         const char *pattern, bool vary)
{
  struct lm_error error = {0};
  char settled[PATTERN];
  struct lm_case item = {.settings = settings};
  char *shapes = lm_pattern_shapes(pattern, 7);
  enum lamina_status status =
      shapes == NULL ? LAMINA_E_NOMEM : lm_probe_try(home, shapes, NULL, &error);
  lm_free(shapes);
  if (status != LAMINA_OK) {
    lm_judge_refusal(search->trial, status, &error);
    return false;
  }
  if (!find_contents(search, home, pattern, settled, &item)) {
    return false;
  }
  bool first = search->found == 0;
  add_case(search, &item, first ? 7 : vary ? 5 : 3, 0);
  if (first) {
    (void)snprintf(search->first, sizeof search->first, "%s", settled);
    add_case(search, &item, 16, 0);
    add_case(search, &item, large_batch(search, home, &item), LM_CASE_LARGE);
  }
  return true;
}

/* Patterns in order until there are enough kinds of shapes. */
static void take_patterns(struct search *search, struct lm_home *home, const char *settings,
                          size_t wanted)
{
  enum { USUAL = sizeof usual_patterns / sizeof usual_patterns[0] };
  const char *taken[SIGNATURES];
  size_t count = 0;
  char drawn[PATTERN];
  uint64_t seed = search->trial->seed;
  for (size_t i = 0; i < USUAL && count < wanted; i++) {
    bool is_new = true;
    for (size_t k = 0; k < count; k++) {
      is_new = is_new && !same_kind(taken[k], usual_patterns[i]);
    }
    if (is_new && take_pattern(search, home, settings, usual_patterns[i], false)) {
      taken[count++] = usual_patterns[i];
    }
  }
  for (uint32_t i = 0; i < RANDOM_PATTERNS && count == 0; i++) {
    draw_pattern(&seed, drawn);
    count += take_pattern(search, home, settings, drawn, false);
  }
}

static void take_settings(struct search *search, const char *settings, size_t *variations)
{
  struct lm_home *home = NULL;
  struct lm_error error = {0};
  struct lm_trial *trial = search->trial;
  enum lamina_status status = lm_trial_home(trial, settings, 2, &home, &error);
  char given[PATTERN];
  if (status != LAMINA_OK) {
    lm_judge_refusal(trial, status, &error);
    return;
  }
  bool first = search->found == 0;
  if (trial->options->shapes != NULL && first) {
    pattern_of(trial->options->shapes, given);
    (void)take_pattern(search, home, settings, given, false);
  } else if (first) {
    take_patterns(search, home, settings, SIGNATURES);
  } else if (*variations < VARIATIONS) {
    *variations += take_pattern(search, home, settings, search->first, true);
  }
  lm_home_free(home);
}

static void scout_layer(struct search *search, const struct wishes *wishes)
{
  size_t variations = 0;
  for (size_t i = 0; i < wishes->count; i++) {
    take_settings(search, wishes->items[i], &variations);
  }
  if (search->found > 0) {
    return;
  }
  lm_find(search->trial, "L01",
          "no inputs were found that it takes; give some by --shapes and --settings%s%s",
          search->refusal[0] == '\0' ? "" : "; the last one that infer() took: ", search->refusal);
}

/* Of other kinds only the settings are to be found. */
static void scout_settings(struct search *search, const struct wishes *wishes)
{
  struct lm_trial *trial = search->trial;
  for (size_t i = 0; i < wishes->count; i++) {
    struct lm_home *home = NULL;
    struct lm_error error = {0};
    enum lamina_status status = lm_trial_home(trial, wishes->items[i], 2, &home, &error);
    const struct lm_case item = {.settings = wishes->items[i], .pattern = ""};
    if (status == LAMINA_OK) {
      add_case(search, &item, 0, 0);
    } else {
      lm_judge_refusal(trial, status, &error);
    }
    lm_home_free(home);
  }
}

void lm_scout(struct lm_trial *trial)
{
  uint32_t kind = trial->plugin->info.kind;
  struct search search = {.trial = trial};
  struct wishes wishes = {0};
  make_wishes(trial, &wishes);
  if (kind == LAMINA_KIND_LAYER || kind == LAMINA_KIND_LOSS || kind == LAMINA_KIND_METRIC ||
      kind == LAMINA_KIND_TRANSFORM) {
    scout_layer(&search, &wishes);
  } else {
    scout_settings(&search, &wishes);
  }
  for (size_t i = 0; i < wishes.count; i++) {
    lm_free(wishes.items[i]);
  }
}

/* ---- reading them back ---- */

/* Cuts a field off a line, which ends at `end`; the next one begins behind it. */
static char *cut(char **at, char end)
{
  char *field = *at, *stop = strchr(field, end);
  if (stop == NULL) {
    return NULL;
  }
  *stop = '\0';
  *at = stop + 1;
  return field;
}

bool lm_cases_read(struct lm_trial *trial, char *text)
{
  while (*text != '\0' && trial->n_cases < LM_CASES) {
    struct lm_case *item = &trial->cases[trial->n_cases];
    item->settings = cut(&text, '\t');
    item->pattern = item->settings == NULL ? NULL : cut(&text, '\t');
    const char *batch = item->pattern == NULL ? NULL : cut(&text, '\t');
    const char *constant = batch == NULL ? NULL : cut(&text, '\t');
    const char *flags = constant == NULL ? NULL : cut(&text, '\n');
    if (flags == NULL) {
      return true; /* the ledger was too small for the last one */
    }
    item->batch = strtoll(batch, NULL, 10);
    item->constant = (uint32_t)strtoul(constant, NULL, 10);
    item->flags = (uint32_t)strtoul(flags, NULL, 10);
    bool is_left_out = (item->flags & LM_CASE_LARGE) != 0 || trial->n_cases == QUICK_CASES;
    trial->n_cases += trial->options->quick && is_left_out ? 0 : 1;
  }
  return true;
}
