/*
 * One table says what there is; doubles are written in hexadecimal, which loses nothing.
 */
#include "trainer/progress.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
  const char *key;
  size_t offset;
  bool is_real;
};

#define INTEGER(field)                                                    \
  {                                                                       \
    "lamina.progress." #field, offsetof(struct lm_progress, field), false \
  }
#define REAL(field)                                                      \
  {                                                                      \
    "lamina.progress." #field, offsetof(struct lm_progress, field), true \
  }

static const struct entry entries[LM_PROGRESS_FIELDS] = {
    INTEGER(step),     INTEGER(epoch),      INTEGER(batch),      REAL(loss_sum),
    REAL(penalty_sum), INTEGER(samples),    REAL(seconds),       REAL(rate),
    REAL(best),        INTEGER(best_epoch), INTEGER(bad_epochs), INTEGER(finished),
};

void lm_progress_write(const struct lm_progress *progress,
                       struct lm_metadata metadata[LM_PROGRESS_FIELDS],
                       char text[LM_PROGRESS_FIELDS][LM_PROGRESS_TEXT])
{
  for (size_t i = 0; i < LM_PROGRESS_FIELDS; i++) {
    const char *field = (const char *)progress + entries[i].offset;
    if (entries[i].is_real) {
      double real;
      memcpy(&real, field, sizeof real);
      (void)snprintf(text[i], LM_PROGRESS_TEXT, "%a", real);
    } else {
      int64_t integer;
      memcpy(&integer, field, sizeof integer);
      (void)snprintf(text[i], LM_PROGRESS_TEXT, "%lld", (long long)integer);
    }
    metadata[i] = (struct lm_metadata){entries[i].key, text[i]};
  }
}

static bool read_entry(const struct entry *entry, const char *text, struct lm_progress *progress)
{
  char *end;
  char *field = (char *)progress + entry->offset;
  errno = 0;
  if (entry->is_real) {
    double real = strtod(text, &end);
    memcpy(field, &real, sizeof real);
  } else {
    int64_t integer = strtoll(text, &end, 10);
    memcpy(field, &integer, sizeof integer);
    if (integer < 0 || errno != 0) {
      return false;
    }
  }
  return end != text && *end == '\0';
}

enum lamina_status lm_progress_read(const struct lm_safetensors_file *file, const char *path,
                                    struct lm_progress *progress, struct lm_error *error)
{
  for (size_t i = 0; i < LM_PROGRESS_FIELDS; i++) {
    const char *text = lm_safetensors_metadata(file, entries[i].key);
    if (text == NULL) {
      return lm_fail(error, LAMINA_E_INVALID,
                     "%s: has no '%s', expected a checkpoint of a training", path, entries[i].key);
    }
    if (!read_entry(&entries[i], text, progress)) {
      return lm_fail(error, LAMINA_E_INVALID, "%s: '%s' is '%s', expected a number", path,
                     entries[i].key, text);
    }
  }
  return LAMINA_OK;
}
