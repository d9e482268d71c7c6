/*
 * Data sets: the same record again, every element of it, and files that are broken.
 *
 * Broken copies of files live in memory (memfd_create) and are reached through /proc, so nothing
 * is left behind by a plugin that crashes on one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "conform/kind_step.h"
#include "data/dataset.h"

enum { DATASET = 1 << LAMINA_KIND_DATASET, BATCH = 13, MOST_RECORDS = 200, LARGEST = 8 << 20 };

/** A data set that is open, with room for a batch of records. */
struct shelf {
  struct lm_trial *trial;
  struct lm_home *home;
  struct lm_dataset *set;
  struct lm_zone zones[LM_PROBE_MOST];
  struct lamina_view views[LM_PROBE_MOST];
  struct lm_shape shapes[LM_PROBE_MOST];
  const struct lamina_view *pointers[LM_PROBE_MOST];
};

/* Takes the home's instance over. */
static enum lamina_status open_set(struct lm_home *home, struct lm_dataset **out,
                                   struct lm_error *error)
{
  struct lm_instance *instance = home->instance;
  home->instance = NULL;
  lm_home_enter(home, "open", home->label);
  enum lamina_status status = lm_dataset_adopt(&home->host, instance, "train", out, error);
  status = status == LAMINA_OK ? lm_dataset_open(*out, error) : status;
  lm_home_leave(home);
  return status;
}

static void shelf_release(struct shelf *shelf)
{
  for (uint32_t f = 0; f < LM_PROBE_MOST; f++) {
    lm_zone_release(&shelf->zones[f]);
  }
  lm_dataset_free(shelf->set);
}

/* False, without a finding, when there is no data to be had. */
static bool shelf_open(struct shelf *shelf, struct lm_trial *trial, struct lm_home *home)
{
  struct lm_error error = {0};
  *shelf = (struct shelf){.trial = trial, .home = home};
  enum lamina_status status = open_set(home, &shelf->set, &error);
  bool made = status == LAMINA_OK && shelf->set->n_fields <= LM_PROBE_MOST;
  lm_judge_refusal(trial, status, &error);
  if (status == LAMINA_E_PLUGIN || status == LAMINA_E_INTERNAL) {
    lm_find(trial, "D01", "%s: %s", home->label, error.text);
  }
  for (uint32_t f = 0; made && f < shelf->set->n_fields; f++) {
    made = lm_shape_batched(&shelf->shapes[f], BATCH, &shelf->set->fields[f].shape, &error) ==
               LAMINA_OK &&
           lm_zone_make(&shelf->zones[f], lm_shape_bytes(&shelf->shapes[f]), &lm_zone_usual,
                        shelf->set->fields[f].name);
  }
  return made;
}

/* Reads n records, at most BATCH; memory holds poison before. */
static bool read_records(struct shelf *shelf, const int64_t *index, int64_t n, int poison)
{
  struct lm_kind_call call;
  struct lm_instance *instance = shelf->set->instance;
  lm_kind_begin(&call, shelf->home, instance, "read");
  for (uint32_t f = 0; f < shelf->set->n_fields; f++) {
    lm_zone_fill(&shelf->zones[f], poison);
    shelf->shapes[f].dims[0] = n;
    shelf->shapes[f].type.dims = shelf->shapes[f].dims;
    shelf->views[f] = (struct lamina_view){shelf->zones[f].data, NULL, shelf->shapes[f].type};
    shelf->pointers[f] = &shelf->views[f];
  }
  call.call.tensors[LAMINA_OUT] = (struct lm_views){shelf->pointers, shelf->set->n_fields};
  call.call.purposes = shelf->set->purposes;
  int32_t returned =
      instance->plugin->table.dataset.read(instance->self, &call.call.base, index, n);
  bool read = lm_kind_end(shelf->trial, &call, returned, "D02") == LAMINA_OK;
  for (uint32_t f = 0; f < shelf->set->n_fields; f++) {
    if (!lm_zone_intact(&shelf->zones[f])) {
      lm_find(shelf->trial, "P13", "read, %s: writes beyond field '%s'", shelf->home->label,
              shelf->set->fields[f].name);
    }
  }
  return read;
}

static size_t record_bytes(const struct shelf *shelf, uint32_t field)
{
  return lm_shape_bytes(&shelf->set->fields[field].shape);
}

/* A digest of record number `at` of the batch that was read last. */
static uint64_t record_digest(const struct shelf *shelf, int64_t at)
{
  uint64_t digest = 0xcbf29ce484222325u;
  for (uint32_t f = 0; f < shelf->set->n_fields; f++) {
    size_t bytes = record_bytes(shelf, f);
    if (bytes > 0) {
      digest = lm_mix_bytes(digest, shelf->zones[f].data + (size_t)at * bytes, bytes);
    }
  }
  return digest;
}

static int64_t records(const struct shelf *shelf)
{
  return shelf->set->count < MOST_RECORDS ? shelf->set->count : MOST_RECORDS;
}

/* Digests of all records, each read alone. */
static bool read_alone(struct shelf *shelf, uint64_t *digests, int poison)
{
  bool read = true;
  for (int64_t i = 0; read && i < records(shelf); i++) {
    read = read_records(shelf, &i, 1, poison);
    digests[i] = record_digest(shelf, 0);
  }
  return read;
}

/* ---- D01 ---- */

static void check_opens(struct lm_trial *trial)
{
  size_t opened = 0;
  struct lm_error error = {0};
  for (size_t i = 0; i < trial->n_cases; i++) {
    struct lm_home *home = NULL;
    struct lm_dataset *set = NULL;
    enum lamina_status status = lm_trial_home(trial, trial->cases[i].settings, 1, &home, &error);
    status = status == LAMINA_OK ? open_set(home, &set, &error) : status;
    lm_judge_refusal(trial, status, &error);
    opened += status == LAMINA_OK;
    if (status == LAMINA_E_PLUGIN || status == LAMINA_E_INTERNAL) {
      lm_find(trial, "D01", "%s: %s", home->label, error.text);
    }
    lm_dataset_free(set);
    lm_home_free(home);
  }
  if (opened == 0) {
    lm_skip(trial, "there is no data that it opens; give some by --settings%s%.200s",
            error.text[0] == '\0' ? "" : ": ", error.text);
  }
}

/* ---- D02, D03 ---- */

static void compare_records(struct shelf *shelf, const uint64_t *digests, const char *how)
{
  int64_t index[BATCH];
  for (int64_t first = 0; first < records(shelf); first += BATCH) {
    int64_t n = records(shelf) - first < BATCH ? records(shelf) - first : BATCH;
    for (int64_t k = 0; k < n; k++) {
      index[k] = records(shelf) - 1 - (first + k);
    }
    if (!read_records(shelf, index, n, 0x3c)) {
      return;
    }
    for (int64_t k = 0; k < n; k++) {
      if (record_digest(shelf, k) != digests[index[k]]) {
        lm_find(shelf->trial, "D02", "%s: record %lld differs when it is read %s",
                shelf->home->label, (long long)index[k], how);
        return;
      }
    }
  }
}

static void check_classes(const struct shelf *shelf)
{
  for (uint32_t f = 0; f < shelf->set->n_fields; f++) {
    const struct lm_declared_field *field = &shelf->set->fields[f];
    const int32_t *labels = (const int32_t *)(const void *)shelf->zones[f].data;
    bool is_label = field->classes > 0 && lamina_type_is_i32(&field->shape.type);
    for (int64_t i = 0; is_label && i < lamina_type_count(&field->shape.type); i++) {
      if (labels[i] < 0 || labels[i] >= field->classes) {
        lm_find(shelf->trial, "D03", "%s: field '%s' has label %d of %lld classes",
                shelf->home->label, field->name, (int)labels[i], (long long)field->classes);
        return;
      }
    }
  }
}

/* All records once more; false, with a finding of the rule id, when one differs. */
static bool same_again(struct shelf *shelf, const uint64_t *digests, int poison, const char *id,
                       const char *what)
{
  uint64_t again[MOST_RECORDS];
  bool same = read_alone(shelf, again, poison);
  for (int64_t i = 0; same && i < records(shelf); i++) {
    same = again[i] == digests[i];
    if (!same) {
      lm_find(shelf->trial, id, "%s: record %lld %s", shelf->home->label, (long long)i, what);
    }
  }
  return same;
}

static void check_records(struct lm_trial *trial, struct lm_home *home)
{
  struct shelf shelf, other;
  struct lm_home *fresh = NULL;
  struct lm_error error = {0};
  uint64_t digests[MOST_RECORDS];
  bool made = shelf_open(&shelf, trial, home) && read_alone(&shelf, digests, 0xff);
  made = made && same_again(&shelf, digests, 0xff, "D02", "differs when it is read again") &&
         same_again(&shelf, digests, 0x3c, "D03", "has elements that are not written");
  for (int64_t i = 0; made && i < records(&shelf); i++) {
    made = read_records(&shelf, &i, 1, 0xff);
    check_classes(&shelf);
  }
  if (made) {
    compare_records(&shelf, digests, "in a batch, in another order");
  }
  if (made && lm_trial_home(trial, home->settings, 1, &fresh, &error) == LAMINA_OK) {
    if (shelf_open(&other, trial, fresh)) {
      compare_records(&other, digests, "from a fresh instance");
    }
    shelf_release(&other);
  }
  shelf_release(&shelf);
  lm_home_free(fresh);
}

static void check_all_records(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_records);
  if (trial->ledger->skip[0] == '\0') {
    check_opens(trial); /* says so when there was nothing to read */
  }
}

bool lm_exercise_dataset(struct lm_trial *trial, struct lm_home *home, uint64_t *digest)
{
  struct shelf shelf;
  uint64_t digests[MOST_RECORDS];
  bool made = shelf_open(&shelf, trial, home) && read_alone(&shelf, digests, 0xff);
  for (uint32_t f = 0; made && f < shelf.set->n_fields; f++) {
    const struct lm_declared_field *field = &shelf.set->fields[f];
    *digest = lm_mix_bytes(*digest, field->shape.dims, sizeof field->shape.dims);
    *digest = lm_mix_bytes(*digest, &field->classes, sizeof field->classes);
    *digest = lm_mix_bytes(*digest, &field->exact, sizeof field->exact);
  }
  if (made) {
    *digest = lm_mix_bytes(*digest, digests, (size_t)records(&shelf) * sizeof *digests);
    *digest = lm_mix_bytes(*digest, &shelf.set->count, sizeof shelf.set->count);
  }
  shelf_release(&shelf);
  return made;
}

/* ---- D04: broken files ---- */

/** What a file is turned into. */
enum damage { EMPTY = 0, CUT, GARBAGE, DAMAGES };

static const char *const damage_names[DAMAGES] = {"emptied", "cut off", "overwritten"};

/* A damaged copy of a file in memory; -1 when it cannot be made. */
static int damage_file(const char *path, enum damage damage)
{
  int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("damaged", MFD_CLOEXEC);
  char *bytes = lm_alloc(LARGEST, 1);
  ssize_t size = from < 0 || bytes == NULL ? -1 : read(from, bytes, LARGEST);
  uint64_t seed = 3;
  if (damage == CUT) {
    size = size / 3;
  }
  for (ssize_t i = 0; damage == GARBAGE && i < size; i++) {
    bytes[i] = (char)(128 + lm_draw(&seed, 127));
  }
  bool done = size >= 0 && to >= 0 && (damage == EMPTY || write(to, bytes, (size_t)size) == size);
  lm_free(bytes);
  if (from >= 0) {
    (void)close(from);
  }
  if (!done && to >= 0) {
    (void)close(to);
  }
  return done ? to : -1;
}

static void try_damaged(struct lm_trial *trial, const char *settings, const char *key,
                        const char *path, enum damage damage)
{
  int fd = damage_file(path, damage);
  struct lm_home *home = NULL;
  struct lm_dataset *set = NULL;
  struct lm_error error = {0};
  char *override = lm_format("%s=/proc/self/fd/%d", key, fd);
  const char *overrides[] = {override};
  enum lamina_status status =
      fd < 0 || override == NULL ? LAMINA_E_INTERNAL
                                 : lm_trial_home_with(trial, settings, overrides, 1, &home, &error);
  if (status == LAMINA_OK) {
    status = open_set(home, &set, &error);
    lm_judge_refusal(trial, status, &error);
    if (status == LAMINA_OK && damage != CUT) {
      lm_find(trial, "D04", "%s: opens although the file of '%s' is %s", home->label, key,
              damage_names[damage]);
    } else if (status == LAMINA_E_PLUGIN) {
      lm_find(trial, "D04", "%s: with the file of '%s' %s: %s", home->label, key,
              damage_names[damage], error.text);
    }
  }
  lm_dataset_free(set);
  lm_home_free(home);
  lm_free(override);
  if (fd >= 0) {
    (void)close(fd);
  }
}

/* The absolute path that a setting has in a home, or NULL. */
static const char *path_of(const struct lm_home *home, const struct lamina_plugin *info,
                           const char *key)
{
  const struct lm_value *map = lm_value_get(lm_config_root(home->config), info->name);
  const struct lm_value *value =
      map == NULL || map->kind != LM_VALUE_MAP ? NULL : lm_value_get(map, key);
  bool is_file = value != NULL && value->kind == LM_VALUE_SCALAR && access(value->text, R_OK) == 0;
  return is_file ? value->text : NULL;
}

static void damage_settings(struct lm_trial *trial, struct lm_home *home)
{
  const struct lamina_plugin *info = &trial->plugin->info;
  const struct lm_settings table = {"the plugin", info->settings, info->n_settings,
                                    info->setting_stride};
  struct shelf shelf;
  size_t tried = 0;
  struct lm_home *whole = NULL;
  struct lm_error error = {0};
  bool opens = lm_trial_home(trial, home->settings, 1, &whole, &error) == LAMINA_OK &&
               shelf_open(&shelf, trial, whole);
  if (whole != NULL) {
    shelf_release(&shelf);
  }
  lm_home_free(whole);
  for (size_t i = 0; opens && i < table.count; i++) {
    const struct lamina_setting *row = lm_settings_row(&table, i);
    const char *path = strcmp(row->type, "path") == 0 ? path_of(home, info, row->name) : NULL;
    for (int damage = EMPTY; path != NULL && damage < DAMAGES; damage++) {
      try_damaged(trial, home->settings, row->name, path, (enum damage)damage);
      tried++;
    }
  }
  if (tried == 0) {
    lm_skip(trial, "%s",
            opens ? "no setting names a file that is there"
                  : "there is no data that it opens; give some by --settings");
  }
}

static void check_damage(struct lm_trial *trial)
{
  lm_each_home(trial, 1, damage_settings);
}

static const struct lm_check checks[] = {
    {"D01", DATASET, check_opens},
    {"D02 D03", DATASET, check_all_records},
    {"D04", DATASET, check_damage},
};
const struct lm_checks lm_dataset_checks = {checks, sizeof checks / sizeof checks[0]};
