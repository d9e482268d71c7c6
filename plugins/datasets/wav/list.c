/*
 * Which files are records. Without a list those of the folders, which are the classes; with one
 * those that it names, in its order, which may lie in the folder or in one below it.
 *
 * All entries of the folder and of those below it are in the order of their names' bytes, so that
 * a name of the list is looked for by halving.
 */
#include <math.h>
#include <string.h>

#include "cells/cells.h"
#include "wav.h"

/* The data set's folder and those in it: place 0 is the folder itself. */
struct places {
  struct lamina_folder *folders;
  const char **names;
  int64_t count;
};

int32_t lm_wav_path(const struct lm_wav *wav, struct lamina_call *call,
                    const struct lm_wav_item *item, char path[LM_WAV_PATH])
{
  int length = item->folder == NULL
                   ? snprintf(path, LM_WAV_PATH, "%s/%s", wav->folder, item->name)
                   : snprintf(path, LM_WAV_PATH, "%s/%s/%s", wav->folder, item->folder, item->name);
  return length < LM_WAV_PATH ? LAMINA_OK
                              : lamina_failf(call, LAMINA_E_INVALID,
                                             "a path of %d bytes is too long, expected at most %d",
                                             length, LM_WAV_PATH - 1);
}

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

static int is_sound(const struct lamina_entry *entry)
{
  static const char *const endings[] = {".wav", ".flac", ".ogg", ".opus", ".mp3",
                                        ".aif", ".aiff", ".au",  ".caf"};
  int found = 0;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    found |= ends_with(entry->name, endings[i]);
  }
  return found && !entry->is_folder;
}

static int32_t list_places(struct lm_wav *wav, struct lamina_call *call, struct places *places)
{
  struct lamina_folder top;
  LAMINA_TRY(wav->files->list(wav->files->self, call, wav->folder, &top));
  places->folders = lamina_memory(call, (top.count + 1) * sizeof *places->folders);
  places->names = lamina_memory(call, (top.count + 1) * sizeof *places->names);
  if (places->folders == NULL || places->names == NULL) {
    return LAMINA_E_NOMEM;
  }
  places->folders[0] = top;
  places->names[0] = NULL;
  places->count = 1;
  for (uint64_t i = 0; i < top.count; i++) {
    char path[LM_WAV_PATH];
    const struct lm_wav_item folder = {.name = top.entries[i].name};
    if (!top.entries[i].is_folder) {
      continue;
    }
    LAMINA_TRY(lm_wav_path(wav, call, &folder, path));
    LAMINA_TRY(wav->files->list(wav->files->self, call, path, &places->folders[places->count]));
    places->names[places->count++] = folder.name;
  }
  return LAMINA_OK;
}

/* ---- classes ---- */

/* Fills the items when there is room for them, counts them otherwise. */
static void survey(struct lm_wav *wav, const struct places *places)
{
  wav->count = 0;
  for (int64_t k = 1; k < places->count; k++) {
    for (uint64_t i = 0; i < places->folders[k].count; i++) {
      const struct lamina_entry *entry = &places->folders[k].entries[i];
      if (!is_sound(entry)) {
        continue;
      }
      if (wav->items != NULL) {
        wav->items[wav->count] = (struct lm_wav_item){
            .folder = places->names[k], .name = entry->name, .size = entry->size, .label = k - 1};
      }
      wav->count++;
    }
  }
}

static int32_t find_classes(struct lm_wav *wav, struct lamina_call *call,
                            const struct places *places)
{
  wav->classes = places->names + 1;
  wav->n_classes = places->count - 1;
  survey(wav, places);
  if (wav->count == 0) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: there is no sound (.wav, .flac, ...) in its folders", wav->folder);
  }
  wav->items = lamina_memory(call, (uint64_t)wav->count * sizeof *wav->items);
  if (wav->items == NULL) {
    return LAMINA_E_NOMEM;
  }
  survey(wav, places);
  return LAMINA_OK;
}

/* ---- a list ---- */

static const struct lamina_entry *find_entry(const struct lamina_folder *folder, const char *name)
{
  uint64_t begin = 0, end = folder->count;
  while (begin < end) {
    uint64_t middle = begin + (end - begin) / 2;
    int order = strcmp(folder->entries[middle].name, name);
    if (order == 0) {
      return &folder->entries[middle];
    }
    begin = order < 0 ? middle + 1 : begin;
    end = order < 0 ? end : middle;
  }
  return NULL;
}

/* The file of a name such as "a.wav" or "loud/a.wav"; false if there is none. */
static int find_file(const struct places *places, char *name, struct lm_wav_item *item)
{
  char *slash = strchr(name, '/');
  const struct lamina_entry *entry = NULL;
  *item = (struct lm_wav_item){.label = -1};
  if (slash == NULL) {
    entry = find_entry(&places->folders[0], name);
  } else {
    *slash = '\0';
  }
  for (int64_t k = 1; slash != NULL && k < places->count; k++) {
    if (strcmp(places->names[k], name) == 0) {
      item->folder = places->names[k];
      entry = find_entry(&places->folders[k], slash + 1);
    }
  }
  if (slash != NULL) {
    *slash = '/';
  }
  if (entry == NULL || entry->is_folder) {
    return 0;
  }
  item->name = entry->name;
  item->size = entry->size;
  return 1;
}

/** A list on its way into items. */
struct reading {
  struct lm_wav *wav;
  struct lamina_call *call;
  const struct places *places;
  char path[LM_WAV_PATH]; /* of the list */
};

static int32_t refuse(const struct reading *reading, int64_t line, const char *what)
{
  return lamina_failf(reading->call, LAMINA_E_INVALID, "%.250s:%lld: %s", reading->path,
                      (long long)line, what);
}

/* The cells behind the file's: how many, and their values where there is room for them. */
static int32_t take_numbers(const struct reading *reading, struct lm_csv_text *text, float *numbers,
                            int64_t *count)
{
  char shown[LM_CSV_SHOWN], what[120];
  int next = LM_CSV_MORE;
  for (*count = 0; next == LM_CSV_MORE; (*count)++) {
    struct lm_csv_cell cell;
    double value;
    next = lm_csv_take(text, &cell);
    if (next != LM_CSV_MORE && next != LM_CSV_END) {
      return refuse(reading, text->line, "a quote that does not end its cell");
    }
    if (!lm_csv_number(&cell, &value) || !isfinite((float)value)) {
      (void)snprintf(what, sizeof what, "expected a number, found '%s'", lm_csv_show(&cell, shown));
      return refuse(reading, cell.line, what);
    }
    if (numbers != NULL) {
      numbers[*count] = (float)value;
    }
  }
  return LAMINA_OK;
}

static int32_t take_record(const struct reading *reading, struct lm_csv_text *text, int64_t index)
{
  struct lm_wav *wav = reading->wav;
  struct lm_csv_cell cell;
  struct lm_wav_item item;
  char name[LM_WAV_PATH], what[400];
  int64_t line = text->line, count = 0;
  if (lm_csv_take(text, &cell) != LM_CSV_MORE) {
    return refuse(reading, line, "expected a file and at least one number");
  }
  uint64_t length = lm_csv_copy(&cell, name, sizeof name - 1);
  name[length < sizeof name ? length : sizeof name - 1] = '\0';
  if (!find_file(reading->places, name, &item)) {
    (void)snprintf(what, sizeof what, "there is no file '%.300s' in the folder or one below it",
                   name);
    return refuse(reading, line, what);
  }
  struct lm_csv_text ahead = *text; /* counted first, since there is room for so many only */
  LAMINA_TRY(take_numbers(reading, &ahead, NULL, &count));
  if (wav->n_numbers != 0 && count != wav->n_numbers) {
    (void)snprintf(what, sizeof what, "found %lld numbers, expected %lld as in the first record",
                   (long long)count, (long long)wav->n_numbers);
    return refuse(reading, line, what);
  }
  wav->n_numbers = count;
  if (wav->items != NULL) {
    wav->items[index] = item;
  }
  return take_numbers(reading, text,
                      wav->numbers == NULL ? NULL : wav->numbers + index * wav->n_numbers, &count);
}

/* A first line whose second cell is a word is a header. */
static void skip_header(struct lm_csv_text *text)
{
  struct lm_csv_text ahead = *text;
  struct lm_csv_cell cell;
  if (lm_csv_has_record(&ahead) && lm_csv_take(&ahead, &cell) == LM_CSV_MORE) {
    int next = lm_csv_take(&ahead, &cell);
    if (!lm_csv_is_word(&cell)) {
      return;
    }
    while (next == LM_CSV_MORE) {
      next = lm_csv_take(&ahead, &cell);
    }
    *text = ahead;
  }
}

static int32_t take_records(const struct reading *reading, struct lm_csv_text text, int64_t *count)
{
  skip_header(&text);
  for (*count = 0; lm_csv_has_record(&text); (*count)++) {
    LAMINA_TRY(take_record(reading, &text, *count));
  }
  return LAMINA_OK;
}

static int32_t find_listed(struct lm_wav *wav, struct lamina_call *call,
                           const struct places *places)
{
  struct reading reading = {wav, call, places, ""};
  const struct lm_wav_item list = {.name = wav->list};
  struct lamina_file file;
  LAMINA_TRY(lm_wav_path(wav, call, &list, reading.path));
  LAMINA_TRY(wav->files->load(wav->files->self, call, reading.path, &file));
  struct lm_csv_text text = lm_csv_text_make(file.bytes, file.size, ',');
  LAMINA_TRY(take_records(&reading, text, &wav->count));
  if (wav->count == 0) {
    return lamina_failf(call, LAMINA_E_INVALID, "%.300s: the list is empty", reading.path);
  }
  wav->items = lamina_memory(call, (uint64_t)wav->count * sizeof *wav->items);
  wav->numbers =
      lamina_memory(call, (uint64_t)wav->count * (uint64_t)wav->n_numbers * sizeof *wav->numbers);
  return wav->items == NULL || wav->numbers == NULL ? LAMINA_E_NOMEM
                                                    : take_records(&reading, text, &wav->count);
}

int32_t lm_wav_find(struct lm_wav *wav, struct lamina_call *call)
{
  struct places places = {0};
  LAMINA_TRY(list_places(wav, call, &places));
  return wav->list[0] == '\0' ? find_classes(wav, call, &places) : find_listed(wav, call, &places);
}
