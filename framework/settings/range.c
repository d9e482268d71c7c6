/*
 * Ranges of numbers and lists of words, as settings tables write them.
 *
 * Bounds of integer settings are kept as integers, because doubles cannot tell 2^53 from
 * 2^53 + 1. Bounds are read by the config's own number readings, so they know no locale.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "settings/settings_internal.h"

enum { LONGEST_BOUND = 40 };

struct bound {
  double number;
  int64_t integer;
};

/* An integer has a next one below or above, unless it is the last. */
static bool step_integer(int64_t *integer, int64_t step)
{
  return lm_add_i64(*integer, step, integer);
}

static bool read_bound(const char *text, size_t length, bool integers, struct bound *out)
{
  char copy[LONGEST_BOUND];
  if (length == 0 || length >= sizeof copy) {
    return false;
  }
  memcpy(copy, text, length);
  copy[length] = '\0';
  const struct lm_value value = {.kind = LM_VALUE_SCALAR, .text = copy};
  if (strcmp(copy, "inf") == 0 || strcmp(copy, "-inf") == 0) {
    out->number = copy[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    out->integer = copy[0] == '-' ? INT64_MIN : INT64_MAX;
    return true;
  }
  if (integers && lm_value_i64(&value, "bound", &out->integer, NULL) != LAMINA_OK) {
    return false;
  }
  return lm_value_f64(&value, "bound", &out->number, NULL) == LAMINA_OK && isfinite(out->number);
}

bool lm_range_parse(const char *text, bool integers, struct lm_range *out)
{
  *out = (struct lm_range){true, true, -(double)INFINITY, (double)INFINITY, INT64_MIN, INT64_MAX};
  if (text == NULL) {
    return true;
  }
  size_t length = strlen(text);
  const char *comma = strchr(text, ',');
  if (length < 5 || comma == NULL || strchr("[(", text[0]) == NULL ||
      strchr("])", text[length - 1]) == NULL) {
    return false;
  }
  const char *second = comma + 1 + strspn(comma + 1, " ");
  struct bound low;
  struct bound high;
  if (!read_bound(text + 1, (size_t)(comma - text - 1), integers, &low) ||
      !read_bound(second, (size_t)(text + length - 1 - second), integers, &high)) {
    return false;
  }
  out->low_is_open = text[0] == '(';
  out->high_is_open = text[length - 1] == ')';
  out->low = low.number;
  out->high = high.number;
  out->low_integer = low.integer;
  out->high_integer = high.integer;
  if (!integers) {
    return low.number < high.number ||
           (low.number == high.number && !out->low_is_open && !out->high_is_open);
  }
  bool low_exists = !out->low_is_open || isinf(low.number) || step_integer(&out->low_integer, 1);
  bool high_exists =
      !out->high_is_open || isinf(high.number) || step_integer(&out->high_integer, -1);
  return low_exists && high_exists && out->low_integer <= out->high_integer;
}

bool lm_range_has_i64(const struct lm_range *range, int64_t number)
{
  return number >= range->low_integer && number <= range->high_integer;
}

bool lm_range_has_f64(const struct lm_range *range, double number)
{
  bool above = range->low_is_open ? number > range->low : number >= range->low;
  bool below = range->high_is_open ? number < range->high : number <= range->high;
  return above && below;
}

const char *lm_choice_next(const char **text, size_t *length)
{
  const char *word = *text;
  if (word == NULL) {
    return NULL;
  }
  *length = strcspn(word, "|");
  *text = word[*length] == '|' ? word + *length + 1 : NULL;
  return word;
}

bool lm_setting_holds(const struct lamina_setting *row, double number)
{
  struct lm_range range;
  return lm_range_parse(row->range, false, &range) && lm_range_has_f64(&range, number);
}
