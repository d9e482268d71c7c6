/*
 * Sounds in files, one folder for each class, or a list of files with numbers. wav.h tells what
 * is in which file.
 *
 * setup() lists the folder and, unless the settings tell all, reads the head of the first file.
 * open() reads all of them into floats.
 *
 * fields: input f32 [T, C]; target i32, exact number of classes, or f32 [K].
 */
#include "wav.h"

#include <string.h>

enum { INPUT = 0, TARGET = 1 };

static const struct lamina_setting settings[] = {
    LAMINA_PATH_REQUIRED(struct lm_wav, folder,
                         "folder with one folder for each class, or with the files of a list"),
    LAMINA_STR(struct lm_wav, list, "''",
               "table in the folder: a file and its numbers a line; empty: folders are classes"),
    LAMINA_I64(struct lm_wav, length, "0", "[0, 1073741823]",
               "frames of a record: longer sounds are cut, zeros follow shorter ones; 0: all are "
               "of one length"),
    LAMINA_I64(struct lm_wav, rate, "0", "[0, 10000000]",
               "frames a second, to which others are resampled; 0: all are of one rate"),
    LAMINA_CHOICE(struct lm_wav, channels, "keep", "keep|mix",
                  "keep: as in the files, all alike; mix: one channel, the mean of them"),
};

static int32_t setup(void *instance, struct lamina_call *call)
{
  struct lm_wav *self = instance;
  self->files = lamina_service(call, LAMINA_FILES_ID);
  if (self->files == NULL) {
    return LAMINA_E_MISSING;
  }
  if (self->files->size < offsetof(struct lamina_files, list) + sizeof self->files->list) {
    return lamina_fail(call, LAMINA_E_UNSUPPORTED, "the host is too old to list folders");
  }
  LAMINA_TRY(lm_wav_find(self, call));
  return lm_wav_find_shape(self, call);
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct lm_wav *self = instance;
  struct lamina_type type = lamina_type_f32(2, self->shape);
  LAMINA_TRY(lamina_field(plan, INPUT, "input", &type, 0, 0));
  if (self->numbers != NULL) {
    type = lamina_type_f32(1, &self->n_numbers);
    return lamina_field(plan, TARGET, "target", &type, 0, 0);
  }
  type = lamina_type_i32(0, self->shape);
  return lamina_field(plan, TARGET, "target", &type, self->n_classes, LAMINA_FIELD_CLASSES_EXACT);
}

static int32_t open_records(void *instance, struct lamina_call *call)
{
  return lm_wav_load(instance, call);
}

static int64_t count(const void *instance)
{
  const struct lm_wav *self = instance;
  return self->count;
}

static int32_t read_records(void *instance, struct lamina_call *call, const int64_t *index,
                            int64_t n)
{
  const struct lm_wav *self = instance;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const struct lamina_view *target = lamina_get(call, LAMINA_OUT, TARGET);
  int64_t size = self->shape[0] * self->shape[1];
  if (input == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < n; i++) {
    memcpy((float *)input->data + i * size, self->signals + index[i] * size,
           (size_t)size * sizeof(float));
    if (self->numbers != NULL) {
      memcpy((float *)target->data + i * self->n_numbers,
             self->numbers + index[i] * self->n_numbers, (size_t)self->n_numbers * sizeof(float));
    } else {
      ((int32_t *)target->data)[i] = (int32_t)self->items[index[i]].label;
    }
  }
  return LAMINA_OK;
}

static uint64_t class_name(const void *instance, uint32_t field, int64_t label, char *out,
                           uint64_t out_size)
{
  const struct lm_wav *self = instance;
  if (field != TARGET || self->numbers != NULL || label < 0 || label >= self->n_classes) {
    return 0;
  }
  uint64_t length = strlen(self->classes[label]);
  memcpy(out, self->classes[label], (size_t)(length < out_size ? length : out_size));
  return length;
}

static const void *extension(const char *id)
{
  static const struct lamina_class_names names = {.size = sizeof names, .name = class_name};
  return strcmp(id, LAMINA_CLASS_NAMES_ID) == 0 ? &names : NULL;
}

LAMINA_DATASET(wav, "1.0.0", "sounds in WAVE files, one folder for each class or with a list",
               struct lm_wav, LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
               .open = open_records, .count = count, .read = read_records, .extension = extension);
