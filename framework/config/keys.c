/*
 * Unknown keys: refused with the nearest right spelling, or with the list of right ones when
 * none is near.
 */
#include <string.h>

#include "config/config_internal.h"

static const char *word_at(const void *words, size_t i, size_t stride)
{
  const char *word;
  memcpy(&word, (const char *)words + i * stride, sizeof word);
  return word;
}

static bool is_known(const char *key, const void *words, size_t count, size_t stride)
{
  for (size_t i = 0; i < count; i++) {
    if (strcmp(key, word_at(words, i, stride)) == 0) {
      return true;
    }
  }
  return false;
}

enum lamina_status lm_value_check_keys(const struct lm_value *map, const char *what,
                                       const void *words, size_t count, size_t stride,
                                       struct lm_error *error)
{
  const struct lm_pair *unknown = NULL;
  for (size_t i = 0; unknown == NULL && i < map->count; i++) {
    if (!is_known(map->pairs[i].key, words, count, stride)) {
      unknown = &map->pairs[i];
    }
  }
  if (unknown == NULL) {
    return LAMINA_OK;
  }
  char key[LM_EXCERPT];
  (void)lm_excerpt(unknown->key, key, sizeof key);
  const char *nearest = lm_spelling_nearest(unknown->key, words, count, stride);
  enum lamina_status status =
      lm_fail_at(error, LAMINA_E_INVALID, &unknown->key_where, "unknown key '%s' in %s", key, what);
  if (nearest != NULL) {
    lm_error_suffix(error, ", did you mean '%s'?", nearest);
  } else if (count == 0) {
    lm_error_suffix(error, ", which has no keys");
  }
  for (size_t i = 0; nearest == NULL && i < count; i++) {
    const char *before = i == 0 ? ", expected one of: " : ", ";
    lm_error_suffix(error, "%s%s", before, word_at(words, i, stride));
  }
  return status;
}
