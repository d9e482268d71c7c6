/*
 * The state lies in an anonymous file (memfd) that forked processes share: a head, a table of
 * tensors with their names, and two slots of data. The table describes itself, so that it can be
 * compared with what a rebuilt plugin declares, and be written as a checkpoint by a process that
 * has no plugin loaded.
 */
#include "trainer/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "checkpoint/model.h"
#include "trainer/train_internal.h"

enum { SLOTS = 2, OWN_METADATA = 3 };

/* Offsets are in bytes, those named _at from the start of the area. */
struct entry {
  uint64_t name_at, data, bytes; /* data: from the start of a slot */
  uint32_t code, bits, lanes, rank;
  int64_t dims[LAMINA_MAX_RANK];
};

struct area {
  uint64_t size;
  _Atomic uint32_t current; /* number of the slot that is whole, from 1; 0: none */
  uint32_t n;
  uint64_t experiment_at, slot_at[SLOTS];
  int64_t checkpoints; /* that are kept, besides the newest */
  struct lm_progress progress[SLOTS];
  struct entry entries[];
};

struct lm_keep {
  int file;
  struct area *area; /* NULL: not mapped */
  size_t size;
};

/* ---- the area ---- */

static void detach(struct lm_keep *keep)
{
  if (keep->area != NULL) {
    (void)munmap(keep->area, keep->size);
    keep->area = NULL;
  }
}

static enum lamina_status attach(struct lm_keep *keep, size_t size, struct lm_error *error)
{
  detach(keep);
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, keep->file, 0);
  if (memory == MAP_FAILED) {
    return lm_fail_memory(error, size);
  }
  keep->area = memory;
  keep->size = size;
  return LAMINA_OK;
}

/* Reads the head, which is there as soon as there is a state. */
static bool read_head(const struct lm_keep *keep, struct area *head)
{
  return pread(keep->file, head, sizeof *head, 0) == (ssize_t)sizeof *head &&
         atomic_load_explicit(&head->current, memory_order_relaxed) != 0;
}

enum lamina_status lm_keep_create(struct lm_keep **out, struct lm_error *error)
{
  struct lm_keep *keep = lm_alloc(1, sizeof *keep);
  *out = NULL;
  if (keep == NULL) {
    return lm_fail_memory(error, sizeof *keep);
  }
  keep->file = memfd_create("lamina-state", MFD_CLOEXEC);
  if (keep->file < 0) {
    lm_free(keep);
    return lm_fail(error, LAMINA_E_IO, "memory for the training's state cannot be had (%s)",
                   strerror(errno));
  }
  *out = keep;
  return LAMINA_OK;
}

void lm_keep_free(struct lm_keep *keep)
{
  if (keep != NULL) {
    detach(keep);
    (void)close(keep->file);
    lm_free(keep);
  }
}

bool lm_keep_holds(const struct lm_keep *keep, uint64_t *step)
{
  struct area head;
  if (!read_head(keep, &head)) {
    return false;
  }
  *step = head.progress[atomic_load_explicit(&head.current, memory_order_relaxed) - 1].step;
  return true;
}

static const char *name_of(const struct area *area, const struct entry *entry)
{
  return (const char *)area + entry->name_at;
}

static void describe(const struct entry *entry, struct lamina_type *type)
{
  *type = lamina_type_make((uint8_t)entry->code, (uint8_t)entry->bits, entry->rank, entry->dims);
}

/* ---- laying out ---- */

static size_t bytes_of(const struct lamina_type *type)
{
  return (size_t)lamina_type_count(type) * (type->dt_bits / 8u);
}

static uint64_t put_text(struct area *area, uint64_t *at, const char *text)
{
  uint64_t begin = *at;
  size_t size = strlen(text) + 1;
  memcpy((char *)area + begin, text, size);
  *at += size;
  return begin;
}

/* Sizes of the texts and of a slot. */
static size_t measure(const struct lm_kept_list *list, const char *experiment, size_t *slot)
{
  size_t texts = strlen(experiment) + 1;
  *slot = 0;
  for (size_t i = 0; i < list->count; i++) {
    texts += strlen(list->items[i].name) + 1;
    *slot += lm_round_up(bytes_of(&list->items[i].type), LAMINA_ALIGNMENT);
  }
  return texts;
}

static void put_table(struct area *area, const struct lm_kept_list *list, uint64_t *text_at)
{
  uint64_t data = 0;
  area->n = (uint32_t)list->count;
  for (size_t i = 0; i < list->count; i++) {
    const struct lamina_type *type = &list->items[i].type;
    struct entry *entry = &area->entries[i];
    *entry = (struct entry){.name_at = put_text(area, text_at, list->items[i].name),
                            .data = data,
                            .bytes = bytes_of(type),
                            .code = type->dt_code,
                            .bits = type->dt_bits,
                            .rank = type->rank};
    for (uint32_t d = 0; d < type->rank; d++) {
      entry->dims[d] = type->dims[d];
    }
    data += lm_round_up(entry->bytes, LAMINA_ALIGNMENT);
  }
}

static enum lamina_status lay_out(struct lm_keep *keep, const struct lm_kept_list *list,
                                  const struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_text text = {0};
  lm_value_write(lm_config_root(experiment->config), &text);
  if (!lm_text_ok(&text)) {
    lm_text_release(&text);
    return lm_fail_memory(error, 0);
  }
  size_t slot;
  size_t texts = measure(list, lm_text_get(&text), &slot);
  uint64_t at = sizeof(struct area) + list->count * sizeof(struct entry);
  size_t slots_at = lm_round_up(at + texts, LAMINA_ALIGNMENT);
  size_t size = slots_at + SLOTS * slot;
  /* Pages that cannot be had are told now, and not by SIGBUS. */
  enum lamina_status status = posix_fallocate(keep->file, 0, (off_t)size) == 0
                                  ? attach(keep, size, error)
                                  : lm_fail_memory(error, size);
  if (status == LAMINA_OK) {
    struct area *area = keep->area;
    atomic_store_explicit(&area->current, 0, memory_order_release);
    area->size = size;
    area->checkpoints = experiment->checkpoint.keep;
    for (size_t i = 0; i < SLOTS; i++) {
      area->slot_at[i] = slots_at + i * slot;
    }
    put_table(area, list, &at);
    area->experiment_at = put_text(area, &at, lm_text_get(&text));
  }
  lm_text_release(&text);
  return status;
}

/* ---- keeping ---- */

/* The list is in the order of the table. */
static void take(struct lm_keep *keep, const struct lm_kept_list *list,
                 const struct lm_progress *progress)
{
  struct area *area = keep->area;
  uint32_t slot = atomic_load_explicit(&area->current, memory_order_relaxed) == 1 ? 1 : 0;
  char *data = (char *)area + area->slot_at[slot];
  for (uint32_t i = 0; i < area->n; i++) {
    memcpy(data + area->entries[i].data, list->items[i].data, area->entries[i].bytes);
  }
  area->progress[slot] = *progress;
  atomic_store_explicit(&area->current, slot + 1, memory_order_release);
}

void lm_training_keep(struct lm_training *training, double began)
{
  if (training->options->keep == NULL) {
    return;
  }
  struct lm_progress progress = training->progress;
  progress.seconds += lm_clock_seconds() - began;
  take(training->options->keep, &training->kept, &progress);
}

enum lamina_status lm_training_begin_keeping(struct lm_training *training, struct lm_error *error)
{
  struct lm_keep *keep = training->options->keep;
  if (keep == NULL) {
    return LAMINA_OK;
  }
  LM_TRY(lm_training_list(training, &training->kept, error));
  LM_TRY(lay_out(keep, &training->kept, training->experiment, error));
  take(keep, &training->kept, &training->progress);
  return training->options->ready(training->options->ready_arg, error);
}

/* ---- going on ---- */

static const struct entry *find(const struct area *area, const char *name)
{
  for (uint32_t i = 0; i < area->n; i++) {
    if (strcmp(name_of(area, &area->entries[i]), name) == 0) {
      return &area->entries[i];
    }
  }
  return NULL;
}

/* What is the trainer's own, partial results of metrics, may be new or change. */
static bool may_differ(const char *name)
{
  return strncmp(name, "trainer/", 8) == 0;
}

static enum lamina_status refuse(const struct lm_kept *kept, const struct entry *entry,
                                 struct lm_error *error)
{
  char own[160];
  char other[160];
  struct lamina_type type;
  (void)lm_shape_format(&kept->type, -1, own, sizeof own);
  if (entry == NULL) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the training has no tensor '%s', which it declares as %s", kept->name, own);
  }
  describe(entry, &type);
  return lm_fail(error, LAMINA_E_INVALID, "tensor '%s' is %s in the training, but it declares %s",
                 kept->name, lm_shape_format(&type, -1, other, sizeof other), own);
}

/* Copies one tensor; *same turns false when it is none of the area's. */
static enum lamina_status restore_one(const struct area *area, const char *data,
                                      const struct lm_kept *kept, bool *same,
                                      struct lm_error *error)
{
  const struct entry *entry = find(area, kept->name);
  struct lamina_type type;
  if (entry != NULL) {
    describe(entry, &type);
    if (lamina_type_is(&kept->type, type.dt_code, type.dt_bits) &&
        lamina_shape_equal(&kept->type, &type)) {
      memcpy(kept->data, data + entry->data, entry->bytes);
      return LAMINA_OK;
    }
  }
  *same = false;
  return may_differ(kept->name) ? LAMINA_OK : refuse(kept, entry, error);
}

static enum lamina_status refuse_others(const struct area *area, const struct lm_kept_list *list,
                                        bool *same, struct lm_error *error)
{
  for (uint32_t i = 0; i < area->n; i++) {
    const char *name = name_of(area, &area->entries[i]);
    bool known = false;
    for (size_t k = 0; k < list->count && !known; k++) {
      known = strcmp(list->items[k].name, name) == 0;
    }
    if (!known && !may_differ(name)) {
      return lm_fail(error, LAMINA_E_INVALID,
                     "the training has a tensor '%s', which it does not declare", name);
    }
    *same = *same && known;
  }
  return LAMINA_OK;
}

/* *same: the area's table is that of the training's list. */
static enum lamina_status restore(struct lm_training *training, bool *same, struct lm_error *error)
{
  struct area *area = training->options->keep->area;
  uint32_t slot = atomic_load_explicit(&area->current, memory_order_acquire) - 1;
  const char *data = (const char *)area + area->slot_at[slot];
  *same = area->n == training->kept.count;
  for (size_t i = 0; i < training->kept.count; i++) {
    LM_TRY(restore_one(area, data, &training->kept.items[i], same, error));
    *same = *same && strcmp(name_of(area, &area->entries[i]), training->kept.items[i].name) == 0;
  }
  training->progress = area->progress[slot];
  return refuse_others(area, &training->kept, same, error);
}

/* Maps the area as it is and restores from it. */
static enum lamina_status join(struct lm_training *training, bool *same, struct lm_error *error)
{
  struct area head;
  if (!read_head(training->options->keep, &head)) {
    return lm_fail(error, LAMINA_E_INTERNAL, "the training's state is not there");
  }
  LM_TRY(attach(training->options->keep, head.size, error));
  return restore(training, same, error);
}

enum lamina_status lm_training_take_over(struct lm_training *training, struct lm_error *error)
{
  struct lm_keep *keep = training->options->keep;
  bool same;
  LM_TRY(lm_training_list(training, &training->kept, error));
  LM_TRY(join(training, &same, error)); /* whether it fits; the one before still trains */
  LM_TRY(training->options->ready(training->options->ready_arg, error));
  LM_TRY(join(training, &same, error));
  if (!same) {
    LM_TRY(lay_out(keep, &training->kept, training->experiment, error));
    take(keep, &training->kept, &training->progress);
  }
  return LAMINA_OK;
}

/* ---- a checkpoint without a training ---- */

static enum lamina_status write_checkpoint(const struct area *area, const char *path,
                                           const char *previous, struct lm_error *error)
{
  struct lm_metadata metadata[OWN_METADATA + LM_PROGRESS_FIELDS] = {
      {"lamina.format", "lamina.checkpoint/1"},
      {"lamina.version", LM_VERSION},
      {"lamina.experiment", (const char *)area + area->experiment_at}};
  char text[LM_PROGRESS_FIELDS][LM_PROGRESS_TEXT];
  uint32_t slot = atomic_load_explicit(&area->current, memory_order_acquire) - 1;
  struct lm_named_tensor *tensors = lm_alloc(area->n, sizeof *tensors);
  if (tensors == NULL) {
    return lm_fail_memory(error, area->n * sizeof *tensors);
  }
  for (uint32_t i = 0; i < area->n; i++) {
    tensors[i].name = name_of(area, &area->entries[i]);
    tensors[i].data = (const char *)area + area->slot_at[slot] + area->entries[i].data;
    describe(&area->entries[i], &tensors[i].type);
  }
  lm_progress_write(&area->progress[slot], metadata + OWN_METADATA, text);
  struct lm_safetensors content = {tensors, area->n, metadata, OWN_METADATA + LM_PROGRESS_FIELDS};
  enum lamina_status status = lm_safetensors_write(path, previous, &content, error);
  lm_free(tensors);
  return status;
}

enum lamina_status lm_keep_save(struct lm_keep *keep, const struct lm_run_folder *run,
                                struct lm_error *error)
{
  struct area head;
  if (!read_head(keep, &head)) {
    return LAMINA_OK;
  }
  LM_TRY(attach(keep, head.size, error));
  char *path = lm_run_folder_file(run, "checkpoint.safetensors");
  char *previous = lm_run_folder_file(run, "checkpoint.1.safetensors");
  enum lamina_status status;
  if (path == NULL || previous == NULL) {
    status = lm_fail_memory(error, 0);
  } else {
    lm_run_folder_rotate(run, keep->area->checkpoints);
    status =
        write_checkpoint(keep->area, path, keep->area->checkpoints == 0 ? NULL : previous, error);
  }
  lm_free(path);
  lm_free(previous);
  return status;
}
