/*
 * Pictures in folders, one folder for each class: the folders' names in the order of their bytes
 * are the classes 0, 1, ..., and the files of a class follow in the order of theirs.
 *
 * setup() lists the folders and, unless a size is given, reads the head of the first picture.
 * open() decodes all of them into bytes, eight at a time. A slot keeps one file at a time and
 * stops at its first broken one; of those the first in order is told, whatever ran first.
 *
 * fields: input u8 [H, W, C]; target i32, exact number of classes.
 */
#include <string.h>

#include <lamina/dataset.h>
#include <lamina/files.h>

#include "decode.h"

enum { INPUT = 0, TARGET = 1 };
enum { SLOTS = 8, PATH_LIMIT = 4096, SENTENCE = 512 };

struct item {
  const char *name; /* of the file, without its folder */
  uint64_t size;
  int32_t label, reserved;
};

/* What decodes every eighth file. */
struct slot {
  unsigned char *bytes; /* of the file being decoded */
  int64_t failed;       /* the record that it failed at; -1: none */
  char sentence[SENTENCE];
};

struct image_folder {
  const char *folder;
  struct lamina_i64s size;
  int64_t channels;
  const struct lamina_files *files;
  const char **classes; /* names of the folders */
  int64_t n_classes;
  struct item *items;
  int64_t count, height, width;
  unsigned char *pixels; /* [count, height, width, channels], after open() */
};

static const struct lamina_setting settings[] = {
    LAMINA_PATH_REQUIRED(struct image_folder, folder, "folder with one folder for each class"),
    LAMINA_I64S(struct image_folder, size, "[]", "[1, 16384]",
                "height and width to resize to; empty: all pictures are of one size"),
    LAMINA_I64(struct image_folder, channels, "3", "[1, 3]", "1: grey, 3: red, green and blue"),
};

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int ends_with(const char *name, const char *ending)
{
  size_t length = strlen(name), tail = strlen(ending), same = 0;
  while (length > tail && same < tail && lower(name[length - tail + same]) == ending[same]) {
    same++;
  }
  return same == tail;
}

static int is_picture(const struct lamina_entry *entry)
{
  return !entry->is_folder && (ends_with(entry->name, ".png") || ends_with(entry->name, ".jpg") ||
                               ends_with(entry->name, ".jpeg"));
}

static int32_t path_of(const struct image_folder *self, struct lamina_call *call,
                       const struct item *item, char path[PATH_LIMIT])
{
  int length =
      snprintf(path, PATH_LIMIT, "%s/%s/%s", self->folder, self->classes[item->label], item->name);
  return length < PATH_LIMIT ? LAMINA_OK
                             : lamina_failf(call, LAMINA_E_INVALID,
                                            "a path of %d bytes is too long, expected at most %d",
                                            length, PATH_LIMIT - 1);
}

/* Lists each class; fills the items when there is room for them, counts them otherwise. */
static int32_t survey(struct image_folder *self, struct lamina_call *call,
                      const struct lamina_folder *contents)
{
  self->count = 0;
  for (int64_t k = 0; k < self->n_classes; k++) {
    for (uint64_t i = 0; i < contents[k].count; i++) {
      const struct lamina_entry *entry = &contents[k].entries[i];
      if (!is_picture(entry)) {
        continue;
      }
      if (self->items != NULL) {
        self->items[self->count] = (struct item){entry->name, entry->size, (int32_t)k, 0};
      }
      self->count++;
    }
  }
  if (self->count == 0) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: there is no picture (.png, .jpg, .jpeg) in its folders",
                        self->folder);
  }
  return LAMINA_OK;
}

static int32_t list_classes(struct image_folder *self, struct lamina_call *call,
                            const struct lamina_folder *top, struct lamina_folder **out)
{
  char path[PATH_LIMIT];
  struct lamina_folder *contents = lamina_memory(call, (top->count + 1) * sizeof *contents);
  self->classes = lamina_memory(call, (top->count + 1) * sizeof *self->classes);
  if (contents == NULL || self->classes == NULL) {
    return LAMINA_E_NOMEM;
  }
  for (uint64_t i = 0; i < top->count; i++) {
    if (!top->entries[i].is_folder) {
      continue;
    }
    int length = snprintf(path, sizeof path, "%s/%s", self->folder, top->entries[i].name);
    if (length >= PATH_LIMIT) {
      return lamina_failf(call, LAMINA_E_INVALID, "a path of %d bytes is too long", length);
    }
    LAMINA_TRY(self->files->list(self->files->self, call, path, &contents[self->n_classes]));
    self->classes[self->n_classes++] = top->entries[i].name;
  }
  *out = contents;
  return LAMINA_OK;
}

static int32_t find_items(struct image_folder *self, struct lamina_call *call)
{
  struct lamina_folder top, *contents = NULL;
  LAMINA_TRY(self->files->list(self->files->self, call, self->folder, &top));
  LAMINA_TRY(list_classes(self, call, &top, &contents));
  LAMINA_TRY(survey(self, call, contents));
  self->items = lamina_memory(call, (uint64_t)self->count * sizeof *self->items);
  return self->items == NULL ? LAMINA_E_NOMEM : survey(self, call, contents);
}

/* The size of the first picture is that of all of them. */
static int32_t find_size(struct image_folder *self, struct lamina_call *call)
{
  char path[PATH_LIMIT];
  uint64_t got = 0;
  struct lm_image image;
  unsigned char *bytes = lamina_memory(call, self->items[0].size + 1);
  if (bytes == NULL) {
    return LAMINA_E_NOMEM;
  }
  LAMINA_TRY(path_of(self, call, &self->items[0], path));
  LAMINA_TRY(self->files->peek(self->files->self, call, path, bytes, self->items[0].size, &got));
  memset(&image, 0, sizeof image);
  image.bytes = bytes;
  image.size = got;
  if (lm_image_decode(&image) != LAMINA_OK) {
    return lamina_failf(call, LAMINA_E_INVALID, "%.250s is broken: %s", path, image.reason);
  }
  self->height = image.height;
  self->width = image.width;
  return LAMINA_OK;
}

static int32_t setup(void *instance, struct lamina_call *call)
{
  struct image_folder *self = instance;
  if (self->channels == 2) {
    return lamina_fail(call, LAMINA_E_INVALID, "channels is 2, expected 1 (grey) or 3 (colour)");
  }
  if (self->size.count != 0 && self->size.count != 2) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "size has %lld numbers, expected [height, width], or none",
                        (long long)self->size.count);
  }
  self->files = lamina_service(call, LAMINA_FILES_ID);
  if (self->files == NULL) {
    return LAMINA_E_MISSING;
  }
  if (self->files->size < offsetof(struct lamina_files, list) + sizeof self->files->list) {
    return lamina_fail(call, LAMINA_E_UNSUPPORTED, "the host is too old to list folders");
  }
  LAMINA_TRY(find_items(self, call));
  if (self->size.count == 0) {
    return find_size(self, call);
  }
  self->height = self->size.items[0];
  self->width = self->size.items[1];
  return LAMINA_OK;
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct image_folder *self = instance;
  const int64_t dims[] = {self->height, self->width, self->channels};
  struct lamina_type type = lamina_type_make(LAMINA_DT_UINT, 8, 3, dims);
  LAMINA_TRY(lamina_field(plan, INPUT, "input", &type, 0, 0));
  type = lamina_type_i32(0, dims);
  return lamina_field(plan, TARGET, "target", &type, self->n_classes, LAMINA_FIELD_CLASSES_EXACT);
}

/* ---- open ---- */

struct work {
  struct image_folder *self;
  struct lamina_call *call;
  struct slot *slots;
  int64_t n_slots;
};

static int32_t tell(struct slot *slot, int64_t record, const char *path, const char *reason)
{
  slot->failed = record;
  (void)snprintf(slot->sentence, sizeof slot->sentence, "%.250s %s", path, reason);
  return LAMINA_OK;
}

/* Decodes one file to its place. A broken one is kept in mind, not told: see open_records(). */
static int32_t decode_item(const struct work *work, struct slot *slot, int64_t record)
{
  struct image_folder *self = work->self;
  const struct item *item = &self->items[record];
  char path[PATH_LIMIT], text[LM_IMAGE_REASON + 40];
  struct lm_image image;
  memset(&image, 0, sizeof image);
  LAMINA_TRY(path_of(self, work->call, item, path));
  LAMINA_TRY(
      self->files->peek(self->files->self, work->call, path, slot->bytes, item->size, &image.size));
  image.bytes = slot->bytes;
  image.channels = self->channels;
  image.out_height = self->height;
  image.out_width = self->width;
  image.out = self->pixels + record * self->height * self->width * self->channels;
  if (lm_image_decode(&image) != LAMINA_OK) {
    (void)snprintf(text, sizeof text, "is broken: %s", image.reason);
    return tell(slot, record, path, text);
  }
  if (self->size.count == 0 && (image.height != self->height || image.width != self->width)) {
    (void)snprintf(text, sizeof text,
                   "has %lld x %lld pixels, the first picture %lld x %lld: size: [height, width] "
                   "makes them alike",
                   (long long)image.height, (long long)image.width, (long long)self->height,
                   (long long)self->width);
    return tell(slot, record, path, text);
  }
  return LAMINA_OK;
}

static int32_t decode_slots(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  for (int64_t s = begin; s < end; s++) {
    struct slot *slot = &work->slots[s];
    for (int64_t i = s; i < work->self->count && slot->failed < 0; i += work->n_slots) {
      LAMINA_TRY(decode_item(work, slot, i));
    }
  }
  return LAMINA_OK;
}

/* A file for each slot, and room for all pixels. */
static int32_t make_room(struct work *work)
{
  struct image_folder *self = work->self;
  uint64_t largest = 0, bytes = (uint64_t)(self->height * self->width * self->channels);
  for (int64_t i = 0; i < self->count; i++) {
    largest = self->items[i].size > largest ? self->items[i].size : largest;
  }
  if (bytes > (uint64_t)INT64_MAX / (uint64_t)self->count || largest > UINT64_MAX / 4 / SLOTS) {
    return lamina_fail(work->call, LAMINA_E_NOMEM, "the pictures are too large for any memory");
  }
  self->pixels = lamina_memory(work->call, bytes * (uint64_t)self->count);
  for (int64_t s = 0; s < work->n_slots && self->pixels != NULL; s++) {
    work->slots[s].failed = -1;
    work->slots[s].bytes = lamina_memory(work->call, largest + 1);
    if (work->slots[s].bytes == NULL) {
      return LAMINA_E_NOMEM;
    }
  }
  return self->pixels == NULL ? LAMINA_E_NOMEM : LAMINA_OK;
}

static int32_t open_records(void *instance, struct lamina_call *call)
{
  struct image_folder *self = instance;
  struct slot slots[SLOTS];
  struct work work = {self, call, slots, self->count < SLOTS ? self->count : SLOTS};
  const struct slot *first = NULL;
  LAMINA_TRY(make_room(&work));
  LAMINA_TRY(lamina_parallel_for(call, work.n_slots, 1, decode_slots, &work));
  for (int64_t s = 0; s < work.n_slots; s++) {
    if (slots[s].failed >= 0 && (first == NULL || slots[s].failed < first->failed)) {
      first = &slots[s];
    }
  }
  return first == NULL ? LAMINA_OK : lamina_fail(call, LAMINA_E_INVALID, first->sentence);
}

static int64_t count(const void *instance)
{
  const struct image_folder *self = instance;
  return self->count;
}

static int32_t read_records(void *instance, struct lamina_call *call, const int64_t *index,
                            int64_t n)
{
  const struct image_folder *self = instance;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const struct lamina_view *target = lamina_get(call, LAMINA_OUT, TARGET);
  size_t size = (size_t)(self->height * self->width * self->channels);
  if (input == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < n; i++) {
    memcpy((unsigned char *)input->data + (size_t)i * size, self->pixels + (size_t)index[i] * size,
           size);
    ((int32_t *)target->data)[i] = self->items[index[i]].label;
  }
  return LAMINA_OK;
}

LAMINA_DATASET(image_folder, "1.0.0", "PNG and JPEG pictures, one folder for each class",
               struct image_folder, LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
               .open = open_records, .count = count, .read = read_records);
